/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * units: the compilations whose result a fix may change, and their patch objects.
 *
 * Both builds are compared compilation by compilation: by the folder that the compiler was called
 * in, what it made and of which source.  One whose preprocessed text is the same, but for numbers
 * of lines, does not matter; so a header is as good as a source, and time stamps say nothing.
 */
#ifndef NSB_BUILD_UNITS_H
#define NSB_BUILD_UNITS_H

#include <stdbool.h>

#include "built.h"
#include "compilation.h"
#include "tree.h"

/* One source, compiled once in each build. */
struct compiled {
	const struct compilation *old, *new;	/* old is NULL if only the fixed build compiles it */
	const char *source;		/* as the compiler was told */
	char *path;			/* absolute */
	char *shown;			/* below the source tree, for messages */
	char *text_old, *text_new;	/* the files with the preprocessed text */
	char *object_old, *object_new;	/* the patch objects; NULL: not made yet */
	bool may_differ;
};

struct units {
	struct compiled *all;
	size_t n;
};

/* The two builds. */
struct both {
	const struct place *place;
	const char *work, *log;
	const char *tree_old, *tree_new;
	struct compilations old, new;
};

/* The name of a program of the old build in the fixed one. */
char *fixed_of(const struct both *both, const char *old);
/*
 * The compilations whose preprocessed text differs.  The answer is NULL, or a source that differs
 * and was not compiled again where the old build was built again.
 */
const char *units_find(const struct both *pair, struct units *units);
/* Those of them that went into this program of the old build. */
void units_in(const struct both *pair, const struct units *units, const struct built *built, struct units *in);
/* Add what was compiled of this source, a name below the source tree, if it is not there yet. */
void units_add_source(const struct both *both, struct units *units, const char *name);
/* Compile their patch objects, old and new.  An error of the compiler ends nsb-build. */
void units_compile(const struct both *pair, struct units *units);
/* The first line of a log, from this offset on, that tells of an error; its last line if none does. */
char *first_error(const char *log, size_t from);
size_t log_size(const char *log);

#endif
