/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "checks.h"
#include "code.h"
#include "names.h"
#include "refusals.h"
#include "values.h"

#define VALUES_MAX 32
#define STEPS_MAX 64		/* instructions from where a result is made to the return */

/* What a function may return, as its code shows it. */
struct results {
	int64_t values[VALUES_MAX];	/* constants */
	size_t n_values;
	bool has_others;		/* it returns what is no constant, too */
	bool is_free;			/* it returns something of which its compiler cannot have known anything */
};

/* ---- constants ---- */

static void add_value(struct results *results, int64_t value)
{
	for (size_t i = 0; i < results->n_values; i++)
		if (results->values[i] == value)
			return;
	if (results->n_values == VALUES_MAX)
		results->has_others = true;
	else
		results->values[results->n_values++] = value;
}

static bool add_outcome(struct results *results)
{
	add_value(results, 0);
	add_value(results, 1);
	return true;
}

/* Read an instruction that puts a constant, or the outcome of a comparison, into %eax. */
static bool read_constant(const struct program *program, const struct insn *insn, struct results *results)
{
	int64_t value;
	bool outcome;

	if (!value_is_constant(program, insn, program->gen->result, &value, &outcome))
		return false;
	if (outcome)
		return add_outcome(results);
	add_value(results, value);
	return true;
}

/* ---- where a result is made ---- */

static bool is_call(const struct insn *insn)
{
	return insn->flow == FLOW_CALL || insn->flow == FLOW_CALL_ANY;
}

/* Does what the instruction makes come to a return on the only way on, and is used for nothing before? */
static bool goes_to_return(const struct program *program, const struct code *code, size_t at)
{
	uint64_t next = code->insns[at].addr + code->insns[at].size;

	for (int steps = 0; steps < STEPS_MAX; steps++) {
		size_t i = 0;

		while (i < code->n_insns && code->insns[i].addr != next)
			i++;
		if (i == code->n_insns)
			return false;
		const struct insn *insn = &code->insns[i];
		if (insn->flow == FLOW_RETURN)
			return true;
		if (((insn->writes.general | insn->reads.general) & register_bits(program->gen, program->gen->result)) != 0)
			return false;
		if (insn->flow == FLOW_JUMP)
			next = insn->to;
		else if (insn->flow == FLOW_NEXT)
			next = insn->addr + insn->size;
		else
			return false;
	}
	return false;
}

/* Look at every instruction that makes a result. */
static int find_results(struct program *program, uint32_t index, struct value_type type, struct results *results)
{
	const struct code *code = program_code(program, index);

	*results = (struct results){ 0 };
	if (code == NULL)
		return -ENOMEM;
	uint8_t *makes = code_result_makers(program, code);
	if (makes == NULL)
		return -ENOMEM;
	results->has_others = !code->is_whole;
	for (size_t i = 0; i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];
		bool is_tail = leaves(code, insn);

		if (makes[i] == 0)
			continue;
		if (!is_call(insn) && !is_tail && read_constant(program, insn, results))
			continue;
		results->has_others = true;
		if (!is_call(insn) && !is_tail && goes_to_return(program, code, i) && value_is_kept(program, code, i, type))
			results->is_free = true;
		if (is_tail || is_call(insn) ? value_is_foreign(program, code, insn, type) && (is_tail || goes_to_return(program, code, i)) :
		    value_is_loaded(program, code, i, program->gen->result, type) && goes_to_return(program, code, i))
			results->is_free = true;
	}
	free(makes);
	return 0;
}

/* Does the new function return no constant that the old one did not? */
static bool has_old_values(const struct results *new, const struct results *old)
{
	for (size_t i = 0; i < new->n_values; i++) {
		bool has = false;

		for (size_t k = 0; k < old->n_values; k++)
			has |= old->values[k] == new->values[i];
		if (!has)
			return false;
	}
	return true;
}

/*
 * May the new function return what the old one did not, for all that the code shows?  Which values
 * a result can have that is no constant is not known, nor which tests of it a caller dropped.
 */
static bool may_be_new(const struct results *new, const struct results *old)
{
	return !old->is_free && (new->has_others || !has_old_values(new, old));
}

/* ---- callers ---- */

struct caller_list {
	const struct draft *draft;
	struct program *target;
	uint32_t unit;
	struct names names;
	bool ignores;		/* one of them does not look at the result */
};

