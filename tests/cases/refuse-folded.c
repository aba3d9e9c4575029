/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two equal functions that the compiler made one of cannot become two.
 * only: gcc O2 O3 Os
 * refuses: 'first' is one function with 'second' in prog, as they were equal there
 */
#include <stdlib.h>
#include "target.h"

#define BODY(more) { volatile int x = n; for (int i = 0; i < n; i++) x += 3 * i; return x + more; }

#ifdef NEW
static __attribute__((noinline)) int first(int n) BODY(1000)
#else
static __attribute__((noinline)) int first(int n) BODY(0)
#endif
static __attribute__((noinline)) int second(int n) BODY(0)

void reply(const char *question, char *answer, size_t size)
{
	int n = atoi(question);

	snprintf(answer, size, "%d %d", first(n), second(n));
}
