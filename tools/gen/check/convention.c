/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convention.h"

#include <errno.h>
#include <limits.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "cursor.h"
#include "insn.h"
#include "refusals.h"
#include "type.h"

#define SOMEWHERE INT64_MIN		/* where an argument on the stack is, if that is not known */
#define LOOKED_AT_MAX 64		/* bytes of code at the entry where a parameter may become known */

enum { OP_REG0 = 0x50, OP_REG31 = 0x6f, OP_BREG0 = 0x70, OP_BREG31 = 0x8f, OP_REGX = 0x90,
       OP_FBREG = 0x91, OP_PIECE = 0x93, OP_CONST1U = 0x08, OP_CONSTS = 0x11, OP_LIT0 = 0x30,
       OP_LIT31 = 0x4f, OP_PLUS = 0x22, OP_STACK_VALUE = 0x9f, OP_CALL_FRAME_CFA = 0x9c, OP_GNU_PARAMETER_REF = 0xfa };

/* How a parameter comes to its function. */
struct arrival {
	const char *name;
	uint64_t die;		/* the declaration's; an instance has DIEs of its own */
	enum { ARRIVES_UNKNOWN, ARRIVES_IN_REGISTER, ARRIVES_ON_STACK, ARRIVES_NOT } how;
	int64_t where;		/* number of the register in DWARF, or bytes from the first argument on the stack */
	bool has_place;		/* the debug info tells where it is at some time */
	bool is_moved;		/* the function moves it there, nobody knows from where */
};

struct arrivals {
	struct arrival table[PARAMETERS_MAX];
	unsigned count;
};

static unsigned frame_pointer(const struct binary *binary)
{
	return binary->file.gen->dwarf_fp;
}

static unsigned stack_pointer(const struct binary *binary)
{
	return binary->file.gen->dwarf_sp;
}

/* What DW_OP_fbreg counts from, as a distance from the arguments on the stack. */
static bool frame_base(const struct binary *binary, const struct dwarf_die *function, int64_t *base)
{
	const struct dwarf_value *value = &function->values[DWARF_FRAME_BASE];
	struct cursor at;

	if (!dwarf_has(function, DWARF_FRAME_BASE) || value->kind != DWARF_BLOCK || value->u == 0)
		return false;
	if (value->data[0] == OP_CALL_FRAME_CFA) {
		*base = 0;
		if (value->u == 1)
			return true;
		/* clang from version 19 on: the CFA, and a constant that is added. */
		cursor_init(&at, value->data + 1, value->u - 1);
		if (cursor_u8(&at) != OP_CONSTS)
			return false;
		*base = cursor_sleb(&at);
		return cursor_u8(&at) == OP_PLUS && !at.bad && at.p == at.end;
	}
	if (value->u != 1)
		return false;
	/* clang counts from the frame pointer, which is pushed below the return address. */
	*base = -2 * (int64_t)binary->file.gen->word;
	return value->data[0] == OP_REG0 + frame_pointer(binary);
}

/*
 * clang counts from the stack pointer, too, as it is behind the instructions that push something.
 * How far these have moved it at the entry is not known.  This is asked where arguments come on the stack.
 */
static bool is_from_stack_pointer(const struct binary *binary, const struct dwarf_die *function)
{
	const struct dwarf_value *value = &function->values[DWARF_FRAME_BASE];

	return binary->file.gen->n_arguments == 0 && dwarf_has(function, DWARF_FRAME_BASE) &&
		value->kind == DWARF_BLOCK && value->u == 1 &&
		value->data[0] == OP_REG0 + stack_pointer(binary);
}

