/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

static const struct {
	int number;
	const char *name;
} signals[] = {
	{ SIGINT, "SIGINT" }, { SIGTERM, "SIGTERM" }, { SIGHUP, "SIGHUP" },
};

#define COUNT (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t noted;

static void note(int number)
{
	noted = number;
}

void interrupt_init(void)
{
	struct sigaction action = { .sa_handler = note, .sa_flags = SA_RESTART | (int)SA_RESETHAND };
	struct sigaction old;

	for (size_t i = 0; i < COUNT; i++) {
		if (sigaction(signals[i].number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i].number, &action, NULL);
	}
	(void)signal(SIGPIPE, SIG_IGN);
}

int interrupt_check(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (noted == signals[i].number)
			return fail(EINTR, "ended by %s: nothing was changed", signals[i].name);
	}
	return 0;
}
