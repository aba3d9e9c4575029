/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other unit of same-names.
 */
#include "target.h"

int other(int n);

static volatile int base = 100;

static KEEP int add(int n)
{
	return base + n;
}

int other(int n)
{
	return add(n);
}
