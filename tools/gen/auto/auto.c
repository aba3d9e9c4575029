/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "auto.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "asking.h"
#include "bind.h"
#include "callers.h"
#include "checks.h"
#include "closure.h"
#include "compare.h"
#include "counterpart.h"
#include "data.h"
#include "directives.h"
#include "entered.h"
#include "folded.h"
#include "headers.h"
#include "hookcode.h"
#include "identify.h"
#include "interposed.h"
#include "judge.h"
#include "layout.h"
#include "notes.h"
#include "numbers.h"
#include "once.h"
#include "placed.h"
#include "references.h"
#include "refusals.h"
#include "stale.h"

struct work {
	struct draft *draft;
	struct unit *units, *originals;
	size_t n_units, n_originals;
	struct directives directives;
};

/* ---- opening ---- */

static int open_units(char **paths, size_t count, struct unit **units, size_t *n_units)
{
	int err = 0;

	*units = calloc(count + 1, sizeof(**units));
	if (*units == NULL)
		return fail(ENOMEM, "out of memory");
	for (size_t i = 0; err == 0 && i < count; i++) {
		err = unit_open(&(*units)[i], paths[i]);
		if (err == 0)
			++*n_units;
	}
	return err;
}

static void close_units(struct unit *units, size_t n_units)
{
	for (size_t i = 0; units != NULL && i < n_units; i++)
		unit_close(&units[i]);
	free(units);
}

static int check_machines(const struct work *work)
{
	const struct elffile *patch = &work->draft->patch->file;

	for (size_t i = 0; i < work->n_units + work->n_originals; i++) {
		const struct unit *unit = i < work->n_units ? &work->units[i] :
			&work->originals[i - work->n_units];

		if (unit->file.machine != patch->machine || unit->file.elf_class != patch->elf_class)
			return fail(EINVAL, "%s is not of the machine of %s", unit->file.path,
				    patch->path);
	}
	return 0;
}

/* ---- comparing ---- */

/* Did the compiler get the same name for both, as for one source before and after a change? */
static bool is_same_name(const struct unit *unit, const struct unit *original)
{
	const struct dwarf *dwarf = &original->dwarf;

	return unit->patch_unit != NULL && dwarf->n_units != 0 && unit->patch_unit->name != NULL &&
		dwarf->units[0].name != NULL &&
		strcmp(unit->patch_unit->name, dwarf->units[0].name) == 0;
}

/*
 * The original of an object is the one of the same source.  If several objects have that
 * source, as lib/util.c and src/util.c, the names that the compiler was given tell; else the
 * second one goes with the second original, and so on.
 */
static struct unit *find_original(const struct work *work, size_t index)
{
	struct unit *unit = &work->units[index], *found = NULL;
	size_t skip = 0, named = 0;

	for (size_t i = 0; i < work->n_originals; i++)
		if (strcmp(work->originals[i].source, unit->source) == 0 &&
		    is_same_name(unit, &work->originals[i])) {
			found = &work->originals[i];
			named++;
		}
	if (named == 1)
		return found;
	for (size_t i = 0; i < index; i++)
		skip += strcmp(work->units[i].source, unit->source) == 0;
	for (size_t i = 0; i < work->n_originals; i++)
		if (strcmp(work->originals[i].source, unit->source) == 0 && skip-- == 0)
			return &work->originals[i];
	return NULL;
}

static int compare(struct work *work)
{
	const struct compare_lines lines = line_numbers(work->draft);
	int err = 0;

	for (size_t i = 0; err == 0 && i < work->n_originals; i++) {
		err = unit_read_dwarf(&work->originals[i]);
		if (err == 0)
			err = read_original_lines(&work->originals[i]);
	}
	for (size_t i = 0; err == 0 && work->n_originals != 0 && i < work->n_units; i++)
		err = read_patch_lines(work->draft, &work->units[i]);
	for (size_t i = 0; err == 0 && work->n_originals != 0 && i < work->n_units; i++) {
		struct unit *original = find_original(work, i);

		if (original != NULL)
			err = compare_units(&work->units[i], original, &lines);
		if (original == NULL)
			say("%s: no original given, so all of it is new", work->units[i].file.path);
	}
	return err;
}

