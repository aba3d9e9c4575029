/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "got.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"

#define SLOTS_MAX 8		/* places in the frame that hold the address */
#define PASSES_MAX 64
#define REGISTERS 8		/* that are followed: as many as such an ABI has */

/* One walk after the other, until nothing more is found. */
struct search {
	struct got *got;
	const uint8_t *code;
	uint8_t *reached;		/* by offset */
	int32_t *depth;			/* by offset: bytes that were pushed up to there */
	uint64_t pc[REGISTERS];		/* what a register has after a call that finds the pc */
	struct { bool by_frame; int64_t at; } slots[SLOTS_MAX];
	unsigned n_slots;
	uint8_t ever;
	bool is_part;			/* a cold part, which goes on with the registers and the frame of its function */
	bool any;			/* this walk found something */
};

static uint32_t constant32(const uint8_t *insn, const struct shape *shape)
{
	struct cursor at;

	cursor_init(&at, insn + shape->immediate_at, 4);
	return (uint32_t)cursor_uint(&at, 4);
}

int got_pc_register(const struct image *image, uint64_t addr, const uint8_t *insn, const struct shape *shape)
{
	uint64_t size, next = addr + shape->size;

	if (!image->gen->calls_for_pc(insn, shape))
		return -1;
	bool is_next = constant32(insn, shape) == 0;
	const uint8_t *to = image_bytes(image, is_next ? next : arch_address(image->arch, next + constant32(insn, shape)), &size);
	if (to == NULL || size < 4)
		return -1;
	return image->gen->finds_pc(insn, shape, to, is_next);
}

/* Any register but the stack pointer. */
static uint8_t all_registers(const struct image *image)
{
	return (uint8_t)~(1U << image->gen->stack_pointer);
}

/* The place in the frame that the instruction takes; false: it takes none. */
static bool frame_slot(const struct search *search, const struct shape *shape, size_t offset, bool *by_frame, int64_t *at)
{
	if (!shape->has_memory || shape->index >= 0 || (shape->base != search->got->image->gen->stack_pointer && shape->base != search->got->image->gen->frame_pointer))
		return false;
	*by_frame = shape->base == search->got->image->gen->frame_pointer;
	*at = shape->displacement - (*by_frame ? 0 : search->depth[offset]);
	return true;
}

static bool is_known_slot(const struct search *search, bool by_frame, int64_t at)
{
	/* What the function has put there is not in sight. */
	if (search->is_part)
		return true;
	for (unsigned i = 0; i < search->n_slots; i++)
		if (search->slots[i].by_frame == by_frame && search->slots[i].at == at)
			return true;
	return false;
}

static void note_slot(struct search *search, bool by_frame, int64_t at)
{
	if (is_known_slot(search, by_frame, at) || search->n_slots == SLOTS_MAX)
		return;
	search->slots[search->n_slots].by_frame = by_frame;
	search->slots[search->n_slots++].at = at;
	search->any = true;
}

/* Which registers hold the address behind an instruction, if those of `holds` do before it? */
static uint8_t step(struct search *search, size_t offset, const struct shape *shape, const struct insn *insn, uint8_t holds)
{
	const struct image *image = search->got->image;
	const uint8_t *code = search->code + offset;
	const struct gen_arch *gen = image->gen;
	const enum does does = gen->does(shape);
	const bool is_call = insn->flow == FLOW_CALL || insn->flow == FLOW_CALL_ANY;
	int sum = gen->sum_register(shape);
	uint8_t out = holds;
	bool by_frame, is_conditional;
	int64_t at;
	unsigned from, to;

	for (unsigned reg = 0; reg < REGISTERS; reg++)
		if (((insn->writes.general | (is_call ? gen->caller_saved.general : 0)) & register_bits(gen, reg)) != 0)
			out &= (uint8_t)~(1U << reg);
	if (sum >= 0 && search->pc[sum] != 0 &&
	    arch_address(image->arch, search->pc[sum] + constant32(code, shape)) == image->got)
		out |= (uint8_t)(1U << sum);
	if (gen->copies(shape, &from, &to, &is_conditional) && !is_conditional && (holds & 1U << (from & 7)) != 0)
		out |= (uint8_t)(1U << (to & 7));
	if ((does == DOES_STORE_REGISTER || does == DOES_LOAD) && frame_slot(search, shape, offset, &by_frame, &at)) {
		if (does == DOES_STORE_REGISTER && (holds & 1U << (shape->reg & 7)) != 0)
			note_slot(search, by_frame, at);
		if (does == DOES_LOAD && is_known_slot(search, by_frame, at))
			out |= (uint8_t)(1U << (shape->reg & 7));
	}
	/* The address and an index. */
	if (gen->adds_to(shape, &to, &from) && (holds & (1U << to | 1U << from)) != 0)
		out |= (uint8_t)(1U << to);
	if (does == DOES_ADDRESS && shape->displacement_size == 0 && (insn->writes.general & register_bits(gen, shape->reg & 7)) != 0 &&
	    ((shape->base >= 0 && (holds & 1U << (shape->base & 7)) != 0) ||
	     (shape->index >= 0 && (holds & 1U << (shape->index & 7)) != 0)))
		out |= (uint8_t)(1U << (shape->reg & 7));
	return out;
}