static void read_arrival(const struct binary *binary, const struct dwarf_die *function,
			 const struct dwarf_bytes *expression, struct arrival *out)
{
	int64_t word = binary->file.gen->word, base;
	struct cursor at;

	cursor_init(&at, expression->data, expression->size);
	uint8_t op = cursor_u8(&at);
	if (op >= OP_REG0 && op <= OP_REG31) {
		out->how = ARRIVES_IN_REGISTER;
		out->where = op - OP_REG0;
	} else if (op == OP_REGX) {
		out->how = ARRIVES_IN_REGISTER;
		out->where = (int64_t)cursor_uleb(&at);
	} else if (op == OP_FBREG && frame_base(binary, function, &base)) {
		out->where = base + cursor_sleb(&at);
		/*
		 * Above the return address the caller put it.  Below that, the function has
		 * stored it itself.
		 */
		if (out->where >= 0)
			out->how = ARRIVES_ON_STACK;
	} else if (op == OP_FBREG && is_from_stack_pointer(binary, function)) {
		cursor_sleb(&at);
		out->how = ARRIVES_ON_STACK;
		out->where = SOMEWHERE;
	} else if (op == OP_BREG0 + stack_pointer(binary)) {
		out->where = cursor_sleb(&at) - word;
		if (out->where >= 0)
			out->how = ARRIVES_ON_STACK;
	}
	/*
	 * Pieces of the value may follow.  If an operation on it follows, this is not the
	 * value's place.
	 */
	if (at.bad || (at.p < at.end && *at.p != OP_PIECE))
		out->how = ARRIVES_UNKNOWN;
	/* gcc: the clone does not have this parameter. */
	if (op == OP_GNU_PARAMETER_REF)
		out->how = ARRIVES_NOT;
}

/*
 * List the parameters in their order.  An instance of a function has them in the DIE of another
 * one.
 */
static int list_parameters(const struct dwarf *dwarf, const struct dwarf_die *function,
			   struct arrivals *out)
{
	struct dwarf_die root = *function, die;
	uint64_t origin;
	int err = 0;

	for (int i = 0; err == 0 && i < 8; i++) {
		if (!dwarf_reference(dwarf, &root, DWARF_ORIGIN, &origin) &&
		    !dwarf_reference(dwarf, &root, DWARF_SPECIFICATION, &origin))
			break;
		err = dwarf_die_read(dwarf, origin, &root);
	}
	int more = err != 0 ? err : dwarf_child(dwarf, &root, &die);
	for (; more > 0 && out->count < PARAMETERS_MAX; more = dwarf_sibling(dwarf, &die, &die)) {
		if (die.tag != DW_TAG_formal_parameter)
			continue;
		const char *name = dwarf_text(dwarf, &die, DWARF_NAME);
		out->table[out->count++] = (struct arrival){ .name = name != NULL ? name : "?", .die = die.offset };
	}
	return more < 0 ? more : 0;
}

/*
 * Is the parameter a constant somewhere in the function?  The compiler then knew all callers, and
 * they pass nothing.  Example: DW_OP_lit1, DW_OP_stack_value behind the instructions that find
 * the pc on i386.
 */
static bool is_known(const struct dwarf *dwarf, const struct dwarf_die *parameter, struct dwarf_range range)
{
	struct dwarf_bytes expression;

	for (uint64_t pc = range.lo; pc < range.hi && pc - range.lo < LOOKED_AT_MAX; pc++) {
		if (!dwarf_location_at(dwarf, parameter, pc, &expression) || expression.size < 2)
			continue;
		uint8_t op = expression.data[0];
		if (expression.data[expression.size - 1] == OP_STACK_VALUE &&
		    ((op >= OP_LIT0 && op <= OP_LIT31) || (op >= OP_CONST1U && op <= OP_CONSTS)))
			return true;
	}
	return false;
}

/* How instructions number a general register; -1: it is none. */
static int register_number(const struct binary *binary, int64_t dwarf)
{
	const struct gen_arch *gen = binary->file.gen;

	return dwarf >= 0 && dwarf < gen->n_from_dwarf ? gen->from_dwarf[dwarf] : -1;
}

/* The register that DWARF numbers so; none for others than general and vector registers. */
static struct regset one_register(const struct binary *binary, int64_t dwarf)
{
	int general = register_number(binary, dwarf);
	const struct gen_arch *gen = binary->file.gen;
	int64_t vector = dwarf - gen->dwarf_vectors;

	return (struct regset){ general >= 0 ? register_bits(gen, (unsigned)general) : 0,
				vector >= 0 && vector < gen->n_dwarf_vectors ? VECTOR_BITS(UINT32_C(1) << vector) : 0 };
}

