/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unwind-native: unwinds stacks of processes of nsb's own ABI by libunwind.
 *
 * We give libunwind memory, unwind tables and registers, so it opens no file and asks the
 * kernel for nothing.  A step means the same as one of cfi_step(): it never guesses by the
 * frame pointer, and it says "bottom" only if the return address is undefined.
 */
#ifndef NSB_UNWIND_NATIVE_H
#define NSB_UNWIND_NATIVE_H

#include "arch.h"
#include "cfi.h"

struct native;

/* A function that finds the table for the code at pc; NULL if there is none. */
typedef const struct cfi_table *native_find(void *ctx, uint64_t pc);

int native_create(struct native **out, const struct arch *arch, const struct bytes *bytes,
		  native_find *find, void *ctx) MUST_CHECK;
void native_destroy(struct native *native);

/*
 * Whether libunwind has what it needs for a step from *frame: a table, NULL if there is none,
 * that covers the frame's pc and has a search table of its own (libunwind cannot use the index
 * that we make for tables without one).
 */
bool native_serves(struct native *native, const struct cfi_table *table,
		   const struct cfi_frame *frame);

/* Set libunwind to the innermost frame.  False: it refuses. */
bool native_start(struct native *native, const struct regs *regs);

/*
 * The same as cfi_step(), for a frame of which native_serves() is true.  Of frame->reg it sets
 * the stack pointer only.
 */
enum cfi_result native_step(struct native *native, const struct cfi_table *table,
			    struct cfi_frame *frame);

/* Fill in all registers of the frame that libunwind has come to. */
void native_registers(struct native *native, struct cfi_frame *frame);

#endif
