/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compilation: what the compiler wrapper tells nsb-build of each call that ended well.
 *
 * A record is a file of strings that end with NUL bytes: folder, compiler, number of arguments,
 * arguments, environment.  Its name is the time of the call, so that names sort by it.  What the
 * compiler read is in a file beside it, NAME.d, as -MD writes it.
 */
#ifndef NSB_BUILD_COMPILATION_H
#define NSB_BUILD_COMPILATION_H

#include "cmdline.h"
#include "msg.h"
#include "words.h"

/* One call of a compiler. */
struct compilation {
	char *name;			/* of the file */
	char *folder;			/* where it was called */
	char *compiler;			/* the path of the real one */
	struct words arguments;		/* as the compiler got them, response files expanded */
	struct words environment;
	struct cmdline line;
	bool is_of_old;			/* of the old build, and not made again in the fixed one */
	struct words reads;		/* absolute names of the files that it read; empty: not known */
};

struct compilations {
	struct compilation *all;		/* in the order of their times */
	size_t n;
};

/* Write one to `folder`/`name`.  0, or a negative errno. */
int compilation_write(const char *folder, const char *name, const struct compilation *record) MUST_CHECK;
/* Read all that are in `folder`. */
void compilations_read(const char *folder, struct compilations *records);
/* A name relative to where the compiler was called, made absolute and free of "." and "..". */
char *compilation_path(const struct compilation *record, const char *name);
/* The absolute name of what it made; NULL if it made nothing, or several objects. */
char *compilation_output(const struct compilation *record);
/* Make a name free of "//", "." and "..", without looking at the disk. */
char *path_plain(const char *path);

#endif
