/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "insn.h"

#define PIECES_MAX 1000000u

/* ---- reading ---- */

static int damaged(const struct unit *unit, const char *what, const char *section)
{
	return fail(ENOEXEC, "%s: damaged: %s (section %s)", unit->file.path, what, section);
}

static int read_section(struct unit *unit, Elf_Scn *scn, size_t strings)
{
	size_t index = elf_ndxscn(scn);
	GElf_Shdr shdr;

	if (index >= unit->n_sections || gelf_getshdr(scn, &shdr) == NULL)
		return damaged(unit, "a section header", "?");
	struct unit_section *section = &unit->sections[index];
	const char *name = elf_strptr(unit->file.elf, strings, shdr.sh_name);
	section->name = name != NULL ? name : "";
	section->size = shdr.sh_size;
	section->flags = shdr.sh_flags;
	section->entsize = shdr.sh_entsize;
	section->is_alloc = (shdr.sh_flags & SHF_ALLOC) != 0 &&
		(shdr.sh_type == SHT_PROGBITS || shdr.sh_type == SHT_NOBITS ||
		 shdr.sh_type == SHT_INIT_ARRAY || shdr.sh_type == SHT_FINI_ARRAY ||
		 shdr.sh_type == SHT_PREINIT_ARRAY);
	/*
	 * Unwind tables describe the code; the linker puts them together, and nothing refers to
	 * them.
	 */
	if (strcmp(section->name, ".eh_frame") == 0)
		section->is_alloc = false;
	if (strncmp(section->name, ".gnu.lto_", 9) == 0 || strcmp(section->name, ".llvmbc") == 0)
		return fail(EINVAL, "%s: made for link-time optimisation (build it with -fno-lto)",
			    unit->file.path);
	if (!section->is_alloc || shdr.sh_type == SHT_NOBITS || shdr.sh_size == 0)
		return 0;
	Elf_Data *data = elf_rawdata(scn, NULL);
	if (data == NULL || data->d_buf == NULL || data->d_size != shdr.sh_size)
		return damaged(unit, "its bytes are not in the file", section->name);
	section->bytes = data->d_buf;
	return 0;
}

static int read_sections(struct unit *unit)
{
	Elf_Scn *scn = NULL;
	size_t strings;
	int err = 0;

	if (elf_getshdrnum(unit->file.elf, &unit->n_sections) != 0 ||
	    elf_getshdrstrndx(unit->file.elf, &strings) != 0)
		return damaged(unit, "the section table", "?");
	if (unit->n_sections >= SHN_LORESERVE)
		return fail(EINVAL, "%s: has %zu sections, more than %d", unit->file.path,
			    unit->n_sections, SHN_LORESERVE - 1);
	unit->sections = calloc(unit->n_sections + 1, sizeof(*unit->sections));
	if (unit->sections == NULL)
		return fail(ENOMEM, "out of memory");
	while (err == 0 && (scn = elf_nextscn(unit->file.elf, scn)) != NULL)
		err = read_section(unit, scn, strings);
	return err;
}

/* A relocation of SHT_REL has its addend in the bytes that are relocated. */
static int64_t addend_in_place(const struct unit_section *section, const struct unit_reloc *reloc)
{
	uint64_t value = 0;

	memcpy(&value, section->bytes + reloc->offset, reloc->type->width);
	return reloc->type->width == 4 ? (int32_t)value : (int64_t)value;
}

