/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "numbers.h"

#include "counterpart.h"

/*
 * Does the line stand behind the one that begins the function, and before the next function of
 * that file?
 */
static bool has_line(const struct dwarf *dwarf, const struct dwarf_function *function, uint32_t line)
{
	bool has = function->line != 0 && line >= function->line;

	for (uint32_t i = 0; i < dwarf->n_functions && has; i++) {
		const struct dwarf_function *other = &dwarf->functions[i];

		has = other->unit != function->unit || other->file_unit != function->file_unit ||
			other->file != function->file || other->declaration ||
			other->line <= function->line || other->line > line;
	}
	return has;
}

static const struct dwarf_function *function_of(const struct draft *draft,
						const struct unit *unit, const struct piece *piece)
{
	uint64_t addr = unit->sections[piece->section].addr + piece->start;

	if (piece->is_placed) {
		uint32_t i = patch_function(draft, piece);

		return i == DWARF_NONE ? NULL : &draft->patch->dwarf.functions[i];
	}
	for (uint32_t i = 0; i < unit->dwarf.n_functions; i++)
		if (unit->dwarf.functions[i].hi != 0 && unit->dwarf.functions[i].lo == addr)
			return &unit->dwarf.functions[i];
	return NULL;
}

/* The line that begins a function of an original object, or of the patch. */
static uint32_t declared(const struct unit *unit, const struct piece *piece, void *ctx)
{
	const struct dwarf_function *function = function_of(ctx, unit, piece);

	return function != NULL ? function->line : 0;
}

/* Is the line one of this function of the patch, or of a function that was inlined into it? */
static bool is_within(const struct unit *unit, const struct piece *piece, uint32_t line, void *ctx)
{
	const struct draft *draft = ctx;
	const struct dwarf *dwarf = &draft->patch->dwarf;
	const struct dwarf_function *function = function_of(draft, unit, piece);
	bool is = function != NULL && has_line(dwarf, function, line);

	for (uint32_t i = 0; function != NULL && i < dwarf->n_inlined && !is; i++) {
		const struct dwarf_inlined *inlined = &dwarf->inlined[i];

		for (uint32_t k = 0; k < dwarf->n_functions && !is &&
		     inlined->function == (uint32_t)(function - dwarf->functions); k++)
			is = dwarf->functions[k].die == inlined->origin &&
				has_line(dwarf, &dwarf->functions[k], line);
	}
	return is;
}

static bool is_line(const struct unit *unit, const struct piece *piece, uint64_t from, uint64_t to,
		    uint32_t line, void *ctx __attribute__((unused)))
{
	uint64_t base = piece->is_placed ? piece->addr : unit->sections[piece->section].addr + piece->start;

	return dwarf_rows_have(unit->rows, unit->n_rows, base + from, base + to, line);
}

struct compare_lines line_numbers(struct draft *draft)
{
	return (struct compare_lines){ declared, is_within, is_line, draft };
}

int read_original_lines(struct unit *original)
{
	const struct dwarf *dwarf = &original->dwarf;

	return dwarf->n_units == 0 ? 0 :
		dwarf_read_rows(dwarf, &dwarf->units[0], &original->rows, &original->n_rows);
}

int read_patch_lines(const struct draft *draft, struct unit *unit)
{
	return unit->patch_unit == NULL ? 0 :
		dwarf_read_rows(&draft->patch->dwarf, unit->patch_unit, &unit->rows, &unit->n_rows);
}
