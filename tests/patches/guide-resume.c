/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

VZP_FILE("guide.c");
VZP_STATIC_VAR_REF(int, longest);

void take_turn(void);
void *worker(void *arg);

static void *work(int count)
{
	for (;;) {
		if (count > longest)
			longest = count;
		take_turn();
		count++;
	}
}

/* For threads that begin from now on. */
void *worker(void *arg)
{
	(void)arg;
	return work(0);
}

/* For threads that are in the old worker(), whose call of take_turn() has just returned. */
static void *worker_on(void)
{
	VZP_LOCAL(int, count);

	return work(count + 1);
}
VZP_RESUME(worker, take_turn, worker_on);
