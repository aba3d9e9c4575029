/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "manual.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "callers.h"
#include "checks.h"
#include "convention.h"
#include "linked.h"
#include "directives.h"

/* A function that the patch defines, and where its source stands. */
struct defined {
	struct place body;
	const struct dwarf_function *function;
	char *source;		/* NULL when out of memory */
	const char *target_name;
	const char *file;	/* the target's source file in force there */
};

static bool is_header(const char *path)
{
	size_t size = strlen(path);

	return size > 2 && !strcmp(path + size - 2, ".h");
}

static struct defined define(const struct binary *patch, const struct records *records,
			     const struct place *body)
{
	const struct dwarf_function *function = &patch->dwarf.functions[body->index];
	struct defined defined = { .body = *body, .function = function };

	defined.source = dwarf_file(&patch->dwarf, function->file_unit, function->file);
	if (!defined.source)
		defined.source = dwarf_unit_path(&patch->dwarf.units[function->unit]);
	if (defined.source) {
		defined.target_name = vzp_records_target_name(records, defined.source, body->name);
		defined.file = vzp_records_file_at(records, defined.source, function->line);
	}
	return defined;
}

/* A static function of a header belongs to whoever includes it: a copy for the patch. */
static bool is_copy(const struct defined *defined)
{
	return !defined->function->external && is_header(defined->source);
}

/*
 * What the target has by that name.  The author may have dropped "static" to
 * keep the compiler from dropping the function, so the other linkage will do
 * where the same one is not there.
 */
static int find_original(const struct binary *target, const struct defined *defined,
			 struct place *out)
{
	struct wanted wanted = {
		.name = defined->target_name,
		.file = defined->file,
		.source = defined->source,
		.line = defined->function->line,
	};
	bool external = defined->function->external;
	int found = find_function(target, &wanted, external ? LINKAGE_GLOBAL : LINKAGE_STATIC, out);

	if (!found)
		found = find_function(target, &wanted, external ? LINKAGE_STATIC : LINKAGE_GLOBAL,
				      out);
	return found;
}

static int match_function(struct draft *draft, const struct records *records,
			  const struct defined *defined)
{
	const char *name = defined->body.name;
	const struct binary *target = draft->target;
	struct place place;

	const char *clone = defined->function->hi ?
		clone_name(draft->patch, defined->function) : NULL;
	if (clone)
		return check_patch_clone(draft, defined->body.index, clone);
	int found = is_copy(defined) ? 0 : find_original(target, defined, &place);
	if (found < 0)
		return found;
	if (defined->function->is_dropped) {
		if (!found)
			return 0;
		return fail(EINVAL, "%s:%u: '%s' was dropped by the linker, because nothing in the "
			    "patch calls it (link without --gc-sections, or make it global)",
			    base_name(defined->source), defined->function->line, name);
	}
	if (!found) {
		say("new function '%s' (%s:%u)", name, base_name(defined->source),
		    defined->function->line);
		draft->n_new++;
		return 0;
	}
	if (draft_find(draft, place.addr) != SIZE_MAX)
		return fail(EINVAL, "%s:%u: '%s' of %s is replaced twice by this patch",
			    base_name(defined->source), defined->function->line, place.name,
			    target->file.path);
	say("function '%s' (%s:%u) replaces that of %s", name, base_name(defined->source),
	    defined->function->line, place.file ? place.file : target->file.path);
	bool allow_active = vzp_records_allow_active(records, name);
	return draft_add_function(draft, &defined->body, &place,
				  allow_active ? VZ_FUNC_ALLOW_ACTIVE : 0);
}

static int check_new_function(struct draft *draft,
			      const struct records *records __attribute__((unused)),
			      const struct defined *defined)
{
	for (size_t i = 0; i < draft->meta.n_funcs; i++)
		if (!strcmp(draft->replaced[i]->body.name, defined->body.name))
			return 0;
	return is_copy(defined) ? 0 : check_absent(draft, defined->target_name, defined->file);
}

typedef int (*visitor)(struct draft *draft, const struct records *records,
		       const struct defined *defined);

