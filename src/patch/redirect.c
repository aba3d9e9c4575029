/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "redirect.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "parasite/parasite.h"

static const char find_fde[] = FIND_FDE;

static uint64_t successor(const struct chain *chain, size_t i, const struct record_detour *detour)
{
	return i < chain->count ? chain->links[i]->guide : detour->own;
}

/* Compute the bytes of the place that `like` diverts, if it leads to this chain. */
static int bytes_of(const struct chain *chain, const struct arch *arch,
		    const struct record_detour *like, uint8_t *out)
{
	memcpy(out, like->was, JUMP_MAX);
	if (chain->count == 0)
		return 0;
	return chain_lead(arch, like, chain->links[0]->guide, out) == 0 ? 0 :
	       fail(ENOSPC, "a jump from 0x%" PRIx64 " does not reach 0x%" PRIx64, like->place,
		    chain->links[0]->guide);
}

static int change_place(struct plan *plan, const struct record_detour *like,
			const struct chain *before, const struct chain *after)
{
	struct edit edit = { .address = like->place, .size = like->size, .name = find_fde };
	int err = bytes_of(before, plan->arch, like, edit.before);

	if (err == 0)
		err = bytes_of(after, plan->arch, like, edit.after);
	memcpy(edit.halfway, edit.before, sizeof(edit.halfway));
	/* A slot may be bound by the dynamic linker while nsb plans, and hold the target's own function then. */
	if (!like->is_code && before->count == 0)
		memcpy(edit.halfway, &like->own, like->size);
	if (err == 0)
		err = plan_add_edit(plan, &edit);
	return err == 0 && like->is_code ?
	       plan_forbid(plan, like->place, like->place + like->size, find_fde) : err;
}

static int change_next(struct plan *plan, const struct record_detour *detour, uint64_t now,
		       uint64_t want)
{
	struct edit edit = { .address = detour->guide + offsetof(struct guide, next),
			       .size = plan->arch->word, .name = find_fde };

	memcpy(edit.before, &now, sizeof(now));
	memcpy(edit.halfway, &now, sizeof(now));
	memcpy(edit.after, &want, sizeof(want));
	return plan_add_edit(plan, &edit);
}

static bool has_place(const struct record *record, const struct record_detour *like)
{
	for (uint32_t i = 0; i < record->head->n_detours; i++) {
		if (record->detours[i].place == like->place)
			return true;
	}
	return false;
}

/* The chain of a place as it will be: the guides of the first `count` new plans, and those that are there now. */
static int chain_behind(struct chain *chain, const struct plan *plans, size_t count,
			const struct target *target, const struct records *records,
			const struct record_detour *at)
{
	int err = chain_init(chain, records, count * GUIDES_MAX);
	size_t skip;

	for (size_t i = count; i-- > 0 && err == 0;) {
		const struct record *record = &plans[i].record;

		for (uint32_t k = 0; k < record->head->n_detours; k++) {
			if (record->detours[k].place == at->place)
				chain->links[chain->count++] = &record->detours[k];
		}
	}
	if (err != 0)
		return err;
	skip = chain->count;
	chain->links += skip;
	chain->count = 0;
	err = chain_read(chain, target, records, at);
	chain->links -= skip;
	chain->count += skip;
	return err;
}

static int come_in(struct plan *into, struct plan *plans, size_t count, size_t index,
		   const struct target *target, const struct records *records,
		   const struct record_detour *detour)
{
	struct plan *plan = &plans[index];
	const struct record_detour *links[1] = { detour };
	struct chain before, actual;
	uint64_t next;
	int err = chain_behind(&before, plans, index, target, records, detour);

	if (err == 0) {
		next = successor(&before, 0, detour);
		memcpy(plan->image.bytes + (detour->guide - plan->image.base) +
		       offsetof(struct guide, next), &next, sizeof(next));
	}
	free(before.links);
	for (size_t i = index + 1; i < count && err == 0; i++) {
		if (has_place(&plans[i].record, detour))
			return 0;
	}
	if (err == 0)
		err = chain_behind(&actual, plans, 0, target, records, detour);
	else
		return err;
	if (err == 0)
		err = change_place(into, detour, &actual, &(struct chain){ links, 1 });
	free(actual.links);
	return err;
}

