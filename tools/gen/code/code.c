/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "code.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "array.h"

#define CODE_MAX (16 << 20)	/* bytes of one function */
#define TABLE_MAX 4096		/* entries of one jump table */
#define ROUNDS_MAX 1000		/* rounds of a data flow analysis, which takes three or four */
#define CALLS_DEEP 200
#define FORMAT_MAX 1024

static const struct regset nothing, everything = { UINT64_MAX, UINT64_MAX };

/* ---- sets ---- */

struct regset regset_or(struct regset a, struct regset b)
{
	return (struct regset){ a.general | b.general, a.vector | b.vector };
}

struct regset regset_and(struct regset a, struct regset b)
{
	return (struct regset){ a.general & b.general, a.vector & b.vector };
}

struct regset regset_minus(struct regset a, struct regset b)
{
	return (struct regset){ a.general & ~b.general, a.vector & ~b.vector };
}

bool regset_any(struct regset set)
{
	return set.general != 0 || set.vector != 0;
}

static bool is_equal(struct regset a, struct regset b)
{
	return a.general == b.general && a.vector == b.vector;
}

void regset_format(struct regset set, const struct gen_arch *gen, char *text, size_t size)
{
	size_t at = 0;

	*text = 0;
	for (unsigned reg = 0; reg < gen->n_registers && at < size; reg++)
		if ((set.general & register_bits(gen, reg)) != 0)
			at += (size_t)snprintf(text + at, size - at, "%s%s", at != 0 ? ", " : "", gen->names[reg]);
	for (unsigned reg = 0; reg < 32 && at < size; reg++)
		if ((set.vector & VECTOR_BITS(1) << reg) != 0)
			at += (size_t)snprintf(text + at, size - at, "%s%s%u", at != 0 ? ", " : "",
					       (set.vector & VECTOR_LOW(1) << reg) != 0 ? gen->vector_name : gen->vector_name_high, reg);
	for (unsigned reg = 0; reg < 8 && at < size; reg++)
		if ((set.general & MASK_BIT(reg)) != 0)
			at += (size_t)snprintf(text + at, size - at, "%sk%u", at != 0 ? ", " : "", reg);
}

/* ---- decoding ---- */

int program_init(struct program *program, const struct binary *binary)
{
	const struct dwarf *dwarf = &binary->dwarf;

	*program = (struct program){
		.binary = binary, .gen = binary->file.gen,
	};
	program->codes = calloc((size_t)dwarf->n_functions + 1, sizeof(*program->codes));
	program->ranges = calloc((size_t)dwarf->n_ranges + 1, sizeof(*program->ranges));
	if (program->codes == NULL || program->ranges == NULL) {
		program_deinit(program);
		return fail(ENOMEM, "out of memory");
	}
	for (uint32_t i = 0; i < dwarf->n_functions; i++) {
		const struct dwarf_function *function = &dwarf->functions[i];

		for (uint32_t k = 0; function->hi != 0 && k < function->n_ranges; k++) {
			struct dwarf_range range = dwarf->ranges[function->first_range + k];

			if (range.hi > range.lo && program->n_ranges < dwarf->n_ranges)
				program->ranges[program->n_ranges++] =
					(struct function_range){ range.lo, range.hi, i };
		}
	}
	ARRAY_SORT(program->ranges, program->n_ranges, lo);
	int err = frames_init(&program->frames, &binary->file);
	if (err != 0)
		program_deinit(program);
	return err;
}

static void code_free(struct code *code)
{
	if (code == NULL)
		return;
	free(code->insns);
	free(code->targets);
	free(code->live);
	free(code->defined);
	free(code);
}

void program_deinit(struct program *program)
{
	for (uint32_t i = 0; program->codes != NULL && i < program->binary->dwarf.n_functions; i++)
		code_free(program->codes[i]);
	free(program->codes);
	free(program->ranges);
	frames_deinit(&program->frames);
	*program = (struct program){ 0 };
}

uint32_t program_function_at(const struct program *program, uint64_t addr)
{
	size_t upto = ARRAY_UPTO(program->ranges, program->n_ranges, lo, addr);

	return upto != 0 && addr < program->ranges[upto - 1].hi ? program->ranges[upto - 1].function :
		DWARF_NONE;
}

