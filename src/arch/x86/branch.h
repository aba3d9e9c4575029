/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * branch: where direct branches lead to.  The same on both x86 ABIs, hence in the
 * folder that both builds have.
 *
 * Source: Intel SDM vol. 2, CALL, JMP, Jcc, LOOPcc.
 */
#ifndef NSB_BRANCH_H
#define NSB_BRANCH_H

#include "arch.h"

/*
 * struct arch's may_branch_to.  Instructions are not told from one another: every
 * byte is taken for the first of one, so the answer may be a false alarm, never a
 * false all-clear.
 */
bool x86_may_branch_to(const uint8_t *code, size_t size, int64_t lo, int64_t hi);

#endif
