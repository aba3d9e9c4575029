/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame: what .eh_frame says of a function's frame at an instruction. */
#ifndef NSB_GEN_FRAME_H
#define NSB_GEN_FRAME_H

#include "cfi.h"
#include "elffile.h"

/* The unwind information of a file. */
struct frames {
	const struct elffile *file;
	const struct arch *arch;		/* NULL: nothing is known */
	struct cfi_table table;
	struct cfi_index_entry *index;
};

/* What is known of a frame at one instruction. */
struct frame {
	bool has_depth;
	uint64_t depth;			/* bytes from the stack pointer up to the arguments on the stack */
	uint16_t saved;			/* bit per general register whose old value is in the frame */
	uint64_t saved_at[16];		/* private: where that is */
};

/* Index .eh_frame of a file; a file without it is no error.  -ENOMEM. */
int frames_init(struct frames *frames, const struct elffile *file) MUST_CHECK;
/* It does nothing to a zeroed struct. */
void frames_deinit(struct frames *frames);

/* The frame at an instruction.  Nothing in it is known where there is no unwind information. */
struct frame frame_at(const struct frames *frames, uint64_t addr);

/*
 * The rules of unwinding where an instruction begins.  false: there is no unwind information there.  frame_handles() says
 * whether the function there may catch exceptions or clean up behind itself, as far as its unwind information tells.
 */
bool frame_rules(const struct frames *frames, uint64_t addr, struct cfi_rules *rules);
bool frame_handles(const struct frames *frames, uint64_t addr);

/* Is the old value of a general register so many bytes from the stack pointer, or from the frame pointer? */
bool frame_has_saved(const struct frame *frame, unsigned reg, bool from_frame_pointer, int64_t displacement);

#endif
