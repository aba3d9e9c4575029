/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "body.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cursor.h"
#include "exceptions.h"
#include "got.h"
#include "insn.h"

/* ---- walking ---- */

/* The code of one function, read from its start to its end. */
struct walk {
	const struct image *image;
	const uint8_t *bytes;
	uint64_t lo, hi, at;		/* addresses */
	bool has_relocs;		/* dynamic relocations lie in this code */
	struct got got;			/* i386: which registers hold the address of the GOT */
	uint64_t pc[8];			/* i386: what a register held after the last call that found the pc; 0: nothing */
	struct halves halves;		/* of addresses, in registers */
	struct shape shape;		/* of the instruction at `at` */
	const uint8_t *insn;
};

/* False: the code is not in the file.  *err: -ENOMEM. */
static bool walk_begin(struct walk *walk, const struct image *image, uint32_t spot, int *err)
{
	uint64_t size;

	*walk = (struct walk){ .image = image, .lo = image->spots[spot].addr, .hi = image->spots[spot].end };
	walk->at = walk->lo;
	walk->bytes = image_bytes(image, walk->lo, &size);
	if (walk->bytes == NULL || size < walk->hi - walk->lo)
		return false;
	size_t first = image_reloc_from(image, walk->lo);
	walk->has_relocs = first < image->n_relocs && image->relocs[first].place < walk->hi;
	*err = got_init(&walk->got, image, spot, walk->bytes);
	return *err == 0;
}

static bool walk_decode(struct walk *walk)
{
	walk->insn = walk->bytes + (walk->at - walk->lo);
	return insn_shape_next(&walk->halves, walk->insn, (size_t)(walk->hi - walk->at), walk->at, walk->image->gen, &walk->shape);
}

static uint64_t constant_of(const struct walk *walk)
{
	const struct shape *shape = &walk->shape;
	struct cursor at;

	if (shape->immediate_size == 0 || shape->immediate_size > 8)
		return 0;
	cursor_init(&at, walk->insn + shape->immediate_at, shape->immediate_size);
	uint64_t value = cursor_uint(&at, shape->immediate_size);
	unsigned shift = 64 - 8u * shape->immediate_size;
	return (uint64_t)((int64_t)(value << shift) >> shift);
}

/* ---- the pc in registers, on i386 ---- */

/* Does this instruction turn a pc into the address of the GOT? */
static bool finds_got(const struct walk *walk)
{
	int reg = walk->image->gen->data_by_pc ? -1 : walk->image->gen->sum_register(&walk->shape);

	return reg >= 0 && walk->pc[reg] != 0 && walk->image->got != 0 &&
	       (uint32_t)(walk->pc[reg] + constant_of(walk)) == walk->image->got;
}

/* Only what is added to the pc first is a distance from it. */
static void note_pc(struct walk *walk)
{
	if (walk->image->gen->data_by_pc)
		return;
	int sum = walk->image->gen->sum_register(&walk->shape), reg = got_pc_register(walk->image, walk->at, walk->insn, &walk->shape);
	if (sum >= 0)
		walk->pc[sum] = 0;
	if (reg >= 0)
		walk->pc[reg] = walk->at + walk->shape.size;
}

/* ---- operands ---- */

enum operand_kind {
	OPERAND_NONE,
	OPERAND_NUMBER,
	OPERAND_PLACE,		/* `place` is an address */
	OPERAND_MAYBE,		/* it is a number, or `place` is an address */
	OPERAND_GOT,		/* it makes the address of the GOT out of the pc */
	OPERAND_THREAD,		/* an offset from the thread pointer */
	OPERAND_RELOC,		/* the dynamic linker writes it */
};

struct operand {
	enum operand_kind kind;
	uint64_t number, place;
	unsigned access;
	bool has_index;			/* registers are added to `place` */
	const struct image_reloc *reloc;
};

static bool is_in_image(const struct image *image, uint64_t place)
{
	return image_section_at(image, place) != NULL;
}

