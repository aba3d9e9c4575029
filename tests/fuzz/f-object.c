/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes what nsb reads of a process that somebody has made to hurt it: lines of its mappings,
 * ELF headers, the lists of struct link_map, suspended contexts, places for guides.  Its memory
 * has an object with a dynamic section; the rest, and what is changed in the object, is the input.
 */
#include <elf.h>
#include <stdio.h>

#include "coroutine.h"
#include "forged.h"
#include "guide.h"
#include "symbol.h"

#define DYNAMIC 0x400u
#define DEBUG 0x800u		/* struct r_debug */
#define LISTS 0x1000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_lines(struct feed *feed)
{
	char line[96];
	struct mapping m;

	feed_bytes(feed, line, sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	if (maps_parse_line(line, &m) == 0 && m.path == NULL)
		abort();
	free(m.path);
}

static void make_object(struct forged *forged, struct feed *feed)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr phdrs[4];
	} *object = (void *)forged->memory;
	Elf64_Dyn *dyn = (void *)(forged->memory + DYNAMIC);
	static const Elf64_Sxword tags[] = { DT_SYMTAB, DT_STRTAB, DT_STRSZ, DT_SYMENT, DT_HASH, DT_GNU_HASH, DT_RELA, DT_RELASZ,
					     DT_RELAENT, DT_JMPREL, DT_PLTRELSZ, DT_PLTREL, DT_NEEDED, DT_SONAME,
					     DT_VERSYM, DT_VERNEED, DT_VERDEF };

	object->header = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 4,
	};
	object->phdrs[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_align = FORGED_PAGE,
					 .p_filesz = FORGED_SIZE / 2, .p_memsz = FORGED_SIZE / 2 };
	object->phdrs[1] = (Elf64_Phdr){ .p_type = PT_DYNAMIC, .p_flags = PF_R, .p_offset = DYNAMIC, .p_vaddr = DYNAMIC,
					 .p_filesz = 24 * sizeof(*dyn), .p_memsz = 24 * sizeof(*dyn) };
	object->phdrs[2] = (Elf64_Phdr){ .p_type = PT_GNU_EH_FRAME, .p_flags = PF_R, .p_vaddr = 0x2000, .p_memsz = 0x400 };
	object->phdrs[3] = (Elf64_Phdr){ .p_type = PT_TLS, .p_flags = PF_R, .p_vaddr = 0x3000, .p_memsz = feed_byte(feed) };
	*dyn++ = (Elf64_Dyn){ DT_DEBUG, { FORGED_BASE + DEBUG } };
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		*dyn++ = (Elf64_Dyn){ tags[i], { feed_number(feed) } };
	forged->target.auxv_phdr = FORGED_BASE + sizeof(Elf64_Ehdr);
	forged->target.auxv_phnum = 4;
	forged->target.auxv_entry = FORGED_BASE + 0x1800;
}

/* Words of the lists, and changes anywhere in the memory. */
static void forge_words(struct forged *forged, struct feed *feed)
{
	uint64_t words[6] = { 1 + feed_byte(feed) % 3u };

	for (size_t i = 1; i < 6; i++)
		words[i] = feed_number(feed);
	memcpy(forged->memory + DEBUG, words, sizeof(words));
	for (unsigned n = 16 + feed_byte(feed) % 64u; n > 0 && feed->size != 0; n--) {
		uint32_t at = feed_below(feed, 65536) * 8u % (FORGED_SIZE - 8);
		uint64_t word = feed_number(feed);

		memcpy(forged->memory + at, &word, sizeof(word));
	}
}

static void ask(struct forged *forged, struct objects *objects)
{
	const struct target *target = &forged->target;
	struct coroutines coroutines = { 0 };
	struct records records = { 0 };
	struct cfi_table *tables = NULL;
	size_t n_tables;

	if (coroutines_find(&coroutines, target, objects) != 0)
		msg_forget();
	coroutines_deinit(&coroutines);
	if (objects_cfi_tables(objects, target, &tables, &n_tables) != 0)
		msg_forget();
	free(tables);
	for (size_t i = 0; i < objects->count; i++) {
		char name[] = "forged";
		struct patchfile patch = { .meta.target.name = name };
		struct guides guides;
		struct link_tls tls;
		uint64_t address;

		if (symbol_find(objects, target, &objects->all[i], "malloc", "GLIBC_2.2.5", &address) != 0)
			msg_forget();
		if (symbol_find_tls(objects, target, &objects->all[i], "errno", "", &tls) != 0)
			msg_forget();
		if (guides_find(&guides, target, objects, &objects->all[i], &records, &patch) != 0)
			msg_forget();
		guides_deinit(&guides);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed feed = { data, size };
	struct objects objects;
	struct forged forged;

	parse_lines(&feed);
	forged_init(&forged, arch_find(ELFCLASS64, EM_X86_64));
	make_object(&forged, &feed);
	forge_words(&forged, &feed);
	feed_bytes(&feed, forged.memory + LISTS, feed.size < 0x2000 ? feed.size : 0x2000);
	forged_map(&forged, 0, FORGED_PAGES / 2, PROT_READ | PROT_EXEC, 7);
	forged_map(&forged, FORGED_PAGES / 2, FORGED_PAGES / 2, PROT_READ | PROT_WRITE, 0);
	if (objects_read(&objects, &forged.target) == 0) {
		ask(&forged, &objects);
		objects_deinit(&objects);
	} else if (*msg_kept() == '\0') {
		abort();
	}
	msg_forget();
	forged_deinit(&forged);
	return 0;
}
