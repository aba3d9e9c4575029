/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "budget.h"
#include "clock.h"
#include "file.h"
#include "interrupt.h"
#include "memory.h"
#include "permission.h"
#include "proc.h"
#include "ptrace.h"
#include "queue.h"

#define MS 1000000ull
#define PATIENCE_MS 20		/* if an item takes longer, the next one begins beside it */
#define UNDO_MS 500		/* nsb kills a child so long after its item's time was over: it may be undoing */
#define TOLD_MS 850		/* nsb kills a child so long after an interrupt: nsb itself ends within a second */
#define WATCHDOG_MS 600		/* so long after an item's time the kernel kills the child, if nsb did not */
#define END_MS 300		/* a child that lives so long after SIGKILL cannot end: nsb leaves it */
#define ASLEEP_MS 100		/* the same of a child that sleeps uninterruptibly */
#define STARVED_MS 500		/* an item that failed after so long may have failed because others had the processors */
#define BESIDE_LARGE 2		/* so many other children may work beside one that may take much memory */
#define LEFT_MAX 64		/* children that nsb leaves in one run */
#define HEAP_BLOCK (256 << 10)	/* what is larger goes back to the kernel when it is freed */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u	/* linux/memfd.h */
#endif

/* What a child tells nsb of an item.  The result is elsewhere, in run->results, as its size varies. */
struct slot {
	atomic_bool done;
	_Atomic int again;		/* enum again */
	bool floods;			/* the child printed more than BUDGET_TEXT */
	uint64_t text_at, text_size;	/* what the child printed, in its file */
	size_t child;
};

/* What a child is working on. */
struct current_item {
	_Atomic size_t entry;			/* the number of its entry of the queue, or NO_ENTRY */
	_Atomic size_t last_taken;		/* the one that it took last */
	_Alignas(8) _Atomic uint64_t since;	/* when it began, by now_ns(); i386 would align this to 4 */
	_Alignas(8) _Atomic uint64_t delay;	/* read_delay() of the child then */
};

struct shared {
	_Atomic size_t n_again;		/* so many items are to be done again, as their children say */
	_Atomic size_t held;		/* bytes of text that nsb has not told yet */
	struct slot slots[];
};

enum child_state {
	CHILD_NONE,
	CHILD_WORKS,
	CHILD_TOLD,		/* nsb has passed an interrupt on to it */
	CHILD_KILLED,		/* nsb has sent it SIGKILL */
	CHILD_LEFT,		/* it did not end even then, and nsb waits for it no longer */
	CHILD_ENDED,
};

/* A child, as nsb sees it. */
struct child {
	enum child_state state;
	bool large;		/* it may take much memory, and does what is to be done again for that */
	pid_t pid;
	int done_pipe;		/* the child writes a byte for each item that is done; at its end the pipe closes */
	int text;		/* its stdout, a file in memory; -1: nsb has told all of it */
	uint64_t signalled_at;	/* when nsb sent it a signal, by now_ns() */
	bool is_late;		/* the time of its item was over */
};

struct run {
	const struct workers *workers;
	struct queue *queue;
	struct shared *shared;
	struct current_item *current;	/* shared; one for each child */
	size_t shared_size, current_size, most_children;
	uint8_t *results;
	struct child *children;
	size_t n_children;
	size_t n_told;		/* so many entries of the queue are done with */
	size_t n_again_seen;	/* shared->n_again, when look_for_again() looked last */
	size_t n_again[AGAIN_REASONS];	/* so many items have been put into the queue once more for each reason */
	enum item_fate *fates;
	int *details;
	bool *settled;		/* whether the item's fate and detail are set */
	bool stopping;		/* no further item begins: nsb was interrupted, or no child can work */
	int err;		/* why no child can work */
};

/*
 * How long a process has waited for a processor until now, in ns: the second number of its
 * schedstat (sched-stats.rst in the kernel's documentation).  0 where the kernel does not tell.
 */
