/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * budget: what one process may cost nsb, whatever its memory says.
 *
 * Whoever owns a process decides what nsb reads in it.  Each list that is read there ends
 * at a number of this file, with a message that names it.  The numbers are far above what
 * an honest process has; the comment tells what was seen or is known.
 */
#ifndef NSB_BUDGET_H
#define NSB_BUDGET_H

#include <stddef.h>

/* What is printed about one process: `list --json` of 4000 functions takes 0.6 MB. */
#define BUDGET_TEXT ((size_t)8 << 20)

/*
 * The address space of a child (workers.h) beyond what nsb itself has and the patch takes:
 * a browser with 150 MB of code needs 40 MB for its unwind tables.
 */
#define BUDGET_MEMORY ((size_t)192 << 20)

/* AddressSanitizer reserves terabytes: under it no limit can be set. */
#if defined(__SANITIZE_ADDRESS__)
#define BUDGET_MEMORY_CAN_BE_SET 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BUDGET_MEMORY_CAN_BE_SET 0
#endif
#endif
#ifndef BUDGET_MEMORY_CAN_BE_SET
#define BUDGET_MEMORY_CAN_BE_SET 1
#endif

#endif
