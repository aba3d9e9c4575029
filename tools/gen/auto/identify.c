/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "identify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "counterpart.h"
#include "refusals.h"

/* What speaks for a unit of the target to be the one that an object is a new version of. */
struct likeness {
	unsigned functions;	/* how many functions both define */
	unsigned components;	/* how many components their paths have in common at the end */
};

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

/* How many components two paths have in common at their ends: of a/b/c.c and x/b/c.c two. */
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
		if (a_end - x != b_end - y || memcmp(x, y, (size_t)(a_end - x)) != 0)
			break;
		count++;
		a_end = x > a ? x - 1 : a;
		b_end = y > b ? y - 1 : b;
	}
	return count;
}

static unsigned count_functions(const struct unit *unit)
{
	unsigned count = 0;

	for (size_t i = 0; i < unit->n_pieces; i++)
		count += unit->pieces[i].kind == PIECE_FUNCTION && unit->pieces[i].symbol != NULL;
	return count;
}

/* How many functions the debug info says that a unit of the target defines. */
static unsigned count_described(const struct dwarf *dwarf, uint32_t unit)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < dwarf->n_functions; i++)
		count += dwarf->functions[i].unit == unit && !dwarf->functions[i].declaration &&
			dwarf->functions[i].name != NULL;
	return count;
}

/* How many functions a unit of the target has in common with the author's object. */
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

/* Does the name, as the compiler was given it, name a folder, and not one above? */
static bool names_folder(const char *name)
{
	const char *slash = strrchr(name, '/');

	return *name != '/' && slash != NULL && slash != name && slash[-1] != '.';
}

/*
 * Do the names that the compiler was given lead to different folders of one source tree, as
 * lib/util.c and src/util.c do?  Only relative ones tell.
 */
static bool are_elsewhere(const struct dwarf_unit *a, const struct dwarf_unit *b)
{
	return a->name != NULL && b->name != NULL && names_folder(a->name) && names_folder(b->name) &&
		!unit_matches_file(a, b->name) && !unit_matches_file(b, a->name);
}

/*
 * May the unit of the target be the object's?  Its file has the same name.  It must have
 * functions of the object's, too, and if the folder is another one, most of them.
 */
static bool is_likely(const struct draft *draft, const struct unit *unit, uint32_t candidate,
		      struct likeness like)
{
	unsigned there = count_described(&draft->target->dwarf, candidate);
	unsigned here = count_functions(unit);

	if (there == 0 || here == 0)
		return true;
	return like.functions != 0 && (like.components > 1 || 2 * like.functions >= here);
}

static bool is_better(struct likeness a, struct likeness b)
{
	return a.functions != b.functions ? a.functions > b.functions : a.components > b.components;
}

static int refuse_two(const struct draft *draft, const struct unit *unit, const char *path,
		      const struct dwarf_unit *a, const struct dwarf_unit *b)
{
	char *first = dwarf_unit_path(a), *second = dwarf_unit_path(b);
	int err = fail(EINVAL, "%s: %s may be %s of %s, or %s: it cannot be told which (a source that is "
		       "compiled twice is patched in manual mode)", unit->file.path, path,
		       first != NULL ? first : "?", draft->target->file.path,
		       second != NULL ? second : "?");

	free(first);
	free(second);
	return err;
}

/*
 * Choose the unit with the most functions in common.  If several have as many, it is the one
 * whose path is most alike.
 */
static int choose_unit(const struct draft *draft, const struct unit *unit, const char *path,
		       uint32_t *found)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	struct likeness best = { 0 };
	uint32_t second = DWARF_NONE;

	*found = DWARF_NONE;
	for (uint32_t i = 0; i < dwarf->n_units; i++) {
		const struct dwarf_unit *candidate = &dwarf->units[i];

		if (candidate->tag != DW_TAG_compile_unit || candidate->name == NULL ||
		    strcmp(base_name(candidate->name), base_name(path)) != 0)
			continue;
		char *other = dwarf_unit_path(candidate);
		struct likeness like = { common_functions(draft, unit, i),
					 other != NULL ? common_components(path, other) : 0 };
		free(other);
		if (!is_likely(draft, unit, i, like))
			continue;
		if (*found == DWARF_NONE || is_better(like, best)) {
			second = DWARF_NONE;
			best = like;
			*found = i;
		} else if (!is_better(best, like)) {
			second = i;
		}
	}
	if (second != DWARF_NONE && count_functions(unit) != 0)
		return refuse_two(draft, unit, path, &dwarf->units[*found], &dwarf->units[second]);
	return 0;
}

