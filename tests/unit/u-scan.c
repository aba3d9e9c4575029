/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The word scan, on stacks that are made up: what cannot be searched to its end is never safe.
 * There are no unwind tables, so the scan decides everything.
 */
#include <errno.h>
#include <string.h>

#include "arch.h"
#include "budget.h"
#include "page.h"
#include "tap.h"
#include "unwind.h"

#define CODE UINT64_C(0x08400000)
#define PROBES UINT64_C(0x08500000)	/* the kernel's [uprobes] */
#define STACK UINT64_C(0x40000000)
#define OTHER UINT64_C(0x60000000)	/* another stack */
#define PAGES 4u
#define SP (STACK + 512)
#define OUTSIDE (CODE + 0x800)		/* code that is in no range */
#define RETURNS (CODE + 0x900)		/* code that ends a signal handler */
#define ROOTS (UNWIND_MAX_ENDS - 1)

static const struct code_range range = { CODE + 0x100, CODE + 0x180, "func", false };

/* The process: what is in none of these areas is zero, if it can be read at all. */
struct area {
	uint64_t start;
	uint8_t bytes[PAGES * PAGE];
};
static struct area code, stack, other;
static uint64_t hole;			/* the page here cannot be read; 0: all can */
static uint64_t guard_page;		/* a guard page */
static const struct arch *arch;
static uint64_t result;			/* what the thread has in the register of a call's result */

static int read_made_up(const struct bytes *self, uint64_t addr, void *buf, size_t size)
{
	struct area *const areas[] = { &code, &stack, &other };

	(void)self;
	if (hole != 0 && addr < hole + PAGE && addr + size > hole)
		return -EFAULT;
	memset(buf, 0, size);
	for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
		for (size_t at = 0; at < size; at++) {
			if (addr + at - areas[i]->start < sizeof(areas[i]->bytes))
				((uint8_t *)buf)[at] = areas[i]->bytes[addr + at - areas[i]->start];
		}
	}
	return 0;
}

static uint64_t find_guard(const void *ctx, uint64_t start, uint64_t end)
{
	(void)ctx;
	return guard_page >= start && guard_page < end ? guard_page : end;
}

static void put(struct area *area, uint64_t address, uint64_t value)
{
	memcpy(area->bytes + (address - area->start), &value, arch->word);
}

/* Nothing on the stacks, all can be read. */
static void begin(void)
{
	code = (struct area){ .start = CODE };
	stack = (struct area){ .start = STACK };
	other = (struct area){ .start = OTHER };
	memcpy(code.bytes + (RETURNS - CODE), arch->sigreturns[0].bytes, arch->sigreturns[0].size);
	hole = guard_page = result = 0;
}

/* What the check says of a thread, or of saved registers.  The mapping of the stack ends at `end`. */
static int ask_with(uint64_t end, uint64_t pc, bool has_guard, bool is_saved, struct unwind_verdict *verdict)
{
	const struct unwind_mapping mappings[] = {
		{ .start = CODE, .end = CODE + PAGE, .executable = true },
		{ .start = PROBES, .end = PROBES + PAGE, .executable = true, .hides_callers = true },
		{ .start = STACK, .end = end },
		{ .start = OTHER, .end = OTHER + PAGES * PAGE },
	};
	const size_t left_out = end == 0;	/* no mapping for the stack */
	struct unwind_mapping chosen[4];
	struct unwind_setup setup = {
		.arch = arch, .memory = { .read = read_made_up }, .guard = has_guard ? find_guard : NULL,
		.mappings = chosen, .n_mappings = 4 - left_out, .engines = UNWIND_OWN,
	};
	struct regs regs = { .size = arch->regs_size };
	struct unwinder *unwinder;
	int err;

	memcpy(chosen, mappings, sizeof(chosen));
	if (left_out)
		chosen[2] = mappings[3];
	regs_set(arch, &regs, REG_PC, pc);
	regs_set(arch, &regs, REG_SP, SP);
	regs_set(arch, &regs, REG_RESULT, result);
	if (unwinder_create(&unwinder, &setup) != 0)
		return -ENOMEM;
	err = is_saved ? unwind_check_saved(unwinder, 1, &regs, &range, 1, verdict, NULL, 0) :
			 unwind_check(unwinder, 1, &regs, &range, 1, verdict, NULL, 0);
	unwinder_destroy(unwinder);
	return err;
}

