/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ptrace: the only file that calls ptrace(2) and waitpid(2) (tests/t-lint.sh looks).
 *
 * Thin and silent: each function returns 0 or -errno and words nothing; the
 * caller knows what it was about.  -ESRCH means that the tracee is gone or not
 * in a ptrace-stop (ptrace(2)).
 */
#ifndef NSB_PTRACE_H
#define NSB_PTRACE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "arch.h"

/* What a wait reported of a tracee. */
enum pt_stop {
	PT_INTERRUPTED,		/* PTRACE_EVENT_STOP of our PTRACE_INTERRUPT, or of a new tracee */
	PT_GROUP_STOP,		/* PTRACE_EVENT_STOP by a job-control signal */
	PT_SIGNAL,		/* signal-delivery-stop */
	PT_SYSCALL_STOP,	/* syscall-entry or syscall-exit (PTRACE_O_TRACESYSGOOD) */
	PT_EXEC,		/* exec was successful (pt_seize_own) */
	PT_OTHER_EVENT,
	PT_GONE,		/* exited or killed */
};

struct pt_status {
	enum pt_stop stop;
	int signal;		/* PT_SIGNAL, PT_GROUP_STOP: which; PT_GONE: that killed it, or 0 */
};

int pt_seize(pid_t tid, bool suspend_seccomp) MUST_CHECK;
/* The same for a program that nsb itself is to start: it dies with nsb; exec is reported. */
int pt_seize_own(pid_t tid) MUST_CHECK;
/* Suspend the seccomp filter of a thread that is traced, and stopped. */
int pt_suspend_seccomp(pid_t tid) MUST_CHECK;
int pt_interrupt(pid_t tid) MUST_CHECK;
int pt_cont(pid_t tid, int signal) MUST_CHECK;
int pt_syscall(pid_t tid) MUST_CHECK;
int pt_listen(pid_t tid) MUST_CHECK;
int pt_detach(pid_t tid, int signal) MUST_CHECK;

/*
 * Wait for this tracee, restarted after EINTR.  A tracee that is gone is no error.
 * The first microseconds are spent asking, not sleeping: waking up takes longer
 * than most stops.
 */
int pt_wait(pid_t tid, struct pt_status *status) MUST_CHECK;
/* The same, but for some milliseconds at most. */
int pt_wait_some(pid_t tid, struct pt_status *status, bool *reported) MUST_CHECK;
/* The same without waiting: *reported says whether there was something. */
int pt_poll(pid_t tid, struct pt_status *status, bool *reported) MUST_CHECK;

/* What any tracee reports, without waiting: *tid 0 if none does.  -ECHILD: there is none. */
int pt_poll_any(pid_t *tid, struct pt_status *status) MUST_CHECK;

/* Wait for the end of a child that is not traced: *exit_status is -N if signal N killed it. */
int pt_reap(pid_t child, int *exit_status) MUST_CHECK;

/* The general register set; regs->size tells the mode (arch.h). */
int pt_get_regs(pid_t tid, struct regs *regs) MUST_CHECK;
int pt_set_regs(pid_t tid, const struct regs *regs) MUST_CHECK;

/* The same where much depends on it: tried twice. */
int pt_restore_regs(pid_t tid, const struct regs *regs) MUST_CHECK;

/* Another register set, by its note type (NT_*): at most *size bytes; *size is set. */
int pt_get_regset(pid_t tid, unsigned note, uint8_t *set, size_t *size) MUST_CHECK;

/* Of the signal that a tracee in signal-delivery-stop is about to get. */
int pt_get_siginfo(pid_t tid, siginfo_t *info) MUST_CHECK;

/* The blocked signals, as the kernel's 8-byte set. */
int pt_get_sigmask(pid_t tid, uint64_t *mask) MUST_CHECK;
int pt_set_sigmask(pid_t tid, uint64_t mask) MUST_CHECK;

/*
 * Where the thread's struct rseq lies (PTRACE_GET_RSEQ_CONFIGURATION), 0 if it
 * has none or the kernel does not tell.
 */
int pt_get_rseq(pid_t tid, uint64_t *address) MUST_CHECK;

/*
 * Write bytes as an aligned read-modify-write of whole words (the tracer's
 * word: 8 bytes under a 64-bit nsb, 4 under a 32-bit one).  Works on read-only
 * private mappings.
 */
int pt_write(pid_t tid, uint64_t address, const void *bytes, size_t size) MUST_CHECK;

#endif
