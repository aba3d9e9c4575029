/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock: time that only goes forward. */
#ifndef NSB_CLOCK_H
#define NSB_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t now_ns(void);
/* Let so much time pass, less than a second, without going to sleep: waking up takes some 50 us. */
void spin_ns(uint64_t nanoseconds);
/*
 * At real-time priority nobody else runs on the processor that nsb spins on, perhaps the
 * thread that it waits for; and waking up is fast.  From now on spin_ns() sleeps.
 */
void spin_never(void);
bool spin_is_allowed(void);

#endif
