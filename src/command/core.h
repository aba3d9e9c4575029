/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core: which patches were in a process that has left a core dump, and whether the thread that failed was in one.
 */
#ifndef NSB_CORE_H
#define NSB_CORE_H

#include "options.h"

/*
 * Print the patches of options->core, as list does.  Errors, with a message: -ENOEXEC, it is no core dump; -EINVAL, it
 * was cut short, or does not tell of which program it is; -ESTALE, it is not of the program options->exe.
 */
int core_list(const struct options *options) MUST_CHECK;

#endif
