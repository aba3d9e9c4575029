/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guide: guide.h.  A function of the psABI: pc and bases on the stack, the FDE in eax. */
	.text
	.globl	_start
_start:
	.set	fields, guide + 112	/* GUIDE_CODE_BYTES */
	.type	guide, @function
guide:
	endbr32
	call	here
here:	popl	%eax
	movl	4(%esp), %ecx
	subl	fields + 8 - here(%eax), %ecx	/* base */
	cmpl	fields + 16 - here(%eax), %ecx	/* size */
	jae	onward
	movl	fields + 24 - here(%eax), %edx	/* rows: start, size, FDE */
	pushl	%ebx
row:	cmpl	$0, 4(%edx)
	je	none
	movl	%ecx, %ebx
	subl	(%edx), %ebx
	addl	$12, %edx
	cmpl	-8(%edx), %ebx
	jae	row
	movl	fields + 8 - here(%eax), %eax
	movl	-12(%edx), %ecx
	addl	%eax, %ecx
	addl	-4(%edx), %eax
	movl	12(%esp), %edx
	xorl	%ebx, %ebx
	movl	%ebx, (%edx)			/* bases: of text, of data, and the function */
	movl	%ebx, 4(%edx)
	movl	%ecx, 8(%edx)
	popl	%ebx
	ret
none:	popl	%ebx
onward:	jmp	*fields - here(%eax)		/* next */
	.org	guide + 112, 0xf4
	.size	guide, . - guide
