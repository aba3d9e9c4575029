/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arch: everything nsb knows about an instruction set and its Linux ABI.
 *
 * An architecture is one constant struct.  It is chosen once, when a target is
 * opened, from the class and machine of its executable, and confirmed by the
 * size of the register set that the kernel returns.
 *
 * Porting guide: write src/arch/NAME/NAME.c, which fills in a struct arch; add its row to
 * arch_all (src/arch/table.c), its parasite to src/parasite/NAME.S, and its name to
 * `parasites` in the Makefile.  No other file of src/ may know the architecture.  Field by
 * field:
 *   - name, elf_class, elf_machine, word: what readelf -h says; pointer bytes;
 *   - regs_size: what PTRACE_GETREGSET(NT_PRSTATUS) returns for such a task;
 *   - reg: where each neutral register lies in that set, and how wide it is;
 *   - dwarf_reg: the same by DWARF register number (psABI), for unwinding;
 *   - unw_to_dwarf, sigreturns: what libunwind and the kernel's signal frames look like;
 *   - context: what a suspended coroutine looks like;
 *   - nr: system call numbers;
 *   - syscall_insn: the bytes that enter the kernel;
 *   - breakpoint: the bytes that raise SIGTRAP, with the pc behind them;
 *   - learn, signal_frame: what rt_sigreturn restores a thread from;
 *   - relocs: ELF relocation number -> neutral kind and width;
 *   - tls_get_addr, tls_static_get_addr, tls_static_desc: how code finds TLS variables;
 *   - jump, jump_leads: the jump that is put over a replaced function: its operation in
 *     the first byte, then a displacement, little-endian;
 *   - may_branch_to: whether code might branch into given bytes of itself;
 *   - landing: bytes a function may start with that must stay (ENDBR);
 *   - carry: moves the first instructions of a function elsewhere;
 *   - parasite: the blob of src/parasite for this ABI (parasite.h), the guide's code behind it.
 */
#ifndef NSB_ARCH_H
#define NSB_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"

#define JUMP_MAX 16		/* bytes a jump may take on any architecture */
#define CARRY_MAX 48		/* bytes that a function's first instructions take elsewhere */
#define REGS_MAX 256		/* bytes an NT_PRSTATUS register set may take */
#define DWARF_REGS_MAX 32

/* Neutral names of registers; ARG0.. are those of a system call. */
enum reg {
	REG_PC, REG_SP, REG_AX, REG_ORIG_AX, REG_FLAGS,
	REG_ARG0, REG_ARG1, REG_ARG2, REG_ARG3, REG_ARG4, REG_ARG5,
	REG_COUNT
};

/* Where a register lies in the NT_PRSTATUS set: offset and width in bytes; width 0: none. */
struct reg_slot {
	uint16_t offset, width;
};

/* A general register set as the kernel gives it. */
struct regs {
	size_t size;
	_Alignas(16) uint8_t bytes[REGS_MAX];
};

enum nr {
	NR_MMAP, NR_MUNMAP, NR_MPROTECT, NR_PPOLL, NR_SCHED_YIELD, NR_RT_SIGRETURN,
	NR_RESTART_SYSCALL, NR_EXIT_GROUP, NR_COUNT
};

/*
 * What a relocation computes, in the psABIs' letters: S the symbol's address, A
 * the addend, P the place, B the load bias, Z the symbol's size, GOT the
 * address of the image's global offset table, G the offset of the symbol's slot
 * in it, L the symbol's entry in the procedure linkage table.
 */
enum reloc_kind {
	RELOC_UNKNOWN = 0,
	RELOC_NONE,		/* nothing */
	RELOC_ABS,		/* S + A */
	RELOC_PCREL,		/* S + A - P */
	RELOC_SLOT,		/* S, whatever the addend: a slot that leads to the symbol */
	RELOC_RELATIVE,		/* B + A */
	RELOC_IRELATIVE,	/* what the function at B + A returns */
	RELOC_COPY,		/* the symbol's bytes */
	RELOC_SIZE,		/* Z + A */
	RELOC_DTPMOD,		/* TLS: number of the symbol's module */
	RELOC_DTPOFF,		/* TLS: S + A within the module's block */
	RELOC_TPOFF,		/* TLS: S + A from the thread pointer */
	RELOC_TPOFF_NEG,	/* TLS: the same with the opposite sign */
	RELOC_TLSDESC,		/* TLS: descriptor, two words */
	/* Only the link editor meets those below. */
	RELOC_GOT,		/* G + A */
	RELOC_GOTPCREL,		/* G + GOT + A - P */
	RELOC_GOTREL,		/* S + A - GOT */
	RELOC_GOTPC,		/* GOT + A - P */
	RELOC_PLT,		/* L + A - P */
	RELOC_TLS_CODE,		/* part of an instruction sequence that finds a TLS variable */
	RELOC_KIND_COUNT
};

/* One relocation type of an architecture. */
struct reloc_type {
	const char *name;	/* "R_X86_64_64" */
	enum reloc_kind kind;
	uint8_t width;		/* bytes written; sign-extended by the CPU when smaller than a word */
	bool is_signed;		/* range check of a width-4 value on a 64-bit ABI */
};

/*
 * The code that a signal handler returns to, and where, from the stack pointer
 * there, the interrupted pc, stack pointer and flags are kept: for C libraries
 * whose code has no unwind tables.  Some flags are always the same, which
 * tells a signal frame from other words: those of flags_mask have flags_value.
 */
struct sigreturn_code {
	uint8_t bytes[12];
	unsigned size;
	unsigned pc, sp, flags;
	uint64_t flags_mask, flags_value;
};