static uint64_t read_delay(pid_t pid)
{
	char path[40], text[64] = "", *end;
	ssize_t got = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		got = read(fd, text, sizeof(text) - 1);
		(void)close(fd);
	}
	if (got <= 0)
		return 0;
	(void)strtoull(text, &end, 10);
	return strtoull(end, NULL, 10);
}

/*
 * Whether what failed after at_least_ms may do better once more: processes that take all processors
 * have kept the child, which has the number `pid`, waiting.  When it is the only item its time is
 * what the user has said, and it is not done again.
 */
static bool was_starved(const struct run *run, size_t number, const struct queue_entry *entry, pid_t pid,
			unsigned at_least_ms)
{
	const struct current_item *current = &run->current[number];
	uint64_t took = now_ns() - atomic_load(&current->since);

	return entry->why == AGAIN_NOT && run->workers->count > 1 && took >= at_least_ms * MS &&
	       read_delay(pid) - atomic_load(&current->delay) >= took / 2;
}

/* ---- in a child ---- */

/* Lower what a resource may take at most; a limit that is lower already stays. */
static int limit_resource(int resource, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
		return errno;
	limit.rlim_cur = limit.rlim_max < value ? limit.rlim_max : value;
	return setrlimit((__rlimit_resource_t)resource, &limit) == 0 ? 0 : errno;
}

/* The bytes of address space that this process has now. */
static size_t own_memory(void)
{
	char text[64] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd != -1)
		(void)close(fd);
	return got <= 0 ? 0 : (size_t)strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* Whether a child may take much memory: one at a time may, or the only one. */
static bool may_take_more(const struct run *run, size_t number)
{
	return run->children[number].large || run->workers->count == 1;
}

static size_t memory_of(const struct run *run, size_t number)
{
	return may_take_more(run, number) ? run->workers->more_memory : run->workers->memory;
}

/*
 * Take from a child what it does not need: the terminal, nsb's descriptors, memory without a
 * limit, capabilities.  Returns 0 or an errno, which is going to be its exit status.
 */
static int confine(const struct run *run, size_t number, pid_t parent, int text, int done_pipe)
{
	const struct workers *workers = run->workers;
	int err, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		return ESRCH;
	(void)setsid();
	if (null == -1)
		(void)close(STDIN_FILENO);
	else if (dup2(null, STDIN_FILENO) == -1)
		return errno;
	if (dup2(text, STDOUT_FILENO) == -1)
		return errno;
	file_close_others(done_pipe);
	(void)signal(SIGXFSZ, SIG_IGN);
	err = limit_resource(RLIMIT_CORE, 0);
	/* Else glibc would keep large blocks, the larger the more have been freed. */
	(void)mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK);
	(void)mallopt(M_TRIM_THRESHOLD, HEAP_BLOCK);
	if (err == 0 && BUDGET_MEMORY_CAN_BE_SET)
		err = limit_resource(RLIMIT_AS, own_memory() + memory_of(run, number));
	return err != 0 ? err : -permission_keep(workers->rights);
}

