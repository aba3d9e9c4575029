/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "find.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "names.h"

#define LISTED_MAX 8
#define WHERE_MAX 256

static bool is_code(const struct symbol *symbol)
{
	return symbol->section != SHN_UNDEF &&
		(symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC);
}

static int add_definition(struct definitions *candidates, const struct definition *candidate)
{
	for (size_t i = 0; i < candidates->count; i++)
		if (candidates->table[i].addr == candidate->addr)
			return 0;
	int err = ARRAY_GROW(&candidates->table, candidates->count, 1);
	if (err == 0)
		candidates->table[candidates->count++] = *candidate;
	return err;
}

char *list_files(const struct definitions *candidates)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < candidates->count && i < LISTED_MAX; i++)
		fprintf(out, "%s%s", i != 0 ? ", " : "",
			candidates->table[i].file != NULL ? candidates->table[i].file :
			"a file without debug info");
	if (candidates->count > LISTED_MAX)
		fprintf(out, " and %zu more", candidates->count - LISTED_MAX);
	return fclose(out) != 0 ? NULL : text;
}

/* Drop candidates of the wrong linkage or file. */
static void filter(struct definitions *candidates, enum linkage linkage, const char *file)
{
	size_t kept = 0;

	for (size_t i = 0; i < candidates->count; i++) {
		struct definition candidate = candidates->table[i];
		bool fits = (linkage & (candidate.global ? LINKAGE_GLOBAL : LINKAGE_STATIC)) != 0;

		if (fits && file != NULL && !candidate.global && candidate.unit != NULL)
			fits = unit_matches_file(candidate.unit, file);
		if (fits)
			candidates->table[kept++] = candidate;
	}
	candidates->count = kept;
}

const struct symbol *find_data_symbol(const struct binary *binary, uint64_t addr, unsigned type)
{
	for (size_t i = 0; i < binary->symbols->count; i++) {
		const struct symbol *symbol = &binary->symbols->table[i];

		if (symbol->value == addr && symbol->type == type && symbol->section != SHN_UNDEF)
			return symbol;
	}
	return NULL;
}

/* File and line where the author wrote it, with which messages begin. */
static const char *where(const struct wanted *wanted, char text[WHERE_MAX])
{
	const char *source = base_name(wanted->source);

	if (wanted->line != 0)
		snprintf(text, WHERE_MAX, "%s:%u", source, wanted->line);
	else
		snprintf(text, WHERE_MAX, "%s", source);
	return text;
}

/*
 * A function has static variables of one name in several blocks.  Only the symbols tell them
 * apart.
 */
static int refuse_blocks(const struct binary *target, const struct wanted *wanted,
			 const struct definitions *candidates)
{
	struct names names = { 0 };
	char text[NAMES_TEXT_MAX], source[WHERE_MAX], cure[NAMES_TEXT_MAX];

	for (size_t i = 0; i < candidates->count; i++) {
		const struct symbol *symbol = find_data_symbol(target, candidates->table[i].addr,
							       wanted->tls ? STT_TLS : STT_OBJECT);

		names_add(&names, symbol != NULL ? symbol->name : "a variable without a symbol");
	}
	names_format(&names, text, sizeof(text));
	if (wanted->of_object)
		snprintf(cure, sizeof(cure), "which is which cannot be told (replace the function in "
			 "manual mode)");
	else
		snprintf(cure, sizeof(cure), "tell which, as in VZP_STATIC_SYM_ALIAS(%s, %s)",
			 wanted->name, names.table[0]);
	return fail(EINVAL, "%s: '%s' of %s has more than one static variable '%s', whose symbols "
		    "are %s: %s", where(wanted, source), wanted->function, target->file.path,
		    wanted->name, text, cure);
}

static bool are_global(const struct definitions *candidates)
{
	for (size_t i = 0; i < candidates->count; i++)
		if (!candidates->table[i].global)
			return false;
	return true;
}

