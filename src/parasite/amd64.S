/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parasite of 64-bit processes: parasite.h. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	syscall
	movl	$15, %eax		/* __NR_rt_sigreturn */
	syscall
	hlt
	.balign	16, 0xf4
	.size	_start, . - _start
