/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "patchfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch.h"
#include "page.h"

#define MAX_FILE (UINT64_C(256) << 20)
#define MAX_IMAGE (UINT64_C(256) << 20)
#define MAX_SECTIONS (1u << 20)
#define NAMED_WORDS 16		/* so many constructors are looked at for one that has a name */

/* ---- the file's bytes ---- */

/* O_NONBLOCK: to open a FIFO would wait for its writer.  read_file() refuses what is no regular file. */
static int open_file(const char *path, int *fd)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return *fd != -1 ? 0 : fail(errno, "%s: cannot open: %s", path, strerror(errno));
}

static int read_whole(struct patchfile *file, int fd, size_t size)
{
	file->bytes = malloc(size + 1);
	if (file->bytes == NULL)
		return fail(ENOMEM, "%s: out of memory for %zu bytes", file->path, size);
	while (file->size < size) {
		ssize_t got = read(fd, file->bytes + file->size, size - file->size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(errno, "%s: cannot read: %s", file->path, strerror(errno));
		if (got == 0)
			return fail(ENOEXEC, "%s: it became shorter while it was read", file->path);
		file->size += (size_t)got;
	}
	return 0;
}

/* Read the whole file, and close the descriptor in any case. */
static int read_file(struct patchfile *file, const char *path, int fd)
{
	struct stat st;
	int ret;

	file->path = strdup(path);
	if (file->path == NULL)
		ret = fail(ENOMEM, "%s: out of memory", path);
	else if (fstat(fd, &st) < 0)
		ret = fail(errno, "%s: cannot stat: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		ret = fail(ENOEXEC, "%s: it is no regular file", path);
	else if ((uint64_t)st.st_size > MAX_FILE)
		ret = fail(ENOEXEC, "%s: it is larger than %" PRIu64 " MiB", path, MAX_FILE >> 20);
	else
		ret = read_whole(file, fd, (size_t)st.st_size);
	(void)close(fd);
	return ret;
}

/* The read function of struct bytes, where addresses are offsets in the file. */
static int read_by_offset(const struct bytes *self, uint64_t offset, void *buf, size_t size)
{
	const struct patchfile *file = self->ctx;

	if (offset > file->size || size > file->size - offset)
		return -ENOEXEC;
	memcpy(buf, file->bytes + offset, size);
	return 0;
}

/* The read function of struct bytes, where addresses are link-time addresses. */
static int read_by_address(const struct bytes *self, uint64_t addr, void *buf, size_t size)
{
	const struct patchfile *file = self->ctx;

	if (addr < file->image_lo || addr - file->image_lo > file->image_size ||
	    size > file->image_size - (addr - file->image_lo))
		return -ENOEXEC;
	memcpy(buf, file->image + (addr - file->image_lo), size);
	return 0;
}

/*
 * The readers that are called here do not know the name of the file.  Put it in front of the
 * message that they kept, if `quiet`: no message was kept before.
 */
static int name_file(const struct patchfile *file, bool quiet, int ret)
{
	char *text;

	if (ret >= 0 || !quiet || msg_kept()[0] == '\0')
		return ret;
	text = strdup(msg_kept());
	if (text == NULL)
		return ret;
	msg_forget();
	ret = fail(-ret, "%s: %s", file->path, text);
	free(text);
	return ret;
}

/* ---- what kind of file ---- */

static int check_kind(const struct patchfile *file, const struct elf *headers)
{
	if (!arch_is_patched(headers->elf_class, headers->machine))
		return fail(ENOEXEC, "%s: made for ELF machine %u with %s-bit addresses; patches are "
			    "for i386 or amd64", file->path, headers->machine,
			    elf_is_64(headers) ? "64" : "32");
	if (headers->type != ET_DYN)
		return fail(ENOEXEC, "%s: it is no shared object (link it with -shared)", file->path);
	for (size_t i = 0; i < headers->n_phdrs; i++) {
		if (headers->phdrs[i].type == PT_INTERP)
			return fail(ENOEXEC, "%s: it is a program, no shared object (link it with "
				    "-shared)", file->path);
	}
	return 0;
}

static uint64_t end_of(const struct elf_phdr *phdr)
{
	return phdr->vaddr + phdr->memsz;
}

/* Check one PT_LOAD by itself, and against the one before it, which is NULL for the first. */
static int check_load(const struct patchfile *file, const struct elf *headers,
		      const struct elf_phdr *load, const struct elf_phdr *before)
{
	uint64_t last = elf_is_64(headers) ? UINT64_MAX : UINT32_MAX;
	const char *why = NULL;

	if (load->memsz == 0 || load->vaddr > last - PAGE ||
	    load->memsz > last - PAGE - load->vaddr || load->filesz > load->memsz)
		why = "has an impossible size";
	else if (load->offset > file->size || load->filesz > file->size - load->offset)
		why = "leads beyond the end of the file: it is truncated";
	else if ((load->vaddr - load->offset) % PAGE != 0)
		why = "is not aligned to pages";
	else if ((load->flags & PF_W) != 0 && (load->flags & PF_X) != 0)
		why = "is writable and executable (link it with -z noexecstack -z separate-code, "
		      "without -N)";
	else if (before != NULL && page_down(load->vaddr, PAGE) < end_of(before))
		why = "shares a page with the one before it, or is out of order";
	if (why != NULL)
		return fail(ENOEXEC, "%s: the segment at 0x%" PRIx64 " %s", file->path, load->vaddr,
			    why);
	return 0;
}

static int check_segments(struct patchfile *file, const struct elf *headers)
{
	bool is_64 = elf_is_64(headers);
	size_t size = is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	size_t header = is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	const struct elf_phdr *before = NULL, *first = NULL;

	for (size_t i = 0; i < headers->n_phdrs; i++) {
		const struct elf_phdr *phdr = &headers->phdrs[i];

		if (phdr->type == PT_LOAD) {
			int ret = check_load(file, headers, phdr, before);

			if (ret < 0)
				return ret;
			first = first == NULL ? phdr : first;
			before = phdr;
		}
	}
	if (first == NULL || first->offset != 0 || first->filesz < header ||
	    headers->phoff > first->filesz ||
	    headers->n_phdrs * size > first->filesz - headers->phoff)
		return fail(ENOEXEC, "%s: its first segment does not have the ELF headers", file->path);
	file->image_lo = first->vaddr;
	file->image_size = end_of(before) - first->vaddr;
	if (file->image_size > MAX_IMAGE)
		return fail(ENOEXEC, "%s: it takes %" PRIu64 " MiB of memory, more than %" PRIu64,
			    file->path, file->image_size >> 20, MAX_IMAGE >> 20);
	return 0;
}

/* ---- the image ---- */

static int build_image(struct patchfile *file, const struct elf *headers)
{
	file->image = calloc(1, (size_t)file->image_size);
	if (file->image == NULL)
		return fail(ENOMEM, "%s: out of memory for %" PRIu64 " bytes", file->path,
			    file->image_size);
	for (size_t i = 0; i < headers->n_phdrs; i++) {
		const struct elf_phdr *load = &headers->phdrs[i];

		if (load->type == PT_LOAD)
			memcpy(file->image + (load->vaddr - file->image_lo),
			       file->bytes + load->offset, (size_t)load->filesz);
	}
	return 0;
}

#define CLEAR(bytes, type, member) \
	memset((bytes) + offsetof(type, member), 0, sizeof(((type *)0)->member))

/* Set to zero what strip and objcopy may change while the loaded bytes stay the same. */
static void normalise(struct patchfile *file)
{
	uint8_t *header = file->image, *phdr = file->image + file->elf.phoff;

	if (elf_is_64(&file->elf)) {
		CLEAR(header, Elf64_Ehdr, e_shoff);
		CLEAR(header, Elf64_Ehdr, e_shentsize);
		CLEAR(header, Elf64_Ehdr, e_shnum);
		CLEAR(header, Elf64_Ehdr, e_shstrndx);
	} else {
		CLEAR(header, Elf32_Ehdr, e_shoff);
		CLEAR(header, Elf32_Ehdr, e_shentsize);
		CLEAR(header, Elf32_Ehdr, e_shnum);
		CLEAR(header, Elf32_Ehdr, e_shstrndx);
	}
	for (size_t i = 0; i < file->elf.n_phdrs; i++) {
		if (elf_is_64(&file->elf)) {
			CLEAR(phdr, Elf64_Phdr, p_offset);
			CLEAR(phdr, Elf64_Phdr, p_paddr);
			phdr += sizeof(Elf64_Phdr);
		} else {
			CLEAR(phdr, Elf32_Phdr, p_offset);
			CLEAR(phdr, Elf32_Phdr, p_paddr);
			phdr += sizeof(Elf32_Phdr);
		}
	}
}

uint32_t patchfile_load_crc(const struct patchfile *file)
{
	return crc32_update(0, file->image, (size_t)file->image_size);
}

static int check_image(const struct patchfile *file)
{
	if (file->elf.build_id_size == 0)
		return fail(ENOEXEC, "%s: it has no build-id (link it with -Wl,--build-id)",
			    file->path);
	if (!file->elf.has_dynamic)
		return fail(ENOEXEC, "%s: it has no PT_DYNAMIC (link it with -shared)", file->path);
	if ((file->elf.dyn.flags_1 & DF_1_PIE) != 0)
		return fail(ENOEXEC, "%s: it is a program, no shared object (link it with -shared)",
			    file->path);
	if (file->elf.dyn.textrel)
		return fail(ENOEXEC, "%s: its code needs relocations (compile it with -fPIC)",
			    file->path);
	if (file->elf.dyn.has_unknown)
		return fail(ENOEXEC, "%s: it has a dynamic tag 0x%" PRIx64 ", which nsb does not know; it may"
			    " carry relocations (link it without --pack-dyn-relocs)", file->path,
			    file->elf.dyn.unknown);
	for (size_t i = 0; i < file->elf.n_phdrs; i++) {
		if (file->elf.phdrs[i].type == PT_GNU_STACK && (file->elf.phdrs[i].flags & PF_X) != 0)
			return fail(ENOEXEC, "%s: it asks for an executable stack, which no process is given for"
				    " it (a nested function whose address is taken needs one; assembly without"
				    " .note.GNU-stack asks for it)", file->path);
	}
	return 0;
}

/* ---- the section ---- */

struct section {
	uint64_t offset, size, flags;
	uint32_t name, type, link;
};

#define SECTION(raw) { .offset = (raw).sh_offset, .size = (raw).sh_size, .flags = (raw).sh_flags, \
		       .name = (raw).sh_name, .type = (raw).sh_type, .link = (raw).sh_link }

struct sections {
	uint64_t offset, count, names;
};

static int read_section(const struct patchfile *file, const struct sections *sections,
			uint64_t index, struct section *out)
{
	struct bytes bytes = { read_by_offset, file };
	Elf32_Shdr raw32;
	Elf64_Shdr raw64;
	bool is_64 = elf_is_64(&file->elf);
	uint64_t at = sections->offset + index * (is_64 ? sizeof(raw64) : sizeof(raw32));
	int ret = is_64 ? bytes.read(&bytes, at, &raw64, sizeof(raw64)) :
			  bytes.read(&bytes, at, &raw32, sizeof(raw32));

	if (ret < 0 || index >= sections->count)
		return fail(ENOEXEC, "%s: section header %" PRIu64 " lies outside the file: it is "
			    "truncated or damaged", file->path, index);
	*out = is_64 ? (struct section)SECTION(raw64) : (struct section)SECTION(raw32);
	return 0;
}

#define SECTIONS(raw) { .offset = (raw).e_shoff, .count = (raw).e_shnum, .names = (raw).e_shstrndx }

static int find_sections(const struct patchfile *file, struct sections *out)
{
	struct section zero;
	Elf32_Ehdr raw32;
	Elf64_Ehdr raw64;

	/* open_headers() has read the ELF header, so the file is long enough for it. */
	if (elf_is_64(&file->elf)) {
		memcpy(&raw64, file->bytes, sizeof(raw64));
		*out = (struct sections)SECTIONS(raw64);
	} else {
		memcpy(&raw32, file->bytes, sizeof(raw32));
		*out = (struct sections)SECTIONS(raw32);
	}
	if (out->offset == 0)
		out->count = 0;
	if (out->offset != 0 && (out->count == 0 || out->names == SHN_XINDEX)) {
		/* gABI, "ELF Header": section 0 holds the numbers that do not fit into the header. */
		bool extended = out->count == 0;
		int ret;

		out->count = extended ? 1 : out->count;
		ret = read_section(file, out, 0, &zero);
		if (ret < 0)
			return ret;
		out->count = extended ? zero.size : out->count;
		out->names = out->names == SHN_XINDEX ? zero.link : out->names;
	}
	if (out->count > MAX_SECTIONS)
		return fail(ENOEXEC, "%s: it has %" PRIu64 " sections, more than %u", file->path,
			    out->count, MAX_SECTIONS);
	return 0;
}

static bool in_file(const struct patchfile *file, const struct section *section)
{
	return section->type != SHT_NOBITS && section->offset <= file->size &&
	       section->size <= file->size - section->offset;
}

static bool has_name(const struct patchfile *file, const struct section *names, uint32_t at)
{
	static const char name[] = VZPATCH_SECTION;

	return at <= names->size && sizeof(name) <= names->size - at &&
	       memcmp(file->bytes + names->offset + at, name, sizeof(name)) == 0;
}

static int find_metadata(const struct patchfile *file, struct section *out)
{
	struct sections sections;
	struct section names, section;
	bool found = false;
	int ret = find_sections(file, &sections);

	if (ret == 0 && sections.count > 0)
		ret = read_section(file, &sections, sections.names, &names);
	if (ret < 0)
		return ret;
	if (sections.count > 0 && !in_file(file, &names))
		return fail(ENOEXEC, "%s: the names of its sections lie outside the file: it is "
			    "truncated or damaged", file->path);
	for (uint64_t i = 1; i < sections.count; i++) {
		ret = read_section(file, &sections, i, &section);
		if (ret < 0)
			return ret;
		if (!has_name(file, &names, section.name))
			continue;
		if (found)
			return fail(ENOEXEC, "%s: it has two sections " VZPATCH_SECTION, file->path);
		found = true;
		*out = section;
	}
	if (!found)
		return fail(ENOEXEC, "%s: it has no section " VZPATCH_SECTION
			    " (run nsb-gen generate on it)", file->path);
	if (!in_file(file, out) || (out->flags & SHF_COMPRESSED) != 0)
		return fail(ENOEXEC, "%s: its section " VZPATCH_SECTION " is compressed or lies outside "
			    "the file", file->path);
	return 0;
}

/* ---- constructors ---- */

/* Find the section of a type; SHT_NULL in out->type if there is none. */
static int find_section(const struct patchfile *file, const struct sections *sections,
			uint32_t type, struct section *out)
{
	*out = (struct section){ .type = SHT_NULL };
	for (uint64_t i = 1; i < sections->count && out->type != type; i++) {
		int ret = read_section(file, sections, i, out);

		if (ret < 0)
			return ret;
	}
	if (out->type != type)
		*out = (struct section){ .type = SHT_NULL };
	return 0;
}

#define SYMBOL(raw) { .value = (raw).st_value, .name = (raw).st_name, .type = ELF64_ST_TYPE((raw).st_info) }

/* The name of the function at this address by the file's symbol table, "" if that does not tell. */
static const char *function_at(const struct patchfile *file, uint64_t address)
{
	size_t step = elf_is_64(&file->elf) ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	struct sections sections;
	struct section table, names;

	if (find_sections(file, &sections) != 0 ||
	    find_section(file, &sections, SHT_SYMTAB, &table) != 0 || !in_file(file, &table) ||
	    read_section(file, &sections, table.link, &names) != 0 || !in_file(file, &names) ||
	    names.size == 0 || file->bytes[names.offset + names.size - 1] != '\0')
		return "";
	for (uint64_t at = 0; at + step <= table.size; at += step) {
		const uint8_t *from = file->bytes + table.offset + at;
		Elf32_Sym raw32 = { 0 };
		Elf64_Sym raw64 = { 0 };
		struct elf_sym symbol;

		if (elf_is_64(&file->elf)) {
			memcpy(&raw64, from, sizeof(raw64));
			symbol = (struct elf_sym)SYMBOL(raw64);
		} else {
			memcpy(&raw32, from, sizeof(raw32));
			symbol = (struct elf_sym)SYMBOL(raw32);
		}
		if (symbol.type == STT_FUNC && symbol.value == address && symbol.name < names.size)
			return (const char *)file->bytes + names.offset + symbol.name;
	}
	return "";
}

/* A word of .init_array or .fini_array, and the function that will be in it. */
struct array_word {
	const struct patchfile *file;
	uint64_t address, function;
};

static int look_at_word(const struct elf_rel *rel, bool has_addend, void *ctx)
{
	struct array_word *word = ctx;
	struct elf_sym symbol;

	if (rel->offset != word->address)
		return 0;
	if (rel->symbol == 0)
		word->function = has_addend ? (uint64_t)rel->addend : word->function;
	else if (elf_dynsym(&word->file->elf, rel->symbol, &symbol) == 0)
		word->function = symbol.value + (uint64_t)rel->addend;
	return 1;
}

static const char *name_word(const struct patchfile *file, uint64_t address, size_t size)
{
	struct bytes by_address = { read_by_address, file };
	struct array_word word = { .file = file, .address = address };

	if (by_address.read(&by_address, address, &word.function, size) != 0 ||
	    elf_each_reloc(&file->elf, 0, look_at_word, &word) < 0)
		return "";
	return function_at(file, word.function);
}

/*
 * Write " (NAME)", the first function of an array that is not the start files'; "" if nothing tells
 * its name.  One with a priority comes before theirs.
 */
static const char *name_own(const struct patchfile *file, uint64_t array, uint64_t array_size,
			    char *text, size_t size)
{
	size_t word = elf_is_64(&file->elf) ? 8 : 4;
	bool quiet = msg_kept()[0] == '\0';
	const char *name = "";

	for (uint64_t at = 0; at < NAMED_WORDS * word && at + word <= array_size && name[0] == '\0'; at += word) {
		name = name_word(file, array + at, word);
		if (strcmp(name, "frame_dummy") == 0 || strcmp(name, "__do_global_dtors_aux") == 0)
			name = "";
	}
	if (quiet)
		msg_forget();
	text[0] = '\0';
	if (strncmp(name, "__cpu_", 6) == 0)
		(void)snprintf(text, size, " (%.100s, which __builtin_cpu_supports() brings along: ask"
			       " __get_cpuid() of cpuid.h, or getauxval(3))", name);
	else if (name[0] != '\0')
		(void)snprintf(text, size, " (%.100s)", name);
	return text;
}

/*
 * Refuse a patch with constructors, as nobody runs them.  The compiler's start files bring
 * _init and _fini, and one word each in .init_array and .fini_array (frame_dummy and
 * __do_global_dtors_aux), which have nothing to do in a patch.  All further words are the
 * author's; without start files the first word is the author's too.
 */
static int check_constructors(const struct patchfile *file)
{
	const struct elf_dynamic *dyn = &file->elf.dyn;
	uint64_t word = elf_is_64(&file->elf) ? 8 : 4;
	uint64_t own_init = dyn->init != 0 ? word : 0, own_fini = dyn->fini != 0 ? word : 0;
	char name[256];

	if (dyn->preinit_arraysz != 0 || dyn->init_arraysz > own_init)
		return fail(ENOEXEC, "%s: it has constructors, which would never run%s", file->path,
			    name_own(file, dyn->init_array, dyn->init_arraysz, name, sizeof(name)));
	if (dyn->fini_arraysz > own_fini)
		return fail(ENOEXEC, "%s: it has destructors, which would never run%s", file->path,
			    name_own(file, dyn->fini_array, dyn->fini_arraysz, name, sizeof(name)));
	return 0;
}

/*
 * Refuse what only a program of its own could have.  A patch of auto mode is not checked: it is
 * made of the target's source files, so it has the constructors and the TLS block of these.
 */
static int check_own(const struct patchfile *file)
{
	for (size_t i = 0; i < file->elf.n_phdrs; i++) {
		if (file->elf.phdrs[i].type == PT_TLS && file->elf.phdrs[i].memsz != 0)
			return fail(ENOEXEC, "%s: it defines thread-local variables; threads that run "
				    "already could not have them", file->path);
	}
	return check_constructors(file);
}

/* ---- metadata against file ---- */

/* Whether [addr, addr + size) lies in one PT_LOAD that has all of `flags`, and in its file part if asked. */
static bool in_segment(const struct patchfile *file, uint64_t addr, uint64_t size, uint32_t flags,
		       bool from_file)
{
	for (size_t i = 0; i < file->elf.n_phdrs; i++) {
		const struct elf_phdr *load = &file->elf.phdrs[i];
		uint64_t length = from_file ? load->filesz : load->memsz;

		if (load->type == PT_LOAD && (load->flags & flags) == flags &&
		    addr >= load->vaddr && addr - load->vaddr <= length &&
		    size <= length - (addr - load->vaddr))
			return true;
	}
	return false;
}

static int check_identity(const struct patchfile *file)
{
	const struct vz_object *self = &file->meta.patch;
	uint32_t crc = patchfile_load_crc(file);

	if (self->build_id.size != file->elf.build_id_size ||
	    memcmp(self->build_id.data, file->elf.build_id, file->elf.build_id_size) != 0)
		return fail(ENOEXEC, "%s: its metadata was made for another file: the build-ids differ "
			    "(run nsb-gen generate again)", file->path);
	if (self->elf_class != file->elf.elf_class || self->machine != file->elf.machine)
		return fail(ENOEXEC, "%s: its metadata was made for another machine", file->path);
	if (file->meta.load_crc != crc)
		return fail(ENOEXEC, "%s: the checksum of what is loaded is 0x%08x, its metadata says "
			    "0x%08" PRIx64 ": it was changed after nsb-gen, or is damaged",
			    file->path, crc, file->meta.load_crc);
	return 0;
}

static int check_metadata(const struct patchfile *file)
{
	const struct vzpatch *meta = &file->meta;
	int ret = check_identity(file);

	if (ret < 0)
		return ret;
	if (meta->n_funcs == 0)
		return fail(ENOEXEC, "%s: it replaces no function", file->path);
	for (size_t i = 0; i < meta->n_funcs; i++) {
		const struct vz_func *func = &meta->funcs[i];

		if (!in_segment(file, func->patch_addr, func->patch_size, PF_X, true))
			return fail(ENOEXEC, "%s: function %.200s is not in its code", file->path,
				    func->name);
	}
	for (size_t i = 0; i < meta->n_gates; i++) {
		if (!in_segment(file, meta->gates[i].addr, 1, PF_X, true))
			return fail(ENOEXEC, "%s: gate %zu is not in its code", file->path, i);
	}
	for (size_t i = 0; i < meta->n_hooks; i++) {
		if (!in_segment(file, meta->hooks[i].addr, meta->hooks[i].size, PF_X, true))
			return fail(ENOEXEC, "%s: hook %.200s is not in its code", file->path, meta->hooks[i].name);
	}
	for (size_t i = 0; i < meta->n_states; i++) {
		if (!in_segment(file, meta->states[i].addr, meta->states[i].size, PF_W, false))
			return fail(ENOEXEC, "%s: state %.200s is not in its data", file->path, meta->states[i].name);
	}
	for (size_t i = 0; i < meta->n_dynrefs; i++) {
		if (meta->dynrefs[i].symbol >= file->elf.n_dynsyms)
			return fail(ENOEXEC, "%s: there is no dynamic symbol %" PRIu64 " (%.200s)",
				    file->path, meta->dynrefs[i].symbol, meta->dynrefs[i].name);
	}
	for (size_t i = 0; i < meta->n_places; i++) {
		const struct vz_place *place = &meta->places[i];

		if (!in_segment(file, place->patch_addr, place->width, 0, false))
			return fail(ENOEXEC, "%s: the place 0x%" PRIx64 " is in no segment",
				    file->path, place->patch_addr);
	}
	return 0;
}

/* ---- opening ---- */

static int open_image(struct patchfile *file)
{
	struct bytes by_offset = { read_by_offset, file }, by_address = { read_by_address, file };
	bool quiet = msg_kept()[0] == '\0';
	struct elf headers = { .n_phdrs = 0 };
	int ret;

	if (file->size < SELFMAG || memcmp(file->bytes, ELFMAG, SELFMAG) != 0)
		return fail(ENOEXEC, "%s: it is no ELF file", file->path);
	ret = name_file(file, quiet, elf_open_headers(&headers, by_offset, 0));
	if (ret == 0)
		ret = check_kind(file, &headers);
	if (ret == 0)
		ret = check_segments(file, &headers);
	if (ret == 0)
		ret = build_image(file, &headers);
	if (ret == 0)
		ret = name_file(file, quiet, elf_open(&file->elf, by_address, file->image_lo));
	elf_deinit(&headers);
	if (ret == 0)
		ret = check_image(file);
	if (ret == 0)
		normalise(file);
	return ret;
}

static int open_metadata(struct patchfile *file)
{
	bool quiet = msg_kept()[0] == '\0';
	struct section section = { .size = 0 };
	int ret = find_metadata(file, &section);

	if (ret == 0)
		ret = name_file(file, quiet, vzpatch_decode(file->bytes + section.offset,
							    (size_t)section.size, &file->meta));
	if (ret == 0)
		ret = check_metadata(file);
	if (ret == 0 && strcmp(file->meta.mode, "auto") != 0)
		ret = check_own(file);
	return ret;
}

static int read_plain(struct patchfile *file, const char *path, int fd)
{
	int ret;

	memset(file, 0, sizeof(*file));
	ret = read_file(file, path, fd);
	if (ret == 0)
		ret = open_image(file);
	if (ret < 0)
		patchfile_deinit(file);
	return ret;
}

int patchfile_read(struct patchfile *file, const char *path, int fd)
{
	int ret = read_plain(file, path, fd);

	if (ret < 0)
		return ret;
	ret = open_metadata(file);
	if (ret < 0)
		patchfile_deinit(file);
	return ret;
}

/* `ret` is what opening the image has given. */
static int finish_plain(struct patchfile *file, int ret, bool has_units)
{
	if (ret == 0 && !has_units)
		ret = check_own(file);
	if (ret < 0)
		patchfile_deinit(file);
	return ret;
}

int patchfile_open_plain(struct patchfile *file, const char *path)
{
	int fd, ret = open_file(path, &fd);

	return ret < 0 ? ret : finish_plain(file, read_plain(file, path, fd), false);
}

int patchfile_copy_plain(struct patchfile *file, const char *path, const uint8_t *bytes, size_t size,
			 bool has_units)
{
	*file = (struct patchfile){ .path = strdup(path), .bytes = malloc(size + 1), .size = size };
	if (file->path == NULL || file->bytes == NULL)
		return finish_plain(file, fail(ENOMEM, "%s: out of memory", path), has_units);
	memcpy(file->bytes, bytes, size);
	return finish_plain(file, open_image(file), has_units);
}

int patchfile_open(struct patchfile *file, const char *path)
{
	int fd, ret = open_file(path, &fd);

	return ret < 0 ? ret : patchfile_read(file, path, fd);
}

void patchfile_deinit(struct patchfile *file)
{
	vzpatch_deinit(&file->meta);
	elf_deinit(&file->elf);
	free(file->image);
	free(file->bytes);
	free(file->path);
	memset(file, 0, sizeof(*file));
}
