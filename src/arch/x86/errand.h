/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errand: the code that a borrowed thread runs for nsb, struct arch_errand of arch.h.
 *
 * Source: Intel SDM vol. 2; arch/x86/entry/syscalls of the kernel, for the order of arguments.
 */
#ifndef NSB_ERRAND_H
#define NSB_ERRAND_H

#include "arch.h"

/* The errand of both ABIs (arch.h). */
size_t x86_errand(const struct arch *arch, const struct arch_errand *errand, uint64_t at,
		  uint8_t *out, size_t room, struct errand_places *places);

#endif
