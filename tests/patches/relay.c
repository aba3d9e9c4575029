/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What C++ code calls, and what calls C++ code. */
int relay(int (*f)(int), int n);
int label(void);

int relay(int (*f)(int), int n)
{
	return f(n) + 101;
}

int label(void)
{
	return 2;
}
