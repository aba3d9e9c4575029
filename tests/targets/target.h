/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every target has: main.c reads questions, a line each, and writes what
 * reply() makes of them, a line each.  A target must not change its own mappings
 * or files between two questions unless asked to: the tests compare.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stddef.h>
#include <stdio.h>

/*
 * A function that stays a function, called by the plain convention.  What gcc's
 * optimizers between functions do to a patch is the matter of t-gen-*.sh.
 */
#ifdef __clang__
#define KEEP __attribute__((noinline, used))
#else
#define KEEP __attribute__((noipa, used))
#endif

void reply(const char *question, char *answer, size_t size);

#endif
