/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "remote.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "interrupt.h"
#include "proc.h"

#define PICK_ROUNDS 200
#define RESULT_NS 1000000000ull	/* a thread needs microseconds to make a call, or to run a resolver */
#define RETURN_MS 1000		/* a thread runs through the parasite in microseconds */
#define XSTATE_MAX 16384	/* the largest component so far, AMX, has 8 KiB */
#define FRAME_MAX (XSTATE_MAX + 1024)
#define WAIT_NS 200000000	/* after its calls a thread waits for nsb at most so long */
#define RESULT_SPINS 100	/* nsb looks for the result so often, */
#define RESULT_SPIN_NS 2000	/* and spins so long before each look; */
#define RESULT_NAPS 12500	/* then for five seconds it sleeps between looks: the thread may have no processor */
#define RESULT_NAP_NS 400000
#define PROGRAM_CALLS (REMOTE_MAX_CALLS + 4)
#define PROGRAM_MAX (PROGRAM_CALLS * PARASITE_WORDS * sizeof(uint64_t))

/* What nsb writes below a thread's stack pointer, and what was there before; see lay_frame(). */
struct remote_stack {
	uint8_t xstate[XSTATE_MAX];
	uint8_t laid[PROGRAM_MAX + FRAME_MAX];
	uint8_t before[PROGRAM_MAX + FRAME_MAX];
};

/* ---- choosing the thread ---- */

enum fitness { UNFIT, ACCEPTABLE, GOOD };

/* Whether the thread is in the rseq critical section that it has set up (linux/rseq.h). */
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

/* Calls are made on the thread's stack.  Code that uses the stack pointer for something else has none. */
static bool has_stack(const struct target *target, const struct thread *thread)
{
	const struct mapping *m = maps_find(&target->maps, regs_get(target->arch, &thread->regs, REG_SP) - 1);

	return m == NULL || (m->prot & PROT_WRITE) != 0;
}

static enum fitness judge(const struct target *target, const struct thread *thread)
{
	const struct arch *arch = target->arch;

	if (thread->state != THREAD_STOPPED || !has_stack(target, thread))
		return UNFIT;
	if (thread->restarts_call)
		return GOOD;	/* it makes its call again when it goes on; until then it is in none */
	if (in_system_call(arch, &thread->regs))
		return regs_get(arch, &thread->regs, REG_ORIG_AX) ==
		       (uint64_t)arch->nr[NR_RESTART_SYSCALL] ? ACCEPTABLE : GOOD;
	return in_rseq_section(target, thread) ? UNFIT : ACCEPTABLE;
}

/* The rounds of the choice of a thread: if no thread fits in one of them, the next one asks for less. */
static const struct choice_round {
	enum fitness least;
	bool asleep;		/* only threads that sleep: they stop at once, and nobody waits for them */
	bool filtered;		/* also one with a seccomp filter, which has to be suspended then */
} choice_rounds[] = {
	{ GOOD, true, false }, { GOOD, true, true }, { ACCEPTABLE, false, false }, { ACCEPTABLE, false, true },
};

#define CHOICE_ROUNDS (sizeof(choice_rounds) / sizeof(choice_rounds[0]))

static int try_thread(struct target *target, struct thread *thread, const struct choice_round *round,
		      struct thread **picked)
{
	bool ours = thread->state == THREAD_RUNNING;
	struct proc_status status;
	int err = target_interrupt(target, thread);

	if (err == 0)
		err = target_await_stop(target, thread);
	if (err != 0 || thread->state != THREAD_STOPPED)
		return err;
	/* The threads of a process may have different seccomp filters, or none. */
	if (judge(target, thread) >= round->least && target_may_set(target, thread) &&
	    proc_read_status(thread->tid, &status) == 0 && (status.seccomp == 0 || round->filtered))
		*picked = thread;
	else if (ours)
		err = target_continue(target, thread);
	return err;
}

/*
 * Choose the thread that makes the calls, and stop it.  The leader is chosen only if no other
 * thread runs (target_may_set), for example where there is no other.
 */