static int busy(const struct target *target, int err)
{
	return err == -EFAULT || err == -EINVAL ?
	       fail(EBUSY, "%s: what leads to the unwinder changes (try again)",
		    target_name(target)) : err;
}

int redirect_in(struct plan *into, struct plan *plans, size_t count, const struct target *target,
		   const struct records *records)
{
	size_t first = into->n_edits;
	int err = 0;

	for (size_t i = 0; i < count && err == 0; i++) {
		const struct record *record = &plans[i].record;
		const struct guides *guides = &plans[i].guides;

		for (uint32_t k = 0; k < record->head->n_detours && err == 0; k++) {
			if (record->detours[k].place != 0)
				err = come_in(into, plans, count, i, target, records,
					      &record->detours[k]);
		}
		if (err == 0 && guides->busy_hi != 0)
			err = plan_forbid(into, guides->busy_lo, guides->busy_hi, find_fde);
	}
	plan_bring_forward(into, first);
	return busy(target, err);
}

static bool leaves(const struct plan *plans, size_t count, const struct record_detour *detour)
{
	for (size_t i = 0; i < count; i++) {
		const struct record *record = plans[i].subject;

		if (!plans[i].keeps_memory && detour >= record->detours &&
		    detour < record->detours + record->head->n_detours)
			return true;
	}
	return false;
}

/* Plan the edits that take out of one chain all guides that leave. */
static int go_out(struct plan *into, const struct chain *before, const struct record_detour *like,
		  const struct plan *leaving, size_t n_leaving)
{
	struct chain after = { calloc(before->count + 1, sizeof(*after.links)), 0 };
	size_t *was_at = calloc(before->count + 1, sizeof(*was_at));
	int err = after.links == NULL || was_at == NULL ? fail(ENOMEM, "out of memory") : 0;

	for (size_t i = 0; i < before->count && err == 0; i++) {
		if (leaves(leaving, n_leaving, before->links[i]))
			continue;
		was_at[after.count] = i;
		after.links[after.count++] = before->links[i];
	}
	for (size_t i = 0; i < after.count && err == 0; i++)
		err = change_next(into, after.links[i],
				  successor(before, was_at[i] + 1, after.links[i]),
				  successor(&after, i + 1, after.links[i]));
	if (err == 0)
		err = change_place(into, like, before, &after);
	free(after.links);
	free(was_at);
	return err;
}

/* Whether the place of detour number k of plans[index] was handled with an earlier detour. */
static bool is_done(const struct plan *plans, size_t index, uint32_t k)
{
	const struct record_detour *detour = &plans[index].subject->detours[k];

	for (uint32_t i = 0; i < k; i++) {
		if (plans[index].subject->detours[i].place == detour->place)
			return true;
	}
	for (size_t i = 0; i < index; i++) {
		if (!plans[i].keeps_memory && has_place(plans[i].subject, detour))
			return true;
	}
	return false;
}

int redirect_out(struct plan *into, struct plan *plans, size_t first, size_t count,
		    const struct target *target, const struct records *records)
{
	int err = 0;

	for (size_t i = first; i < count && err == 0; i++) {
		const struct record *record = plans[i].subject;

		for (uint32_t k = 0; k < record->head->n_detours && err == 0; k++) {
			const struct record_detour *detour = &record->detours[k];
			struct chain chain;

			if (detour->place == 0)
				continue;
			err = chain_behind(&chain, plans, first, target, records, detour);
			/*
			 * -EFAULT: the unwinder was unmapped, so nothing leads to the guide.  -EINVAL:
			 * another program has diverted the place, and may lead to the guide.
			 */
			if (err == -EINVAL)
				plans[i].keeps_memory = true;
			if (err == 0 && !plans[i].keeps_memory && !is_done(plans + first, i - first, k))
				err = go_out(into, &chain, detour, plans + first, count - first);
			free(chain.links);
			if (err == -EINVAL || err == -EFAULT)
				err = 0;
		}
	}
	return err;
}
