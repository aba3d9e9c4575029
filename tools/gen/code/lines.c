/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lines.h"

#include "insn.h"

#define STEPS_MAX 64		/* instructions from the argument to its call */

enum { REX = 0x40, PUSH_4 = 0x68, PUSH_1 = 0x6a, MOV_REG = 0xb8, MOV_MODRM = 0xc7, CALL = 0xe8 };

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
 * Does the instruction put a constant where arguments are?  *width is the width of the
 * constant, which is its last bytes.  *reg is the register, or -1 for the stack.
 */
static bool puts_argument(const uint8_t *code, size_t size, bool wide, size_t *width, int *reg)
{
	size_t at = wide && (code[0] & 0xf0) == REX;
	unsigned high = at != 0 && (code[0] & 1) != 0 ? 8 : 0;

	*width = 4;
	*reg = -1;
	if (code[at] == PUSH_1)
		*width = 1;
	if (code[at] == PUSH_1 || code[at] == PUSH_4)
		return size == at + 1 + *width;
	if ((code[at] & 0xf8) == MOV_REG) {
		*reg = (int)((code[at] & 7) | high);
		return size == at + 5 && is_argument((unsigned)*reg, wide);
	}
	if (code[at] != MOV_MODRM || size < at + 6)
		return false;
	if (code[at + 1] >> 6 == 3) {
		*reg = (int)((code[at + 1] & 7) | high);
		return is_argument((unsigned)*reg, wide);
	}
	/* The operand is memory from the stack pointer on, without an index. */
	return (code[at + 1] & 7) == 4 && code[at + 2] == 0x24 && high == 0;
}

static bool is_masked(const struct lines *lines, size_t from, size_t size)
{
	for (size_t i = from; i < from + size; i++)
		if (lines->mask[i] != 0)
			return true;
	return false;
}

/*
 * Is something called before the register gets another value?  Sets where the instructions
 * begin that lead to the call without a jump, and where it ends.
 */
static bool comes_to_call(const struct lines *lines, size_t at, int reg, struct line_number *out)
{
	out->call = at;
	for (unsigned i = 0; i < STEPS_MAX && at < lines->size; i++) {
		struct insn insn;

		if (!insn_decode(lines->code + at, lines->size - at, at, lines->wide, &insn))
			return false;
		out->call_end = at + insn.size;
		/*
		 * A call that is not linked yet may look as one of what follows, by which i386
		 * code finds its pc.
		 */
		if (lines->code[at] == CALL && is_masked(lines, at, insn.size))
			return true;
		switch (insn.flow) {
		case FLOW_CALL:
		case FLOW_CALL_ANY:
			return true;
		case FLOW_JUMP:
			/* It leads to another function, or to code that several calls share. */
			if (is_masked(lines, at, insn.size) || insn.to > lines->size)
				return true;
			at = (size_t)insn.to;
			out->call = at;
			break;
		case FLOW_NEXT:
			if (reg >= 0 && (insn.writes.general & GPR_BITS(reg)) != 0)
				return false;
			at += insn.size;
			break;
		default:
			return false;
		}
	}
	return false;
}

bool lines_find(struct lines *lines, size_t at, struct line_number *out)
{
	size_t start = lines->next, begin = lines->begin;
	struct insn insn;
	int reg;

	while (lines->next <= at) {
		start = lines->next;
		begin = lines->begin;
		if (!insn_decode(lines->code + start, lines->size - start, start, lines->wide, &insn))
			return false;
		lines->next = start + insn.size;
		if (insn.flow != FLOW_NEXT && insn.flow != FLOW_BRANCH)
			lines->begin = lines->next;
	}
	if (start == lines->next ||
	    !puts_argument(lines->code + start, lines->next - start, lines->wide, &out->width, &reg))
		return false;
	out->from = lines->next - out->width;
	out->insn = start;
	out->insn_end = lines->next;
	out->begin = begin;
	return at >= out->from && !is_masked(lines, out->from, out->width) &&
	       comes_to_call(lines, lines->next, reg, out);
}
