/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The function that weak-assembly.c has a default of. */
__asm__(".text\n"
	".globl hook\n"
	".type hook, @function\n"
	"hook:\n"
	"movl $5001, %eax\n"
	"ret\n"
	".size hook, . - hook\n");
