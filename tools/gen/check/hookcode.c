/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hookcode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "code.h"
#include "refusals.h"

#define FRAME_MAX 32768		/* below the stack of hooks nobody may touch 64 KiB: no frame gets over it */
#define LIMIT_MS 20		/* unless VZP_HOOK_LIMIT says otherwise */

/* What of libraries waits for nobody: it reads and writes the memory that it is given, or a variable of the thread. */
static const char *const computing[] = {
	"memcpy", "memmove", "memset", "memcmp", "bcmp", "mempcpy", "memchr", "memrchr", "rawmemchr", "memmem",
	"memccpy", "strlen", "strnlen", "strcmp", "strncmp", "strcpy", "strncpy", "stpcpy", "stpncpy", "strcat",
	"strncat", "strchr", "strchrnul", "strrchr", "strstr", "strspn", "strcspn", "strpbrk",
	"__memcpy_chk", "__memmove_chk", "__memset_chk", "__mempcpy_chk", "__strcpy_chk", "__strncpy_chk",
	"__stpcpy_chk", "__strcat_chk", "__strncat_chk", "__stack_chk_fail", "__errno_location",
};

/* The way through the code of both files. */
struct hook_walk {
	struct draft *draft;
	const struct directives *directives;
	const struct directive *hook;
	struct program patch, target;
	bool has_target;	/* `target` was initialised */
	bool *seen_patch, *seen_target;		/* by index of the function */
	bool *called;		/* by index of the directive: a VZP_HOOK_CALLS that some hook needs */
};

static int follow(struct hook_walk *walk, bool in_target, uint32_t index);

static const char *function_name(const struct program *program, uint32_t index)
{
	const char *name = program->binary->dwarf.functions[index].name;

	return name != NULL ? name : "?";
}

/* Begin the message of a refusal: where the hook was named, and in which function the trouble is. */
#define REFUSE(walk, program, index, format, ...) \
	fail(EINVAL, "%s:%u: hook '%s': '%s' of %s " format, base_name((walk)->hook->source), (walk)->hook->line, \
	     (walk)->hook->name, function_name(program, index), (program)->binary->file.path, __VA_ARGS__)

static bool is_computing(const char *name)
{
	for (size_t i = 0; i < sizeof(computing) / sizeof(computing[0]); i++)
		if (strcmp(name, computing[i]) == 0)
			return true;
	return false;
}

/* Has the author looked at the target's function of that name? */
static bool is_named(struct hook_walk *walk, const char *name)
{
	bool is = false;

	for (size_t i = 0; i < walk->directives->count; i++) {
		if (walk->directives->table[i].kind != DIRECTIVE_HOOK_CALLS ||
		    strcmp(walk->directives->table[i].name, name) != 0)
			continue;
		walk->called[i] = is = true;
	}
	return is;
}

static int refuse_call(const struct hook_walk *walk, const struct program *program, uint32_t index, const char *name)
{
	return REFUSE(walk, program, index, "calls %s(), which may wait for another thread, and these stand then (do without,"
		      " or say VZP_HOOK_CALLS(%s) if it is the target's and waits for nobody)", name, name);
}

/* Follow a call of the target's code at `addr`.  Where the patch replaces that, it is the new code that runs then. */
static int follow_target(struct hook_walk *walk, const struct program *program, uint32_t index, uint64_t addr,
			 const char *name)
{
	const struct draft *draft = walk->draft;
	size_t func = draft_find(draft, addr);
	int err = 0;

	if (is_named(walk, name) || is_computing(name))
		return 0;
	if (!walk->has_target) {
		err = program_init(&walk->target, draft->target);
		walk->has_target = err == 0;
	}
	if (err == 0 && func != SIZE_MAX && directives_have(walk->directives, DIRECTIVE_ONCE))
		return REFUSE(walk, program, index, "calls %s(), which the patch replaces: the function of VZP_ONCE would run first,"
			      " which may wait (call what %s() calls)", name, name);
	if (err == 0 && func != SIZE_MAX && draft->replaced[func]->new.index != DWARF_NONE)
		err = follow(walk, false, draft->replaced[func]->new.index);
	if (err != 0)
		return err;
	uint32_t callee = program_function_at(&walk->target, addr);
	return callee != DWARF_NONE ? follow(walk, true, callee) : refuse_call(walk, program, index, name);
}