static int decode_range(const struct program *program, struct code *code, struct dwarf_range range)
{
	size_t size = (size_t)(range.hi - range.lo);
	uint8_t *bytes = size <= CODE_MAX ? malloc(size) : NULL;

	if (bytes == NULL)
		return size <= CODE_MAX ? fail(ENOMEM, "out of memory") : 0;
	if (!elffile_read(&program->binary->file, range.lo, bytes, size)) {
		code->is_whole = false;
		code->is_cut = true;
		free(bytes);
		return 0;
	}
	struct halves halves = { 0 };
	for (size_t at = 0; at < size;) {
		int err = ARRAY_GROW(&code->insns, code->n_insns, 1);

		if (err != 0) {
			free(bytes);
			return err;
		}
		struct insn *insn = &code->insns[code->n_insns++];
		if (!insn_decode_next(&halves, bytes + at, size - at, range.lo + at, program->gen, insn)) {
			debug("%s: the instruction at 0x%llx is not understood",
			      program->binary->file.path, (unsigned long long)range.lo + at);
			code->is_whole = false;
			code->is_cut = true;
			insn->reads = insn->writes = everything;
			insn->flow = FLOW_STOP;
			break;
		}
		code->is_whole = code->is_whole && !insn->is_opaque;
		at += insn->size;
	}
	free(bytes);
	return 0;
}

/* Index of the instruction at an address; n_insns if there is none. */
static size_t insn_at(const struct code *code, uint64_t addr)
{
	size_t upto = ARRAY_UPTO(code->insns, code->n_insns, addr, addr);

	return upto > 0 && code->insns[upto - 1].addr == addr ? upto - 1 : code->n_insns;
}

bool leaves(const struct code *code, const struct insn *insn)
{
	if (insn->flow == FLOW_JUMP || insn->flow == FLOW_BRANCH)
		return insn_at(code, insn->to) == code->n_insns;
	return insn->flow == FLOW_JUMP_ANY && code->n_targets == 0;
}

/* ---- jump tables ---- */

static int add_target(struct code *code, size_t at)
{
	for (size_t i = 0; i < code->n_targets; i++)
		if (code->targets[i] == at)
			return 0;
	int err = ARRAY_GROW(&code->targets, code->n_targets, 1);
	if (err == 0)
		code->targets[code->n_targets++] = at;
	return err;
}

/*
 * Add the targets in a table: entries to which `base` is added.  The table ends
 * before the first entry that does not lead into the function.
 */
static int read_table(const struct program *program, struct code *code, uint64_t table,
		      uint64_t base, const struct table_form *form)
{
	uint64_t mask = program->gen->last;
	const unsigned above = 64 - 8u * form->size;
	int err = 0;

	for (size_t i = 0; err == 0 && i < TABLE_MAX; i++) {
		uint64_t value = 0;

		if (!elffile_read(&program->binary->file, table + i * form->size, &value, form->size))
			break;
		if (form->is_signed)
			value = (uint64_t)((int64_t)(value << above) >> above);
		value <<= form->shift;
		size_t at = insn_at(code, (base + value) & mask);
		if (at == code->n_insns)
			break;
		err = add_target(code, at);
	}
	return err;
}

static uint64_t loaded_address(const struct program *program, const struct insn *insn);

/* A table whose entries count from some place in the function, of which another instruction loads the address. */
static int read_table_by_code(const struct program *program, struct code *code, uint64_t table, const struct table_form *form)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < code->n_insns; i++) {
		uint64_t base = loaded_address(program, &code->insns[i]);

		if (base != 0 && insn_at(code, base) != code->n_insns)
			err = read_table(program, code, table, base, form);
	}
	return err;
}

/* Look at everything that may be a jump table, of all forms that the ABI has. */
static int find_targets(const struct program *program, struct code *code)
{
	uint64_t got = program->gen->data_by_pc ? 0 : elffile_got(&program->binary->file);
	bool has_any = false;
	int err = 0;

	for (size_t i = 0; i < code->n_insns; i++)
		has_any = has_any || code->insns[i].flow == FLOW_JUMP_ANY;
	for (size_t i = 0; err == 0 && has_any && i < code->n_insns; i++) {
		uint64_t table = code->insns[i].joined != 0 ? code->insns[i].joined : code->insns[i].memory;

		for (unsigned k = 0; table != 0 && err == 0 && k < program->gen->n_tables; k++) {
			const struct table_form *form = &program->gen->tables[k];

			if (form->base == BASE_CODE)
				err = read_table_by_code(program, code, table, form);
			else if (form->base == BASE_GOT)
				err = read_table(program, code, (got + table) & program->gen->last, got, form);
			else
				err = read_table(program, code, table, form->base == BASE_TABLE ? table : 0, form);
		}
	}
	return err;
}

