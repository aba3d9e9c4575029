/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "clock.h"

static const struct {
	int number;
	const char *name;
} signals[] = {
	{ SIGINT, "SIGINT" }, { SIGTERM, "SIGTERM" }, { SIGHUP, "SIGHUP" },
};

#define COUNT (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t noted;	/* the number of the last signal that came; 0: none came */
static bool is_held;
static uint64_t deadline;	/* 0: there is none */

static void note(int number)
{
	noted = number;
}

void interrupt_init(void)
{
	/* SA_RESETHAND: the same signal once more finds the default action, and kills nsb. */
	struct sigaction action = { .sa_handler = note, .sa_flags = SA_RESTART | (int)SA_RESETHAND };
	struct sigaction old;

	for (size_t i = 0; i < COUNT; i++) {
		if (sigaction(signals[i].number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i].number, &action, NULL);
	}
	(void)signal(SIGPIPE, SIG_IGN);
}

int interrupt_is_noted(void)
{
	return (int)noted;
}

void interrupt_deadline(uint64_t when)
{
	deadline = when;
}

void interrupt_hold(bool hold)
{
	is_held = hold;
}

bool interrupt_is_over(void)
{
	return !is_held && deadline != 0 && now_ns() > deadline;
}

int interrupt_check(void)
{
	if (interrupt_is_over())
		return fail(EBUSY, "its time is over (--timeout): nothing was changed");
	for (size_t i = 0; i < COUNT && !is_held; i++) {
		if (noted == signals[i].number)
			return fail(EINTR, "ended by %s: nothing was changed", signals[i].name);
	}
	return 0;
}
