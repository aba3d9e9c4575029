/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "remote.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "interrupt.h"
#include "page.h"
#include "proc.h"

#define PICK_ROUNDS 200
#define PICK_NAPS 800		/* and so many milliseconds for threads that cannot be stopped now, as a parent in vfork(2) */
#define WHOLE_ROUNDS 8		/* in so many no thread is stopped whose call that may end early (call.h) */
#define RESULT_NS 1000000000ull	/* a thread needs microseconds to make a call, or to run a resolver */
#define FUNCTION_TICK_NS 1000000	/* between two looks whether a function has taken too long */
#define STARVING_NS 2000000000ull	/* it gets so much more time if its thread has no processor */
#define RETURN_MS 1000		/* an errand takes microseconds */
#define XSTATE_MAX 16384	/* the largest component so far, AMX, has 8 KiB */
#define FRAME_MAX (XSTATE_MAX + 1024)
#define SCRATCH_STACK 262144	/* for a function of the target: as much as threads of musl have, and more */
#define BORROW_TRIES 100	/* a thread with a filter may get a signal each time */
#define LOOK_AGAIN_NS (WAIT_NS + 20000000ull)
#define LOOK_AGAIN_TICK_MS 10
#define WAIT_NS 200000000	/* after its calls a thread waits for nsb at most so long */
#define RESULT_SPINS 100	/* nsb looks for the result so often, */
#define RESULT_SPIN_NS 2000	/* and spins so long before each look; */
#define RESULT_NAPS 12500	/* then for five seconds it sleeps between looks: the thread may have no processor */
#define RESULT_NAP_NS 400000

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

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

/* Calls are made on the thread's stack.  Code that uses the stack pointer for something else has none. */
static bool has_stack(const struct target *target, const struct thread *thread)
{
	const struct mapping *m = maps_find(&target->maps, regs_get(target->arch, &thread->regs, REG_SP) - 1);

	return m == NULL || (m->prot & PROT_WRITE) != 0;
}

static enum fitness judge(const struct target *target, struct thread *thread)
{
	const struct arch *arch = target->arch;
	struct proc_call call;

	if (thread->state != THREAD_STOPPED || !has_stack(target, thread))
		return UNFIT;
	/* A call from the parasite would come to the program's handler, or kill it as SIGSYS is blocked. */
	thread->is_dispatched = pt_dispatches_calls(thread->tid);
	if (thread->is_dispatched)
		return UNFIT;
	if (target_find_call(target, thread, &thread->regs, &call) != CALL_NONE)
		return call.number == (uint64_t)arch->nr[NR_RESTART_SYSCALL] ? ACCEPTABLE : GOOD;
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

/* Where there is no choice the only thread is not stopped and let go in vain. */
static const struct choice_round only_round = { ACCEPTABLE, false, true };

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
 * Whether no thread can make a call, as the calls of all of them go to a handler of the program.  A leader whose calls do not
 * does not help: where other threads run it is not borrowed (target_may_set).
 */
static bool are_all_dispatched(const struct target *target)
{
	size_t others = 0, dispatched = 0;

	for (size_t i = 0; i < target->n_threads; i++) {
		const struct thread *thread = &target->threads[i];

		if (thread->state == THREAD_GONE || thread->state == THREAD_KERNEL)
			continue;
		dispatched += thread->is_dispatched;
		others += !thread->is_dispatched && thread->tid != target->pid;
	}
	return dispatched > 0 && others == 0;
}

static bool is_any_stuck(const struct target *target)
{
	for (size_t i = 0; i < target->n_threads; i++) {
		if (target->threads[i].state == THREAD_RUNNING && target->threads[i].is_stuck)
			return true;
	}
	return false;
}

/*
 * Choose the thread that makes the calls, and stop it.  The leader is chosen only if no other
 * thread runs (target_may_set), for example where there is no other.
 */
static int pick_thread(struct target *target, struct thread **picked)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	unsigned naps = 0;

