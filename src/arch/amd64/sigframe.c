/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The signal frame of 64-bit threads (arch/x86/include/uapi/asm/sigcontext.h and
 * ucontext.h; arch/x86/kernel/signal_64.c).
 */
#include "amd64.h"

#include <string.h>
#include <sys/user.h>

#include "xstate.h"

#define UC_FP_XSTATE 1u
#define UC_SIGCONTEXT_SS 2u
#define UC_STRICT_RESTORE_SS 4u
#define SS_FLAGS_INVALID 3u		/* the kernel refuses it, so the thread keeps its alternate stack */

struct amd64_sigframe {
	uint64_t flags, link;
	struct {
		uint64_t sp;
		uint32_t flags, padding;
		uint64_t size;
	} stack;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
	uint64_t sigmask;
};

_Static_assert(sizeof(struct amd64_sigframe) == 304, "ucontext as the kernel has it");

size_t amd64_signal_frame(const struct regs *regs, uint64_t mask, const uint8_t *xstate,
			  size_t xstate_size, uint64_t top, uint8_t *out, size_t room,
			  uint64_t *start)
{
	struct user_regs_struct user;
	struct amd64_sigframe frame = { .flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
			       .stack.flags = SS_FLAGS_INVALID, .sigmask = mask };
	uint64_t fpstate = (top - xstate_size - XSTATE_MAGIC2_SIZE) & ~(uint64_t)63;
	size_t head = sizeof(frame), fp_size;

	*start = (fpstate - head) & ~(uint64_t)15;
	head = (size_t)(fpstate - *start);
	if (head + xstate_size + XSTATE_MAGIC2_SIZE > room || regs->size != sizeof(user))
		return 0;
	memcpy(&user, regs->bytes, sizeof(user));
	memset(out, 0, head);
	memcpy(out + head, xstate, xstate_size);
	fp_size = xstate_prepare(out + head, xstate_size, room - head, 0);
	if (fp_size == 0)
		return 0;
	frame.r8 = user.r8; frame.r9 = user.r9; frame.r10 = user.r10; frame.r11 = user.r11;
	frame.r12 = user.r12; frame.r13 = user.r13; frame.r14 = user.r14; frame.r15 = user.r15;
	frame.di = user.rdi; frame.si = user.rsi; frame.bp = user.rbp; frame.bx = user.rbx;
	frame.dx = user.rdx; frame.ax = user.rax; frame.cx = user.rcx; frame.sp = user.rsp;
	frame.ip = user.rip; frame.eflags = user.eflags;
	frame.cs = (uint16_t)user.cs; frame.gs = (uint16_t)user.gs;
	frame.fs = (uint16_t)user.fs; frame.ss = (uint16_t)user.ss;
	frame.fpstate = fpstate;
	memcpy(out, &frame, sizeof(frame));
	return head + fp_size;
}
