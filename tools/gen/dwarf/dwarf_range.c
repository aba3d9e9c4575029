/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dwarf_range.h"

#include <errno.h>

#include "cursor.h"
#include "dwarf_section.h"

static bool is_live(uint64_t lo, uint64_t hi)
{
	/* Of code that they dropped linkers leave an address of 0 or 1, and lld one of all ones. */
	return lo > 1 && lo < hi;
}

static int add_range(struct dwarf *dwarf, uint64_t lo, uint64_t hi)
{
	if (!is_live(lo, hi))
		return 0;
	/* No two functions have the same list, and a range takes more than a byte. */
	if (dwarf->n_ranges > dwarf_section(dwarf, 0, DWARF_INFO)->size +
	    dwarf_section(dwarf, 0, DWARF_RANGES)->size + dwarf_section(dwarf, 0, DWARF_RNGLISTS)->size)
		return fail(ENOEXEC, "%s: debug info is damaged: functions share lists of ranges",
			    dwarf->inputs[0].name);
	int err = DWARF_GROW(&dwarf->ranges, dwarf->n_ranges);
	if (err == 0)
		dwarf->ranges[dwarf->n_ranges++] = (struct dwarf_range){ lo, hi };
	return err;
}

/* Add the ranges of a list in .debug_ranges: DWARF 4, section 2.17.3. */
static int add_old_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset)
{
	const struct dwarf_bytes *bytes = dwarf_section(dwarf, unit->input, DWARF_RANGES);
	uint64_t base = unit->low_pc, highest = unit->shape.address_size == 4 ? UINT32_MAX : UINT64_MAX;
	struct cursor at;

	cursor_init(&at, bytes->data, bytes->size);
	cursor_skip(&at, offset);
	for (;;) {
		uint64_t lo = cursor_uint(&at, unit->shape.address_size);
		uint64_t hi = cursor_uint(&at, unit->shape.address_size);

		if (at.bad || (lo == 0 && hi == 0))
			return 0;
		if (lo == highest) {
			base = hi;
			continue;
		}
		int err = add_range(dwarf, (base + lo) & highest, (base + hi) & highest);
		if (err != 0)
			return err;
	}
}

/* Add the ranges of a list in .debug_rnglists: DWARF 5, section 7.25. */
static int add_new_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset)
{
	enum { END_OF_LIST, BASE_ADDRESSX, STARTX_ENDX, STARTX_LENGTH, OFFSET_PAIR, BASE_ADDRESS,
	       START_END, START_LENGTH };
	const struct dwarf_bytes *bytes = dwarf_section(dwarf, unit->input, DWARF_RNGLISTS);
	uint64_t base = unit->low_pc, lo, hi;
	uint8_t size = unit->shape.address_size;
	struct cursor at;

	cursor_init(&at, bytes->data, bytes->size);
	cursor_skip(&at, offset);
	for (;;) {
		uint8_t kind = cursor_u8(&at);

		lo = hi = 0;
		switch (kind) {
		case BASE_ADDRESSX:
			if (!dwarf_indexed_address(dwarf, unit, cursor_uleb(&at), &base))
				return 0;
			break;
		case STARTX_ENDX:
		case STARTX_LENGTH:
			if (!dwarf_indexed_address(dwarf, unit, cursor_uleb(&at), &lo))
				return 0;
			hi = cursor_uleb(&at);
			if (kind == STARTX_LENGTH)
				hi += lo;
			else if (!dwarf_indexed_address(dwarf, unit, hi, &hi))
				return 0;
			break;
		case OFFSET_PAIR:
			lo = base + cursor_uleb(&at);
			hi = base + cursor_uleb(&at);
			break;
		case BASE_ADDRESS:
			base = cursor_uint(&at, size);
			break;
		case START_END:
			lo = cursor_uint(&at, size);
			hi = cursor_uint(&at, size);
			break;
		case START_LENGTH:
			lo = cursor_uint(&at, size);
			hi = lo + cursor_uleb(&at);
			break;
		default:
			return 0;
		}
		if (at.bad)
			return 0;
		int err = add_range(dwarf, lo, hi);
		if (err != 0)
			return err;
	}
}

static int add_ranges(struct dwarf *dwarf, const struct dwarf_die *die)
{
	const struct dwarf_value *value = &die->values[DWARF_RANGES_LIST];
	const struct dwarf_unit *unit = die->unit;
	uint64_t offset = value->u;

	if (unit->shape.version < 5)
		return add_old_ranges(dwarf, unit, offset);
	if (value->kind == DWARF_LIST_INDEX) {
		const struct dwarf_bytes *bytes = dwarf_section(dwarf, unit->input, DWARF_RNGLISTS);
		struct cursor at;

		if (offset > bytes->size)
			return 0;
		cursor_init(&at, bytes->data, bytes->size);
		cursor_skip(&at, unit->rnglists_base);
		cursor_skip(&at, offset * unit->shape.offset_size);
		offset = unit->rnglists_base + cursor_uint(&at, unit->shape.offset_size);
		if (at.bad)
			return 0;
	}
	return add_new_ranges(dwarf, unit, offset);
}

int dwarf_read_code(struct dwarf *dwarf, const struct dwarf_die *die,
		     struct dwarf_function *function)
{
	uint64_t lo, hi;
	int err = 0;

	function->first_range = dwarf->n_ranges;
	if (dwarf_has(die, DWARF_RANGES_LIST)) {
		err = add_ranges(dwarf, die);
	} else if (dwarf_address(dwarf, die, DWARF_LOW_PC, &lo)) {
		if (!dwarf_address(dwarf, die, DWARF_HIGH_PC, &hi)) {
			if (!dwarf_number(die, DWARF_HIGH_PC, &hi))
				return 0;
			hi += lo;
		}
		err = add_range(dwarf, lo, hi);
	}
	function->n_ranges = dwarf->n_ranges - function->first_range;
	function->is_dropped = function->n_ranges == 0 &&
		(dwarf_has(die, DWARF_LOW_PC) || dwarf_has(die, DWARF_RANGES_LIST));
	if (err == 0 && function->n_ranges != 0) {
		function->lo = dwarf->ranges[function->first_range].lo;
		function->hi = dwarf->ranges[function->first_range].hi;
	}
	return err;
}
