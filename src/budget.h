/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * budget: what one process may cost nsb, whatever its memory says.
 *
 * Whoever owns a process decides what nsb reads in it, and could have nsb read without end.  The
 * numbers here are far above what an honest process needs; each comment says what that is, and
 * what nsb does with a process that needs more.  "Refused" means: with a message that has the
 * number.  Limits that only one file has to know are in that file.
 */
#ifndef NSB_BUDGET_H
#define NSB_BUDGET_H

#include <stddef.h>
#include <stdint.h>

/*
 * The text that a child (workers.h) prints about one process, bytes.  `list --json` of 4000
 * functions takes 0.6 MB.  More cannot be written (RLIMIT_FSIZE), and the process is told as failed.
 */
#define BUDGET_TEXT ((size_t)2 << 20)

/* Text that waits until those before it are told, bytes.  More: no child begins with another process. */
#define BUDGET_HELD ((size_t)8 << 20)

/*
 * The memory that a child may take for a process, bytes of address space; it gets 8 times the
 * size of the patch more.  An ordinary process takes 1 MB.  Eight children work at once.  More: the process
 * is done again when all others are done, by one child alone.
 */
#define BUDGET_MEMORY ((size_t)7 << 20)

/*
 * The memory that this one may take.  For a browser with 150 MB of code it takes 40 MB for unwind
 * tables.  More: "out of memory".
 */
#define BUDGET_MORE_MEMORY ((size_t)44 << 20)

/* All state records of a process together, bytes.  One of 4000 functions has 0.5 MB.  More: refused. */
#define BUDGET_RECORDS ((size_t)16 << 20)

/*
 * Mappings.  The kernel's usual limit is 65530, vm.max_map_count; databases raise it to 262144.
 * More: refused.
 */
#define BUDGET_MAPPINGS ((size_t)1 << 20)

/* Loaded objects, and mappings that begin like one.  A browser has some 300.  More: refused. */
#define BUDGET_OBJECTS 4096u

/*
 * DT_NEEDED of one object, and of all objects.  A browser has some 100, and 3000.  More of one:
 * those beyond are not read; of all: refused.
 */
#define BUDGET_NEEDED_OF_ONE 256u
#define BUDGET_NEEDED ((size_t)1 << 16)

/* Entries of the dynamic linker's list of objects.  More: refused. */
#define BUDGET_LINK_MAPS 65536u

/* Symbols in a chain of a hash table.  Linkers make chains of some 10.  More: the object is damaged. */
#define BUDGET_CHAIN 4096u

/* Buckets of a hash table.  A library of a million symbols has some 500,000.  More: the object is damaged. */
#define BUDGET_BUCKETS ((uint32_t)1 << 22)

/* Versions of symbols that an object defines or needs.  glibc has some 40.  Those beyond are not read. */
#define BUDGET_VERSIONS 4096u

/* A string table that is searched for a name, bytes.  The largest library has some 10 MB.  A larger one is not searched. */
#define BUDGET_STRINGS ((size_t)16 << 20)

/* Frames of a stack that are unwound.  The stack beyond is searched word by word, as far as BUDGET_STACK. */
#define BUDGET_FRAMES 4096u

/* The part of a stack that is searched word by word, bytes.  More: the thread is not at a safe point. */
#define BUDGET_STACK ((uint64_t)256 << 20)

/* The same of all threads, in one attempt to stop them; it takes a quarter of a second.  More: refused. */
#define BUDGET_STACKS ((uint64_t)384 << 20)

/*
 * Unwind tables that are copied before the threads are stopped, bytes.  What is beyond is read
 * from the process when a stack needs it, which takes longer.
 */
#define BUDGET_TABLES ((uint64_t)24 << 20)

/* The same of one object. */
#define BUDGET_TABLE ((uint64_t)16 << 20)

/*
 * Functions of an .eh_frame that has no search table.  150 MB of code have some 600,000.  The
 * functions beyond count as code without unwind tables: a stack with one of them is scanned.
 */
#define BUDGET_INDEX ((size_t)1 << 20)

/* Contexts of suspended coroutines.  Each takes 5 microseconds while all threads stand.  More: refused. */
#define BUDGET_CONTEXTS ((size_t)1 << 18)

/*
 * Section headers of the executable's file.  A program has some 40.  libelf takes 300 bytes for
 * each.  More: nsb does without the file's sections, and says so with -v.
 */
#define BUDGET_SECTIONS ((uint64_t)65535)

/*
 * A section of the executable's file, such as the table of symbols, bytes.  That of 150 MB of
 * code has 30 MB, and a browser's is stripped.  More: as above.
 */
#define BUDGET_SECTION ((size_t)48 << 20)

/* AddressSanitizer reserves terabytes of address space, so a limit cannot be set under it. */
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
