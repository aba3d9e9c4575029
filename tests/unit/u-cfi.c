/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CFI evaluator on tables made by hand, right and wrong. */
#include <elf.h>
#include <errno.h>

#include "cfi.h"
#include "tap.h"

#define BASE 0x400000u		/* where the image lies */
#define FUNC 0x500000u		/* the function that the tables describe; not in the image */
#define FUNC_SIZE 0x100u
#define STACK (BASE + 0x3000)
#define LAST_WORD (BASE + sizeof(image.bytes) - 8)

/* DW_EH_PE_*: how addresses are written. */
enum { ABSPTR = 0x00, ULEB = 0x01, UDATA2, UDATA4, UDATA8, SLEB = 0x09, SDATA2, SDATA4, SDATA8,
       PCREL = 0x10, TEXTREL = 0x20, DATAREL = 0x30, INDIRECT = 0x80, OMIT = 0xff };

static struct {
	uint8_t bytes[0x4000];
	size_t fill;
} image;

static int read_image(const struct bytes *self, uint64_t addr, void *buf, size_t size)
{
	(void)self;
	if (addr < BASE || size > sizeof(image.bytes) || addr - BASE > sizeof(image.bytes) - size)
		return -EFAULT;
	memcpy(buf, image.bytes + (addr - BASE), size);
	return 0;
}

static const struct bytes memory = { read_image, NULL };

static void put(uint64_t value, unsigned size)
{
	memcpy(image.bytes + image.fill, &value, size);
	image.fill += size;
}

static void put_bytes(const void *from, size_t size)
{
	memcpy(image.bytes + image.fill, from, size);
	image.fill += size;
}

static void put_uleb(uint64_t value)
{
	do {
		put((value & 0x7f) | (value > 0x7f ? 0x80 : 0), 1);
		value >>= 7;
	} while (value != 0);
}

static uint64_t here(void)
{
	return BASE + image.fill;
}

static size_t begin_entry(void)
{
	put(0, 4);
	return image.fill;
}

static void end_entry(size_t start)
{
	uint32_t length;

	while (image.fill % 4 != 0)
		put(0, 1);	/* DW_CFA_nop */
	length = (uint32_t)(image.fill - start);
	memcpy(image.bytes + start - 4, &length, 4);
}

static void put_pointer(const struct arch *arch, uint8_t encoding, uint64_t value)
{
	static const uint8_t sizes[16] = { 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 2, 4, 8 };
	uint8_t format = encoding & 0x0f;

	if ((encoding & 0x70) == PCREL)
		value -= here();
	if (format == ABSPTR)
		put(value, arch->word);
	else if (format == ULEB || format == SLEB)
		put_uleb(value);
	else
		put(value, sizes[format]);
}

/* What a CIE and its FDE shall be. */
struct plan {
	const struct arch *arch;
	uint8_t version;
	const char *augmentation;
	uint8_t encoding;
	uint8_t insns[64];
	size_t size;
	bool huge;		/* 64-bit lengths */
};

static void put_cie(const struct plan *plan)
{
	unsigned word = plan->arch->word, ra = plan->arch->n_dwarf_regs - 1;
	size_t start = begin_entry(), length;

	put(0, 4);
	put(plan->version, 1);
	put_bytes(plan->augmentation, strlen(plan->augmentation) + 1);
	if (plan->version == 4)
		put(word | 0 << 8, 2);
	put_uleb(1);
	put((uint64_t)(uint8_t)(0x80 - word), 1);	/* SLEB128 of -word */
	put(ra, 1);
	length = image.fill;
	if (plan->augmentation[0] == 'z')
		put(0, 1);
	for (const char *letter = plan->augmentation; *letter != '\0'; letter++) {
		if (*letter == 'R')
			put(plan->encoding, 1);
		else if (*letter == 'L')
			put(ABSPTR, 1);
		else if (*letter == 'P')
			put(INDIRECT | PCREL | SDATA4, 1), put(0x1234, 4);
	}
	if (plan->augmentation[0] == 'z')
		image.bytes[length] = (uint8_t)(image.fill - length - 1);
	put(0x0c, 1);		/* DW_CFA_def_cfa sp, word; DW_CFA_offset ra, 1 */
	put_uleb(plan->arch->dwarf_sp);
	put_uleb(word);
	put(0x80 | ra, 1);
	put_uleb(1);
	end_entry(start);
}

