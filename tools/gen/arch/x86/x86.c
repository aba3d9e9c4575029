/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct gen_arch of amd64 and i386. */
#include "x86.h"

#include <elf.h>
#include <string.h>

#include "cursor.h"

#define JUMP_SIZE 5		/* e9 rel32 */
#define ENDBR_SIZE 4

/* ---- branches ---- */

bool x86_is_branch_operand(const uint8_t *code, size_t at)
{
	if (at >= 1 && (code[at - 1] == 0xe8 || code[at - 1] == 0xe9))
		return true;
	return at >= 2 && code[at - 2] == 0x0f && (code[at - 1] & 0xf0) == 0x80;
}

size_t x86_find_branch(const uint8_t *code, size_t size, size_t from, uint64_t addr, uint64_t *to)
{
	for (size_t at = from == 0 ? 1 : from; at + 4 <= size; at++) {
		struct cursor operand;

		if (!x86_is_branch_operand(code, at))
			continue;
		cursor_init(&operand, code + at, 4);
		*to = addr + at + 4 + (uint64_t)(int64_t)(int32_t)cursor_uint(&operand, 4);
		return at;
	}
	return SIZE_MAX;
}

/* Jumps of two bytes: jmp, jcc, loop and jcxz (Intel SDM, volume 2, appendix A). */
size_t x86_short_branch(const uint8_t *code, size_t size, uint64_t addr, uint64_t *to)
{
	if (size < 2 || (code[0] != 0xeb && (code[0] & 0xf0) != 0x70 && (code[0] & 0xfc) != 0xe0))
		return 0;
	*to = addr + 2 + (uint64_t)(int64_t)(int8_t)code[1];
	return 2;
}

/* ff /2 and ff /4. */
bool x86_is_slot_operand(const uint8_t *code, size_t at)
{
	return at >= 2 && code[at - 2] == 0xff;
}

/*
 * The code of a stub is ff 25, behind a landing and the prefix bnd if the linker has made it so.  Returns where its operand
 * ends, from which the address counts on amd64; 0: it is none.  A stub of i386 that needs the object's own %ebx, ff a3, has no
 * slot without it.
 */
static unsigned jumps_through(const uint8_t *code, size_t size, uint64_t *operand)
{
	unsigned jump = x86_landing(code, size);
	struct cursor at;

	if (size > jump && code[jump] == 0xf2)
		jump++;
	if (size < jump + 6 || code[jump] != 0xff || code[jump + 1] != 0x25)
		return 0;
	cursor_init(&at, code + jump + 2, 4);
	*operand = cursor_uint(&at, 4);
	return jump + 6;
}

static bool stub_slot_amd64(const uint8_t *code, size_t size, uint64_t addr, uint64_t *slot)
{
	uint64_t operand = 0;
	unsigned end = jumps_through(code, size, &operand);

	*slot = addr + end + (uint64_t)(int64_t)(int32_t)operand;
	return end != 0;
}

static bool stub_slot_i386(const uint8_t *code, size_t size, uint64_t addr, uint64_t *slot)
{
	(void)addr;
	return jumps_through(code, size, slot) != 0;
}

/* ---- room ---- */

/* ENDBR64 and ENDBR32: each does nothing on the other ABI. */
unsigned x86_landing(const uint8_t *code, size_t size)
{
	static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e };

	return size >= ENDBR_SIZE && memcmp(code, endbr, sizeof(endbr)) == 0 && (code[3] & 0xfe) == 0xfa ? ENDBR_SIZE : 0;
}

/*
 * Assemblers and linkers fill gaps with single bytes, and with the nop of several bytes, 0f 1f
 * /0, which may have operand size and segment prefixes.  On i386 they also take moves and lea
 * of a register to itself (binutils gas, config/tc-i386.c).
 */
