/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remote: makes system calls in the target.
 *
 * nsb borrows one thread for them and sends it on an errand: code that holds all values, makes
 * the calls, and brings the thread back to where it was, whatever becomes of nsb (struct
 * arch_errand of arch.h).  The code lies in bytes that no program executes (slack.h).  Neither
 * the thread's stack nor any memory of the program is used.
 */
#ifndef NSB_REMOTE_H
#define NSB_REMOTE_H

#include "slack.h"
#include "target.h"

struct remote {
	struct target *target;
	struct thread *thread;
	struct regs saved;	/* with which nsb lets it go on, */
	struct regs back;	/* and with which it goes on by itself if nsb is killed */
	uint64_t saved_mask;
	uint64_t address, size;	/* the memory that is going to be mapped, or unmapped */
	struct slack slack;	/* where the thread's errand is written */
	struct errand_places places;
	bool borrowed;		/* the thread is stopped, or on an errand */
	bool shadowed;		/* the thread has a shadow stack: functions cannot be run in it */
	bool filtered;		/* the thread has a seccomp filter, */
	bool suspended;		/* which is suspended while it makes calls for nsb */
	uint8_t *state;		/* the thread's extended state, owned; NULL: nothing has needed it yet */
	size_t state_size;
	bool in_place;		/* the errand has been written, at least in part */
	bool away;		/* the thread has other registers than its own, */
	bool masked;		/* and all signals blocked */
	bool interrupted;	/* the thread is in a stop in which it can be restored at once */
	bool in_function;	/* the thread runs, or has run, a function of the target for nsb */
	bool escaped;		/* the thread went on by itself, as nsb came too late */
	uint64_t until;		/* the function has to be back then; 0: RESULT_NS after its last system call */
	uint64_t may_run;	/* but if the thread has had no processor: when its run time is that */
};

/* A function that the target is to run: it takes no argument and returns a word, or nothing. */
struct remote_function {
	uint64_t address;
	uint64_t stack, stack_size;	/* its stack, which nobody else uses, and which stays mapped */
	unsigned limit_ms;
	bool was_entered;	/* the thread was sent into it: it may have changed anything */
	bool is_lost;		/* and nsb could not bring it back: it may still be there */
	uint64_t result;
	uint64_t took_ns;
};

/* A system call that the target is to make.  Its arguments 4 and 5 are -1 and 0, as mmap(2) needs them. */
struct remote_call {
	enum nr nr;
	uint64_t args[4];
	uint64_t expected;	/* with any other result no further call is made */
	const char *what;	/* what it does, for messages: "map memory" */
	const char *text;	/* argument 4 points to this; NULL: none.  Such a call is left out if it cannot be made */
	int64_t result;		/* what the kernel returned, -errno if it failed; 0 of mmap(2): nobody knows */
};

/* The call that maps private memory exactly there, or fails (MAP_FIXED_NOREPLACE). */
struct remote_call remote_mapping(uint64_t address, uint64_t size, int prot);

/*
 * The call that gives memory a name of at most 79 printable characters (prctl(2), PR_SET_VMA_ANON_NAME).  It changes nothing else,
 * so nobody has to know whether it was made, and it has to be the last one.
 */
struct remote_call remote_naming(uint64_t address, uint64_t size, const char *name);

/*
 * Borrow a thread to make calls, and stop it.  A thread that sleeps in a system call is better
 * than one that computes; one in restart_syscall is taken only if there is no other; one inside
 * an rseq critical section is never taken.  Nothing of it is changed yet.  [address, address +
 * size) is the memory that is going to be mapped.  After success the caller has to call
 * remote_end().
 */
int remote_begin(struct remote *remote, struct target *target, uint64_t address,
		 uint64_t size) MUST_CHECK;
/*
 * Give the thread back: stopped, with the registers and the mask that it had, unless it got a
 * signal and runs.  A second call does nothing.
 */
int remote_end(struct remote *remote) MUST_CHECK;

/*
 * Whether an nsb died in the middle of a call, and left its errand behind.  *address and *size
 * tell the memory that it was mapping or unmapping; *address is 0 if it was none.
 */
bool remote_find_remains(const struct target *target, uint64_t *address, uint64_t *size) MUST_CHECK;
/*
 * Wait until no thread of the traced target is on that errand any more, and unmap the memory if it has
 * no record: nothing leads there.  A thread that is still in the function of a remote_run_function() then is brought
 * back.  The errand itself is cleared with the next call that is made
 * in the target, or by remote_remove_remains().
 */
int remote_sweep_remains(struct target *target) MUST_CHECK;
/* Clear what is left, when no thread is there. */
int remote_remove_remains(struct target *target) MUST_CHECK;

/*
 * Make system calls in the target, one after the other, up to the first that does not return
 * what is expected.  If that is an error, this is the answer, with a message.  The results tell
 * which calls were made: -ECANCELED is one that was not.  The thread may be another one
 * afterwards, if the first one had to go on.
 */
int remote_make(struct remote *remote, struct remote_call *calls, size_t count) MUST_CHECK;
/*
 * Run the resolver of an IFUNC: a function of the target that takes no argument and returns a
 * word.  The target's threads need not be traced yet.  Afterwards they are, and run on.  -ENOTSUP
 * with a message: the thread has a shadow stack, on which the return address would be missing.
 */
int remote_run_resolver(struct target *target, uint64_t function, uint64_t *result) MUST_CHECK;
/*
 * Run a function while all threads of the target stand, and nobody is to run but the one that is borrowed
 * for it.  That has all signals blocked, but those that an instruction raises, and its own seccomp filter.
 * Whatever becomes of the function, the thread stands afterwards where it stood before.  -ETIME: the function
 * was not back in time; -EFAULT: it raised a signal.  The message of these two is half a sentence, for the caller
 * to complete ("raised SIGSEGV at 0x1234").
 */
int remote_run_function(struct target *target, struct remote_function *function) MUST_CHECK;
/*
 * Whether nsb may have calls made at all: -EPERM with a message if every thread has a seccomp
 * filter that nsb may not suspend.  A revert asks this before it changes anything, as it has to
 * unmap memory in the end.  The threads are seized; one of them may be stopped for a moment.
 */
int remote_may_call(struct target *target) MUST_CHECK;
/* Unmap memory of the target.  The thread that made the call is stopped afterwards. */
int remote_unmap(struct target *target, uint64_t address, uint64_t size) MUST_CHECK;
/*
 * The same for memory that nsb may have mapped, if nobody saw the result.  Only what is exactly
 * that memory, and no file's, is unmapped.
 */
int remote_undo_mapping(struct target *target, uint64_t address, uint64_t size) MUST_CHECK;

#endif
