/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forged: a process for fuzzers.  Its memory, its mappings and its auxiliary vector are made from
 * the input, as its owner could have made them, and there is no process behind it.  It is one of
 * 64 or of 32 bits.
 */
#ifndef NSB_FUZZ_FORGED_H
#define NSB_FUZZ_FORGED_H

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "record.h"
#include "target.h"
#include "vzpatch.h"

#define FORGED_PAGE 4096u
#define FORGED_PAGES 32u
#define FORGED_SIZE (FORGED_PAGES * FORGED_PAGE)
#define FORGED_READS 2000000ul	/* one input may not make nsb read more often: it would not end */

/* The input, taken piece by piece.  Behind its end there are zeros. */
struct feed {
	const uint8_t *data;
	size_t size;
	uint64_t base;		/* where the process's memory begins */
};

static inline uint8_t feed_byte(struct feed *feed)
{
	if (feed->size == 0)
		return 0;
	feed->size--;
	return *feed->data++;
}

static inline void feed_bytes(struct feed *feed, void *to, size_t size)
{
	size_t got = size < feed->size ? size : feed->size;

	memset(to, 0, size);
	if (got != 0)
		memcpy(to, feed->data, got);
	feed->data += got;
	feed->size -= got;
}

static inline uint32_t feed_below(struct feed *feed, uint32_t end)
{
	uint32_t value = feed_byte(feed);

	if (end > 256)
		value |= (uint32_t)feed_byte(feed) << 8;
	return end == 0 ? 0 : value % end;
}

/* A number that nsb may meet: mostly an address of the process, or small, or at the edge of what fits. */
static inline uint64_t feed_number(struct feed *feed)
{
	const uint64_t edges[] = { 0, 1, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX, UINT64_MAX, UINT64_MAX - 4095,
				   feed->base - 1, feed->base + FORGED_SIZE, UINT64_C(1) << 63 };
	uint64_t value;

	switch (feed_byte(feed) % 8) {
	case 0:
		return edges[feed_below(feed, sizeof(edges) / sizeof(edges[0]))];
	case 1:
		feed_bytes(feed, &value, sizeof(value));
		return value;
	case 2:
	case 3:
		return feed_byte(feed);
	default:
		return feed->base + feed_below(feed, 65536) * 8u % FORGED_SIZE;
	}
}

struct forged {
	uint8_t *memory;	/* FORGED_SIZE bytes */
	uint64_t base;		/* the address of the first of them */
	unsigned long reads;	/* how often nsb has read it */
	bool is_64;
	uint32_t slots;		/* offset of the words that detours of records are likely to divert; 0: anywhere */
	struct target target;
};

static inline int forged_read(const struct bytes *self, uint64_t address, void *buf, size_t size)
{
	const struct forged *forged = self->ctx;
	uint64_t at = address - forged->base;

	/* nsb does not change what it reads; we count. */
	if (++((struct forged *)(uintptr_t)forged)->reads > FORGED_READS)
		abort();
	if (at > FORGED_SIZE || size > FORGED_SIZE - at)
		return -EIO;
	memcpy(buf, forged->memory + at, size);
	return 0;
}

/* A process without mappings; the input says of how many bits.  forged_map() adds mappings, from the lowest to the highest. */
static inline void forged_init(struct forged *forged, struct feed *feed)
{
	static _Alignas(FORGED_PAGE) uint8_t memory[FORGED_SIZE];
	bool is_64 = (feed_byte(feed) & 1) == 0;

	memset(memory, 0, sizeof(memory));
	*forged = (struct forged){ .memory = memory, .is_64 = is_64,
				   .base = is_64 ? UINT64_C(0x7e0000000000) : UINT64_C(0x7e000000) };
	feed->base = forged->base;
	forged->target = (struct target){
		.page = FORGED_PAGE,
		.pid = 1 << 30, .living = 1 << 30, .mem_fd = -1, .task_fd = -1, .exe_type = ET_DYN,
		.arch = is_64 ? arch_find(ELFCLASS64, EM_X86_64) : arch_find(ELFCLASS32, EM_386),
		.memory = { forged_read, forged },
	};
}

