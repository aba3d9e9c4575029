/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arch: the tables against their witnesses.  A child of each ABI is stopped
 * with known values in its registers; the kernel tells its system call by
 * /proc/PID/syscall, binutils the DWARF numbers, the C library the numbers of
 * calls, the assembler the instructions.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "arch.h"
#include "tap.h"
#include "xstate.h"

#define REGS 16

struct abi {
	const char *flag;
	uint8_t elf_class;
	uint16_t machine;
	const char *landing;	/* mnemonic */
	const char *stack_pointer, *result, *pc;
	const char *registers[REGS + 1];
	const char *calls[NR_COUNT];
	uint32_t no_reloc;	/* a type within the table that no loader or compiler of ours meets */
};

static const struct abi abis[] = {
	{ "-m64", ELFCLASS64, EM_X86_64, "endbr64", "rsp", "rax", "rip",
	  { "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12",
	    "r13", "r14", "r15" },
	  { [NR_MMAP] = "mmap", [NR_MUNMAP] = "munmap", [NR_RT_SIGPROCMASK] = "rt_sigprocmask",
	    [NR_PPOLL] = "ppoll", [NR_READ] = "read",
	    [NR_RT_SIGRETURN] = "rt_sigreturn", [NR_RESTART_SYSCALL] = "restart_syscall",
	    [NR_EXIT_GROUP] = "exit_group", [NR_PRCTL] = "prctl" }, R_X86_64_RELATIVE64 },
	{ "-m32", ELFCLASS32, EM_386, "endbr32", "esp", "eax", "eip",
	  { "eax", "edx", "ecx", "ebx", "esi", "edi", "ebp", "esp" },
	  { [NR_MMAP] = "mmap2", [NR_MUNMAP] = "munmap", [NR_RT_SIGPROCMASK] = "rt_sigprocmask",
	    [NR_PPOLL] = "ppoll", [NR_READ] = "read",
	    [NR_RT_SIGRETURN] = "rt_sigreturn", [NR_RESTART_SYSCALL] = "restart_syscall",
	    [NR_EXIT_GROUP] = "exit_group", [NR_PRCTL] = "prctl" }, R_386_32PLT },
};

/*
 * What the child puts into register no. i: the highest bit set, no two alike, and such that
 * it can be an address (bits 47 to 63 alike).  The stack pointer is an address of a program, as
 * some hypervisors end a process whose stack pointer is not.
 */
static uint64_t value_of(const struct abi *abi, const struct arch *arch, size_t i)
{
	if (arch->word == 4)
		return 0x91003300 + i * 0x101;
	return (strcmp(abi->registers[i], abi->stack_pointer) == 0 ? UINT64_C(0x00005a2033004400) :
		UINT64_C(0xffffa20033004400)) + i * 0x10001;
}

static uint64_t value_by_name(const struct abi *abi, const struct arch *arch, const char *name)
{
	for (size_t i = 0; abi->registers[i] != NULL; i++) {
		if (strcmp(abi->registers[i], name) == 0)
			return value_of(abi, arch, i);
	}
	return 0;
}

/* ---- the child ---- */

/* Landing pad; registers; carry; INT3; a system call by the arch's own bytes. */
static bool build_child(const struct abi *abi, const struct arch *arch)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/child.s", scratch());
	file = fopen(path, "w");
	if (file == NULL)
		return false;
	fprintf(file, ".globl _start\n_start: %s\n", abi->landing);
	for (size_t i = 0; abi->registers[i] != NULL; i++)
		fprintf(file, "mov $0x%" PRIx64 ", %%%s\n", value_of(abi, arch, i), abi->registers[i]);
	fprintf(file, "stc\nint3\nmov $%d, %%eax\n.byte 0x%x", arch->nr[NR_MUNMAP],
		arch->syscall_insn[0]);
	for (unsigned i = 1; i < arch->syscall_insn_size; i++)
		fprintf(file, ", 0x%x", arch->syscall_insn[i]);
	fprintf(file, "\nhlt\n");
	return fclose(file) == 0 &&
	       shell("gcc %s -nostdlib -static -no-pie -o child child.s", abi->flag);
}

