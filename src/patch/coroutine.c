/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "coroutine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "array.h"
#include "budget.h"
#include "interrupt.h"
#include "page.h"

#define PIECE (1u << 20)
#define STATIC_MAX ((uint64_t)1 << 30)	/* so much is searched if it is not known whether contexts are used */

/* ---- does the program use them? ---- */

/* Whether the dynamic string table of an object contains that string. */
static int mentions(const struct target *target, const struct elf *elf, const char *name,
		    bool *found)
{
	size_t size = (size_t)elf->dyn.strsz;
	char *strings;

	if (elf->dyn.strsz == 0 || elf->dyn.strsz > BUDGET_STRINGS)
		return 0;
	strings = malloc(size);
	if (strings == NULL)
		return fail(ENOMEM, "out of memory");
	if (target_read(target, elf->dyn.strtab, strings, size) == 0 &&
	    memmem(strings, size, name, strlen(name) + 1) != NULL)
		*found = true;
	free(strings);
	return 0;
}

/*
 * Whether an object other than the C library, which defines them, names swapcontext or
 * setcontext.  A static executable has no such names; then *uses and *guessed are set.
 */
static int uses_contexts(const struct target *target, const struct objects *objects, bool *uses,
			 bool *guessed)
{
	static const char *const names[] = { "swapcontext", "setcontext" };
	int err = 0;

	*uses = *guessed = false;
	for (size_t i = 0; i < objects->count && err == 0 && !*uses; i++) {
		const struct object *object = &objects->all[i];

		if (object->is_exe && !object->elf.has_dynamic)
			*uses = *guessed = true;
		for (size_t k = 0; k < 2 && err == 0 && !*uses && object->elf.has_dynamic; k++) {
			struct elf_sym sym;
			uint32_t index;

			if (elf_lookup(&object->elf, names[k], NULL, &index, &sym) != 0)
				err = mentions(target, &object->elf, names[k], uses);
		}
	}
	return err;
}

/* ---- the search ---- */

static bool may_hold_contexts(const struct mapping *m)
{
	return m->is_private && (m->prot & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE);
}

static int add_context(struct coroutines *coroutines, uint64_t address)
{
	int err;

	if (coroutines->count == BUDGET_CONTEXTS)
		return fail(EINVAL, "more than %zu contexts of coroutines are in its memory", BUDGET_CONTEXTS);
	err = ARRAY_GROW(&coroutines->contexts, coroutines->count, 1);

	if (err == 0)
		coroutines->contexts[coroutines->count++] = address;
	return err;
}

/* Look for words that have what a context has at `self`: the address of its own floating-point state. */
static int search_piece(struct coroutines *coroutines, const struct arch *arch,
			const uint8_t *bytes, size_t size, uint64_t address)
{
	const struct context_layout *layout = &arch->context;
	const uint64_t distance = layout->state - layout->self;
	int err = 0;

	for (size_t at = 0; at + arch->word <= size && err == 0; at += arch->word) {
		uint64_t value = 0;

		memcpy(&value, bytes + at, arch->word);
		if (value == address + at + distance)
			err = add_context(coroutines, address + at - layout->self);
	}
	return err;
}

static int search_mapping(struct coroutines *coroutines, const struct target *target,
			  const struct mapping *m, uint8_t *buffer)
{
	bool exist[PIECE / PAGE];
	int err = 0;

	for (uint64_t at = target_next_page(target, m->start, m->end); at < m->end && err == 0;
	     at = target_next_page(target, at + (m->end - at < PIECE ? m->end - at : PIECE), m->end)) {
		size_t n_pages = (size_t)((m->end - at < PIECE ? m->end - at : PIECE) / PAGE);
		size_t first = 0;

		target_find_pages(target, at, n_pages, exist);
		/*
		 * Read each run of existing pages at once.  A page that was never touched is not
		 * read, as the kernel would make page tables for it.
		 */
		while (first < n_pages && err == 0) {
			size_t end = first;

			while (end < n_pages && exist[end])
				end++;
			if (end > first && target_read(target, at + first * PAGE, buffer, (end - first) * PAGE) == 0)
				err = search_piece(coroutines, target->arch, buffer, (end - first) * PAGE,
						   at + first * PAGE);
			first = end + 1;
		}
		if (err == 0)
			err = interrupt_check();
	}
	return err;
}

