/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes how nsb finds the places that lead a process's unwinder to guides, reads the chains of
 * guides that are there, and plans to enter them and to leave them, where the process's owner has
 * made all of that.  The process has an unwinder with slots; records with detours, what is in the slots
 * and in the guides, and changes of the unwinder's tables are the input.
 */
#include "forged.h"
#include "parasite/parasite.h"
#include "redirect.h"

#define OBJECT_PAGES 8u
#define OBJECT_SIZE (OBJECT_PAGES * FORGED_PAGE)
#define NOTE 0x200u
#define DYNAMIC 0x400u
#define STRINGS 0x800u
#define SYMBOLS 0xa00u
#define HASH 0xb00u
#define RELOCS 0xc00u
#define SLOTS FORGED_PAGE
#define CODE (2u * FORGED_PAGE)
#define N_RELOCS 6u

/* The patch that is going to be applied: code, unwind tables and their index, at link-time addresses. */
#define PATCH_SIZE 0x3000u
#define PATCH_CODE 0x1000u
#define PATCH_FRAMES 0x2000u
#define PATCH_INDEX 0x2800u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t patch_bytes[PATCH_SIZE];

static int read_patch(const struct bytes *self, uint64_t address, void *buf, size_t size)
{
	(void)self;
	if (address > PATCH_SIZE || size > PATCH_SIZE - address)
		return -EIO;
	memcpy(buf, patch_bytes + address, size);
	return 0;
}

static void put_symbol(struct forged *forged, uint32_t number, uint32_t name, uint64_t value)
{
	const Elf64_Sym wide = { .st_name = name, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1,
				 .st_value = value, .st_size = 32 };
	const Elf32_Sym narrow = { .st_name = name, .st_info = wide.st_info, .st_shndx = 1, .st_value = (uint32_t)value, .st_size = 32 };

	if (forged->is_64)
		memcpy(forged->memory + SYMBOLS + number * sizeof(wide), &wide, sizeof(wide));
	else
		memcpy(forged->memory + SYMBOLS + number * sizeof(narrow), &narrow, sizeof(narrow));
}

static void put_reloc(struct forged *forged, uint32_t number, uint64_t place, uint32_t symbol, uint32_t type)
{
	const Elf64_Rela wide = { .r_offset = place, .r_info = ELF64_R_INFO((uint64_t)symbol, type) };
	const Elf32_Rel narrow = { .r_offset = (uint32_t)place, .r_info = ELF32_R_INFO(symbol, type) };

	if (forged->is_64)
		memcpy(forged->memory + RELOCS + number * sizeof(wide), &wide, sizeof(wide));
	else
		memcpy(forged->memory + RELOCS + number * sizeof(narrow), &narrow, sizeof(narrow));
}

/* An unwinder as libgcc_s is one: it calls _Unwind_Find_FDE through a slot. */
static void make_unwinder(struct forged *forged, struct feed *feed, const uint8_t *id)
{
	static const char strings[] = "\0_Unwind_RaiseException\0" FIND_FDE "\0__cxa_throw\0_dl_find_object";
	static const uint32_t hash[] = { 1, 4, 1, 0, 2, 3, 0 };	/* a bucket, a chain through all symbols */
	const Elf64_Nhdr note = { 4, FORGED_ID_SIZE, NT_GNU_BUILD_ID };
	const unsigned word = forged_word(forged);
	const Elf64_Phdr phdrs[] = {
		forged_segment(PT_LOAD, PF_R | PF_X, 0, OBJECT_SIZE),
		forged_segment(PT_DYNAMIC, PF_R, DYNAMIC, 16 * 2 * word),
		forged_segment(PT_NOTE, PF_R, NOTE, sizeof(note) + 4 + FORGED_ID_SIZE),
	};
	uint32_t end = DYNAMIC;

	forged_header(forged, 0, phdrs, 3);
	forged_exe(forged, 0, 3);
	memcpy(forged->memory + NOTE, &note, sizeof(note));
	memcpy(forged->memory + NOTE + sizeof(note), "GNU", 4);
	memcpy(forged->memory + NOTE + sizeof(note) + 4, id, FORGED_ID_SIZE);
	memcpy(forged->memory + STRINGS, strings, sizeof(strings));
	memcpy(forged->memory + HASH, hash, sizeof(hash));
	put_symbol(forged, 1, 1, CODE);
	put_symbol(forged, 2, 24, CODE + 0x100);
	put_symbol(forged, 3, 41, CODE + 0x200);
	for (uint32_t i = 0; i < N_RELOCS; i++) {
		uint8_t how = feed_byte(feed);

		put_reloc(forged, i, SLOTS + how % 8u * word, (how & 0x18) != 0 ? 2 : feed_byte(feed) % 5u, 6 + (how >> 5 & 1));
	}
	end = forged_dynamic(forged, end, DT_STRTAB, forged->base + STRINGS);
	end = forged_dynamic(forged, end, DT_STRSZ, sizeof(strings));
	end = forged_dynamic(forged, end, DT_SYMTAB, forged->base + SYMBOLS);
	end = forged_dynamic(forged, end, DT_HASH, forged->base + HASH);
	end = forged_dynamic(forged, end, DT_JMPREL, forged->base + RELOCS);
	end = forged_dynamic(forged, end, DT_PLTREL, forged->is_64 ? DT_RELA : DT_REL);
	(void)forged_dynamic(forged, end, DT_PLTRELSZ, N_RELOCS * (forged->is_64 ? sizeof(Elf64_Rela) : sizeof(Elf32_Rel)));
	/* What is in the slots: the function, or a guide, or anything. */
	for (uint32_t i = 0; i < 8; i++) {
		uint8_t how = feed_byte(feed);

		forged_put_word(forged, SLOTS + i * word, (how & 3) == 0 ? forged->base + CODE + 0x100 : feed_number(feed));
	}
	feed_bytes(feed, forged->memory + CODE + 0x100, 32);
}

