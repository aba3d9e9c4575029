/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "manual.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "arguments.h"
#include "asking.h"
#include "bind.h"
#include "callers.h"
#include "checks.h"
#include "convention.h"
#include "directives.h"
#include "effects.h"
#include "entered.h"
#include "freed.h"
#include "hookcode.h"
#include "layout.h"
#include "linked.h"
#include "nearest.h"
#include "notes.h"
#include "once.h"
#include "refusals.h"
#include "results.h"
#include "resume.h"
#include "states.h"
#include "statics.h"
#include "traceless.h"

/* A function that the patch defines, and where its source stands. */
struct defined {
	struct definition new;
	const struct dwarf_function *function;
	char *source;		/* NULL: out of memory */
	const char *target_name;
	const char *file;	/* the target's source file that VZP_FILE names there */
};

static bool is_header(const char *path)
{
	size_t size = strlen(path);

	return size > 2 && strcmp(path + size - 2, ".h") == 0;
}

static struct defined define(const struct binary *patch, const struct directives *directives,
			     const struct definition *body)
{
	const struct dwarf_function *function = &patch->dwarf.functions[body->index];
	struct defined defined = { .new = *body, .function = function };

	defined.source = dwarf_file(&patch->dwarf, function->file_unit, function->file);
	if (defined.source == NULL)
		defined.source = dwarf_unit_path(&patch->dwarf.units[function->unit]);
	if (defined.source != NULL) {
		defined.target_name = directives_target_name(directives, function->unit, defined.source,
							     body->name);
		defined.file = directives_file_at(directives, defined.source, function->line);
	}
	return defined;
}

/*
 * A static function of a header belongs to everyone who includes it, so this one is the patch's
 * own copy.  So is one that a macro of vzp.h has made.
 */
static bool is_copy(const struct defined *defined)
{
	if (strncmp(defined->new.name, "vzp__", strlen("vzp__")) == 0)
		return true;
	return !defined->function->external && is_header(defined->source);
}

/*
 * Find the function of the target that it replaces.  The author may have dropped "static", to
 * keep the compiler from dropping the function.  So the other linkage will do if nothing has
 * the same one.
 */
static int find_original(const struct binary *target, const struct defined *defined,
			 struct definition *out)
{
	struct wanted wanted = {
		.name = defined->target_name,
		.file = defined->file,
		.source = defined->source,
		.line = defined->function->line,
	};
	bool external = defined->function->external;
	int found = find_function(target, &wanted, external ? LINKAGE_GLOBAL : LINKAGE_STATIC, out);

	if (found == 0)
		found = find_function(target, &wanted, external ? LINKAGE_STATIC : LINKAGE_GLOBAL,
				      out);
	return found;
}

static int match_function(struct draft *draft, const struct directives *directives,
			  const struct defined *defined)
{
	const char *name = defined->new.name;
	const struct binary *target = draft->target;
	struct definition old;

	const char *clone = defined->function->hi != 0 ?
		clone_name(draft->patch, defined->function) : NULL;
	if (clone != NULL)
		return check_patch_clone(draft, defined->new.index, clone);
	int found = is_copy(defined) ? 0 : find_original(target, defined, &old);
	if (found < 0)
		return found;
	if (defined->function->is_dropped) {
		if (found == 0)
			return 0;
		return fail(EINVAL, "%s:%u: '%s' was dropped by the linker, because nothing in the "
			    "patch calls it (link without --gc-sections, or make it global)",
			    base_name(defined->source), defined->function->line, name);
	}
	if (found == 0) {
		say("new function '%s' (%s:%u)", name, base_name(defined->source),
		    defined->function->line);
		draft->n_new += strncmp(name, "vzp__", strlen("vzp__")) != 0;
		return 0;
	}
	if (draft_find(draft, old.addr) != SIZE_MAX)
		return fail(EINVAL, "%s:%u: '%s' of %s is replaced twice by this patch",
			    base_name(defined->source), defined->function->line, old.name,
			    target->file.path);
	say("function '%s' (%s:%u) replaces that of %s", name, base_name(defined->source),
	    defined->function->line, old.file != NULL ? old.file : target->file.path);
	bool allow_active = directives_say(directives, DIRECTIVE_ALLOW_ACTIVE, name);
	int err = draft_add_function(draft, &defined->new, &old, allow_active ? VZ_FUNC_ALLOW_ACTIVE : 0);
	if (err == 0)
		draft->replaced[draft->meta.n_funcs - 1]->callers_checked =
			directives_say(directives, DIRECTIVE_CALLERS_CHECKED, name);
	return err;
}

