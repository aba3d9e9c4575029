/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "refusals.h"
#include "type.h"

#define TRUSTED_MAX 64		/* types of VZP_LAYOUT */

/* A type with a name, at the top of a compile unit. */
struct named {
	const char *name;
	uint64_t die;
	uint16_t tag;
};

struct named_types {
	struct named *table;
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : (x->tag > y->tag) - (x->tag < y->tag);
}

static int add_named(struct named_types *types, const struct dwarf *dwarf, const struct dwarf_die *die)
{
	const char *name = dwarf_text(dwarf, die, DWARF_NAME);

	if (name == NULL || dwarf_has(die, DWARF_DECLARATION) ||
	    (die->tag != DW_TAG_structure_type && die->tag != DW_TAG_union_type &&
	     die->tag != DW_TAG_enumeration_type))
		return 0;
	int err = ARRAY_GROW(&types->table, types->count, 1);
	if (err == 0)
		types->table[types->count++] = (struct named){ name, die->offset, die->tag };
	return err;
}

/* List the types of a unit, sorted by name. */
static int list_types(const struct dwarf *dwarf, const struct dwarf_unit *unit,
		      struct named_types *types)
{
	struct dwarf_die die;
	int err = dwarf_die_read(dwarf, unit->dies, &die);
	int more = err != 0 ? err : dwarf_child(dwarf, &die, &die);

	while (more > 0) {
		err = add_named(types, dwarf, &die);
		if (err != 0)
			return err;
		more = dwarf_sibling(dwarf, &die, &die);
	}
	if (types->count != 0)
		qsort(types->table, types->count, sizeof(*types->table), compare_names);
	return more;
}

static int refuse(const struct draft *draft, const struct named *type, const char *why,
		  const char *where)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	struct dwarf_die die;
	uint64_t file = 0, line = 0;
	int err = dwarf_die_read(dwarf, type->die, &die);

	if (err != 0)
		return err;
	dwarf_number(&die, DWARF_DECL_FILE, &file);
	dwarf_number(&die, DWARF_DECL_LINE, &line);
	char *source = dwarf_file(dwarf, (uint32_t)(die.unit - dwarf->units), (uint32_t)file);
	err = fail(EINVAL, "%s:%u: '%s' is not what it is in %s%s%s (what exists already has the old "
		   "layout)", source != NULL ? base_name(source) : draft->patch->file.path, (unsigned)line,
		   type->name, where, *why != '\0' ? ": " : "", why);
	free(source);
	return err;
}

/* Code that is not replaced has left anything in that member, and may not copy it along with the others. */
static int note_padding(const struct draft *draft, const char *what)
{
	static char told[TYPE_WHY_MAX];		/* the last one: a unit is compared with the target and the original */
	char text[TYPE_WHY_MAX + 100];

	if (is_refused_for(draft, what) || strcmp(told, what) == 0)
		return 0;
	snprintf(told, sizeof(told), "%s", what);
	snprintf(text, sizeof(text), "%s: what exists already has anything there", what);
	if (draft->is_strict)
		return refuse_later(draft, fail(EINVAL, "%s (--strict)", text));
	if (!draft->is_quiet)
		warn("note: %s", text);
	return 0;
}

static int check_trusted(const struct draft *draft, const struct directives *directives,
			 const struct directive *directive)
{
	const char *source = base_name(directive->source), *convert = directive->label;
	bool is_hook = false, comes_back = false;

	for (size_t i = 0; i < directives->count; i++) {
		const struct directive *other = &directives->table[i];

		is_hook |= (other->kind == DIRECTIVE_POST_APPLY || other->kind == DIRECTIVE_PRE_APPLY) &&
			strcmp(other->name, convert) == 0;
		comes_back |= other->kind == DIRECTIVE_PRE_REVERT || other->kind == DIRECTIVE_POST_REVERT;
		if (other->kind == DIRECTIVE_ALLOW_ACTIVE)
			return fail(EINVAL, "%s:%u: VZP_LAYOUT(%s): the old '%s' may be active (VZP_ALLOW_ACTIVE), and goes on with"
				    " the old layout", source, directive->line, directive->name, other->name);
	}
	if (draft->witness == NULL)
		return fail(EINVAL, "%s:%u: VZP_LAYOUT(%s): which functions depend on the layout, only builds of the program tell"
			    " (--as-built and --fixed)", source, directive->line, directive->name);
	if (!is_hook)
		return fail(EINVAL, "%s:%u: VZP_LAYOUT(%s, %s): %s is no hook (VZP_POST_APPLY(%s) says that it converts what there is)",
			    source, directive->line, directive->name, convert, convert, convert);
	if (!comes_back)
		return fail(EINVAL, "%s:%u: VZP_LAYOUT(%s): when the patch is taken out, the old code would find the new layout"
			    " (VZP_POST_REVERT converts it back, or VZP_PRE_REVERT forbids that)", source, directive->line,
			    directive->name);
	return 0;
}

int trust_layouts(const struct draft *draft, const struct directives *directives)
{
	static const char *names[TRUSTED_MAX];
	size_t count = 0;
	int err = 0;

	for (size_t i = 0; err == 0 && i < directives->count; i++) {
		const struct directive *directive = &directives->table[i];

		if (directive->kind != DIRECTIVE_LAYOUT)
			continue;
		if (count == TRUSTED_MAX)
			return fail(EINVAL, "%s:%u: VZP_LAYOUT(%s): a patch has %d at most", base_name(directive->source),
				    directive->line, directive->name, TRUSTED_MAX);
		names[count++] = directive->name;
		err = refuse_later(draft, check_trusted(draft, directives, directive));
	}
	type_trust(names, count);
	return end_if_refused(draft, err);
}

int check_layout(const struct draft *draft, const struct dwarf_unit *new, const struct dwarf *dwarf,
		 const struct dwarf_unit *old)
{
	struct named_types types = { 0 }, others = { 0 };
	char why[TYPE_WHY_MAX];
	int err = list_types(&draft->patch->dwarf, new, &types);

	if (err == 0)
		err = list_types(dwarf, old, &others);
	for (size_t i = 0; err == 0 && i < types.count; i++) {
		const struct named *found = others.count != 0 ?
			bsearch(&types.table[i], others.table, others.count, sizeof(*others.table),
				compare_names) : NULL;

		if (found == NULL)
			continue;
		struct type a = { &draft->patch->dwarf, types.table[i].die };
		struct type b = { dwarf, found->die };
		int same = type_equal(a, b, why);
		if (same < 0)
			err = same;
		else if (same != 0 && *why != '\0')
			err = note_padding(draft, why);
		else if (same == 0 && !is_refused_for(draft, why))
			err = refuse_later(draft, refuse(draft, &types.table[i], why,
							 old->name != NULL ? old->name : "the target"));
	}
	free(others.table);
	free(types.table);
	return err;
}
