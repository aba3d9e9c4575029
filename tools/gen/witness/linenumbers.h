/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linenumbers: is a constant that differs between two builds the number of a source line?
 *
 * It is if in both builds it is the line that the debug info has for its instruction, and the
 * name of that line's source file goes to the same call, as assert() passes both.  How far it
 * moved tells nothing.
 */
#ifndef NSB_GEN_LINENUMBERS_H
#define NSB_GEN_LINENUMBERS_H

#include "witness.h"

/* Are all of these numbers of lines?  If the debug info does not tell, they are not. */
bool are_line_numbers(struct build *old, struct build *new, const struct numbers *numbers);

#endif
