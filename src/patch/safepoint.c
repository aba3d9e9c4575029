/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "safepoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "array.h"
#include "budget.h"
#include "cgroup.h"
#include "clock.h"
#include "interrupt.h"
#include "page.h"
#include "proc.h"

#define FIRST_PAUSE_MS 1
#define LONGEST_PAUSE_MS 64
#define FIRST_HOLD_NS 1000000u
#define LONGEST_HOLD_NS 64000000u
#define LONGEST_GAP_US 400
#define SLEEPERS_AHEAD 3
#define SHOWN_FRAMES 12
#define STACK_TEXT 512
#define PAGES_AT_ONCE 256
#define OWN_BOTTOM 8192		/* a thread's stack begins so near below its thread-local variables */

/* What one attempt works with, and what stood in its way. */
struct attempt {
	const struct safepoint_request *request;
	struct target *target;		/* request's */
	const struct objects *objects;	/* request's, or `renewed` */
	struct objects renewed;		/* owned */
	bool is_outdated;		/* the objects change and could not be read */
	struct safepoint_report *report;
	uint64_t hold_ns;		/* so long safe threads wait for the others */
	/*
	 * The threads that ran when all sleepers had been checked; owned.  While runners stand
	 * still only these are looked at: the threads of a large process fit into no cache.
	 */
	struct thread **pending;
	size_t n_pending, pending_room;
	size_t n_kernel;		/* how many threads are the kernel's, which nobody stops */
	size_t n_others;		/* how many threads were stopped at that time */
	size_t n_running, n_stopped;	/* how many threads were in that state at the last count */
	uint64_t scanned;		/* so many bytes of stacks were searched in this attempt */
	struct maps fresh;		/* its mappings now, if they were needed; owned */
	bool is_elsewhere;		/* the last thread that was not safe runs on another stack than its own */
	pid_t stuck;			/* a thread that did not stop; 0: there is none */
	pid_t tid;			/* the last thread that was not safe; 0: it was a coroutine, */
	uint64_t context;		/* with its context at this address */
	struct unwind_verdict verdict;
	struct unwind_frame frames[SHOWN_FRAMES];	/* the innermost frames of that thread */
};

/* Set a trap for a thread where its outermost forbidden function returns to, if that is known. */
static void set_trap(const struct attempt *attempt, struct thread *thread,
		     const struct unwind_verdict *verdict)
{
	int err;

	if (!verdict->proven || verdict->hit_return == 0)
		return;
	err = trap_arm(&thread->trap, thread->tid, verdict->hit_return);
	if (err != 0)
		debug("%s: no breakpoint for thread %d: %s", target_name(attempt->target),
		      thread->tid, strerror(-err));
}

/* ---- the stack that a thread was born with ---- */

/* The mapping of an address; read anew if it was made since the process was opened.  NULL: there is none. */
static const struct mapping *find_mapping(struct attempt *attempt, uint64_t address)
{
	const struct mapping *m = maps_find(&attempt->target->maps, address);

	if (m != NULL || address == 0)
		return m;
	if (attempt->fresh.count == 0 && maps_read(&attempt->fresh, attempt->target->living) != 0)
		msg_forget();
	return maps_find(&attempt->fresh, address);
}

/*
 * Find the stack that a thread was born with: of the first thread the one that the kernel made, of
 * another one what lies below its thread pointer, as glibc and musl put the block of a thread on
 * top of its stack.
 */
static bool find_own_stack(struct attempt *attempt, const struct thread *thread, uint64_t *start,
			   uint64_t *end)
{
	const struct target *target = attempt->target;
	bool is_first = thread->tid == target->pid && target->maps.stack != 0;
	uint64_t pointer = is_first ? target->maps.stack : target_thread_pointer(target, thread);
	const struct mapping *m = find_mapping(attempt, pointer);

	if (m == NULL || (m->prot & PROT_WRITE) == 0)
		return false;
	*start = m->start;
	*end = pointer;
	return true;
}

/* The thread-local variables of all objects, which lie between a thread's pointer and its stack. */
static uint64_t tls_bytes(const struct objects *objects)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < objects->count; i++) {
		const struct elf *elf = &objects->all[i].elf;

		for (size_t k = 0; k < elf->n_phdrs; k++)
			sum += elf->phdrs[k].type == PT_TLS ? elf->phdrs[k].memsz : 0;
	}
	return sum;
}