static int visit_body(struct draft *draft, const struct records *records,
		      const struct place *body, visitor visit)
{
	struct defined defined = define(draft->patch, records, body);
	int err = defined.source ? visit(draft, records, &defined) :
		fail(ENOMEM, "not enough memory");

	free(defined.source);
	return err;
}

static int visit_function(struct draft *draft, const struct records *records, uint32_t index,
			  visitor visit)
{
	const struct dwarf_function *function = &draft->patch->dwarf.functions[index];
	struct place body = { .name = function->name, .index = index };

	if (function->hi) {
		struct dwarf_range range = entry_range(draft->patch, function);
		body.addr = range.lo;
		body.size = range.hi - range.lo;
	}
	return visit_body(draft, records, &body, visit);
}

/*
 * The debug info that fits a symbol without any code there: gcc leaves the code out
 * where it found the function to be identical to another one.
 */
static uint32_t find_description(const struct dwarf *dwarf, const struct symbol *symbol)
{
	uint32_t i = DWARF_NONE, found = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, symbol->name, i)) != DWARF_NONE) {
		if (dwarf->functions[i].hi)
			return DWARF_NONE;
		if (!dwarf->functions[i].declaration)
			found = i;
	}
	for (i = 0; found == DWARF_NONE && i < dwarf->n_functions; i++)
		if (dwarf->functions[i].hi && dwarf->functions[i].lo == symbol->value &&
		    dwarf->functions[i].name)
			found = i;
	return found;
}

static int visit_symbol(struct draft *draft, const struct records *records,
			const struct symbol *symbol, visitor visit)
{
	if (symbol->section == SHN_UNDEF || symbol->type != STT_FUNC || strchr(symbol->name, '.'))
		return 0;
	struct place body = {
		.name = symbol->name, .addr = symbol->value, .size = symbol->size,
		.index = find_description(&draft->patch->dwarf, symbol),
	};
	return body.index == DWARF_NONE ? 0 : visit_body(draft, records, &body, visit);
}

static int each_function(struct draft *draft, const struct records *records, visitor visit)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	const struct symbols *symbols = draft->patch->symbols;
	int err = 0;

	for (uint32_t i = 0; !err && i < dwarf->n_functions; i++) {
		const struct dwarf_function *function = &dwarf->functions[i];

		if ((function->hi || function->is_dropped) && function->name)
			err = visit_function(draft, records, i, visit);
	}
	for (size_t i = 0; !err && i < symbols->count; i++)
		err = visit_symbol(draft, records, &symbols->table[i], visit);
	return err;
}

static int match_functions(struct draft *draft, const struct records *records)
{
	int err = each_function(draft, records, match_function);

	/* What is new is only new if the target has not got it in another form. */
	if (!err)
		err = each_function(draft, records, check_new_function);
	if (!err && !draft->meta.n_funcs)
		err = fail(EINVAL, "%s replaces nothing: no function that it defines is in %s "
			   "(names differ, or it was built without -g)", draft->patch->file.path,
			   draft->target->file.path);
	return err;
}

static int check_allow_active(const struct draft *draft, const struct records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = &records->table[i];
		bool known = record->kind != RECORD_ALLOW_ACTIVE;

		for (size_t k = 0; !known && k < draft->meta.n_funcs; k++)
			known = !strcmp(draft->replaced[k]->body.name, record->name);
		if (!known)
			return fail(EINVAL, "%s:%u: VZP_ALLOW_ACTIVE(%s): the patch replaces no "
				    "such function", base_name(record->source), record->line,
				    record->name);
	}
	return 0;
}

/* A file name that means no source file at all is a slip of the pen. */
static int check_file(const struct draft *draft, const struct record *record)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	const char *file = record->kind == RECORD_FILE ? record->name : record->file;

	if (!*file)
		return 0;
	for (uint32_t i = 0; i < dwarf->n_units; i++)
		if (unit_matches_file(&dwarf->units[i], file))
			return 0;
	return fail(EINVAL, "%s:%u: no source file of %s is called '%s'", base_name(record->source),
		    record->line, draft->target->file.path, file);
}

static int check_files(const struct draft *draft, const struct records *records)
{
	int err = 0;

	for (size_t i = 0; !err && i < records->count; i++)
		err = check_file(draft, &records->table[i]);
	return err;
}

