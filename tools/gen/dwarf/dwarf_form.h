/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dwarf_form: how the value of an attribute is written: how many bytes it has, and what they
 * mean (DWARF 5, section 7.5.5 and 7.5.6).
 */
#ifndef NSB_GEN_DWARF_FORM_H
#define NSB_GEN_DWARF_FORM_H

#include "dwarf.h"

/* The numbers of forms: DWARF 5, table 7.6. */
enum {
	FORM_ADDR = 0x01, FORM_BLOCK2 = 0x03, FORM_BLOCK4, FORM_DATA2, FORM_DATA4, FORM_DATA8,
	FORM_STRING, FORM_BLOCK, FORM_BLOCK1, FORM_DATA1, FORM_FLAG, FORM_SDATA, FORM_STRP,
	FORM_UDATA, FORM_REF_ADDR, FORM_REF1, FORM_REF2, FORM_REF4, FORM_REF8, FORM_REF_UDATA,
	FORM_INDIRECT, FORM_SEC_OFFSET, FORM_EXPRLOC, FORM_FLAG_PRESENT, FORM_STRX, FORM_ADDRX,
	FORM_REF_SUP4, FORM_STRP_SUP, FORM_DATA16, FORM_LINE_STRP, FORM_REF_SIG8,
	FORM_IMPLICIT_CONST, FORM_LOCLISTX, FORM_RNGLISTX, FORM_REF_SUP8, FORM_STRX1, FORM_STRX2,
	FORM_STRX3, FORM_STRX4, FORM_ADDRX1, FORM_ADDRX2, FORM_ADDRX3, FORM_ADDRX4,
	FORM_N,
};

/* How many bytes the number of a form has, if that is not a fixed count up to 16. */
enum { SIZE_ADDRESS = 32, SIZE_OFFSET, SIZE_REF_ADDR, SIZE_ULEB, SIZE_SLEB };


/* What the number means. */
enum dwarf_meaning {
	IS_UNKNOWN, IS_CONSTANT, IS_IMPLICIT, IS_PRESENT, IS_ADDRESS, IS_ADDRESS_INDEX, IS_BYTES,
	IS_BLOCK_SIZE, IS_TEXT, IS_STRING, IS_LINE_STRING, IS_SUP_STRING, IS_STRING_INDEX,
	IS_UNIT_REFERENCE, IS_REFERENCE, IS_SUP_REFERENCE, IS_SIGNATURE, IS_OFFSET, IS_LIST_INDEX,
	IS_INDIRECT,
};

/* A form, as two questions that a reader has. */
struct dwarf_form {
	uint8_t size;		/* bytes of its number, or one of SIZE_... */
	uint8_t meaning;	/* what the number means: IS_... */
};

/* The form with this number; IS_UNKNOWN if neither DWARF nor GNU has it. */
struct dwarf_form dwarf_form_of(uint64_t number);

/* Bytes of the number in a unit of this shape; -1 if they vary. */
int dwarf_number_size(struct dwarf_shape shape, struct dwarf_form form);

/* Bytes of the whole value in a unit of this shape; -1 if they vary. */
int dwarf_form_size(struct dwarf_shape shape, struct dwarf_form form);

#endif
