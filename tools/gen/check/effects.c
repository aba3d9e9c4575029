/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "effects.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "code.h"
#include "names.h"
#include "notes.h"
#include "refusals.h"
#include "results.h"
#include "values.h"

#define CALLS_DEEP 8
#define INSN_MAX 16

/* How much of what happens elsewhere concerns a function; what compilers call const, pure, and the rest. */
enum effects {
	EFFECTS_NONE,		/* its result comes from its arguments alone */
	EFFECTS_READS,		/* and from memory */
	EFFECTS_ANY,
};

/* Functions that the C library, or compilers themselves, declare to have no effects. */
static bool is_pure_by_name(const char *name)
{
	static const char *const pure[] = {
		"strlen", "strnlen", "strcmp", "strncmp", "memcmp", "bcmp", "strchr", "strrchr", "strchrnul", "strstr", "strspn",
		"strcspn", "strpbrk", "memchr", "memrchr", "rawmemchr", "memmem", "strcasecmp", "strncasecmp",
		"strcasestr", "strcoll", "strverscmp", "index", "rindex", "ffs", "ffsl", "ffsll", "atoi", "atol", "atoll", "atof",
		"abs", "labs", "llabs", "toupper", "tolower", "__ctype_b_loc", "__ctype_tolower_loc", "__ctype_toupper_loc",
		"__errno_location", "basename", "gnu_dev_major", "gnu_dev_minor", "gnu_dev_makedev", "wcslen", "wcscmp",
		"wcschr", "htons", "htonl", "ntohs", "ntohl", "inet_netof", "floor", "ceil", "fabs", "trunc", "rint", "fmin",
		"fmax", "copysign", "__strcspn_c1", "__stack_chk_fail",
	};

	for (size_t i = 0; i < sizeof(pure) / sizeof(pure[0]); i++)
		if (strcmp(name, pure[i]) == 0)
			return true;
	return false;
}

/* What the instruction does with memory that others have, too: not the stack, not constants, not a table of addresses. */
static enum effects effects_of_insn(const struct program *program, const struct insn *insn)
{
	const struct elffile *file = &program->binary->file;
	uint8_t bytes[INSN_MAX];
	struct shape shape;

	if (!insn->has_memory || insn->size > INSN_MAX)
		return EFFECTS_NONE;
	if (!elffile_read(file, insn->addr, bytes, insn->size) ||
	    !insn_shape_of(insn, bytes, program->gen, &shape))
		return EFFECTS_ANY;
	enum does does = program->gen->does(&shape);
	if (does == DOES_ADDRESS)
		return EFFECTS_NONE;
	if (shape.base == program->gen->stack_pointer || shape.base == program->gen->frame_pointer ||
	    (shape.base >= 0 && (program->gen->position_register >> shape.base & 1) != 0))
		return EFFECTS_NONE;
	/* A canary is in no memory that the source knows of. */
	if (shape.segment != 0 && shape.base < 0)
		return EFFECTS_NONE;
	if (does >= DOES_STORE)
		return EFFECTS_ANY;
	if (insn->memory != 0 && shape.base < 0 && !elffile_is_writable(file, insn->memory))
		return EFFECTS_NONE;
	return EFFECTS_READS;
}

/* The target, and the patch with what it refers to there. */
struct both_programs {
	const struct draft *draft;
	struct program target, patch;
};

static enum effects effects_of(struct both_programs *both, struct program *program, uint32_t index, unsigned depth);

/* The function of the target that a symbol of the patch means; DWARF_NONE if it is not one that is known. */
static uint32_t referred_function(const struct both_programs *both, const char *name)
{
	const struct draft *draft = both->draft;
	const struct symbols *symbols = &draft->patch->file.dynsym;

	for (size_t i = 0; i < draft->meta.n_dynrefs; i++)
		for (size_t k = 0; k < symbols->count; k++)
			if (symbols->table[k].index == draft->meta.dynrefs[i].symbol &&
			    strcmp(symbols->table[k].name, name) == 0)
				return program_function_at(&both->target, draft->meta.dynrefs[i].target_addr);
	return DWARF_NONE;
}

