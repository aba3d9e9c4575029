/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that are encoded by VEX, EVEX or XOP. */
#include "decoder.h"

/* What an instruction does with its operands: G is ModRM's reg field, E its r/m field, V the field vvvv. */
enum {
	GW = 1 << 0, GR = 1 << 1,	/* written, read */
	EW = 1 << 2, ER = 1 << 3,
	VW = 1 << 4, VR = 1 << 5,
	/* An operand is a vector register, unless it is said to be a general or a mask register. */
	GG = 1 << 6, EG = 1 << 7, VG = 1 << 8,
	GK = 1 << 9, EK = 1 << 10, VK = 1 << 11,
	TO_MASK = 1 << 12,		/* with EVEX, G is a mask register */
	FOURTH = 1 << 13,		/* the upper half of the immediate byte names a register that is read */
	INDEXED = 1 << 14,		/* gather and scatter: the index is a vector register */
	SCALAR = 1 << 15,		/* V is an operand only if E is a register */
	SAME = 1 << 16,			/* of a register with itself it does not depend on the register */

	D2 = GW | ER, D3 = GW | VR | ER,	/* G = op E, G = V op E */
	A2 = GR | GW | ER, A3 = GR | GW | VR | ER,	/* the old G counts, too */
	STORE = EW | GR,
	GENERAL = GG | EG | VG, MASKS = GK | EK | VK,
	NO_EFFECT = 0,			/* on the registers that are looked at */
};

enum { NONE = 1, P66 = 2, F3 = 4, F2 = 8, ANY = 15 };	/* sets of prefixes */
enum { VEX = 1 << ENCODED_VEX, EVEX = 1 << ENCODED_EVEX, BOTH = VEX | EVEX, XOP = 1 << ENCODED_XOP };

/*
 * Sources: Intel's Software Developer's Manual, volume 2; its Instruction Set Extensions Programming
 * Reference; AMD64 Architecture Programmer's Manual, volumes 4 and 6.  The first row that fits counts.  What
 * is in no row has effects that nobody knows.
 */
