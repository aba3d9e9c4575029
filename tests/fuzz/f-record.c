/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes what nsb does with state records that somebody has forged: their checksums are right,
 * and their fields are made from the input.  Half of the records have the counts and the sizes
 * that belong together; of the others one field is anything.
 */
#include <stdio.h>

#include "chain.h"
#include "forged.h"
#include "hooks.h"
#include "plan.h"
#include "show.h"

#define OBJECT_PAGES 8u
#define OBJECT_SIZE (OBJECT_PAGES * FORGED_PAGE)
#define NOTE 0x200u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return freopen("/dev/null", "w", stdout) != NULL ? 0 : 1;
}

/* An object with one segment and a build-id, so that records belong to something. */
static void make_object(struct forged *forged, const uint8_t *id)
{
	const Elf64_Nhdr note = { 4, FORGED_ID_SIZE, NT_GNU_BUILD_ID };
	const Elf64_Phdr phdrs[] = {
		forged_segment(PT_LOAD, PF_R | PF_X, 0, OBJECT_SIZE),
		forged_segment(PT_NOTE, PF_R, NOTE, sizeof(note) + 4 + FORGED_ID_SIZE),
	};

	forged_header(forged, 0, phdrs, 2);
	memcpy(forged->memory + NOTE, &note, sizeof(note));
	memcpy(forged->memory + NOTE + sizeof(note), "GNU", 4);
	memcpy(forged->memory + NOTE + sizeof(note) + 4, id, FORGED_ID_SIZE);
	forged_exe(forged, 0, 2);
}

/* One field becomes something that does not belong to the others. */
static void spoil(struct feed *feed, struct record_head *head)
{
	uint32_t *const fields[] = { &head->n_funcs, &head->n_ranges, &head->n_detours, &head->strings_size, &head->patch_name,
				     &head->object_name, &head->description, &head->patch_id_size, &head->object_id_size,
				     &head->state, &head->version, &head->size, &head->n_hooks, &head->stack, &head->hook,
				     &head->variables, &head->n_states };

	*fields[feed_below(feed, sizeof(fields) / sizeof(fields[0]))] = (uint32_t)feed_number(feed);
}

/* What was accepted can be used without another look. */
static void check_accepted(const struct record *record, const struct arch *arch)
{
	const struct record_head *head = record->head;
	const uint8_t *end = record->bytes + head->size;

	if ((const uint8_t *)record->strings + head->strings_size > end || record->strings[head->strings_size - 1] != '\0' ||
	    (const uint8_t *)(record->funcs + head->n_funcs) > end || (const uint8_t *)(record->detours + head->n_detours) > end)
		abort();
	for (uint32_t i = 0; i < head->n_detours; i++)
		if (record->detours[i].size != (record->detours[i].is_code != 0 ? arch->jump_size : arch->word))
			abort();
	for (uint32_t i = 0; i < head->n_funcs; i++)
		if (strlen(record_string(record, record->funcs[i].name)) > head->strings_size)
			abort();
	if ((const uint8_t *)(record->hooks + head->n_hooks) > end || (head->n_hooks > 0 && head->stack != HOOK_STACK))
		abort();
	for (uint32_t i = 0; i < head->n_states; i++)
		if ((const uint8_t *)(record->states + i + 1) > end ||
		    strlen(record_string(record, record->states[i].type)) > head->strings_size)
			abort();
	for (uint32_t i = 0; i < head->n_hooks; i++)
		if (strlen(record_string(record, record->hooks[i].name)) > head->strings_size ||
		    hooks_name(record->hooks[i].kind) == NULL)
			abort();
}

/* A record that is in force: each of its functions begins with a jump. */
static void check_in_force(const struct forged *forged, const struct record *record)
{
	for (uint32_t i = 0; i < record->head->n_funcs; i++) {
		uint8_t now[JUMP_MAX];
		const struct record_func *func = &record->funcs[i];

		if (target_read(&forged->target, func->target + func->jump_offset, now, forged->target.arch->jump_size) != 0 ||
		    memcmp(now, func->target_old, forged->target.arch->jump_size) == 0)
			abort();
	}
	if (record->head->n_funcs == 0)
		abort();
}

static void use(struct forged *forged, struct records *records, struct objects *objects)
{
	static const struct options looks[] = { { 0 }, { .json = true }, { .perf_map = true } };
	struct allowed allowed = { 0 };

	if (plan_judge(records, objects, &forged->target) != 0)
		abort();
	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = &records->all[i];
		struct chain chain = { 0 };
		struct plan plan;
		int err;

		check_accepted(record, forged->target.arch);
		if (record_is_in_force(record))
			check_in_force(forged, record);
		for (size_t look = 0; look < sizeof(looks) / sizeof(looks[0]); look++)
			show_record(&looks[look], 1, record, NULL);
		err = plan_revert(&plan, &forged->target, objects, records, record, &allowed);
		if (err == 0)
			err = plan_verify(&plan, &forged->target);
		if (err != 0 && *msg_kept() == '\0')
			abort();
		plan_deinit(&plan);
		msg_forget();
		if (record->head->n_detours != 0 && chain_init(&chain, records, 1) == 0 &&
		    chain_read(&chain, &forged->target, records, &record->detours[0]) != 0)
			msg_forget();
		free(chain.links);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed feed = { .data = data, .size = size };
	struct records records;
	struct objects objects;
	struct forged forged;
	uint8_t id[FORGED_ID_SIZE];

	forged_init(&forged, &feed);
	feed_bytes(&feed, id, sizeof(id));
	make_object(&forged, id);
	feed_bytes(&feed, forged.memory + FORGED_PAGE, 256);
	forged_map(&forged, 0, OBJECT_PAGES, PROT_READ | PROT_EXEC, 7);
	forged_records(&forged, &feed, OBJECT_PAGES, OBJECT_SIZE, id, spoil);
	if (records_read(&records, &forged.target) == 0) {
		if (objects_read(&objects, &forged.target) == 0) {
			use(&forged, &records, &objects);
			objects_deinit(&objects);
		}
		records_deinit(&records);
	} else if (*msg_kept() == '\0') {
		abort();
	}
	msg_forget();
	forged_deinit(&forged);
	return 0;
}
