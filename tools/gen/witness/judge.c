/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "names.h"

#define WHERE_MAX 512
#define CULPRITS_MAX 256	/* so many functions that differ are looked at one by one */

/* ---- the builds ---- */

int witness_open_old(struct witness *witness, const char *path)
{
	int err = build_open(&witness->old, path, NULL);

	witness->has_old = err == 0;
	return err;
}

int witness_begin(struct witness *witness, const struct binary *target, const char *path)
{
	int err = 0;

	witness->base = &witness->old;
	if (!witness->has_old) {
		err = build_take(&witness->target, target);
		witness->base = &witness->target;
	}
	if (err != 0 || path == NULL)
		return err;
	err = build_open(&witness->new, path, NULL);
	witness->has_new = err == 0;
	if (err == 0)
		err = witness_compare(witness->base, &witness->new, &witness->change);
	return err;
}

void witness_end(struct witness *witness)
{
	differences_deinit(&witness->change);
	build_close(&witness->new);
	build_close(&witness->old);
	build_close(&witness->target);
}

const struct pair *witness_difference(const struct witness *witness, uint64_t addr)
{
	for (size_t i = 0; i < witness->change.n_pairs; i++) {
		const struct pair *pair = &witness->change.pairs[i];
		const struct image_symbol *symbol = &witness->base->image.symbols[pair->old];

		if (symbol->is_code && symbol->addr == addr && pair->likeness == LIKE_DIFFERENT)
			return pair;
	}
	return NULL;
}

bool witness_has_function(const struct witness *witness, uint64_t addr)
{
	const struct image *image = &witness->base->image;

	for (size_t i = 0; i < image->n_symbols; i++)
		if (image->symbols[i].is_code && image->symbols[i].addr == addr)
			return true;
	return false;
}

