/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "resume.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "callers.h"
#include "checks.h"
#include "code.h"
#include "cursor.h"
#include "dwarf_range.h"
#include "refusals.h"
#include "results.h"
#include "type.h"

#define SITES_MAX 8		/* entries of the stub, vzp.h */
#define SITE_SIZE 256		/* bytes of each */
#define ROOM_SIZE 64		/* bytes of an entry's unwind table that are to be filled in, in each of three states */
#define BEFORE_REGISTERS 10	/* words of struct vzp__frame before the registers */
#define ENTRY_SIZE 16		/* bytes of struct vzp__entry */
#define SCOPES_MAX 64
#define WHY_MAX 200

/* enum vzp__kind of vzp.h. */
enum spot_kind {
	SPOT_MEMORY = 1, SPOT_REGISTER, SPOT_POINTED, SPOT_COMPUTED, SPOT_CONSTANT, SPOT_CFA, SPOT_CFA_POINTED, SPOT_BACK
};
#define FROM_CFA 0xff

/* Where something is: struct vzp__entry of vzp.h without its id and site. */
struct variable_spot {
	enum spot_kind kind;
	unsigned base;
	int64_t value;
};

/* One VZP_RESUME. */
struct resume {
	struct draft *draft;
	const struct directives *directives;
	const struct directive *directive;
	struct program *target;
	const struct dwarf_function *loop, *go_on;
	const struct code *code;		/* of loop */
	struct variable_spot frame_base;		/* of loop; kind 0: not known */
	uint64_t stub, stub_size;		/* in the patch */
	uint8_t *table;				/* in the patch's bytes */
	size_t n_entries, max_entries, n_sites;
	bool wants_result;			/* go_on has a parameter */
};

#define REFUSE(resume, format, ...) \
	fail(EINVAL, "%s:%u: VZP_RESUME(%s, %s, %s): " format, base_name((resume)->directive->source), \
	     (resume)->directive->line, (resume)->directive->name, (resume)->directive->label, (resume)->directive->file, \
	     __VA_ARGS__)

/* ---- expressions of DWARF ---- */

enum {
	OP_ADDR = 0x03, OP_DEREF = 0x06, OP_CONST1U = 0x08, OP_CONST8S = 0x0f, OP_CONSTU = 0x10, OP_CONSTS = 0x11,
	OP_MINUS = 0x1c, OP_PLUS = 0x22, OP_PLUS_UCONST = 0x23, OP_LIT0 = 0x30, OP_REG0 = 0x50, OP_BREG0 = 0x70, OP_REGX = 0x90, OP_FBREG = 0x91,
	OP_BREGX = 0x92, OP_PIECE = 0x93, OP_CALL_FRAME_CFA = 0x9c, OP_IMPLICIT_VALUE = 0x9e, OP_STACK_VALUE = 0x9f,
	OP_ENTRY_VALUE = 0xa3, OP_GNU_ENTRY_VALUE = 0xf3,
};

/* Instructions of unwind tables, and the bytes of an FDE before them: assemblers make it with 32-bit addresses and no augmentation. */
enum { CFA_ADVANCE = 0x40, CFA_ADVANCE1 = 0x02, CFA_DEF_EXPRESSION = 0x0f, CFA_EXPRESSION = 0x10, CFA_ARGS_SIZE = 0x2e, FDE_HEAD = 17 };

static bool is_constant(uint8_t op)
{
	return (op >= OP_CONST1U && op <= OP_CONSTS) || (op >= OP_LIT0 && op < OP_REG0);
}

static int64_t read_constant(struct cursor *at, uint8_t op)
{
	const unsigned size = 1U << (op - OP_CONST1U) / 2, shift = 64 - 8 * size;

	if (op >= OP_LIT0)
		return op - OP_LIT0;
	if (op == OP_CONSTU)
		return (int64_t)cursor_uleb(at);
	if (op == OP_CONSTS)
		return cursor_sleb(at);
	uint64_t value = cursor_uint(at, size);
	return (op - OP_CONST1U) % 2 == 0 ? (int64_t)value : (int64_t)(value << shift) >> shift;
}

/* Add a constant, as clang 19 does to the CFA for its frame base.  False: something else is done with it. */
static bool add_constant(struct cursor *at, uint8_t op, int64_t *value)
{
	const uint64_t constant = (uint64_t)read_constant(at, op);
	const uint8_t how = cursor_u8(at);

	*value = (int64_t)(how == OP_PLUS ? (uint64_t)*value + constant : (uint64_t)*value - constant);
	return how == OP_PLUS || how == OP_MINUS;
}

/* Read the first operation, which says where the rest begins.  NULL, or why that is not known. */
static const char *read_start(const struct variable_spot *frame_base, struct cursor *at, struct variable_spot *out)
{
	const uint8_t op = cursor_u8(at);

	*out = (struct variable_spot){ .kind = SPOT_MEMORY };
	if (op >= OP_REG0 && op < OP_BREG0) {
		*out = (struct variable_spot){ SPOT_REGISTER, op - OP_REG0, 0 };
	} else if (op == OP_REGX) {
		*out = (struct variable_spot){ SPOT_REGISTER, (unsigned)cursor_uleb(at), 0 };
	} else if (op >= OP_BREG0 && op < OP_REGX) {
		out->base = op - OP_BREG0;
		out->value = cursor_sleb(at);
	} else if (op == OP_BREGX) {
		out->base = (unsigned)cursor_uleb(at);
		out->value = cursor_sleb(at);
	} else if (op == OP_FBREG && frame_base->kind != 0) {
		*out = *frame_base;
		out->value += cursor_sleb(at);
	} else if (op == OP_CALL_FRAME_CFA) {
		out->base = FROM_CFA;
	} else if (is_constant(op)) {
		*out = (struct variable_spot){ SPOT_CONSTANT, 0, read_constant(at, op) };
	} else if (op == OP_IMPLICIT_VALUE) {
		uint64_t size = cursor_uleb(at);

		if (size > sizeof(out->value))
			return "is a constant";
		*out = (struct variable_spot){ SPOT_CONSTANT, 0, (int64_t)cursor_uint(at, size) };
	} else {
		return op == OP_ADDR ? "has an address of its own (VZP_STATIC_VAR_REF, or extern)" :
			op == OP_ENTRY_VALUE || op == OP_GNU_ENTRY_VALUE ? "is optimised away: only the caller knows it" :
			op == OP_PIECE ? "is in pieces" : "is described in a way that nsb-gen does not follow";
	}
	return NULL;
}