static int read_reloc(struct unit *unit, struct unit_section *section, Elf_Data *data, int index,
		      bool has_addends)
{
	struct unit_reloc *reloc = &section->relocs[section->n_relocs];
	GElf_Rela rela = { 0 };
	GElf_Rel rel;

	if (has_addends ? gelf_getrela(data, index, &rela) == NULL : gelf_getrel(data, index, &rel) == NULL)
		return damaged(unit, "a relocation", section->name);
	if (!has_addends)
		rela = (GElf_Rela){ rel.r_offset, rel.r_info, 0 };
	uint64_t number = GELF_R_SYM(rela.r_info), type = GELF_R_TYPE(rela.r_info);
	reloc->type = arch_reloc(unit->arch, (uint32_t)type);
	if (reloc->type == NULL)
		return fail(EINVAL, "%s: relocation type %" PRIu64 " at 0x%" PRIx64 " of section %s is "
			    "unknown", unit->file.path, type, (uint64_t)rela.r_offset, section->name);
	if (reloc->type->kind == RELOC_NONE)
		return 0;
	if (rela.r_offset > section->size || section->size - rela.r_offset < reloc->type->width ||
	    section->bytes == NULL || number > unit->file.symtab.count)
		return damaged(unit, "a relocation leads outside", section->name);
	reloc->offset = rela.r_offset;
	reloc->symbol = number != 0 ? &unit->file.symtab.table[number - 1] : NULL;
	reloc->addend = has_addends ? rela.r_addend : addend_in_place(section, reloc);
	section->n_relocs++;
	return 0;
}

static int read_relocs_of(struct unit *unit, struct unit_section *section, Elf_Scn *scn,
			  const GElf_Shdr *shdr)
{
	bool has_addends = shdr->sh_type == SHT_RELA;
	size_t entry = gelf_fsize(unit->file.elf, has_addends ? ELF_T_RELA : ELF_T_REL, 1, EV_CURRENT);
	Elf_Data *data = elf_getdata(scn, NULL);
	int err = 0;

	if (data == NULL || entry == 0 || section->relocs != NULL)
		return damaged(unit, "its relocations", section->name);
	size_t count = data->d_size / entry;
	err = ARRAY_GROW(&section->relocs, 0, count + 1);
	if (err != 0)
		return err;
	memset(section->relocs, 0, (count + 1) * sizeof(*section->relocs));
	for (size_t i = 0; err == 0 && i < count && i < INT32_MAX; i++)
		err = read_reloc(unit, section, data, (int)i, has_addends);
	ARRAY_SORT(section->relocs, section->n_relocs, offset);
	return err;
}

static int read_relocs(struct unit *unit)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	int err = 0;

	while (err == 0 && (scn = elf_nextscn(unit->file.elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL ||
		    (shdr.sh_type != SHT_RELA && shdr.sh_type != SHT_REL) ||
		    shdr.sh_info >= unit->n_sections)
			continue;
		struct unit_section *section = &unit->sections[shdr.sh_info];
		if (section->is_alloc)
			err = read_relocs_of(unit, section, scn, &shdr);
	}
	return err;
}

/* ---- pieces ---- */

bool is_constant(const struct unit *unit, const struct piece *piece)
{
	const struct unit_section *section = &unit->sections[piece->section];

	/* Only the dynamic linker writes to .data.rel.ro. */
	return (section->flags & SHF_WRITE) == 0 || strncmp(section->name, ".data.rel.ro", 12) == 0;
}

bool is_mergeable(const struct unit *unit, const struct piece *piece)
{
	return (unit->sections[piece->section].flags & SHF_MERGE) != 0;
}

bool is_made_by_compiler(const struct piece *piece)
{
	static const char *const names[] = {
		"__func__", "__FUNCTION__", "__PRETTY_FUNCTION__", "CSWTCH", "switch.table",
	};

	if (piece->kind == PIECE_UNNAMED)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		/* clang writes function.__func__ and switch.table.function. */
		const char *at = strstr(piece->name, names[i]);
		size_t size = strlen(names[i]);

		if (at != NULL && (at == piece->name || at[-1] == '.') &&
		    (at[size] == '\0' || at[size] == '.'))
			return true;
	}
	return false;
}

bool may_be_overridden(const struct unit *unit, const struct piece *piece)
{
	return piece->symbol != NULL && piece->symbol->bind == STB_WEAK &&
		(unit->sections[piece->section].flags & SHF_GROUP) == 0;
}

