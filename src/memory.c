/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "memory.h"

#include <stddef.h>

static bool was_short;

/* The names that ld(1) gives by --wrap.  Without it there are no __real_ ones, and nobody calls these. */
void *__real_malloc(size_t size) __attribute__((weak));
void *__real_calloc(size_t count, size_t size) __attribute__((weak));
void *__real_realloc(void *block, size_t size) __attribute__((weak));
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_malloc(size_t size)
{
	void *block = __real_malloc(size);

	was_short = was_short || block == NULL;
	return block;
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *block = __real_calloc(count, size);

	was_short = was_short || block == NULL;
	return block;
}

void *__wrap_realloc(void *block, size_t size)
{
	void *grown = __real_realloc(block, size);

	was_short = was_short || (grown == NULL && size != 0);
	return grown;
}

bool memory_was_short(void)
{
	return was_short;
}

void memory_forget_short(void)
{
	was_short = false;
}