/* ---- calls ---- */

/*
 * The name of the symbol whose address the dynamic linker puts into the slot; NULL if there is
 * none.
 */
static const char *slot_name(const struct elffile *file, uint64_t slot)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	GElf_Rela rela;
	GElf_Rel rel;

	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_ALLOC) == 0 ||
		    (shdr.sh_type != SHT_RELA && shdr.sh_type != SHT_REL))
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		for (int i = 0; data != NULL; i++) {
			if (shdr.sh_type == SHT_RELA ? gelf_getrela(data, i, &rela) == NULL :
			    gelf_getrel(data, i, &rel) == NULL)
				break;
			if (shdr.sh_type == SHT_REL)
				rela = (GElf_Rela){ rel.r_offset, rel.r_info, 0 };
			uint64_t symbol = GELF_R_SYM(rela.r_info);

			if (rela.r_offset == slot && symbol != 0 && symbol <= file->dynsym.count)
				return file->dynsym.table[symbol - 1].name;
		}
	}
	return NULL;
}

/*
 * The name by the memory operand of an indirect call.  On i386 position-independent code counts
 * from the GOT, which %ebx points to.
 */
static const char *operand_name(const struct program *program, const struct insn *insn)
{
	const struct elffile *file = &program->binary->file;

	if (insn->memory == 0)
		return NULL;
	const char *name = slot_name(file, insn->memory);
	if (name != NULL || program->gen->data_by_pc)
		return name;
	return slot_name(file, (elffile_got(file) + insn->memory) & UINT32_MAX);
}

const char *program_called_name(const struct program *program, const struct insn *insn)
{
	const struct elffile *file = &program->binary->file;
	uint64_t at = insn->to;
	struct halves halves = { 0 };
	struct insn stub, slot = { 0 };
	uint8_t bytes[16];

	if (insn->flow == FLOW_CALL_ANY || insn->flow == FLOW_JUMP_ANY)
		return operand_name(program, insn);
	for (unsigned i = 0; i <= program->gen->stub_insns; i++) {
		if (!elffile_read(file, at, bytes, sizeof(bytes)) ||
		    !insn_decode_next(&halves, bytes, sizeof(bytes), at, program->gen, &stub))
			return NULL;
		/* It jumps through the slot, or to what it has read there. */
		if (stub.joined != 0 && stub.has_memory)
			slot = stub;
		if (stub.flow == FLOW_JUMP_ANY)
			return operand_name(program, slot.joined != 0 ? &slot : &stub);
		if (stub.flow != FLOW_NEXT)
			return NULL;
		at += stub.size;
	}
	return NULL;
}

const char *program_callee_name(const struct program *program, const struct insn *insn)
{
	const char *name = program_called_name(program, insn);

	if (name != NULL || insn->flow == FLOW_CALL_ANY || insn->flow == FLOW_JUMP_ANY)
		return name;
	uint32_t function = program_function_at(program, insn->to);
	if (function != DWARF_NONE)
		return program->binary->dwarf.functions[function].name;
	const struct symbol *symbol = binary_function_symbol(program->binary, insn->to, NULL);
	return symbol != NULL ? symbol->name : NULL;
}

bool code_returns_surely(const struct code *code)
{
	for (size_t i = 0; i < code->n_insns; i++)
		if (code->insns[i].flow == FLOW_RETURN || leaves(code, &code->insns[i]))
			return true;
	return false;
}

bool code_returns(const struct code *code)
{
	return code->is_cut || code_returns_surely(code);
}

/*
 * Was the callee compiled along with the caller, so that the compiler knew one when it made the
 * other?
 */
static bool is_same_unit(const struct program *program, uint32_t callee,
			 const struct dwarf_function *caller)
{
	return callee != DWARF_NONE &&
		program->binary->dwarf.functions[callee].unit == caller->unit;
}

