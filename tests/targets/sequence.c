/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A restartable sequence (rseq(2)) that the only thread leaves when SIGUSR1 has come.  The kernel throws a
 * thread out of it that it takes off the processor: it begins anew.  A thread that was borrowed in it would go on
 * in it, and the kernel would not know any more that it is there.  For amd64.
 */
#include "target.h"

#include <signal.h>
#include <string.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

static volatile int may_leave, is_broken;

KEEP int plain(int n)
{
	return n + 1;
}

static void leave(int number)
{
	may_leave = number;
}

#if defined(RSEQ_SIG) && defined(__x86_64__)
static int stay(void)
{
	struct rseq *own = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

	if (__rseq_size == 0 || signal(SIGUSR1, leave) == SIG_ERR)
		return 0;
	printf("staying\n");
	fflush(stdout);
	/* Its descriptor: where it begins, its length, where it begins anew; in front of that is the signature. */
	__asm__ volatile(
		".pushsection .data.rel.local, \"aw\"\n"
		".balign 32\n"
		"sequence: .long 0, 0\n"
		".quad 2f, 3f - 2f, 4f\n"
		".popsection\n"
		"1:\n"
		"lea sequence(%%rip), %%rax\n"
		"mov %%rax, %[section]\n"
		"2:\n"
		"cmpl $0, %[may_leave]\n"
		"jne 3f\n"
		"cmpq $0, %[section]\n"
		"jne 2b\n"
		"movl $1, %[is_broken]\n"
		"3:\n"
		"jmp 5f\n"
		".long %c[signature]\n"
		"4:\n"
		"jmp 1b\n"
		"5:\n"
		: [section] "+m"(own->rseq_cs), [is_broken] "+m"(is_broken)
		: [may_leave] "m"(may_leave), [signature] "i"(RSEQ_SIG)
		: "rax", "cc", "memory");
	return 1;
}
#else
static int stay(void)
{
	(void)leave;
	(void)is_broken;
	return 0;
}
#endif

void reply(const char *question, char *answer, size_t size)
{
	int n = 0;

	if (sscanf(question, "plain %d", &n) == 1)
		snprintf(answer, size, "plain %d", plain(n));
	else if (strcmp(question, "stay") == 0)
		snprintf(answer, size, !stay() ? "cannot" : is_broken ? "broken" : "left");
}