enum use { USE_NONE, USE_READ, USE_WRITTEN, USE_CALL, USE_UNKNOWN };

/*
 * What does the function do first with the register?  A push keeps the caller's value, or makes room.
 * A call may change it, and may be given it: USE_CALL says neither.
 */
static enum use first_use(const struct binary *binary, const struct dwarf_function *function, struct regset reg)
{
	struct dwarf_range range = entry_range(binary, function);
	const struct gen_arch *gen = binary->file.gen;
	uint8_t bytes[16];
	struct insn insn;

	for (uint64_t at = range.lo; at < range.hi; at += insn.size) {
		size_t size = range.hi - at < sizeof(bytes) ? (size_t)(range.hi - at) : sizeof(bytes);

		if (!elffile_read(&binary->file, at, bytes, size) || !insn_decode(bytes, size, at, gen, &insn) || insn.is_opaque)
			return USE_UNKNOWN;
		if (insn.pushes < 0 && regset_any(regset_and(insn.reads, reg)))
			return USE_READ;
		bool is_call = insn.flow == FLOW_CALL || insn.flow == FLOW_CALL_ANY;
		struct regset writes = is_call ? gen->caller_saved : insn.writes;
		if (regset_any(regset_and(writes, reg)))
			return is_call ? USE_CALL : USE_WRITTEN;
	}
	return USE_NONE;
}

/*
 * Does the function write the register before it reads it?  Then no parameter comes there, though the
 * debug info says so if the compiler did not follow variables (-fno-var-tracking): it is moved there.
 */
static bool is_moved_there(const struct binary *binary, const struct dwarf_function *function, struct regset reg)
{
	enum use use = first_use(binary, function, reg);

	return use == USE_WRITTEN || use == USE_UNKNOWN;
}

static int find_arrivals(const struct binary *binary, uint32_t index, struct arrivals *out)
{
	const struct dwarf *dwarf = &binary->dwarf;
	const struct dwarf_function *function = &dwarf->functions[index];
	uint64_t entry = entry_range(binary, function).lo, origin;
	struct dwarf_die owner, die;
	int err = dwarf_die_read(dwarf, function->die, &owner);

	*out = (struct arrivals){ 0 };
	if (err == 0)
		err = list_parameters(dwarf, &owner, out);
	int more = err != 0 ? err : dwarf_child(dwarf, &owner, &die);
	for (; more > 0; more = dwarf_sibling(dwarf, &die, &die)) {
		struct dwarf_bytes expression;
		unsigned i = 0;

		if (die.tag != DW_TAG_formal_parameter)
			continue;
		if (!dwarf_reference(dwarf, &die, DWARF_ORIGIN, &origin))
			origin = die.offset;
		while (i < out->count && out->table[i].die != origin)
			i++;
		if (i == out->count)
			continue;
		out->table[i].has_place = dwarf_has(&die, DWARF_LOCATION);
		if (dwarf_location_at(dwarf, &die, entry, &expression))
			read_arrival(binary, &owner, &expression, &out->table[i]);
		out->table[i].is_moved = out->table[i].how == ARRIVES_IN_REGISTER &&
			die.values[DWARF_LOCATION].kind == DWARF_BLOCK &&
			is_moved_there(binary, function, one_register(binary, out->table[i].where));
		if (out->table[i].is_moved)
			out->table[i].how = ARRIVES_UNKNOWN;
		if (dwarf_has(&die, DWARF_CONST_VALUE) || (out->table[i].how == ARRIVES_UNKNOWN &&
		    is_known(dwarf, &die, entry_range(binary, function))))
			out->table[i].how = ARRIVES_NOT;
	}
	return more < 0 ? more : 0;
}

int list_parameters_of(const struct binary *binary, uint32_t index, struct parameter *out, unsigned *count)
{
	struct arrivals arrivals;
	int err = find_arrivals(binary, index, &arrivals);

	*count = err == 0 ? arrivals.count : 0;
	for (unsigned i = 0; i < *count; i++) {
		const struct arrival *arrival = &arrivals.table[i];

		out[i] = (struct parameter){
			.name = arrival->name, .type = value_type_of(&binary->dwarf, arrival->die),
			.reg = arrival->how == ARRIVES_IN_REGISTER ? register_number(binary, arrival->where) : -1,
		};
	}
	return err;
}

