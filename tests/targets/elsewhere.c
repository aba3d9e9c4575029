/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions whose frame is on a stack that the thread does not run on: they call on by code that
 * switches stacks, and has no unwind information, or says that it is the bottom.
 *
 * "begin FUNCTION HOW WHERE" has a thread run work(1) or rest(1), asleep or spinning on a stack
 * that is mapped, on the heap or static, until "end" is asked, or on one that lies right below the
 * thread's own, with a guard page between them or "below" without; "leader" does the same in the
 * first thread, which SIGUSR1 ends.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target.h"

#define STACK_BYTES 65536
#define OWN_BYTES 16384			/* PTHREAD_STACK_MIN of glibc */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

typedef void function(void);

/* Call `called` with `top` as the stack pointer. */
void call_on(char *top, function *called);
void call_at_bottom(char *top, function *called);

#ifdef __x86_64__
#define SWITCH(name, cfi, end) \
	".text\n.globl " name "\n.type " name ",@function\n" name ":\n" cfi \
	"push %rbx\nmov %rsp,%rbx\nmov %rdi,%rsp\ncall *%rsi\nmov %rbx,%rsp\npop %rbx\nret\n" end ".size " name ",.-" name "\n"
#define UNDEFINED ".cfi_startproc\n.cfi_undefined rip\n"
#else
#define SWITCH(name, cfi, end) \
	".text\n.globl " name "\n.type " name ",@function\n" name ":\n" cfi \
	"mov 4(%esp),%ecx\nmov 8(%esp),%eax\npush %ebx\nmov %esp,%ebx\nmov %ecx,%esp\ncall *%eax\n" \
	"mov %ebx,%esp\npop %ebx\nret\n" end ".size " name ",.-" name "\n"
#define UNDEFINED ".cfi_startproc\n.cfi_undefined eip\n"
#endif
__asm__(SWITCH("call_on", "", "") SWITCH("call_at_bottom", UNDEFINED, ".cfi_endproc\n"));

static char static_stack[STACK_BYTES] __attribute__((aligned(64)));
static volatile int one = 1;
static volatile int done, spins;
static volatile unsigned long sink;
static void (*volatile switch_to)(char *, function *) = call_on;
static char *top, *own;
static int pipe_ends[2];

KEEP static void wait_there(void)
{
	char byte;

	while (spins && !done)
		sink++;
	if (!spins)
		sink += (unsigned long)read(pipe_ends[0], &byte, 1);
}

KEEP int work(int n)
{
	switch_to(top, wait_there);
	return n + one;
}

KEEP int rest(int n)
{
	switch_to(top, wait_there);
	return n + one;
}

KEEP int answer(int n)
{
	return n + one;
}

static void *run_work(void *result)
{
	*(int *)result = work(1);
	return NULL;
}

static void *run_rest(void *result)
{
	*(int *)result = rest(1);
	return NULL;
}

static void finish(int signal)
{
	(void)signal;
	done = 1;
	sink += (unsigned long)write(pipe_ends[1], "", 1);
}

/*
 * Two stacks in one mapping: the lower one is the other one, the upper one the thread's own.  With a
 * guard page between them, glibc has them so from 2.42 on.
 */
static char *make_two(int guarded)
{
	size_t gap = guarded ? 4096 : 0;
	char *both = mmap(NULL, STACK_BYTES + gap + OWN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (both == MAP_FAILED || (guarded && madvise(both + STACK_BYTES, gap, MADV_GUARD_INSTALL) != 0))
		return NULL;
	own = both + STACK_BYTES + gap;
	return both;
}

static void begin(pthread_t *thread, void *(*run)(void *), int *result)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	if (own != NULL)
		pthread_attr_setstack(&attr, own, OWN_BYTES);
	if (pthread_create(thread, &attr, run, result) != 0)
		abort();
}

static void prepare(const char *how, const char *where)
{
	done = 0;
	spins = strstr(how, "spin") != NULL;
	switch_to = strstr(how, "bottom") != NULL ? call_at_bottom : call_on;
	own = NULL;
	if (strcmp(where, "mapped") == 0)
		top = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else if (strcmp(where, "below") == 0 || strcmp(where, "guarded") == 0)
		top = make_two(where[0] == 'g');
	else
		top = strcmp(where, "heap") == 0 ? calloc(1, STACK_BYTES) : static_stack;
	if (top == NULL)
		return;
	top += STACK_BYTES - 64;
	if (pipe_ends[1] == 0 && pipe(pipe_ends) != 0)
		abort();
	signal(SIGUSR1, finish);
}

void reply(const char *question, char *answered, size_t size)
{
	static pthread_t thread;
	static int result;
	char what[16] = "", function[16] = "", how[16] = "", where[16] = "";

	sscanf(question, "%15s %15s %15s %15s", what, function, how, where);
	if (strcmp(what, "begin") == 0) {
		prepare(how, where);
		if (top == NULL) {
			snprintf(answered, size, "no guard pages");
			return;
		}
		begin(&thread, function[0] == 'w' ? run_work : run_rest, &result);
		snprintf(answered, size, "begun");
	} else if (strcmp(what, "end") == 0) {
		finish(0);
		pthread_join(thread, NULL);
		snprintf(answered, size, "result %d", result);
	} else if (strcmp(what, "leader") == 0) {
		prepare(how, where);
		snprintf(answered, size, "result %d", function[0] == 'w' ? work(1) : rest(1));
	} else if (strcmp(what, "answer") == 0) {
		snprintf(answered, size, "answer %d", answer(1));
	}
}
