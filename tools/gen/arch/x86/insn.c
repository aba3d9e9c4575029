/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoder.h"

/*
 * What an opcode does.  E is the operand of ModRM's r/m field, G the one of its reg field, as
 * in Intel's opcode maps.
 */
enum {
	KNOWN = 1 << 0,
	MODRM = 1 << 1 | KNOWN,
	RE = 1 << 2 | MODRM, WE = 1 << 3 | MODRM,	/* E is read, is written; the same of G below */
	RG = 1 << 4 | MODRM, WG = 1 << 5 | MODRM,
	BE = 1 << 6, BG = 1 << 7,			/* E has one byte; G has */
	HE = 1 << 8,					/* E has two bytes */
	VE = 1 << 9, VG = 1 << 10,			/* E is a vector register; G is */
	MM = 1 << 11,					/* without a prefix it is one of MMX */
	I1 = 1 << 12 | KNOWN, IZ = 1 << 13 | KNOWN,	/* an immediate of a byte; of two or four */
	SAME = 1 << 14,		/* of a register with itself it does not depend on the register */
	ALIGN = 1 << 15,	/* E has to be aligned, except with F2 or F3 */
	MEM = 1 << 16,		/* only E's address is computed */
	ODD = 1 << 17 | KNOWN,	/* odd() knows what else it does */

	RWE = RE | WE, RWG = RG | WG,
	SSE = RWG | RE | VE | VG | ALIGN,		/* G op= E */
	SSE_W = WG | RE | VE | VG | ALIGN,		/* G = op E */
	INT = SSE | MM, INT_W = SSE_W | MM,
};

/* The six forms of an operation: to E and to G, of a byte and of more, and to the accumulator. */
#define ALU(op, to_e, to_g) \
	[op] = (to_e) | BE | BG, [(op) + 1] = (to_e), [(op) + 2] = (to_g) | BE | BG, \
	[(op) + 3] = (to_g), [(op) + 4] = ODD | I1, [(op) + 5] = ODD | IZ

static const uint32_t one_byte[256] = {
	ALU(0x00, RWE | RG, RWG | RE), ALU(0x08, RWE | RG, RWG | RE), ALU(0x10, RWE | RG, RWG | RE),
	ALU(0x18, RWE | RG | SAME, RWG | RE | SAME), ALU(0x20, RWE | RG, RWG | RE),
	ALU(0x28, RWE | RG | SAME, RWG | RE | SAME), ALU(0x30, RWE | RG | SAME, RWG | RE | SAME),
	ALU(0x38, RE | RG, RE | RG),
	[0x40 ... 0x5f] = ODD,
	[0x63] = WG | RE,			/* movslq */
	[0x68] = ODD | IZ, [0x69] = WG | RE | IZ, [0x6a] = ODD | I1, [0x6b] = WG | RE | I1,
	[0x70 ... 0x7f] = ODD | I1,
	[0x80] = ODD | MODRM | BE | I1, [0x81] = ODD | MODRM | IZ, [0x83] = ODD | MODRM | I1,
	[0x84] = RE | RG | BE | BG, [0x85] = RE | RG, [0x86] = RWE | RWG | BE | BG,
	[0x87] = RWE | RWG,
	[0x88] = WE | RG | BE | BG, [0x89] = ODD | WE | RG, [0x8a] = WG | RE | BE | BG,
	[0x8b] = ODD | WG | RE, [0x8d] = ODD | WG | MEM, [0x8f] = ODD | MODRM,
	[0x90 ... 0x99] = ODD, [0x9b] = KNOWN, [0x9c ... 0x9f] = ODD,
	[0xa0 ... 0xa7] = ODD, [0xa8] = ODD | I1, [0xa9] = ODD | IZ, [0xaa ... 0xaf] = ODD,
	[0xb0 ... 0xb7] = ODD | I1, [0xb8 ... 0xbf] = ODD,
	[0xc0] = RWE | BE | I1, [0xc1] = RWE | I1, [0xc2 ... 0xc3] = ODD,
	[0xc6] = ODD | MODRM | BE | I1, [0xc7] = ODD | MODRM | IZ, [0xc9] = ODD, [0xcc] = ODD, [0xcd] = ODD | I1,
	[0xd0] = RWE | BE, [0xd1] = RWE, [0xd2] = ODD | RWE | BE, [0xd3] = ODD | RWE,
	[0xd8 ... 0xde] = MODRM, [0xdf] = ODD | MODRM,
	[0xe0 ... 0xe3] = ODD | I1, [0xe8 ... 0xe9] = ODD | IZ, [0xeb] = ODD | I1,
	[0xf4] = ODD, [0xf5] = KNOWN, [0xf6] = ODD | MODRM | BE, [0xf7] = ODD | MODRM,
	[0xf8 ... 0xfd] = KNOWN, [0xfe] = ODD | RWE | BE, [0xff] = ODD | MODRM,
};