static struct code *look_at(struct program *program, uint32_t index);

static uint32_t direct_callee(const struct program *program, const struct insn *insn)
{
	return insn->flow == FLOW_CALL_ANY || insn->flow == FLOW_JUMP_ANY ? DWARF_NONE :
		program_function_at(program, insn->to);
}

/*
 * The callee in the debug info; DWARF_NONE if that does not know it.  Of all declarations of the
 * name the caller's own is the one that it was compiled with.
 */
static uint32_t described_callee(const struct program *program, const struct code *code, const struct insn *insn)
{
	const struct dwarf *dwarf = &program->binary->dwarf;
	uint32_t callee = direct_callee(program, insn), found = DWARF_NONE, i = DWARF_NONE;

	if (callee != DWARF_NONE)
		return callee;
	const char *name = program_called_name(program, insn);
	while (name != NULL && (i = dwarf_find_symbol(dwarf, name, i)) != DWARF_NONE) {
		if (!dwarf->functions[i].external)
			continue;
		if (dwarf->functions[i].unit == code->function->unit)
			return i;
		if (found == DWARF_NONE)
			found = i;
	}
	return found;
}

/* Does a jump lead to an instruction from no. `from` to `to`? */
static bool is_jumped_into(const struct code *code, size_t from, size_t to)
{
	for (size_t i = 0; i < code->n_targets; i++)
		if (from <= code->targets[i] && code->targets[i] <= to)
			return true;
	for (size_t i = 0; i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];

		if ((insn->flow == FLOW_JUMP || insn->flow == FLOW_BRANCH) &&
		    code->insns[from].addr <= insn->to && insn->to <= code->insns[to].addr)
			return true;
	}
	return false;
}

/* The address that an instruction puts into a register; 0 if it does something else. */
static uint64_t loaded_address(const struct program *program, const struct insn *insn)
{
	uint8_t bytes[16];

	if (insn->size > sizeof(bytes) || !elffile_read(&program->binary->file, insn->addr, bytes, insn->size))
		return 0;
	return insn->joined != 0 && !insn->has_memory ? insn->joined : program->gen->loaded_address(bytes, insn);
}

/*
 * How many arguments does the format ask for that is in a register when the call is reached?
 * UINT_MAX if it is no constant.
 */
static unsigned arguments_by_format(const struct program *program, const struct code *code, size_t call, unsigned reg)
{
	const struct elffile *file = &program->binary->file;
	char format[FORMAT_MAX];
	size_t size = 0, at = call;

	while (at > 0 && (code->insns[at - 1].writes.general & register_bits(program->gen, reg)) == 0) {
		if (code->insns[at - 1].flow != FLOW_NEXT ||
		    code->insns[at - 1].addr + code->insns[at - 1].size != code->insns[at].addr)
			return UINT_MAX;
		at--;
	}
	if (at == 0 || is_jumped_into(code, at, call) ||
	    code->insns[at - 1].addr + code->insns[at - 1].size != code->insns[at].addr)
		return UINT_MAX;
	uint64_t addr = loaded_address(program, &code->insns[at - 1]);
	while (addr != 0 && size < sizeof(format) && elffile_read(file, addr + size, &format[size], 1) &&
	       format[size] != '\0')
		size++;
	return addr == 0 || size == sizeof(format) || format[size] != '\0' ? UINT_MAX : format_arguments(format);
}

/* The argument registers that the call, or jump, no. `at` reads by its prototype. */
static struct regset passed_registers(const struct program *program, const struct code *code, size_t at)
{
	const struct dwarf *dwarf = &program->binary->dwarf;
	const struct insn *insn = &code->insns[at];
	uint32_t callee = described_callee(program, code, insn);
	const char *name = program_called_name(program, insn);
	const struct library_function *library = name != NULL ? find_library_function(name) : NULL;
	enum arguments_known known = ARGUMENTS_UNKNOWN;
	struct regset set = nothing, possible = possible_arguments(program->gen, code->defined[at]);

