/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What instructions do with registers; their sizes against objdump's.  With arguments, only the latter, of
 * the files that these name; behind -32 files of 32 bits come.
 */
#include <inttypes.h>

#include "tap.h"

#include "code.h"

static struct insn decode(const char *text, bool wide)
{
	uint8_t bytes[32];
	size_t size = 0;
	unsigned int byte;
	int used;
	struct insn insn;

	while (sscanf(text, "%x%n", &byte, &used) == 1 && size < sizeof(bytes)) {
		bytes[size++] = (uint8_t)byte;
		text += used;
	}
	if (!insn_decode(bytes, size, 0x1000, wide ? &gen_amd64 : &gen_i386, &insn) || insn.size != size)
		insn.size = 0;
	return insn;
}

/* Registers as regset_format() tells them. */
static bool is(struct regset set, const char *wanted, bool wide)
{
	char text[200];

	regset_format(set, wide ? &gen_amd64 : &gen_i386, text, sizeof(text));
	if (strcmp(text, wanted) == 0)
		return true;
	note("'%s', not '%s'", text, wanted);
	return false;
}

static void does(const char *bytes, bool wide, const char *reads, const char *writes, const char *what)
{
	struct insn insn = decode(bytes, wide);

	ok(insn.size && is(insn.reads, reads, wide) && is(insn.writes, writes, wide), "%s: %s", what,
	   wide ? "amd64" : "i386");
}

