/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unwind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "budget.h"
#include "interrupt.h"
#include "page.h"
#include "unwind-native.h"

#define WINDOW_SIZE 8192
#define WINDOW_BELOW 256	/* the other registers of a frame lie below the one that is read first */
#define ROOTS_MAX (UNWIND_MAX_ENDS - 1)
#define CODE_CACHE 256
#define CODE_MAP_BITS 4096u	/* a power of two */
#define HEAD_BYTES 32u		/* of a table; they tell whether it is still the one that was copied */
#define KNOWN_RULES 256		/* so many are kept; a power of two */

/* A piece of a thread's stack, which was read while the thread is stopped. */
struct window {
	uint64_t start;
	size_t size;
	uint8_t bytes[WINDOW_SIZE];
};

/* Unwind tables, copied when the unwinder was made. */
struct copy {
	uint64_t start, size;
	uint8_t *bytes;
};

/* How to step from an address in the code. */
struct known_rules {
	uint64_t pc;		/* that address; 0: this element is unused */
	const struct cfi_table *table;
	uint32_t look;		/* the unwinder's, when the table was searched */
	struct cfi_rules rules;	/* rules.result is CFI_NONE if there is no table */
};

/* When it was looked last whether a table is still there, and whether it was. */
struct seen {
	uint32_t look;
	bool is_there;
};

struct unwinder {
	const struct arch *arch;
	struct bytes memory;
	unwind_peek *peek;	/* NULL: there is only memory */
	unwind_guard *guard;	/* NULL: there are no guard pages inside mappings */
	struct bytes view;	/* reads the windows, else the copies, else memory */
	struct cfi_table *tables;
	struct seen *seen;	/* one for each of them */
	uint32_t look;		/* unwinder_look_again() counts */
	size_t n_tables;
	struct unwind_mapping *mappings;
	size_t n_mappings;
	bool hides;		/* one of them hides callers */
	struct copy *copies;	/* sorted by start */
	size_t n_copies;
	uint64_t copied;	/* bytes, BUDGET_TABLES at most */
	enum unwind_engines engines;
	struct native *native;	/* NULL: our own engine only */
	pid_t tid;
	struct window windows[2];	/* the first stays at the innermost bytes, the second moves outwards */
	uint64_t scan_buffer[WINDOW_SIZE / 8];
	uint64_t no_sigreturn[CODE_CACHE];	/* addresses where no code is that ends a signal handler */
	uint64_t plain[CODE_CACHE];		/* addresses that no signal handler returns to */
	uint64_t code_map[CODE_MAP_BITS / 64];	/* a bit for each MiB, modulo the size: it may hold code */
	struct known_rules known[KNOWN_RULES];	/* threads sleep at the same few addresses */
};

/* One check: what was asked, and as much of the answer as is known. */
struct stack_walk {
	struct unwinder *unwinder;
	const struct code_range *ranges;
	size_t n_ranges;
	uint64_t lowest, highest;	/* all ranges lie in [lowest, highest) */
	struct unwind_verdict *verdict;
	struct unwind_frame *frames;
	size_t max_frames;
	bool last_hit;			/* the last frame that was visited lies in a range */
	uint64_t last_pc;		/* its pc */
	bool is_saved;			/* the registers are saved ones: unwind_check_saved() */
	uint64_t scan_from;		/* where a scan begins if no step leads on from that frame */
	const struct unwind_mapping *stays;	/* frames that a signal interrupted outside of it do not count; NULL: all do */
	/*
	 * Frames that were interrupted by a signal, whose signal frames were found in stacks that
	 * had to be scanned.  n_done of them have been followed.
	 */
	struct cfi_frame roots[ROOTS_MAX];
	size_t n_roots, n_done;
};

/* ---- memory ---- */

/* Read as many of the `size` bytes at addr as can be read, and return how many. */
static size_t read_some(const struct unwinder *unwinder, uint64_t addr, void *buf, size_t size)
{
	size_t fill = unwinder->peek != NULL ? unwinder->peek(unwinder->tid, addr, buf, size) : 0;

	if (fill > 0)
		return fill;
	/* memory.read() reads all or nothing, so it is asked page by page: whole pages can be read, or not. */
	while (fill < size) {
		size_t piece = PAGE - (size_t)((addr + fill) % PAGE);

		if (piece > size - fill)
			piece = size - fill;
		if (unwinder->memory.read(&unwinder->memory, addr + fill, (uint8_t *)buf + fill,
					  piece) != 0)
			break;
		fill += piece;
	}
	return fill;
}

