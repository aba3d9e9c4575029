/* SPDX-License-Identifier: GPL-2.0-or-later */
/* amd64: the struct arch of 64-bit x86 (System V psABI AMD64). */
#ifndef NSB_AMD64_H
#define NSB_AMD64_H

#include "arch.h"

extern const struct arch arch_amd64;

/* The signal_frame of arch_amd64 (arch.h); it is in sigframe.c. */
size_t amd64_signal_frame(const struct regs *regs, uint64_t mask, const uint8_t *xstate,
			  size_t xstate_size, uint64_t top, uint8_t *out, size_t room,
			  uint64_t *start);

#endif