/* ---- fates ---- */

/* What the witness says counts, as the program itself was compared and not its objects. */
static bool differs(const struct work *work, const struct unit *unit, const struct piece *piece)
{
	if (work->draft->witness != NULL && piece->has_counterpart)
		return witness_difference(work->draft->witness, piece->counterpart.addr) != NULL;
	if (unit->original == NULL)
		return true;
	return piece->verdict == VERDICT_CHANGED || piece->verdict == VERDICT_NEW;
}

static void set_fates(struct work *work)
{
	for (size_t i = 0; i < work->n_units; i++)
		for (size_t k = 0; k < work->units[i].n_pieces; k++) {
			struct piece *piece = &work->units[i].pieces[k];

			if (piece->kind != PIECE_FUNCTION)
				continue;
			piece->is_changed = !piece->is_overridden &&
				differs(work, &work->units[i], piece);
			if (!piece->has_counterpart)
				piece->fate = FATE_OWN;
			else
				piece->fate = piece->is_changed ? FATE_REPLACES : FATE_TARGET;
		}
}

/*
 * Decide which variables stay the target's.  If code stores or compares the address of a
 * constant, the patch refers to the target's constant.  Of every other constant the patch has a
 * copy.
 */
static int set_data_fates(struct work *work)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < work->n_units; i++)
		for (size_t k = 0; err == 0 && k < work->units[i].n_pieces; k++) {
			struct piece *piece = &work->units[i].pieces[k];

			if (piece->kind == PIECE_FUNCTION)
				continue;
			piece->fate = FATE_OWN;
			err = refuse_later(work->draft, piece->has_counterpart ?
					   decide_data(work->draft, &work->units[i], piece) :
					   check_new_data(work->draft, &work->units[i], piece));
		}
	return err;
}

static bool has_changes(const struct unit *unit)
{
	for (size_t i = 0; i < unit->n_pieces; i++)
		if (unit->pieces[i].kind == PIECE_FUNCTION && unit->pieces[i].is_changed)
			return true;
	return false;
}

static int check_layouts_of(const struct work *work, const struct unit *unit)
{
	int err = 0;

	if (unit->patch_unit == NULL)
		return 0;
	if (unit->target_unit != NULL)
		err = end_if_refused(work->draft, check_layout(work->draft, unit->patch_unit,
							       &work->draft->target->dwarf, unit->target_unit));
	for (uint32_t i = 0; err == 0 && unit->original != NULL && i < unit->original->dwarf.n_units; i++)
		err = check_layout(work->draft, unit->patch_unit, &unit->original->dwarf,
				   &unit->original->dwarf.units[i]);
	return err;
}

/* The changed code works on the target's data, so it has to see the layouts that the target has. */
static int check_layouts(const struct work *work)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < work->n_units; i++)
		if (has_changes(&work->units[i]))
			err = refuse_later(work->draft, check_layouts_of(work, &work->units[i]));
	return err;
}

/* The functions of such a list ran when the target started, or will run when it ends. */
static bool is_start_list(const struct unit *unit, const struct piece *piece)
{
	static const char *const lists[] = { ".init_array", ".ctors", ".preinit_array", ".fini_array",
					     ".dtors" };
	const char *name = unit->sections[piece->section].name;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strncmp(name, lists[i], strlen(lists[i])) == 0)
			return true;
	return false;
}

static int check_constructor(const struct work *work, const struct unit *unit,
			     const struct piece *piece)
{
	bool is_new = unit->original != NULL ? piece->verdict == VERDICT_NEW : !piece->has_counterpart;

	if (!is_new && (unit->original == NULL || !piece->is_changed))
		return 0;
	char *source = piece_source(work->draft, unit, piece);
	int err = fail(EINVAL, "%s: '%s' is %s constructor or destructor, which nobody would run: do its "
		       "work in a function that is called", source != NULL ? source : unit->source,
		       piece->name, is_new ? "a new" : "a changed");
	free(source);
	return err;
}

