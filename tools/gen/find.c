/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

#define LISTED_MAX 8

static bool is_code(const struct symbol *symbol)
{
	return symbol->section != SHN_UNDEF &&
		(symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC);
}

const char *clone_name(const struct binary *binary, const struct dwarf_function *function)
{
	if (!function->name)
		return NULL;
	size_t size = strlen(function->name);
	const struct symbol *symbol =
		binary_function_symbol(binary, entry_range(binary, function).lo, function->name);
	if (symbol && !strncmp(symbol->name, function->name, size) && symbol->name[size] == '.')
		return symbol->name;
	return NULL;
}

struct dwarf_range entry_range(const struct binary *binary, const struct dwarf_function *function)
{
	for (uint32_t i = 0; i < function->n_ranges && function->n_ranges > 1 && function->name; i++) {
		struct dwarf_range range = binary->dwarf.ranges[function->first_range + i];
		const struct symbol *symbol =
			binary_function_symbol(binary, range.lo, function->name);

		if (symbol && !strcmp(symbol->name, function->name))
			return range;
	}
	return (struct dwarf_range){ function->lo, function->hi };
}

static int add_place(struct places *places, const struct place *place)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->table[i].addr == place->addr)
			return 0;
	struct place *bigger = reallocarray(places->table, places->count + 1, sizeof(*place));
	if (!bigger)
		return fail(ENOMEM, "not enough memory");
	places->table = bigger;
	places->table[places->count++] = *place;
	return 0;
}

char *list_files(const struct places *places)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < places->count && i < LISTED_MAX; i++)
		fprintf(out, "%s%s", i ? ", " : "",
			places->table[i].file ? places->table[i].file : "a file without debug info");
	if (places->count > LISTED_MAX)
		fprintf(out, " and %zu more", places->count - LISTED_MAX);
	return fclose(out) ? NULL : text;
}

/* Drop those of the wrong linkage or file. */
static void filter(struct places *places, enum linkage linkage, const char *file)
{
	size_t kept = 0;

	for (size_t i = 0; i < places->count; i++) {
		struct place place = places->table[i];
		bool fits = place.global ? linkage & LINKAGE_GLOBAL : linkage & LINKAGE_STATIC;

		if (fits && file && !place.global && place.unit)
			fits = unit_matches_file(place.unit, file);
		if (fits)
			places->table[kept++] = place;
	}
	places->count = kept;
}

/* type: STT_OBJECT, or STT_TLS, where the address is an offset. */
static const struct symbol *data_symbol(const struct binary *target, uint64_t addr, unsigned type)
{
	for (size_t i = 0; i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->value == addr && symbol->type == type && symbol->section != SHN_UNDEF)
			return symbol;
	}
	return NULL;
}

/* Static variables of one name in blocks of one function: only the symbols tell them apart. */
static int refuse_blocks(const struct binary *target, const struct wanted *wanted,
			 const struct places *places)
{
	struct names names = { 0 };
	char text[NAMES_TEXT_MAX];

	for (size_t i = 0; i < places->count; i++) {
		const struct symbol *symbol = data_symbol(target, places->table[i].addr,
							  wanted->tls ? STT_TLS : STT_OBJECT);

		names_add(&names, symbol ? symbol->name : "a variable without a symbol");
	}
	names_format(&names, text, sizeof(text));
	if (wanted->of_object)
		return fail(EINVAL, "%s:%u: '%s' of %s has more than one static variable '%s', whose symbols "
			    "are %s: which is which cannot be told (replace the function in manual mode)",
			    base_name(wanted->source), wanted->line, wanted->function,
			    target->file.path, wanted->name, text);
	return fail(EINVAL, "%s:%u: '%s' of %s has more than one static variable '%s', whose symbols "
		    "are %s: tell which, as in VZP_STATIC_SYM_ALIAS(%s, %s)", base_name(wanted->source),
		    wanted->line, wanted->function, target->file.path, wanted->name, text, wanted->name,
		    names.table[0]);
}

