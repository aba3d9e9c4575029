/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.c: a function in whose cold part threads stay. */
int hold_seldom(int n);

int hold_seldom(int n)
{
	return n;
}
