/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rpmdb: which package a file is of, by the database of RPM.  rpm is not run.
 *
 * It is read if it is of SQLite, as rpm has it since 4.16 (2020).  Other formats of it are not known.
 */
#ifndef NSB_RPMDB_H
#define NSB_RPMDB_H

#include <stdbool.h>
#include <stddef.h>

/* Find the package that has a file of this path: "openssl-libs-3.0.7-1.el9.x86_64".  False if there is none, or no such database. */
bool rpmdb_search(const char *path, char *package, size_t size);

#endif
