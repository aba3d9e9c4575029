/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cfi: steps from a frame to its caller by DWARF call frame information.
 *
 * Our own evaluator of .eh_frame: CIE and FDE, pointer encodings, CFA opcodes,
 * DWARF expressions, signal frames ("S").  Knows no process: it reads the
 * target through `struct bytes` and serves both ABIs by struct arch.  It is the
 * unwinder of nsb; libunwind is asked where it proves nothing.
 *
 * Sources: DWARF 5 section 6.4; LSB 5.0 "Exception Frames" for .eh_frame,
 * .eh_frame_hdr and the DW_EH_PE_* encodings.
 */
#ifndef NSB_CFI_H
#define NSB_CFI_H

#include "arch.h"
#include "elf.h"

/* Where the FDE of the function that starts at `start` lies. */
struct cfi_index_entry {
	uint64_t start, fde;
};

/* The unwind tables of one loaded object, as run-time addresses. */
struct cfi_table {
	uint64_t start, end;	/* the code it may describe */
	uint64_t hdr, hdr_size;	/* PT_GNU_EH_FRAME; 0: none */
	uint64_t eh_frame, eh_frame_size;	/* .eh_frame by section, where there is no header */
	const uint8_t *eh_frame_bytes;		/* its bytes when not read from the target; NULL: read */
	const struct cfi_index_entry *index;	/* sorted; searched instead of the above; NULL: none */
	size_t n_index;
};

/* The registers of a frame by DWARF number; `known` says which have a value. */
struct cfi_frame {
	uint64_t reg[DWARF_REGS_MAX];
	uint32_t known;		/* bit per register */
	uint64_t pc;
	bool exact;		/* pc is where it stood (innermost, above a signal frame): no pc - 1 */
	bool signal;		/* this frame is a signal trampoline */
};

enum cfi_result {
	CFI_STEPPED = 0,	/* *frame is now the caller */
	CFI_BOTTOM = 1,		/* proven: the return address is undefined */
	CFI_NONE = 2,		/* no unwind information covers pc: nothing is proven */
	CFI_BAD = 3,		/* the information is there but cannot be followed */
};

/* The innermost frame from a register set. */
void cfi_start(const struct arch *arch, const struct regs *regs, struct cfi_frame *frame);

enum cfi_rule_kind {
	RULE_UNSET, RULE_SAME, RULE_UNDEFINED, RULE_OFFSET, RULE_VAL_OFFSET, RULE_REGISTER,
	RULE_EXPRESSION, RULE_VAL_EXPRESSION
};

/* Where the caller's value of one register is: DWARF 5 section 6.4.1. */
struct cfi_rule {
	enum cfi_rule_kind kind;
	uint32_t size;		/* of an expression */
	uint64_t value;		/* offset, register number, or address of an expression */
};

/* How to step from a place in the code: all of a step that no stack has a part in. */
struct cfi_rules {
	enum cfi_result result;		/* CFI_STEPPED: the rest says how */
	bool signal;			/* the place is in a signal trampoline */
	unsigned return_column;
	struct cfi_rule cfa;		/* RULE_EXPRESSION, or RULE_OFFSET from cfa_register */
	uint64_t cfa_register;
	struct cfi_rule rules[DWARF_REGS_MAX];
};

/* Those for pc, which `table` covers; a return address is looked up as pc - 1. */
void cfi_find_rules(const struct arch *arch, const struct cfi_table *table,
		    const struct bytes *bytes, uint64_t pc, struct cfi_rules *rules);

/*
 * One step by them.  `bytes` reads the thread's stack (and any data).  *frame changes
 * only for CFI_STEPPED, save for `signal`, which says of the frame just stepped whether
 * it is a signal frame.
 */
enum cfi_result cfi_apply(const struct arch *arch, const struct cfi_table *table,
			  const struct bytes *bytes, const struct cfi_rules *rules,
			  struct cfi_frame *frame);

/* Both. */
enum cfi_result cfi_step(const struct arch *arch, const struct cfi_table *table,
			 const struct bytes *bytes, struct cfi_frame *frame);

/* A function as its FDE has it: [start, end), and whether it is a signal trampoline. */
struct cfi_function {
	uint64_t start, end;
	bool signal;
};

/* The one whose FDE covers pc.  0, or -ENOENT. */
int cfi_function(const struct arch *arch, const struct cfi_table *table,
		 const struct bytes *bytes, uint64_t pc, struct cfi_function *function) MUST_CHECK;

/*
 * What .eh_frame_hdr says: where .eh_frame lies and, where the header has a
 * table that can be searched, that table's address and count of 8-byte rows
 * (else 0).  0, or -ENOENT.
 */
struct cfi_header {
	uint64_t eh_frame;
	uint64_t rows, n_rows;
};

int cfi_header(const struct arch *arch, const struct cfi_table *table,
	       const struct bytes *bytes, struct cfi_header *header) MUST_CHECK;

/*
 * Make the sorted index of .eh_frame for an object whose header has none:
 * without it each step reads the section from its start.  *index is malloced.
 * 0, -ENOMEM, or -ENOENT where there is no FDE; no message.
 */
int cfi_index_create(const struct arch *arch, const struct cfi_table *table,
		     const struct bytes *bytes, struct cfi_index_entry **index,
		     size_t *count) MUST_CHECK;

#endif
