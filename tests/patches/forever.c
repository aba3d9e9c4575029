/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.c: one function that never returns, and one that does. */
int serving(void);
int serve_counting(int n);

int serving(void)
{
	return 2;
}

int serve_counting(int n)
{
	return n;
}
