/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that notice whatever is done to them: each holds known values in all its
 * registers while it computes or sleeps in a system call of its own kind, and then looks
 * at the registers, at what the call returned and how long it took, at its signal mask
 * and its alternate stack, and at what the patched functions return.
 *
 *	start sleepers, start busy	begin; threads go on until the end
 *	start dwell	busy ones, two of which are nearly always in a patched function
 *	start blocked	the same, and these two block all signals, so that no trap can be
 *			set for them; they are outside often enough to be met there
 *	start handlers	the same, with handlers for signals that are ignored by default
 *	check		when all have been round twice: "fine N", or who saw what; N calls
 *			that stops always end with EINTR (signal(7)) did since the last check,
 *			and calls of those handlers
 *	rest, spin	the main thread itself sleeps, or computes, until there is a next
 *			question, and says then what it saw: "fine"; first it says "begun"
 *	mortal		from now on SIGUSR1 makes it exit, SIGUSR2 call exec
 *	call		what the functions return
 */
#include "target.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "hold.h"

#define TERM_NS 2000000
#define STACK_BYTES 65536
#define PATIENCE 60000		/* looks for a thread that is to have been round */

struct witness {
	struct image image;
	const struct call *call;	/* NULL: computes */
	int number, blocks_all;
	sigset_t mask;
	stack_t alternate;
	unsigned seed;
	atomic_int rounds, broken;	/* line of this file or of hold.h */
	atomic_long broken_value;
};

/* A system call that is made again and again. */
struct call {
	const char *name;
	void (*prepare)(struct witness *witness);
	long result;
	int timed;		/* does not return before TERM_NS have passed */
	int ends_by_stop;	/* signal(7): EINTR after a stop, whatever is done */
};

static int fed[2], sockets[2], epoll;
static int word;
static sem_t posted;
static struct pollfd nothing = { .fd = -1 };
static struct timespec term = { .tv_nsec = TERM_NS };
static uint64_t no_signal;
static char byte;
static atomic_int interrupted;

static volatile int dwelling;	/* how long the first function takes */

KEEP int first(int n)
{
	for (volatile int i = 0; i < dwelling; i++)
		;
	return n + 1;
}

KEEP int second(int n)
{
	return n + 2;
}

static void prepare_nanosleep(struct witness *w)
{
	image_call(&w->image, SYS_nanosleep, (uintptr_t)&term, 0, 0, 0);
}

static void prepare_poll(struct witness *w)
{
	image_call(&w->image, SYS_poll, (uintptr_t)&nothing, 1, TERM_NS / 1000000, 0);
}

static void prepare_read(struct witness *w)
{
	image_call(&w->image, SYS_read, (uintptr_t)fed[0], (uintptr_t)&byte, 1, 0);
}

static void prepare_futex(struct witness *w)
{
	image_call(&w->image, SYS_futex, (uintptr_t)&word, FUTEX_WAIT, 0, (uintptr_t)&term);
}

static void prepare_epoll(struct witness *w)
{
	static struct epoll_event event;

	image_call(&w->image, SYS_epoll_wait, (uintptr_t)epoll, (uintptr_t)&event, 1,
		   TERM_NS / 1000000);
}

static void prepare_sigtimedwait(struct witness *w)
{
	image_call(&w->image, SYS_rt_sigtimedwait, (uintptr_t)&no_signal, 0, (uintptr_t)&term, 8);
}

static void prepare_recv(struct witness *w)
{
	image_call(&w->image, SYS_recvfrom, (uintptr_t)sockets[0], (uintptr_t)&byte, 1, 0);
}

static const struct call calls[] = {
	{ "nanosleep", prepare_nanosleep, 0, 1, 0 },
	{ "read", prepare_read, 1, 0, 0 },
	{ "epoll_wait", prepare_epoll, 0, 0, 1 },
	{ "poll", prepare_poll, 0, 1, 0 },
	{ "futex", prepare_futex, -ETIMEDOUT, 1, 0 },
	{ "sigtimedwait", prepare_sigtimedwait, -EAGAIN, 0, 1 },
	{ "recv", prepare_recv, -EAGAIN, 0, 1 },
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))
#define BUSY 2			/* threads that compute */
#define BUSY_CALLS 3		/* and calls that sleep beside them */

static struct witness witnesses[CALLS + BUSY + 1], of_main;	/* enough for 2 * BUSY + BUSY_CALLS, too */
static size_t n_witnesses;

