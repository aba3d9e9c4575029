/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "once.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "refusals.h"

/* What VZP_ONCE says of its slots. */
struct once_slots {
	unsigned size, jump, count;	/* of one; of the operand of its jump, in it; how many there are */
	uint64_t addr;
};

static int read_slots(const struct draft *draft, const struct directive *directive, struct once_slots *slots)
{
	const struct symbols *symbols = draft->patch->symbols;

	if (sscanf(directive->label, "%u %u %u", &slots->size, &slots->jump, &slots->count) != 3 ||
	    slots->size > 256 || slots->jump + 4 > slots->size)
		return fail(ENOEXEC, "%s: section .vzp is damaged, or of another version of nsb/vzp.h", draft->patch->file.path);
	for (size_t i = 0; i < symbols->count; i++) {
		if (symbols->table[i].section == SHN_UNDEF || strcmp(symbols->table[i].name, ONCE_SLOTS) != 0)
			continue;
		slots->addr = symbols->table[i].value;
		return 0;
	}
	return fail(EINVAL, "%s:%u: VZP_ONCE(%s): the patch does not have its code (do not strip it, and link it without"
		    " --gc-sections)", base_name(directive->source), directive->line, directive->name);
}

/* Function no. `func` is entered by way of the slot: its last instruction jumps to the new code. */
static int take_slot(struct draft *draft, size_t func, uint64_t slot, unsigned jump)
{
	uint8_t *operand = elffile_kept(&draft->patch->file, slot + jump, 4);
	uint32_t distance = (uint32_t)(draft->meta.funcs[func].patch_addr - (slot + jump + 4));

	if (operand == NULL)
		return fail(ENOEXEC, "%s: the code of VZP_ONCE is not in the file", draft->patch->file.path);
	for (unsigned i = 0; i < 4; i++)
		operand[i] = (uint8_t)(distance >> 8 * i);
	draft->meta.funcs[func].flags |= VZ_FUNC_GATED;
	return draft_add_gate(draft, func, slot);
}

/* Does the program have a thread pointer?  By that the function's own thread is told, also in a child. */
static bool has_thread_pointer(const struct elffile *target)
{
	for (size_t i = 0; i < target->n_phdrs; i++)
		if (target->phdrs[i].p_type == PT_INTERP || target->phdrs[i].p_type == PT_TLS)
			return true;
	return !target->is_static && target->type == ET_DYN;
}

static int draw(struct draft *draft, const struct directive *directive)
{
	const char *source = base_name(directive->source), *name = directive->name;
	struct once_slots slots = { 0 };
	int err = read_slots(draft, directive, &slots);

	if (err == 0 && !has_thread_pointer(&draft->target->file))
		err = fail(EINVAL, "%s:%u: VZP_ONCE(%s): %s has no thread-local data, by which threads are told (do it in a hook)",
			   source, directive->line, name, draft->target->file.path);
	if (err == 0 && draft->meta.n_funcs > slots.count)
		err = fail(EINVAL, "%s:%u: VZP_ONCE(%s): the patch replaces %zu functions, and there is room for %u (#define"
			   " VZP_ONCE_FUNCTIONS %zu, before nsb/vzp.h is included)", source, directive->line, name,
			   draft->meta.n_funcs, slots.count, draft->meta.n_funcs);
	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++)
		err = take_slot(draft, i, slots.addr + i * slots.size, slots.jump);
	return err == 0 ? draft_add_comment(draft, "runs once", name) : err;
}

int draw_once(struct draft *draft, const struct directives *directives)
{
	const struct directive *once = NULL;
	int err = 0;

	for (size_t i = 0; err == 0 && i < directives->count; i++) {
		const struct directive *directive = &directives->table[i];

		if (directive->kind != DIRECTIVE_ONCE)
			continue;
		if (once != NULL)
			err = refuse_later(draft, fail(EINVAL, "%s:%u: VZP_ONCE(%s): there is one of '%s', and a patch has one (call"
						       " both from a third function)", base_name(directive->source),
						       directive->line, directive->name, once->name));
		once = directive;
	}
	if (err == 0 && once != NULL)
		err = refuse_later(draft, draw(draft, once));
	return end_if_refused(draft, err);
}
