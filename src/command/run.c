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

/* A program that is about to begin. */
struct debut {
	pid_t pid;
	const struct arch *arch;	/* NULL as long as it is not known */
	uint64_t entry;
	uint8_t belongs[4];	/* what stands at the entry, but for the breakpoint */
	struct regs regs;	/* with which it goes on in the end */
	uint64_t mask;		/* signals blocked then */
	uint64_t gate;		/* a system-call instruction of the process, 0 if none was found */
};

/* Exec has made a new process image: have it stop where its own code begins. */
static int plant_breakpoint(struct debut *debut)
{
	struct target target;
	int closed, err = target_open(&target, debut->pid, TARGET_VIEW);

	if (err == 0) {
		debut->arch = target.arch;
		debut->entry = target.auxv_entry;
		err = target_read(&target, debut->entry, debut->belongs,
				  debut->arch->breakpoint_size);
	}
	closed = target_close(&target);
	if (err == 0)
		err = closed;
	if (err == 0)
		err = pt_write(debut->pid, debut->entry, debut->arch->breakpoint,
			       debut->arch->breakpoint_size);
	return err == 0 ? 0 : fail(-err, "%d: cannot be stopped at its entry point: %s", debut->pid,
				   strerror(-err));
}

/* Is it there?  If so, as if there had been no breakpoint. */
static int look_arrived(struct debut *debut, bool *arrived)
{
	const struct arch *arch = debut->arch;
	int err;

	*arrived = false;
	if (arch == NULL)
		return 0;
	err = pt_get_regs(debut->pid, &debut->regs);
	if (err != 0 || debut->regs.size != arch->regs_size ||
	    regs_get(arch, &debut->regs, REG_PC) != debut->entry + arch->breakpoint_size)
		return err;
	*arrived = true;
	regs_set(arch, &debut->regs, REG_PC, debut->entry);
	regs_set(arch, &debut->regs, REG_ORIG_AX, UINT64_MAX);
	err = pt_write(debut->pid, debut->entry, debut->belongs, arch->breakpoint_size);
	return err == 0 ? pt_get_sigmask(debut->pid, &debut->mask) : err;
}

/* What a stop on the way is about happens. */
static int let_happen(struct debut *debut, const struct pt_status *status, bool *arrived)
{
	int err;

	switch (status->stop) {
	case PT_EXEC:
		err = plant_breakpoint(debut);
		return err == 0 ? pt_cont(debut->pid, 0) : err;
	case PT_GROUP_STOP:
		return pt_listen(debut->pid);
	case PT_SIGNAL:
		err = status->signal == SIGTRAP ? look_arrived(debut, arrived) : 0;
		return err != 0 || *arrived ? err : pt_cont(debut->pid, status->signal);
	default:
		return pt_cont(debut->pid, 0);
	}
}

/* The dynamic linker does its work.  -ESRCH without a message: it has ended. */
static int await_entry(struct debut *debut)
{
	bool arrived = false;
	int err = 0;

	while (err == 0 && !arrived) {
		struct pt_status status;

		err = pt_wait(debut->pid, &status);
		if (err == 0)
			err = status.stop == PT_GONE ? -ESRCH :
			      let_happen(debut, &status, &arrived);
	}
	return err;
}

/* The vDSO has one; where there is no vDSO, any code of the process will. */
static uint64_t find_gate(const struct target *target)
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

/* Registers with which the thread makes a system call that takes `arg` and zeros. */
static void call_regs(const struct debut *debut, enum nr nr, uint64_t arg, struct regs *regs)
{
	const struct arch *arch = debut->arch;

	regs_set(arch, regs, REG_PC, debut->gate);
	regs_set(arch, regs, REG_AX, (uint64_t)arch->nr[nr]);
	regs_set(arch, regs, REG_ORIG_AX, UINT64_MAX);
	for (int i = REG_ARG0; i <= REG_ARG5; i++)
		regs_set(arch, regs, (enum reg)i, i == REG_ARG0 ? arg : 0);
}

/*
 * The thread sleeps, ppoll of nothing, with all signals blocked: then the process can
 * be patched like any other.  It comes back from there only by what `onward` says.
 */
