/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verdict.h"

#include <stdlib.h>
#include <string.h>

static bool is_id(const uint8_t *id, uint32_t size, const struct vz_blob *want)
{
	return size == want->size && memcmp(id, want->data, size) == 0;
}

/* Whether a younger patch replaces the function once more, so that its jump is at the start of this one. */
static bool has_younger(const struct session *session, const struct record_head *head, const struct record_func *func)
{
	for (size_t i = 0; i < session->records.count; i++) {
		const struct record *other = &session->records.all[i];

		for (uint32_t k = 0; k < other->head->n_funcs && other->head->sequence > head->sequence && other->untrue == NULL; k++) {
			if (other->funcs[k].target == func->target)
				return true;
		}
	}
	return false;
}

/* Overwrite in `found` what nsb itself writes into code: references to the target, and a younger patch's jump. */
static void mask(const struct session *session, const struct record_head *head, const struct patchfile *patch,
		 const struct vz_func *vz, const struct record_func *func, const uint8_t *file, uint8_t *found)
{
	const uint64_t jump = has_younger(session, head, func) ? session->target.arch->jump_size : 0;
	const struct vzpatch *meta = &patch->meta;

	for (size_t i = 0; i < meta->n_places; i++) {
		const uint64_t at = meta->places[i].patch_addr - vz->patch_addr;

		for (uint64_t k = at; k < at + meta->places[i].width && at < vz->patch_size && k < vz->patch_size; k++)
			found[k] = file[k];
	}
	for (uint64_t k = func->patch_jump_offset; k < func->patch_jump_offset + jump && k < vz->patch_size; k++)
		found[k] = file[k];
}

/* Whether a function of the record is the one of the patch's file, byte by byte. */
static bool is_true_func(const struct session *session, const struct patchfile *patch, const struct record_head *head,
			 const struct record_func *func, const struct vz_func *vz)
{
	const struct arch *arch = session->target.arch;
	const uint64_t at = vz->patch_addr - patch->image_lo;
	const uint8_t *file = patch->image + at;
	uint8_t *found;
	bool same;

	if (func->target != arch_address(arch, vz->target_addr + head->object_bias) ||
	    func->patch != arch_address(arch, vz->patch_addr + head->patch_bias) || at >= patch->image_size ||
	    vz->patch_size > patch->image_size - at)
		return false;
	found = malloc((size_t)vz->patch_size + 1);
	same = found != NULL && target_read(&session->target, func->patch, found, (size_t)vz->patch_size) == 0;
	if (same) {
		mask(session, head, patch, vz, func, file, found);
		same = memcmp(found, file, (size_t)vz->patch_size) == 0;
	}
	free(found);
	return same;
}

static bool is_true(const struct session *session, const struct patchfile *patch, const struct record *record)
{
	bool same = record->untrue == NULL && record->head->n_funcs == patch->meta.n_funcs;

	for (size_t i = 0; same && i < patch->meta.n_funcs; i++)
		same = is_true_func(session, patch, record->head, &record->funcs[i], &patch->meta.funcs[i]);
	return same;
}

/* Whether a record is of another version of the patch: it has its name, or replaces a function that it replaces. */
static bool is_version_of(const struct session *session, const struct record *record, const struct patchfile *patch)
{
	const struct record_head *head = record->head;

	if (strcmp(record_string(record, head->patch_name), patch->meta.patch.name) == 0)
		return true;
	for (uint32_t i = 0; i < head->n_funcs; i++) {
		for (size_t k = 0; k < patch->meta.n_funcs; k++) {
			if (record->funcs[i].target == arch_address(session->target.arch, patch->meta.funcs[k].target_addr +
								    head->object_bias))
				return true;
		}
	}
	return false;
}

/* The verdict on one instance of the target. */
static enum judgement judge_instance(const struct session *session, const struct patchfile *patch,
				   const struct object *object, const struct record **other)
{
	enum judgement verdict = VERDICT_UNPATCHED;

	for (size_t i = 0; i < session->records.count; i++) {
		const struct record *record = &session->records.all[i];
		const struct record_head *head = record->head;

		if (head->state != RECORD_APPLIED || record->is_gone || head->object_base != object->elf.lo)
			continue;
		if (is_id(head->patch_id, head->patch_id_size, &patch->meta.patch.build_id))
			return is_true(session, patch, record) ? VERDICT_PATCHED : VERDICT_FORGED;
		if (record->untrue == NULL && is_version_of(session, record, patch)) {
			verdict = VERDICT_OLDER;
			*other = record;
		}
	}
	return verdict;
}

int verdict_of(struct session *session, const struct patchfile *patch, enum judgement *verdict,
	       const struct record **other)
{
	const struct vz_blob *id = &patch->meta.target.build_id;
	const struct object *object = NULL;
	bool found = false;
	int err = 0;

	*verdict = VERDICT_UNPATCHED;
	*other = NULL;
	if (session->records.count == 0)
		return 0;
	if (session->objects.count == 0)
		err = session_read_objects(session);
	while (err == 0 && (object = objects_find(&session->objects, object, id->data, (size_t)id->size)) != NULL) {
		enum judgement one = judge_instance(session, patch, object, other);

		if (!found || one > *verdict)
			*verdict = one;
		found = true;
	}
	return err;
}
