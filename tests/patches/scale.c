/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A static function that refers to a static variable. */
#include <nsb/vzp.h>

VZP_FILE("server.c");
VZP_STATIC_VAR_REF(int, factor);

int scale(int n);

int scale(int n)
{
	return n * factor + 1000;
}
VZP_CALLERS_CHECKED(scale);	/* reply() prints whatever it returns */
