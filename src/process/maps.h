/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps: /proc/PID/maps as a sorted array, and the search for a hole in it.
 */
#ifndef NSB_MAPS_H
#define NSB_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "msg.h"

struct mapping {
	uint64_t start, end;	/* run-time addresses, end exclusive */
	uint64_t offset;	/* in the file */
	uint64_t device, inode;	/* major << 32 | minor; both 0 if there is no file */
	int prot;		/* PROT_* */
	bool is_private;
	char *path;		/* "" if none; as the kernel writes it; owned */
};

struct maps {
	struct mapping *all;
	size_t count;
};

/* Read the map of a process.  Errors: that of open(2), -ENOMEM, -EIO. */
int maps_read(struct maps *maps, pid_t pid) MUST_CHECK;
void maps_deinit(struct maps *maps);

/* The mapping that holds address, or NULL. */
const struct mapping *maps_find(const struct maps *maps, uint64_t address);

/* What is asked of a place where nothing is. */
struct hole {
	uint64_t size;
	/*
	 * Every byte of it lies within `reach` of all of [near_lo, near_hi): what is placed
	 * there may be named by a signed 32-bit displacement from there, and the other way
	 * round.  0: anywhere; near_lo is then what it comes near to, if it can.
	 */
	uint64_t reach, near_lo, near_hi;
	uint64_t top;		/* end of the user address space of the target's ABI */
	uint64_t first, last;	/* addresses that it may have, both included */
};

/*
 * The hole keeps a page from its neighbours, so that nothing merges with it, and keeps
 * away from where the heap and the stack grow.  -ENOSPC with a message.
 */
int maps_find_hole(const struct maps *maps, const struct hole *hole,
		   uint64_t *address) MUST_CHECK;

/* Keep memory that will be mapped soon from being found free. */
int maps_reserve(struct maps *maps, uint64_t address, uint64_t size) MUST_CHECK;

#endif