bool is_startup(const char *name)
{
	static const char *const names[] = {
		"_start", "_init", "_fini", "deregister_tm_clones", "register_tm_clones", "__do_global_dtors_aux",
		"frame_dummy", "__do_global_ctors_aux", "__libc_csu_init", "__libc_csu_fini",
		"_dl_relocate_static_pie",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* "'f' (a.c)". */
static const char *describe(struct build *build, const struct image_symbol *symbol, char text[WHERE_MAX])
{
	const char *file = build_file_of(build, symbol);

	snprintf(text, WHERE_MAX, "'%s'%s%s%s", symbol->name, file != NULL ? " (" : "", file != NULL ? file : "",
		 file != NULL ? ")" : "");
	return text;
}

/* ---- is the old build the target? ---- */

static bool is_same_file(const struct image *a, const struct image *b)
{
	if (a->file->build_id_size == 0 || a->file->build_id_size != b->file->build_id_size ||
	    memcmp(a->file->build_id, b->file->build_id, a->file->build_id_size) != 0 ||
	    a->n_sections != b->n_sections)
		return false;
	for (size_t i = 0; i < a->n_sections; i++) {
		const struct image_section *one = &a->sections[i], *other = &b->sections[i];

		if (one->addr != other->addr || one->end != other->end ||
		    (one->bytes == NULL) != (other->bytes == NULL) ||
		    (one->bytes != NULL && memcmp(one->bytes, other->bytes, (size_t)(one->end - one->addr)) != 0))
			return false;
	}
	return true;
}

/* What the patch relies on: addresses from lo up to, and without, hi. */
struct reliance {
	uint64_t lo, hi;
};

struct reliances {
	struct reliance *table;
	size_t count;
	bool threads;		/* also on offsets of thread-local variables */
};

static int rely_on(struct reliances *all, uint64_t addr, uint64_t size)
{
	int err = ARRAY_GROW(&all->table, all->count, 1);

	if (err == 0)
		all->table[all->count++] = (struct reliance){ addr, addr + (size != 0 ? size : 1) };
	return err;
}

static bool is_thread_local(const struct draft *draft, uint64_t symbol)
{
	const struct symbols *dynsym = &draft->patch->file.dynsym;

	for (size_t i = 0; i < dynsym->count; i++)
		if (dynsym->table[i].index == symbol)
			return dynsym->table[i].type == STT_TLS;
	return false;
}

static int list_reliances(const struct draft *draft, struct reliances *all)
{
	const struct vzpatch *meta = &draft->meta;
	int err = 0;

	for (size_t i = 0; err == 0 && i < meta->n_funcs; i++)
		err = rely_on(all, meta->funcs[i].target_addr, meta->funcs[i].target_size);
	for (size_t i = 0; err == 0 && i < meta->n_ranges; i++)
		err = rely_on(all, meta->ranges[i].addr, meta->ranges[i].size);
	for (size_t i = 0; err == 0 && i < meta->n_dynrefs; i++) {
		bool is_tls = is_thread_local(draft, meta->dynrefs[i].symbol);

		all->threads |= is_tls;
		err = is_tls ? 0 : rely_on(all, meta->dynrefs[i].target_addr, 0);
	}
	for (size_t i = 0; err == 0 && i < meta->n_places; i++) {
		bool is_tls = meta->places[i].kind == VZ_PLACE_TPOFF || meta->places[i].kind == VZ_PLACE_DTPOFF;

		all->threads |= is_tls;
		err = is_tls ? 0 : rely_on(all, meta->places[i].target_addr, 0);
	}
	return err;
}

/* "the target's was compiled by X, this one by Y", or what else may be the cause. */
static void explain(struct witness *witness, const struct binary *target, const struct image_symbol *there,
		    const struct image_symbol *here, char text[WHERE_MAX])
{
	const struct binary *old = build_debug(&witness->old);
	uint32_t a = build_unit_of(target, there), b = old != NULL ? build_unit_of(old, here) : DWARF_NONE;
	const char *one = a != DWARF_NONE ? target->dwarf.units[a].producer : NULL;
	const char *other = b != DWARF_NONE ? old->dwarf.units[b].producer : NULL;

	if (one != NULL && other != NULL && strcmp(one, other) != 0)
		snprintf(text, WHERE_MAX, "the target's was compiled by \"%.150s\", this one by \"%.150s\"", one, other);
	else if (one != NULL && other != NULL && target->debug_file.path == NULL)
		snprintf(text, WHERE_MAX, "compiler and options are the same, so its source is another version");
	else
		snprintf(text, WHERE_MAX, "another version of the source, other options or another compiler");
}

static const char *word_of(const struct image_symbol *symbol)
{
	return symbol->is_code ? "function" : "variable";
}

/* The old build's bytes are not those of the target at a place.  Say what the target has there, and how that differs. */
static int refuse_by_name(struct witness *witness, const struct image *there, const struct differences *names,
			  const struct binary *target, uint64_t addr)
{
	const char *old = witness->old.path, *path = target->file.path;
	struct whereabouts at = image_at(there, addr);
	char where[WHERE_MAX], cause[WHERE_MAX];

	for (size_t i = 0; at.spot != IMAGE_NONE && i < names->n_pairs; i++) {
		const struct pair *pair = &names->pairs[i];
		const struct image_symbol *a = &there->symbols[pair->old], *b = &names->meanings.new->symbols[pair->new];

		if (a->is_tls || a->spot != at.spot)
			continue;
		describe(&witness->old, b, where);
		explain(witness, target, a, b, cause);
		if (pair->likeness == LIKE_SAME)
			return fail(ESTALE, "%s is not what %s was built from: %s %s is the same, but lies at another place, or "
				    "what refers to it differs", old, path, word_of(a), where);
		return fail(ESTALE, "%s is not what %s was built from: %s %s differs at +0x%" PRIx64 ": %s (%s)", old, path,
			    word_of(a), where, pair->at, pair->why != NULL ? pair->why : "a number", cause);
	}
	return fail(ESTALE, "%s is not what %s was built from: it has no '%s'", old, path,
		    at.spot != IMAGE_NONE ? image_spot_name(there, at.spot) : "symbol for what the patch relies on");
}

static int refuse_old(struct witness *witness, const struct binary *target, uint64_t addr)
{
	struct image there = { .file = NULL }, here = { .file = NULL };
	struct differences names = { .n_pairs = 0 };
	const struct binary *debug = build_debug(&witness->old);
	const struct symbols *symbols = &witness->old.file.symtab;

	if (symbols->count == 0 && debug != NULL)
		symbols = debug->symbols;
	int err = image_init(&there, &target->file, target->symbols);
	if (err == 0)
		err = image_init(&here, &witness->old.file, symbols);
	if (err == 0)
		err = differences_init(&names, &there, &here);
	if (err == 0)
		err = refuse_by_name(witness, &there, &names, target, addr);
	differences_deinit(&names);
	image_deinit(&here);
	image_deinit(&there);
	return err;
}

/* The pair, at one place, that an address is in; NULL: none is. */
static const struct pair *pair_around(const struct differences *places, uint64_t addr)
{
	const struct image *old = places->meanings.new;

	for (size_t i = 0; i < places->n_pairs; i++) {
		const struct image_symbol *symbol = &old->symbols[places->pairs[i].new];

		if (!symbol->is_tls && addr >= symbol->addr && addr - symbol->addr < (symbol->size != 0 ? symbol->size : 1))
			return &places->pairs[i];
	}
	return NULL;
}

/* A visitor: does the code refer to something that the patch relies on? */
static int refers_to_reliance(void *ctx, uint64_t from, uint64_t to, unsigned access)
{
	const struct reliances *all = ctx;

	(void)from;
	(void)access;
	for (size_t i = 0; i < all->count; i++)
		if (to >= all->table[i].lo && to < all->table[i].hi)
			return 1;
	return 0;
}

/*
 * Variables are told by the code that refers to them: all of it has to be the same, else another
 * variable may lie at this place in the target.
 */
static int check_users(struct witness *witness, const struct binary *target, const struct differences *places,
		       struct reliances *variables)
{
	const struct image *old = places->meanings.new;

	for (size_t i = 0; i < places->n_pairs && variables->count != 0; i++) {
		const struct pair *pair = &places->pairs[i];
		const struct image_symbol *symbol = &old->symbols[pair->new];

		if (!symbol->is_code || pair->likeness == LIKE_SAME ||
		    each_reference(old, symbol->spot, refers_to_reliance, variables) == 0)
			continue;
		return refuse_old(witness, target, symbol->addr);
	}
	return 0;
}

/* What the linker defined, "_end" for example, is the same if the section there is. */
static bool is_same_mark(const struct differences *places, uint64_t addr)
{
	const struct image *there = places->meanings.old, *here = places->meanings.new;
	struct whereabouts a = image_at(there, addr), b = image_at(here, addr);

	return a.spot != IMAGE_NONE && b.spot != IMAGE_NONE && a.offset == 0 && b.offset == 0 &&
	       (a.section == NULL) == (b.section == NULL) &&
	       (a.section == NULL || (a.section->addr == b.section->addr && a.section->end == b.section->end));
}

static int check_places(struct witness *witness, const struct binary *target, const struct differences *places,
			const struct reliances *all)
{
	const struct image *old = places->meanings.new;
	struct reliances variables = { .count = 0 };
	int err = 0;

	for (size_t i = 0; err == 0 && i < all->count; i++) {
		const struct pair *pair = pair_around(places, all->table[i].lo);

		if (pair == NULL && is_same_mark(places, all->table[i].lo))
			continue;
		const struct image_symbol *symbol = pair != NULL ? &old->symbols[pair->new] : NULL;
		if (pair == NULL || pair->likeness != LIKE_SAME)
			err = refuse_old(witness, target, all->table[i].lo);
		else if (!symbol->is_code)
			err = rely_on(&variables, symbol->addr, symbol->size);
	}
	if (err == 0 && all->threads && !places->meanings.same_threads)
		err = fail(ESTALE, "%s is not what %s was built from: its thread-local variables differ", witness->old.path,
			   target->file.path);
	if (err == 0)
		err = check_users(witness, target, places, &variables);
	free(variables.table);
	return err;
}

/*
 * The target's bytes are looked at with the symbols of the old build: what is the same then lies
 * at the same place, and the target needs no symbols.
 */
static int judge_old(struct witness *witness, const struct draft *draft)
{
	const struct binary *target = draft->target;
	const struct symbols *symbols = &witness->old.file.symtab;
	struct image there = { .file = NULL }, here = { .file = NULL };
	struct differences places = { .n_pairs = 0 };
	struct reliances all = { .count = 0 };

	if (symbols->count == 0 && build_debug(&witness->old) != NULL)
		symbols = build_debug(&witness->old)->symbols;
	int err = image_init(&there, &target->file, symbols);
	if (err == 0 && is_same_file(&there, &witness->old.image)) {
		say("%s is %s, bit for bit", witness->old.path, target->file.path);
		goto out;
	}
	if (err == 0)
		err = image_init(&here, &witness->old.file, symbols);
	if (err == 0)
		err = differences_init(&places, &there, &here);
	if (err == 0)
		err = list_reliances(draft, &all);
	if (err == 0)
		err = check_places(witness, target, &places, &all);
	if (err == 0 && !draft->is_quiet)
		printf("%s is not %s bit for bit, but the same in all that the patch relies on (%zu places)\n",
		       witness->old.path, target->file.path, all.count);
out:
	free(all.table);
	differences_deinit(&places);
	image_deinit(&here);
	image_deinit(&there);
	return err;
}

/* ---- is all replaced that differs? ---- */

/* Who refers to a function that differs and is not replaced. */
struct culprit {
	const struct pair *pair;
	uint32_t spot;
	uint32_t user;		/* a spot of code that stays and refers to it; IMAGE_NONE: none is known */
	bool is_in_data;	/* its address is in data, or exported */
};

struct trial {
	struct witness *witness;
	const struct draft *draft;
	struct culprit *culprits;	/* by spot */
	size_t n_culprits;
	uint32_t user;			/* the spot that is being looked at */
	bool any;
};

static bool is_replaced_code(const struct draft *draft, uint64_t addr)
{
	const struct vzpatch *meta = &draft->meta;

	for (size_t i = 0; i < meta->n_funcs; i++)
		if (meta->funcs[i].target_addr == addr)
			return true;
	for (size_t i = 0; i < meta->n_ranges; i++)
		if (addr >= meta->ranges[i].addr && addr - meta->ranges[i].addr < meta->ranges[i].size)
			return true;
	return false;
}

/* The function that a cold part, "f.cold", belongs to, is replaced. */
static bool is_part_of_replaced(const struct trial *trial, const struct image_symbol *symbol)
{
	const struct image *image = &trial->witness->base->image;
	const char *cold = strstr(symbol->name, ".cold");

	for (size_t i = 0; cold != NULL && i < image->n_symbols; i++) {
		const struct image_symbol *owner = &image->symbols[i];

		if (owner->is_code && strncmp(owner->name, symbol->name, (size_t)(cold - symbol->name)) == 0 &&
		    owner->name[cold - symbol->name] == '\0' && owner->unit == symbol->unit)
			return is_replaced_code(trial->draft, owner->addr);
	}
	return false;
}

static struct culprit *culprit_of(const struct trial *trial, uint32_t spot)
{
	for (size_t i = 0; spot != IMAGE_NONE && i < trial->n_culprits; i++)
		if (trial->culprits[i].spot == spot)
			return &trial->culprits[i];
	return NULL;
}

static int list_culprits(struct trial *trial)
{
	const struct differences *change = &trial->witness->change;
	const struct image *image = &trial->witness->base->image;

	for (size_t i = 0; i < change->n_pairs; i++) {
		const struct pair *pair = &change->pairs[i];
		const struct image_symbol *symbol = &image->symbols[pair->old];

		if (!symbol->is_code || pair->likeness != LIKE_DIFFERENT || is_startup(symbol->name) ||
		    is_replaced_code(trial->draft, symbol->addr) || is_part_of_replaced(trial, symbol) ||
		    culprit_of(trial, symbol->spot) != NULL)
			continue;
		int err = ARRAY_GROW(&trial->culprits, trial->n_culprits, 1);
		if (err != 0)
			return err;
		trial->culprits[trial->n_culprits++] = (struct culprit){ pair, symbol->spot, IMAGE_NONE, false };
	}
	return 0;
}

/* The function that an address leads to, also through a stub or a slot; IMAGE_NONE: none. */
static uint32_t function_behind(const struct image *image, uint64_t addr)
{
	for (unsigned i = 0; i < 3; i++) {
		struct whereabouts at = image_at(image, addr);
		const struct image_reloc *reloc;

		if (at.area == AREA_STUBS ? !image_stub_slot(image, addr, &addr) : at.area != AREA_SLOTS)
			return at.area == AREA_CODE ? at.spot : IMAGE_NONE;
		if (at.area == AREA_STUBS)
			continue;
		reloc = image_reloc_at(image, addr);
		if (reloc != NULL && reloc->symbol == NULL)
			addr = reloc->addend;
		else if (reloc != NULL || !image_word(image, addr, &addr))
			return IMAGE_NONE;
	}
	return IMAGE_NONE;
}

static int note_user(void *ctx, uint64_t from, uint64_t to, unsigned access)
{
	struct trial *trial = ctx;
	struct culprit *culprit = culprit_of(trial, function_behind(&trial->witness->base->image, to));

	(void)from;
	(void)access;
	if (culprit != NULL && culprit->user == IMAGE_NONE && culprit->spot != trial->user) {
		culprit->user = trial->user;
		trial->any = true;
	}
	return 0;
}

static void note_address(struct trial *trial, uint64_t addr)
{
	struct whereabouts at = image_at(&trial->witness->base->image, addr);
	struct culprit *culprit = at.area == AREA_CODE ? culprit_of(trial, at.spot) : NULL;

	if (culprit != NULL)
		culprit->is_in_data = true;
}

/* Addresses of functions in data, and what other objects may call. */
static void note_addresses(struct trial *trial)
{
	const struct image *image = &trial->witness->base->image;
	const struct symbols *exported = &image->file->dynsym;

	for (size_t i = 0; i < exported->count; i++)
		if (exported->table[i].section != SHN_UNDEF)
			note_address(trial, exported->table[i].value);
	for (size_t i = 0; i < image->n_relocs; i++)
		if (image->relocs[i].symbol == NULL && image_at(image, image->relocs[i].place).area != AREA_SLOTS)
			note_address(trial, image->relocs[i].addend);
	note_address(trial, image->entry);
	for (size_t i = 0; i < image->n_sections && image->has_fixed_place; i++) {
		const struct image_section *section = &image->sections[i];
		uint64_t word = image->gen->word, value;

		if (section->area != AREA_CONSTANT && section->area != AREA_VARIABLE)
			continue;
		for (uint64_t at = (section->addr + word - 1) / word * word;
		     section->bytes != NULL && at < section->end && section->end - at >= word; at += word)
			if (image_word(image, at, &value))
				note_address(trial, value);
	}
}

static bool is_live(const struct culprit *culprit)
{
	return culprit->is_in_data || culprit->user != IMAGE_NONE;
}

/*
 * Find, for all that differs and is not replaced, code that stays and refers to it.  What only
 * replaced functions called, as a clone, is not called any more.
 */
static int find_users(struct trial *trial)
{
	const struct image *image = &trial->witness->base->image;
	int err = 0;

	for (size_t i = 0; i < trial->n_culprits && trial->n_culprits > CULPRITS_MAX; i++)
		trial->culprits[i].is_in_data = true;
	if (trial->n_culprits > CULPRITS_MAX)
		return 0;
	note_addresses(trial);
	do {
		trial->any = false;
		for (uint32_t i = 0; err == 0 && i < image->n_spots; i++) {
			const struct culprit *culprit = culprit_of(trial, i);
			const struct image_symbol *symbol = &image->symbols[image->spots[i].first];

			if (!image->spots[i].is_code || is_replaced_code(trial->draft, image->spots[i].addr) ||
			    (culprit != NULL && !is_live(culprit)) || is_part_of_replaced(trial, symbol))
				continue;
			trial->user = i;
			err = each_reference(image, i, note_user, trial);
		}
	} while (err == 0 && trial->any);
	return err;
}

static int refuse_culprits(const struct trial *trial)
{
	struct build *base = trial->witness->base;
	const struct image *image = &base->image;
	const struct culprit *first = NULL;
	char where[WHERE_MAX], more[NAMES_TEXT_MAX] = "", user[WHERE_MAX] = "";
	struct names names = { .count = 0 };

	for (size_t i = 0; i < trial->n_culprits; i++) {
		if (!is_live(&trial->culprits[i]))
			continue;
		if (first == NULL)
			first = &trial->culprits[i];
		else
			names_add(&names, image->symbols[trial->culprits[i].pair->old].name);
	}
	if (first == NULL)
		return 0;
	if (names.count != 0)
		names_format(&names, more, sizeof(more));
	if (!first->is_in_data && strchr(image_spot_name(image, first->spot), '.') != NULL)
		snprintf(user, sizeof(user), ", and '%s', which stays, calls it", image_spot_name(image, first->user));
	return fail(EINVAL, "%s: function %s differs in %s at +0x%" PRIx64 ": %s; the patch does not replace it%s%s%s%s",
		    trial->draft->patch->file.path, describe(base, &image->symbols[first->pair->old], where),
		    trial->witness->new.path, first->pair->at, first->pair->why, user, *more != '\0' ? ", nor " : "", more,
		    " (add what is missing to the patch)");
}

static bool is_exported(const struct image *image, uint64_t addr)
{
	for (size_t i = 0; i < image->file->dynsym.count; i++)
		if (image->file->dynsym.table[i].section != SHN_UNDEF && image->file->dynsym.table[i].value == addr)
			return true;
	return false;
}

/* A patch replaces functions, and constants only for these. */
static int judge_data(const struct trial *trial)
{
	const struct image *image = &trial->witness->base->image;
	char where[WHERE_MAX];

	for (size_t i = 0; i < trial->witness->change.n_pairs; i++) {
		const struct pair *pair = &trial->witness->change.pairs[i];
		const struct image_symbol *symbol = &image->symbols[pair->old];
		const struct image_section *section = symbol->is_tls ? NULL : image_section_at(image, symbol->addr);
		bool is_constant = section != NULL && section->area == AREA_CONSTANT;

		if (symbol->is_code || pair->likeness != LIKE_DIFFERENT ||
		    (is_constant && !is_exported(image, symbol->addr)))
			continue;
		return fail(EINVAL, "%s: %s %s differs in %s: %s; a patch does not change %s",
			    trial->draft->patch->file.path, is_constant ? "constant" : "variable",
			    describe(trial->witness->base, symbol, where), trial->witness->new.path, pair->why,
			    is_constant ? "what other objects use" : "the variables of a running process");
	}
	return 0;
}

static const struct image_section *section_named(const struct image *image, const char *name)
{
	for (size_t i = 0; i < image->n_sections; i++)
		if (strcmp(image->sections[i].name, name) == 0)
			return &image->sections[i];
	return NULL;
}

/* A list of functions for start and end, or one that a program looks through by __start_NAME. */
static bool is_list(const struct image_section *section)
{
	static const char *const lists[] = { ".preinit_array", ".init_array", ".fini_array", ".ctors", ".dtors" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(section->name, lists[i]) == 0)
			return true;
	return section->area != AREA_CODE && section->area != AREA_STUBS && *section->name != '.';
}

static int refuse_list(const struct trial *trial, const char *name)
{
	bool is_start = *name == '.';

	return fail(EINVAL, "%s: %s differs in %s (section %s), and %s", trial->draft->patch->file.path,
		    is_start ? "the list of constructors or destructors" : "a list that the program looks through",
		    trial->witness->new.path, name,
		    is_start ? "nobody would run what is new" : "what is new would not be found");
}

static int judge_lists(struct trial *trial)
{
	const struct image *old = &trial->witness->base->image, *new = &trial->witness->new.image;

	for (size_t i = 0; i < old->n_sections; i++) {
		const struct image_section *a = &old->sections[i];
		const struct image_section *b = is_list(a) ? section_named(new, a->name) : NULL;

		if (is_list(a) && (b == NULL || a->end - a->addr != b->end - b->addr ||
				   !same_bytes(&trial->witness->change.meanings, a->addr, b->addr, a->end - a->addr)))
			return refuse_list(trial, a->name);
	}
	for (size_t i = 0; i < new->n_sections; i++)
		if (is_list(&new->sections[i]) && section_named(old, new->sections[i].name) == NULL)
			return refuse_list(trial, new->sections[i].name);
	return 0;
}

/* The linker may have folded equal functions.  Those that are apart in the new build would change together. */
static int judge_folded(const struct trial *trial)
{
	const struct differences *change = &trial->witness->change;
	const struct image *old = &trial->witness->base->image, *new = &trial->witness->new.image;

	for (size_t i = 0; i < change->n_pairs; i++)
		for (size_t k = i + 1; k < change->n_pairs; k++) {
			const struct image_symbol *a = &old->symbols[change->pairs[i].old];
			const struct image_symbol *b = &old->symbols[change->pairs[k].old];

			if (a->spot != b->spot || a->is_tls || b->is_tls)
				break;		/* pairs of one spot follow each other */
			if (a->is_code && b->is_code && is_replaced_code(trial->draft, a->addr) &&
			    new->symbols[change->pairs[i].new].spot != new->symbols[change->pairs[k].new].spot)
				return fail(EINVAL, "%s: '%s' and '%s' share their code in %s, as the linker folded them, and do not "
					    "in %s: a patch would change both (replace the functions that call the one that "
					    "changes)", trial->draft->patch->file.path, a->name, b->name,
					    trial->draft->target->file.path, trial->witness->new.path);
		}
	return 0;
}

/*
 * Tell what was replaced, and does not differ.  Auto mode leaves such functions out; it tells
 * itself why it replaces one for another's sake.
 */
static void tell_needless(const struct trial *trial)
{
	const struct differences *change = &trial->witness->change;
	const struct image *old = &trial->witness->base->image;

	for (size_t i = 0; i < change->n_pairs && !trial->draft->is_quiet && trial->draft->n_objects == 0; i++) {
		const struct image_symbol *symbol = &old->symbols[change->pairs[i].old];

		if (symbol->is_code && draft_find(trial->draft, symbol->addr) != SIZE_MAX &&
		    change->pairs[i].likeness != LIKE_DIFFERENT)
			printf("'%s' is replaced without need: it does not differ in %s\n", symbol->name,
			       trial->witness->new.path);
	}
}

static int judge_change(struct witness *witness, const struct draft *draft)
{
	struct trial trial = { .witness = witness, .draft = draft };
	int err = judge_data(&trial);

	if (err == 0)
		err = judge_lists(&trial);
	if (err == 0)
		err = judge_folded(&trial);
	if (err == 0)
		err = list_culprits(&trial);
	if (err == 0 && trial.n_culprits != 0)
		err = find_users(&trial);
	if (err == 0)
		err = refuse_culprits(&trial);
	if (err == 0)
		tell_needless(&trial);
	free(trial.culprits);
	return err;
}

int witness_judge(struct witness *witness, struct draft *draft)
{
	int err = witness->has_old ? judge_old(witness, draft) : 0;

	if (err == -ESTALE && draft->accepts_difference) {
		warn("accepted: %s", msg_kept());
		err = draft_add_comment(draft, "accepted-difference", msg_kept());
		msg_forget();
	}
	if (err == 0 && witness->has_new)
		err = judge_change(witness, draft);
	return err;
}
