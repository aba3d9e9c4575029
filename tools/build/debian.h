/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debian: the source of a Debian package, its build, and the files of it that are installed. */
#ifndef NSB_BUILD_DEBIAN_H
#define NSB_BUILD_DEBIAN_H

#include "settings.h"
#include "words.h"

/*
 * Get the source of the package that the user wants, "NAME" as it is installed, or "NAME=VERSION", of just
 * this version.  The answer is its folder: of the cache, or in `work`.
 */
char *debian_source(const struct settings *settings, const char *work);
/*
 * The patches that the source of settings->fixed_version adds to those of `old`, an unpacked source: all of them,
 * or those that settings->names tell.
 */
void debian_fix(const struct settings *settings, const char *old, const char *work, struct words *diffs);
/* Remove what builds have put beside this source. */
void debian_tidy(const char *source);
/* The command that builds its binary packages, and what it needs of the environment. */
void debian_command(struct words *command);
/* What builds it once more in `tree`, a copy of a tree that has been built: but its binary packages. */
void debian_again(const char *tree, struct words *command);
/* The names of the packages that a source makes. */
char *debian_packages(const char *source);
/* The files of the package: as they are installed, or, of another version, out of the package, which is fetched. */
void debian_files(const char *package, const char *work, const char *log, struct words *files);

#endif