	*picked = NULL;
	for (unsigned number = 0; number < PICK_ROUNDS; number++) {
		const struct choice_round *round = target->n_threads == 1 ? &only_round :
			&choice_rounds[number < CHOICE_ROUNDS ? number : CHOICE_ROUNDS - 1 - number % 2];
		int err = interrupt_check();

		if (err == 0 && number > 0 && target_has_ended(target))
			err = fail(ESRCH, "%s: has ended or called exec", target_name(target));
		target_look_asleep(target);
		for (size_t i = 0; i < target->n_threads && err == 0; i++) {
			struct thread *thread = &target->threads[i];

			if ((round->asleep && !thread->asleep) ||
			    (number < WHOLE_ROUNDS && target_is_frail(target, thread)) ||
			    (thread->state == THREAD_RUNNING && thread->is_stuck) ||
			    !target_may_set(target, thread))
				continue;
			err = try_thread(target, thread, round, picked);
			if (*picked != NULL)
				return err;
		}
		if (err == 0 && are_all_dispatched(target))
			err = fail(EINVAL, "%s: its system calls go to a handler of its own"
				   " (PR_SET_SYSCALL_USER_DISPATCH): nsb can make none in it",
				   target_name(target));
		if (err != 0)
			return err;
		/* A thread that starts a program is in vfork(2) until there is a processor for the child. */
		if (naps < PICK_NAPS && is_any_stuck(target)) {
			(void)nanosleep(&nap, NULL);
			naps++;
			number -= number >= CHOICE_ROUNDS;
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

/*
 * Set registers in which the thread would restart a system call (signal(7)) so that it makes
 * the call again from its instruction: only the kernel restarts it otherwise.
 */
static void restart_call(const struct arch *arch, struct regs *regs)
{
	static const int restarts[] = { 512, 513, 514, 516 };	/* ERESTART*, linux/errno.h */
	uint64_t mask = arch->word == 8 ? UINT64_MAX : UINT32_MAX;
	uint64_t result = regs_get(arch, regs, REG_RESULT);

	if (!regs_in_call(arch, regs))
		return;
	for (size_t i = 0; i < sizeof(restarts) / sizeof(restarts[0]); i++) {
		if (result != ((uint64_t)-restarts[i] & mask))
			continue;
		regs_repeat_call(arch, regs);
		return;
	}
}

/* ---- borrowing ---- */

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
	remote->shadowed = status.has_shadow_stack;
	/* Try whether nsb may suspend the filter: to be refused in the middle of the calls would be too late. */
	err = suspend_filter(remote, true);
	return err == 0 ? suspend_filter(remote, false) : err;
}

struct remote_call remote_mapping(uint64_t address, uint64_t size, int prot)
{
	return (struct remote_call){
		NR_MMAP, { address, size, (uint64_t)prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE },
		address, "map memory", NULL, 0 };
}

struct remote_call remote_naming(uint64_t address, uint64_t size, const char *name)
{
	return (struct remote_call){ NR_PRCTL, { PR_SET_VMA, PR_SET_VMA_ANON_NAME, address, size }, 0, "name memory", name, 0 };
}

/* With which registers the thread is going to go on.  A call that is made again anew would wait for all of its time. */
static void prepare_return(struct remote *remote)
{
	const struct arch *arch = remote->target->arch;
	struct proc_call call;

	remote->saved = remote->back = remote->thread->regs;
	restart_call(arch, &remote->back);
	if (target_find_call(remote->target, remote->thread, &remote->saved, &call) == CALL_PENDING &&
	    arch->goes_on(call.number, call.args))
		regs_set(arch, &remote->saved, REG_NUMBER, (uint64_t)arch->nr[NR_RESTART_SYSCALL]);
}

int remote_begin(struct remote *remote, struct target *target, uint64_t address, uint64_t size)
{
	struct slack slack;
	int err = slack_find(target, &slack);

	*remote = (struct remote){ .target = target, .address = address, .size = size, .slack = slack };
	if (err == 0)
		err = pick_thread(target, &remote->thread);
	if (err == 0)
		err = target_check_same(target);
	if (err != 0)
		return err;
	prepare_return(remote);
	err = look_at_thread(remote);
	remote->borrowed = err == 0;
	remote->interrupted = true;
	return err;
}

/* Read the thread's extended state, which it has had since it was borrowed. */
static int read_state(struct remote *remote)
{
	int err;

	if (remote->state != NULL)
		return 0;
	remote->state = malloc(XSTATE_MAX);
	if (remote->state == NULL)
		return fail(ENOMEM, "out of memory");
	remote->state_size = XSTATE_MAX;
	err = pt_get_regset(remote->thread->tid, remote->target->arch->xstate_note, remote->state, &remote->state_size);
	if (err == 0)
		return 0;
	free(remote->state);
	remote->state = NULL;
	return failed(remote, err, "read the extended state of");
}

static int write_errand(struct remote *remote, struct arch_errand *errand, size_t *size)
{
	const struct slack *slack = &remote->slack;
	uint8_t code[PAGE];
	int err = remote->target->arch->errand_has_frame ? read_state(remote) : 0;

	if (err != 0)
		return err;
	errand->state = remote->state;
	errand->state_size = remote->state_size;
	*size = remote->target->arch->errand(remote->target->arch, errand, slack->start, code,
					     slack_room(slack), &remote->places);
	if (*size == 0)
		return 0;
	remote->in_place = true;
	return slack_use(slack, remote->target, code, *size, remote->address, remote->size / PAGE);
}

/*
 * Set the thread on its errand.  The signal mask comes last: if nsb is killed before that, the
 * thread makes the calls, and its way back sets the mask that it had.
 */
static int set_out(struct remote *remote, struct regs *regs, bool masks)
{
	const struct arch *arch = remote->target->arch;
	int err;

	regs_set(arch, regs, REG_PC, remote->slack.start + remote->places.begin);
	/* With another value the kernel would take this for a system call that it has to restart. */
	regs_leave_call(arch, regs);
	remote->interrupted = false;
	remote->away = true;
	remote->masked = masks;
	err = pt_set_regs(remote->target->arch, remote->thread->tid, regs);
	if (err == 0 && masks)
		err = pt_set_sigmask(remote->thread->tid, UINT64_MAX);
	return err == 0 ? 0 : failed(remote, err, "borrow");
}

/*
 * Whether the thread, which has run since it was borrowed and stands now, is still one of the
 * target.  Somebody else may write to the code that it runs for nsb, and a function of the target
 * is his own code: it may have called exec, of a setuid program perhaps, in which the registers
 * would be those that he has chosen.
 */
static int check_borrowed(const struct remote *remote)
{
	return target_check_same(remote->target);
}

/* The other way round: with its mask and the errand's pc the thread comes back by itself. */
static int restore_thread(struct remote *remote)
{
	struct thread *thread = remote->thread;
	int err = check_borrowed(remote);

	if (err != 0)
		return err;
	if (remote->masked)
		err = pt_set_sigmask(thread->tid, remote->saved_mask);
	if (err == 0)
		err = pt_set_regs(remote->target->arch, thread->tid, &remote->saved);
	if (err != 0)
		return failed(remote, err, "restore");
	thread->regs = remote->saved;
	remote->away = false;
	remote->masked = false;
	return 0;
}

/*
 * A thread with a filter has its signals not blocked: the kernel delivers one before anything
 * else happens, and the thread takes it as if nobody had borrowed it.
 */
static int let_signal(struct remote *remote, int signal)
{
	struct thread *thread = remote->thread;
	int err = restore_thread(remote);

	if (err == 0)
		err = suspend_filter(remote, false);
	if (err != 0)
		return err;
	err = pt_cont(thread->tid, signal);
	if (err != 0)
		return failed(remote, err, "continue");
	thread->state = THREAD_RUNNING;
	remote->borrowed = false;
	return -EAGAIN;
}

/*
 * Whether the thread has used less of a processor than the function may, as others have kept it from running; or
 * nsb itself, and the thread is back by now.  One that sleeps in a system call is not kept from anything.
 */
static bool is_starving(const struct remote *remote, uint64_t end)
{
	const pid_t pid = remote->target->pid, tid = remote->thread->tid;
	const char state = proc_thread_state(pid, tid);

	return remote->may_run != 0 && now_ns() < end + STARVING_NS &&
	       (state == 't' || (state == 'R' && proc_run_time(pid, tid) < remote->may_run));
}

/* Why a function that nsb has the thread run is given up, as half a sentence. */
static int is_late(const struct remote *remote)
{
	return remote->until != 0 ? fail(ETIME, "is not back in time") :
	       fail(EBUSY, "%s: thread %d does not come back from what nsb has it do", target_name(remote->target),
		    remote->thread->tid);
}

static int has_raised(const struct remote *remote, int signal)
{
	static const struct {
		int signal;
		const char *name;
	} raised[] = { { SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" }, { SIGILL, "SIGILL" }, { SIGFPE, "SIGFPE" },
		       { SIGTRAP, "SIGTRAP" }, { SIGSYS, "SIGSYS" } };
	struct regs regs;
	const char *name = "a signal";

	if (remote->until == 0 || pt_get_regs(remote->target->arch, remote->thread->tid, &regs) != 0)
		return fail(EIO, "%s: signal %d in what thread %d does for nsb", target_name(remote->target), signal,
			    remote->thread->tid);
	for (size_t i = 0; i < sizeof(raised) / sizeof(raised[0]); i++) {
		if (raised[i].signal == signal)
			name = raised[i].name;
	}
	return fail(EFAULT, "raised %s at 0x%" PRIx64, name, regs_get(remote->target->arch, &regs, REG_PC));
}

/*
 * Wait until the thread enters or leaves a system call, but not for longer than RESULT_NS.  If
 * its signals are blocked, only SIGSTOP can come: it is withheld, and sent again when the thread
 * is let go.  Otherwise -EAGAIN, without a message, says that the thread went on with a signal.
 */
static int await_syscall_stop(struct remote *remote)
{
	const uint64_t end = remote->until != 0 ? remote->until : now_ns() + RESULT_NS;
	const uint64_t tick = remote->until != 0 ? FUNCTION_TICK_NS : RESULT_NS;
	struct thread *thread = remote->thread;
	bool reported = true;
	int err = 0;

	for (;;) {
		struct pt_status status;

		if (reported)
			err = pt_syscall(thread->tid);
		if (err == 0)
			err = pt_wait_for(thread->tid, tick, &status, &reported);
		if (err != 0)
			return failed(remote, err, "run a system call in");
		if (!reported) {
			thread->state = THREAD_RUNNING;
			if (now_ns() > end && !is_starving(remote, end))
				return is_late(remote);
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
			if (!remote->masked)
				return let_signal(remote, status.signal);
			if (status.signal != SIGSTOP)
				return has_raised(remote, status.signal);
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

/*
 * Make one call between two stops, in a thread with a filter.  What the thread is set up for is
 * a read(2) from no file, which filters allow.  Only when it stands in that call, it is
 * made the one that nsb wants, and the filter is suspended.  If nsb dies before, the thread reads
 * nothing and goes on; none of its calls is one that it must not make.
 */
static int step_call(struct remote *remote, struct remote_call *call)
{
	const struct arch *arch = remote->target->arch;
	struct regs regs = remote->saved;
	int err;

	regs_set(arch, &regs, REG_NUMBER, (uint64_t)arch->nr[NR_READ]);
	regs_set(arch, &regs, REG_ARG0, UINT64_MAX);
	err = set_out(remote, &regs, false);
	if (err == 0)
		err = await_syscall_stop(remote);	/* it enters the call */
	if (err == 0)
		err = suspend_filter(remote, true);
	if (err != 0)
		return err;
	err = pt_get_regs(remote->target->arch, remote->thread->tid, &regs);
	if (err != 0)
		return failed(remote, err, "read the registers of");
	regs_set(arch, &regs, REG_CALL, (uint64_t)arch->nr[call->nr]);
	for (unsigned i = 0; i < 4; i++)
		regs_set(arch, &regs, (enum reg)(REG_ARG0 + i), call->args[i]);
	regs_set(arch, &regs, REG_ARG4, call->text != NULL ? remote->slack.start + remote->places.text : UINT64_MAX);
	regs_set(arch, &regs, REG_ARG5, 0);
	err = check_borrowed(remote);
	if (err != 0)
		return err;
	err = pt_set_regs(remote->target->arch, remote->thread->tid, &regs);
	if (err != 0)
		return failed(remote, err, "set the registers of");
	call->result = 0;
	err = await_syscall_stop(remote);	/* it leaves the call */
	if (err == 0)
		err = suspend_filter(remote, false);
	if (err != 0)
		return err;
	err = pt_get_regs(remote->target->arch, remote->thread->tid, &regs);
	if (err != 0)
		return failed(remote, err, "read the registers of");
	call->result = call->text != NULL ? (int64_t)call->expected : sign_result(arch, regs_get(arch, &regs, REG_RESULT));
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
 * Bring the borrowed thread to a stop in which its registers can be restored.  The thread may
 * have been in a system call that the kernel has to restart.  The kernel restarts a call only
 * when the thread goes on from a stop on its way to handle signals, as after PTRACE_INTERRUPT;
 * from a syscall-exit stop the program would see errno 516.  The stop comes before any signal is
 * delivered (kernel/signal.c, get_signal), so that no handler is entered in between.
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
	/* In a call for nsb it may have to wait for the lock of its memory, which others hold. */
	for (unsigned waited = 0; waited < RETURN_MS && err == 0 && thread->state == THREAD_RUNNING; waited += STOP_MS)
		err = target_await_stop(remote->target, thread);
	if (err != 0)
		return err;
	if (thread->state == THREAD_RUNNING)
		return fail(EBUSY, "%s: thread %d does not stop", target_name(remote->target), thread->tid);
	remote->interrupted = true;
	return 0;
}

/* Where the stopped thread is: its offset in the slack, or UINT64_MAX if it is not there. */
static uint64_t offset_of(const struct remote *remote)
{
	uint64_t offset = regs_get(remote->target->arch, &remote->thread->regs, REG_PC) - remote->slack.start;

	return offset < remote->slack.end - remote->slack.start ? offset : UINT64_MAX;
}

/*
 * Wait until the thread has made its calls and waits for nsb, and stop it there; or later, if
 * nsb had no processor for so long that the wait was over.  As long as nsb
 * spins, it asks only for the thread's state, because to read its memory takes a lock that the
 * thread needs to map memory.
 */
static int await_wait(struct remote *remote)
{
	const struct timespec nap = { .tv_nsec = RESULT_NAP_NS };
	const uint64_t waiting = remote->places.entered - remote->target->arch->syscall_insn_size;
	struct thread *thread = remote->thread;
	int err = 0;

	for (unsigned i = 0; err == 0 && i < RESULT_SPINS + RESULT_NAPS; i++) {
		char state;

		if (i < RESULT_SPINS)
			spin_ns(RESULT_SPIN_NS);
		else
			(void)nanosleep(&nap, NULL);
		err = serve_run(remote);
		if (err != 0)
			return failed(remote, err, "run system calls in");
		state = proc_thread_state(remote->target->pid, thread->tid);
		if (state == 'D' || (state != 'S' && i < RESULT_SPINS))
			continue;
		err = stop_borrowed(remote);
		if (err != 0 || thread->state != THREAD_STOPPED)
			return err != 0 ? err : failed(remote, -ESRCH, "stop");
		remote->escaped = offset_of(remote) == UINT64_MAX;
		if (remote->escaped || offset_of(remote) >= waiting)
			return 0;
		remote->interrupted = false;
		err = pt_cont(thread->tid, 0);
		thread->state = THREAD_RUNNING;
		if (err != 0)
			return failed(remote, err, "run system calls in");
		err = interrupt_check();
	}
	return err != 0 ? err : fail(EBUSY, "%s: thread %d made no call for nsb in time (try again)",
				     target_name(remote->target), thread->tid);
}

/* Whether all of [address, address + size) is private memory of no file. */
static bool is_anonymous(const struct maps *maps, uint64_t address, uint64_t size)
{
	uint64_t at = address;

	/* The kernel makes one mapping of neighbours with the same rights. */
	while (at < address + size) {
		const struct mapping *m = maps_find(maps, at);

		if (m == NULL || m->inode != 0 || !m->is_private)
			return false;
		at = m->end;
	}
	return true;
}

/* Whether a call was made whose result nobody has seen: by what the process has mapped. */
static int find_result(const struct remote *remote, struct remote_call *call)
{
	struct maps maps = { 0 };
	int err;

	call->result = (int64_t)call->expected;
	if (call->text != NULL)
		return 0;
	err = maps_read(&maps, remote->target->living);
	if (err != 0)
		return err;
	if (is_anonymous(&maps, call->args[0], call->args[1]) == (call->nr != NR_MMAP))
		call->result = -ECANCELED;
	maps_deinit(&maps);
	return 0;
}

/* The results, by what the waiting thread has in its registers. */
static void take_results(const struct remote *remote, struct remote_call *calls, size_t count)
{
	const struct arch *arch = remote->target->arch;
	const struct regs *regs = &remote->thread->regs;
	uint64_t last = regs_get_dwarf(arch, regs, arch->errand_index);

	for (size_t i = 0; i < count; i++) {
		calls[i].result = i < last ? (int64_t)calls[i].expected : -ECANCELED;
		if (i == last)
			calls[i].result = sign_result(arch, regs_get_dwarf(arch, regs, arch->errand_result));
	}
}

/*
 * Make as many of the calls as there is room for, without a stop in between, which would take
 * longer.  Behind the last one the thread waits, and nsb stops it there.  If nsb dies, the
 * wait ends, and the thread goes on.  The wait is a ppoll(2): nanosleep(2) would overwrite the
 * restart_block in the kernel, which the system call that the thread was borrowed from may need.
 */
static int run_calls(struct remote *remote, struct remote_call *calls, size_t count, size_t *made)
{
	struct arch_call list[ERRAND_CALLS_MAX];
	struct regs regs = remote->saved;
	struct arch_errand errand = { .calls = list, .n_calls = count < ERRAND_CALLS_MAX ? count : ERRAND_CALLS_MAX,
				      .back = &remote->back, .mask = remote->saved_mask, .wait_ns = WAIT_NS };
	size_t size = 0;
	int err = 0;

	for (size_t i = 0; i < errand.n_calls; i++) {
		list[i] = (struct arch_call){ .nr = calls[i].nr, .expected = calls[i].expected,
					      .takes_text = calls[i].text != NULL };
		memcpy(list[i].args, calls[i].args, sizeof(list[i].args));
	}
	do {
		errand.text = calls[errand.n_calls - 1].text;
		err = write_errand(remote, &errand, &size);
	} while (err == 0 && size == 0 && --errand.n_calls > 0);
	if (err == 0 && size == 0 && calls[0].text != NULL) {
		calls[0].result = (int64_t)calls[0].expected;
		*made = 1;
		return 0;
	}
	if (err == 0 && size == 0)
		err = fail(ENOSPC, "%s: no room for a system call", target_name(remote->target));
	if (err != 0)
		return err;
	*made = errand.n_calls;
	for (size_t i = 0; i < *made; i++)
		calls[i].result = 0;
	err = set_out(remote, &regs, true);
	if (err == 0)
		err = pt_cont(remote->thread->tid, 0);
	if (err != 0)
		return msg_kept()[0] != '\0' ? err : failed(remote, err, "run system calls in");
	remote->thread->state = THREAD_RUNNING;
	err = await_wait(remote);
	/* The stop throws it out of ppoll with EINTR, as that cannot write to the time, and is cured. */
	if (err == 0 && offset_of(remote) <= remote->places.entered)
		take_results(remote, calls, *made);
	else
		for (size_t i = 0; i < *made && err == 0; i++)
			err = find_result(remote, &calls[i]);
	return err != 0 || remote->escaped ? err : restore_thread(remote);
}

static bool has_failed(const struct remote_call *call)
{
	return call->result != (int64_t)call->expected;
}

/* The same one by one, each between two stops. */
static int step_calls(struct remote *remote, struct remote_call *calls, size_t count, size_t *made)
{
	struct arch_errand errand = { .back = &remote->back, .mask = remote->saved_mask, .text = calls[count - 1].text };
	size_t size;
	int err;

	err = write_errand(remote, &errand, &size);
	if (err == 0 && size == 0) {
		/* No room for the text: the name is left out. */
		calls[--count].result = 0;
		errand.text = NULL;
		err = write_errand(remote, &errand, &size);
	}
	for (*made = 0; *made < count && err == 0; (*made)++) {
		err = step_call(remote, &calls[*made]);
		if (err == 0 && has_failed(&calls[*made]))
			count = *made + 1;
	}
	if (err == 0)
		err = stop_borrowed(remote);
	if (err == 0 && remote->thread->state != THREAD_STOPPED)
		err = failed(remote, -ESRCH, "stop");
	return err != 0 ? err : restore_thread(remote);
}

/*
 * The thread has gone on by itself: it got a signal, or nsb had no processor for so long that
 * the wait was over.  Borrow a thread again.
 */
static int borrow_again(struct remote *remote)
{
	struct target *target = remote->target;
	struct thread *thread = remote->thread;
	const uint64_t address = remote->address, size = remote->size;
	int err;

	debug("%s: thread %d went on, and a thread is borrowed again", target_name(target), thread->tid);
	err = remote_end(remote);
	if (err == 0 && thread->state == THREAD_STOPPED)
		err = target_continue(target, thread);
	return err != 0 ? err : remote_begin(remote, target, address, size);
}

int remote_make(struct remote *remote, struct remote_call *calls, size_t count)
{
	struct target *target = remote->target;
	size_t done = 0, made = 0;
	int err = 0;

	for (size_t i = 0; i < count; i++)
		calls[i].result = -ECANCELED;
	for (unsigned tries = 0; done < count && err == 0; tries++) {
		if (!remote->borrowed || remote->escaped)
			err = borrow_again(remote);
		if (err != 0)
			break;
		err = (remote->filtered ? step_calls : run_calls)(remote, calls + done, count - done, &made);
		if (err == -EAGAIN && tries < BORROW_TRIES) {
			err = interrupt_check();
		} else if (err == -EAGAIN) {
			err = fail(EBUSY, "%s: its threads get signals all the time, and none can make a call for nsb",
				   target_name(target));
		}
		for (; err == 0 && made > 0 && calls[done].result != -ECANCELED; made--) {
			debug("%s: %s in thread %d: %" PRId64, target_name(target), calls[done].what,
			      remote->thread->tid, calls[done].result);
			if (has_failed(&calls[done++]))
				count = done;
		}
	}
	if (err == 0 && count > 0 && has_failed(&calls[count - 1]) && calls[count - 1].result < 0)
		err = fail((int)-calls[count - 1].result, "%s: cannot %s: %s in the process", target_name(target),
			   calls[count - 1].what, strerror((int)-calls[count - 1].result));
	return err;
}

static int give_back(struct remote *remote)
{
	struct thread *thread = remote->thread;
	int err = 0;

	if (remote->borrowed && (thread->state == THREAD_RUNNING ||
				 (thread->state == THREAD_STOPPED && !remote->interrupted)))
		err = stop_borrowed(remote);
	if (err == 0 && remote->borrowed && thread->state == THREAD_STOPPED) {
		/* If it has left the errand in the meantime, its registers are its own. */
		if (remote->away && !remote->in_function && offset_of(remote) == UINT64_MAX)
			remote->escaped = true;
		err = suspend_filter(remote, false);
		if (err == 0 && remote->away && !remote->escaped)
			err = restore_thread(remote);
	}
	if (err == 0 && remote->in_place) {
		err = slack_clear(&remote->slack, remote->target);
		remote->in_place = err != 0;
	}
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
	remote->borrowed = false;
	free(remote->state);
	remote->state = NULL;
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
		if (err == 0)
			err = check_borrowed(remote);
		if (err != 0)
			return err;
		err = pt_get_regs(remote->target->arch, remote->thread->tid, regs);
		if (err != 0)
			err = pt_get_regs(remote->target->arch, remote->thread->tid, regs);
		if (err != 0)
			return failed(remote, err, "read the registers of");
	} while (regs_get(remote->target->arch, regs, REG_PC) != call_end);
	return 0;
}

/* The memory in which a function of the target runs for nsb: its stack, and above it a signal frame. */
struct scratch {
	uint64_t address, size;
	bool stays;		/* it is not mapped for this function only: its first word tells where the frame is */
	uint8_t xstate[XSTATE_MAX], frame[FRAME_MAX];
	size_t xstate_size;
};

/* Write the signal frame, and the return address below it.  *sp is the stack pointer at the function's start. */
static int lay_frame(struct remote *remote, struct scratch *scratch, uint64_t *sp)
{
	const struct arch *arch = remote->target->arch;
	uint64_t start = 0;
	size_t size;
	int err;

	scratch->xstate_size = sizeof(scratch->xstate);
	err = pt_get_regset(remote->thread->tid, arch->xstate_note, scratch->xstate, &scratch->xstate_size);
	if (err != 0)
		return failed(remote, err, "read the extended state of");
	size = arch->signal_frame(&remote->back, remote->saved_mask, scratch->xstate, scratch->xstate_size,
				  scratch->address + scratch->size, scratch->frame, sizeof(scratch->frame), &start);
	if (size == 0)
		return fail(ENOTSUP, "%s: nsb knows no signal frame of this processor, and runs no function of the"
			    " program without one", target_name(remote->target));
	/* Where the function returns to: in a register, or on the stack. */
	*sp = arch->dwarf_link != NO_LINK ? start : start - arch->word;
	err = target_write_bulk(remote->target, start, scratch->frame, size);
	if (err == 0 && scratch->stays)
		err = target_write_bulk(remote->target, scratch->address, &start, arch->word);
	return err != 0 || *sp == start ? err : target_write_bulk(remote->target, *sp, &remote->slack.start, arch->word);
}

/*
 * Run a function in scratch memory.  It returns to code that calls rt_sigreturn, by which the thread
 * would get all its registers back if nsb were dead.  nsb stops it when it enters that call, and
 * prevents it.
 */
static int run_function(struct remote *remote, struct scratch *scratch, uint64_t function, uint64_t *result)
{
	const struct arch *arch = remote->target->arch;
	const struct arch_code *code = &arch->sigreturn_call;
	struct thread *thread = remote->thread;
	struct regs regs = remote->saved;
	uint64_t sp = 0;
	int err = lay_frame(remote, scratch, &sp);

	if (err != 0)
		return err;
	remote->in_place = true;
	err = slack_use(&remote->slack, remote->target, code->bytes, code->size, remote->address,
			remote->size / PAGE);
	if (err != 0)
		return err;
	regs_set(arch, &regs, REG_PC, function);
	regs_set(arch, &regs, REG_SP, sp);
	if (arch->dwarf_link != NO_LINK)
		regs_set_dwarf(arch, &regs, (unsigned)arch->dwarf_link, remote->slack.start);
	regs_leave_call(arch, &regs);
	remote->interrupted = false;
	remote->in_function = true;
	remote->away = true;
	remote->masked = true;
	err = pt_set_regs(arch, thread->tid, &regs);
	if (err == 0)
		err = pt_set_sigmask(thread->tid, ~RAISED_SIGNALS);
	if (err != 0)
		return failed(remote, err, "set the registers of");
	err = await_function(remote, remote->slack.start + arch->sigreturn_entered, &regs);
	if (err != 0)
		return err;
	*result = regs_get_dwarf(arch, &regs, arch->errand_result);
	remote->until = 0;
	regs_leave_call(arch, &regs);
	/* Try twice: if the thread makes the call, the one that it was borrowed from ends with EINTR. */
	err = pt_set_regs(arch, thread->tid, &regs);
	if (err != 0)
		err = pt_set_regs(arch, thread->tid, &regs);
	if (err != 0)
		return failed(remote, err, "set the registers of");
	err = suspend_filter(remote, true);
	if (err == 0)
		err = await_syscall_stop(remote);
	if (err == 0)
		err = suspend_filter(remote, false);
	return err != 0 ? err : stop_borrowed(remote);
}

/*
 * Give the thread back what it had, wherever the function has it: returned, or in a loop without an
 * end, or at an instruction that raised a signal, which is not delivered.
 */
static int leave_function(struct remote *remote, const struct scratch *scratch)
{
	uint64_t sp;
	int err = 0;

	if (!remote->in_function)
		return 0;
	if (remote->thread->state == THREAD_RUNNING ||
	    (remote->thread->state == THREAD_STOPPED && !remote->interrupted))
		err = stop_borrowed(remote);
	if (err != 0 || remote->thread->state != THREAD_STOPPED)
		return err;
	/* If it has returned and called rt_sigreturn, all is its own again. */
	sp = regs_get(remote->target->arch, &remote->thread->regs, REG_SP);
	if (sp == regs_get(remote->target->arch, &remote->saved, REG_SP)) {
		remote->in_function = remote->away = remote->masked = false;
		remote->escaped = true;
		return 0;
	}
	err = check_borrowed(remote);
	if (err != 0)
		return err;
	err = pt_set_regset(remote->thread->tid, remote->target->arch->xstate_note, scratch->xstate,
			    scratch->xstate_size);
	if (err != 0)
		return failed(remote, err, "restore the extended state of");
	err = restore_thread(remote);
	remote->in_function = err != 0;
	return err;
}

/* Map the scratch memory, run the function, and unmap it. */
static int run_in_scratch(struct remote *remote, struct scratch *scratch, uint64_t function, uint64_t *result)
{
	struct target *target = remote->target;
	/*
	 * The lowest page stays empty and cannot be written to.  By it the next nsb sees that the memory is
	 * what this one mapped, if this one is killed (is_unrecorded).
	 */
	struct remote_call map[] = {
		remote_mapping(scratch->address, scratch->size, PROT_READ),
		{ NR_MMAP, { scratch->address + target->page, scratch->size - target->page, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED }, scratch->address + target->page, "map memory", NULL, 0 },
	};
	struct remote_call unmap = { NR_MUNMAP, { scratch->address, scratch->size }, 0, "unmap memory", NULL, 0 };
	int err = target_journal_mapping(target, scratch->address, scratch->size, remote_undo_mapping), restored;

	if (err == 0)
		err = remote_make(remote, map, 2);
	if (err == 0 && map[1].result != (int64_t)map[1].expected)
		err = fail(EBUSY, "%s: the memory that was free at 0x%" PRIx64 " is taken now (try again)",
			   target_name(target), scratch->address);
	if (err == 0)
		err = run_function(remote, scratch, function, result);
	restored = leave_function(remote, scratch);
	if (err == 0)
		err = restored;
	if (err == 0)
		err = remote_make(remote, &unmap, 1);
	if (err == 0)
		target->n_changes--;
	return err;
}

static int refuse_shadowed(const struct remote *remote, const char *what)
{
	return fail(ENOTSUP, "%s: thread %d has a shadow stack (CET), so that nsb cannot run %s in it (start the program"
		    " with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off)", target_name(remote->target), remote->thread->tid,
		    what);
}

int remote_run_function(struct target *target, struct remote_function *function)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));
	const uint64_t start = now_ns();
	struct remote remote;
	int err, restored;

	if (scratch == NULL)
		return fail(ENOMEM, "out of memory");
	scratch->address = function->stack;
	scratch->size = function->stack_size;
	scratch->stays = true;
	err = remote_begin(&remote, target, function->stack, function->stack_size);
	if (err == 0 && remote.shadowed)
		err = refuse_shadowed(&remote, "a hook");
	if (err == 0) {
		const uint64_t limit = function->limit_ms * UINT64_C(1000000), ran = proc_run_time(target->pid, remote.thread->tid);

		remote.until = now_ns() + limit;
		remote.may_run = ran == UINT64_MAX ? 0 : ran + limit;
		err = run_function(&remote, scratch, function->address, &function->result);
		function->was_entered = remote.in_function;
		remote.until = 0;
		/* The thread has to come back, whether or not somebody wants nsb to end now. */
		interrupt_hold(true);
		restored = leave_function(&remote, scratch);
		function->is_lost = restored != 0;
		if (err == 0 || restored == -ESRCH)
			err = restored;
	}
	if (remote.thread != NULL) {
		restored = remote_end(&remote);
		if (err == 0)
			err = restored;
	}
	interrupt_hold(false);
	function->took_ns = now_ns() - start;
	free(scratch);
	return err;
}

int remote_may_call(struct target *target)
{
	struct remote remote = { .target = target };
	int err, restored;

	for (size_t i = 0; i < target->n_threads; i++) {
		const struct thread *thread = &target->threads[i];
		struct proc_status status;

		if (thread->state != THREAD_GONE && thread->state != THREAD_KERNEL &&
		    proc_read_status(thread->tid, &status) == 0 && status.seccomp == 0 &&
		    !((status.caught >> (SIGSYS - 1)) & 1))
			return 0;	/* it has no filter, and no handler that its calls could go to */
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
	struct remote_call call = { NR_MUNMAP, { address, size }, 0, "unmap memory", NULL, 0 };
	struct remote remote;
	int err, end;

	err = remote_begin(&remote, target, address, size);
	if (err != 0)
		return err;
	err = remote_make(&remote, &call, 1);
	end = remote_end(&remote);
	return err != 0 ? err : end;
}

int remote_undo_mapping(struct target *target, uint64_t address, uint64_t size)
{
	struct maps maps = { 0 };
	int err = maps_read(&maps, target->living);
	bool is_ours;

	if (err != 0)
		return err;
	is_ours = is_anonymous(&maps, address, size);
	maps_deinit(&maps);
	if (is_ours)
		return remote_unmap(target, address, size);
	say("%s: what is at 0x%" PRIx64 " is not what nsb was about to map there, and stays", target_name(target),
	    address);
	return 0;
}

/* ---- what a dead nsb left ---- */

bool remote_find_remains(const struct target *target, uint64_t *address, uint64_t *size)
{
	struct slack_note note;
	struct slack slack;
	bool found = slack_find_used(target, &slack, &note);

	*address = found ? note.address : 0;
	*size = found ? (uint64_t)note.pages * PAGE : 0;
	return found;
}

/*
 * Whether a thread is still on its errand, or in a function that nsb has it run, for which it has
 * its stack in [address, address + size), or on its way back.
 */
static int find_returning(struct target *target, const struct slack *slack, uint64_t address, uint64_t size,
			  bool *found)
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
			*found |= regs_get(target->arch, &thread->regs, REG_PC) - slack->start <
				  slack->end - slack->start ||
				  regs_get(target->arch, &thread->regs, REG_SP) - address < size;
		err = target_continue(target, thread);
		if (err != 0)
			return err;
	}
	return 0;
}

/*
 * A thread is still in the function that a dead nsb had it run (remote_run_function), in a loop perhaps.
 * Let it return to where that would have led: to the call of rt_sigreturn.
 */
static int bring_back(struct target *target, const struct slack *slack, const struct slack_note *note, bool *found)
{
	const struct arch *arch = target->arch;
	const uint64_t size = (uint64_t)note->pages * PAGE;
	uint64_t frame = 0;
	int err = 0;

	*found = false;
	if (target_read(target, note->address, &frame, arch->word) != 0 || frame - note->address >= size)
		return 0;
	/* The hook may have been run in the leader, which can be changed only while all others stand. */
	for (size_t i = 0; i < target->n_threads && err == 0; i++)
		err = target_interrupt(target, &target->threads[i]);
	for (size_t i = 0; i < target->n_threads && err == 0; i++)
		err = target_await_stop(target, &target->threads[i]);
	for (size_t i = 0; i < target->n_threads && err == 0; i++) {
		struct thread *thread = &target->threads[i];
		struct regs regs = thread->regs;

		if (thread->state != THREAD_STOPPED || regs_get(arch, &regs, REG_SP) - note->address >= size ||
		    !target_may_set(target, thread))
			continue;
		regs_set(arch, &regs, REG_PC, slack->start);
		regs_set(arch, &regs, REG_SP, frame);
		regs_leave_call(arch, &regs);
		err = target_check_same(target);
		if (err == 0)
			err = pt_set_regs(arch, thread->tid, &regs);
		if (err != 0 && msg_kept()[0] == '\0')
			err = fail(-err, "%s: cannot bring back thread %d: %s", target_name(target), thread->tid,
				   strerror(-err));
		if (err == 0)
			warn("%s: thread %d was still in a hook that an nsb that was killed had begun, and is brought"
			     " back: the hook may have changed data in part", target_name(target), thread->tid);
		*found = true;
	}
	for (size_t i = 0; i < target->n_threads && err == 0; i++)
		err = target_continue(target, &target->threads[i]);
	return err;
}

/* Wait until no thread is on the errand of a dead nsb any more.  The threads run on. */
static int await_return(struct target *target)
{
	uint64_t end = now_ns() + RETURN_MS * 1000000ull;
	struct slack_note note;
	struct slack slack;
	bool has_brought = false;

	if (!slack_find_used(target, &slack, &note))
		return 0;
	while (now_ns() < end) {
		bool found;
		int err = find_returning(target, &slack, note.address, (uint64_t)note.pages * PAGE, &found);

		/* Each stop lets the time of the thread's wait begin anew, so it is left alone until that is over. */
		for (uint64_t next = now_ns() + LOOK_AGAIN_NS; err == 0 && found && now_ns() < next;) {
			err = target_serve(target, LOOK_AGAIN_TICK_MS);
			if (err == 0)
				err = interrupt_check();
		}
		if (err != 0 || !found)
			return err;
		if (now_ns() < end || has_brought)
			continue;
		has_brought = true;
		err = bring_back(target, &slack, &note, &found);
		if (err != 0)
			return err;
		if (found)
			end = now_ns() + RETURN_MS * 1000000ull;
	}
	return fail(EBUSY, "%s: an nsb that was killed had borrowed a thread of it, which is not back"
		    " yet (is it stopped? then continue it, and try again)", target_name(target));
}

/*
 * Whether an nsb mapped this memory and was killed before it wrote a record there, or while it had a
 * thread run a function with its stack in it (run_in_scratch).  No jump leads to the memory then.
 */
static bool is_unrecorded(const struct target *target, uint64_t address)
{
	static const uint8_t zero[8];
	const struct mapping *m = maps_find(&target->maps, address);
	uint8_t found[sizeof(zero)];

	return address != 0 && m != NULL && m->start == address && m->inode == 0 &&
	       (m->prot & ~PROT_EXEC) == PROT_READ &&
	       target_read(target, address, found, sizeof(found)) == 0 && memcmp(found, zero, sizeof(zero)) == 0;
}

int remote_sweep_remains(struct target *target)
{
	uint64_t address, size;
	int err;

	if (!remote_find_remains(target, &address, &size))
		return 0;
	err = await_return(target);
	/* Until it was back, the thread may have gone on to map what that nsb wanted. */
	if (err == 0)
		err = target_read_maps(target);
	if (err != 0 || !is_unrecorded(target, address))
		return err;
	say("%d: unmapping what an nsb that was killed had left", target->pid);
	return remote_unmap(target, address, size);
}

int remote_remove_remains(struct target *target)
{
	struct slack_note note;
	struct slack slack;

	return slack_find_used(target, &slack, &note) ? slack_clear(&slack, target) : 0;
}

/* ---- a function of the target ---- */

int remote_run_resolver(struct target *target, uint64_t function, uint64_t *result)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));
	const struct hole hole = { .size = SCRATCH_STACK, .page = target->page, .near_lo = function, .top = target->arch->user_top,
				   .last = UINT64_MAX };
	struct remote remote = { 0 };
	int err, end;

	if (scratch == NULL)
		return fail(ENOMEM, "out of memory");
	scratch->size = SCRATCH_STACK;
	target->arch->learn();
	err = target_seize(target);
	/* Once the slack is used, nobody knows what it was used for before. */
	if (err == 0)
		err = remote_sweep_remains(target);
	if (err == 0)
		err = target_read_maps(target);
	if (err == 0)
		err = maps_find_hole(&target->maps, &hole, &scratch->address);
	if (err == 0)
		err = remote_begin(&remote, target, scratch->address, scratch->size);
	if (err == 0) {
		err = !remote.shadowed ? run_in_scratch(&remote, scratch, function, result) :
			refuse_shadowed(&remote, "the resolver of an IFUNC");
		end = remote_end(&remote);
		if (err == 0)
			err = end;
	}
	for (size_t i = 0; i < target->n_threads && err == 0; i++)
		err = target_continue(target, &target->threads[i]);
	free(scratch);
	return err;
}
