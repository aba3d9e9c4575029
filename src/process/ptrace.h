/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ptrace: the only file that calls ptrace(2) and waitpid(2) (tests/t-lint.sh looks).
 *
 * The functions that return int return 0 or -errno, and keep no message, since only the caller
 * knows what it was doing.  -ESRCH means that the tracee is gone, or is not in a ptrace-stop
 * (ptrace(2)).
 */
#ifndef NSB_PTRACE_H
#define NSB_PTRACE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "arch.h"

/* What a wait has reported of a tracee. */
enum pt_stop {
	PT_INTERRUPTED,		/* PTRACE_EVENT_STOP, after PTRACE_INTERRUPT or of a new tracee */
	PT_GROUP_STOP,		/* PTRACE_EVENT_STOP, after a job-control signal */
	PT_SIGNAL,		/* signal-delivery-stop */
	PT_SYSCALL_STOP,	/* syscall-entry or syscall-exit (PTRACE_O_TRACESYSGOOD) */
	PT_EXEC,		/* exec was successful (pt_seize_own) */
	PT_OTHER_EVENT,
	PT_GONE,		/* exited or killed */
};

struct pt_status {
	enum pt_stop stop;
	int signal;	/* of PT_SIGNAL and PT_GROUP_STOP; of PT_GONE the one that killed it, or 0 */
};

int pt_seize(pid_t tid) MUST_CHECK;
/* The same for a program that is started: its exec(2) is reported.  One that nsb starts itself dies if nsb dies. */
int pt_seize_own(pid_t tid, bool dies_with_nsb) MUST_CHECK;
/* What is reported of a tracee of pt_seize_own() that is stopped, beside its signals, from now on. */
enum pt_watching {
	PT_WATCH_START,		/* its exec(2); it dies if nsb dies, as it has not begun */
	PT_WATCH_EXEC,		/* its exec(2); if nsb dies it goes on */
	PT_WATCH_ALL,		/* the same, and of all processes and threads that it makes, which are traced, too */
};
int pt_watch(pid_t tid, enum pt_watching what) MUST_CHECK;
/*
 * Suspend the seccomp filter of a thread of pt_seize() that is stopped, or put it in force
 * again.  Only this thread has another filter then, and only as long as nsb traces it.
 */
int pt_suspend_seccomp(pid_t tid, bool suspend) MUST_CHECK;
int pt_interrupt(pid_t tid) MUST_CHECK;
int pt_cont(pid_t tid, int signal) MUST_CHECK;
int pt_syscall(pid_t tid) MUST_CHECK;
int pt_listen(pid_t tid) MUST_CHECK;
int pt_detach(pid_t tid, int signal) MUST_CHECK;

/*
 * Wait for a report of this tracee; EINTR does not end the wait.  A tracee that is gone is no
 * error.  For the first microseconds this asks again and again and does not sleep, since most
 * tracees stop sooner than nsb would wake up.
 */
int pt_wait(pid_t tid, struct pt_status *status) MUST_CHECK;
/* The same for some milliseconds at most; *reported says whether there was a report. */
int pt_wait_some(pid_t tid, struct pt_status *status, bool *reported) MUST_CHECK;
/* The same for `ns` nanoseconds at most, and some microseconds more. */
int pt_wait_for(pid_t tid, uint64_t ns, struct pt_status *status, bool *reported) MUST_CHECK;
/* The same without waiting. */
int pt_poll(pid_t tid, struct pt_status *status, bool *reported) MUST_CHECK;

/* Get a report of any tracee, without waiting: *tid is 0 if there is no report.  -ECHILD: no tracee is left. */
int pt_poll_any(pid_t *tid, struct pt_status *status) MUST_CHECK;

/* Wait for a report of any tracee.  -ECHILD: no tracee is left. */
int pt_wait_any(pid_t *tid, struct pt_status *status) MUST_CHECK;

/* Whether this process still traces a thread, as the thread did not stop, and so could not be let go. */
bool pt_has_tracee(void);

/* Wait for the end of a child that is not traced.  *exit_status is -N if signal N killed it. */
int pt_reap(pid_t child, int *exit_status) MUST_CHECK;

/*
 * Get and set the general registers, which the kernel has in one set or in several (arch.h).  regs->size tells whether
 * the thread runs in 32-bit mode; if it is not the ABI's, the other sets are not read.  Without an ABI (NULL) they are not, either.
 */
int pt_get_regs(const struct arch *arch, pid_t tid, struct regs *regs) MUST_CHECK;
int pt_set_regs(const struct arch *arch, pid_t tid, const struct regs *regs) MUST_CHECK;

/* The same as pt_set_regs(), tried twice: if it fails, a thread goes on with wrong registers. */
int pt_restore_regs(const struct arch *arch, pid_t tid, const struct regs *regs) MUST_CHECK;

/* Get another register set, by its note type (NT_*): at most *size bytes; *size is set to their number. */
int pt_get_regset(pid_t tid, unsigned note, uint8_t *set, size_t *size) MUST_CHECK;

/* Set it: size bytes, as the kernel gave them. */
int pt_set_regset(pid_t tid, unsigned note, const uint8_t *set, size_t size) MUST_CHECK;

/* Get the siginfo_t of the signal that a tracee in signal-delivery-stop is about to get. */
int pt_get_siginfo(pid_t tid, siginfo_t *info) MUST_CHECK;

/* Get and set the blocked signals, in the kernel's set of 8 bytes. */
int pt_get_sigmask(pid_t tid, uint64_t *mask) MUST_CHECK;
int pt_set_sigmask(pid_t tid, uint64_t mask) MUST_CHECK;

/* Get the base of entry no. `entry` of the thread's segment descriptors (PTRACE_GET_THREAD_AREA, x86). */
int pt_get_thread_area(pid_t tid, unsigned entry, uint64_t *base) MUST_CHECK;

/*
 * Get the address of the thread's struct rseq (PTRACE_GET_RSEQ_CONFIGURATION); 0 if it has none,
 * or if the kernel does not tell.
 */
int pt_get_rseq(pid_t tid, uint64_t *address) MUST_CHECK;

/*
 * Whether the thread's system calls go to a handler of the program
 * (PR_SET_SYSCALL_USER_DISPATCH).  A kernel before 6.4 does not tell: false then.
 */
bool pt_dispatches_calls(pid_t tid);

/*
 * Write bytes by reading, changing and writing whole, aligned words, of 8 bytes in a 64-bit nsb
 * and of 4 in a 32-bit one.  It can write to private mappings that the tracee itself may not
 * write to.
 */
int pt_write(pid_t tid, uint64_t address, const void *bytes, size_t size) MUST_CHECK;

#endif