static int check_constructors(const struct work *work)
{
	int err = 0;

	for (size_t i = 0; i < work->n_units; i++)
		for (size_t k = 0; k < work->units[i].n_pieces; k++) {
			const struct unit *unit = &work->units[i];
			const struct piece *list = &unit->pieces[k];
			const struct unit_section *section = &unit->sections[list->section];

			for (uint32_t n = 0; n < list->n_relocs && is_start_list(unit, list); n++) {
				int64_t offset;
				const struct piece *to = reloc_piece(unit,
					&section->relocs[list->first_reloc + n], &offset);

				err = to != NULL ? refuse_later(work->draft, check_constructor(work, unit, to)) : 0;
				if (err != 0)
					return err;
			}
		}
	return 0;
}

/* Which tables of labels the patch needs is known only when it is known what is replaced. */
static int settle_all_labels(const struct work *work)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < work->n_units; i++)
		err = refuse_later(work->draft, settle_labels(work->draft, &work->units[i]));
	return err;
}

static int check_removed(const struct work *work)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < work->n_units; i++)
		err = check_removed_data(work->draft, &work->units[i]);
	return err;
}

/* ---- telling ---- */

static void tell(const struct work *work, const char *what, const struct unit *unit,
		 const struct piece *piece, const char *why)
{
	char *source = piece_source(work->draft, unit, piece);

	if (!work->draft->is_quiet)
		printf("%s: %s: %s%s%s\n", source != NULL ? source : unit->source, what, piece->name,
		       why != NULL ? ": " : "", why != NULL ? why : "");
	free(source);
}

static void tell_hook(const struct work *work, const struct unit *unit, const struct piece *piece)
{
	struct piece named = *piece;

	named.name = work->draft->patch->dwarf.functions[patch_function(work->draft, piece)].name;
	tell(work, "hook", unit, &named, NULL);
}

static void tell_removed(const struct work *work, const struct unit *unit)
{
	for (size_t k = 0; k < unit->original->n_pieces; k++) {
		const struct piece *old = &unit->original->pieces[k];
		bool kept = old->kind != PIECE_FUNCTION || old->symbol == NULL || is_clone(old);

		for (size_t n = 0; !kept && n < unit->n_pieces; n++)
			kept = unit->pieces[n].twin == old;
		if (!kept && !work->draft->is_quiet)
			printf("%s: removed: %s\n", unit->source, old->name);
	}
}

static void tell_overridden(const struct work *work, const struct unit *unit,
			    const struct piece *piece)
{
	const char *file = piece->counterpart.file;
	char why[256];

	snprintf(why, sizeof(why), "it is weak, and %s has %s%s in its place",
		 work->draft->target->file.path, file != NULL ? "that of " : "another",
		 file != NULL ? base_name(file) : "");
	tell(work, "unused", unit, piece, why);
}

/* Print a line for every function that stays, though numbers in it differ. */
static void tell_lines(const struct work *work)
{
	for (size_t i = 0; i < work->n_units; i++)
		for (size_t k = 0; k < work->units[i].n_pieces; k++) {
			const struct piece *piece = &work->units[i].pieces[k];

			if (piece->kind == PIECE_FUNCTION && piece->symbol != NULL && piece->is_placed &&
			    piece->verdict == VERDICT_LINES && piece->fate != FATE_REPLACES)
				tell(work, "same", &work->units[i], piece, "but for line numbers");
		}
}

/* Is it a function that vzp.h defines for itself? */
static bool is_of_header(const struct work *work, const struct piece *piece)
{
	return strncmp(piece->name, "vzp__", strlen("vzp__")) == 0 &&
		(!piece->is_hook || patch_function(work->draft, piece) == DWARF_NONE);
}

