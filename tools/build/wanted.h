/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wanted: the programs and libraries that are to be patched. */
#ifndef NSB_BUILD_WANTED_H
#define NSB_BUILD_WANTED_H

#include "elffile.h"
#include "words.h"

/* A file to be patched. */
struct patchable {
	char *path;		/* a copy of it, or where it is */
	char *name;		/* what it is called */
	const char *there;	/* a file of a process: its name there; NULL: the user named the file */
	bool is_named;
	struct elffile file;
};

/* Add one.  If the user named it, it has to be a program or library with a build-id; else it is left out. */
void wanted_add(struct patchable **all, size_t *n, const char *path, const char *name, bool is_named);
/* Add the executable files that a process has mapped.  They may be gone from the disk, or another root's. */
void wanted_add_mapped(const char *pid, struct patchable **all, size_t *n);
/*
 * A file of a process under a name of its own: the one that it has, if that file is still the same,
 * else a copy in `work`.
 */
void wanted_settle(struct patchable *wanted, const char *work);

#endif
