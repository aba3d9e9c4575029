/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target: the live process: open, threads, stop, read, write, undo, close.
 *
 * nsb enters every change of the target into a journal before it makes it.  If target_close()
 * is called without target_commit(), it undoes the journal from the last entry to the first,
 * detaches from all threads, and says whether that worked.  While a target is open, nsb does
 * not exit.  Errors, with a message:
 *   -ESRCH     there is no such process, or it ended meanwhile
 *   -EPERM     it is not permitted; the message says what would help
 *   -EALREADY  another process traces it
 *   -EINVAL    it cannot be patched: it is a kernel thread, a zombie, an x32 process...
 *   -EBUSY     it is frozen with its control group, or calls exec just now
 *   -EUCLEAN   the undo failed: the target may be damaged
 */
#ifndef NSB_TARGET_H
#define NSB_TARGET_H

#include <stdbool.h>
#include <sys/types.h>

#include "arch.h"
#include "call.h"
#include "elf.h"
#include "maps.h"
#include "ptrace.h"
#include "trap.h"

enum thread_state {
	THREAD_FOUND,		/* /proc lists it; nsb does not trace it */
	THREAD_RUNNING,		/* nsb traces it, and it runs */
	THREAD_STOPPED,		/* it is in a ptrace-stop, and regs are valid */
	THREAD_KERNEL,		/* it is a worker of io_uring or vhost, and runs no code of the process */
	THREAD_GONE,
};

/* The only thread of a program that stands at its entry, before and after a struct target knows it. */
struct held_thread {
	struct regs regs;	/* with which it goes on */
	bool group_stop;	/* a job-control signal has stopped it */
};

/* One thread of the target. */
struct thread {
	pid_t tid;
	enum thread_state state;
	bool is_stuck;		/* it slept uninterruptibly when target_look_asleep() looked */
	bool is_frail;		/* sleeps in a frail call (call.h), or runs in it */
	unsigned long user_time;	/* proc_user_time() when it slept in that call */
	bool is_dispatched;	/* its system calls would go to a handler of the program (remote.c) */
	bool asleep;		/* it did not run when target_look_asleep() looked */
	uint64_t since;		/* when it was asked to stop, by now_ns() */
	bool group_stop;	/* a job-control signal stopped it, and it has to stay stopped */
	bool withheld_stop;	/* a stop signal came while it made calls for nsb, and is sent later */
	struct held_thread *held;	/* of target_adopt(): it is neither let go nor detached from; NULL: it is not held */
	struct trap trap;
	uint64_t stack_end;	/* where the walk through its stack ended, when it was stopped and checked; 0: not known */
	const char *goes_on;	/* where it was checked last it stood at a place of VZP_RESUME: the function, not owned; else NULL */
	struct regs regs;	/* the registers with which the stopped thread goes on */
	bool had_call;		/* where the kernel forgets calls (arch.h): it was in this one before it was stopped */
	struct proc_call call;
};

struct target;

/* A function that unmaps memory of the target: remote_unmap(). */
typedef int target_unmap(struct target *target, uint64_t address, uint64_t size);

/* An entry of the journal: memory that was mapped, or bytes that were changed. */
struct change {
	uint64_t address;
	uint64_t size;
	target_unmap *unmap;	/* for memory; NULL: the bytes were `old` */
	uint8_t old[JUMP_MAX];
};

#define AUXV_MAX 1024		/* bytes; some 20 entries of 16 are in use */

struct target {
	pid_t pid;
	char comm[32];
	const struct arch *arch;
	bool is_own;		/* of target_adopt(): nsb has started it */
	bool committed;
	int mem_fd;		/* /proc/PID/mem */
	int task_fd;		/* /proc/PID/task */
	int pagemap_fd;		/* /proc/PID/pagemap; not above 0 if it cannot be had */
	pid_t living;		/* pid; if the leader has ended, another thread, as /proc/PID is empty then */
	struct bytes memory;	/* reads mem_fd, by run-time addresses */
	uint8_t auxv[AUXV_MAX];	/* all of it, as it was when the process was opened */
	size_t auxv_size;
	uint64_t page;		/* the size of its pages (page.h) */
	uint64_t auxv_phdr, auxv_phnum, auxv_entry, auxv_vdso, auxv_random;	/* getauxval(3); 0 if it has none */
	uint16_t exe_type;	/* ET_EXEC or ET_DYN */
	struct maps maps;
	struct call_loss loss;	/* of calls that nsb's stops have ended early */
	uint64_t runner_ns, held_ns;	/* the longest time that a running thread, and any thread, stood still */
	struct thread *threads;	/* sorted by tid */
	size_t n_threads;
	struct change *journal;
	size_t n_changes;
};

