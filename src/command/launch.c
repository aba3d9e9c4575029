/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "clock.h"
#include "log.h"
#include "proc.h"
#include "session.h"
#include "status.h"
#include "trap.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434	/* the same number in all ABIs */
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#define SETTLED_NS UINT64_C(200000000)	/* a launcher executes something else sooner than that */
#define TICK_NS 1000000
#define WATCH_TICK_NS 50000	/* nsb watch: a program waits for no longer than that at its entry, */
#define WATCH_ENTRY_NS UINT64_C(3000000000)	/* and may take so long to come there: else it is patched later */

/* A program that is being started, on the way to its entry point. */
struct launch {
	pid_t pid;
	bool is_first;		/* it is the program that nsb was told to start */
	const struct arch *arch;
	uint64_t entry, since;
	struct trap trap;	/* at the entry; if there is none, */
	bool has_breakpoint;	/* there is a breakpoint, */
	uint8_t original[4];	/* in place of these bytes */
	bool is_recalled;	/* it is waited for no longer, and asked to stop to be let go */
	struct held_thread held;	/* its thread, when it stands at the entry */
	bool is_changed;	/* it goes on with other registers than the kernel has */
};

/* All that the patcher does. */
struct patcher {
	const struct options *options;
	const struct patchfile *patches;
	size_t n_patches;
	struct launch *launches;	/* owned */
	size_t n_launches;
	pid_t settling;			/* without --follow: it has begun, and may still execute something else; 0: none */
	uint64_t begun;			/* when it has, by now_ns() */
	bool was_waiting;		/* it waited for something when it was looked at last */
	bool has_begun;			/* a program has begun */
	bool is_left;			/* it is traced no longer */
	bool has_stderr;		/* stderr is the program's */
	struct stat error_file;		/* what stderr was; all zero: nothing */
	size_t n_loaded;		/* patches whose target a program had loaded at its start */
};

/* ---- stderr ---- */

/*
 * A program's reader sees the end of its standard error when the last holder has closed it, so nsb
 * holds it only while the program is stopped.
 */
static void drop_stderr(struct patcher *patcher)
{
	int null;

	if (patcher->options->is_watch)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1)
		return;
	(void)dup2(null, STDERR_FILENO);
	if (null != STDERR_FILENO)
		(void)close(null);
	patcher->has_stderr = false;
}

/* Get a stopped program's standard error, if it is still what nsb was given. */
static bool take_stderr(struct patcher *patcher, pid_t pid)
{
	struct stat found = { 0 };
	char path[40];
	int pidfd, fd;

	if (patcher->has_stderr)
		return true;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	fd = pidfd == -1 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, STDERR_FILENO, 0);
	if (pidfd != -1)
		(void)close(pidfd);
	if (fd == -1) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/2", pid);
		fd = open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	}
	if (fd == -1)
		return false;
	patcher->has_stderr = fstat(fd, &found) == 0 && patcher->error_file.st_ino != 0 &&
			      found.st_ino == patcher->error_file.st_ino &&
			      found.st_dev == patcher->error_file.st_dev &&
			      dup2(fd, STDERR_FILENO) != -1;
	(void)close(fd);
	return patcher->has_stderr;
}

/* From here on nsb holds nothing that the program was given, except a stderr that it could not open anew. */
static void leave_descriptors(struct patcher *patcher, pid_t pid)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), kept = dup(STDERR_FILENO);

	if (fstat(STDERR_FILENO, &patcher->error_file) != 0)
		patcher->error_file = (struct stat){ 0 };
	if (null != -1) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		if (null > STDERR_FILENO)
			(void)close(null);
	}
	drop_stderr(patcher);
	if (take_stderr(patcher, pid))
		drop_stderr(patcher);
	else if (kept != -1)
		patcher->has_stderr = dup2(kept, STDERR_FILENO) != -1;
	if (kept != -1)
		(void)close(kept);
}

/* ---- to the entry ---- */

