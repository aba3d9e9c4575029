/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "constants.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "insn.h"
#include "names.h"
#include "notes.h"

#define FOLLOWED_MAX 64		/* instructions behind the one that computes an address */
#define SHOWN_MAX 24		/* bytes of a string that a message shows */

/* What is done with the addresses, and the constants' names. */
struct uses {
	struct names stored, compared;
	char texts[2 * NAMES_LISTED_MAX][SHOWN_MAX + 1];
	size_t n_texts;
};

static bool is_constant(const struct elffile *file, uint64_t addr)
{
	for (size_t i = 0; i < file->n_phdrs; i++) {
		const GElf_Phdr *ph = &file->phdrs[i];

		if (ph->p_type == PT_LOAD && (ph->p_flags & (PF_W | PF_X)) == 0 && addr >= ph->p_vaddr &&
		    addr - ph->p_vaddr < ph->p_filesz)
			return true;
	}
	return false;
}

/* The name of a constant, or the text of a string, or what nobody knows better. */
static const char *name_of(const struct binary *patch, uint64_t addr, struct uses *uses)
{
	char *text = uses->texts[uses->n_texts];
	size_t size = 0;

	for (size_t i = 0; i < patch->symbols->count; i++) {
		const struct symbol *symbol = &patch->symbols->table[i];

		if (symbol->value == addr && symbol->type == STT_OBJECT && symbol->section != SHN_UNDEF &&
		    symbol->name[0] != '.')	/* clang's .L.str */
			return symbol->name;
	}
	while (size < SHOWN_MAX && elffile_read(&patch->file, addr + size, &text[size], 1) &&
	       isprint((unsigned char)text[size]))
		size++;
	if (size == 0 || (size < SHOWN_MAX && text[size] != '\0'))
		return "a constant";
	text[size] = '\0';
	if (uses->n_texts + 1 < sizeof(uses->texts) / sizeof(uses->texts[0]))
		uses->n_texts++;
	return text;
}

static bool read_shape(const struct program *patch, const struct insn *insn, struct shape *shape)
{
	uint8_t bytes[16];

	return insn->size <= sizeof(bytes) && elffile_read(&patch->binary->file, insn->addr, bytes, insn->size) &&
	       insn_shape_of(insn, bytes, patch->gen, shape);
}

/* Whether the instruction computes the address of a constant.  On i386 it counts from the GOT. */
static bool computes_address(const struct draft *draft, const struct program *patch, const struct insn *insn,
			     struct shape *shape, uint64_t *addr)
{
	if (!read_shape(patch, insn, shape) || patch->gen->does(shape) != DOES_ADDRESS || shape->index >= 0 ||
	    shape->displacement_size != 4 || (patch->gen->data_by_pc ? !shape->is_relative : shape->base < 0) ||
	    draft_has_place(draft, insn->addr + shape->displacement_at))
		return false;
	*addr = patch->gen->data_by_pc ? insn->addr + insn->size + (uint64_t)shape->displacement :
			      (uint32_t)(elffile_got(&patch->binary->file) + (uint64_t)shape->displacement);
	return is_constant(&patch->binary->file, *addr);
}

/* The registers that hold the address behind an instruction, of which `held` did before it: a bit for each. */
static unsigned still_held(const struct gen_arch *gen, const struct insn *insn, const struct shape *shape, unsigned held)
{
	unsigned now = held, from, to;
	bool is_conditional, copies = gen->copies(shape, &from, &to, &is_conditional);

	for (unsigned reg = 0; reg < gen->n_registers; reg++) {
		if ((insn->writes.general & register_bits(gen, reg)) != 0 && !is_conditional)
			now &= ~(1u << reg);
	}
	if (copies && (held >> from & 1) != 0)
		now |= 1u << to;
	return now;
}

/* Where control may go from an instruction within the function; SIZE_MAX: nowhere. */
static size_t index_of(const struct code *code, uint64_t addr)
{
	size_t upto = ARRAY_UPTO(code->insns, code->n_insns, addr, addr);

	return upto > 0 && code->insns[upto - 1].addr == addr ? upto - 1 : SIZE_MAX;
}

/* Follow an address through the instructions from `at` on, while registers hold it. */
static void follow(const struct program *patch, const struct code *code, size_t at, unsigned held, uint64_t addr,
		   struct uses *uses, unsigned *steps)
{
	while (at < code->n_insns && held != 0 && (*steps)++ < FOLLOWED_MAX) {
		const struct insn *insn = &code->insns[at];
		struct shape shape;

		if (!read_shape(patch, insn, &shape))
			return;
		enum does does = patch->gen->does(&shape);
		if (does == DOES_STORE_REGISTER && (held >> shape.reg & 1) != 0 && shape.base != patch->gen->stack_pointer &&
		    shape.base != patch->gen->frame_pointer)
			names_add(&uses->stored, name_of(patch->binary, addr, uses));
		if (does == DOES_COMPARE &&
		    ((held >> shape.reg & 1) != 0 || (!shape.has_memory && (held >> shape.rm & 1) != 0)))
			names_add(&uses->compared, name_of(patch->binary, addr, uses));
		held = still_held(patch->gen, insn, &shape, held);
		if (insn->flow == FLOW_BRANCH)
			follow(patch, code, index_of(code, insn->to), held, addr, uses, steps);
		else if (insn->flow == FLOW_JUMP)
			at = index_of(code, insn->to);
		else if (insn->flow != FLOW_NEXT && insn->flow != FLOW_CALL && insn->flow != FLOW_CALL_ANY)
			return;
		at += insn->flow != FLOW_JUMP;
	}
}

static int tell(const struct draft *draft, const struct replaced *replaced, const struct names *names, const char *does,
		const char *because)
{
	char text[NAMES_TEXT_MAX], what[NAMES_TEXT_MAX + 512];

	if (names->count == 0)
		return 0;
	names_format(names, text, sizeof(text));
	snprintf(what, sizeof(what), "the new '%.100s' %s constants of the patch (%s): %s", replaced->new.name, does, text,
		 because);
	return note_function(draft, replaced, what);
}

int check_constants(const struct draft *draft, struct program *patch, const struct replaced *replaced)
{
	const struct code *code = program_code(patch, replaced->new.index);
	struct uses uses = { 0 };
	int err;

	if (code == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < code->n_insns; i++) {
		struct shape shape;
		unsigned steps = 0;
		uint64_t addr;

		if (computes_address(draft, patch, &code->insns[i], &shape, &addr))
			follow(patch, code, i + 1, 1u << shape.reg, addr, &uses, &steps);
	}
	err = tell(draft, replaced, &uses.compared, "compares addresses with those of",
		   "the target's own constants have others");
	return err != 0 ? err : tell(draft, replaced, &uses.stored, "stores in memory addresses of",
				     "they stay in memory when it is reverted");
}
