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
#include <stdint.h>

/* What is printed about one process: `list --json` of 4000 functions takes 0.6 MB. */
#define BUDGET_TEXT ((size_t)8 << 20)

/*
 * The address space of a child (workers.h) beyond what nsb itself has and the patch takes:
 * a browser with 150 MB of code needs 40 MB for its unwind tables.
 */
#define BUDGET_MEMORY ((size_t)96 << 20)

/* State records of a process, together.  One of 4000 functions has 0.5 MB. */
#define BUDGET_RECORDS ((size_t)16 << 20)

/* Loaded objects.  A browser has some 300. */
#define BUDGET_OBJECTS 8192u

/* Unwind tables that are copied before the stop, bytes; what is beyond is read when it is needed. */
#define BUDGET_TABLES ((uint64_t)24 << 20)

/* Functions in an .eh_frame that has no search table.  150 MB of code have some 600,000. */
#define BUDGET_INDEX ((size_t)1 << 20)

/* Suspended coroutines. */
#define BUDGET_CONTEXTS ((size_t)1 << 20)

/* Section headers of the executable's file; libelf takes 300 bytes for each.  A program has some 40. */
#define BUDGET_SECTIONS ((uint64_t)65535)

/* A table of symbols, or the names in it, in the executable's file.  A browser's is stripped; 150 MB of code have 30 MB. */
#define BUDGET_SECTION ((size_t)48 << 20)

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
