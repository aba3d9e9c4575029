/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "linenumbers.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "insn.h"

/* ---- which line an instruction is of ---- */

/* The unit that describes a function's code, and has the lines of it. */
static uint32_t unit_of_code(const struct dwarf *dwarf, const struct dwarf_function *function)
{
	struct dwarf_die die;

	if (dwarf_die_read(dwarf, function->die, &die) != 0) {
		msg_forget();
		return DWARF_NONE;
	}
	return (uint32_t)(die.unit - dwarf->units);
}

/* The unit whose code an address is in; DWARF_NONE if the debug info has none there. */
static uint32_t unit_at(const struct dwarf *dwarf, uint64_t addr)
{
	for (uint32_t i = 0; i < dwarf->n_functions; i++)
		for (uint32_t k = 0; dwarf->functions[i].hi != 0 && k < dwarf->functions[i].n_ranges; k++) {
			struct dwarf_range range = dwarf->ranges[dwarf->functions[i].first_range + k];

			if (addr >= range.lo && addr < range.hi)
				return unit_of_code(dwarf, &dwarf->functions[i]);
		}
	return DWARF_NONE;
}

/* ---- which strings go to the same call ---- */

struct neighbours {
	const struct image *image;
	uint64_t at;			/* of the number */
	uint64_t before, behind;	/* the calls around it */
	const char *file;
	bool is_found;
};

static bool is_file_name(const struct image *image, uint64_t addr, const char *file)
{
	uint64_t size;
	const uint8_t *bytes = image_bytes(image, addr, &size);

	if (bytes == NULL || size == 0 || *bytes == 0 || memchr(bytes, 0, (size_t)size) == NULL)
		return false;
	return path_has_suffix(file, (const char *)bytes) ||
	       strcmp(base_name(file), base_name((const char *)bytes)) == 0;
}

static int look_at_string(void *ctx, uint64_t from, uint64_t to, unsigned access)
{
	struct neighbours *all = ctx;

	if (access == 0 && from >= all->before && from < all->behind && is_file_name(all->image, to, all->file))
		all->is_found = true;
	return 0;
}

/* Does the instruction end what is computed for one call: a call, or a jump? */
static bool is_bound(const struct shape *shape)
{
	return shape->flow != FLOW_NEXT;
}

static bool find_bounds(struct neighbours *all, const struct spot *spot)
{
	uint64_t size, at = spot->addr;
	const uint8_t *bytes = image_bytes(all->image, at, &size);
	struct shape shape;

	all->before = at;
	while (bytes != NULL && at < spot->end &&
	       insn_shape(bytes + (at - spot->addr), (size_t)(spot->end - at), at, all->image->gen, &shape)) {
		at += shape.size;
		if (!is_bound(&shape))
			continue;
		all->behind = at;
		if (at > all->at)
			return true;
		all->before = at;
	}
	return false;
}

/* ---- both ---- */

/* The row of the unit's line table that an address is in; false: there is none. */
static bool find_row(const struct dwarf *dwarf, uint32_t unit, uint64_t addr, struct dwarf_row *out)
{
	struct dwarf_row *rows = NULL;
	size_t n_rows = 0;
	bool is_found = false;

	if (dwarf_read_rows(dwarf, &dwarf->units[unit], &rows, &n_rows) != 0) {
		msg_forget();
		n_rows = 0;
	}
	for (size_t i = 0; i + 1 < n_rows && !is_found; i++) {
		is_found = !rows[i].is_end && rows[i].addr <= addr && addr < rows[i + 1].addr;
		*out = rows[i];
	}
	free(rows);
	return is_found;
}

static bool is_line_number(struct build *build, uint64_t at, uint64_t number)
{
	const struct binary *binary = build_debug(build);
	uint32_t unit = binary != NULL ? unit_at(&binary->dwarf, at) : DWARF_NONE;
	struct whereabouts place = image_at(&build->image, at);
	struct neighbours all = { .image = &build->image, .at = at };
	struct dwarf_row row = { .line = 0 };

	if (unit == DWARF_NONE || place.spot == IMAGE_NONE || !find_row(&binary->dwarf, unit, at, &row) ||
	    row.line != number)
		return false;
	char *file = dwarf_file(&binary->dwarf, unit, row.file);
	all.file = file;
	if (file != NULL && find_bounds(&all, &build->image.spots[place.spot]) &&
	    each_reference(&build->image, place.spot, look_at_string, &all) != 0)
		all.is_found = false;
	free(file);
	return all.is_found;
}

bool are_line_numbers(struct build *old, struct build *new, const struct numbers *numbers)
{
	for (size_t i = 0; i < numbers->count; i++) {
		const struct number_pair *pair = &numbers->table[i];

		if (!is_line_number(old, pair->old_at, pair->old) || !is_line_number(new, pair->new_at, pair->new))
			return false;
	}
	return true;
}