/* The reference of the patch to the target by that symbol; NULL if it is none. */
static const struct vz_dynref *find_reference(const struct draft *draft, const char *symbol)
{
	const struct symbols *dynsym = &draft->patch->file.dynsym;

	for (size_t i = 0; i < draft->meta.n_dynrefs; i++)
		for (size_t k = 0; k < dynsym->count; k++)
			if (dynsym->table[k].index == draft->meta.dynrefs[i].symbol &&
			    strcmp(dynsym->table[k].name, symbol) == 0)
				return &draft->meta.dynrefs[i];
	return NULL;
}

/* Is the target the first one that the dynamic linker asks for its global names?  Of a library's another object may come first. */
static bool comes_first(const struct elffile *target)
{
	for (size_t i = 0; i < target->n_phdrs; i++)
		if (target->phdrs[i].p_type == PT_INTERP)
			return true;
	return target->is_static || target->type == ET_EXEC;
}

/* A call through the procedure linkage table or a slot, of a symbol. */
static int follow_symbol(struct hook_walk *walk, const struct program *program, uint32_t index, const char *symbol)
{
	const struct draft *draft = walk->draft;
	const struct vz_dynref *ref = program == &walk->patch ? find_reference(draft, symbol) : NULL;
	const struct symbol *exported = ref == NULL ? find_exported(&draft->target->file, symbol) : NULL;

	if (ref != NULL)
		return follow_target(walk, program, index, ref->target_addr, ref->name);
	/* A global function of the patch, which it calls by way of its own linkage table: a replaced one is the target's there. */
	const struct symbol *own = program == &walk->patch ? find_exported(&draft->patch->file, symbol) : NULL;
	for (size_t i = 0; own != NULL && i < draft->meta.n_funcs; i++)
		if (draft->replaced[i]->new.addr == own->value)
			return follow_target(walk, program, index, draft->replaced[i]->old.addr, symbol);
	if (own != NULL && program_function_at(program, own->value) != DWARF_NONE)
		return follow(walk, false, program_function_at(program, own->value));
	if (is_computing(symbol))
		return 0;
	if (exported != NULL && (exported->type == STT_FUNC || exported->type == STT_NOTYPE)) {
		if (is_named(walk, symbol))
			return 0;
		if (comes_first(&draft->target->file))
			return follow_target(walk, program, index, exported->value, symbol);
	}
	return refuse_call(walk, program, index, symbol);
}

static int follow_address(struct hook_walk *walk, const struct program *program, uint32_t index, const struct insn *insn)
{
	const bool in_target = program == &walk->target;
	const struct vz_place *place = in_target ? NULL :
		draft_place_in(walk->draft, insn->addr, insn->addr + insn->size);
	uint32_t callee = program_function_at(program, insn->to);
	struct regset writes;

	/* In auto mode the file has a call of the patch's copy there, and nsb makes it a call of the target's function. */
	if (place != NULL && place->kind == VZ_PLACE_PCREL)
		return follow_target(walk, program, index, place->target_addr,
				     callee != DWARF_NONE ? function_name(program, callee) : "?");
	if (callee != DWARF_NONE)
		return in_target ? follow_target(walk, program, index, insn->to, function_name(program, callee)) :
			follow(walk, false, callee);
	if (program_is_thunk(program, insn, &writes))
		return 0;
	const char *name = program_called_name(program, insn);
	if (name != NULL)
		return follow_symbol(walk, program, index, name);
	name = program_callee_name(program, insn);
	if (name != NULL && (is_computing(name) || (in_target && is_named(walk, name))))
		return 0;
	/* The guard of i386's stack protector calls the function proper. */
	if (name != NULL && strcmp(name, "__stack_chk_fail_local") == 0)
		return 0;
	return refuse_call(walk, program, index, name != NULL ? name : "code without debug info");
}

