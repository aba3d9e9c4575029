/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The function that weak-overridden.c has a default of. */
int hook(int n);

int hook(int n)
{
	return n + 5000;
}