static void describe(const struct binary *binary, const struct arrival *arrival, char *text,
		     size_t size)
{
	const struct gen_arch *gen = binary->file.gen;
	int64_t where = arrival->where;

	if (arrival->how == ARRIVES_UNKNOWN)
		snprintf(text, size, "in a way that is not known");
	else if (arrival->how == ARRIVES_NOT)
		snprintf(text, size, "not at all");
	else if (arrival->how == ARRIVES_ON_STACK && where == SOMEWHERE)
		snprintf(text, size, "on the stack");
	else if (arrival->how == ARRIVES_ON_STACK)
		snprintf(text, size, "on the stack, at %" PRId64, where);
	else if (register_number(binary, where) >= 0)
		snprintf(text, size, "in %s", gen->names[register_number(binary, where)]);
	else if (where >= gen->dwarf_vectors && where < gen->dwarf_vectors + gen->n_dwarf_vectors)
		snprintf(text, size, "in %s%" PRId64, gen->vector_name, where - gen->dwarf_vectors);
	else
		snprintf(text, size, "in register %" PRId64, where);
}

/*
 * Do the target's callers pass the parameter in another way than the new function takes it?  One
 * without a place in the debug info is one that its function does not use, or one whose place
 * cannot be read; where callers pass nothing, only the first may be.
 */
static bool differ(const struct arrival *new, const struct arrival *old)
{
	if (old->how == ARRIVES_NOT && new->how == ARRIVES_UNKNOWN)
		return new->has_place;
	return new->how != ARRIVES_UNKNOWN && old->how != ARRIVES_UNKNOWN &&
		(new->how != old->how || (new->where != old->where && new->where != SOMEWHERE && old->where != SOMEWHERE));
}

/* Do the target's callers pass arguments in registers, as __attribute__((regparm(3))) says? */
static bool is_regparm(const struct binary *target, const struct arrivals *arrivals)
{
	for (unsigned i = 0; i < arrivals->count; i++)
		if (arrivals->table[i].how == ARRIVES_IN_REGISTER)
			return target->file.gen->n_own_arguments != 0 &&
				register_number(target, arrivals->table[i].where) == target->file.gen->own_arguments[0];
	return false;
}

/* How many bytes of arguments a function takes off the stack when it returns; UINT_MAX: that cannot be told. */
static unsigned popped_bytes(const struct binary *binary, uint32_t index)
{
	struct dwarf_range range = entry_range(binary, &binary->dwarf.functions[index]);
	const struct gen_arch *gen = binary->file.gen;
	uint8_t bytes[16];
	struct insn insn;

	for (uint64_t at = range.lo; at < range.hi; at += insn.size) {
		size_t size = range.hi - at < sizeof(bytes) ? (size_t)(range.hi - at) : sizeof(bytes);

		if (!elffile_read(&binary->file, at, bytes, size) ||
		    !insn_decode(bytes, size, at, gen, &insn))
			return gen->n_arguments != 0 ? 0 : UINT_MAX;	/* where they come in registers none does */
		if (insn.flow == FLOW_RETURN)
			return insn.popped;
	}
	return 0;
}

/* Does a function move a parameter away from where it comes? */
static bool moves_any(const struct arrivals *arrivals)
{
	for (unsigned i = 0; i < arrivals->count; i++)
		if (arrivals->table[i].is_moved)
			return true;
	return false;
}

/* Which registers that only a convention of its own passes arguments in does a function read? */
static struct regset registers_read(const struct binary *binary, uint32_t index)
{
	const struct gen_arch *gen = binary->file.gen;
	struct regset set = { 0 };

	for (unsigned i = 0; i < gen->n_own_arguments; i++) {
		struct regset one = { register_bits(gen, gen->own_arguments[i]), 0 };

		if (first_use(binary, &binary->dwarf.functions[index], one) == USE_READ)
			set = regset_or(set, one);
	}
	return set;
}

