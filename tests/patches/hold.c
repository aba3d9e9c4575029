/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.c: what threads stay in. */
int hold_on(int n);
int spin_on(int n);

int hold_on(int n)
{
	return n;
}

int spin_on(int n)
{
	return n;
}
