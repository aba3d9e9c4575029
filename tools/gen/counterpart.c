/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "counterpart.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the patch's debug info ---- */

uint32_t patch_function(const struct draft *draft, const struct piece *piece)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	uint32_t found = DWARF_NONE;

	for (uint32_t i = 0; piece->is_placed && i < dwarf->n_functions; i++) {
		const struct dwarf_function *function = &dwarf->functions[i];

		if (!function->hi || !function->name)
			continue;
		if (entry_range(draft->patch, function).lo != piece->addr)
			continue;
		if (!strcmp(function->name, piece->name))
			return i;
		found = i;
	}
	return found;
}

uint32_t patch_variable(const struct draft *draft, const struct piece *piece)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	bool tls = piece->kind == PIECE_TLS;

	for (uint32_t i = 0; piece->is_placed && i < dwarf->n_variables; i++) {
		const struct dwarf_variable *variable = &dwarf->variables[i];

		if (variable->addr == piece->addr && variable->is_tls == tls &&
		    (tls || variable->has_addr) && variable->name &&
		    strstr(piece->name, variable->name))
			return i;
	}
	return DWARF_NONE;
}

char *piece_source(const struct draft *draft, const struct unit *unit, const struct piece *piece)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	bool code = piece->kind == PIECE_FUNCTION;
	uint32_t i = code ? patch_function(draft, piece) : patch_variable(draft, piece);
	char *text = NULL, *source;

	if (i == DWARF_NONE)
		return strdup(*unit->source ? unit->source : base_name(unit->file.path));
	source = code ? dwarf_file(dwarf, dwarf->functions[i].file_unit, dwarf->functions[i].file) :
		dwarf_file(dwarf, dwarf->variables[i].file_unit, dwarf->variables[i].file);
	if (asprintf(&text, "%s:%u", source ? base_name(source) : unit->source,
		     code ? dwarf->functions[i].line : dwarf->variables[i].line) < 0)
		text = NULL;
	free(source);
	return text;
}

/* ---- units ---- */

static uint32_t unit_of(const struct draft *draft, const struct unit *unit)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;

	for (size_t i = 0; i < unit->n_pieces; i++) {
		const struct piece *piece = &unit->pieces[i];
		uint32_t k = DWARF_NONE;

		if (piece->kind == PIECE_FUNCTION &&
		    (k = patch_function(draft, piece)) != DWARF_NONE)
			return dwarf->functions[k].unit;
		if (piece->kind == PIECE_VARIABLE &&
		    (k = patch_variable(draft, piece)) != DWARF_NONE)
			return dwarf->variables[k].unit;
	}
	return DWARF_NONE;
}

/* Components that two paths have in common at their ends. */
static unsigned common_components(const char *a, const char *b)
{
	const char *a_end = a + strlen(a), *b_end = b + strlen(b);
	unsigned count = 0;

	while (a_end > a && b_end > b) {
		const char *x = a_end, *y = b_end;

		while (x > a && x[-1] != '/')
			x--;
		while (y > b && y[-1] != '/')
			y--;
		if (a_end - x != b_end - y || memcmp(x, y, (size_t)(a_end - x)))
			break;
		count++;
		a_end = x > a ? x - 1 : a;
		b_end = y > b ? y - 1 : b;
	}
	return count;
}

/* Functions that a unit of the target has in common with the author's object. */
static unsigned common_functions(const struct draft *draft, const struct unit *unit,
				 uint32_t target_unit)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	unsigned count = 0;

	for (size_t i = 0; i < unit->n_pieces; i++) {
		const struct piece *piece = &unit->pieces[i];
		uint32_t k = DWARF_NONE;

		if (piece->kind != PIECE_FUNCTION)
			continue;
		while ((k = dwarf_find_function(dwarf, piece->name, k)) != DWARF_NONE)
			if (dwarf->functions[k].unit == target_unit &&
			    !dwarf->functions[k].declaration) {
				count++;
				break;
			}
	}
	return count;
}

/* The unit with the most functions in common; of several the one whose path is most alike. */
static uint32_t choose_unit(const struct draft *draft, const struct unit *unit, const char *path)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	uint64_t best = 0;
	uint32_t found = DWARF_NONE;

	for (uint32_t i = 0; i < dwarf->n_units; i++) {
		const struct dwarf_unit *candidate = &dwarf->units[i];

		if (candidate->tag != DW_TAG_compile_unit || !candidate->name ||
		    strcmp(base_name(candidate->name), base_name(path)))
			continue;
		char *other = dwarf_unit_path(candidate);
		uint64_t score = (uint64_t)common_functions(draft, unit, i) << 32 |
			(other ? common_components(path, other) : 0);
		free(other);
		if (score > best) {
			best = score;
			found = i;
		}
	}
	return found;
}

int find_target_unit(const struct draft *draft, struct unit *unit)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	uint32_t index = unit_of(draft, unit);

	if (index == DWARF_NONE)
		return 0;
	unit->patch_unit = &dwarf->units[index];
	char *path = dwarf_unit_path(unit->patch_unit);
	if (!path)
		return fail(ENOMEM, "not enough memory");
	uint32_t found = choose_unit(draft, unit, path);
	if (found != DWARF_NONE) {
		unit->target_unit = &draft->target->dwarf.units[found];
		unit->target_path = dwarf_unit_path(unit->target_unit);
		if (unit->target_path)
			say("%s: %s is %s of %s", unit->file.path, path, unit->target_path,
			    draft->target->file.path);
	}
	free(path);
	return 0;
}

