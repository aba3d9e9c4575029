/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "i386.h"

#include <elf.h>
#include <string.h>

#include "branch.h"
#include "carry.h"
#include "errand.h"
#include "syscalls.h"
#include "xstate.h"

/* Offsets in the compat NT_PRSTATUS set (sys/user.h of a 32-bit build): 17 words, in this order. */
#define SLOT(index) { (index) * 4, 4 }
enum {
	U_EBX, U_ECX, U_EDX, U_ESI, U_EDI, U_EBP, U_EAX, U_DS, U_ES, U_FS, U_GS, U_ORIG_EAX, U_EIP,
	U_CS, U_EFLAGS, U_ESP, U_SS, U_COUNT
};

#define TYPE(name, kind, width) [name] = { #name, kind, width, false, 0 }
/* psABI Intel386 4.4, table 4.9.  Every sum is taken modulo 2^32, so no value is out of range. */
static const struct reloc_type relocs[] = {
	TYPE(R_386_NONE, RELOC_NONE, 0),
	TYPE(R_386_32, RELOC_ABS, 4),
	TYPE(R_386_PC32, RELOC_PCREL, 4),
	TYPE(R_386_GOT32, RELOC_GOT, 4),
	TYPE(R_386_PLT32, RELOC_PLT, 4),
	TYPE(R_386_COPY, RELOC_COPY, 0),
	TYPE(R_386_GLOB_DAT, RELOC_SLOT, 4),
	TYPE(R_386_JMP_SLOT, RELOC_SLOT, 4),
	TYPE(R_386_RELATIVE, RELOC_RELATIVE, 4),
	TYPE(R_386_GOTOFF, RELOC_GOTREL, 4),
	TYPE(R_386_GOTPC, RELOC_GOTPC, 4),
	TYPE(R_386_TLS_TPOFF, RELOC_TPOFF, 4),
	TYPE(R_386_TLS_IE, RELOC_TLS_CODE, 4),
	TYPE(R_386_TLS_GOTIE, RELOC_TLS_CODE, 4),
	TYPE(R_386_TLS_LE, RELOC_TLS_CODE, 4),
	TYPE(R_386_TLS_GD, RELOC_TLS_CODE, 4),
	TYPE(R_386_TLS_LDM, RELOC_TLS_CODE, 4),
	TYPE(R_386_TLS_LDO_32, RELOC_TLS_CODE, 4),
	TYPE(R_386_TLS_IE_32, RELOC_TLS_CODE, 4),
	TYPE(R_386_TLS_LE_32, RELOC_TLS_CODE, 4),
	TYPE(R_386_TLS_DTPMOD32, RELOC_DTPMOD, 4),
	TYPE(R_386_TLS_DTPOFF32, RELOC_DTPOFF, 4),
	TYPE(R_386_TLS_TPOFF32, RELOC_TPOFF_NEG, 4),
	TYPE(R_386_SIZE32, RELOC_SIZE, 4),
	TYPE(R_386_TLS_GOTDESC, RELOC_TLS_CODE, 4),
	TYPE(R_386_TLS_DESC_CALL, RELOC_TLS_CODE, 0),
	TYPE(R_386_TLS_DESC, RELOC_TLSDESC, 8),
	TYPE(R_386_IRELATIVE, RELOC_IRELATIVE, 4),
	TYPE(R_386_GOT32X, RELOC_GOT, 4),
};

static int jump(uint64_t from, uint64_t to, uint8_t *out)
{
	uint32_t rel = (uint32_t)(to - (from + 5));

	out[0] = 0xe9;		/* JMP rel32; EIP wraps at 2^32 */
	memcpy(out + 1, &rel, sizeof(rel));
	return 0;
}

static uint64_t jump_leads(uint64_t from, const uint8_t *jump)
{
	uint32_t rel;

	memcpy(&rel, jump + 1, sizeof(rel));
	return (uint32_t)from + 5 + rel;
}

/* enum x86_regnum_t of libunwind-x86.h: eax edx ecx ebx esi edi ebp esp eip. */
static const uint8_t unw_to_dwarf[] = { 0, 2, 1, 3, 6, 7, 5, 4, 8 };

/* In EFLAGS bit 1 is always set; bits 3, 5, 15 and all from 22 on are always clear (SDM vol. 1, 3.4.3). */
#define FLAGS_FIXED 0xffc0802a, 0x2
/* The offsets are those of the kernel's struct rt_sigframe_ia32 and sigframe_ia32 behind the return address. */
static const struct sigreturn_code sigreturns[] = {
	/* mov $173, %eax; int $0x80 */
	{ { 0xb8, 0xad, 0, 0, 0, 0xcd, 0x80 }, 7, 216, 188, 224, FLAGS_FIXED },
	/* pop %eax; mov $119, %eax; int $0x80 */
	{ { 0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80 }, 8, 60, 32, 68, FLAGS_FIXED },
};

extern const uint8_t guide_i386[];

static unsigned landing(const uint8_t *code, size_t size)
{
	static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e, 0xfb };	/* ENDBR32 */

	return size >= sizeof(endbr) && memcmp(code, endbr, sizeof(endbr)) == 0 ? sizeof(endbr) : 0;
}

