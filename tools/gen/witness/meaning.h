/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * meaning: do an address of the old image and one of the new image mean the same?
 *
 * An address means a thing and an offset in it, a function of another object, a thread-local
 * variable, or a constant without a name, which is compared by its bytes.  What cannot be told
 * is not the same.
 */
#ifndef NSB_GEN_MEANING_H
#define NSB_GEN_MEANING_H

#include "frame.h"
#include "image.h"

#define WHY_MAX 320

/* An address that code or data refers to, in the midst of what has no name. */
struct cut {
	uint64_t addr;
	uint64_t is_start;	/* something begins here: it is not just some bytes that are read */
};

struct cuts {
	struct cut *table;	/* by address, each once */
	size_t count;
};

/* Two places in the functions that are being compared, to which a jump, or a table of jumps, leads. */
struct jump_pair {
	uint64_t old, new;	/* offsets */
};

/* Two images, and what is known of what they have in common. */
struct meanings {
	struct image *old, *new;
	struct cuts cuts[2];		/* of the old image, of the new one */
	struct frames frames[2];	/* of C++: unwind information */
	bool has_exceptions;
	uint8_t *is_other;		/* by the old image's spots: a constant that differs */
	bool same_threads;		/* thread-local variables lie at the same offsets */
	uint32_t own[2];		/* the spots of the functions that are being compared; IMAGE_NONE: none */
	struct jump_pair *jumps;	/* where their jumps lead to, to be looked at in the end */
	size_t n_jumps;
	struct { uint32_t old, new; } bonds[16];	/* symbols that the function takes for each other */
	size_t n_bonds;
	bool asks_for_threads;		/* code finds thread-local variables by their offsets alone */
	uint32_t budget;		/* how much more one comparison may look at */
	int err;			/* -ENOMEM, once that happened */
	char why[WHY_MAX];		/* why the last answer was no */
};

/* Begin a comparison of two images whose symbols are matched.  -ENOMEM. */
int meanings_init(struct meanings *meanings, struct image *old, struct image *new) MUST_CHECK;
/* It does nothing to a zeroed struct. */
void meanings_deinit(struct meanings *meanings);

/*
 * Do two addresses mean the same?  `access` is how many bytes are read or written there; 0 if
 * that is not known.  `has_index`: a register is added to it.  After a no `why` tells why.
 */
bool same_place(struct meanings *meanings, uint64_t old, uint64_t new, unsigned access, bool has_index);

/* The same for bytes of both images, which have pointers in them. */
bool same_bytes(struct meanings *meanings, uint64_t old, uint64_t new, uint64_t size);

/* The same for offsets in the blocks of thread-local variables. */
bool same_thread_variable(struct meanings *meanings, uint64_t old, uint64_t new);

/* Are the symbols of two spots matched? */
bool same_spot(struct meanings *meanings, uint32_t old, uint32_t new);

/* Make the bonds of the function that was just compared final, or forget them. */
void meanings_keep_bonds(struct meanings *meanings, bool keep);

/* Set `why`, and return false. */
bool because(struct meanings *meanings, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