static int refuse_several(const struct binary *target, const char *what,
			  const struct wanted *wanted, const struct definitions *candidates)
{
	bool global = are_global(candidates);
	char *files = list_files(candidates), source[WHERE_MAX];
	const char *cure = "tell which with VZP_FILE(\"...\") or by an alias";

	if (global)
		cure = "no symbol tells which of them is in use";
	else if (wanted->of_object)
		cure = "which is meant cannot be told";
	int err = fail(EINVAL, "%s: %s has more than one %s %s '%s', in %s: %s",
		       where(wanted, source), target->file.path, global ? "global" : "static",
		       what, wanted->name, files != NULL ? files : "?", cure);
	free(files);
	return err;
}

/* Is it of C++?  Several things may then have one name, and only their symbols differ. */
static bool is_mangled(const struct binary *target, uint64_t addr, unsigned type)
{
	for (size_t i = 0; i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->value == addr && symbol->type == type && symbol->section != SHN_UNDEF &&
		    strncmp(symbol->name, "_Z", 2) == 0)
			return true;
	}
	return false;
}

/*
 * If the linker took another definition in place of a weak one, the weak one keeps its debug
 * info, and often its code.  The one in use is the one with the symbol.  It may have no debug
 * info.
 */
static void keep_linked(const struct binary *target, const struct wanted *wanted, unsigned type,
			struct definitions *candidates)
{
	const struct symbol *symbol = candidates->count != 0 && are_global(candidates) ?
		find_global_symbol(target, wanted->name) : NULL;

	if (symbol == NULL || symbol->type != type)
		return;
	for (size_t i = 0; i < candidates->count; i++)
		if (is_mangled(target, candidates->table[i].addr, type))
			return;
	for (size_t i = 0; i < candidates->count; i++)
		if (candidates->table[i].addr == symbol->value)
			candidates->table[0] = candidates->table[i];
	if (candidates->table[0].addr != symbol->value)
		candidates->table[0] = (struct definition){
			.name = symbol->name, .addr = symbol->value, .size = symbol->size,
			.index = DWARF_NONE, .global = true,
		};
	candidates->count = 1;
}

static int choose(const struct binary *target, bool code, const struct wanted *wanted,
		  struct definitions *candidates, struct definition *out)
{
	unsigned type = wanted->tls ? STT_TLS : STT_OBJECT;

	keep_linked(target, wanted, code ? STT_FUNC : type, candidates);
	int err = candidates->count != 0;
	if (candidates->count == 1)
		*out = candidates->table[0];
	if (candidates->count > 1)
		err = wanted->function != NULL ? refuse_blocks(target, wanted, candidates) :
			refuse_several(target, code ? "function" : "variable", wanted, candidates);
	free(candidates->table);
	return err;
}

static void set_unit(struct definition *candidate, const struct dwarf *dwarf, uint32_t unit)
{
	candidate->unit = &dwarf->units[unit];
	candidate->file = candidate->unit->name;
}

/*
 * The debug info of a function whose code it does not mention; DWARF_NONE if there is none, or
 * several.
 */
static uint32_t find_described(const struct dwarf *dwarf, const char *name, uint64_t addr)
{
	uint32_t i, found = DWARF_NONE;

	/* The name may be one for the linker alone, by an asm label. */
	for (i = 0; i < dwarf->n_functions; i++)
		if (dwarf->functions[i].hi != 0 && dwarf->functions[i].lo == addr &&
		    dwarf->functions[i].linkage_name != NULL &&
		    strcmp(dwarf->functions[i].linkage_name, name) == 0)
			return i;
	i = DWARF_NONE;
	while ((i = dwarf_find_function(dwarf, name, i)) != DWARF_NONE) {
		if (dwarf->functions[i].declaration || dwarf->functions[i].origin != 0)
			continue;
		if (found != DWARF_NONE)
			return DWARF_NONE;
		found = i;
	}
	return found;
}

/*
 * Collect functions whose code only the symbol table knows: those of assembly and of units
 * built without -g, and those that gcc found to be identical to another one.
 */