/* Of several global ones all refer to the one that has the symbol, the others to be overridden. */
static void prefer_linked(const struct binary *target, struct places *places)
{
	for (size_t i = 0; i < places->count && places->count > 1; i++) {
		const struct place place = places->table[i];

		for (size_t k = 0; place.global && k < target->symbols->count; k++) {
			const struct symbol *symbol = &target->symbols->table[k];

			if (symbol->section == SHN_UNDEF || symbol->bind == STB_LOCAL ||
			    symbol->value != place.addr || strcmp(symbol->name, place.name))
				continue;
			places->table[0] = place;
			places->count = 1;
			return;
		}
	}
}

static int choose(const struct binary *target, const char *what, const struct wanted *wanted,
		  struct places *places, struct place *out)
{
	int err;

	prefer_linked(target, places);
	err = places->count != 0;
	if (places->count == 1)
		*out = places->table[0];
	if (places->count > 1 && wanted->function) {
		err = refuse_blocks(target, wanted, places);
	} else if (places->count > 1) {
		char *files = list_files(places);

		err = wanted->of_object ?
			fail(EINVAL, "%s: %s has more than one %s '%s', in %s: which is meant cannot be "
			     "told", base_name(wanted->source), target->file.path, what, wanted->name,
			     files ? files : "?") :
			fail(EINVAL, "%s:%u: %s has more than one static %s '%s', in %s: tell which with "
			     "VZP_FILE(\"...\") or by an alias", base_name(wanted->source), wanted->line,
			     target->file.path, what, wanted->name, files ? files : "?");
		free(files);
	}
	free(places->table);
	return err;
}

static void set_unit(struct place *place, const struct dwarf *dwarf, uint32_t unit)
{
	place->unit = &dwarf->units[unit];
	place->file = place->unit->name;
}

/* The debug info of a function whose code is not mentioned there; DWARF_NONE if unclear. */
static uint32_t find_codeless(const struct dwarf *dwarf, const char *name)
{
	uint32_t i = DWARF_NONE, found = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, name, i)) != DWARF_NONE) {
		if (dwarf->functions[i].declaration || dwarf->functions[i].origin)
			continue;
		if (found != DWARF_NONE)
			return DWARF_NONE;
		found = i;
	}
	return found;
}

/*
 * Functions whose code only the symbol table knows: assembly, units built without
 * -g, and those that gcc found to be identical to another one.
 */
static int collect_symbols(const struct binary *target, const char *name, struct places *places)
{
	int err = 0;

	for (size_t i = 0; !err && i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (!is_code(symbol) || strcmp(symbol->name, name))
			continue;
		if (symbol->type == STT_GNU_IFUNC)
			return fail(EINVAL, "%s: '%s' is an IFUNC: replace the function that it "
				    "chooses, not the name", target->file.path, name);
		struct place place = {
			.name = symbol->name,
			.addr = symbol->value,
			.size = symbol->size,
			.index = find_codeless(&target->dwarf, name),
			.global = symbol->bind != STB_LOCAL || symbol->visibility != STV_DEFAULT,
		};
		if (place.index != DWARF_NONE)
			set_unit(&place, &target->dwarf,
				 target->dwarf.functions[place.index].unit);
		err = add_place(places, &place);
	}
	return err;
}

int find_function(const struct binary *target, const struct wanted *wanted,
		  enum linkage linkage, struct place *out)
{
	const struct dwarf *dwarf = &target->dwarf;
	struct places places = { 0 };
	uint32_t i = DWARF_NONE;
	int err = 0;

	while (!err && (i = dwarf_find_function(dwarf, wanted->name, i)) != DWARF_NONE) {
		const struct dwarf_function *function = &dwarf->functions[i];

		if (!function->hi || clone_name(target, function))
			continue;
		struct dwarf_range range = entry_range(target, function);
		struct place place = {
			.name = function->name,
			.addr = range.lo,
			.size = range.hi - range.lo,
			.index = i,
			.global = function->external,
		};
		set_unit(&place, dwarf, function->unit);
		err = add_place(&places, &place);
	}
	if (!err && !places.count)
		err = collect_symbols(target, wanted->name, &places);
	if (err) {
		free(places.table);
		return err;
	}
	filter(&places, linkage, wanted->file);
	return choose(target, "function", wanted, &places, out);
}