/*
 * exec(2) has made a new process image: have it stop where the program's own code begins.  A trap changes nothing in it,
 * so that it goes on if nsb is killed; but a program that blocks all signals would not meet it, and nsb run has promised a patch.
 */
static int set_stop(struct launch *launch, bool may_miss)
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
	if (err == 0 && may_miss && trap_arm(&launch->trap, launch->pid, launch->entry) == 0)
		return 0;
	if (err == 0)
		err = pt_watch(launch->pid, PT_WATCH_START);
	launch->has_breakpoint = err == 0;
	if (err == 0)
		err = pt_write(launch->pid, launch->entry, launch->arch->breakpoint,
			       launch->arch->breakpoint_size);
	return err == 0 ? 0 : fail(-err, "%d: cannot be stopped at its entry point: %s", launch->pid,
				   strerror(-err));
}

/*
 * The program is at its entry, in the stop of a signal or of its exec(2).  Bring it to another stop, from which it goes on
 * as if nothing had been if nsb is killed, and which has nothing of a system call.
 */
static int stand_at_entry(struct launch *launch, struct regs *regs)
{
	struct pt_status status = { .stop = PT_OTHER_EVENT };
	int err;

	trap_disarm(&launch->trap);
	regs_set(launch->arch, regs, REG_PC, launch->entry);
	regs_leave_call(launch->arch, regs);
	err = launch->has_breakpoint ? pt_write(launch->pid, launch->entry, launch->original, launch->arch->breakpoint_size) : 0;
	launch->has_breakpoint = launch->has_breakpoint && err != 0;
	if (err == 0)
		err = pt_set_regs(launch->arch, launch->pid, regs);
	if (err == 0)
		err = pt_interrupt(launch->pid);
	if (err == 0)
		err = pt_cont(launch->pid, 0);
	while (err == 0 && status.stop != PT_INTERRUPTED && status.stop != PT_GROUP_STOP) {
		err = pt_wait(launch->pid, &status);
		if (err == 0 && status.stop == PT_GONE)
			err = -ESRCH;
		else if (err == 0 && status.stop != PT_INTERRUPTED && status.stop != PT_GROUP_STOP)
			err = pt_cont(launch->pid, status.stop == PT_SIGNAL ? status.signal : 0);
	}
	launch->held.group_stop = status.stop == PT_GROUP_STOP;
	return err == 0 ? pt_get_regs(launch->arch, launch->pid, &launch->held.regs) : err;
}

/* ---- at the entry ---- */

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

/* Have the program that stands at its entry end with an exit status.  False: it cannot be done. */
static bool end_at_entry(struct launch *launch, int exit_status)
{
	const struct arch *arch = launch->arch;
	struct regs *regs = &launch->held.regs;
	struct target target;
	uint64_t insn = 0;

	if (regs->size == 0)
		return false;
	if (target_open(&target, launch->pid, TARGET_VIEW) == 0)
		insn = find_call_insn(&target);
	if (target_close(&target) != 0 || insn == 0)
		return false;
	regs_set(arch, regs, REG_PC, insn);
	regs_set(arch, regs, REG_NUMBER, (uint64_t)arch->nr[NR_EXIT_GROUP]);
	regs_leave_call(arch, regs);
	regs_set(arch, regs, REG_ARG0, (uint64_t)exit_status);
	launch->is_changed = true;
	return true;
}

static int watch_and_go(const struct patcher *patcher, pid_t pid, bool is_group_stop)
{
	int err = pt_watch(pid, patcher->options->follow ? PT_WATCH_ALL : PT_WATCH_EXEC);

	if (err == 0)
		err = is_group_stop ? pt_listen(pid) : pt_cont(pid, 0);
	return err;
}

/*
 * The program begins.  nsb watch traces it no longer: as long as one child does, no other one can hold what the
 * program executes next.
 */
static int let_begin(struct patcher *patcher, pid_t pid, bool is_group_stop)
{
	if (!patcher->options->is_watch)
		return watch_and_go(patcher, pid, is_group_stop);
	patcher->is_left = true;
	return pt_detach(pid, 0);
}

