/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ptrace.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "clock.h"
#include "proc.h"

#define PATIENCE_NS 20000000
#define SPINS 200		/* take some 50 microseconds */

static int request(enum __ptrace_request what, pid_t tid, uintptr_t addr, uintptr_t data)
{
	return ptrace(what, tid, (void *)addr, (void *)data) == -1 ? -errno : 0;
}

int pt_seize(pid_t tid)
{
	return request(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD);
}

int pt_suspend_seccomp(pid_t tid, bool suspend)
{
	return request(PTRACE_SETOPTIONS, tid, 0,
		       PTRACE_O_TRACESYSGOOD | (suspend ? (uintptr_t)PTRACE_O_SUSPEND_SECCOMP : 0));
}

int pt_seize_own(pid_t tid, bool dies_with_nsb)
{
	return request(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC |
		       (dies_with_nsb ? (uintptr_t)PTRACE_O_EXITKILL : 0));
}

int pt_watch(pid_t tid, enum pt_watching what)
{
	static const uintptr_t options[] = {
		[PT_WATCH_START] = PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL,
		[PT_WATCH_EXEC] = PTRACE_O_TRACEEXEC,
		[PT_WATCH_ALL] = PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
				 PTRACE_O_TRACECLONE,
	};

	return request(PTRACE_SETOPTIONS, tid, 0, PTRACE_O_TRACESYSGOOD | options[what]);
}

int pt_interrupt(pid_t tid)
{
	return request(PTRACE_INTERRUPT, tid, 0, 0);
}

int pt_cont(pid_t tid, int signal)
{
	return request(PTRACE_CONT, tid, 0, (uintptr_t)signal);
}

int pt_syscall(pid_t tid)
{
	return request(PTRACE_SYSCALL, tid, 0, 0);
}

int pt_listen(pid_t tid)
{
	return request(PTRACE_LISTEN, tid, 0, 0);
}

int pt_detach(pid_t tid, int signal)
{
	return request(PTRACE_DETACH, tid, 0, (uintptr_t)signal);
}

static bool is_stop_signal(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void decode(int word, struct pt_status *status)
{
	status->signal = 0;
	if (!WIFSTOPPED(word)) {
		status->stop = PT_GONE;
		status->signal = WIFSIGNALED(word) ? WTERMSIG(word) : 0;
		return;
	}
	status->signal = WSTOPSIG(word);
	switch (word >> 16) {
	case PTRACE_EVENT_STOP:
		status->stop = is_stop_signal(status->signal) ? PT_GROUP_STOP : PT_INTERRUPTED;
		break;
	case 0:
		status->stop = status->signal == (SIGTRAP | 0x80) ? PT_SYSCALL_STOP : PT_SIGNAL;
		break;
	case PTRACE_EVENT_EXEC:
		status->stop = PT_EXEC;
		break;
	default:
		status->stop = PT_OTHER_EVENT;
	}
}

static int wait_for(pid_t tid, int options, struct pt_status *status, bool *reported)
{
	int word;
	pid_t got;

	do {
		got = waitpid(tid, &word, options | __WALL);
	} while (got == -1 && errno == EINTR);
	*reported = got != 0;
	if (got > 0)
		decode(word, status);
	if (got != -1)
		return 0;
	/* If another thread calls exec(2), this tracee disappears and nothing is reported. */
	*status = (struct pt_status){ .stop = PT_GONE };
	return errno == ECHILD ? 0 : -errno;
}

int pt_poll(pid_t tid, struct pt_status *status, bool *reported)
{
	return wait_for(tid, WNOHANG, status, reported);
}

/*
 * A thread that calls exec(2) waits until the tracer has seen the end of all other threads, so
 * look at these ends.  Only threads that have ended are waited for: a wait for any thread would
 * also take away the report that another thread has stopped, even with WEXITED (kernel/exit.c,
 * wait_task_stopped).
 */
static bool reap_ended(pid_t tid)
{
	char path[32];
	struct dirent *entry;
	bool reaped = false;
	DIR *dir;
	int word;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", tid);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		pid_t other = atoi(entry->d_name);

		if (other > 0 && other != tid && proc_thread_state(tid, other) == 'Z')
			reaped |= waitpid(other, &word, WNOHANG | __WALL) > 0;
	}
	if (dir != NULL)
		(void)closedir(dir);
	return reaped;
}

