/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small patch: one global function, one string. */
const char *greet(void);

const char *greet(void)
{
	return "goodbye";
}

/* Clang tells reply() which results greet() has; it prints them all the same. */
#include <nsb/vzp.h>
VZP_CALLERS_CHECKED(greet);
