/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread for each kind of sleep in a system call.  Each must come back with the
 * result, the errno and, where there is a time, after the time that it would have
 * had without any stop in between.
 *
 * start [N]: all go to sleep, N times as long on a machine that is so much slower.
 * finish: what ends those that wait for an event, then wait for all; the answer is
 * "fine" and their number, or who was disturbed.
 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Timed sleeps take this long; the test makes all its stops in that time. */
#define TERM_MS (2500 * slow)
#define LATE_MS (1500 * slow)

/* The select(2) whose arguments are not in memory. */
#ifdef SYS__newselect
#define SELECT SYS__newselect
#else
#define SELECT SYS_select
#endif

static long slow = 1;

static int plain_pipe[2], full_pipe[2], sockets[2], timed_sockets[2], listener, timed_listener;
static int full_sockets[2];
static int event_fd, lock_fd, range_fd, queue, queue_full, semaphores;
static char lock_path[] = "/tmp/nsb-lock-XXXXXX", range_path[] = "/tmp/nsb-range-XXXXXX";
static char fifo_path[sizeof(lock_path) + 5];
static int word;
static pid_t child, other_child;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

struct message {
	long type;
	char text[16];
};

static struct timespec term(void)
{
	return (struct timespec){ TERM_MS / 1000, TERM_MS % 1000 * 1000000 };
}

static struct timeval term_us(void)
{
	return (struct timeval){ TERM_MS / 1000, TERM_MS % 1000 * 1000 };
}

static void connect_to(int to)
{
	struct sockaddr_un address;
	socklen_t size = sizeof(address);

	getsockname(to, (struct sockaddr *)&address, &size);
	connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, size);
}

/* Each returns what the call returned. */

static long in_nanosleep(void)
{
	struct timespec t = term();

	return nanosleep(&t, NULL);
}

static long in_clock_nanosleep(void)
{
	struct timespec t = term();

	return clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static long in_clock_nanosleep_until(void)
{
	struct timespec t, more = term();

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += more.tv_sec + (t.tv_nsec + more.tv_nsec) / 1000000000;
	t.tv_nsec = (t.tv_nsec + more.tv_nsec) % 1000000000;
	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static long in_poll(void)
{
	struct pollfd fd = { .fd = plain_pipe[1] + 1000, .events = POLLIN };

	fd.fd = -1;
	return poll(&fd, 1, TERM_MS);
}

static long in_ppoll(void)
{
	struct timespec t = term();

	return ppoll(NULL, 0, &t, NULL);
}

static long in_select(void)
{
	struct timeval t = term_us();

	return select(0, NULL, NULL, NULL, &t);
}

static long in_pselect(void)
{
	struct timespec t = term();

	return pselect(0, NULL, NULL, NULL, &t, NULL);
}

static long in_epoll_wait(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_create1(EPOLL_CLOEXEC), &event, 1, TERM_MS);
}

static long in_futex(void)
{
	struct timespec t = term();

	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t);
}

static long in_sigtimedwait(void)
{
	struct timespec t = term();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &t);
}

static long in_semtimedop(void)
{
	struct sembuf down = { .sem_num = 0, .sem_op = -1 };
	struct timespec t = term();

	return semtimedop(semaphores, &down, 1, &t);
}

static long in_recv_timeout(void)
{
	char byte;

	return recv(timed_sockets[0], &byte, 1, 0);
}

static long in_accept_timeout(void)
{
	return accept(timed_listener, NULL, NULL);
}

static long in_mutex_timedlock(void)
{
	struct timespec t, more = term();

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += more.tv_sec + (t.tv_nsec + more.tv_nsec) / 1000000000;
	t.tv_nsec = (t.tv_nsec + more.tv_nsec) % 1000000000;
	return pthread_mutex_timedlock(&mutex, &t);
}

static long in_read_pipe(void)
{
	char byte;

	return read(plain_pipe[0], &byte, 1);
}

static long in_write_pipe(void)
{
	return write(full_pipe[1], "x", 1);
}

static long in_recvmsg(void)
{
	char byte;
	struct iovec place = { &byte, 1 };
	struct msghdr message = { .msg_iov = &place, .msg_iovlen = 1 };

	return recvmsg(sockets[0], &message, 0);
}

static long in_accept(void)
{
	return accept(listener, NULL, NULL) >= 0;
}

static long in_eventfd(void)
{
	uint64_t value;

	return read(event_fd, &value, sizeof(value));
}

static long in_wait4(void)
{
	return waitpid(child, NULL, 0) == child;
}

static long in_semop(void)
{
	struct sembuf down = { .sem_num = 1, .sem_op = -1 };

	return semop(semaphores, &down, 1);
}

