/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "directives.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cursor.h"
#include "find.h"

#define DIRECTIVE_PREFIX "vzp__record_"

bool directive_is_hook(const struct directive *directive)
{
	return directive->kind >= DIRECTIVE_PRE_APPLY && directive->kind <= DIRECTIVE_POST_REVERT;
}

static int parse_directive(const struct binary *patch, struct directives *directives, uint64_t offset,
			struct directive *out)
{
	struct cursor at;

	cursor_init(&at, directives->bytes.data, directives->bytes.size);
	cursor_skip(&at, offset);
	char kind = (char)cursor_u8(&at);
	out->name = cursor_string(&at);
	out->label = cursor_string(&at);
	out->file = cursor_string(&at);
	if (at.bad || strchr("FVURHGACOKNP1234TWQSBEYJLMX", kind) == NULL || kind == '\0')
		return fail(ENOEXEC, "%s: section .vzp is damaged, or of another version of "
			    "nsb/vzp.h", patch->file.path);
	out->kind = (enum directive_kind)kind;
	return 0;
}

/* Read the DIE of the DIE's type, below const; false if there is none. */
static bool follow_type(const struct dwarf *dwarf, struct dwarf_die *die)
{
	uint64_t type;

	for (int i = 0; i < 8 && dwarf_reference(dwarf, die, DWARF_TYPE, &type); i++) {
		if (dwarf_die_read(dwarf, type, die) != 0) {
			msg_forget();
			return false;
		}
		if (die->tag != DW_TAG_const_type)
			return true;
	}
	return false;
}

/*
 * A directive that refers to something is a structure, whose first member is an array of
 * pointers to the type of that thing.
 */