/* Set the limits for an item: its time, its processor time, how much it may print.  0 or an errno. */
static int begin_item(const struct workers *workers, timer_t watchdog, struct slot *slot)
{
	const struct itimerspec when = {
		.it_value = { (time_t)((workers->item_ms + WATCHDOG_MS) / 1000),
			      (long)((workers->item_ms + WATCHDOG_MS) % 1000 * MS) }
	};
	off_t at = lseek(STDOUT_FILENO, 0, SEEK_CUR);
	struct rusage used;
	int err = 0;

	/*
	 * When this timer expires the kernel kills the child, even if somebody has stopped both
	 * the child and nsb (SIGSTOP).  So no thread that the child has stopped stands for longer.
	 */
	if (at == -1 || getrusage(RUSAGE_SELF, &used) != 0 || timer_settime(watchdog, 0, &when, NULL) != 0)
		return errno;
	slot->text_at = (uint64_t)at;
	/* Processor time in whole seconds, as the kernel counts it. */
	err = limit_resource(RLIMIT_CPU, (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			     workers->item_ms / 1000 + 3);
	if (err == 0)
		err = limit_resource(RLIMIT_FSIZE, (rlim_t)at + BUDGET_TEXT);
	interrupt_deadline(now_ns() + workers->item_ms * MS);
	return err;
}

/* If another child will do it again, what was printed is nobody's. */
static void end_item(struct shared *shared, struct slot *slot, enum again again)
{
	off_t end;

	slot->floods = fflush(stdout) != 0;
	clearerr(stdout);
	end = lseek(STDOUT_FILENO, 0, SEEK_CUR);
	slot->text_size = end == -1 ? 0 : (uint64_t)end - slot->text_at;
	atomic_store(&slot->again, again);
	if (again != AGAIN_NOT && ftruncate(STDOUT_FILENO, (off_t)slot->text_at) == 0)
		slot->text_size = 0;
	atomic_fetch_add(&shared->held, (size_t)slot->text_size);
	msg_forget();
}

/* While much text waits to be told, nothing is added to it: what it takes is nsb's memory. */
static void await_room(const struct run *run, struct current_item *current)
{
	const struct timespec tick = { .tv_nsec = 1000000 };

	atomic_store(&current->since, now_ns());
	while (atomic_load(&run->shared->held) > BUDGET_HELD && interrupt_is_noted() == 0) {
		(void)nanosleep(&tick, NULL);
		atomic_store(&current->since, now_ns());
	}
}

/* What becomes of an entry with this error. */
static enum again judge(const struct run *run, size_t number, const struct queue_entry *entry, int error)
{
	if (error != 0 && !may_take_more(run, number) && memory_was_short())
		return AGAIN_MEMORY;
	return error == -EBUSY && was_starved(run, number, entry, getpid(), STARVED_MS) ? AGAIN_STARVED : AGAIN_NOT;
}

/* Work on one item after another until none is left.  0 or an errno. */
static int work(const struct run *run, size_t number, int done_pipe)
{
	const struct workers *workers = run->workers;
	struct current_item *current = &run->current[number];
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	size_t before = own_memory();
	timer_t watchdog;

	if (timer_create(CLOCK_MONOTONIC, &event, &watchdog) != 0)
		return errno;
	for (;;) {
		struct queue_entry entry;
		struct slot *slot;
		size_t taken;
		void *result;
		int err;

		await_room(run, current);
		if (interrupt_is_noted() != 0)
			return 0;
		taken = queue_take(run->queue, run->children[number].large, &entry);
		if (taken == NO_ENTRY)
			return 0;
		atomic_store(&current->last_taken, taken);
		atomic_store(&current->entry, taken);
		slot = &run->shared->slots[entry.item];
		result = run->results + entry.item * workers->result_size;
		slot->child = number;
		err = begin_item(workers, watchdog, slot);
		if (err != 0)
			return err;
		memory_forget_short();
		atomic_store(&current->delay, read_delay(getpid()));
		workers->work(workers->ctx, entry.item, result);
		end_item(run->shared, slot, judge(run, number, &entry, workers->error(result)));
		atomic_store(&slot->done, true);
		if (atomic_load(&slot->again) != AGAIN_NOT)
			atomic_fetch_add(&run->shared->n_again, 1);
		atomic_store(&current->entry, NO_ENTRY);
		/*
		 * A thread that did not stop could not be let go.  The kernel lets it go when this
		 * child ends; nsb makes another one for the next item.
		 */
		if (pt_has_tracee())
			return 0;
		/* The next item finds as much memory as this one did. */
		if (memory_was_short() || own_memory() > before + memory_of(run, number) / 4)
			return 0;
		/* If the pipe is full (EAGAIN), it wakes nsb all the same.  Any other error: nsb is gone. */
		if (write(done_pipe, "", 1) < 0 && errno != EAGAIN)
			return 0;
	}
}

/* ---- in nsb ---- */

/* A file in memory.  With vm.memfd_noexec=2 it has to be one that nobody can execute (Linux 6.3). */
static int make_file(void)
{
	int fd = memfd_create("nsb", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	return fd == -1 && errno == EINVAL ? memfd_create("nsb", MFD_CLOEXEC) : fd;
}

static size_t count_in(const struct run *run, enum child_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < run->n_children; i++)
		count += run->children[i].state == state;
	return count;
}

/* How many children, of those that may take much memory or of the others, have not ended. */
static size_t count_busy(const struct run *run, bool large)
{
	size_t count = 0;

	for (size_t i = 0; i < run->n_children; i++) {
		const struct child *child = &run->children[i];

		count += child->large == large && (child->state == CHILD_WORKS || child->state == CHILD_TOLD ||
						   child->state == CHILD_KILLED);
	}
	return count;
}

/* `large`: one that may take much memory. */
static int start_child(struct run *run, bool large)
{
	size_t number = run->n_children;
	struct child *child;
	pid_t parent = getpid();
	int ends[2], text, grown;

	if (number == run->most_children || count_in(run, CHILD_LEFT) == LEFT_MAX)
		return fail(EAGAIN, "too many processes do not answer");
	grown = ARRAY_GROW(&run->children, run->n_children, 1);
	if (grown != 0)
		return grown;
	child = &run->children[number];
	text = make_file();
	if (text == -1)
		return fail(errno, "cannot make a file in memory: %s", strerror(errno));
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		int err = errno;

		(void)close(text);
		return fail(err, "cannot make a pipe: %s", strerror(err));
	}
	*child = (struct child){ .state = CHILD_WORKS, .large = large, .done_pipe = ends[0], .text = text };
	atomic_store(&run->current[number].entry, NO_ENTRY);
	atomic_store(&run->current[number].last_taken, 0);
	atomic_store(&run->current[number].since, now_ns());
	(void)fflush(stdout);
	child->pid = fork();
	if (child->pid == 0) {
		int err = confine(run, number, parent, text, ends[1]);

		_exit(err != 0 ? err : work(run, number, ends[1]));
	}
	(void)close(ends[1]);
	run->n_children++;
	if (child->pid != -1)
		return 0;
	child->state = CHILD_ENDED;
	(void)close(ends[0]);
	(void)close(text);
	child->text = -1;
	return fail(EAGAIN, "cannot start a process: %s", strerror(errno));
}

