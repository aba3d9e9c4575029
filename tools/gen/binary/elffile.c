/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "elffile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

/* An object of C++ templates, each in a section of its own, has some 100,000; libelf takes 300 bytes for each. */
#define MOST_SECTIONS (UINT64_C(1) << 20)
#define MOST_SEGMENTS (UINT64_C(1) << 16)

/* Debug info shrinks to a fifth when it is compressed, and a table of zeros to much less. */
#define MOST_GROWTH 64
#define HARMLESS_GROWTH (UINT64_C(64) << 20)

const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static int damaged(const struct elffile *file, const char *what)
{
	return fail(ENOEXEC, "%s: %s: %s", file->path, what, elf_errmsg(-1));
}

static int read_headers(struct elffile *file)
{
	GElf_Ehdr ehdr;
	bool interpreted = false, dynamic = false;

	if (elf_kind(file->elf) != ELF_K_ELF || gelf_getehdr(file->elf, &ehdr) == NULL)
		return fail(ENOEXEC, "%s: not an ELF file", file->path);
	if (elf_getshdrstrndx(file->elf, &file->strings) != 0)
		file->strings = 0;
	file->elf_class = ehdr.e_ident[EI_CLASS];
	file->machine = ehdr.e_machine;
	file->gen = gen_arch_find(file->elf_class, file->machine);
	file->type = ehdr.e_type;
	if (ehdr.e_ident[EI_DATA] != ELFDATA2LSB)
		return fail(ENOEXEC, "%s: big-endian", file->path);
	if (elf_getphdrnum(file->elf, &file->n_phdrs) != 0)
		return damaged(file, "cannot read the program headers");
	if (file->n_phdrs > MOST_SEGMENTS)
		return fail(ENOEXEC, "%s: it claims to have %zu program headers", file->path, file->n_phdrs);
	file->phdrs = calloc(file->n_phdrs + 1, sizeof(*file->phdrs));
	if (file->phdrs == NULL)
		return fail(ENOMEM, "%s: out of memory", file->path);
	for (size_t i = 0; i < file->n_phdrs; i++) {
		if (gelf_getphdr(file->elf, (int)i, &file->phdrs[i]) == NULL)
			return damaged(file, "cannot read a program header");
		interpreted |= file->phdrs[i].p_type == PT_INTERP;
		dynamic |= file->phdrs[i].p_type == PT_DYNAMIC;
	}
	/*
	 * A static-pie has a PT_DYNAMIC, by which it relocates itself, but no dynamic linker
	 * reads it.
	 */
	file->is_static = file->type == ET_EXEC && !dynamic;
	if (file->type == ET_DYN && dynamic && !interpreted) {
		GElf_Shdr shdr;
		Elf_Scn *scn = elffile_section(file, ".dynamic", &shdr);
		Elf_Data *data = scn != NULL ? elf_getdata(scn, NULL) : NULL;
		GElf_Dyn dyn;

		for (int i = 0; data != NULL && gelf_getdyn(data, i, &dyn) != NULL &&
		     dyn.d_tag != DT_NULL; i++)
			if (dyn.d_tag == DT_FLAGS_1 && (dyn.d_un.d_val & DF_1_PIE) != 0)
				file->is_static = true;
	}
	return 0;
}

static int read_symbols(struct elffile *file, uint32_t type, struct symbols *out)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(file->elf, scn)) != NULL)
		if (gelf_getshdr(scn, &shdr) != NULL && shdr.sh_type == type)
			break;
	if (scn == NULL)
		return 0;
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t entry = gelf_fsize(file->elf, ELF_T_SYM, 1, EV_CURRENT);
	if (data == NULL || entry == 0)
		return damaged(file, "cannot read the symbols");
	size_t count = data->d_size / entry;
	if (count < 2)
		return 0;
	out->table = calloc(count, sizeof(*out->table));
	if (out->table == NULL)
		return fail(ENOMEM, "%s: out of memory", file->path);
	for (size_t i = 1; i < count && i < INT32_MAX; i++) {
		GElf_Sym sym;
		if (gelf_getsym(data, (int)i, &sym) == NULL)
			return damaged(file, "cannot read a symbol");
		const char *name = elf_strptr(file->elf, shdr.sh_link, sym.st_name);
		out->table[out->count++] = (struct symbol){
			.name = name != NULL ? name : "",
			.value = sym.st_value,
			.size = sym.st_size,
			.index = (uint32_t)i,
			.section = sym.st_shndx,
			.type = GELF_ST_TYPE(sym.st_info),
			.bind = GELF_ST_BIND(sym.st_info),
			.visibility = GELF_ST_VISIBILITY(sym.st_other),
		};
	}
	return 0;
}

