/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A known value in every register, of the integer unit, x87, SSE and AVX, held while a
 * thread computes or sleeps in a system call, and looked at again.
 */
#ifndef HOLD_H
#define HOLD_H

#include <stdint.h>
#include <string.h>

#ifdef __x86_64__
#define GPRS 15		/* all but rsp, in the order of hold_spinning */
#define XMMS 16
#else
#define GPRS 7
#define XMMS 8
#endif

/* The offsets are known to the assembly below. */
struct image {
	_Alignas(64) uint8_t fx_in[512];	/* 0 */
	uint8_t fx_out[512];			/* 512 */
	uint8_t ymm_in[16][32];			/* 1024 */
	uint8_t ymm_out[16][32];		/* 1536 */
	uintptr_t gpr_in[16];			/* 2048 */
	uintptr_t gpr_out[16];			/* 2048 + 16 words */
};

void hold_spinning(struct image *image, long rounds, long avx);
void hold_sleeping(struct image *image, long rounds, long avx);

#ifdef __x86_64__
__asm__(
".macro hold name, body\n"
"	.globl \\name\n"
"	.type \\name, @function\n"
"\\name:\n"
"	.cfi_startproc\n"
".irp r, rbx, rbp, r12, r13, r14, r15, rdi, rdx, rsi\n"
"	push %\\r\n"
"	.cfi_adjust_cfa_offset 8\n"
".endr\n"
"	fxrstor64 (%rdi)\n"
"	test %rdx, %rdx\n"
"	jz 1f\n"
".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
"	vmovdqu 1024 + 32 * \\n(%rdi), %ymm\\n\n"
".endr\n"
"1:	mov 2048(%rdi), %rax\n"
"	mov 2056(%rdi), %rbx\n"
"	mov 2064(%rdi), %rcx\n"
"	mov 2072(%rdi), %rdx\n"
"	mov 2080(%rdi), %rsi\n"
"	mov 2096(%rdi), %rbp\n"
"	mov 2104(%rdi), %r8\n"
"	mov 2112(%rdi), %r9\n"
"	mov 2120(%rdi), %r10\n"
"	mov 2128(%rdi), %r11\n"
"	mov 2136(%rdi), %r12\n"
"	mov 2144(%rdi), %r13\n"
"	mov 2152(%rdi), %r14\n"
"	mov 2160(%rdi), %r15\n"
"	mov 2088(%rdi), %rdi\n"
"	\\body\n"
"	push %rdi\n"
"	.cfi_adjust_cfa_offset 8\n"
"	mov 24(%rsp), %rdi\n"
"	mov %rax, 2176(%rdi)\n"
"	mov %rbx, 2184(%rdi)\n"
"	mov %rcx, 2192(%rdi)\n"
"	mov %rdx, 2200(%rdi)\n"
"	mov %rsi, 2208(%rdi)\n"
"	mov %rbp, 2224(%rdi)\n"
"	mov %r8, 2232(%rdi)\n"
"	mov %r9, 2240(%rdi)\n"
"	mov %r10, 2248(%rdi)\n"
"	mov %r11, 2256(%rdi)\n"
"	mov %r12, 2264(%rdi)\n"
"	mov %r13, 2272(%rdi)\n"
"	mov %r14, 2280(%rdi)\n"
"	mov %r15, 2288(%rdi)\n"
"	pop %rax\n"
"	.cfi_adjust_cfa_offset -8\n"
"	mov %rax, 2216(%rdi)\n"
"	fxsave64 512(%rdi)\n"
"	cmpq $0, 8(%rsp)\n"
"	jz 1f\n"
".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
"	vmovdqu %ymm\\n, 1536 + 32 * \\n(%rdi)\n"
".endr\n"
"	vzeroupper\n"
"1:	fninit\n"
"	movl $0x1f80, (%rsp)\n"
"	ldmxcsr (%rsp)\n"
".irp r, rsi, rdx, rdi, r15, r14, r13, r12, rbp, rbx\n"
"	pop %\\r\n"
"	.cfi_adjust_cfa_offset -8\n"
".endr\n"
"	ret\n"
"	.cfi_endproc\n"
"	.size \\name, . - \\name\n"
".endm\n"
".text\n"
"hold hold_spinning, \"2: decq (%rsp); jnz 2b\"\n"
"hold hold_sleeping, syscall\n"
".section .note.GNU-stack, \"\", @progbits\n"
".text\n");
#else
__asm__(
".macro hold name, body\n"
"	.globl \\name\n"
"	.type \\name, @function\n"
"\\name:\n"
"	.cfi_startproc\n"
".irp r, ebx, ebp, esi, edi\n"
"	push %\\r\n"
"	.cfi_adjust_cfa_offset 4\n"
".endr\n"
"	mov 20(%esp), %edi\n"
"	fxrstor (%edi)\n"
"	cmpl $0, 28(%esp)\n"
"	jz 1f\n"
".irp n, 0, 1, 2, 3, 4, 5, 6, 7\n"
"	vmovdqu 1024 + 32 * \\n(%edi), %ymm\\n\n"
".endr\n"
"1:	mov 2048(%edi), %eax\n"
"	mov 2052(%edi), %ebx\n"
"	mov 2056(%edi), %ecx\n"
"	mov 2060(%edi), %edx\n"
"	mov 2064(%edi), %esi\n"
"	mov 2072(%edi), %ebp\n"
"	mov 2068(%edi), %edi\n"
"	\\body\n"
"	push %edi\n"
"	.cfi_adjust_cfa_offset 4\n"
"	mov 24(%esp), %edi\n"
"	mov %eax, 2112(%edi)\n"
"	mov %ebx, 2116(%edi)\n"
"	mov %ecx, 2120(%edi)\n"
"	mov %edx, 2124(%edi)\n"
"	mov %esi, 2128(%edi)\n"
"	mov %ebp, 2136(%edi)\n"
"	pop %eax\n"
"	.cfi_adjust_cfa_offset -4\n"
"	mov %eax, 2132(%edi)\n"
"	fxsave 512(%edi)\n"
"	cmpl $0, 28(%esp)\n"
"	jz 1f\n"
".irp n, 0, 1, 2, 3, 4, 5, 6, 7\n"
"	vmovdqu %ymm\\n, 1536 + 32 * \\n(%edi)\n"
".endr\n"
"	vzeroupper\n"
"1:	fninit\n"
"	movl $0x1f80, 24(%esp)\n"
"	ldmxcsr 24(%esp)\n"
".irp r, edi, esi, ebp, ebx\n"
"	pop %\\r\n"
"	.cfi_adjust_cfa_offset -4\n"
".endr\n"
"	ret\n"
"	.cfi_endproc\n"
"	.size \\name, . - \\name\n"
".endm\n"
".text\n"
"hold hold_spinning, \"2: decl 24(%esp); jnz 2b\"\n"
"hold hold_sleeping, \"int $0x80\"\n"
".section .note.GNU-stack, \"\", @progbits\n"
".text\n");
#endif

