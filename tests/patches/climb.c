/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.c: a function that calls itself. */
int rest(void);
int climb(int n);

int climb(int n)
{
	return n == 0 ? rest() : 2 + climb(n - 1);
}