/* Where the expression says that a thing is.  NULL, or why that is not known. */
static const char *evaluate(const struct dwarf_bytes *expression, const struct variable_spot *frame_base, struct variable_spot *out)
{
	bool is_value = false;
	struct cursor at;

	cursor_init(&at, expression->data, expression->size);
	if (expression->size == 0)
		return "is optimised away";
	const char *why = read_start(frame_base, &at, out);
	/* DW_OP_implicit_value says all. */
	bool needs_value = why == NULL && out->kind == SPOT_CONSTANT && expression->data[0] != OP_IMPLICIT_VALUE;
	while (why == NULL && at.p < at.end && !at.bad) {
		uint8_t op = cursor_u8(&at);

		if (op == OP_PIECE)
			why = "is in pieces";
		else if (is_value || out->kind == SPOT_REGISTER || (out->kind == SPOT_CONSTANT && op != OP_STACK_VALUE))
			why = "is described in a way that nsb-gen does not follow";
		else if (op == OP_STACK_VALUE)
			is_value = true;
		else if (op == OP_PLUS_UCONST && out->kind == SPOT_MEMORY)
			out->value += (int64_t)cursor_uleb(&at);
		else if (is_constant(op) && out->kind == SPOT_MEMORY && add_constant(&at, op, &out->value))
			continue;
		else if (op == OP_DEREF && out->kind == SPOT_MEMORY)
			out->kind = SPOT_POINTED;
		else
			why = "is described in a way that nsb-gen does not follow";
	}
	if (why == NULL && (at.bad || (needs_value && !is_value)))
		why = "is described in a way that nsb-gen does not follow";
	if (is_value && out->kind == SPOT_MEMORY)
		out->kind = SPOT_COMPUTED;
	else if (is_value && out->kind == SPOT_POINTED)
		out->kind = SPOT_MEMORY;
	return why;
}

/* Does the register mean the same behind a call as before, or is it the call's result? */
static bool is_kept(const struct gen_arch *gen, unsigned reg)
{
	if (reg == gen->dwarf_sp)
		return true;
	for (unsigned i = 0; i < gen->n_kept_dwarf; i++)
		if (gen->kept_dwarf[i] == reg)
			return true;
	return false;
}

static const char *check_registers(const struct gen_arch *gen, const struct variable_spot *place)
{
	if (place->kind == SPOT_CONSTANT || place->base == FROM_CFA || is_kept(gen, place->base))
		return NULL;
	if (place->base < gen->n_from_dwarf && gen->from_dwarf[place->base] == gen->result)
		return NULL;
	return place->base < gen->n_from_dwarf ? "is in a register that the call may change" :
		"is in a register of floating point, or a special one";
}

/* ---- variables ---- */

static bool is_call(const struct insn *insn)
{
	return insn->flow == FLOW_CALL || insn->flow == FLOW_CALL_ANY;
}

/* May something branch to one of the bytes from `lo` up to `hi`? */
static bool is_branched_to(const struct code *code, uint64_t lo, uint64_t hi)
{
	for (size_t i = 0; i < code->n_targets; i++)
		if (code->insns[code->targets[i]].addr >= lo && code->insns[code->targets[i]].addr < hi)
			return true;
	for (size_t i = 0; i < code->n_insns; i++)
		if ((code->insns[i].flow == FLOW_JUMP || code->insns[i].flow == FLOW_BRANCH) && code->insns[i].to >= lo &&
		    code->insns[i].to < hi)
			return true;
	return false;
}

/* How far the CFA of the loop is from the stack pointer between calls, where code of all ways through it meets. */
static bool find_level(const struct resume *resume, int64_t *level)
{
	const struct gen_arch *gen = resume->target->gen;
	const struct code *code = resume->code;
	struct cfi_rules rules;
	bool found = false;

	for (size_t i = 0; i < code->n_insns; i++) {
		const uint64_t addr = code->insns[i].addr;

		if (!is_branched_to(code, addr, addr + 1))
			continue;
		if (!frame_rules(&resume->target->frames, addr, &rules) || rules.cfa.kind != RULE_OFFSET ||
		    rules.cfa_register != gen->dwarf_sp)
			return false;
		/* There may be ways that come before the frame is made. */
		if (rules.cfa.value == gen->word)
			continue;
		if (found && *level != (int64_t)rules.cfa.value)
			return false;
		*level = (int64_t)rules.cfa.value;
		found = true;
	}
	return found;
}

/* May the code that leads straight to the call before `place` have moved the stack pointer? */
static bool moves_stack(const struct code *code, uint64_t place)
{
	for (size_t i = code->n_insns; i-- > 0;) {
		const struct insn *insn = &code->insns[i];

		if (insn->addr >= place)
			continue;
		if (insn->stack != STACK_KEPT && !is_call(insn))
			return true;
		if (is_branched_to(code, insn->addr, insn->addr + 1) ||
		    (i > 0 && insn[-1].flow != FLOW_NEXT && !is_call(&insn[-1])))
			return false;
	}
	return true;
}

/*
 * clang counts from the stack pointer as it is between calls (gcc from the CFA).  Where a call has returned to, its arguments
 * may still be on the stack, as is usual on i386: then the stack pointer is lower.  NULL, or why the place is not known.
 */
static const char *count_from_cfa(const struct resume *resume, uint64_t place, struct variable_spot *spot)
{
	const struct gen_arch *gen = resume->target->gen;
	struct cfi_rules rules;
	int64_t level;

	if (spot->kind == SPOT_REGISTER || spot->kind == SPOT_CONSTANT || spot->base != gen->dwarf_sp ||
	    (resume->frame_base.kind != 0 && resume->frame_base.base == FROM_CFA))
		return NULL;
	if (!frame_rules(&resume->target->frames, place, &rules))
		return "counts from a stack pointer of which nothing is known";
	if (rules.cfa.kind != RULE_OFFSET || rules.cfa_register != gen->dwarf_sp)
		return moves_stack(resume->code, place) ? "counts from a stack pointer that arguments have moved" : NULL;
	if (!find_level(resume, &level))
		return "counts from a stack pointer that moves";
	spot->base = FROM_CFA;
	spot->value -= level;
	return NULL;
}

/* A variable as a call sees it. */
struct sighting {
	struct dwarf_die die;
	unsigned depth;		/* of its scope; 0: there is none of that name */
};