/* Returns where the FDE lies. */
static uint64_t put_fde(const struct plan *plan, uint64_t cie, uint64_t func, uint64_t size)
{
	uint64_t at = here();
	size_t start = begin_entry();

	if (plan->huge) {
		start -= 4;
		image.fill = start;
		put(0xffffffff, 4);
		put(0, 8);
	}
	put(here() - cie, 4);
	put_pointer(plan->arch, plan->encoding, func);
	put_pointer(plan->arch, plan->encoding & 0x0f, size);
	if (plan->augmentation[0] == 'z' && strchr(plan->augmentation, 'L') != NULL)
		put(plan->arch->word, 1), put(0, plan->arch->word);
	else if (plan->augmentation[0] == 'z')
		put(0, 1);
	put_bytes(plan->insns, plan->size);
	if (plan->huge) {
		uint64_t length;

		while (image.fill % 4 != 0)
			put(0, 1);
		length = image.fill - start - 12;
		memcpy(image.bytes + start + 4, &length, 8);
	} else {
		end_entry(start);
	}
	return at;
}

static void fill_stack(const struct arch *arch)
{
	for (uint64_t at = STACK - 0x800; at < BASE + sizeof(image.bytes); at += arch->word) {
		uint64_t value = 0x10000 + (uint64_t)((int64_t)(at - STACK) / (int64_t)arch->word);

		memcpy(image.bytes + (at - BASE), &value, arch->word);
	}
}

/* An .eh_frame of one CIE, two neighbours and the function between them. */
static struct cfi_table make_table(const struct plan *plan, uint64_t *fde)
{
	uint64_t start;

	memset(&image, 0, sizeof(image));
	image.fill = 0x100;
	start = here();
	put_cie(plan);
	(void)put_fde(plan, start, FUNC - FUNC_SIZE, FUNC_SIZE);
	*fde = put_fde(plan, start, FUNC, FUNC_SIZE);
	put(0, 4);
	fill_stack(plan->arch);
	return (struct cfi_table){ .start = FUNC - 0x1000, .end = FUNC + 0x1000, .eh_frame = start,
				   .eh_frame_size = here() - start };
}

static struct cfi_frame make_frame(const struct arch *arch)
{
	struct cfi_frame frame = { .pc = FUNC + 0x10, .exact = true };

	for (unsigned i = 0; i < arch->n_dwarf_regs; i++)
		frame.reg[i] = 0x7000 + i;
	frame.known = CFI_REG(arch->n_dwarf_regs) - 1;
	frame.reg[arch->dwarf_sp] = STACK;
	return frame;
}

/* The word that fill_stack() put `index` words above the stack pointer. */
static uint64_t word(int64_t index)
{
	return 0x10000 + (uint64_t)index;
}

#define UNKNOWN 0xdeadbeefdeadbeef

/* Instructions, and what the step makes of rbx (3), rbp (6), rsp (7) and the pc on amd64. */
struct program {
	const char *name;
	enum cfi_result result;
	uint64_t rbx, rbp, sp, pc;
	uint8_t insns[48];
	size_t size;
};

#define INSNS(...) { __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })
#define W(n) (0x10000 + (uint64_t)(n))
#define SP(n) (STACK + 8 * (uint64_t)(n))
#define PLAIN 0x7003, 0x7006, SP(1), W(0)
#define NOTHING 0, 0, 0, 0