	if (library != NULL) {
		unsigned named = (unsigned)library->n_arguments, more = library->format < 0 ? 0 :
			arguments_by_format(program, code, at, program->gen->arguments[library->format]);

		return more != UINT_MAX ? argument_registers(program->gen, named + more, more) :
			regset_or(argument_registers(program->gen, named, 0), possible);
	}
	/* A clone may take other arguments than the source says. */
	if (callee != DWARF_NONE && clone_name(program->binary, &dwarf->functions[callee]) == NULL)
		known = prototype_arguments(dwarf, dwarf->functions[callee].die, program->gen, &set);
	return known == ARGUMENTS_ALL ? set : regset_or(set, possible);
}

/* The argument registers that the call, or jump out of the function, no. `at` reads. */
static struct regset call_reads(struct program *program, const struct code *code, size_t at)
{
	const struct insn *insn = &code->insns[at];
	uint32_t callee = direct_callee(program, insn);

	if (is_same_unit(program, callee, code->function) && program->depth < CALLS_DEEP) {
		program->depth++;
		const struct code *body = look_at(program, callee);
		program->depth--;
		size_t entry = body != NULL ? insn_at(body, insn->to) : 0;

		if (body != NULL && body->live != NULL && entry < body->n_insns)
			return regset_and(body->live[entry], body->defined[entry]);
	}
	return program->gen->n_arguments != 0 ? passed_registers(program, code, at) : nothing;
}

/* The registers in which the call may return a result.  Of an unknown function these are all general ones for that. */
static struct regset call_result(const struct program *program, const struct code *code, const struct insn *insn)
{
	const struct regset general = { register_bits(program->gen, program->gen->result) | register_bits(program->gen, program->gen->result_high), 0 };
	uint32_t callee = described_callee(program, code, insn);

	return callee == DWARF_NONE ? general :
		result_registers(&program->binary->dwarf, program->binary->dwarf.functions[callee].die, program->gen);
}

bool program_is_thunk(const struct program *program, const struct insn *call, struct regset *writes)
{
	uint8_t bytes[16];
	struct insn load, back;

	if (call->flow != FLOW_CALL ||
	    !elffile_read(&program->binary->file, call->to, bytes, sizeof(bytes)) ||
	    !insn_decode(bytes, sizeof(bytes), call->to, program->gen, &load) ||
	    !insn_decode(bytes + load.size, sizeof(bytes) - load.size, call->to + load.size,
			 program->gen, &back) ||
	    load.flow != FLOW_NEXT || back.flow != FLOW_RETURN)
		return false;
	*writes = load.writes;
	return true;
}

static struct regset call_clobbers(struct program *program, const struct code *code,
				   const struct insn *insn)
{
	uint32_t callee = direct_callee(program, insn);
	struct regset writes;

	if (callee == DWARF_NONE && program_is_thunk(program, insn, &writes))
		return writes;
	if (!is_same_unit(program, callee, code->function))
		return program->gen->caller_saved;
	return program_clobbers(program, callee);
}

/* ---- data flow ---- */

/*
 * Indices of the instructions that may run after no. `at`, two at most.  The targets of an
 * indirect jump are not among them: they are code->targets.
 */
static size_t followers(const struct code *code, size_t at, size_t *out)
{
	const struct insn *insn = &code->insns[at];
	size_t count = 0, to;

	if (insn->flow == FLOW_JUMP || insn->flow == FLOW_BRANCH) {
		to = insn_at(code, insn->to);
		if (to < code->n_insns)
			out[count++] = to;
	}
	if (insn->flow != FLOW_JUMP && insn->flow != FLOW_JUMP_ANY && insn->flow != FLOW_RETURN &&
	    insn->flow != FLOW_STOP && at + 1 < code->n_insns &&
	    insn[1].addr == insn->addr + insn->size)
		out[count++] = at + 1;
	return count;
}

static bool is_call(const struct insn *insn)
{
	return insn->flow == FLOW_CALL || insn->flow == FLOW_CALL_ANY;
}

static bool flow_into(struct regset *at, struct regset set)
{
	struct regset sum = regset_or(*at, set);
	bool changed = !is_equal(sum, *at);

	*at = sum;
	return changed;
}

/*
 * What an instruction makes of the registers in a set.  solve_forward() sets in[i] to what
 * holds before instruction i, on any way there.
 */
typedef struct regset (*transfer)(const struct code *code, size_t at, struct regset in,
				  const void *ctx);