/* ---- pieces ---- */

static int find_piece_function(const struct draft *draft, const struct unit *unit,
			       struct piece *piece)
{
	bool local = piece->symbol->bind == STB_LOCAL;
	struct wanted wanted = {
		.name = piece->name, .file = local ? unit->target_path : NULL,
		.source = unit->source, .of_object = true,
	};
	int found;

	/* The target's unit is known, and has it or not. */
	if (local && !unit->target_path)
		return 0;
	found = find_function(draft->target, &wanted, local ? LINKAGE_STATIC : LINKAGE_GLOBAL,
			      &piece->place);
	piece->is_overridden = found > 0 && piece->symbol->bind == STB_WEAK &&
			       piece->place.unit && piece->place.unit != unit->target_unit;
	return found;
}

/* A variable of a unit without debug info: by its name, if that is the only one. */
static int find_symbol(const struct draft *draft, const struct piece *piece, struct place *out)
{
	const struct symbols *symbols = draft->target->symbols;
	bool local = piece->symbol->bind == STB_LOCAL;
	size_t count = 0;

	for (size_t i = 0; i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->table[i];

		if (symbol->section == SHN_UNDEF || strcmp(symbol->name, piece->name) ||
		    (symbol->type != STT_OBJECT && symbol->type != STT_TLS &&
		     symbol->type != piece->symbol->type) ||
		    (local && (symbol->bind != STB_LOCAL || symbol->visibility != STV_DEFAULT)) ||
		    (!local && symbol->bind == STB_LOCAL && symbol->visibility == STV_DEFAULT))
			continue;
		*out = (struct place){
			.name = symbol->name, .addr = symbol->value, .size = symbol->size,
			.index = DWARF_NONE, .global = !local,
		};
		count++;
	}
	return count == 1;
}

/* The function of "function.variable": find.c. */
static const char *owner_name(const struct piece *piece, char owner[NAME_MAX + 1])
{
	size_t size = strcspn(piece->name, ".");

	if (!piece->name[size] || size > NAME_MAX)
		return NULL;
	memcpy(owner, piece->name, size);
	owner[size] = '\0';
	return owner;
}

static int find_piece_variable(const struct draft *draft, const struct unit *unit,
			       struct piece *piece)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	uint32_t index = patch_variable(draft, piece);
	bool local = piece->symbol->bind == STB_LOCAL;
	struct wanted wanted = {
		.name = piece->name, .source = unit->source, .tls = piece->kind == PIECE_TLS,
		.file = local ? unit->target_path : NULL, .of_object = true,
	};
	char owner[NAME_MAX + 1];

	if (local && index == DWARF_NONE)
		return is_constant(unit, piece) ? 0 : find_symbol(draft, piece, &piece->place);
	if (local && !unit->target_path)
		return 0;
	if (index != DWARF_NONE) {
		const struct dwarf_variable *variable = &dwarf->variables[index];

		wanted.name = variable->name;
		wanted.line = variable->line;
		if (variable->function != DWARF_NONE)
			wanted.function = dwarf->functions[variable->function].name;
		if (variable->function != DWARF_NONE && !wanted.function)
			wanted.function = owner_name(piece, owner);
	}
	int found = find_variable(draft->target, &wanted, local ? LINKAGE_STATIC : LINKAGE_GLOBAL,
				  &piece->place);
	return found || local ? found : find_symbol(draft, piece, &piece->place);
}

/* Two variables of one name in blocks of a function that had one: which it is cannot be told. */
static int check_twice(const struct draft *draft, const struct unit *unit, const struct piece *piece)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;

	for (const struct piece *other = unit->pieces; other < piece; other++) {
		if (!other->has_place || other->kind != piece->kind ||
		    other->place.addr != piece->place.addr)
			continue;
		uint32_t a = patch_variable(draft, other), b = patch_variable(draft, piece);
		if (a == DWARF_NONE || b == DWARF_NONE)
			continue;
		char *source = piece_source(draft, unit, piece);
		int err = fail(EINVAL, "%s: '%s' is there once more, at line %u, but the target has only"
			       " one: give the new one another name", source ? source : unit->source,
			       dwarf->variables[b].name, dwarf->variables[a].line);
		free(source);
		return err;
	}
	return 0;
}

int find_counterparts(const struct draft *draft, struct unit *unit)
{
	for (size_t i = 0; i < unit->n_pieces; i++) {
		struct piece *piece = &unit->pieces[i];
		int found = 0;

		if (!piece->symbol || is_clone(piece) || is_made_by_compiler(piece) ||
		    !piece->is_placed)
			continue;
		found = piece->kind == PIECE_FUNCTION ? find_piece_function(draft, unit, piece) :
			find_piece_variable(draft, unit, piece);
		if (found < 0)
			return found;
		piece->has_place = found;
		if (found && piece->kind != PIECE_FUNCTION) {
			int err = check_twice(draft, unit, piece);

			if (err)
				return err;
		}
		if (found)
			debug("%s: '%s' is at 0x%llx", unit->file.path, piece->name,
			      (unsigned long long)piece->place.addr);
	}
	return 0;
}