static void put_if_there(struct forged *forged, uint64_t address, uint64_t value)
{
	if (address - forged->base <= FORGED_SIZE - 8)
		forged_put_word(forged, (uint32_t)(address - forged->base), value);
}

/* Some detours are what they say: their place leads to their guide, and that to the guide of an older one, or to the end. */
static void link_up(struct forged *forged, struct feed *feed, const struct records *records)
{
	const struct record_detour *older = NULL;

	for (size_t i = 0; i < records->count; i++) {
		for (uint32_t k = 0; k < records->all[i].head->n_detours; k++) {
			const struct record_detour *detour = &records->all[i].detours[k];
			uint8_t how = feed_byte(feed);

			if ((how & 3) == 0 || detour->is_code)
				continue;
			put_if_there(forged, detour->place, detour->guide);
			put_if_there(forged, detour->guide + offsetof(struct guide, next),
				     older != NULL && older->place == detour->place && (how & 4) == 0 ? older->guide :
				     detour->own);
			older = detour;
		}
	}
}

static void check_edits(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_edits; i++)
		if (plan->edits[i].size == 0 || plan->edits[i].size > JUMP_MAX)
			abort();
}

/* Plan to lead the unwinder to a new patch. */
static void come_in(struct forged *forged, struct objects *objects, struct records *records, const struct patchfile *patch)
{
	struct plan plan = { .arch = forged->target.arch };
	struct record_head head = { 0 };

	if (guides_find(&plan.guides, &forged->target, objects, &objects->all[0], records, patch) != 0) {
		msg_forget();
		return;
	}
	plan.image = (struct link_image){ .bytes = calloc(1, FORGED_PAGE), .page = FORGED_PAGE, .size = FORGED_PAGE,
					  .base = forged->base + FORGED_SIZE + 16 * FORGED_PAGE };
	if (plan.image.bytes == NULL)
		abort();
	if (guides_lay(&plan.guides, &forged->target, &plan.image) == 0) {
		head.n_detours = (uint32_t)plan.guides.count;
		plan.record = (struct record){ .head = &head, .detours = plan.guides.detours };
		if (redirect_in(&plan, &plan, 1, &forged->target, records) == 0)
			check_edits(&plan);
	}
	msg_forget();
	plan.record = (struct record){ 0 };
	plan_deinit(&plan);
}

/* Plan to lead it past the guides of some of the patches that are there. */
static void go_out(struct forged *forged, struct objects *objects, struct records *records, uint8_t which)
{
	struct allowed allowed = { 0 };
	struct plan plans[8];
	size_t count = 0;

	for (size_t i = 0; i < records->count && count < 8; i++) {
		if ((which >> i & 1) == 0 &&
		    plan_revert(&plans[count], &forged->target, objects, records, &records->all[i], &allowed) == 0)
			count++;
		msg_forget();
	}
	if (count > 0 && redirect_out(&plans[0], plans, 0, count, &forged->target, records) == 0)
		check_edits(&plans[0]);
	msg_forget();
	for (size_t i = 0; i < count; i++)
		plan_deinit(&plans[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_phdr index = { .type = PT_GNU_EH_FRAME, .vaddr = PATCH_INDEX, .memsz = 0x100 };
	char name[] = "forged";
	struct patchfile patch = {
		.meta.target.name = name, .image_size = PATCH_SIZE,
		.elf = { .bytes = { read_patch, NULL }, .phdrs = &index, .n_phdrs = 1, .lo = 0, .hi = PATCH_SIZE },
	};
	struct feed feed = { .data = data, .size = size };
	struct records records;
	struct objects objects;
	struct forged forged;
	uint8_t id[FORGED_ID_SIZE], which;

	forged_init(&forged, &feed);
	which = feed_byte(&feed);
	forged.slots = SLOTS;
	memset(patch_bytes, 0, sizeof(patch_bytes));
	forged_frames(patch_bytes, PATCH_CODE, PATCH_FRAMES, PATCH_INDEX, forged.is_64);
	feed_bytes(&feed, id, sizeof(id));
	make_unwinder(&forged, &feed, id);
	forged_map(&forged, 0, OBJECT_PAGES, PROT_READ | PROT_EXEC, 7);
	forged_records(&forged, &feed, OBJECT_PAGES, OBJECT_SIZE, id, NULL);
	forged_spoil(&forged, &feed, (feed_byte(&feed) & 1) != 0 ? 0 : OBJECT_SIZE, FORGED_SIZE);
	if (records_read(&records, &forged.target) == 0) {
		if (objects_read(&objects, &forged.target) == 0 && objects.count > 0) {
			link_up(&forged, &feed, &records);
			if (plan_judge(&records, &objects, &forged.target) != 0)
				abort();
			come_in(&forged, &objects, &records, &patch);
			go_out(&forged, &objects, &records, which);
			objects_deinit(&objects);
		}
		records_deinit(&records);
	}
	msg_forget();
	forged_deinit(&forged);
	return 0;
}
