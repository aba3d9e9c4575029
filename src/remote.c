/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "remote.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GATE_CHUNK 65536
#define PICK_ROUNDS 200

/* ---- the gate ---- */

static bool find_in_mapping(const struct target *target, const struct mapping *m, uint64_t *gate)
{
	const struct arch *arch = target->arch;
	size_t want = arch->syscall_insn_size;
	uint8_t *chunk = malloc(GATE_CHUNK);
	bool found = false;

	for (uint64_t at = m->start; chunk != NULL && at + want <= m->end && !found;
	     at += GATE_CHUNK - want) {
		size_t size = m->end - at < GATE_CHUNK ? (size_t)(m->end - at) : GATE_CHUNK;
		const uint8_t *hit;

		if (target_read(target, at, chunk, size) != 0)
			break;
		hit = memmem(chunk, size, arch->syscall_insn, want);
		if (hit != NULL) {
			*gate = at + (uint64_t)(hit - chunk);
			found = true;
		}
	}
	free(chunk);
	return found;
}

int remote_find_gate(struct target *target, uint64_t *gate)
{
	const struct mapping *vdso = maps_find(&target->maps, target->auxv_vdso);

	if (target->auxv_vdso != 0 && vdso != NULL && find_in_mapping(target, vdso, gate))
		return 0;
	/* No vDSO (vdso=0 on the kernel command line): the program's own code has one. */
	for (size_t i = 0; i < target->maps.count; i++) {
		const struct mapping *m = &target->maps.all[i];

		if ((m->prot & PROT_EXEC) && (m->prot & PROT_READ) && m->inode != 0 &&
		    find_in_mapping(target, m, gate))
			return 0;
	}
	return fail(ENOEXEC, "%s: has no instruction that enters the kernel", target_name(target));
}

/* ---- choosing the thread ---- */

enum fitness { UNFIT, ACCEPTABLE, GOOD };

/* rseq(2): start_ip and post_commit_offset of the critical section that is set up. */
static bool in_rseq_section(const struct target *target, const struct thread *thread)
{
	uint64_t rseq = 0, section = 0, pc = regs_get(target->arch, &thread->regs, REG_PC);
	struct {
		uint32_t version, flags;
		uint64_t start, length, abort;
	} cs;

	if (pt_get_rseq(thread->tid, &rseq) != 0 || rseq == 0)
		return false;
	if (target_read(target, rseq + 8, &section, sizeof(section)) != 0 || section == 0)
		return false;
	if (target_read(target, section, &cs, sizeof(cs)) != 0)
		return true;
	return pc - cs.start < cs.length;
}

static bool in_system_call(const struct arch *arch, const struct regs *regs)
{
	uint64_t none = arch->reg[REG_ORIG_AX].width == 8 ? UINT64_MAX : UINT32_MAX;

	return regs_get(arch, regs, REG_ORIG_AX) != none;
}

static enum fitness judge(const struct target *target, const struct thread *thread)
{
	const struct arch *arch = target->arch;

	if (thread->state != THREAD_STOPPED)
		return UNFIT;
	if (thread->regs_changed)
		return GOOD;	/* its call will be made anew: it is in none now */
	if (in_system_call(arch, &thread->regs))
		return regs_get(arch, &thread->regs, REG_ORIG_AX) ==
		       (uint64_t)arch->nr[NR_RESTART_SYSCALL] ? ACCEPTABLE : GOOD;
	return in_rseq_section(target, thread) ? UNFIT : ACCEPTABLE;
}

static int try_thread(struct target *target, struct thread *thread, enum fitness least,
		      struct thread **picked)
{
	bool ours = thread->state == THREAD_RUNNING;
	int err = target_interrupt(target, thread);

	if (err == 0)
		err = target_await_stop(target, thread);
	if (err != 0)
		return err;
	if (judge(target, thread) >= least)
		*picked = thread;
	else if (ours)
		err = target_continue(target, thread);
	return err;
}

int remote_pick_thread(struct target *target, struct thread **picked)
{
	*picked = NULL;
	for (int round = 0; round < PICK_ROUNDS; round++) {
		enum fitness least = round == 0 ? GOOD : ACCEPTABLE;

		for (size_t i = 0; i < target->n_threads; i++) {
			struct thread *thread = &target->threads[i];
			int err;

			if (round == 0 && !thread->asleep)
				continue;
			err = try_thread(target, thread, least, picked);
			if (err != 0 || *picked != NULL)
				return err;
		}
	}
	if (target_count_threads(target, &(size_t){ 0 }) != 0)
		return -ESRCH;
	return fail(EBUSY, "%s: no thread is in a state to carry a system call for nsb",
		    target_name(target));
}

