/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"

/*
 * cfi_step() is given a frame that does not exist.  Its stack and its frame pointer are at
 * addresses where no file has anything, so that the result shows where it came from.  A word of
 * this stack is its own address less WORD_AT: so the old value of a register tells which word it is in.
 */
#define STACK_AT UINT64_C(0x7f000000)
#define FRAME_AT UINT64_C(0x7d000000)
#define STACK_SIZE UINT64_C(0x1000000)
#define WORD_AT UINT64_C(0x4000000)

static bool is_on_stack(uint64_t addr)
{
	return addr >= FRAME_AT - STACK_SIZE && addr <= STACK_AT + STACK_SIZE;
}

static int read_bytes(const struct bytes *self, uint64_t addr, void *buf, size_t size)
{
	uint64_t word = addr - WORD_AT;

	if (elffile_read(self->ctx, addr, buf, size))
		return 0;
	/* The word may have been taken for an address, as where the stack was aligned. */
	if ((!is_on_stack(addr) && !is_on_stack(addr + WORD_AT)) || size > sizeof(word))
		return -EFAULT;
	memcpy(buf, &word, size);
	return 0;
}

int frames_init(struct frames *frames, const struct elffile *file)
{
	struct bytes bytes = { read_bytes, file };
	GElf_Shdr shdr;

	*frames = (struct frames){ .file = file };
	if (elffile_section(file, ".eh_frame", &shdr) == NULL || shdr.sh_type == SHT_NOBITS)
		return 0;
	const struct arch *arch = arch_find(file->elf_class, file->machine);
	frames->table = (struct cfi_table){
		.end = UINT64_MAX, .eh_frame = shdr.sh_addr, .eh_frame_size = shdr.sh_size,
	};
	int err = arch != NULL ? cfi_index_create(arch, &frames->table, &bytes, &frames->index,
					  &frames->table.n_index) : -ENOENT;
	if (err == -ENOMEM)
		return fail(ENOMEM, "out of memory");
	frames->table.index = frames->index;
	frames->arch = err != 0 ? NULL : arch;
	return 0;
}

void frames_deinit(struct frames *frames)
{
	free(frames->index);
	*frames = (struct frames){ 0 };
}

struct frame frame_at(const struct frames *frames, uint64_t addr)
{
	struct bytes bytes = { read_bytes, frames->file };
	const struct arch *arch = frames->arch;
	const struct gen_arch *gen = frames->file->gen;
	struct cfi_frame at = { .pc = addr, .exact = true };
	struct frame out = { 0 };

	if (arch == NULL)
		return out;
	at.reg[arch->dwarf_sp] = STACK_AT;
	at.reg[arch->dwarf_fp] = FRAME_AT;
	at.known = CFI_REG(arch->dwarf_sp) | CFI_REG(arch->dwarf_fp);
	if (cfi_step(arch, &frames->table, &bytes, &at) != CFI_STEPPED)
		return out;
	uint64_t cfa = at.reg[arch->dwarf_sp];
	out.has_depth = cfa >= STACK_AT && cfa - STACK_AT < STACK_SIZE;
	out.depth = out.has_depth ? cfa - STACK_AT : 0;
	for (unsigned i = 0; i + 1 < arch->n_dwarf_regs && i < gen->n_from_dwarf; i++) {
		if (i == arch->dwarf_sp || i == arch->dwarf_fp || (at.known & CFI_REG(i)) == 0)
			continue;
		out.saved |= (uint16_t)(1U << gen->from_dwarf[i]);
		out.saved_at[gen->from_dwarf[i]] = at.reg[i] + WORD_AT;
	}
	return out;
}

bool frame_has_saved(const struct frame *frame, unsigned reg, bool from_frame_pointer, int64_t displacement)
{
	uint64_t at = (from_frame_pointer ? FRAME_AT : STACK_AT) + (uint64_t)displacement;

	return (frame->saved & 1U << reg) != 0 && frame->saved_at[reg] == at;
}

bool frame_rules(const struct frames *frames, uint64_t addr, struct cfi_rules *rules)
{
	struct bytes bytes = { read_bytes, frames->file };

	if (frames->arch == NULL)
		return false;
	cfi_find_rules(frames->arch, &frames->table, &bytes, addr, rules);
	return rules->result == CFI_STEPPED;
}

bool frame_handles(const struct frames *frames, uint64_t addr)
{
	size_t upto = ARRAY_UPTO(frames->index, frames->table.n_index, start, addr);
	uint32_t head[2];
	char letters[8];

	/* LSB 5.0: the length, and how far back the CIE is; there a length, zero, the version and the augmentation. */
	if (upto == 0 || !elffile_read(frames->file, frames->index[upto - 1].fde, head, sizeof(head)) ||
	    head[0] == UINT32_MAX ||
	    !elffile_read(frames->file, frames->index[upto - 1].fde + 4 - head[1] + 9, letters, sizeof(letters)))
		return true;
	size_t length = strnlen(letters, sizeof(letters));
	return length == sizeof(letters) || strchr(letters, 'P') != NULL || strchr(letters, 'L') != NULL;
}
