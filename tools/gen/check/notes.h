/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notes: what nsb-gen cannot decide, and the author has to think of.
 */
#ifndef NSB_GEN_NOTES_H
#define NSB_GEN_NOTES_H

#include "directives.h"
#include "draft.h"

/*
 * Tell of replaced functions that free more than the old ones did: what the old code left behind
 * may then be freed twice.  With --strict that is a refusal.  Tell of old functions that never
 * return: the patch cannot be applied while a thread is in one, unless a directive says what becomes of it.  And tell what
 * constants.h says.
 */
int check_notes(const struct draft *draft, const struct directives *directives) MUST_CHECK;

/* Tell of one function what its author has to think of; with --strict refuse it. */
int note_function(const struct draft *draft, const struct replaced *replaced, const char *what) MUST_CHECK;

#endif