int coroutines_find(struct coroutines *coroutines, const struct target *target,
		    const struct objects *objects)
{
	const struct maps *maps = &target->maps;
	uint64_t writable = 0;
	uint8_t *buffer;
	bool uses, guessed;
	int err;

	coroutines_deinit(coroutines);
	err = uses_contexts(target, objects, &uses, &guessed);
	if (err != 0 || !uses)
		return err;
	for (size_t i = 0; i < maps->count; i++)
		writable += may_hold_contexts(&maps->all[i]) ? maps->all[i].end - maps->all[i].start : 0;
	if (guessed && writable > STATIC_MAX) {
		say("%s: too large to be searched for suspended coroutines", target_name(target));
		return 0;
	}
	/* No more is read at once than a mapping has. */
	buffer = malloc(writable < PIECE ? (size_t)writable + 1 : PIECE);
	if (buffer == NULL)
		return fail(ENOMEM, "out of memory");
	for (size_t i = 0; i < maps->count && err == 0; i++) {
		if (may_hold_contexts(&maps->all[i]))
			err = search_mapping(coroutines, target, &maps->all[i], buffer);
	}
	free(buffer);
	if (coroutines->count > 0)
		say("%s: %zu contexts of coroutines", target_name(target), coroutines->count);
	return err;
}

void coroutines_deinit(struct coroutines *coroutines)
{
	free(coroutines->contexts);
	*coroutines = (struct coroutines){ 0 };
}

/* ---- the check ---- */

static uint64_t word_in(const struct arch *arch, const uint8_t *bytes, unsigned offset)
{
	uint64_t value = 0;

	memcpy(&value, bytes + offset, arch->word);
	return value;
}

/*
 * Whether the context is suspended.  The call of swapcontext(3) left its return address below
 * the saved stack pointer; it stays there until other code runs on that stack.
 */
static bool is_suspended(const struct target *target, const struct regs *regs)
{
	const struct arch *arch = target->arch;
	uint64_t returns = 0;

	return target_read(target, regs_get(arch, regs, REG_SP) - arch->word, &returns,
			   arch->word) == 0 && returns == regs_get(arch, regs, REG_PC);
}

/* Read the registers that a context would go on with.  False: there is no suspended context at this address. */
static bool read_context(const struct target *target, uint64_t address, struct regs *regs)
{
	const struct arch *arch = target->arch;
	const struct context_layout *layout = &arch->context;
	uint8_t bytes[CONTEXT_BYTES];
	const struct mapping *code;

	if (target_read(target, address, bytes, layout->self + arch->word) != 0 ||
	    word_in(arch, bytes, layout->self) != address + layout->state)
		return false;
	code = maps_find(&target->maps, word_in(arch, bytes, layout->pc));
	*regs = (struct regs){ .size = arch->regs_size };
	regs_set(arch, regs, REG_PC, word_in(arch, bytes, layout->pc));
	for (unsigned i = 0; i < layout->n_saved; i++)
		regs_set_dwarf(arch, regs, layout->saved[i].number,
			       word_in(arch, bytes, layout->saved[i].offset));
	return code != NULL && (code->prot & PROT_EXEC) && is_suspended(target, regs);
}

int coroutines_check(const struct coroutines *coroutines, const struct target *target,
		     struct unwinder *unwinder, const struct code_range *ranges,
		     size_t n_ranges, struct unwind_verdict *verdict, uint64_t *context)
{
	const struct arch *arch = target->arch;

	*verdict = (struct unwind_verdict){ .safe = true };
	for (size_t i = 0; i < coroutines->count && verdict->safe; i++) {
		struct regs regs;
		int err;

		int late = interrupt_check();

		if (late != 0)
			return late;
		if (!read_context(target, coroutines->contexts[i], &regs))
			continue;
		/* The saved pc is the return address of a call, and what has to be checked is the call. */
		regs_set(arch, &regs, REG_PC, regs_get(arch, &regs, REG_PC) - 1);
		err = unwind_check(unwinder, target->pid, &regs, ranges, n_ranges, verdict, NULL, 0);
		if (err != 0 && err != -EIO && err != -ESRCH)
			return err;
		/* If the stack cannot be read it was unmapped, and no coroutine is on it. */
		if (err != 0 || (!verdict->safe && verdict->range == NULL))
			*verdict = (struct unwind_verdict){ .safe = true };
		*context = coroutines->contexts[i];
	}
	return 0;
}

bool coroutines_are_in(const struct coroutines *coroutines, const struct target *target, uint64_t start,
		       uint64_t end)
{
	for (size_t i = 0; i < coroutines->count; i++) {
		struct regs regs;
		uint64_t sp;

		if (interrupt_is_over() || !read_context(target, coroutines->contexts[i], &regs))
			continue;
		sp = regs_get(target->arch, &regs, REG_SP);
		if (sp >= start && sp < end)
			return true;
	}
	return false;
}
