/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address: may the patch give away the address of one of its functions, or of its data?
 *
 * If it does, something may call the function, or read the data, after the patch was reverted, so
 * it has to stay in memory.  Example: s->msg = "out of memory".  If the analysis cannot decide, it
 * takes the address for given away.
 */
#ifndef NSB_GEN_ADDRESS_H
#define NSB_GEN_ADDRESS_H

#include "draft.h"

/* Set VZ_FUNC_ADDRESS_TAKEN for the functions of which it may be so. */
int mark_addresses_taken(struct draft *draft) MUST_CHECK;

/*
 * Add a vz_inside to the metadata for each segment of data no address of which can leave the
 * patch: no instruction computes one, but to pass it to a function of the C library that does not
 * keep it, and no word of the patch holds one.  All dynrefs and places have to be known.
 */
int find_data_inside(struct draft *draft) MUST_CHECK;

/* Add to the metadata the variables that the patch has for itself, and that are not constant.  For manual mode. */
int list_variables(struct draft *draft) MUST_CHECK;

#endif
