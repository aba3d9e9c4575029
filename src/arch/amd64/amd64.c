/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "amd64.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "branch.h"
#include "carry.h"
#include "errand.h"
#include "syscalls.h"
#include "xstate.h"

/* Offsets in struct user_regs_struct (sys/user.h): 27 words, in this order. */
#define SLOT(index) { (index) * 8, 8 }
enum {
	U_R15, U_R14, U_R13, U_R12, U_RBP, U_RBX, U_R11, U_R10, U_R9, U_R8, U_RAX, U_RCX, U_RDX,
	U_RSI, U_RDI, U_ORIG_RAX, U_RIP, U_CS, U_EFLAGS, U_RSP, U_SS, U_FS_BASE
};

#define TYPE(name, kind, width, sign) [name] = { #name, kind, width, sign, 0 }
/* psABI AMD64 4.4.1, table 4.10. */
static const struct reloc_type relocs[] = {
	TYPE(R_X86_64_NONE, RELOC_NONE, 0, false),
	TYPE(R_X86_64_64, RELOC_ABS, 8, false),
	TYPE(R_X86_64_PC32, RELOC_PCREL, 4, true),
	TYPE(R_X86_64_GOT32, RELOC_GOT, 4, true),
	TYPE(R_X86_64_PLT32, RELOC_PLT, 4, true),
	TYPE(R_X86_64_COPY, RELOC_COPY, 0, false),
	TYPE(R_X86_64_GLOB_DAT, RELOC_SLOT, 8, false),
	TYPE(R_X86_64_JUMP_SLOT, RELOC_SLOT, 8, false),
	TYPE(R_X86_64_RELATIVE, RELOC_RELATIVE, 8, false),
	TYPE(R_X86_64_GOTPCREL, RELOC_GOTPCREL, 4, true),
	TYPE(R_X86_64_32, RELOC_ABS, 4, false),
	TYPE(R_X86_64_32S, RELOC_ABS, 4, true),
	TYPE(R_X86_64_DTPMOD64, RELOC_DTPMOD, 8, false),
	TYPE(R_X86_64_DTPOFF64, RELOC_DTPOFF, 8, true),
	TYPE(R_X86_64_TPOFF64, RELOC_TPOFF, 8, true),
	TYPE(R_X86_64_TLSGD, RELOC_TLS_CODE, 4, true),
	TYPE(R_X86_64_TLSLD, RELOC_TLS_CODE, 4, true),
	TYPE(R_X86_64_DTPOFF32, RELOC_DTPOFF, 4, true),
	TYPE(R_X86_64_GOTTPOFF, RELOC_TLS_CODE, 4, true),
	TYPE(R_X86_64_TPOFF32, RELOC_TPOFF, 4, true),
	TYPE(R_X86_64_PC64, RELOC_PCREL, 8, true),
	TYPE(R_X86_64_GOTOFF64, RELOC_GOTREL, 8, true),
	TYPE(R_X86_64_GOTPC32, RELOC_GOTPC, 4, true),
	TYPE(R_X86_64_SIZE32, RELOC_SIZE, 4, false),
	TYPE(R_X86_64_SIZE64, RELOC_SIZE, 8, false),
	TYPE(R_X86_64_GOTPC32_TLSDESC, RELOC_TLS_CODE, 4, true),
	TYPE(R_X86_64_TLSDESC_CALL, RELOC_TLS_CODE, 0, false),
	TYPE(R_X86_64_TLSDESC, RELOC_TLSDESC, 16, false),
	TYPE(R_X86_64_IRELATIVE, RELOC_IRELATIVE, 8, false),
	TYPE(R_X86_64_GOTPCRELX, RELOC_GOTPCREL, 4, true),
	TYPE(R_X86_64_REX_GOTPCRELX, RELOC_GOTPCREL, 4, true),
};

static int jump(uint64_t from, uint64_t to, uint8_t *out)
{
	int64_t distance = (int64_t)(to - (from + 5));
	int32_t rel = (int32_t)distance;

	if (rel != distance)
		return -ERANGE;
	out[0] = 0xe9;		/* JMP rel32 */
	memcpy(out + 1, &rel, sizeof(rel));
	return 0;
}

static uint64_t jump_leads(uint64_t from, const uint8_t *jump)
{
	int32_t rel;

	memcpy(&rel, jump + 1, sizeof(rel));
	return from + 5 + (uint64_t)(int64_t)rel;
}

/* In RFLAGS bit 1 is always set; bits 3, 5, 15 and all from 22 on are always clear (SDM vol. 1, 3.4.3). */
#define FLAGS_FIXED 0xffffffffffc0802a, 0x2
/*
 * mov $15, %rax; syscall.  The offsets are those of the kernel's struct rt_sigframe behind its
 * return address, which has been popped when this code runs.
 */
static const struct sigreturn_code sigreturns[] = {
	{ { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 }, 9, 168, 160, 176,
	  FLAGS_FIXED },
};

extern const uint8_t guide_amd64[];

static unsigned landing(const uint8_t *code, size_t size)
{
	static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };	/* ENDBR64 */

	return size >= sizeof(endbr) && memcmp(code, endbr, sizeof(endbr)) == 0 ? sizeof(endbr) : 0;
}