static const uint32_t two_byte[256] = {
	[0x01] = ODD | MODRM, [0x05] = ODD, [0x0b] = ODD, [0x0d] = MODRM | MEM,
	[0x10] = SSE_W & ~ALIGN, [0x11] = WE | RG | VE | VG, [0x12] = SSE_W & ~ALIGN,
	[0x13] = WE | RG | VE | VG, [0x14 ... 0x15] = SSE, [0x16] = SSE_W & ~ALIGN,
	[0x17] = WE | RG | VE | VG, [0x18 ... 0x19] = MODRM | MEM, [0x1a ... 0x1b] = MODRM | RE, [0x1c ... 0x1d] = MODRM | MEM, [0x1e] = ODD | MODRM | MEM, [0x1f] = MODRM | MEM,
	[0x28] = SSE_W, [0x29] = WE | RG | VE | VG | ALIGN, [0x2a] = WG | RE | VG,
	[0x2b] = WE | RG | VE | VG | ALIGN, [0x2c ... 0x2d] = WG | RE | VE,
	[0x2e ... 0x2f] = RG | RE | VG | VE, [0x31] = ODD,
	[0x40 ... 0x4f] = RWG | RE, [0x50] = WG | RE | VE, [0x51 ... 0x53] = SSE_W,
	[0x54 ... 0x56] = SSE, [0x57] = SSE | SAME, [0x58 ... 0x59] = SSE,
	[0x5a] = SSE_W & ~ALIGN, [0x5b] = SSE_W, [0x5c ... 0x5f] = SSE,
	[0x60 ... 0x63] = INT, [0x64 ... 0x66] = INT | SAME, [0x67 ... 0x6d] = INT,
	[0x6e] = WG | RE | VG | MM, [0x6f] = INT_W, [0x70] = INT_W | I1,
	[0x71 ... 0x73] = RWE | VE | MM | I1, [0x74 ... 0x76] = INT | SAME, [0x77] = KNOWN,
	[0x7c ... 0x7d] = SSE, [0x7e] = ODD | MODRM, [0x7f] = WE | RG | VE | VG | MM | ALIGN,
	[0x80 ... 0x8f] = ODD | IZ, [0x90 ... 0x9f] = WE | BE, [0xa2] = ODD,
	[0xa3] = RE | RG, [0xa4] = RWE | RG | I1, [0xa5] = ODD | RWE | RG, [0xab] = RWE | RG,
	[0xac] = RWE | RG | I1, [0xad] = ODD | RWE | RG, [0xae] = ODD | MODRM, [0xaf] = RWG | RE,
	[0xb0] = ODD | RWE | RG | BE | BG, [0xb1] = ODD | RWE | RG, [0xb3] = RWE | RG,
	[0xb6] = WG | RE | BE, [0xb7] = WG | RE | HE, [0xb8] = WG | RE, [0xb9] = ODD | MODRM, [0xba] = ODD | MODRM | I1,
	[0xbb] = RWE | RG, [0xbc ... 0xbd] = WG | RE, [0xbe] = WG | RE | BE, [0xbf] = WG | RE | HE,
	[0xc0] = RWE | RWG | BE | BG, [0xc1] = RWE | RWG, [0xc2] = SSE | I1, [0xc3] = WE | RG,
	[0xc4] = RWG | RE | VG | MM | HE | I1, [0xc5] = WG | RE | VE | MM | I1, [0xc6] = SSE | I1,
	[0xc7] = ODD | MODRM, [0xc8 ... 0xcf] = ODD,
	[0xd0 ... 0xd5] = INT, [0xd6] = WE | RG | VE | VG | MM, [0xd7] = WG | RE | VE | MM,
	[0xd8 ... 0xe5] = INT, [0xe6] = SSE_W & ~ALIGN, [0xe7] = WE | RG | VE | VG | MM | ALIGN,
	[0xe8 ... 0xee] = INT, [0xef] = INT | SAME, [0xf0] = SSE_W & ~ALIGN, [0xf1 ... 0xf6] = INT,
	[0xf8 ... 0xfb] = INT | SAME, [0xfc ... 0xfe] = INT, [0xff] = ODD | MODRM,
};

/* Opcodes that follow 0F 38. */
static const uint32_t three_byte[256] = {
	[0x00 ... 0x0b] = INT, [0x10] = ODD | SSE, [0x14 ... 0x15] = ODD | SSE,
	[0x17] = RG | RE | VG | VE | ALIGN, [0x1c ... 0x1e] = INT_W, [0x20 ... 0x25] = SSE_W & ~ALIGN,
	[0x28] = SSE, [0x29] = SSE | SAME, [0x2a] = SSE_W, [0x2b] = SSE,
	[0x30 ... 0x35] = SSE_W & ~ALIGN, [0x37] = SSE | SAME, [0x38 ... 0x40] = SSE,
	[0x41] = SSE_W, [0xc8 ... 0xca] = SSE, [0xcb] = ODD | SSE, [0xcc ... 0xcd] = SSE, [0xcf] = SSE, [0xdb] = SSE_W, [0xdc ... 0xdf] = ODD | SSE,
	[0xf0 ... 0xf1] = ODD | MODRM, [0xf6] = ODD | RWG | RE,
};

/* Opcodes that follow 0F 3A.  All have an immediate of a byte. */
static const uint32_t three_byte_imm[256] = {
	[0x08 ... 0x0b] = SSE_W | I1, [0x0c ... 0x0e] = SSE | I1, [0x0f] = INT | I1,
	[0x14 ... 0x17] = WE | RG | VG | I1, [0x20] = RWG | RE | VG | I1, [0x21] = SSE | I1,
	[0x22] = RWG | RE | VG | I1, [0x40 ... 0x42] = SSE | I1, [0x44] = SSE | I1,
	[0x60 ... 0x63] = ODD | RG | RE | VG | VE | I1, [0xcc] = SSE | I1, [0xce ... 0xcf] = SSE | I1, [0xdf] = SSE_W | I1,
};

static bool has(uint32_t flags, uint32_t what)
{
	return (flags & what) == what;
}

/* ---- registers ---- */

/*
 * Is it a move to the low part of a register?  What stays above that part means nothing to a
 * compiler, but later instructions may read the whole register.
 */
static bool is_small_move(const struct decoder *d)
{
	if (d->map == 1)
		return d->opcode >= 0x90 && d->opcode <= 0x9f;
	return d->map == 0 && ((d->opcode >= 0x88 && d->opcode <= 0x8b) || d->opcode == 0xc6 ||
			   d->opcode == 0xc7 || (d->opcode >= 0xb0 && d->opcode <= 0xbf));
}

static unsigned width_of(const struct decoder *d, uint32_t flags, uint32_t byte)
{
	if ((flags & byte) != 0)
		return 1;
	return d->data16 && (d->rex & REX_W) == 0 ? 2 : 4;
}

/* The bits, in a set, of an operand of `width` bytes in a general register. */
static uint64_t bits_of(const struct decoder *d, unsigned reg, unsigned width)
{
	if (width == 1 && d->rex == 0 && reg >= 4 && reg < 8)
		return UINT64_C(2) << 3 * (reg - 4);	/* ah, ch, dh, bh */
	return (width == 1 ? UINT64_C(1) : width == 2 ? UINT64_C(3) : UINT64_C(7)) << 3 * reg;
}

static void reads(struct decoder *d, unsigned reg, unsigned width)
{
	d->out->reads.general |= bits_of(d, reg, width);
}

static void writes(struct decoder *d, unsigned reg, unsigned width)
{
	bool is_high = width == 1 && d->rex == 0 && reg >= 4 && reg < 8;	/* ah, ch, dh, bh */

	d->out->writes.general |= bits_of(d, reg, is_small_move(d) && !is_high ? 8 : width);
}

/* ---- format ---- */

static void read_prefixes(struct decoder *d)
{
	for (; d->at.p < d->at.end; d->at.p++) {
		uint8_t byte = *d->at.p;

		if (byte == 0x66)
			d->data16 = true;
		else if (byte == 0x67)
			d->addr_small = true;
		else if (byte == 0xf2)
			d->repne = true;
		else if (byte == 0xf3)
			d->rep = true;
		else if (byte == 0x64 || byte == 0x65)
			d->segment = byte;
		else if (byte == 0xf0)
			d->lock = true;
		else if (byte != 0x26 && byte != 0x2e && byte != 0x36 && byte != 0x3e)
			break;
	}
	if (d->wide && d->at.p < d->at.end && (*d->at.p & 0xf0) == 0x40)
		d->rex = REX | cursor_u8(&d->at);
}

/* The byte of VEX, EVEX and XOP with the second source, which is inverted, and the prefix. */
static void read_source(struct decoder *d, uint8_t byte)
{
	d->vvvv = (uint8_t)(~byte >> 3 & 15);
	d->prefix = byte & 3;
	d->data16 = d->prefix == 1;
	d->rep = d->prefix == 2;
	d->repne = d->prefix == 3;
}