static long in_msgrcv(void)
{
	struct message message;

	return msgrcv(queue, &message, sizeof(message.text), 0, 0);
}

static long in_msgsnd(void)
{
	struct message message = { .type = 1 };

	return msgsnd(queue_full, &message, sizeof(message.text), 0);
}

static long in_flock(void)
{
	return flock(open(lock_path, O_RDWR | O_CLOEXEC), LOCK_EX);
}

static long in_pause(void)
{
	return pause();
}

static long in_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigsuspend(&none);
}

static long in_epoll_pwait(void)
{
	struct epoll_event event;
	sigset_t none;

	sigemptyset(&none);
	return epoll_pwait(epoll_create1(EPOLL_CLOEXEC), &event, 1, TERM_MS, &none);
}

static long in_recvmsg_timeout(void)
{
	char byte;
	struct iovec place = { &byte, 1 };
	struct msghdr message = { .msg_iov = &place, .msg_iovlen = 1 };

	return recvmsg(timed_sockets[0], &message, 0);
}

static long in_recvmmsg_timeout(void)
{
	char byte;
	struct iovec place = { &byte, 1 };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &place, .msg_iovlen = 1 } };

	return recvmmsg(timed_sockets[0], &message, 1, 0, NULL);
}

static long in_accept4_timeout(void)
{
	return accept4(timed_listener, NULL, NULL, SOCK_CLOEXEC);
}

static long in_send_timeout(void)
{
	return send(full_sockets[0], "x", 1, 0);
}

static long in_sendmsg_timeout(void)
{
	struct iovec place = { (char[]){ "x" }, 1 };
	struct msghdr message = { .msg_iov = &place, .msg_iovlen = 1 };

	return sendmsg(full_sockets[0], &message, 0);
}

static long in_io_getevents(void)
{
	struct timespec t = term();
	unsigned long context = 0;
	uint64_t event[4];

	if (syscall(SYS_io_setup, 1, &context) != 0)
		return -2;
	return syscall(SYS_io_getevents, context, 1, 1, event, &t);
}

/* The kernel cannot write the time that is left into read-only memory, and ends the call by EINTR. */
static long in_select_constant(void)
{
	static struct timeval *t;

	t = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*t = term_us();
	mprotect(t, 4096, PROT_READ);
	return syscall(SELECT, 0, NULL, NULL, NULL, t);
}

static long in_timerfd(void)
{
	struct itimerspec in = { .it_value = term() };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t count;

	timerfd_settime(fd, 0, &in, NULL);
	return read(fd, &count, sizeof(count));
}

static long in_signalfd(void)
{
	struct signalfd_siginfo info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return read(signalfd(-1, &set, SFD_CLOEXEC), &info, sizeof(info)) == sizeof(info);
}

static long in_inotify(void)
{
	char event[512];
	int fd = inotify_init1(IN_CLOEXEC);

	inotify_add_watch(fd, lock_path, IN_ATTRIB);
	return read(fd, event, sizeof(event)) > 0;
}

static long in_waitid(void)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)other_child, &info, WEXITED);
}

static long in_lock(void)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(open(range_path, O_RDWR | O_CLOEXEC), F_OFD_SETLKW, &whole);
}

static long in_open_fifo(void)
{
	return open(fifo_path, O_RDONLY | O_CLOEXEC) >= 0;
}

static void nothing(int signal)
{
	(void)signal;
}

/* When a call comes back: after its term; after up to twice that, as nsb(1) says of
 * those that start anew; when finish says so. */
enum term { EXACT, RENEWED, EVENT };

#define SLEEPER(a, b, c, d, e) { .name = a, .call = b, .result = c, .err = d, .term = e }

