/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last function of .text, in a library: of LAST bytes, and LAST_AT behind a multiple of 16. */
#ifndef LAST
#define LAST 3
#define LAST_AT 0
#endif
#define QUOTE_(x) #x
#define QUOTE(x) QUOTE_(x)

__asm__(".text\n.p2align 4\n.skip " QUOTE(LAST_AT) ", 0xcc\n"
	".globl last\n.type last, @function\nlast:\n.skip " QUOTE(LAST) " - 1, 0x90\nret\n.size last, . - last\n");
