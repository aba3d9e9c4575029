/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "callers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "checks.h"
#include "code.h"
#include "names.h"
#include "refusals.h"

#define CALLS_DEEP 200

/* A direct call, or a jump out of a function, within one unit of the target. */
struct call {
	uint32_t caller, callee;
	size_t at;			/* index of the instruction in the caller */
	bool is_call;
	bool is_unseen;			/* behind an instruction that was not understood: there may be a call */
};

struct callers {
	const struct draft *draft;
	stays_in_use stays;		/* NULL: what the draft does not replace */
	void *ctx;
	struct program target, patch;
	uint32_t unit;			/* the unit that `calls` were collected of */
	struct call *calls;
	size_t n_calls;
	uint8_t *reaches;		/* by index of the target's functions: enum reach */
	uint8_t *broken;		/* the same: it would be broken by the new function */
};

/*
 * What the new function does that matters to a caller: it changes registers, and it needs an
 * aligned stack.  A bit is set for a function of the target if this arrives there, by way of
 * the functions in between.
 */
enum reach { REACH_REGISTERS = 1, REACH_STACK = 2 };

/* What is wrong with the callers of one replaced function. */
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
	/* If the compiler recorded its options, there is one that begins with -m among them. */
	return level != NULL ? *level != '0' : strstr(producer, " -m") == NULL;
}

/* ---- the target's calls ---- */

static int add_call(struct callers *check, struct call call)
{
	int err = ARRAY_GROW(&check->calls, check->n_calls, 1);

	if (err == 0)
		check->calls[check->n_calls++] = call;
	return err;
}

/*
 * Behind an instruction that is not understood nobody knows where instructions begin: whatever looks
 * like the operand of a call may be one.
 */
static int find_unseen_calls(struct callers *check, const struct code *code, uint32_t caller, struct dwarf_range range)
{
	const struct elffile *file = &check->draft->target->file;
	const uint64_t mask = file->gen->last;
	uint64_t from = range.lo;
	uint8_t bytes[8];
	uint64_t to;
	int err = 0;

	for (size_t i = 0; i < code->n_insns; i++)
		if (code->insns[i].addr >= range.lo && code->insns[i].addr < range.hi)
			from = code->insns[i].addr;
	for (uint64_t at = from; err == 0 && at + sizeof(bytes) <= range.hi; at++) {
		if (!elffile_read(file, at, bytes, sizeof(bytes)))
			return 0;
		if (file->gen->find_branch(bytes, sizeof(bytes), 4, at, &to) != 4)
			continue;
		to &= mask;
		uint32_t callee = program_function_at(&check->target, to);
		if (callee != DWARF_NONE && entry_range(check->draft->target,
							&check->draft->target->dwarf.functions[callee]).lo == to)
			err = add_call(check, (struct call){ .caller = caller, .callee = callee, .is_call = true,
							     .is_unseen = true });
	}
	return err;
}

static int find_calls_of(struct callers *check, uint32_t caller)
{
	const struct dwarf *dwarf = &check->draft->target->dwarf;
	const struct code *code = program_code(&check->target, caller);
	int err = code != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; err == 0 && i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];
		bool is_call = insn->flow == FLOW_CALL;

		if (!is_call && (insn->flow == FLOW_JUMP_ANY || !leaves(code, insn)))
			continue;
		uint32_t callee = program_function_at(&check->target, insn->to);
		if (callee != DWARF_NONE)
			err = add_call(check, (struct call){ caller, callee, i, is_call, false });
	}
	for (uint32_t i = 0; err == 0 && code->is_cut && i < dwarf->functions[caller].n_ranges; i++)
		err = find_unseen_calls(check, code, caller, dwarf->ranges[dwarf->functions[caller].first_range + i]);
	return err;
}

static int find_calls(struct callers *check, uint32_t unit)
{
	const struct dwarf *dwarf = &check->draft->target->dwarf;
	int err = 0;

	if (check->unit == unit)
		return 0;
	check->unit = unit;
	check->n_calls = 0;
	for (uint32_t i = 0; err == 0 && i < dwarf->n_functions; i++)
		if (dwarf->functions[i].unit == unit && dwarf->functions[i].hi != 0)
			err = find_calls_of(check, i);
	return err;
}

/* ---- the new function ---- */

/*
 * Does the function, or one that it calls in the patch, need a stack that is aligned as the ABI
 * says?
 */