/*
 * Has a walk that ended at `sp` seen the thread's own stack from its bottom on?  One mapping may
 * hold other stacks below this one, with or without a guard page in between.  So that bottom has
 * to be near the end, where thread-local variables and what glibc keeps free for those of
 * libraries to come lie above it; on the first thread's stack, which the kernel keeps apart, that
 * is the environment.
 */
static bool is_own_bottom(const struct attempt *attempt, const struct thread *thread, uint64_t sp, uint64_t start,
			  uint64_t end)
{
	return sp >= start && sp <= end &&
	       ((thread->tid == attempt->target->pid && attempt->target->maps.stack != 0) ||
		end - sp <= OWN_BOTTOM || end - sp <= tls_bytes(attempt->objects) + OWN_BOTTOM);
}

/* Look for return addresses into the ranges in all pages of a stack that exist.  Some may be stale. */
static int scan_stack(const struct attempt *attempt, uint64_t start, uint64_t end,
		      struct unwind_verdict *verdict)
{
	static uint8_t bytes[PAGE];
	bool exist[PAGES_AT_ONCE];
	const struct safepoint_request *request = attempt->request;
	unsigned word = attempt->target->arch->word;
	int err = 0;

	for (uint64_t page = start; page < end && verdict->safe && err == 0; page += PAGE) {
		size_t number = (size_t)((page - start) / PAGE % PAGES_AT_ONCE);

		/* Those behind the end are of the same mapping, or do not exist. */
		if (number == 0)
			target_find_pages(attempt->target, page, PAGES_AT_ONCE, exist);
		if (!exist[number])
			continue;
		verdict->scanned += PAGE;
		/* A guard page that the kernel does not tell of, or one that is gone. */
		if (target_read(attempt->target, page, bytes, PAGE) != 0) {
			err = interrupt_check();
			continue;
		}
		for (unsigned at = 0; at < PAGE && page + at < end && verdict->safe; at += word) {
			uint64_t value = 0;

			memcpy(&value, bytes + at, word);
			for (size_t i = 0; i < request->n_ranges; i++) {
				const struct code_range *range = &request->ranges[i];

				if (value > range->start && value <= range->end && !range->is_left) {
					verdict->safe = false;
					verdict->scan_hit = true;
					verdict->hit = value;
					verdict->range = range;
				}
			}
		}
	}
	return err;
}

/*
 * A thread may run on another stack than the one that it was born with: a callback of a language's
 * runtime, a coroutine, a switch by hand.  Frames on its own one are still to be returned to then.
 * How deep that is in use nobody tells, unless it is a context that swapcontext(3) has saved.
 */
static int look_at_own_stack(struct attempt *attempt, const struct thread *thread,
			     struct unwind_verdict *verdict)
{
	const struct safepoint_request *request = attempt->request;
	uint64_t start, end;

	if (!find_own_stack(attempt, thread, &start, &end))
		return 0;
	for (size_t i = 0; i < verdict->n_ends; i++) {
		if (is_own_bottom(attempt, thread, verdict->ends[i], start, end))
			return 0;
	}
	start = target_guard_below(attempt->target, start, end / PAGE * PAGE);
	if (coroutines_are_in(request->coroutines, attempt->target, start, end))
		return 0;
	attempt->is_elsewhere = true;
	return scan_stack(attempt, start, end, verdict);
}

