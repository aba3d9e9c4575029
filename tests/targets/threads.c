/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads at work in the functions that are patched: busy ones, sleeping ones,
 * ones that stay, ones that recurse, and ones that come and go.
 */
#include "target.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static atomic_int released, inside, wrong;
static atomic_long done;

/* Busy threads are nearly always in here. */
KEEP int work(int n)
{
	for (volatile int i = 0; i < 300; i++)
		;
	return n * 2;
}

KEEP int hold_on(int n)
{
	inside++;
	pthread_mutex_lock(&lock);
	while (!released)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	inside--;
	return n;
}

static __attribute__((cold, noinline)) void hold_all(void)
{
	inside++;
	pthread_mutex_lock(&lock);
	while (!released)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	inside--;
}

/* Threads stay in its cold part, which the compiler lays elsewhere. */
KEEP int hold_seldom(int n)
{
	if (n > 100) {
		hold_all();
		return n + 1;
	}
	return n * 2;
}

KEEP int spin_on(int n)
{
	inside++;
	while (!released)
		;
	inside--;
	return n;
}

KEEP int rest(void)
{
	struct timespec pause = { .tv_nsec = 5000000 };

	return nanosleep(&pause, NULL);
}

KEEP int serving(void)
{
	return 1;
}

/* Never returns; its loop begins in its first bytes. */
KEEP __attribute__((optimize("Os", "omit-frame-pointer"))) void serve(void)
{
	for (;;)
		rest();
}

/* Never returns either; its loop begins behind them. */
KEEP int serve_counting(int n)
{
	static volatile int first, second;

	first = n;
	second = n + 1;
	inside++;
	for (;;)
		rest();
	return first + second;
}

/* Its last callee sleeps, so that its many frames stand for a while. */
KEEP int climb(int n)
{
	return n == 0 ? rest() : 1 + climb(n - 1);
}

static void *hold(void *arg)
{
	(void)arg;
	hold_on(1);
	return NULL;
}

static void *hold_in_cold(void *arg)
{
	(void)arg;
	hold_seldom(101);
	return NULL;
}

static void *spin(void *arg)
{
	(void)arg;
	spin_on(1);
	return NULL;
}

static void *serve_forever(void *arg)
{
	(void)arg;
	inside++;
	serve();
	return NULL;
}

static void *count_forever(void *arg)
{
	(void)arg;
	serve_counting(1);
	return NULL;
}

static void *be_busy(void *arg)
{
	(void)arg;
	for (int n = 1;; n = n % 1000 + 1) {
		int result = work(n);

		if (result != n * 2 && result != n * 3)
			wrong++;
		done++;
	}
	return NULL;
}

static void *recurse(void *arg)
{
	(void)arg;
	for (;;) {
		int result = climb(40);

		if (result != 40 && result != 80)
			wrong++;
		done++;
	}
	return NULL;
}

static void *sleep_well(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	for (;;)
		pthread_cond_wait(&changed, &lock);
	return NULL;
}

static void *work_once(void *arg)
{
	int n = 1 + (int)(size_t)arg;
	int result = work(n);

	if (result != n * 2 && result != n * 3)
		wrong++;
	done++;
	return NULL;
}

/* Threads are born and end all the time. */
static void *churn(void *arg)
{
	pthread_t threads[4];

	(void)arg;
	for (;;) {
		for (size_t i = 0; i < 4; i++)
			pthread_create(&threads[i], NULL, work_once, (void *)i);
		for (size_t i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
	}
	return NULL;
}

static const struct kind {
	const char *name;
	void *(*run)(void *arg);
} kinds[] = {
	{ "busy", be_busy }, { "hold", hold }, { "spin", spin }, { "recurse", recurse },
	{ "sleepers", sleep_well }, { "churn", churn }, { "serve", serve_forever },
	{ "count", count_forever }, { "cold", hold_in_cold },
};

static int start(const char *name, int n)
{
	pthread_attr_t small;
	pthread_t thread;
	int err = 1;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (int k = 0; strcmp(kinds[i].name, name) == 0 && k < n; k++)
			err = pthread_create(&thread, &small, kinds[i].run, NULL);
	}
	pthread_attr_destroy(&small);
	return err;
}

void reply(const char *question, char *answer, size_t size)
{
	char what[32] = "", which[32] = "";
	int n = 1;

	if (sscanf(question, "start %31s %d", which, &n) >= 1) {
		snprintf(answer, size, start(which, n) == 0 ? "started" : "failed");
		return;
	}
	sscanf(question, "%31s %d", what, &n);
	if (strcmp(what, "work") == 0) {
		snprintf(answer, size, "work %d", work(n));
	} else if (strcmp(what, "climb") == 0) {
		snprintf(answer, size, "climb %d", climb(n));
	} else if (strcmp(what, "serving") == 0) {
		snprintf(answer, size, "serving %d", serving());
	} else if (strcmp(what, "inside") == 0) {
		while (inside != n)
			rest();
		snprintf(answer, size, "inside %d", n);
	} else if (strcmp(what, "release") == 0) {
		released = 1;
		pthread_cond_broadcast(&changed);
		while (inside != 0)
			rest();
		snprintf(answer, size, "released");
	} else if (strcmp(what, "done") == 0) {
		snprintf(answer, size, "%ld", (long)done);
	} else if (strcmp(what, "wrong") == 0) {
		/* Not before all have been at it again. */
		for (long before = done; done < before + 100;)
			rest();
		snprintf(answer, size, "wrong %d", wrong);
	}
}
