/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * call: what a stop does to the system call that a thread is in (docs/syscalls.md).
 *
 * The table of the calls is the architecture's (arch.h); here are the questions about one call.
 */
#ifndef NSB_CALL_H
#define NSB_CALL_H

#include "arch.h"
#include "elf.h"
#include "proc.h"

/* A call that a stop has ended early, for the user to be told. */
struct call_loss {
	const char *name;	/* NULL: there was none */
	pid_t tid;
	uint64_t done, asked;	/* bytes; both 0 if the program sees EINTR */
	size_t count;		/* of all such calls; the other fields are the first one's */
};

/* How it stands with the system call of a stopped thread. */
enum call_state {
	CALL_NONE,
	CALL_BACK,		/* it has returned, or is about to: the registers have its result */
	CALL_PENDING,		/* it is made again, as if it had never been made */
};

/*
 * Which call a stopped thread with these registers is in: *made has its number and arguments.  `before` is what
 * /proc told of the thread before it was stopped, which counts where the kernel forgets calls (arch.h); NULL: nothing.
 */
enum call_state call_find(const struct arch *arch, const struct regs *regs, const struct proc_call *before,
			  struct proc_call *made);

/* Set the registers of a thread whose call has returned so that the call is made again when the thread runs. */
void call_make_again(const struct arch *arch, struct regs *regs, const struct proc_call *made);

/* Whether nsb may make this call again, which EINTR has ended. */
bool call_is_repeatable(const struct arch *arch, const struct bytes *memory, const struct proc_call *call);

/*
 * Whether a stop may end this call, in which a thread of process `pid` sleeps, when the kernel has
 * done a part of it: then nobody can make it whole.  Example: a write of 1 MB to a pipe.
 */
bool call_is_frail(const struct arch *arch, const struct bytes *memory, pid_t pid,
		   const struct proc_call *call);

/*
 * Look at the call that thread `tid` of process `pid` was stopped in, and that has returned
 * `result`.  If it has moved less than it was asked to because of the stop, it is entered into *loss.
 */
void call_note_result(const struct arch *arch, const struct bytes *memory, pid_t pid, pid_t tid,
		      const struct proc_call *call, uint64_t result, struct call_loss *loss);

/* Enter a call that failed with EINTR and cannot be made again. */
void call_note_lost(const struct arch *arch, pid_t tid, const struct proc_call *call,
		    struct call_loss *loss);

#endif