/*
 * Where the debug info does not tell how the target's callers pass a parameter, the code does.  On
 * amd64 they pass it as the ABI says.
 */
static int compare_registers(const struct draft *draft, const struct replaced *replaced, const struct arrivals *arrivals)
{
	bool in_registers = is_regparm(draft->patch, arrivals);
	struct regset old = registers_read(draft->target, replaced->old.index);
	char text[64], what[512];

	if (moves_any(arrivals))
		in_registers |= regset_any(registers_read(draft->patch, replaced->new.index));
	if (draft->target->file.gen->n_own_arguments == 0 || regset_any(old) == in_registers)
		return 0;
	regset_format(old, draft->target->file.gen, text, sizeof(text));
	snprintf(what, sizeof(what), "the target's '%.120s' takes arguments %s%s, and the new one does not: declare it %s "
		 "VZP_REGISTER_ARGS", replaced->new.name, in_registers ? "on the stack" : "in ", text,
		 in_registers ? "without" : "with");
	return refuse_function(draft, replaced, what);
}

int check_convention(const struct draft *draft, const struct replaced *replaced)
{
	const struct binary *target = draft->target, *patch = draft->patch;
	char now[64], before[64], what[512];
	struct arrivals new, old;
	int err = find_arrivals(patch, replaced->new.index, &new);

	if (err == 0)
		err = find_arrivals(target, replaced->old.index, &old);
	for (unsigned i = 0; err == 0 && i < new.count && i < old.count; i++) {
		if (!differ(&new.table[i], &old.table[i]))
			continue;
		describe(patch, &new.table[i], now, sizeof(now));
		describe(target, &old.table[i], before, sizeof(before));
		snprintf(what, sizeof(what), "parameter %u '%.60s' of '%.120s' comes %s, but the target's "
			 "callers pass it %s%s", i + 1, new.table[i].name, replaced->new.name, now, before,
			 is_regparm(target, &old) ? " (declare the function VZP_REGISTER_ARGS)" :
			 is_regparm(patch, &new) ? " (declare it without VZP_REGISTER_ARGS)" :
			 ": the compiler gave it a convention of its own (replace its callers instead)");
		return refuse_function(draft, replaced, what);
	}
	if (err == 0 && moves_any(&old))
		err = compare_registers(draft, replaced, &new);
	unsigned pops = err != 0 ? 0 : popped_bytes(patch, replaced->new.index);
	unsigned popped = err != 0 ? 0 : popped_bytes(target, replaced->old.index);
	if (pops == popped && pops != UINT_MAX)
		return err;
	if (pops == UINT_MAX || popped == UINT_MAX) {
		snprintf(what, sizeof(what), "the %s '%.120s' has an instruction that nsb-gen does not know, so that it cannot be "
			 "told whether it takes arguments off the stack", popped == UINT_MAX ? "target's" : "new",
			 replaced->new.name);
		return refuse_function(draft, replaced, what);
	}
	snprintf(what, sizeof(what), "'%.120s' takes %u bytes of arguments off the stack, the target's %u",
		 replaced->new.name, pops, popped);
	return refuse_function(draft, replaced, what);
}

int check_conventions(const struct draft *draft)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++)
		if (draft->replaced[i]->old.index != DWARF_NONE &&
		    draft->replaced[i]->new.index != DWARF_NONE)
			err = refuse_callers_later(draft, draft->replaced[i],
						   check_convention(draft, draft->replaced[i]));
	return err;
}

/* The general registers and the vector registers that arguments have taken. */
struct taken {
	unsigned general, vector;
};

/*
 * Is the parameter where the ABI puts it?  False in *knows: what comes behind it cannot be
 * told, as it is a structure, or of a type that has more than one register.
 */
