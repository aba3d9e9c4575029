/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions as they have to be at another address, to do the same there. */
#include <string.h>

#include "x86.h"

enum { PUSH_CONSTANT = 0x68, CALL_NEAR = 0xe8, JUMP_NEAR = 0xe9, NEAR = 4 };

/* The next four bytes are the distance to `to`. */
static void put_distance(struct displaced *out, uint64_t to)
{
	out->operands[out->n_operands++] = (struct displaced_operand){ out->size, true, to, -NEAR };
	out->size += NEAR;
}

static void put_near(struct displaced *out, uint8_t opcode, uint64_t to)
{
	out->bytes[out->size++] = opcode;
	put_distance(out, to);
}

void x86_jump_to(uint64_t to, struct displaced *out)
{
	*out = (struct displaced){ .is_last = true };
	put_near(out, JUMP_NEAR, to);
}

/* A branch under a condition, of two bytes or of six: it becomes one of six.  JCXZ and LOOP have no such form. */
static bool put_branch(const struct shape *shape, struct displaced *out)
{
	if ((shape->map != 0 || (shape->opcode & 0xf0) != 0x70) && (shape->map != 1 || (shape->opcode & 0xf0) != 0x80))
		return false;
	out->bytes[out->size++] = 0x0f;
	put_near(out, 0x80 | (shape->opcode & 0x0f), shape->to);
	return true;
}

static void put_return_address(const struct insn *call, struct displaced *out)
{
	out->bytes[out->size++] = PUSH_CONSTANT;
	out->operands[out->n_operands++] = (struct displaced_operand){ out->size, false, call->addr + call->size, 0 };
	out->size += NEAR;
}

/*
 * On i386, where there is no shadow stack, what is called may take its return address for the pc: so that has to be the old
 * one.  On amd64 it is the new one.
 */
static void put_call(const struct insn *insn, bool wide, struct displaced *out)
{
	if (wide) {
		put_near(out, CALL_NEAR, insn->to);
		return;
	}
	put_return_address(insn, out);
	out->pushed = out->size;
	put_near(out, JUMP_NEAR, insn->to);
	out->is_last = true;
}

bool x86_displace(const uint8_t *code, const struct insn *insn, const struct shape *shape, bool wide, struct displaced *out)
{
	*out = (struct displaced){ 0 };
	if (insn->flow == FLOW_STOP || insn->is_opaque || (insn->calls_next && wide))
		return false;
	if (insn->calls_next) {
		put_return_address(insn, out);
		return true;
	}
	if (insn->flow == FLOW_BRANCH)
		return put_branch(shape, out);
	if (insn->flow == FLOW_CALL) {
		put_call(insn, wide, out);
		return true;
	}
	if (insn->flow == FLOW_JUMP) {
		x86_jump_to(insn->to, out);
		return true;
	}
	if (insn->size > sizeof(out->bytes) || (shape->is_relative && shape->displacement_size != NEAR))
		return false;
	memcpy(out->bytes, code, insn->size);
	out->size = insn->size;
	out->is_last = insn->flow == FLOW_JUMP_ANY || insn->flow == FLOW_RETURN;
	if (shape->is_relative)
		out->operands[out->n_operands++] = (struct displaced_operand){
			shape->displacement_at, true, insn->addr + insn->size + (uint64_t)shape->displacement,
			-(int64_t)(insn->size - shape->displacement_at),
		};
	return true;
}