static int check_new_function(struct draft *draft, const struct directives *directives,
			      const struct defined *defined)
{
	for (size_t i = 0; i < draft->meta.n_funcs; i++)
		if (strcmp(draft->replaced[i]->new.name, defined->new.name) == 0)
			return 0;
	return is_copy(defined) ? 0 :
		check_absent(draft, defined->target_name, defined->file,
			     directives_say(directives, DIRECTIVE_CALLERS_CHECKED, defined->new.name));
}

/* Print what becomes of a function of the patch, and of which one its name may be a slip. */
static int tell_function(struct draft *draft, const struct directives *directives,
			 const struct defined *defined)
{
	const char *name = defined->new.name, *near;

	if (draft->is_quiet || is_copy(defined) || defined->function->is_dropped ||
	    strncmp(name, "vzp__", strlen("vzp__")) == 0)
		return 0;
	for (size_t i = 0; i < draft->meta.n_funcs; i++)
		if (draft->replaced[i]->new.addr == defined->new.addr) {
			if (strcmp(draft->replaced[i]->new.name, name) == 0)
				printf("%s:%u: replaced: %s\n", base_name(defined->source),
				       defined->function->line, name);
			return 0;
		}
	for (size_t i = 0; i < draft->meta.n_hooks; i++)
		if (draft->meta.hooks[i].addr == defined->new.addr) {
			printf("%s:%u: hook: %s\n", base_name(defined->source), defined->function->line, name);
			return 0;
		}
	printf("%s:%u: new: %s\n", base_name(defined->source), defined->function->line, name);
	near = directives_say(directives, DIRECTIVE_NEW, name) ? NULL : nearest_function(draft->target, name);
	if (near != NULL)
		warn("%s:%u: '%s' is new, and %s has '%s': if that was meant, nothing replaces it (VZP_NEW(%s) "
		     "says that it was not)", base_name(defined->source), defined->function->line, name,
		     draft->target->file.path, near, name);
	return 0;
}

typedef int (*visitor)(struct draft *draft, const struct directives *directives,
		       const struct defined *defined);

static int visit_body(struct draft *draft, const struct directives *directives,
		      const struct definition *body, visitor visit)
{
	struct defined defined = define(draft->patch, directives, body);
	int err = defined.source != NULL ? visit(draft, directives, &defined) :
		fail(ENOMEM, "out of memory");

	free(defined.source);
	return err;
}

static int visit_function(struct draft *draft, const struct directives *directives, uint32_t index,
			  visitor visit)
{
	const struct dwarf_function *function = &draft->patch->dwarf.functions[index];
	struct definition body = { .name = function->name, .index = index };

	if (function->hi != 0) {
		struct dwarf_range range = entry_range(draft->patch, function);
		body.addr = range.lo;
		body.size = range.hi - range.lo;
	}
	return visit_body(draft, directives, &body, visit);
}

/*
 * The debug info for a symbol without code in it.  gcc leaves the code out if the function is
 * identical to another one.
 */
