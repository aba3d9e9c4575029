/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What single instructions do, as far as checks ask.  Source: Intel SDM, volume 2, appendix A. */
#include "x86.h"

#include <string.h>

#include "cursor.h"

/* Instructions of general registers, and of SSE, that write their operand in memory. */
static bool is_store(const struct shape *shape)
{
	unsigned op = shape->opcode, ext = shape->reg & 7;

	if (shape->map == 3)			/* pextrb and its like */
		return op >= 0x14 && op <= 0x17;
	if (shape->map == 2)			/* movbe */
		return op == 0xf1;
	if (shape->map == 1)
		return op == 0x11 || op == 0x13 || op == 0x17 || op == 0x29 || op == 0x2b || op == 0x7f || op == 0xc3 ||
			op == 0xd6 || op == 0xe7 || (op >= 0x90 && op <= 0x9f) || (op >= 0xb0 && op <= 0xb1) ||
			(op >= 0xc0 && op <= 0xc1) || op == 0xab || op == 0xb3 || op == 0xbb || op == 0xa4 || op == 0xa5 ||
			op == 0xac || op == 0xad;
	if (shape->map != 0)
		return false;
	return op == 0x88 || op == 0x89 || op == 0xc6 || op == 0xc7 || op == 0x86 || op == 0x87 || op == 0x8f ||
		(op < 0x38 && (op & 7) < 2) || (op >= 0x80 && op <= 0x83 && ext != 7) ||
		((op & 0xfe) == 0xf6 && (ext == 2 || ext == 3)) || ((op & 0xfe) == 0xfe && ext < 2) ||
		(op >= 0xd0 && op <= 0xd3) || (op & 0xfe) == 0xc0;
}

enum does x86_does(const struct shape *shape)
{
	if ((shape->map == 0 && shape->opcode == 0x8d) || (shape->map == 1 && shape->opcode >= 0x18 && shape->opcode <= 0x1f))
		return DOES_ADDRESS;
	if (shape->map == 0 && (shape->opcode == 0x39 || shape->opcode == 0x3b))
		return DOES_COMPARE;
	if (!shape->has_memory)
		return DOES_OTHER;
	if (shape->map == 0 && shape->opcode == 0x8b)
		return DOES_LOAD;
	if (shape->map == 0 && shape->opcode == 0xc7)
		return DOES_STORE_CONSTANT;
	if (shape->map == 0 && shape->opcode == 0x89)
		return DOES_STORE_REGISTER;
	return shape->writes_memory || is_store(shape) ? DOES_STORE : DOES_OTHER;
}

/* mov and cmov. */
bool x86_copies(const struct shape *shape, unsigned *from, unsigned *to, bool *is_conditional)
{
	bool is_store_form = shape->map == 0 && shape->opcode == 0x89;

	*is_conditional = shape->map == 1 && (shape->opcode & 0xf0) == 0x40;
	*from = is_store_form ? shape->reg : shape->rm;
	*to = is_store_form ? shape->rm : shape->reg;
	return !shape->has_memory && (is_store_form || *is_conditional || (shape->map == 0 && shape->opcode == 0x8b));
}

static int64_t signed_at(const uint8_t *bytes, size_t size)
{
	struct cursor at;

	cursor_init(&at, bytes, size);
	uint64_t value = cursor_uint(&at, size);
	return size == 1 ? (int8_t)value : (int32_t)value;
}

/* mov, xor, sub, or, setcc. */
bool x86_makes_constant(const uint8_t *code, const struct shape *shape, unsigned reg, bool wide, int64_t *value,
			bool *outcome)
{
	bool is_long = wide && (code[0] & 0xf0) == 0x40;
	unsigned in_opcode = (shape->opcode & 7U) | (is_long && (code[0] & 1) != 0 ? 8U : 0);

	*outcome = false;
	*value = 0;
	if (shape->map == 0 && (shape->opcode & 0xf8) == 0xb8 && in_opcode == reg && shape->immediate_size == 4) {
		*value = signed_at(code + shape->immediate_at, 4);
		return true;
	}
	if (shape->has_memory || shape->rm != reg)
		return false;
	if (shape->map == 0 && shape->opcode == 0xc7 && shape->immediate_size == 4)
		*value = signed_at(code + shape->immediate_at, 4);
	else if (shape->map == 0 && shape->opcode == 0x83 && (shape->reg & 7) == 1 && code[shape->immediate_at] == 0xff)
		*value = -1;
	else if (shape->map == 1 && (shape->opcode & 0xf0) == 0x90)
		*outcome = true;
	else
		return shape->map == 0 && shape->reg == reg &&
			(shape->opcode == 0x31 || shape->opcode == 0x33 || shape->opcode == 0x29);
	return true;
}

bool x86_adds(const struct shape *shape)
{
	return shape->map == 0 && (shape->opcode == 0x01 || shape->opcode == 0x03);
}