/* Does the caller look at the result of the call whose operand is at `at`, or hand it on? */
static bool looks(struct program *target, uint32_t caller, uint64_t at)
{
	const struct code *code = program_code(target, caller);

	for (size_t i = 0; code != NULL && i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];

		if (at <= insn->addr || at >= insn->addr + insn->size)
			continue;
		return !leaves(code, insn) && i + 1 < code->n_insns &&
			(code->live[i + 1].general & register_bits(target->gen, target->gen->result)) != 0;
	}
	return false;
}

static int list_caller(void *ctx, uint32_t caller, uint64_t at)
{
	struct caller_list *list = ctx;
	const struct dwarf *dwarf = &list->draft->target->dwarf;

	if (caller == DWARF_NONE || dwarf->functions[caller].unit != list->unit || dwarf->functions[caller].name == NULL)
		return 0;
	if (!looks(list->target, caller, at))
		list->ignores = true;
	if (!is_replaced(list->draft, &dwarf->functions[caller]))
		names_add(&list->names, dwarf->functions[caller].name);
	return 0;
}

static int refuse(const struct draft *draft, const struct replaced *replaced, const struct names *callers)
{
	char text[NAMES_TEXT_MAX], why[NAMES_TEXT_MAX + 512];

	names_format(callers, text, sizeof(text));
	snprintf(why, sizeof(why), "the new '%.100s' may return what the old one did not, and the compiler may have"
		 " dropped tests of its result in %s: replace %s too, use auto mode, or say "
		 "VZP_CALLERS_CHECKED(%.100s)", replaced->new.name, text, callers->count == 1 ? "it" : "them",
		 replaced->new.name);
	return refuse_function(draft, replaced, why);
}

/*
 * Is there a sign that callers were told nothing, as by the attribute noipa?  A compiler that knows
 * the only value that a function returns takes the value, and not what is in the register.
 */
static bool was_told(const struct results *old, const struct caller_list *list)
{
	bool is_single = old->n_values == 1 && !old->has_others;

	return !is_single || list->ignores || list->names.count == 0;
}

/* Look at the results of both, and at the callers of the old one. */
static int compare(const struct draft *draft, struct program *target, struct program *patch,
		   const struct replaced *replaced, struct caller_list *list, bool *is_new)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	const struct dwarf_function *function = &dwarf->functions[replaced->old.index];
	const struct dwarf_unit *unit = &dwarf->units[function->unit];
	struct value_type type = value_type_of(dwarf, function->die);
	struct results old, new;

	*is_new = false;
	*list = (struct caller_list){ .draft = draft, .target = target, .unit = function->unit };
	if (function->hi == 0 || type.size == 0 || !unit_tells_results(unit) ||
	    (function->external && is_interposable(unit)))
		return 0;
	int err = find_results(target, replaced->old.index, type, &old);
	if (err == 0)
		err = find_results(patch, replaced->new.index, type, &new);
	if (err == 0 && may_be_new(&new, &old))
		err = each_call(draft->target, replaced->old.addr, list_caller, list);
	*is_new = err == 0 && may_be_new(&new, &old) && was_told(&old, list);
	return err;
}

int may_return_new_values(const struct draft *draft, struct program *target, struct program *patch,
			  const struct replaced *replaced, bool *is_new)
{
	struct caller_list list;

	return compare(draft, target, patch, replaced, &list, is_new);
}

static int check_function(const struct draft *draft, struct program *target, struct program *patch,
			  const struct replaced *replaced)
{
	struct caller_list list;
	bool is_new;
	int err = compare(draft, target, patch, replaced, &list, &is_new);

	return err != 0 || !is_new || list.names.count == 0 ? err : refuse(draft, replaced, &list.names);
}

int check_results(const struct draft *draft)
{
	struct program target = { 0 }, patch = { 0 };
	int err = program_init(&target, draft->target);

	if (err == 0)
		err = program_init(&patch, draft->patch);
	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++) {
		struct replaced *replaced = draft->replaced[i];

		if (replaced->old.index != DWARF_NONE && replaced->new.index != DWARF_NONE &&
		    !replaced->callers_checked && !replaced->is_refused)
			err = refuse_callers_later(draft, replaced,
						   check_function(draft, &target, &patch, replaced));
	}
	program_deinit(&patch);
	program_deinit(&target);
	return err;
}
