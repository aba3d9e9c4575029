/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch.h"

/* The parts of the new file, in their order. */
struct layout {
	size_t kept;			/* bytes of the old file that stay */
	size_t section_at, strings_at, headers_at, end;
	uint8_t *strings;		/* names of sections, with ours */
	size_t strings_size, name;	/* name: offset of our name */
	GElf_Shdr *headers;
	size_t n_headers, strings_index, section_index;
};

static size_t align(size_t value, size_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/* Copy the table of section names, and add our name behind it, unless it is there. */
static int add_name(const struct elffile *file, struct layout *layout)
{
	bool named = layout->section_index < layout->n_headers;
	Elf_Scn *scn = elf_getscn(file->elf, layout->strings_index);
	Elf_Data *data = scn != NULL ? elf_rawdata(scn, NULL) : NULL;

	if (data == NULL || data->d_size == 0)
		return fail(ENOEXEC, "%s: no section names", file->path);
	layout->strings = malloc(data->d_size + sizeof(VZPATCH_SECTION));
	if (layout->strings == NULL)
		return fail(ENOMEM, "%s: out of memory", file->path);
	memcpy(layout->strings, data->d_buf, data->d_size);
	layout->name = named ? layout->headers[layout->section_index].sh_name : data->d_size;
	layout->strings_size = data->d_size + (named ? 0 : sizeof(VZPATCH_SECTION));
	if (named)
		return 0;
	memcpy(layout->strings + layout->name, VZPATCH_SECTION, sizeof(VZPATCH_SECTION));
	return 0;
}

static int read_section_headers(const struct elffile *file, struct layout *layout)
{
	size_t count;

	if (elf_getshdrnum(file->elf, &count) != 0 ||
	    elf_getshdrstrndx(file->elf, &layout->strings_index) != 0 || count == 0)
		return fail(ENOEXEC, "%s: no section headers", file->path);
	if (count >= SHN_LORESERVE - 1)
		return fail(ENOTSUP, "%s: too many sections", file->path);
	layout->headers = calloc(count + 1, sizeof(*layout->headers));
	if (layout->headers == NULL)
		return fail(ENOMEM, "%s: out of memory", file->path);
	layout->n_headers = count;
	layout->section_index = count;
	for (size_t i = 0; i < count; i++) {
		Elf_Scn *scn = elf_getscn(file->elf, i);

		if (scn == NULL || gelf_getshdr(scn, &layout->headers[i]) == NULL)
			return fail(ENOEXEC, "%s: cannot read section header %zu", file->path, i);
		const char *name = elf_strptr(file->elf, layout->strings_index,
					      layout->headers[i].sh_name);
		if (name != NULL && strcmp(name, VZPATCH_SECTION) == 0)
			layout->section_index = i;
	}
	return 0;
}

/*
 * Keep everything up to the end of the last thing that stays.  The section names and headers,
 * which ld puts last, are written anew.
 */
static void place_parts(const struct elffile *file, struct layout *layout, size_t file_size,
			size_t size)
{
	uint64_t kept = gelf_fsize(file->elf, ELF_T_EHDR, 1, EV_CURRENT);

	for (size_t i = 1; i < layout->n_headers; i++) {
		const GElf_Shdr *shdr = &layout->headers[i];

		if (i != layout->section_index && i != layout->strings_index &&
		    shdr->sh_type != SHT_NOBITS && shdr->sh_offset + shdr->sh_size > kept)
			kept = shdr->sh_offset + shdr->sh_size;
	}
	for (size_t i = 0; i < file->n_phdrs; i++)
		if (file->phdrs[i].p_offset + file->phdrs[i].p_filesz > kept)
			kept = file->phdrs[i].p_offset + file->phdrs[i].p_filesz;
	layout->kept = kept < file_size ? (size_t)kept : file_size;
	layout->section_at = align(layout->kept, 8);
	layout->strings_at = layout->section_at + size;
	layout->headers_at = align(layout->strings_at + layout->strings_size, 8);
	if (layout->section_index == layout->n_headers)
		layout->n_headers++;
	layout->end = layout->headers_at +
		layout->n_headers * gelf_fsize(file->elf, ELF_T_SHDR, 1, EV_CURRENT);
	layout->headers[layout->section_index] = (GElf_Shdr){
		.sh_name = (GElf_Word)layout->name,
		.sh_type = SHT_PROGBITS,
		.sh_offset = layout->section_at,
		.sh_size = size,
		.sh_addralign = 1,
	};
	layout->headers[layout->strings_index].sh_offset = layout->strings_at;
	layout->headers[layout->strings_index].sh_size = layout->strings_size;
}

static void write_headers(const struct elffile *file, const struct layout *layout, uint8_t *image)
{
	if (arch_class_word(file->elf_class) == 8) {
		Elf64_Ehdr ehdr;

		memcpy(image + layout->headers_at, layout->headers,
		       layout->n_headers * sizeof(Elf64_Shdr));
		memcpy(&ehdr, image, sizeof(ehdr));
		ehdr.e_shoff = layout->headers_at;
		ehdr.e_shnum = (Elf64_Half)layout->n_headers;
		memcpy(image, &ehdr, sizeof(ehdr));
		return;
	}
	for (size_t i = 0; i < layout->n_headers; i++) {
		const GElf_Shdr *from = &layout->headers[i];
		Elf32_Shdr to = {
			.sh_name = from->sh_name, .sh_type = from->sh_type,
			.sh_flags = (Elf32_Word)from->sh_flags, .sh_addr = (Elf32_Addr)from->sh_addr,
			.sh_offset = (Elf32_Off)from->sh_offset, .sh_size = (Elf32_Word)from->sh_size,
			.sh_link = from->sh_link, .sh_info = from->sh_info,
			.sh_addralign = (Elf32_Word)from->sh_addralign,
			.sh_entsize = (Elf32_Word)from->sh_entsize,
		};
		memcpy(image + layout->headers_at + i * sizeof(to), &to, sizeof(to));
	}
	Elf32_Ehdr ehdr;
	memcpy(&ehdr, image, sizeof(ehdr));
	ehdr.e_shoff = (Elf32_Off)layout->headers_at;
	ehdr.e_shnum = (Elf32_Half)layout->n_headers;
	memcpy(image, &ehdr, sizeof(ehdr));
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size != 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n != 0 ? -errno : -EIO;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Tell that a file of another user becomes a file of who runs nsb-gen. */
static void tell_owner(const char *path, const struct stat *old, const struct stat *new)
{
	if (old->st_uid != new->st_uid)
		warn("%s: it belonged to user %lu, and belongs to user %lu now", path, (unsigned long)old->st_uid,
		     (unsigned long)new->st_uid);
}

/*
 * Write a new file beside the old one, then rename it.  The new one belongs to whoever runs
 * nsb-gen, so it does not take the setuid and setgid bits over: a user who has made the old
 * one setuid would get a setuid file of root's with his code in it.
 */
static int replace_file(const struct elffile *file, const char *path, const uint8_t *image,
			size_t size, bool is_quiet)
{
	struct stat st, old, new = { 0 };
	char *temporary;
	int err = 0;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return fail(ENOMEM, "%s: out of memory", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		err = fail(errno, "%s: cannot write: %s", path, strerror(errno));
		free(temporary);
		return err;
	}
	err = write_all(fd, image, size);
	if (err == 0 && (fstat(file->fd, &st) != 0 || fchmod(fd, st.st_mode & 0777) != 0 || fstat(fd, &new) != 0))
		err = -errno;
	if (close(fd) != 0 && err == 0)
		err = -errno;
	bool is_replaced = err == 0 && lstat(path, &old) == 0;
	if (err == 0 && rename(temporary, path) != 0)
		err = -errno;
	if (err != 0) {
		unlink(temporary);
		err = fail(-err, "%s: cannot write: %s", path, strerror(-err));
	} else if (is_replaced && !is_quiet) {
		tell_owner(path, &old, &new);
	}
	free(temporary);
	return err;
}

int output_write(const struct elffile *from, const char *path, const uint8_t *bytes, size_t size,
		 bool is_quiet)
{
	struct layout layout = { 0 };
	struct elffile file;
	uint8_t *image = NULL;
	int err = elffile_open_again(&file, from);

	if (err != 0)
		return err;
	err = read_section_headers(&file, &layout);
	if (err == 0)
		err = add_name(&file, &layout);
	if (err != 0)
		goto out;
	place_parts(&file, &layout, from->size, size);
	image = calloc(1, layout.end);
	if (image == NULL) {
		err = fail(ENOMEM, "%s: out of memory", path);
		goto out;
	}
	memcpy(image, from->original, layout.kept);
	memcpy(image + layout.section_at, bytes, size);
	memcpy(image + layout.strings_at, layout.strings, layout.strings_size);
	write_headers(&file, &layout, image);
	err = replace_file(from, path, image, layout.end, is_quiet);
out:
	free(image);
	free(layout.strings);
	free(layout.headers);
	elffile_close(&file);
	return err;
}