static struct unwind_verdict ask(void)
{
	struct unwind_verdict verdict = { 0 };

	if (ask_with(STACK + PAGES * PAGE, OUTSIDE, false, false, &verdict) != 0)
		verdict.safe = verdict.proven = true;
	return verdict;
}

/* The verdict is "not safe" without a function: the scan could not tell. */
static bool gave_up(const struct unwind_verdict *verdict)
{
	return !verdict->safe && verdict->scan_hit && verdict->range == NULL;
}

static void test_words(void)
{
	struct unwind_verdict verdict;

	begin();
	verdict = ask();
	ok(verdict.safe && !verdict.proven && verdict.scanned > 0, "%s: an empty stack is safe, and not proven", arch->name);
	put(&stack, SP + 64, range.start + 16);
	verdict = ask();
	ok(!verdict.safe && verdict.range != NULL && verdict.hit == range.start + 16, "%s: a return address is found", arch->name);
	begin();
	put(&stack, STACK + PAGES * PAGE - arch->word, range.start + 16);
	verdict = ask();
	ok(!verdict.safe, "%s: so it is in the last word of the stack", arch->name);
	begin();
	put(&stack, SP + 64, range.start);
	verdict = ask();
	ok(verdict.safe, "%s: no call returns to the start of a function", arch->name);
	put(&stack, SP + 64, range.end);
	verdict = ask();
	ok(!verdict.safe, "%s: one may return to its end", arch->name);
	begin();
	put(&stack, SP - arch->word, range.start + 16);
	verdict = ask();
	/* psABI AMD64 3.2.2; the one of i386 has none. */
	ok(verdict.safe == (arch->word == 4), "%s: the red zone counts, where the ABI has one", arch->name);
	begin();
	put(&stack, SP - 256, range.start + 16);
	verdict = ask();
	ok(verdict.safe, "%s: what is below it is not in use", arch->name);
	begin();
	put(&stack, SP + 64, PROBES + 8);
	verdict = ask();
	ok(!verdict.safe && verdict.hidden, "%s: the address of a return probe hides one", arch->name);
}

static void test_ends(void)
{
	struct unwind_verdict verdict = { 0 };

	begin();
	hole = STACK + 2 * PAGE;
	verdict = ask();
	ok(gave_up(&verdict), "%s: a stack that cannot be read to its end is not safe", arch->name);
	hole = STACK;
	ok(ask_with(STACK + PAGES * PAGE, OUTSIDE, false, false, &verdict) == -EIO && !verdict.safe,
	   "%s: one that cannot be read at all is none", arch->name);
	begin();
	ok(ask_with(0, OUTSIDE, false, false, &verdict) == 0 && gave_up(&verdict),
	   "%s: a stack that is in no mapping is not safe", arch->name);
	ok(ask_with(STACK + BUDGET_STACK + 2 * PAGE, OUTSIDE, false, false, &verdict) == 0 && gave_up(&verdict),
	   "%s: nor is one that is too large to be searched", arch->name);
	put(&stack, STACK + 3 * PAGE, range.start + 16);
	guard_page = STACK + 2 * PAGE;
	ok(ask_with(STACK + PAGES * PAGE, OUTSIDE, true, false, &verdict) == 0 && verdict.safe,
	   "%s: behind a guard page is another stack", arch->name);
	ok(ask_with(STACK + PAGES * PAGE, OUTSIDE, false, false, &verdict) == 0 && !verdict.safe,
	   "%s: without one is still this one", arch->name);
}

/* A signal frame above the word at `address`: code at `pc` was interrupted, with its stack at `sp`. */
static void put_signal_frame(uint64_t address, uint64_t pc, uint64_t sp, uint64_t flags)
{
	const struct sigreturn_code *sigreturn = &arch->sigreturns[0];
	uint64_t frame = address + arch->word;

	put(&stack, address, RETURNS);
	put(&stack, frame + sigreturn->pc, pc);
	put(&stack, frame + sigreturn->sp, sp);
	put(&stack, frame + sigreturn->flags, flags);
}

