/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slack: the bytes behind the code of an object, up to the end of the last page of it.
 *
 * The kernel maps whole pages, so the last page of an executable segment is executable to its
 * end, and no program has code behind the end of the segment.  Nobody ever executes these bytes.
 * There nsb writes what a borrowed thread runs (remote.h).
 *
 * The last bytes of the page are a note for the next nsb, which finds there what one that was
 * killed has left: struct slack_note.
 */
#ifndef NSB_SLACK_H
#define NSB_SLACK_H

#include "target.h"

struct slack_note {
	uint8_t magic[8];
	uint64_t address;	/* of the memory that is being mapped or unmapped; 0: none */
	uint32_t pages;		/* of it, of 4096 bytes each */
	uint16_t size;		/* of the slack that is in use, this note included */
	uint8_t fill, padding;	/* what all bytes of the slack are when it is not in use */
	uint32_t check, padding2;
};

_Static_assert(sizeof(struct slack_note) == 32, "the same for both sides");

/* A place for code: [start, end), run-time addresses; start is a multiple of 16, end of a page. */
struct slack {
	uint64_t start, end;
	uint8_t fill;
};

/*
 * Find the slack that nsb uses in this process: that of the program, which stays where it is for
 * as long as the process lives; else the vDSO's; else a library's, for which target->maps is
 * read anew.  Only bytes that are all the same are taken, or what a killed nsb has left, when no
 * thread is there any more.  -ENOSPC with a message: there are too few for one call.
 */
int slack_find(struct target *target, struct slack *slack) MUST_CHECK;
/* How many bytes of code it has room for. */
size_t slack_room(const struct slack *slack);
/* Write code to its start, and the note with the memory that is going to be mapped. */
int slack_use(const struct slack *slack, struct target *target, const uint8_t *code, size_t size,
	      uint64_t address, uint64_t pages) MUST_CHECK;
/* Make all its bytes what they were. */
int slack_clear(const struct slack *slack, struct target *target) MUST_CHECK;
/*
 * Whether a killed nsb has left something in some slack of the process.  *slack is the part of
 * it that was in use, *note what that nsb was doing.
 */
bool slack_find_used(const struct target *target, struct slack *slack, struct slack_note *note) MUST_CHECK;

#endif