/* What the dynamic linker writes over; text relocations, as i386 libraries may have them. */
static bool take_reloc(const struct walk *walk, unsigned at, struct operand *operand)
{
	if (!walk->has_relocs)
		return false;
	operand->reloc = image_reloc_at(walk->image, walk->at + at);
	if (operand->reloc != NULL)
		operand->kind = OPERAND_RELOC;
	return operand->reloc != NULL;
}

static bool counts_from_got(const struct walk *walk)
{
	return got_holds(&walk->got, walk->at, walk->shape.base, walk->shape.index);
}

static struct operand displacement_operand(const struct walk *walk)
{
	const struct shape *shape = &walk->shape;
	const struct image *image = walk->image;
	struct operand operand = {
		.kind = OPERAND_NUMBER, .number = (uint64_t)shape->displacement,
		.has_index = shape->base >= 0 || shape->index >= 0,
	};

	if (shape->displacement_size == 0)
		operand.kind = shape->segment != 0 && shape->has_memory && shape->base < 0 ? OPERAND_THREAD : OPERAND_NONE;
	if (shape->displacement_size < 4 || take_reloc(walk, shape->displacement_at, &operand))
		return operand;
	if (shape->is_relative) {
		operand.kind = OPERAND_PLACE;
		operand.place = walk->at + shape->size + (uint64_t)shape->displacement;
		operand.access = shape->access;
	} else if (shape->segment != 0) {
		operand.kind = shape->base < 0 && shape->index < 0 ? OPERAND_THREAD : OPERAND_NUMBER;
	} else if (counts_from_got(walk)) {
		operand.kind = OPERAND_MAYBE;
		operand.place = arch_address(image->arch, image->got + (uint64_t)shape->displacement);
		operand.access = shape->base < 0 || shape->index < 0 ? shape->access : 0;
		operand.has_index = shape->base >= 0 && shape->index >= 0;
	} else if (image->has_fixed_place) {
		operand.kind = OPERAND_MAYBE;
		operand.place = (uint32_t)shape->displacement;
		operand.access = shape->base < 0 && shape->index < 0 ? shape->access : 0;
	}
	return operand;
}

/* Of all instructions but direct branches. */
static struct operand immediate_operand(const struct walk *walk)
{
	const struct shape *shape = &walk->shape;
	struct operand operand = { .kind = OPERAND_NUMBER, .number = constant_of(walk) };

	if (shape->immediate_size == 0)
		operand.kind = OPERAND_NONE;
	if (shape->immediate_size < 4 || take_reloc(walk, shape->immediate_at, &operand))
		return operand;
	int reg = walk->image->gen->data_by_pc ? -1 : walk->image->gen->sum_register(shape);
	if (finds_got(walk)) {
		operand.kind = OPERAND_GOT;
	} else if (reg >= 0 && walk->pc[reg] != 0 &&
		   is_in_image(walk->image, (uint32_t)(walk->pc[reg] + operand.number))) {
		operand.kind = OPERAND_PLACE;
		operand.place = (uint32_t)(walk->pc[reg] + operand.number);
	} else if (reg >= 0 && got_holds(&walk->got, walk->at, reg, -1)) {
		operand.kind = OPERAND_MAYBE;
		operand.place = (uint32_t)(walk->image->got + operand.number);
		operand.has_index = true;
	} else if (walk->image->gen->data_by_pc && shape->immediate_size == 8 && !walk->image->has_fixed_place) {
		/* -mcmodel=medium: a distance from the GOT. */
		operand.kind = OPERAND_MAYBE;
		operand.place = walk->image->got + operand.number;
	} else if (walk->image->has_fixed_place && walk->image->gen->may_be_address(shape)) {
		operand.kind = OPERAND_MAYBE;
		operand.place = shape->immediate_size == 4 ? (uint32_t)operand.number : operand.number;
	}
	return operand;
}

static bool is_branch(const struct shape *shape)
{
	return shape->flow == FLOW_JUMP || shape->flow == FLOW_BRANCH || shape->flow == FLOW_CALL;
}

