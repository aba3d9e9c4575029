/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync: makes every process of the host what the store says.
 *
 * One pass finds out how it stands with each process and each patch; only those that are not as they shall be are
 * touched then.  So it costs little where all is well, and may be run by cron, by a package's trigger, or by anything.
 */
#ifndef NSB_SYNC_H
#define NSB_SYNC_H

#include "options.h"
#include "store.h"

/*
 * Do so with these processes, all of the host if `pids` is NULL.  *is_done: there was something to patch, and all of
 * it has its patch now.
 */
int sync_some(const struct options *options, const struct store *store, const pid_t *pids, size_t n_pids,
	      bool *is_done) MUST_CHECK;

#endif
