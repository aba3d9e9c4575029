/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other unit of extern-data.
 */
#include "target.h"

int shared[4] = { 10, 20, 30, 40 };
int twice(int n);

KEEP int twice(int n)
{
	return 2 * n;
}
