/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nth REPORT ACTION CALLS N COMMAND...: run COMMAND, and do something to it at the
 * N-th of certain system calls; N = 0: never.  Calls of its children count as its own.
 * SIGKILL ends whoever makes the call, and then COMMAND, as if it had met both at once;
 * other signals come to COMMAND.
 *
 *	ACTION	before:SIGNAL	send the signal instead of the call (SIGKILL), or
 *				just before it
 *		after:SIGNAL	when the call has been made
 *		before:SIGNAL:PID, after:SIGNAL:PID	send it to that process instead
 *		fail		do not make the call; it returns an error
 *		delay		keep the command from running for DELAY_MS just before it
 *	CALLS	ptrace		ptrace(2)
 *		write		pwrite64(2): what is written to the target, and by no system call there
 *		forward		all that can fail: ptrace, the target's memory, files,
 *				memory of its own
 *		any		every system call
 *		us		none: the N-th microsecond; the command is not traced
 *
 * Calls count from the first file that is opened, so that the start of a program is
 * not in it.  REPORT gets one line: 1 or 0, whether there was an N-th; how many calls
 * there were; the N-th's number and first argument.  The exit status is that of
 * COMMAND, 128 + n if signal n ended it.
 */
#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* For a machine whose kernel is a 32-bit one (tests/kernels.sh). */
#ifdef __i386__
#undef i386
#define rax eax
#define rbx ebx
#define rdi edi
#define orig_rax orig_eax
#endif

#define PWRITE64 18	/* of amd64 */

static const struct call {
	int amd64, i386;	/* -1: none */
	bool is_ptrace, opens;
	int error;
} calls[] = {
	{ 101, 26, true, false, EIO },		/* ptrace */
	{ 0, 3, false, false, EIO },		/* read */
	{ 2, 5, false, true, ENFILE },		/* open */
	{ 257, 295, false, true, ENFILE },	/* openat */
	{ 17, 180, false, false, EIO },		/* pread64 */
	{ PWRITE64, 181, false, false, EIO },	/* pwrite64 */
	{ 310, 347, false, false, EPERM },	/* process_vm_readv */
	{ 217, 220, false, false, EIO },	/* getdents64 */
	{ 9, 192, false, false, ENOMEM },	/* mmap, mmap2 */
	{ 25, 163, false, false, ENOMEM },	/* mremap */
	{ 12, 45, false, false, 0 },		/* brk: fails by returning what it was */
	{ 4, 195, false, false, EIO },		/* stat, stat64 */
	{ 5, 197, false, false, EIO },		/* fstat, fstat64 */
	{ 262, 300, false, false, EIO },	/* newfstatat, fstatat64 */
	{ 89, 85, false, false, EIO },		/* readlink */
};

#define DELAY_MS 400	/* longer than a borrowed thread waits for nsb */

static enum { BEFORE, AFTER, FAIL, DELAY } action;
static enum { PTRACE_CALLS, WRITES, FORWARD_CALLS, ANY_CALL, MICROSECONDS } which;
static int signal_sent;
static unsigned long wanted, seen;
static bool begun, reached;
static long brk_argument;
static size_t brk_register;
static long reached_number, reached_argument;
static pid_t child, addressee;
static pid_t caller;		/* whose call it is: child, or a child of it */

static void check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	if (child > 0)
		kill(child, SIGKILL);
	exit(126);
}

static const struct call *find_call(const struct __ptrace_syscall_info *info)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int number = info->arch == AUDIT_ARCH_I386 ? calls[i].i386 : calls[i].amd64;

		if ((int)info->entry.nr == number)
			return &calls[i];
	}
	return NULL;
}

/* Whether the call that begins is the one. */
static bool is_nth(const struct __ptrace_syscall_info *info, const struct call *call)
{
	if (call != NULL && call->opens)
		begun = true;
	if (!begun || (which == PTRACE_CALLS && (call == NULL || !call->is_ptrace)) ||
	    (which == WRITES && (call == NULL || call->amd64 != PWRITE64)) || (which == FORWARD_CALLS && call == NULL))
		return false;
	seen++;
	if (seen != wanted)
		return false;
	reached = true;
	reached_number = (long)info->entry.nr;
	reached_argument = (long)info->entry.args[0];
	return true;
}


static void set_word(size_t offset, long value)
{
	check(ptrace(PTRACE_POKEUSER, caller, (void *)offset, (void *)value) == 0, "PTRACE_POKEUSER");
}

static void send_signal(void)
{
	if (signal_sent == SIGKILL && addressee == child)
		kill(caller, SIGKILL);
	kill(addressee, signal_sent);
}

