/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A variable of an asm() statement, which has a symbol and no type.
 * ask 1: 8 / 9 new / 10
 * replaces: reply
 */
#include <stdlib.h>
#include "target.h"

extern volatile int counter;
__asm__(".pushsection .data\n.globl counter\n.p2align 2\ncounter: .long 7\n.popsection");

#ifdef NEW
#define TEXT "%d new"
#else
#define TEXT "%d"
#endif

void reply(const char *question, char *answer, size_t size)
{
	counter += atoi(question);
	snprintf(answer, size, TEXT, counter);
}
