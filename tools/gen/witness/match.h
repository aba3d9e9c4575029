/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * match: which symbols of two images mean the same thing.
 *
 * Global symbols are matched by their names, local ones by their names and units.  Names that
 * the compiler numbered ("calls.1") are matched in the order of their numbers if both units have
 * as many of them.  What is left without a twin may still be bound by the code that refers to it.
 */
#ifndef NSB_GEN_MATCH_H
#define NSB_GEN_MATCH_H

#include "image.h"

/* Set the twins of the symbols of both images.  -ENOMEM. */
int match_images(struct image *old, struct image *new) MUST_CHECK;

/* Are both of one unit, by the names of their files, or both global? */
bool match_same_unit(const struct image *old, const struct image_symbol *a, const struct image *new,
		     const struct image_symbol *b);

#endif