static uint64_t variable_size(const struct dwarf *dwarf, const struct dwarf_variable *variable)
{
	uint64_t type = variable->type, size;
	struct dwarf_die die;

	for (int i = 0; type && i < 16; i++) {
		if (dwarf_die_read(dwarf, type, &die)) {
			msg_forget();
			return 0;
		}
		if (dwarf_number(&die, DWARF_BYTE_SIZE, &size))
			return size;
		if (!dwarf_reference(dwarf, &die, DWARF_TYPE, &type))
			return 0;
		if (die.tag == DW_TAG_array_type)
			return 0;
	}
	return 0;
}

/*
 * Statics of a function that is inlined everywhere are, in what clang writes, in a
 * function without a name; their symbols are called "function.variable".
 */
static bool is_local_to(const struct binary *target, const struct dwarf_variable *variable,
			const char *function)
{
	if (!function || variable->function == DWARF_NONE)
		return !function && variable->function == DWARF_NONE;
	const char *name = target->dwarf.functions[variable->function].name;
	if (name)
		return !strcmp(name, function);
	const struct symbol *symbol = data_symbol(target, variable->addr,
						  variable->is_tls ? STT_TLS : STT_OBJECT);
	size_t size = strlen(function);
	return symbol && !strncmp(symbol->name, function, size) && symbol->name[size] == '.';
}

int find_variable(const struct binary *target, const struct wanted *wanted,
		  enum linkage linkage, struct place *out)
{
	const struct dwarf *dwarf = &target->dwarf;
	struct places places = { 0 };
	uint32_t i = DWARF_NONE;
	int err = 0;

	while (!err && (i = dwarf_find_variable(dwarf, wanted->name, i)) != DWARF_NONE) {
		const struct dwarf_variable *variable = &dwarf->variables[i];

		if ((wanted->tls ? !variable->is_tls : !variable->has_addr || !variable->addr) ||
		    !is_local_to(target, variable, wanted->function))
			continue;
		struct place place = {
			.name = variable->name,
			.addr = variable->addr,
			.size = variable_size(dwarf, variable),
			.index = i,
			.global = variable->external,
		};
		set_unit(&place, dwarf, variable->unit);
		err = add_place(&places, &place);
	}
	if (err) {
		free(places.table);
		return err;
	}
	filter(&places, linkage, wanted->file);
	return choose(target, "variable", wanted, &places, out);
}

int find_variable_symbol(const struct binary *target, const struct wanted *wanted,
			 struct place *out)
{
	const struct dwarf *dwarf = &target->dwarf;
	const struct symbol *found = NULL;

	for (size_t i = 0; i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->section == SHN_UNDEF || symbol->type != STT_OBJECT ||
		    strcmp(symbol->name, wanted->name))
			continue;
		if (found && found->value != symbol->value)
			return fail(EINVAL, "%s:%u: %s has more than one variable with the symbol '%s'",
				    base_name(wanted->source), wanted->line, target->file.path,
				    wanted->name);
		found = symbol;
	}
	if (!found)
		return 0;
	*out = (struct place){
		.name = found->name, .addr = found->value, .size = found->size, .index = DWARF_NONE,
	};
	for (uint32_t i = 0; i < dwarf->n_variables; i++)
		if (dwarf->variables[i].has_addr && dwarf->variables[i].addr == found->value) {
			out->index = i;
			set_unit(out, dwarf, dwarf->variables[i].unit);
			break;
		}
	return 1;
}

const struct symbol *find_hidden_symbol(const struct binary *target, const char *name)
{
	const struct symbol *found = NULL;

	for (size_t i = 0; i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->section == SHN_UNDEF || strcmp(symbol->name, name) ||
		    symbol->type == STT_SECTION || symbol->type == STT_FILE)
			continue;
		/*
		 * The linker makes hidden symbols local, but leaves their visibility; ld makes
		 * the IFUNCs of a static-pie local as well.
		 */
		if (symbol->bind != STB_LOCAL)
			return symbol;
		if (symbol->visibility != STV_DEFAULT || symbol->type == STT_GNU_IFUNC)
			found = symbol;
	}
	return found;
}

const struct symbol *find_exported(const struct elffile *file, const char *name)
{
	for (size_t i = 0; i < file->dynsym.count; i++) {
		const struct symbol *symbol = &file->dynsym.table[i];

		if (symbol->section != SHN_UNDEF && !strcmp(symbol->name, name))
			return symbol;
	}
	return NULL;
}