/* References */

static bool is_reference(const struct record *record)
{
	return strchr("VURHG", (int)record->kind) != NULL;
}

static bool is_variable(const struct record *record)
{
	return record->kind == RECORD_STATIC_VARIABLE || record->kind == RECORD_HIDDEN_VARIABLE;
}

/* A static variable: of the function that the reference stands in, else of the file. */
static int find_static_variable(const struct draft *draft, const struct records *records,
				const struct record *record, struct wanted *wanted,
				struct place *out)
{
	/* No name in C has a dot. */
	if (strchr(wanted->name, '.'))
		return find_variable_symbol(draft->target, wanted, out);
	if (record->function) {
		wanted->function = vzp_records_target_name(records, record->source,
							   record->function);
		int found = find_variable(draft->target, wanted, LINKAGE_ANY, out);
		if (found)
			return found;
		wanted->function = NULL;
	}
	return find_variable(draft->target, wanted, LINKAGE_STATIC, out);
}

static int find_hidden(const struct draft *draft, struct wanted *wanted, bool function,
		       struct place *out)
{
	wanted->file = NULL;
	int found = function ? find_function(draft->target, wanted, LINKAGE_GLOBAL, out) :
		find_variable(draft->target, wanted, LINKAGE_GLOBAL, out);
	if (found)
		return found;
	const struct symbol *symbol = find_hidden_symbol(draft->target, wanted->name);
	if (!symbol && is_linker_name(wanted->name))
		symbol = find_linker_symbol(draft->target->symbols, wanted->name);
	if (!symbol || (symbol->type == STT_TLS) != wanted->tls)
		return 0;
	*out = (struct place){
		.name = symbol->name, .addr = symbol->value, .size = symbol->size,
		.index = DWARF_NONE, .global = true,
	};
	return 1;
}

/* Why a reference finds nothing: the same name elsewhere is the usual reason. */
static int explain_missing(const struct draft *draft, const struct record *record,
			   const struct wanted *wanted)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	bool function = !is_variable(record);
	struct wanted anywhere = *wanted;
	struct place place;

	anywhere.file = NULL;
	anywhere.function = NULL;
	int found = function ? find_function(draft->target, &anywhere, LINKAGE_ANY, &place) :
		find_variable(draft->target, &anywhere, LINKAGE_ANY, &place);
	if (found < 0)
		return found;
	const char *source = base_name(record->source);
	const char *path = draft->target->file.path;
	if (found && place.global && !function)
		return fail(EINVAL, "%s:%u: '%s' is a global variable of %s: declare it extern",
			    source, record->line, wanted->name, path);
	if (found && place.global)
		return fail(EINVAL, "%s:%u: '%s' is a global function of %s: declare it as usual",
			    source, record->line, wanted->name, path);
	if (found)
		return fail(EINVAL, "%s:%u: '%s' is in %s of %s, not in %s", source, record->line,
			    wanted->name, place.file ? place.file : "another file", path,
			    wanted->file ? wanted->file : "scope");
	uint32_t i = function ? DWARF_NONE : dwarf_find_variable(dwarf, wanted->name, DWARF_NONE);
	if (i != DWARF_NONE && dwarf->variables[i].is_tls && !wanted->tls)
		return fail(EINVAL, "%s:%u: '%s' is a thread-local variable of %s: use "
			    "VZP_STATIC_TLS_REF, or extern __thread", source, record->line,
			    wanted->name, path);
	if (i != DWARF_NONE && !dwarf->variables[i].is_tls && wanted->tls)
		return fail(EINVAL, "%s:%u: '%s' is no thread-local variable of %s", source,
			    record->line, wanted->name, path);
	if (i != DWARF_NONE && !dwarf->variables[i].has_addr)
		return fail(EINVAL, "%s:%u: variable '%s' has no address in %s: the compiler "
			    "optimised it away", source, record->line, wanted->name, path);
	if (function && dwarf_find_function(dwarf, wanted->name, DWARF_NONE) != DWARF_NONE)
		return fail(EINVAL, "%s:%u: function '%s' has no code of its own in %s: it was "
			    "inlined or cloned everywhere (copy it into the patch)", source,
			    record->line, wanted->name, path);
	return fail(EINVAL, "%s:%u: %s has no %s '%s'%s%s%s", source, record->line, path,
		    function ? "function" : "variable", wanted->name,
		    record->function && !function ? " in function '" : "",
		    record->function && !function ? record->function : "",
		    record->function && !function ? "' or at file scope" : "");
}

