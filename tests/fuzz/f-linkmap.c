/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes what nsb reads of the loaded objects of a process that somebody has made to hurt it:
 * their headers and dynamic sections, and the lists of struct link_map.  The memory has three
 * objects; the lists, and what is changed in the objects, are the input.
 */
#include "forged.h"
#include "symbol.h"

#define OBJECTS 3u
#define STEP (4u * FORGED_PAGE)	/* from one object to the next */
#define DYNAMIC 0x400u		/* in an object */
#define STRINGS 0x800u
#define DEBUG (OBJECTS * STEP)	/* struct r_debug */
#define LISTS (DEBUG + 0x100u)
#define LIST_BYTES 0x1000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_object(struct forged *forged, struct feed *feed, unsigned number)
{
	static const char strings[] = "\0liba.so\0libb.so\0libforged.so.1\0malloc\0errno\0GLIBC_2.2.5\0GLIBC_2.0";
	static const Elf64_Sxword tags[] = { DT_SYMTAB, DT_SYMENT, DT_HASH, DT_GNU_HASH, DT_RELA, DT_RELASZ, DT_RELAENT, DT_REL,
					     DT_RELSZ, DT_RELENT, DT_JMPREL, DT_PLTRELSZ, DT_PLTREL, DT_NEEDED, DT_NEEDED, DT_SONAME,
					     DT_VERSYM, DT_VERNEED, DT_VERNEEDNUM, DT_VERDEF, DT_VERDEFNUM, DT_SYMBOLIC };
	const uint32_t at = number * STEP;
	const Elf64_Phdr phdrs[] = {
		forged_segment(PT_LOAD, PF_R | PF_X, 0, STEP),
		forged_segment(PT_DYNAMIC, PF_R, DYNAMIC, 32 * 2 * forged_word(forged)),
		forged_segment(PT_GNU_EH_FRAME, PF_R, 0x2000, 0x400),
		forged_segment(PT_TLS, PF_R, 0x3000, feed_byte(feed)),
	};
	uint32_t end = at + DYNAMIC;

	forged_header(forged, at, phdrs, 4);
	memcpy(forged->memory + at + STRINGS, strings, sizeof(strings));
	if (number == 0) {
		forged_exe(forged, 0, 4);
		end = forged_dynamic(forged, end, DT_DEBUG, forged->base + DEBUG);
	}
	end = forged_dynamic(forged, end, DT_STRTAB, forged->base + at + STRINGS);
	end = forged_dynamic(forged, end, DT_STRSZ, sizeof(strings));
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		uint8_t how = feed_byte(feed);

		if ((how & 3) == 0)
			continue;
		end = forged_dynamic(forged, end, (uint64_t)tags[i], (how & 4) != 0 ? forged->base + at + feed_below(feed, STEP) :
				     feed_number(feed));
	}
}

/* The head of the lists, and their words.  Most link_maps lie where a list can lead. */
static void make_lists(struct forged *forged, struct feed *feed)
{
	const unsigned word = forged_word(forged);

	forged_put_word(forged, DEBUG, 1 + feed_byte(feed) % 3u);
	forged_put_word(forged, DEBUG + word, forged->base + LISTS);
	for (unsigned i = 2; i < 6; i++)
		forged_put_word(forged, DEBUG + i * word, feed_number(feed));
	for (unsigned i = 0; i < 32 && feed->size > 0; i++) {
		uint32_t at = LISTS + i * 5 * word;
		uint8_t how = feed_byte(feed);

		forged_put_word(forged, at + 2 * word, (how & 1) != 0 ? feed_number(feed) :
				forged->base + how % OBJECTS * STEP + DYNAMIC);
		forged_put_word(forged, at + 3 * word, (how & 2) != 0 ? feed_number(feed) : forged->base + at + 5 * word);
	}
}

static void ask(const struct forged *forged, const struct objects *objects)
{
	const struct target *target = &forged->target;
	struct cfi_table *tables = NULL;
	size_t n_tables;

	if (objects_cfi_tables(objects, target, &tables, &n_tables) != 0)
		msg_forget();
	free(tables);
	for (size_t i = 0; i < objects->count; i++) {
		const struct object *object = &objects->all[i], *found = objects_at(objects, object->elf.lo);
		struct link_tls tls;
		uint64_t address;

		/* Objects may claim to lie in one another. */
		if (found != NULL && (object->elf.lo < found->elf.lo || object->elf.lo >= found->elf.hi))
			abort();
		if (symbol_find(objects, target, object, "malloc", forged->is_64 ? "GLIBC_2.2.5" : "GLIBC_2.0", &address) != 0)
			msg_forget();
		if (symbol_find_tls(objects, target, object, "errno", "", &tls) != 0)
			msg_forget();
	}
	if (objects_define(objects, "malloc"))
		msg_forget();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed feed = { .data = data, .size = size };
	struct objects objects;
	struct forged forged;

	forged_init(&forged, &feed);
	for (unsigned i = 0; i < OBJECTS; i++)
		make_object(&forged, &feed, i);
	make_lists(&forged, &feed);
	forged_spoil(&forged, &feed, 0, DEBUG + LIST_BYTES);
	for (unsigned i = 0; i < OBJECTS; i++)
		forged_map(&forged, i * STEP / FORGED_PAGE, STEP / FORGED_PAGE, PROT_READ | PROT_EXEC, 7 + i);
	forged_map(&forged, DEBUG / FORGED_PAGE, FORGED_PAGES - DEBUG / FORGED_PAGE, PROT_READ | PROT_WRITE, 0);
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