static bool is_in_place(const struct binary *binary, const struct arrival *arrival, struct taken *taken, bool *knows)
{
	const struct gen_arch *gen = binary->file.gen;
	int64_t first = gen->dwarf_vectors;
	struct value_type type = value_type_of(&binary->dwarf, arrival->die);
	bool in_register = arrival->how == ARRIVES_IN_REGISTER;

	if (in_register && arrival->where >= first && arrival->where < first + gen->n_dwarf_vectors)
		return arrival->where - first == taken->vector++ || !*knows;
	if (!type.is_plain && (type.size == 0 || type.size > 8 || !in_register))
		*knows = false;
	if (!*knows || taken->general == gen->n_arguments)
		return true;
	taken->general++;
	return !in_register || register_number(binary, arrival->where) == gen->arguments[taken->general - 1];
}

/* Does a parameter take a vector register, or is that not known?  Then what is behind it cannot be told. */
static bool may_float(const struct binary *binary, const struct arrival *arrival)
{
	const struct value_type type = value_type_of(&binary->dwarf, arrival->die);
	char name[TYPE_NAME_MAX];
	struct dwarf_die die;
	uint64_t at = 0;

	if (type.is_pointer)
		return false;
	if (!type.is_plain || dwarf_die_read(&binary->dwarf, arrival->die, &die) != 0 ||
	    !dwarf_reference(&binary->dwarf, &die, DWARF_TYPE, &at)) {
		msg_forget();
		return true;
	}
	type_name((struct type){ &binary->dwarf, at }, name);
	return strstr(name, "float") != NULL || strstr(name, "double") != NULL;
}

/* Find where the ABI has parameter no. `index`, a word.  False: that cannot be told. */
static bool find_by_abi(const struct binary *binary, const struct arrivals *arrivals, unsigned index, struct arriving *out)
{
	const struct gen_arch *gen = binary->file.gen;
	unsigned words = 0;

	/* All are on the stack, in whole words. */
	*out = (struct arriving){ .reg = -1 };
	for (unsigned i = 0; gen->n_arguments == 0 && i < index; i++) {
		const struct value_type type = value_type_of(&binary->dwarf, arrivals->table[i].die);

		if (arrivals->table[i].how != ARRIVES_ON_STACK || type.size == 0)
			return false;
		out->stack += type.is_pointer ? gen->word : (type.size + gen->word - 1) / gen->word * gen->word;
	}
	if (gen->n_arguments == 0)
		return arrivals->table[index].how == ARRIVES_ON_STACK;
	for (unsigned i = 0; i <= index; i++) {
		const struct arrival *arrival = &arrivals->table[i];
		bool is_vector = arrival->how == ARRIVES_IN_REGISTER && register_number(binary, arrival->where) < 0;

		if (!is_vector && may_float(binary, arrival))
			return false;
		words += !is_vector;
	}
	*out = words <= gen->n_arguments ? (struct arriving){ .reg = gen->arguments[words - 1] } :
		(struct arriving){ .reg = -1, .stack = (uint64_t)(words - 1 - gen->n_arguments) * gen->word };
	return true;
}

/*
 * Of a global function callers pass what the ABI says, and so they do, where that has registers, of a static one that gcc
 * has compiled under its own name.
 */
static bool is_by_abi(const struct binary *binary, uint32_t index)
{
	const struct dwarf_function *function = &binary->dwarf.functions[index];
	const char *producer = binary->dwarf.units[function->unit].producer;

	return function->external ||
		(binary->file.gen->n_arguments != 0 && producer != NULL && strstr(producer, "GNU") != NULL);
}

int find_passed(const struct binary *binary, uint32_t index, const char *name, struct arriving *out, const char **why)
{
	struct arrivals arrivals;
	unsigned i = 0;
	int err = find_arrivals(binary, index, &arrivals);

	if (err != 0)
		return err;
	while (i < arrivals.count && strcmp(arrivals.table[i].name, name) != 0)
		i++;
	if (i == arrivals.count) {
		*why = "is none of its parameters";
		return 0;
	}
	const struct arrival *arrival = &arrivals.table[i];
	const struct value_type type = value_type_of(&binary->dwarf, arrival->die);
	*out = (struct arriving){ .reg = arrival->how == ARRIVES_IN_REGISTER ? register_number(binary, arrival->where) : -1 };
	if (!type.is_pointer && (type.size != binary->file.gen->word || may_float(binary, arrival)))
		*why = "is no pointer";
	else if (arrival->how == ARRIVES_NOT)
		*why = "is not passed, as the compiler knew what it is";
	else if (arrival->how == ARRIVES_ON_STACK && arrival->where != SOMEWHERE)
		out->stack = (uint64_t)arrival->where;
	else if (out->reg < 0 && (!is_by_abi(binary, index) || !find_by_abi(binary, &arrivals, i, out)))
		*why = "comes in a way that the debug info does not tell";
	return 0;
}

