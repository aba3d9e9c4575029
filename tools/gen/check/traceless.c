/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "traceless.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "refusals.h"

/* Was the function inlined somewhere?  If it has code, too, the DIE that this is an instance of tells. */
static bool is_inlined(const struct dwarf *dwarf, const struct dwarf_function *function)
{
	uint32_t i = DWARF_NONE;

	if (function->is_inlined)
		return true;
	while (function->origin != 0 && (i = dwarf_find_function(dwarf, function->name, i)) != DWARF_NONE)
		if (dwarf->functions[i].die == function->origin && dwarf->functions[i].is_inlined)
			return true;
	return false;
}

/*
 * Does the debug info have a copy of it?  gcc says DW_AT_inline of a function that it cloned as
 * well, so a clone explains it, too.
 */
static bool has_instance(const struct binary *target, const struct dwarf_function *function)
{
	const struct dwarf *dwarf = &target->dwarf;
	uint32_t k = DWARF_NONE;

	while ((k = dwarf_find_function(dwarf, function->name, k)) != DWARF_NONE)
		if (dwarf->functions[k].hi != 0 && clone_name(target, &dwarf->functions[k]) != NULL &&
		    is_instance_of(dwarf, function, dwarf->functions[k].origin))
			return true;
	for (uint32_t i = 0; i < dwarf->n_inlined; i++)
		if (is_instance_of(dwarf, function, dwarf->inlined[i].origin))
			return true;
	return false;
}

void list_traceless(const struct draft *draft, uint32_t index, struct names *names)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	const struct dwarf_function *function = &dwarf->functions[index];

	if (function->name == NULL || !is_inlined(dwarf, function) || has_instance(draft->target, function))
		return;
	for (uint32_t i = 0; i < dwarf->n_functions; i++) {
		const struct dwarf_function *other = &dwarf->functions[i];

		if (other->unit == function->unit && other->hi != 0 && other->name != NULL &&
		    strcmp(other->name, function->name) != 0 && !is_replaced(draft, other))
			names_add(names, other->name);
	}
}

int check_traceless(const struct draft *draft)
{
	for (size_t i = 0; i < draft->meta.n_funcs; i++) {
		struct replaced *replaced = draft->replaced[i];
		struct names names = { 0 };
		char text[NAMES_TEXT_MAX], why[NAMES_TEXT_MAX + 768];

		if (replaced->old.index == DWARF_NONE || replaced->callers_checked || replaced->is_refused)
			continue;
		list_traceless(draft, replaced->old.index, &names);
		if (names.count == 0)
			continue;
		names_format(&names, text, sizeof(text));
		snprintf(why, sizeof(why), "'%.100s' of %.200s was inlined somewhere without a trace in the debug"
			 " info, perhaps into %s: replace what calls it in the source, too, use auto mode,"
			 " or say VZP_CALLERS_CHECKED(%.100s)", replaced->new.name,
			 base_name(draft->target->file.path), text, replaced->new.name);
		int err = refuse_callers_later(draft, replaced, refuse_function(draft, replaced, why));
		if (err != 0)
			return err;
	}
	return 0;
}
