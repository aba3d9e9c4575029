/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that hold known values in all registers while they compute or sleep. */
#include "target.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "hold.h"

#define THREADS 4

static struct holder {
	struct image image;
	struct timespec pause;
	int sleeps;
	atomic_int rounds, beats;
	atomic_int broken;		/* line of hold.h or of this file that found it, or 0 */
} holders[THREADS];

KEEP int beat(void)
{
	return 1;
}

static void *hold(void *arg)
{
	struct holder *holder = arg;
	int avx = __builtin_cpu_supports("avx");

	for (unsigned seed = 0;; seed++) {
		holder->beats += beat();
		image_fill(&holder->image, seed);
		if (holder->sleeps)
			image_call(&holder->image, SYS_nanosleep, (uintptr_t)&holder->pause, 0, 0, 0);
		if (holder->sleeps)
			hold_sleeping(&holder->image, 0, avx);
		else
			hold_spinning(&holder->image, 2000000, avx);
		if (holder->broken == 0)
			holder->broken = image_changed_at(&holder->image, holder->sleeps, avx);
		if (holder->broken == 0 && holder->sleeps && image_result(&holder->image) != 0)
			holder->broken = __LINE__;
		holder->rounds++;
	}
	return NULL;
}

static void check(char *answer, size_t size)
{
	struct timespec moment = { .tv_nsec = 1000000 };

	for (int i = 0; i < THREADS; i++) {
		int before = holders[i].rounds;

		while (holders[i].rounds < before + 2)
			nanosleep(&moment, NULL);
		if (holders[i].broken != 0) {
			snprintf(answer, size, "thread %d: line %d", i, holders[i].broken);
			return;
		}
	}
	snprintf(answer, size, "fine");
}

void reply(const char *question, char *answer, size_t size)
{
	pthread_t thread;

	if (strcmp(question, "start") == 0) {
		for (int i = 0; i < THREADS; i++) {
			holders[i].sleeps = i % 2;
			holders[i].pause.tv_nsec = 20000000;
			pthread_create(&thread, NULL, hold, &holders[i]);
		}
		snprintf(answer, size, "started");
	} else if (strcmp(question, "check") == 0) {
		check(answer, size);
	} else if (strcmp(question, "beat") == 0) {
		snprintf(answer, size, "beat %d", beat());
	}
}
