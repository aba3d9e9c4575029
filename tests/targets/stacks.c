/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that sleep on stacks of all kinds: every pair of ways to get deeper
 * leads to one of the system calls in turn.  A program of its own, without
 * main.c: `stacks` says "ready" when its threads are about to sleep.
 */
#include <poll.h>
#include <pthread.h>
#include <search.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define STACK_SIZE (1024 * 1024)

typedef void (*way)(void);

/* What this thread has still to do. */
static __thread way plan[3];
static __thread unsigned step;
static volatile int sink;
static unsigned arrived;	/* threads about to sleep */
static int pipe_fds[2];
static volatile int *volatile nowhere;

static NOINLINE void deeper(void)
{
	if (step == 2)
		__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	plan[step++]();
	sink++;
}

/* ---- asleep ---- */

static void in_nanosleep(void)
{
	struct timespec long_time = { 100000, 0 };

	for (;;)
		nanosleep(&long_time, NULL);
}

static void in_poll(void)
{
	for (;;)
		poll(NULL, 0, -1);
}

static void in_select(void)
{
	for (;;)
		select(0, NULL, NULL, NULL, NULL);
}

static void in_read(void)
{
	char byte;

	for (;;)
		sink += (int)read(pipe_fds[0], &byte, 1);
}

static void in_semaphore(void)
{
	sem_t never;

	sem_init(&never, 0, 0);
	for (;;)
		sem_wait(&never);
}

static void in_condition(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t never = PTHREAD_COND_INITIALIZER;

	pthread_mutex_lock(&mutex);
	for (;;)
		pthread_cond_wait(&never, &mutex);
}

static void in_epoll(void)
{
	struct epoll_event event;
	int fd = epoll_create1(0);

	for (;;)
		epoll_wait(fd, &event, 1, -1);
}

static void in_pause(void)
{
	for (;;)
		pause();
}

static const way sleeps[] = {
	in_nanosleep, in_poll, in_select, in_read, in_semaphore, in_condition, in_epoll, in_pause,
};

/* ---- on the way ---- */

static NOINLINE int recurse(int level)
{
	char room[200];

	memset(room, level, sizeof(room));
	if (level > 0)
		sink += recurse(level - 1) + room[level];
	else
		deeper();
	return sink + room[0];
}

static void by_recursion(void)
{
	recurse(80);
}

/* The frame's size is known at run time only. */
static NOINLINE void by_array(void)
{
	size_t size = 1000 + (size_t)(sink & 7);
	volatile char *room = __builtin_alloca(size);

	room[size - 1] = 1;
	deeper();
	room[0] = 2;
}

static int compare(const void *a, const void *b)
{
	(void)b;
	deeper();
	return *(const int *)a;
}

static void by_qsort(void)
{
	int numbers[5] = { 5, 2, 4, 1, 3 };

	qsort(numbers, 5, sizeof(int), compare);
	sink += numbers[0];
}

static void by_bsearch(void)
{
	int numbers[5] = { 1, 2, 3, 4, 5 };

	sink += bsearch(numbers, numbers, 5, sizeof(int), compare) != NULL;
}

static void by_tree(void)
{
	static int one = 1, two = 2;
	void *tree = NULL;

	tsearch(&one, &tree, compare);
	tsearch(&two, &tree, compare);
}

static ssize_t write_deeper(void *cookie, const char *text, size_t size)
{
	(void)cookie;
	deeper();
	return (ssize_t)size + (*text & 0);
}

static void by_stream(void)
{
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = write_deeper });

	fprintf(stream, "%d %s\n", sink, "text");
	fflush(stream);
}

/* Nothing follows the call: the return address is that of the next function. */
static NOINLINE __attribute__((noreturn)) void never_back(void)
{
	deeper();
	_exit(1);
}

static NOINLINE void by_noreturn(void)
{
	never_back();
}

static void by_jump(void)
{
	static __thread sigjmp_buf place;

	if (sigsetjmp(place, 1) == 0)
		siglongjmp(place, 1);
	deeper();
	sink++;
}

static void handler(int number)
{
	deeper();
	sink += number;
}

static void info_handler(int number, siginfo_t *info, void *context)
{
	deeper();
	sink += number + info->si_code + (context != NULL);
}

static void by_signal(void)
{
	raise(SIGUSR1);
}

static void by_siginfo(void)
{
	raise(SIGUSR2);
}

static void by_altstack(void)
{
	raise(SIGHUP);
}

/* The handler interrupts the instruction itself; the first one of a function, too. */
static void by_fault(void)
{
	*nowhere = 1;
	sink++;
}

extern void trap_at_once(void);
__asm__(".text\n.type trap_at_once, @function\ntrap_at_once:\n.cfi_startproc\n\tud2\n\tret\n"
	".cfi_endproc\n.size trap_at_once, .-trap_at_once\n");

static void by_trap(void)
{
	trap_at_once();
	sink++;
}

static const way ways[] = {
	by_recursion, by_array, by_qsort, by_bsearch, by_tree, by_stream, by_noreturn, by_jump,
	by_signal, by_siginfo, by_altstack, by_fault, by_trap,
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void *start(void *argument)
{
	size_t number = (size_t)argument;
	stack_t other = { .ss_sp = malloc(STACK_SIZE), .ss_size = STACK_SIZE };

	sigaltstack(&other, NULL);
	plan[0] = ways[number / WAYS];
	plan[1] = ways[number % WAYS];
	plan[2] = sleeps[(number / WAYS + number % WAYS) % (sizeof(sleeps) / sizeof(sleeps[0]))];
	deeper();
	return NULL;
}

static void on(int number, int flags)
{
	struct sigaction action = { .sa_flags = flags | SA_NODEFER };

	if (flags & SA_SIGINFO)
		action.sa_sigaction = info_handler;
	else
		action.sa_handler = handler;
	sigaction(number, &action, NULL);
}

int main(void)
{
	pthread_attr_t attributes;

	on(SIGUSR1, 0);
	on(SIGUSR2, SA_SIGINFO);
	on(SIGHUP, SA_ONSTACK);
	on(SIGSEGV, SA_SIGINFO | SA_ONSTACK);
	on(SIGILL, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (pipe(pipe_fds) != 0)
		return 1;
	for (size_t i = 0; i < WAYS * WAYS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, &attributes, start, (void *)i) != 0)
			return 1;
	}
	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < WAYS * WAYS)
		usleep(1000);
	if (write(1, "ready\n", 6) != 6)
		return 1;
	in_pause();
}
