/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of odd sizes, at odd places, under several names.  Those in assembly return
 * what their caller has put into the register of results, 5, or a number of their own.
 */
#include "target.h"

#include <string.h>

#define BEGIN(name, align) align ".globl " #name "\n.type " #name ", @function\n" #name ":\n"
#define END(name) ".size " #name ", . - " #name "\n"
#define RETURNS_1 "mov $1, %eax\nret\n"

/* Of n bytes: behind it nothing, or padding up to the next 16. */
#define TINY(n, fill) \
	BEGIN(tight##n, "") fill "ret\n" END(tight##n)
#define ROOMY(n, fill) \
	BEGIN(roomy##n, ".p2align 4\n") fill "ret\n" END(roomy##n)
#define SIZES(OF) \
	OF(1, "") OF(2, ".skip 1, 0x90\n") OF(3, ".skip 2, 0x90\n") OF(4, ".skip 3, 0x90\n") \
	OF(5, ".skip 4, 0x90\n") OF(6, ".skip 5, 0x90\n") OF(7, ".skip 6, 0x90\n") \
	OF(8, ".skip 7, 0x90\n")

/* Its first `before` bytes are the last of a page, or of a line of the cache. */
#define ACROSS(name, unit, before, first) \
	".balign " #unit "\n.skip " #unit " - " #before ", 0xcc\n" \
	BEGIN(name, "") first RETURNS_1 END(name)

/*
 * What follows the end of a page says where a jump before it can lead: 1.9 GiB away,
 * beyond the heap, if it is the number of this instruction; into the function itself, if
 * it is that of mov $1.
 */
#define FAR "mov $0x7a7a7a7a, %ecx\n"

#ifdef __i386__
#define LANDING ".byte 0xf3, 0x0f, 0x1e, 0xfb\n"
#else
#define LANDING ".byte 0xf3, 0x0f, 0x1e, 0xfa\n"
#endif

__asm__(".text\n"
	SIZES(TINY)
	BEGIN(after, "") RETURNS_1 END(after)
	SIZES(ROOMY)
	ACROSS(page1, 4096, 1, FAR) ACROSS(page2, 4096, 2, FAR) ACROSS(page3, 4096, 3, FAR)
	ACROSS(page4, 4096, 4, FAR) ACROSS(page5, 4096, 5, "") ACROSS(page0, 4096, 0, "")
	ACROSS(crowded1, 4096, 1, "") ACROSS(crowded2, 4096, 2, "")
	ACROSS(line1, 64, 1, "") ACROSS(line3, 64, 3, "") ACROSS(line4, 64, 4, "")
	ACROSS(landed4, 4096, 4, LANDING) ACROSS(landed6, 4096, 6, LANDING FAR));

#define LIST(OF) \
	OF(after) OF(last) OF(tight1) OF(tight2) OF(tight3) OF(tight4) OF(tight5) OF(tight6) OF(tight7) OF(tight8) \
	OF(roomy1) OF(roomy2) OF(roomy3) OF(roomy4) OF(roomy5) OF(roomy6) OF(roomy7) OF(roomy8) \
	OF(page1) OF(page2) OF(page3) OF(page4) OF(page5) OF(page0) OF(crowded1) OF(crowded2) \
	OF(line1) OF(line3) OF(line4) \
	OF(landed4) OF(landed6) OF(original) OF(other_name) OF(weak_name) OF(same) OF(same_again)

KEEP int original(void)
{
	return 1;
}

int other_name(void) __attribute__((alias("original")));
int weak_name(void) __attribute__((weak, alias("original")));

/* For a linker that folds what is identical. */
KEEP int same(void)
{
	return 3;
}

KEEP int same_again(void)
{
	return 3;
}

#define DECLARE(name) extern int name(void);
LIST(DECLARE)

#define ENTRY(name) { #name, name },
static const struct {
	const char *name;
	int (*function)(void);
} functions[] = { LIST(ENTRY) };

/* Built without a red zone. */
static int call(int (*function)(void))
{
	int n = 5;

	__asm__ volatile("call *%1" : "+a"(n) : "r"(function) : "ecx", "edx", "memory", "cc"
#ifdef __x86_64__
			 , "rsi", "rdi", "r8", "r9", "r10", "r11"
#endif
	);
	return n;
}

void reply(const char *question, char *answer, size_t size)
{
	int n = -1;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strcmp(functions[i].name, question) == 0)
			n = call(functions[i].function);
	}
	snprintf(answer, size, "%s %d", question, n);
}