/* ---- visiting ---- */

static int visit_operand(const struct walk *walk, const struct operand *operand, reference_visitor visit, void *ctx)
{

	if (operand->kind == OPERAND_RELOC)
		return operand->reloc->kind == RELOC_RELATIVE ? visit(ctx, walk->at, operand->reloc->addend, 0) : 0;
	if (operand->kind != OPERAND_PLACE && (operand->kind != OPERAND_MAYBE || !is_in_image(walk->image, operand->place)))
		return 0;
	return visit(ctx, walk->at, operand->place, operand->access);
}

int each_reference(const struct image *image, uint32_t spot, reference_visitor visit, void *ctx)
{
	struct walk walk;
	int err = 0;

	if (!walk_begin(&walk, image, spot, &err))
		return err;
	for (; err == 0 && walk.at < walk.hi && walk_decode(&walk); walk.at += walk.shape.size) {
		struct operand operand = displacement_operand(&walk);

		err = visit_operand(&walk, &operand, visit, ctx);
		if (err == 0 && is_branch(&walk.shape)) {
			if (walk.shape.to < walk.lo || walk.shape.to >= walk.hi)
				err = visit(ctx, walk.at, walk.shape.to, 0);
		} else if (err == 0) {
			operand = immediate_operand(&walk);
			err = visit_operand(&walk, &operand, visit, ctx);
		}
		note_pc(&walk);
	}
	got_deinit(&walk.got);
	return err;
}

/* ---- comparing ---- */

/* An instruction of the function, at an offset.  Those of equal numbers are each other's. */
struct step {
	uint64_t addr;
	uint64_t number;
};

struct side_by_side {
	struct meanings *m;
	struct walk old, new;
	struct step *steps[2];
	size_t n_steps[2];
	struct numbers *numbers;
};

/* Opcode and prefixes of a branch, however far it goes: jmp, call, or a condition. */
static bool same_branch_kind(const struct side_by_side *c)
{
	return c->old.image->gen->same_branch(c->old.insn, &c->old.shape, c->new.insn, &c->new.shape);
}

/* All bytes that are not of an operand. */
static bool same_opcode(const struct side_by_side *c)
{
	return c->old.image->gen->same_opcode(c->old.insn, &c->old.shape, c->new.insn, &c->new.shape);
}

/* May the constant be the number of a source line, as assert() passes it? */
static bool may_be_line(const struct walk *walk)
{
	return walk->image->gen->may_be_line(&walk->shape);
}

static bool differing_number(struct side_by_side *c, const struct operand *a, const struct operand *b, bool is_constant)
{
	if (!is_constant || !may_be_line(&c->old) || !may_be_line(&c->new))
		return because(c->m, is_constant ? "the constant %" PRIi64 " is %" PRIi64 :
			       "the offset %" PRIi64 " is %" PRIi64, (int64_t)a->number, (int64_t)b->number);
	if (ARRAY_GROW(&c->numbers->table, c->numbers->count, 1) != 0) {
		c->m->err = -ENOMEM;
		return false;
	}
	c->numbers->table[c->numbers->count++] = (struct number_pair){ c->old.at, c->new.at, a->number, b->number };
	return true;
}

static bool same_thread_operand(struct side_by_side *c, const struct operand *a, const struct operand *b)
{
	if (a->number == 0 && b->number == 0) {	/* the thread pointer itself */
		c->m->asks_for_threads = true;
		return true;
	}
	if ((int64_t)a->number < 0 && (int64_t)b->number < 0)
		return same_thread_variable(c->m, a->number + c->m->old->tls_size, b->number + c->m->new->tls_size);
	return a->number == b->number ? true : because(c->m, "it uses another offset from the thread pointer");
}

/* Code has no addresses of places amid other functions: such a number is a number, as 0x410000. */
static bool is_amid_code(const struct side_by_side *c, uint64_t place)
{
	struct whereabouts at = image_at(c->m->old, place);

	return at.area == AREA_CODE && at.spot != IMAGE_NONE && at.spot != c->m->own[0] && at.offset != 0;
}

