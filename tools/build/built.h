/* SPDX-License-Identifier: GPL-2.0-or-later */
/* built: programs and libraries that a build has made, and what is in them. */
#ifndef NSB_BUILD_BUILT_H
#define NSB_BUILD_BUILT_H

#include <stdbool.h>

#include "elffile.h"
#include "words.h"

/* A linked file, and its symbols by name. */
struct built {
	char *path;
	struct elffile file;
	const struct symbol **by_name;
	size_t n;
};

enum contains { CONTAINS_NOT, CONTAINS, CONTAINS_UNKNOWN };

/* Open one; any error ends nsb-build with this stage. */
void built_open(struct built *built, const char *path, int stage);
void built_close(struct built *built);

/*
 * Was this object file linked into it?  Its functions tell: each that has the name of one of the
 * linked file has to be the same byte by byte, but for what the linker writes.  So it does not
 * matter which way the object took there: archives, libtool, ld -r, another name.  It is not
 * known of an object without functions, of link-time optimisation for example.
 */
enum contains built_contains(const struct built *built, const char *object);
/* Does its debug info tell of this source, a name below the source tree? */
bool built_has_source(const struct built *built, const char *name);

/*
 * Which of the files that a build has made (`programs`) is this target?  The one with its
 * build-id, else one with its soname or its name.  Of several, one with symbols and debug info is
 * taken, and rather one that a linker has written (`linked`) than a copy.  NULL: none; *several is set if
 * there is more than one, and nothing to choose by.
 */
const char *built_find(const struct words *programs, const struct words *linked, const struct elffile *target, const char *name,
		       char **several);

#endif