size_t stem_length(const char *name)
{
	size_t size = strlen(name), end = size;

	while (end > 1 && isdigit((unsigned char)name[end - 1]) != 0)
		end--;
	return end < size && end > 1 && name[end - 1] == '.' ? end - 1 : size;
}

bool is_clone(const struct piece *piece)
{
	const char *dot = piece->kind == PIECE_FUNCTION ? strchr(piece->name + 1, '.') : NULL;

	return dot != NULL && *piece->name != '\0';
}

static bool makes_piece(const struct unit *unit, const struct symbol *symbol)
{
	if (symbol->section == SHN_UNDEF || symbol->section >= unit->n_sections)
		return false;
	const struct unit_section *section = &unit->sections[symbol->section];
	if (!section->is_alloc || (section->flags & SHF_MERGE) != 0 || strncmp(symbol->name, ".L", 2) == 0 ||
	    symbol->value > section->size || symbol->size > section->size - symbol->value)
		return false;
	if (symbol->type == STT_FUNC || symbol->type == STT_OBJECT || symbol->type == STT_TLS ||
	    symbol->type == STT_GNU_IFUNC)
		return true;
	/* Assembly has labels without a type. */
	return symbol->type == STT_NOTYPE && symbol->bind != STB_LOCAL;
}

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	/*
	 * Of several names of one address a global one comes first, and then the first of the
	 * table.
	 */
	bool x_local = x->symbol->bind == STB_LOCAL, y_local = y->symbol->bind == STB_LOCAL;
	if (x_local != y_local)
		return x_local ? 1 : -1;
	return x->symbol < y->symbol ? -1 : 1;
}

static enum piece_kind kind_of(const struct unit_section *section)
{
	if ((section->flags & SHF_TLS) != 0)
		return PIECE_TLS;
	return (section->flags & SHF_EXECINSTR) != 0 ? PIECE_FUNCTION : PIECE_VARIABLE;
}

/* Make the pieces that have names, in order of address, one for each address. */
static void name_pieces(struct unit *unit)
{
	size_t kept = 0;

	for (size_t i = 0; i < unit->file.symtab.count; i++) {
		const struct symbol *symbol = &unit->file.symtab.table[i];

		if (makes_piece(unit, symbol))
			unit->pieces[unit->n_pieces++] = (struct piece){
				.name = symbol->name, .symbol = symbol, .section = symbol->section,
				.start = symbol->value, .size = symbol->size,
				.kind = kind_of(&unit->sections[symbol->section]),
			};
	}
	if (unit->n_pieces != 0)
		qsort(unit->pieces, unit->n_pieces, sizeof(*unit->pieces), compare_pieces);
	for (size_t i = 0; i < unit->n_pieces; i++) {
		struct piece *last = kept != 0 ? &unit->pieces[kept - 1] : NULL;

		if (last != NULL && last->section == unit->pieces[i].section &&
		    last->start == unit->pieces[i].start) {
			if (last->size < unit->pieces[i].size)
				last->size = unit->pieces[i].size;
			continue;
		}
		unit->pieces[kept++] = unit->pieces[i];
	}
	unit->n_pieces = kept;
}

/* Set the ends and the relocations of the pieces of one section. */
static void bound_pieces(struct unit *unit, struct unit_section *section)
{
	uint32_t reloc = 0;

	for (uint32_t i = 0; i < section->n_pieces; i++) {
		struct piece *piece = &unit->pieces[section->first_piece + i];
		bool last = i + 1 == section->n_pieces;

		piece->end = last ? section->size : piece[1].start;
		piece->first_reloc = reloc;
		while (reloc < section->n_relocs && (last || section->relocs[reloc].offset < piece->end))
			reloc++;
		piece->n_relocs = reloc - piece->first_reloc;
		/* Nobody tells how large data of assembly is. */
		if (piece->kind == PIECE_VARIABLE && piece->symbol->type == STT_NOTYPE && piece->size == 0)
			piece->size = piece->end - piece->start;
	}
}