static bool covers(const struct dwarf *dwarf, const struct dwarf_die *die, uint64_t pc)
{
	struct dwarf scratch = *dwarf;		/* the ranges of a block are in no index */
	struct dwarf_function function = { 0 };
	bool found = false;

	scratch.ranges = NULL;
	scratch.n_ranges = 0;
	if (dwarf_read_code(&scratch, die, &function) != 0)
		msg_forget();
	else
		for (uint32_t i = 0; i < function.n_ranges; i++)
			found = found || (pc >= scratch.ranges[i].lo && pc < scratch.ranges[i].hi);
	free(scratch.ranges);
	return found;
}

/* The DIE that has a variable's name and type: its own, or that which it is an instance of. */
static bool find_abstract(const struct dwarf *dwarf, const struct dwarf_die *die, struct dwarf_die *out)
{
	uint64_t origin;

	*out = *die;
	for (int i = 0; i < 4 && dwarf_reference(dwarf, out, DWARF_ORIGIN, &origin); i++)
		if (dwarf_die_read(dwarf, origin, out) != 0) {
			msg_forget();
			return false;
		}
	return true;
}

/* Has the compiler put a part of the callee itself there? */
static bool is_inlined_callee(const struct dwarf *dwarf, const struct dwarf_die *scope, const char *callee)
{
	struct dwarf_die abstract;

	if (scope->tag != DW_TAG_inlined_subroutine || !find_abstract(dwarf, scope, &abstract))
		return false;
	const char *name = dwarf_text(dwarf, &abstract, DWARF_NAME);
	return name != NULL && strcmp(name, callee) == 0;
}

/* Look for a variable of that name in a scope, and in those inside of it that have the address: the innermost one counts, but none of the callee. */
static int search(const struct dwarf *dwarf, const struct dwarf_die *scope, uint64_t pc, const char *callee, const char *name,
		  unsigned depth, struct sighting *out)
{
	struct dwarf_die die, abstract;
	int more = dwarf_child(dwarf, scope, &die), err = 0;

	for (; more > 0 && err == 0; more = dwarf_sibling(dwarf, &die, &die)) {
		if (die.tag == DW_TAG_lexical_block || die.tag == DW_TAG_inlined_subroutine) {
			if (depth < SCOPES_MAX && covers(dwarf, &die, pc) && !is_inlined_callee(dwarf, &die, callee))
				err = search(dwarf, &die, pc, callee, name, depth + 1, out);
		} else if ((die.tag == DW_TAG_variable || die.tag == DW_TAG_formal_parameter) && depth >= out->depth &&
			   find_abstract(dwarf, &die, &abstract)) {
			const char *own = dwarf_text(dwarf, &abstract, DWARF_NAME);

			if (own != NULL && strcmp(own, name) == 0)
				*out = (struct sighting){ die, depth };
		}
	}
	return more < 0 ? more : err;
}

/* The bytes of a type; 0: not known. */
static uint64_t type_size(const struct dwarf *dwarf, uint64_t type, unsigned word)
{
	struct dwarf_die die;
	uint64_t size;

	for (int i = 0; i < 16 && type != 0; i++) {
		if (dwarf_die_read(dwarf, type, &die) != 0) {
			msg_forget();
			return 0;
		}
		if (dwarf_number(&die, DWARF_BYTE_SIZE, &size))
			return size;
		if (die.tag == DW_TAG_pointer_type)
			return word;
		if (!dwarf_reference(dwarf, &die, DWARF_TYPE, &type) || die.tag == DW_TAG_array_type)
			return 0;
	}
	return 0;
}

/* Is the variable just what the call has returned? */
static bool is_result(const struct gen_arch *gen, const struct dwarf_bytes *expression, struct variable_spot *out)
{
	const struct variable_spot none = { 0 };

	return evaluate(expression, &none, out) == NULL && out->kind == SPOT_REGISTER && out->base < gen->n_from_dwarf &&
		gen->from_dwarf[out->base] == gen->result;
}

/*
 * Where the variable is during the call: at `place` it may be what statements behind the call make of it.  A compiler that
 * has computed `rounds + 1` before the call says that `rounds` is that from there on.
 *
 * The call at `call` returns to `place`.  NULL, or why that is not known; an error in *err.
 */
static const char *find_local(const struct resume *resume, const struct directive *local, uint64_t call, uint64_t place,
			      struct variable_spot *out, struct sighting *seen, int *err)
{
	const struct dwarf *dwarf = &resume->draft->target->dwarf;
	const struct gen_arch *gen = resume->target->gen;
	struct dwarf_die die, abstract;
	struct dwarf_bytes expression;
	uint64_t type = 0;

	*seen = (struct sighting){ .depth = 0 };
	*err = dwarf_die_read(dwarf, resume->loop->die, &die);
	if (*err == 0)
		*err = search(dwarf, &die, call, resume->directive->label, local->name, 1, seen);
	if (*err != 0)
		return NULL;
	if (seen->depth == 0)
		return "is no variable there";
	const struct dwarf_value *constant = &seen->die.values[DWARF_CONST_VALUE];
	const char *why = NULL;
	if (dwarf_has(&seen->die, DWARF_CONST_VALUE) && constant->kind != DWARF_BLOCK)
		*out = (struct variable_spot){ SPOT_CONSTANT, 0, (int64_t)constant->u };
	else if (dwarf_location_at(dwarf, &seen->die, place - 1, &expression))
		why = evaluate(&expression, &resume->frame_base, out);
	else if (!dwarf_location_at(dwarf, &seen->die, place, &expression) || !is_result(gen, &expression, out))
		why = "is optimised away";
	if (why == NULL)
		why = count_from_cfa(resume, place, out);
	if (why == NULL)
		why = check_registers(gen, out);
	if (why != NULL)
		return why;
	if (!find_abstract(dwarf, &seen->die, &abstract) || !dwarf_reference(dwarf, &abstract, DWARF_TYPE, &type))
		return "has no type in the debug info";
	uint64_t size = type_size(dwarf, type, gen->word);
	if (out->kind != SPOT_MEMORY && out->kind != SPOT_POINTED && (size == 0 || size > gen->word))
		return "is in no memory, and larger than a register";
	if (local->kind == DIRECTIVE_LOCAL_AT && out->kind != SPOT_MEMORY && out->kind != SPOT_POINTED)
		return "is in no memory";
	return NULL;
}

/* The line of the source that code comes of; 0: not known. */
static uint32_t line_at(const struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t addr)
{
	struct dwarf_row *rows = NULL;
	size_t count = 0;
	uint32_t line = 0;

	if (dwarf_read_rows(dwarf, unit, &rows, &count) != 0)
		msg_forget();
	for (size_t i = 0; i + 1 < count && line == 0; i++)
		if (!rows[i].is_end && rows[i].addr <= addr && addr < rows[i + 1].addr)
			line = rows[i].line;
	free(rows);
	return line;
}

