/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree: copies of the source tree, and the place where they are seen.
 *
 * Paths are in what is built: debug info, __FILE__, the searches of a libtool.  So a copy is
 * built under the name of the source itself, on which it is mounted, in a mount namespace of the
 * build alone.  Where no namespace can be made, a copy is moved to one path for each build, and
 * -ffile-prefix-map tells the compiler the name of the source.
 */
#ifndef NSB_BUILD_TREE_H
#define NSB_BUILD_TREE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "words.h"

/* Where the tree is seen while it is built. */
struct place {
	char *source;		/* the source tree, which stays as it is */
	char *path;		/* what a build sees as the tree: `source`, or a folder of nsb-build's */
	bool is_mounted;	/* a copy is mounted on it */
};

/* Find out what can be done; `work` is nsb-build's folder.  Where nothing can be mounted `path` is to be chosen. */
void place_init(struct place *place, const char *source, const char *work);
/* In a child: put the copy into the place.  It stays there for this process and its children. */
void place_enter(const struct place *place, const char *tree);
/* Around the commands in a copy: where nothing can be mounted it is moved to the place, and back. */
void place_begin(const struct place *place, const char *tree);
void place_end(const struct place *place, const char *tree);
/* The name outside of a build of what a build sees as `path`. */
char *place_outside(const struct place *place, const char *tree, const char *path);

/*
 * Copy a source tree, but for `work`.  What an earlier build has left, objects, archives, programs and
 * libtool's files, stays behind: a build would take it for made.
 */
void tree_copy(const char *from, const char *to, const char *work);
/* Copy a tree with all that was built in it. */
void tree_copy_built(const char *from, const char *to);
/* Copy the bytes of a file over those of another one, which is as new as now then. */
void tree_overwrite(const char *from, const char *to);
/* Is this file copied by tree_copy()?  `st` is of lstat(2). */
bool tree_is_source(const char *path, const struct stat *st);
/*
 * The files of a copy of a source that are not what they were there, and those that are only in the copy, by
 * their names below it.  False: it lacks some, or one is of another kind.
 */
bool tree_compare(const char *source, const char *copy, const char *work, struct words *changed, struct words *added);
/* Remove a tree.  What cannot be removed stays. */
void tree_remove(const char *path);
/* All ELF programs and libraries of a tree. */
void tree_find_programs(const char *path, struct words *found);

#endif