static int check_places(const struct draft *draft, const struct definition *meant, const struct arrivals *arrivals,
			const char *source, uint32_t line)
{
	struct taken taken = { 0, 0 };
	bool knows = true;
	char where[64];

	for (unsigned i = 0; i < arrivals->count; i++) {
		const struct arrival *arrival = &arrivals->table[i];

		if (arrival->how != ARRIVES_NOT &&
		    (draft->target->file.gen->n_arguments == 0 ||
		     is_in_place(draft->target, arrival, &taken, &knows)))
			continue;
		describe(draft->target, arrival, where, sizeof(where));
		return fail(EINVAL, "%s:%u: '%s' of %s takes parameter %u '%s' %s, as the compiler knew what is passed: "
			    "copy the function into the patch, under another name", base_name(source), line,
			    meant->name, draft->target->file.path, i + 1, arrival->name, where);
	}
	return 0;
}

/*
 * Where the debug info does not tell how parameters come, the code does: if the ABI passes none
 * in registers, a function that reads one before it writes it has a convention of its own.
 */
static int check_registers(const struct draft *draft, const struct definition *meant, const char *source, uint32_t line)
{
	const struct gen_arch *gen = draft->target->file.gen;
	struct program target;
	char text[64] = "";
	int err = program_init(&target, draft->target);
	const struct code *code = err == 0 ? program_code(&target, meant->index) : NULL;

	if (err == 0 && code == NULL)
		err = -ENOMEM;
	for (unsigned i = 0; err == 0 && i < gen->n_own_arguments; i++) {
		struct regset one = { register_bits(gen, gen->own_arguments[i]), 0 };

		if (code->n_insns == 0 || code->insns[0].addr != meant->addr || !regset_any(regset_and(code->live[0], one)))
			continue;
		regset_format(one, gen, text, sizeof(text));
		err = fail(EINVAL, "%s:%u: '%s' of %s takes an argument in %s: copy the function into the patch, under another "
			   "name", base_name(source), line, meant->name, draft->target->file.path, text);
	}
	program_deinit(&target);
	return err;
}

int check_reference_convention(const struct draft *draft, const struct definition *meant,
			       const char *source, uint32_t line, bool in_registers)
{
	const struct binary *target = draft->target;
	struct arrivals arrivals;
	char where[64];
	int err = find_arrivals(target, meant->index, &arrivals);

	if (err == 0)
		err = check_places(draft, meant, &arrivals, source, line);
	if (err != 0 || arrivals.count == 0 || target->file.gen->n_own_arguments == 0)
		return err;
	for (unsigned i = 0; i < arrivals.count; i++) {
		const struct arrival *arrival = &arrivals.table[i];

		if (arrival->how != ARRIVES_IN_REGISTER || (in_registers && is_regparm(target, &arrivals)))
			continue;
		describe(target, arrival, where, sizeof(where));
		return fail(EINVAL, "%s:%u: '%s' of %s takes parameter %u '%s' %s: %s", base_name(source),
			    line, meant->name, target->file.path, i + 1, arrival->name, where,
			    is_regparm(target, &arrivals) ?
			    "declare it with VZP_REGISTER_FUNC_REF" : "copy the function into the patch");
	}
	if (!in_registers && !meant->global)
		err = check_registers(draft, meant, source, line);
	if (err == 0 && in_registers && arrivals.table[0].how == ARRIVES_ON_STACK)
		return fail(EINVAL, "%s:%u: '%s' of %s takes its arguments on the stack: declare it with "
			    "VZP_STATIC_FUNC_REF", base_name(source), line, meant->name,
			    target->file.path);
	return err;
}
