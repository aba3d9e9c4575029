/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store: a folder of patches, which says how the host shall be: /var/lib/nsb.
 *
 * Every *.so in it is a patch.  `nsb install` names it by the build that it is for, as
 * libssl.so.3-BUILD-ID.so, so that a newer patch of the same build takes the place of the older one by
 * rename(2): whoever reads the folder finds the one or the other, and an nsb that is killed leaves it whole.
 * A package may drop in files of any name.  Two of them for one build are refused: nobody knows which is meant.
 */
#ifndef NSB_STORE_H
#define NSB_STORE_H

#include "options.h"
#include "patchfile.h"

#define STORE_FOLDER "/var/lib/nsb"

struct store {
	struct patchfile *patches;	/* owned */
	size_t count;
	size_t n_bad;		/* files that are no patches, damaged, or writable by others: told, and left out */
	int lock;		/* a descriptor of the folder; -1: it is not open */
};

/*
 * Read all patches of the store.  Files that cannot be taken are told in a line each, and counted.  With `alone` no
 * other nsb that asks for the same works on the store meanwhile, until store_deinit(), which is called also
 * after an error.
 * Errors, with a message: -ENOEXEC, there is no such folder; -EKEYREJECTED, others may write to it; -EBUSY, another nsb
 * is at work.
 */
int store_read(struct store *store, const struct options *options, bool enters, bool alone) MUST_CHECK;
void store_deinit(struct store *store);

/* Whether no other nsb works on the store now; none does from here on, until this process ends. */
bool store_is_free(const struct options *options);

/* The patches that were given by -f, or else those of the store. */
int store_read_given(struct store *store, const struct options *options, bool enters) MUST_CHECK;

/* Move a patch to another place of the array; what was there is forgotten. */
void store_move(struct store *store, size_t from, size_t to);

/* The first comment of a patch with this key, as "cve"; NULL if there is none. */
const char *store_field(const struct vzpatch *meta, const char *key);

#endif