/* Find the call nearest to `place` at which the variable lives; NULL if there is none. */
static const struct insn *find_nearest(const struct resume *resume, const struct directive *local, uint64_t place)
{
	const struct insn *nearest = NULL;
	uint64_t distance = UINT64_MAX;

	for (size_t i = 0; i < resume->code->n_insns; i++) {
		const struct insn *insn = &resume->code->insns[i];
		uint64_t back = insn->addr + insn->size, far = back > place ? back - place : place - back;
		struct variable_spot found;
		struct sighting seen;
		int err;

		if (!is_call(insn) || back == place || far >= distance ||
		    program_callee_name(resume->target, insn) == NULL ||
		    find_local(resume, local, insn->addr, back, &found, &seen, &err) != NULL)
			continue;
		if (err != 0) {
			msg_forget();
			continue;
		}
		nearest = insn;
		distance = far;
	}
	return nearest;
}

static int refuse_local(const struct resume *resume, const struct directive *local, uint64_t call, uint64_t place,
			const char *why)
{
	const struct binary *target = resume->draft->target;
	const struct dwarf_unit *unit = &target->dwarf.units[resume->loop->unit];
	const struct insn *nearest = find_nearest(resume, local, place);
	char cure[WHY_MAX] = "at no other call of it, either";

	if (nearest != NULL)
		snprintf(cure, sizeof(cure), "it is known at the call of %.80s in line %u",
			 program_callee_name(resume->target, nearest), line_at(&target->dwarf, unit, nearest->addr));
	return fail(EINVAL, "%s:%u: '%s' of '%s' %s where %s() returns to, line %u of %s: %s (do without, or stand at another"
		    " call)", base_name(local->source), local->line, local->name, resume->directive->name, why,
		    resume->directive->label, line_at(&target->dwarf, unit, call),
		    unit->name != NULL ? base_name(unit->name) : "the source", cure);
}

/* ---- the table ---- */

static int add_entry(struct resume *resume, uint32_t id, const struct variable_spot *place)
{
	uint8_t *entry = resume->table + resume->n_entries * ENTRY_SIZE;
	const uint64_t value = (uint64_t)place->value;

	/* The last one stays zero. */
	if (resume->n_entries + 1 >= resume->max_entries)
		return REFUSE(resume, "there are more variables and calls than fit into the table, %zu entries",
			      resume->max_entries);
	memset(entry, 0, ENTRY_SIZE);
	for (unsigned i = 0; i < 4; i++)
		entry[i] = (uint8_t)(id >> 8 * i);
	entry[4] = (uint8_t)resume->n_sites;
	entry[5] = (uint8_t)place->kind;
	entry[6] = (uint8_t)place->base;
	for (unsigned i = 0; i < 8; i++)
		entry[8 + i] = (uint8_t)(value >> 8 * i);
	resume->n_entries++;
	return 0;
}

static bool is_local_of(const struct resume *resume, const struct directive *local)
{
	return (local->kind == DIRECTIVE_LOCAL || local->kind == DIRECTIVE_LOCAL_AT) && local->function != NULL &&
		local->unit == resume->directive->unit && strcmp(local->function, resume->directive->file) == 0;
}

static int add_local(struct resume *resume, const struct directive *local, uint64_t call, uint64_t place)
{
	const struct dwarf *patch = &resume->draft->patch->dwarf, *target = &resume->draft->target->dwarf;
	struct dwarf_die abstract;
	char why[TYPE_WHY_MAX];
	struct variable_spot found;
	struct sighting seen;
	uint64_t type = 0;
	int err;
	const char *missing = find_local(resume, local, call, place, &found, &seen, &err);

	if (err != 0)
		return err;
	if (missing != NULL)
		return refuse_local(resume, local, call, place, missing);
	if (!find_abstract(target, &seen.die, &abstract) || !dwarf_reference(target, &abstract, DWARF_TYPE, &type))
		return fail(EINVAL, "%s:%u: '%s' has no type in the debug info", base_name(local->source), local->line,
			    local->name);
	int same = type_equal((struct type){ patch, local->type }, (struct type){ target, type }, why);
	if (same == 0)
		return fail(EINVAL, "%s:%u: '%s' has another type in '%s' of %s%s%s", base_name(local->source), local->line,
			    local->name, resume->directive->name, resume->draft->target->file.path, *why != '\0' ? ": " : "", why);
	debug("%s:%u: '%s' at 0x%" PRIx64 ": kind %d, register %u, %" PRId64, base_name(local->source), local->line,
	      local->name, place, (int)found.kind, found.base, found.value);
	return same < 0 ? same : add_entry(resume, local->id, &found);
}

/* ---- the frame ---- */

/* An expression of unwind tables, which is in the target's file. */
static bool evaluate_rule(const struct resume *resume, const struct cfi_rule *rule, struct variable_spot *out)
{
	const struct variable_spot none = { 0 };
	uint8_t bytes[16];
	struct dwarf_bytes expression = { bytes, rule->size };

	return rule->size <= sizeof(bytes) && elffile_read(&resume->draft->target->file, rule->value, bytes, rule->size) &&
		evaluate(&expression, &none, out) == NULL && (out->kind == SPOT_MEMORY || out->kind == SPOT_POINTED);
}

/* Where the old activation's frame ends, and where it keeps what its caller's registers have to be; kind 0: in the register itself. */
struct old_frame {
	struct variable_spot cfa, back[DWARF_REGS_MAX];
};

/* How far an entry of the stub is: nothing is done; there is room on the stack; the frame pointer is that of struct vzp__frame. */
enum entry_state { ENTRY_BEGINS, ENTRY_HAS_ROOM, ENTRY_HAS_FRAME };

/* Instructions of an unwind table, as they are put together. */
struct cfi_text {
	uint8_t bytes[ROOM_SIZE];
	size_t size;
};

static void put(struct cfi_text *text, unsigned byte)
{
	if (text->size < ROOM_SIZE)
		text->bytes[text->size] = (uint8_t)byte;
	text->size++;
}

static void put_sleb(struct cfi_text *text, int64_t value)
{
	for (; value < -64 || value > 63; value >>= 7)
		put(text, 0x80 | (value & 0x7f));
	put(text, value & 0x7f);
}

/* Append an instruction and its expression, of less than 128 bytes. */
static void put_expression(struct cfi_text *text, const struct cfi_text *expression)
{
	put(text, (unsigned)expression->size);
	for (size_t i = 0; i < expression->size && i < ROOM_SIZE; i++)
		put(text, expression->bytes[i]);
}

