/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clock.h"

#include <time.h>

uint64_t now_ns(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool may_spin = true;

void spin_never(void)
{
	may_spin = false;
}

bool spin_is_allowed(void)
{
	return may_spin;
}

void spin_ns(uint64_t nanoseconds)
{
	const struct timespec pause = { .tv_nsec = (long)nanoseconds };
	uint64_t start = now_ns();

	if (!may_spin)
		(void)nanosleep(&pause, NULL);
	while (now_ns() - start < nanoseconds)
		;
}
