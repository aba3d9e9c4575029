/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dwarf_file(): the file names of a line table's header (DWARF 5, section 6.2.4). */
#include "dwarf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "dwarf_form.h"

enum { CONTENT_PATH = 1, CONTENT_DIRECTORY = 2 };

struct line_entry {
	const char *path;
	uint64_t directory;
};

static char *join(const char *directory, const char *name)
{
	char *path;

	if (directory == NULL || *directory == '\0' || *name == '/')
		return strdup(name);
	return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

char *dwarf_unit_path(const struct dwarf_unit *unit)
{
	return join(unit->comp_dir, unit->name != NULL ? unit->name : "?");
}

static const char *section_string(const struct dwarf_bytes *bytes, uint64_t offset)
{
	if (offset >= bytes->size ||
	    memchr(bytes->data + offset, 0, (size_t)(bytes->size - offset)) == NULL)
		return NULL;
	return (const char *)bytes->data + offset;
}

/* Read one attribute of an entry, in any of the forms that producers use. */
static void read_content(const struct dwarf_input *input, uint8_t word, struct cursor *at,
			 uint64_t content, uint64_t form, struct line_entry *entry)
{
	const char *text = NULL;
	uint64_t number = 0;

	switch (form) {
	case FORM_STRING:
		text = cursor_string(at);
		break;
	case FORM_STRP:
		text = section_string(&input->sections[DWARF_STR], cursor_uint(at, word));
		break;
	case FORM_LINE_STRP:
		text = section_string(&input->sections[DWARF_LINE_STR], cursor_uint(at, word));
		break;
	case FORM_UDATA:
		number = cursor_uleb(at);
		break;
	case FORM_DATA1:
		number = cursor_u8(at);
		break;
	case FORM_DATA2:
		number = cursor_uint(at, 2);
		break;
	case FORM_DATA4:
		number = cursor_uint(at, 4);
		break;
	case FORM_DATA8:
		number = cursor_uint(at, 8);
		break;
	case FORM_DATA16:
		cursor_skip(at, 16);
		break;
	case FORM_BLOCK:
		cursor_skip(at, cursor_uleb(at));
		break;
	default:
		at->bad = true;
	}
	if (content == CONTENT_PATH)
		entry->path = text;
	else if (content == CONTENT_DIRECTORY)
		entry->directory = number;
}

/*
 * Read the table of directories or files in DWARF 5, which describes its columns and then has
 * rows.  The answer is row `wanted`, or one without a path.
 */
static struct line_entry read_rows(const struct dwarf_input *input, uint8_t word,
				   struct cursor *at, uint64_t wanted)
{
	struct line_entry found = { NULL, 0 };
	struct { uint64_t content, form; } columns[16];
	uint8_t n_columns = cursor_u8(at);

	if (n_columns > 16)
		at->bad = true;
	for (uint8_t i = 0; i < n_columns && !at->bad; i++) {
		columns[i].content = cursor_uleb(at);
		columns[i].form = cursor_uleb(at);
	}
	uint64_t n_rows = cursor_uleb(at);
	for (uint64_t row = 0; row < n_rows && n_columns != 0 && !at->bad; row++) {
		struct line_entry entry = { NULL, 0 };
		const uint8_t *before = at->p;

		for (uint8_t i = 0; i < n_columns; i++)
			read_content(input, word, at, columns[i].content, columns[i].form, &entry);
		if (row == wanted && !at->bad)
			found = entry;
		if (at->p == before)
			break;
	}
	return found;
}

static char *file_of_version_5(const struct dwarf_input *input, const struct dwarf_unit *unit,
			       uint8_t word, struct cursor *at, uint64_t index)
{
	struct cursor directories = *at;

	read_rows(input, word, at, UINT64_MAX);
	struct line_entry file = read_rows(input, word, at, index);
	if (file.path == NULL)
		return NULL;
	if (*file.path == '/')
		return strdup(file.path);
	struct line_entry directory = read_rows(input, word, &directories, file.directory);
	/*
	 * Directory 0 is the same as DW_AT_comp_dir.  -ffile-prefix-map may make both relative,
	 * as in "./obj"; the path must not have that twice.
	 */
	bool is_comp_dir = file.directory == 0 && unit->comp_dir != NULL;
	if (directory.path == NULL || (is_comp_dir && *directory.path != '/'))
		return join(unit->comp_dir, file.path);
	char *whole = join(unit->comp_dir, directory.path);
	char *path = whole != NULL ? join(whole, file.path) : NULL;
	free(whole);
	return path;
}

static char *file_of_version_2(const struct dwarf_unit *unit, struct cursor *at, uint64_t index)
{
	struct cursor directories = *at;
	const char *name, *directory = NULL;
	uint64_t wanted = 0;

	while ((name = cursor_string(at)) != NULL && *name != '\0')
		;
	for (uint64_t i = 1; ; i++) {
		name = cursor_string(at);
		wanted = cursor_uleb(at);
		cursor_uleb(at);
		cursor_uleb(at);
		if (name == NULL || *name == '\0' || at->bad)
			return NULL;
		if (i == index)
			break;
	}
	if (*name == '/' || wanted == 0)
		return join(unit->comp_dir, name);
	for (uint64_t i = 0; i < wanted; i++) {
		directory = cursor_string(&directories);
		if (directory == NULL || *directory == '\0')
			return join(unit->comp_dir, name);
	}
	char *whole = join(unit->comp_dir, directory);
	char *path = whole != NULL ? join(whole, name) : NULL;
	free(whole);
	return path;
}

char *dwarf_file(const struct dwarf *dwarf, uint32_t unit_index, uint32_t index)
{
	const struct dwarf_unit *unit = &dwarf->units[unit_index];
	const struct dwarf_input *input = &dwarf->inputs[unit->input];
	const struct dwarf_bytes *bytes = &input->sections[DWARF_LINE];
	struct cursor at;
	uint8_t word = 4;

	if (!unit->has_stmt_list)
		return NULL;
	cursor_init(&at, bytes->data, bytes->size);
	cursor_skip(&at, unit->stmt_list);
	if (cursor_uint(&at, 4) == UINT32_MAX) {
		word = 8;
		cursor_skip(&at, 8);
	}
	uint64_t version = cursor_uint(&at, 2);
	if (version < 2 || version > 5)
		return NULL;
	if (version >= 5)
		cursor_skip(&at, 2);		/* sizes of addresses and segment selectors */
	cursor_skip(&at, word);			/* header_length */
	cursor_skip(&at, version >= 4 ? 5 : 4);	/* up to line_range */
	uint8_t opcode_base = cursor_u8(&at);
	cursor_skip(&at, opcode_base != 0 ? opcode_base - 1u : 0);
	if (at.bad)
		return NULL;
	if (version >= 5)
		return file_of_version_5(input, unit, word, &at, index);
	return file_of_version_2(unit, &at, index);
}