/* syscall, sysenter, int. */
bool x86_enters_kernel(const struct shape *shape)
{
	return (shape->map == 1 && (shape->opcode == 0x05 || shape->opcode == 0x34)) || (shape->map == 0 && shape->opcode == 0xcd);
}

/* The prefix notrack. */
bool x86_is_untracked(const uint8_t *code)
{
	return code[0] == 0x3e;
}

/* 89 and 8b; of 64 bits with REX.W. */
bool x86_moves(const uint8_t *code, const struct shape *shape, bool wide, unsigned to, uint64_t size, unsigned *from)
{
	if (shape->map != 0 || shape->has_memory || (size > 4 && ((code[0] & 0xf8) != 0x48 || !wide)))
		return false;
	*from = shape->opcode == 0x89 ? shape->reg : shape->rm;
	return (shape->opcode == 0x89 && shape->rm == to) || (shape->opcode == 0x8b && shape->reg == to);
}

/* lea, and mov of a constant of 32 bits. */
uint64_t x86_loaded_address(const uint8_t *code, const struct insn *insn)
{
	const uint8_t *opcode = code + ((code[0] & 0xf0) == 0x40);
	struct cursor at;

	if (*opcode == 0x8d)
		return insn->memory;
	if ((*opcode & 0xf8) != 0xb8 || opcode + 5 != code + insn->size)
		return 0;
	cursor_init(&at, opcode + 1, 4);
	return cursor_uint(&at, 4);
}

/* A lea with REX.W that has no base register: 8d, then a ModRM byte.  REX.R is the register's high bit. */
bool x86_address_operand(const uint8_t *code, size_t size, size_t at, uint64_t addr, uint64_t *value, size_t *end, int *reg)
{
	if (at < 2 || at + 4 > size || code[at - 2] != 0x8d || (code[at - 1] & 0xc7) != 0x05)
		return false;
	*end = at + 4;
	*value = addr + *end + (uint64_t)signed_at(code + at, 4);
	*reg = at >= 3 && (code[at - 3] & 0xf8) == 0x48 ? (code[at - 1] >> 3 & 7) | (code[at - 3] & 4) << 1 : -1;
	return true;
}

/*
 * Any four bytes may be an operand, which counts from what follows it.  The padding before a function has zeros, which no
 * instruction there could have.
 */
bool amd64_may_lead_to(const uint8_t *code, size_t size, size_t at, uint64_t addr, uint64_t got, uint64_t *value)
{
	int64_t distance = at + 4 <= size ? signed_at(code + at, 4) : 0;

	(void)got;
	*value = addr + at + 4 + (uint64_t)distance;
	return distance != 0 && !x86_is_branch_operand(code, at);
}

/* Here it counts from the GOT. */
bool i386_may_lead_to(const uint8_t *code, size_t size, size_t at, uint64_t addr, uint64_t got, uint64_t *value)
{
	int64_t distance = at + 4 <= size ? signed_at(code + at, 4) : 0;

	(void)addr;
	*value = (uint32_t)(got + (uint64_t)distance);
	return distance != 0;
}

/* The instructions that compilers use to make -1 the first argument: mov and or with %rdi, push, mov to (%esp). */
bool x86_passes_minus_one(const uint8_t *code, size_t size, bool wide)
{
	static const struct {
		bool wide;
		size_t size;
		uint8_t bytes[8];
	} forms[] = {
		{ true, 7, { 0x48, 0xc7, 0xc7, 0xff, 0xff, 0xff, 0xff } },
		{ true, 4, { 0x48, 0x83, 0xcf, 0xff } },
		{ true, 3, { 0x6a, 0xff, 0x5f } },
		{ false, 2, { 0x6a, 0xff } },
		{ false, 7, { 0xc7, 0x04, 0x24, 0xff, 0xff, 0xff, 0xff } },
		{ false, 4, { 0x83, 0x0c, 0x24, 0xff } },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].wide == wide && memmem(code, size, forms[i].bytes, forms[i].size) != NULL)
			return true;
	return false;
}

/* ---- how code of i386 finds the GOT ---- */

enum { CALL = 0xe8, ADD_EAX = 0x05, GROUP_ONE = 0x81, POP = 0x58, LOAD = 0x8b, ADD_TO_E = 0x01, ADD_TO_G = 0x03 };

bool i386_calls_for_pc(const uint8_t *code, const struct shape *shape)
{
	return code[0] == CALL && shape->immediate_size == 4;
}

/* A call of a pop that follows it, or of mov (%esp), %reg; ret. */
int i386_finds_pc(const uint8_t *code, const struct shape *shape, const uint8_t *to, bool is_next)
{
	if (!i386_calls_for_pc(code, shape))
		return -1;
	if (is_next)
		return (to[0] & 0xf8) == POP ? to[0] & 7 : -1;
	return to[0] == LOAD && (to[1] & 0xc7) == 0x04 && to[2] == 0x24 && to[3] == 0xc3 ? to[1] >> 3 & 7 : -1;
}

