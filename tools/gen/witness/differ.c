/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "differ.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "match.h"

#define ROUNDS_MAX 32		/* constants that differ because they refer to one that differs */

static int check_kind(const struct image *old, const struct image *new)
{
	const char *a = old->file->path, *b = new->file->path;

	if (old->arch != new->arch)
		return fail(EINVAL, "%s is for %s, %s for %s", a, old->arch->name, b, new->arch->name);
	if (old->has_fixed_place != new->has_fixed_place)
		return fail(EINVAL, "%s is position-independent, and %s is not: they are not built in the same way",
			    old->has_fixed_place ? b : a, old->has_fixed_place ? a : b);
	return 0;
}

static int set_why(struct pair *pair, const char *why)
{
	free(pair->why);
	pair->why = strdup(why);
	return pair->why != NULL ? 0 : fail(ENOMEM, "out of memory");
}

/* ---- data ---- */

static bool same_thread_data(struct meanings *m, const struct image_symbol *a, const struct image_symbol *b)
{
	uint64_t start_a = m->old->tls_start + a->addr, start_b = m->new->tls_start + b->addr;
	bool has_a = a->addr + a->size <= m->old->tls_filled, has_b = b->addr + b->size <= m->new->tls_filled;

	if (a->size != b->size)
		return because(m, "its size %" PRIu64 " is %" PRIu64, a->size, b->size);
	if (!has_a && !has_b)
		return true;
	return has_a && has_b ? same_bytes(m, start_a, start_b, a->size) : because(m, "it begins with another value");
}

static bool same_data(struct meanings *m, const struct image_symbol *a, const struct image_symbol *b)
{
	const struct image_section *one = image_section_at(m->old, a->addr), *other = image_section_at(m->new, b->addr);

	if (a->is_tls)
		return same_thread_data(m, a, b);
	if (a->size != b->size)
		return because(m, "its size %" PRIu64 " is %" PRIu64, a->size, b->size);
	if (one == NULL || other == NULL || one->area != other->area)
		return because(m, "it lies in section %s, not %s", other != NULL ? other->name : "?",
			       one != NULL ? one->name : "?");
	return same_bytes(m, a->addr, b->addr, a->size);
}

static bool is_constant(const struct image *image, const struct image_symbol *symbol)
{
	const struct image_section *section = symbol->is_tls ? NULL : image_section_at(image, symbol->addr);

	return section != NULL && section->area == AREA_CONSTANT;
}

/* A round over all data.  *changed: a constant was found to differ that others may refer to. */
static int compare_data(struct differences *all, size_t first, bool *changed)
{
	struct meanings *m = &all->meanings;
	int err = 0;

	*changed = false;
	for (size_t i = first; err == 0 && i < all->n_pairs; i++) {
		struct pair *pair = &all->pairs[i];
		const struct image_symbol *a = &m->old->symbols[pair->old], *b = &m->new->symbols[pair->new];

		if (a->is_code || pair->likeness != LIKE_SAME || same_data(m, a, b))
			continue;
		pair->likeness = LIKE_DIFFERENT;
		err = set_why(pair, m->why);
		if (is_constant(m->old, a)) {
			m->is_other[a->spot] = 1;
			*changed = true;
		}
	}
	return err;
}

/* ---- functions ---- */

static int compare_function(struct differences *all, struct pair *pair)
{
	struct meanings *m = &all->meanings;
	uint32_t old = m->old->symbols[pair->old].spot, new = m->new->symbols[pair->new].spot;
	bool same = same_body(m, old, new, &pair->numbers, &pair->at);

	meanings_keep_bonds(m, same);
	if (m->err != 0)
		return m->err;
	if (same) {
		pair->likeness = pair->numbers.count != 0 ? LIKE_NUMBERED : LIKE_SAME;
		return 0;
	}
	pair->likeness = LIKE_DIFFERENT;
	return set_why(pair, m->why);
}

/* ---- pairs ---- */

