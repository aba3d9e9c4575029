/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arch: everything nsb knows about an instruction set and its Linux ABI.
 *
 * An architecture is one constant struct arch.  nsb chooses it once, when it opens a target,
 * by the class and machine of the executable, and confirms it by the size of the register
 * set that the kernel returns.
 *
 * Porting guide: write src/arch/NAME/NAME.c, which fills in a struct arch; add its rows to
 * arch_all, arch_abis and arch_machine_names (src/arch/table.c), its guide to src/parasite/NAME.S, and its name to
 * `parasites` in the Makefile.  No other file of src/ may know the architecture (tests/helpers/house.py looks).
 * docs/porting.md fills the table in for aarch64, and tells what does not fit yet.  Field by
 * field:
 *   - name, elf_class, elf_machine, word: what readelf -h says; pointer bytes;
 *   - user_top: where the user address space ends;
 *   - regs_size: what PTRACE_GETREGSET(NT_PRSTATUS) returns for such a task;
 *   - more_sets: other register sets that have registers of the next field, and stand behind that one;
 *   - reg: where each neutral register lies in these sets, and how wide it is; REG_CALL tells whether a thread is
 *     in a system call;
 *   - forgets_calls, goes_on: whether nothing in a stopped thread's registers tells that the stop has ended its system call;
 *   - dwarf_reg: the same by DWARF register number (psABI), for unwinding;
 *   - return_bits, dwarf_link: return addresses that are signed, and the register that a leaf has its own in;
 *   - unw_to_dwarf, sigreturns: what libunwind and the kernel's signal frames look like;
 *   - context, jump_buffer: what swapcontext(3) and setjmp(3) save of a suspended coroutine;
 *   - nr: system call numbers;
 *   - find_call: what a stop of its thread does to a system call;
 *   - syscall_insn: the bytes that enter the kernel;
 *   - breakpoint, breakpoint_behind: the bytes that raise SIGTRAP, and how far the pc is behind them then;
 *   - learn, signal_frame: what rt_sigreturn restores a thread from;
 *   - relocs: ELF relocation number -> neutral kind and width;
 *   - put_field: relocations of a part of an instruction;
 *   - tls_get_addr, tls_static_get_addr, tls_static_desc, tls_above: how code finds TLS variables;
 *   - jump, jump_leads: the jump that is put over a replaced function: its operation in
 *     the first byte, then a displacement, little-endian;
 *   - may_branch_to: whether code might branch into given bytes of itself;
 *   - branch_at: where a call, or a stub of a procedure linkage table, leads;
 *   - has_bridge: whether a function may have room for a part of the jump only;
 *   - landing: how many bytes at a function's start must stay (ENDBR); a jump that brings a landing pad needs none;
 *   - carry: moves the first instructions of a function elsewhere;
 *   - errand, errand_result, errand_index, errand_has_frame, errand_max: the code that a borrowed thread runs for nsb;
 *   - sigreturn_call, sigreturn_entered: what a function that nsb has called returns to;
 *   - guide: the blob of src/parasite for this ABI (parasite.h).
 */
#ifndef NSB_ARCH_H
#define NSB_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"

#define JUMP_MAX 16		/* bytes a jump may take on any architecture */
#define CARRY_MAX 48		/* bytes that a function's first instructions take elsewhere */
#define REGS_MAX 288		/* bytes that the register sets of a struct regs may take */
#define DWARF_REGS_MAX 36

/*
 * Names of registers for all architectures.  ARG0 to ARG5 hold the arguments of a system call, NUMBER its number
 * where it is made, and RESULT what it has returned; two of these may be one register.  CALL has the number of the
 * call that the thread is in, and all bits set in none.
 */
enum reg {
	REG_PC, REG_SP, REG_NUMBER, REG_RESULT, REG_CALL, REG_FLAGS,
	REG_ARG0, REG_ARG1, REG_ARG2, REG_ARG3, REG_ARG4, REG_ARG5,
	REG_TP,			/* the thread pointer; or, where that is in no register, */
	REG_TP_SELECTOR,	/* the selector of the segment that begins at it */
	REG_COUNT
};

/* Where a register lies in struct regs, in bytes.  Width 0: there is no such register. */
struct reg_slot {
	uint16_t offset, width;
};

#define MORE_SETS_MAX 2

