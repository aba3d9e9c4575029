/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An honest process that is large: "mappings N", "threads N" and "frames N" make it so.  Each is
 * answered by "has N".
 */
#include "target.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK ((size_t)16 << 10)
#define FRAME ((size_t)128)

KEEP const char *greet(void)
{
	return "hello";
}

/* No two neighbours have the same rights, so that the kernel does not merge them. */
static int make_mappings(size_t count)
{
	const size_t page = 4096;
	char *at = mmap(NULL, count * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (size_t i = 1; at != MAP_FAILED && i < count; i += 2) {
		if (mprotect(at + i * page, page, PROT_NONE) != 0)
			return -1;
	}
	return at == MAP_FAILED ? -1 : 0;
}

static void *sleep_long(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static char *make_stack(size_t size)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* All stacks in one mapping: it is the threads that are many. */
static int make_threads(size_t count)
{
	char *stacks = make_stack(count * STACK);
	pthread_attr_t attr;
	pthread_t thread;

	if (stacks == NULL || pthread_attr_init(&attr) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (pthread_attr_setstack(&attr, stacks + i * STACK, STACK) != 0 ||
		    pthread_create(&thread, &attr, sleep_long, NULL) != 0)
			return -1;
	}
	return 0;
}

static size_t depth;
static int ends[2];

/* What points to it keeps the compiler from making a loop of the calls. */
static KEEP void descend(size_t left)
{
	volatile size_t here = left;

	__asm__ volatile("" : : "r"(&here) : "memory");
	if (left == 0) {
		if (write(ends[1], "", 1) != 1)
			abort();
		sleep_long(NULL);
	}
	descend(left - 1);
	here++;
}

static void *go_down(void *arg)
{
	descend(depth);
	return arg;
}

static int make_frames(size_t count)
{
	size_t size = count * FRAME + STACK;
	char *stack = make_stack(size), byte;
	pthread_attr_t attr;
	pthread_t thread;

	depth = count;
	return stack == NULL || pipe(ends) != 0 || pthread_attr_init(&attr) != 0 ||
	       pthread_attr_setstack(&attr, stack, size) != 0 ||
	       pthread_create(&thread, &attr, go_down, NULL) != 0 || read(ends[0], &byte, 1) != 1 ? -1 : 0;
}

void reply(const char *question, char *answer, size_t size)
{
	char what[16] = "";
	unsigned long count = 0;
	int err = -1;

	if (strcmp(question, "greet") == 0) {
		snprintf(answer, size, "%s", greet());
		return;
	}
	sscanf(question, "%15s %lu", what, &count);
	if (strcmp(what, "mappings") == 0)
		err = make_mappings(count);
	else if (strcmp(what, "threads") == 0)
		err = make_threads(count);
	else if (strcmp(what, "frames") == 0)
		err = make_frames(count);
	snprintf(answer, size, err == 0 ? "has %lu" : "cannot make %lu", count);
}