static inline void forged_map(struct forged *forged, uint32_t page, uint32_t n_pages, int prot, uint64_t inode)
{
	struct maps *maps = &forged->target.maps;
	uint64_t start = forged->base + page * FORGED_PAGE;

	maps->all = realloc(maps->all, (maps->count + 1) * sizeof(*maps->all));
	if (maps->all == NULL)
		abort();
	maps->all[maps->count++] = (struct mapping){
		.start = start, .end = start + n_pages * FORGED_PAGE, .prot = prot, .is_private = true,
		.inode = inode, .path = strdup(inode != 0 ? "/usr/lib/libforged.so.1" : ""),
	};
}

static inline void forged_deinit(struct forged *forged)
{
	maps_deinit(&forged->target.maps);
}

/* ---- ELF, of the process's class ---- */

static inline unsigned forged_word(const struct forged *forged)
{
	return forged->is_64 ? 8 : 4;
}

static inline void forged_put_word(struct forged *forged, uint32_t at, uint64_t value)
{
	memcpy(forged->memory + at, &value, forged_word(forged));
}

/* An ELF header at offset `at` of the memory, and n program headers behind it. */
static inline void forged_header(struct forged *forged, uint32_t at, const Elf64_Phdr *phdrs, uint16_t n)
{
	Elf64_Ehdr wide = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, forged->is_64 ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN, .e_machine = forged->is_64 ? EM_X86_64 : EM_386, .e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr), .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = n,
	};
	Elf32_Ehdr narrow = {
		.e_type = wide.e_type, .e_machine = wide.e_machine, .e_version = EV_CURRENT, .e_phoff = sizeof(Elf32_Ehdr),
		.e_ehsize = sizeof(Elf32_Ehdr), .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = n,
	};

	if (forged->is_64) {
		memcpy(forged->memory + at, &wide, sizeof(wide));
		memcpy(forged->memory + at + sizeof(wide), phdrs, n * sizeof(*phdrs));
		return;
	}
	memcpy(narrow.e_ident, wide.e_ident, sizeof(narrow.e_ident));
	memcpy(forged->memory + at, &narrow, sizeof(narrow));
	for (uint16_t i = 0; i < n; i++) {
		const Elf32_Phdr phdr = {
			.p_type = phdrs[i].p_type, .p_offset = (uint32_t)phdrs[i].p_offset, .p_vaddr = (uint32_t)phdrs[i].p_vaddr,
			.p_filesz = (uint32_t)phdrs[i].p_filesz, .p_memsz = (uint32_t)phdrs[i].p_memsz, .p_flags = phdrs[i].p_flags,
			.p_align = (uint32_t)phdrs[i].p_align,
		};

		memcpy(forged->memory + at + sizeof(narrow) + i * sizeof(phdr), &phdr, sizeof(phdr));
	}
}

/* The process's executable is the object at `at`, which has n program headers. */
static inline void forged_exe(struct forged *forged, uint32_t at, uint16_t n)
{
	forged->target.auxv_phdr = forged->base + at + (forged->is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr));
	forged->target.auxv_phnum = n;
	forged->target.auxv_entry = forged->base + at + FORGED_PAGE;
}

/* An entry of a dynamic section; returns the offset behind it. */
static inline uint32_t forged_dynamic(struct forged *forged, uint32_t at, uint64_t tag, uint64_t value)
{
	forged_put_word(forged, at, tag);
	forged_put_word(forged, at + forged_word(forged), value);
	return at + 2 * forged_word(forged);
}

static inline Elf64_Phdr forged_segment(uint32_t type, uint32_t flags, uint64_t start, uint64_t size)
{
	return (Elf64_Phdr){ .p_type = type, .p_flags = flags, .p_offset = start, .p_vaddr = start, .p_filesz = size,
			     .p_memsz = size, .p_align = FORGED_PAGE };
}

static inline void forged_put32(uint8_t *bytes, uint32_t at, uint32_t value)
{
	memcpy(bytes + at, &value, sizeof(value));
}

/*
 * Unwind tables of two functions of 64 bytes at offset `code`: a CIE and FDEs at `frames`, their
 * index at `index`; LSB 5.0, "Exception Frames".  They take 72 and 28 bytes.
 */
