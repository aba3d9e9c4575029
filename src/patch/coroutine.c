/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "coroutine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "array.h"
#include "budget.h"
#include "clock.h"
#include "interrupt.h"
#include "page.h"

#define PIECE (1u << 17)	/* what fits into the cache of a processor is searched faster, and fuzzed much faster */
#define PIECES_HELD 16		/* for so many a thread stands that has come to its trap: about 1 ms */
#define SHOWN_FRAMES 64		/* the walk of a jmp_buf that has more is believed whatever it came to */
#define STUBS 3			/* a call leads to setjmp through so many jumps at most */
#define STATIC_MAX ((uint64_t)1 << 30)	/* so much is searched if it is not known whether contexts are used */

/* ---- does the program use them? ---- */

/* What the names in the dynamic string tables of a program tell. */
enum {
	NAMES_SWAP = 1,		/* it may have contexts of swapcontext */
	NAMES_JUMP = 2,		/* it may have those of setjmp, */
	NAMES_STACK = 4,	/* and come to another stack by sigaltstack, */
	IS_GLIBC = 8,		/* and they are mangled */
	IS_STATIC = 16,		/* there are no names */
};

static const struct {
	const char *name;
	unsigned tells;
	bool by_user;		/* said by an object that does not define it; else by the one that does */
} names[] = {
	{ "swapcontext", NAMES_SWAP, true },
	{ "setcontext", NAMES_SWAP, true },
	{ "makecontext", NAMES_SWAP, true },
	{ "_setjmp", NAMES_JUMP, true },
	{ "setjmp", NAMES_JUMP, true },
	{ "__sigsetjmp", NAMES_JUMP, true },
	{ "sigsetjmp", NAMES_JUMP, true },
	{ "sigaltstack", NAMES_STACK, true },
	{ "gnu_get_libc_version", IS_GLIBC, false },
};

static bool defines(const struct elf *elf, const char *name)
{
	struct elf_sym sym;
	uint32_t index;

	return elf_lookup(elf, name, NULL, &index, &sym) == 0;
}

static int look_at_names(const struct target *target, const struct elf *elf, unsigned *told)
{
	size_t size = (size_t)elf->dyn.strsz;
	char *strings;

	if (elf->dyn.strsz == 0 || elf->dyn.strsz > BUDGET_STRINGS)
		return 0;
	strings = malloc(size);
	if (strings == NULL)
		return fail(ENOMEM, "out of memory");
	if (target_read(target, elf->dyn.strtab, strings, size) == 0) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (memmem(strings, size, names[i].name, strlen(names[i].name) + 1) != NULL &&
			    defines(elf, names[i].name) != names[i].by_user)
				*told |= names[i].tells;
		}
	}
	free(strings);
	return 0;
}

/* Find out which kinds of contexts the program may have.  Of a static one nobody knows. */
static int find_kinds(const struct target *target, const struct objects *objects, bool *kinds, bool *guessed)
{
	unsigned told = 0;
	int err = 0;

	for (size_t i = 0; i < objects->count && err == 0; i++) {
		const struct object *object = &objects->all[i];

		if (object->elf.has_dynamic)
			err = look_at_names(target, &object->elf, &told);
		else if (object->is_exe)
			told |= IS_STATIC;
	}
	*guessed = (told & IS_STATIC) != 0;
	kinds[CONTEXT_SWAPPED] = (told & (NAMES_SWAP | IS_STATIC)) != 0;
	if (*guessed || ((told & NAMES_JUMP) && (told & (NAMES_SWAP | NAMES_STACK)))) {
		kinds[CONTEXT_MANGLED_JUMP] = *guessed || (told & IS_GLIBC) != 0;
		kinds[CONTEXT_PLAIN_JUMP] = *guessed || (told & IS_GLIBC) == 0;
	}
	return err;
}

/* ---- what a jmp_buf has ---- */

/* The pointer guard that a stopped thread has in its control block.  False: it cannot be known. */
static bool read_guard(const struct target *target, const struct thread *thread, uint64_t *guard)
{
	uint64_t block = target_thread_pointer(target, thread);

	*guard = 0;
	return block != 0 && target->arch->jump_buffer.guard != GUARD_ELSEWHERE &&
	       target_read(target, block + (uint64_t)target->arch->jump_buffer.guard, guard, target->arch->word) == 0;
}

