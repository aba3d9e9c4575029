/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * package: which package a file is of, by the database of dpkg, or of RPM (rpmdb.h).  Neither of them is run.
 */
#ifndef NSB_PACKAGE_H
#define NSB_PACKAGE_H

#include <stdbool.h>
#include <stdint.h>

#define PACKAGE_MAX 160

/*
 * The package of the file at this path, and its version: "libssl3:amd64 3.0.11-1", "openssl-libs-3.0.7-1.el9.x86_64".  False if it is not known, or if what
 * has this path here is another file than that inode, as in another mount namespace.
 */
bool package_of(const char *path, uint64_t inode, char package[PACKAGE_MAX]);

#endif