#define STOP_MS 100		/* nsb waits so long for a thread to stop; most take microseconds */

enum target_access {
	TARGET_VIEW,		/* to read its memory; another process may trace it */
	TARGET_CHANGE,
};

/* Open a process, if it is one that can be patched.  It runs on, and is not traced yet. */
int target_open(struct target *target, pid_t pid, enum target_access access) MUST_CHECK;
/*
 * Undo what is not committed, let every thread go, and free everything.  -EUCLEAN with a
 * message: the undo failed.  A zeroed struct is no error.
 */
int target_close(struct target *target) MUST_CHECK;
/* Whether it has ended, was killed and is about to end, or has become another program by exec(2). */
bool target_has_ended(const struct target *target);
/*
 * Whether it is still the program that was opened.  -ESRCH with a message if it has ended or
 * has called exec(2); another error if it cannot be read, for example -EMFILE.  While nothing of
 * it runs, the answer stays true.
 */
int target_check_same(const struct target *target) MUST_CHECK;
/*
 * Whether the registers of a stopped thread may be set, and memory be written through it.  If
 * another thread calls exec(2), it takes the leader's id over, and what was meant for the leader
 * would come to the new program, perhaps one with more rights.  So nothing is done to the
 * leader while another traced thread runs.  All other threads lose their id by exec.
 */
bool target_may_set(const struct target *target, const struct thread *thread);
/* Keep what was done so far: target_close() does not undo it. */
void target_commit(struct target *target);

/* Open its executable, even if its path leads elsewhere now.  -1: it cannot be opened. */
int target_open_exe(const struct target *target);

/* Read target->maps anew. */
int target_read_maps(struct target *target) MUST_CHECK;

/* Read all `size` bytes of its memory.  -EIO without a message: some cannot be read. */
int target_read(const struct target *target, uint64_t address, void *buf, size_t size) MUST_CHECK;

/*
 * Copy as many of `size` bytes of a thread's memory as can be read from `address` on, and
 * return how many these are: 0 if none, or if process_vm_readv(2) is not allowed.  This is
 * faster than target_read(), and needs no struct target.
 */
size_t target_peek(pid_t tid, uint64_t address, void *buf, size_t size);

/* exist[i]: piece i of `count`, PAGE bytes each, from `address` on is in memory or swapped out; else it was never touched, or is a guard. */
void target_find_pages(const struct target *target, uint64_t address, size_t count, bool *exist);
/*
 * Where memory begins again behind the last guard page of [start, end), which are bounds of pages;
 * `start` if there is none.  glibc makes these below the stacks of threads from 2.42 on
 * (MADV_GUARD_INSTALL, madvise(2)).  No mapping ends at such a page.
 */
uint64_t target_guard_below(const struct target *target, uint64_t start, uint64_t end);
/* The first guard page of [start, end), of which `start` is a page's; `end` if there is none.  `target` is a struct target (unwind.h). */
uint64_t target_guard_above(const void *target, uint64_t start, uint64_t end);
/*
 * The first page from `address` on, and before `end`, that exists; `end` if there is none.  A kernel before
 * Linux 6.7 does not tell: the answer is `address` then.
 */
uint64_t target_next_page(const struct target *target, uint64_t address, uint64_t end);
/*
 * Whether the process has changed one of the first pages of a private mapping of a file, so that
 * what it has there is not the file's.  False if nobody tells.
 */
bool target_has_changed(const struct target *target, const struct mapping *m);
/* Read a word of its ABI.  The answer is 0 if it cannot be read. */
uint64_t target_read_word(const struct target *target, uint64_t address);

/*
 * Take over a process that this nsb traces already.  Its first thread runs if `held` is NULL; else it is in a ptrace-stop,
 * with held->regs, at the program's entry.  There target_continue() leaves it, and target_detach() leaves it stopped and
 * traced, with what it goes on with in *held.
 */
