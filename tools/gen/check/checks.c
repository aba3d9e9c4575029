/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "refusals.h"
#include "traceless.h"

/* Is an option in force at the end of the command line that the compiler recorded? */
static bool has_option(const char *producer, const char *on, const char *off)
{
	const char *last_on = NULL, *last_off = NULL;

	for (const char *p = producer; (p = strstr(p, on)) != NULL; p++)
		last_on = p;
	for (const char *p = producer; (p = strstr(p, off)) != NULL; p++)
		last_off = p;
	return last_on != NULL && (last_off == NULL || last_off < last_on);
}

bool is_interposable(const struct dwarf_unit *unit)
{
	const char *producer = unit != NULL ? unit->producer : NULL;

	if (producer == NULL || strstr(producer, "GNU") == NULL)
		return false;
	return (has_option(producer, " -fPIC", " -fno-PIC") || has_option(producer, " -fpic", " -fno-pic")) &&
		!has_option(producer, " -fno-semantic-interposition", " -fsemantic-interposition") &&
		strstr(producer, " -Ofast") == NULL;
}

int check_lto(const struct binary *target)
{
	for (uint32_t i = 0; i < target->dwarf.n_units; i++) {
		const struct dwarf_unit *unit = &target->dwarf.units[i];

		if (unit->producer != NULL && (strstr(unit->producer, "GNU GIMPLE") != NULL ||
				       has_option(unit->producer, "-flto", "-fno-lto")))
			return fail(EINVAL, "%s: %s was built with link-time optimisation, so that "
				    "functions are not where their source says (build it from the old and "
				    "from the new source, and give --as-built and --fixed: "
				    "see THE WITNESS in nsb-gen(1); or take one built with -fno-lto)", target->file.path,
				    unit->name != NULL && *unit->name != '\0' ? unit->name : "a part of it");
	}
	return 0;
}

bool is_instance_of(const struct dwarf *dwarf, const struct dwarf_function *function,
		    uint64_t origin)
{
	uint32_t i = DWARF_NONE;

	if (origin == function->die || (function->origin != 0 && origin == function->origin))
		return true;
	if (!function->external)
		return false;
	while ((i = dwarf_find_function(dwarf, function->name, i)) != DWARF_NONE)
		if (dwarf->functions[i].external &&
		    (dwarf->functions[i].die == origin || dwarf->functions[i].origin == origin))
			return true;
	return false;
}

bool is_replaced(const struct draft *draft, const struct dwarf_function *code)
{
	const struct dwarf *dwarf = &draft->target->dwarf;

	for (size_t i = 0; i < draft->meta.n_funcs; i++) {
		const struct definition *old = &draft->replaced[i]->old;

		if (old->addr == entry_range(draft->target, code).lo)
			return true;
		if (old->index != DWARF_NONE && code->origin != 0 &&
		    is_instance_of(dwarf, &dwarf->functions[old->index], code->origin))
			return true;
	}
	return false;
}

static void list_inlined(const struct draft *draft, const struct dwarf_function *function,
			 struct names *names)
{
	const struct dwarf *dwarf = &draft->target->dwarf;

	for (uint32_t i = 0; i < dwarf->n_inlined; i++) {
		const struct dwarf_function *code = &dwarf->functions[dwarf->inlined[i].function];

		if (code->name != NULL && is_instance_of(dwarf, function, dwarf->inlined[i].origin) &&
		    !is_replaced(draft, code))
			names_add(names, code->name);
	}
}

int check_inlined(const struct draft *draft)
{
	const struct dwarf *dwarf = &draft->target->dwarf;

	for (size_t i = 0; i < draft->meta.n_funcs; i++) {
		uint32_t index = draft->replaced[i]->old.index;
		struct names names = { 0 };
		char text[NAMES_TEXT_MAX];

		if (index == DWARF_NONE)
			continue;
		list_inlined(draft, &dwarf->functions[index], &names);
		if (names.count == 0)
			continue;
		names_format(&names, text, sizeof(text));
		int err = refuse_later(draft, fail(EINVAL, "%s: '%s' was inlined into %s, where the old code "
						   "would stay: replace that too", draft->target->file.path,
						   draft->meta.funcs[i].name, text));
		if (err != 0)
			return err;
	}
	return 0;
}