/* Is the pair of these two spots there already?  It is if an earlier symbol of the old spot has its twin there. */
static bool is_listed_pair(const struct meanings *m, uint32_t old)
{
	const struct image_symbol *symbol = &m->old->symbols[old];
	const struct spot *spot = symbol->is_tls ? NULL : &m->old->spots[symbol->spot];

	for (uint32_t i = 0; spot != NULL && spot->first + i < old; i++) {
		const struct image_symbol *other = &m->old->symbols[spot->first + i];

		if (!other->is_mark && other->twin != IMAGE_NONE && other->is_code == symbol->is_code &&
		    m->new->symbols[other->twin].spot == m->new->symbols[symbol->twin].spot &&
		    (other->is_code || other->size == symbol->size))
			return true;
	}
	return false;
}

/* Add the pairs of twins that are not in the list yet; `is_seen` by the old image's symbols. */
static int list_pairs(struct differences *all, uint8_t *is_seen)
{
	const struct meanings *m = &all->meanings;

	for (uint32_t i = 0; i < m->old->n_symbols; i++) {
		const struct image_symbol *a = &m->old->symbols[i];

		if (is_seen[i] != 0 || a->is_mark || a->twin == IMAGE_NONE || m->new->symbols[a->twin].is_mark)
			continue;
		is_seen[i] = 1;
		if (is_listed_pair(m, i))
			continue;
		int err = ARRAY_GROW(&all->pairs, all->n_pairs, 1);
		if (err != 0)
			return err;
		all->pairs[all->n_pairs++] = (struct pair){ .old = i, .new = a->twin };
		all->n_functions += a->is_code;
		all->n_data += !a->is_code;
	}
	return 0;
}

/* Compare all pairs.  Functions that refer to each other's numbered symbols make new ones. */
static int compare_all(struct differences *all, uint8_t *is_seen)
{
	size_t done = 0;
	int err = list_pairs(all, is_seen);

	while (err == 0 && done < all->n_pairs) {
		size_t first = done;
		bool changed = true;

		for (unsigned i = 0; err == 0 && changed && i < ROUNDS_MAX; i++)
			err = compare_data(all, first, &changed);
		if (err == 0 && changed)
			err = fail(EINVAL, "%s: its constants refer to each other too deeply", all->meanings.old->file->path);
		for (done = all->n_pairs; err == 0 && first < done; first++)
			if (all->meanings.old->symbols[all->pairs[first].old].is_code)
				err = compare_function(all, &all->pairs[first]);
		if (err == 0)
			err = list_pairs(all, is_seen);
	}
	return err;
}

int differences_init(struct differences *all, struct image *old, struct image *new)
{
	uint8_t *is_seen = calloc(old->n_symbols + 1, 1);
	int err = is_seen != NULL ? check_kind(old, new) : fail(ENOMEM, "out of memory");

	*all = (struct differences){ .n_pairs = 0 };
	if (err == 0)
		err = match_images(old, new);
	if (err == 0)
		err = meanings_init(&all->meanings, old, new);
	if (err == 0)
		err = compare_all(all, is_seen);
	free(is_seen);
	if (err != 0)
		differences_deinit(all);
	return err;
}

void differences_deinit(struct differences *all)
{
	for (size_t i = 0; i < all->n_pairs; i++) {
		free(all->pairs[i].why);
		free(all->pairs[i].numbers.table);
	}
	free(all->pairs);
	meanings_deinit(&all->meanings);
	*all = (struct differences){ .n_pairs = 0 };
}

int pair_settle(struct pair *pair, bool are_lines)
{
	char why[WHY_MAX];

	pair->likeness = are_lines ? LIKE_LINES : LIKE_DIFFERENT;
	snprintf(why, sizeof(why), are_lines ? "the line number %" PRIi64 " is %" PRIi64 :
		 "the constant %" PRIi64 " is %" PRIi64, (int64_t)pair->numbers.table[0].old,
		 (int64_t)pair->numbers.table[0].new);
	return set_why(pair, why);
}