/* What is inverted in the byte with the map: the upper bits of registers. */
static uint8_t read_rex(uint8_t byte)
{
	return (uint8_t)(REX | ((byte & 0x80) != 0 ? 0 : REX_R) | ((byte & 0x40) != 0 ? 0 : REX_X) |
			 ((byte & 0x20) != 0 ? 0 : REX_B));
}

/* The two or three bytes of VEX, and the three of XOP.  The result is what REX and prefixes would say. */
static void read_vex(struct decoder *d, bool has_map)
{
	uint8_t first = cursor_u8(&d->at), last = first;

	d->map = 1;
	d->rex = REX | ((first & 0x80) != 0 ? 0 : REX_R);
	if (has_map) {
		d->map = first & 0x1f;
		d->rex = read_rex(first);
		last = cursor_u8(&d->at);
		if ((last & 0x80) != 0)
			d->rex |= REX_W;
	}
	d->is_long = (last & 4) != 0;
	read_source(d, last);
	d->opcode = cursor_u8(&d->at);
}

/*
 * EVEX is three bytes behind 62 (SDM volume 2, section 2.7.1).  APX gives a meaning to bits that
 * are constant otherwise.
 */
static bool read_evex(struct decoder *d)
{
	uint8_t first = cursor_u8(&d->at), second = cursor_u8(&d->at), third = cursor_u8(&d->at);
	bool is_known = (first & 8) == 0 && (second & 4) != 0;

	d->map = first & 7;
	d->rex = read_rex(first);
	if ((second & 0x80) != 0)
		d->rex |= REX_W;
	read_source(d, second);
	d->high_reg = (first & 0x10) != 0 ? 0 : 16;
	d->high_rm = (first & 0x40) != 0 ? 0 : 16;
	d->high_index = (third & 8) != 0 ? 0 : 16;
	d->vvvv |= d->high_index;
	d->mask = third & 7;
	d->zeroes = (third & 0x80) != 0;
	d->is_long = (third & 0x70) != 0;	/* 256 or 512 bits, or a rounding mode */
	d->opcode = cursor_u8(&d->at);
	return is_known;
}

/* Note that only constants follow in the instruction. */
static void mark_tail(struct decoder *d)
{
	d->tail = (uint8_t)(d->at.p - d->at.start);
}

static bool read_opcode(struct decoder *d)
{
	d->opcode = cursor_u8(&d->at);
	uint8_t next = d->at.p < d->at.end ? *d->at.p : 0;

	/* Other instructions of 32-bit code begin so, too, with an operand in memory. */
	if ((d->opcode == 0xc4 || d->opcode == 0xc5) && (d->wide || next >= 0xc0)) {
		d->encoding = ENCODED_VEX;
		read_vex(d, d->opcode == 0xc4);
	} else if (d->opcode == 0x62 && (d->wide || next >= 0xc0)) {
		d->encoding = ENCODED_EVEX;
		return read_evex(d);
	} else if (d->opcode == 0x8f && (next & 0x18) != 0) {
		d->encoding = ENCODED_XOP;
		read_vex(d, true);
	} else if (d->opcode == 0x0f) {
		d->map = 1;
		d->opcode = cursor_u8(&d->at);
		if (d->opcode == 0x38 || d->opcode == 0x3a) {
			d->map = d->opcode == 0x38 ? 2 : 3;
			d->opcode = cursor_u8(&d->at);
		}
	}
	return true;
}

static int64_t read_signed(struct decoder *d, unsigned size)
{
	uint64_t value = cursor_uint(&d->at, size);
	unsigned shift = 64 - 8 * size;

	return (int64_t)(value << shift) >> shift;
}

static void read_displacement(struct decoder *d, uint8_t size)
{
	d->displacement = read_signed(d, size);
	d->displacement_size = size;
}

static void read_sib(struct decoder *d)
{
	uint8_t sib = cursor_u8(&d->at);
	uint8_t index = (uint8_t)((sib >> 3 & 7) | ((d->rex & REX_X) != 0 ? 8 : 0));

	d->index = d->has_vector_index ? (int8_t)(index + d->high_index) : index == GPR_SP ? -1 : (int8_t)index;
	if ((sib & 7) == 5 && d->mod == 0)
		read_displacement(d, 4);
	else
		d->base = (int8_t)((sib & 7) | ((d->rex & REX_B) != 0 ? 8 : 0));
}

/* Addresses of 16 bits in 32-bit code (SDM volume 2, table 2-1). */
static void read_short_address(struct decoder *d)
{
	static const int8_t bases[] = { GPR_BX, GPR_BX, GPR_BP, GPR_BP, GPR_SI, GPR_DI, GPR_BP, GPR_BX };

	if ((d->rm & 7) < 4)
		d->index = (d->rm & 1) == 0 ? GPR_SI : GPR_DI;
	if (d->mod == 0 && d->rm == 6)
		read_displacement(d, 2);
	else
		d->base = bases[d->rm & 7];
	if (d->mod != 0)
		read_displacement(d, d->mod == 1 ? 1 : 2);
}

static void read_address(struct decoder *d)
{
	if ((d->rm & 7) == 4) {
		read_sib(d);
	} else if ((d->rm & 7) == 5 && d->mod == 0) {
		read_displacement(d, 4);
		d->is_relative = d->wide;
	} else {
		d->base = (int8_t)d->rm;
	}
	if (d->mod == 1)
		read_displacement(d, 1);
	else if (d->mod == 2)
		read_displacement(d, 4);
}

void decoder_read_modrm(struct decoder *d)
{
	uint8_t byte = cursor_u8(&d->at);

	d->mod = byte >> 6;
	d->reg = (uint8_t)((byte >> 3 & 7) | ((d->rex & REX_R) != 0 ? 8 : 0));
	d->rm = (uint8_t)((byte & 7) | ((d->rex & REX_B) != 0 ? 8 : 0));
	mark_tail(d);
	if (d->mod == 3)
		return;
	d->out->has_memory = true;
	if (!d->wide && d->addr_small)
		read_short_address(d);
	else
		read_address(d);
	mark_tail(d);
	if (d->base >= 0)
		reads(d, (unsigned)d->base, 8);
	if (d->index >= 0 && !d->has_vector_index)
		reads(d, (unsigned)d->index, 8);
}

static uint32_t flags_of(const struct decoder *d)
{
	static const uint32_t *const maps[] = { one_byte, two_byte, three_byte, three_byte_imm };

	return d->map < 4 ? maps[d->map][d->opcode] : 0;
}

/* ---- what is not in the tables ---- */

static void to_address(struct decoder *d, enum insn_flow flow)
{
	d->out->flow = flow;
	d->out->to = (uint64_t)d->immediate;	/* still relative: x86_decode() adds the rest */
}

