/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another initial value of a variable of an asm() statement, which has no size.
 * refuses: 'counter' has another initial value
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
#define FIRST "8"
#else
#define FIRST "7"
#endif

extern volatile int counter;
__asm__(".pushsection .data\n.globl counter\n.p2align 2\ncounter: .long " FIRST "\n.popsection");

void reply(const char *question, char *answer, size_t size)
{
	counter += atoi(question);
	snprintf(answer, size, "%d %s", counter, FIRST);
}