static bool same_operand(struct side_by_side *c, const struct operand *a, const struct operand *b, bool is_constant)
{
	const struct image_reloc *one = a->reloc, *other = b->reloc;
	unsigned access = a->access == b->access ? a->access : 0;

	if (a->kind != b->kind)
		return because(c->m, "an operand is of another kind");
	switch (a->kind) {
	case OPERAND_NONE: case OPERAND_GOT:
		return true;
	case OPERAND_PLACE:
		return same_place(c->m, a->place, b->place, access, a->has_index && b->has_index);
	case OPERAND_THREAD:
		return same_thread_operand(c, a, b);
	case OPERAND_RELOC:
		if (one->kind != other->kind || (one->symbol == NULL) != (other->symbol == NULL))
			return because(c->m, "an operand is bound in another way");
		if (one->symbol == NULL)
			return same_place(c->m, one->addend, other->addend, 0, false);
		return (strcmp(one->symbol, other->symbol) == 0 && one->addend == other->addend) ||
		       because(c->m, "it refers to '%s', not to '%s'", other->symbol, one->symbol);
	case OPERAND_MAYBE:
		if (a->number == b->number && is_amid_code(c, a->place))
			return true;
		if (is_in_image(c->m->old, a->place) && is_in_image(c->m->new, b->place))
			return same_place(c->m, a->place, b->place, access, a->has_index && b->has_index);
		break;
	case OPERAND_NUMBER:
		break;
	}
	return a->number == b->number || differing_number(c, a, b, is_constant);
}

static bool add_jump(struct meanings *m, uint64_t old, uint64_t new)
{
	if (ARRAY_GROW(&m->jumps, m->n_jumps, 1) != 0) {
		m->err = -ENOMEM;
		return false;
	}
	m->jumps[m->n_jumps++] = (struct jump_pair){ old, new };
	return true;
}

static bool same_branch(struct side_by_side *c)
{
	uint64_t a = c->old.shape.to, b = c->new.shape.to;
	bool own_a = a >= c->old.lo && a < c->old.hi, own_b = b >= c->new.lo && b < c->new.hi;

	if (!same_branch_kind(c))
		return because(c->m, "another instruction");
	if (own_a && own_b)
		return add_jump(c->m, a - c->old.lo, b - c->new.lo);
	/* A call of what follows finds the pc. */
	if (own_a || own_b)
		return because(c->m, "a jump leads out of it in one of them only");
	return same_place(c->m, a, b, 0, false);
}

static bool same_insn(struct side_by_side *c)
{
	bool branch_a = is_branch(&c->old.shape), branch_b = is_branch(&c->new.shape);

	if (branch_a || branch_b)
		return branch_a && branch_b ? same_branch(c) : because(c->m, "another instruction");
	if (!same_opcode(c))
		return because(c->m, "another instruction");
	struct operand a = displacement_operand(&c->old), b = displacement_operand(&c->new);
	if (!same_operand(c, &a, &b, false))
		return false;
	a = immediate_operand(&c->old);
	b = immediate_operand(&c->new);
	return same_operand(c, &a, &b, true);
}

static void add_step(struct side_by_side *c, int side, const struct walk *walk, uint64_t number)
{
	c->steps[side][c->n_steps[side]++] = (struct step){ walk->at - walk->lo, number };
}

/* Some linkers fill gaps with zeros, which are no instructions: up to the end there are no others. */
static bool is_zero_from(const struct walk *walk, uint64_t at)
{
	while (at < walk->hi && walk->bytes[at - walk->lo] == 0)
		at++;
	return at == walk->hi;
}

/* Pass over padding.  False: an instruction is not understood. */
static bool skip_padding(struct side_by_side *c, int side, struct walk *walk, uint64_t number)
{
	while (walk->at < walk->hi) {
		if (walk->at > walk->lo && is_zero_from(walk, walk->at)) {
			walk->at = walk->hi;
			break;
		}
		if (!walk_decode(walk))
			return because(c->m, "an instruction is not understood");
		add_step(c, side, walk, number);
		if (!walk->image->gen->fills_gaps(walk->insn, &walk->shape))
			return true;
		walk->at += walk->shape.size;
	}
	add_step(c, side, walk, number);
	return true;
}

