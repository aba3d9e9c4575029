/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.c: functions that never return. */
#include <unistd.h>

int serving(void);
void serve(void);
int serve_counting(int n);

int serving(void)
{
	return 2;
}

void serve(void)
{
	for (;;)
		pause();
}

int serve_counting(int n)
{
	for (;;)
		pause();
	return n;
}
