/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reference of every sort that makes a relocation: -DVIA_... chooses how word()
 * finds "right".
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <nsb/vzp.h>

const char *word(int n);

static const char right[] = "right";

#if defined(VIA_DATA_POINTER)
/* R_*_RELATIVE in data that may be changed */
static const char *volatile pointer = right;
#define FIND pointer

#elif defined(VIA_CONST_POINTER)
/* R_*_RELATIVE in .data.rel.ro */
static const char *const volatile pointers[] = { "wrong", right, "wrong" };
#define FIND pointers[n & 1 ? 1 : 1]

#elif defined(VIA_ADDEND)
/* R_*_RELATIVE with an addend */
static const char *volatile pointer = right + 1;
#define FIND (pointer - 1)

#elif defined(VIA_FUNCTION_TABLE)
/* R_*_RELATIVE to the patch's own functions */
static __attribute__((noinline)) const char *say_right(void)
{
	return right;
}

static __attribute__((noinline)) const char *say_wrong(void)
{
	return "wrong";
}

static const char *(*const volatile table[])(void) = { say_right, say_wrong };
#define FIND table[0]()

#elif defined(VIA_OWN_GLOBAL)
/* R_*_GLOB_DAT to what the patch itself exports */
const char *volatile new_pointer = right;
#define FIND new_pointer

#elif defined(VIA_OWN_GLOBAL_FUNCTION)
/* R_*_JUMP_SLOT to what the patch itself exports */
const char *new_function(void);

__attribute__((noinline)) const char *new_function(void)
{
	return right;
}
#define FIND new_function()

#elif defined(VIA_TARGET_GLOBAL)
/* R_*_GLOB_DAT to the target */
extern int visits;
#define FIND (visits == 4 ? right : "wrong")

#elif defined(VIA_TARGET_POINTER)
/* R_X86_64_64, R_386_32 to the target */
extern int visits;
static int *const volatile pointer = &visits;
#define FIND (*pointer == 4 ? right : "wrong")

#elif defined(VIA_TARGET_FUNCTION)
/* R_*_JUMP_SLOT to the target */
int visit(int by);
#define FIND (visit(0) == 4 ? right : "wrong")

#elif defined(VIA_TARGET_FUNCTION_POINTER)
/* R_X86_64_64, R_386_32 to a function of the target */
int visit(int by);
static int (*const volatile pointer)(int) = visit;
#define FIND (pointer(0) == 4 ? right : "wrong")

#elif defined(VIA_STATIC_POINTER)
/* R_X86_64_64, R_386_32 to a static variable of the target */
VZP_FILE("server.c");
VZP_STATIC_VAR_REF(int, factor);
static int *const volatile pointer = &factor;
#define FIND (*pointer == 2 ? right : "wrong")

#elif defined(VIA_STATIC_FUNCTION_POINTER)
VZP_FILE("server.c");
VZP_STATIC_FUNC_REF(int, handle_small, (int n));
static int (*const volatile pointer)(int) = handle_small;
#define FIND (pointer(6) == 7 ? right : "wrong")

#elif defined(VIA_LIBC)
/* R_*_JUMP_SLOT to the C library, a function with a symbol version, by IFUNC, and one with
 * variable arguments */
static char text[16];

static const char *find(int n)
{
	char part[8];

	memcpy(part, right, sizeof(right));
	snprintf(text, sizeof(text), "%.*s%s", n, part, part + n);
	return strcmp(text, right) == 0 ? text : "wrong";
}
#define FIND find(n)

#elif defined(VIA_LIBC_IFUNC_POINTER)
/* R_*_GLOB_DAT to an IFUNC */
static char text[16];
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
#define FIND (const char *)copy(text, right, sizeof(right))

#elif defined(VIA_LIBC_DATA)
/* R_*_GLOB_DAT, to what an executable may have a copy of */
extern char **environ;
#define FIND (stdout != NULL && stdin != stdout && environ != NULL && getenv("PATH") ? right : "wrong")

#elif defined(VIA_LIBC_MORE)
/* Functions that the target itself never calls */
static int compare(const void *a, const void *b)
{
	return *(const char *)a - *(const char *)b;
}

static const char *find(void)
{
	static char letters[] = "thgir";
	char *copy = strdup("dcba");

	qsort(copy, 4, 1, compare);
	if (strcmp(copy, "abcd") == 0)
		memcpy(letters, right, 5);
	free(copy);
	return letters;
}
#define FIND find()

#elif defined(VIA_ERRNO)
/* The thread's errno */
#include <errno.h>
#define FIND (errno = 0, strtol("99999999999999999999999", NULL, 10), errno == ERANGE ? right : "wrong")

#elif defined(VIA_WEAK)
/* A weak symbol that nobody has is 0 */
__attribute__((weak)) int nobody_has_this(int n);
#define FIND (nobody_has_this == NULL ? right : "wrong")

#elif defined(VIA_SWITCH)
/* A jump table in .rodata */
static const char *find(volatile int n)
{
	switch (n) {
	case 0: return getenv("ZERO");
	case 1: return "wrong";
	case 2: return right;
	case 3: return getenv("THREE");
	case 4: return "wrong, too";
	case 5: return getenv("FIVE");
	case 6: return "no";
	}
	return NULL;
}
#define FIND find(n)

#elif defined(VIA_BSS)
/* .bss of several pages is zero, and can be written to */
static char space[300000];

static const char *find(void)
{
	for (size_t i = 0; i < sizeof(space); i++) {
		if (space[i] != 0)
			return "wrong";
	}
	memset(space, 'x', sizeof(space));
	strcpy(space + 200000, right);
	strcpy(space, space + 200000);
	memset(space, 0, sizeof(space));
	return right;
}
#define FIND find()

#elif defined(VIA_FLOAT)
/* Constants of floating point and vectors in .rodata */
static volatile double half = 0.5;
#define FIND (half * n + 3.25 == 4.25 && half / 3 < 0.1666667 ? right : "wrong")

#elif defined(VIA_COLD)
/* .text.unlikely */
__attribute__((cold, noinline)) static const char *find(void)
{
	return right;
}
#define FIND (__builtin_expect(n == 2, 0) ? find() : "wrong")

#elif defined(VIA_COMPUTED_GOTO)
static const char *find(int n)
{
	static const void *const labels[] = { &&a, &&b, &&c };
	goto *labels[n];
a:	return "wrong";
b:	return "wrong, too";
c:	return right;
}
#define FIND find(n)
#endif

const char *word(int n)
{
	return FIND;
}