static void moves_stack(struct decoder *d, int64_t by)
{
	d->out->stack = STACK_MOVED;
	d->out->moved = by;
}

static int64_t word(const struct decoder *d)
{
	return d->wide ? 8 : 4;
}

static void push(struct decoder *d, unsigned reg)
{
	reads(d, reg, 8);
	d->out->pushes = (int8_t)reg;
	moves_stack(d, -word(d));
}

static void pop(struct decoder *d, unsigned reg)
{
	writes(d, reg, 8);
	d->out->pops = (int8_t)reg;
	moves_stack(d, word(d));
	if (reg == GPR_SP)
		d->out->stack = STACK_LOST;
}

/* Opcodes 80, 81 and 83: op $imm, E. */
static void arithmetic(struct decoder *d, uint32_t flags)
{
	unsigned op = d->reg & 7, width = width_of(d, flags, BE);
	/* Compilers write the constants -1 and 0 in this way, so the old value does not matter. */
	bool is_constant = (op == 1 && d->immediate == UINT64_MAX) || (op == 4 && d->immediate == 0);

	if (d->mod != 3)
		return;
	if (!is_constant)
		reads(d, d->rm, width);
	if (op != 7)
		writes(d, d->rm, width);
	if (d->rm != GPR_SP || op == 7)
		return;
	if (op == 0 || op == 5)
		moves_stack(d, op == 0 ? (int64_t)d->immediate : -(int64_t)d->immediate);
	else if (op == 4 && (d->immediate & 15) == 0)
		d->out->stack = STACK_ALIGNED;
	else
		d->out->stack = STACK_LOST;
}

/* Opcodes F6 and F7: test, not, neg, mul, imul, div, idiv. */
static void multiply(struct decoder *d, uint32_t flags)
{
	unsigned op = d->reg & 7, width = width_of(d, flags, BE);

	if (d->mod == 3) {
		reads(d, d->rm, width);
		if (op == 2 || op == 3)
			writes(d, d->rm, width);
	}
	if (op < 4)
		return;
	reads(d, GPR_AX, op >= 6 && width == 1 ? 2 : width);
	writes(d, GPR_AX, width == 1 ? 2 : width);
	if (width == 1)
		return;
	if (op >= 6)
		reads(d, GPR_DX, width);
	writes(d, GPR_DX, width);
}

/* Opcode FF: inc, dec, call, jmp, push. */
static bool group_five(struct decoder *d)
{
	unsigned op = d->reg & 7;

	if (d->mod == 3)
		reads(d, d->rm, op < 2 ? width_of(d, 0, 0) : 8);
	switch (op) {
	case 0: case 1:
		if (d->mod == 3)
			writes(d, d->rm, width_of(d, 0, 0));
		return true;
	case 2: case 3:			/* 3 and 5 go to another segment */
		d->out->flow = FLOW_CALL_ANY;
		return op == 2 || d->mod != 3;
	case 4: case 5:
		d->out->flow = FLOW_JUMP_ANY;
		return op == 4 || d->mod != 3;
	case 6:
		moves_stack(d, -word(d));
		return true;
	default:
		return false;
	}
}

/* movs, cmps, stos, lods, scas. */
static void string_operation(struct decoder *d)
{
	unsigned kind = d->opcode & 0xfe, width = (d->opcode & 1) != 0 ? width_of(d, 0, 0) : 1;

	if (kind != 0xaa && kind != 0xae) {
		reads(d, GPR_SI, 8);
		writes(d, GPR_SI, 8);
	}
	if (kind != 0xac) {
		reads(d, GPR_DI, 8);
		writes(d, GPR_DI, 8);
	}
	if (kind == 0xaa || kind == 0xae)
		reads(d, GPR_AX, width);
	if (kind == 0xac)
		writes(d, GPR_AX, width);
	if (d->rep || d->repne) {
		reads(d, GPR_CX, 8);
		writes(d, GPR_CX, 8);
	}
}

static void reads_all(struct decoder *d, uint32_t regs)
{
	for (unsigned reg = 0; reg < 16; reg++)
		if ((regs & UINT32_C(1) << reg) != 0)
			reads(d, reg, 8);
}

static void writes_all(struct decoder *d, uint32_t regs)
{
	for (unsigned reg = 0; reg < 16; reg++)
		if ((regs & UINT32_C(1) << reg) != 0)
			writes(d, reg, 8);
}

#define R(reg) (UINT32_C(1) << GPR_##reg)

/* 40 to 5f: inc, dec, push and pop; 90 to 97: xchg with eax; b0 to bf: mov $imm. */
static bool short_form(struct decoder *d)
{
	unsigned reg = (d->opcode & 7U) | ((d->rex & REX_B) != 0 ? 8U : 0), width = width_of(d, 0, 0);

	switch (d->opcode & 0xf8) {
	case 0x40: case 0x48:
		reads(d, reg, width);
		writes(d, reg, width);
		return !d->wide;
	case 0x50:
		push(d, reg);
		return true;
	case 0x58:
		pop(d, reg);
		return true;
	case 0x90:
		if (reg == GPR_AX || (d->opcode == 0x90 && d->rep))	/* nop, pause */
			return true;
		reads(d, reg, width);
		writes(d, reg, width);
		reads(d, GPR_AX, width);
		writes(d, GPR_AX, width);
		return true;
	case 0xb0:
		writes(d, reg, 1);
		return true;
	case 0xb8:
		cursor_skip(&d->at, (d->rex & REX_W) != 0 ? 8 : width);
		writes(d, reg, width);
		return true;
	default:
		return false;
	}
}

/*
 * See whether it moves between stack pointer and frame pointer, or is a lea to the stack
 * pointer.
 */
static void look_at_stack(struct decoder *d)
{
	bool is_lea = d->opcode == 0x8d;
	unsigned to = d->opcode == 0x89 ? d->rm : d->reg, from = d->opcode == 0x89 ? d->reg : d->rm;
	struct insn *out = d->out;

	if (is_lea ? d->mod == 3 : d->mod != 3)
		return;
	if (is_lea)
		from = d->base >= 0 && d->index < 0 ? (unsigned)d->base : GPR_AX;
	if (to == GPR_BP && from == GPR_SP && !is_lea)
		out->stack = STACK_TO_FRAME;
	if (to != GPR_SP)
		return;
	out->moved = is_lea ? d->displacement : 0;
	if (from == GPR_SP)
		out->stack = STACK_MOVED;
	else
		out->stack = from == GPR_BP ? STACK_FROM_FRAME : STACK_LOST;
}

/* Opcodes a0 to a3: mov between the accumulator and an address. */
static void absolute_move(struct decoder *d)
{
	unsigned width = (d->opcode & 1) != 0 ? width_of(d, 0, 0) : 1;

	d->out->has_memory = true;
	d->displacement = (int64_t)cursor_uint(&d->at, (d->wide ? 8U : 4U) >> (d->addr_small ? 1 : 0));
	if (d->opcode < 0xa2)
		writes(d, GPR_AX, width);
	else
		reads(d, GPR_AX, width);
}