/* A few instructions, position-independent. */
struct arch_code {
	uint8_t bytes[24];
	unsigned size;
};

#define CONTEXT_BYTES 256	/* of a ucontext_t that are looked at */

/*
 * The C library's ucontext_t as swapcontext(3) fills it (glibc, sysdeps/unix/sysv/
 * linux/x86_64 and i386, ucontext_i.sym): offsets of the pointer to the
 * floating-point state, of that state, of the pc, and of the registers that a call
 * preserves, by DWARF number.
 */
struct context_layout {
	unsigned self, state, pc;
	struct {
		uint8_t number, offset;
	} saved[8];
	unsigned n_saved;
};

struct arch {
	const char *name;
	uint8_t elf_class;
	uint16_t elf_machine;
	unsigned word;
	size_t regs_size;
	struct reg_slot reg[REG_COUNT];
	struct reg_slot dwarf_reg[DWARF_REGS_MAX];
	unsigned n_dwarf_regs;	/* the last one is the return address column */
	unsigned dwarf_sp;	/* DWARF number of the stack pointer */
	unsigned dwarf_fp;	/* DWARF number of the frame pointer */
	const uint8_t *unw_to_dwarf;	/* libunwind's register numbers as DWARF's; NULL: the same */
	unsigned red_zone;	/* bytes below SP that are in use (128 on amd64) */
	const struct sigreturn_code *sigreturns;
	unsigned n_sigreturns;
	struct context_layout context;
	int nr[NR_COUNT];
	uint8_t syscall_insn[4];
	unsigned syscall_insn_size;
	uint8_t breakpoint[4];
	unsigned breakpoint_size;
	uint8_t landing[4];
	unsigned landing_size;
	const struct reloc_type *relocs;
	unsigned n_relocs;
	uint32_t relative_type;	/* R_*_RELATIVE, for DT_RELR */
	/*
	 * The function that code of the general dynamic model calls, and the same for a
	 * process that has none, where the offset in the tls_index is one from the
	 * thread pointer; what a TLS descriptor of such an offset leads to.
	 */
	const char *tls_get_addr;
	struct arch_code tls_static_get_addr, tls_static_desc;
	unsigned jump_size;
	bool reach_is_whole;	/* a jump reaches every address (arithmetic modulo 2^32) */
	/*
	 * Write the jump that leads from address `from` to `to` (jump_size bytes).
	 * -ERANGE, without a message, where it cannot reach.
	 */
	int (*jump)(uint64_t from, uint64_t to, uint8_t *out);
	/* Where a jump at address `from` leads. */
	uint64_t (*jump_leads)(uint64_t from, const uint8_t *jump);
	/*
	 * Might any instruction in `code` branch to a place from lo up to hi, as offsets
	 * from its start?  False only if none does; indirect branches aside.
	 */
	bool (*may_branch_to)(const uint8_t *code, size_t size, int64_t lo, int64_t hi);
	/*
	 * Copy whole instructions, at least `least` bytes of them, from the start of a
	 * function at address `from` to where they can be run at address `to`, and put
	 * behind them what leads back.  *carried is how many bytes of the function were
	 * copied.  Returns the bytes written to `out`, at most CARRY_MAX, or 0 where an
	 * instruction is none that can be moved.
	 */
	size_t (*carry)(const uint8_t *code, size_t size, size_t least, uint64_t from, uint64_t to,
			uint8_t *out, size_t *carried);
	const uint8_t *parasite;	/* PARASITE_CODE_BYTES, then GUIDE_CODE_BYTES */
	unsigned xstate_note;		/* regset of the extended state: NT_X86_XSTATE */
	/* Ask the processor what signal_frame has to know: before a thread stands for it. */
	void (*learn)(void);
	/*
	 * Build, below address `top` of a stack, the signal frame from which
	 * rt_sigreturn restores `regs`, the extended state (an NT_X86_XSTATE set) and
	 * the signal mask.  *start is where `out` belongs and what the stack pointer
	 * has to be.  Returns its size in bytes, or 0 where none can be built.
	 */
	size_t (*signal_frame)(const struct regs *regs, uint64_t mask, const uint8_t *xstate,
			       size_t xstate_size, uint64_t top, uint8_t *out, size_t room,
			       uint64_t *start);
};

/* Architectures of this build, the native one first; NULL-terminated. */
extern const struct arch *const arch_all[];

/* NULL: this build knows no such architecture. */
const struct arch *arch_find(uint8_t elf_class, uint16_t elf_machine);
/* "amd64", "i386", or a text like "ELF machine 40", for messages; static storage. */
const char *arch_describe(uint8_t elf_class, uint16_t elf_machine);
const struct reloc_type *arch_reloc(const struct arch *arch, uint32_t type);	/* NULL: unknown */
/* Cut to the width that addresses have. */
uint64_t arch_address(const struct arch *arch, uint64_t address);
/* Bytes at the start of a function that have to stay before the jump. */
unsigned arch_landing(const struct arch *arch, const uint8_t *code, size_t size);

/* Registers by neutral name, zero-extended; a set truncates to the register's width. */
uint64_t regs_get(const struct arch *arch, const struct regs *regs, enum reg reg);
void regs_set(const struct arch *arch, struct regs *regs, enum reg reg, uint64_t value);
/* By DWARF number; regs_has_dwarf() says whether there is one. */
bool regs_has_dwarf(const struct arch *arch, unsigned number);
uint64_t regs_get_dwarf(const struct arch *arch, const struct regs *regs, unsigned number);
void regs_set_dwarf(const struct arch *arch, struct regs *regs, unsigned number, uint64_t value);

#endif