static const struct program programs[] = {
	{ "the CIE's rules", CFI_STEPPED, PLAIN, INSNS(0) },
	{ "advance_loc stops at the pc", CFI_STEPPED, PLAIN, INSNS(0x51, 0x0e, 0x40) },
	{ "advance_loc reaches the pc", CFI_STEPPED, 0x7003, 0x7006, SP(2), W(1),
	  INSNS(0x50, 0x0e, 0x10) },
	{ "advance_loc1", CFI_STEPPED, PLAIN, INSNS(0x02, 0x11, 0x0e, 0x40) },
	{ "advance_loc2", CFI_STEPPED, PLAIN, INSNS(0x03, 0x11, 0x00, 0x0e, 0x40) },
	{ "advance_loc4", CFI_STEPPED, 0x7003, 0x7006, SP(2), W(1),
	  INSNS(0x04, 0x10, 0x00, 0x00, 0x00, 0x0e, 0x10) },
	{ "set_loc", CFI_STEPPED, PLAIN,
	  INSNS(0x01, 0x11, 0x00, 0x50, 0, 0, 0, 0, 0, 0x0e, 0x40) },
	{ "offset", CFI_STEPPED, W(1), 0x7006, SP(4), W(3), INSNS(0x0e, 0x20, 0x83, 0x03) },
	{ "offset_extended", CFI_STEPPED, W(1), 0x7006, SP(4), W(3), INSNS(0x0e, 0x20, 0x05, 3, 3) },
	{ "offset_extended_sf", CFI_STEPPED, W(2), 0x7006, SP(1), W(0), INSNS(0x11, 3, 0x7f) },
	{ "GNU_negative_offset_extended", CFI_STEPPED, W(2), 0x7006, SP(1), W(0),
	  INSNS(0x2f, 3, 1) },
	{ "restore", CFI_STEPPED, PLAIN, INSNS(0x83, 0x03, 0xc3) },
	{ "restore_extended", CFI_STEPPED, PLAIN, INSNS(0x83, 0x03, 0x06, 0x03) },
	{ "undefined", CFI_STEPPED, UNKNOWN, 0x7006, SP(1), W(0), INSNS(0x07, 3) },
	{ "same_value", CFI_STEPPED, PLAIN, INSNS(0x83, 3, 0x08, 3) },
	{ "register", CFI_STEPPED, 0x7006, 0x7006, SP(1), W(0), INSNS(0x09, 3, 6) },
	{ "remember_state and restore_state", CFI_STEPPED, 0x7003, W(-1), SP(1), W(0),
	  INSNS(0x86, 2, 0x0a, 0x0e, 0x20, 0x83, 3, 0x0b) },
	{ "def_cfa", CFI_BAD, NOTHING, INSNS(0x0c, 6, 0x10) },
	{ "def_cfa_register", CFI_BAD, NOTHING, INSNS(0x0d, 6) },
	{ "def_cfa_sf", CFI_STEPPED, 0x7003, 0x7006, SP(2), W(1), INSNS(0x12, 7, 0x7e) },
	{ "def_cfa_offset_sf", CFI_STEPPED, 0x7003, 0x7006, SP(2), W(1), INSNS(0x13, 0x7e) },
	{ "def_cfa_expression", CFI_STEPPED, 0x7003, 0x7006, SP(3), W(2), INSNS(0x0f, 2, 0x77, 0x18) },
	{ "val_offset", CFI_STEPPED, SP(0), 0x7006, SP(1), W(0), INSNS(0x14, 3, 1) },
	{ "val_offset_sf", CFI_STEPPED, SP(2), 0x7006, SP(1), W(0), INSNS(0x15, 3, 0x7f) },
	{ "expression starts with the CFA", CFI_STEPPED, W(2), 0x7006, SP(1), W(0),
	  INSNS(0x10, 3, 2, 0x23, 0x08) },
	{ "val_expression", CFI_STEPPED, SP(2), 0x7006, SP(1), W(0), INSNS(0x16, 3, 2, 0x23, 0x08) },
	{ "a vector register is passed over", CFI_STEPPED, PLAIN, INSNS(0x05, 20, 9) },
	{ "GNU_args_size", CFI_STEPPED, PLAIN, INSNS(0x2e, 0x20) },
	{ "the stack pointer by a rule of its own", CFI_STEPPED, 0x7003, 0x7006, W(5), W(0),
	  INSNS(0x10, 7, 2, 0x77, 0x28) },
	/* The first entries of a PLT: rsp + 8 + ((rip & 15) >= 11) * 8. */
	{ "the PLT's expression", CFI_STEPPED, 0x7003, 0x7006, SP(1), W(0),
	  INSNS(0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22) },
	{ "an undefined return address is the bottom", CFI_BOTTOM, NOTHING, INSNS(0x07, 16) },
	{ "a return address that stays the same is wrong", CFI_BAD, NOTHING, INSNS(0x08, 16) },
	{ "an unknown instruction", CFI_BAD, NOTHING, INSNS(0x3f) },
	{ "restore_state without remember_state", CFI_BAD, NOTHING, INSNS(0x0b) },
	{ "remember_state too often", CFI_BAD, NOTHING,
	  INSNS(10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10) },
	{ "a block longer than the record", CFI_BAD, NOTHING, INSNS(0x0f, 0xff, 0x7f, 0x77, 0) },
	{ "a LEB128 without end", CFI_BAD, NOTHING,
	  INSNS(0x0e, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
		128, 128, 128, 128, 128, 1) },
	{ "a CFA by a register of no value", CFI_BAD, NOTHING, INSNS(0x0c, 31, 8) },
	{ "a return address outside of memory", CFI_BAD, NOTHING, INSNS(0x0e, 0xff, 0xff, 0xff, 0x7f) },
	{ "a register outside of memory is unknown", CFI_STEPPED, UNKNOWN, 0x7006, SP(1), W(0),
	  INSNS(0x83, 0xff, 0xff, 0x7f) },
	{ "an endless expression", CFI_BAD, NOTHING, INSNS(0x0f, 3, 0x2f, 0xfd, 0xff) },
	{ "an expression that leaves itself", CFI_BAD, NOTHING, INSNS(0x0f, 3, 0x2f, 0x80, 0xff) },
	{ "an expression that overfills its stack", CFI_BAD, NOTHING,
	  INSNS(0x0f, 4, 0x31, 0x2f, 0xfc, 0xff) },
	{ "an expression that pops what is not there", CFI_BAD, NOTHING, INSNS(0x0f, 1, 0x22) },
	{ "an empty expression", CFI_BAD, NOTHING, INSNS(0x0f, 0) },
	{ "division by zero", CFI_BAD, NOTHING, INSNS(0x0f, 3, 0x31, 0x30, 0x1b) },
	{ "an unknown operation", CFI_BAD, NOTHING, INSNS(0x0f, 1, 0xf0) },
};

