/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions that threads and children call at the same time, for a patch with something that has to run once. */
#include "target.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int once_runs;				/* how often the patch's function ran */
static atomic_int right, wrong;

KEEP int value(int n)
{
	return n + 1;
}

/* Arguments in all places: registers of each kind, and the stack. */
KEEP long mix(double a, long b, float c, int d, int e, int f, int g, long h, int i, double j)
{
	return (long)(a * 2) + b + (long)(c * 4) + d + e + f + g + h + i + (long)j;
}

KEEP int largest(int count, ...)
{
	va_list args;
	int best = 0;

	va_start(args, count);
	for (int i = 0; i < count; i++) {
		int next = (int)va_arg(args, double);

		best = next > best ? next : best;
	}
	va_end(args);
	return best;
}

static void *call_value(void *expected)
{
	int got = value(1);

	atomic_fetch_add(got == *(int *)expected ? &right : &wrong, 1);
	return NULL;
}

/* So many threads call it at once; how many get what is expected? */
static int race(int count, int expected)
{
	pthread_t threads[64];

	right = wrong = 0;
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, call_value, &expected) != 0)
			abort();
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return right;
}

/* What does a child get?  With `busy` another thread is at the call when it is forked. */
static int from_child(int busy)
{
	static int expected = 1;
	pthread_t thread;
	int status;

	if (busy && (pthread_create(&thread, NULL, call_value, &expected) != 0 || usleep(60000) != 0))
		abort();
	pid_t child = fork();
	if (child == 0)
		_exit(value(1) + 100 * (once_runs > 1));
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	if (busy)
		pthread_join(thread, NULL);
	return WEXITSTATUS(status);
}

/* As much as the patch does, so that the heap is as large before it as behind. */
static void allocate(void)
{
	void *volatile memory = malloc(100000);

	free(memory);
}

void reply(const char *question, char *answer, size_t size)
{
	char what[32] = "";
	int n = 0, expected = 0;

	sscanf(question, "%31s %d %d", what, &n, &expected);
	if (strcmp(what, "value") == 0)
		snprintf(answer, size, "value %d", value(n));
	else if (strcmp(what, "mix") == 0)
		snprintf(answer, size, "mix %ld", mix(1.5, 10, 2.25f, 100, 1000, 10000, n, 200000, 1000000, 3.0));
	else if (strcmp(what, "largest") == 0)
		snprintf(answer, size, "largest %d", largest(3, 1.0, 7.0, (double)n));
	else if (strcmp(what, "race") == 0)
		snprintf(answer, size, "right %d", race(n, expected));
	else if (strcmp(what, "child") == 0)
		snprintf(answer, size, "child %d", from_child(n));
	else if (strcmp(what, "allocate") == 0)
		allocate();
	else if (strcmp(what, "runs") == 0)
		snprintf(answer, size, "runs %d", once_runs);
}
