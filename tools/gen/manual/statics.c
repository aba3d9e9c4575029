/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "statics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "refusals.h"

/*
 * The target's static variable of that name, in that function; NULL for a function means: in none.
 * file: the source file that it has to be of; NULL: any.
 */
static const struct dwarf_variable *find_static(const struct dwarf *target, const char *name,
						const char *function, const char *file)
{
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_variable(target, name, i)) != DWARF_NONE) {
		const struct dwarf_variable *variable = &target->variables[i];
		const char *owner = variable->function == DWARF_NONE ? NULL :
			target->functions[variable->function].name;

		if (!variable->has_addr || variable->external)
			continue;
		if (file != NULL && !unit_matches_file(&target->units[variable->unit], file))
			continue;
		if (function != NULL ? owner != NULL && strcmp(owner, function) == 0 : owner == NULL)
			return variable;
	}
	return NULL;
}

static int check_variable(const struct draft *draft, const struct directives *directives,
			  const struct dwarf_variable *variable, const char *source)
{
	const struct dwarf *patch = &draft->patch->dwarf, *target = &draft->target->dwarf;
	const char *function = variable->function == DWARF_NONE ? NULL :
		patch->functions[variable->function].name;
	const char *file = source != NULL ? directives_file_at(directives, source, variable->line) : NULL;

	if (function != NULL && source != NULL)
		function = directives_target_name(directives, variable->unit, source, function);
	const struct dwarf_variable *have = find_static(target, variable->name, function, file);
	if (have == NULL || directives_say(directives, DIRECTIVE_NEW, variable->name))
		return 0;
	const char *unit = target->units[have->unit].name;
	return fail(EINVAL, "%s:%u: '%s' would be a second variable beside that of %s, which has the program's"
		    " data (use VZP_STATIC_VAR_REF for that one, or say VZP_NEW(%s) if a new one is meant)",
		    source != NULL ? base_name(source) : draft->patch->file.path, variable->line, variable->name,
		    unit != NULL ? unit : draft->target->file.path, variable->name);
}

int check_statics(const struct draft *draft, const struct directives *directives)
{
	const struct dwarf *patch = &draft->patch->dwarf;
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < patch->n_variables; i++) {
		const struct dwarf_variable *variable = &patch->variables[i];

		if (!variable->has_addr || variable->external || variable->name == NULL ||
		    strncmp(variable->name, "vzp__", 5) == 0 || strncmp(variable->name, "__", 2) == 0 ||
		    !elffile_is_writable(&draft->patch->file, variable->addr))
			continue;
		char *source = dwarf_file(patch, variable->file_unit, variable->file);
		err = refuse_later(draft, check_variable(draft, directives, variable, source));
		free(source);
	}
	return err;
}
