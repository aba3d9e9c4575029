/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decoder: what the parts of the instruction decoder share while one instruction is read.
 */
#ifndef NSB_GEN_DECODER_H
#define NSB_GEN_DECODER_H

#include "cursor.h"
#include "x86.h"

/* How the opcode of an instruction is encoded. */
enum encoding { ENCODED_LEGACY, ENCODED_VEX, ENCODED_EVEX, ENCODED_XOP };

/* The opcode maps of XOP, as its bytes have them (AMD64 Architecture Programmer's Manual, volume 6). */
enum { XOP_IMMEDIATE = 8, XOP_PLAIN = 9, XOP_LONG = 10 };

struct decoder {
	struct cursor at;
	bool wide, data16, addr_small, rep, repne, lock;
	enum encoding encoding;
	uint8_t rex;			/* bits W R X B, and 0x40 if there was one */
	uint8_t prefix;			/* of VEX, EVEX and XOP: 0, 1 for 66, 2 for F3, 3 for F2 */
	uint8_t vvvv, map;
	uint8_t high_reg, high_rm, high_index;	/* of EVEX: 16, if the number of a vector register is that high */
	uint8_t mask;			/* of EVEX: the mask register, 0 if there is none */
	bool zeroes;			/* of EVEX: what the mask leaves out becomes 0 */
	bool is_long;			/* of VEX: 256 bits */
	bool has_vector_index;		/* the index of the memory operand is a vector register */
	uint8_t opcode, mod, reg, rm;
	uint64_t immediate;
	int64_t displacement;
	int8_t base, index;		/* -1: none */
	bool is_relative;		/* the displacement counts from the next instruction */
	uint8_t segment;		/* the prefix 64 or 65; 0: none */
	uint8_t displacement_size;	/* bytes; it ends where `tail` is */
	uint8_t tail;			/* offset of what follows opcode, ModRM and displacement */
	struct insn *out;
};

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8, REX = 0x40 };

/* Read ModRM and what belongs to it. */
void decoder_read_modrm(struct decoder *d);

/*
 * Read what follows the opcode of an instruction of VEX, EVEX or XOP.  False: no such instruction is
 * known, and so its length is not.
 */
bool vector_read(struct decoder *d);

/* Does such an instruction, with an operand in memory, write that?  What is not known may. */
bool vector_stores(const struct decoder *d);

/* What such an instruction does with registers.  It has been read. */
void vector_operands(struct decoder *d);

#endif
