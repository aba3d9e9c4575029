/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps: reads /proc/PID/maps into a sorted array, and finds a hole between mappings.
 */
#ifndef NSB_MAPS_H
#define NSB_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "msg.h"

struct mapping {
	uint64_t start, end;	/* the mapping is [start, end), run-time addresses */
	uint64_t offset;	/* in the file */
	uint64_t device, inode;	/* major << 32 | minor; both 0 if there is no file */
	int prot;		/* PROT_* */
	bool is_private;
	char *path;		/* as the kernel writes it, "" if there is none, and for "[anon:...]"; owned */
};

struct maps {
	struct mapping *all;
	size_t count;
	uint64_t stack;		/* where the first thread's stack began: its words lie below; 0 if that is not known */
	uint64_t brk;		/* where the heap begins, even if it has not begun; 0 if that is not known */
};

/* Read the mappings of a process.  Errors, with a message: those of open(2), -ENOMEM, -EIO. */
int maps_read(struct maps *maps, pid_t pid) MUST_CHECK;
void maps_deinit(struct maps *maps);
/*
 * Parse a line of /proc/PID/maps, proc(5), which is changed.  The caller frees m->path.  -EIO,
 * -ENOMEM without a message.
 */
int maps_parse_line(char *line, struct mapping *m) MUST_CHECK;

/*
 * Open the file of a mapping, whatever became of its path.  What is no regular file is not
 * opened: a device could be, to its harm.  The descriptor, or -errno without a message.
 */
int maps_open_file(pid_t pid, const struct mapping *m) MUST_CHECK;

/* The mapping that holds address, or NULL. */
const struct mapping *maps_find(const struct maps *maps, uint64_t address);

/*
 * Whether two readings of the mappings of a process differ; with `only_code` mappings count that are executable and
 * have a file: objects were loaded or unloaded.
 */
bool maps_differ(const struct maps *a, const struct maps *b, bool only_code);

/* What a hole has to be like. */
struct hole {
	uint64_t size, page;	/* its own, and that of a page */
	/*
	 * Every byte of the hole has to lie within `reach` of every byte of [near_lo, near_hi).
	 * Example: with a reach of 2 GiB code in the hole can refer to all of the object at
	 * [near_lo, near_hi) by a signed displacement of 32 bits, and that object to the hole.
	 * reach 0: the hole may be anywhere, but near near_lo if possible.
	 */
	uint64_t reach, near_lo, near_hi;
	uint64_t top;		/* end of the user address space of the target's ABI */
	uint64_t first, last;	/* the hole may begin at first, at last, or between them */
};

/*
 * Find a hole.  At least a page is left free on both sides of it, so that the kernel does not
 * merge it with a neighbour.  Room into which the heap or the stack grows is taken only if
 * there is no other, and as far from them as can be.  -ENOSPC with a message.
 */
int maps_find_hole(const struct maps *maps, const struct hole *hole,
		   uint64_t *address) MUST_CHECK;

/* Enter memory that will be mapped soon, so that maps_find_hole() does not find it free.  -ENOMEM with a message. */
int maps_reserve(struct maps *maps, uint64_t address, uint64_t size) MUST_CHECK;

#endif
