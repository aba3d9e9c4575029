/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guide.h"

#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chain.h"
#include "exe.h"
#include "libgcc.h"
#include "page.h"
#include "parasite/parasite.h"
#include "symbol.h"

#define NAME_BYTES 64
#define CODE_BYTES 32		/* so many bytes of a function's start are read */

static const char find_fde[] = FIND_FDE, throw[] = "__cxa_throw";

/* ---- rows ---- */

static int find_rows(struct guides *guides, const struct target *target, const struct patchfile *patch)
{
	const struct elf *elf = &patch->elf;
	const uint64_t start = page_down(patch->image_lo, target->page);
	struct cfi_table table = { .start = elf->lo, .end = elf->hi };
	struct cfi_index_entry *index = NULL;
	size_t count = 0;
	int err;

	for (size_t i = 0; i < elf->n_phdrs; i++) {
		if (elf->phdrs[i].type != PT_GNU_EH_FRAME)
			continue;
		table.hdr = elf->phdrs[i].vaddr;
		table.hdr_size = elf->phdrs[i].memsz;
	}
	err = table.hdr == 0 ? -ENOENT :
	      cfi_index_create(target->arch, &table, &elf->bytes, &index, &count);
	if (err == 0)
		guides->rows = calloc(count + 1, sizeof(*guides->rows));
	if (err == -ENOMEM || (err == 0 && guides->rows == NULL)) {
		free(index);
		return fail(ENOMEM, "out of memory for %zu functions", count);
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t at = index[i].start - start, fde = index[i].fde - start;
		struct cfi_function found;

		if (cfi_function(target->arch, &table, &elf->bytes, index[i].start, &found) == 0 &&
		    found.start == index[i].start && at < UINT32_MAX && fde < UINT32_MAX &&
		    found.end - found.start < UINT32_MAX)
			guides->rows[guides->n_rows++] = (struct guide_row){
				(uint32_t)at, (uint32_t)(found.end - found.start), (uint32_t)fde };
	}
	free(index);
	return 0;
}

static bool is_known(const struct target *target, const struct records *records,
		     const struct record_detour *detour)
{
	struct chain chain;
	bool known;

	if (chain_init(&chain, records, 0) != 0) {
		msg_forget();
		return false;
	}
	known = chain_read(&chain, target, records, detour) == 0;
	free(chain.links);
	return known;
}

/* ---- finding places ---- */

struct detour_search {
	struct guides *guides;
	const struct target *target;
	const struct objects *objects;
	const struct records *records;
	const struct object *object;
};

static void add_detour(const struct detour_search *search, struct record_detour *detour)
{
	const struct record_detour *before = chain_find(search->records, detour, 0);
	struct guides *guides = search->guides;

	if (before != NULL)
		memcpy(detour->was, before->was, sizeof(detour->was));
	if (guides->count < GUIDES_MAX && is_known(search->target, search->records, detour))
		guides->detours[guides->count++] = *detour;
}

/* Add a detour for a slot.  A slot is bound when it is first used, unless the library was linked with -z now. */
static void add_slot(const struct detour_search *search, uint64_t place, uint64_t bound)
{
	const struct elf *elf = &search->object->elf;
	struct record_detour detour = { .place = place, .own = bound,
				    .size = search->target->arch->word };
	uint64_t value = target_read_word(search->target, place);

	memcpy(detour.was, &value, detour.size);
	if (value != bound && value >= elf->lo && value < elf->hi) {
		search->guides->busy_lo = elf->lo;
		search->guides->busy_hi = elf->hi;
	} else if (value != bound && chain_find(search->records, &detour, 0) == NULL) {
		detour.own = value;
	}
	add_detour(search, &detour);
}

static int look_at_slot(const struct elf_rel *rel, bool has_addend, void *ctx)
{
	const struct detour_search *search = ctx;
	const struct elf *elf = &search->object->elf;
	const struct reloc_type *type = arch_reloc(search->target->arch, rel->type);
	char name[NAME_BYTES], version[NAME_BYTES];
	struct elf_sym sym;
	uint64_t bound;
	bool weak;

	(void)has_addend;
	if (type == NULL || type->kind != RELOC_SLOT || rel->symbol == 0 ||
	    elf_dynsym(elf, rel->symbol, &sym) != 0 ||
	    elf_dynstr(elf, sym.name, name, sizeof(name)) != 0 || strcmp(name, find_fde) != 0)
		return 0;
	if (elf_symbol_version(elf, rel->symbol, version, sizeof(version), &weak) == 0 &&
	    symbol_find(search->objects, search->target, search->object, name, version,
			    &bound) == 0)
		add_slot(search, elf->bias + rel->offset, bound);
	return 0;
}

/*
 * Find the function in the executable's symbol table: its address, or 0.  A static C program
 * has it too, for pthread_cancel(3); so it is the symbols of C++ that set *throws.
 */
static uint64_t find_in_symtab(const struct exe *exe, Elf_Scn *section, const GElf_Shdr *header, bool *throws)
{
	Elf_Data *strings = exe_section(exe, elf_getscn(exe->elf, header->sh_link));
	Elf_Data *symbols = exe_section(exe, section) != NULL ? elf_getdata(section, NULL) : NULL;
	const char *at = strings == NULL || strings->d_buf == NULL ? NULL :
			 memmem(strings->d_buf, strings->d_size, find_fde, sizeof(find_fde));
	GElf_Sym sym;

	if (at == NULL || symbols == NULL)
		return 0;
	*throws |= memmem(strings->d_buf, strings->d_size, throw, sizeof(throw)) != NULL;
	for (int i = 0; gelf_getsym(symbols, i, &sym) != NULL; i++) {
		if (sym.st_name == (size_t)(at - (char *)strings->d_buf) &&
		    GELF_ST_TYPE(sym.st_info) == STT_FUNC && sym.st_shndx != SHN_UNDEF)
			return sym.st_value;
	}
	return 0;
}

