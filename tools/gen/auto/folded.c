/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "folded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "counterpart.h"
#include "placed.h"

/* The objects, while one function that is replaced is looked at. */
struct folding {
	const struct draft *draft;
	struct unit *units;
	size_t n_units;
	const struct unit *unit;
	struct piece *piece;
};

/* Is the name one more that the object itself has for the piece, as __attribute__((alias)) makes? */
static bool is_alias(const struct unit *unit, const struct piece *piece, const char *name, size_t size)
{
	for (size_t i = 0; i < unit->file.symtab.count; i++) {
		const struct symbol *symbol = &unit->file.symtab.table[i];

		if (symbol->section == piece->section && symbol->value == piece->start &&
		    strlen(symbol->name) == size && memcmp(symbol->name, name, size) == 0)
			return true;
	}
	return false;
}

static int refuse(const struct folding *folding, const char *name)
{
	const struct draft *draft = folding->draft;
	char *source = piece_source(draft, folding->unit, folding->piece);
	int err = fail(EINVAL, "%s: '%s' is one function with '%.*s' in %s, as they were equal there: it cannot"
		       " change alone (change both in the same way, or what calls it instead)",
		       source != NULL ? source : folding->unit->source, folding->piece->name,
		       (int)strcspn(name, "@"), name, draft->target->file.path);

	free(source);
	return err;
}

/* Another name is at the address of the piece.  Does that change in the same way? */
static int look_at_name(const struct folding *folding, const char *name)
{
	const struct piece *piece = folding->piece;
	size_t size = strcspn(name, "@");	/* a version of the symbol may follow */

	/* The compiler's own names are of parts, clones and local aliases. */
	if (memchr(name, '.', size) != NULL || is_alias(folding->unit, piece, name, size))
		return 0;
	for (size_t i = 0; i < folding->n_units; i++)
		for (size_t k = 0; k < folding->units[i].n_pieces; k++) {
			struct unit *unit = &folding->units[i];
			struct piece *other = &unit->pieces[k];

			if (other == piece || other->kind != PIECE_FUNCTION || !other->has_counterpart ||
			    other->counterpart.addr != piece->counterpart.addr ||
			    !is_alias(unit, other, name, size))
				continue;
			if (!other->is_changed || !same_code(folding->unit, piece, unit, other))
				return refuse(folding, name);
			other->fate = FATE_TARGET;
			return 0;
		}
	return refuse(folding, name);
}

static int look_at_piece(const struct folding *folding)
{
	const struct binary *target = folding->draft->target;
	const struct definition *old = &folding->piece->counterpart;
	int err = 0;

	for (size_t i = 0; err == 0 && i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->section != SHN_UNDEF && symbol->type == STT_FUNC && symbol->value == old->addr)
			err = look_at_name(folding, symbol->name);
	}
	for (uint32_t i = 0; err == 0 && i < target->dwarf.n_functions; i++) {
		const struct dwarf_function *function = &target->dwarf.functions[i];

		if (function->hi != 0 && function->name != NULL &&
		    strcmp(function->name, old->name) != 0 &&
		    entry_range(target, function).lo == old->addr)
			err = look_at_name(folding, function->linkage_name != NULL ? function->linkage_name :
					   function->name);
	}
	return err;
}

/* ---- functions of which nothing is left but another one's code ---- */

/* Has the target nothing of that function, not even a symbol? */
static bool is_lost(const struct binary *target, const struct piece *piece)
{
	for (size_t i = 0; i < target->symbols->count; i++)
		if (strcmp(target->symbols->table[i].name, piece->name) == 0)
			return false;
	return !piece->has_counterpart;
}

/* The other way round: a function that is replaced, and of an object one without code that was equal, and stays as it is. */
static int look_for_lost(const struct folding *folding)
{
	const struct piece *old = folding->piece->twin;
	int err = 0;

	for (size_t i = 0; err == 0 && old != NULL && i < folding->n_units; i++)
		for (size_t k = 0; err == 0 && k < folding->units[i].n_pieces; k++) {
			const struct unit *unit = &folding->units[i];
			const struct piece *other = &unit->pieces[k];

			if (other->kind == PIECE_FUNCTION && other->twin != NULL && is_lost(folding->draft->target, other) &&
			    same_code(folding->unit->original, old, unit->original, other->twin) &&
			    !same_code(folding->unit, folding->piece, unit, other))
				err = refuse(folding, other->name);
		}
	return err;
}

/* Does an object have a function that is at the symbol in the target, and changes in the same way as the piece? */
static bool changes_along(const struct folding *folding, const struct symbol *symbol)
{
	for (size_t i = 0; i < folding->n_units; i++)
		for (size_t k = 0; k < folding->units[i].n_pieces; k++) {
			const struct unit *unit = &folding->units[i];
			const struct piece *other = &unit->pieces[k];

			if (other->kind == PIECE_FUNCTION && other->fate == FATE_REPLACES && other->is_changed &&
			    other->counterpart.addr == symbol->value && same_code(folding->unit, folding->piece, unit, other))
				return true;
		}
	return false;
}

/*
 * mold (2.37 does) leaves no symbol of a function that it has folded with another one, and debug info as of one that
 * nothing calls.  So a function without code that changes may be one that has the same code.
 */
static int look_for_equal(const struct folding *folding)
{
	const struct binary *target = folding->draft->target;
	const struct piece *old = folding->piece->twin;
	int err = 0;

	if (old == NULL || !is_lost(target, folding->piece))
		return 0;
	for (size_t i = 0; err == 0 && i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->section != SHN_UNDEF && symbol->type == STT_FUNC && symbol->size == old->size &&
		    is_code_at(folding->unit->original, old, &target->file, symbol->value) && !changes_along(folding, symbol))
			err = refuse(folding, symbol->name);
	}
	return err;
}

static int look_at_replaced(const struct folding *folding)
{
	int err = look_at_piece(folding);

	return err == 0 ? look_for_lost(folding) : err;
}

int settle_folded(const struct draft *draft, struct unit *units, size_t n_units)
{
	struct folding folding = { .draft = draft, .units = units, .n_units = n_units };
	int err = 0;

	for (size_t i = 0; err == 0 && i < n_units; i++)
		for (size_t k = 0; err == 0 && k < units[i].n_pieces; k++) {
			folding.unit = &units[i];
			folding.piece = &units[i].pieces[k];
			/* What is replaced for another's sake alone does as before, for all its names. */
			if (folding.piece->kind == PIECE_FUNCTION && folding.piece->fate == FATE_REPLACES &&
			    folding.piece->is_changed)
				err = look_at_replaced(&folding);
			else if (folding.piece->kind == PIECE_FUNCTION && folding.piece->is_changed)
				err = look_for_equal(&folding);
		}
	return err;
}