static int collect_symbols(const struct binary *target, const char *name, struct definitions *candidates)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (!is_code(symbol) || strcmp(symbol->name, name) != 0)
			continue;
		if (symbol->type == STT_GNU_IFUNC)
			return fail(EINVAL, "%s: '%s' is an IFUNC: replace the function that it "
				    "chooses, not the name", target->file.path, name);
		struct definition candidate = {
			.name = symbol->name,
			.addr = symbol->value,
			.size = symbol->size,
			.index = find_described(&target->dwarf, name, symbol->value),
			.global = symbol->bind != STB_LOCAL || symbol->visibility != STV_DEFAULT,
		};
		if (candidate.index != DWARF_NONE) {
			const struct dwarf_function *function = &target->dwarf.functions[candidate.index];

			set_unit(&candidate, &target->dwarf, function->unit);
			/* mold makes all symbols of a program local that nobody outside of it needs. */
			candidate.global |= function->external;
		}
		err = add_definition(candidates, &candidate);
	}
	return err;
}

int find_function(const struct binary *target, const struct wanted *wanted,
		  enum linkage linkage, struct definition *out)
{
	const struct dwarf *dwarf = &target->dwarf;
	struct definitions candidates = { 0 };
	uint32_t i = DWARF_NONE;
	int err = 0;

	while (err == 0 && (i = dwarf_find_function(dwarf, wanted->name, i)) != DWARF_NONE) {
		const struct dwarf_function *function = &dwarf->functions[i];

		if (function->hi == 0 || clone_name(target, function) != NULL)
			continue;
		struct dwarf_range range = entry_range(target, function);
		struct definition candidate = {
			.name = function->name,
			.addr = range.lo,
			.size = range.hi - range.lo,
			.index = i,
			.global = function->external,
		};
		set_unit(&candidate, dwarf, function->unit);
		err = add_definition(&candidates, &candidate);
	}
	if (err == 0 && candidates.count == 0)
		err = collect_symbols(target, wanted->name, &candidates);
	if (err != 0) {
		free(candidates.table);
		return err;
	}
	filter(&candidates, linkage, wanted->file);
	return choose(target, true, wanted, &candidates, out);
}