static const struct { uint8_t size; uint8_t bytes[8]; } fills[] = {
	{ 1, { 0x90 } }, { 1, { 0xcc } }, { 1, { 0x00 } },
	{ 3, { 0x0f, 0x1f, 0x00 } }, { 4, { 0x0f, 0x1f, 0x40, 0x00 } },
	{ 5, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } }, { 7, { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 } },
	{ 8, { 0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0 } },
	{ 2, { 0x89, 0xf6 } }, { 3, { 0x8d, 0x76, 0x00 } }, { 4, { 0x8d, 0x74, 0x26, 0x00 } },
	{ 6, { 0x8d, 0xb6, 0, 0, 0, 0 } }, { 7, { 0x8d, 0xb4, 0x26, 0, 0, 0, 0 } },
	{ 7, { 0x8d, 0xbc, 0x27, 0, 0, 0, 0 } },
};

static size_t fill_size(const uint8_t *code, size_t size)
{
	size_t prefixes = 0;

	while (prefixes < size && prefixes < 12 &&
	       (code[prefixes] == 0x66 || code[prefixes] == 0x2e))
		prefixes++;
	code += prefixes;
	size -= prefixes;
	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++)
		if (fills[i].size <= size && memcmp(code, fills[i].bytes, fills[i].size) == 0)
			return prefixes + fills[i].size;
	return 0;
}

static size_t fills_size(const uint8_t *code, size_t size)
{
	size_t at = 0, one;

	while (at < size && (one = fill_size(code + at, size - at)) != 0)
		at += one;
	return at;
}

size_t x86_padding(const uint8_t *code, size_t size)
{
	size_t at = fills_size(code, size);

	/* A large gap begins with a jump over it: eb N, and N bytes of padding. */
	if (size - at >= 2 && code[at] == 0xeb) {
		size_t gap = code[at + 1];

		if (gap <= size - at - 2 && fills_size(code + at + 2, gap) == gap)
			at += 2 + gap + fills_size(code + at + 2 + gap, size - at - 2 - gap);
	}
	return at;
}

/* ---- arguments ---- */

enum { REX_PREFIX = 0x40, PUSH_4 = 0x68, PUSH_1 = 0x6a, MOV_REG = 0xb8, MOV_MODRM = 0xc7 };

static const uint8_t wide_arguments[] = { GPR_DI, GPR_SI, GPR_DX, GPR_CX, GPR_8, GPR_9 };
static const uint8_t narrow_arguments[] = { GPR_DX, GPR_CX };	/* of -mregparm; %eax has results, too */

static bool is_argument(unsigned reg, bool wide)
{
	const uint8_t *all = wide ? wide_arguments : narrow_arguments;
	size_t count = wide ? sizeof(wide_arguments) : sizeof(narrow_arguments);

	for (size_t i = 0; i < count; i++)
		if (all[i] == reg)
			return true;
	return false;
}

/*
 * mov of a constant to a register, or to (%esp) and above, and push.
 */
static bool puts_argument(const uint8_t *code, size_t size, bool wide, struct constant_argument *out)
{
	size_t at = wide && (code[0] & 0xf0) == REX_PREFIX;
	unsigned high = at != 0 && (code[0] & 1) != 0 ? 8 : 0;

	out->width = 4;
	out->reg = -1;
	if (code[at] == PUSH_1)
		out->width = 1;
	if (code[at] == PUSH_1 || code[at] == PUSH_4)
		return size == at + 1 + out->width;
	if ((code[at] & 0xf8) == MOV_REG) {
		out->reg = (int)((code[at] & 7) | high);
		return size == at + 5 && is_argument((unsigned)out->reg, wide);
	}
	if (code[at] != MOV_MODRM || size < at + 6)
		return false;
	if (code[at + 1] >> 6 == 3) {
		out->reg = (int)((code[at + 1] & 7) | high);
		return is_argument((unsigned)out->reg, wide);
	}
	/* The operand is memory from the stack pointer on, without an index. */
	return (code[at + 1] & 7) == 4 && code[at + 2] == 0x24 && high == 0;
}

static bool puts_argument_amd64(const uint8_t *code, size_t size, struct constant_argument *out)
{
	return puts_argument(code, size, true, out);
}