/* A register set of PTRACE_GETREGSET, besides NT_PRSTATUS. */
struct reg_set {
	uint16_t note, size;	/* NT_*; so many bytes of it are read */
	bool is_read_only;	/* nsb changes nothing in it, and does not set it */
};

/*
 * The general registers of a thread, as PTRACE_GETREGSET gives them: NT_PRSTATUS, and right behind it the sets
 * that the ABI has in `more_sets`.
 */
struct regs {
	size_t size;		/* of NT_PRSTATUS */
	_Alignas(16) uint8_t bytes[REGS_MAX];
};

enum nr {
	NR_MMAP, NR_MUNMAP, NR_PPOLL, NR_READ, NR_RT_SIGPROCMASK, NR_RT_SIGRETURN,
	NR_RESTART_SYSCALL, NR_EXIT_GROUP, NR_PRCTL, NR_COUNT
};

/*
 * What nsb does if a system call fails with EINTR just because nsb has stopped its thread.  It
 * can make the call again, unless the kernel may have done a part of it: close(2) has freed the
 * number of the file, which another thread may have by now.
 */
enum call_again {
	CALL_LEFT,		/* the program sees EINTR */
	CALL_AGAIN,
	CALL_AGAIN_NO_EXCL,	/* made again, unless O_EXCL is in its flags */
	CALL_AGAIN_DRAIN,	/* an ioctl(2): tcdrain(3) is made again, and nothing else */
};

/* What a system call was asked to move, so that one can see that a stop has cut it short. */
enum call_amount {
	CALL_NO_AMOUNT,
	CALL_BYTES,		/* argument `asked` is a number of bytes */
	CALL_ITEMS,		/* argument `asked` is a number of messages or events; not compared */
	CALL_VECTOR,		/* argument `asked` leads to struct iovec, the next one is their number */
	CALL_MESSAGE,		/* argument `asked` leads to struct msghdr */
};

#define CALL_NO_FLAGS (-1)

/* A system call that a stop may do something to (docs/syscalls.md).  All others come back as if there had been none. */
struct system_call {
	const char *name;
	enum call_again again;
	bool is_frail;		/* a stop may end it when it has done a part; then nobody can make it whole */
	bool is_whole_by_flag;	/* that is so only if MSG_WAITALL is in its flags */
	enum call_amount amount;
	int asked;
	int flags;		/* which argument has its flags, MSG_* or O_*, or CALL_NO_FLAGS */
};

/*
 * What a relocation computes, in the letters of the psABIs: S is the symbol's address, A
 * the addend, P the address that is relocated, B the load bias, Z the symbol's size, GOT the
 * address of the image's global offset table, G the offset of the symbol's slot in it, and L
 * the symbol's entry in the procedure linkage table.
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
	/* Only object files have those below; a link editor resolves them. */
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
	const char *name;	/* as elf.h has it */
	enum reloc_kind kind;
	uint8_t width;		/* bytes written; the CPU sign-extends what is smaller than a word */
	bool is_signed;		/* a value of width 4 on a 64-bit ABI has to be a signed number */
	uint8_t field;		/* bits of an instruction of `width` bytes, as the ABI's put_field() numbers them; 0: all bytes */
};

/*
 * The code that a signal handler returns to, and the offsets from the stack pointer there at
 * which the interrupted pc, stack pointer and flags are.  The unwinder needs this for C
 * libraries whose code has no unwind tables, such as musl.  A few bits of the flags register
 * never change, and tell a signal frame from other words: the bits of flags_mask have
 * flags_value.
 */
struct sigreturn_code {
	uint8_t bytes[12];
	unsigned size;
	unsigned pc, sp, flags;
	uint64_t flags_mask, flags_value;
};

/* A few instructions that do the same at every address. */
struct arch_code {
	uint8_t bytes[24];
	unsigned size;
};

#define ERRAND_CALLS_MAX 8	/* system calls in one errand */

/* A system call of an errand.  Its arguments 4 and 5 are -1 and 0, as mmap(2) needs them. */
struct arch_call {
	enum nr nr;
	uint64_t args[4];
	uint64_t expected;	/* with any other result the calls end */
	bool takes_text;	/* argument 4 is the address of the errand's text, and any result is taken for the expected one */
};