/*
 * Print a line for every function that the patch has; for those that stay the target's only
 * with -v.
 */
static void tell_fates(struct work *work)
{
	for (size_t i = 0; i < work->n_units; i++) {
		const struct unit *unit = &work->units[i];

		for (size_t k = 0; k < unit->n_pieces; k++) {
			const struct piece *piece = &unit->pieces[k];

			if (piece->kind != PIECE_FUNCTION || piece->symbol == NULL || is_clone(piece) ||
			    !piece->is_placed || is_of_header(work, piece))
				continue;
			if (piece->is_overridden && differs(work, unit, piece))
				tell_overridden(work, unit, piece);
			else if (piece->fate == FATE_REPLACES)
				tell(work, piece->is_changed ? "changed" : "replaced", unit, piece,
				     piece->why);
			else if (piece->is_hook)
				tell_hook(work, unit, piece);
			else if (piece->is_changed && !piece->has_counterpart && piece->is_reached)
				tell(work, piece->twin != NULL ? "changed" : "new", unit, piece,
				     piece->why);
			else if (msg_verbosity != 0 && piece->verdict != VERDICT_LINES)
				tell(work, piece->is_reached ? "copied" : "same", unit, piece, NULL);
			if (piece->is_reached && !piece->has_counterpart && !piece->is_hook)
				work->draft->n_new++;
		}
		if (unit->original != NULL)
			tell_removed(work, unit);
	}
}

/*
 * Nothing differs between the builds.  That says nothing if the old one is not the target: then
 * functions of the target lie where the old one has none.
 */
static int refuse_as_same(const struct work *work)
{
	const struct witness *witness = work->draft->witness;

	for (size_t i = 0; witness != NULL && witness->has_old && i < work->n_units; i++)
		for (size_t k = 0; k < work->units[i].n_pieces; k++) {
			const struct piece *piece = &work->units[i].pieces[k];

			if (piece->kind == PIECE_FUNCTION && piece->has_counterpart &&
			    !witness_has_function(witness, piece->counterpart.addr))
				return fail(ESTALE, "%s is not what %s was built from: function %s lies at another place",
					    witness->old.path, work->draft->target->file.path, piece->name);
		}
	return fail(ENODATA, "%s: nothing differs in the code, no patch is needed", work->draft->patch->file.path);
}

/* ---- what the macros of vzp.h say ---- */

/* Of hooks, VZP_ONCE and layouts other files look at what is said. */
static bool is_checked_elsewhere(const struct directive *directive)
{
	return directive_is_hook(directive) || directive->kind == DIRECTIVE_HOOK_LIMIT ||
		directive->kind == DIRECTIVE_HOOK_CALLS || directive->kind == DIRECTIVE_NOT_ACTIVE ||
		directive->kind == DIRECTIVE_ONCE || directive->kind == DIRECTIVE_LAYOUT;
}

/* The function of that name in the object that the directive stands in; NULL if there is none. */
static struct piece *find_own_function(const struct work *work, const struct directive *directive)
{
	const struct dwarf *dwarf = &work->draft->patch->dwarf;
	const struct dwarf_unit *unit = &dwarf->units[directive->unit];

	for (size_t i = 0; i < work->n_units; i++)
		for (size_t k = 0; k < work->units[i].n_pieces; k++) {
			struct piece *piece = &work->units[i].pieces[k];
			uint32_t index = DWARF_NONE;

			if (work->units[i].patch_unit == unit && piece->kind == PIECE_FUNCTION && piece->is_placed)
				index = patch_function(work->draft, piece);
			/* The symbol may have another name: VZP__KEEP() of clang. */
			if (index != DWARF_NONE && dwarf->functions[index].name != NULL &&
			    strcmp(dwarf->functions[index].name, directive->name) == 0)
				return piece;
		}
	return NULL;
}

