/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coroutines that sigsetjmp and siglongjmp switch, as QEMU's: suspended in a function that is patched,
 * or in one that is not.  The first switch to a new stack is made by makecontext, or, with
 * -DBY_SIGNAL, in the handler of a signal on an alternate stack.  "reserve" maps memory that is never touched.
 */
#undef _FORTIFY_SOURCE		/* its siglongjmp ends a program that goes to another stack; QEMU does so, too */

#include "target.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifndef BY_SIGNAL
#include <ucontext.h>
#endif

#define STACK_BYTES 65536
#define RESERVED ((size_t)(sizeof(void *) == 8 ? 64 : 1) << 30)
#ifndef SAVES_SIGNALS
#define SAVES_SIGNALS 0
#endif

struct coroutine {
	sigjmp_buf own, caller;
	void (*body)(void);
	char stack[STACK_BYTES];
};

static struct coroutine *current, *oldest;
static int result;

KEEP void yield(void)
{
	if (sigsetjmp(current->own, SAVES_SIGNALS) == 0)
		siglongjmp(current->caller, 1);
}

KEEP int inside(int n)
{
	yield();
	return n + 1;
}

KEEP int outside(int n)
{
	yield();
	return n + 10;
}

KEEP int answer(int n)
{
	return n;
}

static void run_inside(void)
{
	result = inside(1);
}

static void run_outside(void)
{
	result = outside(1);
}

/* What a coroutine does from its first switch on: it ends suspended here, and is never resumed. */
KEEP void live(void)
{
	struct coroutine *me = current;

	for (;;) {
		if (sigsetjmp(me->own, SAVES_SIGNALS) == 0)
			siglongjmp(me->caller, 1);
		me->body();
	}
}

static void resume(struct coroutine *to)
{
	current = to;
	if (sigsetjmp(to->caller, SAVES_SIGNALS) == 0)
		siglongjmp(to->own, 1);
}

#ifdef BY_SIGNAL
static sigjmp_buf reentry;
static volatile sig_atomic_t has_come;

static void on_signal(int signal)
{
	(void)signal;
	has_come = 1;
	if (sigsetjmp(reentry, SAVES_SIGNALS) != 0)
		live();
}

static void begin(struct coroutine *made)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	stack_t stack = { .ss_sp = made->stack, .ss_size = sizeof(made->stack) }, none = { .ss_flags = SS_DISABLE };

	has_come = 0;
	sigaction(SIGUSR2, &action, NULL);
	if (sigaltstack(&stack, NULL) != 0 || raise(SIGUSR2) != 0 || !has_come || sigaltstack(&none, NULL) != 0)
		abort();
	if (sigsetjmp(made->caller, SAVES_SIGNALS) == 0)
		siglongjmp(reentry, 1);
}
#else
static ucontext_t first, creator;

static void begin(struct coroutine *made)
{
	getcontext(&first);
	first.uc_stack.ss_sp = made->stack;
	first.uc_stack.ss_size = sizeof(made->stack);
	first.uc_link = NULL;
	makecontext(&first, live, 0);
	if (sigsetjmp(made->caller, SAVES_SIGNALS) == 0)
		swapcontext(&creator, &first);
}
#endif

static void start(void (*body)(void))
{
	current = calloc(1, sizeof(*current));
	current->body = body;
	if (oldest == NULL)
		oldest = current;
	begin(current);
}

void reply(const char *question, char *answered, size_t size)
{
	static void *volatile reserved;
	struct coroutine *last = current;

	if (strcmp(question, "suspend inside") == 0 || strcmp(question, "suspend outside") == 0) {
		start(question[8] == 'i' ? run_inside : run_outside);
		resume(current);
		snprintf(answered, size, "suspended");
	} else if (strcmp(question, "make inside") == 0) {
		start(run_inside);
		snprintf(answered, size, "made");
	} else if (strcmp(question, "go on") == 0) {
		resume(current);
		snprintf(answered, size, "result %d", result);
	} else if (strcmp(question, "go on with the first") == 0) {
		resume(oldest);
		current = last;
		snprintf(answered, size, "result %d", result);
	} else if (strcmp(question, "end") == 0) {
		free(current);
		current = NULL;
		snprintf(answered, size, "ended");
	} else if (strcmp(question, "reserve") == 0) {
		reserved = mmap(NULL, RESERVED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		snprintf(answered, size, reserved == MAP_FAILED ? "no room" : "reserved");
	} else if (strcmp(question, "answer") == 0) {
		snprintf(answered, size, "answer %d", answer(1));
	}
}
