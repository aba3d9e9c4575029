/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup: whether the control group of a process is frozen, so that none of its threads can stop or run.
 */
#ifndef NSB_CGROUP_H
#define NSB_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define GROUP_BYTES 512

/*
 * Whether a process, or a thread, is in a frozen group of cgroup2 (cgroup.freeze) or of the
 * freezer of cgroup v1 (freezer.state), or below one.  *group becomes the folder of that group,
 * cut off at `size` bytes.  Where no hierarchy is mounted nothing is known, and the answer is no.
 */
bool cgroup_is_frozen(pid_t tid, char *group, size_t size);

#endif
