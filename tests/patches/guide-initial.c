/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

VZP_FILE("guide.c");
VZP_STATIC_VAR_REF(int, limit);

int allowed(int n);

/* Nothing of the code has to change; a patch replaces a function all the same. */
int allowed(int n)
{
	return n <= limit;
}

/* static int limit = 10: where nobody has set another one, the process has the old initial value. */
static void lower(void)
{
	if (limit == 100)
		limit = 10;
}
VZP_POST_APPLY(lower)

static void raise_again(void)
{
	if (limit == 10)
		limit = 100;
}
VZP_POST_REVERT(raise_again)
