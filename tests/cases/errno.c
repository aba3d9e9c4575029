/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errno is the thread's.
 * ask x: 0 / 2
 * replaces: number
 */
#include <errno.h>
#include <unistd.h>
#include "target.h"

static KEEP int number(void)
{
	errno = 0;
#ifdef NEW
	if (access("/nowhere/at/all", F_OK) == 0)
		return -1;
#endif
	return errno;
}

void reply(const char *question, char *answer, size_t size)
{
	(void)question;
	snprintf(answer, size, "%d", number());
}
