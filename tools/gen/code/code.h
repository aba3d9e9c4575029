/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * code: the machine code of a binary's functions, and which registers carry
 * something from one instruction to another.
 *
 * A compiler that sees a function's code may know which registers it leaves alone,
 * and its callers may rely on that (gcc's -fipa-ra).  What is told here errs
 * to the side that finds such callers: an instruction that is not understood reads
 * and writes everything.
 */
#ifndef NSB_GEN_CODE_H
#define NSB_GEN_CODE_H

#include "binary.h"
#include "frame.h"
#include "insn.h"

/* One function, all its ranges. */
struct code {
	const struct dwarf_function *function;
	struct insn *insns;		/* by address */
	size_t n_insns;
	size_t *targets;		/* of its indirect jumps: indices */
	size_t n_targets;
	struct regset *live;		/* before each: what may be read before it is written */
	struct regset *defined;		/* before each: what may have a meaning */
	struct regset clobbers;		/* of caller-saved registers, callees included */
	bool is_whole;			/* all of it was understood */
	bool has_clobbers;		/* private */
};

struct function_range {
	uint64_t lo, hi;
	uint32_t function;
};

struct program {
	const struct binary *binary;
	bool wide;			/* amd64 */
	struct code **codes;		/* by index of the function; NULL: not looked at yet */
	struct function_range *ranges;	/* sorted */
	size_t n_ranges;
	struct frames frames;
	unsigned depth;			/* private: of calls that are being followed */
};

int program_init(struct program *program, const struct binary *binary) MUST_CHECK;
/* Harmless on a zeroed struct. */
void program_deinit(struct program *program);

/* Index of the function whose code is at an address; DWARF_NONE if the debug info knows none. */
uint32_t program_function_at(const struct program *program, uint64_t addr);

/* Decode function no. `index`, and find out what is live and defined.  NULL: out of memory. */
const struct code *program_code(struct program *program, uint32_t index) MUST_CHECK;

/*
 * The registers, of those that the ABI lets it change, that the function does not
 * bring back as they were: its callees' too.  Everything where that is not known.
 */
struct regset program_clobbers(struct program *program, uint32_t index);

/* Registers that a function may change, by the ABI. */
struct regset caller_saved(bool wide);

/* A call of a function of two instructions without debug info, as i386 code has to find its pc. */
bool program_is_thunk(const struct program *program, const struct insn *call,
		      struct regset *writes);

/*
 * The name of what is called through a stub of the procedure linkage table, or
 * directly through its slot; NULL if it is not known.
 */
const char *program_called_name(const struct program *program, const struct insn *insn);

/* Does control leave the function by this jump? */
bool leaves(const struct code *code, const struct insn *insn);

/*
 * Is the stack aligned to 16 bytes at an instruction, if it is as the ABI wants it where the
 * function is entered?
 */
enum alignment {
	ALIGNMENT_UNKNOWN,
	ALIGNMENT_ALWAYS,	/* the function sees to it itself */
	ALIGNMENT_GOOD,
	ALIGNMENT_BAD,
};

enum alignment program_alignment(const struct program *program, const struct code *code, size_t at);

/* Sets. */
struct regset regset_or(struct regset a, struct regset b);
struct regset regset_and(struct regset a, struct regset b);
struct regset regset_minus(struct regset a, struct regset b);
bool regset_any(struct regset set);
/* "rcx, xmm1", at most `size` bytes. */
void regset_format(struct regset set, bool wide, char *text, size_t size);

#endif