static void arrive(struct search *search, uint64_t addr, uint8_t holds, int32_t depth)
{
	struct got *got = search->got;

	if (addr < got->lo || addr >= got->hi)
		return;
	size_t offset = (size_t)(addr - got->lo);
	if (search->reached[offset] != 0 && (holds & ~got->holds[offset]) == 0)
		return;
	if (search->reached[offset] == 0)
		search->depth[offset] = depth;
	search->reached[offset] = 1;
	got->holds[offset] |= holds;
	search->ever |= holds;
	search->any = true;
}

/* The pc is what it was until something is added to it; a call finds it anew. */
static void note_pc(struct search *search, uint64_t addr, const uint8_t *insn, const struct shape *shape)
{
	int sum = search->got->image->gen->sum_register(shape), reg = got_pc_register(search->got->image, addr, insn, shape);

	if (sum >= 0)
		search->pc[sum] = 0;
	if (reg >= 0)
		search->pc[reg] = addr + shape->size;
}

/* One walk from start to end.  *unreached: the first instruction that nothing led to; hi: there is none. */
static void walk_once(struct search *search, uint64_t *unreached)
{
	struct got *got = search->got;
	struct shape shape;

	*unreached = got->hi;
	memset(search->pc, 0, sizeof(search->pc));
	for (uint64_t addr = got->lo; addr < got->hi; addr += shape.size) {
		size_t offset = (size_t)(addr - got->lo), left = (size_t)(got->hi - addr);
		const uint8_t *code = search->code + offset;
		struct insn insn;

		if (!insn_shape(code, left, addr, got->image->gen, &shape))
			return;
		if (search->reached[offset] != 0) {
			if (!insn_decode(code, left, addr, got->image->gen, &insn))
				insn = (struct insn){ .flow = shape.flow };
			uint8_t holds = step(search, offset, &shape, &insn, got->holds[offset]);
			int32_t depth = search->depth[offset] - (insn.stack == STACK_MOVED ? (int32_t)insn.moved : 0);

			if (shape.flow == FLOW_JUMP || shape.flow == FLOW_BRANCH)
				arrive(search, shape.to, holds, depth);
			if (shape.flow != FLOW_JUMP && shape.flow != FLOW_JUMP_ANY && shape.flow != FLOW_RETURN &&
			    shape.flow != FLOW_STOP)
				arrive(search, addr + shape.size, holds, depth);
		} else if (*unreached == got->hi) {
			*unreached = addr;
		}
		note_pc(search, addr, code, &shape);
	}
}

int got_init(struct got *got, const struct image *image, uint32_t spot, const uint8_t *code)
{
	struct search search = {
		.got = got, .code = code, .is_part = strstr(image_spot_name(image, spot), ".cold") != NULL,
	};
	size_t size = (size_t)(image->spots[spot].end - image->spots[spot].addr);
	int err = 0;

	*got = (struct got){ .image = image, .lo = image->spots[spot].addr, .hi = image->spots[spot].end };
	if (image->gen->data_by_pc || image->got == 0 || size == 0)
		return 0;
	got->holds = calloc(size, 1);
	search.reached = calloc(size, 1);
	search.depth = calloc(size, sizeof(*search.depth));
	if (got->holds == NULL || search.reached == NULL || search.depth == NULL) {
		got_deinit(got);
		err = fail(ENOMEM, "out of memory");
	} else {
		uint64_t unreached = got->hi;

		arrive(&search, got->lo, search.is_part ? all_registers(image) : 0, 0);
		for (unsigned i = 0; i < PASSES_MAX && (search.any || unreached < got->hi); i++) {
			/* Tables of jumps lead to what nothing else leads to. */
			if (!search.any)
				arrive(&search, unreached, search.ever, 0);
			search.any = false;
			walk_once(&search, &unreached);
		}
		/* Not at rest: then any register may hold it anywhere. */
		if (search.any)
			memset(got->holds, all_registers(image), size);
	}
	free(search.reached);
	free(search.depth);
	return err;
}

void got_deinit(struct got *got)
{
	free(got->holds);
	*got = (struct got){ .holds = NULL };
}

bool got_holds(const struct got *got, uint64_t addr, int base, int index)
{
	if (got->holds == NULL || addr < got->lo || addr >= got->hi)
		return false;
	uint8_t holds = got->holds[addr - got->lo];
	return (base >= 0 && base < REGISTERS && (holds & 1U << base) != 0) || (index >= 0 && index < REGISTERS && (holds & 1U << index) != 0);
}
