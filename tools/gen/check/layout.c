/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "refusals.h"
#include "type.h"

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
		else if (same == 0 && !is_refused_for(draft, why))
			err = refuse_later(draft, refuse(draft, &types.table[i], why,
							 old->name != NULL ? old->name : "the target"));
	}
	free(others.table);
	free(types.table);
	return err;
}
