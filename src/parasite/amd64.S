/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guide: guide.h.  A function of the psABI: pc in rdi, bases in rsi, the FDE in rax. */
	.text
	.globl	_start
_start:
	.set	fields, guide + 112	/* GUIDE_CODE_BYTES */
	.type	guide, @function
guide:
	endbr64
	movq	%rdi, %rcx
	subq	fields + 8(%rip), %rcx		/* base */
	cmpq	fields + 16(%rip), %rcx		/* size */
	jae	onward
	movq	fields + 24(%rip), %rdx		/* rows: start, size, FDE */
row:	movl	4(%rdx), %r8d
	testl	%r8d, %r8d
	jz	onward
	movl	%ecx, %eax
	subl	(%rdx), %eax
	addq	$12, %rdx
	cmpl	%r8d, %eax
	jae	row
	xorl	%eax, %eax
	movq	%rax, (%rsi)			/* bases: of text, of data, and the function */
	movq	%rax, 8(%rsi)
	movl	-12(%rdx), %ecx
	movl	-4(%rdx), %eax
	addq	fields + 8(%rip), %rcx
	addq	fields + 8(%rip), %rax
	movq	%rcx, 16(%rsi)
	ret
onward:	jmp	*fields(%rip)			/* next */
	.org	guide + 112, 0xf4
	.size	guide, . - guide