/*
 * What a borrowed thread does for nsb: code without a loop, which holds all values, and needs
 * neither a stack nor memory to write to.  It makes the calls, of which each has to return what
 * is expected of it, then waits in ppoll(2) for wait_ns, then sets the signal mask, all
 * registers but the stack pointer, which it never changes, and the pc.  Where no instruction can do that, it
 * calls rt_sigreturn with a signal frame that is behind it (errand_has_frame).  So the thread goes on by
 * itself, whatever becomes of nsb.  While it waits, the register errand_index has the number of
 * the last call that was made, and errand_result what that returned.
 *
 * Without calls the code is one instruction that enters the kernel, and the way back from there
 * with the signal mask as it is: for a call that nsb sets up between two stops.
 */
struct arch_errand {
	const struct arch_call *calls;
	size_t n_calls;
	const struct regs *back;	/* with which the thread goes on */
	uint64_t mask, wait_ns;
	const char *text;	/* NULL: none */
	const uint8_t *state;		/* its extended state, of state_size bytes, if the ABI has errand_has_frame */
	size_t state_size;
};

/* Offsets in an errand: where it begins, the pc in the wait, or behind the one call, and the text. */
struct errand_places {
	size_t begin, entered, text;
};

#define BRANCH_MAX 24		/* bytes that a branch, or a stub that leads to one, may take */

#define CONTEXT_BYTES 512	/* so many bytes of a ucontext_t are read */

/*
 * The ucontext_t that swapcontext(3) fills (glibc, sysdeps/unix/sysv/linux/x86_64 and i386,
 * ucontext_i.sym).  These are the offsets of the pointer to the floating-point state, of
 * that state, of the pc, and of the registers that a call preserves, by DWARF number.  Where there is no such pointer, `self` is
 * the offset of a word with a value of its own, `mark`.
 */
struct context_layout {
	unsigned self, state, pc;
	struct {
		uint16_t number, offset;
	} saved[16];
	unsigned n_saved;
	uint64_t mark;		/* 0: the word is the pointer */
};

/*
 * The jmp_buf that setjmp(3) fills (glibc, sysdeps/x86_64 and i386, jmpbuf-offsets.h; musl has the
 * same offsets).  glibc mangles addresses in it: it combines them with the pointer guard, a word of
 * the thread control block, by XOR, and rotates them to the left.  musl leaves them as they are.
 */
#define GUARD_ELSEWHERE (-1)	/* in a variable of the dynamic linker; what the kernel gave the program is believed */

struct jump_layout {
	unsigned sp, pc, size;
	struct {
		uint8_t number, offset;	/* the register's DWARF number */
		bool is_mangled;
	} saved[12];
	unsigned n_saved;
	int guard;		/* its offset, or GUARD_ELSEWHERE */
	unsigned rotation;
	/*
	 * The first instructions of musl's setjmp and sigsetjmp.  If sigsetjmp saves signals as well, the
	 * pc is behind its own call of setjmp, where `rest` is, and it has put its return
	 * address and the register hidden_number behind the registers.
	 */
	struct arch_code plain, plain_signals, rest;
	unsigned hidden_pc, hidden_register, hidden_number;
};

#define NO_LINK (-1)

