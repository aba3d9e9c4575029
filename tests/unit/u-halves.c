/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses that two instructions make together.  No code of x86 does that, so x86's is read as that of a made-up ABI:
 * `mov $5, %eax` puts page 5 into a register, and `lea 0x10(%rax), %rdi` or `mov 0x10(%rax), %ecx` adds the place in it.
 */
#include <elf.h>

#include "calls.h"
#include "code.h"
#include "differ.h"
#include "tap.h"

/* mov $imm32 to a register of eight: what the page is. */
static bool is_first(const uint8_t *code)
{
	return (code[0] & 0xf8) == 0xb8;
}

/* lea, or mov from memory, with REX.W or without, a base register that is not rsp and a displacement of four bytes. */
static bool is_second(const uint8_t *code, unsigned *base)
{
	code += code[0] == 0x48;
	*base = code[1] & 7;
	return (code[0] == 0x8d || code[0] == 0x8b) && (code[1] & 0xc0) == 0x80 && *base != 4;
}

static uint64_t join(struct halves *halves, const uint8_t *code, uint64_t addr)
{
	unsigned base;
	int32_t number;

	(void)addr;
	if (is_first(code)) {
		memcpy(&number, code + 1, 4);
		halves->value[code[0] & 7] = (uint64_t)number << 12;
		halves->known |= 1u << (code[0] & 7);
		return 0;
	}
	if (code[0] == 0xe8 || code[0] == 0xc3)
		halves->known = 0;
	if (!is_second(code, &base) || (halves->known >> base & 1) == 0)
		return 0;
	memcpy(&number, code + (code[0] == 0x48) + 2, 4);
	return halves->value[base] + (uint64_t)number;
}

static bool shape(const uint8_t *code, size_t size, uint64_t addr, struct shape *out)
{
	bool is_known = gen_amd64.shape(code, size, addr, out);

	if (is_known && is_first(code))
		out->immediate_size = 0;	/* alone it means nothing */
	return is_known;
}

/* A second half counts if the instruction right before it is a first one. */
static bool may_lead_to(const uint8_t *code, size_t size, size_t at, uint64_t addr, uint64_t got, uint64_t *value)
{
	struct halves halves = { 0 };

	(void)got;
	if (at < 5 || at + 7 > size || !is_first(code + at - 5))
		return false;
	(void)join(&halves, code + at - 5, addr);
	*value = join(&halves, code + at, addr);
	return *value != 0;
}

static struct gen_arch made_up;

/* ---- one instruction after another ---- */

static void check_walk(void)
{
	/* mov $5,%eax; lea 0x10(%rax),%rdi; mov 0x18(%rax),%ecx; ret; lea 0x10(%rax),%rdi */
	static const uint8_t code[] = { 0xb8, 5, 0, 0, 0, 0x48, 0x8d, 0xb8, 0x10, 0, 0, 0, 0x8b, 0x88, 0x18, 0, 0, 0, 0xc3,
					0x48, 0x8d, 0xb8, 0x10, 0, 0, 0 };
	static const uint64_t joined[] = { 0, 0x5010, 0x5018, 0, 0 };
	struct halves halves = { 0 }, other = { 0 };
	struct insn insn;
	struct shape next, same, alone;
	bool good = true, is_alike = true, is_plain = true;
	uint64_t addr = 0x1000;

	for (size_t i = 0, at = 0; i < 5; i++, at += insn.size, addr += insn.size) {
		good &= insn_decode_next(&halves, code + at, sizeof(code) - at, addr, &made_up, &insn) && insn.joined == joined[i] &&
			(i != 2 || insn.memory == 0x5018);
		is_alike &= insn_shape_next(&other, code + at, sizeof(code) - at, addr, &made_up, &next) &&
			insn_shape_of(&insn, code + at, &made_up, &same) && next.is_relative == same.is_relative &&
			next.displacement == same.displacement && next.base == same.base;
		is_alike &= joined[i] == 0 || (same.is_relative && same.base == -1 && same.displacement_size == 4 &&
			addr + same.size + (uint64_t)same.displacement == joined[i]);
		is_plain &= insn_shape(code + at, sizeof(code) - at, addr, &made_up, &alone) && (i != 1 || alone.base == 0);
	}
	ok(good, "an instruction has its address together with one before it, up to a return");
	ok(is_alike, "and a shape as if it had the address itself");
	ok(is_plain, "but not if it is looked at alone");
}