/* Is this the jump of a switch?  It goes to a distance from the table, which an instruction before it adds. */
static bool is_switch(const struct program *program, const struct code *code, size_t at)
{
	const struct insn *insn = &code->insns[at];
	uint8_t bytes[16];
	struct shape shape;

	if (code->n_targets == 0)
		return false;
	if (elffile_read(&program->binary->file, insn->addr, bytes, 1) &&
	    program->gen->is_untracked(bytes))
		return true;
	for (size_t back = 1; back <= 3 && back <= at; back++) {
		const struct insn *before = &code->insns[at - back];

		if (before->flow != FLOW_NEXT || before->size > sizeof(bytes) ||
		    !elffile_read(&program->binary->file, before->addr, bytes, before->size) ||
		    !insn_shape_of(before, bytes, program->gen, &shape))
			return false;
		if (program->gen->adds(&shape) && regset_any(insn->reads) &&
		    (before->writes.general & insn->reads.general) != 0)
			return true;
	}
	return false;
}

/* Does the instruction enter the kernel? */
static bool is_system_call(const struct program *program, const struct insn *insn)
{
	uint8_t bytes[16];
	struct shape shape;

	if (insn->size > sizeof(bytes) || !elffile_read(&program->binary->file, insn->addr, bytes, insn->size) ||
	    !insn_shape_of(insn, bytes, program->gen, &shape))
		return true;
	return program->gen->enters_kernel(&shape);
}

static int look_at(struct hook_walk *walk, const struct program *program, const struct code *code, uint32_t index, size_t at)
{
	const struct insn *insn = &code->insns[at];
	const char *name;

	if (is_system_call(program, insn))
		return REFUSE(walk, program, index, "makes a system call, at 0x%llx: it may wait there (do without)",
			      (unsigned long long)insn->addr);
	if (insn->stack == STACK_MOVED && insn->moved < -FRAME_MAX)
		return REFUSE(walk, program, index, "has a frame of %lld bytes, and the stack of hooks has 110 KiB (use"
			      " static variables)", -(long long)insn->moved);
	if (insn->flow == FLOW_CALL || ((insn->flow == FLOW_JUMP || insn->flow == FLOW_BRANCH) && leaves(code, insn)))
		return follow_address(walk, program, index, insn);
	if (insn->flow != FLOW_CALL_ANY && (insn->flow != FLOW_JUMP_ANY || is_switch(program, code, at)))
		return 0;
	name = program_called_name(program, insn);
	return name != NULL ? follow_symbol(walk, program, index, name) :
	       REFUSE(walk, program, index, "calls through a pointer, at 0x%llx: nobody knows what (call functions by"
		      " their names; -fno-jump-tables if it is a switch)", (unsigned long long)insn->addr);
}

/* Follow the calls of a function.  The first thing that is wrong with it is the answer. */
static int follow(struct hook_walk *walk, bool in_target, uint32_t index)
{
	struct program *program = in_target ? &walk->target : &walk->patch;
	bool *seen = in_target ? walk->seen_target : walk->seen_patch;
	int err = 0;

	if (seen[index])
		return 0;
	seen[index] = true;
	const struct code *code = program_code(program, index);
	if (code == NULL)
		return -ENOMEM;
	if (!code->is_whole || code->n_insns == 0)
		return REFUSE(walk, program, index, "has an instruction that nsb-gen does not understand: what %s calls is"
			      " not known", walk->hook->name);
	for (size_t i = 0; err == 0 && i < code->n_insns; i++)
		err = look_at(walk, program, code, index, i);
	return err;
}

/* ---- what the author named ---- */

/* The function of the patch that the directive names, in its own unit; DWARF_NONE if it has no code there. */
static uint32_t find_own(const struct dwarf *dwarf, const struct directive *directive)
{
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, directive->name, i)) != DWARF_NONE)
		if (dwarf->functions[i].hi != 0 && dwarf->functions[i].unit == directive->unit)
			return i;
	return DWARF_NONE;
}

