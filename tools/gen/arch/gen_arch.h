/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gen_arch: what nsb-gen knows about an instruction set and its ABI.
 *
 * It stands beside struct arch (src/arch.h), which is for a process.  A constant struct gen_arch describes
 * one ABI.  nsb-gen chooses it when it opens a file, by the class and the machine; files of others have none
 * and are refused where code has to be read.  docs/porting.md goes through both tables with the values for aarch64.
 */
#ifndef NSB_GEN_GEN_ARCH_H
#define NSB_GEN_GEN_ARCH_H

#include "insn.h"

/* A relocation of code that finds a thread-local variable, as the ABI's models of TLS have it. */
enum tls_code {
	TLS_CODE_UNKNOWN,
	TLS_CODE_MODULE,	/* the slot has the module alone: the variables' offsets are in the code */
	TLS_CODE_OFFSET,	/* such an offset */
	TLS_CODE_GENERAL,	/* two slots, with the module and the offset */
	TLS_CODE_INITIAL,	/* a slot with the offset from the thread pointer */
	TLS_CODE_DESCRIPTOR,	/* two slots, a TLS descriptor */
	TLS_CODE_CALL,		/* the call through a descriptor, without an address in it */
};

/* What a linker has made of an instruction that read the slot of a thing in the GOT. */
enum relaxed {
	RELAXED_UNKNOWN,
	RELAXED_NOT,		/* nothing */
	RELAXED_TO_ADDRESS,	/* an instruction that computes the address */
	RELAXED_TO_CALL,	/* a direct call, with its operand at the same place */
	RELAXED_TO_JUMP,	/* a direct jump, with its operand one byte before */
	RELAXED_TO_TYPE,	/* an instruction for which the object would have another relocation, *type */
};

/* What an instruction does with the memory of its operand. */
enum does {
	DOES_OTHER,		/* it reads it, or has none */
	DOES_ADDRESS,		/* only the address is computed */
	DOES_LOAD,		/* a plain load into a general register, `reg` of its shape */
	DOES_COMPARE,		/* a plain comparison of `reg` with its operand, which may be a register, `rm` */
	/* Those below write memory. */
	DOES_STORE,
	DOES_STORE_REGISTER,	/* a plain store of `reg` */
	DOES_STORE_CONSTANT,
};

/* An instruction that puts a constant where arguments of calls are. */
struct constant_argument {
	size_t width;		/* of the constant, which is the instruction's last bytes */
	int reg;		/* -1: on the stack */
};

#define RELAXED_BYTES 8

/* A form of jump tables: what is added to an entry to get an address. */
enum table_base {
	BASE_NONE,
	BASE_TABLE,		/* the table's own address */
	BASE_GOT,		/* the GOT's; the table is found by its distance from that, too */
	BASE_CODE,		/* an address in the function, which another instruction loads */
};

struct table_form {
	uint8_t size;		/* bytes of an entry, */
	bool is_signed;
	uint8_t shift;		/* which is multiplied by 1 << shift */
	enum table_base base;
};

struct gen_arch {
	const char *name;
	uint8_t elf_class;
	uint16_t elf_machine;
	unsigned word;			/* bytes of an address */
	uint64_t last;			/* the last address; sums of addresses are modulo last + 1 */

	/* ---- instructions ---- */

	/* See insn_decode() and insn_shape(). */
	bool (*decode)(const uint8_t *code, size_t size, uint64_t addr, struct insn *out);
	bool (*shape)(const uint8_t *code, size_t size, uint64_t addr, struct shape *out);
	/*
	 * The address that the instruction has together with one before it, and 0 if it has none.  It changes *halves as the
	 * instruction changes registers; at a jump, a return and a call it forgets what may be changed there.  NULL: instructions
	 * of this ABI have whole addresses.
	 */
	uint64_t (*join)(struct halves *halves, const uint8_t *code, uint64_t addr);
	/*
	 * Code has distances from itself to data.  False: it has distances from the GOT, whose address is
	 * in a register.
	 */
	bool data_by_pc;