static void test_signals(void)
{
	const uint64_t flags = arch->sigreturns[0].flags_value;
	struct unwind_verdict verdict;

	begin();
	put_signal_frame(SP + 64, range.start, OTHER + PAGE, flags);
	verdict = ask();
	ok(!verdict.safe && verdict.hit == range.start, "%s: code that a signal interrupted is found", arch->name);
	begin();
	put_signal_frame(SP + 64, OUTSIDE, OTHER + PAGE, flags);
	put(&other, OTHER + 2 * PAGE, range.start + 16);
	verdict = ask();
	ok(!verdict.safe && verdict.range != NULL, "%s: the stack that it ran on is searched", arch->name);
	begin();
	put_signal_frame(SP + 64, OUTSIDE, OTHER + PAGE, flags ^ arch->sigreturns[0].flags_mask);
	put(&other, OTHER + 2 * PAGE, range.start + 16);
	verdict = ask();
	ok(verdict.safe, "%s: flags that no thread can have are those of no signal frame", arch->name);
	begin();
	put_signal_frame(SP + 64, OUTSIDE, OTHER + PAGE, flags);
	put(&other, OTHER + 2 * PAGE, range.start + 16);
	ok(ask_with(STACK + PAGES * PAGE, OUTSIDE, false, true, &verdict) == 0 && verdict.safe,
	   "%s: what was interrupted elsewhere is no matter of saved registers", arch->name);
	begin();
	put(&stack, SP + 64, range.start + 16);
	ok(ask_with(STACK + PAGES * PAGE, OUTSIDE, false, true, &verdict) == 0 && !verdict.safe,
	   "%s: the stack of saved registers is searched", arch->name);
	ok(ask_with(STACK + PAGES * PAGE, STACK + 8, false, true, &verdict) == 0 && verdict.safe,
	   "%s: saved registers that lead to no code are not in use", arch->name);
	ok(ask_with(STACK + PAGES * PAGE, STACK + 8, false, false, &verdict) == 0 && !verdict.safe,
	   "%s: a thread's always are", arch->name);
	begin();
	for (uint64_t i = 0; i < ROOTS; i++)
		put_signal_frame(SP + 64 + i * 1024, OUTSIDE, OTHER + PAGE + i * 64, flags);
	verdict = ask();
	ok(verdict.safe, "%s: %d interrupted stacks are searched", arch->name, ROOTS);
	put_signal_frame(SP + 64 + ROOTS * 1024, OUTSIDE, OTHER + PAGE + ROOTS * 64, flags);
	verdict = ask();
	ok(gave_up(&verdict), "%s: one more is not safe", arch->name);
}

/* An ABI whose calls leave the return address in a register, and whose programs sign it: the port to aarch64 has both. */
static void test_link(void)
{
	const struct arch *usual = arch;
	struct arch made = *arch;

	made.dwarf_link = 0;	/* both ABIs of x86 have the result there */
	made.return_bits = UINT32_MAX;
	begin();
	result = range.start + 16;
	ok(ask().safe, "%s: a result that looks like a return address is none", arch->name);
	arch = &made;
	ok(!ask().safe, "%s: where calls leave it in that register it is one", arch->name);
	result = range.end + 16;
	ok(ask().safe, "%s: one that leads elsewhere is in nobody's way", arch->name);
	if (arch->word == 8) {
		put(&stack, SP + 64, (range.start + 16) | UINT64_C(0x2a) << 48);
		ok(!ask().safe, "%s: a signed return address is found", arch->name);
		arch = usual;
		ok(ask().safe, "%s: where none are signed it is no address", arch->name);
	}
	arch = usual;
}

int main(void)
{
	for (size_t i = 0; arch_all[i] != NULL; i++) {
		arch = arch_all[i];
		test_words();
		test_ends();
		test_signals();
		test_link();
	}
	return done();
}
