/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rollout: patches the processes of a host a few at a time, and takes all back when those that were patched do not live.
 *
 * A patch that was wrong shall cost the canaries, and not the service.  That a process lives means: after --settle it is
 * there, with its number and its time of start, and --probe says so.
 */
#ifndef NSB_ROLLOUT_H
#define NSB_ROLLOUT_H

#include "job.h"

/* Whether the options ask for more than all processes at once. */
bool rollout_is_wanted(const struct options *options);

/* Carry out patch --all: finds the processes, patches them in groups, and prints all that is to be told. */
int rollout_patch(struct job *job) MUST_CHECK;

/*
 * Patch the processes of job->pids in groups.  -EINVAL with a message: all was taken back, as some did not live;
 * -ECANCELED with a message: it ended at a failure, or not all could be taken back.
 */
int rollout_groups(struct job *job) MUST_CHECK;

#endif