static uint64_t find_in_exe(const struct target *target, bool *throws)
{
	Elf_Scn *section = NULL;
	uint64_t address = 0;
	struct exe exe;

	exe_open(&exe, target);
	while (exe.elf != NULL && (section = elf_nextscn(exe.elf, section)) != NULL) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) == NULL || header.sh_type != SHT_SYMTAB)
			continue;
		/* There is one at most: gABI, chapter 4, sh_type. */
		address = find_in_symtab(&exe, section, &header, throws);
		break;
	}
	exe_close(&exe);
	return address;
}

/* Read the first instructions of a function behind its ENDBR, as they are without a guide's jump. */
static int read_code(const struct target *target, const struct record_detour *detour, uint8_t *code)
{
	if (target_read(target, detour->place, code, CODE_BYTES) != 0)
		return -EFAULT;
	memcpy(code, detour->was, detour->size);
	return 0;
}

static void add_function(const struct detour_search *search, uint64_t address)
{
	const struct arch *arch = search->target->arch;
	struct record_detour detour = { .place = address, .size = arch->jump_size, .is_code = true };
	uint8_t code[CODE_BYTES];

	if (target_read(search->target, address, code, sizeof(code)) != 0)
		return;
	detour.place += arch->landing(code, sizeof(code));
	memcpy(detour.was, code + (detour.place - address), detour.size);
	if (!lies_across_pages(detour.place, detour.size))
		add_detour(search, &detour);
}

int guides_find(struct guides *guides, const struct target *target, const struct objects *objects,
		const struct object *patched, const struct records *records,
		const struct patchfile *patch)
{
	struct detour_search search = { guides, target, objects, records, NULL };
	bool throws = objects_define(objects, throw), is_told = false;
	int err;

	*guides = (struct guides){ 0 };
	err = find_rows(guides, target, patch);
	if (err != 0 || guides->n_rows == 0)
		return err;
	for (size_t i = 0; i < objects->count; i++) {
		const struct object *object = &objects->all[i];
		uint64_t address;
		struct elf_sym sym;
		uint32_t index;

		search.object = object;
		if (object->elf.has_dynamic && !object->is_vdso &&
		    elf_lookup(&object->elf, "_Unwind_RaiseException", NULL, &index, &sym) == 0 &&
		    elf_each_reloc(&object->elf, target->arch->relative_type, look_at_slot,
				   &search) < 0)
			msg_forget();
		address = object->is_exe ? find_in_exe(target, &throws) : 0;
		if (address != 0)
			add_function(&search, object->elf.bias + address);
		is_told |= address != 0 && object == patched;
	}
	guides->throws = throws;
	guides->has_own = !is_told && libgcc_is_inside(patched, target);
	guides->has_untold_unwinder = guides->has_own || (throws && guides->count == 0);
	return 0;
}

void guides_deinit(struct guides *guides)
{
	free(guides->rows);
	*guides = (struct guides){ 0 };
}

/* ---- laying them out ---- */

uint64_t guides_size(const struct guides *guides, uint64_t page)
{
	uint64_t size = guides->count * sizeof(struct guide) +
			(guides->n_rows + 1) * sizeof(struct guide_row);

	return guides->count == 0 ? 0 : page_up(size, page);
}

/* Carry the instructions that the jump will cover to the guide, where they lead on into the function. */
static int carry_own(struct record_detour *detour, const struct target *target, struct guide *guide)
{
	const struct arch *arch = target->arch;
	uint8_t code[CODE_BYTES], jump[JUMP_MAX];
	size_t carried;

	detour->own = detour->guide + offsetof(struct guide, onward);
	return read_code(target, detour, code) == 0 && chain_lead(arch, detour, detour->guide, jump) == 0 &&
	       arch->carry(code, sizeof(code), detour->size, detour->place, detour->own, guide->onward,
			   &carried) != 0 ? 0 : -ENOTSUP;
}

int guides_lay(struct guides *guides, const struct target *target, struct link_image *image)
{
	const uint64_t start = image->size;
	const uint64_t rows = start + guides->count * sizeof(struct guide);
	size_t able = 0;
	int err = guides->count == 0 ? 0 : link_extend(image, guides_size(guides, image->page));

	if (err != 0 || guides->count == 0)
		return err;
	memcpy(image->bytes + rows, guides->rows, guides->n_rows * sizeof(*guides->rows));
	for (size_t i = 0; i < guides->count; i++) {
		struct record_detour *detour = &guides->detours[i];
		uint64_t at = start + i * sizeof(struct guide);
		struct guide guide = { .base = image->base, .size = start,
				       .rows = image->base + rows };

		memcpy(guide.code, target->arch->guide, sizeof(guide.code));
		detour->guide = image->base + at;
		if (detour->is_code && carry_own(detour, target, &guide) != 0)
			detour->place = 0;
		able += detour->place != 0;
		memcpy(image->bytes + at, &guide, sizeof(guide));
	}
	guides->has_untold_unwinder = guides->has_own || (guides->throws && able == 0);
	return 0;
}
