/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A variable of an asm() statement that has no symbol of its own.
 * refuses: 'reply' refers to variables of section .data that have no symbol
 */
#include <stdlib.h>
#include "target.h"

extern volatile int counter __attribute__((visibility("hidden")));
__asm__(".pushsection .data\n.p2align 2\ncounter: .long 7\n.popsection");

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
