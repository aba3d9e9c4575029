/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "carry.h"

#include <string.h>

#define CALL_SIZE 5
#define TAIL_MAX 10		/* bytes that lead back into the function */

/* The size of a ModRM byte with its SIB byte and displacement; 0 if it may be relative to the pc. */
static size_t operand_size(const uint8_t *code, size_t size)
{
	unsigned mode = code[0] >> 6;
	bool has_sib = mode != 3 && (code[0] & 7) == 4;

	if (size < 7 || mode == 0)
		return 0;
	return 1u + has_sib + (mode == 1 ? 1 : mode == 2 ? 4 : 0);
}

/* The size of an instruction that does the same at every address; 0 if it is not known to. */
static size_t movable_size(const uint8_t *code, size_t size, bool is_long)
{
	size_t prefix = is_long && (code[0] & 0xf0) == 0x40, operands;
	uint8_t op;

	if (size < prefix + 8)
		return 0;
	op = code[prefix];
	if (op >= 0x50 && op <= 0x57)				/* PUSH */
		return prefix + 1;
	operands = operand_size(code + prefix + 1, size - prefix - 1);
	if (operands == 0)
		return 0;
	switch (op) {
	case 0x01: case 0x03: case 0x29: case 0x2b:		/* ADD, SUB */
	case 0x31: case 0x33: case 0x85:			/* XOR, TEST */
	case 0x89: case 0x8b: case 0x8d:			/* MOV, LEA */
		return prefix + 1 + operands;
	case 0x83:						/* the same with a constant of one byte */
		return prefix + 1 + operands + 1;
	case 0x81: case 0xc7:					/* with four */
		return prefix + 1 + operands + 4;
	default:
		return 0;
	}
}

static size_t put_jump(uint64_t at, uint64_t to, uint8_t *out)
{
	uint32_t distance = (uint32_t)(to - at - CALL_SIZE);

	out[0] = 0xe9;
	memcpy(out + 1, &distance, sizeof(distance));
	return CALL_SIZE;
}

/* Instead of the CALL: a PUSH of the return address that it would have left, and a JMP. */
static size_t put_call(const uint8_t *call, uint64_t from, uint64_t to, uint8_t *out)
{
	uint32_t back = (uint32_t)from + CALL_SIZE, distance;

	memcpy(&distance, call + 1, sizeof(distance));
	out[0] = 0x68;
	memcpy(out + 1, &back, sizeof(back));
	return CALL_SIZE + put_jump(to + CALL_SIZE, back + distance, out + CALL_SIZE);
}

static size_t carry(const uint8_t *code, size_t size, size_t least, uint64_t from, uint64_t to,
		    bool is_long, uint8_t *out, size_t *carried)
{
	size_t at = 0;

	while (at < least) {
		size_t step = movable_size(code + at, size - at, is_long);

		if (!is_long && code[at] == 0xe8 && at + CALL_SIZE >= least &&
		    size - at >= CALL_SIZE) {
			*carried = at + CALL_SIZE;
			return at + put_call(code + at, from + at, to + at, out + at);
		}
		if (step == 0 || at + step > CARRY_MAX - TAIL_MAX)
			return 0;
		memcpy(out + at, code + at, step);
		at += step;
	}
	*carried = at;
	return at + put_jump(to + at, from + at, out + at);
}

size_t amd64_carry(const uint8_t *code, size_t size, size_t least, uint64_t from, uint64_t to,
		   uint8_t *out, size_t *carried)
{
	int64_t distance = (int64_t)(from - to);

	if (distance > INT32_MAX - CARRY_MAX || distance < INT32_MIN + CARRY_MAX)
		return 0;
	return carry(code, size, least, from, to, true, out, carried);
}

size_t i386_carry(const uint8_t *code, size_t size, size_t least, uint64_t from, uint64_t to,
		  uint8_t *out, size_t *carried)
{
	return carry(code, size, least, from, to, false, out, carried);
}
