/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parasite of 32-bit processes: parasite.h. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	int	$0x80
	movl	$173, %eax		/* __NR_rt_sigreturn */
	int	$0x80
	hlt
	.balign	16, 0xf4
	.size	_start, . - _start
