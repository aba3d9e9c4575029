/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commands: what the user can ask for.
 *
 * Each command returns 0 or -errno; status.h says which exit status that becomes.
 */
#ifndef NSB_COMMANDS_H
#define NSB_COMMANDS_H

#include "options.h"

int command_patch(const struct options *options) MUST_CHECK;
int command_revert(const struct options *options) MUST_CHECK;
int command_list(const struct options *options) MUST_CHECK;
int command_check(const struct options *options) MUST_CHECK;
int command_run(const struct options *options) MUST_CHECK;
int command_info(const struct options *options) MUST_CHECK;
int command_status(const struct options *options) MUST_CHECK;
int command_install(const struct options *options) MUST_CHECK;	/* store.c */
int command_remove(const struct options *options) MUST_CHECK;
int command_sync(const struct options *options) MUST_CHECK;

#endif
