/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workers: an item that failed because no processor was free is done again, and no other is.  It is
 * done again while others still take all of their time.
 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "interrupt.h"
#include "tap.h"
#include "workers.h"

#define HOGS 30			/* beside each of which a child of nice 19 gets a seventieth of a processor */
#define WAIT_NS 700000000u	/* longer than item_ms, and than what workers.c takes for starving; not by half a second */

/* What each item does, the first time and then. */
enum { IS_LATE, STARVES, IS_KILLED_EARLY, SLEEPS, SUCCEEDS, N_ITEMS };
static const char *const names[N_ITEMS] = {
	"takes longer than its time", "fails for want of a processor", "is killed by somebody else", "fails, and has slept", "succeeds",
};

struct answer {
	bool failed;
};

static atomic_int *calls;		/* shared: how often each was worked on */
static _Atomic uint64_t *last_began;	/* shared: when each was worked on last, by now_ns() */
static uint64_t told_at[N_ITEMS];
static unsigned told[N_ITEMS];
static enum item_fate fates[N_ITEMS];
static bool failures[N_ITEMS];

/* Compete with processes that compute, on one processor, until WAIT_NS have passed. */
static bool starve(void)
{
	const uint64_t end = now_ns() + WAIT_NS;
	pid_t hogs[HOGS];
	cpu_set_t set;
	bool right = true;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		return false;
	for (int i = 0; i < HOGS; i++) {
		hogs[i] = fork();
		if (hogs[i] == 0) {
			while (now_ns() < end)
				;
			_exit(0);
		}
		right = right && hogs[i] != -1;
	}
	right = setpriority(PRIO_PROCESS, 0, 19) == 0 && right;
	while (now_ns() < end)
		;
	for (int i = 0; i < HOGS; i++)
		right = (hogs[i] == -1 || waitpid(hogs[i], NULL, 0) == hogs[i]) && right;
	return right;
}

/* ctx: the first of the items. */
static void work(void *ctx, size_t at, void *result)
{
	size_t item = *(const size_t *)ctx + at;
	const struct timespec wait = { .tv_nsec = WAIT_NS };
	struct answer *answer = result;

	atomic_store(&last_began[item], now_ns());
	if (item == IS_LATE)
		(void)pause();
	if (atomic_fetch_add(&calls[item], 1) > 0)
		return;
	if (item == STARVES || item == IS_KILLED_EARLY)
		answer->failed = starve();
	else if (item == SLEEPS)
		answer->failed = nanosleep(&wait, NULL) == 0;
	if (item == IS_KILLED_EARLY && answer->failed)
		(void)raise(SIGKILL);
}

static int error(const void *result)
{
	return ((const struct answer *)result)->failed ? -EBUSY : 0;
}

static void tell(void *ctx, size_t at, enum item_fate fate, int detail, void *result, const char *text,
		 size_t text_size)
{
	size_t item = *(const size_t *)ctx + at;

	(void)detail;
	(void)text;
	(void)text_size;
	told[item]++;
	told_at[item] = now_ns();
	fates[item] = fate;
	failures[item] = error(result) != 0;
}

static void looks(size_t item, int want_calls, bool want_failure)
{
	printf("# worked on %d times, told %u times, fate %d, %s\n", atomic_load(&calls[item]), told[item],
	       fates[item], failures[item] ? "failed" : "done");
	ok(atomic_load(&calls[item]) == want_calls && told[item] == 1 && fates[item] == (item == IS_KILLED_EARLY ? ITEM_DIED : ITEM_DONE) &&
	   failures[item] == want_failure, "it %s: that is so, and told once", names[item]);
}

/* Work on `count` items from `first` on, with so much time for each. */
static void run(size_t first, size_t count, unsigned item_ms)
{
	const struct workers workers = {
		.count = count, .ctx = &first, .item_ms = item_ms, .memory = 64 << 20, .more_memory = 64 << 20,
		.result_size = sizeof(struct answer), .work = work, .error = error, .tell = tell,
	};

	for (size_t i = 0; i < N_ITEMS; i++) {
		atomic_store(&calls[i], 0);
		told[i] = 0;
	}
	ok(workers_run(&workers) == 0, "%zu items, %u ms for each", count, item_ms);
}

int main(void)
{
	msg_init("u-workers");
	calls = mmap(NULL, N_ITEMS * sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	last_began = mmap(NULL, N_ITEMS * sizeof(*last_began), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (calls == MAP_FAILED || last_began == MAP_FAILED)
		return 1;
	run(STARVES, 2, 10000);
	looks(STARVES, 2, false);
	looks(IS_KILLED_EARLY, 1, true);
	run(SLEEPS, 2, 10000);
	looks(SLEEPS, 1, true);
	looks(SUCCEEDS, 1, false);
	/* Whether it fails by itself or nsb kills its child first, it had no processor. */
	run(STARVES, 2, 600);
	looks(STARVES, 2, false);
	run(IS_LATE, 2, 4000);
	looks(STARVES, 2, false);
	ok(told[IS_LATE] == 1 && fates[IS_LATE] == ITEM_LATE && atomic_load(&last_began[STARVES]) < told_at[IS_LATE],
	   "that was while another one took all of its time");
	run(STARVES, 1, 10000);
	looks(STARVES, 1, true);
	return done();
}
