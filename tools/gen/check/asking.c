/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "asking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "refusals.h"

#define WINDOW 96		/* the first argument of a call is set in the last so many bytes before it */

enum asks { ASKS_NEXT, ASKS_PATH, ASKS_ADDRESS };

static const struct {
	const char *name;
	enum asks asks;
	const char *what;
} questions[] = {
	{ "dlsym", ASKS_NEXT, "with RTLD_NEXT it would find nothing" },
	{ "dlvsym", ASKS_NEXT, "with RTLD_NEXT it would find nothing" },
	{ "dlopen", ASKS_PATH, "it would search where the executable's RUNPATH leads, and not the library's" },
	{ "dlmopen", ASKS_PATH, "it would search where the executable's RUNPATH leads, and not the library's" },
	{ "dladdr", ASKS_ADDRESS, "it knows nothing of addresses in the patch" },
	{ "dladdr1", ASKS_ADDRESS, "it knows nothing of addresses in the patch" },
	{ "_dl_find_object", ASKS_ADDRESS, "it knows nothing of addresses in the patch" },
	{ "dl_iterate_phdr", ASKS_ADDRESS, "the patch is not among what it tells" },
	{ "backtrace_symbols", ASKS_ADDRESS, "it has no names for addresses in the patch" },
	{ "backtrace_symbols_fd", ASKS_ADDRESS, "it has no names for addresses in the patch" },
};

#define N_QUESTIONS (sizeof(questions) / sizeof(questions[0]))

struct asking {
	const struct draft *draft;
	struct program patch;
	bool *seen;		/* by index of the patch's functions */
	bool told[N_QUESTIONS];
};

static size_t find_question(const char *name)
{
	size_t i = 0;

	while (i < N_QUESTIONS && (name == NULL || strcmp(name, questions[i].name) != 0))
		i++;
	return i;
}

static bool refers_to_any(const struct elffile *patch)
{
	for (size_t i = 0; i < patch->dynsym.count; i++) {
		if (patch->dynsym.table[i].section == SHN_UNDEF &&
		    find_question(patch->dynsym.table[i].name) < N_QUESTIONS)
			return true;
	}
	return false;
}

/*
 * Whether -1, which is RTLD_NEXT, is made the first argument in the bytes before a call.
 */
static bool passes_next(const struct asking *asking, uint64_t lo, uint64_t call)
{
	uint8_t bytes[WINDOW];
	size_t size = call - lo < WINDOW ? (size_t)(call - lo) : WINDOW;

	return elffile_read(&asking->draft->patch->file, call - size, bytes, size) &&
		asking->patch.gen->passes_minus_one(bytes, size);
}

/* Is the target a library?  An executable's RUNPATH is the one that is used for who is not known. */
static bool is_library(const struct elffile *target)
{
	if (target->type != ET_DYN)
		return false;
	for (size_t i = 0; i < target->n_phdrs; i++) {
		if (target->phdrs[i].p_type == PT_INTERP)
			return false;
	}
	return !target->is_static;
}

static int look_at(struct asking *asking, const struct code *code, const struct insn *insn, size_t question)
{
	const struct draft *draft = asking->draft;
	const char *function = code->function->name != NULL ? code->function->name : "?";
	const char *path = draft->patch->file.path, *name = questions[question].name;

	if (questions[question].asks == ASKS_NEXT && passes_next(asking, code->insns[0].addr, insn->addr))
		return fail(EINVAL, "%s: '%s' calls %s(RTLD_NEXT), which asks for what comes behind the object that"
			    " calls, and a patch is none: it would find nothing (let a variable of the target"
			    " that has the address be used, or a handle of dlopen())", path, function, name);
	if (asking->told[question] ||
	    (questions[question].asks == ASKS_PATH && !is_library(&draft->target->file)))
		return 0;
	asking->told[question] = true;
	warn("%s: '%s' calls %s(): from a patch, which is no object of the dynamic linker's, %s", path, function,
	     name, questions[question].what);
	return 0;
}

static int walk(struct asking *asking, uint32_t index)
{
	const struct code *code;
	int err = 0;

	if (index == DWARF_NONE || asking->seen[index])
		return 0;
	asking->seen[index] = true;
	code = program_code(&asking->patch, index);
	if (code == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < code->n_insns && err == 0; i++) {
		const struct insn *insn = &code->insns[i];
		struct insn slot = { .flow = FLOW_CALL_ANY, .memory = insn->memory };
		bool goes = insn->flow == FLOW_CALL || leaves(code, insn);
		size_t question = find_question(program_called_name(&asking->patch, goes ? insn : &slot));

		if (question < N_QUESTIONS)
			err = refuse_later(asking->draft, look_at(asking, code, insn, question));
		else if (goes && insn->to != 0)
			err = walk(asking, program_function_at(&asking->patch, insn->to));
	}
	return err;
}

/* In auto mode the patch has all of a file, and only what is replaced runs, and what that calls. */
static int walk_all(struct asking *asking)
{
	const struct draft *draft = asking->draft;
	const struct dwarf *dwarf = &draft->patch->dwarf;
	bool all = strcmp(draft->meta.mode, "auto") != 0;
	int err = 0;

	for (size_t i = 0; i < draft->meta.n_funcs && err == 0; i++)
		err = walk(asking, draft->replaced[i]->new.index);
	for (uint32_t i = 0; all && i < dwarf->n_functions && err == 0; i++) {
		if (dwarf->functions[i].hi != 0)
			err = walk(asking, i);
	}
	return err;
}

int check_asking(const struct draft *draft)
{
	struct asking asking = { .draft = draft };
	int err;

	if (!refers_to_any(&draft->patch->file))
		return 0;
	err = program_init(&asking.patch, draft->patch);
	asking.seen = calloc((size_t)draft->patch->dwarf.n_functions + 1, sizeof(*asking.seen));
	if (err == 0 && asking.seen == NULL)
		err = fail(ENOMEM, "out of memory");
	if (err == 0)
		err = walk_all(&asking);
	free(asking.seen);
	program_deinit(&asking.patch);
	return err;
}
