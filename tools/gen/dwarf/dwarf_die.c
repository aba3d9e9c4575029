/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dwarf_die.h"

#include "dwarf_abbrev.h"
#include "dwarf_section.h"
#include "dwarf_value.h"

static const struct dwarf_unit *unit_at(const struct dwarf *dwarf, uint64_t offset)
{
	size_t i = ARRAY_UPTO(dwarf->units, dwarf->n_units, end, offset);

	return i < dwarf->n_units && offset >= dwarf->units[i].dies ? &dwarf->units[i] : NULL;
}

int dwarf_unit_cursor(const struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset,
		       struct cursor *at)
{
	uint64_t base;
	const struct dwarf_bytes *bytes = dwarf_section_of(dwarf, unit->offset, &base);

	if (bytes == NULL || offset > unit->end)
		return dwarf_damaged(dwarf, offset, "offset outside its unit");
	cursor_init(at, bytes->data + (offset - base), unit->end - offset);
	return 0;
}

int dwarf_read_entry(const struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset,
		      struct dwarf_die *die)
{
	struct cursor at;
	int err = dwarf_unit_cursor(dwarf, unit, offset, &at);

	if (err != 0)
		return err;
	const uint8_t *start = at.p;
	uint64_t code = cursor_uleb(&at);
	if (at.bad)
		return dwarf_damaged(dwarf, offset, "end of unit");
	die->offset = offset;
	die->unit = unit;
	if (code == 0) {
		die->tag = 0;
		die->next = offset + (uint64_t)(at.p - start);
		return 0;
	}
	const struct dwarf_abbrev *abbrev = dwarf_find_abbrev(&dwarf->abbrevs[unit->abbrevs], code);
	if (abbrev == NULL)
		return dwarf_damaged(dwarf, offset, "unknown abbreviation");
	err = dwarf_read_attributes(dwarf, unit, abbrev, &at, die);
	die->next = offset + (uint64_t)(at.p - start);
	return err;
}

int dwarf_die_read(const struct dwarf *dwarf, uint64_t offset, struct dwarf_die *die)
{
	const struct dwarf_unit *unit = unit_at(dwarf, offset);

	if (unit == NULL)
		return dwarf_damaged(dwarf, offset, "reference to no entry");
	int err = dwarf_read_entry(dwarf, unit, offset, die);
	if (err == 0 && die->tag == 0)
		return dwarf_damaged(dwarf, offset, "reference to no entry");
	return err;
}

int dwarf_child(const struct dwarf *dwarf, const struct dwarf_die *die, struct dwarf_die *out)
{
	if (!die->has_children || die->next >= die->unit->end)
		return 0;
	int err = dwarf_read_entry(dwarf, die->unit, die->next, out);
	return err != 0 ? err : out->tag != 0;
}

int dwarf_sibling(const struct dwarf *dwarf, const struct dwarf_die *die, struct dwarf_die *out)
{
	const struct dwarf_unit *unit = die->unit;
	uint64_t next = die->next, sibling;
	unsigned int depth = die->has_children;
	int err;

	if (depth != 0 && dwarf_reference(dwarf, die, DWARF_SIBLING, &sibling) && sibling >= next &&
	    sibling < unit->end) {
		next = sibling;
		depth = 0;
	}
	for (;;) {
		if (next >= unit->end)
			return 0;
		err = dwarf_read_entry(dwarf, unit, next, out);
		if (err != 0)
			return err;
		if (depth == 0)
			return out->tag != 0;
		if (out->tag == 0)
			depth--;
		else if (out->has_children)
			depth++;
		next = out->next;
	}
}