/*
 * Do the jumps lead to instructions that are each other's?  Some of glibc lead behind the first
 * byte of one, to pass over its prefix "lock".
 */
static bool same_step(const struct side_by_side *c, const struct jump_pair *jump)
{
	size_t a = ARRAY_UPTO(c->steps[0], c->n_steps[0], addr, jump->old);
	size_t b = ARRAY_UPTO(c->steps[1], c->n_steps[1], addr, jump->new);

	if (a == 0 || b == 0 || c->steps[0][a - 1].number != c->steps[1][b - 1].number)
		return false;
	uint64_t start_a = c->steps[0][a - 1].addr, start_b = c->steps[1][b - 1].addr;
	if (jump->old == start_a && jump->new == start_b)
		return true;
	const uint8_t prefix = c->old.image->gen->lock_prefix;
	return prefix != 0 && jump->old == start_a + 1 && jump->new == start_b + 1 && start_a < c->old.hi - c->old.lo &&
	       start_b < c->new.hi - c->new.lo && c->old.bytes[start_a] == prefix && c->new.bytes[start_b] == prefix;
}

static bool same_jumps(struct side_by_side *c, uint64_t *at)
{
	for (size_t i = 0; i < c->m->n_jumps; i++) {
		*at = c->m->jumps[i].old;
		if (!same_step(c, &c->m->jumps[i]))
			return because(c->m, "a jump leads to another place");
	}
	return true;
}

static bool same_code(struct side_by_side *c, uint64_t *at)
{
	for (uint64_t number = 0;; number++) {
		bool is_known = skip_padding(c, 0, &c->old, number);

		is_known = skip_padding(c, 1, &c->new, number) && is_known;
		*at = c->old.at - c->old.lo;
		if (!is_known)
			return false;
		if (c->old.at >= c->old.hi || c->new.at >= c->new.hi)
			break;
		if (!same_insn(c))
			return false;
		note_pc(&c->old);
		note_pc(&c->new);
		c->old.at += c->old.shape.size;
		c->new.at += c->new.shape.size;
	}
	if (c->old.at < c->old.hi || c->new.at < c->new.hi)
		return because(c->m, c->old.at < c->old.hi ? "it ends sooner" : "more follows");
	return same_jumps(c, at);
}

bool same_body(struct meanings *m, uint32_t old, uint32_t new, struct numbers *numbers, uint64_t *at)
{
	struct side_by_side c = { .m = m, .numbers = numbers };
	bool same = false;

	*at = 0;
	if (!walk_begin(&c.old, m->old, old, &m->err) || !walk_begin(&c.new, m->new, new, &m->err)) {
		got_deinit(&c.old.got);
		return because(m, "its code is not in the file");
	}
	/* A step for each byte at most, and one for the end. */
	c.steps[0] = calloc((size_t)(c.old.hi - c.old.lo) + 2, sizeof(struct step));
	c.steps[1] = calloc((size_t)(c.new.hi - c.new.lo) + 2, sizeof(struct step));
	if (c.steps[0] == NULL || c.steps[1] == NULL) {
		m->err = fail(ENOMEM, "out of memory");
	} else {
		m->own[0] = old;
		m->own[1] = new;
		m->n_jumps = 0;
		m->asks_for_threads = false;
		same = same_code(&c, at);
		if (same && m->asks_for_threads && !m->same_threads)
			same = because(m, "it finds thread-local variables by their offsets, and these differ");
		m->own[0] = m->own[1] = IMAGE_NONE;
		if (same && m->has_exceptions)
			same = same_exceptions(m, old, new);
	}
	got_deinit(&c.old.got);
	got_deinit(&c.new.got);
	free(c.steps[0]);
	free(c.steps[1]);
	return same;
}
