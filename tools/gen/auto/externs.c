/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "externs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "find.h"

bool is_hidden_extern(const struct symbol *symbol)
{
	return symbol != NULL && symbol->section == SHN_UNDEF && symbol->bind != STB_LOCAL &&
		*symbol->name != '\0' &&
		(symbol->visibility == STV_HIDDEN || symbol->visibility == STV_INTERNAL);
}

/* The compiler and the linker define these themselves. */
static bool is_brought_along(const char *name)
{
	static const char *const names[] = {
		"_GLOBAL_OFFSET_TABLE_", "__dso_handle", "__stack_chk_fail_local", "__TMC_END__",
		"__ehdr_start", "_DYNAMIC",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool is_defined(const struct elffile *files, size_t n_files, const char *name)
{
	for (size_t i = 0; i < n_files; i++)
		for (size_t k = 0; k < files[i].symtab.count; k++) {
			const struct symbol *symbol = &files[i].symtab.table[k];

			if (symbol->section != SHN_UNDEF && symbol->bind != STB_LOCAL &&
			    strcmp(symbol->name, name) == 0)
				return true;
		}
	return false;
}

/* Did an earlier symbol of the objects have that name? */
static bool is_printed(const struct elffile *files, size_t file, size_t index, const char *name)
{
	for (size_t i = 0; i <= file; i++)
		for (size_t k = 0; k < (i == file ? index : files[i].symtab.count); k++)
			if (is_hidden_extern(&files[i].symtab.table[k]) &&
			    strcmp(files[i].symtab.table[k].name, name) == 0)
				return true;
	return false;
}

/* Will the linker define it, as begin or end of a section that the objects have? */
static bool is_of_section(const struct elffile *files, size_t n_files, const char *name)
{
	const char *section = listed_section(name);
	GElf_Shdr shdr;

	for (size_t i = 0; section != NULL && i < n_files; i++)
		if (elffile_section(&files[i], section, &shdr) != NULL)
			return true;
	return false;
}

static int print_symbol(const struct elffile *file, const struct symbol *symbol)
{
	bool tls = symbol->type == STT_TLS;

	if (strpbrk(symbol->name, "\"\\\n") != NULL)
		return fail(EINVAL, "%s: an assembler would not take the name '%s'", file->path,
			    symbol->name);
	printf("\t.section %s,\"aw%s\",@nobits\n\t.globl \"%s\"\n\t.hidden \"%s\"\n"
	       "\t.type \"%s\", @%s\n\"%s\":\t.skip 1\n", tls ? ".tbss" : ".bss", tls ? "T" : "",
	       symbol->name, symbol->name, symbol->name, tls ? "tls_object" : "notype",
	       symbol->name);
	return 0;
}

static int print_all(const struct elffile *files, size_t n_files)
{
	int err = 0;

	puts("\t.section .note.GNU-stack,\"\",@progbits");
	for (size_t i = 0; i < n_files; i++)
		for (size_t k = 0; err == 0 && k < files[i].symtab.count; k++) {
			const struct symbol *symbol = &files[i].symtab.table[k];

			if (is_hidden_extern(symbol) && !is_brought_along(symbol->name) &&
			    !is_defined(files, n_files, symbol->name) &&
			    !is_of_section(files, n_files, symbol->name) &&
			    !is_printed(files, i, k, symbol->name))
				err = print_symbol(&files[i], symbol);
		}
	if (err == 0 && (fflush(stdout) != 0 || ferror(stdout) != 0))
		err = fail(errno, "cannot write to standard output: %s", strerror(errno));
	return err;
}

int externs_print(char **objects, size_t n_objects)
{
	struct elffile *files = calloc(n_objects + 1, sizeof(*files));
	size_t n_files = 0;
	int err = files != NULL ? 0 : fail(ENOMEM, "out of memory");

	while (err == 0 && n_files < n_objects) {
		err = elffile_open(&files[n_files], objects[n_files]);
		if (err != 0)
			break;
		if (files[n_files++].type != ET_REL)
			err = fail(EINVAL, "%s: not an object file (the .o that the compiler made)",
				   objects[n_files - 1]);
	}
	if (err == 0)
		err = print_all(files, n_files);
	while (n_files > 0)
		elffile_close(&files[--n_files]);
	free(files);
	return err;
}