static void saw(struct witness *w, int line, long value)
{
	if (w->broken == 0) {
		w->broken_value = value;
		w->broken = line;
	}
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static void remember_signals(struct witness *w)
{
	static char stacks[CALLS + BUSY + 2][STACK_BYTES];

	w->alternate = (stack_t){ .ss_sp = stacks[w->number], .ss_size = STACK_BYTES };
	sigemptyset(&w->mask);
	sigaddset(&w->mask, SIGRTMIN + 2 + w->number);
	if (w->blocks_all) {
		sigfillset(&w->mask);
		sigdelset(&w->mask, SIGKILL);
		sigdelset(&w->mask, SIGSTOP);
	}
	sigaltstack(&w->alternate, NULL);
	pthread_sigmask(SIG_SETMASK, &w->mask, NULL);
}

static void check_signals(struct witness *w)
{
	sigset_t mask;
	stack_t alternate;

	sigemptyset(&mask);
	if (pthread_sigmask(SIG_SETMASK, NULL, &mask) != 0 || sigaltstack(NULL, &alternate) != 0)
		saw(w, __LINE__, errno);
	for (int i = 1; i <= SIGRTMAX; i++) {
		if (sigismember(&mask, i) != sigismember(&w->mask, i))
			saw(w, __LINE__, i);
	}
	if (alternate.ss_sp != w->alternate.ss_sp || alternate.ss_size != w->alternate.ss_size ||
	    alternate.ss_flags != w->alternate.ss_flags)
		saw(w, __LINE__, (long)alternate.ss_flags);
}

static void check_functions(struct witness *w)
{
	int one = first((int)w->seed), two = second((int)w->seed);

	if (one != (int)w->seed + 1 && one != (int)w->seed + 20)
		saw(w, __LINE__, one);
	if (two != (int)w->seed + 2 && two != (int)w->seed + 40)
		saw(w, __LINE__, two);
}

static void check_call(struct witness *w, long long took)
{
	const struct call *call = w->call;
	long result = image_result(&w->image);

	if (result == -EINTR && call->ends_by_stop)
		interrupted++;
	else if (result != call->result)
		saw(w, __LINE__, result);
	else if (call->timed && took < TERM_NS)
		saw(w, __LINE__, (long)took);
}

/* Once round: hold the registers, then look at everything. */
static void go_round(struct witness *w)
{
	int avx = __builtin_cpu_supports("avx");
	int line;
	long long began;

	w->seed++;
	image_fill(&w->image, w->seed);
	if (w->call != NULL) {
		w->call->prepare(w);
		began = now_ns();
		hold_sleeping(&w->image, 0, avx);
		check_call(w, now_ns() - began);
	} else {
		hold_spinning(&w->image, 300000, avx);
	}
	line = image_changed_at(&w->image, w->call != NULL, avx);
	if (line != 0)
		saw(w, line, 0);
	check_functions(w);
	check_signals(w);
	w->rounds++;
}

/* Nearly always in the first function. */
static void *dwell(void *arg)
{
	struct witness *w = arg;

	remember_signals(w);
	for (;;) {
		for (int i = 0; i < (w->blocks_all ? 1 : 20); i++)
			check_functions(w);
		check_signals(w);
		w->rounds++;
	}
	return NULL;
}

static void note_signal(int number)
{
	(void)number;
	interrupted++;
}

static void *watch(void *arg)
{
	struct witness *w = arg;

	remember_signals(w);
	for (;;)
		go_round(w);
	return NULL;
}

/* sem_wait by way of the C library. */
static void *take(void *arg)
{
	struct witness *w = arg;

	remember_signals(w);
	for (;;) {
		if (sem_wait(&posted) != 0)
			saw(w, __LINE__, errno);
		check_functions(w);
		check_signals(w);
		w->rounds++;
	}
	return NULL;
}

static void *feed(void *arg)
{
	struct timespec pause = { .tv_nsec = TERM_NS };

	(void)arg;
	for (;;) {
		nanosleep(&pause, NULL);
		if (write(fed[1], "x", 1) == 1)
			sem_post(&posted);
	}
	return NULL;
}

/* A function that a resolver chooses; only a patch names it, so nobody has run the resolver before. */
static int twenty(void)
{
	return 20;
}

static KEEP int (*choose(void))(void)
{
	return twenty;
}

KEEP int chosen(void) __attribute__((ifunc("choose")));

static int add(void *(*run)(void *), const struct call *call)
{
	struct witness *w = &witnesses[n_witnesses];
	pthread_t thread;

	w->number = (int)n_witnesses++;
	w->call = call;
	return pthread_create(&thread, NULL, run, w);
}

static int start(const char *kind)
{
	static const int ignored[] = { SIGURG, SIGWINCH, SIGCHLD };
	int busy = strcmp(kind, "sleepers") != 0, dwells = busy && strcmp(kind, "busy") != 0, err;
	struct timeval timeout = { 0, TERM_NS / 1000 };
	pthread_t thread;

	if (pipe(fed) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0 ||
	    setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
	    sem_init(&posted, 0, 0) != 0)
		return -1;
	epoll = epoll_create1(0);
	no_signal = (uint64_t)1 << (SIGUSR2 - 1);
	err = pthread_create(&thread, NULL, feed, NULL);
	for (int i = 0; busy && i < BUSY && err == 0; i++)
		err = add(watch, NULL);
	dwelling = !dwells ? 0 : strcmp(kind, "blocked") == 0 ? 2000 : 20000;
	for (size_t i = 0; strcmp(kind, "handlers") == 0 && i < 3; i++)
		signal(ignored[i], note_signal);
	for (int i = 0; dwells && i < BUSY && err == 0; i++) {
		witnesses[n_witnesses].blocks_all = strcmp(kind, "blocked") == 0;
		err = add(dwell, NULL);
	}
	for (size_t i = 0; i < (busy ? BUSY_CALLS : CALLS) && err == 0; i++)
		err = add(watch, &calls[i]);
	return err != 0 ? err : add(take, NULL);
}

static void tell(const struct witness *w, char *answer, size_t size)
{
	snprintf(answer, size, "%s: line %d, %ld", w == &of_main ? "main" :
		 w->call != NULL ? w->call->name : "the other", w->broken, w->broken_value);
}

static void check(char *answer, size_t size)
{
	struct timespec moment = { .tv_nsec = 500000 };
	int before[CALLS + BUSY + 1];

	for (size_t i = 0; i < n_witnesses; i++)
		before[i] = witnesses[i].rounds;
	for (size_t i = 0; i < n_witnesses; i++) {
		struct witness *w = &witnesses[i];

		for (int tries = 0; w->rounds < before[i] + 2 && tries < PATIENCE; tries++)
			nanosleep(&moment, NULL);
		if (w->rounds < before[i] + 2)
			saw(w, __LINE__, 0);
		if (w->broken != 0) {
			tell(w, answer, size);
			return;
		}
	}
	snprintf(answer, size, "fine %d", atomic_exchange(&interrupted, 0));
}

static void prepare_question(struct witness *w)
{
	static struct pollfd question = { .fd = 0, .events = POLLIN };

	image_call(&w->image, SYS_poll, (uintptr_t)&question, 1, (uintptr_t)-1, 0);
}

/* The main thread is its own witness until somebody asks something. */
static void be_witness(const struct call *call, char *answer, size_t size)
{
	struct pollfd question = { .fd = 0, .events = POLLIN };

	of_main.call = call;
	of_main.number = (int)CALLS + BUSY + 1;
	remember_signals(&of_main);
	if (write(1, "begun\n", 6) != 6)
		saw(&of_main, __LINE__, errno);
	do
		go_round(&of_main);
	while (poll(&question, 1, 0) == 0);
	if (of_main.broken != 0)
		tell(&of_main, answer, size);
	else
		snprintf(answer, size, "fine");
}

static void leave(int signal)
{
	(void)signal;
	_exit(3);
}

static void become_another(int signal)
{
	(void)signal;
	execl("/proc/self/exe", "witness", (char *)NULL);
	_exit(4);
}

void reply(const char *question, char *answer, size_t size)
{
	static const struct call rest = { "main", prepare_question, 1, 0, 0 };

	if (strncmp(question, "start ", 6) == 0)
		snprintf(answer, size, start(question + 6) == 0 ? "started" : "failed");
	else if (strcmp(question, "check") == 0)
		check(answer, size);
	else if (strcmp(question, "rest") == 0)
		be_witness(&rest, answer, size);
	else if (strcmp(question, "spin") == 0)
		be_witness(NULL, answer, size);
	else if (strcmp(question, "mortal") == 0)
		snprintf(answer, size, signal(SIGUSR1, leave) != SIG_ERR &&
			 signal(SIGUSR2, become_another) != SIG_ERR ? "mortal" : "failed");
	else if (strcmp(question, "call") == 0)
		snprintf(answer, size, "call %d %d", first(0), second(0));
}