static void fill_window(const struct unwinder *unwinder, struct window *window, uint64_t start)
{
	size_t size = WINDOW_SIZE;

	if (start > UINT64_MAX - size)
		size = (size_t)(UINT64_MAX - start);
	window->start = start;
	window->size = read_some(unwinder, start, window->bytes, size);
}

static bool read_window(const struct window *window, uint64_t addr, void *buf, size_t size)
{
	if (addr < window->start || size > window->size ||
	    addr - window->start > window->size - size)
		return false;
	memcpy(buf, window->bytes + (addr - window->start), size);
	return true;
}

static const struct copy *find_copy(const struct unwinder *unwinder, uint64_t addr)
{
	size_t n = ARRAY_UPTO(unwinder->copies, unwinder->n_copies, start, addr);

	return n == 0 ? NULL : &unwinder->copies[n - 1];
}

static bool read_copy(const struct unwinder *unwinder, uint64_t addr, void *buf, size_t size)
{
	const struct copy *copy = find_copy(unwinder, addr);

	if (copy == NULL || size > copy->size || addr - copy->start > copy->size - size)
		return false;
	memcpy(buf, copy->bytes + (addr - copy->start), size);
	return true;
}

static int read_view(const struct bytes *self, uint64_t addr, void *buf, size_t size)
{
	struct unwinder *unwinder = (struct unwinder *)(uintptr_t)self->ctx;
	struct window *moving = &unwinder->windows[1];
	uint64_t page = addr - addr % PAGE, start;

	if (read_window(&unwinder->windows[0], addr, buf, size) ||
	    read_window(moving, addr, buf, size) || read_copy(unwinder, addr, buf, size))
		return 0;
	if (unwinder->tid != 0 && size <= unwinder->arch->word) {
		start = addr - page < WINDOW_BELOW ? page : addr - WINDOW_BELOW;
		fill_window(unwinder, moving, start);
		if (read_window(moving, addr, buf, size))
			return 0;
	}
	return unwinder->memory.read(&unwinder->memory, addr, buf, size);
}

/* ---- what is known before a thread is stopped ---- */

static const struct unwind_mapping *find_mapping(const struct unwinder *unwinder, uint64_t addr)
{
	size_t i = ARRAY_UPTO(unwinder->mappings, unwinder->n_mappings, end, addr);

	if (i == unwinder->n_mappings || unwinder->mappings[i].start > addr)
		return NULL;
	return &unwinder->mappings[i];
}

/* Most words of a stack do not point to code.  One look at the map tells these. */
static bool may_be_code(const struct unwinder *unwinder, uint64_t addr)
{
	uint64_t mib = (addr >> 20) % CODE_MAP_BITS;

	return (unwinder->code_map[mib / 64] >> mib % 64 & 1) != 0;
}

static void note_code(struct unwinder *unwinder, const struct unwind_mapping *mapping)
{
	uint64_t first = mapping->start >> 20, last = (mapping->end - 1) >> 20;

	if (last - first >= CODE_MAP_BITS)
		last = first + CODE_MAP_BITS - 1;
	for (uint64_t mib = first; mapping->executable && mib <= last; mib++)
		unwinder->code_map[mib % CODE_MAP_BITS / 64] |= (uint64_t)1 << mib % 64;
}

/*
 * Whether a table begins as it did when it was copied.  A library may have been closed since, and another one opened at its
 * place, whose code must not be stepped by the wrong table.
 */
static bool is_there(const struct unwinder *unwinder, const struct cfi_table *table)
{
	struct seen *seen = &unwinder->seen[table - unwinder->tables];
	const uint64_t address = table->hdr != 0 ? table->hdr : table->eh_frame;
	uint8_t then[HEAD_BYTES], now[HEAD_BYTES];

	if (seen->look == unwinder->look)
		return seen->is_there;
	seen->look = unwinder->look;
	/* What was not copied is read when it is needed. */
	seen->is_there = address == 0 || table->eh_frame_bytes != NULL ||
			 !read_copy(unwinder, address, then, sizeof(then)) ||
			 (unwinder->memory.read(&unwinder->memory, address, now, sizeof(now)) == 0 &&
			  memcmp(then, now, sizeof(now)) == 0);
	return seen->is_there;
}

