/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "checks.h"
#include "code.h"
#include "cursor.h"
#include "names.h"

#define VALUES_MAX 32
#define STEPS_MAX 64		/* instructions from where a result is made to the return */

/* What a function may return, as its code shows it. */
struct results {
	int64_t values[VALUES_MAX];	/* constants */
	size_t n_values;
	bool has_others;		/* it returns what is no constant, too */
	bool is_free;			/* it returns something of which its compiler cannot have known anything */
};

/* ---- what the compiler tells ---- */

static bool is_optimised(const char *producer)
{
	const char *level = NULL;

	for (const char *p = producer; (p = strstr(p, " -O")) != NULL; p++)
		level = p + 3;
	/* If gcc recorded its options, there is one that begins with -m among them. */
	return level != NULL ? *level != '0' : strstr(producer, " -m") == NULL;
}

/* Does the unit's compiler tell callers the range of what a function returns? */
static bool tells_ranges(const struct dwarf_unit *unit)
{
	const char *producer = unit->producer, *version;

	if (producer == NULL)
		return true;
	if (strstr(producer, "clang") != NULL)
		return true;
	if (strncmp(producer, "GNU ", 4) != 0 || !is_optimised(producer) || strstr(producer, " -fno-ipa-vrp") != NULL)
		return false;
	/* "GNU C17 14.2.0 -mtune=generic ..." */
	version = strchr(producer + 4, ' ');
	return version == NULL || atoi(version + 1) >= 14;
}

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

static int64_t signed_at(const uint8_t *bytes, size_t size)
{
	struct cursor at;

	cursor_init(&at, bytes, size);
	uint64_t value = cursor_uint(&at, size);
	return size == 1 ? (int8_t)value : (int32_t)value;
}

/*
 * Read an instruction that puts a constant, or the outcome of a comparison, into %eax (Intel SDM,
 * volume 2: mov, xor, or, sub, setcc, pop).
 */
static bool read_constant(const struct binary *binary, const struct insn *insn, struct results *results)
{
	uint8_t bytes[16];
	size_t size = insn->size, at = 0;

	if (size > sizeof(bytes) || !elffile_read(&binary->file, insn->addr, bytes, size))
		return false;
	if (binary->file.elf_class == ELFCLASS64 && (bytes[0] & 0xf0) == 0x40)
		at = 1;
	if (bytes[at] == 0xb8 && size == at + 5)
		add_value(results, signed_at(bytes + at + 1, 4));
	else if (bytes[at] == 0xc7 && bytes[at + 1] == 0xc0 && size == at + 6)
		add_value(results, signed_at(bytes + at + 2, 4));
	else if ((bytes[at] == 0x31 || bytes[at] == 0x33 || bytes[at] == 0x29) && bytes[at + 1] == 0xc0)
		add_value(results, 0);
	else if (bytes[at] == 0x83 && bytes[at + 1] == 0xc8 && bytes[at + 2] == 0xff)
		add_value(results, -1);
	else if (size == at + 3 && bytes[at] == 0x0f && (bytes[at + 1] & 0xf0) == 0x90 && bytes[at + 2] == 0xc0)
		return add_outcome(results);
	else
		return false;
	return true;
}

/* ---- where a result is made ---- */

static bool is_call(const struct insn *insn)
{
	return insn->flow == FLOW_CALL || insn->flow == FLOW_CALL_ANY;
}

/* Does the call lead to a function of another unit, of which the compiler knew the prototype alone? */
static bool is_foreign(const struct program *program, const struct code *code, const struct insn *insn)
{
	uint32_t callee = insn->flow == FLOW_CALL_ANY || insn->flow == FLOW_JUMP_ANY ? DWARF_NONE :
		program_function_at(program, insn->to);

	return callee == DWARF_NONE ||
		program->binary->dwarf.functions[callee].unit != code->function->unit;
}

/* Is it a load of a whole word, of which nothing can be known? */
static bool is_load(const struct program *program, const struct insn *insn, uint64_t type_size)
{
	uint8_t bytes[16];
	size_t at = 0;

	if (insn->size > sizeof(bytes) || !elffile_read(&program->binary->file, insn->addr, bytes, insn->size))
		return false;
	if (program->wide && (bytes[0] & 0xf0) == 0x40)
		at = 1;
	uint64_t width = at != 0 && (bytes[0] & 8) != 0 ? 8 : 4;
	return bytes[at] == 0x8b && bytes[at + 1] >> 6 != 3 && width >= type_size;
}

/* Does what the instruction makes come to a return on the only way on, and by no further test? */
static bool goes_to_return(const struct code *code, size_t at)
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
		if ((insn->writes.general & GPR_BITS(GPR_AX)) != 0)
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