struct arch {
	const char *name;
	uint8_t elf_class;
	uint16_t elf_machine;
	unsigned word;
	uint64_t user_top;	/* end of the user address space */
	size_t regs_size;
	struct reg_set more_sets[MORE_SETS_MAX];
	unsigned n_more_sets;
	struct reg_slot reg[REG_COUNT];
	/*
	 * When a thread stands, the kernel has forgotten the call that the stop has ended (arm64): either the pc is at its
	 * instruction, and all registers are such that it is made again; or the pc is behind that, and RESULT has
	 * what it returned.  Which call it was is read before the thread is stopped (call.h).
	 */
	bool forgets_calls;
	/*
	 * Of such a call: does restart_syscall(2) go on with it, which made again would wait for all of its time once more
	 * (nanosleep)?  NULL where no call is forgotten.
	 */
	bool (*goes_on)(uint64_t number, const uint64_t args[6]);
	struct reg_slot dwarf_reg[DWARF_REGS_MAX];
	unsigned n_dwarf_regs;	/* the last one is the return address column */
	unsigned dwarf_sp;	/* DWARF number of the stack pointer */
	unsigned dwarf_fp;	/* DWARF number of the frame pointer */
	const uint8_t *unw_to_dwarf;	/* libunwind's register numbers as DWARF's; NULL: the same */
	unsigned red_zone;	/* bytes below SP that are in use (128 on amd64) */
	uint64_t return_bits;	/* the bits of a return address that are one; what else is there signs it */
	int dwarf_link;		/* DWARF number of the register with the return address of a leaf; NO_LINK: it is on the stack */
	const struct sigreturn_code *sigreturns;
	unsigned n_sigreturns;
	struct context_layout context;
	struct jump_layout jump_buffer;
	int nr[NR_COUNT];
	/*
	 * The system call with this number.  NULL: a stop does nothing to it.  Some ABIs have
	 * calls whose first argument tells what they do (socketcall); *in_memory says that the
	 * second one leads to the arguments of that, words in memory.
	 */
	const struct system_call *(*find_call)(uint64_t number, uint64_t first, bool *in_memory);
	uint8_t syscall_insn[4];
	unsigned syscall_insn_size;
	uint8_t breakpoint[4];
	unsigned breakpoint_size;
	unsigned breakpoint_behind;	/* bytes that the pc is behind it when it has raised SIGTRAP: 0 or breakpoint_size */
	/* How many bytes at the start of a function have to stay in front of the jump, such as an ENDBR64. */
	unsigned (*landing)(const uint8_t *code, size_t size);
	const struct reloc_type *relocs;
	unsigned n_relocs;
	uint32_t relative_type;	/* R_*_RELATIVE, for DT_RELR */
	/*
	 * How code finds a thread-local variable.  tls_get_addr is the name of the function
	 * that code of the general dynamic model calls.  A static program has no such function:
	 * nsb puts tls_static_get_addr into the patch, for which the tls_index holds an offset
	 * from the thread pointer.  tls_static_desc is the same for TLS descriptors.
	 */
	const char *tls_get_addr;
	struct arch_code tls_static_get_addr, tls_static_desc;
	unsigned tls_above;	/* the executable's block begins so far above the thread pointer (variant 1); 0: it ends there */
	/*
	 * Write a value into field no. `field` (struct reloc_type) of the instruction at address `at`.  False: it does not
	 * fit.  NULL: instructions of this ABI have whole bytes only.
	 */
	bool (*put_field)(unsigned field, uint64_t value, uint64_t at, uint8_t *bytes);
	unsigned jump_size;
	bool has_bridge;	/* a jump may be longer than its function, or than what one store can change (bridge.h) */
	uint64_t reach;		/* a jump, and a reference of code, leads so far either way; 0: everywhere (arithmetic modulo 2^32) */
	/*
	 * Write the jump that leads from address `from` to address `to`, jump_size bytes.
	 * The answer is -ERANGE, without a message, if `to` is out of its reach.
	 */
	int (*jump)(uint64_t from, uint64_t to, uint8_t *out);
	/* The address that the jump at address `from` leads to. */
	uint64_t (*jump_leads)(uint64_t from, const uint8_t *jump);
	/*
	 * Whether an instruction in `code` might branch to an offset from lo up to, but not
	 * including, hi, counted from its start.  False means that no direct branch does.
	 */
	bool (*may_branch_to)(const uint8_t *code, size_t size, int64_t lo, int64_t hi);
	/*
	 * The call or jump that `code`, branch_bytes of it at address `at`, begins with: its size, 0 if
	 * there is none.  *to is where it leads, or, if *in_memory is set, where the address of that is.
	 * `got` is what the register has by which code of a shared object finds such addresses.
	 */
	unsigned branch_bytes;	/* BRANCH_MAX at most */
	unsigned call_min, call_max;	/* bytes that a call takes which is no longer than it has to be */
	size_t (*branch_at)(const struct arch *arch, const uint8_t *code, uint64_t at, uint64_t got,
			    uint64_t *to, bool *in_memory);
	/*
	 * Copy whole instructions, at least `least` bytes of them, from the start of the
	 * function at address `from`, so that they can run at address `to`, and append a jump
	 * back into the function.  *carried is set to the number of bytes of the function that
	 * were copied.  Returns the number of bytes in `out`, at most CARRY_MAX, or 0 if one of
	 * the instructions cannot be moved.
	 */
	size_t (*carry)(const uint8_t *code, size_t size, size_t least, uint64_t from, uint64_t to,
			uint8_t *out, size_t *carried);
	/*
	 * Write an errand that is going to be at address `at`.  Returns its size, or 0 if that is
	 * more than `room`.
	 */
	size_t (*errand)(const struct arch *arch, const struct arch_errand *errand, uint64_t at,
			 uint8_t *out, size_t room, struct errand_places *places);
	unsigned errand_result, errand_index;	/* DWARF numbers of registers */
	bool errand_has_frame;	/* it ends with rt_sigreturn, and so wants the extended state, which takes a call of ptrace(2) to read */
	unsigned errand_max;	/* an errand of one call, and the note behind it (slack.h), take no more bytes */
	/*
	 * What a function returns to that nsb has a thread run: its result goes to the register
	 * errand_result, and then rt_sigreturn is called, again and again: nsb has the kernel do
	 * nothing in place of the call, and may be killed then.  The offset of the pc in the call.
	 */
	struct arch_code sigreturn_call;
	unsigned sigreturn_entered;
	const uint8_t *guide;		/* GUIDE_CODE_BYTES (parasite.h) */
	unsigned xstate_note;		/* regset of the extended state: NT_X86_XSTATE */
	/*
	 * Ask the processor for what signal_frame has to know.  It takes some microseconds, so
	 * nsb calls this before it stops a thread.
	 */
	void (*learn)(void);
	/*
	 * Build, below address `top` of a stack, the signal frame from which rt_sigreturn
	 * restores `regs`, the extended state (an NT_X86_XSTATE set) and the signal mask.
	 * *start is set to the address where `out` has to be written, which the stack pointer
	 * has to have at rt_sigreturn.  Returns the size in bytes, or 0 if no frame can be built.
	 */
	size_t (*signal_frame)(const struct regs *regs, uint64_t mask, const uint8_t *xstate,
			       size_t xstate_size, uint64_t top, uint8_t *out, size_t room,
			       uint64_t *start);
};

