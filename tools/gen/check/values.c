/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "values.h"

#include <stdlib.h>
#include <string.h>

#include "cursor.h"

#define INSN_MAX 16
#define TYPES_DEEP 32

/* ---- what the compiler tells ---- */

static bool is_optimised(const char *producer)
{
	const char *level = NULL;

	for (const char *p = producer; (p = strstr(p, " -O")) != NULL; p++)
		level = p + 3;
	/* If gcc recorded its options, there is one that begins with -m among them. */
	return level != NULL ? *level != '0' : strstr(producer, " -m") == NULL;
}

/* The version of gcc that made the unit: "GNU C17 14.2.0 -mtune=generic ..."; 0: another compiler, or none is known. */
static int gcc_version(const struct dwarf_unit *unit)
{
	const char *producer = unit->producer, *version;

	if (producer == NULL || strncmp(producer, "GNU ", 4) != 0)
		return 0;
	version = strchr(producer + 4, ' ');
	return version == NULL ? 0 : atoi(version + 1);
}

bool unit_tells_effects(const struct dwarf_unit *unit)
{
	return gcc_version(unit) == 0 || is_optimised(unit->producer);
}

bool unit_tells_arguments(const struct dwarf_unit *unit)
{
	return unit_tells_effects(unit) && (gcc_version(unit) == 0 || strstr(unit->producer, " -fno-ipa-cp") == NULL);
}

bool unit_tells_results(const struct dwarf_unit *unit)
{
	int version = gcc_version(unit);

	return version == 0 || (version >= 14 && is_optimised(unit->producer) &&
				strstr(unit->producer, " -fno-ipa-vrp") == NULL);
}

/* ---- types ---- */

struct value_type value_type_of(const struct dwarf *dwarf, uint64_t at)
{
	struct value_type type = { .size = 8 };
	struct dwarf_die die;
	bool has_type = false;
	uint64_t size;

	for (int i = 0; i < TYPES_DEEP; i++) {
		if (dwarf_die_read(dwarf, at, &die) != 0) {
			msg_forget();
			return type;
		}
		if (die.tag == DW_TAG_pointer_type)
			break;
		if (dwarf_reference(dwarf, &die, DWARF_TYPE, &at)) {
			has_type = true;
			continue;
		}
		if (has_type || (!dwarf_reference(dwarf, &die, DWARF_ORIGIN, &at) &&
				 !dwarf_reference(dwarf, &die, DWARF_SPECIFICATION, &at)))
			break;
	}
	type.is_pointer = die.tag == DW_TAG_pointer_type;
	if (!has_type || die.tag == DW_TAG_subprogram || die.tag == DW_TAG_formal_parameter)
		type.size = 0;
	else if (dwarf_number(&die, DWARF_BYTE_SIZE, &size))
		type.size = size;
	type.is_plain = type.is_pointer || (die.tag == DW_TAG_base_type && type.size >= 4) ||
			die.tag == DW_TAG_enumeration_type;
	return type;
}

/* ---- instructions ---- */

static bool read_bytes(const struct program *program, const struct insn *insn, uint8_t *bytes)
{
	return insn->size <= INSN_MAX && elffile_read(&program->binary->file, insn->addr, bytes, insn->size);
}

bool value_is_constant(const struct program *program, const struct insn *insn, unsigned reg, int64_t *value,
		       bool *outcome)
{
	uint8_t bytes[INSN_MAX];
	struct shape shape;

	*outcome = false;
	*value = 0;
	return read_bytes(program, insn, bytes) && insn_shape_of(insn, bytes, program->gen, &shape) &&
		program->gen->makes_constant(bytes, &shape, reg, value, outcome);
}

/* Do two instructions take the same memory, as far as their operands say? */
static bool is_same_memory(const struct shape *a, uint64_t next_a, const struct shape *b, uint64_t next_b)
{
	uint64_t at_a = (uint64_t)a->displacement + (a->is_relative ? next_a : 0);
	uint64_t at_b = (uint64_t)b->displacement + (b->is_relative ? next_b : 0);

	return b->has_memory && a->base == b->base && a->index == b->index && a->segment == b->segment &&
		a->is_relative == b->is_relative && at_a == at_b;
}

bool value_is_loaded(const struct program *program, const struct code *code, size_t at, unsigned reg,
		     struct value_type type)
{
	const struct insn *insn = &code->insns[at];
	uint8_t bytes[INSN_MAX];
	struct shape load, other;

	if (!type.is_plain || !read_bytes(program, insn, bytes) ||
	    !insn_shape_of(insn, bytes, program->gen, &load) ||
	    program->gen->does(&load) != DOES_LOAD || load.reg != reg || load.access < type.size)
		return false;
	/*
	 * On the stack the function may keep what it has tested, unless it is a variable that is volatile, or
	 * of which others have the address: only that is set to a constant there.
	 */
	bool is_variable = load.base != program->gen->stack_pointer && load.base != program->gen->frame_pointer;
	for (size_t i = 0; i < code->n_insns; i++) {
		const struct insn *next = &code->insns[i];

		if (i == at || !next->has_memory)
			continue;
		if (!read_bytes(program, next, bytes) ||
		    !insn_shape_of(next, bytes, program->gen, &other))
			return false;
		if (!is_same_memory(&load, insn->addr + insn->size, &other, next->addr + next->size))
			continue;
		/* What is loaded elsewhere, too, may have been tested there. */
		if (program->gen->does(&other) != DOES_STORE_CONSTANT)
			return false;
		is_variable = true;
	}
	return is_variable;
}