static const struct row {
	uint8_t map, from, to, prefixes, encodings;
	uint32_t flags;
} rows[] = {
	{ 1, 0x10, 0x10, NONE | P66, BOTH, D2 }, { 1, 0x10, 0x10, F3 | F2, BOTH, D3 | SCALAR },
	{ 1, 0x11, 0x11, NONE | P66, BOTH, STORE }, { 1, 0x11, 0x11, F3 | F2, BOTH, STORE | VR | SCALAR },
	{ 1, 0x12, 0x12, NONE | P66, BOTH, D3 }, { 1, 0x12, 0x12, F3 | F2, BOTH, D2 },
	{ 1, 0x13, 0x13, NONE | P66, BOTH, STORE }, { 1, 0x14, 0x15, NONE | P66, BOTH, D3 },
	{ 1, 0x16, 0x16, NONE | P66, BOTH, D3 }, { 1, 0x16, 0x16, F3, BOTH, D2 },
	{ 1, 0x17, 0x17, NONE | P66, BOTH, STORE }, { 1, 0x28, 0x28, NONE | P66, BOTH, D2 },
	{ 1, 0x29, 0x29, NONE | P66, BOTH, STORE }, { 1, 0x2a, 0x2a, F3 | F2, BOTH, D3 | EG },
	{ 1, 0x2b, 0x2b, NONE | P66, BOTH, STORE }, { 1, 0x2c, 0x2d, F3 | F2, BOTH, D2 | GG },
	{ 1, 0x2e, 0x2f, NONE | P66, BOTH, GR | ER },
	{ 1, 0x44, 0x44, NONE | P66, VEX, D2 | MASKS },
	{ 1, 0x41, 0x42, NONE | P66, VEX, D3 | MASKS }, { 1, 0x45, 0x47, NONE | P66, VEX, D3 | MASKS },
	{ 1, 0x4a, 0x4b, NONE | P66, VEX, D3 | MASKS },
	{ 1, 0x50, 0x50, NONE | P66, VEX, D2 | GG }, { 1, 0x51, 0x51, NONE | P66, BOTH, D2 },
	{ 1, 0x51, 0x51, F3 | F2, BOTH, D3 }, { 1, 0x52, 0x53, NONE, VEX, D2 }, { 1, 0x52, 0x53, F3, VEX, D3 },
	{ 1, 0x54, 0x56, NONE | P66, BOTH, D3 }, { 1, 0x57, 0x57, NONE | P66, BOTH, D3 | SAME },
	{ 1, 0x58, 0x59, ANY, BOTH, D3 }, { 1, 0x5a, 0x5a, NONE | P66, BOTH, D2 },
	{ 1, 0x5a, 0x5a, F3 | F2, BOTH, D3 }, { 1, 0x5b, 0x5b, NONE | P66 | F3, BOTH, D2 },
	{ 1, 0x5c, 0x5f, ANY, BOTH, D3 }, { 1, 0x60, 0x63, P66, BOTH, D3 },
	{ 1, 0x64, 0x66, P66, BOTH, D3 | SAME | TO_MASK }, { 1, 0x67, 0x6d, P66, BOTH, D3 },
	{ 1, 0x6e, 0x6e, P66, BOTH, D2 | EG }, { 1, 0x6f, 0x6f, P66 | F3 | F2, BOTH, D2 },
	{ 1, 0x70, 0x70, P66 | F3 | F2, BOTH, D2 }, { 1, 0x71, 0x73, P66, BOTH, VW | ER },
	{ 1, 0x74, 0x76, P66, BOTH, D3 | SAME | TO_MASK },
	{ 1, 0x78, 0x79, NONE | P66, EVEX, D2 }, { 1, 0x78, 0x79, F3 | F2, EVEX, D2 | GG },
	{ 1, 0x7a, 0x7a, P66 | F3 | F2, EVEX, D2 }, { 1, 0x7b, 0x7b, P66, EVEX, D2 },
	{ 1, 0x7b, 0x7b, F3 | F2, EVEX, D3 | EG }, { 1, 0x7c, 0x7d, P66 | F2, VEX, D3 },
	{ 1, 0x7e, 0x7e, P66, BOTH, STORE | EG }, { 1, 0x7e, 0x7e, F3, BOTH, D2 },
	{ 1, 0x7f, 0x7f, P66 | F3 | F2, BOTH, STORE },
	{ 1, 0x90, 0x90, NONE | P66, VEX, D2 | MASKS }, { 1, 0x91, 0x91, NONE | P66, VEX, STORE | MASKS },
	{ 1, 0x92, 0x92, NONE | P66 | F2, VEX, D2 | GK | EG }, { 1, 0x93, 0x93, NONE | P66 | F2, VEX, D2 | GG | EK },
	{ 1, 0x98, 0x99, NONE | P66, VEX, GR | ER | MASKS }, { 1, 0xae, 0xae, NONE, VEX, NO_EFFECT },
	{ 1, 0xc2, 0xc2, ANY, BOTH, D3 | TO_MASK }, { 1, 0xc4, 0xc4, P66, BOTH, D3 | EG },
	{ 1, 0xc5, 0xc5, P66, BOTH, D2 | GG }, { 1, 0xc6, 0xc6, NONE | P66, BOTH, D3 },
	{ 1, 0xd0, 0xd0, P66 | F2, VEX, D3 }, { 1, 0xd1, 0xd5, P66, BOTH, D3 },
	{ 1, 0xd6, 0xd6, P66, BOTH, STORE }, { 1, 0xd7, 0xd7, P66, VEX, D2 | GG },
	{ 1, 0xd8, 0xe5, P66, BOTH, D3 }, { 1, 0xe6, 0xe6, P66 | F3 | F2, BOTH, D2 },
	{ 1, 0xe7, 0xe7, P66, BOTH, STORE }, { 1, 0xe8, 0xee, P66, BOTH, D3 },
	{ 1, 0xef, 0xef, P66, BOTH, D3 | SAME }, { 1, 0xf0, 0xf0, F2, VEX, D2 },
	{ 1, 0xf1, 0xf6, P66, BOTH, D3 }, { 1, 0xf8, 0xfb, P66, BOTH, D3 | SAME },
	{ 1, 0xf7, 0xf7, P66, VEX, GR | ER }, { 1, 0xfc, 0xfe, P66, BOTH, D3 },

	{ 2, 0x00, 0x0d, P66, BOTH, D3 }, { 2, 0x0e, 0x0f, P66, VEX, GR | ER },
	{ 2, 0x13, 0x13, P66, BOTH, D2 }, { 2, 0x10, 0x12, P66, EVEX, D3 }, { 2, 0x14, 0x15, P66, EVEX, D3 },
	{ 2, 0x10, 0x15, F3, EVEX, STORE }, { 2, 0x16, 0x16, P66, BOTH, D3 }, { 2, 0x17, 0x17, P66, VEX, GR | ER },
	{ 2, 0x18, 0x1f, P66, BOTH, D2 }, { 2, 0x20, 0x25, P66, BOTH, D2 }, { 2, 0x20, 0x25, F3, EVEX, STORE },
	{ 2, 0x26, 0x27, P66 | F3, EVEX, D3 | GK }, { 2, 0x28, 0x28, P66, BOTH, D3 },
	{ 2, 0x28, 0x28, F3, EVEX, D2 | EK }, { 2, 0x29, 0x29, P66, BOTH, D3 | SAME | TO_MASK },
	{ 2, 0x29, 0x29, F3, EVEX, D2 | GK }, { 2, 0x2a, 0x2a, P66, BOTH, D2 }, { 2, 0x2a, 0x2a, F3, EVEX, D2 | EK },
	{ 2, 0x2b, 0x2d, P66, BOTH, D3 }, { 2, 0x2e, 0x2f, P66, VEX, GR | VR },
	{ 2, 0x30, 0x35, P66, BOTH, D2 }, { 2, 0x30, 0x35, F3, EVEX, STORE }, { 2, 0x36, 0x36, P66, BOTH, D3 },
	{ 2, 0x37, 0x37, P66, BOTH, D3 | SAME | TO_MASK }, { 2, 0x38, 0x40, P66, BOTH, D3 },
	{ 2, 0x38, 0x38, F3, EVEX, D2 | EK }, { 2, 0x39, 0x39, F3, EVEX, D2 | GK },
	{ 2, 0x3a, 0x3a, F3, EVEX, D2 | EK }, { 2, 0x41, 0x41, P66, VEX, D2 }, { 2, 0x42, 0x42, P66, EVEX, D2 },
	{ 2, 0x43, 0x43, P66, EVEX, D3 }, { 2, 0x44, 0x44, P66, EVEX, D2 }, { 2, 0x45, 0x47, P66, BOTH, D3 },
	/* The tiles of AMX are no registers that anybody keeps a value in. */
	{ 2, 0x49, 0x49, ANY, VEX, NO_EFFECT }, { 2, 0x4b, 0x4b, P66 | F3 | F2, VEX, NO_EFFECT },
	{ 2, 0x5c, 0x5c, P66 | F3 | F2, VEX, NO_EFFECT }, { 2, 0x5e, 0x5e, ANY, VEX, NO_EFFECT },
	{ 2, 0x6c, 0x6c, NONE | P66, VEX, NO_EFFECT },
	{ 2, 0x4c, 0x4c, P66, EVEX, D2 }, { 2, 0x4d, 0x4d, P66, EVEX, D3 }, { 2, 0x4e, 0x4e, P66, EVEX, D2 },
	{ 2, 0x4f, 0x4f, P66, EVEX, D3 }, { 2, 0x50, 0x53, P66, BOTH, A3 }, { 2, 0x50, 0x51, ANY, VEX, A3 },
	{ 2, 0x52, 0x52, F3, EVEX, A3 }, { 2, 0x54, 0x55, P66, EVEX, D2 }, { 2, 0x58, 0x5b, P66, BOTH, D2 },
	{ 2, 0x62, 0x62, P66, EVEX, D2 }, { 2, 0x63, 0x63, P66, EVEX, STORE }, { 2, 0x64, 0x66, P66, EVEX, D3 },
	{ 2, 0x70, 0x73, P66, EVEX, A3 }, { 2, 0x72, 0x72, F3, BOTH, D2 }, { 2, 0x72, 0x72, F2, EVEX, D3 },
	{ 2, 0x75, 0x77, P66, EVEX, A3 }, { 2, 0x78, 0x79, P66, BOTH, D2 }, { 2, 0x7a, 0x7c, P66, EVEX, D2 | EG },
	{ 2, 0x7d, 0x7f, P66, EVEX, A3 }, { 2, 0x83, 0x83, P66, EVEX, D3 }, { 2, 0x88, 0x89, P66, EVEX, D2 },
	{ 2, 0x8a, 0x8b, P66, EVEX, STORE }, { 2, 0x8c, 0x8c, P66, VEX, D3 }, { 2, 0x8d, 0x8d, P66, EVEX, D3 },
	{ 2, 0x8e, 0x8e, P66, VEX, GR | VR }, { 2, 0x8f, 0x8f, P66, EVEX, D3 | GK },
	{ 2, 0x90, 0x93, P66, VEX, GR | GW | VR | VW | INDEXED }, { 2, 0x90, 0x93, P66, EVEX, GR | GW | INDEXED },
	{ 2, 0xa0, 0xa3, P66, EVEX, GR | INDEXED }, { 2, 0x96, 0x9f, P66, BOTH, A3 }, { 2, 0xa6, 0xaf, P66, BOTH, A3 },
	{ 2, 0xb4, 0xbf, P66, BOTH, A3 }, { 2, 0xb0, 0xb1, ANY, VEX, D2 }, { 2, 0xc4, 0xc4, P66, EVEX, D2 },
	{ 2, 0xc8, 0xc8, P66, EVEX, D2 }, { 2, 0xca, 0xca, P66, EVEX, D2 }, { 2, 0xcb, 0xcb, P66, EVEX, D3 },
	{ 2, 0xcc, 0xcc, P66, EVEX, D2 }, { 2, 0xcd, 0xcd, P66, EVEX, D3 }, { 2, 0xcf, 0xcf, P66, BOTH, D3 },
	{ 2, 0xdb, 0xdb, P66, VEX, D2 }, { 2, 0xdc, 0xdf, P66, BOTH, D3 },
	{ 2, 0xe0, 0xef, P66, VEX, A3 | GENERAL }, { 2, 0xf2, 0xf2, NONE, VEX, D3 | GENERAL },
	{ 2, 0xf3, 0xf3, NONE, VEX, VW | ER | GENERAL }, { 2, 0xf5, 0xf5, NONE | F3 | F2, VEX, D3 | GENERAL },
	{ 2, 0xf6, 0xf6, F2, VEX, GW | VW | ER | GENERAL }, { 2, 0xf7, 0xf7, ANY, VEX, D3 | GENERAL },

	{ 3, 0x00, 0x01, P66, BOTH, D2 }, { 3, 0x02, 0x03, P66, BOTH, D3 }, { 3, 0x04, 0x05, P66, BOTH, D2 },
	{ 3, 0x06, 0x06, P66, VEX, D3 }, { 3, 0x08, 0x09, NONE | P66, BOTH, D2 },
	{ 3, 0x0a, 0x0b, NONE | P66, BOTH, D3 }, { 3, 0x0c, 0x0f, P66, BOTH, D3 },
	{ 3, 0x14, 0x17, P66, BOTH, STORE | EG }, { 3, 0x18, 0x18, P66, BOTH, D3 }, { 3, 0x19, 0x19, P66, BOTH, STORE },
	{ 3, 0x1a, 0x1a, P66, EVEX, D3 }, { 3, 0x1b, 0x1b, P66, EVEX, STORE }, { 3, 0x1d, 0x1d, P66, BOTH, STORE },
	{ 3, 0x1e, 0x1f, P66, EVEX, D3 | GK }, { 3, 0x20, 0x20, P66, BOTH, D3 | EG }, { 3, 0x21, 0x21, P66, BOTH, D3 },
	{ 3, 0x22, 0x22, P66, BOTH, D3 | EG }, { 3, 0x23, 0x23, P66, EVEX, D3 }, { 3, 0x25, 0x25, P66, EVEX, A3 },
	{ 3, 0x26, 0x26, NONE | P66, EVEX, D2 }, { 3, 0x27, 0x27, NONE | P66, EVEX, D3 },
	{ 3, 0x30, 0x33, P66, VEX, D2 | MASKS }, { 3, 0x38, 0x38, P66, BOTH, D3 }, { 3, 0x39, 0x39, P66, BOTH, STORE },
	{ 3, 0x3a, 0x3a, P66, EVEX, D3 }, { 3, 0x3b, 0x3b, P66, EVEX, STORE }, { 3, 0x3e, 0x3f, P66, EVEX, D3 | GK },
	{ 3, 0x40, 0x41, P66, VEX, D3 }, { 3, 0x42, 0x44, P66, BOTH, D3 }, { 3, 0x46, 0x46, P66, VEX, D3 },
	{ 3, 0x48, 0x4c, P66, VEX, D3 | FOURTH }, { 3, 0x50, 0x51, P66, EVEX, D3 }, { 3, 0x54, 0x55, P66, EVEX, A3 },
	{ 3, 0x56, 0x56, NONE | P66, EVEX, D2 }, { 3, 0x57, 0x57, NONE | P66, EVEX, D3 },
	{ 3, 0x5c, 0x5f, P66, VEX, D3 | FOURTH }, { 3, 0x60, 0x63, P66, VEX, GR | ER },
	{ 3, 0x66, 0x67, NONE | P66, EVEX, D2 | GK }, { 3, 0x68, 0x6f, P66, VEX, D3 | FOURTH },
	{ 3, 0x70, 0x73, P66, EVEX, D3 }, { 3, 0x78, 0x7f, P66, VEX, D3 | FOURTH },
	{ 3, 0xc2, 0xc2, NONE | F3, EVEX, D3 | GK }, { 3, 0xce, 0xcf, P66, BOTH, D3 }, { 3, 0xdf, 0xdf, P66, VEX, D2 },
	{ 3, 0xf0, 0xf0, F2, VEX, D2 | GENERAL },

	{ 5, 0x10, 0x10, F3, EVEX, D3 | SCALAR }, { 5, 0x11, 0x11, F3, EVEX, STORE | VR | SCALAR },
	{ 5, 0x1d, 0x1d, NONE, EVEX, D3 }, { 5, 0x1d, 0x1d, P66, EVEX, D2 }, { 5, 0x2a, 0x2a, F3, EVEX, D3 | EG },
	{ 5, 0x2c, 0x2d, F3, EVEX, D2 | GG }, { 5, 0x2e, 0x2f, NONE, EVEX, GR | ER },
	{ 5, 0x51, 0x51, NONE, EVEX, D2 }, { 5, 0x51, 0x51, F3, EVEX, D3 }, { 5, 0x58, 0x59, NONE | F3, EVEX, D3 },
	{ 5, 0x5a, 0x5a, NONE | P66, EVEX, D2 }, { 5, 0x5a, 0x5a, F3 | F2, EVEX, D3 },
	{ 5, 0x5b, 0x5b, NONE | P66 | F3, EVEX, D2 }, { 5, 0x5c, 0x5f, NONE | F3, EVEX, D3 },
	{ 5, 0x6e, 0x6e, P66, EVEX, D2 | EG }, { 5, 0x7e, 0x7e, P66, EVEX, STORE | EG },
	{ 5, 0x78, 0x79, NONE | P66, EVEX, D2 }, { 5, 0x78, 0x79, F3, EVEX, D2 | GG },
	{ 5, 0x7a, 0x7a, P66 | F2, EVEX, D2 }, { 5, 0x7b, 0x7b, P66, EVEX, D2 }, { 5, 0x7b, 0x7b, F3, EVEX, D3 | EG },
	{ 5, 0x7c, 0x7d, ANY, EVEX, D2 },

	{ 6, 0x13, 0x13, NONE, EVEX, D3 }, { 6, 0x13, 0x13, P66, EVEX, D2 }, { 6, 0x2c, 0x2d, P66, EVEX, D3 },
	{ 6, 0x42, 0x42, P66, EVEX, D2 }, { 6, 0x43, 0x43, P66, EVEX, D3 }, { 6, 0x4c, 0x4c, P66, EVEX, D2 },
	{ 6, 0x4d, 0x4d, P66, EVEX, D3 }, { 6, 0x4e, 0x4e, P66, EVEX, D2 }, { 6, 0x4f, 0x4f, P66, EVEX, D3 },
	{ 6, 0x56, 0x57, F3 | F2, EVEX, A3 }, { 6, 0x96, 0x9f, P66, EVEX, A3 }, { 6, 0xa6, 0xaf, P66, EVEX, A3 },
	{ 6, 0xb6, 0xbf, P66, EVEX, A3 }, { 6, 0xd6, 0xd7, F3 | F2, EVEX, D3 },

	{ XOP_IMMEDIATE, 0x85, 0x87, NONE, XOP, D3 | FOURTH }, { XOP_IMMEDIATE, 0x8e, 0x8f, NONE, XOP, D3 | FOURTH },
	{ XOP_IMMEDIATE, 0x95, 0x97, NONE, XOP, D3 | FOURTH }, { XOP_IMMEDIATE, 0x9e, 0x9f, NONE, XOP, D3 | FOURTH },
	{ XOP_IMMEDIATE, 0xa2, 0xa3, NONE, XOP, D3 | FOURTH }, { XOP_IMMEDIATE, 0xa6, 0xa6, NONE, XOP, D3 | FOURTH },
	{ XOP_IMMEDIATE, 0xb6, 0xb6, NONE, XOP, D3 | FOURTH }, { XOP_IMMEDIATE, 0xc0, 0xc3, NONE, XOP, D2 },
	{ XOP_IMMEDIATE, 0xcc, 0xcf, NONE, XOP, D3 }, { XOP_IMMEDIATE, 0xec, 0xef, NONE, XOP, D3 },
	{ XOP_PLAIN, 0x01, 0x02, NONE, XOP, VW | ER | GENERAL }, { XOP_PLAIN, 0x80, 0x83, NONE, XOP, D2 },
	{ XOP_PLAIN, 0x90, 0x9b, NONE, XOP, D3 }, { XOP_PLAIN, 0xc1, 0xe3, NONE, XOP, D2 },
	{ XOP_LONG, 0x10, 0x10, NONE, XOP, D2 | GENERAL },
};