/* Is there a relocation at the operand, which ends at `end`? */
static bool has_reloc(const struct unit_section *section, size_t n_relocs, uint64_t end)
{
	size_t upto = ARRAY_UPTO(section->relocs, n_relocs, offset, end);

	return upto > 0 && section->relocs[upto - 1].offset + section->relocs[upto - 1].type->width == end;
}

/* Make a relocation of a call, or a jump, from one piece of a section to another. */
static int add_inner_call(struct unit *unit, struct unit_section *section, const struct insn *insn,
			  const struct piece *to)
{
	int err = ARRAY_GROW(&section->relocs, section->n_relocs, 1);

	if (err != 0)
		return err;
	struct unit_reloc *reloc = &section->relocs[section->n_relocs++];
	*reloc = (struct unit_reloc){
		.offset = insn->addr + insn->size - 4,
		.type = arch_reloc(unit->arch, unit->file.gen->branch_type),
		.symbol = to->symbol, .addend = (int64_t)(insn->to - to->start),
	};
	/* A distance counts from where it ends, a part of an instruction from the instruction. */
	reloc->addend -= reloc->type->field == 0 ? 4 : 0;
	return 0;
}

/*
 * An assembler resolves calls of local functions of the same section, and leaves no relocation.
 * Such a section has several functions if the object was compiled without -ffunction-sections.
 */
static int find_inner_calls(struct unit *unit, struct unit_section *section, struct piece *piece,
			    size_t n_relocs)
{
	const struct gen_arch *gen = unit->file.gen;
	const struct piece *pieces = unit->pieces + section->first_piece;
	uint64_t end = piece->start + piece->size;
	struct insn insn;

	/* Assembly may not say how large a function is. */
	if (piece->size == 0)
		end = piece + 1 < pieces + section->n_pieces ? piece[1].start : section->size;
	for (uint64_t at = piece->start; at < end; at += insn.size) {
		if (!insn_decode(section->bytes + at, (size_t)(end - at), at, gen, &insn)) {
			piece->leaves_unseen = true;
			return 0;
		}
		if ((insn.flow != FLOW_CALL && insn.flow != FLOW_JUMP && insn.flow != FLOW_BRANCH) ||
		    has_reloc(section, n_relocs, at + insn.size) ||
		    (insn.to >= piece->start && insn.to < end) ||
		    insn.to >= section->size)
			continue;
		size_t upto = ARRAY_UPTO(pieces, section->n_pieces, start, insn.to);
		if (upto == 0 || insn.size < gen->branch_room) {
			piece->leaves_unseen = true;
			continue;
		}
		int err = add_inner_call(unit, section, &insn, &pieces[upto - 1]);
		if (err != 0)
			return err;
	}
	return 0;
}

static int add_inner_calls(struct unit *unit, struct unit_section *section)
{
	size_t n_relocs = section->n_relocs;
	int err = 0;

	if ((section->flags & SHF_EXECINSTR) == 0 || section->n_pieces < 2 || section->bytes == NULL)
		return 0;
	for (uint32_t i = 0; err == 0 && i < section->n_pieces; i++)
		err = find_inner_calls(unit, section, &unit->pieces[section->first_piece + i], n_relocs);
	ARRAY_SORT(section->relocs, section->n_relocs, offset);
	return err;
}

static int make_pieces(struct unit *unit)
{
	size_t most = unit->file.symtab.count + unit->n_sections;

	if (most > PIECES_MAX)
		return fail(EINVAL, "%s: has too many symbols", unit->file.path);
	unit->pieces = calloc(most + 1, sizeof(*unit->pieces));
	if (unit->pieces == NULL)
		return fail(ENOMEM, "out of memory");
	name_pieces(unit);
	for (size_t i = 0; i < unit->n_pieces; i++) {
		struct unit_section *section = &unit->sections[unit->pieces[i].section];

		if (section->n_pieces++ == 0)
			section->first_piece = (uint32_t)i;
	}
	for (size_t i = 0; i < unit->n_sections; i++) {
		struct unit_section *section = &unit->sections[i];
		int err = add_inner_calls(unit, section);

		if (err != 0)
			return err;
		if (section->is_alloc && section->size != 0 && section->n_pieces == 0) {
			section->first_piece = (uint32_t)unit->n_pieces;
			section->n_pieces = 1;
			unit->pieces[unit->n_pieces++] = (struct piece){
				.name = section->name, .kind = PIECE_UNNAMED, .section = (uint32_t)i,
				.size = section->size,
			};
		}
		bound_pieces(unit, section);
	}
	return 0;
}

