/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "refs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "body.h"
#include "convention.h"
#include "find.h"
#include "image.h"
#include "nearest.h"
#include "type.h"

/* What the code of one function refers to: places of the target, each once. */
struct needs {
	const struct binary *target;
	struct image image;
	const struct dwarf_function *function;
	struct need { uint64_t addr; } *table;
	size_t count;
};

/* ---- what the code refers to ---- */

static int add_need(struct needs *needs, uint64_t addr)
{
	for (size_t i = 0; i < needs->count; i++)
		if (needs->table[i].addr == addr)
			return 0;
	int err = ARRAY_GROW(&needs->table, needs->count, 1);
	if (err == 0)
		needs->table[needs->count++].addr = addr;
	return err;
}

static int note_reference(void *ctx, uint64_t from, uint64_t to, unsigned access)
{
	struct needs *needs = ctx;
	struct whereabouts at = image_at(&needs->image, to);
	const struct image_reloc *slot;

	(void)from;
	(void)access;
	/* A slot of the global offset table may have the address of something of the target's own. */
	if (at.area == AREA_SLOTS) {
		slot = image_reloc_at(&needs->image, to);
		if (slot == NULL || slot->symbol != NULL)
			return 0;
		at = image_at(&needs->image, slot->addend);
	}
	if (at.spot == IMAGE_NONE || at.area == AREA_STUBS)
		return 0;
	return add_need(needs, needs->image.spots[at.spot].addr);
}

/* The function's own code, with its cold parts. */
static int find_needs(struct needs *needs)
{
	const struct dwarf *dwarf = &needs->target->dwarf;
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < needs->function->n_ranges; i++) {
		struct whereabouts at = image_at(&needs->image, dwarf->ranges[needs->function->first_range + i].lo);

		if (at.spot != IMAGE_NONE)
			err = each_reference(&needs->image, at.spot, note_reference, needs);
	}
	return err;
}

/* ---- what that is called ---- */

/* The base name of the source file, and as many folders as make it the only one. */
static const char *short_path(const struct binary *target, const struct dwarf_unit *unit)
{
	const char *path = unit->name != NULL ? unit->name : "", *at = path + strlen(path);

	while (at > path) {
		unsigned count = 0;

		do {
			at--;
		} while (at > path && at[-1] != '/');
		for (uint32_t i = 0; i < target->dwarf.n_units; i++)
			count += unit_matches_file(&target->dwarf.units[i], at);
		if (count <= 1)
			break;
	}
	return at;
}

static void print_file(const struct needs *needs, uint32_t unit)
{
	if (unit != needs->function->unit)
		printf(", \"%s\"", short_path(needs->target, &needs->target->dwarf.units[unit]));
}

/* The variable of the debug info that is at an address; DWARF_NONE: none. */
static uint32_t variable_at(const struct dwarf *dwarf, uint64_t addr)
{
	for (uint32_t i = 0; i < dwarf->n_variables; i++)
		if (dwarf->variables[i].has_addr && !dwarf->variables[i].is_tls && dwarf->variables[i].addr == addr &&
		    dwarf->variables[i].name != NULL)
			return i;
	return DWARF_NONE;
}

static uint32_t function_at(const struct binary *target, uint64_t addr)
{
	const struct dwarf *dwarf = &target->dwarf;

	for (uint32_t i = 0; i < dwarf->n_functions; i++)
		if (dwarf->functions[i].hi != 0 && dwarf->functions[i].name != NULL &&
		    entry_range(target, &dwarf->functions[i]).lo == addr)
			return i;
	return DWARF_NONE;
}

/* Has the function another static variable of that name, in another block? */
static bool has_namesake(const struct dwarf *dwarf, const struct dwarf_variable *variable)
{
	uint32_t i = DWARF_NONE;

	while (variable->function != DWARF_NONE && (i = dwarf_find_variable(dwarf, variable->name, i)) != DWARF_NONE)
		if (dwarf->variables[i].function == variable->function && dwarf->variables[i].has_addr &&
		    dwarf->variables[i].addr != variable->addr)
			return true;
	return false;
}

static void print_variable(const struct needs *needs, const struct dwarf_variable *variable)
{
	const struct dwarf *dwarf = &needs->target->dwarf;
	char type[TYPE_NAME_MAX];
	const char *inside = variable->function != DWARF_NONE ? dwarf->functions[variable->function].name : NULL;

	type_name((struct type){ dwarf, variable->type }, type);
	if (variable->external) {
		printf("/* extern %s: %s */\n", variable->name, type);
		return;
	}
	printf("VZP_STATIC_VAR_REF(%s, %s", type, variable->name);
	print_file(needs, variable->unit);
	printf(");");
	if (has_namesake(dwarf, variable)) {
		const struct symbol *symbol = find_data_symbol(needs->target, variable->addr, STT_OBJECT);

		if (symbol != NULL)
			printf(" VZP_STATIC_SYM_ALIAS(%s, %s);", variable->name, symbol->name);
	}
	printf("%s%s%s\n", inside != NULL ? " /* inside " : "", inside != NULL ? inside : "",
	       inside != NULL ? "() */" : "");
}