static void solve_forward(const struct code *code, struct regset *in, transfer step,
			  const void *ctx)
{
	bool changed = true;

	for (int round = 0; changed && round < ROUNDS_MAX; round++) {
		changed = false;
		for (size_t i = 0; i < code->n_insns; i++) {
			struct regset out = step(code, i, in[i], ctx);
			size_t next[2], count = followers(code, i, next);

			for (size_t k = 0; k < count; k++)
				changed = flow_into(&in[next[k]], out) || changed;
			bool is_any = code->insns[i].flow == FLOW_JUMP_ANY;
			for (size_t k = 0; is_any && k < code->n_targets; k++)
				changed = flow_into(&in[code->targets[k]], out) || changed;
		}
	}
}

/* What an instruction reads and writes, together with the function that it calls. */
struct effect {
	struct regset reads, writes, result;
};

/* Which registers a call reads is not among it: that depends on what is defined there. */
static struct effect *find_effects(struct program *program, const struct code *code)
{
	struct regset result = result_registers(&program->binary->dwarf, code->function->die, program->gen);
	struct effect *effects = calloc(code->n_insns + 1, sizeof(*effects));

	for (size_t i = 0; effects != NULL && i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];

		effects[i] = (struct effect){ insn->reads, insn->writes, nothing };
		if (is_call(insn)) {
			effects[i].writes = call_clobbers(program, code, insn);
			effects[i].result = call_result(program, code, insn);
		}
		if (insn->flow == FLOW_RETURN)
			effects[i].reads = result;
	}
	return effects;
}

static void solve_live(struct code *code, const struct effect *effects)
{
	bool changed = true;

	for (int round = 0; changed && round < ROUNDS_MAX; round++) {
		changed = false;
		for (size_t i = code->n_insns; i-- > 0;) {
			struct regset live = { 0 };
			size_t next[2], count = followers(code, i, next);

			for (size_t k = 0; k < count; k++)
				live = regset_or(live, code->live[next[k]]);
			bool is_any = code->insns[i].flow == FLOW_JUMP_ANY;
			for (size_t k = 0; is_any && k < code->n_targets; k++)
				live = regset_or(live, code->live[code->targets[k]]);
			live = regset_or(effects[i].reads, regset_minus(live, effects[i].writes));
			if (is_equal(live, code->live[i]))
				continue;
			code->live[i] = live;
			changed = true;
		}
	}
}

/* After a call the result means something.  Nothing else does that the call changes. */
static struct regset define(const struct code *code, size_t at, struct regset in, const void *ctx)
{
	const struct effect *effects = ctx;

	if (is_call(&code->insns[at]))
		return regset_or(regset_minus(in, effects[at].writes), effects[at].result);
	return regset_or(in, effects[at].writes);
}

static void solve_defined(struct program *program, struct code *code, const struct effect *effects)
{
	size_t entry = insn_at(code, entry_range(program->binary, code->function).lo);

	if (entry == code->n_insns)
		return;
	if (program->gen->n_arguments == 0 || clone_name(program->binary, code->function) != NULL ||
	    prototype_arguments(&program->binary->dwarf, code->function->die, program->gen,
				&code->defined[entry]) != ARGUMENTS_ALL)
		code->defined[entry] = program->gen->caller_saved;
	solve_forward(code, code->defined, define, effects);
}

static int analyse(struct program *program, struct code *code)
{
	struct effect *effects = find_effects(program, code);
	struct regset *live = calloc(code->n_insns + 1, sizeof(*live));

	code->defined = calloc(code->n_insns + 1, sizeof(*code->defined));
	if (effects == NULL || live == NULL || code->defined == NULL) {
		free(live);
		free(effects);
		return fail(ENOMEM, "out of memory");
	}
	solve_defined(program, code, effects);
	for (size_t i = 0; i < code->n_insns; i++)
		if (is_call(&code->insns[i]) || leaves(code, &code->insns[i]))
			effects[i].reads = regset_or(effects[i].reads, call_reads(program, code, i));
	code->live = live;
	solve_live(code, effects);
	free(effects);
	return 0;
}

/* The code of a function, decoded.  While it is being analysed, code->live is NULL. */
static struct code *look_at(struct program *program, uint32_t index)
{
	const struct dwarf *dwarf = &program->binary->dwarf;
	const struct dwarf_function *function = &dwarf->functions[index];
	struct code *code = program->codes[index];
	int err = 0;

