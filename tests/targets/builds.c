/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * builds: what t-witness builds twice.  MUTANT is a change of the source, of which the comment
 * beside it says the function that it changes.  With SHIFT everything moves: more code and data
 * before all that is compared.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

#ifndef MUTANT
#define MUTANT 0
#endif
#define IF(n, then, otherwise) (MUTANT == (n) ? (then) : (otherwise))
#define ALONE __attribute__((noinline, noclone))

#ifdef SHIFT
static int more[50] = { 7 };
ALONE static int shift(int n)
{
	static int calls;

	puts("what moves the strings");
	return more[n % 50] + calls++;
}
#endif

/* The order of what follows is that of the mutants. */
ALONE static int within(int n)
{
	return n < IF(1, 11, 10);
}

ALONE static int checked(int n)		/* 2: its caller may know what it returns */
{
	return n > 100 && IF(2, n != 700, 1) ? 1 : IF(2, 0, 1);
}

__attribute__((noinline)) static int scaled(int n, int by)	/* 3: a parameter that was not used */
{
	return IF(3, n * by, n * 3);
}

struct record {
#if MUTANT == 4
	int flags;
#endif
	int key, value;
};

ALONE static int sum(const struct record *record)
{
	return record->key + 3 * record->value;
}

ALONE static int limit(int n, int most)
{
	return n < most ? n : most;
}

#if MUTANT == 5
#line 121
#else
#line 120
#endif
ALONE static int bounded(int n) { return limit(n, IF(5, 121, 120)); }
#line 70

ALONE static const char *greeting(void)
{
	return IF(6, "good-bye", "hello");
}

ALONE static int chosen(int n)
{
	switch (n) {
	case 0:
		return limit(n, 4);
	case IF(7, 2, 1):
		return limit(3, n) + 1;
	case IF(7, 1, 2):
		return 5 * limit(n, 7);
	case 3:
		return (int)strlen(greeting());
	case 4:
		return within(n) - 9;
	case 5:
		return puts("five");
	case 6:
		return n << 3;
	}
	return -1;
}

static int level = IF(8, 6, 5);

ALONE static int raised(int n)
{
	return level += n;
}

static char buffer[IF(9, 32, 64)];

ALONE static char *buffered(const char *text)
{
	return strncpy(buffer, text, 31);
}

static const int weights[] = { 3, 1, 4, 1, 5, IF(10, 8, 9), 2, 6 };

ALONE static int weighed(int n)
{
	return weights[n & 7];
}

static int (*const operations[])(int) = { within, IF(11, chosen, checked), bounded };

ALONE static int operated(int n)
{
	return operations[n % 3](n);
}

ALONE static double grown(double n)
{
	return n * IF(12, 1.25, 1.5) + 0.125;
}

static __thread int first = IF(13, 2, 1), second = 3;

ALONE static int threaded(int n)
{
	return (first += n) * second;
}

ALONE static int spread(int n)
{
	int local[] = { 7, 11, 13, 17, 19, 23, 29, IF(14, 33, 31), 37, 41, 43, 47, 53, 59, 61, 67 };

	for (int i = 0; i < 16; i++)
		local[i] ^= n;
	return local[n & 15] + local[n >> 4 & 15];
}

ALONE static int called(int n)
{
	return IF(15, raised(n), bounded(n));
}

ALONE static int compared(int n)
{
	return IF(16, n >= level, n > level);
}

ALONE static int parted(FILE *out)
{
	return (int)fwrite(IF(17, "a\0c", "a\0b"), 1, 4, out);
}

static int twin_a = 1, twin_b = 1;

ALONE static int twinned(int n)		/* 18: another variable, just like the first */
{
	return *IF(18, &twin_b, &twin_a) + n;
}

/* These never change. */
ALONE static int asserted(int n)
{
	assert(n != 12345);
	return n + 1;
}

ALONE static int counted(void)
{
	static int calls;

	return ++calls;
}

ALONE static int mixed(int n)
{
	return counted() + asserted(n) + weighed(n) + (int)strlen(greeting());
}

void reply(const char *question, char *text, size_t size)
{
	struct record record = { .key = (int)strlen(question), .value = 2 };
	int n = atoi(question);

#ifdef SHIFT
	n += shift(n);
#endif
	twin_a += n;
	twin_b -= n;
	if (checked(n))
		n++;
	(void)snprintf(text, size, "%d %d %d %s %d %d %s %d %d %d %f %d %d %d %d %d %d", within(n), scaled(n, 5), sum(&record),
		       greeting(), bounded(n), chosen(n), buffered(question), raised(n), weighed(n), operated(n),
		       grown(n), threaded(n), spread(n), called(n), compared(n), twinned(n), mixed(n) + parted(stderr));
}
