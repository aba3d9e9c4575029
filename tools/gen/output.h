/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output: puts the section "vzpatch" into a patch file. */
#ifndef NSB_GEN_OUTPUT_H
#define NSB_GEN_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

/*
 * Write file `from`, with the section added or replaced, to `path`, which may be the same
 * file.  All other sections stay where they are.  The new file appears at once as a whole, with
 * the mode of the old one.
 */
int output_write(const char *from, const char *path, const uint8_t *bytes,
		 size_t size) MUST_CHECK;

#endif