/* NULL: there is none. */
static const struct row *find_row(const struct decoder *d)
{
	for (const struct row *row = rows; row < rows + sizeof(rows) / sizeof(rows[0]); row++)
		if (row->map == d->map && d->opcode >= row->from && d->opcode <= row->to &&
		    (row->prefixes >> d->prefix & 1) != 0 && (row->encodings >> d->encoding & 1) != 0)
			return row;
	return NULL;
}

/* vzeroupper and vzeroall: the only one without ModRM. */
static bool is_zero(const struct decoder *d)
{
	return d->encoding == ENCODED_VEX && d->map == 1 && d->opcode == 0x77;
}

/* Bytes of an immediate: all of map 3 have one. */
static uint8_t immediate_size(const struct decoder *d)
{
	if (d->encoding == ENCODED_XOP)
		return d->map == XOP_IMMEDIATE ? 1 : d->map == XOP_LONG ? 4 : 0;
	return d->map == 3 || (d->map == 1 && ((d->opcode >= 0x70 && d->opcode <= 0x73) || d->opcode == 0xc2 ||
					       (d->opcode >= 0xc4 && d->opcode <= 0xc6)));
}

bool vector_read(struct decoder *d)
{
	/*
	 * Map 4 of EVEX is APX.  Maps above 3 of VEX have other immediates, but for what loads tiles of AMX in map 5
	 * (T2RPNTLVWZ0RS and its like).
	 */
	bool is_known = d->encoding == ENCODED_XOP ? d->map >= XOP_IMMEDIATE && d->map <= XOP_LONG :
		d->encoding == ENCODED_EVEX ? d->map == 5 || d->map == 6 || (d->map >= 1 && d->map <= 3) :
		(d->map >= 1 && d->map <= 3) || (d->map == 5 && (d->opcode == 0xf8 || d->opcode == 0xf9));

	if (!is_known)
		return false;
	if (is_zero(d))
		return true;
	d->has_vector_index = d->map == 2 && d->encoding != ENCODED_XOP &&
		((d->opcode >= 0x90 && d->opcode <= 0x93) || (d->opcode >= 0xa0 && d->opcode <= 0xa3) ||
		 d->opcode == 0xc6 || d->opcode == 0xc7);
	decoder_read_modrm(d);
	d->immediate = cursor_uint(&d->at, immediate_size(d));
	return true;
}