static bool has(const struct cfi_frame *frame, unsigned number, uint64_t expected)
{
	bool known = (frame->known & (uint32_t)1 << number) != 0;

	return expected == UNKNOWN ? !known : known && frame->reg[number] == expected;
}

static void test_programs(const struct arch *arch)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const struct program *program = &programs[i];
		struct plan plan = { .arch = arch, .version = 1, .augmentation = "zR",
				     .encoding = ABSPTR, .size = program->size };
		struct cfi_frame frame = make_frame(arch), before = frame;
		struct cfi_table table;
		enum cfi_result result;
		uint64_t fde;

		memcpy(plan.insns, program->insns, program->size);
		table = make_table(&plan, &fde);
		result = cfi_step(arch, &table, &memory, &frame);
		if (result == CFI_STEPPED)
			ok(program->result == CFI_STEPPED && has(&frame, 3, program->rbx) &&
			   has(&frame, 6, program->rbp) && has(&frame, 7, program->sp) &&
			   frame.pc == program->pc && !frame.exact, "instructions: %s", program->name);
		else
			ok(result == program->result && memcmp(&frame, &before, sizeof(frame)) == 0,
			   "instructions: %s (result %d)", program->name, result);
	}
}

/* A register that is not known inside is not known in the caller, whose rule says that it is the same. */
static void test_unknown(const struct arch *arch)
{
	struct plan plan = { .arch = arch, .version = 1, .augmentation = "zR", .encoding = ABSPTR, .size = 1 };
	struct cfi_frame frame = make_frame(arch);
	struct cfi_table table;
	uint64_t fde;

	frame.known &= ~((uint32_t)1 << 3);
	table = make_table(&plan, &fde);
	ok(cfi_step(arch, &table, &memory, &frame) == CFI_STEPPED && has(&frame, 3, UNKNOWN) && has(&frame, 6, 0x7006),
	   "a register that nobody knows stays unknown");
}

