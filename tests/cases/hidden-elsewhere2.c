/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other unit of hidden-elsewhere.
 */
#include "target.h"

#pragma GCC visibility push(hidden)
int shared[4] = { 10, 20, 30, 40 };
__thread int mine = 99;
int twice(int n);
#pragma GCC visibility pop

KEEP int twice(int n)
{
	return 2 * n;
}