int i386_sum_register(const struct shape *shape)
{
	if (shape->map != 0 || shape->immediate_size != 4)
		return -1;
	if (shape->opcode == ADD_EAX)
		return GPR_AX;
	return shape->opcode == GROUP_ONE && shape->mod == 3 && (shape->reg & 7) == 0 ? shape->rm & 7 : -1;
}

bool i386_adds_to(const struct shape *shape, unsigned *to, unsigned *from)
{
	if (shape->map != 0 || (shape->opcode != ADD_TO_E && shape->opcode != ADD_TO_G) || shape->mod != 3)
		return false;
	*to = shape->opcode == ADD_TO_E ? shape->rm & 7U : shape->reg & 7U;
	*from = shape->opcode == ADD_TO_E ? shape->reg & 7U : shape->rm & 7U;
	return true;
}

/* ---- what the witness asks ---- */

static bool fills_gaps(const uint8_t *code, const struct shape *shape, bool wide)
{
	if (shape->map == 1)
		return shape->opcode == 0x1f;
	if (shape->map != 0)
		return false;
	if (shape->opcode == 0x90)		/* nop; with F3 it is pause, with REX.B an exchange */
		return code[0] == 0x90 || code[0] == 0x66;
	if (wide)
		return false;
	if (shape->opcode == 0x8d)
		return shape->base == (int8_t)shape->reg && shape->index < 0 && shape->displacement == 0;
	return shape->opcode == 0x89 && shape->mod == 3 && shape->reg == shape->rm;
}

bool amd64_fills_gaps(const uint8_t *code, const struct shape *shape)
{
	return fills_gaps(code, shape, true);
}

bool i386_fills_gaps(const uint8_t *code, const struct shape *shape)
{
	return fills_gaps(code, shape, false);
}

enum { PUSH_4 = 0x68, PUSH_1 = 0x6a, MOV_REG = 0xb8, MOV_MEMORY = 0xc7, SUB_EAX = 0x2d, CMP_EAX = 0x3d, MOV_ABSOLUTE = 0xa0, LOOP = 0xe0 };

/*
 * Compilers put addresses into registers and memory, compare and add them; they are no operands of
 * "and" or "imul".
 */
bool x86_may_be_address(const struct shape *shape)
{
	unsigned operation = shape->reg & 7;

	if (shape->map != 0)
		return false;
	if (shape->opcode == GROUP_ONE)		/* add, sub, cmp */
		return operation == 0 || operation == 5 || operation == 7;
	return shape->opcode == PUSH_4 || shape->opcode == MOV_MEMORY || (shape->opcode & 0xf8) == MOV_REG ||
	       shape->opcode == ADD_EAX || shape->opcode == SUB_EAX || shape->opcode == CMP_EAX ||
	       (shape->opcode >= MOV_ABSOLUTE && shape->opcode < MOV_ABSOLUTE + 4);
}

static bool is_push(const struct shape *shape)
{
	return shape->map == 0 && (shape->opcode == PUSH_1 || shape->opcode == PUSH_4);
}

bool x86_may_be_line(const struct shape *shape)
{
	if (shape->map != 0 || shape->immediate_size == 0)
		return false;
	return is_push(shape) || shape->opcode == MOV_MEMORY || (shape->opcode & 0xf8) == MOV_REG;
}

bool x86_same_branch(const uint8_t *code_a, const struct shape *a, const uint8_t *code_b, const struct shape *b)
{
	bool has_condition = a->flow == FLOW_BRANCH;
	size_t before_a = a->immediate_at - 1u - a->map, before_b = b->immediate_at - 1u - b->map;

	if (a->flow != b->flow || before_a != before_b || memcmp(code_a, code_b, before_a) != 0)
		return false;
	if (!has_condition)
		return true;
	bool loops_a = a->map == 0 && a->opcode >= LOOP, loops_b = b->map == 0 && b->opcode >= LOOP;
	return loops_a == loops_b && (loops_a ? a->opcode == b->opcode : ((a->opcode ^ b->opcode) & 15) == 0);
}

bool x86_same_opcode(const uint8_t *code_a, const struct shape *a, const uint8_t *code_b, const struct shape *b)
{
	size_t head = a->displacement_size != 0 ? a->displacement_at : a->immediate_at;

	if (is_push(a) && is_push(b))
		return a->immediate_at == b->immediate_at && memcmp(code_a, code_b, a->immediate_at - 1u) == 0;
	return a->size == b->size && a->displacement_size == b->displacement_size &&
	       a->displacement_at == b->displacement_at && a->immediate_at == b->immediate_at &&
	       memcmp(code_a, code_b, head) == 0;
}