static bool puts_argument_i386(const uint8_t *code, size_t size, struct constant_argument *out)
{
	return puts_argument(code, size, false, out);
}

/* ---- relocations ---- */

/*
 * The linker may have changed the instruction (psABI AMD64 B.2, Intel386 A.2).  It makes a lea of the thing out of
 * a mov of the slot, and a direct call or jmp out of one through the slot; the operand of such a jmp is one byte before.
 */
enum relaxed x86_relaxed(const uint8_t *was, const uint8_t *now, uint32_t *type)
{
	(void)type;
	if (now[0] == was[0] && now[1] == was[1])
		return RELAXED_NOT;
	if (was[0] == 0x8b && now[0] == 0x8d)
		return RELAXED_TO_ADDRESS;
	if (was[0] == 0xff && now[0] == 0x67 && now[1] == 0xe8)
		return RELAXED_TO_CALL;
	if (was[0] == 0xff && now[0] == 0xe9)
		return RELAXED_TO_JUMP;
	return RELAXED_UNKNOWN;
}

/* How code finds a thread-local variable: psABI AMD64 and Intel386, thread-local storage. */
static enum tls_code tls_code_amd64(uint32_t type)
{
	switch (type) {
	case R_X86_64_TLSLD: return TLS_CODE_MODULE;
	case R_X86_64_DTPOFF32: return TLS_CODE_OFFSET;
	case R_X86_64_TLSGD: return TLS_CODE_GENERAL;
	case R_X86_64_GOTTPOFF: return TLS_CODE_INITIAL;
	case R_X86_64_GOTPC32_TLSDESC: return TLS_CODE_DESCRIPTOR;
	case R_X86_64_TLSDESC_CALL: return TLS_CODE_CALL;
	default: return TLS_CODE_UNKNOWN;
	}
}

static enum tls_code tls_code_i386(uint32_t type)
{
	switch (type) {
	case R_386_TLS_LDM: return TLS_CODE_MODULE;
	case R_386_TLS_LDO_32: return TLS_CODE_OFFSET;
	case R_386_TLS_GD: return TLS_CODE_GENERAL;
	case R_386_TLS_GOTIE: return TLS_CODE_INITIAL;
	case R_386_TLS_GOTDESC: return TLS_CODE_DESCRIPTOR;
	case R_386_TLS_DESC_CALL: return TLS_CODE_CALL;
	default: return TLS_CODE_UNKNOWN;
	}
}

/* ---- the tables ---- */

static bool makes_constant_i386(const uint8_t *code, const struct shape *shape, unsigned reg, int64_t *value, bool *outcome)
{
	return x86_makes_constant(code, shape, reg, false, value, outcome);
}

static bool moves_i386(const uint8_t *code, const struct shape *shape, unsigned to, uint64_t size, unsigned *from)
{
	return x86_moves(code, shape, false, to, size, from);
}

static bool passes_minus_one_i386(const uint8_t *code, size_t size)
{
	return x86_passes_minus_one(code, size, false);
}

static bool makes_constant_amd64(const uint8_t *code, const struct shape *shape, unsigned reg, int64_t *value, bool *outcome)
{
	return x86_makes_constant(code, shape, reg, true, value, outcome);
}

static bool moves_amd64(const uint8_t *code, const struct shape *shape, unsigned to, uint64_t size, unsigned *from)
{
	return x86_moves(code, shape, true, to, size, from);
}

static bool passes_minus_one_amd64(const uint8_t *code, size_t size)
{
	return x86_passes_minus_one(code, size, true);
}

static bool decode_amd64(const uint8_t *code, size_t size, uint64_t addr, struct insn *out)
{
	return x86_decode(code, size, addr, true, out);
}

static bool displace_amd64(const uint8_t *code, const struct insn *insn, const struct shape *shape, struct displaced *out)
{
	return x86_displace(code, insn, shape, true, out);
}