static void settle(struct run *run, size_t item, enum item_fate fate, int detail)
{
	if (run->settled[item])
		return;
	run->settled[item] = true;
	run->fates[item] = fate;
	run->details[item] = detail;
}

/* Put an item into the queue once more.  False: it was there for this reason already, or nsb was interrupted. */
static bool do_again(struct run *run, size_t item, enum again why)
{
	struct slot *slot = &run->shared->slots[item];

	if (run->stopping || !queue_add(run->queue, item, why))
		return false;
	run->n_again[why]++;
	atomic_store(&slot->again, AGAIN_NOT);
	atomic_store(&slot->done, false);
	slot->text_size = 0;
	memset(run->results + item * run->workers->result_size, 0, run->workers->result_size);
	return true;
}

/* Whether a child has done the item; if the child said that it is to be done again, it is put into the queue. */
static bool is_done(struct run *run, size_t item)
{
	const struct slot *slot = &run->shared->slots[item];
	int why;

	if (!atomic_load(&slot->done))
		return false;
	why = atomic_load(&slot->again);
	return why <= AGAIN_NOT || why >= AGAIN_REASONS || !do_again(run, item, (enum again)why);
}

/* Find what children have done and want done again.  What was told is not looked at, whatever they say. */
static void look_for_again(struct run *run)
{
	size_t n_again = atomic_load(&run->shared->n_again);

	if (n_again == run->n_again_seen)
		return;
	run->n_again_seen = n_again;
	for (size_t i = run->n_told; i < queue_size(run->queue); i++) {
		if (queue_is_last(run->queue, i))
			(void)is_done(run, queue_at(run->queue, i).item);
	}
}

