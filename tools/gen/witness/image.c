/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cursor.h"
#include "insn.h"

#define STUB_STEPS 4		/* instructions of a stub before its jump */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* ---- sections ---- */

/* Sections that the program writes to while it starts, and nobody afterwards. */
static bool is_settled(const char *name)
{
	static const char *const all[] = {
		".data.rel.ro", ".bss.rel.ro", ".init_array", ".fini_array", ".preinit_array", ".ctors", ".dtors",
		".dynamic",
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (begins(name, all[i]))
			return true;
	return false;
}

static enum area area_of(const char *name, uint64_t flags)
{
	if ((flags & SHF_EXECINSTR) != 0)
		return begins(name, ".plt") || begins(name, ".iplt") ? AREA_STUBS : AREA_CODE;
	if (strcmp(name, ".got") == 0 || begins(name, ".got.") || begins(name, ".igot"))
		return AREA_SLOTS;
	return (flags & SHF_WRITE) != 0 && !is_settled(name) ? AREA_VARIABLE : AREA_CONSTANT;
}

static int read_sections(struct image *image)
{
	const struct elffile *file = image->file;
	Elf_Scn *scn = NULL;
	size_t size;
	const uint8_t *raw = (const uint8_t *)elf_rawfile(file->elf, &size);

	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		GElf_Shdr shdr;

		if (gelf_getshdr(scn, &shdr) == NULL)
			return fail(ENOEXEC, "%s: a section header is damaged", file->path);
		bool is_tbss = (shdr.sh_flags & SHF_TLS) != 0 && shdr.sh_type == SHT_NOBITS;
		if ((shdr.sh_flags & SHF_ALLOC) == 0 || shdr.sh_size == 0 || is_tbss)
			continue;
		const char *name = elf_strptr(file->elf, file->strings, shdr.sh_name);
		if (name == NULL || shdr.sh_addr + shdr.sh_size < shdr.sh_addr)
			return fail(ENOEXEC, "%s: a section header is damaged", file->path);
		bool has_bytes = shdr.sh_type != SHT_NOBITS;
		if (has_bytes && (raw == NULL || shdr.sh_offset > size || shdr.sh_size > size - shdr.sh_offset))
			return fail(ENOEXEC, "%s: section %s lies beyond the end of the file", file->path, name);
		int err = ARRAY_GROW(&image->sections, image->n_sections, 1);
		if (err != 0)
			return err;
		image->sections[image->n_sections++] = (struct image_section){
			.name = name, .addr = shdr.sh_addr, .end = shdr.sh_addr + shdr.sh_size,
			.bytes = has_bytes ? raw + shdr.sh_offset : NULL, .area = area_of(name, shdr.sh_flags),
			.index = (uint32_t)elf_ndxscn(scn),
		};
	}
	ARRAY_SORT(image->sections, image->n_sections, addr);
	for (size_t i = 1; i < image->n_sections; i++)
		if (image->sections[i].addr < image->sections[i - 1].end)
			return fail(ENOEXEC, "%s: sections %s and %s overlap", file->path,
				    image->sections[i - 1].name, image->sections[i].name);
	if (image->n_sections == 0)
		return fail(ENOEXEC, "%s: no sections, by which code is compared", file->path);
	return 0;
}

const struct image_section *image_section_at(const struct image *image, uint64_t addr)
{
	size_t upto = ARRAY_UPTO(image->sections, image->n_sections, addr, addr);

	return upto != 0 && addr < image->sections[upto - 1].end ? &image->sections[upto - 1] : NULL;
}

const uint8_t *image_bytes(const struct image *image, uint64_t addr, uint64_t *size)
{
	const struct image_section *section = image_section_at(image, addr);

	*size = 0;
	if (section == NULL || section->bytes == NULL)
		return NULL;
	*size = section->end - addr;
	return section->bytes + (addr - section->addr);
}

