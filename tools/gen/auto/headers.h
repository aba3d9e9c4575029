/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * headers: static functions of headers, of which every unit that uses them has a copy.
 *
 * If such a function changes, every unit of the target with a copy, inlined or not, has to be
 * among the objects.  Example: check() of util.h is inlined in a.c and in b.c, and the patch
 * has a.o alone: then b.c would go on with the old code.
 */
#ifndef NSB_GEN_HEADERS_H
#define NSB_GEN_HEADERS_H

#include "draft.h"
#include "unit.h"

/*
 * Refuse units that lack objects of the target which have a copy of a header's function that
 * changed, or of which nothing proves that it did not.  Without original objects nothing
 * can be compared, and a line tells of it.  Headers below /usr are taken to be the same.
 */
int check_headers(const struct draft *draft, const struct unit *units, size_t n_units) MUST_CHECK;

#endif