int check_absent(const struct draft *draft, const char *name, const char *file, bool callers_checked)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, name, i)) != DWARF_NONE) {
		const struct dwarf_function *function = &dwarf->functions[i];
		const struct dwarf_unit *unit = &dwarf->units[function->unit];
		struct names names = { 0 };
		char text[NAMES_TEXT_MAX];

		if (file != NULL && !function->external && !unit_matches_file(unit, file))
			continue;
		const char *clone = function->hi != 0 ? clone_name(draft->target, function) : NULL;
		if (clone != NULL)
			return fail(EINVAL, "%s: '%s' exists only as the compiler's clone '%s', "
				    "which cannot be replaced (replace its callers)",
				    draft->target->file.path, name, clone);
		if (function->hi != 0)
			continue;
		list_inlined(draft, function, &names);
		if (names.count == 0 && !callers_checked) {
			list_traceless(draft, i, &names);
			names_format(&names, text, sizeof(text));
			if (names.count != 0)
				return fail(EINVAL, "%s: '%s' has no code of its own, it was inlined without "
					    "a trace in the debug info, perhaps into %s: replace what calls "
					    "it in the source (VZP_CALLERS_CHECKED(%s) says that you did)",
					    draft->target->file.path, name, text, name);
		}
		if (names.count == 0)
			continue;
		names_format(&names, text, sizeof(text));
		return fail(EINVAL, "%s: '%s' has no code of its own, it was inlined into %s: replace "
			    "that, and give the new '%s' another name", draft->target->file.path,
			    name, text, name);
	}
	return 0;
}

int check_patch_clone(const struct draft *draft, uint32_t index, const char *clone)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	const struct dwarf_function *function = &dwarf->functions[index];
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, function->name, i)) != DWARF_NONE)
		if (dwarf->functions[i].hi != 0 && clone_name(draft->patch, &dwarf->functions[i]) == NULL)
			return 0;
	if (dwarf_find_function(&draft->target->dwarf, function->name, DWARF_NONE) == DWARF_NONE)
		return 0;
	return fail(EINVAL, "%s: the compiler made a clone of '%s', '%s', and nothing else "
		    "(mark it __attribute__((used, noipa)))", draft->patch->file.path,
		    function->name, clone);
}

static bool has_suffix_part(const char *clone, const char *name, const char *part)
{
	return strstr(clone + strlen(name), part) != NULL;
}

/* Check the clones that the debug info knows as instances of the replaced function. */
static int check_clones_of(struct draft *draft, size_t func)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	const struct dwarf_function *function = &dwarf->functions[draft->replaced[func]->old.index];
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, function->name, i)) != DWARF_NONE) {
		const struct dwarf_function *other = &dwarf->functions[i];

		if (other->hi == 0 || other == function || other->lo == function->lo ||
		    !is_instance_of(dwarf, function, other->origin))
			continue;
		const char *clone = clone_name(draft->target, other);
		if (clone == NULL)
			continue;
		if (!has_suffix_part(clone, function->name, ".part.") &&
		    !has_suffix_part(clone, function->name, ".cold"))
			return fail(EINVAL, "%s: beside '%s' there is the compiler's clone '%s', "
				    "where the old code would stay: replace its callers",
				    draft->target->file.path, function->name, clone);
		for (uint32_t k = 0; k < other->n_ranges; k++) {
			struct dwarf_range range = dwarf->ranges[other->first_range + k];
			int err = draft_add_range(draft, func, range.lo, range.hi - range.lo);
			if (err != 0)
				return err;
		}
	}
	return 0;
}

