/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * branch: where direct branches lead to, which is the same on both x86 ABIs.
 *
 * Source: Intel SDM vol. 2, CALL, JMP, Jcc, LOOPcc.
 */
#ifndef NSB_BRANCH_H
#define NSB_BRANCH_H

#include "arch.h"

/*
 * The may_branch_to of both ABIs (arch.h).  It does not know where instructions begin, so it
 * takes every byte for the first of one.  It may say yes where no branch is, for example in
 * the middle of a constant; it never says no where a branch is.
 */
bool x86_may_branch_to(const uint8_t *code, size_t size, int64_t lo, int64_t hi);

/* The branch_at of both ABIs: CALL and JMP with a displacement, or through memory, behind ENDBR and BND. */
size_t x86_branch_at(const struct arch *arch, const uint8_t *code, uint64_t at, uint64_t got, uint64_t *to,
		     bool *in_memory);

#endif
