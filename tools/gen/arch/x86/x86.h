/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86: the instructions of amd64 and i386.
 *
 * The decoder knows no file and no process.  It knows the length of all that an assembler writes but APX (REX2
 * and map 4 of EVEX) and instructions that processors read differently; those are unknown.  Of few, such
 * as xrstor, only the effects are not known.  Sources: Intel's Software Developer's Manual, volume 2,
 * appendix A (opcode maps) and chapter 2 (formats); of XOP, see vector.c.
 */
#ifndef NSB_GEN_X86_H
#define NSB_GEN_X86_H

#include "gen_arch.h"

#define REGISTER_BITS 3u		/* see struct regset */
/* All parts of general register no. `reg`, as register_bits() has them. */
#define GPR_BITS(reg) (((UINT64_C(1) << REGISTER_BITS) - 1) << REGISTER_BITS * (reg))

/* General registers by the numbers that instructions have for them. */
enum {
	GPR_AX, GPR_CX, GPR_DX, GPR_BX, GPR_SP, GPR_BP, GPR_SI, GPR_DI,
	GPR_8, GPR_9, GPR_10, GPR_11,
};

/* struct gen_arch's decode and shape; `wide`: amd64. */
bool x86_decode(const uint8_t *code, size_t size, uint64_t addr, bool wide, struct insn *out);
bool x86_shape(const uint8_t *code, size_t size, uint64_t addr, bool wide, struct shape *out);

/* Of struct gen_arch, for both ABIs. */
size_t x86_find_branch(const uint8_t *code, size_t size, size_t from, uint64_t addr, uint64_t *to);
bool x86_is_branch_operand(const uint8_t *code, size_t at);
size_t x86_short_branch(const uint8_t *code, size_t size, uint64_t addr, uint64_t *to);
bool x86_is_slot_operand(const uint8_t *code, size_t at);
unsigned x86_landing(const uint8_t *code, size_t size);
size_t x86_padding(const uint8_t *code, size_t size);
enum relaxed x86_relaxed(const uint8_t *was, const uint8_t *now, uint32_t *type);
enum does x86_does(const struct shape *shape);
bool x86_makes_constant(const uint8_t *code, const struct shape *shape, unsigned reg, bool wide, int64_t *value, bool *outcome);
bool x86_copies(const struct shape *shape, unsigned *from, unsigned *to, bool *is_conditional);
bool x86_adds(const struct shape *shape);
bool x86_enters_kernel(const struct shape *shape);
bool x86_is_untracked(const uint8_t *code);
bool x86_moves(const uint8_t *code, const struct shape *shape, bool wide, unsigned to, uint64_t size, unsigned *from);
uint64_t x86_loaded_address(const uint8_t *code, const struct insn *insn);
bool x86_address_operand(const uint8_t *code, size_t size, size_t at, uint64_t addr, uint64_t *value, size_t *end, int *reg);
bool i386_calls_for_pc(const uint8_t *code, const struct shape *shape);
int i386_finds_pc(const uint8_t *code, const struct shape *shape, const uint8_t *to, bool is_next);
int i386_sum_register(const struct shape *shape);
bool i386_adds_to(const struct shape *shape, unsigned *to, unsigned *from);
bool amd64_may_lead_to(const uint8_t *code, size_t size, size_t at, uint64_t addr, uint64_t got, uint64_t *value);
bool i386_may_lead_to(const uint8_t *code, size_t size, size_t at, uint64_t addr, uint64_t got, uint64_t *value);
bool amd64_fills_gaps(const uint8_t *code, const struct shape *shape);
bool i386_fills_gaps(const uint8_t *code, const struct shape *shape);
bool x86_may_be_address(const struct shape *shape);
bool x86_may_be_line(const struct shape *shape);
bool x86_same_branch(const uint8_t *code_a, const struct shape *a, const uint8_t *code_b, const struct shape *b);
bool x86_same_opcode(const uint8_t *code_a, const struct shape *a, const uint8_t *code_b, const struct shape *b);
bool x86_displace(const uint8_t *code, const struct insn *insn, const struct shape *shape, bool wide, struct displaced *out);
void x86_jump_to(uint64_t to, struct displaced *out);
bool x86_passes_minus_one(const uint8_t *code, size_t size, bool wide);

#endif