static uint32_t find_description(const struct dwarf *dwarf, const struct symbol *symbol)
{
	uint32_t i = DWARF_NONE, found = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, symbol->name, i)) != DWARF_NONE) {
		if (dwarf->functions[i].hi != 0)
			return DWARF_NONE;
		if (!dwarf->functions[i].declaration)
			found = i;
	}
	for (i = 0; found == DWARF_NONE && i < dwarf->n_functions; i++) {
		const char *label = dwarf->functions[i].linkage_name;

		/* It has this name for the linker alone (an asm label), and is visited by its own. */
		if (label != NULL && strcmp(label, symbol->name) == 0 && strncmp(label, "_Z", 2) != 0)
			return DWARF_NONE;
		if (dwarf->functions[i].hi != 0 && dwarf->functions[i].lo == symbol->value &&
		    dwarf->functions[i].name != NULL)
			found = i;
	}
	return found;
}

static int visit_symbol(struct draft *draft, const struct directives *directives,
			const struct symbol *symbol, visitor visit)
{
	/* What vzp.h defines is nobody's function. */
	if (symbol->section == SHN_UNDEF || symbol->type != STT_FUNC || strchr(symbol->name, '.') != NULL ||
	    strncmp(symbol->name, "vzp__", strlen("vzp__")) == 0)
		return 0;
	struct definition body = {
		.name = symbol->name, .addr = symbol->value, .size = symbol->size,
		.index = find_description(&draft->patch->dwarf, symbol),
	};
	return body.index == DWARF_NONE ? 0 : visit_body(draft, directives, &body, visit);
}

static int each_function(struct draft *draft, const struct directives *directives, visitor visit)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	const struct symbols *symbols = draft->patch->symbols;
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < dwarf->n_functions; i++) {
		const struct dwarf_function *function = &dwarf->functions[i];

		if ((function->hi != 0 || function->is_dropped) && function->name != NULL)
			err = refuse_later(draft, visit_function(draft, directives, i, visit));
	}
	for (size_t i = 0; err == 0 && i < symbols->count; i++)
		err = refuse_later(draft, visit_symbol(draft, directives, &symbols->table[i], visit));
	return err;
}

static int match_functions(struct draft *draft, const struct directives *directives)
{
	int err = each_function(draft, directives, match_function);

	/* A function is new only if the target does not have it in another form. */
	if (err == 0)
		err = each_function(draft, directives, check_new_function);
	if (end_if_refused(draft, err) == 0 && draft->meta.n_funcs == 0)
		err = fail(EINVAL, "%s replaces nothing: no function that it defines is in %s "
			   "(names differ, or it was built without -g)", draft->patch->file.path,
			   draft->target->file.path);
	return err;
}

/* Does the patch define a function of that name? */
static bool is_defined(const struct dwarf *patch, const char *name)
{
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(patch, name, i)) != DWARF_NONE)
		if (!patch->functions[i].declaration)
			return true;
	return false;
}

static bool is_referred(const struct directives *directives, const char *name)
{
	return directives_say(directives, DIRECTIVE_STATIC_FUNCTION, name) ||
		directives_say(directives, DIRECTIVE_REGISTER_FUNCTION, name);
}

static int check_name(const struct draft *draft, const struct directives *directives,
		      const struct directive *directive)
{
	const char *source = base_name(directive->source), *name = directive->name;
	bool known = directive->kind != DIRECTIVE_ALLOW_ACTIVE;

	if (directive->kind == DIRECTIVE_CALLERS_CHECKED && !is_defined(&draft->patch->dwarf, name))
		return fail(EINVAL, "%s:%u: VZP_CALLERS_CHECKED(%s): the patch has no such function", source,
			    directive->line, name);
	if (directive->kind == DIRECTIVE_ARGUMENTS_CHECKED && !is_referred(directives, name))
		return fail(EINVAL, "%s:%u: VZP_ARGUMENTS_CHECKED(%s): the patch refers to no such static function",
			    source, directive->line, name);
	for (size_t k = 0; !known && k < draft->meta.n_funcs; k++)
		known = strcmp(draft->replaced[k]->new.name, name) == 0;
	return known ? 0 : fail(EINVAL, "%s:%u: VZP_ALLOW_ACTIVE(%s): the patch replaces no such function",
				source, directive->line, name);
}