/* Check a stopped thread.  If it is safe, it stays stopped; if not, it goes on, with a trap if possible. */
static int keep_if_safe(struct attempt *attempt, struct thread *thread)
{
	struct unwind_frame frames[SHOWN_FRAMES] = { 0 };
	struct unwind_verdict verdict = { 0 };
	int err;

	if (thread->state != THREAD_STOPPED)
		return 0;
	err = interrupt_check();
	if (err != 0)
		return err;
	/* At the program's entry it has no caller: what lies on its stack leads nowhere. */
	thread->stack_end = 0;
	thread->goes_on = NULL;
	if (target_is_at_entry(attempt->target, thread)) {
		attempt->report->threads++;
		return 0;
	}
	err = unwind_check(attempt->request->plan->unwinder, thread->tid, &thread->regs, attempt->request->ranges,
			   attempt->request->n_ranges, &verdict, frames, SHOWN_FRAMES);
	if (err != 0 && err != -ESRCH && err != -EIO)
		return err;
	attempt->is_elsewhere = false;
	if (err == 0 && verdict.safe)
		err = look_at_own_stack(attempt, thread, &verdict);
	if (err != 0 && err != -ESRCH && err != -EIO)
		return err;
	attempt->scanned += verdict.scanned;
	if (err == 0 && verdict.n_ends > 0)
		thread->stack_end = verdict.ends[0];
	if (attempt->scanned > BUDGET_STACKS)
		return fail(EINVAL, "%s: the stacks of its threads have no unwind tables, and more than %" PRIu64
			    " MiB that would have to be searched", target_name(attempt->target), BUDGET_STACKS >> 20);
	if (err == 0 && verdict.safe) {
		attempt->report->threads++;
		attempt->report->frames += verdict.n_frames;
		if (verdict.left != NULL)
			thread->goes_on = verdict.left->name;
		return 0;
	}
	attempt->tid = thread->tid;
	attempt->verdict = err == 0 ? verdict : (struct unwind_verdict){ 0 };
	memcpy(attempt->frames, frames, sizeof(frames));
	set_trap(attempt, thread, &attempt->verdict);
	return target_continue(attempt->target, thread);
}

static int await_and_check(struct attempt *attempt, struct thread *thread)
{
	int err = target_await_stop(attempt->target, thread);

	/* Then the others need not stand for it: the attempt is over. */
	if (err == 0 && thread->state == THREAD_RUNNING)
		attempt->stuck = thread->tid;
	return err != 0 ? err : keep_if_safe(attempt, thread);
}

static int sample(struct attempt *attempt, struct thread *thread)
{
	int err = target_interrupt(attempt->target, thread);

	return err != 0 ? err : await_and_check(attempt, thread);
}

/* Check the threads that have come to their trap since the last attempt. */
static int keep_trapped(struct attempt *attempt)
{
	struct target *target = attempt->target;
	int err = 0;

	for (size_t i = 0; i < target->n_threads && err == 0; i++)
		err = keep_if_safe(attempt, &target->threads[i]);
	return err;
}

/*
 * The leader is stopped when all others are: target_may_set() tells why.  A thread in a call that
 * the stop may end early (call.h) is stopped only when all but these are safe, so that its call
 * does not suffer from an attempt that fails.
 */
static bool comes_last(const struct target *target, const struct thread *thread)
{
	return thread->is_frail || thread->tid == target->pid;
}

static bool is_sleeper(const struct target *target, const struct thread *thread)
{
	return thread->asleep && thread->state == THREAD_RUNNING && !comes_last(target, thread);
}

/*
 * Threads that sleep uninterruptibly stop when they wake up, which may be soon, in a read from a
 * disk, or never, if the server of the file is dead.  They are asked to stop before any other
 * thread stands for them.
 */
static int stop_stuck(struct attempt *attempt)
{
	struct target *target = attempt->target;
	int err = 0;

	for (size_t i = 0; i < target->n_threads && err == 0 && attempt->stuck == 0; i++) {
		if (target->threads[i].is_stuck && is_sleeper(target, &target->threads[i]))
			err = sample(attempt, &target->threads[i]);
	}
	return err;
}

/*
 * Stop and check the sleepers.  A few are asked to stop ahead of the one that is checked: a
 * thread that sleeps on an idle processor takes as long to wake up as nsb takes for a check.
 */
static int stop_sleepers(struct attempt *attempt)
{
	struct target *target = attempt->target;
	size_t asked = 0;
	int err = 0;

	for (size_t i = 0; i < target->n_threads && err == 0 && attempt->stuck == 0; i++) {
		for (; err == 0 && asked < target->n_threads && asked < i + SLEEPERS_AHEAD; asked++) {
			if (is_sleeper(target, &target->threads[asked]))
				err = target_interrupt(target, &target->threads[asked]);
		}
		if (err == 0 && is_sleeper(target, &target->threads[i]))
			err = await_and_check(attempt, &target->threads[i]);
	}
	return err;
}