static struct sleeper {
	const char *name;
	long (*call)(void);
	long result;
	int err;
	enum term term;
	/* what happened */
	pthread_t thread;
	atomic_int tid, back;
	long got, ms;
	int got_err;
} sleepers[] = {
	SLEEPER("nanosleep", in_nanosleep, 0, 0, EXACT),
	SLEEPER("clock_nanosleep", in_clock_nanosleep, 0, 0, EXACT),
	SLEEPER("clock_nanosleep until", in_clock_nanosleep_until, 0, 0, EXACT),
	SLEEPER("poll", in_poll, 0, 0, EXACT),
	SLEEPER("ppoll", in_ppoll, 0, 0, EXACT),
	SLEEPER("select", in_select, 0, 0, EXACT),
	SLEEPER("pselect", in_pselect, 0, 0, EXACT),
	SLEEPER("epoll_wait", in_epoll_wait, 0, 0, RENEWED),
	SLEEPER("futex", in_futex, -1, ETIMEDOUT, EXACT),
	SLEEPER("sigtimedwait", in_sigtimedwait, -1, EAGAIN, RENEWED),
	SLEEPER("semtimedop", in_semtimedop, -1, EAGAIN, RENEWED),
	SLEEPER("recv with SO_RCVTIMEO", in_recv_timeout, -1, EAGAIN, RENEWED),
	SLEEPER("accept with SO_RCVTIMEO", in_accept_timeout, -1, EAGAIN, RENEWED),
	SLEEPER("epoll_pwait", in_epoll_pwait, 0, 0, RENEWED),
	SLEEPER("recvmsg with SO_RCVTIMEO", in_recvmsg_timeout, -1, EAGAIN, RENEWED),
	SLEEPER("recvmmsg with SO_RCVTIMEO", in_recvmmsg_timeout, -1, EAGAIN, RENEWED),
	SLEEPER("accept4 with SO_RCVTIMEO", in_accept4_timeout, -1, EAGAIN, RENEWED),
	SLEEPER("send with SO_SNDTIMEO", in_send_timeout, -1, EAGAIN, RENEWED),
	SLEEPER("sendmsg with SO_SNDTIMEO", in_sendmsg_timeout, -1, EAGAIN, RENEWED),
	SLEEPER("io_getevents", in_io_getevents, 0, 0, RENEWED),
	SLEEPER("select, its time in read-only memory", in_select_constant, 0, 0, RENEWED),
	SLEEPER("read of a timerfd", in_timerfd, 8, 0, EXACT),
	SLEEPER("pthread_mutex_timedlock", in_mutex_timedlock, ETIMEDOUT, 0, EXACT),
	SLEEPER("read of a pipe", in_read_pipe, 1, 0, EVENT),
	SLEEPER("write to a pipe", in_write_pipe, 1, 0, EVENT),
	SLEEPER("recvmsg", in_recvmsg, 1, 0, EVENT),
	SLEEPER("accept", in_accept, 1, 0, EVENT),
	SLEEPER("read of an eventfd", in_eventfd, 8, 0, EVENT),
	SLEEPER("wait4", in_wait4, 1, 0, EVENT),
	SLEEPER("semop", in_semop, 0, 0, EVENT),
	SLEEPER("msgrcv", in_msgrcv, 16, 0, EVENT),
	SLEEPER("msgsnd", in_msgsnd, 0, 0, EVENT),
	SLEEPER("flock", in_flock, 0, 0, EVENT),
	SLEEPER("read of a signalfd", in_signalfd, 1, 0, EVENT),
	SLEEPER("read of an inotify", in_inotify, 1, 0, EVENT),
	SLEEPER("waitid", in_waitid, 0, 0, EVENT),
	SLEEPER("fcntl F_OFD_SETLKW", in_lock, 0, 0, EVENT),
	SLEEPER("open of a FIFO", in_open_fifo, 1, 0, EVENT),
	SLEEPER("pause", in_pause, -1, EINTR, EVENT),
	SLEEPER("sigsuspend", in_sigsuspend, -1, EINTR, EVENT),
};

#define COUNT (sizeof(sleepers) / sizeof(sleepers[0]))

KEEP int beat(void)
{
	return 1;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *sleep_once(void *arg)
{
	struct sleeper *sleeper = arg;
	long began = now_ms();

	sleeper->tid = (int)syscall(SYS_gettid);
	errno = 0;
	sleeper->got = sleeper->call();
	sleeper->got_err = errno;
	sleeper->ms = now_ms() - began;
	sleeper->back = 1;
	return NULL;
}

static int listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	/* An abstract name, this process's own. */
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "nsb-%s-%d", name, getpid());
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1) != 0)
		return -1;
	return fd;
}

static void fill(int fd)
{
	char page[4096] = "";

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, page, sizeof(page)) > 0)
		;
	fcntl(fd, F_SETFL, 0);
}

/* A process that sleeps until it is killed. */
static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	return pid;
}

