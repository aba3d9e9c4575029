/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trust: open a file that nobody but root and the caller can have written.
 *
 * What root loads into a process is decided by who may write to the file, to a
 * folder above it, or to a symbolic link on the way.  The path is walked component by
 * component, each opened from the one before: what was looked at is what is opened.
 */
#ifndef NSB_TRUST_H
#define NSB_TRUST_H

#include "msg.h"

/*
 * Open for reading.  If nsb runs as root and `careful`, refuse with -EKEYREJECTED and
 * a message what others may write to: owned by another user, or writable by group or
 * others; a sticky folder, such as /tmp, is good for what root or the caller owns in
 * it.  Other errors are those of open(2), with a message.
 */
int trust_open(const char *path, bool careful, int *fd) MUST_CHECK;

#endif
