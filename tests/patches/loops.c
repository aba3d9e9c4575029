/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workers of tests/targets/loops.c go on in new code.  FEW: with those variables only that have an address. */
#include <nsb/vzp.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "target.h"

VZP_FILE("loops.c");

#ifdef FEW
struct worker {
	int in[2], out[2];
	pthread_t thread;
	int number, is_there, cleaned;
	long result;
	void *caller;
	volatile int *heard;
};
VZP_STATIC_VAR_REF(struct worker[8], workers);
#else
struct worker;
#endif
struct tally {
	int letters;
	char last[8];
};
long tend(struct worker *worker, int step);
int comes_home(struct worker *worker);
void say(struct worker *worker, const char *text);
void enter(struct worker *worker, void *caller, volatile int *heard);

/* What both the new loop and those that go on do. */
static KEEP long serve(struct worker *worker, struct pollfd *fds, struct tally *tally, volatile int *heard, int step, int rounds,
					    long sum, int ready)
{
	char text[80], c = 0;

	for (;;) {
		if (ready == 1 && read(fds[0].fd, &c, 1) == 1) {
			rounds++;
			sum += step;
			tally->letters++;
			tally->last[0] = c;
			snprintf(text, sizeof(text), "new %c: rounds %d sum %ld letters %d last %s heard %d home %d\n", c, rounds, sum,
				 tally->letters, tally->last, *heard, comes_home(worker));
			say(worker, text);
		}
		if (c == 'q')
			return rounds * 1000 + step + 500;
		ready = poll(fds, 2, -1);
	}
}

long tend(struct worker *worker, int step)
{
	struct pollfd fds[2] = { { .fd = *(int *)worker, .events = POLLIN }, { .fd = -1 } };
	struct tally tally = { 0, "none" };
	volatile int heard = 0;

	enter(worker, __builtin_return_address(0), &heard);
	return serve(worker, fds, &tally, &heard, step, 0, 100L * step, 0);
}

static long tend_on(int ready)
{
	VZP_LOCAL(struct pollfd[2], fds);
	VZP_LOCAL(struct tally, tally);
	VZP_LOCAL_AT(volatile int, heard);
#ifdef FEW
	struct worker *worker = workers;
	while (worker->in[0] != fds[0].fd || worker->heard != heard || !worker->is_there)
		worker++;
	int step = worker->number + 2, rounds = tally->letters;
	long sum = (100L + rounds) * step;
#else
	VZP_LOCAL(struct worker *, worker);
	VZP_LOCAL(int, step);
	VZP_LOCAL(int, rounds);
	VZP_LOCAL(long, sum);
#endif

	return serve(worker, fds, tally, heard, step, rounds, sum, ready);
}
VZP_RESUME(tend, poll, tend_on);
VZP_CALLERS_CHECKED(tend);