/* An expression for the address of a spot of the old activation, as registers are in that state. */
static struct cfi_text place_of(const struct gen_arch *gen, const struct variable_spot *spot, enum entry_state state)
{
	const int64_t room = (int64_t)gen->word * (BEFORE_REGISTERS + gen->n_from_dwarf + 1);
	struct cfi_text out = { .size = 0 };

	if (spot->base == FROM_CFA) {			/* which is on the expression's stack already */
		put(&out, OP_CONSTS);
		put_sleb(&out, spot->value);
		put(&out, OP_PLUS);
	} else if (spot->base == gen->dwarf_sp) {
		put(&out, OP_BREG0 + (state == ENTRY_HAS_FRAME ? gen->dwarf_fp : gen->dwarf_sp));
		put_sleb(&out, spot->value + (state == ENTRY_BEGINS ? 0 : room));
	} else if (spot->base == gen->dwarf_fp && state == ENTRY_HAS_FRAME) {
		put(&out, OP_BREG0 + gen->dwarf_fp);
		put_sleb(&out, (int64_t)gen->word * (BEFORE_REGISTERS + gen->dwarf_fp));
		put(&out, OP_DEREF);
		put(&out, OP_CONSTS);
		put_sleb(&out, spot->value);
		put(&out, OP_PLUS);
	} else {
		put(&out, OP_BREG0 + spot->base);
		put_sleb(&out, spot->value);
	}
	return out;
}

static struct cfi_text write_rules(const struct gen_arch *gen, const struct old_frame *frame, enum entry_state state)
{
	struct cfi_text out = { .size = 0 }, place = place_of(gen, &frame->cfa, state);

	if (frame->cfa.kind == SPOT_CFA_POINTED)
		put(&place, OP_DEREF);
	put(&out, CFA_DEF_EXPRESSION);
	put_expression(&out, &place);
	for (unsigned i = 0; i < gen->n_kept_dwarf; i++) {
		const unsigned reg = gen->kept_dwarf[i];
		struct variable_spot spot = frame->back[reg];

		if (spot.kind == 0 && (reg != gen->dwarf_fp || state != ENTRY_HAS_FRAME))
			continue;
		/* The frame pointer is in struct vzp__frame then, which lies where the stack pointer was, less the room. */
		if (spot.kind == 0)
			spot = (struct variable_spot){ SPOT_BACK, gen->dwarf_sp,
						       -(int64_t)gen->word * (gen->n_from_dwarf + 1 - gen->dwarf_fp) };
		place = place_of(gen, &spot, state);
		put(&out, CFA_EXPRESSION);
		put(&out, reg);
		put_expression(&out, &place);
	}
	return out;
}

/* The next room of an unwind table, and what is behind it; NULL: there is none. */
static uint8_t *find_room(uint8_t **at, const uint8_t *end)
{
	uint8_t *room = *at;

	if ((size_t)(end - room) < ROOM_SIZE + 2)
		return NULL;
	for (unsigned i = 0; i < ROOM_SIZE; i++)
		if (room[i] != 0)
			return NULL;
	*at = room + ROOM_SIZE;
	if ((**at & 0xc0) == CFA_ADVANCE)
		*at += 1;
	else if (**at == CFA_ADVANCE1 || **at == CFA_ARGS_SIZE)
		*at += 2;
	else
		return NULL;
	return room;
}

/* Write how the old activation's caller is found while the stub's entry for this place is at work. */
static int write_entry(const struct resume *resume, const struct old_frame *frame)
{
	const struct elffile *file = &resume->draft->patch->file;
	const uint64_t entry = resume->stub + SITE_SIZE * resume->n_sites;
	struct frames frames;
	int err = frames_init(&frames, file);
	uint8_t *at = NULL;
	const uint8_t *end = NULL;
	size_t upto = ARRAY_UPTO(frames.index, frames.table.n_index, start, entry);
	uint32_t length;

	if (err == 0 && upto > 0 && frames.index[upto - 1].start == entry &&
	    elffile_read(file, frames.index[upto - 1].fde, &length, sizeof(length)) && length < 0x1000 &&
	    length > FDE_HEAD - sizeof(length)) {
		at = elffile_kept(file, frames.index[upto - 1].fde, length + sizeof(length));
		end = at + length + sizeof(length);
	}
	frames_deinit(&frames);
	if (at != NULL)
		at += FDE_HEAD;
	for (enum entry_state state = ENTRY_BEGINS; err == 0 && state <= ENTRY_HAS_FRAME; state++) {
		const struct cfi_text text = write_rules(resume->target->gen, frame, state);
		uint8_t *room = at != NULL ? find_room(&at, end) : NULL;

		if (room == NULL)
			return REFUSE(resume, "the unwind table of its stub is not what nsb/vzp.h has made (is it of another version,"
				      " or does the linker change .eh_frame?)%s", "");
		if (text.size > ROOM_SIZE)
			return REFUSE(resume, "the frame of '%s' is one that nsb-gen does not follow", resume->directive->name);
		memcpy(room, text.bytes, text.size);
	}
	return err;
}

/* Enter where the frame ends, and where what its caller's registers have to be is. */
static int add_frame(struct resume *resume, uint64_t place)
{
	const struct gen_arch *gen = resume->target->gen;
	struct variable_spot found = { .kind = SPOT_CFA };
	struct old_frame frame = { 0 };
	struct cfi_rules rules;
	int err;

	if (!frame_rules(&resume->target->frames, place, &rules) || rules.signal)
		return REFUSE(resume, "%s has no unwind information at 0x%" PRIx64, resume->draft->target->file.path, place);
	if (rules.cfa.kind == RULE_OFFSET) {
		found.base = (unsigned)rules.cfa_register;
		found.value = (int64_t)rules.cfa.value;
	} else if (!evaluate_rule(resume, &rules.cfa, &found)) {
		found.base = UINT8_MAX - 1;
	} else {
		found.kind = found.kind == SPOT_POINTED ? SPOT_CFA_POINTED : SPOT_CFA;
	}
	if (!is_kept(gen, found.base) || rules.return_column >= DWARF_REGS_MAX ||
	    rules.rules[rules.return_column].kind != RULE_OFFSET ||
	    rules.rules[rules.return_column].value != -(uint64_t)gen->word)
		return REFUSE(resume, "the frame of '%s' is one that nsb-gen does not follow", resume->directive->name);
	err = add_entry(resume, 0, &found);
	frame.cfa = found;
	for (unsigned i = 0; i < gen->n_kept_dwarf && err == 0; i++) {
		const struct cfi_rule *rule = &rules.rules[gen->kept_dwarf[i]];

		if (rule->kind == RULE_UNSET || rule->kind == RULE_SAME)
			continue;
		found = (struct variable_spot){ SPOT_MEMORY, FROM_CFA, (int64_t)rule->value };
		if (rule->kind != RULE_OFFSET && (rule->kind != RULE_EXPRESSION || !evaluate_rule(resume, rule, &found) ||
						  found.kind != SPOT_MEMORY || !is_kept(gen, found.base)))
			return REFUSE(resume, "the frame of '%s' is one that nsb-gen does not follow", resume->directive->name);
		found.kind = SPOT_BACK;
		frame.back[gen->kept_dwarf[i]] = found;
		err = add_entry(resume, i + 1, &found);
	}
	return err == 0 ? write_entry(resume, &frame) : err;
}

