/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chain.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "parasite/parasite.h"

int chain_lead(const struct arch *arch, const struct record_detour *detour, uint64_t guide,
		uint8_t *out)
{
	if (detour->is_code)
		return arch->jump(detour->place, guide, out);
	memcpy(out, &guide, arch->word);
	return 0;
}

static size_t count_detours(const struct records *records)
{
	size_t count = 0;

	for (size_t i = 0; i < records->count; i++)
		count += records->all[i].head->n_detours;
	return count;
}

int chain_init(struct chain *chain, const struct records *records, size_t more)
{
	size_t room = count_detours(records) + more;

	*chain = (struct chain){ .links = calloc(room + 1, sizeof(*chain->links)) };
	return chain->links != NULL ? 0 : fail(ENOMEM, "out of memory");
}

const struct record_detour *chain_find(const struct records *records, const struct record_detour *like,
				     uint64_t guide)
{
	for (size_t i = 0; i < records->count; i++) {
		for (uint32_t k = 0; records->all[i].untrue == NULL && k < records->all[i].head->n_detours; k++) {
			const struct record_detour *detour = &records->all[i].detours[k];

			if (detour->place == like->place && detour->size == like->size &&
			    detour->is_code == like->is_code && (guide == 0 || detour->guide == guide))
				return detour;
		}
	}
	return NULL;
}

static const struct record_detour *find_led(const struct records *records, const struct arch *arch,
					  const struct record_detour *like, const uint8_t *found)
{
	for (size_t i = 0; i < records->count; i++) {
		for (uint32_t k = 0; records->all[i].untrue == NULL && k < records->all[i].head->n_detours; k++) {
			const struct record_detour *detour = &records->all[i].detours[k];
			uint8_t bytes[JUMP_MAX];

			if (detour->place == like->place && detour->size == like->size &&
			    detour->is_code == like->is_code &&
			    chain_lead(arch, like, detour->guide, bytes) == 0 &&
			    memcmp(found, bytes, like->size) == 0)
				return detour;
		}
	}
	return NULL;
}

int chain_read(struct chain *chain, const struct target *target, const struct records *records,
	       const struct record_detour *at)
{
	size_t most = count_detours(records);
	const struct record_detour *detour;
	uint8_t found[JUMP_MAX];

	if (target_read(target, at->place, found, at->size) != 0)
		return -EFAULT;
	if (memcmp(found, at->was, at->size) == 0 ||
	    (!at->is_code && memcmp(found, &at->own, at->size) == 0))
		return 0;
	for (detour = find_led(records, target->arch, at, found); detour != NULL;) {
		uint64_t next = target_read_word(target, detour->guide + offsetof(struct guide, next));

		if (chain->count == most)
			break;
		chain->links[chain->count++] = detour;
		if (next == detour->own)
			return 0;
		detour = chain_find(records, detour, next);
	}
	return -EINVAL;
}
