/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness.c: two functions, so that one jump can be there without the other. */
#include <nsb/vzp.h>

VZP_FILE("witness.c");
VZP_STATIC_VAR_REF(volatile int, dwelling);
int first(int n);
int second(int n);
#ifdef CHOSEN
int chosen(void);	/* only the resolver of an IFUNC of the program knows where that is */
#else
static inline int chosen(void)
{
	return 20;
}
#endif

int first(int n)
{
	for (volatile int i = 0; i < dwelling; i++)
		;
	return n + chosen();
}

int second(int n)
{
	return n + 40;
}

#ifdef HOOKED
/* Hooks of all kinds, that take so long that nsb is killed in them, too. */
static int look(void)
{
	for (volatile int i = 0; i < 50000; i++)
		;
	return 0;
}
VZP_PRE_APPLY(look)
VZP_PRE_REVERT(look)

static void change(void)
{
	look();
#ifdef SPOIL
	/* What the thread had in these it has to have again, whether this comes back, or never does, or faults. */
	__asm__ volatile("fninit\n\tfldpi\n\tpcmpeqd %xmm0, %xmm0\n\tpcmpeqd %xmm3, %xmm3\n\tpcmpeqd %xmm7, %xmm7");
	while (SPOIL == 1)
		__asm__ volatile("" ::: "memory");
	if (SPOIL == 2)
		__builtin_trap();
#endif
}
VZP_POST_APPLY(change)
VZP_POST_REVERT(change)
#endif
