/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An errand, run here: it makes its calls until one has another result, and the thread comes back with the
 * registers, flags and signal mask that it is to have.
 */
#include "arch.h"
#include "tap.h"

#ifdef __x86_64__
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>

#define CARRY 0x1u
#define ZERO 0x40u
#define DIRECTION 0x400u
#define OVERFLOW 0x800u
#define SHOWN (CARRY | ZERO | DIRECTION | OVERFLOW)
#define N_REGS 16
#define DWARF_SP 7
#define TEXT "a text"
#define NAMING 0x53564d41	/* PR_SET_VMA */

/* Registers by DWARF's numbers, flags behind them, as they are when the errand has come back. */
uint64_t came_back[N_REGS + 1], stack_at;
void run(const void *code);
void lands(void);

/* run: go to the errand, with a call of getpid(2) set up; lands: where it comes back. */
__asm__(
	".text\n"
	"run: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rsp, stack_at(%rip)\n"
	"mov $39, %eax\n"
	"jmp *%rdi\n"
	"lands: pushf\n"
	"pop came_back+128(%rip)\n"
	"cld\n"
	"mov %rax, came_back(%rip); mov %rdx, came_back+8(%rip); mov %rcx, came_back+16(%rip)\n"
	"mov %rbx, came_back+24(%rip); mov %rsi, came_back+32(%rip); mov %rdi, came_back+40(%rip)\n"
	"mov %rbp, came_back+48(%rip); mov %rsp, came_back+56(%rip); mov %r8, came_back+64(%rip)\n"
	"mov %r9, came_back+72(%rip); mov %r10, came_back+80(%rip); mov %r11, came_back+88(%rip)\n"
	"mov %r12, came_back+96(%rip); mov %r13, came_back+104(%rip); mov %r14, came_back+112(%rip)\n"
	"mov %r15, came_back+120(%rip)\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n");

/* Run the errand with these calls; it is to come back with these flags and this mask. */
static bool go(const struct arch_call *calls, size_t n_calls, uint64_t flags, uint64_t mask)
{
	const struct arch *arch = arch_all[0];
	struct regs back = { .size = arch->regs_size };
	struct arch_errand errand = { .calls = calls, .n_calls = n_calls, .back = &back, .mask = mask, .wait_ns = 1000,
				      .text = n_calls > 0 && calls[n_calls - 1].takes_text ? TEXT : NULL };
	struct errand_places places;
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t size;

	for (unsigned i = 0; i < N_REGS; i++)
		regs_set_dwarf(arch, &back, i, UINT64_C(0x1111111100000000) * (i & 1) + 0x7000 + i);
	regs_set(arch, &back, REG_PC, (uintptr_t)lands);
	regs_set(arch, &back, REG_FLAGS, flags | 2);
	size = page != MAP_FAILED ? arch->errand(arch, &errand, (uintptr_t)page, page, 4096, &places) : 0;
	if (!ok(size != 0 && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0, "an errand of %zu calls, %zu bytes", n_calls, size))
		return false;
	run(page + places.begin);
	return munmap(page, 4096) == 0;
}

static bool has_registers(void)
{
	for (unsigned i = 0; i < N_REGS; i++) {
		if (i != DWARF_SP && came_back[i] != UINT64_C(0x1111111100000000) * (i & 1) + 0x7000 + i)
			return false;
	}
	return came_back[DWARF_SP] == stack_at;
}

static void test_back(void)
{
	static const uint64_t all[] = { 0, CARRY, OVERFLOW, DIRECTION, ZERO | CARRY, SHOWN };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!go(NULL, 0, all[i], 0))
			return;
		ok(has_registers(), "it comes back with all registers");
		ok((came_back[N_REGS] & SHOWN) == all[i], "and with the flags 0x%x", (unsigned)all[i]);
	}
}

static void test_calls(void)
{
	const uint64_t usr1 = UINT64_C(1) << (SIGUSR1 - 1);
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct arch_call calls[2] = {
		{ .nr = NR_READ, .args = { UINT64_MAX, 0, 0, 0 }, .expected = 0 },
		{ .nr = NR_MUNMAP, .args = { (uintptr_t)page, 4096, 0, 0 }, .expected = 0 },
	};
	sigset_t before, now;

	sigprocmask(SIG_SETMASK, NULL, &before);
	if (page == MAP_FAILED || !go(calls, 2, CARRY, usr1))
		return;
	ok(has_registers() && (came_back[N_REGS] & SHOWN) == CARRY, "registers and flags after calls");
	sigprocmask(SIG_SETMASK, &before, &now);
	ok(sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGUSR2) == 0, "the signal mask is the one that it is to have");
	ok(msync(page, 4096, MS_ASYNC) == 0, "behind a call that has another result no more calls are made");
	calls[0].expected = (uint64_t)-EBADF;
	if (!go(calls, 2, 0, 0))
		return;
	ok(msync(page, 4096, MS_ASYNC) == -1 && errno == ENOMEM, "else they are");
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static volatile bool has_text;

static void catch_call(int signal, siginfo_t *info, void *context)
{
	ucontext_t *at = context;

	(void)signal;
	(void)info;
	has_text = strcmp((const char *)at->uc_mcontext.gregs[REG_R8], TEXT) == 0;
	at->uc_mcontext.gregs[REG_RAX] = -EPERM;
}

/* The call that takes the text may fail, and is no reason not to go on. */
static void test_text(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NAMING, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };
	const struct sigaction action = { .sa_sigaction = catch_call, .sa_flags = SA_SIGINFO };
	const struct arch_call calls[2] = {
		{ .nr = NR_READ, .args = { UINT64_MAX, 0, 0, 0 }, .expected = (uint64_t)-EBADF },
		{ .nr = NR_PRCTL, .args = { NAMING, 0, 0, 0 }, .expected = 0, .takes_text = true },
	};

	if (sigaction(SIGSYS, &action, NULL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0) {
		skip("a text", "no seccomp here");
		return;
	}
	if (go(calls, 2, CARRY, 0))
		ok(has_text && has_registers() && (came_back[N_REGS] & SHOWN) == CARRY, "a call has the text, and may fail");
}

int main(void)
{
	test_back();
	test_calls();
	test_text();
	return done();
}
#else
int main(void)
{
	skip("an errand", "the code around it is for amd64");
	return done();
}
#endif
