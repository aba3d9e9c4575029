/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "closure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callers.h"
#include "calls.h"
#include "checks.h"
#include "convention.h"
#include "counterpart.h"
#include "insn.h"
#include "judge.h"
#include "refusals.h"
#include "room.h"

#define CALLS_DEEP 64

struct closure {
	struct draft *draft;
	struct unit *units;
	size_t n_units;
	struct callers *callers;
	uint8_t *is_seen;	/* by index of the target's functions: replace_function() was there */
	bool any;
};

/* ---- functions that call nothing unknown ---- */

bool is_of_compiler(const char *name)
{
	static const char *const names[] = {
		"__stack_chk_fail", "__stack_chk_fail_local", "__tls_get_addr", "___tls_get_addr",
		"_GLOBAL_OFFSET_TABLE_", "__fentry__", "mcount",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/*
 * Is the function closed: does everything that it calls by name lie in its own unit?  Then gcc
 * knows which registers it leaves alone and how it needs the stack aligned (-fipa-ra, and the
 * incoming stack boundary), and callers in the unit rely on it.  A call through a pointer does
 * not count, so a function may be taken for closed that is not: then more is replaced than has
 * to be.
 */
static bool is_closed(const struct unit *unit, const struct piece *piece, unsigned depth)
{
	const struct unit_section *section = &unit->sections[piece->section];

	for (uint32_t i = 0; depth < CALLS_DEEP && i < piece->n_relocs; i++) {
		const struct unit_reloc *reloc = &section->relocs[piece->first_reloc + i];
		int64_t offset;

		if (!reloc_is_call(unit, piece, reloc))
			continue;
		const struct piece *to = reloc_piece(unit, reloc, &offset);
		if (to == piece)
			continue;
		if (to != NULL ? !is_closed(unit, to, depth + 1) :
		    reloc->symbol != NULL && !is_of_compiler(reloc->symbol->name))
			return false;
	}
	return true;
}

bool needs_own_copy(const struct unit *unit, const struct piece *piece)
{
	const struct symbol *symbol = piece->symbol;

	if (symbol == NULL || (symbol->bind != STB_LOCAL && symbol->visibility == STV_DEFAULT) ||
	    may_be_overridden(unit, piece))
		return false;
	/* The compiler may pass the arguments of a static function in registers, or not. */
	if (symbol->bind == STB_LOCAL && unit->file.gen->n_own_arguments != 0)
		return true;
	return is_closed(unit, piece, 0);
}

/* ---- the target's code ---- */

typedef int (*visitor)(struct closure *all, uint32_t function, const char *why);

/* What is to be done with each caller, and why. */
struct errand {
	struct closure *all;
	visitor visit;
	const char *why;
	bool is_bound;		/* code without debug info, which cannot be replaced, is a refusal */
};

static int visit_caller(void *ctx, uint32_t caller, uint64_t at)
{
	const struct errand *errand = ctx;
	const struct binary *target = errand->all->draft->target;

	if (caller != DWARF_NONE)
		return errand->visit(errand->all, caller, errand->why);
	if (!errand->is_bound)
		return 0;
	const char *name = name_at(target, at);
	return fail(EINVAL, "%s: the code at 0x%" PRIx64 " ('%s'), of which there is no debug info, may go on"
		    " with the old code, because %s", target->file.path, at, name != NULL ? name : "?",
		    errand->why);
}

/*
 * Visit each function that calls `addr`, or jumps to it.  What has no debug info cannot be
 * visited: if is_bound, that is a refusal.
 */
static int each_caller(struct closure *all, uint64_t addr, visitor visit, const char *why, bool is_bound)
{
	struct errand errand = { all, visit, why, is_bound };

	return each_call(all->draft->target, addr, visit_caller, &errand);
}

/* ---- replacing ---- */

static struct piece *piece_at_place(struct closure *all, uint64_t addr)
{
	for (size_t i = 0; i < all->n_units; i++)
		for (size_t k = 0; k < all->units[i].n_pieces; k++) {
			struct piece *piece = &all->units[i].pieces[k];

			if (piece->kind == PIECE_FUNCTION && piece->has_counterpart &&
			    piece->counterpart.addr == addr)
				return piece;
		}
	return NULL;
}

static int set_why(struct piece *piece, const char *why)
{
	if (piece->why != NULL)
		return 0;
	piece->why = strdup(why);
	return piece->why != NULL ? 0 : fail(ENOMEM, "out of memory");
}

static bool is_cold(const char *clone)
{
	const char *dot = strstr(clone, ".cold");

	return dot != NULL && (dot[5] == '\0' || dot[5] == '.');
}

/*
 * Nobody may run the target's function no. `index` any more, because its code is old: `why`
 * says of what.
 */
static int replace_function(struct closure *all, uint32_t index, const char *why)
{
	const struct binary *target = all->draft->target;
	const struct dwarf_function *function = &target->dwarf.functions[index];

	if (all->is_seen[index] != 0)
		return 0;
	all->is_seen[index] = 1;
	uint64_t entry = entry_range(target, function).lo;
	struct piece *piece = piece_at_place(all, entry);
	if (piece != NULL && piece->fate == FATE_REPLACES)
		return 0;
	if (piece != NULL) {
		piece->fate = FATE_REPLACES;
		all->any = true;
		return set_why(piece, why);
	}
	const char *name = function->name != NULL ? function->name : "?";
	const char *clone = function->name != NULL ? clone_name(target, function) : NULL;
	const struct symbol *symbol = clone != NULL ? NULL : binary_function_symbol(target, entry, name);
	if (clone != NULL || (symbol != NULL && strchr(symbol->name, '.') != NULL))
		return each_caller(all, entry, replace_function, why, true);
	const struct dwarf_unit *unit = &target->dwarf.units[function->unit];
	return refuse_later(all->draft, fail(EINVAL, "%s: '%s' of %s would go on with the old code, because %s "
					     "(add the object of that file to the patch)", target->file.path, name,
					     unit->name != NULL ? unit->name : "a unit without name", why));
}

/* Is the piece the new version of this function of the target? */
static bool is_version_of(const struct closure *all, const struct unit *unit,
			  const struct piece *piece, const struct dwarf_function *function)
{
	if (function->declaration || function->name == NULL || strcmp(function->name, piece->name) != 0)
		return false;
	if (piece->symbol->bind != STB_LOCAL)
		return function->external;
	return !function->external && unit->target_unit != NULL &&
		&all->draft->target->dwarf.units[function->unit] == unit->target_unit;
}

static int replace_copies(struct closure *all, const struct unit *unit,
			  const struct dwarf_function *function)
{
	const struct dwarf *dwarf = &all->draft->target->dwarf;
	char why[256];
	int err = 0;

	snprintf(why, sizeof(why), "'%s' was inlined into it", function->name);
	for (uint32_t i = 0; err == 0 && i < dwarf->n_inlined; i++) {
		uint32_t index = dwarf->inlined[i].function;

		if (!is_instance_of(dwarf, function, dwarf->inlined[i].origin))
			continue;
		/* Without the original object nobody knows that a function of a header changed. */
		if (unit->original == NULL &&
		    &dwarf->units[dwarf->functions[index].unit] != unit->target_unit)
			continue;
		err = replace_function(all, index, why);
	}
	return err;
}

/*
 * A clone of the function, such as f.constprop.0, goes on with the old code as long as its
 * callers call it.  Therefore its callers are replaced.
 */
static int replace_clones(struct closure *all, const struct dwarf_function *function)
{
	const struct binary *target = all->draft->target;
	uint32_t i = DWARF_NONE;
	char why[256];
	int err = 0;

	while (err == 0 && (i = dwarf_find_function(&target->dwarf, function->name, i)) != DWARF_NONE) {
		const struct dwarf_function *other = &target->dwarf.functions[i];

		if (other->hi == 0 || (other->origin != function->die && other->unit != function->unit))
			continue;
		const char *clone = clone_name(target, other);
		if (clone == NULL || is_cold(clone))
			continue;
		snprintf(why, sizeof(why), "it calls the clone '%s'", clone);
		err = each_caller(all, entry_range(target, other).lo, replace_function, why, true);
	}
	return err;
}

static int replace_trusting_caller(struct closure *all, uint32_t index, const char *why)
{
	const struct dwarf *dwarf = &all->draft->target->dwarf;

	/*
	 * Only code that was compiled along with the function knows which registers it leaves
	 * alone.
	 */
	for (size_t i = 0; i < all->n_units; i++)
		if (all->units[i].target_unit == &dwarf->units[dwarf->functions[index].unit])
			return replace_function(all, index, why);
	return 0;
}

/* ---- functions that are too small for a jump ---- */

/*
 * If there is no room for a jump, everything that calls the function is replaced instead,
 * provided that nothing else knows its address.
 */
static int bypass(struct closure *all, struct piece *piece, bool *is_bypassed)
{
	const struct binary *target = all->draft->target;
	struct room room = { 0 };
	char why[256];
	const struct definition *old = &piece->counterpart;
	int err = measure_room(target, old->name, old->addr, old->size, &room);

	*is_bypassed = err == -EINVAL && !is_address_taken(target, piece->counterpart.addr);
	if (!*is_bypassed && (err != -EINVAL || room.size == 0))
		return err;
	msg_forget();
	if (!*is_bypassed)
		return fail(EINVAL, "%s: '%s' is too small for a jump, %" PRIu64 " bytes with the padding "
			    "after it, and to replace its callers is not enough: its address is in use, "
			    "or exported", target->file.path, piece->name, room.size);
	piece->fate = FATE_OWN;
	piece->has_counterpart = false;
	snprintf(why, sizeof(why), "it calls '%s', which has no room for a jump", piece->name);
	err = each_caller(all, piece->counterpart.addr, replace_function, why, true);
	return err != 0 ? err : set_why(piece, "it has no room for a jump, so its callers are replaced");
}

static bool is_kept(void *ctx, uint32_t function)
{
	struct closure *all = ctx;
	const struct binary *target = all->draft->target;
	const struct piece *piece =
		piece_at_place(all, entry_range(target, &target->dwarf.functions[function]).lo);

	return piece == NULL || piece->fate != FATE_REPLACES;
}

/* Replace the callers whose code shows that they rely on what only the old function did. */
static int replace_broken(struct closure *all, const struct piece *piece)
{
	const uint8_t *broken;
	char why[256];
	int err = all->draft->no_abi_check ? 0 :
		callers_find(all->callers, piece->counterpart.index, patch_function(all->draft, piece), is_kept,
			     &broken, all);

	snprintf(why, sizeof(why), "it relies on registers that '%s' did not use, or on its stack", piece->name);
	for (uint32_t i = 0; err == 0 && !all->draft->no_abi_check && i < all->draft->target->dwarf.n_functions; i++)
		if (broken[i] != 0)
			err = replace_function(all, i, why);
	return err;
}

/* Replace what has to be replaced because this piece is new or is replaced. */
static int look_at(struct closure *all, struct unit *unit, struct piece *piece)
{
	const struct dwarf *dwarf = &all->draft->target->dwarf;
	int err = 0;

	/*
	 * A function that did not change, and is replaced only for the sake of another, is the
	 * same in its inlined copies.  The witness knows where copies and clones are that differ.
	 */
	for (uint32_t i = 0; err == 0 && piece->is_changed && i < dwarf->n_functions && all->draft->witness == NULL; i++) {
		const struct dwarf_function *function = &dwarf->functions[i];

		if (!is_version_of(all, unit, piece, function))
			continue;
		err = replace_copies(all, unit, function);
		if (err == 0)
			err = replace_clones(all, function);
	}
	if (err == 0 && piece->fate == FATE_REPLACES) {
		bool is_bypassed;

		err = bypass(all, piece, &is_bypassed);
		if (is_bypassed)
			return err;
	}
	if (err == 0 && piece->has_counterpart && piece->counterpart.index != DWARF_NONE &&
	    dwarf->functions[piece->counterpart.index].hi != 0 &&
	    patch_function(all->draft, piece) != DWARF_NONE)
		return replace_broken(all, piece);
	const struct piece *judged = piece->twin != NULL ? piece->twin : piece;
	const struct unit *of = piece->twin != NULL ? unit->original : unit;
	if (err != 0 || !piece->has_counterpart || !has_ipa_ra(unit->target_unit) ||
	    !is_closed(of, judged, 0))
		return err;
	char why[256];
	snprintf(why, sizeof(why), "it may rely on registers that '%s' did not use", piece->name);
	return each_caller(all, piece->counterpart.addr, replace_trusting_caller, why, false);
}

/* Index of the function whose code is at an address; DWARF_NONE if the debug info has none there. */
static uint32_t function_at(const struct dwarf *dwarf, uint64_t addr)
{
	for (uint32_t i = 0; i < dwarf->n_functions; i++) {
		const struct dwarf_function *function = &dwarf->functions[i];

		for (uint32_t k = 0; function->hi != 0 && k < function->n_ranges; k++) {
			struct dwarf_range range = dwarf->ranges[function->first_range + k];

			if (addr >= range.lo && addr < range.hi)
				return i;
		}
	}
	return DWARF_NONE;
}

/* Replace all that differs in the new build, or its callers where it is a clone. */
static int replace_differing(struct closure *all, const struct witness *witness)
{
	const struct dwarf *dwarf = &all->draft->target->dwarf;
	int err = 0;

	for (size_t i = 0; err == 0 && i < witness->change.n_pairs; i++) {
		const struct pair *pair = &witness->change.pairs[i];
		const struct image_symbol *symbol = &witness->base->image.symbols[pair->old];

		if (!symbol->is_code || pair->likeness != LIKE_DIFFERENT || is_startup(symbol->name))
			continue;
		uint32_t index = function_at(dwarf, symbol->addr);
		if (index != DWARF_NONE)
			err = refuse_later(all->draft,
					   replace_function(all, index, "it differs in the fixed build"));
	}
	return err;
}

int close_over(struct draft *draft, struct unit *units, size_t n_units)
{
	struct closure all = { .draft = draft, .units = units, .n_units = n_units };
	int err = 0;

	all.is_seen = calloc((size_t)draft->target->dwarf.n_functions + 1, 1);
	if (all.is_seen == NULL)
		return fail(ENOMEM, "out of memory");
	err = callers_create(&all.callers, draft);
	if (err == 0 && draft->witness != NULL)
		err = replace_differing(&all, draft->witness);
	all.any = true;
	while (err == 0 && all.any) {
		all.any = false;
		for (size_t i = 0; err == 0 && i < n_units; i++)
			for (size_t k = 0; err == 0 && k < units[i].n_pieces; k++) {
				struct piece *piece = &units[i].pieces[k];

				if (!piece->is_closed_over && piece->kind == PIECE_FUNCTION &&
				    piece->symbol != NULL &&
				    (piece->is_changed || piece->fate == FATE_REPLACES)) {
					piece->is_closed_over = true;
					err = refuse_later(draft, look_at(&all, &units[i], piece));
				}
			}
	}
	callers_destroy(all.callers);
	free(all.is_seen);
	return err;
}

/* ---- prototypes ---- */

static int find_old_caller(struct closure *all, uint32_t index, const char *why)
{
	uint64_t entry = entry_range(all->draft->target, &all->draft->target->dwarf.functions[index]).lo;

	(void)why;
	return draft_find(all->draft, entry) == SIZE_MAX ? -EEXIST : 0;
}

static int check_changed_prototype(struct closure *all, const struct replaced *replaced)
{
	struct draft *draft = all->draft;
	int err = check_described(draft, replaced);

	if (err != 0 || replaced->old.index == DWARF_NONE || replaced->new.index == DWARF_NONE)
		return err;
	err = check_prototype(draft, replaced);
	if (err == 0 && !draft->no_abi_check)
		err = check_convention(draft, replaced);
	/* Everything that calls it by name is new, and nothing else can call it. */
	if (err == -EINVAL && !is_address_taken(draft->target, replaced->old.addr) &&
	    each_caller(all, replaced->old.addr, find_old_caller, "it would pass the old arguments", true) == 0) {
		msg_forget();
		err = 0;
	}
	return err;
}

int check_changed_prototypes(struct draft *draft)
{
	struct closure all = { .draft = draft };
	int err = 0;

	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++)
		err = refuse_later(draft, check_changed_prototype(&all, draft->replaced[i]));
	return err;
}

/* ---- ranges ---- */

/*
 * The compiler split off parts of a replaced function, such as f.cold.  No thread may be in
 * these either.
 */
static int add_parts_of(struct draft *draft, size_t func)
{
	const struct binary *target = draft->target;
	const struct dwarf *dwarf = &target->dwarf;
	const struct dwarf_function *function = &dwarf->functions[draft->replaced[func]->old.index];
	uint32_t i = DWARF_NONE;
	int err = 0;

	while (err == 0 && (i = dwarf_find_function(dwarf, function->name, i)) != DWARF_NONE) {
		const struct dwarf_function *other = &dwarf->functions[i];

		if (other->hi == 0 || other == function || other->lo == function->lo ||
		    !is_instance_of(dwarf, function, other->origin) || clone_name(target, other) == NULL)
			continue;
		for (uint32_t k = 0; err == 0 && k < other->n_ranges; k++) {
			struct dwarf_range range = dwarf->ranges[other->first_range + k];

			err = draft_add_range(draft, func, range.lo, range.hi - range.lo);
		}
	}
	return err;
}

int add_parts(struct draft *draft)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++)
		if (draft->replaced[i]->old.index != DWARF_NONE)
			err = add_parts_of(draft, i);
	return err;
}
