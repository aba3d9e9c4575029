/* SPDX-License-Identifier: GPL-2.0-or-later */
/* room: how many bytes at the start of a target's function may be overwritten. */
#ifndef NSB_GEN_ROOM_H
#define NSB_GEN_ROOM_H

#include "binary.h"

struct room {
	uint64_t size;		/* of the function and the padding behind it, up to the next symbol or function */
	uint64_t needed;	/* what the jump covers, with a landing pad before it */
};

/*
 * The room for a jump at the function `name`.  It may have less than is needed only at the end of
 * .text: the last bytes of the jump are then those that lie behind, of which nsb knows to make
 * use.  The answer is -EINVAL with a message if it is too small elsewhere, or if the file has no
 * code there.
 */
int measure_room(const struct binary *target, const char *name, uint64_t addr, uint64_t size,
		 struct room *room) MUST_CHECK;

#endif