/* No register has the value that it has in another round. */
static inline void image_fill(struct image *image, unsigned seed)
{
	uint8_t *bytes = image->ymm_in[0];

	memset(image, 0, sizeof(*image));
	for (size_t i = 0; i < sizeof(image->ymm_in); i++)
		bytes[i] = (uint8_t)(seed * 37 + i * 11 + 1);
	for (int i = 0; i < 16; i++)
		image->gpr_in[i] = (uintptr_t)0x1122334455667788ull * (seed + 1) + (uintptr_t)i;
	/* The control words: rounding upwards, all eight x87 registers in use. */
	memcpy(&image->fx_in[0], &(uint16_t){ 0x0b7f }, 2);
	image->fx_in[4] = 0xff;
	memcpy(&image->fx_in[24], &(uint32_t){ 0x5f80 }, 4);
	for (int i = 0; i < 8; i++) {
		memcpy(&image->fx_in[32 + 16 * i], image->ymm_in[i], 8);
		image->fx_in[32 + 16 * i + 7] |= 0x80;
		memcpy(&image->fx_in[32 + 16 * i + 8], &(uint16_t){ (uint16_t)(0x4000 + i) }, 2);
	}
	for (int i = 0; i < XMMS; i++)
		memcpy(&image->fx_in[160 + 16 * i], image->ymm_in[i], 16);
}

/* The registers that hold_sleeping makes this system call with. */
static inline void image_call(struct image *image, long number, uintptr_t a, uintptr_t b,
			      uintptr_t c, uintptr_t d)
{
#ifdef __x86_64__
	static const int at[] = { 5, 4, 3, 9 };		/* rdi rsi rdx r10 */
#else
	static const int at[] = { 1, 2, 3, 4 };		/* ebx ecx edx esi */
#endif
	image->gpr_in[0] = (uintptr_t)number;
	image->gpr_in[at[0]] = a;
	image->gpr_in[at[1]] = b;
	image->gpr_in[at[2]] = c;
	image->gpr_in[at[3]] = d;
}

/* What the system call returned. */
static inline long image_result(const struct image *image)
{
	return (long)image->gpr_out[0];
}

/* Returns the line that found a register changed, or 0. */
static inline int image_changed_at(const struct image *image, int slept, int avx)
{
	for (int i = slept ? 1 : 0; i < GPRS; i++) {
#ifdef __x86_64__
		if (slept && (i == 2 || i == 10))
			continue;	/* rcx and r11: the system call's own */
#endif
		if (image->gpr_out[i] != image->gpr_in[i])
			return __LINE__;
	}
	if (memcmp(image->fx_in, image->fx_out, 5) != 0)
		return __LINE__;
	if (memcmp(image->fx_in + 24, image->fx_out + 24, 4) != 0)
		return __LINE__;
	for (int i = 0; i < 8; i++) {
		if (memcmp(image->fx_in + 32 + 16 * i, image->fx_out + 32 + 16 * i, 10) != 0)
			return __LINE__;
	}
	if (memcmp(image->fx_in + 160, image->fx_out + 160, 16 * XMMS) != 0)
		return __LINE__;
	if (avx && memcmp(image->ymm_in, image->ymm_out, 32 * XMMS) != 0)
		return __LINE__;
	return 0;
}

#endif
