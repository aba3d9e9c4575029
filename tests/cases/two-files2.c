/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other unit of two-files.
 */
#include "target.h"

int times(int n);

KEEP int times(int n)
{
#ifdef NEW
	return n * 3;
#else
	return n * 2;
#endif
}
