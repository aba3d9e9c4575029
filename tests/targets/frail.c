/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls that a stop ends early, for good (docs/syscalls.md), and signals that come
 * while nsb holds the thread.
 *
 * names: the calls of the table.
 * start NAME [PATH]: a thread makes this call, which has moved a part when the answer comes.
 * feed: let the rest be moved, after a while; the answer comes at once.
 * result: what the call came to: "whole", "short 10 of 100", or the errno.
 * occupy, leave: a thread is in beat() from the one to the other.
 * signals N: so many signals to a thread that sleeps in epoll_wait, one after the other; the
 * answer is how many of them did not end it with EINTR, and how many that it ignores did.
 */
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MUCH (1 << 20)
#define SOME 100
#define PART 10
#define FEED_MS 200

static int ends[2];		/* the call is made on ends[0]; feed uses the other one */
static char much[MUCH], rest[MUCH];
static char path[256];		/* of close; of connect: the seconds until it gives up */
static struct sockaddr_in full;
static volatile int is_occupied;

KEEP int beat(void)
{
	while (is_occupied)
		usleep(1000);
	return 1;
}

/* ---- the calls ---- */

static struct iovec halves[2] = { { much, MUCH / 2 }, { much + MUCH / 2, MUCH / 2 } };
static struct iovec some_halves[2] = { { much, SOME / 2 }, { much + SOME / 2, SOME / 2 } };

static long in_write(void)
{
	return write(ends[0], much, MUCH);
}

static long in_writev(void)
{
	return writev(ends[0], halves, 2);
}

static long in_send(void)
{
	return send(ends[0], much, MUCH, 0);
}

static long in_sendmsg(void)
{
	struct msghdr message = { .msg_iov = halves, .msg_iovlen = 2 };

	return sendmsg(ends[0], &message, 0);
}

static long in_recv(void)
{
	return recv(ends[0], much, SOME, MSG_WAITALL);
}

static long in_recvmsg(void)
{
	struct msghdr message = { .msg_iov = some_halves, .msg_iovlen = 2 };

	return recvmsg(ends[0], &message, MSG_WAITALL);
}

static long in_connect(void)
{
	const struct timeval term = { atoi(path), 0 };

	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &term, sizeof(term));
	return connect(ends[0], (struct sockaddr *)&full, sizeof(full));
}

static long in_close(void)
{
	return close(ends[0]);
}

/* ---- what they need, and the rest of what they move ---- */

static int make_pipe(void)
{
	int fds[2], err = pipe(fds);

	ends[0] = fds[1];
	ends[1] = fds[0];
	return err;
}

static int make_sockets(void)
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

static int make_sockets_with_part(void)
{
	return make_sockets() != 0 || write(ends[1], much, PART) != PART ? -1 : 0;
}

/* A listener that answers no more, as nobody accepts what is in its queue. */
static int make_deaf_listener(void)
{
	socklen_t size = sizeof(full);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	full = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (bind(listener, (struct sockaddr *)&full, size) != 0 ||
	    getsockname(listener, (struct sockaddr *)&full, &size) != 0 || listen(listener, 0) != 0)
		return -1;
	for (int i = 0; i < 8; i++) {
		int caller = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (connect(caller, (struct sockaddr *)&full, size) != 0 && errno != EINPROGRESS)
			return -1;
	}
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	return ends[0] < 0 ? -1 : 0;
}

static int open_path(void)
{
	ends[0] = open(path, O_RDONLY);
	return ends[0] < 0 ? -1 : 0;
}

static void take(void)
{
	while (read(ends[1], rest, sizeof(rest)) > 0)
		;
}

static void give(void)
{
	for (int sent = PART; sent < SOME; sent += PART) {
		if (write(ends[1], much, PART) != PART)
			return;
	}
}

static void nothing(void)
{
}

static const struct frail {
	const char *name;
	int (*prepare)(void);
	long (*call)(void);
	void (*feed)(void);
	long whole;		/* what it returns if nothing disturbs it, */
	int err;		/* and errno then */
} frails[] = {
	{ "write", make_pipe, in_write, take, MUCH, 0 },
	{ "writev", make_pipe, in_writev, take, MUCH, 0 },
	{ "send", make_sockets, in_send, take, MUCH, 0 },
	{ "sendmsg", make_sockets, in_sendmsg, take, MUCH, 0 },
	{ "recv", make_sockets_with_part, in_recv, give, SOME, 0 },
	{ "recvmsg", make_sockets_with_part, in_recvmsg, give, SOME, 0 },
	{ "connect", make_deaf_listener, in_connect, nothing, -1, EINPROGRESS },
	{ "close", open_path, in_close, nothing, 0, 0 },
};

#define COUNT (sizeof(frails) / sizeof(frails[0]))