/* Let the program begin. */
static int release(struct patcher *patcher, const struct launch *launch)
{
	int err = launch->is_changed ? pt_set_regs(launch->arch, launch->pid, &launch->held.regs) : 0;

	return err == 0 ? let_begin(patcher, launch->pid, launch->held.group_stop) : err;
}

/* Whether the program has loaded what the patch is for: 0, -ESTALE with a message if not. */
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

static void log_start(const struct patcher *patcher, const struct launch *launch, const struct patchfile *patch, int err)
{
	char comm[32];
	const struct log_entry entry = {
		.pid = launch->pid, .comm = comm, .id = patch->meta.patch.build_id.data,
		.id_size = (size_t)patch->meta.patch.build_id.size, .meta = &patch->meta,
		.patch = patch->meta.patch.name, .done = "applied", .err = err, .reason = msg_kept(),
	};

	proc_comm(launch->pid, comm, sizeof(comm));
	log_change(patcher->options, &entry);
}

static void tell_start(pid_t pid, const struct patchfile *patch)
{
	char comm[32];

	proc_comm(pid, comm, sizeof(comm));
	printf("%d (%s): %s applied at its start\n", pid, comm, patch->meta.patch.name);
	(void)fflush(stdout);
}

/* Apply one of the patches.  If it is for something that the program has not loaded, that is an error for the first program only. */
static int patch_held(struct patcher *patcher, struct launch *launch, const struct patchfile *patch)
{
	bool must = launch->is_first && !patcher->options->follow && !patcher->options->is_watch;
	struct session session;
	int err = session_open(&session, launch->pid, TARGET_CHANGE);

	if (err == 0)
		err = target_adopt(&session.target, &launch->held);
	if (err == 0)
		err = check_loaded(&session, patch);
	if (err == -ESTALE && !must) {
		msg_forget();
		return session_close(&session, 0);
	}
	patcher->n_loaded += err == 0;
	if (err == 0)
		err = session_patch(&session, patcher->options, patch);
	log_start(patcher, launch, patch, err);
	if (err == 0 && patcher->options->is_watch && !patcher->options->quiet)
		tell_start(launch->pid, patch);
	return session_close(&session, err);
}

/*
 * A patch could not be applied: tell why, and choose how the program goes on.  It ends with an
 * exit status that tells why, or goes on without the patch.
 */
static void give_up(const struct patcher *patcher, struct launch *launch, int err)
{
	/* nsb watch looks at programs that no patch may be for, and that it perhaps cannot patch at all. */
	if (patcher->options->is_watch && patcher->n_loaded == 0) {
		debug("%d: %s", launch->pid, msg_kept());
		msg_forget();
		return;
	}
	if (msg_kept()[0] != '\0')
		msg_print_kept();
	msg_forget();
	if (patcher->options->best_effort)
		warn("%d: goes on without the patch", launch->pid);
	else if (!end_at_entry(launch, (int)status_of(err)))
		(void)kill(launch->pid, SIGKILL);
}

/* The program stands at its entry: apply the patches, and let it begin. */
static void patch_at_entry(struct patcher *patcher, struct launch *launch)
{
	int err = 0;

	(void)take_stderr(patcher, launch->pid);
	/* What nsb watch patches goes on from here whatever becomes of nsb, as a patch that is half applied does no harm. */
	if (patcher->options->is_watch)
		err = pt_watch(launch->pid, PT_WATCH_EXEC);
	for (size_t i = 0; i < patcher->n_patches && err == 0; i++) {
		err = patch_held(patcher, launch, &patcher->patches[i]);
		if (err != 0 && patcher->options->best_effort) {
			give_up(patcher, launch, err);
			err = 0;
		}
	}
	if (err != 0)
		give_up(patcher, launch, err);
	drop_stderr(patcher);
	err = release(patcher, launch);
	/* What nsb watch cannot let go the kernel does, when this process ends. */
	if (err != 0 && !patcher->options->is_watch)
		(void)kill(launch->pid, SIGKILL);
	msg_forget();
	patcher->has_begun = true;
	if (!patcher->options->follow) {
		patcher->settling = launch->pid;
		patcher->begun = now_ns();
		patcher->was_waiting = false;
	}
}

