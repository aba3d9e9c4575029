/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock: time that only goes forward. */
#ifndef NSB_CLOCK_H
#define NSB_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The time of CLOCK_MONOTONIC in nanoseconds. */
uint64_t now_ns(void);
/* Wait for less than a second without going to sleep: to be woken up would take some 50 us longer. */
void spin_ns(uint64_t nanoseconds);
/*
 * From now on spin_ns() sleeps.  nsb calls this when it has a real-time priority: a thread that
 * it waits for might be queued on the processor that it spins on, and would not run.
 */
void spin_never(void);
bool spin_is_allowed(void);

#endif