/* Expressions that compute one value: DWARF 5 section 2.5. */
static const struct {
	const char *name;
	uint64_t value;
	uint8_t ops[24];
	size_t size;
} expressions[] = {
	{ "const1u", 0xff, INSNS(0x08, 0xff) },
	{ "const1s", (uint64_t)-1, INSNS(0x09, 0xff) },
	{ "const2u", 0xfffe, INSNS(0x0a, 0xfe, 0xff) },
	{ "const2s", (uint64_t)-2, INSNS(0x0b, 0xfe, 0xff) },
	{ "const4u", 0x80000001, INSNS(0x0c, 1, 0, 0, 0x80) },
	{ "const4s", 0xffffffff80000001, INSNS(0x0d, 1, 0, 0, 0x80) },
	{ "const8u", 0x0807060504030201, INSNS(0x0e, 1, 2, 3, 4, 5, 6, 7, 8) },
	{ "constu", 0x3fff, INSNS(0x10, 0xff, 0x7f) },
	{ "consts", (uint64_t)-128, INSNS(0x11, 0x80, 0x7f) },
	{ "addr", 0x1122, INSNS(0x03, 0x22, 0x11, 0, 0, 0, 0, 0, 0) },
	{ "dup, plus", 6, INSNS(0x33, 0x12, 0x22) },
	{ "drop", 1, INSNS(0x31, 0x32, 0x13) },
	{ "over, minus", 1, INSNS(0x31, 0x32, 0x14, 0x1c) },
	{ "pick", 1, INSNS(0x31, 0x32, 0x33, 0x15, 2) },
	{ "swap, minus", 4, INSNS(0x31, 0x35, 0x16, 0x1c) },
	{ "rot", 2, INSNS(0x31, 0x32, 0x33, 0x17) },
	{ "abs", 5, INSNS(0x09, 0xfb, 0x19) },
	{ "and", 4, INSNS(0x36, 0x3c, 0x1a) },
	{ "div is signed", (uint64_t)-2, INSNS(0x09, 0xfb, 0x32, 0x1b) },
	{ "mod", 1, INSNS(0x37, 0x33, 0x1d) },
	{ "mul", 42, INSNS(0x36, 0x37, 0x1e) },
	{ "neg", (uint64_t)-3, INSNS(0x33, 0x1f) },
	{ "not", ~(uint64_t)3, INSNS(0x33, 0x20) },
	{ "or", 7, INSNS(0x35, 0x33, 0x21) },
	{ "plus_uconst", 0x83, INSNS(0x33, 0x23, 0x80, 0x01) },
	{ "shl", 24, INSNS(0x33, 0x33, 0x24) },
	{ "shl by more than there is", 0, INSNS(0x33, 0x08, 64, 0x24) },
	{ "shr", 0x1fffffffffffffff, INSNS(0x09, 0xff, 0x33, 0x25) },
	{ "shra", (uint64_t)-1, INSNS(0x09, 0xff, 0x33, 0x26) },
	{ "xor", 6, INSNS(0x35, 0x33, 0x27) },
	{ "bra taken", 5, INSNS(0x35, 0x31, 0x28, 1, 0, 0x37) },
	{ "bra not taken", 7, INSNS(0x35, 0x30, 0x28, 1, 0, 0x37) },
	{ "skip", 5, INSNS(0x35, 0x2f, 1, 0, 0x37) },
	{ "eq", 0, INSNS(0x35, 0x33, 0x29) },
	{ "ge", 1, INSNS(0x35, 0x33, 0x2a) },
	{ "gt", 0, INSNS(0x33, 0x33, 0x2b) },
	{ "le is signed", 1, INSNS(0x09, 0xff, 0x33, 0x2c) },
	{ "lt", 0, INSNS(0x35, 0x33, 0x2d) },
	{ "ne", 1, INSNS(0x35, 0x33, 0x2e) },
	{ "breg", 0x7002, INSNS(0x73, 0x7f) },
	{ "bregx", 0x7004, INSNS(0x92, 3, 1) },
	{ "deref", W(2), INSNS(0x77, 16, 0x06) },
	{ "deref_size", 2, INSNS(0x77, 16, 0x94, 1) },
	{ "nop", 4, INSNS(0x34, 0x96) },
};

static void test_expressions(const struct arch *arch)
{
	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
		struct plan plan = { .arch = arch, .version = 1, .augmentation = "zR",
				     .encoding = ABSPTR, .size = expressions[i].size + 3 };
		struct cfi_frame frame = make_frame(arch);
		struct cfi_table table;
		uint64_t fde;

		plan.insns[0] = 0x16;	/* DW_CFA_val_expression rbx */
		plan.insns[1] = 3;
		plan.insns[2] = (uint8_t)expressions[i].size;
		memcpy(plan.insns + 3, expressions[i].ops, expressions[i].size);
		table = make_table(&plan, &fde);
		ok(cfi_step(arch, &table, &memory, &frame) == CFI_STEPPED &&
		   has(&frame, 3, expressions[i].value), "expression: %s", expressions[i].name);
	}
}