/* glibc makes the guard of the second word of what the kernel has put behind AT_RANDOM. */
static uint64_t guess_guard(const struct target *target)
{
	return target->auxv_random == 0 ? 0 :
	       target_read_word(target, target->auxv_random + target->arch->word);
}

static uint64_t demangle(const struct arch *arch, uint64_t guard, uint64_t value)
{
	const unsigned bits = 8 * arch->word, by = arch->jump_buffer.rotation;

	value = value >> by | value << (bits - by);
	return (bits == 32 ? (uint32_t)value : value) ^ guard;
}

static bool is_code(const struct target *target, uint64_t address)
{
	const struct mapping *m = maps_find(&target->maps, address);

	return m != NULL && (m->prot & PROT_EXEC) != 0;
}

static bool is_stack(const struct target *target, uint64_t address)
{
	const struct mapping *m = maps_find(&target->maps, address);

	return m != NULL && (m->prot & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE);
}

/* The address that a call leads to which returns to `pc`, as far as the instruction tells.  False: there is none. */
static bool find_callee(const struct target *target, uint64_t pc, uint64_t got, uint64_t *to, bool *in_memory)
{
	const struct arch *arch = target->arch;

	for (size_t size = arch->call_min; size <= arch->call_max; size++) {
		uint8_t code[BRANCH_MAX] = { 0 };

		if (target_read(target, pc - size, code, size) == 0 &&
		    arch->branch_at(arch, code, pc - size, got, to, in_memory) == size)
			return true;
	}
	return false;
}

static bool begins_with(const struct target *target, uint64_t address, const struct arch_code *code)
{
	uint8_t found[sizeof(code->bytes)];

	return target_read(target, address, found, code->size) == 0 && memcmp(found, code->bytes, code->size) == 0;
}

/* Whether a call of musl's setjmp or sigsetjmp returns to `pc`. */
static bool is_behind_setjmp(const struct target *target, uint64_t pc, uint64_t got)
{
	const struct jump_layout *layout = &target->arch->jump_buffer;
	uint8_t code[BRANCH_MAX];
	uint64_t to;
	bool in_memory, leads = find_callee(target, pc, got, &to, &in_memory);

	for (unsigned i = 0; i < STUBS && leads; i++) {
		if (in_memory)
			to = target_read_word(target, to);
		if (begins_with(target, to, &layout->plain) || begins_with(target, to, &layout->plain_signals))
			return true;
		leads = target_read(target, to, code, target->arch->branch_bytes) == 0 &&
			target->arch->branch_at(target->arch, code, to, got, &to, &in_memory) != 0;
	}
	return false;
}

/* ---- the search ---- */

struct memory_search {
	struct coroutines *coroutines;
	const struct target *target;
	struct target *served;		/* the same; NULL: its threads stand, or nobody traces them */
	uint64_t code_start, code_end;	/* all code lies between */
	uint64_t end;			/* by now_ns() */
	uint64_t max_bytes;		/* -E2BIG, without a message, if there are more */
	unsigned pieces;		/* so many were searched */
};

static bool may_hold_contexts(const struct mapping *m)
{
	return m->is_private && (m->prot & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE);
}

static int add_context(struct coroutines *coroutines, uint64_t address, enum context_kind kind)
{
	int err;

	if (coroutines->count == BUDGET_CONTEXTS)
		return fail(EINVAL, "more than %zu contexts of coroutines are in its memory", BUDGET_CONTEXTS);
	err = ARRAY_GROW(&coroutines->contexts, coroutines->count, 1);

	if (err == 0)
		coroutines->contexts[coroutines->count++] = (struct context){ .address = address, .kind = kind };
	return err;
}

static uint64_t word_in(const struct arch *arch, const uint8_t *bytes, size_t offset)
{
	uint64_t value = 0;

	memcpy(&value, bytes + offset, arch->word);
	return value;
}

static bool is_between(const struct memory_search *search, uint64_t pc)
{
	return pc - search->code_start < search->code_end - search->code_start;
}