/* What the author said of functions by their names must be of functions that there are. */
static int check_named(const struct draft *draft, const struct directives *directives)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < directives->count; i++)
		err = refuse_later(draft, check_name(draft, directives, &directives->table[i]));
	return err;
}

/* A file name that fits no source file of the target is a mistake. */
static int check_file(const struct draft *draft, const struct directive *directive)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	const char *file = directive->kind == DIRECTIVE_FILE ? directive->name :
		directive->kind == DIRECTIVE_RESUME || directive->kind == DIRECTIVE_ON_FREE ? "" : directive->file;

	if (*file == '\0')
		return 0;
	for (uint32_t i = 0; i < dwarf->n_units; i++)
		if (unit_matches_file(&dwarf->units[i], file))
			return 0;
	const char *near = nearest_file(draft->target, file);
	return fail(EINVAL, "%s:%u: no source file of %s is called '%s'%s%s%s", base_name(directive->source),
		    directive->line, draft->target->file.path, file, near != NULL ? " (is it '" : "",
		    near != NULL ? near : "", near != NULL ? "'?)" : "");
}

static int check_files(const struct draft *draft, const struct directives *directives)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < directives->count; i++)
		err = refuse_later(draft, check_file(draft, &directives->table[i]));
	return err;
}

/* References */

static bool is_reference(const struct directive *directive)
{
	return strchr("VURHG", (int)directive->kind) != NULL;
}

static bool is_variable(const struct directive *directive)
{
	return directive->kind == DIRECTIVE_STATIC_VARIABLE || directive->kind == DIRECTIVE_HIDDEN_VARIABLE;
}

/* Find a static variable: of the function that the reference stands in, else of the file. */
static int find_static_variable(const struct draft *draft, const struct directives *directives,
				const struct directive *directive, struct wanted *wanted,
				struct definition *out)
{
	/* A name with a dot is a symbol's, as no name in C has one. */
	if (strchr(wanted->name, '.') != NULL)
		return find_variable_symbol(draft->target, wanted, out);
	if (directive->function != NULL) {
		wanted->function = directives_target_name(directives, directive->unit, directive->source,
							   directive->function);
		int found = find_variable(draft->target, wanted, LINKAGE_ANY, out);
		if (found != 0)
			return found;
		wanted->function = NULL;
	}
	return find_variable(draft->target, wanted, LINKAGE_STATIC, out);
}

/* The value of a variable that exists in the debug info alone, as a constant; false: it is not told. */
static bool read_constant(const struct dwarf *dwarf, const struct dwarf_variable *variable, char *text, size_t size)
{
	struct dwarf_die die;

	if (variable->has_addr || dwarf_die_read(dwarf, variable->die, &die) != 0) {
		msg_forget();
		return false;
	}
	const struct dwarf_value *value = &die.values[DWARF_CONST_VALUE];
	if (!dwarf_has(&die, DWARF_CONST_VALUE) || value->kind == DWARF_BLOCK)
		return false;
	snprintf(text, size, "%" PRId64, (int64_t)value->u);
	return true;
}

