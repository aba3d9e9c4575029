/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "callers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "checks.h"
#include "code.h"
#include "names.h"

#define CALLS_DEEP 200

/* A direct call, or a jump out of a function, within one unit of the target. */
struct call {
	uint32_t caller, callee;
	size_t at;			/* index of the instruction in the caller */
	bool is_call;
};

struct look {
	const struct draft *draft;
	struct program target, patch;
	uint32_t unit;			/* that `calls` are of */
	struct call *calls;
	size_t n_calls;
	uint8_t *reaches;		/* by function of the target: enum reach */
};

/* What of the new function's needs and doings arrives at a function that leads to it. */
enum reach { REACH_REGISTERS = 1, REACH_STACK = 2 };

/* What was found for one replaced function. */
struct finding {
	struct names relying, unaligned;
	struct regset registers;
};

bool has_ipa_ra(const struct dwarf_unit *unit)
{
	const char *producer = unit != NULL ? unit->producer : NULL, *level = NULL;

	if (producer == NULL)
		return true;
	for (const char *p = producer; (p = strstr(p, " -O")) != NULL; p++)
		level = p + 3;
	if (strstr(producer, "GNU") == NULL || strstr(producer, "-fno-ipa-ra") != NULL)
		return false;
	/* Where options were recorded there is one of -m among them. */
	return level != NULL ? *level != '0' : strstr(producer, " -m") == NULL;
}

/* ---- the target's calls ---- */

static int add_call(struct look *look, struct call call)
{
	int err = ARRAY_GROW(&look->calls, look->n_calls, 1);

	if (err == 0)
		look->calls[look->n_calls++] = call;
	return err;
}

static int find_calls_of(struct look *look, uint32_t caller)
{
	const struct code *code = program_code(&look->target, caller);
	int err = code != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; err == 0 && i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];
		bool is_call = insn->flow == FLOW_CALL;

		if (!is_call && (insn->flow == FLOW_JUMP_ANY || !leaves(code, insn)))
			continue;
		uint32_t callee = program_function_at(&look->target, insn->to);
		if (callee != DWARF_NONE)
			err = add_call(look, (struct call){ caller, callee, i, is_call });
	}
	return err;
}

static int find_calls(struct look *look, uint32_t unit)
{
	const struct dwarf *dwarf = &look->draft->target->dwarf;
	int err = 0;

	if (look->unit == unit)
		return 0;
	look->unit = unit;
	look->n_calls = 0;
	for (uint32_t i = 0; err == 0 && i < dwarf->n_functions; i++)
		if (dwarf->functions[i].unit == unit && dwarf->functions[i].hi != 0)
			err = find_calls_of(look, i);
	return err;
}

/* ---- the new function ---- */

/* Does it, or what it calls in the patch, need a stack that is aligned as the ABI says? */
static int needs_alignment(struct look *look, uint32_t index, unsigned depth, bool *needs)
{
	const struct code *code = program_code(&look->patch, index);

	*needs = false;
	if (code == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < code->n_insns; i++)
		if (code->insns[i].stack == STACK_ALIGNED)
			return 0;
	for (size_t i = 0; !*needs && i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];
		struct regset writes;
		const char *name;

		*needs = insn->needs_alignment;
		if (*needs || (insn->flow != FLOW_CALL && insn->flow != FLOW_CALL_ANY &&
			       !leaves(code, insn)))
			continue;
		uint32_t callee = insn->to != 0 ? program_function_at(&look->patch, insn->to) :
			DWARF_NONE;
		if (callee != DWARF_NONE && callee != index && depth < CALLS_DEEP) {
			int err = needs_alignment(look, callee, depth + 1, needs);
			if (err != 0)
				return err;
		} else if (callee != index && !program_is_thunk(&look->patch, insn, &writes)) {
			name = program_called_name(&look->patch, insn);
			*needs = name == NULL || strcmp(name, "__stack_chk_fail") != 0;
		}
	}
	*needs = *needs || !code->is_whole;
	return 0;
}

static bool returns(const struct code *code)
{
	if (!code->is_whole)
		return true;
	for (size_t i = 0; i < code->n_insns; i++)
		if (code->insns[i].flow == FLOW_RETURN || leaves(code, &code->insns[i]))
			return true;
	return false;
}

/* ---- one call ---- */

static bool has_next(const struct code *code, size_t at)
{
	return at + 1 < code->n_insns &&
		code->insns[at + 1].addr == code->insns[at].addr + code->insns[at].size;
}

/*
 * Registers that mean something before the call, are used after it, are changed by
 * the new function, and not by what stood there.
 */
static struct regset relied_on(struct look *look, const struct call *call, struct regset changed)
{
	const struct code *code = program_code(&look->target, call->caller);
	struct regset set = changed;

	if (code == NULL || !has_next(code, call->at))
		return (struct regset){ 0 };
	set = regset_and(set, code->live[call->at + 1]);
	set = regset_and(set, code->defined[call->at]);
	return regset_minus(set, program_clobbers(&look->target, call->callee));
}

static uint8_t look_at_call(struct look *look, const struct call *call, uint8_t reach,
			    struct regset changed, struct finding *finding)
{
	const struct dwarf *dwarf = &look->draft->target->dwarf;
	const struct code *code = program_code(&look->target, call->caller);
	const char *name = dwarf->functions[call->caller].name;

