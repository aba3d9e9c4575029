/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "interrupt.h"
#include "log.h"
#include "session.h"
#include "status.h"

/* ---- the patcher ---- */

/* The program that is being started, as its patcher sees it. */
struct launch {
	pid_t pid;
	const struct arch *arch;	/* NULL until plant_breakpoint() has found it out */
	uint64_t entry;
	uint8_t original[4];	/* the bytes at the entry that the breakpoint replaces */
	struct regs entry_regs;	/* the program goes on with these in the end, */
	uint64_t entry_mask;	/* and with these signals blocked */
	uint64_t call_insn;	/* address of a system-call instruction of the process, 0 if none was found */
};

/* exec(2) has made a new process image: put a breakpoint where the program's own code begins. */
static int plant_breakpoint(struct launch *launch)
{
	struct target target;
	int closed, err = target_open(&target, launch->pid, TARGET_VIEW);

	if (err == 0) {
		launch->arch = target.arch;
		launch->entry = target.auxv_entry;
		err = target_read(&target, launch->entry, launch->original,
				  launch->arch->breakpoint_size);
	}
	closed = target_close(&target);
	if (err == 0)
		err = closed;
	if (err == 0)
		err = pt_write(launch->pid, launch->entry, launch->arch->breakpoint,
			       launch->arch->breakpoint_size);
	return err == 0 ? 0 : fail(-err, "%d: cannot be stopped at its entry point: %s", launch->pid,
				   strerror(-err));
}

/* Has the program come to its entry?  If so, make it look as if there had been no breakpoint. */
static int look_arrived(struct launch *launch, bool *arrived)
{
	const struct arch *arch = launch->arch;
	int err;

	*arrived = false;
	if (arch == NULL)
		return 0;
	err = pt_get_regs(launch->pid, &launch->entry_regs);
	if (err != 0 || launch->entry_regs.size != arch->regs_size ||
	    regs_get(arch, &launch->entry_regs, REG_PC) != launch->entry + arch->breakpoint_size)
		return err;
	*arrived = true;
	regs_set(arch, &launch->entry_regs, REG_PC, launch->entry);
	regs_set(arch, &launch->entry_regs, REG_ORIG_AX, UINT64_MAX);
	err = pt_write(launch->pid, launch->entry, launch->original, arch->breakpoint_size);
	return err == 0 ? pt_get_sigmask(launch->pid, &launch->entry_mask) : err;
}

/* Handle a stop on the way to the entry, and let the program go on. */
static int let_happen(struct launch *launch, const struct pt_status *status, bool *arrived)
{
	int err;

	switch (status->stop) {
	case PT_EXEC:
		err = plant_breakpoint(launch);
		return err == 0 ? pt_cont(launch->pid, 0) : err;
	case PT_GROUP_STOP:
		return pt_listen(launch->pid);
	case PT_SIGNAL:
		err = status->signal == SIGTRAP ? look_arrived(launch, arrived) : 0;
		return err != 0 || *arrived ? err : pt_cont(launch->pid, status->signal);
	default:
		return pt_cont(launch->pid, 0);
	}
}

/* Wait while the dynamic linker does its work.  -ESRCH without a message: the program has ended. */
static int await_entry(struct launch *launch)
{
	bool arrived = false;
	int err = 0;

	while (err == 0 && !arrived) {
		struct pt_status status;

		err = pt_wait(launch->pid, &status);
		if (err == 0)
			err = status.stop == PT_GONE ? -ESRCH :
			      let_happen(launch, &status, &arrived);
	}
	return err;
}

/* Find a system-call instruction.  The vDSO has one; without a vDSO any code of the process may. */
static uint64_t find_call_insn(const struct target *target)
{
	const struct arch *arch = target->arch;
	static uint8_t code[1 << 16];

	for (size_t i = target->maps.count; i-- > 0;) {
		const struct mapping *m = &target->maps.all[i];
		size_t size = m->end - m->start < sizeof(code) ? (size_t)(m->end - m->start) :
								 sizeof(code);
		const uint8_t *found;

		if (!(m->prot & PROT_EXEC) || !(m->prot & PROT_READ) ||
		    target_read(target, m->start, code, size) != 0)
			continue;
		found = memmem(code, size, arch->syscall_insn, arch->syscall_insn_size);
		if (found != NULL)
			return m->start + (uint64_t)(found - code);
	}
	return 0;
}

/* Set registers with which the thread makes a system call with the arguments `arg`, 0, 0, 0, 0, 0. */
static void call_regs(const struct launch *launch, enum nr nr, uint64_t arg, struct regs *regs)
{
	const struct arch *arch = launch->arch;

	regs_set(arch, regs, REG_PC, launch->call_insn);
	regs_set(arch, regs, REG_AX, (uint64_t)arch->nr[nr]);
	regs_set(arch, regs, REG_ORIG_AX, UINT64_MAX);
	for (int i = REG_ARG0; i <= REG_ARG5; i++)
		regs_set(arch, regs, (enum reg)i, i == REG_ARG0 ? arg : 0);
}

/*
 * Let the thread sleep, in a ppoll of nothing and with all signals blocked.  Then the process
 * can be patched like any other.  It leaves the ppoll only when the target is detached, with
 * the registers that target_adopt() was given.
 */
