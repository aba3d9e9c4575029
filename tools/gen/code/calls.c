/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "calls.h"

#include <string.h>

#include "cursor.h"

/* An executable section. */
struct text {
	const uint8_t *code;
	size_t size;
	uint64_t addr;
};

/*
 * Index of the function whose code is at an address; DWARF_NONE if the debug info has none
 * there.
 */
static uint32_t function_at(const struct dwarf *dwarf, uint64_t addr, uint64_t *start)
{
	for (uint32_t i = 0; i < dwarf->n_functions; i++) {
		const struct dwarf_function *function = &dwarf->functions[i];

		for (uint32_t k = 0; k < function->n_ranges; k++) {
			struct dwarf_range range = dwarf->ranges[function->first_range + k];

			if (addr < range.lo || addr >= range.hi)
				continue;
			*start = range.lo;
			return i;
		}
	}
	return DWARF_NONE;
}

/* The last symbol of a function at or before an address; NULL if there is none. */
static const struct symbol *symbol_before(const struct binary *binary, uint64_t addr)
{
	const struct symbol *found = NULL;

	for (size_t i = 0; i < binary->symbols->count; i++) {
		const struct symbol *symbol = &binary->symbols->table[i];

		if (symbol->section != SHN_UNDEF && symbol->section < SHN_LORESERVE &&
		    (symbol->type == STT_FUNC || symbol->type == STT_NOTYPE) && symbol->value <= addr &&
		    (found == NULL || symbol->value > found->value))
			found = symbol;
	}
	return found;
}

const char *name_at(const struct binary *binary, uint64_t addr)
{
	uint64_t start;
	uint32_t function = function_at(&binary->dwarf, addr, &start);
	const struct symbol *symbol = function == DWARF_NONE ? symbol_before(binary, addr) : NULL;

	if (function != DWARF_NONE)
		return binary->dwarf.functions[function].name;
	return symbol != NULL ? symbol->name : NULL;
}

/*
 * May an instruction begin at `at`?  Instructions are decoded from `start` on, where one does
 * begin.  Behind one that is unknown anything may.
 */
static bool may_begin(const struct text *text, uint64_t start, uint64_t at, const struct gen_arch *gen)
{
	struct insn insn;

	while (start < at) {
		size_t offset = (size_t)(start - text->addr);

		if (!insn_decode(text->code + offset, text->size - offset, start, gen, &insn))
			return true;
		start += insn.size;
	}
	return start == at;
}

/* Is a short jump to `addr` at this offset, from code that does not begin there itself? */
static bool jumps_shortly(const struct binary *binary, const struct text *text, size_t at, uint64_t addr,
			  uint32_t *caller)
{
	uint64_t here = text->addr + at, start = text->addr, to;

	if (binary->file.gen->short_branch(text->code + at, text->size - at, here, &to) == 0 || to != addr)
		return false;
	*caller = function_at(&binary->dwarf, here, &start);
	if (*caller == DWARF_NONE) {
		const struct symbol *symbol = symbol_before(binary, here);

		if (symbol != NULL && symbol->value >= text->addr)
			start = symbol->value;
	}
	/* A loop leads to the start of the function that it is in. */
	return start != addr && may_begin(text, start, here, binary->file.gen);
}

static int visit_short(const struct binary *binary, const struct text *text, uint64_t addr,
		       call_visitor visit, void *ctx)
{
	const uint64_t reach = binary->file.gen->short_reach;
	uint64_t from = addr > reach && addr - reach > text->addr ? addr - reach - text->addr : 0;
	uint64_t to = addr - text->addr + reach;
	uint32_t caller;
	int err = 0;

	if (addr < text->addr || addr - text->addr >= text->size)
		return 0;
	for (size_t at = (size_t)from; err == 0 && at < to && at + 2 <= text->size; at++)
		if (jumps_shortly(binary, text, at, addr, &caller))
			err = visit(ctx, caller, text->addr + at + 1);
	return err;
}

static int visit_long(const struct binary *binary, const struct text *text, uint64_t addr,
		      call_visitor visit, void *ctx)
{
	const struct gen_arch *gen = binary->file.gen;
	uint64_t start, to = 0;
	int err = 0;

	for (size_t at = gen->find_branch(text->code, text->size, 0, text->addr, &to); err == 0 && at != SIZE_MAX;
	     at = gen->find_branch(text->code, text->size, at + 1, text->addr, &to)) {
		if ((to & gen->last) == addr)
			err = visit(ctx, function_at(&binary->dwarf, text->addr + at, &start),
				    text->addr + at);
	}
	return err;
}

int each_call(const struct binary *binary, uint64_t addr, call_visitor visit, void *ctx)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	int err = 0;

	while (err == 0 && (scn = elf_nextscn(binary->file.elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_EXECINSTR) == 0 ||
		    shdr.sh_type != SHT_PROGBITS)
			continue;
		Elf_Data *data = elf_rawdata(scn, NULL);
		if (data == NULL || data->d_buf == NULL)
			continue;
		struct text text = { data->d_buf, data->d_size, shdr.sh_addr };
		err = visit_long(binary, &text, addr, visit, ctx);
		if (err == 0)
			err = visit_short(binary, &text, addr, visit, ctx);
	}
	return err;
}

/* ---- addresses ---- */

static bool is_word_of(const struct elffile *file, const GElf_Shdr *shdr, const uint8_t *bytes,
		       size_t size, size_t at, uint64_t addr)
{
	const struct gen_arch *gen = file->gen;
	struct cursor word;

	cursor_init(&word, bytes + at, 4);
	uint64_t value = cursor_uint(&word, 4);
	if ((shdr->sh_flags & SHF_EXECINSTR) == 0 || !gen->data_by_pc || file->type == ET_EXEC) {
		if (value == addr)
			return true;
	}
	if ((shdr->sh_flags & SHF_EXECINSTR) == 0)
		return false;
	return gen->may_lead_to(bytes, size, at, shdr->sh_addr, gen->data_by_pc ? 0 : elffile_got(file), &value) && value == addr;
}

static bool has_relocation_to(Elf_Data *data, uint64_t addr)
{
	GElf_Rela rela;

	for (int i = 0; data != NULL && gelf_getrela(data, i, &rela) != NULL; i++)
		if ((uint64_t)rela.r_addend == addr)
			return true;
	return false;
}

bool is_address_taken(const struct binary *target, uint64_t addr)
{
	const struct elffile *file = &target->file;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	for (size_t i = 0; i < file->dynsym.count; i++)
		if (file->dynsym.table[i].section != SHN_UNDEF &&
		    file->dynsym.table[i].value == addr)
			return true;
	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_ALLOC) == 0)
			continue;
		if (shdr.sh_type == SHT_RELA && has_relocation_to(elf_getdata(scn, NULL), addr))
			return true;
		Elf_Data *data = shdr.sh_type == SHT_PROGBITS ? elf_rawdata(scn, NULL) : NULL;
		if (data == NULL || data->d_buf == NULL ||
		    strncmp(elf_strptr(file->elf, file->strings, shdr.sh_name), ".eh_frame", 9) == 0)
			continue;
		for (size_t at = 0; at + 4 <= data->d_size; at++)
			if (is_word_of(file, &shdr, data->d_buf, data->d_size, at, addr))
				return true;
	}
	return false;
}