static void test_effects(void)
{
	does("48 89 f8", true, "rdi", "rax", "mov %rdi, %rax");
	does("89 c8", false, "ecx", "eax", "mov %ecx, %eax");
	does("4c 8b 44 8b 10", true, "rcx, rbx", "r8", "mov 16(%rbx,%rcx,4), %r8");
	does("31 c0", true, "", "rax", "xor %eax, %eax");
	does("29 c0", false, "", "eax", "sub %eax, %eax");
	does("31 c8", true, "rax, rcx", "rax", "xor %ecx, %eax");
	does("83 c9 ff", true, "", "rcx", "or $-1, %ecx");
	does("83 f9 05", true, "rcx", "", "cmp $5, %ecx");
	does("84 e4", true, "rax", "", "test %ah, %ah");
	does("0f b6 c8", true, "rax", "rcx", "movzbl %al, %ecx");
	does("0f 44 ca", true, "rcx, rdx", "rcx", "cmove %edx, %ecx");
	does("0f 94 c1", true, "", "rcx", "sete %cl");
	does("f7 e6", true, "rax, rsi", "rax, rdx", "mul %esi");
	does("f7 f6", true, "rax, rdx, rsi", "rax, rdx", "div %esi");
	does("99", false, "eax", "edx", "cltd");
	does("48 98", true, "rax", "rax", "cltq");
	does("d3 e0", true, "rax, rcx", "rax", "shl %cl, %eax");
	does("f3 48 ab", true, "rax, rcx, rdi", "rcx, rdi", "rep stos %rax");
	does("f3 a4", false, "ecx, esi, edi", "ecx, esi, edi", "rep movsb");
	does("8d 74 26 00", false, "esi", "esi", "lea 0(%esi,%eiz), %esi");
	does("a1 10 00 00 00", false, "", "eax", "mov 0x10, %eax");
	does("cd 80", false, "eax, ecx, edx, ebx, ebp, esi, edi", "eax", "int $0x80");
	does("0f 05", true, "rax, rdx, rsi, rdi, r8, r9, r10", "rax, rcx, r11", "syscall");
	does("0f a2", true, "rax, rcx", "rax, rcx, rdx, rbx", "cpuid");
	does("f0 0f b1 0e", true, "rax, rcx, rsi", "rax", "lock cmpxchg %ecx, (%rsi)");
	does("66 0f ef c0", true, "", "xmm0", "pxor %xmm0, %xmm0");
	does("66 0f ef c1", true, "xmm0, xmm1", "xmm0", "pxor %xmm1, %xmm0");
	does("f2 0f 2c c1", true, "xmm1", "rax", "cvttsd2si %xmm1, %eax");
	does("f2 44 0f 58 c1", true, "xmm1, xmm8", "xmm8", "addsd %xmm1, %xmm8");
	does("f2 0f 10 c1", true, "xmm0, xmm1", "xmm0", "movsd %xmm1, %xmm0");
	does("f2 0f 10 01", true, "rcx", "xmm0", "movsd (%rcx), %xmm0");
	does("0f 28 c1", true, "xmm1", "xmm0", "movaps %xmm1, %xmm0");
	does("66 48 0f 7e c0", true, "xmm0", "rax", "movq %xmm0, %rax");
	does("66 48 0f 6e c8", true, "rax", "xmm1", "movq %rax, %xmm1");
	does("0f 6f c1", true, "", "", "movq %mm1, %mm0");
	does("c5 f1 58 c2", true, "xmm1, xmm2", "xmm0", "vaddpd %xmm2, %xmm1, %xmm0");
	does("c4 e2 f1 b8 c2", true, "xmm0, xmm1, xmm2", "xmm0", "vfmadd231pd %xmm2, %xmm1, %xmm0");
	does("c4 e2 70 f2 c2", true, "rcx, rdx", "rax", "andn %edx, %ecx, %eax");
	does("c5 f9 72 d1 03", true, "xmm1", "xmm0", "vpsrld $3, %xmm1, %xmm0");
	does("c4 e2 f3 50 c2", true, "xmm0, xmm1, xmm2", "xmm0", "vpdpbuud %xmm2, %xmm1, %xmm0");
	does("c5 f0 57 c0", true, "xmm0, xmm1", "xmm0", "vxorps %xmm0, %xmm1, %xmm0");
	does("c5 f8 77", false, "", "ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7", "vzeroupper");
	does("c5 fc 77", false, "", "xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7", "vzeroall");
	does("62 f1 7c 48 58 c1", true, "xmm0, xmm1", "xmm0", "vaddps %zmm1, %zmm0, %zmm0");
	does("62 a1 7c 4b 58 c1", true, "xmm0, xmm16, xmm17, k3", "xmm16", "vaddps %zmm17, %zmm0, %zmm16 {%k3}");
	does("62 91 74 c9 58 c2", true, "xmm1, xmm26, k1", "xmm0", "vaddps %zmm26, %zmm1, %zmm0 {%k1}{z}");
	does("62 f3 75 48 25 c1 ff", true, "", "xmm0", "vpternlogd $0xff, %zmm1, %zmm1, %zmm0");
	does("62 f1 75 4a 76 d9", true, "xmm1, k2", "k3", "vpcmpeqd %zmm1, %zmm1, %k3 {%k2}");
	does("62 f2 7d 49 90 04 0f", true, "rdi, xmm0, xmm1, k1", "xmm0, k1", "vpgatherdd (%rdi,%zmm1), %zmm0 {%k1}");
	does("c5 f8 92 c9", true, "rcx", "k1", "kmovw %ecx, %k1");
	does("62 f2 7d 48 7c c7", true, "rdi", "xmm0", "vpbroadcastd %edi, %zmm0");
	does("8f e9 70 01 c9", true, "rcx", "rcx", "blcfill %ecx, %ecx");
	does("8f e8 70 a2 c2 30", true, "xmm1, xmm2, xmm3", "xmm0", "vpcmov %xmm3, %xmm2, %xmm1, %xmm0");
	does("8f ea 78 10 c1 10 00 00 00", true, "rcx", "rax", "bextr $16, %ecx, %eax");
	does("f2 0f 2a c7", false, "edi, xmm0", "xmm0", "cvtsi2sd %edi, %xmm0 keeps the upper half");
	does("67 8b 46 08", false, "ebp", "eax", "mov 8(%bp), %eax");
	does("f3 0f 1e fa", true, "", "", "endbr64");
	does("0f 1f 44 00 00", true, "rax", "", "nopl 0(%rax,%rax)");
}

