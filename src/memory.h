/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory: whether an allocation has failed, whoever made it.
 *
 * libelf and libunwind do not always say that they failed for want of memory: a symbol is not
 * found, a stack counts as not proven.  The linker leads nsb's malloc(3) and its like through
 * here (--wrap, in the Makefile).  In programs that are linked without that it was never short.
 */
#ifndef NSB_MEMORY_H
#define NSB_MEMORY_H

#include <stdbool.h>

/* Whether an allocation has failed since memory_forget_short(). */
bool memory_was_short(void);
void memory_forget_short(void);

#endif