static bool odd_one_byte(struct decoder *d, uint32_t flags)
{
	uint8_t op = d->opcode;

	if (op < 0x40) {		/* op $imm, %eax */
		unsigned width = (op & 1) != 0 ? width_of(d, 0, 0) : 1;

		reads(d, GPR_AX, width);
		if (op < 0x38)
			writes(d, GPR_AX, width);
		return true;
	}
	if ((op >= 0x40 && op < 0x60) || (op >= 0x90 && op < 0x98) || (op >= 0xb0 && op < 0xc0))
		return short_form(d);
	if (op >= 0x70 && op < 0x80) {
		to_address(d, FLOW_BRANCH);
		return true;
	}
	if (op >= 0xa0 && op < 0xa4) {
		absolute_move(d);
		return true;
	}
	if (op >= 0xa4 && op < 0xb0 && op != 0xa8 && op != 0xa9) {
		string_operation(d);
		return true;
	}
	switch (op) {
	case 0x68: case 0x6a: case 0x9c:
		moves_stack(d, -word(d));
		return true;
	case 0x80: case 0x81: case 0x83:
		arithmetic(d, flags);
		return true;
	case 0x89: case 0x8b: case 0x8d:
		look_at_stack(d);
		return true;
	case 0x8f:
		if ((d->reg & 7) != 0)
			return false;
		if (d->mod == 3)
			pop(d, d->rm);
		else
			moves_stack(d, word(d));
		return true;
	case 0xc6: case 0xc7:		/* xabort and xbegin beside mov */
		if (d->mod == 3 && (d->reg & 7) == 0)
			writes(d, d->rm, width_of(d, flags, BE));
		if ((d->reg & 7) != 7)
			return (d->reg & 7) == 0;
		if (op == 0xc6)
			d->out->is_opaque = true;
		else
			to_address(d, FLOW_BRANCH);
		writes(d, GPR_AX, 8);
		return d->mod == 3 && (d->rm & 7) == 0;
	case 0x98:			/* cltq and smaller */
		reads(d, GPR_AX, (d->rex & REX_W) != 0 ? 4 : d->data16 ? 1 : 2);
		writes(d, GPR_AX, width_of(d, 0, 0));
		return true;
	case 0x99:			/* cltd, cqto */
		reads(d, GPR_AX, width_of(d, 0, 0));
		writes(d, GPR_DX, width_of(d, 0, 0));
		return true;
	case 0x9d:
		moves_stack(d, word(d));
		return true;
	case 0x9e:
		reads(d, GPR_AX, 2);
		return true;
	case 0x9f:
		writes(d, GPR_AX, 2);
		return true;
	case 0xa8: case 0xa9:
		reads(d, GPR_AX, (op & 1) != 0 ? width_of(d, 0, 0) : 1);
		return true;
	case 0xc2:
		d->out->popped = (uint16_t)cursor_uint(&d->at, 2);
		d->out->flow = FLOW_RETURN;
		return true;
	case 0xc3:
		d->out->flow = FLOW_RETURN;
		return true;
	case 0xc9:			/* leave */
		d->out->stack = STACK_FROM_FRAME;
		d->out->moved = word(d);
		reads(d, GPR_BP, 8);
		writes(d, GPR_BP, 8);
		return true;
	case 0xcc: case 0xf4:
		d->out->flow = FLOW_STOP;
		return true;
	case 0xcd:			/* int $0x80: a system call */
		reads_all(d, R(AX) | R(BX) | R(CX) | R(DX) | R(SI) | R(DI) | R(BP));
		writes_all(d, R(AX));
		return true;
	case 0xd2: case 0xd3:
		reads(d, GPR_CX, 1);
		return true;
	case 0xdf:			/* fnstsw %ax */
		if (d->mod == 3 && (d->reg & 7) == 4 && (d->rm & 7) == 0)
			writes(d, GPR_AX, 2);
		return true;
	case 0xe0: case 0xe1: case 0xe2: case 0xe3:
		reads(d, GPR_CX, 8);
		if (op != 0xe3)
			writes(d, GPR_CX, 8);
		to_address(d, FLOW_BRANCH);
		return true;
	case 0xe8:
		to_address(d, FLOW_CALL);
		return true;
	case 0xe9: case 0xeb:
		to_address(d, FLOW_JUMP);
		return true;
	case 0xf6: case 0xf7:
		multiply(d, flags);
		return true;
	case 0xfe:
		return (d->reg & 7) < 2;
	case 0xff:
		return group_five(d);
	default:
		return false;
	}
}

/* 0F AE: fences, states in memory, the bases of segments, waiting. */
static void state_group(struct decoder *d)
{
	unsigned op = d->reg & 7;

	if (d->mod != 3) {
		if (op == 1 || op == 5)		/* fxrstor, xrstor */
			d->out->is_opaque = !d->data16 && !d->rep;
		else if (op == 0 || op == 4 || op == 6)
			reads_all(d, R(AX) | R(DX));
		if ((op == 0 || op == 4 || op == 6) && !d->data16)
			d->out->reads.vector = UINT64_MAX;
	} else if (d->rep) {
		if (op < 2)
			writes(d, d->rm, 8);
		else
			reads(d, d->rm, 8);
	} else if (op == 6 && (d->data16 || d->repne)) {	/* tpause, umwait */
		reads(d, d->rm, 4);
		reads_all(d, R(AX) | R(DX));
	}
}

/* 0F 01, 0F AE and 0F C7: the instructions in these groups that user programs have. */
static bool system_group(struct decoder *d)
{
	unsigned op = d->reg & 7;

	if (d->opcode == 0x01) {
		if (d->mod != 3 || ((op != 2 || d->rm != 0) && (op != 7 || d->rm != 1))) {
			d->out->is_opaque = true;
			return true;
		}
		if (op == 2)		/* xgetbv */
			reads(d, GPR_CX, 4);
		writes_all(d, R(AX) | R(DX) | (op == 7 ? R(CX) : 0));
		return true;
	}
	if (d->opcode == 0xae) {
		state_group(d);
		return true;
	}
	if (d->mod == 3) {		/* rdrand, rdseed, rdpid, senduipi */
		if (op == 6 && d->rep)
			reads(d, d->rm, 8);
		else
			writes(d, d->rm, width_of(d, 0, 0));
		return op >= 6;
	}
	if (op == 1) {			/* cmpxchg8b, cmpxchg16b */
		reads_all(d, R(AX) | R(BX) | R(CX) | R(DX));
		writes_all(d, R(AX) | R(DX));
	} else {
		d->out->is_opaque = true;
	}
	return true;
}