/* Functions of the C library of which gcc knows what they return. */
static bool is_known_to_compilers(const char *name)
{
	static const char *const known[] = {
		"strlen", "strnlen", "wcslen", "sprintf", "snprintf", "vsprintf", "vsnprintf", "printf", "fprintf", "vprintf",
		"vfprintf", "__sprintf_chk", "__snprintf_chk", "__vsprintf_chk", "__vsnprintf_chk", "__printf_chk",
		"__fprintf_chk", "toupper", "tolower", "abs", "labs", "llabs", "ffs", "ffsl", "ffsll", "isatty",
		"strspn", "strcspn", "__strlen_chk",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i]) == 0)
			return true;
	return false;
}

bool value_is_foreign(const struct program *program, const struct code *code, const struct insn *insn,
		      struct value_type type)
{
	const struct dwarf *dwarf = &program->binary->dwarf;
	bool is_indirect = insn->flow == FLOW_CALL_ANY || insn->flow == FLOW_JUMP_ANY;
	uint32_t callee = is_indirect ? DWARF_NONE : program_function_at(program, insn->to), i = DWARF_NONE;
	/* In a static program the C library's functions are called directly, and are symbols without debug info. */
	const char *name = callee == DWARF_NONE ? program_callee_name(program, insn) : program_called_name(program, insn);

	/* A pointer may be known not to be NULL, by an attribute that no debug info has. */
	if (!type.is_plain || type.is_pointer || (callee != DWARF_NONE && dwarf->functions[callee].unit == code->function->unit))
		return false;
	if (name == NULL && callee != DWARF_NONE)
		name = dwarf->functions[callee].name;
	if (name == NULL)
		return is_indirect;
	while ((i = dwarf_find_function(dwarf, name, i)) != DWARF_NONE)
		if (dwarf->functions[i].unit == code->function->unit && dwarf->functions[i].hi != 0)
			return false;
	return !is_known_to_compilers(name);
}

static bool is_call(const struct insn *insn)
{
	return insn->flow == FLOW_CALL || insn->flow == FLOW_CALL_ANY;
}

/* Does the instruction copy `size` bytes of one register, *from, to another? */
static bool is_move(const struct program *program, const struct insn *insn, unsigned to, uint64_t size, unsigned *from)
{
	uint8_t bytes[INSN_MAX];
	struct shape shape;

	return read_bytes(program, insn, bytes) && insn_shape_of(insn, bytes, program->gen, &shape) &&
		program->gen->moves(bytes, &shape, to, size, from);
}

bool value_is_kept(const struct program *program, const struct code *code, size_t at, struct value_type type)
{
	unsigned reg, from;

	if (!is_move(program, &code->insns[at], program->gen->result, type.size, &reg) || reg == program->gen->result)
		return false;
	/* Back over code without a jump, and over calls, as long as nothing looks at it. */
	for (size_t i = at; i-- > 0;) {
		const struct insn *insn = &code->insns[i];

		if (insn->addr + insn->size != code->insns[i + 1].addr)
			return false;
		if (is_call(insn) && reg == program->gen->result)
			return value_is_foreign(program, code, insn, type);
		bool moves = (insn->writes.general & register_bits(program->gen, reg)) != 0 && reg != program->gen->result &&
			is_move(program, insn, reg, type.size, &from) && from == program->gen->result;
		if (moves)
			reg = program->gen->result;
		else if ((insn->flow != FLOW_NEXT && !is_call(insn)) ||
			 ((insn->reads.general | insn->writes.general) & register_bits(program->gen, reg)) != 0)
			return false;
	}
	return false;
}

/* What a register has where the code begins.  A function that other units may call knows nothing of its parameters. */
static struct value parameter_of(const struct code *code, struct value_type type)
{
	bool is_any = code->function->external && type.is_plain && code->insns[0].addr == code->function->lo;

	return (struct value){ is_any ? VALUE_FREE : VALUE_UNKNOWN, 0 };
}

struct value value_passed(const struct program *program, const struct code *code, size_t at, unsigned reg,
			  struct value_type type)
{
	struct value value = { VALUE_UNKNOWN, 0 };
	bool outcome;

	/* Behind a test the value is known in part, and so it is behind a use as an address. */
	for (size_t i = at; i-- > 0;) {
		const struct insn *insn = &code->insns[i];
		unsigned from;

		if (insn->addr + insn->size != code->insns[i + 1].addr)
			break;
		if (is_call(insn)) {
			if (reg == program->gen->result && value_is_foreign(program, code, insn, type))
				value.kind = VALUE_FREE;
			break;
		}
		if (insn->flow != FLOW_NEXT)
			break;
		if ((insn->writes.general & register_bits(program->gen, reg)) != 0) {
			if (value_is_constant(program, insn, reg, &value.constant, &outcome) && !outcome)
				value.kind = VALUE_CONSTANT;
			else if (value_is_loaded(program, code, i, reg, type))
				value.kind = VALUE_FREE;
			else if (is_move(program, insn, reg, type.size, &from)) {
				reg = from;
				continue;
			}
			break;
		}
		if ((insn->reads.general & register_bits(program->gen, reg)) != 0 && insn->has_memory)
			break;
		if (i == 0)
			return parameter_of(code, type);
	}
	return at == 0 ? parameter_of(code, type) : value;
}