/* `address` may be where a jmp_buf has its pc.  Look at the words before it. */
static int try_jump(const struct memory_search *search, uint64_t address, uint64_t pc, enum context_kind kind)
{
	const struct target *target = search->target;
	const struct jump_layout *layout = &target->arch->jump_buffer;
	uint64_t sp, buffer = address - layout->pc, to;
	bool in_memory, exists;

	if (!is_code(target, pc))
		return 0;
	sp = target_read_word(target, buffer + layout->sp);
	if (kind == CONTEXT_MANGLED_JUMP)
		sp = demangle(target->arch, search->coroutines->guard, sp);
	if (!is_stack(target, sp) || sp % target->arch->word != 0)
		return 0;
	/*
	 * A suspended coroutine has written to its stack.  On i386 one of 1000 random words is an address of code when it is
	 * demangled; most of these have the address of nothing beside it, or of memory that was never touched.
	 */
	target_find_pages(target, sp & ~(uint64_t)(PAGE - 1), 1, &exists);
	/* The first register of a jmp_buf is the one that leads to the GOT in code of i386. */
	if (!exists ||
	    (kind == CONTEXT_MANGLED_JUMP && !find_callee(target, pc, 0, &to, &in_memory)) ||
	    (kind == CONTEXT_PLAIN_JUMP && !is_behind_setjmp(target, pc, target_read_word(target, buffer))))
		return 0;
	return add_context(search->coroutines, buffer, kind);
}

/* The word that a context of swapcontext has at `self`, which is at this address. */
static uint64_t self_word(const struct context_layout *layout, uint64_t address)
{
	return layout->mark != 0 ? layout->mark : address + (layout->state - layout->self);
}

/* Look closer at a word that may be one of those that are searched for. */
static int try_word(const struct memory_search *search, uint64_t address, uint64_t value)
{
	const struct arch *arch = search->target->arch;
	const struct context_layout *layout = &arch->context;
	struct coroutines *coroutines = search->coroutines;
	uint64_t pc = demangle(arch, coroutines->guard, value);
	int err = 0;

	if (coroutines->searched[CONTEXT_SWAPPED] && value == self_word(layout, address))
		err = add_context(coroutines, address - layout->self, CONTEXT_SWAPPED);
	if (err == 0 && coroutines->searched[CONTEXT_MANGLED_JUMP] && is_between(search, pc))
		err = try_jump(search, address, pc, CONTEXT_MANGLED_JUMP);
	if (err == 0 && coroutines->searched[CONTEXT_PLAIN_JUMP] && is_between(search, value))
		err = try_jump(search, address, value, CONTEXT_PLAIN_JUMP);
	return err;
}

/* By what most words are passed over. */
struct filter {
	uint64_t itself, per_byte;	/* the word that a context of swapcontext has at `self` if that is the first word, and how it grows */
	uint64_t guard, start, length, plain_length;	/* where code is; the last one is 0 if only mangled addresses count */
	unsigned rotation;
	bool zero_is_nothing;	/* most words of memory are 0, and on i386 that often looks like an address between others of code */
};

/*
 * The first place from `at` on with a word that try_word() has to look at.  `word` is a constant here, as the loop goes
 * through gigabytes.
 */
static inline __attribute__((always_inline)) size_t skip_words(const struct filter *filter, const uint8_t *bytes,
							       size_t at, size_t size, unsigned word)
{
	const uint64_t guard = filter->guard, start = filter->start, length = filter->length;
	const uint64_t plain_length = filter->plain_length;
	const uint64_t itself = filter->itself, per_byte = filter->per_byte;
	const unsigned by = filter->rotation, bits = 8 * word;

	for (; at + word <= size; at += word) {
		uint64_t value = 0, turned;

		memcpy(&value, bytes + at, word);
		turned = value >> by | value << (bits - by);
		if (word == 4)
			turned = (uint32_t)turned;
		if ((turned ^ guard) - start < length || value - start < plain_length ||
		    value == itself + at * per_byte) {
			if (value != 0 || !filter->zero_is_nothing)
				break;
		}
	}
	return at;
}

static __attribute__((noinline)) size_t skip_wide(const struct filter *filter, const uint8_t *bytes, size_t at,
						  size_t size)
{
	return skip_words(filter, bytes, at, size, 8);
}

static __attribute__((noinline)) size_t skip_narrow(const struct filter *filter, const uint8_t *bytes, size_t at,
						    size_t size)
{
	return skip_words(filter, bytes, at, size, 4);
}