static int list_pending(struct attempt *attempt)
{
	struct target *target = attempt->target;

	attempt->n_pending = 0;
	attempt->n_others = 0;
	attempt->n_kernel = 0;
	if (attempt->pending_room < target->n_threads) {
		int err = ARRAY_GROW(&attempt->pending, attempt->pending_room,
				     target->n_threads - attempt->pending_room);

		if (err != 0)
			return err;
		attempt->pending_room = target->n_threads;
	}
	for (size_t i = 0; i < target->n_threads; i++) {
		if (target->threads[i].state == THREAD_RUNNING)
			attempt->pending[attempt->n_pending++] = &target->threads[i];
		attempt->n_others += target->threads[i].state == THREAD_STOPPED;
		attempt->n_kernel += target->threads[i].state == THREAD_KERNEL;
	}
	return 0;
}

/* Whether it is the turn of a thread that runs: if it comes last, no other one may run, or only others that do. */
static bool is_its_turn(const struct attempt *attempt, const struct thread *thread)
{
	const struct target *target = attempt->target;

	if (thread->state != THREAD_RUNNING)
		return false;
	if (!comes_last(target, thread))
		return true;
	for (size_t i = 0; i < attempt->n_pending; i++) {
		const struct thread *other = attempt->pending[i];

		if (other != thread && other->state == THREAD_RUNNING &&
		    (thread->tid == target->pid || !comes_last(target, other)))
			return false;
	}
	return true;
}

/* Stop and check the threads whose turn has come at last, the leader behind the others. */
static int stop_last(struct attempt *attempt)
{
	struct target *target = attempt->target;
	int err = 0;

	for (int leader = 0; leader <= 1; leader++) {
		for (size_t i = 0; i < attempt->n_pending && err == 0 && attempt->stuck == 0; i++) {
			struct thread *thread = attempt->pending[i];

			if (comes_last(target, thread) && (thread->tid == target->pid) == (leader == 1) &&
			    is_its_turn(attempt, thread))
				err = sample(attempt, thread);
		}
	}
	return err;
}

/* Stop and check the runners.  All but those that come last are asked to stop before any is waited for. */
static int stop_runners(struct attempt *attempt)
{
	struct target *target = attempt->target;
	int err = list_pending(attempt);

	for (size_t i = 0; i < attempt->n_pending && err == 0; i++) {
		struct thread *thread = attempt->pending[i];

		if (!comes_last(target, thread) && !thread->asleep)
			err = target_interrupt(target, thread);
	}
	for (size_t i = 0; i < attempt->n_pending && err == 0 && attempt->stuck == 0; i++) {
		struct thread *thread = attempt->pending[i];

		if (!thread->asleep && !comes_last(target, thread) && thread->state == THREAD_RUNNING)
			err = await_and_check(attempt, thread);
	}
	return err == 0 ? stop_last(attempt) : err;
}

static void count_threads(struct attempt *attempt)
{
	attempt->n_running = 0;
	attempt->n_stopped = attempt->n_others;
	for (size_t i = 0; i < attempt->n_pending; i++) {
		attempt->n_running += attempt->pending[i]->state == THREAD_RUNNING;
		attempt->n_stopped += attempt->pending[i]->state == THREAD_STOPPED;
	}
}

/* Check a running thread if it has come to its trap.  If it has none, stop it wherever it is, and check it. */
static int look(struct attempt *attempt, struct thread *thread)
{
	int err;

	if (!is_its_turn(attempt, thread))
		return 0;
	if (thread->trap.fd == -1)
		return sample(attempt, thread);
	err = target_poll_trap(attempt->target, thread);
	return err != 0 ? err : keep_if_safe(attempt, thread);
}

/*
 * Wait for the threads that are in forbidden code.  Each runs on until it comes to its trap; a
 * thread without a trap is stopped again and again, until it is found outside.  Meanwhile safe
 * threads stay stopped, but not for long, as one of them may hold a lock that another waits for.
 * The time between looks is random and grows, so that a thread that is in the code at regular
 * times is found outside at last.
 */
