/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cursor.h"
#include "insn.h"

/* Where the patch's functions start, sorted. */
struct starts {
	struct start { uint64_t addr; } *table;
	size_t count;
};

static int starts_init(struct starts *starts, const struct binary *patch)
{
	const struct dwarf *dwarf = &patch->dwarf;

	*starts = (struct starts){ 0 };
	starts->table = calloc((size_t)dwarf->n_functions + 1, sizeof(*starts->table));
	if (starts->table == NULL)
		return fail(ENOMEM, "out of memory");
	for (uint32_t i = 0; i < dwarf->n_functions; i++)
		if (dwarf->functions[i].hi != 0)
			starts->table[starts->count++].addr = entry_range(patch, &dwarf->functions[i]).lo;
	ARRAY_SORT(starts->table, starts->count, addr);
	return 0;
}

static bool is_start(const struct starts *starts, uint64_t addr)
{
	size_t upto = ARRAY_UPTO(starts->table, starts->count, addr, addr);

	return upto > 0 && starts->table[upto - 1].addr == addr;
}

/*
 * The code at `where` takes the address of the function at `addr`.  If `addr` is a replaced
 * function, that one is marked.  A new function's address is handed out by the replaced
 * function that takes it; if nothing tells which one does, all are marked.
 */
static void mark(struct draft *draft, uint64_t addr, uint64_t where)
{
	struct vzpatch *meta = &draft->meta;
	bool marked = false;

	for (size_t i = 0; i < meta->n_funcs; i++) {
		struct vz_func *func = &meta->funcs[i];

		if (func->patch_addr != addr &&
		    (where < func->patch_addr || where - func->patch_addr >= func->patch_size))
			continue;
		func->flags |= VZ_FUNC_ADDRESS_TAKEN;
		marked = true;
	}
	for (size_t i = 0; i < meta->n_funcs && !marked; i++)
		meta->funcs[i].flags |= VZ_FUNC_ADDRESS_TAKEN;
}

/* Look at a relocation that stores an address, by a symbol or relative to the load address. */
static void look_at_relocation(struct draft *draft, const struct starts *starts,
			       const GElf_Rela *rela)
{
	const struct elffile *file = &draft->patch->file;
	bool wide = file->elf_class == ELFCLASS64;
	uint64_t type = GELF_R_TYPE(rela->r_info), index = GELF_R_SYM(rela->r_info);
	uint64_t value = (uint64_t)rela->r_addend;

	if (type == (wide ? R_X86_64_JUMP_SLOT : R_386_JMP_SLOT))
		return;
	if (index != 0) {
		if (index > file->dynsym.count)
			return;
		const struct symbol *symbol = &file->dynsym.table[index - 1];
		if (symbol->section == SHN_UNDEF)
			return;
		value += symbol->value;
	}
	if (is_start(starts, value))
		mark(draft, value, 0);
}

static void look_at_relocations(struct draft *draft, const struct starts *starts)
{
	const struct elffile *file = &draft->patch->file;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_ALLOC) == 0 ||
		    shdr.sh_entsize == 0 || (shdr.sh_type != SHT_RELA && shdr.sh_type != SHT_REL))
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		size_t count = data != NULL ? (size_t)(data->d_size / shdr.sh_entsize) : 0;
		for (size_t i = 0; i < count && i < INT32_MAX; i++) {
			GElf_Rela rela;
			GElf_Rel rel;
			uint32_t word;

			if (shdr.sh_type == SHT_RELA && gelf_getrela(data, (int)i, &rela) == NULL)
				continue;
			if (shdr.sh_type == SHT_REL) {
				if (gelf_getrel(data, (int)i, &rel) == NULL)
					continue;
				if (!elffile_read(&draft->patch->file, rel.r_offset, &word, sizeof(word)))
					word = 0;
				rela = (GElf_Rela){ rel.r_offset, rel.r_info, word };
			}
			look_at_relocation(draft, starts, &rela);
		}
	}
}

/* Any four bytes may be an operand, which counts from what follows it or, on i386, from the GOT. */
static void look_at_code(struct draft *draft, const struct starts *starts, uint64_t addr,
			 const uint8_t *code, size_t size)
{
	bool wide = draft->patch->file.elf_class == ELFCLASS64;
	uint64_t got = wide ? 0 : elffile_got(&draft->patch->file);

	for (size_t at = 0; at + 4 <= size; at++) {
		struct cursor operand;

		cursor_init(&operand, code + at, 4);
		uint64_t distance = (uint64_t)(int64_t)(int32_t)cursor_uint(&operand, 4);
		/*
		 * The padding before a function has zeros, which no instruction there could
		 * have as its operand.
		 */
		if (distance == 0)
			continue;
		uint64_t value = wide ? addr + at + 4 + distance : (uint32_t)(got + distance);
		if (is_start(starts, value) && !(wide && insn_is_branch_operand(code, at)))
			mark(draft, value, addr + at);
	}
}

int mark_addresses_taken(struct draft *draft)
{
	const struct elffile *file = &draft->patch->file;
	struct starts starts;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	int err = starts_init(&starts, draft->patch);

	if (err != 0)
		return err;
	look_at_relocations(draft, &starts);
	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_EXECINSTR) == 0 ||
		    shdr.sh_type != SHT_PROGBITS)
			continue;
		Elf_Data *data = elf_rawdata(scn, NULL);
		if (data != NULL && data->d_buf != NULL)
			look_at_code(draft, &starts, shdr.sh_addr, data->d_buf, data->d_size);
	}
	free(starts.table);
	return 0;
}