static int search_piece(const struct memory_search *search, const uint8_t *bytes, size_t size, uint64_t address)
{
	const struct arch *arch = search->target->arch;
	const struct coroutines *coroutines = search->coroutines;
	const uint64_t length = search->code_end - search->code_start;
	const struct filter filter = {
		.itself = self_word(&arch->context, address), .per_byte = arch->context.mark == 0, .guard = coroutines->guard,
		.start = search->code_start, .length = length,
		.plain_length = coroutines->searched[CONTEXT_PLAIN_JUMP] ? length : 0,
		.rotation = arch->jump_buffer.rotation,
		.zero_is_nothing = !is_code(search->target, demangle(arch, coroutines->guard, 0)),
	};
	size_t at = 0;
	int err = 0;

	while (err == 0) {
		uint64_t value = 0;

		at = arch->word == 8 ? skip_wide(&filter, bytes, at, size) : skip_narrow(&filter, bytes, at, size);
		if (at + arch->word > size)
			break;
		memcpy(&value, bytes + at, arch->word);
		err = try_word(search, address + at, value);
		at += arch->word;
	}
	return err;
}

/* Pass on the signals of threads that are traced, and let those go on that have come to their trap. */
static int serve(struct memory_search *search)
{
	struct target *target = search->served;
	int err = target_serve(target, 0);

	for (size_t i = 0; i < target->n_threads && err == 0 && search->pieces % PIECES_HELD == 0; i++) {
		if (target->threads[i].state == THREAD_STOPPED)
			err = target_continue(target, &target->threads[i]);
	}
	return err;
}

/* What has to be done between two pieces of memory. */
static int take_breath(struct memory_search *search)
{
	int err = 0;

	search->pieces++;
	if (search->coroutines->bytes > search->max_bytes)
		return -E2BIG;
	if (now_ns() > search->end)
		return fail(EBUSY, "%s: has more memory than can be searched for suspended coroutines within half of"
			    " --timeout (raise it, or see --allow-active in nsb(1))", target_name(search->target));
	if (search->served != NULL)
		err = serve(search);
	return err == 0 ? interrupt_check() : err;
}

/*
 * Read a run of pages at once, or each alone: Linux 6.13 and 6.14 have guard pages among others
 * (madvise(2), MADV_GUARD_INSTALL), and do not tell of them.
 */
static int search_run(const struct memory_search *search, uint64_t start, size_t n_pages, uint8_t *buffer)
{
	int err = 0;

	search->coroutines->bytes += n_pages * PAGE;
	if (target_read(search->target, start, buffer, n_pages * PAGE) == 0)
		return search_piece(search, buffer, n_pages * PAGE, start);
	for (size_t i = 0; i < n_pages && n_pages > 1 && err == 0; i++) {
		if (target_read(search->target, start + i * PAGE, buffer, PAGE) == 0)
			err = search_piece(search, buffer, PAGE, start + i * PAGE);
	}
	return err;
}

static int search_mapping(struct memory_search *search, const struct mapping *m, uint8_t *buffer)
{
	const struct target *target = search->target;
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
			if (end > first)
				err = search_run(search, at + first * PAGE, end - first, buffer);
			first = end + 1;
		}
		if (err == 0)
			err = take_breath(search);
	}
	return err;
}

/* Search all memory for the kinds that are to be searched. */
static int search_all(struct memory_search *search)
{
	struct coroutines *coroutines = search->coroutines;
	const struct target *target = search->target;
	const struct maps *maps = &target->maps;
	uint8_t *buffer = malloc(PIECE);
	int err = 0;

	if (buffer == NULL)
		return fail(ENOMEM, "out of memory");
	coroutines->count = 0;
	coroutines->bytes = 0;
	search->code_start = UINT64_MAX;
	for (size_t i = 0; i < maps->count; i++) {
		/* No coroutine is suspended in [vsyscall], which lies far above all others. */
		if ((maps->all[i].prot & PROT_EXEC) == 0 || maps->all[i].start >= target->arch->user_top)
			continue;
		if (search->code_start == UINT64_MAX)
			search->code_start = maps->all[i].start;
		search->code_end = maps->all[i].end;
	}
	for (size_t i = 0; i < maps->count && err == 0; i++) {
		if (may_hold_contexts(&maps->all[i]))
			err = search_mapping(search, &maps->all[i], buffer);
	}
	free(buffer);
	ARRAY_SORT(coroutines->contexts, coroutines->count, address);
	return err;
}