/* What a child is working on.  False: nothing. */
static bool find_entry(const struct run *run, size_t number, struct queue_entry *entry)
{
	size_t at = atomic_load(&run->current[number].entry);

	if (at >= queue_size(run->queue))
		return false;
	*entry = queue_at(run->queue, at);
	return true;
}

/*
 * A child has ended, or nsb leaves it: settle what becomes of the item that it was working on.
 * `starved`: see was_starved().
 */
static void retire_child(struct run *run, size_t number, enum child_state state, int exit_status, bool starved)
{
	struct child *child = &run->children[number];
	struct queue_entry entry;
	int signal = exit_status < 0 ? -exit_status : 0;
	/* Then it was the kernel's timer that killed it, as nsb came later. */
	bool is_late = signal == SIGKILL && now_ns() > atomic_load(&run->current[number].since) + run->workers->item_ms * MS;

	child->state = state;
	(void)close(child->done_pipe);
	if (exit_status > 0 && run->err == 0) {
		run->err = fail(exit_status, "cannot make a process that looks at others: %s",
				strerror(exit_status));
		run->stopping = true;
	}
	if (!find_entry(run, number, &entry) || atomic_load(&run->shared->slots[entry.item].done) ||
	    (starved && signal != 0 && do_again(run, entry.item, AGAIN_STARVED)))
		return;
	settle(run, entry.item, child->is_late || is_late || state == CHILD_LEFT || signal == SIGXCPU ? ITEM_LATE : ITEM_DIED,
	       signal);
}

static void kill_child(struct child *child, enum child_state state, int signal)
{
	(void)kill(child->pid, signal);
	child->state = state;
	child->signalled_at = now_ns();
}

/* Kill the children whose time is over.  Those that do not end even then are left. */
static void look_at_times(struct run *run)
{
	uint64_t now = now_ns();

	for (size_t i = 0; i < run->n_children; i++) {
		struct child *child = &run->children[i];
		struct current_item *current = &run->current[i];

		if (child->state == CHILD_WORKS && atomic_load(&current->entry) != NO_ENTRY &&
		    now > atomic_load(&current->since) + (run->workers->item_ms + UNDO_MS) * MS) {
			child->is_late = true;
			kill_child(child, CHILD_KILLED, SIGKILL);
		} else if (child->state == CHILD_TOLD && now > child->signalled_at + TOLD_MS * MS) {
			kill_child(child, CHILD_KILLED, SIGKILL);
		} else if (child->state == CHILD_KILLED && now > child->signalled_at + ASLEEP_MS * MS) {
			int state = proc_thread_state(child->pid, child->pid);

			/* One that wants a processor, and has none, cannot end either. */
			if (state == 'D' || now > child->signalled_at + END_MS * MS)
				retire_child(run, i, CHILD_LEFT, -SIGKILL, run->workers->count > 1 && state == 'R');
		}
	}
}

/* Whether every child that works has worked on its item for longer than PATIENCE_MS. */
static bool all_are_slow(const struct run *run)
{
	uint64_t now = now_ns();

	for (size_t i = 0; i < run->n_children; i++) {
		const struct current_item *current = &run->current[i];

		if (run->children[i].state == CHILD_WORKS &&
		    now < atomic_load(&current->since) + PATIENCE_MS * MS)
			return false;
	}
	return true;
}