/* ---- whole programs ---- */

static const char program[] =
	".globl f, g, v, w; .hidden v, w\n"
	".type f, @function; .type g, @function; .type v, @object; .type w, @object\n"
	".text\n"
	"f: mov $PAGE, %eax; .byte 0x48, 0x8d, 0xb8; .long OFFSET; mov $PAGE, %edx; .byte 0x8b, 0x8a; .long OFFSET; ret; .size f, .-f\n"
	"g: mov $GPAGE, %eax; .byte 0x48, 0x8d, 0xb8; .long GOFFSET; ret; .size g, .-g\n"
	".data\n"
	".space 16; v: .quad 1; .size v, 8; w: .quad 2; .size w, 8\n";

/* Build it with its code and data at these addresses, and code that leads to `to`; g leads to `g_to`. */
static bool build_program(struct elffile *file, const char *name, unsigned text, unsigned data, unsigned to, unsigned g_to)
{
	char path[128];
	FILE *source;

	snprintf(path, sizeof(path), "%s/%s.s", scratch(), name);
	source = fopen(path, "w");
	if (source == NULL)
		return false;
	fprintf(source, "PAGE = 0x%x\nOFFSET = 0x%x\nGPAGE = 0x%x\nGOFFSET = 0x%x\n%s", to >> 12, to & 0xfff, g_to >> 12, g_to & 0xfff, program);
	(void)fclose(source);
	if (!shell("gcc -nostdlib -shared -fPIC -Wl,-Ttext=0x%x -Wl,-Tdata=0x%x -o %s %s.s", text, data, name, name))
		return false;
	snprintf(path, sizeof(path), "%s/%s", scratch(), name);
	if (elffile_open(file, path) != 0)
		return false;
	file->gen = &made_up;
	return true;
}

/* Are f and g alike in both? */
static bool alike(struct elffile *old, struct elffile *new, bool *f, bool *g)
{
	struct image images[2] = { { 0 }, { 0 } };
	struct differences differences = { 0 };
	bool done = image_init(&images[0], old, &old->symtab) == 0 && image_init(&images[1], new, &new->symtab) == 0 &&
		differences_init(&differences, &images[0], &images[1]) == 0;

	*f = *g = false;
	for (size_t i = 0; i < differences.n_pairs; i++) {
		const char *name = images[0].symbols[differences.pairs[i].old].name;

		if (strcmp(name, "f") == 0)
			*f = differences.pairs[i].likeness == LIKE_SAME;
		if (strcmp(name, "g") == 0)
			*g = differences.pairs[i].likeness == LIKE_SAME;
	}
	differences_deinit(&differences);
	image_deinit(&images[0]);
	image_deinit(&images[1]);
	return done;
}

static void check_witness(void)
{
	struct elffile old, moved, other;
	bool f, g;

	if (!ok(build_program(&old, "old", 0x1000, 0x5000, 0x5010, 0x5018) && build_program(&moved, "moved", 0x2000, 0x8020, 0x8030, 0x8038) &&
		build_program(&other, "other", 0x2000, 0x8000, 0x8010, 0x8010), "programs are built")) {
		note("%s", msg_kept());
		return;
	}
	ok(alike(&old, &moved, &f, &g) && f && g, "code that leads to the same variable elsewhere is the same");
	ok(alike(&old, &other, &f, &g) && f && !g, "and to another one is not");
	made_up.join = NULL;
	ok(alike(&old, &moved, &f, &g) && !g, "which is told by both instructions together");
	made_up.join = join;

	struct binary target = { .file = old };
	ok(is_address_taken(&target, 0x5010) && is_address_taken(&target, 0x5018), "what they lead to has its address taken");
	ok(!is_address_taken(&target, 0x5014), "what they do not lead to has not");
	elffile_close(&old);
	elffile_close(&moved);
	elffile_close(&other);
}

int main(void)
{
	made_up = gen_amd64;
	made_up.name = "made up";
	made_up.join = join;
	made_up.shape = shape;
	made_up.may_lead_to = may_lead_to;
	(void)elf_version(EV_CURRENT);
	check_walk();
	check_witness();
	return done();
}
