/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cache: builds of old sources, kept for the next fix of the same program.
 *
 * An entry is a folder, named by the SHA-256 of its key.  The key is a text with all that a build
 * is known to depend on: nsb-build, the place and the bytes of the source, the command, the
 * environment, the compilers, and the packages of the system.  Files outside of the source that
 * compilers have read are looked at once more before an entry is used.  One process uses an entry
 * at a time.  An entry is used only if its build was finished.
 */
#ifndef NSB_BUILD_CACHE_H
#define NSB_BUILD_CACHE_H

#include <stdbool.h>

#include "compilation.h"
#include "settings.h"
#include "tree.h"

/* A folder with an old build. */
struct kept {
	char *folder;		/* an entry, or the folder of this work if nothing is to be kept */
	char *tree, *records;	/* the old build, and what its compilers were called with */
	char *wrappers;		/* the folder of the wrappers: a build may have noted its name */
	char *epoch;		/* SOURCE_DATE_EPOCH of it; NULL: the build's own, or the user's */
	bool is_built;		/* it is there */
	bool is_entry;
};

/* The folder of all that is kept; NULL: there is none, as the user has no home.  It is made if it is not there. */
char *cache_folder(void);
/*
 * The folder of a source of that name, which is this process's until it ends; NULL: nothing is to be kept.
 * If it is not there, a new folder that is to be filled, and becomes that one by cache_keep_source().
 */
char *cache_source(const struct settings *settings, const char *name, const char *work, bool *is_there);
char *cache_keep_source(const char *new, const char *work);
/* Look for the build of this source.  What is not built yet may be built in kept->folder. */
void cache_open(struct kept *kept, const struct settings *settings, const struct place *place, const char *work);
/* The build is finished: others may use it. */
void cache_keep(const struct kept *kept, const struct place *place, const struct compilations *made, const char *work);
/* An entry that a work that has ended did not finish is removed. */
void cache_clean(const char *work);

#endif
