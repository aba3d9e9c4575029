/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The static variable of a function keeps its value. */
#include <nsb/vzp.h>

int count(void);

int count(void)
{
	VZP_STATIC_VAR_REF(int, calls);

	calls += 100;
	return calls;
}