bool image_word(const struct image *image, uint64_t addr, uint64_t *out)
{
	uint64_t size, width = image->gen->word;
	const uint8_t *bytes = image_bytes(image, addr, &size);
	struct cursor at;

	if (bytes == NULL || size < width)
		return false;
	cursor_init(&at, bytes, width);
	*out = cursor_uint(&at, width);
	return true;
}

/* ---- symbols ---- */

/* Objects of link-time optimisation have made-up names, which differ from build to build. */
static const char *unit_name(const char *file)
{
	const char *name = base_name(file);

	return strstr(name, ".ltrans") != NULL || strstr(name, "lto") != NULL || begins(name, "ld-temp") ||
		       begins(name, "<artificial>") ? "" : name;
}

static int add_unit(struct image *image, const char *file)
{
	int err = ARRAY_GROW(&image->units, image->n_units, 1);

	if (err == 0)
		image->units[image->n_units++] = (struct image_unit){ .name = unit_name(file) };
	return err;
}

struct unit_order {
	const char *name;
	uint32_t index;
};

static int by_name(const void *a, const void *b)
{
	const struct unit_order *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order != 0 ? order : one->index < other->index ? -1 : 1;
}

/* Number the units of one name, in the order of the link.  Those of link-time optimisation are one. */
static int number_units(struct image *image)
{
	struct unit_order *order = calloc(image->n_units + 1, sizeof(*order));

	if (order == NULL)
		return fail(ENOMEM, "out of memory");
	for (size_t i = 0; i < image->n_units; i++)
		order[i] = (struct unit_order){ image->units[i].name, (uint32_t)i };
	qsort(order, image->n_units, sizeof(*order), by_name);
	for (size_t i = 1; i < image->n_units; i++)
		if (*order[i].name != '\0' && strcmp(order[i].name, order[i - 1].name) == 0)
			image->units[order[i].index].ordinal = image->units[order[i - 1].index].ordinal + 1;
	free(order);
	return 0;
}

/*
 * The compiler numbers what has no name of its own for the linker: "calls.1", "f.constprop.0",
 * "helper.lto_priv.3".  The stem is what is before the number.
 */
static void set_stem(struct image_symbol *symbol)
{
	size_t size = strlen(symbol->name), digits = 0;
	uint64_t number = 0;

	symbol->number = UINT32_MAX;
	symbol->stem = (uint32_t)size;
	while (digits < size && symbol->name[size - digits - 1] >= '0' && symbol->name[size - digits - 1] <= '9')
		digits++;
	if (digits == 0 || digits + 1 >= size || symbol->name[size - digits - 1] != '.')
		return;
	for (size_t i = size - digits; i < size && number < UINT32_MAX; i++)
		number = 10 * number + (uint64_t)(symbol->name[i] - '0');
	symbol->number = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX - 1;
	symbol->stem = (uint32_t)(size - digits - 1);
	if (symbol->stem > 9 && strncmp(symbol->name + symbol->stem - 9, ".lto_priv", 9) == 0) {
		symbol->stem -= 9;
		symbol->number = UINT32_MAX;
	}
}

static const struct image_section *section_of(const struct image *image, const struct symbol *symbol)
{
	const struct image_section *section = image_section_at(image, symbol->value);

	/* A symbol may stand at the end of its section, where another one begins. */
	return section != NULL && (symbol->section == section->index || symbol->section >= SHN_LORESERVE) ? section : NULL;
}