static bool odd_two_byte(struct decoder *d)
{
	uint8_t op = d->opcode;

	if (op >= 0x80 && op < 0x90) {
		to_address(d, FLOW_BRANCH);
		return true;
	}
	if (op >= 0xc8 && op < 0xd0) {	/* bswap */
		unsigned reg = (op & 7U) | ((d->rex & REX_B) != 0 ? 8U : 0);

		reads(d, reg, 8);
		writes(d, reg, 8);
		return true;
	}
	switch (op) {
	case 0x01: case 0xae: case 0xc7:
		return system_group(d);
	case 0x1e:			/* rdssp; without shadow stacks it does nothing */
		if (d->mod == 3 && d->rep && (d->reg & 7) == 1) {
			reads(d, d->rm, 8);
			writes(d, d->rm, 8);
		}
		return true;
	case 0x05:			/* syscall */
		reads_all(d, R(AX) | R(DI) | R(SI) | R(DX) | R(10) | R(8) | R(9));
		writes_all(d, R(AX) | R(CX) | R(11));
		return true;
	case 0x0b: case 0xb9: case 0xff:	/* ud2, ud1, ud0 */
		d->out->flow = FLOW_STOP;
		return true;
	case 0x31:
		writes_all(d, R(AX) | R(DX));
		return true;
	case 0x7e:			/* movd, movq: to E, with F3 to G */
		if (d->rep) {
			d->out->writes.vector |= VECTOR_LOW(1) << d->reg;
			if (d->mod == 3)
				d->out->reads.vector |= VECTOR_LOW(1) << d->rm;
			return true;
		}
		if (d->data16)
			d->out->reads.vector |= VECTOR_LOW(1) << d->reg;
		if (d->mod == 3)
			writes(d, d->rm, 8);
		return true;
	case 0xa2:
		reads_all(d, R(AX) | R(CX));
		writes_all(d, R(AX) | R(BX) | R(CX) | R(DX));
		return true;
	case 0xa5: case 0xad:
		reads(d, GPR_CX, 1);
		return true;
	case 0xba:			/* bt only reads, bts, btr and btc write, too */
		if (d->mod == 3) {
			reads(d, d->rm, width_of(d, 0, 0));
			if ((d->reg & 7) > 4)
				writes(d, d->rm, width_of(d, 0, 0));
		}
		return (d->reg & 7) >= 4;
	case 0xb0: case 0xb1:
		reads(d, GPR_AX, (op & 1) != 0 ? width_of(d, 0, 0) : 1);
		writes(d, GPR_AX, (op & 1) != 0 ? width_of(d, 0, 0) : 1);
		return true;
	default:
		return false;
	}
}

static bool odd_three_byte(struct decoder *d)
{
	if (d->map == 3) {		/* pcmpestr and pcmpistr: to xmm0 or ecx */
		if (d->opcode < 0x62)
			reads_all(d, R(AX) | R(DX));
		if ((d->opcode & 1) != 0)
			writes_all(d, R(CX));
		else
			d->out->writes.vector |= 1;
		return true;
	}
	if (d->opcode >= 0xdc && d->opcode <= 0xdf) {	/* with F3 those of the key locker */
		d->out->is_opaque = d->rep;
		return true;
	}
	if (d->opcode == 0xf6) {	/* adcx, adox; without a prefix wrss */
		d->out->is_opaque = !d->data16 && !d->rep;
		return true;
	}
	if (d->opcode < 0x20 || d->opcode == 0xcb) {	/* pblendvb and its like, sha256rnds2 */
		d->out->reads.vector |= 1;
		return true;
	}
	unsigned width = (d->opcode & 1) != 0 ? width_of(d, 0, 0) : 1;
	if (d->repne) {			/* crc32 */
		reads(d, d->reg, 8);
		writes(d, d->reg, 8);
		if (d->mod == 3)
			reads(d, d->rm, width);
	} else if (d->opcode == 0xf0) {	/* movbe */
		writes(d, d->reg, width_of(d, 0, 0));
	} else {
		reads(d, d->reg, width_of(d, 0, 0));
	}
	return true;
}

static bool odd(struct decoder *d, uint32_t flags)
{
	if (d->map == 0)
		return odd_one_byte(d, flags);
	return d->map == 1 ? odd_two_byte(d) : odd_three_byte(d);
}

/* ---- operands ---- */

/* An instruction without VEX changes the lower part only, and knows no other. */
static void vector_operand(const struct decoder *d, uint8_t reg, bool is_read, bool is_written)
{
	uint64_t bit = VECTOR_LOW(1) << reg;

	if (is_read)
		d->out->reads.vector |= bit;
	if (is_written)
		d->out->writes.vector |= bit;
}

/* Conversions and moves between a vector register and one of MMX, which is in no set. */
static bool mmx_operands(struct decoder *d)
{
	bool is_scalar = d->rep || d->repne;

	if (d->map != 1)
		return false;
	if (d->opcode == 0x2a && !is_scalar)
		vector_operand(d, d->reg, !d->data16, true);
	else if ((d->opcode == 0x2c || d->opcode == 0x2d) && !is_scalar)
		vector_operand(d, d->rm, d->mod == 3, false);
	else if (d->opcode == 0xd6 && d->rep)
		vector_operand(d, d->reg, false, true);
	else if (d->opcode == 0xd6 && d->repne)
		vector_operand(d, d->rm, true, false);
	else
		return false;
	return true;
}

static void operands(struct decoder *d, uint32_t flags)
{
	bool is_mmx = (flags & MM) != 0 && !d->data16 && !d->rep && !d->repne;
	bool is_scalar = d->rep || d->repne;
	bool is_same = (flags & SAME) != 0 && d->mod == 3 && d->reg == d->rm;
	bool reads_e = has(flags, RE) && !is_same, writes_e = has(flags, WE);
	bool reads_g = has(flags, RG) && !is_same, writes_g = has(flags, WG);

	/* movss and movsd between registers, movlps, movhps and movhlps keep a part of G. */
	if (d->map == 1 && (d->opcode == 0x10 || d->opcode == 0x11) && is_scalar && d->mod == 3) {
		reads_g = true;
		reads_e = reads_e || d->opcode == 0x11;
	}
	if (d->map == 1 && (d->opcode == 0x12 || d->opcode == 0x16) && !is_scalar)
		reads_g = true;
	/* Conversions and roots of one number keep what is above it. */
	if ((d->map == 1 && is_scalar && (d->opcode == 0x2a || d->opcode == 0x5a ||
					  (d->opcode >= 0x51 && d->opcode <= 0x53))) ||
	    (d->map == 3 && (d->opcode == 0x0a || d->opcode == 0x0b)))
		reads_g = true;
	if (d->mod == 3 && (flags & MEM) == 0) {
		if ((flags & VE) == 0) {
			unsigned width = (flags & HE) != 0 ? 2 : width_of(d, flags, BE);

			/*
			 * A prefix that is part of the opcode says nothing of the operand's
			 * width.
			 */
			if ((flags & VG) != 0)
				width = (flags & HE) != 0 ? 2 : 8;
			if (reads_e)
				reads(d, d->rm, width);
			if (writes_e)
				writes(d, d->rm, width);
		} else if (!is_mmx) {
			vector_operand(d, d->rm, reads_e, writes_e);
		}
	}
	if ((flags & VG) == 0) {
		unsigned width = (flags & VE) != 0 ? 8 : width_of(d, flags, BG);

		if (reads_g)
			reads(d, d->reg, width);
		if (writes_g)
			writes(d, d->reg, width);
	} else if (!is_mmx) {
		vector_operand(d, d->reg, reads_g, writes_g);
	}
	if ((flags & ALIGN) != 0 && !is_scalar && !is_mmx && d->mod != 3 &&
	    (d->base == GPR_SP || d->base == GPR_BP))
		d->out->needs_alignment = true;
}