static int needs_alignment(struct callers *check, uint32_t index, unsigned depth, bool *needs)
{
	const struct code *code = program_code(&check->patch, index);

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
		uint32_t callee = insn->to != 0 ? program_function_at(&check->patch, insn->to) :
			DWARF_NONE;
		if (callee != DWARF_NONE && callee != index && depth < CALLS_DEEP) {
			int err = needs_alignment(check, callee, depth + 1, needs);
			if (err != 0)
				return err;
		} else if (callee != index && !program_is_thunk(&check->patch, insn, &writes)) {
			name = program_called_name(&check->patch, insn);
			*needs = name == NULL || strcmp(name, "__stack_chk_fail") != 0;
		}
	}
	*needs = *needs || !code->is_whole;
	return 0;
}

/* ---- one call ---- */

static bool has_next(const struct code *code, size_t at)
{
	return at + 1 < code->n_insns &&
		code->insns[at + 1].addr == code->insns[at].addr + code->insns[at].size;
}

/*
 * The registers that a caller relies on: they mean something before the call and are used after
 * it, the new function changes them, and the old one does not.
 */
static struct regset relied_on(struct callers *check, const struct call *call, struct regset changed)
{
	const struct code *code = program_code(&check->target, call->caller);
	struct regset set = changed;

	if (call->is_unseen)
		return regset_minus(changed, program_clobbers(&check->target, call->callee));
	if (code == NULL || !has_next(code, call->at))
		return (struct regset){ 0 };
	set = regset_and(set, code->live[call->at + 1]);
	set = regset_and(set, code->defined[call->at]);
	return regset_minus(set, program_clobbers(&check->target, call->callee));
}

static uint8_t look_at_call(struct callers *check, const struct call *call, uint8_t reach,
			    struct regset changed, struct finding *finding)
{
	const struct dwarf *dwarf = &check->draft->target->dwarf;
	const struct code *code = program_code(&check->target, call->caller);
	const char *name = dwarf->functions[call->caller].name;

	if (code == NULL || !call->is_call)
		return reach;
	const struct code *callee = program_code(&check->target, call->callee);
	/* Code behind a call that never comes back relies on nothing, and so does all that leads there. */
	bool comes_back = callee == NULL || code_returns(callee);
	if (!comes_back)
		reach &= (uint8_t)~REACH_REGISTERS;
	struct regset registers = comes_back && (reach & REACH_REGISTERS) != 0 ?
		relied_on(check, call, changed) : (struct regset){ 0 };
	if (regset_any(registers) && has_ipa_ra(&dwarf->units[check->unit])) {
		debug("%s: registers are kept over %s0x%llx", check->draft->target->file.path,
		      call->is_unseen ? "a call that may be behind " : "the call at ",
		      (unsigned long long)code->insns[call->at].addr);
		names_add(&finding->relying, name != NULL ? name : "?");
		check->broken[call->caller] = 1;
		finding->registers = regset_or(finding->registers, registers);
	}
	if ((reach & REACH_STACK) == 0)
		return reach;
	if (call->is_unseen)
		return reach & (uint8_t)~REACH_STACK;
	enum alignment alignment = program_alignment(&check->target, code, call->at);
	if (alignment == ALIGNMENT_BAD) {
		debug("%s: the stack is not aligned at the call at 0x%llx",
		      check->draft->target->file.path, (unsigned long long)code->insns[call->at].addr);
		names_add(&finding->unaligned, name != NULL ? name : "?");
		check->broken[call->caller] = 1;
	}
	return alignment == ALIGNMENT_GOOD ? reach : reach & (uint8_t)~REACH_STACK;
}

static bool stays(const struct callers *check, uint32_t function)
{
	if (check->stays != NULL)
		return check->stays(check->ctx, function);
	return !is_replaced(check->draft, &check->draft->target->dwarf.functions[function]);
}

/*
 * Look at the calls of the function, and at the calls of what leads to it, back to where
 * nothing can be wrong any more.
 */
static int look_at_calls(struct callers *check, uint32_t function, uint8_t reach, struct regset changed,
			 struct finding *finding)
{
	const struct dwarf *dwarf = &check->draft->target->dwarf;
	bool more = true;

	memset(check->reaches, 0, dwarf->n_functions);
	memset(check->broken, 0, dwarf->n_functions);
	check->reaches[function] = reach;
	while (more) {
		more = false;
		for (size_t i = 0; i < check->n_calls; i++) {
			const struct call *call = &check->calls[i];
			uint8_t here = check->reaches[call->callee];

			if (here == 0 || call->caller == function || !stays(check, call->caller))
				continue;
			here = look_at_call(check, call, here, changed, finding);
			if ((check->reaches[call->caller] | here) == check->reaches[call->caller])
				continue;
			check->reaches[call->caller] |= here;
			more = true;
		}
	}
	return 0;
}