/* ---- calls ---- */

static int failed(const struct remote *remote, int err, const char *what)
{
	if (err == -ESRCH)
		return fail(ESRCH, "%s: ended while nsb worked on it", target_name(remote->target));
	return fail(-err, "%s: cannot %s thread %d: %s", target_name(remote->target), what,
		    remote->thread->tid, strerror(-err));
}

int remote_begin(struct remote *remote, struct target *target, struct thread *thread,
		 uint64_t gate)
{
	int err;

	*remote = (struct remote){ .target = target, .thread = thread, .gate = gate };
	remote->saved = thread->regs;
	err = pt_get_sigmask(thread->tid, &remote->saved_mask);
	if (err == 0)
		err = pt_set_sigmask(thread->tid, UINT64_MAX);
	return err == 0 ? 0 : failed(remote, err, "block the signals of");
}

/*
 * Every signal that can be blocked is.  SIGSTOP cannot: it is withheld and sent
 * again when the thread is released.
 */
static int await_syscall_stop(struct remote *remote)
{
	struct thread *thread = remote->thread;
	struct pt_status status;
	int err;

	for (;;) {
		err = pt_syscall(thread->tid);
		if (err == 0)
			err = pt_wait(thread->tid, &status);
		if (err != 0)
			return failed(remote, err, "run a system call in");
		switch (status.stop) {
		case PT_SYSCALL_STOP:
			return 0;
		case PT_GONE:
			thread->state = THREAD_GONE;
			return failed(remote, -ESRCH, "run a system call in");
		case PT_SIGNAL:
			if (status.signal != SIGSTOP)
				return fail(EIO, "%s: signal %d in the system call made for nsb",
					    target_name(remote->target), status.signal);
			thread->restop = true;
			break;
		case PT_GROUP_STOP:
		case PT_INTERRUPTED:
		case PT_OTHER_EVENT:
			break;
		}
	}
}

int remote_syscall(struct remote *remote, enum nr nr, const uint64_t args[6], int64_t *result)
{
	const struct arch *arch = remote->target->arch;
	struct thread *thread = remote->thread;
	struct regs regs = remote->saved;
	uint64_t ax;
	int err;

	regs_set(arch, &regs, REG_PC, remote->gate);
	regs_set(arch, &regs, REG_AX, (uint64_t)arch->nr[nr]);
	/* Otherwise the kernel takes this for a call to be restarted. */
	regs_set(arch, &regs, REG_ORIG_AX, UINT64_MAX);
	for (unsigned i = 0; i < 6; i++)
		regs_set(arch, &regs, (enum reg)(REG_ARG0 + i), args[i]);
	err = pt_set_regs(thread->tid, &regs);
	if (err != 0)
		return failed(remote, err, "set the registers of");
	err = await_syscall_stop(remote);	/* entry */
	if (err == 0)
		err = await_syscall_stop(remote);	/* exit */
	if (err != 0)
		return err;
	err = pt_get_regs(thread->tid, &regs);
	if (err != 0)
		return failed(remote, err, "read the registers of");
	ax = regs_get(arch, &regs, REG_AX);
	*result = arch->word == 8 ? (int64_t)ax : ax >= (uint32_t)-4095 ? (int32_t)ax : (int64_t)ax;
	debug("%s: system call %d in thread %d: 0x%" PRIx64, target_name(remote->target),
	      arch->nr[nr], thread->tid, ax);
	return 0;
}

int remote_end(struct remote *remote)
{
	struct thread *thread = remote->thread;
	int err;

	if (thread->state != THREAD_STOPPED)
		return 0;
	/*
	 * Going on from a syscall-exit stop the kernel would not restart the call
	 * that the thread was in (it would see errno 516): only from a stop that is
	 * taken on the way to signal handling does it.  So go to such a stop first,
	 * with all signals still blocked: no handler may be entered in between.
	 */
	err = pt_set_regs(thread->tid, &remote->saved);
	if (err == 0)
		err = pt_interrupt(thread->tid);
	if (err == 0)
		err = pt_cont(thread->tid, 0);
	if (err != 0)
		return failed(remote, err, "restore");
	thread->state = THREAD_RUNNING;
	err = target_await_stop(remote->target, thread);
	if (err != 0 || thread->state != THREAD_STOPPED)
		return err;
	thread->regs = remote->saved;
	err = pt_set_regs(thread->tid, &remote->saved);
	if (err == 0)
		err = pt_set_sigmask(thread->tid, remote->saved_mask);
	if (err != 0)
		return failed(remote, err, "restore");
	thread->regs_changed = false;
	return 0;
}