int target_adopt(struct target *target, struct held_thread *held) MUST_CHECK;
/* Whether a held thread still stands at the program's entry.  It has no caller there, and has run no code of the program's own. */
bool target_is_at_entry(const struct target *target, const struct thread *thread);
/*
 * Count the threads that sleep in a system call that a stop may end early, for good (call.h).
 * They need not be traced.  With `again` only those are looked at that were among them before.
 */
int target_count_frail(struct target *target, bool again, size_t *count) MUST_CHECK;
/* Trace every thread.  They run on.  This lists the threads again until it finds no new one. */
int target_seize(struct target *target) MUST_CHECK;
/* Trace the threads that were born since.  *found is set to their number. */
int target_rescan(struct target *target, size_t *found) MUST_CHECK;
/* How many threads the kernel counts now.  The link count of /proc/PID/task tells. */
int target_count_threads(const struct target *target, size_t *count) MUST_CHECK;
/* Set thread->asleep of all threads: a thread that is on a processor, or waits for one, is not asleep. */
void target_look_asleep(struct target *target);
/* The call that a stopped thread with these registers is in, as call_find() tells. */
enum call_state target_find_call(const struct target *target, const struct thread *thread, const struct regs *regs,
				 struct proc_call *call);
/* Whether a running thread sleeps in such a call. */
bool target_is_frail(const struct target *target, const struct thread *thread);

/*
 * target_interrupt() asks a thread to stop; target_await_stop() waits until it has, and reads
 * its registers.  A thread that does not stop within STOP_MS, as it sleeps uninterruptibly, is
 * still THREAD_RUNNING then, and no error.  If a system call of the thread would fail just because nsb stopped it, the
 * thread is set to make the call again, where that does no harm (call.h); else target->loss tells.  A thread that has ended is THREAD_GONE, and no error.
 */
int target_interrupt(struct target *target, struct thread *thread) MUST_CHECK;
int target_await_stop(struct target *target, struct thread *thread) MUST_CHECK;
/*
 * Look whether a running thread has come to its trap.  If so, it is THREAD_STOPPED.  All else
 * that it reports is let happen.
 */
int target_poll_trap(struct target *target, struct thread *thread) MUST_CHECK;
/* Let a stopped thread go on, or stay in its job-control stop.  nsb still traces it. */
int target_continue(struct target *target, struct thread *thread) MUST_CHECK;
/* Let it go on, and stop tracing it. */
int target_detach(struct target *target, struct thread *thread) MUST_CHECK;
/* Detach from all threads; those that are not asleep are the first. */
int target_detach_all(struct target *target) MUST_CHECK;
/*
 * Let the traced threads run for about `milliseconds`, or until one of them comes to its trap.
 * Meanwhile pass their signals on, and let them stop and end.
 */
int target_serve(struct target *target, unsigned milliseconds) MUST_CHECK;

/*
 * Change up to JUMP_MAX bytes, of code or of a record, from `old` to `bytes`, by one store: if
 * nsb is killed, none of them is changed, or all are.  `old` is entered into the journal.  The
 * threads that might use the bytes have to be stopped.
 */
int target_write_small(struct target *target, uint64_t address, const void *old,
		       const void *bytes, size_t size) MUST_CHECK;
/* Write to memory that nsb has mapped.  This is not entered into the journal, as the mapping is. */
int target_write_bulk(struct target *target, uint64_t address, const void *bytes,
		      size_t size) MUST_CHECK;
/* Enter a mapping into the journal, before it is made, so that the undo unmaps it. */
int target_journal_mapping(struct target *target, uint64_t address, uint64_t size,
			   target_unmap *unmap) MUST_CHECK;
/*
 * If all is undone, do not unmap what nsb has mapped in [start, end): when the rest is undone, write `size`
 * bytes to `address` instead.
 */
void target_journal_keep(struct target *target, uint64_t start, uint64_t end, uint64_t address, const void *bytes,
			 size_t size);

/* The thread pointer of a stopped thread, by its registers; 0 if it is not known. */
uint64_t target_thread_pointer(const struct target *target, const struct thread *thread);

/* A thread that is stopped, or NULL if none is. */
struct thread *target_any_stopped(struct target *target);

/* Its name for messages, "1234 (name)", in static storage. */
const char *target_name(const struct target *target);

#endif