static inline void forged_frames(uint8_t *bytes, uint32_t code, uint32_t frames, uint32_t index, bool is_64)
{
	static const uint8_t cie64[] = { 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0 };
	static const uint8_t cie32[] = { 1, 'z', 'R', 0, 1, 0x7c, 8, 1, 0x1b, 0x0c, 4, 4, 0x88, 1, 0, 0 };
	static const uint8_t head[] = { 1, 0x1b, 0x03, 0x3b };
	uint32_t at = frames;

	forged_put32(bytes, at, 20);
	memcpy(bytes + at + 8, is_64 ? cie64 : cie32, sizeof(cie64));
	at += 24;
	memcpy(bytes + index, head, sizeof(head));
	forged_put32(bytes, index + 4, frames - (index + 4));
	forged_put32(bytes, index + 8, 2);
	for (uint32_t i = 0; i < 2; i++) {
		forged_put32(bytes, index + 12 + i * 8, code + i * 64 - index);
		forged_put32(bytes, index + 16 + i * 8, at - index);
		forged_put32(bytes, at, 20);
		forged_put32(bytes, at + 4, at + 4 - frames);
		forged_put32(bytes, at + 8, code + i * 64 - (at + 8));
		forged_put32(bytes, at + 12, 64);
		at += 24;
	}
}

/* Words anywhere in [from, end) become something else. */
static inline void forged_spoil(struct forged *forged, struct feed *feed, uint32_t from, uint32_t end)
{
	for (unsigned n = feed_byte(feed) % 64u; n > 0 && feed->size != 0; n--) {
		uint32_t at = from + feed_below(feed, 65536) * 4u % (end - from - 8);

		forged_put_word(forged, at, feed_number(feed));
	}
}

/* ---- records, with the right checksums ---- */

#define FORGED_ID_SIZE 20u