/* Say why a reference finds nothing.  Mostly the name exists elsewhere. */
static int explain_missing(const struct draft *draft, const struct directive *directive,
			   const struct wanted *wanted)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	bool function = !is_variable(directive);
	struct wanted anywhere = *wanted;
	struct definition meant;
	char value[32];

	anywhere.file = NULL;
	anywhere.function = NULL;
	int found = function ? find_function(draft->target, &anywhere, LINKAGE_ANY, &meant) :
		find_variable(draft->target, &anywhere, LINKAGE_ANY, &meant);
	if (found < 0)
		return found;
	const char *source = base_name(directive->source);
	const char *path = draft->target->file.path;
	if (found != 0 && meant.global && !function)
		return fail(EINVAL, "%s:%u: '%s' is a global variable of %s: declare it extern",
			    source, directive->line, wanted->name, path);
	if (found != 0 && meant.global)
		return fail(EINVAL, "%s:%u: '%s' is a global function of %s: declare it as usual",
			    source, directive->line, wanted->name, path);
	if (found != 0)
		return fail(EINVAL, "%s:%u: '%s' is in %s of %s, not in %s", source, directive->line,
			    wanted->name, meant.file != NULL ? meant.file : "another file", path,
			    wanted->file != NULL ? wanted->file : "scope");
	uint32_t i = function ? DWARF_NONE : dwarf_find_variable(dwarf, wanted->name, DWARF_NONE);
	if (i != DWARF_NONE && dwarf->variables[i].is_tls && !wanted->tls)
		return fail(EINVAL, "%s:%u: '%s' is a thread-local variable of %s: use "
			    "VZP_STATIC_TLS_REF, or extern __thread", source, directive->line,
			    wanted->name, path);
	if (i != DWARF_NONE && !dwarf->variables[i].is_tls && wanted->tls)
		return fail(EINVAL, "%s:%u: '%s' is no thread-local variable of %s", source,
			    directive->line, wanted->name, path);
	if (i != DWARF_NONE && read_constant(dwarf, &dwarf->variables[i], value, sizeof(value)))
		return fail(EINVAL, "%s:%u: variable '%s' has no address in %s: the compiler knew that it is always %s, and "
			    "optimised it away (write the constant)", source, directive->line, wanted->name, path, value);
	if (i != DWARF_NONE && !dwarf->variables[i].has_addr)
		return fail(EINVAL, "%s:%u: variable '%s' has no address in %s: the compiler "
			    "optimised it away", source, directive->line, wanted->name, path);
	if (function && dwarf_find_function(dwarf, wanted->name, DWARF_NONE) != DWARF_NONE)
		return fail(EINVAL, "%s:%u: function '%s' has no code of its own in %s: it was "
			    "inlined or cloned everywhere (copy it into the patch)", source,
			    directive->line, wanted->name, path);
	const char *near = function ? nearest_function(draft->target, wanted->name) :
		nearest_variable(draft->target, wanted->name);
	return fail(EINVAL, "%s:%u: %s has no %s '%s'%s%s%s%s%s%s", source, directive->line, path,
		    function ? "function" : "variable", wanted->name,
		    directive->function != NULL && !function ? " in function '" : "",
		    directive->function != NULL && !function ? directive->function : "",
		    directive->function != NULL && !function ? "' or at file scope" : "",
		    near != NULL ? " (is it '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
}

static const struct symbol *find_undefined(const struct elffile *file, const char *name)
{
	for (size_t i = 0; i < file->dynsym.count; i++)
		if (file->dynsym.table[i].section == SHN_UNDEF &&
		    strcmp(file->dynsym.table[i].name, name) == 0)
			return &file->dynsym.table[i];
	return NULL;
}

static int find_reference(const struct draft *draft, const struct directives *directives,
			  const struct directive *directive, struct definition *out)
{
	struct wanted wanted = {
		.name = directives_target_name(directives, directive->unit, directive->source,
					       directive->name),
		.file = *directive->file != '\0' ? directive->file :
			directives_file_at(directives, directive->source, directive->line),
		.source = directive->source,
		.line = directive->line,
	};
	const struct symbol *symbol = find_undefined(&draft->patch->file, directive->label);
	int found;

	wanted.tls = symbol != NULL && symbol->type == STT_TLS;
	switch (directive->kind) {
	case DIRECTIVE_STATIC_VARIABLE:
		found = find_static_variable(draft, directives, directive, &wanted, out);
		break;
	case DIRECTIVE_STATIC_FUNCTION: case DIRECTIVE_REGISTER_FUNCTION:
		found = find_function(draft->target, &wanted, LINKAGE_STATIC, out);
		break;
	default:
		found = find_hidden(draft, &wanted, directive->kind == DIRECTIVE_HIDDEN_FUNCTION, out);
	}
	if (found < 0)
		return found;
	return found != 0 ? 0 : explain_missing(draft, directive, &wanted);
}

