/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output: puts the section "vzpatch" into a patch file. */
#ifndef NSB_GEN_OUTPUT_H
#define NSB_GEN_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elffile.h"
#include "msg.h"

/*
 * Write a file with the section added or replaced to `path`, which may be that of the file.
 * `from` is the file as it was read once, with its `original`: whatever has become of it
 * meanwhile, what was looked at is written.  All other sections stay where they are.  The new file appears at once as a whole, with
 * the permissions of the old one, but neither setuid nor setgid.  A line on stderr tells if that
 * makes a file of another user one of the caller's, unless it `is_quiet`.
 */
int output_write(const struct elffile *from, const char *path, const uint8_t *bytes, size_t size,
		 bool is_quiet) MUST_CHECK;

#endif
