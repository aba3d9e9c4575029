/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "file.h"
#include "interrupt.h"
#include "launch.h"
#include "ptrace.h"

/* The pipes between nsb, which is going to be the program, and its patcher. */
struct pipes {
	int to_patcher[2], to_program[2];
};

static bool send_int(int fd, int value)
{
	return write(fd, &value, sizeof(value)) == (ssize_t)sizeof(value);
}

static bool receive_int(int fd, int *value)
{
	ssize_t got;

	do {
		got = read(fd, value, sizeof(*value));
	} while (got == -1 && errno == EINTR);
	return got == (ssize_t)sizeof(*value);
}

static void tell_traced(void *ctx)
{
	const int *fd = ctx;

	(void)send_int(*fd, 0);
	(void)close(*fd);
}

static void run_patcher(const struct pipes *pipes, pid_t program, const struct options *options,
			const struct patchfile *patches, size_t n_patches)
{
	int allowed, err, to_program = pipes->to_program[1];
	size_t n_loaded;

	/* Close the program's ends.  If the program is gone, reading from it has to end. */
	(void)close(pipes->to_patcher[1]);
	(void)close(pipes->to_program[0]);
	interrupt_init();
	/* It may outlive the start: no signals of the terminal come to it, and it keeps no folder from being unmounted. */
	(void)setsid();
	if (chdir("/") != 0)
		debug("cannot leave the folder: %s", strerror(errno));
	if (!send_int(to_program, getpid()) || !receive_int(pipes->to_patcher[0], &allowed))
		return;
	err = pt_seize_own(program, true);
	if (err != 0) {
		warn("%d: cannot be traced by its patcher: %s (see ptrace_scope in ptrace(2))", program,
		     strerror(-err));
		(void)send_int(to_program, err);
		return;
	}
	file_close_others(to_program);
	launch_patched(program, options, patches, n_patches, tell_traced, &to_program, &n_loaded);
}

/*
 * Make the patcher a child of a child.  When it ends, init is told, and not the program, which
 * would get a SIGCHLD for a child that it did not make.
 */
static int start_patcher(const struct pipes *pipes, const struct options *options,
			 const struct patchfile *patches, size_t n_patches)
{
	pid_t program = getpid(), child = fork();
	int exit_status, err;

	if (child == -1)
		return fail(errno, "cannot start a process: %s", strerror(errno));
	if (child == 0) {
		pid_t patcher = fork();

		if (patcher == 0)
			run_patcher(pipes, program, options, patches, n_patches);
		_exit(patcher == -1 ? 1 : 0);
	}
	err = pt_reap(child, &exit_status);
	(void)close(pipes->to_patcher[0]);
	(void)close(pipes->to_program[1]);
	return err == 0 && exit_status == 0 ? 0 : fail(EAGAIN, "cannot start a process");
}

/* Yama allows only an ancestor to trace a process, unless the process names its tracer (ptrace(2)). */
static int become_traced(const struct pipes *pipes)
{
	int patcher, err;

	if (!receive_int(pipes->to_program[0], &patcher))
		return fail(EAGAIN, "the patcher has ended");
	(void)prctl(PR_SET_PTRACER, patcher, 0, 0, 0);
	if (!send_int(pipes->to_patcher[1], 0) || !receive_int(pipes->to_program[0], &err))
		return fail(EAGAIN, "the patcher has ended");
	(void)prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	return err;
}

int run_patched(const struct options *options, const struct patchfile *patches, size_t n_patches)
{
	const char *name = options->program[0];
	struct pipes pipes;
	int err;

	if (pipe2(pipes.to_patcher, O_CLOEXEC) != 0 || pipe2(pipes.to_program, O_CLOEXEC) != 0)
		return fail(errno, "cannot make a pipe: %s", strerror(errno));
	err = start_patcher(&pipes, options, patches, n_patches);
	if (err == 0)
		err = become_traced(&pipes);
	if (err != 0)
		return err;
	(void)execvp(name, options->program);
	err = errno;
	return fail(err == ENOENT ? ELIBACC : ELIBEXEC, "%s: cannot be run: %s", name, strerror(err));
}