static bool shape_amd64(const uint8_t *code, size_t size, uint64_t addr, struct shape *out)
{
	return x86_shape(code, size, addr, true, out);
}

static bool decode_i386(const uint8_t *code, size_t size, uint64_t addr, struct insn *out)
{
	return x86_decode(code, size, addr, false, out);
}

static bool displace_i386(const uint8_t *code, const struct insn *insn, const struct shape *shape, struct displaced *out)
{
	return x86_displace(code, insn, shape, false, out);
}

static bool shape_i386(const uint8_t *code, size_t size, uint64_t addr, struct shape *out)
{
	return x86_shape(code, size, addr, false, out);
}

#define MASK_BITS (UINT64_C(0xff) << 48)
#define THREE (GPR_BITS(GPR_AX) | GPR_BITS(GPR_CX) | GPR_BITS(GPR_DX))

static const char *const names_amd64[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
static const char *const names_i386[] = { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi" };

/* psABI, amd64 figure 3.36: rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 and so on; i386 has the instructions' order. */
static const uint8_t from_dwarf_amd64[] = { GPR_AX, GPR_DX, GPR_CX, GPR_BX, GPR_SI, GPR_DI, GPR_BP, GPR_SP,
	8, 9, 10, 11, 12, 13, 14, 15 };
static const uint8_t from_dwarf_i386[] = { 0, 1, 2, 3, 4, 5, 6, 7 };

/* The registers of __attribute__((regparm(3))). */
static const uint8_t regparm[] = { GPR_AX, GPR_DX, GPR_CX };

/* psABI AMD64 3.2.1 and 3.2.3. */
/* rbx, rbp, r12 to r15; ebx, ebp, esi, edi. */
static const uint8_t kept_amd64[] = { 3, 6, 12, 13, 14, 15 }, kept_i386[] = { 3, 5, 6, 7 };

static const struct table_form tables_amd64[] = { { 8, false, 0, BASE_NONE }, { 4, true, 0, BASE_TABLE } };
static const struct table_form tables_i386[] = { { 4, true, 0, BASE_NONE }, { 4, true, 0, BASE_GOT } };

const struct gen_arch gen_amd64 = {
	.name = "amd64", .elf_class = ELFCLASS64, .elf_machine = EM_X86_64, .word = 8, .last = UINT64_MAX,
	.does = x86_does, .copies = x86_copies, .adds = x86_adds, .enters_kernel = x86_enters_kernel,
	.is_untracked = x86_is_untracked, .makes_constant = makes_constant_amd64, .moves = moves_amd64, .loaded_address = x86_loaded_address,
	.lock_prefix = 0xf0, .fills_gaps = amd64_fills_gaps, .may_be_address = x86_may_be_address, .may_be_line = x86_may_be_line,
	.same_branch = x86_same_branch, .same_opcode = x86_same_opcode,
	.passes_minus_one = passes_minus_one_amd64, .address_operand = x86_address_operand,
	.decode = decode_amd64, .shape = shape_amd64, .data_by_pc = true,
	.find_branch = x86_find_branch, .is_branch_operand = x86_is_branch_operand,
	.short_branch = x86_short_branch, .short_reach = 130, .is_slot_operand = x86_is_slot_operand,
	.tables = tables_amd64, .n_tables = sizeof(tables_amd64) / sizeof(tables_amd64[0]),
	.stub_insns = 2, .stub_slot = stub_slot_amd64, .may_lead_to = amd64_may_lead_to,
	.displace = displace_amd64, .jump_to = x86_jump_to,
	.jump_size = JUMP_SIZE, .landing_max = ENDBR_SIZE, .landing = x86_landing, .padding = x86_padding,
	.caller_saved = { THREE | GPR_BITS(GPR_SI) | GPR_BITS(GPR_DI) | GPR_BITS(GPR_8) | GPR_BITS(GPR_9) |
			  GPR_BITS(GPR_10) | GPR_BITS(GPR_11) | MASK_BITS, UINT64_MAX },
	.arguments = wide_arguments, .n_arguments = sizeof(wide_arguments), .n_vector_arguments = 8,
	.result = GPR_AX, .result_high = GPR_DX, .returns_vectors = true,
	.stack_pointer = GPR_SP, .frame_pointer = GPR_BP, .n_registers = 16, .register_bits = REGISTER_BITS, .names = names_amd64,
	.vector_name = "xmm", .vector_name_high = "ymm",
	.from_dwarf = from_dwarf_amd64, .n_from_dwarf = sizeof(from_dwarf_amd64), .dwarf_sp = 7, .dwarf_fp = 6,
	.dwarf_vectors = 17, .n_dwarf_vectors = 16,
	.kept_dwarf = kept_amd64, .n_kept_dwarf = sizeof(kept_amd64),
	.puts_argument = puts_argument_amd64,
	.slot_type = R_X86_64_JUMP_SLOT, .irelative_type = R_X86_64_IRELATIVE, .branch_type = R_X86_64_PC32,
	.tls_code = tls_code_amd64, .relaxed = x86_relaxed, .relaxed_before = 2, .branch_room = JUMP_SIZE,
};

/* psABI Intel386 2.2.3. */
const struct gen_arch gen_i386 = {
	.name = "i386", .elf_class = ELFCLASS32, .elf_machine = EM_386, .word = 4, .last = UINT32_MAX,
	.does = x86_does, .copies = x86_copies, .adds = x86_adds, .enters_kernel = x86_enters_kernel,
	.is_untracked = x86_is_untracked, .makes_constant = makes_constant_i386, .moves = moves_i386, .loaded_address = x86_loaded_address,
	.lock_prefix = 0xf0, .fills_gaps = i386_fills_gaps, .may_be_address = x86_may_be_address, .may_be_line = x86_may_be_line,
	.same_branch = x86_same_branch, .same_opcode = x86_same_opcode,
	.passes_minus_one = passes_minus_one_i386, .position_register = 1 << GPR_BX,
	.decode = decode_i386, .shape = shape_i386,
	.find_branch = x86_find_branch, .is_branch_operand = x86_is_branch_operand,
	.short_branch = x86_short_branch, .short_reach = 130, .is_slot_operand = x86_is_slot_operand,
	.tables = tables_i386, .n_tables = sizeof(tables_i386) / sizeof(tables_i386[0]),
	.calls_for_pc = i386_calls_for_pc, .finds_pc = i386_finds_pc, .sum_register = i386_sum_register, .adds_to = i386_adds_to,
	.stub_insns = 2, .stub_slot = stub_slot_i386, .may_lead_to = i386_may_lead_to,
	.displace = displace_i386, .jump_to = x86_jump_to,
	.jump_size = JUMP_SIZE, .landing_max = ENDBR_SIZE, .landing = x86_landing, .padding = x86_padding,
	.caller_saved = { THREE | MASK_BITS, VECTOR_BITS(0xff) },
	.result = GPR_AX, .result_high = GPR_DX,
	.stack_pointer = GPR_SP, .frame_pointer = GPR_BP, .n_registers = 8, .register_bits = REGISTER_BITS, .names = names_i386,
	.vector_name = "xmm", .vector_name_high = "ymm",
	.from_dwarf = from_dwarf_i386, .n_from_dwarf = sizeof(from_dwarf_i386), .dwarf_sp = 4, .dwarf_fp = 5,
	.dwarf_vectors = 21, .n_dwarf_vectors = 8,
	.kept_dwarf = kept_i386, .n_kept_dwarf = sizeof(kept_i386),
	.own_arguments = regparm, .n_own_arguments = sizeof(regparm),
	.puts_argument = puts_argument_i386,
	.slot_type = R_386_JMP_SLOT, .irelative_type = R_386_IRELATIVE, .branch_type = R_386_PC32,
	.tls_code = tls_code_i386, .relaxed = x86_relaxed, .relaxed_before = 2, .branch_room = JUMP_SIZE,
};