/* ---- what happens ---- */

static struct launch *find_launch(const struct patcher *patcher, pid_t pid)
{
	for (size_t i = 0; i < patcher->n_launches; i++) {
		if (patcher->launches[i].pid == pid)
			return &patcher->launches[i];
	}
	return NULL;
}

static void forget_launch(struct patcher *patcher, struct launch *launch)
{
	trap_disarm(&launch->trap);
	*launch = patcher->launches[--patcher->n_launches];
}

/* The program stands at its entry: patch it, and let it begin. */
static int arrive(struct patcher *patcher, struct launch *launch, struct regs *regs)
{
	int err = stand_at_entry(launch, regs);

	if (err == 0)
		patch_at_entry(patcher, launch);
	forget_launch(patcher, launch);
	return err;
}

/* Nobody waits any longer for a program to come to its entry, or it has passed there.  It may go on as it is. */
static int recall(struct patcher *patcher, struct launch *launch, bool is_group_stop)
{
	const pid_t pid = launch->pid;
	int err = launch->has_breakpoint ? pt_write(pid, launch->entry, launch->original, launch->arch->breakpoint_size) : 0;

	forget_launch(patcher, launch);
	return err == 0 ? let_begin(patcher, pid, is_group_stop) : err;
}

/* Ask those to stop that take too long. */
static void recall_late(struct patcher *patcher)
{
	for (size_t i = 0; i < patcher->n_launches; i++) {
		struct launch *launch = &patcher->launches[i];

		if (!launch->is_recalled && now_ns() - launch->since > WATCH_ENTRY_NS)
			launch->is_recalled = pt_interrupt(launch->pid) == 0;
	}
}

/* A process has called exec(2): stop it at the entry of the new program. */
static int begin_launch(struct patcher *patcher, pid_t pid)
{
	struct launch *launch = find_launch(patcher, pid);
	struct regs regs;
	int err = 0;

	if (launch == NULL) {
		err = ARRAY_GROW(&patcher->launches, patcher->n_launches, 1);
		launch = err == 0 ? &patcher->launches[patcher->n_launches++] : NULL;
	} else {
		trap_disarm(&launch->trap);
	}
	if (launch != NULL) {
		*launch = (struct launch){ .pid = pid, .is_first = !patcher->has_begun, .since = now_ns(), .trap = NO_TRAP };
		err = pt_watch(pid, patcher->options->is_watch ? PT_WATCH_EXEC : PT_WATCH_START);
		if (err == 0)
			err = set_stop(launch, patcher->options->is_watch);
	}
	if (err == 0)
		err = pt_get_regs(launch->arch, pid, &regs);
	if (err == 0) {
		/* A program without a dynamic linker is at its entry already. */
		bool is_there = regs.size == launch->arch->regs_size && regs_get(launch->arch, &regs, REG_PC) == launch->entry;

		return is_there ? arrive(patcher, launch, &regs) : pt_cont(pid, 0);
	}
	(void)take_stderr(patcher, pid);
	/* A program that began with its patch goes on, whatever it executes later, say one of an ABI that nsb cannot patch. */
	if (launch != NULL && launch->is_first)
		give_up(patcher, launch, err);
	msg_forget();
	drop_stderr(patcher);
	if (launch != NULL)
		forget_launch(patcher, launch);
	patcher->has_begun = true;
	return let_begin(patcher, pid, false);
}