bool image_is_of_linker(const char *name)
{
	static const char *const names[] = {
		"_DYNAMIC", "_GLOBAL_OFFSET_TABLE_", "_PROCEDURE_LINKAGE_TABLE_", "__GNU_EH_FRAME_HDR", "__FRAME_END__",
		"_TLS_MODULE_BASE_", "__dso_handle", "__TMC_END__",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int add_symbol(struct image *image, const struct symbol *symbol, uint32_t unit)
{
	const struct image_section *section = section_of(image, symbol);
	bool is_tls = symbol->type == STT_TLS;
	bool is_code = symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC;
	bool is_mark = !is_code && !is_tls && (symbol->size == 0 || section == NULL || image_is_of_linker(symbol->name));
	int err;

	if (symbol->type > STT_OBJECT && !is_code && !is_tls && symbol->type != STT_COMMON)
		return 0;
	if (symbol->section == SHN_UNDEF || symbol->section == SHN_ABS || *symbol->name == '\0')
		return 0;
	/* Labels of the assembler, ".LC3", are counted, and name nothing.  mold keeps them, and `as -L` does. */
	if (strncmp(symbol->name, ".L", 2) == 0)
		return 0;
	if (is_code && (section == NULL || section->area != AREA_CODE))
		return 0;
	err = ARRAY_GROW(&image->symbols, image->n_symbols, 1);
	if (err != 0)
		return err;
	struct image_symbol *out = &image->symbols[image->n_symbols++];
	*out = (struct image_symbol){
		.addr = symbol->value, .size = symbol->size, .name = symbol->name,
		.unit = symbol->bind == STB_LOCAL ? unit : IMAGE_NONE, .spot = IMAGE_NONE, .twin = IMAGE_NONE,
		.is_code = is_code, .is_tls = is_tls, .is_mark = is_mark,
	};
	if (section != NULL && !is_tls && out->size > section->end - out->addr)
		out->size = section->end - out->addr;
	set_stem(out);
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct image_symbol *one = a, *other = b;

	if (one->is_tls != other->is_tls)
		return one->is_tls ? 1 : -1;
	if (one->addr != other->addr)
		return one->addr < other->addr ? -1 : 1;
	if (one->is_mark != other->is_mark)
		return one->is_mark ? 1 : -1;
	int order = (one->unit == IMAGE_NONE) - (other->unit == IMAGE_NONE);
	return order != 0 ? -order : strcmp(one->name, other->name);
}

static int read_symbols(struct image *image, const struct symbols *symbols)
{
	/* Local symbols that come before any file's name are of what the linker made. */
	uint32_t unit = 0;
	int err = add_unit(image, "");

	for (size_t i = 0; err == 0 && i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->table[i];

		if (symbol->type == STT_FILE) {
			err = add_unit(image, symbol->name);
			unit = (uint32_t)image->n_units - 1;
		} else {
			err = add_symbol(image, symbol, unit);
		}
	}
	if (err == 0)
		err = number_units(image);
	if (err == 0 && image->n_symbols == 0)
		err = fail(ENOEXEC, "%s: no symbols, by which functions are compared (name its debug file, or "
			   "compare what is not stripped)", image->file->path);
	if (err != 0)
		return err;
	qsort(image->symbols, image->n_symbols, sizeof(*image->symbols), by_place);
	while (image->n_plain < image->n_symbols && !image->symbols[image->n_plain].is_tls)
		image->n_plain++;
	return 0;
}

/* ---- spots ---- */

/* Code of assembler files may have no size: it goes up to what follows. */
static void end_spot(struct image *image, size_t index)
{
	struct spot *spot = &image->spots[index];
	const struct image_section *section = image_section_at(image, spot->addr);

	if (!spot->is_code || spot->end != spot->addr || section == NULL)
		return;
	spot->end = section->end;
	for (size_t i = index + 1; i < image->n_spots; i++)
		if (image->spots[i].is_code) {
			if (image->spots[i].addr < spot->end)
				spot->end = image->spots[i].addr;
			break;
		}
}

/*
 * Assembler files may leave their functions without a type.  A mark in code that is in no
 * function begins one, or a part of one.
 */
static void find_untyped_code(struct image *image)
{
	uint64_t end = 0;

	for (size_t i = 0; i < image->n_spots; i++) {
		struct spot *spot = &image->spots[i];
		const struct image_section *section = image_section_at(image, spot->addr);
		bool is_code = section != NULL && section->area == AREA_CODE && spot->addr >= end && !spot->is_code;

		for (uint32_t k = 0; is_code && k < spot->count; k++) {
			struct image_symbol *symbol = &image->symbols[spot->first + k];

			symbol->is_code = true;
			symbol->is_mark = false;
			spot->is_code = true;
		}
		if (spot->is_code && spot->end > end)
			end = spot->end;
	}
}

static int make_spots(struct image *image)
{
	image->spots = calloc(image->n_plain + 1, sizeof(*image->spots));
	if (image->spots == NULL)
		return fail(ENOMEM, "out of memory");
	for (size_t i = 0; i < image->n_plain; i++) {
		struct image_symbol *symbol = &image->symbols[i];
		struct spot *spot = image->n_spots != 0 ? &image->spots[image->n_spots - 1] : NULL;

		if (spot == NULL || spot->addr != symbol->addr) {
			spot = &image->spots[image->n_spots++];
			*spot = (struct spot){ .addr = symbol->addr, .end = symbol->addr, .first = (uint32_t)i };
		}
		spot->count++;
		spot->is_code |= symbol->is_code;
		if (!symbol->is_mark && symbol->addr + symbol->size > spot->end)
			spot->end = symbol->addr + symbol->size;
		symbol->spot = (uint32_t)image->n_spots - 1;
	}
	find_untyped_code(image);
	for (size_t i = 0; i < image->n_spots; i++) {
		uint32_t around = i != 0 ? (uint32_t)i - 1 : IMAGE_NONE;

		end_spot(image, i);
		while (around != IMAGE_NONE && image->spots[around].end <= image->spots[i].addr)
			around = image->spots[around].around;
		image->spots[i].around = around;
	}
	return 0;
}

/*
 * A forged file may have a thousand symbols for all of its code, which would be compared as
 * often.  In honest ones few things lie within others.
 */
static int check_overlap(const struct image *image)
{
	uint64_t named = 0, there = 0;

	for (size_t i = 0; i < image->n_sections; i++)
		there += image->sections[i].end - image->sections[i].addr;
	for (size_t i = 0; i < image->n_spots && named / 4 <= there; i++)
		named += image->spots[i].end - image->spots[i].addr;
	if (named / 4 > there)
		return fail(ENOEXEC, "%s: its symbols overlap each other many times", image->file->path);
	return 0;
}

struct whereabouts image_at(const struct image *image, uint64_t addr)
{
	struct whereabouts at = { .section = image_section_at(image, addr), .spot = IMAGE_NONE };
	size_t upto = ARRAY_UPTO(image->spots, image->n_spots, addr, addr);
	uint32_t spot = upto != 0 ? (uint32_t)upto - 1 : IMAGE_NONE;

	if (at.section != NULL) {
		at.area = at.section->area;
		at.offset = addr - at.section->addr;
	}
	while (spot != IMAGE_NONE && image->spots[spot].addr != addr && image->spots[spot].end <= addr)
		spot = image->spots[spot].around;
	if (spot != IMAGE_NONE) {
		at.spot = spot;
		at.offset = addr - image->spots[spot].addr;
	}
	return at;
}

const char *image_spot_name(const struct image *image, uint32_t spot)
{
	return image->symbols[image->spots[spot].first].name;
}

/* ---- relocations ---- */

static int add_reloc(struct image *image, const struct image_reloc *reloc)
{
	int err = ARRAY_GROW(&image->relocs, image->n_relocs, 1);

	if (err == 0)
		image->relocs[image->n_relocs++] = *reloc;
	return err;
}

static int add_relative(struct image *image, uint64_t place)
{
	struct image_reloc reloc = { .place = place, .kind = RELOC_RELATIVE, .width = (uint8_t)image->gen->word };

	if (!image_word(image, place, &reloc.addend))
		return fail(ENOEXEC, "%s: a relocation lies outside of the file's data", image->file->path);
	return add_reloc(image, &reloc);
}

/* Decode a table of type SHT_RELR: an even word is an address, an odd one tells which of the next 63 words follow. */
static int read_relr(struct image *image, const struct image_section *section)
{
	uint64_t word = image->gen->word, place = 0;
	int err = 0;

	for (uint64_t at = section->addr; err == 0 && section->end - at >= word; at += word) {
		uint64_t entry;

		if (!image_word(image, at, &entry))
			break;
		if ((entry & 1) == 0) {
			err = add_relative(image, entry);
			place = entry + word;
			continue;
		}
		for (uint64_t i = 0; err == 0 && i < 8 * word - 1; i++)
			if ((entry >> (i + 1) & 1) != 0)
				err = add_relative(image, place + i * word);
		place += (8 * word - 1) * word;
	}
	return err;
}

static int read_reloc(struct image *image, Elf_Data *data, int index, bool is_rela, Elf_Data *symbols, size_t strings)
{
	const struct elffile *file = image->file;
	GElf_Rela rela = { 0 };
	GElf_Rel rel;
	GElf_Sym sym;

	if (is_rela ? gelf_getrela(data, index, &rela) == NULL : gelf_getrel(data, index, &rel) == NULL)
		return fail(ENOEXEC, "%s: a relocation cannot be read", file->path);
	if (!is_rela)
		rela = (GElf_Rela){ rel.r_offset, rel.r_info, 0 };
	uint32_t type = (uint32_t)GELF_R_TYPE(rela.r_info);
	const struct reloc_type *known = arch_reloc(image->arch, type);
	if (known == NULL)
		return fail(ENOTSUP, "%s: dynamic relocation of unknown type %u", file->path, type);
	struct image_reloc reloc = {
		.place = rela.r_offset, .kind = known->kind, .width = known->width, .addend = (uint64_t)rela.r_addend,
	};
	bool is_slot = reloc.kind == RELOC_SLOT || reloc.kind == RELOC_COPY;
	if (!is_rela && !is_slot && !image_word(image, reloc.place, &reloc.addend))
		reloc.addend = 0;
	int number = (int)GELF_R_SYM(rela.r_info);
	if (number != 0) {
		if (symbols == NULL || gelf_getsym(symbols, number, &sym) == NULL)
			return fail(ENOEXEC, "%s: a relocation has no symbol", file->path);
		reloc.symbol = elf_strptr(file->elf, strings, sym.st_name);
		/* A symbol without a name is a section's or a local one, which its value tells. */
		if (reloc.symbol == NULL || *reloc.symbol == '\0') {
			reloc.symbol = NULL;
			reloc.addend += sym.st_value;
			reloc.kind = reloc.kind == RELOC_ABS ? RELOC_RELATIVE : reloc.kind;
		}
	}
	return add_reloc(image, &reloc);
}

static int read_relocs(struct image *image)
{
	const struct elffile *file = image->file;
	Elf_Scn *scn = NULL;
	int err = 0;

	while (err == 0 && (scn = elf_nextscn(file->elf, scn)) != NULL) {
		GElf_Shdr shdr, other;

		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_ALLOC) == 0 || shdr.sh_size == 0)
			continue;
		if (shdr.sh_type == SECTION_RELR) {
			const struct image_section *section = image_section_at(image, shdr.sh_addr);

			if (section != NULL && section->bytes != NULL)
				err = read_relr(image, section);
		}
		if (shdr.sh_type != SHT_RELA && shdr.sh_type != SHT_REL)
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		Elf_Scn *linked = elf_getscn(file->elf, shdr.sh_link);
		Elf_Data *symbols = linked != NULL && shdr.sh_link != 0 && gelf_getshdr(linked, &other) != NULL &&
			other.sh_type == SHT_DYNSYM ? elf_getdata(linked, NULL) : NULL;
		uint64_t count = data != NULL && shdr.sh_entsize != 0 ? shdr.sh_size / shdr.sh_entsize : 0;
		for (uint64_t i = 0; err == 0 && i < count && i < INT32_MAX; i++)
			err = read_reloc(image, data, (int)i, shdr.sh_type == SHT_RELA, symbols,
					 symbols != NULL ? other.sh_link : 0);
	}
	ARRAY_SORT(image->relocs, image->n_relocs, place);
	return err;
}