	/*
	 * How code without data_by_pc finds the GOT; else NULL.  calls_for_pc: may it be a call that
	 * finds the pc?  finds_pc: the register that has the address of the next instruction when such a call is over, of which `to` has the bytes where it leads, at least four, or -1.  sum_register: the
	 * register to which it adds a constant of an address' width, or -1.  adds_to: the registers that it adds up, of which *to
	 * has the sum.
	 */
	int (*finds_pc)(const uint8_t *code, const struct shape *shape, const uint8_t *to, bool is_next);
	bool (*calls_for_pc)(const uint8_t *code, const struct shape *shape);
	int (*sum_register)(const struct shape *shape);
	bool (*adds_to)(const struct shape *shape, unsigned *to, unsigned *from);
	const struct table_form *tables;	/* of a switch, n_tables of them */
	unsigned n_tables;

	/* ---- what single instructions do ---- */

	enum does (*does)(const struct shape *shape);
	/*
	 * Does it make a constant, *value, in register `reg`?  If *outcome is set, it is 0 or 1, as the outcome of a
	 * comparison.  `code` has its bytes.
	 */
	bool (*makes_constant)(const uint8_t *code, const struct shape *shape, unsigned reg, int64_t *value, bool *outcome);
	/* Does it copy `size` bytes of a register, *from, to register `to`? */
	bool (*moves)(const uint8_t *code, const struct shape *shape, unsigned to, uint64_t size, unsigned *from);
	/*
	 * Does it copy a general register to another, in whole or in part?  *is_conditional: only under a condition; that is
	 * told of a load from memory, too.
	 */
	bool (*copies)(const struct shape *shape, unsigned *from, unsigned *to, bool *is_conditional);
	/* Does it add an operand to another one?  Does it enter the kernel? */
	bool (*adds)(const struct shape *shape);
	bool (*enters_kernel)(const struct shape *shape);
	/* Is the jump whose first byte this is one of a switch for sure, as it needs no landing pad where it goes? */
	bool (*is_untracked)(const uint8_t *code);
	/* The address that it puts into a register; 0 if it does something else. */
	uint64_t (*loaded_address)(const uint8_t *code, const struct insn *insn);
	/*
	 * Does what is at code[at] look like the end of an operand with which code computes address *value, say a distance from the
	 * instruction's own address?  *end is where the instruction ends, *reg where the address goes; -1: not to all of a register.
	 */
	bool (*address_operand)(const uint8_t *code, size_t size, size_t at, uint64_t addr, uint64_t *value, size_t *end, int *reg);
	/*
	 * May what is at code[at] be an operand that leads to *value and that is not one of a branch, whatever the instruction does?
	 * `code` is at address `addr`.  `got` is the address of the GOT if code has distances from that, else 0.
	 */
	bool (*may_lead_to)(const uint8_t *code, size_t size, size_t at, uint64_t addr, uint64_t got, uint64_t *value);
	/* Is -1 made the first argument somewhere in these bytes before a call? */
	bool (*passes_minus_one)(const uint8_t *code, size_t size);
	/* Does it do nothing?  Such instructions fill gaps. */
	bool (*fills_gaps)(const uint8_t *code, const struct shape *shape);
	/* May its constant be an address?  May it be the number of a source line, as assert() passes it? */
	bool (*may_be_address)(const struct shape *shape);
	bool (*may_be_line)(const struct shape *shape);
	/* Are two branches alike but for how far they go? */
	bool (*same_branch)(const uint8_t *code_a, const struct shape *a, const uint8_t *code_b, const struct shape *b);
	/* Are two instructions alike but for their constants? */
	bool (*same_opcode)(const uint8_t *code_a, const struct shape *a, const uint8_t *code_b, const struct shape *b);
	uint8_t lock_prefix;		/* a jump may lead behind it, to run the instruction without; 0: there is none */
	uint16_t position_register;	/* bit per register that has the address of the GOT, besides sp and fp no base of variables */

