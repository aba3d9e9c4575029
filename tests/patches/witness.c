/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness.c: two functions, so that one jump can be there without the other. */
int first(int n);
int second(int n);

int first(int n)
{
	return n + 20;
}

int second(int n)
{
	return n + 40;
}
