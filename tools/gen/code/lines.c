/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lines.h"

#define STEPS_MAX 64		/* instructions from the argument to its call */

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

		if (!insn_decode(lines->code + at, lines->size - at, at, lines->gen, &insn))
			return false;
		out->call_end = at + insn.size;
		/*
		 * A call that is not linked yet may look as one of what follows, by which i386
		 * code finds its pc.
		 */
		if ((insn.flow == FLOW_CALL || insn.calls_next) && is_masked(lines, at, insn.size))
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
			if (reg >= 0 && (insn.writes.general & register_bits(lines->gen, (unsigned)reg)) != 0)
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
	struct constant_argument argument;
	struct insn insn;

	while (lines->next <= at) {
		start = lines->next;
		begin = lines->begin;
		if (!insn_decode(lines->code + start, lines->size - start, start, lines->gen, &insn))
			return false;
		lines->next = start + insn.size;
		if (insn.flow != FLOW_NEXT && insn.flow != FLOW_BRANCH)
			lines->begin = lines->next;
	}
	if (start == lines->next ||
	    !lines->gen->puts_argument(lines->code + start, lines->next - start, &argument))
		return false;
	out->width = argument.width;
	out->from = lines->next - out->width;
	out->insn = start;
	out->insn_end = lines->next;
	out->begin = begin;
	return at >= out->from && !is_masked(lines, out->from, out->width) &&
	       comes_to_call(lines, lines->next, argument.reg, out);
}
