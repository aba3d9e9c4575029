/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc.h"
#include "ptrace.h"

/* These are ignored by default, signal(7).  SIGCONT is as well, but to send it has effects of its own. */
static const int signals[] = { SIGURG, SIGWINCH, SIGCHLD };

static bool is_in(uint64_t set, int signal)
{
	return set >> (signal - 1) & 1;
}

/*
 * Choose a signal that the thread does not block.  If nsb is killed just when the signal is
 * sent, the process gets it; so one that the process has no handler for is better.
 */
static int choose_signal(pid_t tid, int *chosen)
{
	struct proc_status status;
	int err = proc_read_status(tid, &status);

	*chosen = 0;
	for (size_t i = 0; err == 0 && i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (is_in(status.blocked, signals[i]))
			continue;
		if (!is_in(status.caught, signals[i])) {
			*chosen = signals[i];
			return 0;
		}
		if (*chosen == 0)
			*chosen = signals[i];
	}
	return err != 0 ? err : *chosen == 0 ? -EBUSY : 0;
}

/* The length of a breakpoint on execution has to be the kernel's sizeof(long), so try 8 and then 4. */
static int open_breakpoint(pid_t tid, uint64_t address, bool counts)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr), .sample_period = counts ? 0 : 1,
		.wakeup_events = counts ? 0 : 1, .bp_type = HW_BREAKPOINT_X, .bp_addr = address,
		.bp_len = HW_BREAKPOINT_LEN_8, .disabled = !counts, .exclude_kernel = 1,
		.exclude_hv = 1,
	};
	long fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd == -1 && errno == EINVAL) {
		attr.bp_len = HW_BREAKPOINT_LEN_4;
		fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	}
	return fd == -1 ? -errno : (int)fd;
}

static __attribute__((noinline)) void place_of_trial(void)
{
	__asm__ volatile("" ::: "memory");
}

/*
 * Whether breakpoints stop anything here.  Some virtual machines let the kernel set the debug
 * registers, and never report a hit: a thread would be waited for in vain.  So nsb counts, once,
 * how often it comes to a place of its own.
 */
static bool breakpoints_work(void)
{
	static int known = -1;
	uint64_t count = 0;
	int fd;

	if (known != -1)
		return known == 1;
	fd = open_breakpoint(0, (uintptr_t)place_of_trial, true);
	if (fd < 0)
		return true;	/* trap_arm() learns why, and tells */
	for (int i = 0; i < 3; i++)
		place_of_trial();
	known = read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count) && count > 0;
	(void)close(fd);
	return known == 1;
}

int trap_arm(struct trap *trap, pid_t tid, uint64_t address)
{
	struct f_owner_ex owner = { F_OWNER_TID, tid };
	int err;

	trap_disarm(trap);
	if (!breakpoints_work())
		return -EOPNOTSUPP;
	err = choose_signal(tid, &trap->signal);
	if (err != 0)
		return err;
	trap->fd = open_breakpoint(tid, address, false);
	if (trap->fd < 0) {
		err = trap->fd;
		trap->fd = -1;
		return err;
	}
	trap->number = trap->fd;
	if (fcntl(trap->fd, F_SETOWN_EX, &owner) == 0 &&
	    fcntl(trap->fd, F_SETSIG, trap->signal) == 0 &&
	    fcntl(trap->fd, F_SETFL, O_ASYNC) == 0 &&
	    ioctl(trap->fd, PERF_EVENT_IOC_REFRESH, 1) == 0)
		return 0;
	err = -errno;
	trap_disarm(trap);
	return err;
}

void trap_disarm(struct trap *trap)
{
	if (trap->fd != -1)
		(void)close(trap->fd);
	trap->fd = -1;
}

bool trap_was_hit(const struct trap *trap, pid_t tid, int signal)
{
	siginfo_t info;

	/* F_SETSIG puts POLL_* and the descriptor into the siginfo_t, fcntl(2). */
	return trap->number != -1 && signal == trap->signal && pt_get_siginfo(tid, &info) == 0 &&
	       (info.si_code == POLL_HUP || info.si_code == POLL_IN) &&
	       info.si_fd == trap->number;
}
