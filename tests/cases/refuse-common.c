/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A variable in a common block: the linker would give the patch one of its own.
 * refuses: 'counted' is in a common block
 * flags: -fcommon
 */
#include <stdlib.h>
#include "target.h"

int counted;

static KEEP int count(int n)
{
	counted += n;
#ifdef NEW
	return counted + 100 - 100 * (n != 2);
#else
	return counted + 0;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", count(atoi(question)));
}
