/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "built.h"

#include <stdlib.h>
#include <string.h>

#include "binary.h"
#include "compilation.h"
#include "stage.h"

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct symbol *const *)a)->name, (*(const struct symbol *const *)b)->name);
}

void built_open(struct built *built, const char *path, int stage)
{
	memset(built, 0, sizeof(*built));
	built->path = text("%s", path);
	if (elffile_open(&built->file, path) != 0)
		stop_kept((enum stage)stage);
	const struct symbols *table = built->file.symtab.count != 0 ? &built->file.symtab : &built->file.dynsym;
	built->by_name = calloc(table->count + 1, sizeof(*built->by_name));
	if (built->by_name == NULL)
		stop(STAGE_OTHER, "out of memory");
	for (size_t i = 0; i < table->count; i++)
		if (table->table[i].section != SHN_UNDEF && (table->table[i].type == STT_FUNC || table->table[i].type == STT_OBJECT))
			built->by_name[built->n++] = &table->table[i];
	qsort(built->by_name, built->n, sizeof(*built->by_name), by_name);
}

void built_close(struct built *built)
{
	elffile_close(&built->file);
	free(built->by_name);
	memset(built, 0, sizeof(*built));
}

/* The first of the symbols of that name; they stand one behind another.  n: there is none. */
static size_t find(const struct built *built, const char *name)
{
	size_t lo = 0, hi = built->n;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (strcmp(built->by_name[middle]->name, name) < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo < built->n && strcmp(built->by_name[lo]->name, name) == 0 ? lo : built->n;
}

/* The bytes of a function in an object, and which of them the linker does not write. */
struct section_bytes {
	const uint8_t *bytes;
	bool *is_fixed;
};

/*
 * The linker may write some bytes around the place of a relocation, too: instructions in front
 * of a reference to the GOT or to thread-local variables become shorter ones.
 */
enum { BEFORE_RELOCATION = 4, BEHIND_RELOCATION = 12 };

/* A section of an object with its relocations taken off.  False: it is none with bytes. */
static bool read_piece(const struct elffile *object, size_t index, struct section_bytes *piece, size_t *size)
{
	Elf_Scn *section = elf_getscn(object->elf, index), *each = NULL;
	GElf_Shdr shdr;

	if (section == NULL || gelf_getshdr(section, &shdr) == NULL || shdr.sh_type != SHT_PROGBITS)
		return false;
	Elf_Data *data = elf_rawdata(section, NULL);
	if (data == NULL || data->d_buf == NULL)
		return false;
	*size = data->d_size;
	piece->bytes = data->d_buf;
	piece->is_fixed = malloc(*size + 1);
	if (piece->is_fixed == NULL)
		stop(STAGE_OTHER, "out of memory");
	memset(piece->is_fixed, true, *size);
	while ((each = elf_nextscn(object->elf, each)) != NULL) {
		if (gelf_getshdr(each, &shdr) == NULL || shdr.sh_info != index || (shdr.sh_type != SHT_RELA && shdr.sh_type != SHT_REL))
			continue;
		Elf_Data *table = elf_getdata(each, NULL);
		size_t count = table != NULL && shdr.sh_entsize != 0 ? table->d_size / (size_t)shdr.sh_entsize : 0;

		for (size_t i = 0; i < count; i++) {
			GElf_Rela rela;
			GElf_Rel rel;
			uint64_t at;

			if (shdr.sh_type == SHT_RELA ? gelf_getrela(table, (int)i, &rela) == NULL : gelf_getrel(table, (int)i, &rel) == NULL)
				continue;
			at = shdr.sh_type == SHT_RELA ? rela.r_offset : rel.r_offset;
			for (uint64_t byte = at > BEFORE_RELOCATION ? at - BEFORE_RELOCATION : 0;
			     byte < at + BEHIND_RELOCATION && byte < *size; byte++)
				piece->is_fixed[byte] = false;
		}
	}
	return true;
}

/* Is one of the linked file's functions of that name and size this one? */
static bool has_function(const struct built *built, const struct symbol *symbol, const struct section_bytes *piece, bool *has_name)
{
	for (size_t i = find(built, symbol->name); i < built->n && strcmp(built->by_name[i]->name, symbol->name) == 0; i++) {
		const struct symbol *linked = built->by_name[i];
		const size_t size = symbol->size < SIZE_MAX ? (size_t)symbol->size : SIZE_MAX;
		uint8_t *bytes = malloc(size);
		bool same = bytes != NULL && linked->size == symbol->size &&
			    elffile_read(&built->file, linked->value, bytes, size);

		*has_name = true;
		for (uint64_t at = 0; same && at < symbol->size; at++)
			same = bytes[at] == piece->bytes[symbol->value + at] || !piece->is_fixed[symbol->value + at];
		free(bytes);
		if (same)
			return true;
	}
	return false;
}

enum contains built_contains(const struct built *built, const char *path)
{
	struct elffile object;
	struct section_bytes piece = { .bytes = NULL };
	size_t n_same = 0, index = 0, size = 0;
	bool differs = false;

	if (elffile_open(&object, path) != 0) {
		msg_forget();
		return CONTAINS_UNKNOWN;
	}
	for (size_t i = 0; i < object.symtab.count && !differs; i++) {
		const struct symbol *symbol = &object.symtab.table[i];
		bool has_name = false;

		/* A weak function may be another file's. */
		if (symbol->type != STT_FUNC || symbol->size == 0 || symbol->section == SHN_UNDEF || symbol->bind == STB_WEAK ||
		    symbol->section >= SHN_LORESERVE)
			continue;
		if (symbol->section != index) {
			free(piece.is_fixed);
			piece.is_fixed = NULL;
			index = symbol->section;
			if (!read_piece(&object, index, &piece, &size))
				size = 0;
		}
		if (symbol->value > size || symbol->size > size - symbol->value)
			continue;
		if (has_function(built, symbol, &piece, &has_name))
			n_same++;
		else if (has_name)
			differs = true;
	}
	free(piece.is_fixed);
	bool has_code = n_same != 0 || differs;
	if (!has_code)
		for (size_t i = 0; i < object.symtab.count; i++)
			has_code |= object.symtab.table[i].type == STT_FUNC && object.symtab.table[i].section != SHN_UNDEF;
	elffile_close(&object);
	return differs ? CONTAINS_NOT : n_same != 0 ? CONTAINS : has_code ? CONTAINS_NOT : CONTAINS_UNKNOWN;
}

bool built_has_source(const struct built *built, const char *name)
{
	struct binary linked = { .symbols = NULL };
	bool has = false;

	if (binary_open(&linked, built->path, NULL) == 0)
		for (uint32_t i = 0; i < linked.dwarf.n_units && !has; i++) {
			const struct dwarf_unit *unit = &linked.dwarf.units[i];
			const char *own = unit->name;

			if (own == NULL)
				continue;
			/* What is in front of the tree depends on -ffile-prefix-map. */
			if (*own != '/' && unit->comp_dir != NULL)
				own = text("%s/%s", unit->comp_dir, own);
			has = path_has_suffix(path_plain(own), name);
		}
	msg_forget();
	binary_close(&linked);
	return has;
}

/* ---- which one is the target? ---- */

/* DT_SONAME; NULL: there is none. */
static const char *soname(const struct elffile *file)
{
	GElf_Shdr shdr;
	Elf_Scn *section = elffile_section(file, ".dynamic", &shdr);
	Elf_Data *data = section != NULL ? elf_getdata(section, NULL) : NULL;
	GElf_Dyn dyn;

	for (int i = 0; data != NULL && gelf_getdyn(data, i, &dyn) != NULL && dyn.d_tag != DT_NULL; i++)
		if (dyn.d_tag == DT_SONAME)
			return elf_strptr(file->elf, shdr.sh_link, (size_t)dyn.d_un.d_val);
	return NULL;
}

/* How sure is it that `file` is what the target was before it was installed?  0: not at all. */
static int likeness(const struct elffile *file, const char *path, const struct elffile *target, const char *name)
{
	GElf_Shdr shdr;
	const char *own = base_name(path), *a = soname(file), *b = soname(target);
	int points = 0;

	if (file->machine != target->machine || file->elf_class != target->elf_class)
		return 0;
	/* A debug file has the build-id, and no code. */
	if (elffile_section(file, ".text", &shdr) != NULL && shdr.sh_type == SHT_NOBITS)
		return 0;
	if (file->build_id_size != 0 && file->build_id_size == target->build_id_size &&
	    memcmp(file->build_id, target->build_id, file->build_id_size) == 0)
		points = 64;
	else if (a != NULL && b != NULL)
		points = strcmp(a, b) == 0 ? 32 : 0;
	else if (strcmp(own, name) == 0 || (strncmp(own, "lt-", 3) == 0 && strcmp(own + 3, name) == 0))
		points = 16;
	/* nsb-gen needs symbols and debug info of it. */
	if (points != 0 && file->symtab.count != 0)
		points += 4;
	if (points != 0 && elffile_section(file, ".debug_info", &shdr) != NULL)
		points += 2;
	return points;
}

const char *built_find(const struct words *programs, const struct words *linked, const struct elffile *target, const char *name,
		       char **several)
{
	const char *best = NULL;
	int most = 0;

	*several = NULL;
	for (size_t i = 0; i < programs->n; i++) {
		struct elffile file;

		if (elffile_open(&file, programs->all[i]) != 0) {
			msg_forget();
			continue;
		}
		int points = likeness(&file, programs->all[i], target, name);
		/* A copy of what was linked, of "make install" for example, is not made by each later build. */
		if (points != 0 && words_has(linked, programs->all[i]))
			points++;
		elffile_close(&file);
		if (points == 0 || points < most)
			continue;
		if (points == most && best != NULL && !same_files(best, programs->all[i]))
			*several = text("%s, %s", *several != NULL ? *several : best, programs->all[i]);
		if (points > most) {
			most = points;
			best = programs->all[i];
			*several = NULL;
		}
	}
	return *several != NULL ? NULL : best;
}