/* ---- displacements ---- */

static bool is_displacement(const struct unit_reloc *reloc)
{
	enum reloc_kind kind = reloc->type->kind;

	/* A part of an instruction counts from the instruction itself. */
	return reloc->type->field == 0 && (kind == RELOC_PCREL || kind == RELOC_PLT || kind == RELOC_GOTPCREL);
}

/*
 * A displacement counts from the end of its instruction, and an immediate may stand behind it.
 * The code is decoded from the function's start to find where the instruction ends.
 */
static void measure(struct unit *unit, const struct piece *piece)
{
	const struct unit_section *section = &unit->sections[piece->section];
	bool known = true;
	uint64_t end = piece->start;
	struct insn insn;

	for (uint32_t i = 0; i < piece->n_relocs; i++) {
		struct unit_reloc *reloc = &section->relocs[piece->first_reloc + i];

		if (!is_displacement(reloc))
			continue;
		while (known && end <= reloc->offset) {
			known = section->bytes != NULL && end < piece->end &&
				insn_decode(section->bytes + end, (size_t)(piece->end - end), end, unit->file.gen, &insn);
			end += known ? insn.size : 0;
		}
		reloc->bias_is_guess = !known || end - reloc->offset > UINT8_MAX;
		reloc->bias = reloc->bias_is_guess ? 4 : (uint8_t)(end - reloc->offset);
	}
}

/*
 * The end of an unknown instruction is only guessed.  Refuse if another guess would lead to
 * another thing.
 */
static int check_displacement(const struct unit *unit, const struct piece *piece,
			      const struct unit_reloc *reloc)
{
	struct unit_reloc farthest = *reloc;
	int64_t offset;

	farthest.bias += 4;		/* the longest immediate */
	if (!reloc->bias_is_guess ||
	    reloc_piece(unit, reloc, &offset) == reloc_piece(unit, &farthest, &offset))
		return 0;
	return fail(EINVAL, "%s: %s has an instruction that is not known, so it cannot be told which"
		    " variable of section %s it refers to (compile the objects with -fdata-sections)",
		    unit->file.path, piece->name, unit->sections[reloc->symbol->section].name);
}

static int measure_displacements(struct unit *unit)
{
	int err = 0;

	for (size_t i = 0; i < unit->n_pieces && err == 0; i++) {
		const struct piece *piece = &unit->pieces[i];
		const struct unit_section *section = &unit->sections[piece->section];

		if ((section->flags & SHF_EXECINSTR) == 0)
			continue;
		measure(unit, piece);
		for (uint32_t k = 0; k < piece->n_relocs && err == 0; k++)
			err = check_displacement(unit, piece,
						 &section->relocs[piece->first_reloc + k]);
	}
	return err;
}

static int check_symbols(struct unit *unit)
{
	for (size_t i = 0; i < unit->file.symtab.count; i++) {
		const struct symbol *symbol = &unit->file.symtab.table[i];

		if (symbol->type == STT_FILE && *unit->source == '\0')
			unit->source = base_name(symbol->name);
		if (symbol->type == STT_GNU_IFUNC && symbol->section != SHN_UNDEF)
			return fail(EINVAL, "%s: '%s' is an IFUNC, which has chosen already when a patch "
				    "comes (replace the function that it chooses in manual mode)",
				    unit->file.path, symbol->name);
		if (symbol->section == SHN_COMMON)
			return fail(EINVAL, "%s: '%s' is in a common block, so the patch would have one "
				    "of its own (compile the objects with -fno-common)",
				    unit->file.path, symbol->name);
	}
	return 0;
}