/* A plain step works, and only inside the function. */
static bool serves(const struct arch *arch, const struct cfi_table *table)
{
	struct cfi_frame frame = make_frame(arch), past = frame;
	struct cfi_function function;
	bool stepped = cfi_step(arch, table, &memory, &frame) == CFI_STEPPED &&
		frame.pc == word(0) && frame.reg[arch->dwarf_sp] == STACK + arch->word;

	past.pc = FUNC + FUNC_SIZE;
	if (cfi_step(arch, table, &memory, &past) != CFI_NONE)
		return false;
	/* A return address may be the end of a function that ends with a call. */
	past.exact = false;
	return stepped && cfi_step(arch, table, &memory, &past) == CFI_STEPPED &&
		cfi_function(arch, table, &memory, FUNC, &function) == 0 &&
		function.start == FUNC && function.end == FUNC + FUNC_SIZE &&
		cfi_function(arch, table, &memory, function.end, &function) == -ENOENT;
}

static const struct {
	const char *name;
	uint8_t version;
	const char *augmentation;
	uint8_t encoding;
	bool huge, good;
} forms[] = {
	{ "version 1", 1, "zR", ABSPTR, false, true },
	{ "version 3", 3, "zR", ABSPTR, false, true },
	{ "version 4", 4, "zR", ABSPTR, false, true },
	{ "no augmentation", 1, "", ABSPTR, false, true },
	{ "zPLR", 1, "zPLR", PCREL | SDATA4, false, true },
	{ "zRS", 1, "zRS", PCREL | SDATA4, false, true },
	{ "udata4", 1, "zR", UDATA4, false, true },
	{ "udata8", 1, "zR", UDATA8, false, true },
	{ "sdata4", 1, "zR", SDATA4, false, true },
	{ "sdata8", 1, "zR", SDATA8, false, true },
	{ "uleb128", 1, "zR", ULEB, false, true },
	{ "pcrel sdata4", 1, "zR", PCREL | SDATA4, false, true },
	{ "pcrel sdata8", 1, "zR", PCREL | SDATA8, false, true },
	{ "64-bit length", 1, "zR", PCREL | SDATA4, true, true },
	{ "version 2", 2, "zR", ABSPTR, false, false },
	{ "eh", 1, "eh", ABSPTR, false, false },
	{ "an unknown augmentation", 1, "zRX", ABSPTR, false, false },
	{ "textrel", 1, "zR", TEXTREL | SDATA4, false, false },
	{ "datarel", 1, "zR", DATAREL | SDATA4, false, false },
	{ "an unknown encoding", 1, "zR", 0x07, false, false },
	{ "an encoding of nothing", 1, "zR", OMIT, false, false },
};

static void test_forms(const struct arch *arch)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct plan plan = { .arch = arch, .version = forms[i].version,
				     .augmentation = forms[i].augmentation,
				     .encoding = forms[i].encoding, .huge = forms[i].huge };
		uint64_t fde;
		struct cfi_table table = make_table(&plan, &fde);
		struct cfi_frame frame = make_frame(arch);

		if (forms[i].good)
			ok(serves(arch, &table), "%s form: %s", arch->name, forms[i].name);
		else
			ok(cfi_step(arch, &table, &memory, &frame) != CFI_STEPPED,
			   "%s form: %s is refused", arch->name, forms[i].name);
	}
}

/* A header over the table: rows for [FUNC - size, FUNC + size). */
static void put_header(struct cfi_table *table, uint8_t encoding, uint32_t count, uint64_t fde)
{
	table->hdr = here();
	put(1, 1);
	put(PCREL | SDATA4, 1);
	put(encoding == OMIT ? OMIT : UDATA4, 1);
	put(encoding, 1);
	put(table->eh_frame - here(), 4);
	if (encoding != OMIT)
		put(count, 4);
	put(FUNC - FUNC_SIZE - table->hdr, 4);
	put(0, 4);		/* the neighbour's FDE is not looked at */
	put(FUNC - table->hdr, 4);
	put(fde - table->hdr, 4);
	table->hdr_size = here() - table->hdr;
	table->eh_frame = 0;
	table->eh_frame_size = 0;
}

