/* SPDX-License-Identifier: GPL-2.0-or-later */
/* work() of tests/targets/elsewhere.c, and answer(), return more. */
#include <nsb/vzp.h>

VZP_FILE("elsewhere.c");
VZP_STATIC_VAR_REF(volatile int, one);
VZP_STATIC_VAR_REF(char *, top);
VZP_STATIC_FUNC_REF(void, wait_there, (void));
typedef void function(void);
typedef void switcher(char *, function *);
VZP_STATIC_VAR_REF(switcher *volatile, switch_to);

int work(int n);
int answer(int n);

int work(int n)
{
	switch_to(top, wait_there);
	return n + one + 10;
}

int answer(int n)
{
	return n + one + 10;
}
