/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "safepoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_PAUSE_MS 1
#define LONGEST_PAUSE_MS 64

uint64_t now_ns(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What one attempt works with, and what stood in its way. */
struct attempt {
	struct target *target;
	struct unwinder *unwinder;
	const struct code_range *ranges;
	size_t n_ranges;
	struct safepoint_report *report;
	bool unsafe;
	pid_t tid;			/* the thread that was not safe */
	struct unwind_verdict verdict;
};

static int check(struct attempt *attempt, const struct thread *thread)
{
	int err;

	if (thread->state != THREAD_STOPPED)
		return 0;
	err = unwind_check(attempt->unwinder, thread->tid, &thread->regs, attempt->ranges,
			   attempt->n_ranges, &attempt->verdict, NULL, 0);
	if (err != 0 && err != -ESRCH && err != -EIO)
		return err;
	attempt->report->threads++;
	attempt->report->frames += attempt->verdict.n_frames;
	if (err != 0 || !attempt->verdict.safe) {
		attempt->unsafe = true;
		attempt->tid = thread->tid;
		if (err != 0)
			attempt->verdict = (struct unwind_verdict){ 0 };
	}
	return 0;
}

/* Sleepers: each is stopped and checked before the next is touched. */
static int stop_sleepers(struct attempt *attempt)
{
	struct target *target = attempt->target;
	int err = 0;

	for (size_t i = 0; i < target->n_threads && err == 0 && !attempt->unsafe; i++) {
		struct thread *thread = &target->threads[i];

		if (!thread->asleep)
			continue;
		err = target_interrupt(target, thread);
		if (err == 0)
			err = target_await_stop(target, thread);
		if (err == 0)
			err = check(attempt, thread);
	}
	return err;
}

/* Runners: all are asked to stop before any is waited for. */
static int stop_runners(struct attempt *attempt)
{
	struct target *target = attempt->target;
	int err = 0;

	for (size_t i = 0; i < target->n_threads && err == 0; i++) {
		struct thread *thread = &target->threads[i];

		if (thread->asleep || thread->state != THREAD_RUNNING)
			continue;
		if (attempt->report->first_runner == 0)
			attempt->report->first_runner = now_ns();
		err = target_interrupt(target, thread);
	}
	for (size_t i = 0; i < target->n_threads && err == 0; i++) {
		if (!target->threads[i].asleep)
			err = target_await_stop(target, &target->threads[i]);
	}
	for (size_t i = 0; i < target->n_threads && err == 0 && !attempt->unsafe; i++) {
		if (!target->threads[i].asleep)
			err = check(attempt, &target->threads[i]);
	}
	return err;
}

/* Threads that were born while the others were being stopped. */
static int stop_newborn(struct attempt *attempt)
{
	struct target *target = attempt->target;
	size_t counted, found = 1;
	int err = 0;

	while (err == 0 && found > 0 && !attempt->unsafe) {
		size_t known = 0;

		for (size_t i = 0; i < target->n_threads; i++)
			known += target->threads[i].state == THREAD_STOPPED;
		err = target_count_threads(target, &counted);
		if (err != 0 || counted == known)
			return err;
		err = target_rescan(target, &found);
		for (size_t i = 0; i < target->n_threads; i++) {
			if (target->threads[i].state == THREAD_RUNNING)
				target->threads[i].asleep = false;
		}
		if (err == 0)
			err = stop_runners(attempt);
	}
	return err;
}

static int try_once(struct attempt *attempt)
{
	int err;

	attempt->unsafe = false;
	attempt->report->threads = 0;
	attempt->report->frames = 0;
	attempt->report->first_runner = 0;
	target_look_asleep(attempt->target);
	attempt->report->first_stop = now_ns();
	err = stop_sleepers(attempt);
	if (err == 0 && !attempt->unsafe)
		err = stop_runners(attempt);
	if (err == 0 && !attempt->unsafe)
		err = stop_newborn(attempt);
	if (err == 0 && target_any_stopped(attempt->target) == NULL)
		err = fail(ESRCH, "%s: has ended", target_name(attempt->target));
	return err;
}

static int let_go(struct target *target)
{
	int err = 0;

	for (size_t i = 0; i < target->n_threads && err == 0; i++)
		err = target_continue(target, &target->threads[i]);
	return err;
}

static int refuse(const struct attempt *attempt, unsigned waited_ms)
{
	const struct unwind_verdict *verdict = &attempt->verdict;
	const char *name = target_name(attempt->target);
	const char *cure = "try again, or raise --timeout";

	if (verdict->range == NULL)
		return fail(EBUSY, "%s: no safe point within %u ms: the stack of thread %d cannot be"
			    " read (%s)", name, waited_ms, attempt->tid, cure);
	return fail(EBUSY, "%s: no safe point within %u ms: thread %d %s %s (%s)", name, waited_ms,
		    attempt->tid, verdict->scan_hit ? "may return into" : "is in",
		    verdict->range->name, cure);
}

int safepoint_reach(struct target *target, struct unwinder *unwinder,
		    const struct code_range *ranges, size_t n_ranges,
		    const struct safepoint_limits *limits, struct safepoint_report *report)
{
	struct attempt attempt = { .target = target, .unwinder = unwinder, .ranges = ranges,
				   .n_ranges = n_ranges, .report = report };
	uint64_t start = now_ns();
	unsigned pause = FIRST_PAUSE_MS;

	*report = (struct safepoint_report){ 0 };
	for (;;) {
		uint64_t waited;
		int err = try_once(&attempt);

		report->attempts++;
		if (err != 0 || !attempt.unsafe)
			return err;
		err = let_go(target);
		if (err != 0)
			return err;
		waited = (now_ns() - start) / 1000000u;
		debug("%s: attempt %u: thread %d is not at a safe point%s%s", target_name(target),
		      report->attempts, attempt.tid, attempt.verdict.range != NULL ? ": " : "",
		      attempt.verdict.range != NULL ? attempt.verdict.range->name : "");
		if (waited >= limits->timeout_ms || report->attempts > limits->retries)
			return refuse(&attempt, (unsigned)waited);
		/* Jitter: a loop of the target's own rhythm must not stay in step with ours. */
		err = target_serve(target, pause / 2 + (unsigned)(now_ns() / 1000u) % pause);
		if (err != 0)
			return err;
		if (pause < LONGEST_PAUSE_MS)
			pause *= 2;
	}
}