/* ---- telling ---- */

static int tell(const struct callers *check, size_t func, const struct finding *finding)
{
	const char *name = check->draft->meta.funcs[func].name;
	char callers[NAMES_TEXT_MAX], registers[160], *what = NULL;
	bool is_one;

	if (regset_any(finding->registers)) {
		names_format(&finding->relying, callers, sizeof(callers));
		is_one = finding->relying.count == 1;
		regset_format(finding->registers, check->target.gen, registers, sizeof(registers));
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
	int err = refuse_function(check->draft, check->draft->replaced[func], what);
	free(what);
	return err;
}

/*
 * If the compiler has folded two equal functions into one, the code is described under the
 * other's name.
 */
static uint32_t find_old(const struct callers *check, const struct replaced *replaced)
{
	uint32_t index = replaced->old.index;

	return check->draft->target->dwarf.functions[index].hi != 0 ? index :
		program_function_at(&check->target, replaced->old.addr);
}

/* Find out what the new function, no. `new` of the patch, does to the callers of the old one. */
static int analyse(struct callers *check, uint32_t old, uint32_t new, struct finding *finding)
{
	bool needs = false;
	int err = find_calls(check, check->draft->target->dwarf.functions[old].unit);

	if (err == 0)
		err = needs_alignment(check, new, 0, &needs);
	if (err != 0)
		return err;
	struct regset changed = program_clobbers(&check->patch, new);
	return look_at_calls(check, old, (uint8_t)(REACH_REGISTERS | (needs ? REACH_STACK : 0)), changed,
			     finding);
}

static int check_function(struct callers *check, size_t func)
{
	const struct replaced *replaced = check->draft->replaced[func];
	uint32_t index = find_old(check, replaced);
	struct finding finding = { 0 };

	if (index == DWARF_NONE)
		return 0;
	const struct code *old = program_code(&check->target, index);
	const struct code *new = program_code(&check->patch, replaced->new.index);
	if (old == NULL || new == NULL)
		return -ENOMEM;
	if (old->is_cut && !code_returns_surely(old))
		return refuse_function(check->draft, replaced, "the old function has an instruction that nsb-gen does not "
				       "know, so that it cannot be told whether it returns, and what it changes");
	if (!code_returns(old) && code_returns(new))
		return refuse_function(check->draft, replaced, "the old function never returns, so that there "
				       "may be no code behind calls of it, and the new one does: let it call "
				       "abort() at its end, or replace its callers instead");
	int err = analyse(check, index, replaced->new.index, &finding);
	if (err == 0 && (finding.relying.count != 0 || finding.unaligned.count != 0))
		err = tell(check, func, &finding);
	return err;
}

int callers_create(struct callers **out, const struct draft *draft)
{
	struct callers *check = calloc(1, sizeof(*check));

	*out = check;
	if (check == NULL)
		return fail(ENOMEM, "out of memory");
	check->draft = draft;
	check->unit = DWARF_NONE;
	int err = program_init(&check->target, draft->target);
	if (err == 0)
		err = program_init(&check->patch, draft->patch);
	check->target.unknown_keeps = true;
	check->reaches = calloc((size_t)draft->target->dwarf.n_functions + 1, 1);
	check->broken = calloc((size_t)draft->target->dwarf.n_functions + 1, 1);
	if (err == 0 && (check->reaches == NULL || check->broken == NULL))
		err = fail(ENOMEM, "out of memory");
	return err;
}

void callers_destroy(struct callers *check)
{
	if (check == NULL)
		return;
	free(check->reaches);
	free(check->broken);
	free(check->calls);
	program_deinit(&check->patch);
	program_deinit(&check->target);
	free(check);
}

int callers_find(struct callers *check, uint32_t old, uint32_t new, stays_in_use stays_there,
		 const uint8_t **broken, void *ctx)
{
	struct finding finding = { 0 };

	check->stays = stays_there;
	check->ctx = ctx;
	int err = analyse(check, old, new, &finding);
	check->stays = NULL;
	*broken = check->broken;
	return err;
}

int check_callers(const struct draft *draft)
{
	struct callers *check;
	int err = callers_create(&check, draft);

	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++)
		if (draft->replaced[i]->old.index != DWARF_NONE &&
		    draft->replaced[i]->new.index != DWARF_NONE)
			err = refuse_later(draft, check_function(check, i));
	callers_destroy(check);
	return err;
}