static const struct frail *chosen;
static pthread_t caller, feeder;
static atomic_int caller_tid;
static long got;
static int got_err;

static void *call(void *arg)
{
	caller_tid = (int)syscall(SYS_gettid);
	got = chosen->call();
	got_err = errno;
	return arg;
}

static void *feed(void *arg)
{
	usleep(FEED_MS * 1000);
	chosen->feed();
	return arg;
}

/* Whether a thread of this process sleeps. */
static int is_asleep(int tid)
{
	char name[64], text[256], *state = NULL;
	int fd;
	ssize_t length;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
	fd = open(name, O_RDONLY);
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length > 0) {
		text[length] = '\0';
		state = strrchr(text, ')');
	}
	return state != NULL && state[2] == 'S';
}

static int start(const char *name)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(frails[i].name, name) == 0)
			chosen = &frails[i];
	}
	if (chosen == NULL || chosen->prepare() != 0 || pthread_create(&caller, NULL, call, NULL) != 0)
		return -1;
	while (caller_tid == 0 || !is_asleep(caller_tid))
		sched_yield();
	return 0;
}

static void result(char *answer, size_t size)
{
	pthread_join(caller, NULL);
	if (got == chosen->whole && (got >= 0 || got_err == chosen->err))
		snprintf(answer, size, "whole");
	else if (got >= 0)
		snprintf(answer, size, "short %ld of %ld", got, chosen->whole);
	else
		snprintf(answer, size, "%s", strerror(got_err));
}

/* ---- signals ---- */

static atomic_int n_handled, n_ended, is_waiting = 1, has_left;
static atomic_int waiter_tid;

static void count_signal(int signal)
{
	(void)signal;
	n_handled++;
}

static void *wait_for_events(void *arg)
{
	int events = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;

	waiter_tid = (int)syscall(SYS_gettid);
	while (is_waiting) {
		if (epoll_wait(events, &event, 1, 3600000) == -1 && errno == EINTR)
			n_ended++;
	}
	close(events);
	has_left = 1;
	return arg;
}

static void *be_in_beat(void *arg)
{
	beat();
	return arg;
}

/* Send a signal that has a handler, and one that is ignored, and see what they end. */
static void send_signals(int count, char *answer, size_t size)
{
	pthread_t waiter;
	int missed = 0, ended_by_ignored = 0;

	signal(SIGUSR1, count_signal);
	if (pthread_create(&waiter, NULL, wait_for_events, NULL) != 0)
		return;
	for (int i = 0; i < count; i++) {
		int before = n_ended, handled = n_handled;

		while (waiter_tid == 0 || !is_asleep(waiter_tid))
			usleep(100);
		pthread_kill(waiter, SIGURG);
		usleep(1000);
		ended_by_ignored += n_ended - before;
		before = n_ended;
		pthread_kill(waiter, SIGUSR1);
		while (n_handled == handled)
			usleep(100);
		/* The call ends when the handler has returned; what nsb holds may take longer. */
		for (int waited = 0; n_ended == before && waited < 3000; waited++)
			usleep(1000);
		missed += n_ended == before;
	}
	is_waiting = 0;
	while (!has_left) {
		pthread_kill(waiter, SIGUSR1);
		usleep(1000);
	}
	pthread_join(waiter, NULL);
	snprintf(answer, size, "%d missed, %d ended by a signal that is ignored", missed,
		 ended_by_ignored);
}

void reply(const char *question, char *answer, size_t size)
{
	static pthread_t inside;
	char name[32];
	int count;

	if (strcmp(question, "names") == 0) {
		for (size_t i = 0, used = 0; i < COUNT && used < size; i++)
			used += (size_t)snprintf(answer + used, size - used, "%s ", frails[i].name);
	} else if (sscanf(question, "start %31s %255s", name, path) >= 1) {
		snprintf(answer, size, start(name) == 0 ? "started" : "failed: %s", strerror(errno));
	} else if (strcmp(question, "feed") == 0) {
		snprintf(answer, size, pthread_create(&feeder, NULL, feed, NULL) == 0 ? "fed" : "not fed");
	} else if (strcmp(question, "result") == 0) {
		result(answer, size);
	} else if (strcmp(question, "occupy") == 0) {
		is_occupied = 1;
		snprintf(answer, size, pthread_create(&inside, NULL, be_in_beat, NULL) == 0 ? "occupied" : "free");
	} else if (strcmp(question, "leave") == 0) {
		is_occupied = 0;
		pthread_join(inside, NULL);
		snprintf(answer, size, "left");
	} else if (sscanf(question, "signals %d", &count) == 1) {
		send_signals(count, answer, size);
	} else if (strcmp(question, "beat") == 0) {
		snprintf(answer, size, "beat %d", beat());
	}
}
