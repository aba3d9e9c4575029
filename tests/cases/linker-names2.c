/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other unit of linker-names.
 */
#include "target.h"

static volatile int end = 7;

int other(void);

KEEP int other(void)
{
	return end;
}