static const struct symbol *find_undefined(const struct elffile *file, const char *name)
{
	for (size_t i = 0; i < file->dynsym.count; i++)
		if (file->dynsym.table[i].section == SHN_UNDEF &&
		    !strcmp(file->dynsym.table[i].name, name))
			return &file->dynsym.table[i];
	return NULL;
}

static int find_reference(const struct draft *draft, const struct records *records,
			  const struct record *record, struct place *out)
{
	struct wanted wanted = {
		.name = vzp_records_target_name(records, record->source, record->name),
		.file = *record->file ? record->file :
			vzp_records_file_at(records, record->source, record->line),
		.source = record->source,
		.line = record->line,
	};
	const struct symbol *symbol = find_undefined(&draft->patch->file, record->label);
	int found;

	wanted.tls = symbol && symbol->type == STT_TLS;
	switch (record->kind) {
	case RECORD_STATIC_VARIABLE:
		found = find_static_variable(draft, records, record, &wanted, out);
		break;
	case RECORD_STATIC_FUNCTION: case RECORD_REGISTER_FUNCTION:
		found = find_function(draft->target, &wanted, LINKAGE_STATIC, out);
		break;
	default:
		found = find_hidden(draft, &wanted, record->kind == RECORD_HIDDEN_FUNCTION, out);
	}
	if (found < 0)
		return found;
	return found ? 0 : explain_missing(draft, record, &wanted);
}

static const struct vz_dynref *dynref_of(const struct draft *draft, uint32_t symbol)
{
	for (size_t i = 0; i < draft->meta.n_dynrefs; i++)
		if (draft->meta.dynrefs[i].symbol == symbol)
			return &draft->meta.dynrefs[i];
	return NULL;
}

/* Every reference must have its meaning, also one that the code does not use. */
static int resolve_records(struct draft *draft, const struct records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = &records->table[i];
		struct place place;

		if (!is_reference(record))
			continue;
		int err = find_reference(draft, records, record, &place);
		if (err)
			return err;
		if (place.index != DWARF_NONE)
			err = check_reference_type(draft, record, &place, !is_variable(record));
		if (!err && place.index != DWARF_NONE && !is_variable(record) && !draft->no_abi_check)
			err = check_reference_convention(draft, &place, record->source, record->line,
							 record->kind == RECORD_REGISTER_FUNCTION);
		if (err)
			return err;
		const struct symbol *symbol = find_undefined(&draft->patch->file, record->label);
		if (!symbol)
			continue;
		const struct vz_dynref *have = dynref_of(draft, symbol->index);
		if (have && have->target_addr != place.addr)
			return fail(EINVAL, "%s:%u: '%s' means another thing here than elsewhere in "
				    "the patch: give it another name and VZP_STATIC_SYM_ALIAS("
				    "other_name, %s), or set VZP_UNIT", base_name(record->source),
				    record->line, record->name, place.name);
		if (have)
			continue;
		debug("%s:%u: '%s' is at 0x%llx", base_name(record->source), record->line,
		      place.name, (unsigned long long)place.addr);
		err = draft_add_dynref(draft, symbol->index, &place);
		if (err)
			return err;
	}
	return 0;
}

int find_extern(const struct draft *draft, const char *name, bool tls, struct place *out)
{
	struct wanted wanted = { .name = name, .source = "?", .tls = tls };
	int found = tls ? 0 : find_hidden(draft, &wanted, true, out);

	return found ? found : find_hidden(draft, &wanted, false, out);
}