static void read_build_id(struct elffile *file)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || shdr.sh_type != SHT_NOTE)
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		size_t at = 0, name, desc;
		GElf_Nhdr note;

		while (data != NULL && (at = gelf_getnote(data, at, &note, &name, &desc)) != 0) {
			if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
			    memcmp((char *)data->d_buf + name, "GNU", 4) != 0 ||
			    note.n_descsz == 0 || note.n_descsz > BUILD_ID_MAX)
				continue;
			memcpy(file->build_id, (char *)data->d_buf + desc, note.n_descsz);
			file->build_id_size = note.n_descsz;
			return;
		}
	}
}

/* Let libelf read file->bytes. */
static int begin(struct elffile *file)
{
	elf_version(EV_CURRENT);
	file->elf = elf_memory((char *)file->bytes, file->size);
	return file->elf != NULL ? read_headers(file) : fail(ENOEXEC, "%s: not an ELF file", file->path);
}

static int copy_bytes(const struct elffile *file, const uint8_t *bytes, uint8_t **copy)
{
	*copy = malloc(file->size + 1);
	if (*copy == NULL)
		return fail(ENOMEM, "%s: out of memory for %zu bytes", file->path, file->size);
	memcpy(*copy, bytes, file->size);
	return 0;
}

static int open_file(struct elffile *file, const char *path, bool is_kept)
{
	struct stat st = { 0 };
	int err;

	*file = (struct elffile){ .fd = -1 };
	file->path = strdup(path);
	if (file->path == NULL)
		return fail(ENOMEM, "%s: out of memory", path);
	err = file_open(path, &file->fd, &st);
	if (err == 0)
		err = file_check_elf(path, file->fd, &st, MOST_SECTIONS);
	if (err == 0)
		err = file_read_all(path, file->fd, &st, &file->bytes);
	file->size = (size_t)st.st_size;
	if (err == 0 && is_kept)
		err = copy_bytes(file, file->bytes, &file->original);
	if (err == 0)
		err = begin(file);
	if (err == 0)
		err = read_symbols(file, SHT_SYMTAB, &file->symtab);
	if (err == 0)
		err = read_symbols(file, SHT_DYNSYM, &file->dynsym);
	if (err == 0)
		read_build_id(file);
	else
		elffile_close(file);
	return err;
}

int elffile_open(struct elffile *file, const char *path)
{
	return open_file(file, path, false);
}

int elffile_open_kept(struct elffile *file, const char *path)
{
	return open_file(file, path, true);
}

int elffile_open_again(struct elffile *file, const struct elffile *from)
{
	int err;

	*file = (struct elffile){ .path = strdup(from->path), .fd = -1, .size = from->size };
	if (file->path == NULL)
		return fail(ENOMEM, "%s: out of memory", from->path);
	err = copy_bytes(file, from->original, &file->bytes);
	if (err == 0)
		err = begin(file);
	if (err != 0)
		elffile_close(file);
	return err;
}

void elffile_close(struct elffile *file)
{
	if (file->path == NULL)
		return;
	if (file->elf != NULL)
		elf_end(file->elf);
	if (file->fd >= 0)
		close(file->fd);
	free(file->symtab.table);
	free(file->dynsym.table);
	free(file->phdrs);
	free(file->bytes);
	free(file->original);
	free(file->path);
	*file = (struct elffile){ .fd = -1 };
}

Elf_Scn *elffile_section(const struct elffile *file, const char *name, GElf_Shdr *shdr)
{
	Elf_Scn *scn = NULL;
	size_t strings;

	if (elf_getshdrstrndx(file->elf, &strings) != 0)
		return NULL;
	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		const char *have;

		if (gelf_getshdr(scn, shdr) != NULL &&
		    (have = elf_strptr(file->elf, strings, shdr->sh_name)) != NULL && strcmp(have, name) == 0)
			return scn;
	}
	return NULL;
}

/* Uncompress a section in place. */
static int decompress(const struct elffile *file, Elf_Scn *scn, const char *name)
{
	enum { COMPRESSED_BY_ZSTD = 2 };	/* a value of ch_type that older libelf has no name for */
	GElf_Chdr chdr;
	GElf_Shdr shdr;
	bool has_header = gelf_getchdr(scn, &chdr) != NULL && gelf_getshdr(scn, &shdr) != NULL;

	if (has_header && chdr.ch_size > HARMLESS_GROWTH && chdr.ch_size / MOST_GROWTH > shdr.sh_size)
		return fail(ENOEXEC, "%s: section %s claims to become %" PRIu64 " MiB when it is decompressed",
			    file->path, name, (uint64_t)chdr.ch_size >> 20);
	if (elf_compress(scn, 0, 0) >= 0)
		return 0;
	const char *why = elf_errmsg(-1);
	if (has_header && chdr.ch_type == COMPRESSED_BY_ZSTD)
		why = "it is compressed by zstd, which this libelf does not know";
	return fail(ENOEXEC, "%s: cannot decompress section %s: %s (objcopy "
		    "--decompress-debug-sections makes a file that can be read)", file->path, name,
		    why);
}

