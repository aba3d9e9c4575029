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

		if (function->hi == 0 || function->name == NULL)
			continue;
		if (entry_range(draft->patch, function).lo != piece->addr)
			continue;
		if (strcmp(function->name, piece->name) == 0)
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
		    (tls || variable->has_addr) && variable->name != NULL &&
		    strstr(piece->name, variable->name) != NULL)
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
		return strdup(*unit->source != '\0' ? unit->source : base_name(unit->file.path));
	source = code ? dwarf_file(dwarf, dwarf->functions[i].file_unit, dwarf->functions[i].file) :
		dwarf_file(dwarf, dwarf->variables[i].file_unit, dwarf->variables[i].file);
	if (asprintf(&text, "%s:%u", source != NULL ? base_name(source) : unit->source,
		     code ? dwarf->functions[i].line : dwarf->variables[i].line) < 0)
		text = NULL;
	free(source);
	return text;
}

/* ---- pieces ---- */

static int find_piece_function(const struct draft *draft, const struct unit *unit,
			       struct piece *piece)
{
	uint32_t index = patch_function(draft, piece);
	bool local = piece->symbol->bind == STB_LOCAL;
	struct wanted wanted = {
		.name = piece->name, .file = local ? unit->target_path : NULL,
		.source = unit->source, .of_object = true,
		.line = index == DWARF_NONE ? 0 : draft->patch->dwarf.functions[index].line,
	};

	/* If the target's unit is not known, nothing tells whether it has this function. */
	if (local && unit->target_path == NULL)
		return 0;
	return find_function(draft->target, &wanted, local ? LINKAGE_STATIC : LINKAGE_GLOBAL,
			     &piece->counterpart);
}

/* Find a variable of a unit without debug info by its name, if only one symbol has that name. */
static int find_symbol(const struct draft *draft, const struct piece *piece, struct definition *out)
{
	const struct symbols *symbols = draft->target->symbols;
	bool local = piece->symbol->bind == STB_LOCAL;
	size_t count = 0;

	for (size_t i = 0; i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->table[i];

		if (symbol->section == SHN_UNDEF || strcmp(symbol->name, piece->name) != 0 ||
		    (symbol->type != STT_OBJECT && symbol->type != STT_TLS &&
		     symbol->type != piece->symbol->type) ||
		    (local && (symbol->bind != STB_LOCAL || symbol->visibility != STV_DEFAULT)) ||
		    (!local && symbol->bind == STB_LOCAL && symbol->visibility == STV_DEFAULT))
			continue;
		*out = (struct definition){
			.name = symbol->name, .addr = symbol->value, .size = symbol->size,
			.index = DWARF_NONE, .global = !local,
		};
		count++;
	}
	return count == 1;
}

/*
 * The name of the function in a symbol like "function.variable", which clang writes (find.c,
 * is_local_to).
 */
static const char *owner_name(const struct piece *piece, char owner[NAME_MAX + 1])
{
	size_t size = strcspn(piece->name, ".");

	if (piece->name[size] == '\0' || size > NAME_MAX)
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
		return is_constant(unit, piece) ? 0 : find_symbol(draft, piece, &piece->counterpart);
	if (local && unit->target_path == NULL)
		return 0;
	if (index != DWARF_NONE) {
		const struct dwarf_variable *variable = &dwarf->variables[index];

		wanted.name = variable->name;
		wanted.line = variable->line;
		if (variable->function != DWARF_NONE)
			wanted.function = dwarf->functions[variable->function].name;
		if (variable->function != DWARF_NONE && wanted.function == NULL)
			wanted.function = owner_name(piece, owner);
		if (variable->function != DWARF_NONE && wanted.function == NULL)
			return find_symbol(draft, piece, &piece->counterpart);
	}
	int found = find_variable(draft->target, &wanted, local ? LINKAGE_STATIC : LINKAGE_GLOBAL,
				  &piece->counterpart);
	return found != 0 || local ? found : find_symbol(draft, piece, &piece->counterpart);
}

/* Does the target's unit have a definition of its own, even if the linker dropped it? */
static bool defines(const struct dwarf *dwarf, const struct unit *unit, const struct piece *piece)
{
	bool code = piece->kind == PIECE_FUNCTION;
	uint32_t i = DWARF_NONE;

	while (code && (i = dwarf_find_function(dwarf, piece->name, i)) != DWARF_NONE)
		if (&dwarf->units[dwarf->functions[i].unit] == unit->target_unit &&
		    !dwarf->functions[i].declaration)
			return true;
	while (!code && (i = dwarf_find_variable(dwarf, piece->name, i)) != DWARF_NONE)
		if (&dwarf->units[dwarf->variables[i].unit] == unit->target_unit &&
		    !dwarf->variables[i].declaration)
			return true;
	return false;
}