/* Which bits of a set an operand has.  Of a vector register the instruction reads what its length says. */
static void add_operand(const struct decoder *d, struct regset *set, unsigned reg, bool is_general, bool is_mask,
			bool is_long)
{
	if (is_general)
		set->general |= GPR_BITS(reg & (d->wide ? 15 : 7));
	else if (is_mask)
		set->general |= MASK_BIT(reg & 7);
	else
		set->vector |= (is_long ? VECTOR_BITS(1) : VECTOR_LOW(1)) << (reg & (d->wide ? 31 : 7));
}

/* All these instructions set what is above the part that they write to zero. */
static void operand(struct decoder *d, unsigned reg, bool is_read, bool is_written, bool is_general, bool is_mask)
{
	if (is_read)
		add_operand(d, &d->out->reads, reg, is_general, is_mask, d->is_long);
	if (is_written)
		add_operand(d, &d->out->writes, reg, is_general, is_mask, true);
}

/* What instructions do beside what their row says. */
static void implicit_operands(struct decoder *d)
{
	struct regset *reads = &d->out->reads, *writes = &d->out->writes;

	if (d->encoding != ENCODED_VEX)
		return;
	if (d->map == 1 && d->opcode == 0xf7)		/* vmaskmovdqu */
		reads->general |= GPR_BITS(GPR_DI);
	if (d->map == 2 && d->opcode == 0xf6)		/* mulx */
		reads->general |= GPR_BITS(GPR_DX);
	if (d->map == 3 && d->opcode >= 0x60 && d->opcode <= 0x63) {	/* vpcmpestr and vpcmpistr */
		if (d->opcode < 0x62)
			reads->general |= GPR_BITS(GPR_AX) | GPR_BITS(GPR_DX);
		if ((d->opcode & 1) == 0)
			writes->vector |= VECTOR_BITS(1);
		else
			writes->general |= GPR_BITS(GPR_CX);
	}
}

