/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cfi_step, cfi_function and cfi_index_create over memory that the fuzzer
 * makes.  The first bytes say how the table is found and where the frame
 * stands; the rest is the memory, tables and stack in one, or, behind a CIE and
 * the start of an FDE that are right, instructions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cfi.h"

#define BASE 0x10000u
#define STEPS 16

struct input {
	const uint8_t *bytes;
	size_t size;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_input(const struct bytes *self, uint64_t addr, void *buf, size_t size)
{
	const struct input *input = self->ctx;

	if (addr < BASE || size > input->size || addr - BASE > input->size - size)
		return -EFAULT;
	memcpy(buf, input->bytes + (addr - BASE), size);
	return 0;
}

struct choice {
	uint8_t arch, form, exact, spare;
	uint16_t eh_frame, hdr, pc, sp;
};

static void step(const struct arch *arch, const struct cfi_table *table, const struct bytes *bytes,
		 const struct choice *choice)
{
	struct cfi_frame frame = { .pc = BASE + choice->pc, .exact = choice->exact & 1 };
	struct cfi_function function;

	for (unsigned i = 0; i < arch->n_dwarf_regs; i++)
		frame.reg[i] = BASE + choice->sp + i;
	frame.known = CFI_REG(arch->n_dwarf_regs) - 1;
	for (unsigned i = 0; i < STEPS; i++) {
		if (cfi_function(arch, table, bytes, frame.pc, &function) == 0 &&
		    (frame.pc < function.start || frame.pc >= function.end))
			abort();
		if (cfi_step(arch, table, bytes, &frame) != CFI_STEPPED)
			break;
		if (arch->word == 4 && frame.pc > UINT32_MAX)
			abort();
	}
}

/* A section that says of all of the memory's code what the instructions say; its size. */
static size_t frame_instructions(const struct arch *arch, const uint8_t *insns, size_t size,
				 uint8_t out[4096])
{
	/* Length 16, CIE, version 1, "zR", alignments 1 and -8 or -4, column, udata4. */
	uint8_t cie[20] = { 16, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1,
			    (uint8_t)(0x80 - arch->word), (uint8_t)(arch->n_dwarf_regs - 1),
			    1, 0x03 };
	uint32_t fde[4] = { 0, sizeof(cie) + 4, BASE, 4096 };
	size_t start = sizeof(cie) + sizeof(fde) + 1;

	if (size > 4096 - start)
		size = 4096 - start;
	fde[0] = (uint32_t)(sizeof(fde) - 4 + 1 + size);
	memset(out, 0, 4096);
	memcpy(out, cie, sizeof(cie));
	memcpy(out + sizeof(cie), fde, sizeof(fde));
	memcpy(out + start, insns, size);
	return 4096;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choice choice;
	struct input input;
	struct bytes bytes = { read_input, &input };
	struct cfi_table table = { .start = 0, .end = UINT64_MAX };
	struct cfi_index_entry *index = NULL;
	uint8_t framed[4096];
	const struct arch *arch;
	size_t n_archs = 0;

	if (size < sizeof(choice))
		return 0;
	memcpy(&choice, data, sizeof(choice));
	input.bytes = data + sizeof(choice);
	input.size = size - sizeof(choice);
	while (arch_all[n_archs] != NULL)
		n_archs++;
	arch = arch_all[choice.arch % n_archs];
	if ((choice.form & 16) != 0) {
		input.size = frame_instructions(arch, input.bytes, input.size, framed);
		input.bytes = framed;
		choice = (struct choice){ .form = choice.form & 8, .exact = 1, .pc = 0x40,
					  .sp = choice.sp % 4096 };
	}
	if ((choice.form & 1) != 0) {
		table.hdr = BASE + choice.hdr;
		table.hdr_size = (choice.form & 2) != 0 ? input.size : 0;
	} else {
		table.eh_frame = BASE + choice.eh_frame;
		table.eh_frame_size = (choice.form & 2) != 0 ? input.size : 0;
	}
	if ((choice.form & 4) != 0 && table.eh_frame != 0 && choice.eh_frame < input.size) {
		table.eh_frame_bytes = input.bytes + choice.eh_frame;
		table.eh_frame_size = input.size - choice.eh_frame;
	}
	if ((choice.form & 8) != 0 &&
	    cfi_index_create(arch, &table, &bytes, &index, &table.n_index) == 0)
		table.index = index;
	step(arch, &table, &bytes, &choice);
	free(index);
	return 0;
}