int coroutines_find(struct coroutines *coroutines, struct target *target,
		    const struct objects *objects, uint64_t end)
{
	struct memory_search search = { .coroutines = coroutines, .target = target, .served = target, .end = end,
					.max_bytes = UINT64_MAX };
	const struct maps *maps = &target->maps;
	uint64_t writable = 0;
	bool guessed, any = false;
	int err;

	coroutines_deinit(coroutines);
	err = find_kinds(target, objects, coroutines->searched, &guessed);
	for (int i = 0; i < CONTEXT_KINDS; i++)
		any |= coroutines->searched[i];
	if (err != 0 || !any)
		return err;
	for (size_t i = 0; i < maps->count; i++)
		writable += may_hold_contexts(&maps->all[i]) ? maps->all[i].end - maps->all[i].start : 0;
	coroutines->is_used = true;
	if (guessed && writable > STATIC_MAX) {
		say("%s: too large to be searched for suspended coroutines", target_name(target));
		coroutines->is_too_large = true;
		coroutines->bytes = writable;
		return 0;
	}
	coroutines->guard = guess_guard(target);
	say("%s: searching for suspended coroutines", target_name(target));
	err = search_all(&search);
	if (coroutines->count > 0)
		say("%s: %zu contexts of coroutines", target_name(target), coroutines->count);
	return err;
}

int coroutines_renew(struct coroutines *coroutines, struct target *target,
		     const struct objects *objects, uint64_t end)
{
	return !coroutines->is_used ? 0 : coroutines_find(coroutines, target, objects, end);
}

void coroutines_deinit(struct coroutines *coroutines)
{
	free(coroutines->contexts);
	*coroutines = (struct coroutines){ 0 };
}

/* ---- the check ---- */

/*
 * Whether the context is suspended.  The call of swapcontext(3) left its return address below
 * the saved stack pointer; it stays there until other code runs on that stack.
 */
static bool is_suspended(const struct target *target, const struct regs *regs)
{
	const struct arch *arch = target->arch;
	uint64_t returns = 0;

	/* It was in a register.  Each context that there ever was counts. */
	if (arch->dwarf_link != NO_LINK)
		return true;
	return target_read(target, regs_get(arch, regs, REG_SP) - arch->word, &returns,
			   arch->word) == 0 && returns == regs_get(arch, regs, REG_PC);
}

/* So much of a ucontext_t has what is looked at. */
static size_t context_size(const struct context_layout *layout, unsigned word)
{
	size_t size = (layout->pc > layout->self ? layout->pc : layout->self) + word;

	for (unsigned i = 0; i < layout->n_saved; i++)
		size = layout->saved[i].offset + word > size ? layout->saved[i].offset + word : size;
	return size;
}

/* Read the registers that a ucontext_t would go on with. */
static bool read_swapped(const struct target *target, uint64_t address, struct regs *regs)
{
	const struct arch *arch = target->arch;
	const struct context_layout *layout = &arch->context;
	uint8_t bytes[CONTEXT_BYTES];

	if (target_read(target, address, bytes, layout->self + arch->word) != 0 ||
	    word_in(arch, bytes, layout->self) != self_word(layout, address + layout->self) ||
	    target_read(target, address, bytes, context_size(layout, arch->word)) != 0)
		return false;
	regs_set(arch, regs, REG_PC, word_in(arch, bytes, layout->pc));
	for (unsigned i = 0; i < layout->n_saved; i++)
		regs_set_dwarf(arch, regs, layout->saved[i].number,
			       word_in(arch, bytes, layout->saved[i].offset));
	return is_suspended(target, regs);
}

/* Read the registers that siglongjmp(3) would set. */
static bool read_jump(const struct target *target, uint64_t address, bool is_mangled, uint64_t guard,
		      struct regs *regs)
{
	const struct arch *arch = target->arch;
	const struct jump_layout *layout = &arch->jump_buffer;
	uint8_t bytes[CONTEXT_BYTES];
	uint64_t pc, sp;

	if (target_read(target, address, bytes, layout->size) != 0)
		return false;
	pc = word_in(arch, bytes, layout->pc);
	sp = word_in(arch, bytes, layout->sp);
	regs_set(arch, regs, REG_PC, is_mangled ? demangle(arch, guard, pc) : pc);
	regs_set(arch, regs, REG_SP, is_mangled ? demangle(arch, guard, sp) : sp);
	for (unsigned i = 0; i < layout->n_saved; i++) {
		uint64_t value = word_in(arch, bytes, layout->saved[i].offset);

		regs_set_dwarf(arch, regs, layout->saved[i].number,
			       is_mangled && layout->saved[i].is_mangled ? demangle(arch, guard, value) : value);
	}
	if (!is_mangled && begins_with(target, pc, &layout->rest)) {
		regs_set(arch, regs, REG_PC, target_read_word(target, address + layout->hidden_pc));
		regs_set_dwarf(arch, regs, layout->hidden_number,
			       target_read_word(target, address + layout->hidden_register));
	}
	return is_stack(target, regs_get(arch, regs, REG_SP));
}