static enum effects effects_of_call(struct both_programs *both, struct program *program, const struct code *code,
				    const struct insn *insn, unsigned depth)
{
	const struct dwarf *dwarf = &program->binary->dwarf;
	bool is_indirect = insn->flow == FLOW_CALL_ANY || insn->flow == FLOW_JUMP_ANY;
	uint32_t callee = is_indirect ? DWARF_NONE : program_function_at(program, insn->to);
	const char *name = program_callee_name(program, insn);
	struct regset writes;

	if (insn->flow == FLOW_CALL && program_is_thunk(program, insn, &writes))
		return EFFECTS_NONE;
	if (callee == DWARF_NONE && name != NULL) {
		callee = dwarf_find_function(dwarf, name, DWARF_NONE);
		while (callee != DWARF_NONE && (dwarf->functions[callee].hi == 0 ||
						 dwarf->functions[callee].unit != code->function->unit))
			callee = dwarf_find_function(dwarf, name, callee);
	}
	if (callee != DWARF_NONE && dwarf->functions[callee].unit == code->function->unit)
		return depth < CALLS_DEEP ? effects_of(both, program, callee, depth + 1) : EFFECTS_ANY;
	callee = program == &both->patch && name != NULL ? referred_function(both, name) : DWARF_NONE;
	if (callee != DWARF_NONE)
		return depth < CALLS_DEEP ? effects_of(both, &both->target, callee, depth + 1) : EFFECTS_ANY;
	return name != NULL && is_pure_by_name(name) ? EFFECTS_READS : EFFECTS_ANY;
}

/* What was not understood, inline assembly for example, is taken for an effect. */
static enum effects effects_of(struct both_programs *both, struct program *program, uint32_t index, unsigned depth)
{
	const struct code *code = program_code(program, index);
	enum effects all = EFFECTS_NONE;

	if (code == NULL || !code->is_whole) {
		msg_forget();
		return EFFECTS_ANY;
	}
	for (size_t i = 0; i < code->n_insns && all != EFFECTS_ANY; i++) {
		const struct insn *insn = &code->insns[i];
		bool goes = insn->flow == FLOW_CALL || insn->flow == FLOW_CALL_ANY || leaves(code, insn);
		enum effects one = goes ? effects_of_call(both, program, code, insn, depth) : effects_of_insn(program, insn);

		if (one > all)
			all = one;
	}
	return all;
}

static void list_unit(const struct draft *draft, const struct dwarf_function *function, struct names *names)
{
	const struct dwarf *dwarf = &draft->target->dwarf;

	for (uint32_t i = 0; i < dwarf->n_functions; i++) {
		const struct dwarf_function *other = &dwarf->functions[i];

		if (other->unit == function->unit && other->hi != 0 && other->name != NULL &&
		    strcmp(other->name, function->name) != 0 && !is_replaced(draft, other))
			names_add(names, other->name);
	}
}

static int check_function(struct both_programs *both, const struct replaced *replaced)
{
	const struct draft *draft = both->draft;
	const struct dwarf *dwarf = &draft->target->dwarf;
	const struct dwarf_function *function = &dwarf->functions[replaced->old.index];
	const struct dwarf_unit *unit = &dwarf->units[function->unit];
	char text[NAMES_TEXT_MAX], why[NAMES_TEXT_MAX + 512];
	struct names names = { 0 };
	bool is_new;

	if (function->hi == 0 || function->name == NULL || !unit_tells_effects(unit) ||
	    (function->external && is_interposable(unit)))
		return 0;
	enum effects old = effects_of(both, &both->target, replaced->old.index, 0);
	if (old == EFFECTS_ANY)
		return 0;
	int err = may_return_new_values(draft, &both->target, &both->patch, replaced, &is_new);
	if (err != 0 || (!is_new && effects_of(both, &both->patch, replaced->new.index, 0) <= old))
		return err;
	list_unit(draft, function, &names);
	if (names.count == 0)
		return 0;
	names_format(&names, text, sizeof(text));
	snprintf(why, sizeof(why), "the old '%.100s' only %s, so that the compiler may have dropped or merged calls of it, "
		 "and the new one %s: replace what calls it in the source, perhaps %s, use auto mode, or say "
		 "VZP_CALLERS_CHECKED(%.100s)", replaced->new.name, old == EFFECTS_NONE ? "computes" : "reads memory",
		 is_new ? "may return what that did not" : "does more", text, replaced->new.name);
	return is_new ? refuse_function(draft, replaced, why) : note_function(draft, replaced, why);
}

int check_effects(const struct draft *draft)
{
	struct both_programs both = { .draft = draft };
	int err = program_init(&both.target, draft->target);

	if (err == 0)
		err = program_init(&both.patch, draft->patch);
	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++) {
		const struct replaced *replaced = draft->replaced[i];

		if (replaced->old.index != DWARF_NONE && replaced->new.index != DWARF_NONE &&
		    !replaced->callers_checked && !replaced->is_refused)
			err = refuse_later(draft, check_function(&both, replaced));
	}
	program_deinit(&both.patch);
	program_deinit(&both.target);
	return err;
}
