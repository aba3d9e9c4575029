/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arguments.h"

#include <errno.h>
#include <string.h>

#include "calls.h"
#include "convention.h"
#include "refusals.h"
#include "values.h"

#define CONSTANTS_MAX 32

/* What the target's callers pass as one parameter. */
struct passed {
	bool is_free;			/* one of them passes what may be anything */
	int64_t constants[CONSTANTS_MAX];
	size_t n_constants;
};

/* One function that the patch refers to. */
struct callee {
	const struct draft *draft;
	struct program target, patch;
	const struct directive *directive;
	uint32_t index;			/* in the target */
	struct parameter parameters[PARAMETERS_MAX];
	struct passed passed[PARAMETERS_MAX];
	unsigned n_parameters;
};

static void add_constant(struct passed *passed, int64_t constant)
{
	if (passed->n_constants < CONSTANTS_MAX)
		passed->constants[passed->n_constants++] = constant;
}

static bool has_constant(const struct passed *passed, int64_t constant)
{
	for (size_t i = 0; i < passed->n_constants; i++)
		if (passed->constants[i] == constant)
			return true;
	return false;
}

/* A call in the target, whose operand is at `at`. */
static int look_at_caller(void *ctx, uint32_t caller, uint64_t at)
{
	struct callee *callee = ctx;
	const struct code *code = caller == DWARF_NONE ? NULL : program_code(&callee->target, caller);

	if (caller == DWARF_NONE)
		return 0;
	if (code == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];

		if (at <= insn->addr || at >= insn->addr + insn->size)
			continue;
		for (unsigned k = 0; k < callee->n_parameters; k++) {
			const struct parameter *parameter = &callee->parameters[k];
			struct value value = { VALUE_UNKNOWN, 0 };

			if (parameter->reg >= 0)
				value = value_passed(&callee->target, code, i, (unsigned)parameter->reg, parameter->type);
			if (value.kind == VALUE_FREE)
				callee->passed[k].is_free = true;
			else if (value.kind == VALUE_CONSTANT)
				add_constant(&callee->passed[k], value.constant);
		}
	}
	return 0;
}

static int refuse(const struct callee *callee, const char *caller, unsigned parameter)
{
	const struct directive *directive = callee->directive;

	return fail(EINVAL, "%s:%u: '%s' of %s was made for what its callers there pass, and may have lost tests of "
		    "parameter %u '%s', as which '%s' may pass something else: copy it into the patch, under another name, "
		    "or look at its machine code and say VZP_ARGUMENTS_CHECKED(%s)", base_name(directive->source),
		    directive->line, directive->name, callee->draft->target->file.path, parameter + 1,
		    callee->parameters[parameter].name, caller != NULL ? caller : "?", directive->name);
}

/* Look at all that an instruction of the patch passes, which calls it; or at nothing, if it takes the address. */
static int look_at_call(const struct callee *callee, const struct code *code, size_t at, bool is_call)
{
	for (unsigned k = 0; k < callee->n_parameters; k++) {
		const struct parameter *parameter = &callee->parameters[k];
		struct value value = { VALUE_UNKNOWN, 0 };

		if (callee->passed[k].is_free)
			continue;
		if (is_call && parameter->reg >= 0)
			value = value_passed(&callee->patch, code, at, (unsigned)parameter->reg, parameter->type);
		if (value.kind != VALUE_CONSTANT || !has_constant(&callee->passed[k], value.constant))
			return refuse(callee, code->function->name, k);
	}
	return 0;
}

static int look_at_code(struct callee *callee, uint32_t index)
{
	const struct code *code = program_code(&callee->patch, index);
	int err = 0;

	if (code == NULL)
		return -ENOMEM;
	for (size_t i = 0; err == 0 && i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];
		struct insn slot = { .flow = FLOW_CALL_ANY, .memory = insn->memory };
		bool is_call = insn->flow == FLOW_CALL || insn->flow == FLOW_CALL_ANY || leaves(code, insn);
		const char *name = program_called_name(&callee->patch, is_call ? insn : &slot);

		if (name != NULL && strcmp(name, callee->directive->label) == 0)
			err = look_at_call(callee, code, i, is_call);
	}
	return err;
}

/* Did the compiler see all callers of the function? */
static bool knows_its_callers(const struct callee *callee)
{
	const struct dwarf *dwarf = &callee->draft->target->dwarf;
	const struct dwarf_function *function = &dwarf->functions[callee->index];

	return !function->external && unit_tells_arguments(&dwarf->units[function->unit]) &&
		!is_address_taken(callee->draft->target, entry_range(callee->draft->target, function).lo);
}

static uint64_t target_of(const struct draft *draft, const char *label)
{
	const struct symbols *symbols = &draft->patch->file.dynsym;

	for (size_t i = 0; i < draft->meta.n_dynrefs; i++)
		for (size_t k = 0; k < symbols->count; k++)
			if (symbols->table[k].index == draft->meta.dynrefs[i].symbol &&
			    strcmp(symbols->table[k].name, label) == 0)
				return draft->meta.dynrefs[i].target_addr;
	return 0;
}

static int check_callee(struct callee *callee)
{
	const struct dwarf *dwarf = &callee->draft->patch->dwarf;
	uint64_t addr = target_of(callee->draft, callee->directive->label);
	bool is_any_known = false;

	callee->index = addr == 0 ? DWARF_NONE : program_function_at(&callee->target, addr);
	if (callee->index == DWARF_NONE || !knows_its_callers(callee))
		return 0;
	memset(callee->passed, 0, sizeof(callee->passed));
	int err = list_parameters_of(callee->draft->target, callee->index, callee->parameters, &callee->n_parameters);
	if (err == 0)
		err = each_call(callee->draft->target, addr, look_at_caller, callee);
	for (unsigned k = 0; k < callee->n_parameters; k++)
		is_any_known |= !callee->passed[k].is_free;
	for (uint32_t i = 0; err == 0 && is_any_known && i < dwarf->n_functions; i++)
		if (dwarf->functions[i].hi != 0)
			err = look_at_code(callee, i);
	return err;
}

int check_arguments(const struct draft *draft, const struct directives *directives)
{
	struct callee callee = { .draft = draft };
	int err = program_init(&callee.target, draft->target);

	if (err == 0)
		err = program_init(&callee.patch, draft->patch);
	for (size_t i = 0; err == 0 && i < directives->count; i++) {
		callee.directive = &directives->table[i];
		if ((callee.directive->kind == DIRECTIVE_STATIC_FUNCTION ||
		     callee.directive->kind == DIRECTIVE_REGISTER_FUNCTION) &&
		    !directives_say(directives, DIRECTIVE_ARGUMENTS_CHECKED, callee.directive->name))
			err = refuse_later(draft, check_callee(&callee));
	}
	program_deinit(&callee.patch);
	program_deinit(&callee.target);
	return err;
}