/* Read the registers that a context would go on with.  False: there is no suspended context at this address. */
static bool read_context(const struct coroutines *coroutines, const struct target *target,
			 const struct context *context, struct regs *regs)
{
	bool found;

	*regs = (struct regs){ .size = target->arch->regs_size };
	if (context->kind == CONTEXT_SWAPPED)
		found = read_swapped(target, context->address, regs);
	else
		found = read_jump(target, context->address, context->kind == CONTEXT_MANGLED_JUMP,
				  coroutines->guard, regs);
	return found && is_code(target, regs_get(target->arch, regs, REG_PC));
}

/*
 * Whether what was found on a stack is nothing.  If a stopped thread's walk has come to the same end, it is
 * that thread's stack, and the thread's own frames are what counts.  A jmp_buf that leads
 * to what is no code is one that is not used any more, and its stack was used again.
 */
static bool is_stale(const struct target *target, const struct context *context,
		     const struct unwind_verdict *verdict, const struct unwind_frame *frames)
{
	for (size_t i = 0; i < target->n_threads && verdict->n_ends > 0; i++) {
		const struct thread *thread = &target->threads[i];

		if (thread->state == THREAD_STOPPED && thread->stack_end == verdict->ends[0])
			return true;
	}
	return context->kind != CONTEXT_SWAPPED && !verdict->proven && verdict->n_frames > 0 &&
	       verdict->n_frames <= SHOWN_FRAMES && !is_code(target, frames[verdict->n_frames - 1].pc);
}

static int check_context(const struct coroutines *coroutines, const struct target *target,
			 struct unwinder *unwinder, const struct code_range *ranges, size_t n_ranges,
			 struct context *context, struct unwind_verdict *verdict)
{
	const struct arch *arch = target->arch;
	struct unwind_frame frames[SHOWN_FRAMES];
	struct regs regs;
	int err;

	context->pc = context->sp = 0;
	if (!read_context(coroutines, target, context, &regs))
		return 0;
	context->pc = regs_get(arch, &regs, REG_PC);
	context->sp = regs_get(arch, &regs, REG_SP);
	/* The saved pc is the return address of a call, and what has to be checked is the call. */
	regs_set(arch, &regs, REG_PC, regs_get(arch, &regs, REG_PC) - 1);
	if (context->kind == CONTEXT_SWAPPED)
		err = unwind_check(unwinder, target->pid, &regs, ranges, n_ranges, verdict, frames, SHOWN_FRAMES);
	else
		err = unwind_check_saved(unwinder, target->pid, &regs, ranges, n_ranges, verdict, frames,
					 SHOWN_FRAMES);
	if (err != 0 && err != -EIO && err != -ESRCH)
		return err;
	/* If the stack cannot be read it was unmapped, and no coroutine is on it. */
	if (err != 0 || (!verdict->safe && (verdict->range == NULL || is_stale(target, context, verdict, frames))))
		*verdict = (struct unwind_verdict){ .safe = true };
	return 0;
}

/*
 * Search again, while all threads stand, if that is quick.  If the guard is another one than what the kernel gave the program
 * the search before was in vain.
 */
static int search_again(struct coroutines *coroutines, const struct target *target)
{
	struct coroutines fresh = *coroutines;
	struct memory_search search = { .coroutines = &fresh, .target = target, .end = UINT64_MAX,
					.max_bytes = 2 * SEARCH_AGAIN_BYTES };
	const struct thread *stopped = NULL;
	int err;

	coroutines->is_complete = !coroutines->is_used;
	for (size_t i = 0; i < target->n_threads && stopped == NULL; i++) {
		if (target->threads[i].state == THREAD_STOPPED)
			stopped = &target->threads[i];
	}
	if (!coroutines->is_used)
		return 0;
	if (coroutines->searched[CONTEXT_MANGLED_JUMP] && stopped != NULL && read_guard(target, stopped, &fresh.guard) &&
	    fresh.guard != coroutines->guard)
		search.max_bytes = UINT64_MAX;
	else if (!coroutines_are_quick(coroutines))
		return 0;
	fresh.contexts = NULL;
	fresh.count = 0;
	err = search_all(&search);
	if (err == 0) {
		free(coroutines->contexts);
		*coroutines = fresh;
		coroutines->is_complete = true;
		return 0;
	}
	free(fresh.contexts);
	/* It has grown meanwhile. */
	return err == -E2BIG ? 0 : err;
}

