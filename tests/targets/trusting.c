/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Callers that the compiler let rely on more than the ABI says, because it saw what
 * they call: registers, the alignment of the stack, where arguments are.
 */
#include "target.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static volatile int level = 3;
static volatile int touched;

struct pair {
	int first, second;
};

/* Changes a register or two. */
static NOINLINE int leaf(int x)
{
	return x * level;
}

/* gcc keeps b, and the first product, in registers that a call may change. */
static NOINLINE int both(int a, int b)
{
	return leaf(a) + b * leaf(b);
}

static NOINLINE int above(int a, int b)
{
	return both(a, b) + b;
}

/* What calls them from outside relies on nothing. */
static KEEP int ask_both(int n)
{
	return both(n, n + 1);
}

static KEEP int ask_above(int n)
{
	return above(n, n + 1);
}

#ifdef __x86_64__
/* The same with a floating-point register. */
static NOINLINE double mixed(double x, int n)
{
	return leaf(n) + x;
}

static KEEP double ask_mixed(int n)
{
	return mixed(n + 0.5, n);
}
#endif

/* Needs no aligned stack, and is given none. */
static NOINLINE int plain(int x)
{
	touched += x;
	return touched;
}

static KEEP int misaligns(int x)
{
	return plain(x) + 1;
}

/* gcc makes a clone without the factor, and one that gets members in place of the structure. */
static NOINLINE int scaled(int factor, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += factor * level;
	return sum;
}

static NOINLINE int summed(const struct pair *pair)
{
	return pair->first * level + pair->second;
}

static NOINLINE void forever(void)
{
	for (;;)
		pause();
}

void reply(const char *question, char *answer, size_t size)
{
	char what[32] = "";
	int n = 0;

	sscanf(question, "%31s %d", what, &n);
	if (strcmp(what, "both") == 0) {
		snprintf(answer, size, "both %d", ask_both(n));
	} else if (strcmp(what, "above") == 0) {
		snprintf(answer, size, "above %d", ask_above(n));
#ifdef __x86_64__
	} else if (strcmp(what, "mixed") == 0) {
		snprintf(answer, size, "mixed %.1f", ask_mixed(n));
#endif
	} else if (strcmp(what, "misaligns") == 0) {
		touched = 0;
		snprintf(answer, size, "misaligns %d", misaligns(n));
	} else if (strcmp(what, "scaled") == 0) {
		snprintf(answer, size, "scaled %d %d", scaled(7, n), scaled(7, n + 1));
	} else if (strcmp(what, "summed") == 0) {
		struct pair pair = { n, n + 1 };

		snprintf(answer, size, "summed %d", summed(&pair));
	} else if (strcmp(what, "forever") == 0) {
		forever();
	}
}
