/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "counterpart.h"
#include "names.h"
#include "refusals.h"

/* The objects, and the files that the debug info of the patch and of the target names. */
struct header_check {
	const struct draft *draft;
	const struct unit *units;
	size_t n_units;
	struct names unproven, holders;	/* functions of which nothing shows whether they changed; units with copies */
};

/* What the objects show of a header's function. */
enum change {
	CHANGE_UNKNOWN,		/* everything that has a copy of it changed, or nothing shows a copy */
	CHANGE_NONE,		/* a copy is in code that is the same as before */
	CHANGE_SEEN,		/* its own code changed */
};

/* The path of the header that a static function is of; NULL for another function.  The caller frees it. */
static char *header_of(const struct dwarf *dwarf, const struct dwarf_function *function)
{
	const struct dwarf_unit *unit = &dwarf->units[function->unit];

	if (function->name == NULL || function->external || function->declaration ||
	    function->origin != 0 || unit->name == NULL)
		return NULL;
	char *path = dwarf_file(dwarf, function->file_unit, function->file);
	if (path == NULL || strcmp(base_name(path), base_name(unit->name)) == 0 ||
	    strncmp(path, "/usr/", 5) == 0) {
		free(path);
		return NULL;
	}
	return path;
}

static const struct unit *unit_of_patch(const struct header_check *check, const struct dwarf_unit *of)
{
	for (size_t i = 0; i < check->n_units; i++)
		if (check->units[i].patch_unit == of)
			return &check->units[i];
	return NULL;
}

/* The piece of a function of the patch; NULL if it is not known. */
static const struct piece *piece_of(const struct header_check *check, uint32_t function)
{
	const struct dwarf *dwarf = &check->draft->patch->dwarf;
	const struct unit *unit = unit_of_patch(check, &dwarf->units[dwarf->functions[function].unit]);

	for (size_t i = 0; unit != NULL && i < unit->n_pieces; i++)
		if (unit->pieces[i].kind == PIECE_FUNCTION && unit->pieces[i].is_placed &&
		    unit->pieces[i].addr == entry_range(check->draft->patch, &dwarf->functions[function]).lo)
			return &unit->pieces[i];
	return NULL;
}

static enum change change_of_code(const struct piece *piece, bool is_own)
{
	if (piece == NULL || piece->twin == NULL)
		return CHANGE_UNKNOWN;
	if (piece->verdict == VERDICT_SAME || piece->verdict == VERDICT_LINES)
		return CHANGE_NONE;
	return is_own ? CHANGE_SEEN : CHANGE_UNKNOWN;
}

/* What one unit of the patch shows of the function: by its own code, or by where it was inlined. */
static enum change look_at_copies(const struct header_check *check, const struct dwarf_function *function)
{
	const struct dwarf *dwarf = &check->draft->patch->dwarf;
	enum change change = CHANGE_UNKNOWN;
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, function->name, i)) != DWARF_NONE) {
		const struct dwarf_function *code = &dwarf->functions[i];

		if (code->hi == 0 || (code != function && code->origin != function->die))
			continue;
		change = change_of_code(piece_of(check, i), true);
		if (change != CHANGE_UNKNOWN)
			return change;
	}
	for (uint32_t k = 0; k < dwarf->n_inlined && change == CHANGE_UNKNOWN; k++)
		if (dwarf->inlined[k].origin == function->die)
			change = change_of_code(piece_of(check, dwarf->inlined[k].function), false);
	return change;
}

/* Do two definitions describe the same function of the same header? */
static bool is_same_header(const struct dwarf *dwarf, const struct dwarf_function *other, const char *header)
{
	char *path = header_of(dwarf, other);
	bool same = path != NULL && strcmp(base_name(path), base_name(header)) == 0;

	free(path);
	return same;
}

/* What all objects together show of the function. */
static enum change find_change(const struct header_check *check, const struct dwarf_function *function,
			       const char *header)
{
	const struct dwarf *dwarf = &check->draft->patch->dwarf;
	enum change found = CHANGE_UNKNOWN;
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, function->name, i)) != DWARF_NONE) {
		if (!is_same_header(dwarf, &dwarf->functions[i], header))
			continue;
		enum change change = look_at_copies(check, &dwarf->functions[i]);
		if (change == CHANGE_SEEN)
			return change;
		if (change == CHANGE_NONE)
			found = change;
	}
	return found;
}

static bool is_among_objects(const struct header_check *check, const struct dwarf_unit *unit)
{
	for (size_t i = 0; i < check->n_units; i++)
		if (check->units[i].target_unit == unit)
			return true;
	return false;
}

static void add_unit(const struct header_check *check, uint32_t index, struct names *names)
{
	const struct dwarf_unit *unit = &check->draft->target->dwarf.units[index];

	if (unit->tag == DW_TAG_compile_unit && !is_among_objects(check, unit))
		names_add(names, unit->name != NULL ? unit->name : "?");
}

