/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * code: the machine code of a binary's functions, and which registers carry a value from one
 * instruction to another.
 *
 * A compiler that sees a function's code may know which registers it leaves alone, and its
 * callers may rely on that (gcc's -fipa-ra).
 *
 * Decoding of a range ends at the first instruction that is unknown.  Of an instruction whose length is
 * known, and whose effects are not, what follows is decoded.  In both cases it is not known what the function
 * changes.  A new function is then taken to change all that the ABI lets it change, and one of the
 * target, if the check says so by `unknown_keeps`, to change nothing, as its callers may rely on that: both lead to a
 * refusal.  Behind an unknown instruction of a caller callers.c takes all that looks like a call for one.
 */
#ifndef NSB_GEN_CODE_H
#define NSB_GEN_CODE_H

#include "binary.h"
#include "frame.h"
#include "gen_arch.h"

/* One function with all its ranges. */
struct code {
	const struct dwarf_function *function;
	struct insn *insns;		/* by address */
	size_t n_insns;
	size_t *targets;		/* where its indirect jumps may lead: indices */
	size_t n_targets;
	struct regset *live;		/* before each instruction: what may be read before it is written */
	struct regset *defined;		/* before each instruction: what may mean something */
	struct regset clobbers;		/* what it changes of what the ABI lets it change, callees included */
	bool is_whole;			/* every instruction was understood */
	bool is_cut;			/* one was unknown, and what follows it was not decoded */
	bool has_clobbers;		/* private: clobbers is set */
};

/* One range of a function, by the function's index. */
struct function_range {
	uint64_t lo, hi;
	uint32_t function;
};

/* The code of all functions of a file, decoded as far as somebody asked for it. */
struct program {
	const struct binary *binary;
	const struct gen_arch *gen;
	struct code **codes;		/* by index of the function; NULL: not decoded yet */
	struct function_range *ranges;	/* sorted by address */
	size_t n_ranges;
	struct frames frames;
	bool unknown_keeps;		/* what a function changes is not known: then it is nothing, not everything */
	unsigned depth;			/* private: calls that are being followed */
};

/* Prepare to decode the functions that the debug info of `binary` has.  -ENOMEM. */
int program_init(struct program *program, const struct binary *binary) MUST_CHECK;
/* It does nothing to a zeroed struct. */
void program_deinit(struct program *program);

/*
 * Index of the function whose code is at an address; DWARF_NONE if the debug info does not know
 * it.
 */
uint32_t program_function_at(const struct program *program, uint64_t addr);

/*
 * Decode function no. `index`, and find out what is live and defined in it.  The struct is the
 * program's.  NULL means out of memory, with a message.
 */
const struct code *program_code(struct program *program, uint32_t index) MUST_CHECK;

/*
 * The registers that the function, or one that it calls, changes and does not bring back, of
 * those that the ABI lets it change.  If that is not known, it is all of these, or none (unknown_keeps).
 */
struct regset program_clobbers(struct program *program, uint32_t index);

/*
 * Is this a call of a function of two instructions without debug info?  Code of i386 finds its
 * pc by such ones.  *writes is what it changes.
 */
bool program_is_thunk(const struct program *program, const struct insn *call,
		      struct regset *writes);

/*
 * The name of what is called through a stub of the procedure linkage table, or directly through
 * its slot; NULL if it is not known.
 */
const char *program_called_name(const struct program *program, const struct insn *insn);

/*
 * Which instructions, calls among them, make what is in the register of results when the function returns?  The
 * answer is an array with a byte for each instruction, which the caller frees.  NULL: out of
 * memory, with a message.
 */
uint8_t *code_result_makers(const struct program *program, const struct code *code) MUST_CHECK;

/* The same, and of what is called directly; NULL if it is not known. */
const char *program_callee_name(const struct program *program, const struct insn *insn);

/* May the function come back?  Code that is cut off may. */
bool code_returns(const struct code *code);
/* Is there a place where it comes back? */
bool code_returns_surely(const struct code *code);

/* Does this jump leave the function? */
bool leaves(const struct code *code, const struct insn *insn);

/*
 * Is the stack aligned to 16 bytes at an instruction, provided that it was at the function's
 * entry as the ABI says?
 */
enum alignment {
	ALIGNMENT_UNKNOWN,
	ALIGNMENT_ALWAYS,	/* the function aligns it itself */
	ALIGNMENT_GOOD,
	ALIGNMENT_BAD,
};

enum alignment program_alignment(const struct program *program, const struct code *code, size_t at);

/* Sums, common parts and differences of sets. */
struct regset regset_or(struct regset a, struct regset b);
struct regset regset_and(struct regset a, struct regset b);
struct regset regset_minus(struct regset a, struct regset b);
bool regset_any(struct regset set);
/* Write a set as "rcx, xmm1", cut off at `size` bytes. */
void regset_format(struct regset set, const struct gen_arch *gen, char *text, size_t size);

#endif
