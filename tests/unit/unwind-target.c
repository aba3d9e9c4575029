/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program with known stacks: `unwind-target SCENARIO` prints the addresses of
 * its functions and goes to where the scenario says.  u-unwind.c builds it for
 * each ABI and looks at it from outside.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

static volatile int sink, depth = 60;
static const char *scenario;
/* Calls its argument; the tables know nothing of it. */
extern void without_tables(void (*callee)(void));
/* The same with tables that are wrong: they lead past its return address, to pc 1. */
extern void with_wrong_tables(void (*callee)(void));
int outer(int level), middle(int level), never(int level);
void leaf(void);

#ifdef __x86_64__
__asm__(".text\n.type without_tables, @function\nwithout_tables:\n\tsub $24, %rsp\n\tcall *%rdi\n"
	"\tadd $24, %rsp\n\tret\n.size without_tables, .-without_tables\n"
	".type with_wrong_tables, @function\nwith_wrong_tables:\n.cfi_startproc\n"
	"\tsub $24, %rsp\n\tmovq $1, 8(%rsp)\n.cfi_def_cfa_offset 64\n.cfi_offset 16, -56\n"
	"\tcall *%rdi\n\tadd $24, %rsp\n\tret\n.cfi_endproc\n"
	".size with_wrong_tables, .-with_wrong_tables\n");
#else
__asm__(".text\n.type without_tables, @function\nwithout_tables:\n\tsub $12, %esp\n"
	"\tcall *16(%esp)\n\tadd $12, %esp\n\tret\n.size without_tables, .-without_tables\n"
	".type with_wrong_tables, @function\nwith_wrong_tables:\n.cfi_startproc\n"
	"\tsub $12, %esp\n\tmovl $1, 4(%esp)\n.cfi_def_cfa_offset 48\n.cfi_offset 8, -44\n"
	"\tcall *16(%esp)\n\tadd $12, %esp\n\tret\n.cfi_endproc\n"
	".size with_wrong_tables, .-with_wrong_tables\n");
#endif

static void announce(void)
{
	char line[200];
	int length = snprintf(line, sizeof(line), "%lx %lx %lx %lx\n", (unsigned long)outer,
			      (unsigned long)middle, (unsigned long)leaf, (unsigned long)never);

	if (write(1, line, (size_t)length) != length)
		_exit(3);
}

static NOINLINE void rest(void)
{
	struct timespec second = { 1000, 0 };

	announce();
	for (;;)
		nanosleep(&second, NULL);
}

NOINLINE void leaf(void)
{
	rest();
	sink++;
}

static NOINLINE int recurse(int level)
{
	char room[100];

	memset(room, level, sizeof(room));
	if (level > 0)
		sink += recurse(level - 1) + room[level];
	else
		leaf();
	return sink + room[0];
}

static int compare(const void *a, const void *b)
{
	(void)a;
	(void)b;
	leaf();
	return sink;
}

static void handler(int number)
{
	(void)number;
	leaf();
	sink++;
}

static void handler_without_tables(int number)
{
	(void)number;
	without_tables(leaf);
	sink++;
}

static NOINLINE void read_clock(void)
{
	struct timespec now;

	announce();
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		sink += (int)now.tv_nsec;
	}
}

static int compare_numbers(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static NOINLINE void sort_forever(void)
{
	static int numbers[3000];
	unsigned seed = 1;

	announce();
	for (;;) {
		for (unsigned i = 0; i < 3000; i++)
			numbers[i] = (int)((seed = seed * 1103515245 + 12345) >> 8);
		qsort(numbers, 3000, sizeof(int), compare_numbers);
		sink += (int)strtol("12345", NULL, 10) + snprintf(NULL, 0, "%d", sink);
	}
}

static void interrupt(void (*function)(int), int flags)
{
	static char stack[65536];
	stack_t other = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = function, .sa_flags = flags };

	sigaltstack(&other, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

NOINLINE int middle(int level)
{
	int numbers[2] = { 2, 1 };

	if (strcmp(scenario, "sleep") == 0 || strcmp(scenario, "thread") == 0)
		leaf();
	else if (strcmp(scenario, "deep") == 0)
		sink += recurse(level);
	else if (strcmp(scenario, "qsort") == 0)
		qsort(numbers, 2, sizeof(int), compare);
	else if (strcmp(scenario, "handler") == 0)
		interrupt(handler, 0);
	else if (strcmp(scenario, "siginfo") == 0)
		interrupt(handler, SA_SIGINFO);
	else if (strcmp(scenario, "altstack") == 0)
		interrupt(handler, SA_ONSTACK);
	else if (strcmp(scenario, "clock") == 0)
		read_clock();
	else if (strcmp(scenario, "sort") == 0)
		sort_forever();
	else if (strcmp(scenario, "notables") == 0)
		without_tables(leaf);
	else if (strcmp(scenario, "wrongtables") == 0)
		with_wrong_tables(leaf);
	else if (strcmp(scenario, "notables-altstack") == 0)
		interrupt(handler_without_tables, SA_ONSTACK);
	else
		_exit(2);
	return sink + numbers[0];
}

NOINLINE int outer(int level)
{
	sink += middle(level);
	return sink;
}

NOINLINE int never(int level)
{
	return outer(level) + sink;
}

static void *start(void *argument)
{
	outer(depth);
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	scenario = argc > 1 ? argv[1] : "sleep";
	if (strcmp(scenario, "never") == 0)
		return never(depth);
	if (strcmp(scenario, "thread") == 0)
		return pthread_create(&thread, NULL, start, NULL) + pthread_join(thread, NULL);
	return outer(depth);
}
