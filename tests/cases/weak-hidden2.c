/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What weak-hidden.c has defaults of. */
__attribute__((visibility("hidden"))) int hook(int n);
__attribute__((visibility("hidden"))) extern int level;

int level = 500;

int hook(int n)
{
	return n + 5000;
}