/* ---- the calls ---- */

/* Is it the name of a function, or of that which stands in for it where the headers check sizes (_FORTIFY_SOURCE): __poll_chk? */
static bool is_named(const char *called, const char *name)
{
	size_t length = strlen(name);

	return strcmp(called, name) == 0 || (strncmp(called, "__", 2) == 0 && strncmp(called + 2, name, length) == 0 &&
					     strcmp(called + 2 + length, "_chk") == 0);
}

/* Is it a part or a clone of the function, as gcc makes them?  What that returns need not be what the function does. */
static bool is_part(const char *called, const char *name)
{
	size_t length = strlen(name);

	return strncmp(called, name, length) == 0 && called[length] == '.';
}

/* Does the instruction call the function that was named? */
static bool is_call_of(const struct resume *resume, const struct insn *insn, const char *name)
{
	const struct binary *target = resume->draft->target;
	const char *called = is_call(insn) ? program_callee_name(resume->target, insn) : NULL;

	if (called != NULL && (is_named(called, name) || (!resume->wants_result && is_part(called, name))))
		return true;
	/* In a static executable one address has several names. */
	for (size_t i = 0; insn->flow == FLOW_CALL && i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->section != SHN_UNDEF && symbol->value == insn->to && is_named(symbol->name, name))
			return true;
	}
	return false;
}

static int check_room(const struct resume *resume, uint64_t place)
{
	const struct dwarf *dwarf = &resume->draft->target->dwarf;
	const struct gen_arch *gen = resume->target->gen;
	const uint64_t end = place + gen->jump_size, before = gen->landing_max + gen->jump_size;

	for (uint32_t i = 0; i < resume->loop->n_ranges; i++) {
		struct dwarf_range range = dwarf->ranges[resume->loop->first_range + i];

		if (place < range.lo || place >= range.hi)
			continue;
		if (end > range.hi || place - range.lo < before)
			return REFUSE(resume, "the call at 0x%" PRIx64 " is too near to the %s of '%s' for a jump behind it", place,
				      end > range.hi ? "end" : "start", resume->directive->name);
	}
	if (is_branched_to(resume->code, place, end))
		return REFUSE(resume, "other code of '%s' leads to what is behind the call, 0x%" PRIx64 ", where a jump"
			      " would come to lie", resume->directive->name, place);
	return 0;
}

static int add_site(struct resume *resume, const struct insn *call)
{
	const uint64_t place = call->addr + call->size;
	int err = check_room(resume, place);

	if (err == 0 && resume->n_sites == SITES_MAX)
		err = REFUSE(resume, "there are more than %d such calls", SITES_MAX);
	if (err == 0)
		err = add_frame(resume, place);
	for (size_t i = 0; err == 0 && i < resume->directives->count; i++)
		if (is_local_of(resume, &resume->directives->table[i]))
			err = refuse_later(resume->draft, add_local(resume, &resume->directives->table[i], call->addr, place));
	if (err == 0)
		err = draft_add_return(resume->draft, resume->go_on->name, place, resume->stub + SITE_SIZE * resume->n_sites,
				       resume->stub_size - SITE_SIZE * resume->n_sites);
	resume->n_sites++;
	return err;
}

/* What a function may do that makes its frame more than a frame. */
static int check_code(const struct resume *resume)
{
	static const char *const twice[] = {
		"setjmp", "_setjmp", "sigsetjmp", "__sigsetjmp", "getcontext", "vfork", "__pthread_register_cancel",
		"__pthread_register_cancel_defer",
	};
	const struct code *code = resume->code;

	if (!code->is_whole || code->n_insns == 0)
		return REFUSE(resume, "'%s' has an instruction that nsb-gen does not understand", resume->directive->name);
	if (frame_handles(&resume->target->frames, code->insns[0].addr))
		return REFUSE(resume, "'%s' may catch exceptions, or clean up when it is left: nobody would do that any more",
			      resume->directive->name);
	for (size_t i = 0; i < code->n_insns; i++) {
		if (code->insns[i].flow == FLOW_RETURN && code->insns[i].popped != 0)
			return REFUSE(resume, "'%s' takes its arguments off the stack", resume->directive->name);
		for (size_t k = 0; k < sizeof(twice) / sizeof(twice[0]); k++)
			if (is_call_of(resume, &code->insns[i], twice[k]))
				return REFUSE(resume, "'%s' calls %s(), which may return to it once more", resume->directive->name,
					      twice[k]);
	}
	return 0;
}

/* ---- what the author named ---- */

/* The type that a DIE has, itself or by what it is an instance of; 0: void. */
static uint64_t type_of(const struct dwarf *dwarf, uint64_t at)
{
	uint64_t type = 0, origin;
	struct dwarf_die die;

	for (int i = 0; i < 4; i++) {
		if (dwarf_die_read(dwarf, at, &die) != 0) {
			msg_forget();
			return 0;
		}
		if (dwarf_reference(dwarf, &die, DWARF_TYPE, &type))
			return type;
		if (!dwarf_reference(dwarf, &die, DWARF_ORIGIN, &origin) && !dwarf_reference(dwarf, &die, DWARF_SPECIFICATION, &origin))
			return 0;
		at = origin;
	}
	return type;
}

/* The kind of thing that a type is, without its names and qualifiers. */
static uint16_t tag_of(const struct dwarf *dwarf, uint64_t type)
{
	struct dwarf_die die = { 0 };

	for (int i = 0; i < 16 && type != 0; i++) {
		if (dwarf_die_read(dwarf, type, &die) != 0) {
			msg_forget();
			return 0;
		}
		if ((die.tag != DW_TAG_typedef && die.tag != DW_TAG_const_type && die.tag != DW_TAG_volatile_type) ||
		    !dwarf_reference(dwarf, &die, DWARF_TYPE, &type))
			return die.tag;
	}
	return die.tag;
}