static int put_to_sleep(struct debut *debut, struct session *session)
{
	struct regs regs = debut->regs;
	int err;

	debut->gate = find_gate(&session->target);
	if (debut->gate == 0)
		return fail(EINVAL, "%s: has no system-call instruction", target_name(&session->target));
	err = target_adopt(&session->target, &debut->regs, debut->mask);
	if (err != 0)
		return err;
	call_regs(debut, NR_PPOLL, 0, &regs);
	err = pt_set_regs(debut->pid, &regs);
	if (err == 0)
		err = pt_set_sigmask(debut->pid, UINT64_MAX);
	if (err == 0)
		err = pt_cont(debut->pid, 0);
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

/* The program goes on: at its entry, or to its end. */
static void decide(struct debut *debut, const struct options *options,
		   const struct patchfile *patch, int err)
{
	const char *name = patch->meta.patch.name;

	if (options->syslog && err == 0)
		log_line(false, "%d: patch %s applied at the start, by user %u", debut->pid, name,
			 getuid());
	else if (options->syslog)
		log_line(true, "%d: patch %s not applied at the start, by user %u: %s", debut->pid,
			 name, getuid(), msg_kept());
	if (err == 0)
		return;
	if (msg_kept()[0] != '\0')
		msg_print_kept();
	msg_forget();
	if (options->best_effort)
		warn("%d: goes on without the patch", debut->pid);
	else if (debut->gate != 0)
		call_regs(debut, NR_EXIT_GROUP, status_of(err), &debut->regs);
	else
		(void)kill(debut->pid, SIGKILL);
}

static int patch_at_entry(struct debut *debut, const struct options *options,
			  const struct patchfile *patch)
{
	struct session session;
	int err = session_open(&session, debut->pid, TARGET_CHANGE);
	bool adopted;

	if (err == 0)
		err = put_to_sleep(debut, &session);
	if (err == 0)
		err = check_loaded(&session, patch);
	if (err == 0)
		err = session_patch(&session, options, patch);
	decide(debut, options, patch, err);
	adopted = session.target.n_threads > 0;
	err = session_close(&session, 0);
	if (!adopted) {
		err = pt_set_regs(debut->pid, &debut->regs);
		if (err == 0)
			err = pt_detach(debut->pid, 0);
	}
	return err;
}

/* Everything that the patcher does once it traces the program. */
static void attend(pid_t pid, const struct options *options, const struct patchfile *patch)
{
	struct debut debut = { .pid = pid };
	int err = await_entry(&debut);

	if (err == -ESRCH)
		return;
	if (err == 0) {
		err = patch_at_entry(&debut, options, patch);
	} else {
		decide(&debut, options, patch, err);
		err = pt_detach(pid, 0);
	}
	if (err != 0 && msg_kept()[0] != '\0')
		msg_print_kept();
}

/* ---- the two ---- */

/* Pipes between the program to be and its patcher. */
struct pact {
	int to_patcher[2], to_program[2];
};

static bool say_int(int fd, int value)
{
	return write(fd, &value, sizeof(value)) == (ssize_t)sizeof(value);
}

static bool hear_int(int fd, int *value)
{
	ssize_t got;

	do {
		got = read(fd, value, sizeof(*value));
	} while (got == -1 && errno == EINTR);
	return got == (ssize_t)sizeof(*value);
}

static void be_patcher(const struct pact *pact, pid_t program, const struct options *options,
		       const struct patchfile *patch)
{
	int allowed, err;

	/* The other ends: who waits for a word of one that is gone is to notice. */
	(void)close(pact->to_patcher[1]);
	(void)close(pact->to_program[0]);
	interrupt_init();
	if (!say_int(pact->to_program[1], getpid()) || !hear_int(pact->to_patcher[0], &allowed))
		return;
	err = pt_seize_own(program);
	if (err != 0)
		warn("%d: cannot be traced by its patcher: %s (see ptrace_scope in ptrace(2))", program,
		     strerror(-err));
	if (say_int(pact->to_program[1], err) && err == 0)
		attend(program, options, patch);
}

/*
 * A child's child: when it ends it is init that hears of it, not the program, which
 * would be surprised by a child that it has not made.
 */
static int start_patcher(const struct pact *pact, const struct options *options,
			 const struct patchfile *patch)
{
	pid_t program = getpid(), child = fork();
	int exit_status, err;

	if (child == -1)
		return fail(errno, "cannot start a process: %s", strerror(errno));
	if (child == 0) {
		pid_t patcher = fork();

		if (patcher == 0)
			be_patcher(pact, program, options, patch);
		_exit(patcher == -1 ? 1 : 0);
	}
	err = pt_reap(child, &exit_status);
	(void)close(pact->to_patcher[0]);
	(void)close(pact->to_program[1]);
	return err == 0 && exit_status == 0 ? 0 : fail(EAGAIN, "cannot start a process");
}

/* Yama lets only ancestors trace unless they are told by name (ptrace(2)). */
static int become_traced(const struct pact *pact)
{
	int patcher, err;

	if (!hear_int(pact->to_program[0], &patcher))
		return fail(EAGAIN, "the patcher has ended");
	(void)prctl(PR_SET_PTRACER, patcher, 0, 0, 0);
	if (!say_int(pact->to_patcher[1], 0) || !hear_int(pact->to_program[0], &err))
		return fail(EAGAIN, "the patcher has ended");
	(void)prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	return err;
}

int run_patched(const struct options *options, const struct patchfile *patch)
{
	const char *name = options->program[0];
	struct pact pact;
	int err;

	if (pipe2(pact.to_patcher, O_CLOEXEC) != 0 || pipe2(pact.to_program, O_CLOEXEC) != 0)
		return fail(errno, "cannot make a pipe: %s", strerror(errno));
	err = start_patcher(&pact, options, patch);
	if (err == 0)
		err = become_traced(&pact);
	if (err != 0)
		return err;
	(void)execvp(name, options->program);
	err = errno;
	return fail(err == ENOENT ? ELIBACC : ELIBEXEC, "%s: cannot be run: %s", name, strerror(err));
}