/* The architectures of this build: the native one is the first, NULL is behind the last. */
extern const struct arch *const arch_all[];

/* A number that has a name. */
struct number_name {
	uint64_t value;
	const char *text;	/* NULL ends the list */
};

/*
 * What patches are made for, whether this build can apply them or not.  The list ends where
 * `name` is NULL.
 */
struct arch_abi {
	const char *name;
	uint8_t elf_class;
	uint16_t elf_machine;
	bool is_refused;	/* it only has a name for messages */
};

extern const struct arch_abi arch_abis[];
/* Names of ELF classes and machines in the metadata (vzpatch(5)). */
extern const struct number_name arch_class_names[], arch_machine_names[];

/* Bytes of a pointer of an ELF class: 8 or 4; 0: there is no such class. */
unsigned arch_class_word(uint64_t elf_class);
/* Are patches made for this class and machine? */
bool arch_is_patched(uint64_t elf_class, uint64_t elf_machine);

/* The architecture with this class and machine, or NULL if this build does not know it. */
const struct arch *arch_find(uint8_t elf_class, uint16_t elf_machine);
/* Its name for messages: "amd64", "i386", or a text like "ELF machine 40" in static storage. */
const char *arch_describe(uint8_t elf_class, uint16_t elf_machine);
const struct reloc_type *arch_reloc(const struct arch *arch, uint32_t type);	/* NULL: unknown */
/* The address modulo 2^32 on a 32-bit ABI, where sums of addresses wrap. */
uint64_t arch_address(const struct arch *arch, uint64_t address);

/* Get a register, zero-extended, and set one; what is wider than the register is cut off. */
uint64_t regs_get(const struct arch *arch, const struct regs *regs, enum reg reg);
void regs_set(const struct arch *arch, struct regs *regs, enum reg reg, uint64_t value);

/* Do these registers tell that the thread is in a system call, which the kernel may have to make again? */
bool regs_in_call(const struct arch *arch, const struct regs *regs);
/* Make the kernel take the thread for one that is in no system call: else it might make that again. */
void regs_leave_call(const struct arch *arch, struct regs *regs);
/* Of a thread in a system call: set what makes the call again when the thread runs. */
void regs_repeat_call(const struct arch *arch, struct regs *regs);

/* The same by DWARF number, which has to be one for which regs_has_dwarf() is true. */
bool regs_has_dwarf(const struct arch *arch, unsigned number);
uint64_t regs_get_dwarf(const struct arch *arch, const struct regs *regs, unsigned number);
void regs_set_dwarf(const struct arch *arch, struct regs *regs, unsigned number, uint64_t value);

#endif
