/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.c, signals.c: three times instead of twice. */
int work(int n);

int work(int n)
{
	for (volatile int i = 0; i < 300; i++)
		;
	return n * 3;
}
