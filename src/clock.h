/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock: time that only goes forward. */
#ifndef NSB_CLOCK_H
#define NSB_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t now_ns(void);
/* Let so much time pass without going to sleep: waking up takes some 50 microseconds. */
void spin_ns(uint64_t nanoseconds);

#endif