/* Nothing in the patch calls a hook, so what it needs is looked for from here.  draw_hooks() tells of one that is not there. */
static int mark_hook(const struct work *work, const struct directive *directive)
{
	struct piece *piece = find_own_function(work, directive);

	if (piece == NULL)
		return 0;
	if (piece->has_counterpart)
		return fail(EINVAL, "%s:%u: hook '%s': %s has a function of that name, which would be replaced (give the"
			    " hook another name)", base_name(directive->source), directive->line, directive->name,
			    work->draft->target->file.path);
	piece->is_hook = true;
	return 0;
}

/* Nor does anything call the slots of VZP_ONCE. */
static void mark_slots(const struct work *work)
{
	for (size_t i = 0; i < work->n_units; i++)
		for (size_t k = 0; k < work->units[i].n_pieces; k++)
			work->units[i].pieces[k].is_hook |= strcmp(work->units[i].pieces[k].name, ONCE_SLOTS) == 0;
}

static int mark_hooks(const struct work *work)
{
	int err = 0;

	mark_slots(work);
	for (size_t i = 0; err == 0 && i < work->directives.count; i++)
		if (directive_is_hook(&work->directives.table[i]))
			err = refuse_later(work->draft, mark_hook(work, &work->directives.table[i]));
	return err;
}

/* ---- drawing ---- */

static int add_functions(struct work *work)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < work->n_units; i++)
		for (size_t k = 0; err == 0 && k < work->units[i].n_pieces; k++) {
			struct piece *piece = &work->units[i].pieces[k];

			if (piece->fate != FATE_REPLACES)
				continue;
			struct definition body = {
				.name = piece->name, .addr = piece->addr, .size = piece->size,
				.index = patch_function(work->draft, piece),
			};
			bool allow_active = directives_say(&work->directives, DIRECTIVE_ALLOW_ACTIVE, body.name);
			err = refuse_later(work->draft, draft_add_function(work->draft, &body, &piece->counterpart,
						allow_active ? VZ_FUNC_ALLOW_ACTIVE : 0));
		}
	err = end_if_refused(work->draft, err);
	if (err == 0 && work->draft->meta.n_funcs == 0)
		return refuse_as_same(work);
	return err;
}

static bool is_replaced_name(const struct draft *draft, const char *name)
{
	for (size_t i = 0; i < draft->meta.n_funcs; i++)
		if (strcmp(draft->meta.funcs[i].name, name) == 0)
			return true;
	return false;
}

/* Of what vzp.h has, comments, functions that may be active, and hooks mean something here. */
static int take_directive(struct work *work, const struct directive *directive)
{
	const char *source = base_name(directive->source);

	if (directive->kind == DIRECTIVE_COMMENT)
		return draft_add_comment(work->draft, directive->label, directive->name);
	if (is_checked_elsewhere(directive))
		return 0;
	if (directive->kind != DIRECTIVE_ALLOW_ACTIVE)
		return fail(EINVAL, "%s:%u: auto mode takes VZP_COMMENT and its like, VZP_ALLOW_ACTIVE and those of hooks, and no"
			    " other macro of nsb/vzp.h: the objects refer to the target's own", source, directive->line);
	if (!is_replaced_name(work->draft, directive->name))
		return fail(EINVAL, "%s:%u: VZP_ALLOW_ACTIVE(%s): the patch replaces no such function",
			    source, directive->line, directive->name);
	return 0;
}

static int take_directives(struct work *work)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < work->directives.count; i++)
		err = refuse_later(work->draft, take_directive(work, &work->directives.table[i]));
	return err;
}

/* What the objects do not define is bound to what the target uses by that name. */
static int bind_externs(struct draft *draft)
{
	const struct elffile *target = &draft->target->file;
	int err = 0;

	for (size_t i = 0; err == 0 && i < draft->patch->file.dynsym.count; i++) {
		const struct symbol *symbol = &draft->patch->file.dynsym.table[i];

		if (symbol->section != SHN_UNDEF || *symbol->name == '\0' ||
		    (!target->is_static && find_exported(target, symbol->name) != NULL))
			continue;
		err = refuse_later(draft, bind_extern(draft, symbol->name, symbol));
	}
	return err;
}