/*
 * The end of a killed leader is reported only after the end of all other threads, and nobody
 * may be waiting for those.  So wait for SIGCHLD, and look at the thread's state in between.
 */
static int wait_long(pid_t tid, uint64_t ns, struct pt_status *status, bool *reported)
{
	const struct timespec patience = { .tv_nsec = ns < PATIENCE_NS ? (long)ns : PATIENCE_NS };
	sigset_t child, old;
	int err;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, &old);
	err = pt_poll(tid, status, reported);
	if (err == 0 && !*reported && sigtimedwait(&child, NULL, &patience) == -1 &&
	    !reap_ended(tid) && strchr("ZX", proc_thread_state(tid, tid)) != NULL) {
		err = pt_poll(tid, status, reported);
		if (err == 0 && !*reported)
			*status = (struct pt_status){ .stop = PT_GONE };
		*reported = true;
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return err;
}

int pt_wait_for(pid_t tid, uint64_t ns, struct pt_status *status, bool *reported)
{
	int err = 0;

	*reported = false;
	for (int i = 0; i < SPINS && err == 0 && !*reported && spin_is_allowed(); i++)
		err = pt_poll(tid, status, reported);
	return err != 0 || *reported ? err : wait_long(tid, ns, status, reported);
}

int pt_wait_some(pid_t tid, struct pt_status *status, bool *reported)
{
	return pt_wait_for(tid, PATIENCE_NS, status, reported);
}

int pt_wait(pid_t tid, struct pt_status *status)
{
	bool reported = false;
	int err = 0;

	while (err == 0 && !reported)
		err = pt_wait_some(tid, status, &reported);
	return err;
}

int pt_poll_any(pid_t *tid, struct pt_status *status)
{
	int word;

	do {
		*tid = waitpid(-1, &word, __WALL | WNOHANG);
	} while (*tid == -1 && errno == EINTR);
	if (*tid == -1)
		return -errno;
	if (*tid != 0)
		decode(word, status);
	return 0;
}

int pt_wait_any(pid_t *tid, struct pt_status *status)
{
	int word;

	do {
		*tid = waitpid(-1, &word, __WALL);
	} while (*tid == -1 && errno == EINTR);
	if (*tid == -1)
		return -errno;
	decode(word, status);
	return 0;
}

bool pt_has_tracee(void)
{
	siginfo_t info = { 0 };

	return waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0;
}

int pt_reap(pid_t child, int *exit_status)
{
	int word;
	pid_t got;

	do {
		got = waitpid(child, &word, 0);
	} while (got == -1 && errno == EINTR);
	if (got == -1)
		return -errno;
	*exit_status = WIFEXITED(word) ? WEXITSTATUS(word) : -WTERMSIG(word);
	return 0;
}

int pt_get_regs(const struct arch *arch, pid_t tid, struct regs *regs)
{
	size_t at = sizeof(regs->bytes);
	int err = pt_get_regset(tid, NT_PRSTATUS, regs->bytes, &at);

	regs->size = at;
	if (arch == NULL || at != arch->regs_size)
		return err;
	for (unsigned i = 0; i < arch->n_more_sets && err == 0; i++) {
		size_t size = arch->more_sets[i].size;

		err = pt_get_regset(tid, arch->more_sets[i].note, regs->bytes + at, &size);
		if (err == 0 && size != arch->more_sets[i].size)
			err = -EINVAL;
		at += arch->more_sets[i].size;
	}
	return err;
}

