/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parasite of 64-bit processes: parasite.h. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	popq	%r10
	popq	%rdx
	popq	%rsi
	popq	%rdi
	popq	%rax
call:	syscall
	pushq	%rax			/* the result, where the number was */
	popq	%rcx
	jmp	_start
	.if	call - _start != 6	/* PARASITE_CALL */
	.error	"the system call has moved"
	.endif
	.balign	16, 0xf4
	.size	_start, . - _start