/* The milliseconds that VZP_HOOK_LIMIT gives the hook.  -EINVAL. */
static int find_limit(const struct directives *directives, const struct directive *hook, uint64_t *limit)
{
	*limit = LIMIT_MS;
	for (size_t i = 0; i < directives->count; i++) {
		const struct directive *directive = &directives->table[i];
		char *end;

		if (directive->kind != DIRECTIVE_HOOK_LIMIT || strcmp(directive->name, hook->name) != 0)
			continue;
		unsigned long value = strtoul(directive->label, &end, 10);
		if (end == directive->label || *end != '\0' || value == 0 || value > HOOK_LIMIT_MS_MAX)
			return fail(EINVAL, "%s:%u: VZP_HOOK_LIMIT(%s, %s): it takes milliseconds, 1 to %d",
				    base_name(directive->source), directive->line, hook->name, directive->label,
				    HOOK_LIMIT_MS_MAX);
		*limit = value;
	}
	return 0;
}

static int add_hook(struct hook_walk *walk, const struct directive *directive)
{
	struct draft *draft = walk->draft;
	const struct dwarf *dwarf = &draft->patch->dwarf;
	uint32_t index = find_own(dwarf, directive);
	uint64_t limit;

	walk->hook = directive;
	if (index == DWARF_NONE)
		return fail(EINVAL, "%s:%u: hook '%s': the patch has no code of it (define it in this file, and link without"
			    " --gc-sections)", base_name(directive->source), directive->line, directive->name);
	if (draft->meta.n_hooks == HOOKS_MAX)
		return fail(EINVAL, "%s:%u: hook '%s': a patch has %d hooks at most", base_name(directive->source),
			    directive->line, directive->name, HOOKS_MAX);
	struct dwarf_range range = entry_range(draft->patch, &dwarf->functions[index]);
	int err = find_limit(walk->directives, directive, &limit);
	if (err == 0)
		err = draft_add_hook(draft, &(struct vz_hook){
			.name = directive->name, .kind = (uint64_t)(directive->kind - DIRECTIVE_PRE_APPLY) + VZ_HOOK_PRE_APPLY,
			.addr = range.lo, .size = range.hi - range.lo, .limit_ms = limit,
		});
	/* Each hook is told of by itself what it must not do. */
	memset(walk->seen_patch, 0, draft->patch->dwarf.n_functions * sizeof(bool));
	memset(walk->seen_target, 0, draft->target->dwarf.n_functions * sizeof(bool));
	return err != 0 ? err : follow(walk, false, index);
}

static int add_quiet_ranges(struct draft *draft, const char *name, const struct dwarf_function *function, bool *any)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	int err = 0;

	for (uint32_t k = 0; err == 0 && function->hi != 0 && k < function->n_ranges; k++) {
		struct dwarf_range range = dwarf->ranges[function->first_range + k];

		if (range.hi == range.lo)
			continue;
		*any = true;
		err = draft_add_quiet(draft, &(struct vz_quiet){ name, range.lo, range.hi - range.lo });
	}
	return err;
}

/* Add all code of a function of the target: its own, its clones, and what it was inlined into. */
static int add_quiet(struct draft *draft, const struct directives *directives, const struct directive *directive)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	const char *name = directive->name, *file = directives_file_at(directives, directive->source, directive->line);
	uint32_t i = DWARF_NONE;
	bool any = false;
	int err = 0;

	while (err == 0 && (i = dwarf_find_function(dwarf, name, i)) != DWARF_NONE) {
		const struct dwarf_function *function = &dwarf->functions[i];

		if (function->declaration || (file != NULL && !function->external &&
					      !unit_matches_file(&dwarf->units[function->unit], file)))
			continue;
		err = add_quiet_ranges(draft, name, function, &any);
		for (uint32_t k = 0; err == 0 && k < dwarf->n_functions; k++)
			if (dwarf->functions[k].origin != 0 && is_instance_of(dwarf, function, dwarf->functions[k].origin))
				err = add_quiet_ranges(draft, name, &dwarf->functions[k], &any);
		for (uint32_t k = 0; err == 0 && k < dwarf->n_inlined; k++)
			if (is_instance_of(dwarf, function, dwarf->inlined[k].origin))
				err = add_quiet_ranges(draft, name, &dwarf->functions[dwarf->inlined[k].function], &any);
	}
	if (err == 0 && !any)
		err = fail(EINVAL, "%s:%u: VZP_NOT_ACTIVE(%s): the debug info of %s has no code of it",
			   base_name(directive->source), directive->line, name, draft->target->file.path);
	return err;
}