/*
 * The linker may have taken another file's variable in place of a weak one.  Then the debug
 * info has two definitions with one address.
 */
static bool is_defined_elsewhere(const struct dwarf *dwarf, const struct unit *unit,
				 const struct piece *piece)
{
	uint32_t i = DWARF_NONE;

	while (piece->kind != PIECE_FUNCTION &&
	       (i = dwarf_find_variable(dwarf, piece->name, i)) != DWARF_NONE) {
		const struct dwarf_variable *other = &dwarf->variables[i];

		if (other->external && !other->declaration && other->addr == piece->counterpart.addr &&
		    &dwarf->units[other->unit] != unit->target_unit)
			return true;
	}
	return false;
}

/*
 * Did the linker take what another file defines in place of this weak thing?  Debug info of the
 * one that is not in use is not used either.
 */
static bool is_overridden(const struct draft *draft, const struct unit *unit, struct piece *piece)
{
	const struct symbol *symbol = find_global_symbol(draft->target, piece->name);
	const struct dwarf *dwarf = &draft->target->dwarf;
	struct definition *have = &piece->counterpart;
	bool is_described = have->index != DWARF_NONE &&
		(piece->kind != PIECE_FUNCTION || dwarf->functions[have->index].hi != 0);

	if (symbol == NULL || !may_be_overridden(unit, piece))
		return false;
	if (is_described && have->unit == unit->target_unit)
		return symbol->bind != STB_WEAK && is_defined_elsewhere(dwarf, unit, piece);
	/* A hidden symbol has become local, and nothing tells any more that it was weak. */
	if (is_described)
		return symbol->bind == STB_GLOBAL || defines(dwarf, unit, piece);
	if (symbol->bind == STB_WEAK || (symbol->bind == STB_LOCAL && unit->target_unit == NULL))
		return false;
	have->index = DWARF_NONE;
	have->unit = NULL;
	have->file = NULL;
	return true;
}

static int refuse_twice(const struct draft *draft, const struct unit *unit,
			const struct piece *piece, const struct piece *other)
{
	char *source = piece_source(draft, unit, piece);
	char *elsewhere = piece_source(draft, unit, other);
	int err = fail(EINVAL, "%s: it cannot be told whether this '%s' or that of %s is the one that %s "
		       "has: give the new one another name", source != NULL ? source : unit->source,
		       piece->counterpart.name, elsewhere != NULL ? elsewhere : "another line",
		       draft->target->file.path);

	free(elsewhere);
	free(source);
	return err;
}

/*
 * The new function may have two variables of one name, in two blocks, where the old one had
 * one.  Either may be the one that it had, so this is refused.  Of constants the patch may have
 * copies.  A thing without a size holds no value.
 */
static int check_twice(const struct draft *draft, struct unit *unit, struct piece *piece)
{
	bool constant = is_constant(unit, piece);

	for (struct piece *other = unit->pieces; other < piece; other++) {
		if (other->kind != piece->kind || other->size == 0 || piece->size == 0 ||
		    other->counterpart.name == NULL)
			continue;
		if (constant && is_constant(unit, other) && piece->counterpart.index != DWARF_NONE &&
		    piece->counterpart.index == other->counterpart.index)
			piece->has_counterpart = other->has_counterpart = false;
		else if (!constant && other->has_counterpart &&
			 other->counterpart.addr == piece->counterpart.addr)
			return refuse_twice(draft, unit, other, piece);
	}
	return 0;
}

int find_counterparts(const struct draft *draft, struct unit *unit)
{
	for (size_t i = 0; i < unit->n_pieces; i++) {
		struct piece *piece = &unit->pieces[i];
		int found = 0;

		if (piece->symbol == NULL || is_clone(piece) || is_made_by_compiler(piece) ||
		    !piece->is_placed)
			continue;
		found = piece->kind == PIECE_FUNCTION ? find_piece_function(draft, unit, piece) :
			find_piece_variable(draft, unit, piece);
		if (found < 0)
			return found;
		piece->has_counterpart = found != 0;
		piece->is_overridden = found != 0 && is_overridden(draft, unit, piece);
		if (found != 0 && piece->kind != PIECE_FUNCTION) {
			int err = check_twice(draft, unit, piece);

			if (err != 0)
				return err;
		}
		if (found != 0)
			debug("%s: '%s' is at 0x%llx", unit->file.path, piece->name,
			      (unsigned long long)piece->counterpart.addr);
	}
	return 0;
}
