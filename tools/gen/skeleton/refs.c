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
#include "declare.h"
#include "find.h"
#include "nearest.h"

/* ---- what the code refers to ---- */

static int add_place(struct refs *refs, uint64_t addr)
{
	for (size_t i = 0; i < refs->count; i++)
		if (refs->places[i] == addr)
			return 0;
	int err = ARRAY_GROW(&refs->places, refs->count, 1);
	if (err == 0)
		refs->places[refs->count++] = addr;
	return err;
}

static int note_reference(void *ctx, uint64_t from, uint64_t to, unsigned access)
{
	struct refs *refs = ctx;
	struct whereabouts at = image_at(&refs->image, to);
	const struct image_reloc *slot;

	(void)from;
	(void)access;
	/* A slot of the global offset table may have the address of something of the target's own. */
	if (at.area == AREA_SLOTS) {
		slot = image_reloc_at(&refs->image, to);
		if (slot == NULL || slot->symbol != NULL)
			return 0;
		at = image_at(&refs->image, slot->addend);
	}
	if (at.spot == IMAGE_NONE || at.area == AREA_STUBS)
		return 0;
	return add_place(refs, refs->image.spots[at.spot].addr);
}

/* The function's own code, with its cold parts. */
static int find_places(struct refs *refs)
{
	const struct dwarf *dwarf = &refs->target->dwarf;
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < refs->function->n_ranges; i++) {
		struct whereabouts at = image_at(&refs->image, dwarf->ranges[refs->function->first_range + i].lo);

		if (at.spot != IMAGE_NONE)
			err = each_reference(&refs->image, at.spot, note_reference, refs);
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

static void print_file(FILE *out, const struct refs *refs, uint32_t unit)
{
	if (unit != refs->function->unit)
		fprintf(out, ", \"%s\"", short_path(refs->target, &refs->target->dwarf.units[unit]));
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

static void print_variable(FILE *out, const struct refs *refs, const struct dwarf_variable *variable, bool as_code)
{
	const struct dwarf *dwarf = &refs->target->dwarf;
	const char *inside = variable->function != DWARF_NONE ? dwarf->functions[variable->function].name : NULL;
	struct type type = { dwarf, variable->type };

	if (variable->external) {
		fputs(as_code ? "extern " : "/* extern ", out);
		declare(out, type, variable->name);
		fputs(as_code ? ";\n" : "; */\n", out);
		return;
	}
	if (as_code && inside != NULL && strcmp(inside, refs->function->name) != 0) {
		fprintf(out, "/* %s is of %s(), which was inlined: declare it in the copy of that */\n", variable->name, inside);
		return;
	}
	fputs(as_code && inside != NULL ? "\tVZP_STATIC_VAR_REF(" : "VZP_STATIC_VAR_REF(", out);
	declare(out, type, "");
	fprintf(out, ", %s", variable->name);
	print_file(out, refs, variable->unit);
	fprintf(out, ");");
	if (has_namesake(dwarf, variable)) {
		const struct symbol *symbol = find_data_symbol(refs->target, variable->addr, STT_OBJECT);

		if (symbol != NULL)
			fprintf(out, " VZP_STATIC_SYM_ALIAS(%s, %s);", variable->name, symbol->name);
	}
	if (inside != NULL && !as_code)
		fprintf(out, " /* inside %s() */", inside);
	fputc('\n', out);
}

bool takes_registers(const struct binary *target, uint32_t index)
{
	struct parameter list[PARAMETERS_MAX];
	unsigned count = 0;

	if (target->file.gen == NULL || target->file.gen->n_own_arguments == 0)
		return false;
	if (list_parameters_of(target, index, list, &count) != 0) {
		msg_forget();
		return false;
	}
	return count > 0 && list[0].reg == target->file.gen->own_arguments[0];
}

static void print_function(FILE *out, const struct refs *refs, uint32_t index, bool as_code)
{
	const struct dwarf *dwarf = &refs->target->dwarf;
	const struct dwarf_function *function = &dwarf->functions[index];
	const char *clone = clone_name(refs->target, function);
	struct type type = { dwarf, function->die };
	char result[TYPE_NAME_MAX], parameters[TYPE_NAME_MAX];

	if (clone != NULL) {
		fprintf(out, "/* %s exists as the clone %s: copy it into the patch */\n", function->name, clone);
	} else if (function->external) {
		fputs(as_code ? "extern " : "/* extern ", out);
		declare_function(out, type, function->name);
		fputs(as_code ? ";\n" : "; */\n", out);
	} else if (!prototype_names(type, result, parameters)) {
		fprintf(out, "/* static %s: %s %s */\n", function->name, result, parameters);
	} else {
		fprintf(out, "VZP_%s_FUNC_REF(%s, %s, %s", takes_registers(refs->target, index) ? "REGISTER" : "STATIC",
			result, function->name, parameters);
		print_file(out, refs, function->unit);
		fputs(");\n", out);
	}
}

/* What was inlined has to be copied. */
static void print_inlined(FILE *out, const struct refs *refs)
{
	const struct dwarf *dwarf = &refs->target->dwarf;

	for (uint32_t i = 0; i < dwarf->n_inlined; i++) {
		const char *name = NULL;
		bool is_told = false;

		if (dwarf->inlined[i].function != refs->index)
			continue;
		for (uint32_t k = 0; k < i && !is_told; k++)
			is_told = dwarf->inlined[k].function == refs->index && dwarf->inlined[k].origin == dwarf->inlined[i].origin;
		for (uint32_t k = 0; k < dwarf->n_functions && name == NULL; k++)
			if (dwarf->functions[k].die == dwarf->inlined[i].origin)
				name = dwarf->functions[k].name;
		if (!is_told && name != NULL)
			fprintf(out, "/* %s was inlined: copy it, or include its header */\n", name);
	}
}

/* What a place is in the debug info: a variable, else a function other than the one that refers to it. */
static void describe_place(const struct refs *refs, size_t place, uint32_t *variable, uint32_t *function)
{
	*variable = variable_at(&refs->target->dwarf, refs->places[place]);
	*function = *variable == DWARF_NONE ? function_at(refs->target, refs->places[place]) : DWARF_NONE;
	for (size_t i = 0; i < refs->n_defined; i++)
		if (*function == refs->defined[i])
			*function = DWARF_NONE;
	if (*function == refs->index)
		*function = DWARF_NONE;
}

static bool is_inside(const struct refs *refs, uint32_t variable)
{
	return variable != DWARF_NONE && !refs->target->dwarf.variables[variable].external &&
		refs->target->dwarf.variables[variable].function != DWARF_NONE;
}

void refs_write(const struct refs *refs, FILE *out, enum refs_part part)
{
	const struct dwarf *dwarf = &refs->target->dwarf;

	if (part != REFS_INSIDE)
		fprintf(out, "VZP_FILE(\"%s\");\n", short_path(refs->target, &dwarf->units[refs->function->unit]));
	for (size_t i = 0; i < refs->count; i++) {
		uint32_t variable, function;

		describe_place(refs, i, &variable, &function);
		if (part != REFS_ALL && is_inside(refs, variable) != (part == REFS_INSIDE))
			continue;
		if (variable != DWARF_NONE)
			print_variable(out, refs, &dwarf->variables[variable], part != REFS_ALL);
		else if (function != DWARF_NONE && part != REFS_INSIDE)
			print_function(out, refs, function, part != REFS_ALL);
	}
	if (part != REFS_INSIDE)
		print_inlined(out, refs);
}

int refs_each_type(const struct refs *refs, type_visitor visit, void *ctx)
{
	const struct dwarf *dwarf = &refs->target->dwarf;
	int err = 0;

	for (size_t i = 0; err == 0 && i < refs->count; i++) {
		uint32_t variable, function;

		describe_place(refs, i, &variable, &function);
		if (variable != DWARF_NONE)
			err = visit(ctx, (struct type){ dwarf, dwarf->variables[variable].type }, false);
		else if (function != DWARF_NONE)
			err = visit(ctx, (struct type){ dwarf, dwarf->functions[function].die }, true);
	}
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

int refs_init(struct refs *refs, const struct binary *target)
{
	*refs = (struct refs){ .target = target };
	return image_init(&refs->image, &target->file, target->symbols);
}

void refs_deinit(struct refs *refs)
{
	free(refs->places);
	image_deinit(&refs->image);
}

int refs_find(struct refs *refs, const char *name)
{
	struct definition meant;
	int err = find_named(refs->target, name, &meant);

	if (err != 0)
		return err;
	refs->index = meant.index;
	refs->function = &refs->target->dwarf.functions[meant.index];
	refs->count = 0;
	return find_places(refs);
}

int refs_print(const struct binary *target, char **names, size_t n_names)
{
	struct refs refs;
	int err = refs_init(&refs, target);

	for (size_t i = 0; err == 0 && i < n_names; i++) {
		err = refs_find(&refs, names[i]);
		if (err != 0)
			break;
		if (n_names > 1)
			printf("/* %s */\n", names[i]);
		refs_write(&refs, stdout, REFS_ALL);
	}
	refs_deinit(&refs);
	return err;
}