/* The size of the function's result in bytes; 0: it returns nothing. */
static uint64_t result_size(const struct dwarf *dwarf, const struct dwarf_function *function)
{
	struct dwarf_die die;
	uint64_t at = function->die, size;
	bool has_type = false;

	for (int i = 0; i < 32; i++) {
		if (dwarf_die_read(dwarf, at, &die) != 0) {
			msg_forget();
			return 8;
		}
		if (dwarf_reference(dwarf, &die, DWARF_TYPE, &at)) {
			has_type = true;
			continue;
		}
		if (!has_type && (dwarf_reference(dwarf, &die, DWARF_ORIGIN, &at) ||
				  dwarf_reference(dwarf, &die, DWARF_SPECIFICATION, &at)))
			continue;
		break;
	}
	if (!has_type || die.tag == DW_TAG_subprogram)
		return 0;
	return dwarf_number(&die, DWARF_BYTE_SIZE, &size) ? size : 8;
}

/* Look at every instruction that makes a result. */
static int find_results(struct program *program, uint32_t index, uint64_t size, struct results *results)
{
	const struct code *code = program_code(program, index);

	*results = (struct results){ 0 };
	if (code == NULL)
		return -ENOMEM;
	uint8_t *makes = code_result_makers(code);
	if (makes == NULL)
		return -ENOMEM;
	results->has_others = !code->is_whole;
	for (size_t i = 0; i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];
		bool is_tail = leaves(code, insn);

		if (makes[i] == 0)
			continue;
		if (!is_call(insn) && !is_tail && read_constant(program->binary, insn, results))
			continue;
		results->has_others = true;
		if (is_tail || is_call(insn) ? is_foreign(program, code, insn) && (is_tail || goes_to_return(code, i)) :
		    is_load(program, insn, size) && goes_to_return(code, i))
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
 * May the new function return what the old one did not, for all that the code shows?  A caller
 * that looks at the result has at least kept one test of it, or hands it on: then only a
 * new constant, or a result that is no constant any more, counts.
 */
static bool may_be_new(const struct results *new, const struct results *old, bool callers_look)
{
	if (old->is_free)
		return false;
	if (!has_old_values(new, old) || (new->has_others && !old->has_others))
		return true;
	return new->has_others && !callers_look;
}

/* ---- callers ---- */

struct caller_list {
	const struct draft *draft;
	struct program *target;
	uint32_t unit;
	struct names names;
	bool ignores;		/* a caller does not look at the result */
};

/* Does the caller look at the result of the call whose operand is at `at`, or hand it on? */
static bool looks(struct program *target, uint32_t caller, uint64_t at)
{
	const struct code *code = program_code(target, caller);

	if (code == NULL)
		return false;
	for (size_t i = 0; i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];

		if (at <= insn->addr || at >= insn->addr + insn->size)
			continue;
		return leaves(code, insn) || (i + 1 < code->n_insns &&
			(code->live[i + 1].general & GPR_BITS(GPR_AX)) != 0);
	}
	return false;
}

static int list_caller(void *ctx, uint32_t caller, uint64_t at)
{
	struct caller_list *list = ctx;
	const struct dwarf *dwarf = &list->draft->target->dwarf;

	if (caller == DWARF_NONE || dwarf->functions[caller].unit != list->unit ||
	    dwarf->functions[caller].name == NULL || is_replaced(list->draft, &dwarf->functions[caller]))
		return 0;
	names_add(&list->names, dwarf->functions[caller].name);
	list->ignores |= !looks(list->target, caller, at);
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

static int check_function(const struct draft *draft, struct program *target, struct program *patch,
			  const struct replaced *replaced)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	const struct dwarf_function *function = &dwarf->functions[replaced->old.index];
	struct caller_list list = { .draft = draft, .target = target, .unit = function->unit };
	uint64_t size = result_size(dwarf, function);
	struct results old, new;

	if (function->hi == 0 || size == 0 || !tells_ranges(&dwarf->units[function->unit]))
		return 0;
	int err = each_call(draft->target, replaced->old.addr, list_caller, &list);
	if (err != 0 || list.names.count == 0)
		return err;
	err = find_results(target, replaced->old.index, size, &old);
	if (err == 0)
		err = find_results(patch, replaced->new.index, size, &new);
	if (err != 0 || !may_be_new(&new, &old, !list.ignores))
		return err;
	return refuse(draft, replaced, &list.names);
}

int check_results(const struct draft *draft)
{
	struct program target = { 0 }, patch = { 0 };
	int err = program_init(&target, draft->target);

	if (err == 0)
		err = program_init(&patch, draft->patch);
	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++) {
		const struct replaced *replaced = draft->replaced[i];

		if (replaced->old.index != DWARF_NONE && replaced->new.index != DWARF_NONE &&
		    !replaced->callers_checked)
			err = check_function(draft, &target, &patch, replaced);
	}
	program_deinit(&patch);
	program_deinit(&target);
	return err;
}