	if (code == NULL || !call->is_call)
		return reach;
	struct regset registers = relied_on(look, call, changed);
	if (regset_any(registers) && has_ipa_ra(&dwarf->units[look->unit])) {
		debug("%s: registers are kept over the call at 0x%llx", look->draft->target->file.path,
		      (unsigned long long)code->insns[call->at].addr);
		names_add(&finding->relying, name != NULL ? name : "?");
		finding->registers = regset_or(finding->registers, registers);
	}
	if ((reach & REACH_STACK) == 0)
		return reach;
	enum alignment alignment = program_alignment(&look->target, code, call->at);
	if (alignment == ALIGNMENT_BAD) {
		debug("%s: the stack is not aligned at the call at 0x%llx",
		      look->draft->target->file.path, (unsigned long long)code->insns[call->at].addr);
		names_add(&finding->unaligned, name != NULL ? name : "?");
	}
	return alignment == ALIGNMENT_GOOD ? reach : reach & (uint8_t)~REACH_STACK;
}

/* Calls of the function, and of what leads to it, back to where nothing more can be wrong. */
static int look_at_calls(struct look *look, uint32_t function, uint8_t reach, struct regset changed,
			 struct finding *finding)
{
	const struct dwarf *dwarf = &look->draft->target->dwarf;
	bool more = true;

	memset(look->reaches, 0, dwarf->n_functions);
	look->reaches[function] = reach;
	while (more) {
		more = false;
		for (size_t i = 0; i < look->n_calls; i++) {
			const struct call *call = &look->calls[i];
			uint8_t here = look->reaches[call->callee];

			if (here == 0 || call->caller == function ||
			    is_replaced(look->draft, &dwarf->functions[call->caller]))
				continue;
			here = look_at_call(look, call, here, changed, finding);
			if ((look->reaches[call->caller] | here) == look->reaches[call->caller])
				continue;
			look->reaches[call->caller] |= here;
			more = true;
		}
	}
	return 0;
}

/* ---- telling ---- */

static int tell(const struct look *look, size_t func, const struct finding *finding)
{
	const char *name = look->draft->meta.funcs[func].name;
	char callers[NAMES_TEXT_MAX], registers[160], *what = NULL;
	bool is_one;

	if (regset_any(finding->registers)) {
		names_format(&finding->relying, callers, sizeof(callers));
		is_one = finding->relying.count == 1;
		regset_format(finding->registers, look->target.wide, registers, sizeof(registers));
		if (asprintf(&what, "%s %s on registers that the old '%s' left alone and the new one "
			     "changes (%s): replace %s too%s", callers, is_one ? "relies" : "rely", name,
			     registers, is_one ? "it" : "them", finding->registers.vector != 0 ? "" :
			     ", or declare the new one with VZP_KEEPS_REGISTERS") < 0)
			return fail(ENOMEM, "out of memory");
	} else {
		names_format(&finding->unaligned, callers, sizeof(callers));
		is_one = finding->unaligned.count == 1;
		if (asprintf(&what, "%s %s '%s' with a stack that is not aligned, which the old one did "
			     "not need and the new one does: replace %s too, or declare the new one "
			     "with VZP_ALIGNS_STACK", callers, is_one ? "calls" : "call", name,
			     is_one ? "it" : "them") < 0)
			return fail(ENOMEM, "out of memory");
	}
	int err = refuse_function(look->draft, look->draft->replaced[func], what);
	free(what);
	return err;
}

/* The code is another's where the compiler has folded equal functions into one. */
static uint32_t find_old(const struct look *look, const struct replaced *replaced)
{
	uint32_t index = replaced->old.index;

	return look->draft->target->dwarf.functions[index].hi != 0 ? index :
		program_function_at(&look->target, replaced->old.addr);
}

static int check_function(struct look *look, size_t func)
{
	const struct replaced *replaced = look->draft->replaced[func];
	const uint32_t index = find_old(look, replaced);
	struct finding finding = { 0 };
	bool needs;

	if (index == DWARF_NONE)
		return 0;
	const struct code *new = program_code(&look->patch, replaced->new.index);
	const struct code *old = program_code(&look->target, index);
	if (new == NULL || old == NULL)
		return -ENOMEM;
	int err = find_calls(look, look->draft->target->dwarf.functions[index].unit);
	if (err == 0)
		err = needs_alignment(look, replaced->new.index, 0, &needs);
	if (err != 0)
		return err;
	if (!returns(old) && returns(new))
		return refuse_function(look->draft, replaced, "the old function never returns, so that there "
				       "may be no code behind calls of it, and the new one does: let it call "
				       "abort() at its end, or replace its callers instead");
	struct regset changed = program_clobbers(&look->patch, replaced->new.index);
	err = look_at_calls(look, index,
			    (uint8_t)(REACH_REGISTERS | (needs ? REACH_STACK : 0)), changed, &finding);
	if (err == 0 && (finding.relying.count != 0 || finding.unaligned.count != 0))
		err = tell(look, func, &finding);
	return err;
}

int check_callers(const struct draft *draft)
{
	struct look look = { .draft = draft, .unit = DWARF_NONE };
	int err = program_init(&look.target, draft->target);

	if (err == 0)
		err = program_init(&look.patch, draft->patch);
	look.reaches = calloc((size_t)draft->target->dwarf.n_functions + 1, 1);
	if (err == 0 && look.reaches == NULL)
		err = fail(ENOMEM, "out of memory");
	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++)
		if (draft->replaced[i]->old.index != DWARF_NONE &&
		    draft->replaced[i]->new.index != DWARF_NONE)
			err = check_function(&look, i);
	free(look.reaches);
	free(look.calls);
	program_deinit(&look.patch);
	program_deinit(&look.target);
	return err;
}
