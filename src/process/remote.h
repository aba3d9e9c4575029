/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remote: system calls in the target, and the parasite's life.
 *
 * A session borrows one stopped thread: its registers and signal mask are
 * saved at its begin and restored at its end, whatever happened between.
 */
#ifndef NSB_REMOTE_H
#define NSB_REMOTE_H

#include "parasite/parasite.h"
#include "target.h"

struct remote {
	struct target *target;
	struct thread *thread;
	struct remote_stack *buffer;	/* owned: what is laid on the stack, and what was there */
	struct regs saved;
	uint64_t saved_mask;
	uint64_t address, size;	/* memory that is going to be mapped */
	uint64_t entry;		/* where the parasite stands */
	uint8_t entry_bytes[sizeof(struct parasite)];	/* what belongs there */
	uint64_t stack;		/* the stack pointer for calls: where rt_sigreturn is called */
	uint64_t laid;		/* where calls and signal frame begin; 0: there is no frame */
	size_t laid_size;
	bool in_place;		/* the parasite is */
	bool interrupted;	/* stands in a stop from which it can be restored at once */
	bool escaped;		/* has restored itself: nsb was late */
};

/* A system call to be made in the target.  Arguments 4 and 5 are -1 and 0: what mmap(2) needs. */
struct remote_call {
	enum nr nr;
	uint64_t args[4];
	const char *what;	/* it is to do, for messages: "map memory" */
	int64_t result;		/* what the target's kernel returned, once it was made */
};

/*
 * Borrow a thread that is fit to carry a call: one that sleeps in a system call
 * rather than one that computes, none in restart_syscall if there is another,
 * never one inside an rseq critical section.  It is stopped, and a signal frame
 * is laid below its stack, so that it restores itself if nsb is killed.  After
 * success remote_end() must follow.  [address, address + size): memory that is
 * going to be mapped.
 */
int remote_begin(struct remote *remote, struct target *target, uint64_t address,
		 uint64_t size) MUST_CHECK;
/* Give the thread back: stopped, with the registers and the mask it had.  Harmless a second time. */
int remote_end(struct remote *remote) MUST_CHECK;

/*
 * What an nsb that died in the middle of a call left behind: whether its parasite is
 * there, and the memory that it was about (*address is 0 if there is none).
 */
bool remote_find_remains(const struct target *target, uint64_t *address, uint64_t *size) MUST_CHECK;
/* Wait until no thread of the seized target is in the parasite any more; they run on. */
int remote_await_return(struct target *target) MUST_CHECK;
/* Only put the entry point right.  The thread that was stopped for it stays so. */
int remote_remove_remains(struct target *target) MUST_CHECK;

/*
 * Make up to REMOTE_MAX_CALLS system calls in the target, one after the other.
 * All are made, even behind one that failed; the first that did is the error.
 */
#define REMOTE_MAX_CALLS 8
int remote_make(struct remote *remote, struct remote_call *calls, size_t count) MUST_CHECK;
/*
 * Run a function of the target that takes nothing and returns a word: an IFUNC's
 * resolver.  The target's threads need not be traced yet; they run on afterwards,
 * traced.
 */
int remote_run_resolver(struct target *target, uint64_t function, uint64_t *result) MUST_CHECK;
/* Unmap memory; the thread that does it is stopped afterwards. */
int remote_unmap(struct target *target, uint64_t address, uint64_t size) MUST_CHECK;

#endif
