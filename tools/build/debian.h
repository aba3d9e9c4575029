/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debian: the source of a Debian package, its build, and the files of it that are installed. */
#ifndef NSB_BUILD_DEBIAN_H
#define NSB_BUILD_DEBIAN_H

#include "words.h"

/*
 * Get the source of a package, "NAME" as it is installed, or "NAME=VERSION", of just this version,
 * and unpack it in `work`.  The answer is its folder.  All that is said goes to `log`.
 */
char *debian_source(const char *package, const char *work, const char *log);
/* The command that builds its binary packages, and what it needs of the environment. */
void debian_command(struct words *command);
/* The files of the package: as they are installed, or, of another version, out of the package, which is fetched. */
void debian_files(const char *package, const char *work, const char *log, struct words *files);

#endif
