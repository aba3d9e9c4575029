/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The target has no such variable. */
#include <nsb/vzp.h>

VZP_STATIC_VAR_REF(int, no_such_variable);
int visit(int by);

int visit(int by)
{
	return no_such_variable + by;
}
