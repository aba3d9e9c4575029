/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What meter, which is measured, and gauge, which runs the tool, share: a file that both
 * map.  Fields have the same place in 32-bit and 64-bit programs.
 *
 * gauge counts `window` up; odd numbers open a window, even ones close it.  meter
 * answers by setting `seen` to the same number, and what it saw stands beside it then.
 */
#ifndef METER_H
#define METER_H

#include <stdint.h>
#include <time.h>

struct meter {
	uint32_t ready;		/* meter: all threads are where they are to sleep */
	uint32_t window;	/* gauge */
	uint32_t seen;		/* meter */
	uint32_t answer;	/* meter: what function_0(1) returns at the end of the window */
	uint64_t gap_ns;	/* meter: the longest time between two looks at the clock */
	uint64_t looks;		/* meter: how many there were */
};

_Static_assert(sizeof(struct meter) == 32, "the driver knows the size");

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
