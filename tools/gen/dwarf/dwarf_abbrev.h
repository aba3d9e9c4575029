/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dwarf_abbrev: tables of abbreviations, which say how entries are written: the tag, and the
 * attributes with their forms (DWARF 5, section 7.5.3).
 */
#ifndef NSB_GEN_DWARF_ABBREV_H
#define NSB_GEN_DWARF_ABBREV_H

#include "dwarf.h"
#include "dwarf_form.h"

/* An attribute of an abbreviation. */
struct dwarf_attribute {
	uint8_t field;
	struct dwarf_form form;
	uint32_t implicit;		/* index in the table's `implicit` */
};

/* One abbreviation. */
struct dwarf_abbrev {
	uint64_t code;
	uint16_t tag;
	bool has_children;
	int16_t sibling_at;		/* offset of a 4-byte DW_AT_sibling in the DIE; -1: not known */
	int32_t fixed_size;		/* of all attributes together; -1: it varies */
	uint32_t first, count;		/* in the table's `attributes` */
};


/* One table, parsed for units of one shape. */
struct dwarf_abbrevs {
	uint64_t offset;
	uint32_t input;
	struct dwarf_shape shape;
	struct dwarf_abbrev *entries;	/* by code */
	uint32_t n_entries;
	struct dwarf_attribute *attributes;
	uint32_t n_attributes;
	int64_t *implicit;		/* values that stand in the table itself */
	uint32_t n_implicit;
	uint32_t next;			/* the next of the same hash */
};

/*
 * The table at `offset`, for a unit.  It is parsed when the first unit of that shape asks for
 * it.  *out is its index in dwarf->abbrevs.
 */
int dwarf_abbrevs_of(struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset,
		     uint32_t *out) MUST_CHECK;
void dwarf_abbrevs_deinit(struct dwarf *dwarf);

/* The abbreviation of that code; NULL if the table has none. */
const struct dwarf_abbrev *dwarf_find_abbrev(const struct dwarf_abbrevs *table, uint64_t code);

#endif
