/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stale.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "closure.h"
#include "code.h"
#include "compare.h"
#include "names.h"
#include "refusals.h"

/* ---- lines of declarations ---- */

/* A function or variable, and where its source declares it. */
struct declared {
	const char *name, *what;
	uint32_t file_unit, file, line;
};

static char *file_of(const struct dwarf *dwarf, const struct declared *declared)
{
	return dwarf_file(dwarf, declared->file_unit, declared->file);
}

/* Is the other one of a file of the same name, and how far down?  0: it is of another file. */
static uint32_t line_in(const struct dwarf *dwarf, const struct declared *declared, const char *file)
{
	char *path = file_of(dwarf, declared);
	uint32_t line = path != NULL && strcmp(base_name(path), base_name(file)) == 0 ? declared->line : 0;

	free(path);
	return line;
}

static struct declared of_function(const struct dwarf *dwarf, uint32_t i)
{
	const struct dwarf_function *function = &dwarf->functions[i];

	return (struct declared){ function->name, "function", function->file_unit, function->file,
				  function->declaration ? 0 : function->line };
}

static struct declared of_variable(const struct dwarf *dwarf, uint32_t i)
{
	const struct dwarf_variable *variable = &dwarf->variables[i];

	return (struct declared){ variable->name, "variable", variable->file_unit, variable->file,
				  variable->declaration ? 0 : variable->line };
}

/*
 * The line of the target's own declaration of a thing of the original; the same line if one of
 * several has that.  0: the target's unit has none.
 */
static uint32_t line_there(const struct draft *draft, const struct unit *unit, const struct declared *old,
			   const char *file)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	bool is_function = strcmp(old->what, "function") == 0;
	uint32_t i = DWARF_NONE, found = 0;

	while ((i = is_function ? dwarf_find_function(dwarf, old->name, i) :
		dwarf_find_variable(dwarf, old->name, i)) != DWARF_NONE) {
		uint32_t of = is_function ? dwarf->functions[i].unit : dwarf->variables[i].unit;
		struct declared other = is_function ? of_function(dwarf, i) : of_variable(dwarf, i);
		uint32_t line = &dwarf->units[of] == unit->target_unit ? line_in(dwarf, &other, file) : 0;

		if (line == old->line)
			return line;
		if (line != 0)
			found = line;
	}
	return found;
}

static int check_line(const struct draft *draft, const struct unit *unit, const struct declared *old)
{
	char *path = old->name != NULL && old->line != 0 ? file_of(&unit->original->dwarf, old) : NULL;
	int err = 0;

	/* Headers of the system may be of another version. */
	uint32_t line = path != NULL && strncmp(path, "/usr/", 5) != 0 ?
		line_there(draft, unit, old, path) : 0;
	if (line != 0 && line != old->line)
		err = fail(EINVAL, "%s: %s '%s' is on line %u of %s, in %s it was on line %u: the original is "
			   "not of the source that the target was built from", unit->original->file.path,
			   old->what, old->name, old->line, base_name(path), draft->target->file.path, line);
	free(path);
	return err;
}

static int check_lines(const struct draft *draft, const struct unit *unit)
{
	const struct dwarf *dwarf = &unit->original->dwarf;
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < dwarf->n_functions; i++) {
		struct declared declared = of_function(dwarf, i);

		err = check_line(draft, unit, &declared);
	}
	for (uint32_t i = 0; err == 0 && i < dwarf->n_variables; i++) {
		struct declared declared = of_variable(dwarf, i);

		err = check_line(draft, unit, &declared);
	}
	return err;
}

/* ---- functions that are called ---- */

/* Does the object call a function of another unit by that name, from the piece or its cold part? */
static bool calls_name(const struct unit *unit, const struct piece *piece, const char *name)
{
	size_t size = strlen(piece->name);

	for (size_t i = 0; i < unit->n_pieces; i++) {
		const struct piece *part = &unit->pieces[i];
		const struct unit_section *section = &unit->sections[part->section];

		if (part->kind != PIECE_FUNCTION || strncmp(part->name, piece->name, size) != 0 ||
		    (part != piece && strncmp(part->name + size, ".cold", 5) != 0))
			continue;
		for (uint32_t k = 0; k < part->n_relocs; k++) {
			const struct unit_reloc *reloc = &section->relocs[part->first_reloc + k];

			if (reloc->symbol != NULL && reloc->symbol->section == SHN_UNDEF &&
			    strcmp(reloc->symbol->name, name) == 0)
				return true;
		}
	}
	return false;
}

/* Does the object define a function of that name, or a clone of it? */
static bool defines(const struct unit *unit, const char *name)
{
	size_t size = strcspn(name, ".");

	for (size_t i = 0; i < unit->n_pieces; i++)
		if (unit->pieces[i].kind == PIECE_FUNCTION && strncmp(unit->pieces[i].name, name, size) == 0 &&
		    (unit->pieces[i].name[size] == '\0' || unit->pieces[i].name[size] == '.'))
			return true;
	return false;
}

static void tell_calls(const struct draft *draft, const struct unit *unit, const struct piece *piece,
		       const struct code *code, const struct program *program)
{
	struct names names = { 0 };
	char text[NAMES_TEXT_MAX];

	for (size_t i = 0; i < code->n_insns; i++) {
		const struct insn *insn = &code->insns[i];

		if (insn->flow != FLOW_CALL && insn->flow != FLOW_CALL_ANY &&
		    !(insn->flow == FLOW_JUMP && leaves(code, insn)))
			continue;
		const char *name = program_callee_name(program, insn);
		if (name == NULL || is_of_compiler(name) || strncmp(name, "__x86.", 6) == 0 ||
		    defines(unit->original, name) || calls_name(unit->original, piece->twin, name))
			continue;
		names_add(&names, name);
	}
	if (names.count == 0 || draft->is_quiet)
		return;
	names_format(&names, text, sizeof(text));
	warn("%s: '%s' of %s calls %s, which it does not in %s: is the original of the version, and compiled "
	     "with the options, of the target?", unit->source, piece->name, draft->target->file.path, text,
	     unit->original->file.path);
}

static int check_calls(const struct draft *draft, struct program *program, const struct unit *unit)
{
	for (size_t i = 0; i < unit->n_pieces; i++) {
		const struct piece *piece = &unit->pieces[i];

		if (piece->kind != PIECE_FUNCTION || piece->verdict != VERDICT_CHANGED ||
		    !piece->has_counterpart || piece->is_overridden || piece->twin == NULL ||
		    piece->counterpart.index == DWARF_NONE ||
		    draft->target->dwarf.functions[piece->counterpart.index].hi == 0)
			continue;
		const struct code *code = program_code(program, piece->counterpart.index);
		if (code == NULL)
			return -ENOMEM;
		tell_calls(draft, unit, piece, code, program);
	}
	return 0;
}

int check_originals(const struct draft *draft, const struct unit *units, size_t n_units)
{
	struct program program = { 0 };
	int err = program_init(&program, draft->target);

	for (size_t i = 0; err == 0 && i < n_units; i++) {
		if (units[i].original == NULL || units[i].target_unit == NULL)
			continue;
		/* Behind one function that moved all the others of the file did. */
		err = refuse_later(draft, check_lines(draft, &units[i]));
		if (err == 0)
			err = check_calls(draft, &program, &units[i]);
	}
	program_deinit(&program);
	return err;
}
