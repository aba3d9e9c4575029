/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Uses up room in its address space: "grow N" by N MiB of heap, by sbrk(2); "deep N" by N MiB of
 * stack; "fill" by as many mappings as it may have; "lock" locks its memory, and may not lock
 * more.  "greet" is answered by greet().
 */
#include <alloca.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "target.h"

#ifdef BIG
static char big[3ul << 30];
#endif

KEEP const char *greet(void)
{
	return "hello";
}

KEEP static int go_deep(size_t size)
{
	volatile char *end;

#ifdef __clang__
	end = __builtin_alloca(size);
#else
	end = alloca(size);
#endif
	*end = 1;
	return *end;
}

/* Neighbours are not merged, as they grant different access. */
static int fill(void)
{
	for (int prot = PROT_READ;; prot ^= PROT_WRITE) {
		if (mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			return 1;
	}
}

static int lock(void)
{
	char line[128];
	unsigned long kib = 0;
	FILE *file;

	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		return 0;
	file = fopen("/proc/self/status", "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		sscanf(line, "VmLck: %lu", &kib);
	if (file == NULL || fclose(file) != 0 || setresuid(65534, 65534, 65534) != 0)
		return 0;
	return setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ kib << 10, kib << 10 }) == 0;
}

void reply(const char *question, char *answer, size_t size)
{
	char what[16] = "";
	unsigned n = 0;
	int done = 0;

	sscanf(question, "%15s %u", what, &n);
	if (strcmp(what, "greet") == 0) {
		snprintf(answer, size, "%s", greet());
		return;
	}
	if (strcmp(what, "grow") == 0)
		done = sbrk((intptr_t)n << 20) != (void *)-1;
	else if (strcmp(what, "deep") == 0)
		done = setrlimit(RLIMIT_STACK, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY }) == 0 &&
		       go_deep((size_t)n << 20);
	else if (strcmp(what, "fill") == 0)
		done = fill();
	else if (strcmp(what, "lock") == 0)
		done = lock();
#ifdef BIG
	else if (strcmp(what, "big") == 0)
		done = ++big[n];
#endif
	snprintf(answer, size, done ? "done" : "no");
}