	/*
	 * What does the same at another address.  False: nothing is known that does.  A call returns to there, unless what
	 * is called may rely on where it returns to.  jump_to: a jump back.
	 */
	bool (*displace)(const uint8_t *code, const struct insn *insn, const struct shape *shape, struct displaced *out);
	void (*jump_to)(uint64_t to, struct displaced *out);

	/* ---- branches, without knowing where instructions begin ---- */

	/*
	 * The first offset from `from` on at which something looks like the operand of a branch; SIZE_MAX: there is none.
	 * *to is where that leads.  `code` is at address `addr`.
	 */
	size_t (*find_branch)(const uint8_t *code, size_t size, size_t from, uint64_t addr, uint64_t *to);
	/* Is what begins at code[at], of at least four bytes, the operand of something that looks like such a branch? */
	bool (*is_branch_operand)(const uint8_t *code, size_t at);
	/* A branch that looks like one of few bytes: its size and where it leads; 0: it is none. */
	size_t (*short_branch)(const uint8_t *code, size_t size, uint64_t addr, uint64_t *to);
	unsigned short_reach;		/* a short branch is nearer to what it leads to */
	/* Do the bytes before code[at] look like those of a call or jump through memory, with its operand there? */
	bool (*is_slot_operand)(const uint8_t *code, size_t at);
	unsigned stub_insns;		/* a stub of a procedure linkage table has no more instructions, of which the jump is the last one */
	/* The slot that a stub at the start of `code` jumps through without a register's help; false: it is no such stub. */
	bool (*stub_slot)(const uint8_t *code, size_t size, uint64_t addr, uint64_t *slot);

	/* ---- room for the jump ---- */

	unsigned jump_size;		/* as struct arch says */
	unsigned landing_max;
	/* Bytes at the start of a function that have to stay in front of the jump. */
	unsigned (*landing)(const uint8_t *code, size_t size);
	/* How many bytes at the start of `code` are padding, as assemblers and linkers fill gaps. */
	size_t (*padding)(const uint8_t *code, size_t size);

	/* ---- registers, by the numbers that instructions have for them ---- */

	struct regset caller_saved;	/* what a function may change */
	const uint8_t *arguments;	/* registers of arguments that are words, in their order */
	unsigned n_arguments;		/* 0: arguments are on the stack */
	unsigned n_vector_arguments;	/* the first so many vector registers have arguments, too */
	uint8_t result, result_high;	/* of a result of a word, and of its second word */
	bool returns_vectors;		/* a result of floating point is in a vector register */
	uint8_t stack_pointer, frame_pointer;
	unsigned n_registers;		/* general ones */
	unsigned register_bits;		/* of struct regset that each of them has: one where no instruction changes a part alone */
	const char *const *names;	/* by number */
	const char *vector_name, *vector_name_high;	/* before the number; of the upper part alone */
	const uint8_t *from_dwarf;	/* number by DWARF's number, n_from_dwarf of them */
	unsigned n_from_dwarf;
	unsigned dwarf_sp, dwarf_fp;	/* DWARF's numbers of stack and frame pointer */
	unsigned dwarf_vectors;		/* DWARF's number of the first vector register */
	unsigned n_dwarf_vectors;
	const uint8_t *kept_dwarf;	/* DWARF's numbers of what a function brings back, in the order of VZP__KEPT in vzp.h */
	unsigned n_kept_dwarf;

	/* ---- conventions ---- */

	/*
	 * gcc may pass arguments of its own choice in registers to a static function, and an attribute asks for
	 * that; these are the registers.
	 */
	const uint8_t *own_arguments;
	unsigned n_own_arguments;
	/* The instruction at the start of `code`, `size` bytes, puts a constant where arguments are. */
	bool (*puts_argument)(const uint8_t *code, size_t size, struct constant_argument *out);

