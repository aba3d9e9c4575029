/* SPDX-License-Identifier: GPL-2.0-or-later */
/* i386: the struct arch of 32-bit x86 (System V psABI Intel386). */
#ifndef NSB_I386_H
#define NSB_I386_H

#include "arch.h"

extern const struct arch arch_i386;

/* The signal_frame of arch_i386 (arch.h); it is in sigframe.c. */
size_t i386_signal_frame(const struct regs *regs, uint64_t mask, const uint8_t *xstate,
			 size_t xstate_size, uint64_t top, uint8_t *out, size_t room,
			 uint64_t *start);

#endif
