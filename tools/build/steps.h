/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steps: tells what nsb-build is at, and how far: with -v, and on a terminal, where one line changes. */
#ifndef NSB_BUILD_STEPS_H
#define NSB_BUILD_STEPS_H

#include <stddef.h>

#include "settings.h"

/* The next step begins. */
void step(const struct settings *settings, const char *what);
/* So much of it is done, of `total` if that is not 0; `what` are of a kind. */
void step_progress(size_t done, size_t total, const char *what);
/* Take the changing line off the terminal. */
void step_clear(void);
/* The same, of a child that has ended. */
void step_clear_of_child(void);

#endif
