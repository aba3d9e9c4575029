/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xstate: the extended register state as a signal frame holds it.  The same on
 * both x86 ABIs, hence in the folder that both builds have.
 *
 * Sources: Intel SDM vol. 1, 13.4 (XSAVE area); arch/x86/include/uapi/asm/
 * sigcontext.h (struct _fpx_sw_bytes, FP_XSTATE_MAGIC1 and 2).
 */
#ifndef NSB_XSTATE_H
#define NSB_XSTATE_H

#include "arch.h"

#define XSTATE_MAGIC2_SIZE 4

/*
 * Ask the processor where the components of the state lie.  Done once, when it is needed at
 * the latest; each CPUID costs a virtual machine some 10 us, so better while no thread stands.
 */
void xstate_learn(void);

/*
 * Turn an NT_X86_XSTATE set into what rt_sigreturn takes: fills in the bytes that
 * software owns and appends the second magic.  `extra` bytes stand before it in
 * the frame (the fsave header of i386).  Returns the size with the magic, or 0
 * where the set is none that can be used or does not fit into `room`.
 */
size_t xstate_prepare(uint8_t *xstate, size_t size, size_t room, uint32_t extra);

#endif