static int print_function(const struct needs *needs, uint32_t index)
{
	const struct dwarf *dwarf = &needs->target->dwarf;
	const struct dwarf_function *function = &dwarf->functions[index];
	char result[TYPE_NAME_MAX], parameters[TYPE_NAME_MAX];
	struct parameter list[PARAMETERS_MAX];
	const char *clone = clone_name(needs->target, function);
	unsigned count;

	if (clone != NULL) {
		printf("/* %s exists as the clone %s: copy it into the patch */\n", function->name, clone);
		return 0;
	}
	if (!prototype_names((struct type){ dwarf, function->die }, result, parameters) || function->external) {
		printf("/* %s %s: %s %s */\n", function->external ? "extern" : "static", function->name, result, parameters);
		return 0;
	}
	int err = list_parameters_of(needs->target, index, list, &count);
	bool in_registers = needs->target->file.elf_class == ELFCLASS32 && count > 0 && list[0].reg == 0;
	printf("VZP_%s_FUNC_REF(%s, %s, %s", in_registers ? "REGISTER" : "STATIC", result, function->name, parameters);
	print_file(needs, function->unit);
	puts(");");
	return err;
}

/* What was inlined has to be copied. */
static void print_inlined(const struct needs *needs, uint32_t index)
{
	const struct dwarf *dwarf = &needs->target->dwarf;

	for (uint32_t i = 0; i < dwarf->n_inlined; i++) {
		const char *name = NULL;
		bool is_told = false;

		if (dwarf->inlined[i].function != index)
			continue;
		for (uint32_t k = 0; k < i && !is_told; k++)
			is_told = dwarf->inlined[k].function == index && dwarf->inlined[k].origin == dwarf->inlined[i].origin;
		for (uint32_t k = 0; k < dwarf->n_functions && name == NULL; k++)
			if (dwarf->functions[k].die == dwarf->inlined[i].origin)
				name = dwarf->functions[k].name;
		if (!is_told && name != NULL)
			printf("/* %s was inlined: copy it, or include its header */\n", name);
	}
}

static int print_needs(struct needs *needs, uint32_t index)
{
	const struct dwarf *dwarf = &needs->target->dwarf;
	int err = 0;

	printf("VZP_FILE(\"%s\");\n", short_path(needs->target, &dwarf->units[needs->function->unit]));
	for (size_t i = 0; err == 0 && i < needs->count; i++) {
		uint32_t variable = variable_at(dwarf, needs->table[i].addr);
		uint32_t function = variable == DWARF_NONE ? function_at(needs->target, needs->table[i].addr) : DWARF_NONE;

		if (variable != DWARF_NONE)
			print_variable(needs, &dwarf->variables[variable]);
		else if (function != DWARF_NONE && function != index)
			err = print_function(needs, function);
	}
	print_inlined(needs, index);
	return err;
}

/* ---- which function ---- */

/* "name", or "file.c:name". */
static int find_named(const struct binary *target, const char *text, struct definition *out)
{
	const char *colon = strrchr(text, ':');
	char file[512] = "";
	struct wanted wanted = { .name = colon != NULL ? colon + 1 : text, .source = "nsb-gen refs" };

	if (colon != NULL) {
		snprintf(file, sizeof(file), "%.*s", (int)(colon - text), text);
		wanted.file = file;
	}
	int found = find_function(target, &wanted, LINKAGE_ANY, out);
	if (found < 0)
		return found;
	if (found > 0 && out->index != DWARF_NONE)
		return 0;
	if (found > 0)
		return fail(EINVAL, "%s: no debug info of '%s'", target->file.path, text);
	const char *near = nearest_function(target, wanted.name);
	return fail(EINVAL, "%s has no function '%s' with code of its own (if it was inlined, name those that call it%s%s%s)",
		    target->file.path, text, near != NULL ? "; or is it '" : "", near != NULL ? near : "",
		    near != NULL ? "'?" : "");
}

int refs_print(const struct binary *target, char **names, size_t n_names)
{
	struct needs needs = { .target = target };
	int err = image_init(&needs.image, &target->file, target->symbols);

	for (size_t i = 0; err == 0 && i < n_names; i++) {
		struct definition meant;

		err = find_named(target, names[i], &meant);
		if (err != 0)
			break;
		needs.function = &target->dwarf.functions[meant.index];
		needs.count = 0;
		err = find_needs(&needs);
		if (err == 0 && n_names > 1)
			printf("/* %s */\n", names[i]);
		if (err == 0)
			err = print_needs(&needs, meant.index);
	}
	free(needs.table);
	image_deinit(&needs.image);
	return err;
}
