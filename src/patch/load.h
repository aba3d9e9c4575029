/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load: brings a planned patch into the target's memory.
 *
 * nsb borrows one thread for the calls that map memory, and writes the bytes from outside.  No
 * jump leads to the patch yet.
 */
#ifndef NSB_LOAD_H
#define NSB_LOAD_H

#include "plan.h"

/* Map the memory, each part with the rights that it keeps, and write it.  The borrowed thread goes on. */
int load_image(struct target *target, const struct plan *plan) MUST_CHECK;

#endif
