/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that leaves no room.  It waits for questions with its stack pointer in the middle of
 * data of its own, as a coroutine on a small stack does.  Its entry point, with
 * -Wl,-e,narrow_start, is one jump; behind that is a function that a thread runs all the time.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target.h"

#define WORDS 8192
#define PAGE 4096

static unsigned long *field;	/* between pages that nobody can read: behind it there is nothing that may look like an address */
static volatile unsigned long turns;

KEEP const char *greet(void)
{
	return "hello";
}

void hot(void);
__asm__(".text\n"
	".globl	narrow_start\n"
	".type	narrow_start, @function\n"
	"narrow_start:\n"
	"	jmp	_start\n"
	".globl	hot\n"
	".type	hot, @function\n"
	"hot:	movl	$1000, %ecx\n"
	"1:	decl	%ecx\n"
	"	jnz	1b\n"
	"	ret\n"
	".size	hot, . - hot\n");

static void *run_hot(void *unused)
{
	for (;;) {
		hot();
		turns++;
	}
	return unused;
}

/* read(2) from standard input, with the stack pointer in the field. */
static long read_in_field(char *buffer, long size)
{
	unsigned long *top = &field[WORDS / 2];
	long got;

#ifdef __x86_64__
	__asm__ volatile("mov %%rsp, %%rbx\n\tmov %[top], %%rsp\n\tsyscall\n\tmov %%rbx, %%rsp"
			 : "=a"(got) : "a"(0), "D"(0), "S"(buffer), "d"(size), [top] "r"(top)
			 : "rbx", "rcx", "r11", "memory");
#else
	__asm__ volatile("mov %%esp, %%esi\n\tmov %%edi, %%esp\n\tint $0x80\n\tmov %%esi, %%esp"
			 : "=a"(got) : "a"(3), "b"(0), "c"(buffer), "d"(size), "D"(top)
			 : "esi", "memory");
#endif
	return got;
}

static size_t count_changed(void)
{
	size_t changed = 0;

	for (size_t i = 0; i < WORDS; i++)
		changed += field[i] != i + 1;
	return changed;
}

/* Each question is answered with greet(), how much of the field has changed, and whether the thread runs; "check" is for sweep.sh. */
static void serve(void)
{
	char question[64], answer[128];

	for (;;) {
		unsigned long before = turns;
		long got = read_in_field(question, sizeof(question));

		if (got <= 0)
			_exit(got != 0);
		while (turns == before)
			;
		if (strncmp(question, "check", 5) == 0)
			strcpy(answer, "fine 0\n");
		else
			snprintf(answer, sizeof(answer), "%s %zu\n", greet(), count_changed());
		if (write(1, answer, strlen(answer)) < 0)
			_exit(1);
	}
}

void reply(const char *question, char *answer, size_t size)
{
	pthread_t thread;

	char *pages;

	if (strcmp(question, "begin") != 0)
		return;
	pages = mmap(NULL, WORDS * sizeof(*field) + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || mprotect(pages + PAGE, WORDS * sizeof(*field), PROT_READ | PROT_WRITE) != 0)
		return;
	field = (unsigned long *)(pages + PAGE);
	for (size_t i = 0; i < WORDS; i++)
		field[i] = i + 1;	/* no addresses: where a walk ends, the stack is scanned */
	snprintf(answer, size, "begun\n");
	if (pthread_create(&thread, NULL, run_hot, NULL) != 0 || write(1, answer, strlen(answer)) < 0)
		_exit(1);
	serve();
}