int pt_set_regs(const struct arch *arch, pid_t tid, const struct regs *regs)
{
	size_t at = regs->size;
	int err = 0;

	for (unsigned i = 0; i < arch->n_more_sets && err == 0; i++) {
		const struct reg_set *set = &arch->more_sets[i];

		if (!set->is_read_only)
			err = pt_set_regset(tid, set->note, regs->bytes + at, set->size);
		at += set->size;
	}
	return err == 0 ? pt_set_regset(tid, NT_PRSTATUS, regs->bytes, regs->size) : err;
}

int pt_restore_regs(const struct arch *arch, pid_t tid, const struct regs *regs)
{
	int err = pt_set_regs(arch, tid, regs);

	return err == 0 || err == -ESRCH ? err : pt_set_regs(arch, tid, regs);
}

int pt_get_regset(pid_t tid, unsigned note, uint8_t *set, size_t *size)
{
	struct iovec iov = { set, *size };
	int err = request(PTRACE_GETREGSET, tid, note, (uintptr_t)&iov);

	*size = iov.iov_len;
	return err;
}

int pt_set_regset(pid_t tid, unsigned note, const uint8_t *set, size_t size)
{
	struct iovec iov = { (uint8_t *)(uintptr_t)set, size };

	return request(PTRACE_SETREGSET, tid, note, (uintptr_t)&iov);
}

int pt_get_siginfo(pid_t tid, siginfo_t *info)
{
	return request(PTRACE_GETSIGINFO, tid, 0, (uintptr_t)info);
}

int pt_get_sigmask(pid_t tid, uint64_t *mask)
{
	return request(PTRACE_GETSIGMASK, tid, sizeof(*mask), (uintptr_t)mask);
}

int pt_set_sigmask(pid_t tid, uint64_t mask)
{
	return request(PTRACE_SETSIGMASK, tid, sizeof(mask), (uintptr_t)&mask);
}

int pt_get_thread_area(pid_t tid, unsigned entry, uint64_t *base)
{
	/* struct user_desc of asm/ldt.h */
	struct {
		uint32_t entry, base, limit, flags;
	} area = { .entry = entry };
	int err = request((enum __ptrace_request)25, tid, entry, (uintptr_t)&area);

	*base = area.base;
	return err;
}

int pt_get_rseq(pid_t tid, uint64_t *address)
{
	/* struct ptrace_rseq_configuration of include/uapi/linux/ptrace.h, since Linux 5.13: older headers lack it. */
	struct {
		uint64_t address;
		uint32_t size, signature, flags, pad;
	} config = { 0 };
	int err = request((enum __ptrace_request)0x420f, tid, sizeof(config), (uintptr_t)&config);

	*address = config.address;
	/* Kernels before 5.13 do not have this request, and answer EIO. */
	return err == -ESRCH ? err : 0;
}

bool pt_dispatches_calls(pid_t tid)
{
	/* PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, and its struct ptrace_sud_config (linux/ptrace.h). */
	struct {
		uint64_t mode, selector, offset, len;
	} config = { 0 };
	int err = request((enum __ptrace_request)0x4211, tid, sizeof(config), (uintptr_t)&config);

	return err == 0 && config.mode != 0;
}

int pt_write(pid_t tid, uint64_t address, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;

	while (size > 0) {
		uintptr_t start = (uintptr_t)address & ~(sizeof(long) - 1);
		size_t skip = (size_t)((uintptr_t)address - start);
		size_t count = sizeof(long) - skip < size ? sizeof(long) - skip : size;
		long word = 0;
		int err;

		if (start != (address & ~(uint64_t)(sizeof(long) - 1)))
			return -EFAULT;	/* a 32-bit nsb cannot name this address to ptrace(2) */
		errno = 0;
		if (count < sizeof(long))
			word = ptrace(PTRACE_PEEKDATA, tid, (void *)start, NULL);
		/* PTRACE_PEEKDATA may return any word, so only errno tells that it failed. */
		if (errno != 0)
			return -errno;
		memcpy((uint8_t *)&word + skip, from, count);
		err = request(PTRACE_POKEDATA, tid, start, (uintptr_t)word);
		if (err != 0)
			return err;
		address += count;
		from += count;
		size -= count;
	}
	return 0;
}