int check_clones(struct draft *draft)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++)
		if (draft->replaced[i]->old.index != DWARF_NONE)
			err = refuse_later(draft, check_clones_of(draft, i));
	return err;
}

/* With -g1 gcc describes functions, but neither their parameters nor types nor variables. */
static bool is_without_types(const char *producer)
{
	bool without = false;

	/* Of -g, -g1, -ggdb and -gdwarf-5 the last one decides; -gz and its like do not count. */
	for (const char *p = producer; p != NULL && (p = strstr(p, " -g")) != NULL; p++)
		if (p[3] == '\0' || strchr(" 0123dg", p[3]) != NULL)
			without = p[3] == '1' || strncmp(p + 3, "gdb1", 4) == 0;
	return without;
}

static int refuse_without_types(const struct binary *binary, const struct dwarf_unit *unit, const char *name)
{
	return fail(EINVAL, "%s: %s was built with -g1, which says nothing of the parameters of '%s', nor of "
		    "all its copies (build it with -g)", binary->file.path,
		    unit->name != NULL ? unit->name : "a unit", name);
}

/*
 * gcc records -g1.  clang does not, and then writes no line of the declaration, which every other
 * function has.
 */
static int check_has_types(const struct binary *binary, uint32_t index)
{
	const struct dwarf *dwarf = &binary->dwarf;
	const struct dwarf_function *function = &dwarf->functions[index];
	const struct dwarf_unit *unit = &dwarf->units[function->unit];
	bool is_clang = unit->producer != NULL && strstr(unit->producer, "clang") != NULL;

	if (is_without_types(unit->producer) || (is_clang && function->line == 0 && !function->declaration))
		return refuse_without_types(binary, unit, function->name);
	return 0;
}

enum { LANGUAGE_ASSEMBLER = 0x8001 };

/*
 * The unit of a function that the debug info does not describe, though it has lines of its code;
 * NULL if there is none.  clang -g1 describes functions only if something is inlined in them.
 * Assembly has lines alone.
 */
static int find_lines_only(const struct binary *binary, uint64_t addr, const struct dwarf_unit **found)
{
	const struct dwarf *dwarf = &binary->dwarf;
	int err = 0;

	*found = NULL;
	for (uint32_t i = 0; err == 0 && *found == NULL && i < dwarf->n_units; i++) {
		const struct dwarf_unit *unit = &dwarf->units[i];
		struct dwarf_row *rows = NULL;
		size_t n_rows = 0;

		if (unit->tag != DW_TAG_compile_unit || unit->language == LANGUAGE_ASSEMBLER)
			continue;
		err = dwarf_read_rows(dwarf, unit, &rows, &n_rows);
		for (size_t k = 0; k + 1 < n_rows && *found == NULL; k++)
			if (!rows[k].is_end && rows[k].addr <= addr && addr < rows[k + 1].addr)
				*found = unit;
		free(rows);
	}
	return err;
}

int check_described(const struct draft *draft, const struct replaced *replaced)
{
	const struct dwarf_unit *unit;
	int err = 0;

	if (replaced->old.index == DWARF_NONE) {
		err = find_lines_only(draft->target, replaced->old.addr, &unit);
		if (err == 0 && unit != NULL)
			err = refuse_without_types(draft->target, unit, replaced->old.name);
	} else {
		err = check_has_types(draft->target, replaced->old.index);
	}
	if (err != 0)
		return err;
	if (replaced->new.index != DWARF_NONE)
		return check_has_types(draft->patch, replaced->new.index);
	if (replaced->old.index == DWARF_NONE)
		return 0;
	return fail(EINVAL, "%s: it has no debug info of '%s' (build it with -g)", draft->patch->file.path,
		    replaced->new.name);
}

/*
 * Compare the prototype of the patch's function or declaration with that of the target's
 * function.
 */