static const struct vz_dynref *dynref_of(const struct draft *draft, uint32_t symbol)
{
	for (size_t i = 0; i < draft->meta.n_dynrefs; i++)
		if (draft->meta.dynrefs[i].symbol == symbol)
			return &draft->meta.dynrefs[i];
	return NULL;
}

static int check_type(const struct draft *draft, const struct directive *directive,
		      const struct definition *meant)
{
	struct declaration declaration = {
		.type = { &draft->patch->dwarf, directive->type }, .name = directive->name,
		.file = base_name(directive->source), .line = directive->line,
	};

	return check_declaration(draft, &declaration, meant, !is_variable(directive));
}

static int resolve_directive(struct draft *draft, const struct directives *directives,
			     const struct directive *directive)
{
	struct definition meant;
	int err = find_reference(draft, directives, directive, &meant);

	if (err == 0 && meant.index != DWARF_NONE)
		err = check_type(draft, directive, &meant);
	if (err == 0 && meant.index != DWARF_NONE && !is_variable(directive) && !draft->no_abi_check)
		err = check_reference_convention(draft, &meant, directive->source, directive->line,
						 directive->kind == DIRECTIVE_REGISTER_FUNCTION);
	const struct symbol *symbol = find_undefined(&draft->patch->file, directive->label);
	if (err != 0 || symbol == NULL)
		return err;
	const struct vz_dynref *have = dynref_of(draft, symbol->index);
	if (have != NULL && have->target_addr != meant.addr)
		return fail(EINVAL, "%s:%u: '%s' means another thing here than elsewhere in "
			    "the patch: give it another name and VZP_STATIC_SYM_ALIAS("
			    "other_name, %s), or set VZP_UNIT", base_name(directive->source),
			    directive->line, directive->name, meant.name);
	if (have != NULL)
		return 0;
	debug("%s:%u: '%s' is at 0x%llx", base_name(directive->source), directive->line,
	      meant.name, (unsigned long long)meant.addr);
	return draft_add_dynref(draft, symbol->index, &meant);
}

/* Every reference must mean something, even one that the code does not use. */
static int resolve_directives(struct draft *draft, const struct directives *directives)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < directives->count; i++)
		if (is_reference(&directives->table[i]))
			err = refuse_later(draft, resolve_directive(draft, directives, &directives->table[i]));
	return err;
}

/* Check what is declared by a plain extern, whatever it will be bound to. */
static int check_extern_type(const struct draft *draft, const struct symbol *symbol,
			     const char *name)
{
	struct wanted wanted = { .name = name, .source = "?", .tls = symbol->type == STT_TLS };
	struct definition meant;
	int found = find_variable(draft->target, &wanted, LINKAGE_GLOBAL, &meant);

	if (found > 0)
		return check_declared_variable(draft, symbol->name, &meant);
	if (found == 0)
		found = find_function(draft->target, &wanted, LINKAGE_GLOBAL, &meant);
	if (found > 0 && meant.index != DWARF_NONE)
		return check_declared_function(draft, symbol->name, &meant);
	if (found < 0)
		msg_forget();		/* there are several: only the dynamic linker can tell */
	return 0;
}

/* A reference that was refused is refused once, by its own name and not by the symbol's. */
static bool is_of_directive(const struct directives *directives, const struct symbol *symbol)
{
	for (size_t i = 0; i < directives->count; i++)
		if (is_reference(&directives->table[i]) && strcmp(directives->table[i].label, symbol->name) == 0)
			return true;
	return false;
}

static int resolve_symbol(struct draft *draft, const struct directives *directives, const struct symbol *symbol)
{
	const char *name = directives_target_name(directives, DWARF_NONE, NULL, symbol->name);
	bool renamed = name != symbol->name;
	int err = check_extern_type(draft, symbol, name);

	if (err != 0 || (!renamed && !draft->target->file.is_static &&
			 find_exported(&draft->target->file, name) != NULL))
		return err;
	return bind_extern(draft, name, symbol);
}

