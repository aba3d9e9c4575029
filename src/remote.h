/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remote: system calls in the target, and the parasite's life.
 *
 * A session borrows one stopped thread: its registers and signal mask are
 * saved at its begin and restored at its end, whatever happened between.
 */
#ifndef NSB_REMOTE_H
#define NSB_REMOTE_H

#include "target.h"

struct remote {
	struct target *target;
	struct thread *thread;
	struct regs saved;
	uint64_t saved_mask;
	uint64_t gate;		/* address of an instruction that enters the kernel */
};

/*
 * Stop a thread that is fit to carry a call: one that sleeps in a system call
 * rather than one that computes, none in restart_syscall if there is another,
 * never one inside an rseq critical section.  *was_running: the caller has to
 * let it go on (target_continue) in the end.
 */
int remote_pick_thread(struct target *target, struct thread **thread) MUST_CHECK;

/* Find, while the target runs, an instruction of its own that enters the kernel. */
int remote_find_gate(struct target *target, uint64_t *gate) MUST_CHECK;

/* Borrow a stopped thread.  After success remote_end() must follow. */
int remote_begin(struct remote *remote, struct target *target, struct thread *thread,
		 uint64_t gate) MUST_CHECK;
/* Give the thread back: stopped, with the registers and the mask it had. */
int remote_end(struct remote *remote) MUST_CHECK;

/*
 * One system call in the target through the gate.  0 when it was made: *result
 * is what the target's kernel returned, which may be a negative errno.
 */
int remote_syscall(struct remote *remote, enum nr nr, const uint64_t args[6],
		   int64_t *result) MUST_CHECK;

#endif