static int find_things(struct work *work)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < work->n_units; i++) {
		err = find_target_unit(work->draft, &work->units[i]);
		if (err == 0)
			err = find_counterparts(work->draft, &work->units[i]);
		err = refuse_later(work->draft, err);
	}
	return end_if_refused(work->draft, err);
}

/* What the objects are: units of the target, of its source. */
static int identify(struct work *work)
{
	struct draft *draft = work->draft;
	int err = check_machines(work);

	if (err == 0)
		err = draft->witness == NULL ? check_lto(draft->target) : 0;
	if (err == 0)
		err = place_units(work->units, work->n_units, draft->patch);
	if (err == 0)
		err = find_things(work);
	if (err == 0)
		err = compare(work);
	if (err == 0)
		err = refuse_later(draft, check_units(draft, work->units, work->n_units));
	if (err == 0)
		err = check_originals(draft, work->units, work->n_units);
	/* With a witness the program itself tells where a header's function changed. */
	if (err == 0 && draft->witness == NULL)
		err = check_headers(draft, work->units, work->n_units);
	if (err == 0)
		err = check_removed(work);
	return end_if_refused(draft, err);
}

/* Which functions are replaced, and which data is whose. */
static int decide(struct work *work)
{
	struct draft *draft = work->draft;

	set_fates(work);
	int err = check_constructors(work);
	if (err == 0)
		err = mark_hooks(work);
	if (err == 0)
		err = end_if_refused(draft, check_layouts(work));
	if (err == 0)
		err = end_if_refused(draft, set_data_fates(work));
	if (err == 0)
		err = end_if_refused(draft, close_over(draft, work->units, work->n_units));
	if (err == 0)
		err = refuse_later(draft, settle_folded(draft, work->units, work->n_units));
	if (err == 0)
		err = settle_all_labels(work);
	return end_if_refused(draft, err);
}

/* The metadata, and what the functions that are replaced may not be. */
static int draw(struct work *work)
{
	struct draft *draft = work->draft;

	tell_lines(work);
	int err = add_functions(work);
	if (err == 0)
		err = take_directives(work);
	if (err == 0 && draft->witness == NULL)
		err = check_interposed(draft, work->units, work->n_units);
	if (err == 0)
		err = add_references(draft, work->units, work->n_units);
	if (err == 0)
		err = bind_externs(draft);
	if (err == 0)
		err = end_if_refused(draft, draw_hooks(draft, &work->directives));
	if (err == 0)
		err = draw_once(draft, &work->directives);
	if (err == 0)
		err = add_parts(draft);
	if (err == 0)
		err = check_changed_prototypes(draft);
	if (err == 0 && !draft->no_abi_check)
		err = check_callers(draft);
	if (err == 0)
		err = check_asking(draft);
	if (err == 0)
		err = refuse_later(draft, check_entered(draft));
	if (err == 0)
		err = check_notes(draft, &work->directives);
	if (err == 0)
		err = end_if_refused(draft, find_data_inside(draft));
	if (err == 0) {
		check_folded(draft);
		tell_fates(work);
	}
	return err;
}

int auto_draw(struct draft *draft)
{
	struct work work = { .draft = draft };
	int err = open_units(draft->objects, draft->n_objects, &work.units, &work.n_units);

	if (err == 0)
		err = open_units(draft->originals, draft->n_originals, &work.originals,
				 &work.n_originals);
	draft->meta.mode = "auto";
	if (err == 0)
		err = directives_read(&work.directives, draft->patch);
	if (err == 0)
		err = trust_layouts(draft, &work.directives);
	if (err == 0)
		err = identify(&work);
	if (err == 0)
		err = decide(&work);
	if (err == 0)
		err = draw(&work);
	directives_deinit(&work.directives);
	close_units(work.units, work.n_units);
	close_units(work.originals, work.n_originals);
	return err;
}
