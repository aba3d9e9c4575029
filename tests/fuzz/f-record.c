/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes what nsb does with state records that somebody has forged: their checksums are right,
 * and their fields are made from the input.  Half of the records have the counts and the sizes
 * that belong together; of the others one field is anything.
 */
#include <elf.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

#include "chain.h"
#include "forged.h"
#include "plan.h"
#include "show.h"

#define OBJECT_PAGES 8u
#define FIRST_RECORD OBJECT_PAGES

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return freopen("/dev/null", "w", stdout) != NULL ? 0 : 1;
}

/* An object with one segment and a build-id, so that records belong to something. */
static void make_object(struct forged *forged, const uint8_t *id, size_t id_size)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr load, note;
		Elf64_Nhdr id;
		char name[4];
		uint8_t bytes[BUILD_ID_MAX];
	} *object = (void *)forged->memory;

	object->header = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
	};
	object->load = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_align = FORGED_PAGE,
				     .p_filesz = OBJECT_PAGES * FORGED_PAGE, .p_memsz = OBJECT_PAGES * FORGED_PAGE };
	object->note = (Elf64_Phdr){ .p_type = PT_NOTE, .p_flags = PF_R, .p_offset = 0xb0, .p_vaddr = 0xb0,
				     .p_filesz = 16 + id_size, .p_memsz = 16 + id_size, .p_align = 4 };
	object->id = (Elf64_Nhdr){ 4, (uint32_t)id_size, NT_GNU_BUILD_ID };
	memcpy(object->name, "GNU", 4);
	memcpy(object->bytes, id, id_size);
	forged->target.auxv_phdr = FORGED_BASE + sizeof(Elf64_Ehdr);
	forged->target.auxv_phnum = 2;
	forged->target.auxv_entry = FORGED_BASE + FORGED_PAGE;
}

/* Most functions lie in the object and in the memory of the patch, as true ones do. */
static void make_function(struct feed *feed, struct record_func *func, const struct record_head *head)
{
	bool is_likely = (feed_byte(feed) & 3) != 0;

	func->target = is_likely ? FORGED_BASE + feed_below(feed, OBJECT_PAGES * FORGED_PAGE) : feed_number(feed);
	func->target_size = is_likely ? 16u + feed_byte(feed) : feed_number(feed);
	func->patch = is_likely ? head->address + FORGED_PAGE + feed_byte(feed) * 8u : feed_number(feed);
	func->patch_size = is_likely ? 16u + feed_byte(feed) : feed_number(feed);
	func->via = is_likely ? func->patch : feed_number(feed);
	func->jump_offset = is_likely ? feed_byte(feed) % 5u : feed_number(feed);
	func->patch_jump_offset = is_likely ? feed_byte(feed) % 5u : feed_number(feed);
	feed_bytes(feed, func->target_old, sizeof(func->target_old));
	feed_bytes(feed, func->patch_old, sizeof(func->patch_old));
	func->name = feed_below(feed, head->strings_size + 1);
	func->flags = feed_byte(feed);
}

static void make_hook(struct feed *feed, struct record_hook *hook)
{
	hook->place = feed_number(feed);
	hook->guide = feed_number(feed);
	hook->own = feed_number(feed);
	feed_bytes(feed, hook->was, sizeof(hook->was));
	hook->is_code = feed_byte(feed) & 1;
	hook->size = hook->is_code != 0 ? 5 : 8;
	if (feed_byte(feed) % 8 == 0)
		hook->size = feed_byte(feed) % (JUMP_MAX + 2);
}

/* One field becomes something that does not belong to the others. */
static void spoil(struct feed *feed, struct record_head *head)
{
	uint32_t *const fields[] = { &head->n_funcs, &head->n_ranges, &head->n_hooks, &head->strings_size, &head->patch_name,
				     &head->object_name, &head->description, &head->patch_id_size, &head->object_id_size,
				     &head->state, &head->version, &head->size };

	*fields[feed_below(feed, sizeof(fields) / sizeof(fields[0]))] = (uint32_t)feed_number(feed);
}

