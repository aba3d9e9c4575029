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
	struct regs saved;
	uint64_t saved_mask;
	uint64_t gate;		/* where the parasite stands */
	uint8_t gate_bytes[sizeof(struct parasite)];	/* what belongs there */
	uint64_t stack;		/* the stack pointer for calls: the signal frame, if there is one */
	uint8_t *stack_bytes;	/* what was there; owned */
	size_t stack_size;	/* 0: no frame */
	bool in_place;		/* the parasite is */
};

/*
 * Stop a thread that is fit to carry a call: one that sleeps in a system call
 * rather than one that computes, none in restart_syscall if there is another,
 * never one inside an rseq critical section.
 */
int remote_pick_thread(struct target *target, struct thread **thread) MUST_CHECK;

/*
 * Borrow a stopped thread.  After success remote_end() must follow.  A signal
 * frame is laid below its stack first, so that the thread restores itself if nsb
 * is killed.  [address, address + size): memory that is going to be mapped.
 */
int remote_begin(struct remote *remote, struct target *target, struct thread *thread,
		 uint64_t address, uint64_t size) MUST_CHECK;
/* Give the thread back: stopped, with the registers and the mask it had. */
int remote_end(struct remote *remote) MUST_CHECK;

/*
 * What an nsb that died in the middle of a call left behind: its parasite, and
 * memory that was mapped and has no record.  *address is 0 if there is nothing.
 */
int remote_find_remains(const struct target *target, uint64_t *address, uint64_t *size) MUST_CHECK;

/*
 * One system call in the target through the gate.  0 when it was made: *result
 * is what the target's kernel returned, which may be a negative errno.
 */
int remote_syscall(struct remote *remote, enum nr nr, const uint64_t args[6],
		   int64_t *result) MUST_CHECK;
/* The same where a negative result is a failure: `what` was to be done. */
int remote_call(struct remote *remote, enum nr nr, const uint64_t args[6], const char *what,
		int64_t *result) MUST_CHECK;
/*
 * Run a function of the target that takes nothing and returns a word: an IFUNC's
 * resolver.  The target's threads need not be traced yet; they run on afterwards,
 * traced.
 */
int remote_run_resolver(struct target *target, uint64_t function, uint64_t *result) MUST_CHECK;
/* Unmap memory; the thread that does it is stopped afterwards. */
int remote_unmap(struct target *target, uint64_t address, uint64_t size) MUST_CHECK;

#endif
