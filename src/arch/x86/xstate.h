/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xstate: the extended register state as a signal frame holds it, the same on both x86 ABIs.
 *
 * Sources: Intel SDM vol. 1, 13.4 (XSAVE area); arch/x86/include/uapi/asm/
 * sigcontext.h (struct _fpx_sw_bytes, FP_XSTATE_MAGIC1 and 2).
 */
#ifndef NSB_XSTATE_H
#define NSB_XSTATE_H

#include "arch.h"

#define XSTATE_MAGIC2_SIZE 4

/*
 * Ask the processor where the components of the state lie.  The first call does it, and
 * xstate_prepare() does if there was none.  Each CPUID costs some 10 us in a virtual machine,
 * so nsb calls this while no thread is stopped.
 */
void xstate_learn(void);

/*
 * Turn an NT_X86_XSTATE set into the state that rt_sigreturn takes: fill in the bytes that
 * software owns, and append the second magic number.  In the frame `extra` bytes are in front
 * of it, on i386 those of the FSAVE image.  Returns the size with the magic number, or 0 if
 * the set cannot be used or does not fit into `room`.
 */
size_t xstate_prepare(uint8_t *xstate, size_t size, size_t room, uint32_t extra);

#endif
