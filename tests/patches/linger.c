/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.c: threads stay in a new function, to which a replaced one has jumped. */
#include <stdatomic.h>
#include <nsb/vzp.h>

VZP_FILE("threads.c");
VZP_STATIC_VAR_REF(atomic_int, released);
VZP_STATIC_VAR_REF(atomic_int, inside);
int hold_on(int n);
static __attribute__((noipa)) int linger(int n);

int hold_on(int n)
{
	return linger(n);
}

static int linger(int n)
{
	inside++;
	while (!released)
		;
	inside--;
	return n;
}
