/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * effects 32|64: nsb-gen's decoder against libzydis.  It reads a line of hexadecimal digits for each
 * instruction, and prints where the two do not agree on its length, its flow, or the registers that it reads and writes.
 *
 * Registers are compared as wholes.  A register that nsb-gen takes for read and libzydis does not is no
 * error, as a set that is too large there can only lead to a refusal; -v tells of it.
 */
#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "x86.h"

struct counts {
	unsigned long all, unknown, opaque, invalid, wrong;
};

static int vector_number(ZydisRegister reg)
{
	if (reg >= ZYDIS_REGISTER_XMM0 && reg <= ZYDIS_REGISTER_XMM31)
		return reg - ZYDIS_REGISTER_XMM0;
	if (reg >= ZYDIS_REGISTER_YMM0 && reg <= ZYDIS_REGISTER_YMM31)
		return reg - ZYDIS_REGISTER_YMM0;
	if (reg >= ZYDIS_REGISTER_ZMM0 && reg <= ZYDIS_REGISTER_ZMM31)
		return reg - ZYDIS_REGISTER_ZMM0;
	return -1;
}

/* A bit for each register: 16 general ones, 8 masks, 32 vector registers. */
static uint64_t bit_of(ZydisMachineMode mode, ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(mode, reg);
	int vector = vector_number(reg);

	if (vector >= 0)
		return UINT64_C(1) << (24 + vector);
	if (reg >= ZYDIS_REGISTER_K0 && reg <= ZYDIS_REGISTER_K7)
		return UINT64_C(1) << (16 + reg - ZYDIS_REGISTER_K0);
	if (ZydisRegisterGetClass(whole) == ZYDIS_REGCLASS_GPR64 || ZydisRegisterGetClass(whole) == ZYDIS_REGCLASS_GPR32)
		return UINT64_C(1) << ZydisRegisterGetId(whole);
	return 0;
}

static uint64_t bits_of_set(struct regset set)
{
	uint64_t bits = 0;

	for (unsigned reg = 0; reg < 16; reg++)
		bits |= (set.general & GPR_BITS(reg)) != 0 ? UINT64_C(1) << reg : 0;
	for (unsigned reg = 0; reg < 8; reg++)
		bits |= (set.general & MASK_BIT(reg)) != 0 ? UINT64_C(1) << (16 + reg) : 0;
	for (unsigned reg = 0; reg < 32; reg++)
		bits |= (set.vector & VECTOR_BITS(1) << reg) != 0 ? UINT64_C(1) << (24 + reg) : 0;
	return bits;
}

static void print_bits(const char *what, uint64_t bits)
{
	printf(" %s", what);
	for (unsigned i = 0; i < 56; i++)
		if ((bits >> i & 1) != 0)
			printf(" %c%u", i < 16 ? 'r' : i < 24 ? 'k' : 'v', i < 16 ? i : i < 24 ? i - 16 : i - 24);
}

static enum insn_flow flow_of(const ZydisDecodedInstruction *insn)
{
	switch (insn->meta.category) {
	case ZYDIS_CATEGORY_CALL: return FLOW_CALL;
	case ZYDIS_CATEGORY_RET: return FLOW_RETURN;
	case ZYDIS_CATEGORY_COND_BR: return FLOW_BRANCH;
	case ZYDIS_CATEGORY_UNCOND_BR: return FLOW_JUMP;
	default: return FLOW_NEXT;
	}
}

/*
 * Operations of a register with itself whose result is a constant, and the like with -1 and 0, depend on
 * nothing.
 */
static bool is_idiom(ZydisMnemonic mnemonic)
{
	static const char *const idioms[] = { "xor", "sub", "sbb", "or", "and", "pxor", "xorps", "xorpd", "pcmpeqb", "pcmpeqw",
		"pcmpeqd", "pcmpeqq", "pcmpgtb", "pcmpgtw", "pcmpgtd", "pcmpgtq", "psubb", "psubw", "psubd", "psubq",
		"pxord", "pxorq", "pternlogd", "pternlogq" };
	const char *name = ZydisMnemonicGetString(mnemonic);

	name += *name == 'v';
	for (size_t i = 0; i < sizeof(idioms) / sizeof(idioms[0]); i++)
		if (strcmp(name, idioms[i]) == 0)
			return true;
	return false;
}

