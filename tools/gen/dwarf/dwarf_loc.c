/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dwarf_location_at(): location lists (DWARF 4, section 2.6.2; DWARF 5, section 7.29). */
#include "dwarf.h"

#include "cursor.h"

/*
 * What an entry of a list is: its end, a new base or something else without a range, a range
 * with an expression, or the expression for all other addresses.
 */
enum entry { ENTRY_END, ENTRY_OTHER, ENTRY_RANGE, ENTRY_DEFAULT };

struct list {
	const struct dwarf *dwarf;
	const struct dwarf_unit *unit;
	struct cursor at;
	uint64_t base, lo, hi;
};

static const struct dwarf_bytes *section_with_lists(const struct dwarf *dwarf,
					      const struct dwarf_unit *unit)
{
	return &dwarf->inputs[unit->input].sections[unit->shape.version < 5 ? DWARF_LOC : DWARF_LOCLISTS];
}

static enum entry read_old_entry(struct list *list)
{
	uint8_t size = list->unit->shape.address_size;
	uint64_t highest = size == 4 ? UINT32_MAX : UINT64_MAX;

	list->lo = cursor_uint(&list->at, size);
	list->hi = cursor_uint(&list->at, size);
	if (list->lo == 0 && list->hi == 0)
		return ENTRY_END;
	if (list->lo == highest) {
		list->base = list->hi;
		return ENTRY_OTHER;
	}
	list->lo = (list->lo + list->base) & highest;
	list->hi = (list->hi + list->base) & highest;
	return ENTRY_RANGE;
}

static enum entry read_new_entry(struct list *list)
{
	enum { END_OF_LIST, BASE_ADDRESSX, STARTX_ENDX, STARTX_LENGTH, OFFSET_PAIR, DEFAULT_LOCATION,
	       BASE_ADDRESS, START_END, START_LENGTH, VIEW_PAIR };
	struct cursor *at = &list->at;
	uint8_t size = list->unit->shape.address_size, kind = cursor_u8(at);

	switch (kind) {
	case BASE_ADDRESSX:
		return dwarf_indexed_address(list->dwarf, list->unit, cursor_uleb(at), &list->base) ?
			ENTRY_OTHER : ENTRY_END;
	case STARTX_ENDX:
	case STARTX_LENGTH:
		if (!dwarf_indexed_address(list->dwarf, list->unit, cursor_uleb(at), &list->lo))
			return ENTRY_END;
		list->hi = cursor_uleb(at);
		if (kind == STARTX_LENGTH)
			list->hi += list->lo;
		else if (!dwarf_indexed_address(list->dwarf, list->unit, list->hi, &list->hi))
			return ENTRY_END;
		return ENTRY_RANGE;
	case OFFSET_PAIR:
		list->lo = list->base + cursor_uleb(at);
		list->hi = list->base + cursor_uleb(at);
		return ENTRY_RANGE;
	case DEFAULT_LOCATION:
		return ENTRY_DEFAULT;
	case BASE_ADDRESS:
		list->base = cursor_uint(at, size);
		return ENTRY_OTHER;
	case START_END:
		list->lo = cursor_uint(at, size);
		list->hi = cursor_uint(at, size);
		return ENTRY_RANGE;
	case START_LENGTH:
		list->lo = cursor_uint(at, size);
		list->hi = list->lo + cursor_uleb(at);
		return ENTRY_RANGE;
	case VIEW_PAIR:			/* gcc's, of views at one address */
		cursor_uleb(at);
		cursor_uleb(at);
		return ENTRY_OTHER;
	default:
		return ENTRY_END;
	}
}

static bool find_in_list(struct list *list, uint64_t pc, struct dwarf_bytes *expression)
{
	bool is_old = list->unit->shape.version < 5;

	for (;;) {
		enum entry entry = is_old ? read_old_entry(list) : read_new_entry(list);

		if (list->at.bad || entry == ENTRY_END)
			return false;
		if (entry == ENTRY_OTHER)
			continue;
		uint64_t size = is_old ? cursor_uint(&list->at, 2) : cursor_uleb(&list->at);
		const uint8_t *data = list->at.p;
		cursor_skip(&list->at, size);
		if (list->at.bad)
			return false;
		if (entry == ENTRY_DEFAULT || (pc >= list->lo && pc < list->hi)) {
			*expression = (struct dwarf_bytes){ data, (size_t)size };
			return true;
		}
	}
}

bool dwarf_location_at(const struct dwarf *dwarf, const struct dwarf_die *die, uint64_t pc,
		       struct dwarf_bytes *expression)
{
	const struct dwarf_value *value = &die->values[DWARF_LOCATION];
	const struct dwarf_unit *unit = die->unit;
	struct list list = { .dwarf = dwarf, .unit = unit, .base = unit->low_pc };
	uint64_t offset = value->u;

	if (!dwarf_has(die, DWARF_LOCATION))
		return false;
	if (value->kind == DWARF_BLOCK) {
		*expression = (struct dwarf_bytes){ value->data, (size_t)value->u };
		return true;
	}
	if (value->kind != DWARF_OFFSET && value->kind != DWARF_LIST_INDEX &&
	    value->kind != DWARF_CONSTANT)
		return false;
	const struct dwarf_bytes *bytes = section_with_lists(dwarf, unit);
	cursor_init(&list.at, bytes->data, bytes->size);
	if (value->kind == DWARF_LIST_INDEX) {
		struct cursor at = list.at;

		if (offset > bytes->size)
			return false;
		cursor_skip(&at, unit->loclists_base);
		cursor_skip(&at, offset * unit->shape.offset_size);
		offset = unit->loclists_base + cursor_uint(&at, unit->shape.offset_size);
	}
	cursor_skip(&list.at, offset);
	return find_in_list(&list, pc, expression);
}
