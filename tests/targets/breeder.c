/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads are born all the time that are at once in a function in which they stay for a moment, and
 * which is changed together with the one that it calls at its begin and at its end.
 */
#include "target.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static atomic_int wrong, born;

KEEP int which(void)
{
	return 1;
}

KEEP void stay(void)
{
	const struct timespec moment = { .tv_nsec = 3000000 };
	int before = which();

	nanosleep(&moment, NULL);
	if (which() != before)
		wrong++;
}

static void *live(void *arg)
{
	stay();
	born++;
	return arg;
}

static void *breed(void *arg)
{
	const struct timespec pause = { .tv_nsec = 300000 };
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	for (;;) {
		(void)pthread_create(&thread, &small, live, NULL);
		nanosleep(&pause, NULL);
	}
	return arg;
}

void reply(const char *question, char *answer, size_t size)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	pthread_t thread;

	if (strcmp(question, "which") == 0)
		snprintf(answer, size, "which %d", which());
	else if (strcmp(question, "breed") == 0)
		snprintf(answer, size, pthread_create(&thread, NULL, breed, NULL) == 0 ? "breeding" : "cannot");
	else if (strcmp(question, "wrong") == 0) {
		for (int before = born; born < before + 20;)	/* those that were in it are out of it */
			nanosleep(&moment, NULL);
		snprintf(answer, size, "wrong %d", wrong);
	}
}