int elffile_bytes(const struct elffile *file, const char *name, struct dwarf_bytes *out)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = elffile_section(file, name, &shdr);

	*out = (struct dwarf_bytes){ NULL, 0 };
	if (scn == NULL || shdr.sh_type == SHT_NOBITS || shdr.sh_size == 0)
		return 0;
	if ((shdr.sh_flags & SHF_COMPRESSED) != 0) {
		int err = decompress(file, scn, name);
		if (err != 0)
			return err;
	}
	Elf_Data *data = elf_rawdata(scn, NULL);
	if ((shdr.sh_flags & SHF_COMPRESSED) != 0)
		data = elf_getdata(scn, NULL);
	if (data == NULL || (data->d_size != 0 && data->d_buf == NULL))
		return fail(ENOEXEC, "%s: cannot read section %s: %s", file->path, name,
			    elf_errmsg(-1));
	*out = (struct dwarf_bytes){ data->d_buf, data->d_size };
	return 0;
}

bool elffile_read(const struct elffile *file, uint64_t addr, void *buf, size_t size)
{
	size_t file_size;
	const char *raw = elf_rawfile(file->elf, &file_size);

	for (size_t i = 0; raw != NULL && i < file->n_phdrs; i++) {
		const GElf_Phdr *phdr = &file->phdrs[i];

		if (phdr->p_type != PT_LOAD || addr < phdr->p_vaddr ||
		    addr - phdr->p_vaddr > phdr->p_filesz ||
		    size > phdr->p_filesz - (addr - phdr->p_vaddr))
			continue;
		uint64_t offset = addr - phdr->p_vaddr;
		if (phdr->p_offset > file_size || offset > file_size - phdr->p_offset ||
		    size > file_size - phdr->p_offset - offset)
			return false;
		memcpy(buf, raw + phdr->p_offset + offset, size);
		return true;
	}
	return false;
}

uint8_t *elffile_kept(const struct elffile *file, uint64_t addr, uint64_t size)
{
	for (size_t i = 0; file->original != NULL && i < file->n_phdrs; i++) {
		const GElf_Phdr *ph = &file->phdrs[i];

		if (ph->p_type == PT_LOAD && addr >= ph->p_vaddr && addr - ph->p_vaddr <= ph->p_filesz &&
		    size <= ph->p_filesz - (addr - ph->p_vaddr) && ph->p_offset <= file->size &&
		    ph->p_filesz <= file->size - ph->p_offset)
			return file->original + ph->p_offset + (addr - ph->p_vaddr);
	}
	return NULL;
}

bool elffile_code_around(const struct elffile *file, uint64_t addr, uint64_t *lo, uint64_t *hi)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_EXECINSTR) == 0 ||
		    addr < shdr.sh_addr || addr - shdr.sh_addr >= shdr.sh_size)
			continue;
		*lo = shdr.sh_addr;
		*hi = shdr.sh_addr + shdr.sh_size;
		return true;
	}
	for (size_t i = 0; i < file->n_phdrs; i++) {
		const GElf_Phdr *phdr = &file->phdrs[i];

		if (phdr->p_type != PT_LOAD || (phdr->p_flags & PF_X) == 0 || addr < phdr->p_vaddr ||
		    addr - phdr->p_vaddr >= phdr->p_filesz)
			continue;
		*lo = phdr->p_vaddr;
		*hi = phdr->p_vaddr + phdr->p_filesz;
		return true;
	}
	return false;
}

uint64_t elffile_got(const struct elffile *file)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = elffile_section(file, ".dynamic", &shdr);
	Elf_Data *data = scn != NULL ? elf_getdata(scn, NULL) : NULL;
	GElf_Dyn dyn;

	for (int i = 0; data != NULL && gelf_getdyn(data, i, &dyn) != NULL && dyn.d_tag != DT_NULL; i++)
		if (dyn.d_tag == DT_PLTGOT)
			return dyn.d_un.d_ptr;
	return 0;
}

bool elffile_is_writable(const struct elffile *file, uint64_t addr)
{
	bool writable = false;

	for (size_t i = 0; i < file->n_phdrs; i++) {
		const GElf_Phdr *phdr = &file->phdrs[i];

		if (addr < phdr->p_vaddr || addr - phdr->p_vaddr >= phdr->p_memsz)
			continue;
		if (phdr->p_type == PT_GNU_RELRO)
			return false;
		writable |= phdr->p_type == PT_LOAD && (phdr->p_flags & PF_W) != 0;
	}
	return writable;
}