static const struct cfi_table *find_table(const struct unwinder *unwinder, uint64_t pc)
{
	size_t i = ARRAY_UPTO(unwinder->tables, unwinder->n_tables, end, pc);

	if (i == unwinder->n_tables || unwinder->tables[i].start > pc || !is_there(unwinder, &unwinder->tables[i]))
		return NULL;
	return &unwinder->tables[i];
}

/* Copy a part of the target.  If it cannot be read now, it is read when it is needed. */
static int add_copy(struct unwinder *unwinder, uint64_t start, uint64_t size)
{
	const struct copy *last = find_copy(unwinder, start);
	struct copy *at;
	uint8_t *bytes;

	if (size == 0 || (last != NULL && start - last->start < last->size))
		return 0;
	if (size > BUDGET_TABLE)
		size = BUDGET_TABLE;
	if (unwinder->copied + size > BUDGET_TABLES)
		return 0;
	unwinder->copied += size;
	bytes = malloc((size_t)size);
	if (bytes == NULL)
		return fail(ENOMEM, "out of memory for unwind tables");
	if (unwinder->memory.read(&unwinder->memory, start, bytes, (size_t)size) != 0) {
		free(bytes);
		return 0;
	}
	at = unwinder->copies + unwinder->n_copies;
	while (at > unwinder->copies && at[-1].start > start) {
		*at = at[-1];
		at--;
	}
	*at = (struct copy){ start, size, bytes };
	unwinder->n_copies++;
	return 0;
}

/* Copy a section that starts at addr, whose size nobody states: all up to the end of the mapping. */
static int copy_mapping_from(struct unwinder *unwinder, uint64_t addr, uint64_t least)
{
	const struct unwind_mapping *mapping = find_mapping(unwinder, addr);

	return add_copy(unwinder, addr, mapping != NULL ? mapping->end - addr : least);
}

static int prepare_table(struct unwinder *unwinder, struct cfi_table *table)
{
	struct cfi_header header = { 0 };
	struct cfi_index_entry *index;
	int err = 0;

	if (table->hdr != 0)
		err = copy_mapping_from(unwinder, table->hdr, table->hdr_size);
	if (err == 0 && table->hdr != 0 &&
	    cfi_header(unwinder->arch, table, &unwinder->view, &header) == 0)
		err = copy_mapping_from(unwinder, header.eh_frame, 0);
	else if (err == 0 && table->eh_frame != 0 && table->eh_frame_bytes == NULL)
		err = add_copy(unwinder, table->eh_frame, table->eh_frame_size);
	if (err != 0 || header.n_rows != 0)
		return err;
	err = cfi_index_create(unwinder->arch, table, &unwinder->view, &index, &table->n_index);
	if (err == -ENOMEM)
		return fail(ENOMEM, "out of memory for unwind tables");
	table->index = index;
	return 0;
}

static void *copy_array(const void *from, size_t count, size_t size)
{
	void *to = calloc(count + 1, size);

	if (to != NULL && count != 0)
		memcpy(to, from, count * size);
	return to;
}

static const struct cfi_table *find_table_of(void *ctx, uint64_t pc)
{
	return find_table(ctx, pc);
}

int unwinder_create(struct unwinder **out, const struct unwind_setup *setup)
{
	struct unwinder *unwinder = calloc(1, sizeof(*unwinder));
	int err = 0;

	*out = NULL;
	if (unwinder == NULL)
		return fail(ENOMEM, "out of memory for the unwinder");
	unwinder->arch = setup->arch;
	unwinder->memory = setup->memory;
	unwinder->peek = setup->peek;
	unwinder->guard = setup->guard;
	unwinder->view = (struct bytes){ read_view, unwinder };
	unwinder->engines = setup->engines;
	unwinder->n_tables = setup->n_tables;
	unwinder->n_mappings = setup->n_mappings;
	unwinder->tables = copy_array(setup->tables, setup->n_tables, sizeof(*unwinder->tables));
	unwinder->seen = calloc(setup->n_tables + 1, sizeof(*unwinder->seen));
	unwinder->look = 1;
	unwinder->mappings = copy_array(setup->mappings, setup->n_mappings,
					sizeof(*unwinder->mappings));
	unwinder->copies = calloc(2 * setup->n_tables + 1, sizeof(*unwinder->copies));
	if (unwinder->tables == NULL || unwinder->seen == NULL || unwinder->mappings == NULL || unwinder->copies == NULL)
		err = fail(ENOMEM, "out of memory for the unwinder");
	for (size_t i = 0; i < setup->n_mappings; i++) {
		note_code(unwinder, &setup->mappings[i]);
		unwinder->hides |= setup->mappings[i].hides_callers;
	}
	/* An index that the caller's tables have is the caller's: unwinder_destroy() must not free it. */
	for (size_t i = 0; i < setup->n_tables && err == 0; i++)
		unwinder->tables[i].index = NULL;
	for (size_t i = 0; i < setup->n_tables && err == 0; i++)
		err = prepare_table(unwinder, &unwinder->tables[i]);
	if (err == 0 && setup->engines != UNWIND_OWN && setup->arch == arch_all[0])
		err = native_create(&unwinder->native, setup->arch, &unwinder->view, find_table_of,
				    unwinder);
	if (err != 0) {
		unwinder_destroy(unwinder);
		return err;
	}
	*out = unwinder;
	return 0;
}