static int resolve_symbols(struct draft *draft, const struct directives *directives)
{
	const struct elffile *patch = &draft->patch->file;
	int err = 0;

	for (size_t i = 0; err == 0 && i < patch->dynsym.count; i++) {
		const struct symbol *symbol = &patch->dynsym.table[i];

		if (symbol->section == SHN_UNDEF && *symbol->name != '\0' &&
		    dynref_of(draft, symbol->index) == NULL && !is_of_directive(directives, symbol))
			err = refuse_later(draft, resolve_symbol(draft, directives, symbol));
	}
	return err;
}

static int take_comments(struct draft *draft, const struct directives *directives)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < directives->count; i++)
		if (directives->table[i].kind == DIRECTIVE_COMMENT)
			err = draft_add_comment(draft, directives->table[i].label, directives->table[i].name);
	return err;
}

/* What the patch is made of: functions, references, data, each of which must be the target's or new. */
static int match(struct draft *draft, const struct directives *directives)
{
	int err = draft->witness == NULL ? check_lto(draft->target) : 0;

	/* What is looked for in a file that is not there is not found either. */
	if (err == 0)
		err = end_if_refused(draft, check_files(draft, directives));
	if (err == 0)
		err = refuse_later(draft, match_functions(draft, directives));
	if (err == 0)
		err = check_named(draft, directives);
	if (err == 0)
		err = resolve_directives(draft, directives);
	if (err == 0)
		err = resolve_symbols(draft, directives);
	if (err == 0)
		err = refuse_later(draft, bind_linker_symbols(draft));
	if (err == 0)
		err = check_variables(draft);
	if (err == 0)
		err = check_statics(draft, directives);
	if (err == 0)
		err = check_prototypes(draft);
	return end_if_refused(draft, err);
}

/* What code of the target that stays relies on in the functions that are replaced. */
static int check_others(struct draft *draft, const struct directives *directives)
{
	/* With a witness the program itself tells where old code would stay. */
	int err = draft->witness == NULL ? check_inlined(draft) : 0;

	if (err == 0)
		err = check_clones(draft);
	if (err == 0 && !draft->no_abi_check)
		err = check_conventions(draft);
	if (err == 0 && !draft->no_abi_check && draft->witness == NULL)
		err = check_traceless(draft);
	if (err == 0 && !draft->no_abi_check && draft->witness == NULL)
		err = check_results(draft);
	if (err == 0 && !draft->no_abi_check)
		err = check_callers(draft);
	if (err == 0)
		err = check_asking(draft);
	if (err == 0)
		err = refuse_later(draft, check_entered(draft));
	if (err == 0)
		check_folded(draft);
	if (err == 0 && !draft->no_abi_check && draft->witness == NULL)
		err = check_effects(draft);
	if (err == 0 && !draft->no_abi_check && draft->witness == NULL)
		err = check_arguments(draft, directives);
	if (err == 0)
		err = check_notes(draft, directives);
	return end_if_refused(draft, err);
}

int manual_draw(struct draft *draft)
{
	struct directives directives;
	int err = directives_read(&directives, draft->patch);

	if (err != 0)
		return err;
	draft->meta.mode = "manual";
	err = trust_layouts(draft, &directives);
	if (err == 0)
		err = match(draft, &directives);
	if (err == 0)
		err = check_others(draft, &directives);
	if (err == 0)
		err = draw_hooks(draft, &directives);
	if (err == 0)
		err = draw_once(draft, &directives);
	if (err == 0)
		err = draw_states(draft, &directives);
	if (err == 0)
		err = take_comments(draft, &directives);
	if (err == 0)
		err = mark_addresses_taken(draft);
	if (err == 0)
		err = each_function(draft, &directives, tell_function);
	if (err == 0)
		err = find_data_inside(draft);
	if (err == 0)
		err = list_variables(draft);
	if (err == 0)
		err = draw_freed(draft, &directives);
	if (err == 0)
		err = draw_resumes(draft, &directives);
	directives_deinit(&directives);
	return err;
}
