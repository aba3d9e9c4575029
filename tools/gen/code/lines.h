/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lines: which numbers in code may be those of source lines, as assert() passes them.
 *
 * Such a number is an argument: it is put into a register for arguments, or onto the stack, and
 * then something is called.  A number that is compared with something, added, stored or
 * returned is no line.
 */
#ifndef NSB_GEN_LINES_H
#define NSB_GEN_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code of a function from its start.  lines_find() is asked in ascending order. */
struct lines {
	const uint8_t *code, *mask;	/* mask: not 0 where a relocation is */
	size_t size;
	bool wide;
	size_t next;			/* what is before it has been decoded */
};

/*
 * The number that the byte at `at` is part of: its first byte, and its width of 1 or 4 bytes.
 * False: it is part of none.
 */
bool lines_find(struct lines *lines, size_t at, size_t *from, size_t *width);

#endif
