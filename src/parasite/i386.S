/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parasite of 32-bit processes: parasite.h. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	nop				/* the system call at the same place as on amd64 */
	popl	%esi
	popl	%edx
	popl	%ecx
	popl	%ebx
	popl	%eax
call:	int	$0x80
	pushl	%eax			/* the result, where the number was */
	popl	%ecx
	jmp	_start
	.if	call - _start != 6	/* PARASITE_CALL */
	.error	"the system call has moved"
	.endif
	.balign	16, 0xf4
	.size	_start, . - _start