static void at_entry(const struct __ptrace_syscall_info *info, int *error)
{
	const struct call *call = find_call(info);

	*error = 0;
	if (!is_nth(info, call))
		return;
	if (action == BEFORE) {
		send_signal();
	} else if (action == AFTER) {
		*error = -1;
	} else if (action == DELAY) {
		nanosleep(&(struct timespec){ .tv_nsec = DELAY_MS * 1000000L }, NULL);
	} else if (call != NULL && call->error == 0) {
		brk_argument = (long)info->entry.args[0];
		brk_register = info->arch == AUDIT_ARCH_I386 ? offsetof(struct user_regs_struct, rbx) :
			       offsetof(struct user_regs_struct, rdi);
		set_word(brk_register, 0);
	} else {
		*error = call != NULL ? call->error : EIO;
		set_word(offsetof(struct user_regs_struct, orig_rax), -1);
	}
}

static void at_exit(int *error)
{
	if (*error == -1)
		send_signal();
	else if (*error > 0)
		set_word(offsetof(struct user_regs_struct, rax), -(long)*error);
	*error = 0;
	if (brk_register != 0)
		set_word(brk_register, brk_argument);
	brk_register = 0;
}

/* One that was told of by a stop goes on.  Killed, it may be gone before this. */
static void go_on(pid_t pid, int signal)
{
	if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal) != 0)
		check(errno == ESRCH, "PTRACE_SYSCALL");
}

/* Returns the child's last status, when whatever children it had have ended, too. */
static int trace(void)
{
	int status, last = 0, error = 0;
	pid_t pid, failing = 0;	/* whose call `error` is about */
	struct __ptrace_syscall_info info;

	check(waitpid(child, &status, 0) == child && WIFSTOPPED(status), "the command does not start");
	check(ptrace(PTRACE_SETOPTIONS, child, NULL,
		     (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC |
			      PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)) == 0,
	      "PTRACE_SETOPTIONS");
	go_on(child, 0);
	for (;;) {
		int signal = 0;

		pid = waitpid(-1, &status, __WALL);
		if (pid == -1 && errno == ECHILD)
			return last;
		check(pid > 0, "waitpid");
		if (!WIFSTOPPED(status) && pid == child)
			last = status;
		if (!WIFSTOPPED(status))
			continue;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			caller = pid;
			/* A tracee that is being killed has no more to tell. */
			if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) > 0) {
				if (info.op == PTRACE_SYSCALL_INFO_ENTRY && failing == 0) {
					at_entry(&info, &error);
					failing = error != 0 || brk_register != 0 ? pid : 0;
				} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && pid == failing) {
					at_exit(&error);
					failing = 0;
				}
			}
		} else if (status >> 16 == 0 && WSTOPSIG(status) != SIGSTOP) {
			signal = WSTOPSIG(status);	/* a SIGSTOP is how a new tracee begins */
		}
		go_on(pid, signal);
	}
}

static int send_in_time(void)
{
	struct timespec pause = { (time_t)(wanted / 1000000), (long)(wanted % 1000000) * 1000 };
	int status;

	nanosleep(&pause, NULL);
	reached = waitpid(child, &status, WNOHANG) == 0;
	if (reached) {
		kill(addressee, signal_sent);
		check(waitpid(child, &status, 0) == child, "waitpid");
	}
	/* Its children end with it, by the kernel's doing, which may take a moment: they are this process's now. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	return status;
}

static void parse(const char *how, const char *what, const char *number)
{
	static const char *const whats[] = { "ptrace", "write", "forward", "any", "us" };
	const char *colon = strchr(how, ':');

	action = strncmp(how, "before", 6) == 0 ? BEFORE : strncmp(how, "after", 5) == 0 ? AFTER :
		 strcmp(how, "delay") == 0 ? DELAY : FAIL;
	signal_sent = colon == NULL ? SIGKILL : atoi(colon + 1);
	colon = colon == NULL ? NULL : strchr(colon + 1, ':');
	addressee = colon == NULL ? 0 : atoi(colon + 1);
	wanted = strtoul(number, NULL, 10);
	for (int i = 0; i < 5; i++) {
		if (strcmp(what, whats[i]) == 0)
			which = i;
	}
}

int main(int argc, char **argv)
{
	FILE *report;
	int status;

	if (argc < 6)
		return 64;
	parse(argv[2], argv[3], argv[4]);
	check(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "PR_SET_CHILD_SUBREAPER");
	child = fork();
	check(child >= 0, "fork");
	if (child == 0) {
		if (which != MICROSECONDS)
			check(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "PTRACE_TRACEME");
		execvp(argv[5], argv + 5);
		perror(argv[5]);
		_exit(127);
	}
	if (addressee == 0)
		addressee = child;
	status = which == MICROSECONDS ? send_in_time() : trace();
	report = fopen(argv[1], "w");
	check(report != NULL, argv[1]);
	fprintf(report, "%d %lu %ld 0x%lx\n", reached, seen, reached_number, reached_argument);
	check(fclose(report) == 0, argv[1]);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
