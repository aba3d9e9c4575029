/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trust: opens a file that nobody but root and the caller can have written.
 *
 * If root loads a patch, then whoever may write to the file, to a folder above it, or to a
 * symbolic link on the way decides what is loaded.  So nsb walks the path component by
 * component, and opens each one from the folder before it: what it judged is what it opens.
 */
#ifndef NSB_TRUST_H
#define NSB_TRUST_H

#include "msg.h"

/*
 * Open a file for reading.  If nsb runs as root, and `careful` is set, a file that others may
 * write to is refused with -EKEYREJECTED and a message: one that another user owns, or that its
 * group or others may write to.  In a sticky folder, such as /tmp, a file is good if root or the
 * caller owns it.  The other errors are those of open(2), with a message.
 */
int trust_open(const char *path, bool careful, int *fd) MUST_CHECK;

#endif
