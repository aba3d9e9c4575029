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
#include <unistd.h>

static atomic_int plain, queued, disorder, queue_sum, alarms, disturbed;
static atomic_int handled;	/* of work() called in the handler */

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

static void block(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	pthread_sigmask(how, &set, NULL);
}

static void storm(long us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };
	pthread_t thread;
	sigset_t set;

	if (us != 0)
		pthread_create(&thread, NULL, read_on, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
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
	else if (strcmp(question, "work") == 0)
		snprintf(answer, size, "work %d", work(1));
}