/* ---- rare instructions ---- */

enum {
	RARE = 1 << 0,
	RARE_MODRM = 1 << 1 | RARE, RARE_MEMORY = 1 << 2 | RARE_MODRM,	/* the operand cannot be a register */
	RARE_1 = 1 << 3 | RARE, RARE_2 = 1 << 4 | RARE,	/* constants of so many bytes */
	RARE_FAR = 1 << 5 | RARE,			/* a segment and an address */
	RARE_32 = 1 << 6 | RARE,			/* in 32-bit code only */
	RARE_FLOW = 1 << 7 | RARE,			/* control does not go on behind it */
};

/* Instructions of which the length is known, and no effect. */
static const uint8_t rare_one_byte[256] = {
	[0x06 ... 0x07] = RARE_32, [0x0e] = RARE_32, [0x16 ... 0x17] = RARE_32, [0x1e ... 0x1f] = RARE_32,
	[0x27] = RARE_32, [0x2f] = RARE_32, [0x37] = RARE_32, [0x3f] = RARE_32, [0x60 ... 0x61] = RARE_32,
	[0x62] = RARE_32 | RARE_MEMORY, [0x63] = RARE_32 | RARE_MODRM, [0x6c ... 0x6f] = RARE,
	[0x82] = RARE_32 | RARE_MODRM | RARE_1, [0x8c] = RARE_MODRM, [0x8e] = RARE_MODRM,
	[0x9a] = RARE_32 | RARE_FAR, [0xc4 ... 0xc5] = RARE_32 | RARE_MEMORY, [0xc8] = RARE_2 | RARE_1,
	[0xca] = RARE_2 | RARE_FLOW, [0xcb] = RARE_FLOW, [0xce] = RARE_32, [0xcf] = RARE_FLOW,
	[0xd4 ... 0xd5] = RARE_32 | RARE_1, [0xd6] = RARE_32, [0xd7] = RARE, [0xe4 ... 0xe7] = RARE_1,
	[0xea] = RARE_32 | RARE_FAR | RARE_FLOW, [0xec ... 0xef] = RARE, [0xf1] = RARE,
};

static const uint8_t rare_two_byte[256] = {
	[0x00] = RARE_MODRM, [0x02 ... 0x03] = RARE_MODRM, [0x06] = RARE, [0x07] = RARE_FLOW, [0x08 ... 0x09] = RARE,
	[0x0e] = RARE, [0x0f] = RARE_MODRM | RARE_1, [0x20 ... 0x23] = RARE_1, [0x30] = RARE, [0x32 ... 0x33] = RARE,
	[0x34] = RARE, [0x35] = RARE_FLOW, [0x37] = RARE, [0x78 ... 0x79] = RARE_MODRM, [0xa0 ... 0xa1] = RARE,
	[0xa8 ... 0xa9] = RARE, [0xa6 ... 0xa7] = RARE_MODRM, [0xaa] = RARE_FLOW, [0xb2] = RARE_MEMORY,
	[0xb4 ... 0xb5] = RARE_MEMORY, [0xf7] = RARE_MODRM,
};

static const uint8_t rare_three_byte[256] = {
	[0x80 ... 0x82] = RARE_MEMORY, [0xd8] = RARE_MODRM, [0xf5] = RARE_MEMORY, [0xf8] = RARE_MEMORY,
	[0xf9] = RARE_MEMORY, [0xfa ... 0xfb] = RARE_MODRM, [0xfc] = RARE_MEMORY,
};

static const uint8_t rare_three_byte_imm[256] = { [0xf0] = RARE_MODRM | RARE_1 };

static bool rare_operands(struct decoder *d)
{
	static const uint8_t *const maps[] = { rare_one_byte, rare_two_byte, rare_three_byte, rare_three_byte_imm };
	uint8_t flags = maps[d->map][d->opcode];

	if ((flags & RARE) == 0 || (d->wide && has(flags, RARE_32)))
		return false;
	if (has(flags, RARE_MODRM))
		decoder_read_modrm(d);
	if (has(flags, RARE_MEMORY) && d->mod == 3)
		return false;
	if (has(flags, RARE_FAR))
		cursor_skip(&d->at, d->data16 ? 4 : 6);
	/* extrq and insertq of SSE4a have two constants, vmread has none. */
	if (d->map == 1 && d->opcode == 0x78 && (d->data16 || d->repne))
		cursor_skip(&d->at, 2);
	cursor_skip(&d->at, (has(flags, RARE_1) ? 1U : 0U) + (has(flags, RARE_2) ? 2U : 0U));
	if (has(flags, RARE_FLOW))
		d->out->flow = has(flags, RARE_FAR) ? FLOW_JUMP_ANY : FLOW_RETURN;
	else if (has(flags, RARE_FAR))
		d->out->flow = FLOW_CALL_ANY;
	d->out->is_opaque = true;
	return true;
}

/* ---- legacy instructions ---- */

static bool legacy_operands(struct decoder *d)
{
	uint32_t flags = flags_of(d);

	if ((flags & KNOWN) == 0 || (d->map == 0 && d->opcode == 0x63 && !d->wide))
		return rare_operands(d);
	if (has(flags, MODRM))
		decoder_read_modrm(d);
	if (has(flags, I1))
		d->immediate = (uint64_t)read_signed(d, 1);
	if (has(flags, IZ))
		d->immediate = (uint64_t)read_signed(d, d->data16 && (d->rex & REX_W) == 0 ? 2 : 4);
	if (d->map == 0 && (d->opcode & 0xfe) == 0xf6 && (d->reg & 7) < 2)
		cursor_skip(&d->at, d->opcode == 0xf6 ? 1 : d->data16 && (d->rex & REX_W) == 0 ? 2 : 4);
	if (!mmx_operands(d))
		operands(d, flags);
	return !has(flags, ODD) || odd(d, flags);
}

/* ---- an instruction ---- */

/*
 * A branch whose operand is one of 16 bits by its prefix: processors of Intel and of AMD read it
 * differently in 64-bit code, and no program of 32 bits jumps below 64 KiB.
 */