static uint64_t referred_type(const struct dwarf *dwarf, const struct dwarf_variable *variable)
{
	struct dwarf_die die;
	uint64_t type;

	if (dwarf_die_read(dwarf, variable->die, &die) != 0) {
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
 * Set the function that a directive stands in.  If that is inlined everywhere, clang gives it
 * no name in the debug info, and calls the directive's symbol "function.directive".
 */
static int set_function(struct directive *directive, const struct binary *patch,
			const struct dwarf_variable *variable)
{
	if (variable->function == DWARF_NONE)
		return 0;
	const char *name = patch->dwarf.functions[variable->function].name;
	size_t size = name != NULL ? strlen(name) : 0;
	const struct symbol *symbol = name != NULL ? NULL :
		find_data_symbol(patch, variable->addr, STT_OBJECT);
	if (symbol != NULL && strchr(symbol->name, '.') != NULL) {
		name = symbol->name;
		size = strcspn(name, ".");
	}
	if (name == NULL && directive->kind == DIRECTIVE_STATIC_VARIABLE)
		return fail(EINVAL, "%s:%u: nothing tells which function this stands in (do not strip "
			    "the patch)", base_name(directive->source), directive->line);
	directive->function = name != NULL ? strndup(name, size) : NULL;
	return name != NULL && directive->function == NULL ? fail(ENOMEM, "out of memory") : 0;
}

static int add_directive(struct directives *directives, const struct binary *patch,
		      const struct dwarf_variable *variable, uint64_t section_addr, uint8_t *seen)
{
	struct directive directive = { 0 };
	const struct dwarf *dwarf = &patch->dwarf;

	if (variable->addr < section_addr ||
	    variable->addr - section_addr >= directives->bytes.size)
		return 0;
	uint64_t offset = variable->addr - section_addr;
	if (seen[offset] != 0)
		return 0;
	int err = parse_directive(patch, directives, offset, &directive);
	if (err != 0)
		return err;
	const uint8_t *end = (const uint8_t *)directive.file + strlen(directive.file) + 1;
	memset(seen + offset, 1, (size_t)(end - directives->bytes.data) - (size_t)offset);
	directive.line = variable->line;
	directive.unit = variable->unit;
	directive.id = (uint32_t)strtoul(variable->name + strlen(DIRECTIVE_PREFIX), NULL, 10);
	directive.type = referred_type(dwarf, variable);
	directive.source = dwarf_file(dwarf, variable->file_unit, variable->file);
	if (directive.source == NULL)
		directive.source = dwarf_unit_path(&dwarf->units[variable->unit]);
	err = directive.source != NULL ? ARRAY_GROW(&directives->table, directives->count, 1) :
		fail(ENOMEM, "out of memory");
	if (err != 0) {
		free(directive.source);
		return err;
	}
	/* From here on it is the table's own, which frees it. */
	directives->table[directives->count++] = directive;
	return set_function(&directives->table[directives->count - 1], patch, variable);
}

int directives_read(struct directives *directives, const struct binary *patch)
{
	const struct dwarf *dwarf = &patch->dwarf;
	GElf_Shdr shdr;

	*directives = (struct directives){ 0 };
	if (elffile_section(&patch->file, ".vzp", &shdr) == NULL)
		return 0;
	int err = elffile_bytes(&patch->file, ".vzp", &directives->bytes);
	if (err != 0 || directives->bytes.size == 0)
		return err;
	uint8_t *seen = calloc(1, directives->bytes.size);
	if (seen == NULL)
		return fail(ENOMEM, "out of memory");
	for (uint32_t i = 0; err == 0 && i < dwarf->n_variables; i++) {
		const struct dwarf_variable *variable = &dwarf->variables[i];

		if (variable->has_addr && variable->name != NULL &&
		    strncmp(variable->name, DIRECTIVE_PREFIX, strlen(DIRECTIVE_PREFIX)) == 0)
			err = add_directive(directives, patch, variable, shdr.sh_addr, seen);
	}
	for (size_t i = 0; err == 0 && i < directives->bytes.size; i++)
		if (directives->bytes.data[i] != 0 && seen[i] == 0)
			err = fail(ENOEXEC, "%s: a part of it was built without -g: no debug info "
				   "tells where '%.40s' in section .vzp was written",
				   patch->file.path, (const char *)directives->bytes.data + i);
	free(seen);
	if (err != 0)
		directives_deinit(directives);
	return err;
}

void directives_deinit(struct directives *directives)
{
	for (size_t i = 0; i < directives->count; i++) {
		free(directives->table[i].function);
		free(directives->table[i].source);
	}
	free(directives->table);
	*directives = (struct directives){ 0 };
}

const char *directives_file_at(const struct directives *directives, const char *source, uint32_t line)
{
	const struct directive *last = NULL;

	for (size_t i = 0; i < directives->count; i++) {
		const struct directive *directive = &directives->table[i];

		if (directive->kind == DIRECTIVE_FILE && directive->line <= line &&
		    strcmp(directive->source, source) == 0 && (last == NULL || last->line <= directive->line))
			last = directive;
	}
	return last != NULL ? last->name : NULL;
}

const char *directives_target_name(const struct directives *directives, uint32_t unit, const char *source,
				   const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < directives->count; i++) {
		const struct directive *directive = &directives->table[i];

		if (directive->kind != DIRECTIVE_ALIAS || strcmp(directive->name, name) != 0)
			continue;
		if (source == NULL || strcmp(directive->source, source) == 0)
			return directive->label;
		if (directive->unit == unit && found == NULL)
			found = directive->label;
	}
	return found != NULL ? found : name;
}

bool directives_say(const struct directives *directives, enum directive_kind kind, const char *function)
{
	for (size_t i = 0; i < directives->count; i++)
		if (directives->table[i].kind == kind &&
		    strcmp(directives->table[i].name, function) == 0)
			return true;
	return false;
}

bool directives_have(const struct directives *directives, enum directive_kind kind)
{
	for (size_t i = 0; i < directives->count; i++)
		if (directives->table[i].kind == kind)
			return true;
	return false;
}
