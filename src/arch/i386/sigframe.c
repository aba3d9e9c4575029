/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The signal frame of 32-bit threads (struct rt_sigframe_ia32 in
 * arch/x86/include/asm/sigframe.h; struct sigcontext_32 and _fpstate_32 in
 * arch/x86/include/uapi/asm/sigcontext.h).
 */
#include "i386.h"

#include <string.h>

#include "xstate.h"

#define UC_FP_XSTATE 1u
#define SS_FLAGS_INVALID 3u		/* the kernel refuses it, so the thread keeps its alternate stack */
#define SIGINFO_SIZE 128

/* The stack pointer points at this when rt_sigreturn is called: the return address has been popped. */
struct i386_sigframe {
	uint32_t signal, info_pointer, ucontext_pointer;
	uint8_t info[SIGINFO_SIZE];
	uint32_t flags, link;
	struct {
		uint32_t sp, flags, size;
	} stack;
	uint32_t gs, fs, es, ds;
	uint32_t di, si, bp, sp, bx, dx, cx, ax, trapno, err, ip, cs, eflags, sp_at_signal, ss;
	uint32_t fpstate, oldmask, cr2;
	uint32_t sigmask[2];
};

/* The FSAVE image in front of the FXSAVE image.  The kernel takes the x87 state from this one. */
struct fsave {
	uint32_t control, status, tag, ip, cs, data, data_segment;
	uint8_t st[8][10];
	uint16_t status2, magic;
};

/* Offsets in the FXSAVE area: Intel SDM vol. 1, table 10-2. */
struct fxsave {
	uint16_t control, status;
	uint8_t tag, reserved;
	uint16_t opcode;
	uint32_t ip;
	uint16_t cs, reserved2;
	uint32_t data;
	uint16_t data_segment, reserved3;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t st[8][16];
};

_Static_assert(sizeof(struct i386_sigframe) == 12 + SIGINFO_SIZE + 20 + 88 + 8, "as the kernel has it");
_Static_assert(sizeof(struct fsave) == 112, "as the kernel has it");

/* The two tag bits of an x87 register that is in use: 0 valid, 1 zero, 2 special (SDM vol. 1, 8.1.7). */
static unsigned tag_of(const uint8_t *st)
{
	uint64_t mantissa;
	uint16_t exponent;

	memcpy(&mantissa, st, sizeof(mantissa));
	memcpy(&exponent, st + 8, sizeof(exponent));
	exponent &= 0x7fff;
	if (exponent == 0)
		return mantissa == 0 ? 1 : 2;
	return exponent == 0x7fff || !(mantissa >> 63) ? 2 : 0;
}

static void make_fsave(const uint8_t *xstate, struct fsave *out)
{
	struct fxsave fx;
	unsigned top, tags = 0;

	memcpy(&fx, xstate, sizeof(fx));
	top = (fx.status >> 11) & 7;
	for (unsigned i = 0; i < 8; i++) {
		/* Tags are numbered by physical register, st[] by distance from the top of the stack. */
		unsigned tag = fx.tag & (1u << i) ? tag_of(fx.st[(i - top) & 7]) : 3;

		tags |= tag << (2 * i);
	}
	*out = (struct fsave){
		.control = 0xffff0000u | fx.control, .status = 0xffff0000u | fx.status,
		.tag = 0xffff0000u | tags, .ip = fx.ip,
		.cs = ((uint32_t)fx.opcode << 16) | fx.cs, .data = fx.data,
		.data_segment = fx.data_segment, .status2 = fx.status,
	};
	for (unsigned i = 0; i < 8; i++)
		memcpy(out->st[i], fx.st[i], sizeof(out->st[i]));
}

enum { U_EBX, U_ECX, U_EDX, U_ESI, U_EDI, U_EBP, U_EAX, U_DS, U_ES, U_FS, U_GS, U_ORIG_EAX, U_EIP,
       U_CS, U_EFLAGS, U_ESP, U_SS, U_COUNT };

size_t i386_signal_frame(const struct regs *regs, uint64_t mask, const uint8_t *xstate,
			 size_t xstate_size, uint64_t top, uint8_t *out, size_t room,
			 uint64_t *start)
{
	uint32_t user[U_COUNT];
	struct i386_sigframe frame = { .flags = UC_FP_XSTATE, .stack.flags = SS_FLAGS_INVALID,
			       .sigmask = { (uint32_t)mask, (uint32_t)(mask >> 32) } };
	struct fsave fsave;
	uint64_t fpstate = (top - xstate_size - XSTATE_MAGIC2_SIZE) & ~(uint64_t)63;
	size_t head, fp_size;

	*start = (fpstate - sizeof(fsave) - sizeof(frame)) & ~(uint64_t)15;
	head = (size_t)(fpstate - *start);
	if (top > UINT32_MAX || *start > top || head + xstate_size + XSTATE_MAGIC2_SIZE > room ||
	    regs->size != sizeof(user))
		return 0;
	memcpy(user, regs->bytes, sizeof(user));
	memset(out, 0, head);
	memcpy(out + head, xstate, xstate_size);
	fp_size = xstate_prepare(out + head, xstate_size, room - head, sizeof(fsave));
	if (fp_size == 0)
		return 0;
	make_fsave(xstate, &fsave);
	memcpy(out + head - sizeof(fsave), &fsave, sizeof(fsave));
	frame.gs = user[U_GS]; frame.fs = user[U_FS]; frame.es = user[U_ES]; frame.ds = user[U_DS];
	frame.di = user[U_EDI]; frame.si = user[U_ESI]; frame.bp = user[U_EBP];
	frame.sp = frame.sp_at_signal = user[U_ESP]; frame.bx = user[U_EBX];
	frame.dx = user[U_EDX]; frame.cx = user[U_ECX]; frame.ax = user[U_EAX];
	frame.ip = user[U_EIP]; frame.cs = user[U_CS]; frame.eflags = user[U_EFLAGS];
	frame.ss = user[U_SS];
	frame.fpstate = (uint32_t)(fpstate - sizeof(fsave));
	memcpy(out, &frame, sizeof(frame));
	return head + fp_size;
}
