/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the table of an ABI can say and that of x86 does not, and pages of other sizes: registers in several sets, a kernel that forgets the call
 * of a thread that stands, and an errand that ends with rt_sigreturn.  A child of this program is taken for one of such an ABI.
 */
#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "page.h"
#include "remote.h"
#include "tap.h"

/* A second set, which the kernel has beside NT_PRSTATUS: the floating point registers, or the first bytes of them. */
#define SET NT_PRFPREG
#define SET_SIZE 64

static struct arch arch;
static size_t state_size;
static uint8_t state[16384];

/* What an ABI whose errand needs the state is given. */
static size_t errand(const struct arch *of, const struct arch_errand *wanted, uint64_t at, uint8_t *out, size_t room,
		     struct errand_places *places)
{
	state_size = wanted->state_size;
	if (wanted->state != NULL && state_size <= sizeof(state))
		memcpy(state, wanted->state, state_size);
	return arch_find(of->elf_class, of->elf_machine)->errand(of, wanted, at, out, room, places);
}

/* A child that sleeps in epoll_wait(2), which EINTR ends when it is stopped. */
static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct epoll_event event;

		(void)syscall(SYS_epoll_wait, epoll_create1(0), &event, 1, -1);
		_exit(1);
	}
	while (pid > 0 && proc_thread_state(pid, pid) != 'S')
		(void)sched_yield();
	return pid;
}

static bool open_child(struct target *target, pid_t pid)
{
	if (target_open(target, pid, TARGET_CHANGE) != 0)
		return false;
	arch = *target->arch;
	target->arch = &arch;
	return true;
}

static bool stop(struct target *target)
{
	return target_seize(target) == 0 && target_interrupt(target, &target->threads[0]) == 0 &&
		target_await_stop(target, &target->threads[0]) == 0 && target->threads[0].state == THREAD_STOPPED;
}

static void close_child(struct target *target, pid_t pid)
{
	int status;

	ok(target_close(target) == 0, "and is let go");
	ok(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "it was there till the end");
}

static void check_sets(void)
{
	struct target target = { 0 };
	struct regs regs, again;
	uint8_t set[SET_SIZE];
	size_t size = sizeof(set);
	pid_t pid = start_child();

	if (!ok(open_child(&target, pid), "a child is opened"))
		return;
	arch.more_sets[0] = (struct reg_set){ SET, SET_SIZE, true };
	arch.n_more_sets = 1;
	if (ok(stop(&target) && pt_get_regset(pid, SET, set, &size) == 0 && size == SET_SIZE, "it is stopped")) {
		regs = target.threads[0].regs;
		ok(regs.size == arch.regs_size && memcmp(regs.bytes + regs.size, set, SET_SIZE) == 0,
		   "behind the general registers are those of the second set");
		memset(regs.bytes + regs.size, 0xee, SET_SIZE);
		ok(pt_set_regs(&arch, pid, &regs) == 0 && pt_get_regs(&arch, pid, &again) == 0 &&
		   memcmp(again.bytes + again.size, set, SET_SIZE) == 0, "one that is only read is not set");
		arch.more_sets[0].is_read_only = false;
		arch.more_sets[0].size = SET_SIZE / 2;
		ok(pt_get_regs(&arch, pid, &again) == 0 && memcmp(again.bytes + again.size, set, SET_SIZE / 2) == 0,
		   "no more than its size is read");
		arch.more_sets[0].note = NT_PRPSINFO;
		ok(pt_get_regs(&arch, pid, &again) != 0, "a set that the kernel does not have is an error");
		ok(pt_set_regs(&arch, pid, &regs) != 0, "also when it is to be set");
		ok(pt_get_regs(NULL, pid, &again) == 0 && again.size == arch.regs_size, "without an ABI only the first one is read");
	}
	arch.n_more_sets = 0;
	close_child(&target, pid);
}