static int compare_prototypes(const struct draft *draft, const struct declaration *new,
			      const struct definition *old)
{
	const struct dwarf *target = &draft->target->dwarf;
	char why[TYPE_WHY_MAX];
	int err = check_has_types(draft->target, old->index);

	if (err != 0)
		return err;
	int same = prototype_equal(new->type, (struct type){ target, target->functions[old->index].die },
				   why);
	if (same < 0)
		return same;
	return same != 0 ? 0 : fail(EINVAL, "%s:%u: '%s' has not the prototype of %s in %s: %s", new->file,
			       new->line, new->name, old->name, old->file != NULL ? old->file :
			       draft->target->file.path, why);
}

static int compare_with_target(const struct draft *draft, const struct definition *new,
			       const struct definition *old)
{
	const struct dwarf *patch = &draft->patch->dwarf;
	const struct dwarf_function *function = &patch->functions[new->index];
	char *source = dwarf_file(patch, function->file_unit, function->file);
	struct declaration declaration = {
		.type = { patch, function->die }, .name = new->name, .line = function->line,
		.file = source != NULL ? base_name(source) : draft->patch->file.path,
	};
	int err = compare_prototypes(draft, &declaration, old);

	free(source);
	return err;
}

int check_prototype(const struct draft *draft, const struct replaced *replaced)
{
	int err = check_has_types(draft->patch, replaced->new.index);

	return err != 0 ? err : compare_with_target(draft, &replaced->new, &replaced->old);
}

int check_prototypes(const struct draft *draft)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++) {
		const struct replaced *replaced = draft->replaced[i];

		err = check_described(draft, replaced);
		if (err == 0 && replaced->old.index != DWARF_NONE && replaced->new.index != DWARF_NONE)
			err = check_prototype(draft, replaced);
		if (err == 0 && replaced->old.index == DWARF_NONE)
			warn("%s: no debug info of '%s', so its prototype is not checked",
			     draft->target->file.path, draft->meta.funcs[i].name);
		err = refuse_later(draft, err);
	}
	return err;
}

void check_folded(const struct draft *draft)
{
	const struct binary *target = draft->target;

	for (size_t i = 0; i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];
		uint32_t k;

		if (symbol->section == SHN_UNDEF || symbol->type != STT_FUNC)
			continue;
		size_t func = draft_find(draft, symbol->value);
		if (func == SIZE_MAX || strcmp(draft->meta.funcs[func].name, symbol->name) == 0)
			continue;
		uint32_t old = draft->replaced[func]->old.index;
		const char *label = old != DWARF_NONE ? target->dwarf.functions[old].linkage_name : NULL;
		if (label != NULL && strcmp(label, symbol->name) == 0)
			continue;
		/* If the source made the alias, the debug info has no definition of that name. */
		k = dwarf_find_function(&target->dwarf, symbol->name, DWARF_NONE);
		while (k != DWARF_NONE && target->dwarf.functions[k].declaration)
			k = dwarf_find_function(&target->dwarf, symbol->name, k);
		if (k != DWARF_NONE)
			warn("%s: '%s' shares its code with '%s', which is replaced with it",
			     target->file.path, draft->meta.funcs[func].name, symbol->name);
		else if (symbol->bind != STB_LOCAL)
			warn("%s: '%s' is also called '%s'", target->file.path,
			     draft->meta.funcs[func].name, symbol->name);
	}
}