void unwinder_destroy(struct unwinder *unwinder)
{
	if (unwinder == NULL)
		return;
	native_destroy(unwinder->native);
	for (size_t i = 0; i < unwinder->n_copies; i++)
		free(unwinder->copies[i].bytes);
	for (size_t i = 0; unwinder->tables != NULL && i < unwinder->n_tables; i++)
		free((struct cfi_index_entry *)(uintptr_t)unwinder->tables[i].index);
	free(unwinder->copies);
	free(unwinder->mappings);
	free(unwinder->tables);
	free(unwinder->seen);
	free(unwinder);
}

void unwinder_look_again(struct unwinder *unwinder)
{
	unwinder->look++;
}

/* ---- frames ---- */

static const struct code_range *find_range(const struct stack_walk *walk, uint64_t pc)
{
	if (pc < walk->lowest || pc >= walk->highest)
		return NULL;
	for (size_t i = 0; i < walk->n_ranges && walk->ranges[i].start <= pc; i++) {
		if (pc >= walk->ranges[i].end)
			continue;
		if (!walk->ranges[i].is_left)
			return &walk->ranges[i];
		walk->verdict->left = &walk->ranges[i];
	}
	return NULL;
}

static uint64_t lookup_pc(const struct cfi_frame *frame)
{
	return frame->exact ? frame->pc : frame->pc - 1;
}

/* Whether the kernel has put this return address in place of another one, for a return probe. */
static bool is_hidden(const struct unwinder *unwinder, uint64_t address)
{
	const struct unwind_mapping *mapping = unwinder->hides ? find_mapping(unwinder, address) : NULL;

	return mapping != NULL && mapping->hides_callers;
}

static void note_hidden(struct stack_walk *walk, uint64_t address)
{
	walk->verdict->hidden = true;
	walk->verdict->scan_hit = true;
	walk->verdict->hit = address;
}

static void note_end(struct stack_walk *walk, uint64_t sp)
{
	if (walk->verdict->n_ends < UNWIND_MAX_ENDS)
		walk->verdict->ends[walk->verdict->n_ends++] = sp;
}

/* Enter a frame into the verdict; if the frame inside of it was a hit, this is where that one returns to. */
static void visit(struct stack_walk *walk, const struct cfi_frame *frame)
{
	struct unwind_verdict *verdict = walk->verdict;
	const struct code_range *range = find_range(walk, lookup_pc(frame));

	walk->last_pc = frame->pc;
	if (walk->last_hit) {
		verdict->hit_sp = frame->reg[walk->unwinder->arch->dwarf_sp];
		verdict->hit_return = frame->pc;
	}
	walk->last_hit = range != NULL;
	if (range != NULL) {
		verdict->range = range;
		verdict->hit = frame->pc;
		verdict->hit_sp = 0;
		verdict->hit_return = 0;
	}
	if (verdict->n_frames < walk->max_frames) {
		walk->frames[verdict->n_frames].pc = frame->pc;
		walk->frames[verdict->n_frames].exact = frame->exact;
		walk->frames[verdict->n_frames].signal = false;
	}
	verdict->n_frames++;
	if (is_hidden(walk->unwinder, frame->pc))
		note_hidden(walk, frame->pc);
}

static void mark_signal(struct stack_walk *walk)
{
	size_t last = walk->verdict->n_frames - 1;

	if (last < walk->max_frames)
		walk->frames[last].signal = true;
}