static int pick_thread(struct target *target, struct thread **picked)
{
	*picked = NULL;
	for (unsigned number = 0; number < PICK_ROUNDS; number++) {
		const struct choice_round *round =
			&choice_rounds[number < CHOICE_ROUNDS ? number : CHOICE_ROUNDS - 1 - number % 2];
		int err = interrupt_check();

		if (err == 0 && number > 0 && target_has_ended(target))
			err = fail(ESRCH, "%s: has ended or called exec", target_name(target));
		target_look_asleep(target);
		for (size_t i = 0; i < target->n_threads && err == 0; i++) {
			struct thread *thread = &target->threads[i];

			if ((round->asleep && !thread->asleep) ||
			    (thread->state == THREAD_RUNNING && thread->is_stuck) ||
			    !target_may_set(target, thread))
				continue;
			err = try_thread(target, thread, round, picked);
			if (*picked != NULL)
				return err;
		}
		if (err != 0)
			return err;
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

/*
 * Set registers in which the thread would restart a system call (signal(7)) so that it makes
 * the call again from its instruction: rt_sigreturn does not restart calls.
 */
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

/* Read the bytes at the entry point from the executable: in memory a dead nsb's parasite may be there. */
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

enum remains { NO_REMAINS, PART_OF_PARASITE, WHOLE_PARASITE };

/*
 * Find out what is at the entry point, the original bytes there, and whether a dead nsb has left
 * its parasite.  It may have written, or removed, only a part of the parasite (parasite.h).
 */
static int look_at_entry(const struct target *target, struct parasite *found, uint8_t *original,
			enum remains *remains)
{
	const uint8_t *code = target->arch->parasite;
	const struct mapping *m = maps_find(&target->maps, target->auxv_entry);
	int err = 0;

	*remains = NO_REMAINS;
	if (m == NULL || !(m->prot & PROT_EXEC) || m->end - target->auxv_entry < sizeof(*found) ||
	    target_read(target, target->auxv_entry, found, sizeof(*found)) != 0)
		return -EFAULT;
	memcpy(original, found, sizeof(*found));
	if (found->code[0] != code[0])
		return 0;
	if (memcmp(found->code, code, sizeof(found->code)) == 0 &&
	    found->check == parasite_check(found))
		*remains = WHOLE_PARASITE;
	err = read_entry_of_file(target, target->auxv_entry, original, sizeof(*found));
	if (err != 0) {
		memcpy(original, found, sizeof(*found));
		return *remains == WHOLE_PARASITE ? err : 0;
	}
	if (*remains == NO_REMAINS && memcmp(found, original, sizeof(*found)) != 0)
		*remains = PART_OF_PARASITE;
	return 0;
}

static int read_entry(const struct target *target, uint8_t *bytes)
{
	struct parasite found;
	enum remains remains;
	int err = look_at_entry(target, &found, bytes, &remains);

	if (err == 0)
		return 0;
	if (err == -EFAULT)
		return fail(EINVAL, "%s: its entry point 0x%" PRIx64 " is not in executable memory",
			    target_name(target), target->auxv_entry);
	return fail(-err, "%s: an earlier nsb died in it, and what belongs at its entry point cannot"
		    " be read: %s", target_name(target), strerror(-err));
}

/* Write the original bytes over the parasite, from its last word to its first (parasite.h). */
static int remove_parasite(pid_t tid, uint64_t entry, const uint8_t *original)
{
	size_t end = sizeof(struct parasite);
	int err = 0;

	while (end > 0 && err == 0) {
		size_t in_word = (size_t)((entry + end - 1) % sizeof(long)) + 1;
		size_t start = in_word < end ? end - in_word : 0;

		err = pt_write(tid, entry + start, original + start, end - start);
		end = start;
	}
	return err;
}

/* ---- the stack of the borrowed thread ---- */

/*
 * The size of what is below the signal frame.  Downwards these are the call of rt_sigreturn, the
 * calls that lay_program() writes, and the time that the last of those waits.
 */
static uint64_t program_size(const struct arch *arch)
{
	return PROGRAM_CALLS * PARASITE_WORDS * arch->word;
}

static size_t call_size(const struct arch *arch)
{
	return PARASITE_WORDS * arch->word;
}

/* Write a call in the way in which the parasite takes it from the stack (parasite.h). */
static void write_call(const struct arch *arch, enum nr nr, const uint64_t args[4], uint8_t *out)
{
	for (unsigned i = 0; i < 4; i++)
		memcpy(out + i * arch->word, &args[3 - i], arch->word);
	memcpy(out + 4 * arch->word, &(uint64_t){ (uint64_t)arch->nr[nr] }, arch->word);
}

/*
 * Write the signal frame below the thread's stack pointer, and the call of rt_sigreturn below
 * the frame.  If that is not possible (the stack has no room, the processor has no XSAVE), nsb
 * makes its calls without a frame; that does harm only if nsb is killed in these microseconds.
 */
static void lay_frame(struct remote *remote)
{
	static const uint64_t none[4];
	const struct arch *arch = remote->target->arch;
	const size_t room = (size_t)program_size(arch);
	struct remote_stack *buffer = remote->buffer;
	struct regs regs = remote->saved;
	uint64_t sp = regs_get(arch, &regs, REG_SP);
	size_t xstate_size = XSTATE_MAX, size = 0;
	uint64_t start = 0;

	remote->stack = sp - arch->red_zone;
	restart_call(arch, &regs);
	if (pt_get_regset(remote->thread->tid, arch->xstate_note, buffer->xstate,
			  &xstate_size) == 0)
		size = arch->signal_frame(&regs, remote->saved_mask, buffer->xstate, xstate_size,
					  remote->stack, buffer->laid + room, FRAME_MAX, &start);
	write_call(arch, NR_RT_SIGRETURN, none, buffer->laid + room - call_size(arch));
	remote->laid_size = room + size;
	if (size != 0 && start > room &&
	    target_read(remote->target, start - room, buffer->before, remote->laid_size) == 0 &&
	    target_write_bulk(remote->target, start - room, buffer->laid,
			      remote->laid_size) == 0) {
		remote->laid = start - room;
		remote->stack = start - call_size(arch);
	} else {
		msg_forget();
		say("%s: no room for a signal frame on the stack of thread %d",
		    target_name(remote->target), remote->thread->tid);
	}
}

static int place_parasite(struct remote *remote)
{
	struct target *target = remote->target;
	struct parasite parasite = { .address = remote->address,
				     .pages = (uint32_t)(remote->size >> 12) };
	int err = read_entry(target, remote->entry_bytes);

	if (err != 0)
		return err;
	parasite.check = parasite_check(&parasite);
	memcpy(parasite.code, target->arch->parasite, sizeof(parasite.code));
	remote->in_place = true;
	err = pt_write(remote->thread->tid, remote->entry, &parasite, sizeof(parasite));
	return err == 0 ? 0 : failed(remote, err, "put a system call into");
}

/* Set the registers so that the thread, if it is let go, calls rt_sigreturn and restores itself. */
static int arm(struct remote *remote)
{
	const struct arch *arch = remote->target->arch;
	struct regs regs = remote->saved;
	int err;

	regs_set(arch, &regs, REG_PC, remote->entry);
	regs_set(arch, &regs, REG_SP, remote->stack);
	regs_set(arch, &regs, REG_ORIG_AX, UINT64_MAX);
	err = pt_set_regs(remote->thread->tid, &regs);
	if (err == 0)
		err = pt_set_sigmask(remote->thread->tid, UINT64_MAX);
	return err == 0 ? 0 : failed(remote, err, "borrow");
}

/*
 * A seccomp filter of the thread is suspended only while the thread makes calls for nsb, and
 * only for it: no code of the target runs without the filter.
 */
static int suspend_filter(struct remote *remote, bool suspend)
{
	int err;

	/* A program that nsb starts has the filters that nsb has, which nobody may suspend. */
	if (!remote->filtered || remote->suspended == suspend || remote->target->is_own)
		return 0;
	err = pt_suspend_seccomp(remote->thread->tid, suspend);
	if (err == -EPERM)
		return fail(EPERM, "%s: runs under a seccomp filter that nsb may not suspend"
			    " (run nsb as root, with CAP_SYS_ADMIN and outside of any filter)",
			    target_name(remote->target));
	if (err != 0)
		return failed(remote, err, "change the seccomp filter of");
	remote->suspended = suspend;
	return 0;
}

/* Find out what has to be known of the thread before anything of it is changed. */
static int look_at_thread(struct remote *remote)
{
	struct proc_status status;
	int err = pt_get_sigmask(remote->thread->tid, &remote->saved_mask);

	if (err != 0)
		return failed(remote, err, "read the signal mask of");
	err = proc_read_status(remote->thread->tid, &status);
	if (err != 0)
		return failed(remote, err, "read the status of");
	remote->filtered = status.seccomp != 0;
	/* Try whether nsb may suspend the filter: to be refused in the middle of the calls would be too late. */
	err = suspend_filter(remote, true);
	return err == 0 ? suspend_filter(remote, false) : err;
}

int remote_begin(struct remote *remote, struct target *target, uint64_t address, uint64_t size)
{
	struct remote_stack *buffer = malloc(sizeof(*buffer));
	struct thread *thread = NULL;
	int err;

	*remote = (struct remote){ .target = target, .entry = target->auxv_entry,
				   .address = address, .size = size };
	if (buffer == NULL)
		return fail(ENOMEM, "out of memory");
	/* Touch the pages of the buffer now, and not while a thread is stopped. */
	memset(buffer, 0, sizeof(*buffer));
	target->arch->learn();
	err = pick_thread(target, &thread);
	if (err == 0)
		err = target_check_same(target);
	if (err == 0) {
		remote->thread = thread;
		remote->saved = thread->regs;
		err = look_at_thread(remote);
	}
	if (err != 0) {
		free(buffer);
		return err;
	}
	remote->buffer = buffer;
	lay_frame(remote);
	err = place_parasite(remote);
	if (err == 0)
		err = arm(remote);
	if (err != 0) {
		int end = remote_end(remote);

		return end == 0 || end == -ESRCH ? err : -EUCLEAN;
	}
	return 0;
}

/*
 * Wait until the thread enters or leaves a system call, but not for longer than RESULT_NS.  All
 * signals are blocked but SIGSTOP, which cannot be blocked: it is withheld, and sent again when
 * the thread is let go.
 */
static int await_syscall_stop(struct remote *remote)
{
	const uint64_t end = now_ns() + RESULT_NS;
	struct thread *thread = remote->thread;
	bool reported = true;
	int err = 0;

	for (;;) {
		struct pt_status status;

		if (reported)
			err = pt_syscall(thread->tid);
		if (err == 0)
			err = pt_wait_some(thread->tid, &status, &reported);
		if (err != 0)
			return failed(remote, err, "run a system call in");
		if (!reported) {
			thread->state = THREAD_RUNNING;
			if (now_ns() > end)
				return fail(EBUSY, "%s: thread %d does not come back from what nsb has it do",
					    target_name(remote->target), thread->tid);
			err = interrupt_check();
			if (err != 0)
				return err;
			continue;
		}
		thread->state = THREAD_STOPPED;
		switch (status.stop) {
		case PT_SYSCALL_STOP:
			return 0;
		case PT_GONE:
			thread->state = THREAD_GONE;
			return failed(remote, -ESRCH, "run a system call in");
		case PT_SIGNAL:
			if (status.signal != SIGSTOP)
				return fail(EIO, "%s: signal %d in what thread %d does for nsb",
					    target_name(remote->target), status.signal, thread->tid);
			thread->withheld_stop = true;
			break;
		case PT_GROUP_STOP:
		case PT_INTERRUPTED:
		case PT_EXEC:
		case PT_OTHER_EVENT:
			break;
		}
	}
}

/* The result of a system call as a signed number: errors are -4095 to -1 on both ABIs. */
static int64_t sign_result(const struct arch *arch, uint64_t ax)
{
	return arch->word == 8 ? (int64_t)ax : ax >= (uint32_t)-4095 ? (int32_t)ax : (int64_t)ax;
}

/* Set the registers with which the parasite begins to make calls. */
static int set_call_regs(struct remote *remote, uint64_t pc, uint64_t sp,
			 const struct remote_call *call)
{
	const struct arch *arch = remote->target->arch;
	struct regs regs = remote->saved;
	int err;

	regs_set(arch, &regs, REG_PC, pc);
	regs_set(arch, &regs, REG_SP, sp);
	regs_set(arch, &regs, REG_AX, (uint64_t)arch->nr[call->nr]);
	/* With another value the kernel would take this for a system call that it has to restart. */
	regs_set(arch, &regs, REG_ORIG_AX, UINT64_MAX);
	for (unsigned i = 0; i < 4; i++)
		regs_set(arch, &regs, (enum reg)(REG_ARG0 + i), call->args[i]);
	regs_set(arch, &regs, REG_ARG4, UINT64_MAX);
	regs_set(arch, &regs, REG_ARG5, 0);
	err = pt_set_regs(remote->thread->tid, &regs);
	return err == 0 ? 0 : failed(remote, err, "set the registers of");
}

/* Make one call, with a stop before it and one behind it.  If nsb dies, no further call is made. */
static int step_call(struct remote *remote, struct remote_call *call)
{
	const struct arch *arch = remote->target->arch;
	struct regs regs;
	int err = set_call_regs(remote, remote->entry + PARASITE_CALL, remote->stack, call);

	remote->interrupted = false;
	if (err == 0)
		err = await_syscall_stop(remote);	/* it enters the call */
	if (err == 0)
		err = await_syscall_stop(remote);	/* it leaves the call */
	if (err != 0)
		return err;
	err = pt_get_regs(remote->thread->tid, &regs);
	if (err != 0)
		return failed(remote, err, "read the registers of");
	call->result = sign_result(arch, regs_get(arch, &regs, REG_AX));
	return 0;
}

/* Handle a report of the thread while it makes calls.  It can only report a SIGSTOP, or its end. */
static int serve_run(struct remote *remote)
{
	struct thread *thread = remote->thread;
	struct pt_status status;
	bool reported;
	int err = pt_poll(thread->tid, &status, &reported);

	if (err != 0 || !reported)
		return err;
	if (status.stop == PT_GONE) {
		thread->state = THREAD_GONE;
		return -ESRCH;
	}
	if (status.stop == PT_SIGNAL && status.signal == SIGSTOP)
		thread->withheld_stop = true;
	else if (status.stop == PT_SIGNAL)
		return -EIO;
	return pt_cont(thread->tid, 0);
}

/*
 * Wait until the word at `address` is not `number` any more: the last call has been made then.
 * As long as nsb spins, it reads the word only when the thread sleeps, because every read takes
 * a lock that the thread needs to map memory.
 */
static int await_result(struct remote *remote, uint64_t address, uint64_t number)
{
	const struct timespec nap = { .tv_nsec = RESULT_NAP_NS };
	uint64_t word = number;
	int err = 0;

	for (unsigned i = 0; word == number && i < RESULT_SPINS + RESULT_NAPS; i++) {
		if (i < RESULT_SPINS)
			spin_ns(RESULT_SPIN_NS);
		else
			(void)nanosleep(&nap, NULL);
		err = serve_run(remote);
		if (err == 0 && i < RESULT_SPINS &&
		    proc_thread_state(remote->target->pid, remote->thread->tid) == 'R')
			continue;
		word = 0;
		if (err == 0)
			err = target_read(remote->target, address, &word,
					  remote->target->arch->word);
		if (err != 0)
			return failed(remote, err, "run system calls in");
	}
	return 0;
}

/*
 * Bring the borrowed thread to a stop in which its registers can be restored.  The thread may
 * have been in a system call that the kernel has to restart.  The kernel restarts a call only
 * when the thread goes on from a stop on its way to handle signals, as after PTRACE_INTERRUPT;
 * from a syscall-exit stop the program would see errno 516.  All signals stay blocked until
 * then, so that no handler is entered in between.
 */
static int stop_borrowed(struct remote *remote)
{
	struct thread *thread = remote->thread;
	bool ran = thread->state == THREAD_RUNNING;
	int err = pt_interrupt(thread->tid);

	if (err == 0 && !ran)
		err = pt_cont(thread->tid, 0);
	if (err != 0)
		return failed(remote, err, "stop");
	thread->state = THREAD_RUNNING;
	err = target_await_stop(remote->target, thread);
	if (err != 0)
		return err;
	if (thread->state == THREAD_RUNNING)
		return fail(EBUSY, "%s: thread %d does not stop", target_name(remote->target), thread->tid);
	remote->interrupted = true;
	remote->escaped = ran && !remote->in_function && regs_get(remote->target->arch, &thread->regs, REG_PC) -
			  remote->entry >= PARASITE_CODE_BYTES;
	return 0;
}

/* Read the results, which the calls have left on the stack, while the thread waits. */
static int read_results(struct remote *remote, uint64_t start, struct remote_call *calls,
			size_t count)
{
	const struct arch *arch = remote->target->arch;
	uint8_t program[PROGRAM_MAX];

	if (target_read(remote->target, start, program, count * call_size(arch)) != 0)
		return fail(EIO, "%s: cannot read the stack of thread %d",
			    target_name(remote->target), remote->thread->tid);
	for (size_t i = 0; i < count; i++) {
		uint64_t word = 0;

		memcpy(&word, program + (i + 1) * call_size(arch) - arch->word, arch->word);
		if (word == (uint64_t)arch->nr[calls[i].nr])
			return fail(EBUSY, "%s: thread %d made no call for nsb in time (try again)",
				    target_name(remote->target), remote->thread->tid);
		calls[i].result = sign_result(arch, word);
	}
	return 0;
}

/*
 * Write the calls to the stack, behind them a ppoll in which the thread waits for nsb, and in
 * front of them the time that the ppoll waits.  *start is where the calls begin.
 */
static int lay_program(struct remote *remote, const struct remote_call *calls, size_t count,
		       uint64_t *start)
{
	const struct arch *arch = remote->target->arch;
	const uint64_t wait[4] = { 0, 0, remote->laid, 0 }, wait_time[2] = { 0, WAIT_NS };
	const size_t size = (size_t)(remote->stack - remote->laid);
	uint8_t program[PROGRAM_MAX] = { 0 };
	size_t at = size - (count + 1) * call_size(arch);

	*start = remote->laid + at;
	for (unsigned i = 0; i < 2; i++)
		memcpy(program + i * arch->word, &wait_time[i], arch->word);
	for (size_t i = 0; i < count; i++, at += call_size(arch))
		write_call(arch, calls[i].nr, calls[i].args, program + at);
	write_call(arch, NR_PPOLL, wait, program + at);
	return target_write_bulk(remote->target, remote->laid, program, size);
}

/*
 * Make all calls without a stop in between, which would take longer.  The last call is a wait,
 * in which nsb stops the thread.  If nsb dies, the wait ends, and the thread calls rt_sigreturn.
 * The wait is a ppoll(2): nanosleep(2) would overwrite the restart_block in the kernel, which
 * the system call that the thread was borrowed from may need.
 */
static int run_calls(struct remote *remote, struct remote_call *calls, size_t count)
{
	const struct arch *arch = remote->target->arch;
	uint64_t start;
	int err = lay_program(remote, calls, count, &start);

	if (err == 0)
		err = set_call_regs(remote, remote->entry, start, &calls[0]);
	if (err != 0)
		return err;
	remote->interrupted = false;
	err = pt_cont(remote->thread->tid, 0);
	if (err != 0)
		return failed(remote, err, "run system calls in");
	remote->thread->state = THREAD_RUNNING;
	err = await_result(remote, remote->stack - call_size(arch) - arch->word,
			   (uint64_t)arch->nr[calls[count - 1].nr]);
	/* Read the results while the thread waits: once it was stopped, it may have left the wait. */
	if (err == 0)
		err = read_results(remote, start, calls, count);
	if (err == 0)
		err = stop_borrowed(remote);
	if (err == 0 && remote->thread->state != THREAD_STOPPED)
		err = failed(remote, -ESRCH, "stop");
	return err;
}

/* nsb had no processor for so long that the thread restored itself and went on.  Borrow a thread again. */
static int borrow_again(struct remote *remote)
{
	struct target *target = remote->target;
	struct thread *thread = remote->thread;
	uint64_t address = remote->address, size = remote->size;
	int err;

	say("%s: nsb comes too late: thread %d went on, and is borrowed again",
	    target_name(target), thread->tid);
	err = remote_end(remote);
	if (err == 0)
		err = target_continue(target, thread);
	return err != 0 ? err : remote_begin(remote, target, address, size);
}

int remote_make(struct remote *remote, struct remote_call *calls, size_t count)
{
	struct target *target = remote->target;
	int err = 0;

	if (remote->escaped)
		err = borrow_again(remote);
	if (err == 0)
		err = suspend_filter(remote, true);
	if (err != 0)
		return err;
	/* If nsb dies, a suspended seccomp filter is back, and would kill the thread at its next call. */
	if (remote->laid != 0 && !remote->filtered) {
		err = run_calls(remote, calls, count);
	} else {
		for (size_t i = 0; i < count && err == 0; i++)
			err = step_call(remote, &calls[i]);
	}
	for (size_t i = 0; i < count && err == 0; i++) {
		debug("%s: %s in thread %d: %" PRId64, target_name(target), calls[i].what,
		      remote->thread->tid, calls[i].result);
		if (calls[i].result < 0 && calls[i].result >= -4095)
			err = fail((int)-calls[i].result, "%s: cannot %s: %s in the process",
				   target_name(target), calls[i].what,
				   strerror((int)-calls[i].result));
	}
	return err;
}

/* Restore the entry point and the stack.  The thread has its registers back already. */
static int restore_memory(struct remote *remote)
{
	int err = 0;

	if (remote->in_place)
		err = remove_parasite(remote->thread->tid, remote->entry, remote->entry_bytes);
	if (err != 0)
		return failed(remote, err, "take a system call out of");
	/* A thread that went on by itself uses its stack again, so nothing may be written there. */
	if (remote->laid != 0 && !remote->escaped)
		err = target_write_bulk(remote->target, remote->laid, remote->buffer->before,
					remote->laid_size);
	return err;
}

static int restore_thread(struct remote *remote)
{
	struct thread *thread = remote->thread;
	int err = pt_set_sigmask(thread->tid, remote->saved_mask);

	if (err == 0)
		err = pt_set_regs(thread->tid, &remote->saved);
	thread->regs = remote->saved;
	return err == 0 ? 0 : failed(remote, err, "restore");
}

static int give_back(struct remote *remote)
{
	struct thread *thread = remote->thread;
	int err = 0;

	if (remote->buffer == NULL)
		return 0;
	if (thread->state == THREAD_RUNNING ||
	    (thread->state == THREAD_STOPPED && !remote->interrupted))
		err = stop_borrowed(remote);
	if (err == 0 && thread->state == THREAD_STOPPED)
		err = suspend_filter(remote, false);
	if (err == 0 && thread->state == THREAD_STOPPED && !remote->escaped)
		err = restore_thread(remote);
	if (err == 0 && thread->state == THREAD_STOPPED)
		err = restore_memory(remote);
	return err;
}

/* Try twice: a borrowed thread has to be given back. */
int remote_end(struct remote *remote)
{
	bool told = msg_kept()[0] != '\0';
	int err = give_back(remote);

	if (err != 0 && remote->thread->state != THREAD_GONE) {
		if (!told)
			msg_forget();
		err = give_back(remote);
	}
	free(remote->buffer);
	remote->buffer = NULL;
	return err;
}

/* Signals that an instruction raises.  Blocked, the kernel would take their handlers away. */
#define RAISED_SIGNALS (1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGILL - 1) | \
			1ull << (SIGFPE - 1) | 1ull << (SIGTRAP - 1) | 1ull << (SIGSYS - 1))

/* Let the function run, with its own system calls, until it has returned to `back`. */
static int await_function(struct remote *remote, uint64_t call_end, struct regs *regs)
{
	int err;

	do {
		err = await_syscall_stop(remote);
		if (err != 0)
			return err;
		err = pt_get_regs(remote->thread->tid, regs);
		if (err != 0)
			return failed(remote, err, "read the registers of");
	} while (regs_get(remote->target->arch, regs, REG_PC) != call_end);
	return 0;
}

/*
 * Run a function that returns to where the parasite has made a call: the parasite leaves the
 * result on the stack, in place of the return address, and goes on to the next call.  nsb stops
 * the thread when it enters that call, and prevents it.  If nsb is dead, the calls are made:
 * reads from no file, which do nothing and which filters allow, and then rt_sigreturn.  Three
 * reads align the stack as the psABI wants it at the start of a function: the address above the
 * return address is a multiple of 16.
 */
static int run_function(struct remote *remote, uint64_t function, uint64_t *result)
{
	static const uint64_t no_file[4] = { UINT64_MAX };
	const struct arch *arch = remote->target->arch;
	const uint64_t size = call_size(arch);
	const uint64_t call_end = remote->entry + PARASITE_CALL + arch->syscall_insn_size;
	uint64_t sp = remote->stack - 3 * size - arch->word;
	uint8_t bytes[(3 * PARASITE_WORDS + 1) * sizeof(uint64_t)];
	struct thread *thread = remote->thread;
	struct regs regs = remote->saved;
	int err;

	if (remote->laid == 0)
		return fail(ENOSPC, "%s: thread %d has no room on its stack for a function that nsb has"
			    " to call", target_name(remote->target), thread->tid);
	memcpy(bytes, &call_end, arch->word);
	for (unsigned i = 0; i < 3; i++)
		write_call(arch, NR_READ, no_file, bytes + arch->word + i * size);
	err = target_write_bulk(remote->target, sp, bytes, (size_t)(arch->word + 3 * size));
	if (err != 0)
		return err;
	regs_set(arch, &regs, REG_PC, function);
	regs_set(arch, &regs, REG_SP, sp);
	regs_set(arch, &regs, REG_ORIG_AX, UINT64_MAX);
	remote->interrupted = false;
	remote->in_function = true;
	err = pt_set_sigmask(thread->tid, ~RAISED_SIGNALS);
	if (err == 0)
		err = pt_set_regs(thread->tid, &regs);
	if (err != 0)
		return failed(remote, err, "set the registers of");
	err = await_function(remote, call_end, &regs);
	if (err != 0)
		return err;
	*result = 0;
	if (target_read(remote->target, sp, result, arch->word) != 0)
		return fail(EIO, "%s: cannot read the stack of thread %d", target_name(remote->target),
			    thread->tid);
	regs_set(arch, &regs, REG_ORIG_AX, UINT64_MAX);
	err = pt_set_regs(thread->tid, &regs);
	if (err != 0)
		return failed(remote, err, "set the registers of");
	err = suspend_filter(remote, true);
	return err != 0 ? err : await_syscall_stop(remote);
}

int remote_run_resolver(struct target *target, uint64_t function, uint64_t *result)
{
	struct remote remote;
	int err, end;

	err = target_seize(target);
	if (err == 0)
		err = remote_begin(&remote, target, 0, 0);
	if (err != 0)
		return err;
	err = run_function(&remote, function, result);
	end = remote_end(&remote);
	if (err == 0)
		err = end;
	return err != 0 ? err : target_continue(target, remote.thread);
}

int remote_may_call(struct target *target)
{
	struct remote remote = { .target = target };
	int err, restored;

	for (size_t i = 0; i < target->n_threads; i++) {
		const struct thread *thread = &target->threads[i];
		struct proc_status status;

		if (thread->state != THREAD_GONE && thread->state != THREAD_KERNEL &&
		    proc_read_status(thread->tid, &status) == 0 && status.seccomp == 0)
			return 0;
	}
	err = pick_thread(target, &remote.thread);
	if (err != 0)
		return err;
	err = look_at_thread(&remote);
	restored = target_continue(target, remote.thread);
	return err != 0 ? err : restored;
}

int remote_unmap(struct target *target, uint64_t address, uint64_t size)
{
	struct remote_call call = { NR_MUNMAP, { address, size }, "unmap memory", 0 };
	struct remote remote;
	int err, end;

	err = remote_begin(&remote, target, address, size);
	if (err != 0)
		return err;
	err = remote_make(&remote, &call, 1);
	end = remote_end(&remote);
	return err != 0 ? err : end;
}

/* ---- what a dead nsb left ---- */

bool remote_find_remains(const struct target *target, uint64_t *address, uint64_t *size)
{
	uint8_t original[sizeof(struct parasite)];
	struct parasite found;
	enum remains remains;

	*address = 0;
	*size = 0;
	/* If the original bytes cannot be read, read_entry() tells that when they are needed. */
	if (look_at_entry(target, &found, original, &remains) == -EFAULT)
		return false;
	if (remains == WHOLE_PARASITE) {
		*address = found.address;
		*size = (uint64_t)found.pages << 12;
	}
	return remains != NO_REMAINS;
}

/* Whether a thread is still in the parasite's code, on its way back. */
static int find_returning(struct target *target, bool *found)
{
	*found = false;
	for (size_t i = 0; i < target->n_threads; i++) {
		struct thread *thread = &target->threads[i];
		int err = interrupt_check();

		if (err == 0)
			err = target_interrupt(target, thread);
		if (err == 0)
			err = target_await_stop(target, thread);
		if (err != 0)
			return err;
		if (thread->state == THREAD_STOPPED)
			*found |= regs_get(target->arch, &thread->regs, REG_PC) -
				  target->auxv_entry < PARASITE_CODE_BYTES;
		err = target_continue(target, thread);
		if (err != 0)
			return err;
	}
	return 0;
}

int remote_await_return(struct target *target)
{
	const uint64_t end = now_ns() + RETURN_MS * 1000000ull;

	while (now_ns() < end) {
		bool found;
		int err = find_returning(target, &found);

		if (err != 0 || !found)
			return err;
		err = target_serve(target, 1);
		if (err != 0)
			return err;
	}
	return fail(EBUSY, "%s: an nsb that was killed had borrowed a thread of it, which is not back"
		    " yet (is it stopped? then continue it, and try again)", target_name(target));
}

int remote_remove_remains(struct target *target)
{
	uint8_t bytes[sizeof(struct parasite)];
	struct thread *thread;
	int err = pick_thread(target, &thread);

	if (err == 0)
		err = read_entry(target, bytes);
	if (err == 0)
		err = remove_parasite(thread->tid, target->auxv_entry, bytes);
	return err == 0 || msg_kept()[0] != '\0' ? err :
	       fail(-err, "%s: cannot put its entry point right: %s", target_name(target),
		    strerror(-err));
}
