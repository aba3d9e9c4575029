/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls that go to a handler of the program (PR_SET_SYSCALL_USER_DISPATCH), as emulators
 * of other systems have them.  dispatch: from now on, in the main thread.  foreign: what such a
 * call returns, 4242 from the handler.  thread: one more thread, whose calls are the kernel's.
 * dispatching thread: one more, whose calls go to the handler.
 */
#include "target.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH	/* Linux 5.11 */
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

#ifdef __x86_64__
#define RESULT REG_RAX
#else
#define RESULT REG_EAX
#endif

static volatile char blocks;
static volatile int is_born;

KEEP int beat(void)
{
	return 1;
}

static void handle(int signal, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)signal;
	(void)info;
	interrupted->uc_mcontext.gregs[RESULT] = 4242;
	blocks = 0;	/* for the call that ends this handler */
}

static long foreign(void)
{
	long result;

	blocks = 1;
	result = syscall(SYS_getpid);
	blocks = 0;
	return result;
}

static int dispatch(void)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO };

	sigaction(SIGSYS, &action, NULL);
	return prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &blocks);
}

static void *sleep_on(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *dispatch_and_sleep(void *arg)
{
	is_born = dispatch() == 0 ? 1 : -1;
	return sleep_on(arg);
}

static const char *bear(void *(*body)(void *))
{
	pthread_t thread;

	return pthread_create(&thread, NULL, body, NULL) == 0 ? "born" : "not born";
}

void reply(const char *question, char *answer, size_t size)
{
	if (strcmp(question, "dispatch") == 0)
		snprintf(answer, size, dispatch() == 0 ? "dispatched" : "%s", strerror(errno));
	else if (strcmp(question, "foreign") == 0)
		snprintf(answer, size, "%ld", foreign());
	else if (strcmp(question, "thread") == 0)
		snprintf(answer, size, "%s", bear(sleep_on));
	else if (strcmp(question, "dispatching thread") == 0) {
		snprintf(answer, size, "%s", bear(dispatch_and_sleep));
		while (is_born == 0)
			usleep(1000);
	} else if (strcmp(question, "beat") == 0)
		snprintf(answer, size, "beat %d", beat());
}