static int gather(struct attempt *attempt)
{
	uint64_t end = now_ns() + attempt->hold_ns;
	long gap_us = 4;
	int err = 0;

	count_threads(attempt);
	while (err == 0 && attempt->n_running > 0 && now_ns() < end) {
		const struct timespec gap = { .tv_nsec = 1000 * ((long)rand() % gap_us) };

		(void)nanosleep(&gap, NULL);
		for (size_t i = 0; i < attempt->n_pending && err == 0; i++)
			err = look(attempt, attempt->pending[i]);
		if (gap_us < LONGEST_GAP_US)
			gap_us += gap_us / 4;
		count_threads(attempt);
	}
	return err;
}

/* Look for threads that were born while the others were being stopped. */
static int find_newborn(struct attempt *attempt, size_t *found)
{
	struct target *target = attempt->target;
	size_t counted;
	int err = target_count_threads(target, &counted);

	*found = 0;
	if (err != 0 || counted == attempt->n_stopped + attempt->n_kernel)
		return err;
	err = target_rescan(target, found);
	for (size_t i = 0; i < target->n_threads; i++) {
		if (target->threads[i].state == THREAD_RUNNING)
			target->threads[i].asleep = false;
	}
	return err;
}

static int try_once(struct attempt *attempt)
{
	size_t found = 1, n_frail;
	int err;

	attempt->report->threads = 0;
	attempt->report->frames = 0;
	maps_deinit(&attempt->fresh);
	attempt->stuck = 0;
	attempt->scanned = 0;
	unwinder_look_again(attempt->request->plan->unwinder);
	target_look_asleep(attempt->target);
	err = target_count_frail(attempt->target, true, &n_frail);
	if (err == 0)
		err = keep_trapped(attempt);
	if (err == 0)
		err = stop_stuck(attempt);
	if (err == 0 && attempt->stuck == 0)
		err = stop_sleepers(attempt);
	while (err == 0 && found > 0 && attempt->stuck == 0) {
		unwinder_look_again(attempt->request->plan->unwinder);
		err = stop_runners(attempt);
		if (err == 0 && attempt->stuck == 0)
			err = gather(attempt);
		if (err != 0 || attempt->stuck != 0 || attempt->n_running > 0)
			break;
		err = find_newborn(attempt, &found);
	}
	if (err == 0 && attempt->n_stopped == 0 && attempt->n_running == 0 && attempt->stuck == 0)
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

/* Write the name of a frame: "work+0x12" in forbidden code, else "libc.so.6+0x88fd4", as addr2line takes it. */
static int name_frame(const struct attempt *attempt, uint64_t pc, char *text, size_t size)
{
	const struct object *object = objects_at(attempt->objects, pc);

	for (size_t i = 0; i < attempt->request->n_ranges; i++) {
		const struct code_range *range = &attempt->request->ranges[i];

		if (pc >= range->start && pc <= range->end)
			return snprintf(text, size, "%s+0x%" PRIx64, range->name,
					pc - range->start);
	}
	if (object == NULL)
		return snprintf(text, size, "0x%" PRIx64, pc);
	return snprintf(text, size, "%s+0x%" PRIx64, object_name(object), pc - object->elf.bias);
}

static void describe_stack(const struct attempt *attempt, char *text, size_t size)
{
	size_t count = attempt->verdict.n_frames, fill = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count && i < SHOWN_FRAMES && fill < size; i++) {
		int put = snprintf(text + fill, size - fill, "%s", i == 0 ? "; stack: " : " < ");

		fill += put < 0 ? size : (size_t)put;
		if (fill >= size)
			break;
		put = name_frame(attempt, attempt->frames[i].pc, text + fill, size - fill);
		fill += put < 0 ? size : (size_t)put;
	}
	if (count > SHOWN_FRAMES && fill < size)
		(void)snprintf(text + fill, size - fill, " < ...");
}

/*
 * Read the mappings anew, and if they have changed, make an unwinder for what is there now: threads that
 * are born have stacks that it does not know, and a library may be at the place of another one.  Before the first
 * attempt it is only looked whether objects were loaded or closed.
 */
