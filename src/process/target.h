/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target: the live process: open, threads, stop, read, write, undo, close.
 *
 * Every change of the target is entered in its journal before it happens.
 * target_close() without target_commit() replays the journal backwards, gives
 * every thread its registers back, detaches, and says whether that worked.
 * Once a target is open nothing exits; errors are 0 or -errno with a message:
 *   -ESRCH  no such process, or it ended meanwhile
 *   -EPERM  not permitted, with what would help
 *   -EALREADY  traced by another process
 *   -EINVAL what it is cannot be patched (kernel thread, zombie, x32...)
 *   -EUCLEAN  the undo failed: the target is damaged
 */
#ifndef NSB_TARGET_H
#define NSB_TARGET_H

#include <stdbool.h>
#include <sys/types.h>

#include "arch.h"
#include "elf.h"
#include "maps.h"
#include "ptrace.h"
#include "trap.h"

enum thread_state {
	THREAD_FOUND,		/* listed, not seized */
	THREAD_RUNNING,		/* seized; runs */
	THREAD_STOPPED,		/* in a ptrace-stop; regs are valid */
	THREAD_GONE,
};

/* One thread of the target. */
struct thread {
	pid_t tid;
	enum thread_state state;
	bool asleep;		/* was not on a CPU when last looked at: stopped first */
	uint64_t since;		/* when it was asked to stop, CLOCK_MONOTONIC in ns */
	bool group_stop;	/* stopped by a job-control signal, and stays so */
	bool withheld_stop;	/* a stop signal was withheld while a call was injected */
	bool restarts_call;	/* set to make its interrupted system call anew */
	const struct regs *final_regs;	/* it goes on with these when detached; NULL: with regs */
	uint64_t final_mask;	/* and with these signals blocked */
	struct trap trap;
	struct regs regs;	/* as the thread will see them when it goes on */
};

struct target;

/* How memory is unmapped there: remote_unmap(). */
typedef int target_unmap(struct target *target, uint64_t address, uint64_t size);

/* A change that can be taken back: of a mapping, or of bytes. */
struct change {
	uint64_t address;
	uint64_t size;
	target_unmap *unmap;	/* NULL: bytes, which were `old` */
	uint8_t old[JUMP_MAX];
};

struct target {
	pid_t pid;
	char comm[32];
	const struct arch *arch;
	bool suspend_seccomp;
	bool committed;
	int mem_fd;		/* /proc/PID/mem */
	int task_fd;		/* /proc/PID/task */
	pid_t living;		/* pid, or a thread, where the leader has ended: /proc/ID of a dead one is empty */
	struct bytes memory;	/* reads mem_fd; run-time addresses */
	uint64_t auxv_phdr, auxv_phnum, auxv_entry, auxv_vdso;	/* 0 if not there */
	uint16_t exe_type;	/* ET_EXEC or ET_DYN */
	struct maps maps;
	uint64_t runner_ns, held_ns;	/* the longest that a running thread, any thread has stood */
	struct thread *threads;	/* sorted by tid */
	size_t n_threads;
	struct change *journal;
	size_t n_changes;
};

enum target_access {
	TARGET_VIEW,		/* read its memory; it may be traced by others */
	TARGET_CHANGE,
};

/* Open a process: checks that it can be patched at all; it runs on, untraced. */
int target_open(struct target *target, pid_t pid, enum target_access access) MUST_CHECK;
/*
 * Undo what is not committed, release every thread, free everything.
 * -EUCLEAN with a message: the undo failed.  Harmless on a zeroed struct.
 */
int target_close(struct target *target) MUST_CHECK;
/* Whether it has ended, is about to, killed, or has become another program by exec(2). */
bool target_has_ended(const struct target *target);
/* What was done so far stays. */
void target_commit(struct target *target);

/* A descriptor of its executable, whatever became of the path; -1 if it cannot be had. */
int target_open_exe(const struct target *target);

/* Make target->maps new. */
int target_read_maps(struct target *target) MUST_CHECK;

/* Read memory; all or nothing.  -EIO without a message. */
int target_read(const struct target *target, uint64_t address, void *buf, size_t size) MUST_CHECK;

/*
 * Copy as many of `size` bytes of a thread's memory as can be read from `address` on, and
 * return how many these are: 0 if none, or if process_vm_readv(2) is not allowed.  This is
 * faster than target_read(), and needs no struct target.
 */
size_t target_peek(pid_t tid, uint64_t address, void *buf, size_t size);

/* A word of its ABI; 0 if it cannot be read. */
uint64_t target_read_word(const struct target *target, uint64_t address);

/*
 * Take on a process that this nsb traces already, and that has one thread: it sleeps in
 * a system call, and when it is detached it goes on with these registers instead.
 */
int target_adopt(struct target *target, const struct regs *final_regs, uint64_t mask) MUST_CHECK;
/* Trace every thread; they run on.  Rescans until none is new. */
int target_seize(struct target *target) MUST_CHECK;
/* Seize what was born since; *found tells how many. */
int target_rescan(struct target *target, size_t *found) MUST_CHECK;
/* Number of threads the kernel counts now, by the link count of /proc/PID/task. */
int target_count_threads(const struct target *target, size_t *count) MUST_CHECK;
/* Look which threads are on a CPU or waiting for one (thread->asleep). */
void target_look_asleep(struct target *target);

/*
 * Ask a thread to stop, and wait until it has; its registers are read then.
 * An interrupted system call is set to restart where the kernel would have
 * made it fail for our stop alone.  A thread that is gone is THREAD_GONE, no
 * error.
 */
int target_interrupt(struct target *target, struct thread *thread) MUST_CHECK;
int target_await_stop(struct target *target, struct thread *thread) MUST_CHECK;
/*
 * Look whether a running thread has come to its trap: then it is THREAD_STOPPED
 * there.  Other things that it reports happen to it.
 */
int target_poll_trap(struct target *target, struct thread *thread) MUST_CHECK;
/* Let a stopped thread go on (or stay in its job-control stop), still traced. */
int target_continue(struct target *target, struct thread *thread) MUST_CHECK;
/* Let it go on untraced. */
int target_detach(struct target *target, struct thread *thread) MUST_CHECK;
/* Detach from all, those that were running first. */
int target_detach_all(struct target *target) MUST_CHECK;
/*
 * For about `milliseconds`, or until one comes to its trap, let the traced threads
 * run: deliver their signals, let them stop and end.
 */
int target_serve(struct target *target, unsigned milliseconds) MUST_CHECK;

/*
 * Change up to JUMP_MAX bytes of code or state, that are `old` now, in one go: nsb may be
 * killed before or behind it only.  The old bytes are journalled.  The threads that might
 * use them are stopped.
 */
int target_write_small(struct target *target, uint64_t address, const void *old,
		       const void *bytes, size_t size) MUST_CHECK;
/* Fill memory that we mapped ourselves (not journalled: the mapping is). */
int target_write_bulk(struct target *target, uint64_t address, const void *bytes,
		      size_t size) MUST_CHECK;
/* Enter a mapping before it is made, so that undo unmaps it. */
int target_journal_mapping(struct target *target, uint64_t address, uint64_t size,
			   target_unmap *unmap) MUST_CHECK;

/* A stopped thread, or NULL. */
struct thread *target_any_stopped(struct target *target);

/* "1234 (name)" for messages; static storage. */
const char *target_name(const struct target *target);

#endif