/* The kind of code at pc that ends a signal handler, or NULL if other code is there. */
static const struct sigreturn_code *find_sigreturn(struct unwinder *unwinder, uint64_t pc)
{
	const struct arch *arch = unwinder->arch;
	uint64_t *known = &unwinder->no_sigreturn[(pc ^ (pc >> 8)) % CODE_CACHE];
	uint8_t code[sizeof(arch->sigreturns->bytes)];
	size_t size;

	if (*known == pc)
		return NULL;
	size = read_some(unwinder, pc, code, sizeof(code));
	for (unsigned i = 0; i < arch->n_sigreturns; i++) {
		const struct sigreturn_code *sigreturn = &arch->sigreturns[i];

		if (size >= sigreturn->size && memcmp(code, sigreturn->bytes, sigreturn->size) == 0)
			return sigreturn;
	}
	*known = pc;
	return NULL;
}

/*
 * If the code at the frame's pc is known to end a signal handler, step to the code that the
 * signal interrupted.  C libraries without unwind tables need this: their handlers may run on
 * another stack than the code that they interrupted, where a scan would not come.  CFI_BAD:
 * the code is known, but no signal frame is there.
 */
static enum cfi_result step_sigreturn(struct unwinder *unwinder, struct cfi_frame *frame)
{
	const struct arch *arch = unwinder->arch;
	const struct sigreturn_code *sigreturn = find_sigreturn(unwinder, frame->pc);
	const struct bytes *view = &unwinder->view;
	uint64_t sp = frame->reg[arch->dwarf_sp], pc = 0, interrupted = 0, flags = 0;
	uint8_t code;

	if (sigreturn == NULL)
		return CFI_NONE;
	frame->signal = true;
	/* The interrupted code was running, so it can be read.  If it cannot, this is no signal frame. */
	if (view->read(view, sp + sigreturn->pc, &pc, arch->word) != 0 ||
	    view->read(view, sp + sigreturn->sp, &interrupted, arch->word) != 0 ||
	    view->read(view, sp + sigreturn->flags, &flags, arch->word) != 0 ||
	    (flags & sigreturn->flags_mask) != sigreturn->flags_value ||
	    unwinder->memory.read(&unwinder->memory, pc, &code, 1) != 0)
		return CFI_BAD;
	*frame = (struct cfi_frame){ .pc = pc, .exact = true, .signal = true,
				     .known = CFI_REG(arch->dwarf_sp) };
	frame->reg[arch->dwarf_sp] = interrupted;
	return CFI_STEPPED;
}

static const struct known_rules *look_up_rules(struct unwinder *unwinder, uint64_t pc)
{
	struct known_rules *known = &unwinder->known[(pc ^ (pc >> 8)) % KNOWN_RULES];

	if (known->pc == pc &&
	    (known->table == NULL ? known->look == unwinder->look : is_there(unwinder, known->table)))
		return known;
	known->look = unwinder->look;
	known->pc = pc;
	known->table = find_table(unwinder, pc);
	known->rules.result = CFI_NONE;
	known->rules.signal = false;
	if (known->table != NULL)
		cfi_find_rules(unwinder->arch, known->table, &unwinder->view, pc, &known->rules);
	return known;
}

/* Make a step by our own engine. */
static enum cfi_result step_own(struct unwinder *unwinder, struct cfi_frame *frame)
{
	const struct known_rules *known = look_up_rules(unwinder, lookup_pc(frame));
	enum cfi_result result = CFI_NONE;

	frame->signal = false;
	if (known->table != NULL)
		result = cfi_apply(unwinder->arch, known->table, &unwinder->view, &known->rules,
				   frame);
	return result == CFI_NONE ? step_sigreturn(unwinder, frame) : result;
}

/* The lowest address of the stack that `frame` may use. */
static uint64_t stack_start(const struct stack_walk *walk, const struct cfi_frame *frame)
{
	const struct arch *arch = walk->unwinder->arch;
	uint64_t sp = frame->reg[arch->dwarf_sp];

	return frame->exact && sp >= arch->red_zone ? sp - arch->red_zone : sp;
}

/* Whether the frame, which a signal interrupted, counts. */
static bool is_followed(const struct stack_walk *walk, const struct cfi_frame *frame)
{
	uint64_t sp = frame->reg[walk->unwinder->arch->dwarf_sp];

	return walk->stays == NULL || (sp >= walk->stays->start && sp < walk->stays->end);
}