/* Most functions lie in the object and in the memory of the patch, as true ones do. */
static inline void forged_function(struct feed *feed, struct record_func *func, const struct record_head *head,
				   uint32_t object_size)
{
	bool is_likely = (feed_byte(feed) & 3) != 0;

	func->target = is_likely ? feed->base + feed_below(feed, object_size) : feed_number(feed);
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

/* Write the jump that a function of a record says to begin with, or one of a younger record: most records are true in part. */
static inline void forged_jump(struct forged *forged, struct feed *feed, const struct record_func *func)
{
	uint64_t from = func->target + func->jump_offset, at = from - forged->base;
	uint8_t jump[JUMP_MAX];

	if ((feed_byte(feed) & 1) != 0 && at < FORGED_SIZE - JUMP_MAX && forged->target.arch->jump(from, func->via, jump) == 0)
		memcpy(forged->memory + at, jump, forged->target.arch->jump_size);
}

static inline void forged_detour(const struct forged *forged, struct feed *feed, struct record_detour *detour)
{
	detour->place = forged->slots != 0 ? forged->base + forged->slots + feed_byte(feed) / 64u * forged_word(forged) :
					   feed_number(feed);
	detour->guide = feed_number(feed);
	detour->own = feed_number(feed);
	feed_bytes(feed, detour->was, sizeof(detour->was));
	detour->is_code = feed_byte(feed) & 1;
	detour->size = detour->is_code != 0 ? forged->target.arch->jump_size : forged_word(forged);
	if (feed_byte(feed) % 8 == 0)
		detour->size = feed_byte(feed) % (JUMP_MAX + 2);
}

/*
 * Write a record to a page, of an object of object_size bytes at the start of the memory; it ends
 * before the memory does.  Half of the records have counts and sizes that belong together; in
 * the others `spoil` is called, if there is one, to change the head.  Returns the number of pages.
 */
static inline uint32_t forged_record(struct forged *forged, struct feed *feed, uint32_t page, uint32_t object_size,
				     const uint8_t *id, void (*spoil)(struct feed *feed, struct record_head *head))
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
	head->address = forged->base + page * FORGED_PAGE;
	head->mapped = (how & 32) != 0 ? feed_number(feed) : pages * FORGED_PAGE;
	head->patch_bias = feed_number(feed);
	head->object_base = (how & 64) != 0 ? feed_number(feed) : forged->base;
	head->object_bias = (how & 64) != 0 ? feed_number(feed) : forged->base;
	head->n_funcs = feed_byte(feed) % 6;
	head->n_ranges = feed_byte(feed) % 4;
	head->n_detours = feed_byte(feed) % 4;
	head->n_hooks = feed_byte(feed) % 3;
	head->n_states = feed_byte(feed) % 3;
	head->stack = (feed_byte(feed) & 3) == 0 ? 0 : HOOK_STACK;
	head->mapped += head->stack;
	head->hook = feed_byte(feed) % 6;
	head->strings_size = 8 + 8 * (feed_byte(feed) % 8u);
	head->patch_id_size = FORGED_ID_SIZE;
	head->patch_id[0] = feed_byte(feed) & 3;
	head->object_id_size = FORGED_ID_SIZE;
	memcpy(head->object_id, id, FORGED_ID_SIZE);
	head->patch_name = feed_below(feed, head->strings_size);
	head->object_name = feed_below(feed, head->strings_size);
	head->description = feed_below(feed, head->strings_size);
	/* A jump below may lie over the head: what is written here is counted by a copy. */
	const struct record_head counts = *head;
	for (uint32_t i = 0; i < counts.n_funcs; i++) {
		forged_function(feed, &funcs[i], &counts, object_size);
		forged_jump(forged, feed, &funcs[i]);
	}
	struct record_range *ranges = (void *)(funcs + counts.n_funcs);
	for (uint32_t i = 0; i < counts.n_ranges; i++)
		ranges[i] = (struct record_range){ feed_number(feed), feed_number(feed), feed_byte(feed) % 7 == 6 ? RANGE_QUIET :
						  feed_byte(feed) % 7, feed_below(feed, counts.strings_size) };
	struct record_detour *detours = (void *)(ranges + counts.n_ranges);
	for (uint32_t i = 0; i < counts.n_detours; i++)
		forged_detour(forged, feed, &detours[i]);
	struct record_hook *hooks = (void *)(detours + counts.n_detours);
	for (uint32_t i = 0; i < counts.n_hooks; i++)
		hooks[i] = (struct record_hook){ .address = (feed_byte(feed) & 1) != 0 ? feed_number(feed) : counts.address + 8,
						 .kind = feed_byte(feed) % 6, .limit_ms = feed_byte(feed),
						 .name = feed_below(feed, counts.strings_size) };
	struct record_variable *states = (void *)(hooks + counts.n_hooks);
	for (uint32_t i = 0; i < counts.n_states; i++)
		states[i] = (struct record_variable){ .address = (feed_byte(feed) & 1) != 0 ? feed_number(feed) : counts.address + 8,
						   .size = feed_byte(feed), .name = feed_below(feed, counts.strings_size),
						   .type = feed_below(feed, counts.strings_size) };
	char *strings = (char *)(states + counts.n_states);
	feed_bytes(feed, strings, counts.strings_size);
	strings[counts.strings_size - 1] = (char)((how & 8) != 0 ? feed_byte(feed) : 0);
	head->size = (uint32_t)(strings + counts.strings_size - (char *)head);
	if ((feed_byte(feed) & 1) != 0 && spoil != NULL)
		spoil(feed, head);
	if (head->size > sealed && head->size <= room)
		head->crc = crc32_update(0, (uint8_t *)head + sealed, head->size - sealed);
	return pages;
}

/* Pages of records from page `from` on, with their mappings. */
static inline void forged_records(struct forged *forged, struct feed *feed, uint32_t from, uint32_t object_size,
				  const uint8_t *id, void (*spoil)(struct feed *feed, struct record_head *head))
{
	uint32_t page = from;

	for (unsigned n = feed_byte(feed) % 5u; n > 0 && page + 3 < FORGED_PAGES; n--) {
		uint32_t pages = forged_record(forged, feed, page, object_size, id, spoil);

		forged_map(forged, page, 1, PROT_READ, 0);
		if (pages > 1)
			forged_map(forged, page + 1, pages - 1, PROT_READ | PROT_EXEC, 0);
		page += pages;
	}
}

#endif
