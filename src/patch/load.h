/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load: bring a planned patch into the target's memory.
 *
 * One thread is borrowed for the calls that map memory; the bytes are written
 * from outside.  No jump leads there yet.
 */
#ifndef NSB_LOAD_H
#define NSB_LOAD_H

#include "plan.h"

/* Map the memory, each part with the rights that it keeps, and write it.  The borrowed thread goes on. */
int load_image(struct target *target, const struct plan *plan) MUST_CHECK;

#endif
