/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the new code adds is known only when prepare() has run.  The flags say what else that does. */
#include <nsb/vzp.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern int once_runs;
int value(int n);
long mix(double a, long b, float c, int d, int e, int f, int g, long h, int i, double j);
int largest(int count, ...);

static int added;

int value(int n)
{
	return n + added;
}

long mix(double a, long b, float c, int d, int e, int f, int g, long h, int i, double j)
{
	return 1 + (long)(a * 2) + b + (long)(c * 4) + d + e + f + g + h + i + (long)j;
}

int largest(int count, ...)
{
	va_list args;
	int best = 0;

	va_start(args, count);
	for (int i = 0; i < count; i++) {
		int next = (int)va_arg(args, double) * 10;

		best = next > best ? next : best;
	}
	va_end(args);
	return best;
}

/* Allocates, computes in all registers, and waits. */
static void prepare(void)
{
	char *text = malloc(100000);
	volatile double sum = 0;

	__atomic_add_fetch(&once_runs, 1, __ATOMIC_RELAXED);
	if (text == NULL)
		abort();
	memset(text, 1, 100000);
	for (int i = 0; i < 100000; i++)
		sum = sum + text[i] * 0.001;
#ifdef DIES
	if (once_runs == 1)
		pthread_exit(NULL);
#endif
#ifdef FORKS
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(value(3) + (once_runs == 1 ? 50 : 0));
	if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 53)
		abort();
#endif
	usleep(200000);
	added = value(0) + (int)(sum + 0.5);	/* value() adds nothing yet */
	free(text);
}
VZP_ONCE(prepare)