/* vpternlog with an immediate that makes all bits alike, as compilers write -1. */
static bool is_constant(const struct decoder *d)
{
	return d->encoding == ENCODED_EVEX && d->map == 3 && d->opcode == 0x25 && d->mask == 0 &&
		(d->immediate == 0 || d->immediate == UINT8_MAX);
}

void vector_operands(struct decoder *d)
{
	const struct row *row = find_row(d);
	uint32_t flags = row != NULL ? row->flags : 0;
	bool is_evex = d->encoding == ENCODED_EVEX, has_register = d->mod == 3;

	if (is_zero(d)) {
		uint64_t all = d->wide ? UINT16_MAX : UINT8_MAX;

		d->out->writes.vector = d->is_long ? VECTOR_BITS(all) : VECTOR_HIGH(all);
		return;
	}
	if (row == NULL) {
		d->out->is_opaque = true;
		return;
	}
	if ((flags & TO_MASK) != 0 && is_evex)
		flags |= GK;
	if ((flags & SCALAR) != 0 && !has_register)
		flags &= ~(uint32_t)VR;
	/* Masked elements keep what they have; a mask as the result gets zeros there. */
	if (is_evex && d->mask != 0 && !d->zeroes && (flags & (GK | GG)) == 0 && (flags & GW) != 0)
		flags |= GR;
	if (is_evex && d->mask != 0 && !d->zeroes && (flags & EW) != 0)
		flags |= ER;
	if (is_evex && d->mask != 0 && !d->zeroes && (flags & VW) != 0)
		flags |= VR;
	unsigned g = d->reg | d->high_reg, e = d->rm | d->high_rm, v = d->vvvv;
	if (((flags & SAME) != 0 && (flags & GK) == 0 && has_register && e == v && d->mask == 0) || is_constant(d))
		flags &= ~(uint32_t)(GR | VR | ER);
	operand(d, g, (flags & GR) != 0, (flags & GW) != 0, (flags & GG) != 0, (flags & GK) != 0);
	operand(d, v, (flags & VR) != 0, (flags & VW) != 0, (flags & VG) != 0, (flags & VK) != 0);
	if (has_register)
		operand(d, e, (flags & ER) != 0, (flags & EW) != 0, (flags & EG) != 0, (flags & EK) != 0);
	if ((flags & FOURTH) != 0)
		operand(d, (unsigned)(d->immediate >> 4), true, false, false, false);
	if ((flags & INDEXED) != 0 && d->index >= 0)
		operand(d, (unsigned)d->index, true, false, false, false);
	if (d->mask != 0)
		operand(d, d->mask, true, (flags & INDEXED) != 0, false, true);
	implicit_operands(d);
}

bool vector_stores(const struct decoder *d)
{
	const struct row *row = find_row(d);

	if (row == NULL)
		return true;
	/* vmaskmov, scatters, and the states that AMX and AVX keep in memory. */
	bool is_masked = d->encoding == ENCODED_VEX && d->map == 2 && (d->opcode == 0x2e || d->opcode == 0x2f || d->opcode == 0x8e);
	bool is_scatter = d->encoding == ENCODED_EVEX && d->map == 2 && d->opcode >= 0xa0 && d->opcode <= 0xa3;
	bool is_compared = d->encoding == ENCODED_VEX && d->map == 2 && d->opcode >= 0xe0 && d->opcode <= 0xef;

	return (row->flags & EW) != 0 || row->flags == NO_EFFECT || is_masked || is_scatter || is_compared;
}
