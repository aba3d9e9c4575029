/* SPDX-License-Identifier: GPL-2.0-or-later */
/* registers.c, syscalls.c: reason enough to stop the process. */
int beat(void);

int beat(void)
{
	return 2;
}