/* A child whose pages are taken for larger ones: pagemap then has an entry for several pieces of them. */
static void check_pages(void)
{
	struct target target = { 0 };
	bool exist[8];
	uint8_t *pages = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start = pages == MAP_FAILED ? 0 : page_up((uintptr_t)pages, 8 * PAGE);
	bool good = true;
	pid_t pid;

	if (!ok(start != 0 && madvise(pages, 16 * PAGE, MADV_NOHUGEPAGE) == 0, "memory with pages"))
		return;
	*(volatile uint8_t *)(uintptr_t)(start + 2 * PAGE) = 1;
	pid = start_child();
	if (!ok(open_child(&target, pid), "a child is opened"))
		return;
	ok(target.page == (uint64_t)getpagesize(), "the size of its pages is known");
	target_find_pages(&target, start, 8, exist);
	for (size_t i = 0; i < 8; i++)
		good &= exist[i] == (i == 2);
	ok(good, "and which of them exist");
	/* Entry number start / page is another piece's now: let it be that of the page that exists. */
	target.page = 4 * PAGE;
	target_find_pages(&target, 4 * (start + 2 * PAGE) - 4 * PAGE, 8, exist);
	for (size_t i = 0; i < 8; i++)
		good &= exist[i] == (i >= 4);
	ok(good, "a large page exists as a whole");
	target.page = PAGE;
	ok(target_close(&target) == 0, "it is let go");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &(int){ 0 }, 0);
	(void)munmap(pages, 16 * PAGE);
}

#ifdef __x86_64__
/* A thread of i386 has a set that can be set in part of struct regs: its TLS descriptors. */
static void check_written_set(void)
{
	const struct arch *i386 = arch_find(ELFCLASS32, EM_386);
	struct arch wide = *i386;
	struct pt_status status;
	struct regs regs, again;
	char path[128];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/loop", scratch());
	if (!shell("echo '.globl _start; _start: int3; jmp _start' | gcc -m32 -x assembler -nostdlib -static -no-pie -o loop -")) {
		skip("a set that is set", "no 32-bit programs can be built here");
		return;
	}
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		(void)execl(path, path, (char *)NULL);
		_exit(127);
	}
	wide.more_sets[0] = (struct reg_set){ NT_386_TLS, 48, false };
	wide.n_more_sets = 1;
	if (pt_seize(pid) != 0 || kill(pid, SIGCONT) != 0)
		return;
	do {
		if (pt_wait(pid, &status) != 0 || status.stop == PT_GONE)
			break;
		if (status.stop == PT_SIGNAL && status.signal == SIGTRAP)
			break;
		if (pt_cont(pid, 0) != 0)
			break;
	} while (true);
	if (status.stop == PT_GONE) {
		skip("a set that is set", "no 32-bit programs run here");
		return;
	}
	if (ok(pt_get_regs(&wide, pid, &regs) == 0 && regs.size == i386->regs_size, "a thread of i386 stands")) {
		/* struct user_desc: entry, base, limit, flags: 32 bits, limit in pages, usable (asm/ldt.h). */
		const uint32_t desc[4] = { 12, 0x5000, 0xfffff, 0x51 };

		memcpy(regs.bytes + regs.size, desc, sizeof(desc));
		regs_set(&wide, &regs, REG_ARG0, 0x1234);
		ok(pt_set_regs(&wide, pid, &regs) == 0 && pt_get_regs(&wide, pid, &again) == 0, "its sets are set");
		ok(regs_get(&wide, &again, REG_ARG0) == 0x1234, "the first one");
		ok(memcmp(again.bytes + again.size + 4, desc + 1, 4) == 0, "and the second one");
		wide.more_sets[0].size = 64;
		ok(pt_get_regs(&wide, pid, &again) == -EINVAL, "one that is shorter than the table says is an error");
	}
	(void)kill(pid, SIGKILL);
	ok(pt_wait(pid, &status) == 0, "it was there till the end");
}

static bool goes_on(uint64_t number, const uint64_t args[6])
{
	return number == SYS_epoll_wait && args[3] == UINT32_MAX;
}

