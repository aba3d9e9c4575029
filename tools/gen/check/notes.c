/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "notes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "code.h"
#include "constants.h"
#include "names.h"
#include "refusals.h"

/* Is it a function that gives memory or a descriptor back, by its name? */
static bool gives_back(const char *name)
{
	static const char *const names[] = { "realloc", "reallocarray", "munmap", "close", "fclose" };
	size_t size = strcspn(name, ".@");

	if (size >= 4 && memcmp(name + size - 4, "free", 4) == 0)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0)
			return true;
	return false;
}

static bool is_call_out(const struct code *code, const struct insn *insn)
{
	return insn->flow == FLOW_CALL || insn->flow == FLOW_CALL_ANY || leaves(code, insn);
}

/* How often the function calls something that gives back, and the names of these. */
static unsigned count_calls(const struct program *program, const struct code *code, struct names *names)
{
	unsigned count = 0;

	for (size_t i = 0; i < code->n_insns; i++) {
		const char *name = is_call_out(code, &code->insns[i]) ?
			program_callee_name(program, &code->insns[i]) : NULL;

		if (name == NULL || !gives_back(name))
			continue;
		count++;
		names_add(names, name);
	}
	return count;
}

int note_function(const struct draft *draft, const struct replaced *replaced, const char *what)
{
	if (draft->is_strict)
		return refuse_function(draft, replaced, what);
	/* Of a patch that is refused there is nothing more to think of. */
	if (!draft->is_quiet && draft->refusals->count == 0)
		warn("note: %s", what);
	return 0;
}

static void tell_of_endless(const struct draft *draft, const struct directives *directives, const char *name)
{
	if (draft->is_quiet || draft->refusals->count != 0 || directives_say(directives, DIRECTIVE_RESUME, name) ||
	    directives_say(directives, DIRECTIVE_ALLOW_ACTIVE, name))
		return;
	warn("note: '%s' never returns, so the patch cannot be applied while a thread is in it (VZP_RESUME"
	     " lets such a thread go on in the new code, VZP_ALLOW_ACTIVE in the old; nsb run starts a program with the patch)", name);
}

static int look_at(const struct draft *draft, const struct directives *directives, struct program *target, struct program *patch,
		   const struct replaced *replaced)
{
	const struct code *old = program_code(target, replaced->old.index);
	const struct code *new = program_code(patch, replaced->new.index);
	char text[NAMES_TEXT_MAX], what[NAMES_TEXT_MAX + 512];
	struct names before = { 0 }, now = { 0 };

	if (old == NULL || new == NULL)
		return -ENOMEM;
	if (!code_returns(old))
		tell_of_endless(draft, directives, replaced->new.name);
	if (count_calls(patch, new, &now) <= count_calls(target, old, &before))
		return 0;
	names_format(&now, text, sizeof(text));
	snprintf(what, sizeof(what), "the new '%.100s' calls %s more often than the old one: what the old code made, and"
		 " shares, may be freed twice", replaced->new.name, text);
	return note_function(draft, replaced, what);
}

int check_notes(const struct draft *draft, const struct directives *directives)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	struct program target = { 0 }, patch = { 0 };
	int err = program_init(&target, draft->target);

	if (err == 0)
		err = program_init(&patch, draft->patch);
	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++) {
		const struct replaced *replaced = draft->replaced[i];

		if (replaced->old.index != DWARF_NONE && replaced->new.index != DWARF_NONE &&
		    dwarf->functions[replaced->old.index].hi != 0)
			err = refuse_later(draft, look_at(draft, directives, &target, &patch, replaced));
		if (err == 0 && replaced->new.index != DWARF_NONE)
			err = refuse_later(draft, check_constants(draft, &patch, replaced));
	}
	program_deinit(&patch);
	program_deinit(&target);
	return err;
}
