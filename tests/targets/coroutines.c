/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Coroutines that are suspended in a function that is patched, in one that is not, or never ran. */
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK_BYTES 65536
#define ROOM_BYTES (512u << 20)

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

/* Have so many pages that nsb searches for a while: they are all the kernel's page of zeros. */
static int use_room(void)
{
	const volatile char *room = mmap(NULL, ROOM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int sum = 0;

	for (size_t i = 0; room != MAP_FAILED && i < ROOM_BYTES; i += 4096)
		sum += room[i];
	return sum;
}

void reply(const char *question, char *answered, size_t size)
{
	if (strcmp(question, "use room") == 0) {
		snprintf(answered, size, "used %d", use_room());
		return;
	}
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