static int renew(struct attempt *attempt)
{
	struct target *target = attempt->target;
	const bool is_first = attempt->report->attempts == 0;
	struct maps fresh = { 0 };
	bool other_code;
	int err;

	attempt->is_outdated = false;
	if (maps_read(&fresh, target->living) != 0) {
		/* If it has ended, the attempt will tell. */
		msg_forget();
		return interrupt_check();
	}
	other_code = maps_differ(&target->maps, &fresh, true);
	if (!other_code && (is_first || !maps_differ(&target->maps, &fresh, false))) {
		maps_deinit(&fresh);
		return 0;
	}
	maps_deinit(&target->maps);
	target->maps = fresh;
	err = 0;
	if (other_code) {
		struct objects objects;

		err = objects_read(&objects, target);
		if (err == 0) {
			objects_deinit(&attempt->renewed);
			attempt->renewed = objects;
			attempt->objects = &attempt->renewed;
		}
	}
	if (err == 0)
		err = plan_renew_unwinder(attempt->request->plan, target, attempt->objects, attempt->request->records);
	if (err == 0 || err == -ENOMEM || interrupt_is_over() || interrupt_is_noted() != 0)
		return err;
	/* The dynamic linker is at work: there is another attempt. */
	debug("%s", msg_kept());
	msg_forget();
	attempt->is_outdated = true;
	return 0;
}

static int refuse(const struct attempt *attempt, unsigned waited_ms)
{
	const struct unwind_verdict *verdict = &attempt->verdict;
	const char *name = target_name(attempt->target);
	const char *cure = "try again, raise --timeout, or see --allow-active in nsb(1)";
	char stack[STACK_TEXT], group[GROUP_BYTES];

	if (attempt->stuck != 0 && cgroup_is_frozen(attempt->stuck, group, sizeof(group)))
		return fail(EBUSY, "%s: was frozen meanwhile, with its control group %s: thread %d cannot be"
			    " stopped (try again when it is thawed)", name, group, attempt->stuck);
	if (attempt->stuck != 0)
		return fail(EBUSY, "%s: no safe point within %u ms: thread %d cannot be stopped, its state"
			    " is %c (D: it sleeps uninterruptibly, /proc/%d/task/%d/stack tells where)", name, waited_ms, attempt->stuck,
			    proc_thread_state(attempt->target->pid, attempt->stuck), attempt->target->pid,
			    attempt->stuck);
	if (attempt->is_outdated)
		return fail(EBUSY, "%s: no safe point within %u ms: it loads or closes libraries all the time (try"
			    " again)", name, waited_ms);
	if (attempt->tid == 0)
		return fail(EBUSY, "%s: no safe point within %u ms: a coroutine (context at 0x%" PRIx64
			    ") is suspended in %s (%s)", name, waited_ms, attempt->context,
			    verdict->range->name, cure);
	if (verdict->hidden)
		return fail(EBUSY, "%s: no safe point within %u ms: thread %d is in a function with a return probe"
			    " (uretprobe), and only the kernel knows where it will return to: it may be %s (take the"
			    " probe out, or try again)", name, waited_ms, attempt->tid,
			    attempt->request->n_ranges > 0 ? attempt->request->ranges[0].name : "there");
	if (verdict->range == NULL)
		return fail(EBUSY, "%s: no safe point within %u ms: the stack of thread %d cannot be"
			    " read to its end, or is larger than %" PRIu64 " MiB (try again)", name, waited_ms, attempt->tid, BUDGET_STACK >> 20);
	describe_stack(attempt, stack, sizeof(stack));
	return fail(EBUSY, "%s: no safe point within %u ms: thread %d %s %s%s%s (%s)", name, waited_ms,
		    attempt->tid, verdict->scan_hit ? "may return into" : "is in",
		    verdict->range->name, attempt->is_elsewhere ? ", on its own stack, while it runs on another one" :
		    "", stack, cure);
}

/*
 * The first check takes ten times as long as the others, since the caches of the processor and
 * of the unwinder are empty.  So make a check whose result does not matter while all threads
 * run, with the registers that a thread had when it was stopped before.
 */