static bool is_floating(const struct dwarf *dwarf, uint64_t type)
{
	char name[TYPE_NAME_MAX];

	type_name((struct type){ dwarf, type }, name);
	return strstr(name, "float") != NULL || strstr(name, "double") != NULL;
}

/* The parameter of go_on is what callee returns, if it has one. */
static int check_parameter(struct resume *resume)
{
	const struct dwarf *patch = &resume->draft->patch->dwarf;
	const uint64_t result = type_of(patch, resume->directive->type);
	struct dwarf_die die;
	uint64_t type = 0;
	char why[TYPE_WHY_MAX];
	unsigned count = 0;

	int more = dwarf_die_read(patch, resume->go_on->die, &die);
	if (more == 0)
		more = dwarf_child(patch, &die, &die);
	for (; more > 0; more = dwarf_sibling(patch, &die, &die)) {
		if (die.tag == DW_TAG_unspecified_parameters)
			count = 2;
		if (die.tag == DW_TAG_formal_parameter && count++ == 0)
			type = type_of(patch, die.offset);
	}
	resume->wants_result = count > 0;
	if (more < 0 || count == 0)
		return more;
	uint16_t tag = tag_of(patch, type);
	if (count > 1 || type_equal((struct type){ patch, type }, (struct type){ patch, result }, why) != 1)
		return REFUSE(resume, "'%s' takes one argument, of the type that %s() returns, or none", resume->directive->file,
			      resume->directive->label);
	if ((tag != DW_TAG_base_type && tag != DW_TAG_pointer_type && tag != DW_TAG_enumeration_type) || is_floating(patch, type) ||
	    type_size(patch, type, resume->target->gen->word) > 8)
		return REFUSE(resume, "what %s() returns is neither an integer nor a pointer", resume->directive->label);
	return 0;
}

static int check_result(const struct resume *resume)
{
	const struct dwarf *patch = &resume->draft->patch->dwarf, *target = &resume->draft->target->dwarf;
	const struct type ours = { patch, type_of(patch, resume->go_on->die) };
	const struct type theirs = { target, type_of(target, resume->loop->die) };
	const uint16_t tag = tag_of(target, theirs.die);
	char why[TYPE_WHY_MAX];
	int same = type_equal(ours, theirs, why);

	if (same == 0)
		return REFUSE(resume, "'%s' has to return what '%s' returns", resume->directive->file, resume->directive->name);
	if (same > 0 && (tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type))
		return REFUSE(resume, "'%s' returns a structure", resume->directive->name);
	return same < 0 ? same : 0;
}

/* The only symbol called `before` and the name of go_on; NULL if there is none, or several. */
static const struct symbol *find_own_symbol(const struct resume *resume, const char *before)
{
	const struct symbols *symbols = resume->draft->patch->symbols;
	const struct symbol *found = NULL;
	size_t length = strlen(before);

	for (size_t i = 0; i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->table[i];

		if (strncmp(symbol->name, before, length) != 0 || strcmp(symbol->name + length, resume->directive->file) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = symbol;
	}
	return found;
}

static int find_stub(struct resume *resume)
{
	const struct symbol *stub = find_own_symbol(resume, "vzp.resume."), *table = find_own_symbol(resume, "vzp.table.");

	if (stub != NULL && table != NULL)
		resume->table = elffile_kept(&resume->draft->patch->file, table->value, table->size);
	if (resume->table == NULL || stub->size < (uint64_t)SITE_SIZE * SITES_MAX)
		return REFUSE(resume, "its stub is not in the patch, or there are two of that name (do not strip it, link without"
			      " --gc-sections)%s", "");
	resume->stub = stub->value;
	resume->stub_size = stub->size;
	resume->max_entries = (size_t)(table->size / ENTRY_SIZE);
	memset(resume->table, 0, (size_t)table->size);
	return 0;
}

/* Find go_on, in the unit of the directive.  Only the stub may call it. */
static int find_go_on(struct resume *resume)
{
	const struct dwarf *dwarf = &resume->draft->patch->dwarf;
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, resume->directive->file, i)) != DWARF_NONE)
		if (dwarf->functions[i].hi != 0 && dwarf->functions[i].unit == resume->directive->unit)
			resume->go_on = &dwarf->functions[i];
	if (resume->go_on == NULL)
		return REFUSE(resume, "the patch has no code of '%s' in this file", resume->directive->file);
	if (resume->go_on->external)
		return REFUSE(resume, "'%s' has to be static", resume->directive->file);
	for (uint32_t k = 0; k < dwarf->n_inlined; k++)
		if (is_instance_of(dwarf, resume->go_on, dwarf->inlined[k].origin))
			return REFUSE(resume, "'%s' is inlined elsewhere, where there is no old activation (call it nowhere)",
				      resume->directive->file);
	return 0;
}

/* The function of the target.  A main() that the patch does not replace is quiet: nobody may be elsewhere in it. */
static int find_loop(struct resume *resume)
{
	struct draft *draft = resume->draft;
	const struct dwarf *dwarf = &draft->target->dwarf;
	const char *name = resume->directive->name;
	struct wanted wanted = { .name = name, .source = resume->directive->source, .line = resume->directive->line };
	struct definition found;
	uint32_t index = DWARF_NONE;

	for (size_t i = 0; i < draft->meta.n_funcs; i++)
		if (draft->replaced[i]->new.name != NULL && strcmp(draft->replaced[i]->new.name, name) == 0)
			index = draft->replaced[i]->old.index;
	if (directives_say(resume->directives, DIRECTIVE_ALLOW_ACTIVE, name))
		return REFUSE(resume, "VZP_ALLOW_ACTIVE(%s) says that old activations go on as they were: one or the other", name);
	if (index == DWARF_NONE && strcmp(name, "main") == 0 &&
	    find_function(draft->target, &wanted, LINKAGE_GLOBAL, &found) == 1) {
		index = found.index;
		for (uint32_t i = 0; index != DWARF_NONE && i < dwarf->functions[index].n_ranges; i++) {
			struct dwarf_range range = dwarf->ranges[dwarf->functions[index].first_range + i];
			int err = draft_add_quiet(draft, &(struct vz_quiet){ "main", range.lo, range.hi - range.lo });

			if (err != 0)
				return err;
		}
	}
	if (index == DWARF_NONE)
		return REFUSE(resume, "the patch does not replace '%s' (whoever calls it later has to come to the new one), or there"
			      " is no debug info of it", name);
	resume->loop = &dwarf->functions[index];
	resume->code = program_code(resume->target, index);
	return resume->code == NULL ? -ENOMEM : 0;
}