int unit_open(struct unit *unit, const char *path)
{
	*unit = (struct unit){ .source = "" };
	int err = elffile_open(&unit->file, path);

	if (err != 0)
		return err;
	if (unit->file.type != ET_REL) {
		err = fail(EINVAL, "%s: not an object file (the .o that the compiler made)", path);
		goto out;
	}
	unit->arch = arch_find(unit->file.elf_class, unit->file.machine);
	if (unit->arch == NULL) {
		err = fail(EINVAL, "%s: made for %s", path,
			   arch_describe(unit->file.elf_class, unit->file.machine));
		goto out;
	}
	err = read_sections(unit);
	if (err == 0)
		err = check_symbols(unit);
	if (err == 0)
		err = read_relocs(unit);
	if (err == 0)
		err = make_pieces(unit);
	if (err == 0)
		err = measure_displacements(unit);
out:
	if (err != 0)
		unit_close(unit);
	return err;
}

void unit_close(struct unit *unit)
{
	for (size_t i = 0; unit->sections != NULL && i < unit->n_sections; i++)
		free(unit->sections[i].relocs);
	for (size_t i = 0; i < unit->n_pieces; i++)
		free(unit->pieces[i].why);
	dwarf_deinit(&unit->dwarf);
	for (size_t i = 0; i < DWARF_N_SECTIONS; i++)
		free(unit->debug[i]);
	free(unit->rows);
	free(unit->sections);
	free(unit->pieces);
	free(unit->target_path);
	elffile_close(&unit->file);
	*unit = (struct unit){ 0 };
}

/* ---- debug info ---- */

/* Give each section an address.  None is at 0, which would mean that the linker dropped it. */
static void lay_out(struct unit *unit)
{
	uint64_t addr = 0x1000;

	for (size_t i = 0; i < unit->n_sections; i++) {
		if (!unit->sections[i].is_alloc)
			continue;
		unit->sections[i].addr = addr;
		addr += (unit->sections[i].size + 31) & ~UINT64_C(15);
	}
}

static void relocate_debug(const struct unit *unit, struct dwarf_bytes *section, uint8_t *bytes,
			   const GElf_Rela *rela, bool has_addend)
{
	const struct reloc_type *type = arch_reloc(unit->arch, (uint32_t)GELF_R_TYPE(rela->r_info));
	uint64_t number = GELF_R_SYM(rela->r_info), value = (uint64_t)rela->r_addend;

	if (type == NULL || type->kind != RELOC_ABS || rela->r_offset > section->size ||
	    section->size - rela->r_offset < type->width || number > unit->file.symtab.count)
		return;
	if (!has_addend)
		memcpy(&value, bytes + rela->r_offset, type->width);
	if (number != 0) {
		const struct symbol *symbol = &unit->file.symtab.table[number - 1];

		value += symbol->value;
		if (symbol->section < unit->n_sections)
			value += unit->sections[symbol->section].addr;
	}
	memcpy(bytes + rela->r_offset, &value, type->width);
}

static void relocate_debug_section(const struct unit *unit, size_t index,
				   struct dwarf_bytes *section, uint8_t *bytes)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(unit->file.elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || shdr.sh_info != index ||
		    (shdr.sh_type != SHT_RELA && shdr.sh_type != SHT_REL) || shdr.sh_entsize == 0)
			continue;
		bool has_addend = shdr.sh_type == SHT_RELA;
		Elf_Data *data = elf_getdata(scn, NULL);
		size_t count = data != NULL ? (size_t)(data->d_size / shdr.sh_entsize) : 0;
		for (size_t i = 0; i < count && i < INT32_MAX; i++) {
			GElf_Rela rela;
			GElf_Rel rel;

			if (has_addend ? gelf_getrela(data, (int)i, &rela) == NULL :
			    gelf_getrel(data, (int)i, &rel) == NULL)
				continue;
			if (!has_addend)
				rela = (GElf_Rela){ rel.r_offset, rel.r_info, 0 };
			relocate_debug(unit, section, bytes, &rela, has_addend);
		}
	}
}

