/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Coroutines that are suspended in a function that is patched, in one that is not, or never ran. */
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK_BYTES 65536

struct coroutine {
	ucontext_t context;
	char stack[STACK_BYTES];
};

static ucontext_t scheduler;
static struct coroutine *current;
static int result;

KEEP void yield(void)
{
	swapcontext(&current->context, &scheduler);
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

/* What a coroutine does after it was suspended: calls that need some stack. */
KEEP void work(void)
{
	volatile char room[1024];

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = 0;
}

static void run_inside(void)
{
	result = inside(1);
	work();
}

static void run_outside(void)
{
	result = outside(1);
	work();
}

static void start(void (*body)(void))
{
	current = calloc(1, sizeof(*current));
	getcontext(&current->context);
	current->context.uc_stack.ss_sp = current->stack;
	current->context.uc_stack.ss_size = sizeof(current->stack);
	current->context.uc_link = &scheduler;
	makecontext(&current->context, body, 0);
}

void reply(const char *question, char *answered, size_t size)
{
	if (strcmp(question, "suspend inside") == 0 || strcmp(question, "suspend outside") == 0) {
		start(question[8] == 'i' ? run_inside : run_outside);
		swapcontext(&scheduler, &current->context);
		snprintf(answered, size, "suspended");
	} else if (strcmp(question, "make inside") == 0) {
		start(run_inside);
		snprintf(answered, size, "made");
	} else if (strcmp(question, "go on") == 0) {
		swapcontext(&scheduler, &current->context);
		snprintf(answered, size, "result %d", result);
	} else if (strcmp(question, "end") == 0) {
		free(current);
		current = NULL;
		snprintf(answered, size, "ended");
	} else if (strcmp(question, "answer") == 0) {
		snprintf(answered, size, "answer %d", answer(1));
	}
}