const struct arch arch_amd64 = {
	.name = "amd64",
	.elf_class = ELFCLASS64,
	.elf_machine = EM_X86_64,
	.word = 8,
	.user_top = (uint64_t)1 << 47,
	.regs_size = 27 * 8,
	.reg = {
		[REG_PC] = SLOT(U_RIP), [REG_SP] = SLOT(U_RSP), [REG_NUMBER] = SLOT(U_RAX), [REG_RESULT] = SLOT(U_RAX),
		[REG_CALL] = SLOT(U_ORIG_RAX), [REG_FLAGS] = SLOT(U_EFLAGS),
		[REG_ARG0] = SLOT(U_RDI), [REG_ARG1] = SLOT(U_RSI), [REG_ARG2] = SLOT(U_RDX),
		[REG_ARG3] = SLOT(U_R10), [REG_ARG4] = SLOT(U_R8), [REG_ARG5] = SLOT(U_R9),
		[REG_TP] = SLOT(U_FS_BASE),
	},
	/* psABI AMD64 figure 3.36: numbers 0 to 15, and 16 is the return address. */
	.dwarf_reg = {
		SLOT(U_RAX), SLOT(U_RDX), SLOT(U_RCX), SLOT(U_RBX), SLOT(U_RSI), SLOT(U_RDI),
		SLOT(U_RBP), SLOT(U_RSP), SLOT(U_R8), SLOT(U_R9), SLOT(U_R10), SLOT(U_R11),
		SLOT(U_R12), SLOT(U_R13), SLOT(U_R14), SLOT(U_R15), SLOT(U_RIP),
	},
	.n_dwarf_regs = 17,
	.dwarf_sp = 7,
	.dwarf_fp = 6,
	.red_zone = 128,
	.return_bits = UINT64_MAX,
	.dwarf_link = NO_LINK,
	.sigreturns = sigreturns,
	.n_sigreturns = sizeof(sigreturns) / sizeof(sigreturns[0]),
	/* rbx, rbp, rsp, r12 to r15 */
	.context = { 224, 424, 168, { { 3, 128 }, { 6, 120 }, { 7, 160 }, { 12, 72 }, { 13, 80 },
		     { 14, 88 }, { 15, 96 } }, 7, 0 },
	.jump_buffer = {
		.sp = 48, .pc = 56, .size = 64,
		/* rbx, rbp, r12 to r15 */
		.saved = { { 3, 0, false }, { 6, 8, true }, { 12, 16, false }, { 13, 24, false },
			   { 14, 32, false }, { 15, 40, false } },
		.n_saved = 6, .guard = 0x30, .rotation = 17,
		/* mov %rbx,(%rdi); mov %rbp,8(%rdi); mov %r12,16(%rdi); mov %r13,24(%rdi) */
		.plain = { { 0x48, 0x89, 0x1f, 0x48, 0x89, 0x6f, 0x08, 0x4c, 0x89, 0x67, 0x10, 0x4c, 0x89,
			     0x6f, 0x18 }, 15 },
		/* test %esi,%esi; je .+34; pop 64(%rdi); mov %rbx,80(%rdi) */
		.plain_signals = { { 0x85, 0xf6, 0x74, 0x20, 0x8f, 0x47, 0x40, 0x48, 0x89, 0x5f, 0x50 }, 11 },
		/* push 64(%rbx); mov %rbx,%rdi */
		.rest = { { 0xff, 0x73, 0x40, 0x48, 0x89, 0xdf }, 6 },
		.hidden_pc = 64, .hidden_register = 80, .hidden_number = 3,
	},
	/* arch/x86/entry/syscalls/syscall_64.tbl */
	.nr = {
		[NR_MMAP] = 9, [NR_MUNMAP] = 11, [NR_PPOLL] = 271,
		[NR_READ] = 0, [NR_RT_SIGPROCMASK] = 14, [NR_RT_SIGRETURN] = 15,
		[NR_RESTART_SYSCALL] = 219, [NR_EXIT_GROUP] = 231, [NR_PRCTL] = 157,
	},
	.find_call = amd64_find_call,
	.syscall_insn = { 0x0f, 0x05 },
	.syscall_insn_size = 2,
	.breakpoint = { 0xcc },			/* INT3 */
	.breakpoint_size = 1, .breakpoint_behind = 1,
	.landing = landing,
	.relocs = relocs,
	.n_relocs = sizeof(relocs) / sizeof(relocs[0]),
	.relative_type = R_X86_64_RELATIVE,
	.tls_get_addr = "__tls_get_addr",
	/* endbr64; mov %fs:0, %rax; add 8(%rdi), %rax; ret */
	.tls_static_get_addr = { { 0xf3, 0x0f, 0x1e, 0xfa, 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0,
				   0x48, 0x03, 0x47, 0x08, 0xc3 }, 18 },
	/* endbr64; mov 8(%rax), %rax; ret */
	.tls_static_desc = { { 0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x8b, 0x40, 0x08, 0xc3 }, 9 },
	.has_bridge = true,
	.jump_size = 5,
	.reach = (uint64_t)1 << 31,
	.jump = jump,
	.jump_leads = jump_leads,
	.may_branch_to = x86_may_branch_to,
	.branch_at = x86_branch_at,
	.branch_bytes = 11,			/* ENDBR, a prefix, and a branch */
	.call_min = 5, .call_max = 6,		/* E8 rel32; FF /2 with 32 bits of displacement */
	.carry = amd64_carry,
	.errand_max = 448,
	.errand = x86_errand,
	.errand_result = 3,			/* rbx */
	.errand_index = 6,			/* rbp */
	/* mov %rax, %rbx; 1: mov $15, %eax; syscall; jmp 1b */
	.sigreturn_call = { { 0x48, 0x89, 0xc3, 0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7 }, 12 },
	.sigreturn_entered = 10,
	.guide = guide_amd64,
	.xstate_note = NT_X86_XSTATE,
	.learn = xstate_learn,
	.signal_frame = amd64_signal_frame,
};