/*
 * Follow frames outwards from *frame.  Returns how it ended; *frame is then the last frame
 * that was reached.  A step that led to code without tables may have been a wrong one, so a
 * scan has to begin one frame further in.  Example: glibc's memcpy for i386 pushes a register
 * of which its tables say nothing.  `native`: libunwind has been set to *frame, and makes the
 * steps that it can.
 */
static enum cfi_result follow(struct stack_walk *walk, struct cfi_frame *frame, bool native)
{
	struct unwinder *unwinder = walk->unwinder;
	uint64_t reached = stack_start(walk, frame);

	walk->last_hit = false;
	for (unsigned i = 0; i < BUDGET_FRAMES; i++) {
		const struct cfi_table *table = native ? find_table(unwinder, lookup_pc(frame)) :
						NULL;
		enum cfi_result result;

		walk->scan_from = reached;
		reached = stack_start(walk, frame);
		visit(walk, frame);
		if (native && !native_serves(unwinder->native, table, frame)) {
			native = false;
			native_registers(unwinder->native, frame);
		}
		result = native ? native_step(unwinder->native, table, frame) :
				  step_own(unwinder, frame);
		/* libunwind for i386 gives up at some interrupted frames that have unwind information. */
		if (native && result == CFI_BAD) {
			native = false;
			native_registers(unwinder->native, frame);
			result = step_own(unwinder, frame);
		}
		if (frame->signal)
			mark_signal(walk);
		if (frame->signal && result == CFI_STEPPED && !is_followed(walk, frame)) {
			frame->reg[unwinder->arch->dwarf_sp] = reached;
			result = CFI_BOTTOM;
		}
		if (result != CFI_STEPPED)
			return result;
	}
	return CFI_BAD;
}

/* ---- the word scan ---- */

/* The scan cannot tell that this stack is safe. */
static void give_up_scan(struct stack_walk *walk, uint64_t sp)
{
	walk->verdict->scan_hit = true;
	walk->verdict->hit = sp;
}

static uint64_t word_at(const struct stack_walk *walk, size_t index)
{
	unsigned word = walk->unwinder->arch->word;
	uint64_t value = 0;

	memcpy(&value, (const uint8_t *)walk->unwinder->scan_buffer + index * word, word);
	return value;
}

/* Add a root, unless it is there already: stale signal frames of two stacks may lead to each other. */
static void add_root(struct stack_walk *walk, const struct cfi_frame *frame)
{
	unsigned sp = walk->unwinder->arch->dwarf_sp;

	for (size_t i = 0; i < walk->n_roots; i++) {
		if (walk->roots[i].pc == frame->pc && walk->roots[i].reg[sp] == frame->reg[sp])
			return;
	}
	if (walk->n_roots == ROOTS_MAX)
		give_up_scan(walk, frame->reg[sp]);
	else
		walk->roots[walk->n_roots++] = *frame;
}

static bool is_code(const struct unwinder *unwinder, uint64_t value)
{
	const struct unwind_mapping *mapping = find_mapping(unwinder, value);

	return mapping != NULL && mapping->executable;
}

/*
 * Whether no signal handler returns to this address.  Most words of a stack that point to code
 * were seen before, or point into the inside of a function.  A handler returns to the inside
 * of a function only if the function's CFI says that it is a signal frame's.  So the code is
 * read only for the few addresses that are left.
 */
static bool is_plain(struct unwinder *unwinder, const struct cfi_table *table, uint64_t value)
{
	uint64_t *known = &unwinder->plain[(value ^ (value >> 8)) % CODE_CACHE];
	struct cfi_function function = { 0 };
	bool inside;

	if (*known == value)
		return true;
	inside = table != NULL && cfi_function(unwinder->arch, table, &unwinder->view, value - 1, &function) == 0;
	if ((inside && function.signal) ||
	    ((!inside || value >= function.end) && find_sigreturn(unwinder, value) != NULL))
		return false;
	*known = value;
	return true;
}

/*
 * If this word of the stack is the return address of a signal handler, the interrupted frame
 * may be on another stack (sigaltstack(2)), which has to be checked as well.  The same word is
 * also left on the stack where sigaction(2) was called.  If the handler's code is known
 * (step_sigreturn), the bytes above the word tell the two apart.
 */