/* A kernel that forgets calls is played: the number is where only the test looks. */
static void check_forgotten(void)
{
	const struct arch *native = arch_all[0];
	struct target target = { 0 };
	struct proc_call call = { 0 };
	struct remote remote;
	struct regs regs;
	pid_t pid = start_child();
	struct thread *thread;

	if (!ok(open_child(&target, pid), "a child is opened"))
		return;
	arch.forgets_calls = true;
	arch.goes_on = goes_on;
	arch.reg[REG_NUMBER] = native->reg[REG_CALL];
	arch.reg[REG_CALL] = (struct reg_slot){ native->reg[REG_TP].offset, 0 };
	if (ok(stop(&target), "it is stopped")) {
		thread = &target.threads[0];
		regs = thread->regs;
		ok(thread->had_call && thread->call.number == SYS_epoll_wait && thread->call.args[3] == UINT32_MAX,
		   "its call was read before");
		ok(regs_get(&arch, &regs, REG_PC) == thread->call.pc - arch.syscall_insn_size &&
		   regs_get(&arch, &regs, REG_ARG0) == thread->call.args[0], "that EINTR has ended it is made good: it is made again");
		ok(target_find_call(&target, thread, &regs, &call) == CALL_PENDING && call.number == SYS_epoll_wait,
		   "which can be told from the registers");
		regs_set(&arch, &regs, REG_PC, thread->call.pc);
		ok(target_find_call(&target, thread, &regs, &call) == CALL_BACK, "one that has returned, too");
		regs_set(&arch, &regs, REG_PC, thread->call.pc + 1);
		ok(target_find_call(&target, thread, &regs, &call) == CALL_NONE, "a thread that has run on is in none");
		regs_set(&arch, &regs, REG_PC, thread->call.pc);
		regs_set(&arch, &regs, REG_SP, thread->call.sp - 8);
		ok(target_find_call(&target, thread, &regs, &call) == CALL_NONE, "nor one with another stack");
		regs_set(&arch, &regs, REG_SP, thread->call.sp);
		regs_set(&arch, &regs, REG_NUMBER, SYS_read);
		ok(target_find_call(&target, thread, &regs, &call) == CALL_NONE, "nor one with another number");
		ok(remote_begin(&remote, &target, 0, 0) == 0 && remote.thread == thread, "it is borrowed");
		ok(regs_get(&arch, &remote.saved, REG_NUMBER) == (uint64_t)arch.nr[NR_RESTART_SYSCALL], "nsb lets it go on with its call");
		ok(regs_get(&arch, &remote.back, REG_NUMBER) == SYS_epoll_wait, "by itself it makes it again");
		ok(remote_end(&remote) == 0, "it is given back");
		/* The real kernel has the number in another register. */
		regs = thread->regs;
		regs_set(native, &regs, REG_NUMBER, SYS_epoll_wait);
		regs_leave_call(native, &regs);
		ok(pt_set_regs(native, pid, &regs) == 0, "the number is put where the kernel looks");
	}
	ok(target_close(&target) == 0, "and it is let go");
	while (proc_read_call(pid, pid, &call) == -EBUSY)
		(void)sched_yield();
	ok(call.number == SYS_epoll_wait && call.args[0] != 0, "it is in its call again");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &(int){ 0 }, 0);
}
#endif

static void check_errand(void)
{
	struct target target = { 0 };
	struct remote remote;
	struct remote_call call = { NR_MUNMAP, { 4096, 4096 }, 0, "unmap memory", NULL, 0 };
	uint8_t set[sizeof(state)];
	size_t size = sizeof(set);
	pid_t pid = start_child();

	if (!ok(open_child(&target, pid), "a child is opened"))
		return;
	arch.errand = errand;
	if (!ok(target_seize(&target) == 0 && remote_begin(&remote, &target, 0, 0) == 0, "its thread is borrowed")) {
		note("%s", msg_kept());
		return;
	}
	ok(pt_get_regset(pid, arch.xstate_note, set, &size) == 0, "the test reads its state");
	ok(remote_make(&remote, &call, 1) == 0 && call.result == 0 && state_size == 0, "an errand that needs no state has none");
	arch.errand_has_frame = true;
	ok(remote_make(&remote, &call, 1) == 0 && call.result == 0, "one that needs it");
	ok(state_size == size && size > 500 && memcmp(state, set, size) == 0, "has it: %zu bytes", state_size);
	ok(remote_end(&remote) == 0, "the thread is given back");
	close_child(&target, pid);
}

int main(void)
{
	check_sets();
	check_pages();
#ifdef __x86_64__
	check_written_set();
	check_forgotten();
#else
	skip("a set that is set, a call that is forgotten", "registers of amd64");
#endif
	check_errand();
	return done();
}
