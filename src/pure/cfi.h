/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cfi: steps from a frame to its caller by DWARF call frame information.
 *
 * This is our own evaluator of .eh_frame: CIE and FDE, pointer encodings, CFA opcodes, DWARF
 * expressions, signal frames ("S").  It reads the target through `struct bytes`, and serves
 * both ABIs by struct arch.  unwind.c asks it first, and libunwind only where it proves nothing.
 *
 * Sources: DWARF 5 section 6.4; LSB 5.0 "Exception Frames" for .eh_frame,
 * .eh_frame_hdr and the DW_EH_PE_* encodings.
 */
#ifndef NSB_CFI_H
#define NSB_CFI_H

#include "arch.h"
#include "elf.h"

/* An element of an index: the function that starts at `start` has its FDE at address `fde`. */
struct cfi_index_entry {
	uint64_t start, fde;
};

/* The unwind tables of one loaded object, as run-time addresses. */
struct cfi_table {
	uint64_t start, end;	/* the code it may describe */
	uint64_t hdr, hdr_size;		/* PT_GNU_EH_FRAME; 0 if there is none */
	uint64_t eh_frame, eh_frame_size;	/* the section .eh_frame, if there is no header */
	const uint8_t *eh_frame_bytes;	/* the bytes of .eh_frame; NULL: read them from the target */
	const struct cfi_index_entry *index;	/* sorted; if not NULL, only this is searched */
	size_t n_index;
};

#define CFI_REG(number) (UINT64_C(1) << (number))

/* The registers of a frame, by DWARF number.  Only those that `known` names have a value. */
struct cfi_frame {
	uint64_t reg[DWARF_REGS_MAX];
	uint64_t known;		/* CFI_REG() of each register */
	uint64_t pc;
	bool exact;		/* pc is the next instruction (innermost frame, or one that a signal
				   interrupted), and not the return address of a call */
	bool signal;		/* this frame is a signal trampoline */
};

enum cfi_result {
	CFI_STEPPED = 0,	/* *frame is now the caller's */
	CFI_BOTTOM = 1,		/* there is no caller: the return address is said to be undefined */
	CFI_NONE = 2,		/* no unwind information covers pc: nothing is proven */
	CFI_BAD = 3,		/* the information is there but cannot be followed */
};

/* Set *frame to the innermost frame of a thread with these registers. */
void cfi_start(const struct arch *arch, const struct regs *regs, struct cfi_frame *frame);

enum cfi_rule_kind {
	RULE_UNSET, RULE_SAME, RULE_UNDEFINED, RULE_OFFSET, RULE_VAL_OFFSET, RULE_REGISTER,
	RULE_EXPRESSION, RULE_VAL_EXPRESSION
};

/* Where the caller's value of one register is: DWARF 5 section 6.4.1. */
struct cfi_rule {
	enum cfi_rule_kind kind;
	uint32_t size;		/* of an expression, in bytes */
	uint64_t value;		/* offset, register number, or address of an expression */
};

/* How to step from an address in the code: what can be found out without a stack. */
struct cfi_rules {
	enum cfi_result result;		/* CFI_STEPPED if a step is possible; only then the rest is valid */
	bool signal;			/* the address is in a signal trampoline */
	unsigned return_column;
	struct cfi_rule cfa;		/* RULE_EXPRESSION, or RULE_OFFSET from cfa_register */
	uint64_t cfa_register;
	struct cfi_rule rules[DWARF_REGS_MAX];
};

/*
 * Find the rules for pc, which `table` covers.  For a frame that is not exact the caller passes
 * the return address - 1: the call may be the last instruction of its function.
 */
void cfi_find_rules(const struct arch *arch, const struct cfi_table *table,
		    const struct bytes *bytes, uint64_t pc, struct cfi_rules *rules);

/*
 * Make a step by these rules.  `bytes` reads the thread's stack, and any data.  Only if the
 * answer is CFI_STEPPED does *frame become the caller's.  frame->signal is set in any case: it
 * says whether the frame that the step began at is a signal frame.
 */
enum cfi_result cfi_apply(const struct arch *arch, const struct cfi_table *table,
			  const struct bytes *bytes, const struct cfi_rules *rules,
			  struct cfi_frame *frame);

/* Find the rules for *frame, and make a step by them. */
enum cfi_result cfi_step(const struct arch *arch, const struct cfi_table *table,
			 const struct bytes *bytes, struct cfi_frame *frame);

/* What an FDE says of a function: it is [start, end), and it may be a signal trampoline. */
struct cfi_function {
	uint64_t start, end;
	bool signal;
};

/* Find the function whose FDE covers pc.  -ENOENT if there is none. */
int cfi_function(const struct arch *arch, const struct cfi_table *table,
		 const struct bytes *bytes, uint64_t pc, struct cfi_function *function) MUST_CHECK;

/*
 * What .eh_frame_hdr says: the address of .eh_frame, and the address and number of rows, 8
 * bytes each, of its search table.  rows and n_rows are 0 if no table can be searched.
 * -ENOENT: there is no header that can be used.
 */
struct cfi_header {
	uint64_t eh_frame;
	uint64_t rows, n_rows;
};

int cfi_header(const struct arch *arch, const struct cfi_table *table,
	       const struct bytes *bytes, struct cfi_header *header) MUST_CHECK;

/*
 * Make a sorted index of .eh_frame for an object whose header has no search table.  Without an
 * index each step reads the section from its start.  The caller frees *index.  -ENOMEM with a
 * message, or -ENOENT without one if there is no FDE.
 */
int cfi_index_create(const struct arch *arch, const struct cfi_table *table,
		     const struct bytes *bytes, struct cfi_index_entry **index,
		     size_t *count) MUST_CHECK;

#endif