static void test_flow(void)
{
	ok(decode("e8 10 00 00 00", true).to == 0x1015 && decode("e8 10 00 00 00", true).flow == FLOW_CALL,
	   "a call goes to an address");
	ok(decode("e8 00 00 00 00", false).flow == FLOW_NEXT && decode("e8 00 00 00 00", false).moved == -4,
	   "a call of what follows is a push");
	ok(decode("eb fe", false).to == 0x1000 && decode("eb fe", false).flow == FLOW_JUMP,
	   "a jump back to itself");
	ok(decode("0f 84 00 00 00 00", true).flow == FLOW_BRANCH, "a branch");
	ok(decode("ff d0", true).flow == FLOW_CALL_ANY && decode("ff e0", true).flow == FLOW_JUMP_ANY,
	   "call and jump through a register");
	ok(decode("c2 04 00", false).flow == FLOW_RETURN && decode("c2 04 00", false).popped == 4,
	   "a return that takes arguments away");
	ok(decode("0f 0b", true).flow == FLOW_STOP, "nothing comes after ud2");
	ok(decode("48 8b 05 10 00 00 00", true).memory == 0x1017, "an address relative to what follows");
	ok(decode("ff 25 10 20 00 00", false).memory == 0x2010, "an address");
	ok(decode("48 83 ec 18", true).stack == STACK_MOVED && decode("48 83 ec 18", true).moved == -24,
	   "sub $24, %%rsp");
	ok(decode("48 83 e4 f0", true).stack == STACK_ALIGNED, "and $-16, %%rsp");
	ok(decode("55", true).pushes == 5 && decode("55", true).moved == -8, "push %%rbp");
	ok(decode("5e", false).pops == 6 && decode("5e", false).moved == 4, "pop %%esi");
	ok(decode("48 89 e5", true).stack == STACK_TO_FRAME && decode("c9", true).stack == STACK_FROM_FRAME,
	   "frame pointer set and left");
	ok(decode("0f 29 04 24", true).needs_alignment && !decode("0f 11 04 24", true).needs_alignment,
	   "movaps to the stack needs it aligned, movups does not");
	ok(decode("c7 f8 10 00 00 00", true).flow == FLOW_BRANCH && decode("c7 f8 10 00 00 00", true).to == 0x1016,
	   "xbegin is a branch");
	ok(decode("0f ae 29", true).is_opaque && decode("0f ae 29", true).reads.vector == UINT64_MAX &&
	   !decode("0f ae 21", true).is_opaque, "nobody knows what xrstor changes");
	ok(decode("9a 01 02 03 04 05 06", false).flow == FLOW_CALL_ANY && !decode("9a 01 02 03 04 05 06", true).size,
	   "a call to another segment is one of 32-bit code");
	ok(!decode("d5 11 89 c1", true).size && !decode("62 f4 7c 08 01 c1", true).size &&
	   !decode("62 f9 7c 48 58 c1", true).size && !decode("62 f1 78 48 58 c1", true).size, "APX is not understood");
	ok(!decode("66 e8 10 00", true).size && !decode("66 e8 10 00 00 00", true).size,
	   "a branch that processors read differently is not understood");
	ok(!decode("66 c5 f8 77", true).size && !decode("48 62 f1 7c 48 58 c1", true).size,
	   "nor is a prefix before VEX or EVEX");
	ok(!decode("48", true).size && !decode("e8 10", true).size && !decode("", true).size,
	   "what is cut off is not understood");
}