/* What was said of hooks must be of one, and of functions that it needs. */
static int check_words(const struct hook_walk *walk, size_t index)
{
	const struct directive *directive = &walk->directives->table[index];
	bool any = false, same = false;

	for (size_t i = 0; i < walk->directives->count; i++) {
		any = any || directive_is_hook(&walk->directives->table[i]);
		same = same || (directive_is_hook(&walk->directives->table[i]) &&
				strcmp(walk->directives->table[i].name, directive->name) == 0);
	}
	if (directive->kind == DIRECTIVE_HOOK_LIMIT && !same)
		return fail(EINVAL, "%s:%u: VZP_HOOK_LIMIT(%s, %s): it is no hook of the patch", base_name(directive->source),
			    directive->line, directive->name, directive->label);
	if (directive->kind == DIRECTIVE_HOOK_CALLS && !walk->called[index])
		return fail(EINVAL, "%s:%u: VZP_HOOK_CALLS(%s): no hook calls a function of the target by that name",
			    base_name(directive->source), directive->line, directive->name);
	if (directive->kind == DIRECTIVE_NOT_ACTIVE && !any)
		return fail(EINVAL, "%s:%u: VZP_NOT_ACTIVE(%s): the patch has no hook", base_name(directive->source),
			    directive->line, directive->name);
	return 0;
}

static int draw_all(struct hook_walk *walk)
{
	const struct directives *directives = walk->directives;
	int err = 0;

	for (size_t i = 0; err == 0 && i < directives->count; i++)
		if (directive_is_hook(&directives->table[i]))
			err = refuse_later(walk->draft, add_hook(walk, &directives->table[i]));
	err = end_if_refused(walk->draft, err);
	for (size_t i = 0; err == 0 && i < directives->count; i++)
		if (directives->table[i].kind == DIRECTIVE_NOT_ACTIVE)
			err = refuse_later(walk->draft, add_quiet(walk->draft, directives, &directives->table[i]));
	for (size_t i = 0; err == 0 && i < directives->count; i++)
		err = refuse_later(walk->draft, check_words(walk, i));
	return end_if_refused(walk->draft, err);
}

int draw_hooks(struct draft *draft, const struct directives *directives)
{
	struct hook_walk walk = { .draft = draft, .directives = directives };
	bool is_asked = false;

	for (size_t i = 0; i < directives->count; i++)
		is_asked = is_asked || strchr("1234TWQ", (int)directives->table[i].kind) != NULL;
	if (!is_asked)
		return 0;
	int err = program_init(&walk.patch, draft->patch);
	walk.seen_patch = calloc((size_t)draft->patch->dwarf.n_functions + 1, sizeof(bool));
	walk.seen_target = calloc((size_t)draft->target->dwarf.n_functions + 1, sizeof(bool));
	walk.called = calloc(directives->count, sizeof(bool));
	if (err == 0 && (walk.seen_patch == NULL || walk.seen_target == NULL || walk.called == NULL))
		err = fail(ENOMEM, "out of memory");
	if (err == 0)
		err = draw_all(&walk);
	free(walk.seen_patch);
	free(walk.seen_target);
	free(walk.called);
	program_deinit(&walk.patch);
	if (walk.has_target)
		program_deinit(&walk.target);
	return err;
}
