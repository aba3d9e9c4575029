/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "interposed.h"

#include <errno.h>
#include <stdlib.h>

#include "checks.h"
#include "counterpart.h"
#include "refusals.h"
#include "traceless.h"

/*
 * List the functions of the unit that use the piece and are not replaced.  The object tells: all
 * that use a replaceable function in the source use it there, while in the target such a use may
 * be gone.
 */
static void list_users(const struct unit *unit, const struct piece *piece, struct names *users)
{
	for (size_t i = 0; i < unit->n_pieces; i++) {
		const struct piece *user = &unit->pieces[i];
		const struct unit_section *section = &unit->sections[user->section];

		if (user == piece || user->kind != PIECE_FUNCTION || user->symbol == NULL ||
		    user->fate != FATE_TARGET)
			continue;
		for (uint32_t k = 0; k < user->n_relocs; k++) {
			int64_t offset;

			if (reloc_piece(unit, &section->relocs[user->first_reloc + k], &offset) == piece)
				names_add(users, user->name);
		}
	}
}

/* May code of the target's unit know more of the function than the objects show? */
static bool is_hidden_change(const struct piece *piece)
{
	return piece->kind == PIECE_FUNCTION && piece->is_changed && piece->has_counterpart &&
		!piece->is_overridden && piece->symbol != NULL && piece->symbol->bind != STB_LOCAL &&
		piece->symbol->visibility == STV_DEFAULT;
}

static int refuse_traceless(const struct draft *draft, const struct unit *unit, const struct piece *piece,
			    const struct names *candidates)
{
	char *source = piece_source(draft, unit, piece), text[NAMES_TEXT_MAX];

	names_format(candidates, text, sizeof(text));
	int err = fail(EINVAL, "%s: '%s' was inlined in %s without a trace in the debug info, perhaps into %s,"
		       " and objects that are compiled with -fPIC alone do not show where: compile them "
		       "with -fno-semantic-interposition, too", source != NULL ? source : unit->source,
		       piece->name, draft->target->file.path, text);

	free(source);
	return err;
}

static int check_unit(const struct draft *draft, const struct unit *unit)
{
	struct names callers = { 0 }, callees = { 0 };
	char who[NAMES_TEXT_MAX], whom[NAMES_TEXT_MAX];
	int err = 0;

	for (size_t i = 0; err == 0 && i < unit->n_pieces; i++) {
		const struct piece *piece = &unit->pieces[i];
		size_t before = callers.count + callers.more;
		struct names candidates = { 0 };

		if (!is_hidden_change(piece))
			continue;
		if (piece->counterpart.index != DWARF_NONE)
			list_traceless(draft, piece->counterpart.index, &candidates);
		if (candidates.count != 0)
			err = refuse_later(draft, refuse_traceless(draft, unit, piece, &candidates));
		list_users(unit, piece, &callers);
		if (callers.count + callers.more != before)
			names_add(&callees, piece->name);
	}
	if (err != 0 || callers.count == 0 || draft->is_quiet)
		return err;
	names_format(&callers, who, sizeof(who));
	names_format(&callees, whom, sizeof(whom));
	warn("%s: it was compiled with -fPIC alone, which does not show what %s of %s may know of the old %s: "
	     "compile with -fno-semantic-interposition, too", unit->file.path, who,
	     draft->target->file.path, whom);
	return 0;
}

int check_interposed(const struct draft *draft, const struct unit *units, size_t n_units)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < n_units; i++)
		if (units[i].target_unit != NULL && is_interposable(units[i].patch_unit) &&
		    !is_interposable(units[i].target_unit))
			err = check_unit(draft, &units[i]);
	return err;
}
