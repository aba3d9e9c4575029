/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "remote.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PICK_ROUNDS 200
#define XSTATE_MAX 16384		/* AMX is the largest component so far: 8 KiB */
#define FRAME_MAX (XSTATE_MAX + 1024)

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
	if (thread->recalls)
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

/* signal(7): a call that the kernel would restart is made anew from its instruction. */
static void restart_call(const struct arch *arch, struct regs *regs)
{
	static const int restarts[] = { 512, 513, 514, 516 };	/* ERESTART*, linux/errno.h */
	uint64_t mask = arch->word == 8 ? UINT64_MAX : UINT32_MAX;
	uint64_t ax = regs_get(arch, regs, REG_AX);

	if (!in_system_call(arch, regs))
		return;
	for (size_t i = 0; i < sizeof(restarts) / sizeof(restarts[0]); i++) {
		if (ax != ((uint64_t)-restarts[i] & mask))
			continue;
		regs_set(arch, regs, REG_AX, regs_get(arch, regs, REG_ORIG_AX));
		regs_set(arch, regs, REG_PC, regs_get(arch, regs, REG_PC) -
			 arch->syscall_insn_size);
		return;
	}
}

/* What the file has at the entry point: what stands there may be a dead nsb's parasite. */
static int read_entry_of_file(const struct target *target, uint64_t entry, uint8_t *out,
			      size_t size)
{
	struct elf elf;
	int fd = target_open_exe(target);
	int err = fd == -1 ? -errno : elf_open_phdrs(&elf, target->memory,
						     target->arch->elf_class,
						     target->arch->elf_machine, target->exe_type,
						     target->auxv_phdr,
						     (size_t)target->auxv_phnum);

	if (err == 0) {
		err = -ENOENT;
		for (size_t i = 0; i < elf.n_phdrs && err != 0; i++) {
			const struct elf_phdr *ph = &elf.phdrs[i];
			uint64_t skip = entry - elf.bias - ph->vaddr;

			if (ph->type == PT_LOAD && skip < ph->filesz &&
			    pread(fd, out, size, (off_t)(ph->offset + skip)) == (ssize_t)size)
				err = 0;
		}
		elf_deinit(&elf);
	}
	if (fd != -1)
		(void)close(fd);
	return err;
}

static int read_gate(const struct target *target, uint64_t gate, uint8_t *bytes)
{
	const struct mapping *m = maps_find(&target->maps, gate);
	int err = 0;

	if (m == NULL || !(m->prot & PROT_EXEC) || m->end - gate < sizeof(struct parasite) ||
	    target_read(target, gate, bytes, sizeof(struct parasite)) != 0)
		return fail(EINVAL, "%s: its entry point 0x%" PRIx64 " is not in executable memory",
			    target_name(target), gate);
	if (memcmp(bytes, target->arch->parasite, PARASITE_CODE_BYTES) == 0) {
		err = read_entry_of_file(target, gate, bytes, sizeof(struct parasite));
		if (err != 0)
			return fail(-err, "%s: an earlier nsb died in it, and what belongs at its entry"
				    " point cannot be read: %s", target_name(target), strerror(-err));
	}
	return 0;
}

/*
 * Lay the signal frame.  Where that is not possible (a stack without room, a
 * processor without XSAVE) the call is made without: it only matters should nsb
 * be killed in these microseconds.
 */
static void lay_frame(struct remote *remote)
{
	const struct arch *arch = remote->target->arch;
	struct regs regs = remote->saved;
	uint64_t sp = regs_get(arch, &regs, REG_SP);
	size_t xstate_size = XSTATE_MAX, size = 0;
	uint8_t *xstate = malloc(XSTATE_MAX), *frame = malloc(FRAME_MAX);
	uint64_t start = 0;

	remote->stack = sp - arch->red_zone;
	restart_call(arch, &regs);
	if (xstate != NULL && frame != NULL &&
	    pt_get_regset(remote->thread->tid, arch->xstate_note, xstate, &xstate_size) == 0)
		size = arch->signal_frame(&regs, remote->saved_mask, xstate, xstate_size,
					  remote->stack, frame, FRAME_MAX, &start);
	if (size != 0)
		remote->stack_bytes = malloc(size);
	if (remote->stack_bytes != NULL &&
	    target_read(remote->target, start, remote->stack_bytes, size) == 0 &&
	    target_write_bulk(remote->target, start, frame, size) == 0) {
		remote->stack = start;
		remote->stack_size = size;
	} else {
		msg_forget();
		say("%s: no room for a signal frame on the stack of thread %d",
		    target_name(remote->target), remote->thread->tid);
	}
	free(xstate);
	free(frame);
}