/* Whether the context is the same as when it was checked: then it was found to be in nobody's way. */
static bool was_checked(const struct coroutines *checked, const struct target *target, const struct context *context,
			uint64_t guard)
{
	const struct coroutines with_guard = { .guard = guard };
	size_t i = ARRAY_UPTO(checked->contexts, checked->count, address, context->address);
	struct regs regs;

	/* Contexts of several kinds may be at one address. */
	for (; i > 0 && checked->contexts[i - 1].address == context->address; i--) {
		const struct context *other = &checked->contexts[i - 1];

		if (other->kind == context->kind && other->pc != 0 && read_context(&with_guard, target, context, &regs) &&
		    other->pc == regs_get(target->arch, &regs, REG_PC) &&
		    other->sp == regs_get(target->arch, &regs, REG_SP))
			return true;
	}
	return false;
}

/* Check all contexts but those that were checked before. */
static int check_all(struct coroutines *coroutines, const struct coroutines *checked, const struct target *target,
		     struct unwinder *unwinder, const struct code_range *ranges, size_t n_ranges,
		     struct unwind_verdict *verdict, uint64_t *context)
{
	int err = 0;

	*verdict = (struct unwind_verdict){ .safe = true };
	for (size_t i = 0; i < coroutines->count && verdict->safe && err == 0; i++) {
		struct context *one = &coroutines->contexts[i];

		err = interrupt_check();
		if (err != 0 || (checked != NULL && was_checked(checked, target, one, coroutines->guard)))
			continue;
		err = check_context(coroutines, target, unwinder, ranges, n_ranges, one, verdict);
		*context = one->address;
	}
	return err;
}

int coroutines_check(struct coroutines *coroutines, const struct target *target,
		     struct unwinder *unwinder, const struct code_range *ranges,
		     size_t n_ranges, struct unwind_verdict *verdict, uint64_t *context)
{
	int err = search_again(coroutines, target);

	if (err == 0)
		err = check_all(coroutines, NULL, target, unwinder, ranges, n_ranges, verdict, context);
	return err;
}

int coroutines_find_late(const struct coroutines *checked, struct target *target, const struct objects *objects,
			 struct unwinder *unwinder, const struct code_range *ranges, size_t n_ranges, uint64_t end,
			 struct unwind_verdict *verdict, uint64_t *context)
{
	struct coroutines now = { 0 };
	int err = coroutines_find(&now, target, objects, end);

	if (err == 0)
		err = check_all(&now, checked, target, unwinder, ranges, n_ranges, verdict, context);
	coroutines_deinit(&now);
	return err;
}

bool coroutines_are_there(const struct coroutines *coroutines, const struct target *target,
			  const struct objects *objects)
{
	for (size_t i = 0; i < coroutines->count; i++) {
		const struct context *context = &coroutines->contexts[i];
		const struct object *object;
		struct regs regs;

		if (context->kind == CONTEXT_SWAPPED) {
			if (is_code(target, target_read_word(target, context->address + target->arch->context.pc)))
				return true;
			continue;
		}
		if (!read_context(coroutines, target, context, &regs))
			continue;
		object = objects_at(objects, regs_get(target->arch, &regs, REG_PC));
		if (object == NULL || !object->elf.has_dynamic || !defines(&object->elf, "_setjmp"))
			return true;
	}
	return false;
}

bool coroutines_are_in(const struct coroutines *coroutines, const struct target *target, uint64_t start,
		       uint64_t end)
{
	for (size_t i = 0; i < coroutines->count; i++) {
		struct regs regs;
		uint64_t sp;

		if (interrupt_is_over() || coroutines->contexts[i].kind != CONTEXT_SWAPPED ||
		    !read_context(coroutines, target, &coroutines->contexts[i], &regs))
			continue;
		sp = regs_get(target->arch, &regs, REG_SP);
		if (sp >= start && sp < end)
			return true;
	}
	return false;
}