/* A signal, which the program is to have, unless it tells that the program has come to its entry. */
static int pass_signal(struct patcher *patcher, pid_t tid, int signal)
{
	struct launch *launch = find_launch(patcher, tid);
	bool is_trap = launch != NULL && trap_was_hit(&launch->trap, tid, signal);
	struct regs regs;
	int err;

	if (!is_trap && (launch == NULL || !launch->has_breakpoint || signal != SIGTRAP))
		return pt_cont(tid, signal);
	err = pt_get_regs(launch->arch, tid, &regs);
	if (err == 0 && regs.size == launch->arch->regs_size &&
	    regs_get(launch->arch, &regs, REG_PC) == launch->entry + (is_trap ? 0 : launch->arch->breakpoint_behind))
		return arrive(patcher, launch, &regs);
	if (err != 0)
		return err;
	/* It had blocked the trap's signal, and has begun. */
	return is_trap ? recall(patcher, launch, false) : pt_cont(tid, signal);
}

/* -errno if a tracee cannot be let go: the kernel does so when the patcher ends. */
static int handle(struct patcher *patcher, pid_t tid, const struct pt_status *status)
{
	struct launch *launch = find_launch(patcher, tid);
	int err = 0;

	switch (status->stop) {
	case PT_GONE:
		if (launch != NULL)
			forget_launch(patcher, launch);
		break;
	case PT_EXEC:
		err = begin_launch(patcher, tid);
		break;
	case PT_INTERRUPTED:
	case PT_GROUP_STOP:
		if (launch != NULL && launch->is_recalled)
			err = recall(patcher, launch, status->stop == PT_GROUP_STOP);
		else
			err = status->stop == PT_GROUP_STOP ? pt_listen(tid) : pt_cont(tid, 0);
		break;
	case PT_SIGNAL:
		err = pass_signal(patcher, tid, status->signal);
		break;
	default:
		err = pt_cont(tid, 0);
	}
	return err == -ESRCH ? 0 : err;
}

/* Whether a program that has begun can be left alone: it waits for something, twice, or has run for a while. */
static bool has_settled(struct patcher *patcher)
{
	bool waits = strchr("STtZX", proc_thread_state(patcher->settling, patcher->settling)) != NULL;
	bool settled = waits && patcher->was_waiting;

	patcher->was_waiting = waits;
	/* It has executed nothing for as long as nsb watch waits. */
	settled = settled || patcher->options->is_watch;
	return patcher->n_launches == 0 && (settled || now_ns() - patcher->begun > SETTLED_NS);
}

/* Trace the program no longer. */
static void leave(pid_t pid)
{
	struct target target;
	int err = target_open(&target, pid, TARGET_VIEW);

	if (err == 0)
		err = target_adopt(&target, NULL);
	if (target_close(&target) != 0 || err != 0)
		debug("%s", msg_kept());
	msg_forget();
}

bool launch_patched(pid_t pid, const struct options *options, const struct patchfile *patches,
		    size_t n_patches, void (*begin)(void *ctx), void *ctx, size_t *n_loaded)
{
	const bool is_watch = options->is_watch;
	const struct timespec tick = { .tv_nsec = is_watch ? WATCH_TICK_NS : TICK_NS };
	const uint64_t until = now_ns() + options->exec_ms * UINT64_C(1000000);
	struct patcher patcher = { .options = options, .patches = patches, .n_patches = n_patches,
				   .has_stderr = true };
	struct pt_status status;
	pid_t tid;
	int err = 0;

	if (!is_watch)
		leave_descriptors(&patcher, pid);
	begin(ctx);
	while (err == 0 && !patcher.is_left) {
		err = patcher.settling == 0 && !is_watch ? pt_wait_any(&tid, &status) : pt_poll_any(&tid, &status);
		if (err == 0 && tid != 0)
			err = handle(&patcher, tid, &status);
		else if (err == 0 && patcher.settling != 0 && has_settled(&patcher))
			break;
		else if (err == 0 && is_watch && !patcher.has_begun && patcher.n_launches == 0 && now_ns() > until)
			patcher.settling = pid;
		else if (err == 0)
			(void)nanosleep(&tick, NULL);
		if (err == 0 && is_watch)
			recall_late(&patcher);
	}
	if (err == 0 && !patcher.is_left)
		leave(patcher.settling);
	free(patcher.launches);
	*n_loaded = patcher.n_loaded;
	return patcher.has_begun;
}
