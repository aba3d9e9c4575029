/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * New functions for tests/targets/trusting.c, chosen by NEW_..., declared DECLARED.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <nsb/vzp.h>

VZP_FILE("trusting.c");
VZP_STATIC_VAR_REF(volatile int, level);
VZP_STATIC_VAR_REF(volatile int, touched);

#ifndef DECLARED
#define DECLARED VZP_REGISTER_ARGS
#endif
#define NEW DECLARED __attribute__((used)) static

/* Changes every register that a function may. */
#ifdef __x86_64__
#define SPOIL __asm__ volatile("mov $-1, %%ecx\n\tmov %%ecx, %%edx\n\tmov %%ecx, %%esi\n\t" \
			       "mov %%ecx, %%edi\n\tmov %%ecx, %%r8d\n\tmov %%ecx, %%r9d\n\t" \
			       "mov %%ecx, %%r10d\n\tmov %%ecx, %%r11d" \
			       ::: "ecx", "edx", "esi", "edi", "r8", "r9", "r10", "r11")
#define SPOIL_VECTORS __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\tpcmpeqd %%xmm1, %%xmm1" \
				       ::: "xmm0", "xmm1")
#else
#define SPOIL __asm__ volatile("mov $-1, %%ecx\n\tmov %%ecx, %%edx" ::: "ecx", "edx")
#define SPOIL_VECTORS
#endif

#ifdef NEW_LEAF
VZP_CALLERS_CHECKED(leaf);
NEW int leaf(int x)
{
	int result = x * level + 1;

	SPOIL;
#ifdef WITH_VECTORS
	SPOIL_VECTORS;
#endif
	return result;
}
#endif

#ifdef NEW_CALLING_LEAF
NEW int leaf(int x)
{
	return x * level + (getpid() > 0);
}
#endif

#ifdef NEW_BOTH
NEW int both(int a, int b)
{
	return leaf(a) + b * leaf(b);
}
#endif
#ifdef NEW_BOTH_ALONE
NEW int both(int a, int b)
{
	SPOIL;
	return a * 100 + b;
}
#endif

/* How far the stack is from where it should be. */
#ifdef NEW_PLAIN
NEW int plain(int x)
{
	char place[16] __attribute__((aligned(16)));
	uintptr_t at = (uintptr_t)place;

	__asm__ volatile("" : "+r" (at) : : "memory");
	touched += x + (getpid() > 0 ? 100 : 0);
	return touched + (int)(at % 16) * 1000;
}
#endif

#ifdef NEW_ABOVE
VZP_REGISTER_FUNC_REF(int, both, (int a, int b));
VZP_ARGUMENTS_CHECKED(both);
NEW int above(int a, int b)
{
	return both(b, a) + 1000;
}
#endif
#ifdef NEW_ABOVE_BY_ABI
VZP_STATIC_FUNC_REF(int, both, (int a, int b));
NEW int above(int a, int b)
{
	return both(b, a) + 1000;
}
#endif

#ifdef NEW_ABOVE_SAME
NEW int above(int a, int b)
{
	return both(a, b) + b;
}
#endif

#if defined(NEW_MIXED) && defined(__x86_64__)
VZP_REGISTER_ARGS __attribute__((used)) static double mixed(double x, int n)
{
	return leaf(n) + x;
}
#endif

#ifdef NEW_SCALED
NEW int scaled(int factor, int n)
{
	return factor * n;
}
#endif

struct pair {
	int first, second;
};

#ifdef NEW_SUMMED
NEW int summed(const struct pair *pair)
{
	return pair->first + pair->second;
}
#endif

#ifdef NEW_FOREVER
NEW void forever(void)
{
	touched++;
}
#endif