/* Is it a line for prefixes, or for a branch that processors read differently? */
static bool is_stray(const char *text)
{
	static const char *const prefixes[] = { "data16", "addr32", "addr16", "cs", "ds", "es", "fs", "gs", "ss", "lock", "rep",
		"repz", "repnz", "rex", "bnd", "xacquire", "xrelease" };
	char word[32] = "", more = 0;

	(void)sscanf(text, " %31[a-z0-9] %c", word, &more);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strcmp(word, prefixes[i]) == 0)
			return more == 0 || more == '.' || more == '\n';
	return strncmp(word, "rex", 3) == 0 || strcmp(word, "callw") == 0 || strcmp(word, "jmpw") == 0;
}

/* Every instruction of a file has the size that objdump says.  Some files have data among their code, as libcrypto. */
static void test_sizes(const char *path, bool wide)
{
	size_t count = 0, wrong = 0, unknown = 0;
	char command[256], line[512];

	(void)snprintf(command, sizeof(command), "objdump -d --insn-width=16 %s 2>/dev/null", path);
	FILE *in = access(path, R_OK) ? NULL : popen(command, "re");
	if (!in) {
		skip(path, "there is no such file");
		return;
	}
	while (fgets(line, sizeof(line), in)) {
		char *at = strchr(line, '\t'), *text = at ? strchr(at + 1, '\t') : NULL;
		uint8_t bytes[16];
		size_t size = 0;
		struct insn insn;

		if (!text || strstr(text, "(bad)"))
			continue;
		for (char *end = at; size < sizeof(bytes) && end < text; at = end) {
			unsigned long byte = strtoul(at, &end, 16);

			if (end == at || end > text)
				break;
			bytes[size++] = (uint8_t)byte;
		}
		count++;
		/* fstcw and its like are fwait, and fnstcw. */
		if (size > 1 && bytes[0] == 0x9b)
			memmove(bytes, bytes + 1, --size);
		if (!insn_decode(bytes, size, 0, wide ? &gen_amd64 : &gen_i386, &insn)) {
			/* A prefix that belongs to nothing has a line of its own, as has what 16 bits branch to. */
			if (!is_stray(text) && unknown++ < 5)
				note("not understood: %s", line);
		} else if (insn.size != size && wrong++ < 5)
			note("%u instead of %zu bytes: %s", insn.size, size, line);
	}
	ok(pclose(in) == 0 && count > 0 && !wrong && unknown <= count / 5000,
	   "%s: %zu instructions, %zu of another size, %zu not understood", path, count, wrong, unknown);
}

/* Callers are looked for in bytes of which nobody knows where an instruction begins. */
static void test_branches(void)
{
	static const uint8_t code[] = {
		0x90, 0xe8, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0, 0x0f, 0x84, 1, 0, 0, 0, 0x0f, 0x8f, 0, 0xff, 0xff, 0xff, 0x0f, 0x94, 0, 0, 0, 0,
	};
	static const size_t operands[] = { 2, 7, 13, 19, SIZE_MAX };
	static const char *const names[] = { "a call", "a jump", "JE", "JG", "nothing behind these, as SETE is no branch" };
	static const uint64_t leads[] = { 0x1006, 0x100b, 0x1012, 0xf17, 0 };
	size_t at = 0;

	for (size_t i = 0; i < sizeof(operands) / sizeof(operands[0]); i++) {
		uint64_t to = 0;

		at = gen_amd64.find_branch(code, sizeof(code), i == 0 ? 0 : at + 1, 0x1000, &to);
		ok(at == operands[i] && to == leads[i], "%s is found: at %zu, to 0x%" PRIx64, names[i], at, to);
	}
}

int main(int argc, char **argv)
{
	bool wide = true;

	msg_init("u-insn");
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-32") == 0)
			wide = false;
		else
			test_sizes(argv[i], wide);
	}
	if (argc > 1)
		return done();
	test_effects();
	test_flow();
	test_branches();
	test_sizes("/lib/x86_64-linux-gnu/libc.so.6", true);
	test_sizes("/usr/bin/gdb", true);
	test_sizes("/lib32/libc.so.6", false);
	return done();
}
