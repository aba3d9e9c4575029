/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lines: which numbers in code may be those of source lines, as assert() passes them.
 *
 * Such a number is an argument: it is put into a register for arguments, or onto the stack, and
 * then something is called.  A number that is compared with something, added, stored or
 * returned is no line.  That an argument is one in fact has to be shown by something else, as by
 * the line table, or by __FILE__ beside it.
 */
#ifndef NSB_GEN_LINES_H
#define NSB_GEN_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gen_arch.h"

/* The code of a function from its start.  lines_find() is asked in ascending order. */
struct lines {
	const uint8_t *code, *mask;	/* mask: not 0 where a relocation is */
	size_t size;
	const struct gen_arch *gen;
	size_t next;			/* what is before it has been decoded */
	size_t begin;			/* private: behind the last call or jump before `next` */
};

/* A number that may be that of a line.  All are offsets in the function's code. */
struct line_number {
	size_t from, width;		/* its bytes: 1 or 4 */
	size_t insn, insn_end;		/* the instruction that has it */
	size_t begin;			/* behind the last call or jump before it */
	size_t call, call_end;		/* the instructions from here on lead to the call, and that itself */
};

/* The number that the byte at `at` is part of.  False: it is part of none. */
bool lines_find(struct lines *lines, size_t at, struct line_number *out);

#endif
