/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "got.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "x86.h"

#define SLOTS_MAX 8		/* places in the frame that hold the address */
#define PASSES_MAX 64
#define ALL_BUT_SP 0xef

enum { CALL = 0xe8, ADD_EAX = 0x05, GROUP_ONE = 0x81, POP = 0x58, STORE = 0x89, LOAD = 0x8b, LEA = 0x8d,
       ADD_TO_E = 0x01, ADD_TO_G = 0x03 };

/* One walk after the other, until nothing more is found. */
struct search {
	struct got *got;
	const uint8_t *code;
	uint8_t *reached;		/* by offset */
	int32_t *depth;			/* by offset: bytes that were pushed up to there */
	uint64_t pc[8];			/* what a register has after a call that finds the pc */
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

	if (insn[0] != CALL || shape->immediate_size != 4)
		return -1;
	bool is_next = constant32(insn, shape) == 0;
	const uint8_t *to = image_bytes(image, is_next ? next : arch_address(image->arch, next + constant32(insn, shape)), &size);
	if (to == NULL || size < 4)
		return -1;
	if (is_next)				/* pop */
		return (to[0] & 0xf8) == POP ? to[0] & 7 : -1;
	return to[0] == LOAD && (to[1] & 0xc7) == 0x04 && to[2] == 0x24 && to[3] == 0xc3 ? to[1] >> 3 & 7 : -1;
}

int got_sum_register(const struct shape *shape)
{
	if (shape->map != 0 || shape->immediate_size != 4)
		return -1;
	if (shape->opcode == ADD_EAX)
		return GPR_AX;
	return shape->opcode == GROUP_ONE && shape->mod == 3 && (shape->reg & 7) == 0 ? shape->rm & 7 : -1;
}

/* The place in the frame that the instruction takes; false: it takes none. */
static bool frame_slot(const struct search *search, const struct shape *shape, size_t offset, bool *by_frame, int64_t *at)
{
	if (!shape->has_memory || shape->index >= 0 || (shape->base != GPR_SP && shape->base != GPR_BP))
		return false;
	*by_frame = shape->base == GPR_BP;
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
	int sum = got_sum_register(shape);
	uint8_t out = holds;
	bool by_frame, is_copy = shape->map == 0 && (shape->opcode == STORE || shape->opcode == LOAD);
	int64_t at;
	unsigned from = shape->opcode == STORE ? shape->reg & 7U : shape->rm & 7U;
	unsigned to = shape->opcode == STORE ? shape->rm & 7U : shape->reg & 7U;

	for (unsigned reg = 0; reg < 8; reg++)
		if ((insn->writes.general & register_bits(image->file->gen, reg)) != 0)
			out &= (uint8_t)~(1U << reg);
	if (insn->flow == FLOW_CALL || insn->flow == FLOW_CALL_ANY)
		out &= (uint8_t)~(1U << GPR_AX | 1U << GPR_CX | 1U << GPR_DX);
	if (sum >= 0 && search->pc[sum] != 0 &&
	    arch_address(image->arch, search->pc[sum] + constant32(code, shape)) == image->got)
		out |= (uint8_t)(1U << sum);
	if (is_copy && shape->mod == 3 && (holds & 1U << from) != 0)
		out |= (uint8_t)(1U << to);
	if (is_copy && frame_slot(search, shape, offset, &by_frame, &at)) {
		if (shape->opcode == STORE && (holds & 1U << (shape->reg & 7)) != 0)
			note_slot(search, by_frame, at);
		if (shape->opcode == LOAD && is_known_slot(search, by_frame, at))
			out |= (uint8_t)(1U << (shape->reg & 7));
	}
	/* The address and an index. */
	if (shape->map == 0 && (shape->opcode == ADD_TO_E || shape->opcode == ADD_TO_G) && shape->mod == 3 &&
	    (holds & (1U << (shape->reg & 7) | 1U << (shape->rm & 7))) != 0)
		out |= (uint8_t)(1U << (shape->opcode == ADD_TO_E ? shape->rm & 7 : shape->reg & 7));
	if (shape->map == 0 && shape->opcode == LEA && shape->displacement_size == 0 &&
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
	int sum = got_sum_register(shape), reg = got_pc_register(search->got->image, addr, insn, shape);

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

		arrive(&search, got->lo, search.is_part ? ALL_BUT_SP : 0, 0);
		for (unsigned i = 0; i < PASSES_MAX && (search.any || unreached < got->hi); i++) {
			/* Tables of jumps lead to what nothing else leads to. */
			if (!search.any)
				arrive(&search, unreached, search.ever, 0);
			search.any = false;
			walk_once(&search, &unreached);
		}
		/* Not at rest: then any register may hold it anywhere. */
		if (search.any)
			memset(got->holds, ALL_BUT_SP, size);
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
	return (base >= 0 && base < 8 && (holds & 1U << base) != 0) || (index >= 0 && index < 8 && (holds & 1U << index) != 0);
}
