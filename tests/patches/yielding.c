/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coroutines.c: the patch suspends a coroutine, too. */
void yield(void);
int inside(int n);
int answer(int n);

int inside(int n)
{
	yield();
	return n + 200;
}

int answer(int n)
{
	return n + 1;
}