int unit_read_dwarf(struct unit *unit)
{
	struct dwarf_input input = { .name = unit->file.path };

	lay_out(unit);
	for (int i = 0; i < DWARF_N_SECTIONS; i++) {
		struct dwarf_bytes *section = &input.sections[i];
		GElf_Shdr shdr;
		Elf_Scn *scn = elffile_section(&unit->file, dwarf_section_names[i], &shdr);
		int err = elffile_bytes(&unit->file, dwarf_section_names[i], section);

		if (err != 0)
			return err;
		if (scn == NULL || section->size == 0)
			continue;
		unit->debug[i] = malloc(section->size);
		if (unit->debug[i] == NULL)
			return fail(ENOMEM, "out of memory");
		memcpy(unit->debug[i], section->data, section->size);
		relocate_debug_section(unit, elf_ndxscn(scn), section, unit->debug[i]);
		section->data = unit->debug[i];
	}
	return input.sections[DWARF_INFO].size != 0 ? dwarf_init(&unit->dwarf, &input, NULL) : 0;
}

/* ---- questions ---- */

bool reloc_is_branch(const struct unit *unit, const struct piece *piece,
		     const struct unit_reloc *reloc)
{
	const struct unit_section *section = &unit->sections[piece->section];

	if ((section->flags & SHF_EXECINSTR) == 0 || reloc->type->width != 4)
		return false;
	if (reloc->type->kind != RELOC_PCREL && reloc->type->kind != RELOC_PLT)
		return false;
	/*
	 * An operand relative to %rip has a ModRM byte before it, and none looks like these
	 * opcodes.
	 */
	return unit->file.gen->is_branch_operand(section->bytes, (size_t)reloc->offset);
}

bool reloc_is_call(const struct unit *unit, const struct piece *piece,
		   const struct unit_reloc *reloc)
{
	enum reloc_kind kind = reloc->type->kind;

	if (kind != RELOC_GOT && kind != RELOC_GOTPCREL)
		return reloc_is_branch(unit, piece, reloc);
	return unit->file.gen->is_slot_operand(unit->sections[piece->section].bytes, (size_t)reloc->offset);
}

static struct piece *piece_at(const struct unit *unit, uint32_t index, uint64_t offset)
{
	const struct unit_section *section = &unit->sections[index];
	struct piece *pieces = unit->pieces + section->first_piece;
	size_t upto = ARRAY_UPTO(pieces, section->n_pieces, start, offset);

	if (section->n_pieces == 0)
		return NULL;
	/* What is before the first piece belongs to it. */
	return &pieces[upto > 0 ? upto - 1 : 0];
}

struct piece *reloc_piece(const struct unit *unit, const struct unit_reloc *reloc,
			  int64_t *offset)
{
	const struct symbol *symbol = reloc->symbol;

	if (symbol == NULL || symbol->section == SHN_UNDEF || symbol->section >= unit->n_sections ||
	    !unit->sections[symbol->section].is_alloc)
		return NULL;
	uint64_t at = symbol->value;
	if (symbol->type == STT_SECTION) {
		int64_t exact = reloc->addend + reloc->bias;

		at = exact < 0 ? 0 : (uint64_t)exact;
	}
	struct piece *to = piece_at(unit, symbol->section, at);
	if (to != NULL)
		*offset = (int64_t)(symbol->value + (uint64_t)reloc->addend - to->start);
	return to;
}

struct piece *unit_find_global(const struct unit *unit, const char *name)
{
	for (size_t i = 0; i < unit->file.symtab.count; i++) {
		const struct symbol *symbol = &unit->file.symtab.table[i];

		if (symbol->bind != STB_LOCAL && makes_piece(unit, symbol) &&
		    strcmp(symbol->name, name) == 0)
			return piece_at(unit, symbol->section, symbol->value);
	}
	return NULL;
}
