/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remote: makes system calls in the target, by the parasite (parasite.h).
 *
 * nsb borrows one thread for them.  remote_begin() saves its registers and its signal mask;
 * remote_end() restores them, whatever happened in between.
 */
#ifndef NSB_REMOTE_H
#define NSB_REMOTE_H

#include "parasite/parasite.h"
#include "target.h"

struct remote {
	struct target *target;
	struct thread *thread;
	struct remote_stack *buffer;	/* what nsb writes to the stack, and what was there; owned */
	struct regs saved;
	uint64_t saved_mask;
	uint64_t address, size;	/* the memory that is going to be mapped */
	uint64_t entry;		/* the entry point of the program, where the parasite is */
	uint8_t entry_bytes[sizeof(struct parasite)];	/* the original bytes there */
	uint64_t stack;		/* with this stack pointer the parasite calls rt_sigreturn */
	uint64_t laid;		/* where the calls and the signal frame begin; 0: there is no frame */
	size_t laid_size;
	bool filtered;		/* the thread has a seccomp filter, */
	bool suspended;		/* which is suspended while it makes calls for nsb */
	bool in_place;		/* the parasite has been written, at least in part */
	bool interrupted;	/* the thread is in a stop in which it can be restored at once */
	bool in_function;	/* the thread runs, or has run, a function of the target for nsb */
	bool escaped;		/* the thread has restored itself, as nsb came too late */
};

/* A system call that the target is to make.  Its arguments 4 and 5 are -1 and 0, as mmap(2) needs them. */
struct remote_call {
	enum nr nr;
	uint64_t args[4];
	const char *what;	/* what it does, for messages: "map memory" */
	int64_t result;		/* what the kernel returned, -errno if it failed */
};

/*
 * Borrow a thread to make calls.  A thread that sleeps in a system call is better than one that
 * computes; one in restart_syscall is taken only if there is no other; one inside an rseq
 * critical section is never taken.  nsb stops the thread, and writes a signal frame below its
 * stack, by which the thread restores itself if nsb is killed.  [address, address + size) is
 * the memory that is going to be mapped.  After success the caller has to call remote_end().
 */
int remote_begin(struct remote *remote, struct target *target, uint64_t address,
		 uint64_t size) MUST_CHECK;
/* Give the thread back: stopped, with the registers and the mask that it had.  A second call does nothing. */
int remote_end(struct remote *remote) MUST_CHECK;

/*
 * Whether an nsb died in the middle of a call, and left its parasite behind.  *address and *size
 * tell the memory that it was mapping or unmapping; *address is 0 if it was none.
 */
bool remote_find_remains(const struct target *target, uint64_t *address, uint64_t *size) MUST_CHECK;
/* Wait until no thread of the traced target is in the parasite any more.  The threads run on. */
int remote_await_return(struct target *target) MUST_CHECK;
/* Write the original bytes to the entry point.  The thread that was stopped for this stays stopped. */
int remote_remove_remains(struct target *target) MUST_CHECK;

/*
 * Make up to REMOTE_MAX_CALLS system calls in the target, one after the other.  If one fails,
 * the next ones are made all the same, and the error is that of the first one that failed.
 */
#define REMOTE_MAX_CALLS 8
int remote_make(struct remote *remote, struct remote_call *calls, size_t count) MUST_CHECK;
/*
 * Run the resolver of an IFUNC: a function of the target that takes no argument and returns a
 * word.  The target's threads need not be traced yet.  Afterwards they are, and run on.
 */
int remote_run_resolver(struct target *target, uint64_t function, uint64_t *result) MUST_CHECK;
/*
 * Whether nsb may have calls made at all: -EPERM with a message if every thread has a seccomp
 * filter that nsb may not suspend.  A revert asks this before it changes anything, as it has to
 * unmap memory in the end.  The threads are seized; one of them may be stopped for a moment.
 */
int remote_may_call(struct target *target) MUST_CHECK;
/* Unmap memory of the target.  The thread that made the call is stopped afterwards. */
int remote_unmap(struct target *target, uint64_t address, uint64_t size) MUST_CHECK;

#endif