static int put_to_sleep(struct launch *launch, struct session *session)
{
	struct regs regs = launch->entry_regs;
	int err;

	launch->call_insn = find_call_insn(&session->target);
	if (launch->call_insn == 0)
		return fail(EINVAL, "%s: has no system-call instruction", target_name(&session->target));
	err = target_adopt(&session->target, &launch->entry_regs, launch->entry_mask);
	if (err != 0)
		return err;
	call_regs(launch, NR_PPOLL, 0, &regs);
	err = pt_set_regs(launch->pid, &regs);
	if (err == 0)
		err = pt_set_sigmask(launch->pid, UINT64_MAX);
	if (err == 0)
		err = pt_cont(launch->pid, 0);
	return err == 0 ? 0 : fail(-err, "%s: cannot be held at its entry point: %s",
				   target_name(&session->target), strerror(-err));
}

static int check_loaded(struct session *session, const struct patchfile *patch)
{
	const struct vz_object *want = &patch->meta.target;
	char id[2 * BUILD_ID_MAX + 1];
	bool found;
	int err = objects_read(&session->objects, &session->target);

	if (err != 0)
		return err;
	found = objects_find(&session->objects, NULL, want->build_id.data,
			     (size_t)want->build_id.size) != NULL;
	objects_deinit(&session->objects);
	build_id_format(want->build_id.data, (size_t)want->build_id.size, id);
	return found ? 0 : fail(ESTALE, "%s: has not loaded %s with build-id %s at its start (another"
				" build? if it is loaded later, by dlopen, use nsb patch then)",
				target_name(&session->target), want->name, id);
}

/*
 * Tell what became of the patch, and choose how the program goes on.  If the patch was not
 * applied, it ends with an exit status that tells why, or goes on without the patch.
 */
static void finish_launch(struct launch *launch, const struct options *options,
		   const struct patchfile *patch, int err)
{
	const char *name = patch->meta.patch.name;

	if (options->syslog && err == 0)
		log_line(false, "%d: patch %s applied at the start, by user %u", launch->pid, name,
			 getuid());
	else if (options->syslog)
		log_line(true, "%d: patch %s not applied at the start, by user %u: %s", launch->pid,
			 name, getuid(), msg_kept());
	if (err == 0)
		return;
	if (msg_kept()[0] != '\0')
		msg_print_kept();
	msg_forget();
	if (options->best_effort)
		warn("%d: goes on without the patch", launch->pid);
	else if (launch->call_insn != 0)
		call_regs(launch, NR_EXIT_GROUP, status_of(err), &launch->entry_regs);
	else
		(void)kill(launch->pid, SIGKILL);
}

static int patch_at_entry(struct launch *launch, const struct options *options,
			  const struct patchfile *patch)
{
	struct session session;
	int err = session_open(&session, launch->pid, TARGET_CHANGE);
	bool adopted;

	if (err == 0)
		err = put_to_sleep(launch, &session);
	if (err == 0)
		err = check_loaded(&session, patch);
	if (err == 0)
		err = session_patch(&session, options, patch);
	finish_launch(launch, options, patch, err);
	adopted = session.target.n_threads > 0;
	err = session_close(&session, 0);
	if (!adopted) {
		err = pt_set_regs(launch->pid, &launch->entry_regs);
		if (err == 0)
			err = pt_detach(launch->pid, 0);
	}
	return err;
}

/* Do the patcher's work, from the moment when it traces the program to the end. */
static void patch_program(pid_t pid, const struct options *options, const struct patchfile *patch)
{
	struct launch launch = { .pid = pid };
	int err = await_entry(&launch);

	if (err == -ESRCH)
		return;
	if (err == 0) {
		err = patch_at_entry(&launch, options, patch);
	} else {
		finish_launch(&launch, options, patch, err);
		err = pt_detach(pid, 0);
	}
	if (err != 0 && msg_kept()[0] != '\0')
		msg_print_kept();
}

/* ---- the program and its patcher ---- */

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

static void run_patcher(const struct pipes *pipes, pid_t program, const struct options *options,
		       const struct patchfile *patch)
{
	int allowed, err;

	/* Close the program's ends.  If the program is gone, reading from it has to end. */
	(void)close(pipes->to_patcher[1]);
	(void)close(pipes->to_program[0]);
	interrupt_init();
	if (!send_int(pipes->to_program[1], getpid()) || !receive_int(pipes->to_patcher[0], &allowed))
		return;
	err = pt_seize_own(program);
	if (err != 0)
		warn("%d: cannot be traced by its patcher: %s (see ptrace_scope in ptrace(2))", program,
		     strerror(-err));
	if (send_int(pipes->to_program[1], err) && err == 0)
		patch_program(program, options, patch);
}

/*
 * Make the patcher a child of a child.  When it ends, init is told, and not the program, which
 * would get a SIGCHLD for a child that it did not make.
 */
static int start_patcher(const struct pipes *pipes, const struct options *options,
			 const struct patchfile *patch)
{
	pid_t program = getpid(), child = fork();
	int exit_status, err;

	if (child == -1)
		return fail(errno, "cannot start a process: %s", strerror(errno));
	if (child == 0) {
		pid_t patcher = fork();

		if (patcher == 0)
			run_patcher(pipes, program, options, patch);
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

int run_patched(const struct options *options, const struct patchfile *patch)
{
	const char *name = options->program[0];
	struct pipes pipes;
	int err;

	if (pipe2(pipes.to_patcher, O_CLOEXEC) != 0 || pipe2(pipes.to_program, O_CLOEXEC) != 0)
		return fail(errno, "cannot make a pipe: %s", strerror(errno));
	err = start_patcher(&pipes, options, patch);
	if (err == 0)
		err = become_traced(&pipes);
	if (err != 0)
		return err;
	(void)execvp(name, options->program);
	err = errno;
	return fail(err == ENOENT ? ELIBACC : ELIBEXEC, "%s: cannot be run: %s", name, strerror(err));
}
