/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Embeds a parasite's image: -DNAME=amd64 -DBLOB='"file"'. */
#define JOIN(a, b) a##b
#define SYMBOL(name) JOIN(guide_, name)
	.section .rodata
	.globl	SYMBOL(NAME)
SYMBOL(NAME):
	.incbin	BLOB
	.section .note.GNU-stack, "", @progbits