/* List the units of the target that have a copy of the function and are not among the objects. */
static void list_copies(const struct header_check *check, const struct dwarf_function *function,
			const char *header, struct names *names)
{
	const struct dwarf *dwarf = &check->draft->target->dwarf;
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, function->name, i)) != DWARF_NONE) {
		const struct dwarf_function *copy = &dwarf->functions[i];

		if (!is_same_header(dwarf, copy, header))
			continue;
		if (copy->hi != 0 || copy->is_inlined)
			add_unit(check, copy->unit, names);
		for (uint32_t k = DWARF_NONE; (k = dwarf_find_function(dwarf, copy->name, k)) != DWARF_NONE;)
			if (dwarf->functions[k].origin == copy->die && dwarf->functions[k].hi != 0)
				add_unit(check, dwarf->functions[k].unit, names);
		for (uint32_t k = 0; k < dwarf->n_inlined; k++)
			if (dwarf->inlined[k].origin == copy->die)
				add_unit(check, dwarf->functions[dwarf->inlined[k].function].unit, names);
	}
}

static bool has_changes(const struct unit *unit)
{
	for (size_t i = 0; i < unit->n_pieces; i++)
		if (unit->pieces[i].kind == PIECE_FUNCTION && unit->pieces[i].verdict != VERDICT_SAME &&
		    unit->pieces[i].verdict != VERDICT_LINES)
			return true;
	return false;
}

/* Does the patch's debug info show any code of the function, its own or inlined? */
static bool is_seen(const struct dwarf *dwarf, const struct dwarf_function *function)
{
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, function->name, i)) != DWARF_NONE)
		if (dwarf->functions[i].hi != 0 &&
		    (&dwarf->functions[i] == function || dwarf->functions[i].origin == function->die))
			return true;
	for (uint32_t k = 0; k < dwarf->n_inlined; k++)
		if (dwarf->inlined[k].origin == function->die)
			return true;
	return false;
}

static int check_function(struct header_check *check, const struct unit *unit,
			  const struct dwarf_function *function, const char *header)
{
	const struct draft *draft = check->draft;
	struct names names = { 0 };
	char text[NAMES_TEXT_MAX];

	enum change change = find_change(check, function, header);
	if (change == CHANGE_NONE)
		return 0;
	list_copies(check, function, header, &names);
	if (names.count == 0)
		return 0;
	names_format(&names, text, sizeof(text));
	bool is_plural = names.count > 1;
	if (change == CHANGE_SEEN)
		return fail(EINVAL, "%s: '%s' changed, and %s of %s %s a copy of it (add the object%s of %s to"
			    " the patch)", base_name(header), function->name, text, draft->target->file.path,
			    is_plural ? "have" : "has", is_plural ? "s" : "",
			    is_plural ? "these" : "that");
	if (unit->original == NULL || !is_seen(&draft->patch->dwarf, function)) {
		names_add(&check->unproven, function->name);
		for (size_t i = 0; i < names.count; i++)
			names_add(&check->holders, names.table[i]);
		return 0;
	}
	return fail(EINVAL, "%s: '%s' may have changed, as all that has it inlined in %s did, and %s of %s %s"
		    " a copy of it (add the object%s of %s, and the original%s, to the patch)",
		    base_name(header), function->name, unit->file.path, text, draft->target->file.path,
		    is_plural ? "have" : "has", is_plural ? "s" : "", is_plural ? "these" : "that",
		    is_plural ? "s" : "");
}

static void tell_unproven(const struct header_check *check)
{
	char functions[NAMES_TEXT_MAX], holders[NAMES_TEXT_MAX];

	if (check->unproven.count == 0 || check->draft->is_quiet)
		return;
	names_format(&check->unproven, functions, sizeof(functions));
	names_format(&check->holders, holders, sizeof(holders));
	warn("%s: nothing shows whether %s of headers changed%s; if so, add the objects of what else has a "
	     "copy: %s", check->draft->patch->file.path, functions,
	     check->draft->n_originals == 0 ? ", without --original" : "", holders);
}

int check_headers(const struct draft *draft, const struct unit *units, size_t n_units)
{
	struct header_check check = { .draft = draft, .units = units, .n_units = n_units };
	const struct dwarf *dwarf = &draft->patch->dwarf;
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < dwarf->n_functions; i++) {
		const struct dwarf_function *function = &dwarf->functions[i];
		const struct unit *unit = unit_of_patch(&check, &dwarf->units[function->unit]);

		if (unit == NULL || unit->target_unit == NULL ||
		    (unit->original != NULL && !has_changes(unit)))
			continue;
		char *header = header_of(dwarf, function);
		if (header != NULL)
			err = refuse_later(draft, check_function(&check, unit, function, header));
		free(header);
	}
	if (err == 0)
		tell_unproven(&check);
	return err;
}