/*
 * Instructions of which libzydis 4.0 tells something else than the manual: cmps and scas move their
 * registers, vcmp and vfpclass of AVX512-FP16 do not read the mask that they write, vzeroupper has effects.
 */
static bool is_told_wrong(ZydisMnemonic mnemonic)
{
	static const char *const wrong[] = { "cmps", "scas", "vcmpsh", "vcmpph", "vfpclass", "vzero", "nop", "ud0", "ud1" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (strncmp(ZydisMnemonicGetString(mnemonic), wrong[i], strlen(wrong[i])) == 0)
			return true;
	return false;
}

/* FLOW_STOP is what nsb-gen says of ud2, hlt and int3; system calls go on behind themselves. */
static bool is_flow(enum insn_flow ours, enum insn_flow theirs, const ZydisDecodedInstruction *insn)
{
	if (insn->mnemonic == ZYDIS_MNEMONIC_XBEGIN)
		return ours == FLOW_BRANCH;
	if (insn->mnemonic == ZYDIS_MNEMONIC_XABORT || insn->mnemonic == ZYDIS_MNEMONIC_XEND)
		return ours == FLOW_NEXT;
	if (ours == FLOW_CALL_ANY)
		ours = FLOW_CALL;
	if (ours == FLOW_JUMP_ANY)
		ours = FLOW_JUMP;
	return ours == theirs || (ours == FLOW_STOP && theirs == FLOW_NEXT) || insn->meta.category == ZYDIS_CATEGORY_SYSTEM ||
	       insn->meta.category == ZYDIS_CATEGORY_SYSRET;
}

static void compare(const ZydisDecoder *decoder, const uint8_t *bytes, size_t size, const char *line, bool is_verbose,
		    struct counts *counts)
{
	bool wide = decoder->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction theirs;
	uint64_t reads = 0, writes = 0;
	struct insn ours;
	struct shape shape;
	bool is_known = x86_decode(bytes, size, 0x1000, wide, &ours);

	counts->all++;
	if (is_known != x86_shape(bytes, size, 0x1000, wide, &shape) || (is_known && shape.size != ours.size)) {
		printf("the two answers of nsb-gen are different: %s", line);
		counts->wrong++;
	}
	/* jkzd and jknzd are of Knights Corner, which no Linux program of today is for. */
	if (ZYAN_FAILED(ZydisDecoderDecodeFull(decoder, bytes, size, &theirs, operands)) ||
	    strncmp(ZydisMnemonicGetString(theirs.mnemonic), "jk", 2) == 0) {
		counts->invalid++;
		return;
	}
	if (!is_known) {
		counts->unknown++;
		if (is_verbose)
			printf("unknown: %s %s", ZydisMnemonicGetString(theirs.mnemonic), line);
		return;
	}
	for (unsigned i = 0; i < theirs.operand_count; i++) {
		const ZydisDecodedOperand *operand = &operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY)
			reads |= bit_of(decoder->machine_mode, operand->mem.base) |
				 bit_of(decoder->machine_mode, operand->mem.index);
		if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		if ((operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0)
			reads |= bit_of(decoder->machine_mode, operand->reg.value);
		if ((operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0)
			writes |= bit_of(decoder->machine_mode, operand->reg.value);
	}
	/* Where the stack pointer goes is told by another member, and k0 as a mask means that there is none. */
	uint64_t ignored = UINT64_C(1) << GPR_SP | UINT64_C(1) << 16;
	uint64_t our_reads = bits_of_set(ours.reads) | ignored, our_writes = bits_of_set(ours.writes) | ignored;

	reads |= ignored;
	writes |= ignored;
	if (is_idiom(theirs.mnemonic))
		reads &= our_reads | ~writes;
	if ((theirs.mnemonic == ZYDIS_MNEMONIC_VPTERNLOGD || theirs.mnemonic == ZYDIS_MNEMONIC_VPTERNLOGQ) &&
	    (theirs.raw.imm[0].value.u == 0 || theirs.raw.imm[0].value.u == 0xff))
		reads = our_reads;
	if (is_told_wrong(theirs.mnemonic)) {
		reads = our_reads;
		writes = our_writes;
	}
	/* What the kernel does is not libzydis's concern; a call of what follows is a push. */
	if (theirs.mnemonic == ZYDIS_MNEMONIC_SYSCALL || theirs.mnemonic == ZYDIS_MNEMONIC_INT)
		our_writes = writes;
	if (ours.flow == FLOW_NEXT && theirs.mnemonic == ZYDIS_MNEMONIC_CALL && ours.pushes < 0 && ours.moved != 0)
		ours.flow = FLOW_CALL;
	bool is_wrong = ours.size != theirs.length || !is_flow(ours.flow, flow_of(&theirs), &theirs);
	if (ours.is_opaque) {
		counts->opaque++;
		if (is_verbose)
			printf("of unknown effects: %s %s", ZydisMnemonicGetString(theirs.mnemonic), line);
	} else {
		is_wrong = is_wrong || our_writes != writes || (reads & ~our_reads) != 0;
	}
	if (!is_wrong && (!is_verbose || our_reads == reads))
		return;
	counts->wrong += is_wrong;
	printf("%s: %u for %u bytes, flow %d for %d,", ZydisMnemonicGetString(theirs.mnemonic), ours.size, theirs.length,
	       ours.flow, flow_of(&theirs));
	print_bits("reads missing", reads & ~our_reads);
	print_bits("too many", our_reads & ~reads);
	print_bits("writes missing", writes & ~our_writes);
	print_bits("too many", our_writes & ~writes);
	printf(": %s", line);
}

/* ModRM and all that may follow: registers, and the forms of memory operands. */
static void compare_forms(const ZydisDecoder *decoder, uint8_t *bytes, size_t size, bool is_vector, bool is_verbose,
			  struct counts *counts)
{
	static const uint8_t forms[][2] = {
		{ 0xc1, 0x11 }, { 0xc7, 0x11 }, { 0x01, 0 }, { 0x04, 0x25 }, { 0x44, 0x24 }, { 0x84, 0x4b },
		{ 0xc0, 0x22 }, { 0x05, 0 }, { 0x04, 0x8b }, { 0x46, 0 }, { 0x85, 0 },
	};
	char line[64], *to;

	/* Of vector instructions there are many; some forms are enough. */
	for (size_t form = 0; form < (is_vector ? 6 : sizeof(forms) / sizeof(forms[0])); form++) {
		for (unsigned reg = is_vector ? 1 : 0; reg < 8; reg += is_vector ? 3 : 1) {
			bytes[size] = (uint8_t)(forms[form][0] | reg << 3);
			bytes[size + 1] = forms[form][1];
			for (size_t i = size + 2; i < 16; i++)
				bytes[i] = 0x10;
			to = line;
			for (size_t i = 0; i < 15; i++) {
				*to++ = "0123456789abcdef"[bytes[i] >> 4];
				*to++ = "0123456789abcdef"[bytes[i] & 15];
			}
			strcpy(to, "\n");
			compare(decoder, bytes, 15, line, is_verbose, counts);
		}
	}
}

/* Every opcode that there is, with all prefixes that matter. */
static void compare_legacy(const ZydisDecoder *decoder, bool is_verbose, struct counts *counts)
{
	static const uint8_t prefixes[] = { 0, 0x66, 0xf2, 0xf3 }, rex[] = { 0, 0x48, 0x45 };
	static const uint8_t maps[][3] = { { 0 }, { 1, 0x0f }, { 2, 0x0f, 0x38 }, { 2, 0x0f, 0x3a } };
	bool wide = decoder->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;

	for (unsigned prefix = 0; prefix < sizeof(prefixes); prefix++)
		for (unsigned r = 0; r < (wide ? sizeof(rex) : 1); r++)
			for (unsigned map = 0; map < 4; map++)
				for (unsigned opcode = 0; opcode < 256; opcode++) {
					uint8_t bytes[16];
					size_t size = 0;

					if (prefixes[prefix] != 0)
						bytes[size++] = prefixes[prefix];
					if (rex[r] != 0)
						bytes[size++] = rex[r];
					for (unsigned i = 0; i < maps[map][0]; i++)
						bytes[size++] = maps[map][1 + i];
					bytes[size++] = (uint8_t)opcode;
					compare_forms(decoder, bytes, size, false, is_verbose, counts);
				}
}

/* VEX (c4), XOP (8f) and EVEX (62): each `step`-th. */
static void compare_vector(const ZydisDecoder *decoder, uint8_t escape, unsigned step, bool is_verbose,
			   struct counts *counts)
{
	unsigned n = 0;
	bool wide = decoder->machine_mode == ZYDIS_MACHINE_MODE_LONG_64, is_evex = escape == 0x62;
	static const uint8_t third[] = { 0x08, 0x0b, 0x8b, 0x00, 0x28, 0x4a, 0xca, 0x18, 0x49 };

	for (unsigned map = 0; map < (escape == 0x8f ? 12 : 8); map++)
		for (unsigned high = 0; high < (wide ? 3 : 1); high++)
			for (unsigned second = 0; second < 256; second++)
				for (unsigned k = 0; k < (is_evex ? high == 0 ? sizeof(third) : 2 : 1); k++)
					for (unsigned opcode = 0; opcode < 256; opcode++) {
						static const uint8_t highs[] = { 0xe0, 0x40, 0x80 };
						uint8_t bytes[16] = { escape, 0, (uint8_t)second };
						size_t size = 3;

						/* Two values of vvvv are enough. */
						if ((second & 0x78) != 0x78 && (second & 0x78) != 0x50)
							continue;
						if ((escape == 0x8f && map < 8) || (is_evex && (second & 4) == 0) || n++ % step != 0)
							continue;
						bytes[1] = (uint8_t)(highs[high] | map);
						if (is_evex) {
							bytes[1] |= high == 1 ? 0 : 0x10;
							bytes[size++] = third[k];
						}
						bytes[size++] = (uint8_t)opcode;
						compare_forms(decoder, bytes, size, true, is_verbose, counts);
					}
}

int main(int argc, char **argv)
{
	bool wide = argc > 1 && strcmp(argv[1], "64") == 0, is_verbose = argc > 2 && strcmp(argv[2], "-v") == 0,
	     is_all = argc > 2 && strcmp(argv[argc - 1], "all") == 0;
	struct counts counts = { 0 };
	ZydisDecoder decoder;
	char line[256];

	if (argc < 2 || (!wide && strcmp(argv[1], "32") != 0)) {
		fprintf(stderr, "usage: effects 32|64 [-v] [some|all]\n");
		return 64;
	}
	ZydisDecoderInit(&decoder, wide ? ZYDIS_MACHINE_MODE_LONG_64 : ZYDIS_MACHINE_MODE_LEGACY_32,
			 wide ? ZYDIS_STACK_WIDTH_64 : ZYDIS_STACK_WIDTH_32);
	if (is_all || (argc > 2 && strcmp(argv[argc - 1], "some") == 0)) {
		/* By a prime number each opcode has its turn. */
		unsigned step = is_all ? 1 : 29;

		compare_legacy(&decoder, is_verbose, &counts);
		compare_vector(&decoder, 0xc4, step, is_verbose, &counts);
		compare_vector(&decoder, 0x8f, step, is_verbose, &counts);
		compare_vector(&decoder, 0x62, step, is_verbose, &counts);
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		uint8_t bytes[16];
		size_t size = 0;
		unsigned byte;

		for (const char *p = line; size < sizeof(bytes) && sscanf(p, "%2x", &byte) == 1; p += 2)
			bytes[size++] = (uint8_t)byte;
		if (size != 0)
			compare(&decoder, bytes, size, line, is_verbose, &counts);
	}
	printf("# %lu instructions, %lu that libzydis does not know, %lu unknown, %lu of unknown effects, %lu wrong\n", counts.all,
	       counts.invalid, counts.unknown, counts.opaque, counts.wrong);
	return counts.wrong != 0;
}