/* Write a record to a page; it ends before the memory does.  Returns the number of pages that it takes. */
static uint32_t make_record(struct forged *forged, struct feed *feed, uint32_t page, const uint8_t *id, size_t id_size)
{
	struct record_head *head = (void *)(forged->memory + page * FORGED_PAGE);
	size_t sealed = offsetof(struct record_head, crc) + sizeof(head->crc), room = (FORGED_PAGES - page) * FORGED_PAGE;
	struct record_func *funcs = (void *)(head + 1);
	uint32_t pages = 1 + feed_byte(feed) % 3;
	uint8_t how = feed_byte(feed);

	memcpy(head->magic, RECORD_MAGIC, sizeof(head->magic));
	head->version = RECORD_VERSION;
	head->state = 1 + how % 4;
	head->sequence = (how & 16) != 0 ? feed_number(feed) : page;
	head->applied_at = feed_number(feed);
	head->address = FORGED_BASE + page * FORGED_PAGE;
	head->mapped = (how & 32) != 0 ? feed_number(feed) : pages * FORGED_PAGE;
	head->patch_bias = feed_number(feed);
	head->object_base = (how & 64) != 0 ? feed_number(feed) : FORGED_BASE;
	head->object_bias = (how & 64) != 0 ? feed_number(feed) : FORGED_BASE;
	head->n_funcs = feed_byte(feed) % 6;
	head->n_ranges = feed_byte(feed) % 4;
	head->n_hooks = feed_byte(feed) % 4;
	head->strings_size = 8 + 8 * (feed_byte(feed) % 8u);
	head->patch_id_size = 20;
	head->patch_id[0] = feed_byte(feed) & 3;
	head->object_id_size = (uint32_t)id_size;
	memcpy(head->object_id, id, id_size);
	head->patch_name = feed_below(feed, head->strings_size);
	head->object_name = feed_below(feed, head->strings_size);
	head->description = feed_below(feed, head->strings_size);
	for (uint32_t i = 0; i < head->n_funcs; i++)
		make_function(feed, &funcs[i], head);
	struct record_range *ranges = (void *)(funcs + head->n_funcs);
	for (uint32_t i = 0; i < head->n_ranges; i++)
		ranges[i] = (struct record_range){ feed_number(feed), feed_number(feed), feed_byte(feed) % 7 };
	struct record_hook *hooks = (void *)(ranges + head->n_ranges);
	for (uint32_t i = 0; i < head->n_hooks; i++)
		make_hook(feed, &hooks[i]);
	char *strings = (char *)(hooks + head->n_hooks);
	feed_bytes(feed, strings, head->strings_size);
	strings[head->strings_size - 1] = (char)((how & 8) != 0 ? feed_byte(feed) : 0);
	head->size = (uint32_t)(strings + head->strings_size - (char *)head);
	if ((feed_byte(feed) & 1) != 0)
		spoil(feed, head);
	if (head->size > sealed && head->size <= room)
		head->crc = crc32_update(0, (uint8_t *)head + sealed, head->size - sealed);
	return pages;
}

/* What was accepted can be used without another look. */
static void check_accepted(const struct record *record)
{
	const struct record_head *head = record->head;
	const uint8_t *end = record->bytes + head->size;

	if ((const uint8_t *)record->strings + head->strings_size > end || record->strings[head->strings_size - 1] != '\0' ||
	    (const uint8_t *)(record->funcs + head->n_funcs) > end || (const uint8_t *)(record->hooks + head->n_hooks) > end)
		abort();
	for (uint32_t i = 0; i < head->n_hooks; i++)
		if (record->hooks[i].size != (record->hooks[i].is_code != 0 ? 5 : 8))
			abort();
	for (uint32_t i = 0; i < head->n_funcs; i++)
		if (strlen(record_string(record, record->funcs[i].name)) > head->strings_size)
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

		check_accepted(record);
		for (size_t look = 0; look < sizeof(looks) / sizeof(looks[0]); look++)
			show_record(&looks[look], 1, record, NULL);
		err = plan_revert(&plan, &forged->target, objects, records, record, &allowed);
		if (err == 0)
			err = plan_verify(&plan, &forged->target);
		if (err != 0 && *msg_kept() == '\0')
			abort();
		plan_deinit(&plan);
		msg_forget();
		if (record->head->n_hooks != 0 && chain_init(&chain, records, 1) == 0 &&
		    chain_read(&chain, &forged->target, records, &record->hooks[0]) != 0)
			msg_forget();
		free(chain.links);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed feed = { data, size };
	struct records records;
	struct objects objects;
	struct forged forged;
	uint8_t id[20], n = 1 + feed_byte(&feed) % 4;
	uint32_t page = FIRST_RECORD;

	forged_init(&forged, arch_find(ELFCLASS64, EM_X86_64));
	feed_bytes(&feed, id, sizeof(id));
	make_object(&forged, id, sizeof(id));
	feed_bytes(&feed, forged.memory + FORGED_PAGE, 256);
	forged_map(&forged, 0, OBJECT_PAGES, PROT_READ | PROT_EXEC, 7);
	for (; n > 0 && page + 3 < FORGED_PAGES; n--) {
		uint32_t pages = make_record(&forged, &feed, page, id, sizeof(id));

		forged_map(&forged, page, 1, PROT_READ, 0);
		if (pages > 1)
			forged_map(&forged, page + 1, pages - 1, PROT_READ | PROT_EXEC, 0);
		page += pages;
	}
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
