/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.c: one function that never returns, like the old one, and one that does. */
#include <unistd.h>

int serving(void);
int serve_counting(int n);

int serving(void)
{
	return 2;
}

int serve_counting(int n)
{
	for (;;)
		pause();
	return n;
}
