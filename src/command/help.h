/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * help: what nsb --help and nsb help COMMAND print.
 */
#ifndef NSB_HELP_H
#define NSB_HELP_H

#include <stdbool.h>

/* Print the help on a command, on all of them if it is NULL.  False: there is no such command. */
bool help_print(const char *command);

#endif
