/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zoo: loaded before a program (LD_PRELOAD), it gives it one more thread, which makes the file "waits" in the current folder,
 * waits for the file "begin", makes the file "begun" and is then in the state that ZOO names, with a
 * capital letter or a small one: those with a small one last until the file "end" is there, and
 * leave all as it was; the others last.  A call that ends with EINTR is told by the file "interrupted".  Without ZOO the thread is not made.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int ends[2], queue, ring;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static volatile unsigned long sink;
static sigset_t one;

/* A call has ended with EINTR, which none of the program's signals is the reason of. */
static void was_interrupted(void)
{
	if (errno != EINTR)
		abort();
	close(open("interrupted", O_CREAT | O_WRONLY, 0600));
}

static void pass(long milliseconds)
{
	const struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static int is_over(void)
{
	return access("end", F_OK) == 0;
}

/* ---- states that last ---- */

static void sleep_in_read(void)
{
	char byte;

	while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
		;
	abort();
}

static void sleep_in_futex(void)
{
	pthread_mutex_lock(&mutex);
	for (;;)
		pthread_cond_wait(&never, &mutex);
}

static void sleep_in_epoll(void)
{
	struct epoll_event event;

	for (;;) {
		epoll_wait(queue, &event, 1, -1);
		was_interrupted();
	}
}

static void sleep_in_poll(void)
{
	struct pollfd fd = { ends[0], POLLIN, 0 };

	for (;;) {
		poll(&fd, 1, -1);
		was_interrupted();
	}
}

static void sleep_by_time(void)
{
	for (;;) {
		pass(100000000);
		was_interrupted();
	}
}

static void sleep_for_signal(void)
{
	for (;;) {
		sigtimedwait(&one, NULL, &(const struct timespec){ 100000, 0 });
		was_interrupted();
	}
}

/* What a child does that is there until its parent goes. */
static void rest(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static void sleep_for_child(void)
{
	pid_t child = fork();

	if (child == 0)
		rest();
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	abort();
}

static void compute(void)
{
	for (;;)
		sink++;
}

static void wait_in_vfork(void)
{
	if (vfork() == 0)
		rest();
}

/* A worker of the kernel's waits for data. */
static void work_in_ring(void)
{
	struct io_uring_params params = { 0 };
	static char buffer[16];
	struct io_uring_sqe *entries;
	char *submitted;

	ring = (int)syscall(SYS_io_uring_setup, 8, &params);
	if (ring < 0) {
		close(open("cannot", O_CREAT | O_WRONLY, 0600));
		return;
	}
	submitted = mmap(NULL, params.sq_off.array + params.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
			 IORING_OFF_SQ_RING);
	entries = mmap(NULL, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		       IORING_OFF_SQES);
	if (submitted == MAP_FAILED || entries == MAP_FAILED)
		abort();
	entries[0].opcode = IORING_OP_READ;
	entries[0].flags = IOSQE_ASYNC;
	entries[0].fd = ends[0];
	entries[0].addr = (unsigned long)buffer;
	entries[0].len = sizeof(buffer);
	((unsigned *)(void *)(submitted + params.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(void *)(submitted + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0) != 1)
		abort();
}

/* Descriptor 9 is a file that nobody serves (unserved.c). */
static void sleep_uninterruptibly(void)
{
	char byte;

	if (read(9, &byte, 1) != 0)
		abort();
}

/* ---- states that end ---- */

static void make_child(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void spawn_child(void)
{
	char *arguments[] = { (char *)"true", NULL }, *nothing[] = { NULL };
	pid_t child;

	if (posix_spawn(&child, "/bin/true", NULL, NULL, arguments, nothing) == 0) {
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

static void *live_shortly(void *unused)
{
	return unused;
}

/* With a stack that is there already. */
static void make_thread(void)
{
	static char stack[1 << 18] __attribute__((aligned(4096)));
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	if (pthread_attr_setstack(&attributes, stack, sizeof(stack)) == 0 &&
	    pthread_create(&thread, &attributes, live_shortly, NULL) == 0)
		pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

static void on_alarm(int signal)
{
	(void)signal;
	sink++;
}

static void signal_itself(void)
{
	raise(SIGWINCH);
}

/* The new program finds "begin" at once. */
static void execute_anew(void)
{
	pass(2 + getpid() % 5);
	execl("/proc/self/exe", "zoo", (char *)NULL);
	abort();
}

static const struct state {
	const char *name;
	void (*enter)(void);
} states[] = {
	{ "Read", sleep_in_read }, { "Futex", sleep_in_futex }, { "Epoll", sleep_in_epoll }, { "Poll", sleep_in_poll },
	{ "Time", sleep_by_time }, { "Signal", sleep_for_signal }, { "Child", sleep_for_child },
	{ "Compute", compute }, { "Vfork", wait_in_vfork }, { "Ring", work_in_ring },
	{ "Unserved", sleep_uninterruptibly },
	{ "fork", make_child }, { "spawn", spawn_child }, { "thread", make_thread }, { "signals", signal_itself },
	{ "exec", execute_anew },
};

static void *live(void *found)
{
	const struct state *state = found;
	bool lasts = state->name[0] >= 'A' && state->name[0] <= 'Z';

	/* What the C library keeps for the next time is there before anybody looks. */
	make_thread();
	spawn_child();
	close(open("waits", O_CREAT | O_WRONLY, 0600));
	while (access("begin", F_OK) != 0)
		pass(5);
	close(open("begun", O_CREAT | O_WRONLY, 0600));
	do {
		state->enter();
	} while (!lasts && !is_over());
	close(open("ended", O_CREAT | O_WRONLY, 0600));
	while (pause() != 0)
		;
	return NULL;
}

static __attribute__((constructor)) void begin(void)
{
	const char *name = getenv("ZOO");
	pthread_t thread;

	if (name == NULL)
		return;
	if (is_over()) {
		close(open("ended", O_CREAT | O_WRONLY, 0600));
		return;
	}
	if (pipe(ends) != 0 || (queue = epoll_create1(0)) < 0 || signal(SIGWINCH, on_alarm) == SIG_ERR)
		abort();
	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(name, states[i].name) == 0 &&
		    pthread_create(&thread, NULL, live, (void *)(unsigned long)&states[i]) == 0)
			return;
	}
	abort();
}