static int keep_working(struct run *run)
{
	size_t working = count_in(run, CHILD_WORKS), small = count_busy(run, false), large = count_busy(run, true);

	if (run->stopping)
		return 0;
	if (queue_has(run->queue, false))
		return small < (large > 0 ? BESIDE_LARGE : WORKERS_MAX) && (working == 0 || all_are_slow(run)) ?
		       start_child(run, false) : 0;
	return large == 0 && small <= BESIDE_LARGE && queue_has(run->queue, true) ? start_child(run, true) : 0;
}

/* Pass the first SIGINT, SIGTERM or SIGHUP on to the children that work. */
static void pass_on_interrupt(struct run *run)
{
	int signal = interrupt_is_noted();

	if (signal == 0 || run->stopping)
		return;
	run->stopping = true;
	for (size_t i = 0; i < run->n_children; i++) {
		if (run->children[i].state == CHILD_WORKS)
			kill_child(&run->children[i], CHILD_TOLD, signal);
	}
}

/* Wait until a child reports an item or ends, but not past the time when look_at_times() is due. */
static void await_report(struct run *run)
{
	struct pollfd fds[WORKERS_MAX + 1];
	size_t numbers[WORKERS_MAX + 1], count = 0;
	char bytes[256];

	for (size_t i = 0; i < run->n_children && count <= WORKERS_MAX; i++) {
		if (run->children[i].state == CHILD_WORKS || run->children[i].state == CHILD_TOLD ||
		    run->children[i].state == CHILD_KILLED) {
			fds[count] = (struct pollfd){ .fd = run->children[i].done_pipe, .events = POLLIN };
			numbers[count++] = i;
		}
	}
	if (poll(fds, count, PATIENCE_MS / 5) <= 0)
		return;
	for (size_t i = 0; i < count; i++) {
		pid_t pid = run->children[numbers[i]].pid;
		struct queue_entry entry;
		int exit_status = 0;
		bool starved;
		ssize_t got;

		if (fds[i].revents == 0)
			continue;
		do {
			got = read(fds[i].fd, bytes, sizeof(bytes));
		} while (got > 0);
		if (got != 0)
			continue;
		/* The kernel tells of a child until it is reaped.  One that had time left was killed by somebody else. */
		starved = find_entry(run, numbers[i], &entry) &&
			  was_starved(run, numbers[i], &entry, pid, run->workers->item_ms);
		if (pt_reap(pid, &exit_status) == 0)
			retire_child(run, numbers[i], CHILD_ENDED, exit_status, starved);
	}
}

/* Tell of an item that is done, with the text that the child printed.  Free the memory of that text. */
static void tell_done(const struct run *run, size_t item, void *result)
{
	const struct workers *workers = run->workers;
	const struct slot *slot = &run->shared->slots[item];
	size_t size = slot->text_size <= BUDGET_TEXT ? (size_t)slot->text_size : 0;
	char *text = size == 0 ? NULL : malloc(size);

	if (text == NULL || slot->child >= run->n_children ||
	    pread(run->children[slot->child].text, text, size, (off_t)slot->text_at) != (ssize_t)size)
		size = 0;
	else
		(void)fallocate(run->children[slot->child].text, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				(off_t)slot->text_at, (off_t)size);
	atomic_fetch_sub(&run->shared->held, (size_t)slot->text_size);
	if (slot->floods || size != slot->text_size)
		workers->tell(workers->ctx, item, ITEM_DIED, SIGXFSZ, result, NULL, 0);
	else
		workers->tell(workers->ctx, item, ITEM_DONE, 0, result, text, size);
	free(text);
}

/* Close the files of children that have ended, if all was told that is in them. */
static void close_texts(struct run *run)
{
	for (size_t i = 0; i < run->n_children; i++) {
		struct child *child = &run->children[i];

		if (child->text == -1 || (child->state != CHILD_ENDED && child->state != CHILD_LEFT) ||
		    atomic_load(&run->current[i].last_taken) >= run->n_told)
			continue;
		(void)close(child->text);
		child->text = -1;
	}
}