/*
 * The caller of an old activation gets what go_on returns, and finds the registers as go_on leaves them.  So all that holds for
 * what replaces the loop holds for go_on.
 */
static int check_as_new(const struct resume *resume)
{
	struct draft scratch = *resume->draft;
	const struct dwarf *dwarf = &resume->draft->patch->dwarf;
	struct dwarf_range range = entry_range(resume->draft->patch, resume->go_on);
	const uint32_t index = (uint32_t)(resume->go_on - dwarf->functions);
	struct replaced *found = NULL, as;
	struct program patch = { 0 };
	int err = 0;

	for (size_t i = 0; found == NULL && i < scratch.meta.n_funcs; i++) {
		if (scratch.replaced[i]->old.index == DWARF_NONE ||
		    &resume->draft->target->dwarf.functions[scratch.replaced[i]->old.index] != resume->loop)
			continue;
		found = scratch.replaced[i];
		scratch.meta.funcs += i;
	}
	/* Behind main() is exit(), and what calls it is not the compiler's. */
	if (found == NULL || scratch.no_abi_check)
		return 0;
	as = *found;
	as.new = (struct definition){ .name = resume->go_on->name, .unit = found->new.unit, .addr = range.lo,
				      .size = range.hi - range.lo, .index = index };
	found = &as;
	scratch.replaced = &found;
	scratch.meta.n_funcs = 1;
	err = program_init(&patch, resume->draft->patch);
	const struct code *code = err == 0 ? program_code(&patch, index) : NULL;
	if (err == 0 && code == NULL)
		err = -ENOMEM;
	/* To the caller of one that never comes back it does not matter. */
	if (err == 0 && code_returns(code) && regset_any(regset_minus((struct regset){ patch.gen->caller_saved.general, 0 },
								       program_clobbers(&patch, index))))
		err = REFUSE(resume, "'%s' calls nothing that may change all registers, as the way to it does: it has to call"
			     " something outside of the patch, as %s()", resume->go_on->name, resume->directive->label);
	program_deinit(&patch);
	if (err == 0)
		err = check_callers(&scratch);
	if (err == 0 && scratch.witness == NULL)
		err = check_results(&scratch);
	return err;
}

/* What the expressions of variables count from: the CFA, or a register. */
static int find_frame_base(struct resume *resume)
{
	struct dwarf_bytes expression;
	struct dwarf_die die;
	int err = dwarf_die_read(&resume->draft->target->dwarf, resume->loop->die, &die);

	if (err != 0)
		return err;
	const struct dwarf_value *value = &die.values[DWARF_FRAME_BASE];
	if (!dwarf_has(&die, DWARF_FRAME_BASE) || value->kind != DWARF_BLOCK)
		return 0;
	expression = (struct dwarf_bytes){ value->data, (size_t)value->u };
	struct variable_spot none = { 0 }, found;
	if (evaluate(&expression, &none, &found) == NULL && (found.kind == SPOT_REGISTER || found.base == FROM_CFA))
		resume->frame_base = (struct variable_spot){ SPOT_MEMORY, found.base, found.value };
	return 0;
}

/* Tell, when all is found, what the patch does with which function. */
static int add_comment(const struct resume *resume)
{
	const struct directive *directive = resume->directive;
	char text[WHY_MAX + 200];

	snprintf(text, sizeof(text), "%.100s goes on where %.100s has called %.100s%s", directive->file, directive->name,
		 directive->label, resume->n_sites > 1 ? " (several places)" : "");
	return draft_add_comment(resume->draft, "resume", text);
}

static int draw_resume(struct draft *draft, const struct directives *directives, const struct directive *directive,
		       struct program *target)
{
	struct resume resume = { .draft = draft, .directives = directives, .directive = directive, .target = target };
	int err = find_go_on(&resume);

	/* Nothing would keep an old activation from calling what a first call has to wait for. */
	for (size_t i = 0; err == 0 && i < directives->count; i++)
		if (directives->table[i].kind == DIRECTIVE_ONCE)
			err = REFUSE(&resume, "and VZP_ONCE(%s) are not for one patch: who goes on does not wait for that",
				     directives->table[i].name);
	if (err == 0)
		err = find_loop(&resume);
	if (err == 0)
		err = find_stub(&resume);
	if (err == 0)
		err = check_parameter(&resume);
	if (err == 0)
		err = check_result(&resume);
	if (err == 0)
		err = check_as_new(&resume);
	if (err == 0)
		err = check_code(&resume);
	if (err == 0)
		err = find_frame_base(&resume);
	for (size_t i = 0; err == 0 && i < resume.code->n_insns; i++)
		if (is_call_of(&resume, &resume.code->insns[i], directive->label))
			err = add_site(&resume, &resume.code->insns[i]);
	if (err == 0 && resume.n_sites == 0)
		err = REFUSE(&resume, "'%s' calls %s() nowhere (was what calls it inlined, or does it call through a pointer?)",
			     directive->name, directive->label);
	return err == 0 ? add_comment(&resume) : err;
}

/* A VZP_LOCAL stands in a function that goes on. */
static int check_local(const struct directives *directives, const struct directive *local)
{
	for (size_t i = 0; i < directives->count; i++) {
		const struct resume resume = { .directive = &directives->table[i] };

		if (directives->table[i].kind == DIRECTIVE_RESUME && is_local_of(&resume, local))
			return 0;
	}
	return fail(EINVAL, "%s:%u: VZP_LOCAL of '%s' has to stand in a function that a VZP_RESUME of this file names", base_name(local->source),
		    local->line, local->name);
}

int draw_resumes(struct draft *draft, const struct directives *directives)
{
	struct program target = { 0 };
	bool has_target = false;
	int err = 0;

	for (size_t i = 0; err == 0 && i < directives->count; i++) {
		const struct directive *directive = &directives->table[i];

		if (directive->kind == DIRECTIVE_LOCAL || directive->kind == DIRECTIVE_LOCAL_AT)
			err = refuse_later(draft, check_local(directives, directive));
		if (directive->kind != DIRECTIVE_RESUME || err != 0)
			continue;
		if (!has_target)
			err = program_init(&target, draft->target);
		has_target = true;
		if (err == 0)
			err = refuse_later(draft, draw_resume(draft, directives, directive, &target));
	}
	program_deinit(&target);
	return end_if_refused(draft, err);
}