size_t image_reloc_from(const struct image *image, uint64_t addr)
{
	return addr != 0 ? ARRAY_UPTO(image->relocs, image->n_relocs, place, addr - 1) : 0;
}

const struct image_reloc *image_reloc_at(const struct image *image, uint64_t addr)
{
	size_t i = image_reloc_from(image, addr);

	return i < image->n_relocs && image->relocs[i].place == addr ? &image->relocs[i] : NULL;
}

bool image_stub_slot(const struct image *image, uint64_t addr, uint64_t *slot)
{
	struct halves halves = { 0 };

	for (unsigned i = 0; i < STUB_STEPS; i++) {
		uint64_t size;
		const uint8_t *bytes = image_bytes(image, addr, &size);
		struct shape shape;

		if (bytes == NULL || !insn_shape_next(&halves, bytes, (size_t)size, addr, image->gen, &shape))
			return false;
		/* It jumps through the slot, or has read it to jump there. */
		if (shape.has_memory && shape.index < 0 && (shape.flow == FLOW_JUMP_ANY || (image->gen->join != NULL && shape.is_relative))) {
			uint64_t from = shape.is_relative ? addr + shape.size : shape.base >= 0 ? image->got : 0;

			*slot = arch_address(image->arch, from + (uint64_t)shape.displacement);
			return !image->gen->data_by_pc || shape.base < 0;
		}
		if (shape.flow != FLOW_NEXT)
			return false;
		addr += shape.size;
	}
	return false;
}