static int prepare(void)
{
	struct timeval t = term_us();
	struct message message = { .type = 1 };
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (pipe(plain_pipe) != 0 || pipe(full_pipe) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, timed_sockets) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, full_sockets) != 0)
		return -1;
	fill(full_pipe[1]);
	fill(full_sockets[0]);
	listener = listen_at("a");
	timed_listener = listen_at("b");
	event_fd = eventfd(0, 0);
	lock_fd = mkstemp(lock_path);
	range_fd = mkstemp(range_path);
	snprintf(fifo_path, sizeof(fifo_path), "%s.fifo", lock_path);
	queue = msgget(IPC_PRIVATE, 0600);
	queue_full = msgget(IPC_PRIVATE, 0600);
	semaphores = semget(IPC_PRIVATE, 2, 0600);
	if (listener < 0 || timed_listener < 0 || event_fd < 0 || lock_fd < 0 || queue < 0 ||
	    queue_full < 0 || semaphores < 0 || flock(lock_fd, LOCK_EX) != 0 || range_fd < 0 ||
	    fcntl(range_fd, F_OFD_SETLK, &whole) != 0 || mkfifo(fifo_path, 0600) != 0)
		return -1;
	while (msgsnd(queue_full, &message, sizeof(message.text), IPC_NOWAIT) == 0)
		;
	setsockopt(timed_sockets[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(timed_listener, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(full_sockets[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	pthread_mutex_lock(&mutex);
	signal(SIGUSR1, nothing);
	child = start_child();
	other_child = start_child();
	return child < 0 || other_child < 0 ? -1 : 0;
}

static int is_asleep(int tid)
{
	char path[64], text[256], *state;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY);
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	state = strrchr(text, ')');
	return state != NULL && state[2] == 'S';
}

static int start(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (prepare() != 0)
		return -1;
	for (size_t i = 0; i < COUNT; i++) {
		if (pthread_create(&sleepers[i].thread, NULL, sleep_once, &sleepers[i]) != 0)
			return -1;
	}
	for (size_t i = 0; i < COUNT; i++) {
		while (sleepers[i].tid == 0 || !is_asleep(sleepers[i].tid))
			sched_yield();
	}
	return 0;
}

static void cause_events(void)
{
	struct message message = { .type = 1 };
	struct sembuf up = { .sem_num = 1, .sem_op = 1 };
	uint64_t one = 1;
	char page[4096];
	ssize_t ignored = 0;

	ignored += write(plain_pipe[1], "x", 1) + read(full_pipe[0], page, sizeof(page));
	ignored += write(sockets[1], "x", 1) + write(event_fd, &one, sizeof(one));
	connect_to(listener);
	kill(child, SIGKILL);
	kill(other_child, SIGKILL);
	fchmod(lock_fd, 0644);
	close(range_fd);
	close(open(fifo_path, O_WRONLY | O_CLOEXEC));
	semop(semaphores, &up, 1);
	msgsnd(queue, &message, sizeof(message.text), 0);
	ignored += msgrcv(queue_full, &message, sizeof(message.text), 0, 0);
	flock(lock_fd, LOCK_UN);
	(void)ignored;
	for (size_t i = 0; i < COUNT; i++) {
		if (sleepers[i].call == in_signalfd)
			pthread_kill(sleepers[i].thread, SIGUSR2);
		/* To the one thread that waits for it, until it has come back. */
		while (sleepers[i].err == EINTR && !sleepers[i].back) {
			pthread_kill(sleepers[i].thread, SIGUSR1);
			usleep(1000);
		}
	}
}

static int is_disturbed(const struct sleeper *s)
{
	long most = s->term == EXACT ? TERM_MS + LATE_MS : 2 * TERM_MS + LATE_MS;

	if (s->got != s->result || (s->got < 0 && s->got_err != s->err))
		return 1;
	return s->term != EVENT && (s->ms < TERM_MS - 1 || s->ms > most);
}

static void finish(char *answer, size_t size)
{
	size_t used = 0;

	/* None of these may have come back by itself. */
	for (size_t i = 0; i < COUNT; i++) {
		if (sleepers[i].term == EVENT && sleepers[i].back)
			used += (size_t)snprintf(answer + used, size - used, "%s came back by itself; ",
						 sleepers[i].name);
	}
	cause_events();
	for (size_t i = 0; i < COUNT; i++) {
		struct sleeper *s = &sleepers[i];

		pthread_join(s->thread, NULL);
		if (is_disturbed(s) && used < size)
			used += (size_t)snprintf(answer + used, size - used, "%s: %ld, %s, after %ld ms; ",
						 s->name, s->got, strerror(s->got_err), s->ms);
	}
	unlink(lock_path);
	unlink(range_path);
	unlink(fifo_path);
	semctl(semaphores, 0, IPC_RMID);
	msgctl(queue, IPC_RMID, NULL);
	msgctl(queue_full, IPC_RMID, NULL);
	if (used == 0)
		snprintf(answer, size, "fine %zu", COUNT);
}

void reply(const char *question, char *answer, size_t size)
{
	if (strcmp(question, "start") == 0 || sscanf(question, "start %ld", &slow) == 1)
		snprintf(answer, size, start() == 0 ? "started" : "failed: %s", strerror(errno));
	else if (strcmp(question, "finish") == 0)
		finish(answer, size);
	else if (strcmp(question, "beat") == 0)
		snprintf(answer, size, "beat %d", beat());
}