static uint64_t variable_size(const struct dwarf *dwarf, const struct dwarf_variable *variable)
{
	uint64_t type = variable->type, size;
	struct dwarf_die die;

	for (int i = 0; type != 0 && i < 16; i++) {
		if (dwarf_die_read(dwarf, type, &die) != 0) {
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
 * Is the variable a static one of that function?  clang puts the variables of a function that
 * is inlined everywhere into a function without a name, and calls their symbols
 * "function.variable".
 */
static bool is_local_to(const struct binary *target, const struct dwarf_variable *variable,
			const char *function)
{
	if (function == NULL || variable->function == DWARF_NONE)
		return function == NULL && variable->function == DWARF_NONE;
	const char *name = target->dwarf.functions[variable->function].name;
	if (name != NULL)
		return strcmp(name, function) == 0;
	const struct symbol *symbol = find_data_symbol(target, variable->addr,
						       variable->is_tls ? STT_TLS : STT_OBJECT);
	size_t size = strlen(function);
	return symbol != NULL && strncmp(symbol->name, function, size) == 0 && symbol->name[size] == '.';
}

int find_variable(const struct binary *target, const struct wanted *wanted,
		  enum linkage linkage, struct definition *out)
{
	const struct dwarf *dwarf = &target->dwarf;
	struct definitions candidates = { 0 };
	uint32_t i = DWARF_NONE;
	int err = 0;

	while (err == 0 && (i = dwarf_find_variable(dwarf, wanted->name, i)) != DWARF_NONE) {
		const struct dwarf_variable *variable = &dwarf->variables[i];

		if ((wanted->tls ? !variable->is_tls : !variable->has_addr || variable->addr == 0) ||
		    !is_local_to(target, variable, wanted->function))
			continue;
		struct definition candidate = {
			.name = variable->name,
			.addr = variable->addr,
			.size = variable_size(dwarf, variable),
			.index = i,
			.global = variable->external,
		};
		set_unit(&candidate, dwarf, variable->unit);
		err = add_definition(&candidates, &candidate);
	}
	if (err != 0) {
		free(candidates.table);
		return err;
	}
	filter(&candidates, linkage, wanted->file);
	return choose(target, false, wanted, &candidates, out);
}

int find_variable_symbol(const struct binary *target, const struct wanted *wanted,
			 struct definition *out)
{
	const struct dwarf *dwarf = &target->dwarf;
	const struct symbol *found = NULL;

	for (size_t i = 0; i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->section == SHN_UNDEF || symbol->type != STT_OBJECT ||
		    strcmp(symbol->name, wanted->name) != 0)
			continue;
		if (found != NULL && found->value != symbol->value)
			return fail(EINVAL, "%s:%u: %s has more than one variable with the symbol '%s'",
				    base_name(wanted->source), wanted->line, target->file.path,
				    wanted->name);
		found = symbol;
	}
	if (found == NULL)
		return 0;
	*out = (struct definition){
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

/* Does the symbol show that other object files can refer to it? */
static bool is_seen_outside(const struct symbol *symbol)
{
	return symbol->bind != STB_LOCAL || symbol->visibility != STV_DEFAULT;
}

const struct symbol *find_global_symbol(const struct binary *target, const char *name)
{
	const struct symbol *found = NULL;
	bool several = false;

	for (size_t i = 0; i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->section == SHN_UNDEF || strcmp(symbol->name, name) != 0 ||
		    symbol->type == STT_SECTION || symbol->type == STT_FILE)
			continue;
		/*
		 * GNU ld drops the mark that a symbol was hidden, so a local symbol is meant if
		 * it is the only one.
		 */
		if (found != NULL && is_seen_outside(found) != is_seen_outside(symbol)) {
			several &= is_seen_outside(found);
			found = is_seen_outside(found) ? found : symbol;
			continue;
		}
		several |= found != NULL && found->value != symbol->value;
		found = symbol;
	}
	return several ? NULL : found;
}

const struct symbol *find_hidden_symbol(const struct binary *target, const char *name)
{
	const struct symbol *found = NULL;

	for (size_t i = 0; i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->section == SHN_UNDEF || strcmp(symbol->name, name) != 0 ||
		    symbol->type == STT_SECTION || symbol->type == STT_FILE)
			continue;
		/*
		 * The linker makes hidden symbols local, and leaves their visibility.  ld makes
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

		if (symbol->section != SHN_UNDEF && strcmp(symbol->name, name) == 0)
			return symbol;
	}
	return NULL;
}

bool is_linker_name(const char *name)
{
	static const char *const names[] = {
		"_end", "end", "_etext", "etext", "__etext", "_edata", "edata", "__bss_start",
		"__executable_start", "__ehdr_start", "__preinit_array_start",
		"__preinit_array_end", "__init_array_start", "__init_array_end",
		"__fini_array_start", "__fini_array_end",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return listed_section(name) != NULL;
}

const char *listed_section(const char *name)
{
	if (strncmp(name, "__start_", 8) == 0)
		return name + 8;
	return strncmp(name, "__stop_", 7) == 0 ? name + 7 : NULL;
}

bool is_listed(const struct binary *target, const char *section)
{
	char start[NAME_MAX + 1], stop[NAME_MAX + 1];

	if (snprintf(start, sizeof(start), "__start_%s", section) >= (int)sizeof(start))
		return false;
	snprintf(stop, sizeof(stop), "__stop_%s", section);
	return find_linker_symbol(target->symbols, start) != NULL ||
		find_linker_symbol(target->symbols, stop) != NULL;
}

const struct symbol *find_linker_symbol(const struct symbols *symbols, const char *name)
{
	const struct symbol *found = NULL;

	for (size_t i = 0; i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->table[i];

		if (symbol->section == SHN_UNDEF || symbol->type != STT_NOTYPE || symbol->size != 0 ||
		    strcmp(symbol->name, name) != 0)
			continue;
		/*
		 * A hidden symbol of the linker is local, and stands behind the labels of
		 * assembly.
		 */
		found = symbol;
		if (symbol->bind != STB_LOCAL)
			break;
	}
	return found;
}
