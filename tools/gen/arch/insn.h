/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn: what an instruction does with registers, as far as a caller can rely on them, and what it is made of.
 */
#ifndef NSB_GEN_INSN_H
#define NSB_GEN_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A set of registers.  A general register has as many bits as struct gen_arch says: on x86 three, for its bits 0 to
 * 7, for 8 to 15, and for the rest.  Behind them is a bit for each mask register of AVX-512.  A vector register has a bit
 * for the 128 bits that SSE knows, and one for the rest, which vzeroupper changes alone.  Flags, x87 and the stack
 * pointer are in no set, because no compiler keeps a value there over a call.
 */
struct regset {
	uint64_t general;
	uint64_t vector;
};

/* Mask register no. `reg`. */
#define MASK_BIT(reg) (UINT64_C(1) << (48 + (reg)))

/* The lower parts of the vector registers with these bits, the upper ones, and both. */
#define VECTOR_LOW(bits) ((uint64_t)(bits))
#define VECTOR_HIGH(bits) ((uint64_t)(bits) << 32)
#define VECTOR_BITS(bits) (VECTOR_LOW(bits) | VECTOR_HIGH(bits))

/* Where control goes from an instruction. */
enum insn_flow {
	FLOW_NEXT,
	FLOW_JUMP, FLOW_BRANCH, FLOW_CALL,	/* to `to` */
	FLOW_JUMP_ANY, FLOW_CALL_ANY,		/* through a register or memory */
	FLOW_RETURN,
	FLOW_STOP,				/* nothing behind it runs */
};

/* What an instruction does to the stack pointer. */
enum insn_stack {
	STACK_KEPT,
	STACK_MOVED,		/* by `moved` bytes */
	STACK_ALIGNED,		/* and with -16 or a coarser mask */
	STACK_TO_FRAME,		/* the frame pointer is set to the stack pointer */
	STACK_FROM_FRAME,	/* the stack pointer is set to the frame pointer, and `moved` is added */
	STACK_LOST,
};

/* One instruction. */
struct insn {
	uint64_t addr;
	uint8_t size;
	enum insn_flow flow;
	uint64_t to;
	struct regset reads, writes;
	enum insn_stack stack;
	int64_t moved;
	uint16_t popped;		/* of FLOW_RETURN: bytes of arguments */
	int8_t pops, pushes;		/* the general register of a pop, of a push; else -1 */
	bool needs_alignment;		/* of 16 bytes of memory on the stack */
	bool calls_next;		/* a call of what follows, which finds the pc; its flow is FLOW_NEXT */
	bool is_opaque;			/* nobody knows its effects on registers: both sets have all of them */
	bool has_memory;
	uint64_t memory;		/* the constant part of the operand's address; 0: it has none */
	uint64_t joined;		/* the address that it has together with one before it (struct halves); 0: none */
};

/*
 * Where instructions have room for a part of an address only, one puts the first part into a register, and another one adds the
 * rest, or reads memory there.  This is what registers have of addresses in a walk through the instructions of a function, in their
 * order; all zeros at its start.
 */
struct halves {
	uint64_t value[32];		/* by register */
	uint32_t known;			/* bit for each register that has one */
};

/* Of what an instruction is made, and where its constants are in it.  Offsets are from its start. */
struct shape {
	uint64_t to;			/* of FLOW_JUMP, FLOW_BRANCH and FLOW_CALL */
	int64_t displacement;		/* of the memory operand */
	enum insn_flow flow;
	uint8_t size;
	uint8_t map, opcode;		/* map: 0, or 1 behind 0F, 2 behind 0F 38, 3 behind 0F 3A; UINT8_MAX: VEX, EVEX, XOP */
	uint8_t mod, reg, rm;		/* of ModRM, 0 without one */
	int8_t base, index;		/* registers of the memory operand; -1: none */
	uint8_t segment;		/* the prefix 64 (fs) or 65 (gs); 0: none */
	bool has_memory;
	bool is_relative;		/* the displacement counts from the next instruction */
	uint8_t displacement_at, displacement_size;
	uint8_t immediate_at, immediate_size;	/* constants of all kinds, distances of branches among them */
	bool writes_memory;		/* of instructions of vector registers that store */
	uint8_t access;			/* bytes of memory that it reads or writes; 0: not known, or none */
};

/* An operand of an instruction that was displaced: four bytes that lead to the old code, or what that leads to. */
struct displaced_operand {
	uint8_t at;			/* offset in the bytes */
	bool is_relative;		/* to its own address; else it is the address */
	uint64_t to;
	int64_t addend;
};

/* What does at another address what an instruction has done. */
struct displaced {
	uint8_t bytes[16];
	uint8_t size;
	uint8_t n_operands;
	uint8_t pushed;			/* behind so many of the bytes the stack pointer is a word lower; 0: it is not */
	bool is_last;			/* what comes behind it is not reached from it */
	struct displaced_operand operands[2];
};

#endif