const struct arch arch_i386 = {
	.name = "i386",
	.elf_class = ELFCLASS32,
	.elf_machine = EM_386,
	.word = 4,
	.user_top = 0xffffe000,
	.regs_size = U_COUNT * 4,
	.reg = {
		[REG_PC] = SLOT(U_EIP), [REG_SP] = SLOT(U_ESP), [REG_NUMBER] = SLOT(U_EAX), [REG_RESULT] = SLOT(U_EAX),
		[REG_CALL] = SLOT(U_ORIG_EAX), [REG_FLAGS] = SLOT(U_EFLAGS),
		[REG_ARG0] = SLOT(U_EBX), [REG_ARG1] = SLOT(U_ECX), [REG_ARG2] = SLOT(U_EDX),
		[REG_ARG3] = SLOT(U_ESI), [REG_ARG4] = SLOT(U_EDI), [REG_ARG5] = SLOT(U_EBP),
		[REG_TP_SELECTOR] = SLOT(U_GS),
	},
	/* psABI Intel386 table 2.14: numbers 0 to 7, and 8 is the return address. */
	.dwarf_reg = {
		SLOT(U_EAX), SLOT(U_ECX), SLOT(U_EDX), SLOT(U_EBX), SLOT(U_ESP), SLOT(U_EBP),
		SLOT(U_ESI), SLOT(U_EDI), SLOT(U_EIP),
	},
	.n_dwarf_regs = 9,
	.dwarf_sp = 4,
	.dwarf_fp = 5,
	.unw_to_dwarf = unw_to_dwarf,
	.red_zone = 0,
	.return_bits = UINT32_MAX,
	.dwarf_link = NO_LINK,
	.sigreturns = sigreturns,
	.n_sigreturns = sizeof(sigreturns) / sizeof(sigreturns[0]),
	/* ebx, esp, ebp, esi, edi */
	.context = { 96, 236, 76, { { 3, 52 }, { 4, 48 }, { 5, 44 }, { 6, 40 }, { 7, 36 } }, 5, 0 },
	.jump_buffer = {
		.sp = 16, .pc = 20, .size = 24,
		/* ebx, esi, edi, ebp */
		.saved = { { 3, 0, false }, { 6, 4, false }, { 7, 8, false }, { 5, 12, false } },
		.n_saved = 4, .guard = 0x18, .rotation = 9,
		/* mov 4(%esp),%eax; mov %ebx,(%eax); mov %esi,4(%eax); mov %edi,8(%eax); mov %ebp,12(%eax) */
		.plain = { { 0x8b, 0x44, 0x24, 0x04, 0x89, 0x18, 0x89, 0x70, 0x04, 0x89, 0x78, 0x08, 0x89, 0x68,
			     0x0c }, 15 },
		/* mov 8(%esp),%ecx; jecxz */
		.plain_signals = { { 0x8b, 0x4c, 0x24, 0x08, 0xe3 }, 5 },
		/* push 24(%ebx); mov %ebx,4(%esp) */
		.rest = { { 0xff, 0x73, 0x18, 0x89, 0x5c, 0x24, 0x04 }, 7 },
		.hidden_pc = 24, .hidden_register = 36, .hidden_number = 3,
	},
	/* arch/x86/entry/syscalls/syscall_32.tbl; 192 is mmap2, whose offset counts pages. */
	.nr = {
		[NR_MMAP] = 192, [NR_MUNMAP] = 91, [NR_PPOLL] = 309,
		[NR_READ] = 3, [NR_RT_SIGPROCMASK] = 175, [NR_RT_SIGRETURN] = 173,
		[NR_RESTART_SYSCALL] = 0, [NR_EXIT_GROUP] = 252, [NR_PRCTL] = 172,
	},
	.find_call = i386_find_call,
	.syscall_insn = { 0xcd, 0x80 },		/* INT 0x80 */
	.syscall_insn_size = 2,
	.breakpoint = { 0xcc },			/* INT3 */
	.breakpoint_size = 1, .breakpoint_behind = 1,
	.landing = landing,
	.relocs = relocs,
	.n_relocs = sizeof(relocs) / sizeof(relocs[0]),
	.relative_type = R_386_RELATIVE,
	.tls_get_addr = "___tls_get_addr",
	/* endbr32; mov 4(%eax), %eax; add %gs:0, %eax; ret */
	.tls_static_get_addr = { { 0xf3, 0x0f, 0x1e, 0xfb, 0x8b, 0x40, 0x04, 0x65, 0x03, 0x05, 0, 0,
				   0, 0, 0xc3 }, 15 },
	/* endbr32; mov 4(%eax), %eax; ret */
	.tls_static_desc = { { 0xf3, 0x0f, 0x1e, 0xfb, 0x8b, 0x40, 0x04, 0xc3 }, 8 },
	.has_bridge = true,
	.jump_size = 5,
	.reach = 0,
	.jump = jump,
	.jump_leads = jump_leads,
	.may_branch_to = x86_may_branch_to,
	.branch_at = x86_branch_at,
	.branch_bytes = 11,			/* ENDBR, a prefix, and a branch */
	.call_min = 5, .call_max = 6,		/* E8 rel32; FF /2 with 32 bits of displacement */
	.carry = i386_carry,
	.errand_max = 288,
	.errand = x86_errand,
	.errand_result = 7,			/* edi */
	.errand_index = 5,			/* ebp */
	/* mov %eax, %edi; 1: mov $173, %eax; int $0x80; jmp 1b */
	.sigreturn_call = { { 0x89, 0xc7, 0xb8, 0xad, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7 }, 11 },
	.sigreturn_entered = 9,
	.guide = guide_i386,
	.xstate_note = NT_X86_XSTATE,
	.learn = xstate_learn,
	.signal_frame = i386_signal_frame,
};