static void find_signal_frame(struct stack_walk *walk, uint64_t value, uint64_t sp, uint64_t end)
{
	const struct arch *arch = walk->unwinder->arch;
	const struct cfi_table *table;
	const struct code_range *range;
	struct cfi_frame frame;
	enum cfi_result result;

	if (!is_code(walk->unwinder, value))
		return;
	table = find_table(walk->unwinder, value - 1);
	if (is_plain(walk->unwinder, table, value))
		return;
	frame = (struct cfi_frame){ .pc = value, .known = CFI_REG(arch->dwarf_sp) };
	frame.reg[arch->dwarf_sp] = sp;
	result = step_sigreturn(walk->unwinder, &frame);
	if (result == CFI_NONE && table != NULL)
		result = cfi_step(arch, table, &walk->unwinder->view, &frame);
	if (result != CFI_STEPPED || !frame.signal || !is_followed(walk, &frame))
		return;
	range = find_range(walk, frame.pc);
	if (range != NULL) {
		walk->verdict->scan_hit = true;
		walk->verdict->hit = frame.pc;
		walk->verdict->range = range;
	} else if (frame.reg[arch->dwarf_sp] < sp || frame.reg[arch->dwarf_sp] >= end) {
		add_root(walk, &frame);
	}
}

/* Is the word, one below the address `above`, a return address into the ranges, or part of a signal frame? */
static void look_at_word(struct stack_walk *walk, uint64_t word, uint64_t above, uint64_t end)
{
	struct unwinder *unwinder = walk->unwinder;
	const uint64_t value = word & unwinder->arch->return_bits;
	const struct code_range *range;

	if (value == 0)
		return;		/* as most of a large stack is */
	range = find_range(walk, value - 1);
	if (range != NULL) {
		walk->verdict->scan_hit = true;
		walk->verdict->hit = value;
		walk->verdict->range = range;
	} else if (is_hidden(unwinder, value)) {
		note_hidden(walk, value);
	} else if (may_be_code(unwinder, value)) {
		find_signal_frame(walk, value, above, end);
	}
}

/*
 * Look at every word from sp up to the end of the stack: of its mapping, or the next guard page.  A return address is behind
 * its call instruction, so it is above the start of its function and may be equal to its end.  `frame` is where the stack
 * begins: that of a leaf may have its return address in a register.
 */
static void scan(struct stack_walk *walk, const struct cfi_frame *frame, uint64_t sp)
{
	struct unwinder *unwinder = walk->unwinder;
	unsigned word = unwinder->arch->word;
	const struct unwind_mapping *mapping = find_mapping(unwinder, sp);
	uint64_t at = (sp + word - 1) & ~(uint64_t)(word - 1);
	uint64_t end = mapping != NULL ? mapping->end : 0;

	note_end(walk, sp);
	/* Behind a guard page the stack of another thread may begin. */
	if (mapping != NULL && unwinder->guard != NULL) {
		uint64_t page = at / PAGE * PAGE;

		end = end - page > BUDGET_STACK + PAGE ? page + BUDGET_STACK + PAGE : end;
		end = unwinder->guard(unwinder->memory.ctx, page, end);
	}
	if (unwinder->arch->dwarf_link != NO_LINK)
		look_at_word(walk, frame->reg[unwinder->arch->dwarf_link], sp, end);
	if (mapping == NULL || end - at > BUDGET_STACK) {
		give_up_scan(walk, sp);
		return;
	}
	while (at < end && !walk->verdict->scan_hit) {
		/* The caller finds out that its time is over. */
		size_t size = end - at < WINDOW_SIZE ? (size_t)(end - at) : WINDOW_SIZE;

		if (interrupt_is_over() || read_some(unwinder, at, unwinder->scan_buffer, size) != size) {
			give_up_scan(walk, sp);
			return;
		}
		for (size_t i = 0; i < size / word && !walk->verdict->scan_hit; i++)
			look_at_word(walk, word_at(walk, i), at + (i + 1) * word, end);
		at += size;
		walk->verdict->scanned += size;
	}
}

/* ---- the question ---- */

/* Find the bounds of all ranges.  A range of no length contains no address, wherever it is. */
static void find_extent(struct stack_walk *walk)
{
	walk->lowest = UINT64_MAX;
	walk->highest = 0;
	for (size_t i = 0; i < walk->n_ranges; i++) {
		if (walk->ranges[i].start < walk->lowest)
			walk->lowest = walk->ranges[i].start;
		if (walk->ranges[i].end > walk->highest)
			walk->highest = walk->ranges[i].end;
	}
}

