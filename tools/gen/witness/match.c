/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a symbol is matched by. */
struct key {
	const char *name;
	const char *unit;	/* NULL: it is global, or the unit does not count */
	uint32_t stem, ordinal, kind;
	uint32_t number;	/* orders those with equal keys, as do addresses */
	uint32_t index;
};

/* In which ways symbols are matched, one after the other. */
struct round {
	bool numbered;		/* those that the compiler numbered, and not the others */
	bool by_unit;
	bool only_single;	/* a key that several symbols have tells nothing */
};

static int compare_keys(const struct key *a, const struct key *b)
{
	uint32_t size = a->stem < b->stem ? a->stem : b->stem;
	int order = memcmp(a->name, b->name, size);

	if (order != 0)
		return order;
	if (a->stem != b->stem)
		return a->stem < b->stem ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->unit == NULL || b->unit == NULL)
		return (a->unit != NULL) - (b->unit != NULL);
	order = strcmp(a->unit, b->unit);
	if (order != 0)
		return order;
	return a->ordinal != b->ordinal ? (a->ordinal < b->ordinal ? -1 : 1) : 0;
}

static int in_order(const void *a, const void *b)
{
	const struct key *one = a, *other = b;
	int order = compare_keys(one, other);

	if (order != 0)
		return order;
	if (one->number != other->number)
		return one->number < other->number ? -1 : 1;
	return one->index < other->index ? -1 : 1;
}

static struct key *list_keys(const struct image *image, const struct round *round, size_t *count)
{
	struct key *keys = calloc(image->n_symbols + 1, sizeof(*keys));

	*count = 0;
	for (size_t i = 0; keys != NULL && i < image->n_symbols; i++) {
		const struct image_symbol *symbol = &image->symbols[i];
		const struct image_unit *unit = symbol->unit != IMAGE_NONE ? &image->units[symbol->unit] : NULL;

		if (symbol->twin != IMAGE_NONE || (symbol->number != UINT32_MAX) != round->numbered)
			continue;
		keys[(*count)++] = (struct key){
			.name = symbol->name, .stem = symbol->stem, .number = symbol->number, .index = (uint32_t)i,
			.kind = (uint32_t)(symbol->is_code ? 1 : symbol->is_tls ? 2 : 0),
			.unit = round->by_unit && unit != NULL ? unit->name : NULL,
			.ordinal = round->by_unit && unit != NULL ? unit->ordinal : 0,
		};
	}
	if (keys != NULL)
		qsort(keys, *count, sizeof(*keys), in_order);
	else
		fail(ENOMEM, "out of memory");
	return keys;
}

static size_t group_size(const struct key *keys, size_t count, size_t from)
{
	size_t to = from + 1;

	while (to < count && compare_keys(&keys[from], &keys[to]) == 0)
		to++;
	return to - from;
}

static void pair_up(struct image *old, const struct key *a, size_t n_a, struct image *new, const struct key *b,
		    size_t n_b, const struct round *round)
{
	for (size_t i = 0, k = 0; i < n_a && k < n_b;) {
		int order = compare_keys(&a[i], &b[k]);
		size_t size_a = group_size(a, n_a, i), size_b = group_size(b, n_b, k);

		if (order == 0 && size_a == size_b && (size_a == 1 || !round->only_single))
			for (size_t n = 0; n < size_a; n++) {
				old->symbols[a[i + n].index].twin = b[k + n].index;
				new->symbols[b[k + n].index].twin = a[i + n].index;
			}
		i += order <= 0 ? size_a : 0;
		k += order >= 0 ? size_b : 0;
	}
}

int match_images(struct image *old, struct image *new)
{
	static const struct round rounds[] = {
		{ false, true, false }, { true, true, false }, { false, false, true }, { true, false, true },
	};
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		size_t n_a, n_b;
		struct key *a = list_keys(old, &rounds[i], &n_a), *b = list_keys(new, &rounds[i], &n_b);

		if (a == NULL || b == NULL)
			err = -ENOMEM;
		else
			pair_up(old, a, n_a, new, b, n_b, &rounds[i]);
		free(a);
		free(b);
	}
	return err;
}

bool match_same_unit(const struct image *old, const struct image_symbol *a, const struct image *new,
		     const struct image_symbol *b)
{
	if (a->unit == IMAGE_NONE || b->unit == IMAGE_NONE)
		return a->unit == b->unit;
	const struct image_unit *one = &old->units[a->unit], *other = &new->units[b->unit];
	return one->ordinal == other->ordinal && strcmp(one->name, other->name) == 0;
}