static int place_parasite(struct remote *remote, uint64_t address, uint64_t size)
{
	struct target *target = remote->target;
	struct parasite parasite = { .address = address, .size = size };
	int err = read_gate(target, remote->gate, remote->gate_bytes);

	if (err != 0)
		return err;
	memcpy(parasite.code, target->arch->parasite, sizeof(parasite.code));
	remote->in_place = true;
	err = pt_write(remote->thread->tid, remote->gate, &parasite, sizeof(parasite));
	return err == 0 ? 0 : failed(remote, err, "put a system call into");
}

/* From here on the thread restores itself if it is let go: rt_sigreturn comes next. */
static int arm(struct remote *remote)
{
	const struct arch *arch = remote->target->arch;
	struct regs regs = remote->saved;
	int err;

	regs_set(arch, &regs, REG_PC, remote->gate + arch->syscall_insn_size);
	regs_set(arch, &regs, REG_SP, remote->stack);
	regs_set(arch, &regs, REG_ORIG_AX, UINT64_MAX);
	err = pt_set_regs(remote->thread->tid, &regs);
	if (err == 0)
		err = pt_set_sigmask(remote->thread->tid, UINT64_MAX);
	return err == 0 ? 0 : failed(remote, err, "borrow");
}

int remote_begin(struct remote *remote, struct target *target, struct thread *thread,
		 uint64_t address, uint64_t size)
{
	int err;

	*remote = (struct remote){ .target = target, .thread = thread,
				   .gate = target->auxv_entry };
	remote->saved = thread->regs;
	err = pt_get_sigmask(thread->tid, &remote->saved_mask);
	if (err != 0)
		return failed(remote, err, "read the signal mask of");
	lay_frame(remote);
	err = place_parasite(remote, address, size);
	if (err == 0)
		err = arm(remote);
	if (err != 0 && remote_end(remote) != 0)
		return -EUCLEAN;
	return err;
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
	regs_set(arch, &regs, REG_SP, remote->stack);
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

int remote_call(struct remote *remote, enum nr nr, const uint64_t args[6], const char *what,
		int64_t *result)
{
	int err = remote_syscall(remote, nr, args, result);

	if (err != 0)
		return err;
	if (*result < 0 && *result >= -4095)
		return fail((int)-*result, "%s: cannot %s: %s in the process",
			    target_name(remote->target), what, strerror((int)-*result));
	return 0;
}

/* The thread has its registers again; now its stack and the entry point. */
static int restore_memory(struct remote *remote)
{
	int err = 0;

	if (remote->in_place)
		err = pt_write(remote->thread->tid, remote->gate, remote->gate_bytes,
			       sizeof(remote->gate_bytes));
	if (err != 0)
		return failed(remote, err, "take a system call out of");
	if (remote->stack_size != 0)
		err = target_write_bulk(remote->target, remote->stack, remote->stack_bytes,
					remote->stack_size);
	return err;
}

static int restore_thread(struct remote *remote)
{
	struct thread *thread = remote->thread;
	int err = pt_interrupt(thread->tid);

	/*
	 * Going on from a syscall-exit stop the kernel would not restart the call
	 * that the thread was in (it would see errno 516): only from a stop that is
	 * taken on the way to signal handling does it.  So go to such a stop first,
	 * with all signals still blocked: no handler may be entered in between.
	 */
	if (err == 0)
		err = pt_cont(thread->tid, 0);
	if (err != 0)
		return failed(remote, err, "restore");
	thread->state = THREAD_RUNNING;
	err = target_await_stop(remote->target, thread);
	if (err != 0 || thread->state != THREAD_STOPPED)
		return err;
	thread->regs = remote->saved;
	err = pt_set_sigmask(thread->tid, remote->saved_mask);
	if (err == 0)
		err = pt_set_regs(thread->tid, &remote->saved);
	return err == 0 ? 0 : failed(remote, err, "restore");
}

int remote_end(struct remote *remote)
{
	int err = 0;

	if (remote->thread->state == THREAD_STOPPED)
		err = restore_thread(remote);
	if (err == 0 && remote->thread->state == THREAD_STOPPED)
		err = restore_memory(remote);
	free(remote->stack_bytes);
	remote->stack_bytes = NULL;
	return err;
}

/*
 * The function returns to the gate: its result is then the number of a system
 * call that is never made, seen at the entry stop.  Should nsb die, the kernel
 * knows no call of that number, and the thread restores itself.
 */
static int run_function(struct remote *remote, uint64_t function, uint64_t *result)
{
	const struct arch *arch = remote->target->arch;
	struct thread *thread = remote->thread;
	struct regs regs = remote->saved;
	/* psABI: the stack is aligned to 16 bytes before the return address is pushed. */
	uint64_t sp = ((remote->stack - 64) & ~(uint64_t)15) - arch->word;
	int err = target_write_bulk(remote->target, sp, &remote->gate, arch->word);

	if (err != 0)
		return err;
	regs_set(arch, &regs, REG_PC, function);
	regs_set(arch, &regs, REG_SP, sp);
	regs_set(arch, &regs, REG_ORIG_AX, UINT64_MAX);
	err = pt_set_regs(thread->tid, &regs);
	if (err != 0)
		return failed(remote, err, "set the registers of");
	err = await_syscall_stop(remote);	/* entry */
	if (err != 0)
		return err;
	err = pt_get_regs(thread->tid, &regs);
	if (err == 0) {
		*result = regs_get(arch, &regs, REG_ORIG_AX);
		regs_set(arch, &regs, REG_ORIG_AX, UINT64_MAX);
		regs_set(arch, &regs, REG_SP, remote->stack);
		err = pt_set_regs(thread->tid, &regs);
	}
	return err != 0 ? failed(remote, err, "run a function in") : await_syscall_stop(remote);
}

int remote_run_resolver(struct target *target, uint64_t function, uint64_t *result)
{
	struct remote remote;
	struct thread *thread;
	int err, end;

	err = target_seize(target);
	if (err == 0)
		err = remote_pick_thread(target, &thread);
	if (err == 0)
		err = remote_begin(&remote, target, thread, 0, 0);
	if (err != 0)
		return err;
	err = run_function(&remote, function, result);
	end = remote_end(&remote);
	if (err == 0)
		err = end;
	return err != 0 ? err : target_continue(target, thread);
}

int remote_unmap(struct target *target, uint64_t address, uint64_t size)
{
	const uint64_t args[6] = { address, size };
	struct remote remote;
	struct thread *thread;
	int64_t result;
	int err, end;

	err = remote_pick_thread(target, &thread);
	if (err == 0)
		err = remote_begin(&remote, target, thread, address, size);
	if (err != 0)
		return err;
	err = remote_call(&remote, NR_MUNMAP, args, "unmap memory", &result);
	end = remote_end(&remote);
	return err != 0 ? err : end;
}

/* ---- what a dead nsb left ---- */

int remote_find_remains(const struct target *target, uint64_t *address, uint64_t *size)
{
	struct parasite found;

	*address = 0;
	*size = 0;
	if (target->auxv_entry == 0 ||
	    target_read(target, target->auxv_entry, &found, sizeof(found)) != 0 ||
	    memcmp(found.code, target->arch->parasite, sizeof(found.code)) != 0)
		return 0;
	*address = found.address;
	*size = found.size;
	return 0;
}