static bool is_short_branch(const struct decoder *d)
{
	return d->data16 && (d->rex & REX_W) == 0 && d->encoding == ENCODED_LEGACY &&
		(d->out->flow == FLOW_CALL || d->out->flow == FLOW_JUMP || d->out->flow == FLOW_BRANCH);
}

/* Read an instruction, and, if they are wanted, its effects.  False: it is unknown, or cut off. */
static bool read_instruction(struct decoder *d, const uint8_t *code, size_t size, bool with_effects)
{
	bool is_known;

	cursor_init(&d->at, code, size < 15 ? size : 15);
	read_prefixes(d);
	bool has_prefix = d->rex != 0 || d->data16 || d->rep || d->repne || d->lock;
	is_known = read_opcode(d);
	mark_tail(d);
	if (d->encoding == ENCODED_LEGACY) {
		is_known = legacy_operands(d) && !is_short_branch(d);
	} else {
		if (!d->wide)
			d->rex &= REX | REX_W;
		/* A prefix before such an instruction makes it invalid. */
		is_known = is_known && !has_prefix && vector_read(d);
		if (is_known && with_effects)
			vector_operands(d);
	}
	return is_known && !d->at.bad && d->at.p != d->at.start;
}

bool x86_decode(const uint8_t *code, size_t size, uint64_t addr, bool wide, struct insn *out)
{
	struct decoder d = { .wide = wide, .base = -1, .index = -1, .out = out };

	*out = (struct insn){ .addr = addr, .pushes = -1, .pops = -1 };
	bool is_known = read_instruction(&d, code, size, true);

	out->size = (uint8_t)(d.at.p - d.at.start);
	if (!is_known)
		return false;
	uint64_t next = addr + out->size, mask = wide ? UINT64_MAX : UINT32_MAX;
	if (out->is_opaque)
		out->reads = out->writes = (struct regset){ UINT64_MAX, UINT64_MAX };
	if (out->flow == FLOW_JUMP || out->flow == FLOW_BRANCH || out->flow == FLOW_CALL)
		out->to = (next + out->to) & mask;
	/* A call of what follows finds the pc.  Its return address is popped soon. */
	if (out->flow == FLOW_CALL && out->to == next) {
		out->flow = FLOW_NEXT;
		out->calls_next = true;
		moves_stack(&d, -word(&d));
	}
	if (out->has_memory && d.displacement != 0)
		out->memory = ((d.is_relative ? next : 0) + (uint64_t)d.displacement) & mask;
	/* What becomes of the stack pointer is told by `stack`. */
	if ((out->writes.general & GPR_BITS(GPR_SP)) != 0 && out->stack == STACK_KEPT)
		out->stack = STACK_LOST;
	return true;
}

/* ---- shapes ---- */

/* Bytes of memory that an instruction of vector registers takes; 0 if that is not certain. */
static uint8_t vector_access(const struct decoder *d)
{
	uint8_t op = d->opcode;
	bool is_arithmetic = op == 0x51 || (op >= 0x58 && op <= 0x5f && op != 0x5b) || op == 0xc2;

	if (d->map != 1)
		return 0;
	if (op == 0x10 || op == 0x11 || (is_arithmetic && op != 0x5a))
		return d->rep ? 4 : d->repne ? 8 : 16;
	if (op == 0x2a || op == 0x6e)
		return (d->rex & REX_W) != 0 ? 8 : 4;
	if (op == 0x2c || op == 0x2d || op == 0x5a)
		return d->rep ? 4 : d->repne || !d->data16 ? 8 : 16;
	if (op == 0x2e || op == 0x2f)
		return d->data16 ? 8 : 4;
	/* movlps, movhps and their like; with a prefix it is movddup or another one. */
	if ((op == 0x12 || op == 0x13 || op == 0x16 || op == 0x17) && !d->rep && !d->repne)
		return 8;
	if ((op == 0x7e && d->rep) || (op == 0xd6 && d->data16))
		return 8;
	if (op == 0x28 || op == 0x29 || op == 0x14 || op == 0x15 || op == 0xc6 || (op >= 0x54 && op <= 0x57) ||
	    (op == 0x6f && (d->data16 || d->rep)))
		return 16;
	if (d->data16 && ((op >= 0x60 && op <= 0x6d) || op == 0x70 || (op >= 0x74 && op <= 0x76) ||
			  (op >= 0xd8 && op <= 0xdf) || (op >= 0xe8 && op <= 0xef) || (op >= 0xf8 && op <= 0xfe)))
		return 16;
	return 0;
}

static uint8_t access_of(const struct decoder *d)
{
	uint32_t flags = flags_of(d);
	bool is_float = d->map == 0 && d->opcode >= 0xd8 && d->opcode <= 0xdf;

	if (d->encoding != ENCODED_LEGACY || !d->out->has_memory || (flags & KNOWN) == 0 || has(flags, MEM) || is_float)
		return 0;
	if ((flags & (VE | VG | MM)) != 0 || d->map > 1)
		return vector_access(d);
	if (d->map == 1 && (d->opcode == 0xae || d->opcode == 0xc7 || d->opcode == 0x01))
		return 0;
	if (d->map == 0 && d->opcode == 0xff && (d->reg & 7) >= 2)
		return d->wide ? 8 : 4;
	if ((flags & HE) != 0)
		return 2;
	if (d->map == 0 && d->opcode == 0x63)
		return 4;
	return (d->rex & REX_W) != 0 && (flags & BE) == 0 ? 8 : (uint8_t)width_of(d, flags, BE);
}

bool x86_shape(const uint8_t *code, size_t size, uint64_t addr, bool wide, struct shape *out)
{
	struct insn insn = { .addr = addr };
	struct decoder d = { .wide = wide, .base = -1, .index = -1, .out = &insn };

	if (!read_instruction(&d, code, size, false))
		return false;
	*out = (struct shape){
		.size = (uint8_t)(d.at.p - d.at.start), .flow = insn.flow, .has_memory = insn.has_memory,
		.is_relative = d.is_relative, .segment = d.segment, .map = d.encoding != ENCODED_LEGACY ? UINT8_MAX : d.map,
		.opcode = d.opcode, .reg = d.reg, .rm = d.rm, .mod = d.mod, .base = d.base, .index = d.index,
		.displacement_at = (uint8_t)(d.tail - d.displacement_size),
		.displacement_size = d.displacement_size, .displacement = d.displacement,
		.immediate_at = d.tail, .access = access_of(&d),
	};
	out->immediate_size = (uint8_t)(out->size - d.tail);
	out->writes_memory = d.encoding != ENCODED_LEGACY && insn.has_memory && vector_stores(&d);
	if (out->flow == FLOW_JUMP || out->flow == FLOW_BRANCH || out->flow == FLOW_CALL)
		out->to = (addr + out->size + insn.to) & (wide ? UINT64_MAX : UINT32_MAX);
	return true;
}