	/* ---- relocations ---- */

	uint32_t slot_type;		/* R_*_JUMP_SLOT */
	uint32_t irelative_type;
	uint32_t branch_type;		/* of the distance of a call from its own address */
	enum tls_code (*tls_code)(uint32_t type);
	/*
	 * What stands in field no. `field` (struct reloc_type) of the instruction at address `at`, of `bytes`: the bits of
	 * *value that are set in *known, as put_field() of struct arch was given them.  NULL where that is.
	 */
	void (*get_field)(unsigned field, uint64_t at, const uint8_t *bytes, uint64_t *value, uint64_t *known);
	unsigned branch_room;		/* a branch with so many bytes leads to everything in a section; shorter ones may not */
	/*
	 * What a linker has made of an instruction.  `was` and `now` are RELAXED_BYTES from relaxed_before bytes before the place
	 * on that the relocation names, in the object and in the linked file; behind the end of the function are zeros.  *type is
	 * set for RELAXED_TO_TYPE.
	 */
	enum relaxed (*relaxed)(const uint8_t *was, const uint8_t *now, uint32_t *type);
	unsigned relaxed_before;
};

extern const struct gen_arch gen_amd64, gen_i386;

/* NULL: nsb-gen knows no such ABI. */
const struct gen_arch *gen_arch_find(uint8_t elf_class, uint16_t elf_machine);

/*
 * Decode the instruction at the start of `code`, which is at address `addr`.  False: it is
 * unknown, or cut off.
 */
static inline bool insn_decode(const uint8_t *code, size_t size, uint64_t addr, const struct gen_arch *gen,
			       struct insn *out)
{
	return gen->decode(code, size, addr, out);
}

/* All bits of a general register in struct regset. */
static inline uint64_t register_bits(const struct gen_arch *gen, unsigned reg)
{
	return ((UINT64_C(1) << gen->register_bits) - 1) << gen->register_bits * reg;
}

/* The shape of the instruction at the start of `code`, which is at address `addr`.  False: it is unknown, or cut off. */
static inline bool insn_shape(const uint8_t *code, size_t size, uint64_t addr, const struct gen_arch *gen,
			      struct shape *out)
{
	return gen->shape(code, size, addr, out);
}

/* The same of the next instruction of a walk: it may have an address together with those before it. */
static inline bool insn_decode_next(struct halves *halves, const uint8_t *code, size_t size, uint64_t addr,
				    const struct gen_arch *gen, struct insn *out)
{
	if (!gen->decode(code, size, addr, out))
		return false;
	out->joined = gen->join != NULL ? gen->join(halves, code, addr) : 0;
	if (out->joined != 0 && out->has_memory)
		out->memory = out->joined;
	return true;
}

/* Make the shape one with a whole address, as a distance in its first bytes. */
static inline void shape_join(struct shape *shape, uint64_t addr, uint64_t joined)
{
	if (joined == 0)
		return;
	shape->is_relative = true;
	shape->base = -1;
	shape->displacement = (int64_t)(joined - addr - shape->size);
	shape->displacement_at = 0;
	shape->displacement_size = 4;
	shape->immediate_size = 0;
}

static inline bool insn_shape_next(struct halves *halves, const uint8_t *code, size_t size, uint64_t addr,
				   const struct gen_arch *gen, struct shape *out)
{
	if (!gen->shape(code, size, addr, out))
		return false;
	if (gen->join != NULL)
		shape_join(out, addr, gen->join(halves, code, addr));
	return true;
}

/* The shape of an instruction that was decoded in a walk; `code` has its bytes. */
static inline bool insn_shape_of(const struct insn *insn, const uint8_t *code, const struct gen_arch *gen, struct shape *out)
{
	if (!gen->shape(code, insn->size, insn->addr, out))
		return false;
	shape_join(out, insn->addr, insn->joined);
	return true;
}

#endif
