/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directives.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "find.h"

#define RECORD_PREFIX "vzp__record_"

static int parse_record(const struct binary *patch, struct records *records, uint64_t offset,
			struct record *out)
{
	struct cursor at;

	cursor_init(&at, records->bytes.data, records->bytes.size);
	cursor_skip(&at, offset);
	char kind = (char)cursor_u8(&at);
	out->name = cursor_string(&at);
	out->label = cursor_string(&at);
	out->file = cursor_string(&at);
	if (at.bad || !strchr("FVURHGACO", kind) || !kind)
		return fail(ENOEXEC, "%s: section .vzp is damaged, or of another version of "
			    "nsb/vzp.h", patch->file.path);
	out->kind = (enum record_kind)kind;
	return 0;
}

/* The DIE that an attribute of `die` refers to, past qualifiers; false if there is none. */
static bool follow_type(const struct dwarf *dwarf, struct dwarf_die *die)
{
	uint64_t type;

	for (int i = 0; i < 8 && dwarf_reference(dwarf, die, DWARF_TYPE, &type); i++) {
		if (dwarf_die_read(dwarf, type, die)) {
			msg_forget();
			return false;
		}
		if (die->tag != DW_TAG_const_type)
			return true;
	}
	return false;
}

/* A record of a reference is a structure whose first member is an array of pointers to its type. */
static uint64_t referred_type(const struct dwarf *dwarf, const struct dwarf_variable *variable)
{
	struct dwarf_die die;
	uint64_t type;

	if (dwarf_die_read(dwarf, variable->die, &die)) {
		msg_forget();
		return 0;
	}
	if (!follow_type(dwarf, &die) || die.tag != DW_TAG_structure_type)
		return 0;
	int more = dwarf_child(dwarf, &die, &die);
	if (more < 0)
		msg_forget();
	if (more <= 0 || !follow_type(dwarf, &die) || die.tag != DW_TAG_array_type ||
	    !follow_type(dwarf, &die) || die.tag != DW_TAG_pointer_type ||
	    !dwarf_reference(dwarf, &die, DWARF_TYPE, &type))
		return 0;
	return type;
}

/*
 * The function that a record stands in.  clang gives it no name if it is inlined everywhere;
 * the record's symbol is then called "function.record".
 */
static int set_function(struct record *record, const struct binary *patch,
			const struct dwarf_variable *variable)
{
	if (variable->function == DWARF_NONE)
		return 0;
	const char *name = patch->dwarf.functions[variable->function].name;
	size_t size = name ? strlen(name) : 0;
	const struct symbol *symbol = name ? NULL : find_data_symbol(patch, variable->addr, STT_OBJECT);
	if (symbol && strchr(symbol->name, '.')) {
		name = symbol->name;
		size = strcspn(name, ".");
	}
	if (!name && record->kind == RECORD_STATIC_VARIABLE)
		return fail(EINVAL, "%s:%u: nothing tells which function this stands in (do not strip "
			    "the patch)", base_name(record->source), record->line);
	record->function = name ? strndup(name, size) : NULL;
	return name && !record->function ? fail(ENOMEM, "not enough memory") : 0;
}

static int add_record(struct records *records, const struct binary *patch,
		      const struct dwarf_variable *variable, uint64_t section_addr, uint8_t *seen)
{
	struct record record = { 0 };
	const struct dwarf *dwarf = &patch->dwarf;

	if (variable->addr < section_addr ||
	    variable->addr - section_addr >= records->bytes.size)
		return 0;
	uint64_t offset = variable->addr - section_addr;
	if (seen[offset])
		return 0;
	int err = parse_record(patch, records, offset, &record);
	if (err)
		return err;
	const uint8_t *end = (const uint8_t *)record.file + strlen(record.file) + 1;
	memset(seen + offset, 1, (size_t)(end - records->bytes.data) - (size_t)offset);
	record.line = variable->line;
	record.type = referred_type(dwarf, variable);
	record.source = dwarf_file(dwarf, variable->file_unit, variable->file);
	if (!record.source)
		record.source = dwarf_unit_path(&dwarf->units[variable->unit]);
	struct record *bigger = reallocarray(records->table, records->count + 1, sizeof(record));
	if (bigger)
		records->table = bigger;
	if (!record.source || !bigger) {
		free(record.source);
		return fail(ENOMEM, "not enough memory");
	}
	/* It is the table's own from here on, which frees it. */
	bigger[records->count++] = record;
	return set_function(&bigger[records->count - 1], patch, variable);
}

int vzp_records_read(struct records *records, const struct binary *patch)
{
	const struct dwarf *dwarf = &patch->dwarf;
	GElf_Shdr shdr;

	*records = (struct records){ 0 };
	if (!elffile_section(&patch->file, ".vzp", &shdr))
		return 0;
	int err = elffile_bytes(&patch->file, ".vzp", &records->bytes);
	if (err || !records->bytes.size)
		return err;
	uint8_t *seen = calloc(1, records->bytes.size);
	if (!seen)
		return fail(ENOMEM, "not enough memory");
	for (uint32_t i = 0; !err && i < dwarf->n_variables; i++) {
		const struct dwarf_variable *variable = &dwarf->variables[i];

		if (variable->has_addr && variable->name &&
		    !strncmp(variable->name, RECORD_PREFIX, strlen(RECORD_PREFIX)))
			err = add_record(records, patch, variable, shdr.sh_addr, seen);
	}
	for (size_t i = 0; !err && i < records->bytes.size; i++)
		if (records->bytes.data[i] && !seen[i])
			err = fail(ENOEXEC, "%s: a part of it was built without -g: no debug info "
				   "tells where '%.40s' in section .vzp was written",
				   patch->file.path, (const char *)records->bytes.data + i);
	free(seen);
	if (err)
		vzp_records_deinit(records);
	return err;
}

void vzp_records_deinit(struct records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		free(records->table[i].function);
		free(records->table[i].source);
	}
	free(records->table);
	*records = (struct records){ 0 };
}

const char *vzp_records_file_at(const struct records *records, const char *source, uint32_t line)
{
	const struct record *last = NULL;

	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = &records->table[i];

		if (record->kind == RECORD_FILE && record->line <= line &&
		    !strcmp(record->source, source) && (!last || last->line <= record->line))
			last = record;
	}
	return last ? last->name : NULL;
}

const char *vzp_records_target_name(const struct records *records, const char *source,
				    const char *name)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = &records->table[i];

		if (record->kind == RECORD_ALIAS && !strcmp(record->name, name) &&
		    (!source || !strcmp(record->source, source)))
			return record->label;
	}
	return name;
}

bool vzp_records_allow_active(const struct records *records, const char *function)
{
	for (size_t i = 0; i < records->count; i++)
		if (records->table[i].kind == RECORD_ALLOW_ACTIVE &&
		    !strcmp(records->table[i].name, function))
			return true;
	return false;
}