/* Follow the thread's stack by one engine.  True: it came to the bottom, with a proof for each frame. */
static bool prove(struct stack_walk *walk, const struct regs *regs, bool native)
{
	struct cfi_frame frame;

	cfi_start(walk->unwinder->arch, regs, &frame);
	if (follow(walk, &frame, native) != CFI_BOTTOM)
		return false;
	note_end(walk, frame.reg[walk->unwinder->arch->dwarf_sp]);
	return true;
}

/* Follow the stack by each engine until one has an answer. */
static void ask_engines(struct stack_walk *walk, const struct regs *regs)
{
	struct unwinder *unwinder = walk->unwinder;
	struct unwind_verdict *verdict = walk->verdict;
	uint64_t scan_from = UINT64_MAX;

	if (unwinder->engines != UNWIND_LIBUNWIND || unwinder->native == NULL) {
		verdict->proven = prove(walk, regs, false);
		if (verdict->proven || verdict->range != NULL || verdict->hidden || unwinder->native == NULL)
			return;
		scan_from = walk->scan_from;
		*verdict = (struct unwind_verdict){ 0 };
	}
	verdict->proven = prove(walk, regs, native_start(unwinder->native, regs));
	if (walk->scan_from > scan_from)
		walk->scan_from = scan_from;
}

static int check(struct stack_walk *walk, pid_t tid, const struct regs *regs)
{
	struct unwinder *unwinder = walk->unwinder;
	struct unwind_verdict *verdict = walk->verdict;
	struct cfi_frame frame;
	uint64_t sp = regs_get(unwinder->arch, regs, REG_SP);

	*verdict = (struct unwind_verdict){ 0 };
	find_extent(walk);
	cfi_start(unwinder->arch, regs, &frame);
	unwinder->tid = tid;
	unwinder->windows[1].size = 0;
	fill_window(unwinder, &unwinder->windows[0], stack_start(walk, &frame));
	ask_engines(walk, regs);
	/* Saved registers that lead to what is no code are not in use, and nobody knows where their stack ends. */
	if (!verdict->proven && verdict->range == NULL && !verdict->hidden &&
	    !(walk->is_saved && !is_code(unwinder, walk->last_pc)))
		scan(walk, &frame, walk->scan_from);
	else if (!verdict->proven)
		note_end(walk, walk->scan_from);
	while (walk->n_done < walk->n_roots && verdict->range == NULL && !verdict->scan_hit) {
		const struct cfi_frame root = walk->roots[walk->n_done++];

		frame = root;
		if (follow(walk, &frame, false) == CFI_BOTTOM)
			note_end(walk, frame.reg[unwinder->arch->dwarf_sp]);
		else if (verdict->range == NULL && !verdict->hidden)
			scan(walk, &root, walk->scan_from);
	}
	unwinder->tid = 0;
	verdict->safe = verdict->range == NULL && !verdict->scan_hit;
	if (unwinder->windows[0].size == 0 && sp != 0)
		return -EIO;
	return 0;
}

int unwind_check(struct unwinder *unwinder, pid_t tid, const struct regs *regs,
		 const struct code_range *ranges, size_t n_ranges,
		 struct unwind_verdict *verdict,
		 struct unwind_frame *frames, size_t max_frames)
{
	struct stack_walk walk = { .unwinder = unwinder, .ranges = ranges, .n_ranges = n_ranges,
			     .verdict = verdict, .frames = frames,
			     .max_frames = frames != NULL ? max_frames : 0 };

	return check(&walk, tid, regs);
}

int unwind_check_saved(struct unwinder *unwinder, pid_t tid, const struct regs *regs,
		       const struct code_range *ranges, size_t n_ranges,
		       struct unwind_verdict *verdict,
		       struct unwind_frame *frames, size_t max_frames)
{
	struct stack_walk walk = { .unwinder = unwinder, .ranges = ranges, .n_ranges = n_ranges,
			     .verdict = verdict, .frames = frames,
			     .max_frames = frames != NULL ? max_frames : 0 };

	walk.is_saved = true;
	walk.stays = find_mapping(unwinder, regs_get(unwinder->arch, regs, REG_SP));
	return check(&walk, tid, regs);
}