static void test_lookup(const struct arch *arch)
{
	struct plan plan = { .arch = arch, .version = 1, .augmentation = "zR",
			     .encoding = PCREL | SDATA4 };
	uint64_t fde;
	struct cfi_table table = make_table(&plan, &fde), copied;
	struct cfi_index_entry *index = NULL;
	struct cfi_frame frame = make_frame(arch);
	uint8_t *bytes;
	size_t size;
	struct cfi_header header;

	ok(cfi_index_create(arch, &table, &memory, &index, &table.n_index) == 0 &&
	   table.n_index == 2, "%s: an index has all functions", arch->name);
	table.index = index;
	ok(serves(arch, &table), "%s: an index is searched", arch->name);
	free(index);

	table = make_table(&plan, &fde);
	put_header(&table, DATAREL | SDATA4, 2, fde);
	ok(cfi_header(arch, &table, &memory, &header) == 0 && header.n_rows == 2 &&
	   serves(arch, &table), "%s: a header is searched", arch->name);
	table = make_table(&plan, &fde);
	put_header(&table, OMIT, 0, fde);
	ok(cfi_header(arch, &table, &memory, &header) == 0 && header.n_rows == 0 &&
	   serves(arch, &table), "%s: without rows the section is read", arch->name);
	table = make_table(&plan, &fde);
	put_header(&table, DATAREL | SDATA4, 0x20000000, fde);
	ok(cfi_header(arch, &table, &memory, &header) == 0 && header.n_rows == 0,
	   "%s: a count that exceeds the header is not believed", arch->name);
	table = make_table(&plan, &fde);
	put_header(&table, DATAREL | SDATA4, 2, LAST_WORD + 0x1000);
	ok(cfi_step(arch, &table, &memory, &frame) == CFI_BAD,
	   "%s: a row that leads nowhere is no proof", arch->name);

	table = make_table(&plan, &fde);
	size = (size_t)table.eh_frame_size;
	bytes = malloc(size);
	if (bytes == NULL)
		exit(1);
	memcpy(bytes, image.bytes + (table.eh_frame - BASE), size);
	memset(image.bytes + (table.eh_frame - BASE), 0xff, size);
	copied = table;
	copied.eh_frame_bytes = bytes;
	ok(serves(arch, &copied), "%s: bytes of the section that are given are used", arch->name);
	free(bytes);
}

static void test_signal(const struct arch *arch)
{
	struct plan plan = { .arch = arch, .version = 1, .augmentation = "zRS",
			     .encoding = PCREL | SDATA4 };
	uint64_t fde;
	struct cfi_table table = make_table(&plan, &fde);
	struct cfi_frame frame = make_frame(arch);

	ok(cfi_step(arch, &table, &memory, &frame) == CFI_STEPPED && frame.signal && frame.exact,
	   "%s: what a signal interrupted is taken exactly", arch->name);
}

/* Every byte of the tables replaced: nothing but a result may come of it. */
static void test_damage(const struct arch *arch)
{
	struct plan plan = { .arch = arch, .version = 1, .augmentation = "zPLR",
			     .encoding = PCREL | SDATA4,
			     .insns = { 0x44, 0x0e, 0x10, 0x0a, 0x86, 0x02, 0x0b, 0x0f, 0x02, 0x77,
					0x08 }, .size = 11 };
	uint64_t fde;
	struct cfi_table table = make_table(&plan, &fde);
	size_t first = (size_t)(table.eh_frame - BASE), results[4] = { 0 };

	for (size_t i = first; i < first + table.eh_frame_size; i++) {
		uint8_t kept = image.bytes[i];

		for (unsigned value = 0; value < 256; value++) {
			struct cfi_frame frame = make_frame(arch);

			image.bytes[i] = (uint8_t)value;
			results[cfi_step(arch, &table, &memory, &frame)]++;
		}
		image.bytes[i] = kept;
	}
	ok(results[CFI_STEPPED] != 0 && results[CFI_NONE] != 0 && results[CFI_BAD] != 0,
	   "%s: damaged tables give a result", arch->name);
	for (uint64_t size = 0; size < table.eh_frame_size - 4; size++) {
		struct cfi_table cut = table;
		struct cfi_frame frame = make_frame(arch);

		cut.eh_frame_size = size == 0 ? 1 : size;
		if (cfi_step(arch, &cut, &memory, &frame) == CFI_STEPPED) {
			ok(false, "%s: a section cut to %zu bytes has no function", arch->name,
			   (size_t)size);
			return;
		}
	}
	ok(true, "%s: a section that is cut is not read past its end", arch->name);
}

int main(void)
{
	const struct arch *amd64 = arch_find(ELFCLASS64, EM_X86_64);

	msg_init("u-cfi");
	if (amd64 != NULL) {
		test_programs(amd64);
		test_unknown(amd64);
		test_expressions(amd64);
	}
	for (size_t i = 0; arch_all[i] != NULL; i++) {
		test_forms(arch_all[i]);
		test_lookup(arch_all[i]);
		test_signal(arch_all[i]);
		test_damage(arch_all[i]);
	}
	return done();
}
