/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The patch of `make demo`: the same function, mended. */
#include <stdio.h>

#include <nsb/vzp.h>

VZP_COMMENT("demo: nobody is paid for ordering less than nothing");
VZP_FILE("demo.c");
VZP_STATIC_VAR_REF(int, requests);
/* Newer compilers tell answer() what offer() may return.  It takes whatever that is. */
VZP_CALLERS_CHECKED(offer);

int offer(int pieces, char *line, size_t size);

int offer(int pieces, char *line, size_t size)
{
	int price = pieces < 0 ? 0 : pieces * 3;

	requests++;
	return snprintf(line, size, "%d pieces: %d (request %d)\n", pieces, price, requests);
}