static int check_variable(const struct draft *draft, const struct symbol *symbol)
{
	uint32_t k = DWARF_NONE;

	/* Some linkers write down where the block of such variables begins. */
	if (symbol->section != SHN_UNDEF && symbol->type == STT_TLS && strcmp(symbol->name, TLS_BLOCK) != 0)
		return fail(EINVAL, "%s: '%s' would be a new thread-local variable, which threads that run "
			    "already could not have (declare it extern if it is the target's; SHADOW_THREAD of nsb/shadow.h"
			    " is what they can have)", draft->patch->file.path, symbol->name);
	if (symbol->section == SHN_UNDEF || symbol->bind == STB_LOCAL || symbol->type != STT_OBJECT)
		return 0;
	const struct symbol *have = find_hidden_symbol(draft->target, symbol->name);
	bool twice = have != NULL && have->type == STT_OBJECT;
	while (!twice && (k = dwarf_find_variable(&draft->target->dwarf, symbol->name, k)) != DWARF_NONE)
		twice = draft->target->dwarf.variables[k].external &&
			draft->target->dwarf.variables[k].has_addr;
	return !twice ? 0 : fail(EINVAL, "%s: global variable '%s' would exist twice: %s has it "
				 "(declare it extern in the patch)", draft->patch->file.path, symbol->name,
				 draft->target->file.path);
}

int check_variables(const struct draft *draft)
{
	const struct symbols *symbols = draft->patch->symbols;
	int err = 0;

	for (size_t i = 0; err == 0 && i < symbols->count; i++)
		err = refuse_later(draft, check_variable(draft, &symbols->table[i]));
	return err;
}

/* Compare the type of a variable as the patch declares it with the target's. */
static int compare_types(const struct draft *draft, const struct declaration *declaration,
			 const struct definition *meant)
{
	const struct dwarf *target = &draft->target->dwarf;
	char why[TYPE_WHY_MAX], now[TYPE_NAME_MAX], before[TYPE_NAME_MAX];
	struct type b = { target, meant->index == DWARF_NONE ? 0 :
			  target->variables[meant->index].type };

	if (declaration->type.die == 0 || b.die == 0)
		return 0;
	int same = type_equal(declaration->type, b, why);
	if (same != 0)
		return same < 0 ? same : 0;
	type_name(declaration->type, now);
	type_name(b, before);
	return fail(EINVAL, "%s:%u: '%s' is declared '%s', but in %s it is '%s'%s%s", declaration->file,
		    declaration->line, declaration->name, now,
		    meant->file != NULL ? meant->file : draft->target->file.path, before,
		    *why != '\0' ? ": " : "", why);
}

int check_declaration(const struct draft *draft, const struct declaration *declaration,
		      const struct definition *meant, bool is_function)
{
	if (declaration->type.die == 0)
		return 0;
	return is_function ? compare_prototypes(draft, declaration, meant) :
		compare_types(draft, declaration, meant);
}

int check_declared_variable(const struct draft *draft, const char *name, const struct definition *meant)
{
	const struct dwarf *patch = &draft->patch->dwarf;
	uint32_t i = DWARF_NONE;
	int err = 0;

	while (err == 0 && (i = dwarf_find_variable(patch, name, i)) != DWARF_NONE) {
		const struct dwarf_variable *variable = &patch->variables[i];

		if (!variable->declaration)
			continue;
		char *source = dwarf_file(patch, variable->file_unit, variable->file);
		struct declaration declaration = {
			.type = { patch, variable->type }, .name = name, .line = variable->line,
			.file = source != NULL ? base_name(source) : draft->patch->file.path,
		};
		err = compare_types(draft, &declaration, meant);
		free(source);
	}
	return err;
}

int check_declared_function(const struct draft *draft, const char *name, const struct definition *meant)
{
	const struct dwarf *patch = &draft->patch->dwarf;
	uint32_t i = DWARF_NONE;
	int err = 0;

	while (err == 0 && (i = dwarf_find_function(patch, name, i)) != DWARF_NONE) {
		struct definition declared = { .name = name, .index = i };
		struct dwarf_die die;

		if (!patch->functions[i].declaration)
			continue;
		err = dwarf_die_read(patch, patch->functions[i].die, &die);
		if (err == 0 && dwarf_has(&die, DWARF_PROTOTYPED))
			err = compare_with_target(draft, &declared, meant);
	}
	return err;
}
