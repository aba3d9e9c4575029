/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unwind-native: libunwind at work on a process of nsb's own ABI.
 *
 * It gets memory, unwind tables and registers from us, opens no file and asks
 * no kernel.  It steps like cfi_step(): no guess by the frame pointer, and
 * "bottom" only where the return address is said to be undefined.
 */
#ifndef NSB_UNWIND_NATIVE_H
#define NSB_UNWIND_NATIVE_H

#include "arch.h"
#include "cfi.h"

struct native;

/* The table whose code holds pc, or NULL. */
typedef const struct cfi_table *native_find(void *ctx, uint64_t pc);

int native_create(struct native **out, const struct arch *arch, const struct bytes *bytes,
		  native_find *find, void *ctx) MUST_CHECK;
void native_destroy(struct native *native);

/*
 * Whether libunwind has what it needs for a step from *frame: a table (NULL: there is none)
 * that can be searched, as it cannot use our index, and that covers the place.
 */
bool native_serves(struct native *native, const struct cfi_table *table,
		   const struct cfi_frame *frame);

/* Stand on the innermost frame.  False: libunwind will not. */
bool native_start(struct native *native, const struct regs *regs);

/*
 * The same as cfi_step(), where native_serves() says so; of frame->reg only the
 * stack pointer is kept up to date.
 */
enum cfi_result native_step(struct native *native, const struct cfi_table *table,
			    struct cfi_frame *frame);

/* Fill in all registers of the frame that libunwind stands on. */
void native_registers(struct native *native, struct cfi_frame *frame);

#endif