int find_target_unit(const struct draft *draft, struct unit *unit)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	uint32_t index = unit_of(draft, unit), found;

	if (index == DWARF_NONE)
		return 0;
	unit->patch_unit = &dwarf->units[index];
	char *path = dwarf_unit_path(unit->patch_unit);
	if (path == NULL)
		return fail(ENOMEM, "out of memory");
	int err = choose_unit(draft, unit, path, &found);
	if (err == 0 && found != DWARF_NONE) {
		unit->target_unit = &draft->target->dwarf.units[found];
		unit->target_path = dwarf_unit_path(unit->target_unit);
		if (unit->target_path != NULL)
			say("%s: %s is %s of %s", unit->file.path, path, unit->target_path,
			    draft->target->file.path);
	}
	free(path);
	return err;
}

/* ---- refusing ---- */

static int refuse_foreign(const struct draft *draft, const struct unit *unit)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	char *path = dwarf_unit_path(unit->patch_unit), *other = NULL;

	for (uint32_t i = 0; path != NULL && other == NULL && i < dwarf->n_units; i++)
		if (dwarf->units[i].name != NULL &&
		    strcmp(base_name(dwarf->units[i].name), base_name(path)) == 0)
			other = dwarf_unit_path(&dwarf->units[i]);
	int err = fail(EINVAL, "%s: %s is no source file of %s%s%s%s (is it of a library, or of another "
		       "program?)", unit->file.path, path != NULL ? path : unit->source,
		       draft->target->file.path, other != NULL ? ", which has " : "",
		       other != NULL ? other : "", other != NULL ? ", with other functions or in another"
		       " folder" : "");

	free(other);
	free(path);
	return err;
}

/* Does the target have a function that the object defines? */
static bool has_any(const struct unit *unit)
{
	for (size_t i = 0; i < unit->n_pieces; i++)
		if (unit->pieces[i].kind == PIECE_FUNCTION && unit->pieces[i].has_counterpart)
			return true;
	return false;
}

/*
 * A source file that is new with the fix has no original, and no unit of the target.  If
 * originals are given for none, nothing tells it from one of another program, so it must then
 * define nothing that the target has.
 */
static bool is_new_source(const struct draft *draft, const struct unit *unit)
{
	return unit->original == NULL && (draft->n_originals != 0 || !has_any(unit));
}

/*
 * Is the object of another folder than the target's unit?  The new source may lie beside the old
 * one, as new/queue.c beside old/queue.c: then the original is of the target's folder.
 */
static bool is_of_other_folder(const struct unit *unit)
{
	const struct dwarf *original = unit->original != NULL ? &unit->original->dwarf : NULL;

	return are_elsewhere(unit->patch_unit, unit->target_unit) &&
		(original == NULL || original->n_units == 0 ||
		 are_elsewhere(&original->units[0], unit->target_unit));
}

int check_units(const struct draft *draft, const struct unit *units, size_t n_units)
{
	const struct unit *foreign = NULL;
	bool any = false;
	int err = 0;

	for (size_t i = 0; err == 0 && i < n_units; i++) {
		const struct unit *unit = &units[i];

		any |= unit->target_unit != NULL || (unit->patch_unit == NULL && has_any(unit));
		if (unit->patch_unit != NULL && unit->target_unit != NULL && is_of_other_folder(unit))
			err = refuse_later(draft, refuse_foreign(draft, unit));
		if (unit->patch_unit == NULL || unit->target_unit != NULL)
			continue;
		if (!is_new_source(draft, unit))
			err = refuse_later(draft, refuse_foreign(draft, unit));
		foreign = unit;
	}
	return err != 0 || any || foreign == NULL ? err : refuse_foreign(draft, foreign);
}
