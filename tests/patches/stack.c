/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One of several patches of the same functions: -DNAME='"a"' -DADD=100. */
#include <nsb/vzp.h>

VZP_FILE("server.c");
VZP_STATIC_VAR_REF(int, factor);
const char *greet(void);
int scale(int n);

const char *greet(void)
{
	return NAME;
}

int scale(int n)
{
	return n * factor + ADD;
}