	if (code != NULL)
		return code;
	code = calloc(1, sizeof(*code));
	if (code == NULL) {
		fail(ENOMEM, "out of memory");
		return NULL;
	}
	*code = (struct code){ .function = function, .is_whole = true };
	program->codes[index] = code;
	for (uint32_t i = 0; err == 0 && i < function->n_ranges; i++)
		err = decode_range(program, code, dwarf->ranges[function->first_range + i]);
	ARRAY_SORT(code->insns, code->n_insns, addr);
	if (err == 0)
		err = find_targets(program, code);
	if (err == 0)
		err = analyse(program, code);
	return err != 0 ? NULL : code;
}

const struct code *program_code(struct program *program, uint32_t index)
{
	return look_at(program, index);
}

static bool needs_result(const struct code *code, const uint8_t *needed, size_t at)
{
	size_t next[2], count = followers(code, at, next);
	bool needs = false;

	for (size_t k = 0; k < count; k++)
		needs |= needed[next[k]] != 0;
	for (size_t k = 0; code->insns[at].flow == FLOW_JUMP_ANY && k < code->n_targets; k++)
		needs |= needed[code->targets[k]] != 0;
	return needs;
}

uint8_t *code_result_makers(const struct program *program, const struct code *code)
{
	const uint64_t result = register_bits(program->gen, program->gen->result);
	/* Before which instructions is the result in %eax already? */
	uint8_t *needed = calloc(2, code->n_insns + 1), *makes = needed;
	bool changed = needed != NULL;

	for (int round = 0; changed && round < ROUNDS_MAX; round++) {
		changed = false;
		for (size_t i = code->n_insns; i-- > 0;) {
			const struct insn *insn = &code->insns[i];
			bool replaces = is_call(insn) ||
				(insn->writes.general & result) == result;
			uint8_t now = insn->flow == FLOW_RETURN || (!replaces && needs_result(code, needed, i));

			changed |= now != needed[i];
			needed[i] = now;
		}
	}
	if (needed == NULL) {
		fail(ENOMEM, "out of memory");
		return NULL;
	}
	makes += code->n_insns + 1;
	for (size_t i = 0; i < code->n_insns; i++) {
		bool writes = is_call(&code->insns[i]) ||
			(code->insns[i].writes.general & result) != 0;

		makes[i] = leaves(code, &code->insns[i]) || (writes && needs_result(code, needed, i));
	}
	memmove(needed, makes, code->n_insns + 1);
	return needed;
}

/* ---- what a function changes ---- */

/* Is it a load of a whole general register from memory that the stack or the frame pointer tells? */
static bool is_load(const struct program *program, const struct insn *insn, struct shape *shape)
{
	uint8_t bytes[16];

	return insn->size <= sizeof(bytes) && elffile_read(program->frames.file, insn->addr, bytes, insn->size) &&
		insn_shape_of(insn, bytes, program->gen, shape) && program->gen->does(shape) == DOES_LOAD &&
		 !shape->is_relative && shape->segment == 0 &&
		shape->index < 0 && (shape->base == program->gen->stack_pointer || shape->base == program->gen->frame_pointer) &&
		shape->access == program->gen->word;
}

/* Does the instruction bring back what .eh_frame says is the register's old value?  gcc 16 does so by mov, too. */
static bool is_restored(const struct program *program, const struct insn *insn)
{
	struct shape shape;

	if (insn->pops >= 0)
		return (frame_at(&program->frames, insn->addr).saved & 1U << insn->pops) != 0;
	if (!insn->has_memory || insn->flow != FLOW_NEXT || !is_load(program, insn, &shape))
		return false;
	struct frame frame = frame_at(&program->frames, insn->addr);
	return frame_has_saved(&frame, shape.reg, shape.base == program->gen->frame_pointer, shape.displacement);
}

struct clobbering {
	struct program *program;
	const struct effect *effects;
};

static struct regset dirty(const struct code *code, size_t at, struct regset in, const void *ctx)
{
	const struct clobbering *c = ctx;
	const struct insn *insn = &code->insns[at];

