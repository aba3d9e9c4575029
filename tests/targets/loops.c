/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads in loops that do not end by themselves, for patches that let them go on in new code: tests/patches/loops.c.
 * Each worker waits in poll(2) for a letter, and answers it.
 */
#include "target.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define WORKERS 8

struct worker {
	int in[2], out[2];
	pthread_t thread;
	int number, is_there, cleaned;
	long result;
	void *caller;			/* where tend() returns to */
	volatile int *heard;			/* a variable of tend() */
};

static struct worker workers[WORKERS];

/* Whether a backtrace from here comes to the caller of tend(). */
KEEP int comes_home(struct worker *worker)
{
	void *frames[32];
	int n = backtrace(frames, 32), found = 0;

	for (int i = 0; i < n; i++)
		found |= frames[i] == worker->caller;
	return found;
}

KEEP void say(struct worker *worker, const char *text)
{
	if (write(worker->out[1], text, strlen(text)) < 0)
		abort();
}

/* A call other than that of poll() in which the loop may be. */
KEEP int rest(struct worker *worker)
{
	char c;

	(*worker->heard)++;
	return read(worker->in[0], &c, 1) == 1 ? c : 'q';
}

KEEP void enter(struct worker *worker, void *caller, volatile int *heard)
{
	worker->caller = caller;
	worker->heard = heard;
}

struct tally {
	int letters;
	char last[8];
};

KEEP long tend(struct worker *worker, int step)
{
	struct pollfd fds[2] = { { .fd = worker->in[0], .events = POLLIN }, { .fd = -1 } };
	struct tally tally = { 0, "none" };
	int rounds = 0;
	volatile int heard = 0;
	long sum = 100L * step;
	char text[80], c = 0;

	enter(worker, __builtin_return_address(0), &heard);
	int greeted = comes_home(worker);	/* which is known to nobody when that is done */
	worker->cleaned = greeted == 77;
	while (c != 'q') {
		int ready = poll(fds, 2, -1);
#if __GNUC__ >= 14
		/* It keeps both in registers, and tells of neither where poll() returns to. */
		__asm__ volatile("" : "+r"(rounds), "+r"(sum));
#endif
		if (ready != 1 || read(fds[0].fd, &c, 1) != 1)
			continue;
		if (c == 'r')
			c = (char)rest(worker);
		rounds++;
		sum += step;
		tally.letters++;
		tally.last[0] = c;
		snprintf(text, sizeof(text), "old %c: rounds %d sum %ld letters %d last %s heard %d home %d\n", c, rounds, sum,
			 tally.letters, tally.last, heard, comes_home(worker));
		say(worker, text);
	}
	return rounds * 1000 + step;
}

static void clean(void *arg)
{
	((struct worker *)arg)->cleaned = 1;
}

/* It has values of its own in the registers that tend() has to bring back. */
KEEP void *work(void *arg)
{
	struct worker *worker = arg;
	long a = worker->number + 1, b = a * 3, c = b * 5, d = c * 7, e = d * 9;

	pthread_cleanup_push(clean, worker);
	worker->result = tend(worker, worker->number + 2);
	if (a != worker->number + 1 || b != a * 3 || c != b * 5 || d != c * 7 || e != d * 9)
		abort();
	pthread_cleanup_pop(0);
	return NULL;
}

#ifdef __LP64__
#define REG_PC REG_RIP
#else
#define REG_PC REG_EIP
#endif
#define TRAP_FLAG 0x100
#define STEPS 120

static struct worker *volatile walker;
static volatile int steps, lost, last_step;	/* instructions in no file; from so many no backtrace came home; the last of them */

/* Code of i386 finds its address by a call of a mov and a ret, which gcc gives no unwind table, in no program. */
static int finds_pc(const unsigned char *code)
{
	static const unsigned char move = 0x8b, stack = 0x24, ret = 0xc3;

	return (code[0] == move && code[2] == stack && code[3] == ret) || (code[0] == ret && code[-3] == move && code[-1] == stack);
}

/* SIGUSR1: from now on its thread takes a SIGTRAP behind each instruction. */
static void step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	Dl_info nothing;

	(void)info;
	if (signal == SIGUSR1) {
		at->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
		return;
	}
	void *pc = (void *)at->uc_mcontext.gregs[REG_PC];
	if (dladdr(pc, &nothing) != 0 || finds_pc(pc))
		return;
	lost += !comes_home(walker);
	steps++;
	if (steps == last_step)
		pthread_exit(PTHREAD_CANCELED);
	if (steps == STEPS)
		at->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

/* Let the worker go step by step where it comes into code that is in no file, and leave at one of the steps. */
static void walk(struct worker *worker, int last)
{
	struct sigaction action = { .sa_sigaction = step, .sa_flags = SA_SIGINFO };

	walker = worker;
	steps = lost = 0;
	last_step = last;
	if (sigaction(SIGUSR1, &action, NULL) != 0 || sigaction(SIGTRAP, &action, NULL) != 0 || pthread_kill(worker->thread, SIGUSR1) != 0)
		abort();
	for (int i = 0; i < 10000 && steps < (last != 0 ? last : STEPS); i++)
		usleep(1000);
}

static void begin(struct worker *worker, int number)
{
	*worker = (struct worker){ .number = number, .is_there = 1 };
	if (pipe(worker->in) != 0 || pipe(worker->out) != 0 || pthread_create(&worker->thread, NULL, work, worker) != 0)
		abort();
}

static void end(struct worker *worker)
{
	void *result;

	if (pthread_join(worker->thread, &result) != 0)
		abort();
	if (result == PTHREAD_CANCELED)
		worker->result = -1;
	close(worker->in[0]), close(worker->in[1]), close(worker->out[0]), close(worker->out[1]);
	worker->is_there = 0;
}

static void hear(struct worker *worker, char *answer, size_t size)
{
	size_t at = 0;

	while (at + 1 < size && read(worker->out[0], answer + at, 1) == 1 && answer[at] != '\n')
		at++;
	answer[at] = '\0';
}

void reply(const char *question, char *answer, size_t size)
{
	char what[32] = "", letter = 0;
	int n = 0;

	if (sscanf(question, "%31s %d %c", what, &n, &letter) < 2 || n < 0 || n >= WORKERS)
		return;
	struct worker *worker = &workers[n];
	if (strcmp(what, "begin") == 0) {
		begin(worker, n);
		snprintf(answer, size, "begun");
	} else if (!worker->is_there) {
		snprintf(answer, size, "nobody");
	} else if (strcmp(what, "tell") == 0 || strcmp(what, "send") == 0) {
		if (write(worker->in[1], &letter, 1) != 1)
			abort();
		if (what[0] == 't')
			hear(worker, answer, size);
		else
			snprintf(answer, size, "sent");
	} else if (strcmp(what, "walk") == 0) {
		walk(worker, atoi(question + strlen("walk 0 ")));
		snprintf(answer, size, "steps %d lost %d", steps, lost);
	} else if (strcmp(what, "end") == 0) {
		end(worker);
		snprintf(answer, size, "ended %ld", worker->result);
	} else if (strcmp(what, "cancel") == 0) {
		pthread_cancel(worker->thread);
		end(worker);
		snprintf(answer, size, "ended %ld cleaned %d", worker->result, worker->cleaned);
	}
}
