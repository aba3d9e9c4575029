/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

VZP_FILE("guide.c");
VZP_STATIC_VAR_REF(int, limit);

int allowed(int n);
void set_limit(int n);

/* A new variable, of which there is one in the process. */
static int is_locked;

int allowed(int n)
{
	return !is_locked && n <= limit;
}

/* Who sets a limit below zero locks everything, until somebody sets another one. */
void set_limit(int n)
{
	is_locked = n < 0;
	if (n >= 0)
		limit = n;
}
