/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating point arguments and result, constants in .rodata. */
double mean(double a, double b);

double mean(double a, double b)
{
	return (a + b) * 1.5 - 2;
}
