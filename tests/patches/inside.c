/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coroutines.c: what coroutines are suspended in. */
int inside(int n);
int answer(int n);

int inside(int n)
{
	return n + 100;
}

int answer(int n)
{
	return n + 1;
}
