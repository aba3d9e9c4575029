/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts the signals that arrive, and sees to it that a read that they interrupt
 * goes on as if they had not.
 */
#include "target.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_int plain, queued, disorder, queue_sum, alarms, disturbed;
static atomic_int handled;	/* of work() called in the handler */
static atomic_int born, buried, told, bearing;	/* children, and SIGCHLDs about them */

KEEP int work(int n)
{
	return n * 2;
}

static void on_plain(int number)
{
	(void)number;
	plain++;
}

static void on_queued(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	/* Unsigned: it is for the first few. */
	queue_sum = (int)((unsigned)queue_sum * 10u + (unsigned)info->si_value.sival_int);
	if (info->si_value.sival_int != queued + 1)
		disorder++;
	queued++;
}

static void on_alarm(int number)
{
	int result = work(7);

	(void)number;
	if (result == 14 || result == 21)
		handled++;
	alarms++;
}

static void install(void)
{
	struct sigaction action = { .sa_handler = on_plain, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = on_alarm;
	sigaction(SIGALRM, &action, NULL);
	action.sa_sigaction = on_queued;
	action.sa_flags |= SA_SIGINFO;
	sigaction(SIGRTMIN + 1, &action, NULL);
}

/* A read that is to last for ever, in the thread that gets the storm. */
static void *read_on(void *arg)
{
	int ends[2];
	char byte;

	(void)arg;
	if (pipe(ends) != 0 || read(ends[0], &byte, 1) != 1)
		disturbed = errno;
	return NULL;
}

static void on_child(int number)
{
	int result = work(7);

	(void)number;
	told += result == 14 || result == 21;
}

static void change_mask(int how, int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(how, &set, NULL);
}

/*
 * A child a millisecond: each ends with the status that it is asked for.  The thread that
 * waits for it is the one that gets its signal, so that no two of them can become one.
 */
static void *bear(void *arg)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	int status;

	(void)arg;
	change_mask(SIG_UNBLOCK, SIGCHLD);
	while (bearing) {
		int wanted = born & 0x7f;
		pid_t child = fork();

		if (child == 0)
			_exit(wanted);
		born++;
		if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		    WEXITSTATUS(status) == wanted)
			buried++;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void families(int begin)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_RESTART };
	static pthread_t thread;

	bearing = begin;
	change_mask(SIG_BLOCK, SIGCHLD);
	if (!begin)
		pthread_join(thread, NULL);
	else if (sigaction(SIGCHLD, &action, NULL) != 0 ||
		 pthread_create(&thread, NULL, bear, NULL) != 0)
		disturbed = errno;
}

static void block(int how)
{
	change_mask(how, SIGUSR1);
	change_mask(how, SIGRTMIN + 1);
}

static void storm(long us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };
	pthread_t thread;

	if (us != 0)
		pthread_create(&thread, NULL, read_on, NULL);
	change_mask(SIG_BLOCK, SIGALRM);
	setitimer(ITIMER_REAL, &timer, NULL);
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "done");
	if (strcmp(question, "install") == 0)
		install();
	else if (strcmp(question, "block") == 0)
		block(SIG_BLOCK);
	else if (strcmp(question, "unblock") == 0)
		block(SIG_UNBLOCK);
	else if (strcmp(question, "got") == 0)
		snprintf(answer, size, "plain %d, queued %d: %d", plain, queued, queue_sum);
	else if (strcmp(question, "order") == 0)
		snprintf(answer, size, disorder == 0 ? "queued %d in order" : "queued %d in disorder",
			 queued);
	else if (strcmp(question, "storm") == 0)
		storm(700);
	else if (strcmp(question, "calm") == 0)
		storm(0);
	else if (strcmp(question, "disturbed") == 0)
		snprintf(answer, size, alarms > 10 && handled == alarms ? "disturbed %d" : "no storm",
			 disturbed);
	else if (strcmp(question, "children") == 0)
		families(1);
	else if (strcmp(question, "no children") == 0)
		families(0);
	else if (strcmp(question, "born") == 0)
		snprintf(answer, size, "%d", born);
	else if (strcmp(question, "buried") == 0)
		snprintf(answer, size, born > 100 && born == buried && told == born && disturbed == 0 ?
			 "all" : "born %d, buried %d, told %d, %d", born, buried, told, disturbed);
	else if (strcmp(question, "work") == 0)
		snprintf(answer, size, "work %d", work(1));
}