/* ---- thread-local variables ---- */

uint32_t image_tls_at(const struct image *image, uint64_t offset)
{
	size_t count = image->n_symbols - image->n_plain;
	size_t upto = ARRAY_UPTO(image->symbols + image->n_plain, count, addr, offset);

	for (size_t i = upto; i > 0; i--) {
		const struct image_symbol *symbol = &image->symbols[image->n_plain + i - 1];

		if (offset == symbol->addr || offset - symbol->addr < symbol->size)
			return (uint32_t)(image->n_plain + i - 1);
		if (symbol->size != 0)
			break;
	}
	return IMAGE_NONE;
}

/* ---- the whole ---- */

static void find_tls_block(struct image *image)
{
	const struct elffile *file = image->file;

	for (size_t i = 0; i < file->n_phdrs; i++)
		if (file->phdrs[i].p_type == PT_TLS) {
			uint64_t align = file->phdrs[i].p_align != 0 ? file->phdrs[i].p_align : 1;

			image->tls_start = file->phdrs[i].p_vaddr;
			image->tls_filled = file->phdrs[i].p_filesz;
			image->tls_size = (file->phdrs[i].p_memsz + align - 1) / align * align;
		}
}

int image_init(struct image *image, const struct elffile *file, const struct symbols *symbols)
{
	GElf_Ehdr ehdr;
	int err = 0;

	*image = (struct image){ .file = file, .gen = file->gen };
	image->arch = arch_find(file->elf_class, file->machine);
	if (image->arch == NULL || image->gen == NULL)
		return fail(ENOTSUP, "%s: it is for %s", file->path, arch_describe(file->elf_class, file->machine));
	if (file->type != ET_EXEC && file->type != ET_DYN)
		return fail(ENOEXEC, "%s: it is not linked", file->path);
	image->has_fixed_place = file->type == ET_EXEC;
	find_tls_block(image);
	image->entry = gelf_getehdr(file->elf, &ehdr) != NULL ? ehdr.e_entry : 0;
	err = read_sections(image);
	if (err == 0)
		err = read_symbols(image, symbols);
	if (err == 0)
		err = make_spots(image);
	if (err == 0)
		err = check_overlap(image);
	if (err == 0)
		err = read_relocs(image);
	image->got = elffile_got(file);
	for (size_t i = 0; err == 0 && i < image->n_plain; i++)
		if (strcmp(image->symbols[i].name, "_GLOBAL_OFFSET_TABLE_") == 0)
			image->got = image->symbols[i].addr;
	if (err != 0)
		image_deinit(image);
	return err;
}

void image_deinit(struct image *image)
{
	free(image->sections);
	free(image->symbols);
	free(image->units);
	free(image->spots);
	free(image->relocs);
	*image = (struct image){ 0 };
}
