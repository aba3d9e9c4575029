/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A signal handler that answers all questions, on an alternate stack that has hardly room for it: a page
 * that cannot be touched lies below.
 */
#include "target.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

#define SPARE 768	/* what the handler needs */
#define PAGE 4096

KEEP const char *greet(void)
{
	return "hello";
}

static void serve(int number)
{
	char question[64];

	(void)number;
	if (write(1, "here\n", 5) != 5)
		_exit(1);
	while (read(0, question, sizeof(question)) > 0) {
		const char *answer = greet();

		if (write(1, answer, strlen(answer)) < 0 || write(1, "\n", 1) != 1)
			break;
	}
	_exit(0);
}

void reply(const char *question, char *answer, size_t size)
{
	struct sigaction action = { .sa_handler = serve, .sa_flags = SA_ONSTACK };
	size_t frame = getauxval(AT_MINSIGSTKSZ) != 0 ? getauxval(AT_MINSIGSTKSZ) : 2048, whole;
	stack_t small;
	char *pages;

	(void)question;
	snprintf(answer, size, "cannot");
	whole = (frame + SPARE + PAGE - 1) / PAGE * PAGE;
	pages = mmap(NULL, PAGE + whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || mprotect(pages + PAGE, whole, PROT_READ | PROT_WRITE) != 0)
		return;
	/* Its lowest byte is the first that can be touched. */
	small = (stack_t){ .ss_sp = pages + PAGE, .ss_size = frame + SPARE };
	if (sigaltstack(&small, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0)
		raise(SIGUSR1);
}
