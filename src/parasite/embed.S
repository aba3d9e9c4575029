/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Embeds a parasite's image: -DNAME=amd64 -DBLOB='"file"'. */
#define JOIN(a, b) a##b
#define SYMBOL(name) JOIN(parasite_, name)
#define END_OF(symbol) JOIN(symbol, _end)
	.section .rodata
	.globl	SYMBOL(NAME)
SYMBOL(NAME):
	.incbin	BLOB
	.globl	END_OF(SYMBOL(NAME))
END_OF(SYMBOL(NAME)):
	.section .note.GNU-stack, "", @progbits
