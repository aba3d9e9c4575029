/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the search for suspended contexts, and the look at them, in the memory of a process that
 * somebody has filled with what looks like contexts.  The program has unwind tables and code that no
 * coroutine may be in; contexts, stacks and changes of the tables are the input.
 */
#include "coroutine.h"
#include "forged.h"

#define CODE FORGED_PAGE
#define FRAMES (2u * FORGED_PAGE)
#define INDEX (FRAMES + 0x800u)
#define EXE_PAGES 4u
#define WRITABLE (EXE_PAGES * FORGED_PAGE)
#define WRITABLE_PAGES 2u
#define CONTEXTS 24u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_exe(struct forged *forged, struct feed *feed)
{
	const Elf64_Phdr phdrs[] = {
		forged_segment(PT_LOAD, PF_R | PF_X, 0, EXE_PAGES * FORGED_PAGE),
		forged_segment(PT_GNU_EH_FRAME, PF_R, INDEX, 0x100),
	};

	forged_header(forged, 0, phdrs, 2);
	forged_exe(forged, 0, 2);
	feed_bytes(feed, forged->memory + CODE, 64);
	forged_frames(forged->memory, CODE, FRAMES, INDEX, forged->is_64);
	/* Behind the augmentation of an FDE there are instructions. */
	feed_bytes(feed, forged->memory + FRAMES + 24 + 17, 7);
}

/* A context that has the word by which it is found, and registers that lead somewhere; and the word below its stack pointer. */
static void make_context(struct forged *forged, struct feed *feed)
{
	const struct context_layout *layout = &forged->target.arch->context;
	const uint32_t word = forged_word(forged), room = WRITABLE_PAGES * FORGED_PAGE - CONTEXT_BYTES - 1024;
	uint32_t at = WRITABLE + feed_below(feed, 65536) * word % room;
	uint64_t pc = forged->base + CODE + feed_byte(feed), sp = forged->base + WRITABLE + feed_below(feed, 65536) * word % room;
	uint8_t how = feed_byte(feed);

	forged_put_word(forged, at + layout->self, forged->base + at + layout->state);
	forged_put_word(forged, at + layout->pc, (how & 7) == 7 ? feed_number(feed) : pc);
	for (unsigned i = 0; i < layout->n_saved; i++) {
		bool is_sp = layout->saved[i].number == forged->target.arch->dwarf_sp;

		forged_put_word(forged, at + layout->saved[i].offset, is_sp && (how & 8) == 0 ? sp : feed_number(feed));
	}
	if ((how & 16) == 0 && sp - forged->base >= WRITABLE + word)
		forged_put_word(forged, (uint32_t)(sp - forged->base) - word, pc);
}

/* A jmp_buf, mangled with the guard 0 or plain, whose pc is behind a call, and the stack that it leads to. */
static void make_jump(struct forged *forged, struct feed *feed)
{
	const struct arch *arch = forged->target.arch;
	const struct jump_layout *layout = &arch->jump_buffer;
	const uint32_t word = forged_word(forged), room = WRITABLE_PAGES * FORGED_PAGE - 1024;
	uint32_t at = WRITABLE + feed_below(feed, 65536) * word % room;
	uint64_t values[2] = { forged->base + WRITABLE + feed_below(feed, 65536) * word % room, forged->base + CODE + 8 + feed_byte(feed) % 48 };
	const uint32_t call = (uint32_t)(values[1] - forged->base) - 5;
	uint8_t how = feed_byte(feed);

	forged->memory[call] = 0xe8;
	if ((how & 1) == 0)
		memcpy(forged->memory + CODE + 64, layout->plain.bytes, layout->plain.size);
	forged_put_word(forged, at + layout->hidden_pc, feed_number(feed));
	for (unsigned i = 0; i < 2; i++) {
		unsigned bits = 8 * word, by = layout->rotation;
		uint64_t value = (how & 14) == 14 ? feed_number(feed) : values[i];

		if ((how & 1) != 0)
			value = value << by | (word == 8 ? value : (uint32_t)value) >> (bits - by);
		forged_put_word(forged, at + (i == 0 ? layout->sp : layout->pc), value);
	}
	if ((how & 16) == 0 && values[0] - forged->base + word < WRITABLE + WRITABLE_PAGES * FORGED_PAGE)
		forged_put_word(forged, (uint32_t)(values[0] - forged->base), values[1]);
}

static struct unwinder *make_unwinder(struct forged *forged, const struct objects *objects)
{
	struct unwind_mapping mappings[2];
	struct unwind_setup setup = { .arch = forged->target.arch, .memory = forged->target.memory,
				      .engines = UNWIND_OWN, .mappings = mappings, .n_mappings = 2 };
	struct cfi_table *tables = NULL;
	struct unwinder *unwinder = NULL;

	for (size_t i = 0; i < 2; i++)
		mappings[i] = (struct unwind_mapping){ forged->target.maps.all[i].start, forged->target.maps.all[i].end, i == 0, false };
	if (objects_cfi_tables(objects, &forged->target, &tables, &setup.n_tables) == 0) {
		setup.tables = tables;
		if (unwinder_create(&unwinder, &setup) != 0)
			msg_forget();
	}
	free(tables);
	return unwinder;
}

static void look(struct forged *forged, const struct objects *objects)
{
	const struct code_range ranges[] = { { forged->base + CODE + 16, forged->base + CODE + 48, "forbidden", false } };
	struct unwinder *unwinder = make_unwinder(forged, objects);
	struct coroutines coroutines = { 0 };
	struct unwind_verdict verdict;
	uint64_t context = 0;

	if (coroutines_find(&coroutines, &forged->target, objects, UINT64_MAX) != 0)
		msg_forget();
	else if (unwinder != NULL &&
		 coroutines_check(&coroutines, &forged->target, unwinder, ranges, 1, &verdict, &context) == 0 &&
		 !verdict.safe && (verdict.range != ranges || context == 0))
		abort();
	msg_forget();
	coroutines_deinit(&coroutines);
	unwinder_destroy(unwinder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed feed = { .data = data, .size = size };
	struct objects objects;
	struct forged forged;

	forged_init(&forged, &feed);
	make_exe(&forged, &feed);
	for (unsigned n = feed_byte(&feed) % CONTEXTS; n > 0 && feed.size > 0; n--)
		feed_byte(&feed) % 2 == 0 ? make_context(&forged, &feed) : make_jump(&forged, &feed);
	forged_spoil(&forged, &feed, CODE, WRITABLE + WRITABLE_PAGES * FORGED_PAGE);
	forged_map(&forged, 0, EXE_PAGES, PROT_READ | PROT_EXEC, 7);
	forged_map(&forged, EXE_PAGES, WRITABLE_PAGES, PROT_READ | PROT_WRITE, 0);
	if (objects_read(&objects, &forged.target) == 0) {
		look(&forged, &objects);
		objects_deinit(&objects);
	} else if (*msg_kept() == '\0') {
		abort();
	}
	msg_forget();
	forged_deinit(&forged);
	return 0;
}