/* Items that are done again are told in their last place in the queue. */
static void tell(struct run *run)
{
	const struct workers *workers = run->workers;

	for (; run->n_told < queue_size(run->queue); run->n_told++) {
		size_t item = queue_at(run->queue, run->n_told).item;
		void *result = run->results + item * workers->result_size;

		if (!queue_is_last(run->queue, run->n_told))
			continue;
		if (is_done(run, item))
			tell_done(run, item, result);
		else if (run->settled[item])
			workers->tell(workers->ctx, item, run->fates[item], run->details[item], result, NULL, 0);
		else if (queue_is_last(run->queue, run->n_told))
			break;
	}
	close_texts(run);
}

/* Settle the items that no child will do: those left after an interrupt, and any that a child took and did not begin. */
static void settle_rest(struct run *run)
{
	for (size_t i = run->n_told; i < queue_size(run->queue); i++)
		settle(run, queue_at(run->queue, i).item, ITEM_NOT_TRIED, 0);
}

static bool is_over(const struct run *run)
{
	return count_busy(run, false) + count_busy(run, true) == 0 &&
	       (run->stopping || (!queue_has(run->queue, false) && !queue_has(run->queue, true)));
}

static int run_all(struct run *run)
{
	for (;;) {
		int err;

		/* Both may put something into the queue, so that the work is not over. */
		look_for_again(run);
		tell(run);
		err = keep_working(run);
		if (err != 0 && run->err == 0) {
			run->err = err;
			run->stopping = true;
		}
		if (is_over(run))
			break;
		await_report(run);
		pass_on_interrupt(run);
		look_at_times(run);
	}
	settle_rest(run);
	tell(run);
	if (run->n_again[AGAIN_STARVED] > 0)
		warn("for %zu no processor was free: done once more", run->n_again[AGAIN_STARVED]);
	if (run->n_again[AGAIN_MEMORY] > 0)
		say("for %zu the memory was short: done once more, with %zu MiB", run->n_again[AGAIN_MEMORY],
		    run->workers->more_memory >> 20);
	return run->err;
}

static void *map_shared(size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

int workers_run(const struct workers *workers)
{
	size_t results_size = workers->count * workers->result_size + 1;
	struct run run = {
		.workers = workers, .queue = queue_make(workers->count),
		/* Each entry of the queue may end a child, and those that find none left end, too. */
		.most_children = (AGAIN_REASONS + 1) * (workers->count + WORKERS_MAX),
		.shared_size = sizeof(*run.shared) + workers->count * sizeof(run.shared->slots[0]),
	};
	int err = 0;

	run.current_size = run.most_children * sizeof(*run.current);
	run.shared = map_shared(run.shared_size);
	run.current = map_shared(run.current_size);
	run.results = map_shared(results_size);
	run.fates = calloc(workers->count + 1, sizeof(*run.fates));
	run.details = calloc(workers->count + 1, sizeof(*run.details));
	run.settled = calloc(workers->count + 1, sizeof(*run.settled));
	if (run.shared == NULL || run.current == NULL || run.results == NULL || run.queue == NULL ||
	    run.fates == NULL || run.details == NULL || run.settled == NULL)
		err = fail(ENOMEM, "out of memory");
	if (err == 0)
		err = run_all(&run);
	for (size_t i = 0; i < run.n_children; i++) {
		if (run.children[i].text != -1)
			(void)close(run.children[i].text);
	}
	if (run.shared != NULL)
		(void)munmap(run.shared, run.shared_size);
	if (run.current != NULL)
		(void)munmap(run.current, run.current_size);
	if (run.results != NULL)
		(void)munmap(run.results, results_size);
	free(run.children);
	queue_free(run.queue);
	free(run.fates);
	free(run.details);
	free(run.settled);
	return err;
}
