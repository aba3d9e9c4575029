/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chain.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "parasite/parasite.h"

int chain_lead(const struct arch *arch, const struct record_hook *hook, uint64_t guide,
		uint8_t *out)
{
	if (hook->is_code)
		return arch->jump(hook->place, guide, out);
	memcpy(out, &guide, arch->word);
	return 0;
}

static size_t count_hooks(const struct records *records)
{
	size_t count = 0;

	for (size_t i = 0; i < records->count; i++)
		count += records->all[i].head->n_hooks;
	return count;
}

int chain_init(struct chain *chain, const struct records *records, size_t more)
{
	size_t room = count_hooks(records) + more;

	*chain = (struct chain){ .links = calloc(room + 1, sizeof(*chain->links)) };
	return chain->links != NULL ? 0 : fail(ENOMEM, "out of memory");
}

const struct record_hook *chain_find(const struct records *records, const struct record_hook *like,
				     uint64_t guide)
{
	for (size_t i = 0; i < records->count; i++) {
		for (uint32_t k = 0; records->all[i].untrue == NULL && k < records->all[i].head->n_hooks; k++) {
			const struct record_hook *hook = &records->all[i].hooks[k];

			if (hook->place == like->place && hook->size == like->size &&
			    hook->is_code == like->is_code && (guide == 0 || hook->guide == guide))
				return hook;
		}
	}
	return NULL;
}

static const struct record_hook *find_led(const struct records *records, const struct arch *arch,
					  const struct record_hook *like, const uint8_t *found)
{
	for (size_t i = 0; i < records->count; i++) {
		for (uint32_t k = 0; records->all[i].untrue == NULL && k < records->all[i].head->n_hooks; k++) {
			const struct record_hook *hook = &records->all[i].hooks[k];
			uint8_t bytes[JUMP_MAX];

			if (hook->place == like->place && hook->size == like->size &&
			    hook->is_code == like->is_code &&
			    chain_lead(arch, like, hook->guide, bytes) == 0 &&
			    memcmp(found, bytes, like->size) == 0)
				return hook;
		}
	}
	return NULL;
}

int chain_read(struct chain *chain, const struct target *target, const struct records *records,
	       const struct record_hook *at)
{
	size_t most = count_hooks(records);
	const struct record_hook *hook;
	uint8_t found[JUMP_MAX];

	if (target_read(target, at->place, found, at->size) != 0)
		return -EFAULT;
	if (memcmp(found, at->was, at->size) == 0 ||
	    (!at->is_code && memcmp(found, &at->own, at->size) == 0))
		return 0;
	for (hook = find_led(records, target->arch, at, found); hook != NULL;) {
		uint64_t next = target_read_word(target, hook->guide + offsetof(struct guide, next));

		if (chain->count == most)
			break;
		chain->links[chain->count++] = hook;
		if (next == hook->own)
			return 0;
		hook = chain_find(records, hook, next);
	}
	return -EINVAL;
}