int bind_extern(struct draft *draft, const char *name, const struct symbol *symbol)
{
	const struct binary *target = draft->target;
	bool tls = symbol->type == STT_TLS;
	struct place place;
	const struct symbol *have = find_hidden_symbol(target, name);

	if (have && have->type == STT_GNU_IFUNC)
		return check_ifunc(draft, symbol, have);
	if (have && (have->type == STT_TLS) != tls)
		return fail(EINVAL, "%s: '%s' is %s variable of %s: declare it so",
			    draft->patch->file.path, name, tls ? "no thread-local" :
			    "a thread-local", target->file.path);
	if (strstr(name, ".vzp"))
		return fail(EINVAL, "%s: '%s' comes from nsb/vzp.h, but the record of it is missing "
			    "(was section .vzp stripped?)", draft->patch->file.path, name);
	int found = find_extern(draft, name, tls, &place);
	if (found < 0)
		return found;
	if (found)
		return draft_add_dynref(draft, symbol->index, &place);
	/* nsb has an own one for programs that lack it. */
	if (!target->file.is_static || symbol->bind == STB_WEAK ||
	    !strcmp(name, "__tls_get_addr") || !strcmp(name, "___tls_get_addr"))
		return check_unexported(draft, name);
	return fail(EINVAL, "%s: '%s' is not in %s, and a static executable has no libraries to "
		    "take it from (define it in the patch)", draft->patch->file.path, name,
		    target->file.path);
}

/* What is declared by a plain extern, wherever it will be bound to. */
static int check_extern_type(const struct draft *draft, const struct symbol *symbol,
			     const char *name)
{
	struct wanted wanted = { .name = name, .source = "?", .tls = symbol->type == STT_TLS };
	struct place place;
	int found = find_variable(draft->target, &wanted, LINKAGE_GLOBAL, &place);

	if (found > 0)
		return check_declared_variable(draft, symbol->name, &place);
	if (!found)
		found = find_function(draft->target, &wanted, LINKAGE_GLOBAL, &place);
	if (found > 0 && place.index != DWARF_NONE)
		return check_declared_function(draft, symbol->name, &place);
	if (found < 0)
		msg_forget();		/* several: only the dynamic linker can tell */
	return 0;
}

static int resolve_symbols(struct draft *draft, const struct records *records)
{
	const struct elffile *patch = &draft->patch->file;

	for (size_t i = 0; i < patch->dynsym.count; i++) {
		const struct symbol *symbol = &patch->dynsym.table[i];

		if (symbol->section != SHN_UNDEF || !*symbol->name ||
		    dynref_of(draft, symbol->index))
			continue;
		const char *name = vzp_records_target_name(records, NULL, symbol->name);
		bool renamed = name != symbol->name;
		int err = check_extern_type(draft, symbol, name);
		if (err)
			return err;
		if (!renamed && !draft->target->file.is_static &&
		    find_exported(&draft->target->file, name))
			continue;
		err = bind_extern(draft, name, symbol);
		if (err)
			return err;
	}
	return 0;
}

static int take_comments(struct draft *draft, const struct records *records)
{
	int err = 0;

	for (size_t i = 0; !err && i < records->count; i++)
		if (records->table[i].kind == RECORD_COMMENT)
			err = draft_add_comment(draft, "comment", records->table[i].name);
	return err;
}

static void check_warnings(const struct draft *draft)
{
	check_folded(draft);
	check_statics(draft);
}

int manual_draw(struct draft *draft)
{
	struct records records;
	int err = vzp_records_read(&records, draft->patch);

	if (err)
		return err;
	draft->meta.mode = "manual";
	err = check_lto(draft->target);
	if (!err)
		err = check_files(draft, &records);
	if (!err)
		err = match_functions(draft, &records);
	if (!err)
		err = check_allow_active(draft, &records);
	if (!err)
		err = check_prototypes(draft);
	if (!err)
		err = check_inlined(draft);
	if (!err)
		err = check_clones(draft);
	if (!err && !draft->no_abi_check)
		err = check_conventions(draft);
	if (!err && !draft->no_abi_check)
		err = check_callers(draft);
	if (!err)
		err = check_variables(draft);
	if (!err)
		check_warnings(draft);
	if (!err)
		err = resolve_records(draft, &records);
	if (!err)
		err = resolve_symbols(draft, &records);
	if (!err)
		err = bind_linker_symbols(draft);
	if (!err)
		err = take_comments(draft, &records);
	if (!err)
		err = mark_addresses_taken(draft);
	vzp_records_deinit(&records);
	return err;
}
