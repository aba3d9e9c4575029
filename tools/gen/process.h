/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process: the files that a process has mapped, by build-id. */
#ifndef NSB_GEN_PROCESS_H
#define NSB_GEN_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

/*
 * Path of the mapped file with this build-id; the caller frees it.  If there is none, the
 * answer is -ENOENT without a message.  If there is no such process, it comes with one.
 */
int process_find_file(const char *pid, const uint8_t *build_id, size_t size,
		      char **path) MUST_CHECK;

#endif