static pid_t start_child(void)
{
	char path[128];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/child", scratch());
	pid = fork();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
			(void)execl(path, path, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static bool wait_for_stop(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

static bool get_regs(pid_t pid, struct regs *regs)
{
	struct iovec iov = { regs->bytes, sizeof(regs->bytes) };

	if (ptrace(PTRACE_GETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &iov) != 0)
		return false;
	regs->size = iov.iov_len;
	return true;
}

static bool reads(pid_t pid, uint64_t address, const void *bytes, size_t size)
{
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, (void *)(uintptr_t)address, NULL);
	return errno == 0 && size <= sizeof(word) && memcmp(&word, bytes, size) == 0;
}

/* ---- registers ---- */

/* binutils' names of the DWARF numbers: "DW_CFA_undefined: r3 (rbx)". */
static void check_dwarf(const struct abi *abi, const struct arch *arch, const struct regs *regs)
{
	char line[256], name[16], path[128];
	unsigned number, seen = 0;
	bool good = true;
	FILE *dump;

	snprintf(path, sizeof(path), "%s/cfi", scratch());
	if (!ok(shell("{ echo .cfi_startproc; for i in $(seq 0 %u); do echo .cfi_undefined $i; done;"
		      " echo .cfi_endproc; } >cfi.s; gcc %s -c -o cfi.o cfi.s &&"
		      " readelf --debug-dump=frames cfi.o >cfi", arch->n_dwarf_regs - 1, abi->flag),
		"%s: binutils name the DWARF numbers", abi->flag))
		return;
	dump = fopen(path, "r");
	while (dump != NULL && fgets(line, sizeof(line), dump) != NULL) {
		uint64_t value;

		if (sscanf(line, " DW_CFA_undefined: r%u (%15[a-z0-9])", &number, name) != 2)
			continue;
		value = strcmp(name, abi->pc) == 0 ? regs_get(arch, regs, REG_PC) :
						     value_by_name(abi, arch, name);
		good &= regs_has_dwarf(arch, number) && value != 0 &&
			regs_get_dwarf(arch, regs, number) == value;
		seen++;
	}
	if (dump != NULL)
		(void)fclose(dump);
	ok(good && seen == arch->n_dwarf_regs, "%s: DWARF numbers 0 to %u are the registers they should"
	   " be", abi->flag, arch->n_dwarf_regs - 1);
	ok(!regs_has_dwarf(arch, arch->n_dwarf_regs) && !regs_has_dwarf(arch, UINT32_MAX),
	   "%s: there are no more", abi->flag);
	ok(regs_get_dwarf(arch, regs, arch->dwarf_sp) == regs_get(arch, regs, REG_SP) &&
	   regs_get_dwarf(arch, regs, arch->dwarf_fp) ==
	   value_by_name(abi, arch, arch->word == 8 ? "rbp" : "ebp"),
	   "%s: stack and frame pointer by DWARF number", abi->flag);
}

/* "NR ARG0 .. ARG5 SP PC", proc_pid_syscall(5). */
static void check_call(const struct abi *abi, const struct arch *arch, pid_t pid)
{
	static const enum reg order[] = { REG_ARG0, REG_ARG1, REG_ARG2, REG_ARG3, REG_ARG4, REG_ARG5,
					  REG_SP, REG_PC };
	char path[64], line[512] = "", *next = line;
	struct regs regs;
	bool good;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	file = fopen(path, "r");
	good = file != NULL && fgets(line, sizeof(line), file) != NULL && get_regs(pid, &regs);
	if (file != NULL)
		(void)fclose(file);
	if (!ok(good, "%s: the kernel tells the system call", abi->flag))
		return;
	ok(strtoull(next, &next, 10) == regs_get(arch, &regs, REG_CALL) &&
	   regs_get(arch, &regs, REG_CALL) == (uint64_t)arch->nr[NR_MUNMAP],
	   "%s: syscall_insn enters the kernel, and orig_ax is the call", abi->flag);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		good &= strtoull(next, &next, 16) == regs_get(arch, &regs, order[i]);
	ok(good, "%s: arguments, stack pointer and pc are what the kernel says", abi->flag);
	ok(reads(pid, regs_get(arch, &regs, REG_PC) - arch->syscall_insn_size, arch->syscall_insn,
		 arch->syscall_insn_size), "%s: pc is behind syscall_insn", abi->flag);
}

static void check_registers(const struct abi *abi, const struct arch *arch, pid_t pid)
{
	struct regs regs;
	uint8_t int3 = 0xcc;

	if (!ok(wait_for_stop(pid) && get_regs(pid, &regs), "%s: a child starts", abi->flag))
		return;
	ok(regs.size == arch->regs_size, "%s: its register set has the size that tells the ABI",
	   abi->flag);
	uint64_t word = (uint64_t)ptrace(PTRACE_PEEKTEXT, pid, (void *)(uintptr_t)regs_get(arch, &regs, REG_PC), NULL);
	ok(arch->landing((const uint8_t *)&word, sizeof(long)) == 4 && arch->landing((const uint8_t *)&word, 3) == 0,
	   "%s: the landing pad is %s", abi->flag, abi->landing);
	if (!ok(ptrace(PTRACE_CONT, pid, NULL, NULL) == 0 && wait_for_stop(pid) &&
		get_regs(pid, &regs), "%s: it gets to its breakpoint", abi->flag))
		return;
	ok(reads(pid, regs_get(arch, &regs, REG_PC) - 1, &int3, 1), "%s: pc", abi->flag);
	ok(regs_get(arch, &regs, REG_SP) == value_by_name(abi, arch, abi->stack_pointer) &&
	   regs_get(arch, &regs, REG_RESULT) == value_by_name(abi, arch, abi->result),
	   "%s: stack pointer and result", abi->flag);
	ok((regs_get(arch, &regs, REG_FLAGS) & 3) == 3, "%s: flags, with the carry set", abi->flag);
	ok(regs_get(arch, &regs, REG_CALL) == (arch->word == 8 ? UINT64_MAX : UINT32_MAX),
	   "%s: orig_ax is -1 outside of a system call, as wide as the register", abi->flag);
	check_dwarf(abi, arch, &regs);
	if (ok(ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0 && wait_for_stop(pid),
	       "%s: it gets to its system call", abi->flag))
		check_call(abi, arch, pid);
}

static void check_set(const struct abi *abi, const struct arch *arch)
{
	bool good = true;

	for (enum reg reg = 0; reg < REG_COUNT; reg++) {
		struct regs regs, filled;
		struct reg_slot slot = arch->reg[reg];

		if (slot.width == 0)
			continue;	/* REG_TP on i386, REG_TP_SELECTOR on amd64 */
		memset(&regs, 0xa5, sizeof(regs));
		filled = regs;
		regs_set(arch, &regs, reg, UINT64_C(0x1234567887654321));
		good &= slot.width == arch->word && slot.offset + slot.width <= arch->regs_size &&
			regs_get(arch, &regs, reg) ==
			(arch->word == 8 ? UINT64_C(0x1234567887654321) : 0x87654321);
		memset(regs.bytes + slot.offset, 0xa5, slot.width);
		good &= memcmp(regs.bytes, filled.bytes, sizeof(regs.bytes)) == 0;
	}
	ok(good, "%s: a set truncates to the register, and changes no other", abi->flag);
}

/* ---- tables ---- */

static void check_numbers(const struct abi *abi, const struct arch *arch)
{
	for (enum nr nr = 0; nr < NR_COUNT; nr++)
		ok(shell("test \"$(printf '#include <sys/syscall.h>\\nSYS_%s\\n' |"
			 " gcc %s -E -P - | tail -n 1)\" = %d", abi->calls[nr], abi->flag, arch->nr[nr]),
		   "%s: %s is call %d", abi->flag, abi->calls[nr], arch->nr[nr]);
}

static void check_relocs(const struct abi *abi, const struct arch *arch)
{
	const char *prefix = arch->word == 8 ? "R_X86_64_" : "R_386_";
	const struct reloc_type *relative = arch_reloc(arch, arch->relative_type);
	bool good = true;

	for (uint32_t type = 0; type < arch->n_relocs; type++) {
		const struct reloc_type *reloc = arch_reloc(arch, type);

		if (reloc == NULL)
			continue;
		good &= strncmp(reloc->name, prefix, strlen(prefix)) == 0 &&
			reloc->kind < RELOC_KIND_COUNT &&
			(reloc->width == 0 || reloc->width == 4 || reloc->width == arch->word ||
			 (reloc->kind == RELOC_TLSDESC && reloc->width == 2 * arch->word));
	}
	ok(good, "%s: every relocation has a name and a width of the ABI", abi->flag);
	ok(relative != NULL && relative->kind == RELOC_RELATIVE && relative->width == arch->word,
	   "%s: relative_type is a relative relocation of a word", abi->flag);
	ok(abi->no_reloc < arch->n_relocs && arch_reloc(arch, abi->no_reloc) == NULL,
	   "%s: a gap in the table is unknown", abi->flag);
	ok(arch_reloc(arch, arch->n_relocs) == NULL && arch_reloc(arch, UINT32_MAX) == NULL,
	   "%s: beyond the table is unknown", abi->flag);
}

/* ---- the jump ---- */

static bool jumps(const struct arch *arch, uint64_t from, uint64_t to, uint32_t distance)
{
	uint8_t bytes[JUMP_MAX];
	uint32_t found;

	if (arch->jump(from, to, bytes) != 0)
		return false;
	memcpy(&found, bytes + 1, sizeof(found));
	return bytes[0] == 0xe9 && found == distance && 
	       arch->jump_leads(from, bytes) == arch_address(arch, to);
}

static void check_reach(const struct abi *abi, const struct arch *arch)
{
	const uint64_t from = 0x87654321, next = from + arch->jump_size;
	uint8_t bytes[JUMP_MAX];

	ok(jumps(arch, from, next + 0x1000, 0x1000) && jumps(arch, from, next - 0x1000, -0x1000u) &&
	   jumps(arch, from, from, -(uint32_t)arch->jump_size),
	   "%s: the distance counts from behind the jump", abi->flag);
	ok(jumps(arch, from, next + 0x7fffffff, 0x7fffffff) &&
	   jumps(arch, from, next - 0x80000000, 0x80000000), "%s: 2 GiB either way", abi->flag);
	if (arch->reach == 0)
		ok(jumps(arch, 0xfffffff0, 0x10, 0x1b) && jumps(arch, 0x10, 0xfffffff0, 0xffffffdb),
		   "%s: around the end of the address space", abi->flag);
	else
		ok(arch->jump(from, next + 0x80000000, bytes) == -ERANGE &&
		   arch->jump(from, next - 0x80000001, bytes) == -ERANGE &&
		   arch->jump(from, from + (UINT64_C(1) << 40), bytes) == -ERANGE,
		   "%s: and not a byte more", abi->flag);
}

/* Direct branches, and bytes that only look like one: the alarm may be false, never missing. */
static void check_branches(const struct abi *abi, const struct arch *arch)
{
	static const struct {
		const char *what;
		uint8_t code[12];
		size_t size;
		bool may;
	} rows[] = {
		{ "JMP short back to byte 1", { 0x90, 0x90, 0xeb, 0xfd }, 4, true },
		{ "JMP short back to byte 0", { 0x90, 0x90, 0xeb, 0xfc }, 4, false },
		{ "JNZ short to byte 4", { 0x90, 0x90, 0x90, 0x90, 0x90, 0x75, 0xfd }, 7, true },
		{ "JNZ short to byte 5", { 0x90, 0x90, 0x90, 0x90, 0x90, 0x75, 0xfe }, 7, false },
		{ "LOOP to byte 2", { 0x90, 0x90, 0x90, 0x90, 0x90, 0xe2, 0xfb }, 7, true },
		{ "JMP near to byte 3", { 0x90, 0x90, 0x90, 0x90, 0x90, 0xe9, 0xf9, 0xff, 0xff, 0xff },
		  10, true },
		{ "CALL of byte 1", { 0x90, 0x90, 0x90, 0x90, 0x90, 0xe8, 0xf7, 0xff, 0xff, 0xff },
		  10, true },
		{ "JZ near to byte 4",
		  { 0x90, 0x90, 0x90, 0x90, 0x90, 0x0f, 0x84, 0xf9, 0xff, 0xff, 0xff }, 11, true },
		{ "an immediate that looks like JMP", { 0xb8, 0x00, 0x00, 0xeb, 0xfc, 0xc3 }, 6, true },
		{ "a displacement that is cut off", { 0x90, 0x90, 0x90, 0x90, 0xe9, 0xf9, 0xff }, 7, false },
		{ "no branch", { 0x55, 0x89, 0xe5, 0x5d, 0xc3 }, 5, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ok(arch->may_branch_to(rows[i].code, rows[i].size, 1, 5) == rows[i].may,
		   "%s: %s", abi->flag, rows[i].what);
}

static int landed(void)
{
	return 42;
}

/* Jumps of this build's own ABI are taken. */
static void check_taken(void)
{
	const struct arch *arch = arch_all[0];
	uint8_t *page = MAP_FAILED;
	int (*call)(void);

	for (uintptr_t at = (uintptr_t)landed & ~(uintptr_t)0xfff, i = 1;
	     i < 100 && page == MAP_FAILED; i++)
		page = mmap((void *)(at + (i << 24)), 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (!ok(page != MAP_FAILED && arch->jump((uintptr_t)page, (uintptr_t)landed, page) == 0 &&
		mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0, "%s: a jump is written", arch->name))
		return;
	memcpy(&call, &page, sizeof(call));
	ok(call() == 42, "%s: it is taken", arch->name);
}

/* The size of what `code` becomes at `to`, 0 if it cannot be moved; *carried is how much of it was. */
static size_t carried(const struct arch *arch, const uint8_t *code, size_t size, uint64_t from, uint64_t to,
		      uint8_t *out, size_t *from_size)
{
	*from_size = 0;
	return arch->carry(code, size, arch->jump_size, from, to, out, from_size);
}

/* A jump of 5 bytes at `at`, which will lie at `address`, leads to `to`. */
static bool leads_to(const struct arch *arch, const uint8_t *at, uint64_t address, uint64_t to)
{
	return at[0] == 0xe9 && arch->jump_leads(address, at) == to;
}

static void check_carry(const struct abi *abi, const struct arch *arch)
{
	const uint64_t from = 0x401000, to = 0x402000;
	/* push, mov of registers, sub of a constant; then what does not matter */
	static const uint8_t plain[24] = { 0x55, 0x89, 0xe5, 0x83, 0xec, 0x10, 0x90 };
	/* mov of what lies at an address, which is relative to the instruction in 64-bit code */
	static const uint8_t relative[24] = { 0x8b, 0x05, 0x55, 0x55, 0x55, 0x55, 0x90 };
	static const uint8_t call[24] = { 0x55, 0xe8, 0x20, 0, 0, 0, 0x90 };
	static const uint8_t jump[24] = { 0x55, 0xeb, 0x20, 0x90, 0x90, 0x90 };
	uint8_t out[64] = { 0 };
	size_t size, old;

	size = carried(arch, plain, sizeof(plain), from, to, out, &old);
	ok(size == 6 + 5 && old == 6 && memcmp(out, plain, 6) == 0 && leads_to(arch, out + 6, to + 6, from + 6),
	   "%s: instructions are moved whole, and lead back", abi->flag);
	ok(carried(arch, relative, sizeof(relative), from, to, out, &old) == 0,
	   "%s: one that is relative to its place is not", abi->flag);
	ok(carried(arch, jump, sizeof(jump), from, to, out, &old) == 0, "%s: nor is a jump", abi->flag);
	size = carried(arch, call, sizeof(call), from, to, out, &old);
	if (arch->word == 8) {
		ok(size == 0, "%s: nor is a call", abi->flag);
		ok(carried(arch, plain, sizeof(plain), from, from + (UINT64_C(1) << 31), out, &old) == 0,
		   "%s: nor are they moved so far that nothing leads back", abi->flag);
		return;
	}
	ok(size == 1 + 10 && old == 6 && out[0] == 0x55 && out[1] == 0x68 &&
	   memcmp(out + 2, &(uint32_t){ (uint32_t)from + 6 }, 4) == 0 && leads_to(arch, out + 6, to + 6, from + 6 + 0x20),
	   "%s: a call becomes a jump, and returns to where it would have", abi->flag);
}

/* The extended state of a signal frame. */
static void check_xstate(void)
{
	enum { SIZE = 8192, FEATURES = 512, FXSAVE = 576 };
	static uint8_t state[SIZE + 64];

	ok(xstate_prepare(state, FXSAVE - 1, sizeof(state), 0) == 0, "a state without room for FXSAVE's is none");
	state[FEATURES] = 3;
	ok(xstate_prepare(state, SIZE, sizeof(state), 0) == FXSAVE + XSTATE_MAGIC2_SIZE, "the state ends behind what is in use");
	state[FEATURES + 7] = 0x40;
	ok(xstate_prepare(state, SIZE, sizeof(state), 0) == 0, "a component that is not known cannot be left out");
}

static void check_choice(void)
{
	size_t count = 0;

	while (arch_all[count] != NULL)
		count++;
	ok(count == (sizeof(void *) == 8 ? 2 : 1) && arch_all[0]->word == sizeof(void *),
	   "the table has the native architecture first");
	ok(arch_find(ELFCLASS32, EM_386) == arch_all[count - 1] &&
	   arch_find(arch_all[0]->elf_class, arch_all[0]->elf_machine) == arch_all[0],
	   "architectures are found by class and machine");
	ok(arch_find(ELFCLASS32, EM_X86_64) == NULL && arch_find(ELFCLASS64, EM_AARCH64) == NULL,
	   "x32 and others are not");
	ok(strcmp(arch_describe(ELFCLASS32, EM_X86_64), "x32") == 0 &&
	   strcmp(arch_describe(ELFCLASS32, EM_386), "i386") == 0 &&
	   strcmp(arch_describe(ELFCLASS64, EM_AARCH64), "ELF machine 183") == 0,
	   "messages tell what they are");
}

static void check_abi(const struct abi *abi)
{
	const struct arch *arch = arch_find(abi->elf_class, abi->machine);
	pid_t pid;

	if (arch == NULL) {
		skip(abi->flag, "not in this build");
		return;
	}
	check_set(abi, arch);
	check_relocs(abi, arch);
	check_reach(abi, arch);
	check_branches(abi, arch);
	check_carry(abi, arch);
	ok(arch->guide != NULL, "%s: there is a guide", abi->flag);
	if (!build_child(abi, arch)) {
		skip(abi->flag, "the compiler does not do this (gcc-multilib?)");
		return;
	}
	check_numbers(abi, arch);
	if (!runs("child", "")) {
		skip(abi->flag, "this kernel runs no such programs");
		return;
	}
	pid = start_child();
	if (!ok(pid > 0, "%s: there is a child", abi->flag))
		return;
	check_registers(abi, arch, pid);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

int main(void)
{
	check_choice();
	check_taken();
	check_xstate();
	for (size_t i = 0; i < sizeof(abis) / sizeof(abis[0]); i++)
		check_abi(&abis[i]);
	return done();
}
