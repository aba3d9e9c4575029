/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exceptions: which exceptions a function of C++ catches, and where.
 *
 * It is in a table of its own (.gcc_except_table), so functions may differ whose code is the
 * same.  What is not understood of a table differs.
 */
#ifndef NSB_GEN_EXCEPTIONS_H
#define NSB_GEN_EXCEPTIONS_H

#include "meaning.h"

/* Do both functions have no table, or tables that mean the same?  After a no, meanings->why tells why. */
bool same_exceptions(struct meanings *meanings, uint32_t old, uint32_t new);

#endif