static void warm_up(const struct attempt *attempt)
{
	const struct target *target = attempt->target;
	struct unwind_verdict verdict;

	for (size_t i = 0; i < target->n_threads; i++) {
		const struct thread *thread = &target->threads[i];

		if (thread->state != THREAD_RUNNING || thread->regs.size != target->arch->regs_size)
			continue;
		if (unwind_check(attempt->request->plan->unwinder, thread->tid, &thread->regs, attempt->request->ranges,
				 attempt->request->n_ranges, &verdict, NULL, 0) != 0)
			debug("%s: no stack for thread %d yet", target_name(target), thread->tid);
		return;
	}
}

/* All threads are at a safe point.  Check that the suspended coroutines are, too. */
static int check_coroutines(struct attempt *attempt, bool *safe)
{
	const struct safepoint_request *request = attempt->request;
	struct unwind_verdict verdict;
	int err = coroutines_check(request->coroutines, request->target, request->plan->unwinder,
				   request->ranges, request->n_ranges, &verdict,
				   &attempt->context);

	*safe = verdict.safe;
	if (err == 0 && !verdict.safe) {
		attempt->tid = 0;
		attempt->verdict = verdict;
	}
	return err;
}

/* Try to stop all threads at a safe point; *reached tells whether it worked.  If not, all go on. */
static int attempt_once(struct attempt *attempt, bool *reached)
{
	int err = try_once(attempt);

	attempt->report->attempts++;
	*reached = err == 0 && attempt->n_running == 0 && attempt->stuck == 0;
	if (*reached)
		err = check_coroutines(attempt, reached);
	return err != 0 || *reached ? err : let_go(attempt->target);
}

/*
 * Whether to search for coroutines before the next attempt.  While a long search is made no thread stands at its trap,
 * so there is one before every other attempt only.
 */
static bool may_search(const struct attempt *attempt)
{
	const unsigned attempts = attempt->report->attempts;

	return attempts > 0 && (coroutines_are_quick(attempt->request->coroutines) || attempts % 2 == 0);
}

static int reach(struct attempt *attempt)
{
	const struct safepoint_request *request = attempt->request;
	struct safepoint_report *report = attempt->report;
	uint64_t start = now_ns();
	unsigned pause = FIRST_PAUSE_MS;
	char group[GROUP_BYTES];

	*report = (struct safepoint_report){ 0 };
	warm_up(attempt);
	for (;;) {
		uint64_t waited;
		bool reached = false;
		int err = renew(attempt);

		if (err == 0 && may_search(attempt))
			err = coroutines_renew(request->coroutines, attempt->target, attempt->objects,
					       now_ns() + request->limits->timeout_ms * UINT64_C(1000000));
		if (err == 0 && attempt->is_outdated)
			report->attempts++;
		else if (err == 0)
			err = attempt_once(attempt, &reached);
		if (err != 0 || reached)
			return err;
		waited = (now_ns() - start) / 1000000u;
		debug("%s: attempt %u: thread %d is not at a safe point%s%s",
		      target_name(attempt->target), report->attempts, attempt->tid,
		      attempt->verdict.range != NULL ? ": " : "",
		      attempt->verdict.range != NULL ? attempt->verdict.range->name : "");
		if (waited >= request->limits->timeout_ms ||
		    report->attempts > request->limits->retries ||
		    (attempt->stuck != 0 && cgroup_is_frozen(attempt->stuck, group, sizeof(group))))
			return refuse(attempt, (unsigned)waited);
		err = target_serve(attempt->target, pause);
		if (err == 0)
			err = interrupt_check();
		/* If it has called exec(2), its stacks are gone, and no attempt can succeed any more. */
		if (err == 0 && target_has_ended(attempt->target))
			err = fail(ESRCH, "%s: has ended or called exec",
				   target_name(attempt->target));
		if (err != 0)
			return err;
		if (pause < LONGEST_PAUSE_MS)
			pause *= 2;
		if (attempt->hold_ns < LONGEST_HOLD_NS)
			attempt->hold_ns *= 2;
	}
}

int safepoint_reach(const struct safepoint_request *request, struct safepoint_report *report)
{
	struct attempt attempt = { .request = request, .target = request->target, .objects = request->objects,
				   .report = report, .hold_ns = FIRST_HOLD_NS };
	int err = reach(&attempt);

	free(attempt.pending);
	maps_deinit(&attempt.fresh);
	objects_deinit(&attempt.renewed);
	return err;
}
