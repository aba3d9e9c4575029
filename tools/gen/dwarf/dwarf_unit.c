/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dwarf_unit.h"

#include <errno.h>
#include <stdlib.h>

#include "cursor.h"
#include "dwarf_abbrev.h"
#include "dwarf_die.h"
#include "dwarf_section.h"

enum { UT_COMPILE = 1, UT_TYPE = 2, UT_PARTIAL = 3, UT_SKELETON = 4, UT_SPLIT_COMPILE = 5,
       UT_SPLIT_TYPE = 6 };

static int read_unit_die(struct dwarf *dwarf, struct dwarf_unit *unit)
{
	struct dwarf_die die;
	int err;

	if (unit->dies >= unit->end)
		return 0;
	err = dwarf_read_entry(dwarf, unit, unit->dies, &die);
	if (err != 0 || die.tag == 0)
		return err;
	unit->tag = die.tag;
	dwarf_number(&die, DWARF_STR_OFFSETS_BASE, &unit->str_offsets_base);
	dwarf_number(&die, DWARF_ADDR_BASE, &unit->addr_base);
	dwarf_number(&die, DWARF_RNGLISTS_BASE, &unit->rnglists_base);
	dwarf_number(&die, DWARF_LOCLISTS_BASE, &unit->loclists_base);
	dwarf_number(&die, DWARF_LANGUAGE, &unit->language);
	unit->has_stmt_list = dwarf_number(&die, DWARF_STMT_LIST, &unit->stmt_list);
	unit->name = dwarf_text(dwarf, &die, DWARF_NAME);
	unit->comp_dir = dwarf_text(dwarf, &die, DWARF_COMP_DIR);
	unit->producer = dwarf_text(dwarf, &die, DWARF_PRODUCER);
	unit->dwo_name = dwarf_text(dwarf, &die, DWARF_DWO_NAME);
	uint64_t low_pc;
	if (dwarf_address(dwarf, &die, DWARF_LOW_PC, &low_pc))
		unit->low_pc = low_pc;
	return 0;
}

/* Read a header: DWARF 5, section 7.5.1; of .debug_types: DWARF 4, section 7.5.1.2. */
static int read_unit_header(struct dwarf *dwarf, struct cursor *at, struct dwarf_unit *unit,
			    bool types)
{
	const uint8_t *start = at->p;
	uint64_t abbrevs, length = cursor_uint(at, 4);

	unit->shape.offset_size = 4;
	if (length == UINT32_MAX) {
		unit->shape.offset_size = 8;
		length = cursor_uint(at, 8);
	}
	if (at->bad || length > (uint64_t)(at->end - at->p))
		return dwarf_damaged(dwarf, unit->offset, "unit of wrong length");
	unit->end = unit->offset + (uint64_t)(at->p - start) + length;
	unit->shape.version = (uint8_t)cursor_uint(at, 2);
	unit->kind = types ? UT_TYPE : UT_COMPILE;
	if (unit->shape.version >= 5) {
		unit->kind = cursor_u8(at);
		unit->shape.address_size = cursor_u8(at);
		abbrevs = cursor_uint(at, unit->shape.offset_size);
	} else {
		abbrevs = cursor_uint(at, unit->shape.offset_size);
		unit->shape.address_size = cursor_u8(at);
	}
	if (unit->shape.version < 2 || unit->shape.version > 5)
		return fail(ENOEXEC, "%s: debug info is of DWARF version %u, known are 2 to 5",
			    dwarf->inputs[unit->input].name, unit->shape.version);
	if (unit->shape.address_size != 4 && unit->shape.address_size != 8)
		return dwarf_damaged(dwarf, unit->offset, "unit of unknown address size");
	if (unit->kind == UT_TYPE || unit->kind == UT_SPLIT_TYPE) {
		unit->signature = cursor_uint(at, 8);
		unit->type_die = unit->offset + cursor_uint(at, unit->shape.offset_size);
	} else if (unit->kind == UT_SKELETON || unit->kind == UT_SPLIT_COMPILE) {
		cursor_skip(at, 8);
	}
	unit->dies = unit->offset + (uint64_t)(at->p - start);
	if (at->bad || unit->dies > unit->end)
		return dwarf_damaged(dwarf, unit->offset, "cut off unit header");
	return dwarf_abbrevs_of(dwarf, unit, abbrevs, &unit->abbrevs);
}

/* Read all units of one section.  bases[which] is the offset of its first byte. */
static int read_units(struct dwarf *dwarf, int which, uint32_t input, enum dwarf_section_id id)
{
	const struct dwarf_bytes *bytes = dwarf_section(dwarf, input, id);
	struct cursor at;
	int err;

	cursor_init(&at, bytes->data, bytes->size);
	while (at.p < at.end) {
		err = DWARF_GROW(&dwarf->units, dwarf->n_units);
		if (err != 0)
			return err;
		struct dwarf_unit *unit = &dwarf->units[dwarf->n_units];
		*unit = (struct dwarf_unit){
			.offset = dwarf->bases[which] + (uint64_t)(at.p - at.start),
			.input = input,
		};
		const uint8_t *start = at.p;
		err = read_unit_header(dwarf, &at, unit, id == DWARF_TYPES);
		if (err != 0)
			return err;
		dwarf->n_units++;
		at.p = start;
		cursor_skip(&at, unit->end - unit->offset);
	}
	return 0;
}

static int list_type_units(struct dwarf *dwarf)
{
	for (uint32_t i = 0; i < dwarf->n_units; i++) {
		const struct dwarf_unit *unit = &dwarf->units[i];

		if (unit->kind != UT_TYPE)
			continue;
		int err = DWARF_GROW(&dwarf->type_units, dwarf->n_type_units);
		if (err != 0)
			return err;
		dwarf->type_units[dwarf->n_type_units++] =
			(struct dwarf_type_unit){ unit->signature, unit->type_die };
	}
	ARRAY_SORT(dwarf->type_units, dwarf->n_type_units, signature);
	return 0;
}

bool dwarf_is_indexed(const struct dwarf_unit *unit)
{
	return unit->kind != UT_TYPE && unit->input == 0;
}

int dwarf_read_units(struct dwarf *dwarf)
{
	int err = read_units(dwarf, 0, 0, DWARF_INFO);

	if (err == 0)
		err = read_units(dwarf, 1, 0, DWARF_TYPES);
	if (err == 0)
		err = read_units(dwarf, 2, 1, DWARF_INFO);
	for (uint32_t i = 0; err == 0 && i < dwarf->n_units; i++)
		err = read_unit_die(dwarf, &dwarf->units[i]);
	return err != 0 ? err : list_type_units(dwarf);
}
