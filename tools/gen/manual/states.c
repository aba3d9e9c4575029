/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "states.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refusals.h"
#include "types.h"

/* The variable of the patch by that name, in the directive's own unit; NULL if there is none. */
static const struct dwarf_variable *find_own(const struct dwarf *dwarf, const struct directive *directive, const char *name)
{
	for (uint32_t i = 0; i < dwarf->n_variables; i++) {
		const struct dwarf_variable *variable = &dwarf->variables[i];

		if (variable->has_addr && !variable->is_tls && variable->name != NULL &&
		    variable->unit == directive->unit && strcmp(variable->name, name) == 0)
			return variable;
	}
	return NULL;
}

/*
 * The type as a text: its name, and a checksum of all definitions that it needs.  So two structures of one name differ
 * by their members.
 */
static int describe_type(struct type type, char *text, size_t size)
{
	char name[TYPE_NAME_MAX], *definitions = NULL;
	struct types types = { 0 };
	size_t length = 0;

	types.out = open_memstream(&definitions, &length);
	if (types.out == NULL)
		return fail(ENOMEM, "out of memory");
	int err = types_add(&types, type);
	if (fclose(types.out) != 0 && err == 0)
		err = fail(ENOMEM, "out of memory");
	types_deinit(&types);
	type_name(type, name);
	if (err == 0)
		snprintf(text, size, length > 0 ? "%s [%08x]" : "%s", name, crc32_update(0, definitions, length));
	free(definitions);
	return err;
}

static int draw_state(struct draft *draft, const struct directive *directive)
{
	const struct binary *patch = draft->patch;
	const struct dwarf_variable *variable = find_own(&patch->dwarf, directive, directive->name);
	const struct symbol *symbol = variable != NULL ? find_data_symbol(patch, variable->addr, STT_OBJECT) : NULL;
	char type[TYPE_NAME_MAX + 16];

	if (symbol == NULL || symbol->size == 0 || !elffile_is_writable(&patch->file, variable->addr))
		return fail(EINVAL, "%s:%u: VZP_STATE(%s): the patch has no such variable in this file (is it constant, or does"
			    " nothing use it?)", base_name(directive->source), directive->line, directive->name);
	if (symbol->size > STATE_MAX)
		return fail(EINVAL, "%s:%u: VZP_STATE(%s): it has %llu bytes, more than %u", base_name(directive->source),
			    directive->line, directive->name, (unsigned long long)symbol->size, STATE_MAX);
	for (size_t i = 0; i < draft->meta.n_states; i++)
		if (strcmp(draft->meta.states[i].name, directive->name) == 0 &&
		    strncmp(draft->meta.states[i].type, STATE_WAS, strlen(STATE_WAS)) != 0)
			return fail(EINVAL, "%s:%u: VZP_STATE(%s): there are two of that name", base_name(directive->source),
				    directive->line, directive->name);
	int err = describe_type((struct type){ &patch->dwarf, variable->type }, type, sizeof(type));
	return err != 0 ? err : draft_add_state(draft, &(struct vz_state){
		.name = directive->name, .type = type, .addr = variable->addr, .size = symbol->size,
	});
}

/* The members of the structure in which VZP_STATE_WAS has the value, and behind it the byte that says whether it is there. */
static bool read_room(const struct dwarf *dwarf, const struct dwarf_variable *variable, uint64_t *type, uint64_t *size)
{
	struct dwarf_die die;

	if (dwarf_die_read(dwarf, variable->type, &die) != 0 || dwarf_child(dwarf, &die, &die) <= 0 ||
	    !dwarf_reference(dwarf, &die, DWARF_TYPE, type) || dwarf_sibling(dwarf, &die, &die) <= 0 ||
	    !dwarf_number(&die, DWARF_MEMBER_LOCATION, size)) {
		msg_forget();
		return false;
	}
	return *size > 0 && *size < STATE_MAX;
}

static int draw_room(struct draft *draft, const struct directive *directive)
{
	const struct binary *patch = draft->patch;
	const struct dwarf_variable *variable = find_own(&patch->dwarf, directive, directive->label);
	char text[TYPE_NAME_MAX + 16] = STATE_WAS;
	uint64_t type, size;

	if (variable == NULL || !elffile_is_writable(&patch->file, variable->addr) ||
	    !read_room(&patch->dwarf, variable, &type, &size))
		return fail(EINVAL, "%s:%u: VZP_STATE_WAS(%s): the patch has no room for it (is it in a function that no hook calls, or too"
			    " large?)", base_name(directive->source), directive->line, directive->name);
	int err = describe_type((struct type){ &patch->dwarf, type }, text + strlen(STATE_WAS), sizeof(text) - strlen(STATE_WAS));
	return err != 0 ? err : draft_add_state(draft, &(struct vz_state){
		.name = directive->name, .type = text, .addr = variable->addr, .size = size + 1,
	});
}

int draw_states(struct draft *draft, const struct directives *directives)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < directives->count; i++) {
		if (directives->table[i].kind == DIRECTIVE_STATE)
			err = refuse_later(draft, draw_state(draft, &directives->table[i]));
		else if (directives->table[i].kind == DIRECTIVE_STATE_WAS)
			err = refuse_later(draft, draw_room(draft, &directives->table[i]));
	}
	return end_if_refused(draft, err);
}