	if (is_restored(c->program, insn))
		return regset_minus(in, insn->writes);
	return regset_or(in, c->effects[at].writes);
}

/* The registers that do not have their old values where control leaves the function. */
static struct regset clobbers_of(struct program *program, struct code *code)
{
	struct effect *effects = find_effects(program, code);
	struct regset *in = calloc(code->n_insns + 1, sizeof(*in)), sum = nothing;

	if (effects != NULL && in != NULL) {
		struct clobbering c = { program, effects };

		solve_forward(code, in, dirty, &c);
	} else {
		sum = everything;
	}
	for (size_t i = 0; effects != NULL && in != NULL && i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];

		if (insn->flow == FLOW_RETURN)
			sum = regset_or(sum, in[i]);
		else if (leaves(code, insn))
			sum = regset_or(sum, regset_or(in[i], call_clobbers(program, code, insn)));
	}
	free(effects);
	free(in);
	return sum;
}

struct regset program_clobbers(struct program *program, uint32_t index)
{
	struct regset changeable = program->gen->caller_saved;
	struct regset unknown = program->unknown_keeps ? nothing : changeable;

	if (index == DWARF_NONE || program->depth >= CALLS_DEEP)
		return index == DWARF_NONE ? changeable : unknown;
	program->depth++;
	struct code *code = look_at(program, index);
	if (code != NULL && !code->has_clobbers) {
		/* A function that calls itself changes nothing more by that. */
		code->has_clobbers = true;
		code->clobbers = nothing;
		code->clobbers = code->is_whole ?
			regset_and(clobbers_of(program, code), changeable) : unknown;
	}
	program->depth--;
	return code != NULL ? code->clobbers : unknown;
}

/* ---- alignment of the stack ---- */

struct stack {
	bool is_known, is_aligned, has_frame;
	int64_t depth, frame;		/* frame: the depth at which the frame pointer points */
};

static struct stack move_stack(struct stack stack, const struct insn *insn)
{
	switch (insn->stack) {
	case STACK_MOVED:
		stack.depth -= insn->moved;
		break;
	case STACK_ALIGNED:
		stack.is_aligned = true;
		stack.depth = 0;
		break;
	case STACK_TO_FRAME:
		stack.has_frame = true;
		stack.frame = stack.depth;
		break;
	case STACK_FROM_FRAME:
		stack.is_known = stack.has_frame;
		stack.is_aligned = false;
		stack.depth = stack.frame - insn->moved;
		break;
	default:
		break;			/* alloca keeps the alignment */
	}
	return stack;
}

/*
 * Follow the code from the entry.  This is for functions with a frame pointer and without
 * unwind information.
 */
static struct stack follow_stack(const struct program *program, const struct code *code, size_t at)
{
	struct stack *stacks = calloc(code->n_insns + 1, sizeof(*stacks)), found = { 0 };
	size_t entry = insn_at(code, entry_range(program->binary, code->function).lo);

	if (stacks == NULL || entry == code->n_insns) {
		free(stacks);
		return found;
	}
	stacks[entry] = (struct stack){ .is_known = true, .depth = program->gen->word };
	bool changed = true;
	for (int round = 0; changed && round < ROUNDS_MAX; round++) {
		changed = false;
		for (size_t i = 0; i < code->n_insns; i++) {
			size_t next[2], count = followers(code, i, next);
			struct stack out = move_stack(stacks[i], &code->insns[i]);

			for (size_t k = 0; stacks[i].is_known && k < count; k++) {
				if (stacks[next[k]].is_known)
					continue;
				stacks[next[k]] = out;
				changed = true;
			}
		}
	}
	found = stacks[at];
	free(stacks);
	return found;
}

enum alignment program_alignment(const struct program *program, const struct code *code, size_t at)
{
	struct frame frame = frame_at(&program->frames, code->insns[at].addr);

	if (frame.has_depth)
		return frame.depth % 16 != 0 ? ALIGNMENT_BAD : ALIGNMENT_GOOD;
	struct stack stack = follow_stack(program, code, at);
	if (!stack.is_known)
		return ALIGNMENT_UNKNOWN;
	if (stack.depth % 16 != 0)
		return ALIGNMENT_BAD;
	return stack.is_aligned ? ALIGNMENT_ALWAYS : ALIGNMENT_GOOD;
}
