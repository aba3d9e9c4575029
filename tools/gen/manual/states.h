/* SPDX-License-Identifier: GPL-2.0-or-later */
/* states: variables of the patch that a newer one takes over from it (VZP_STATE). */
#ifndef NSB_GEN_STATES_H
#define NSB_GEN_STATES_H

#include "directives.h"
#include "draft.h"

/* Add them to the metadata, each with its type as a text that is the same for the same type. */
int draw_states(struct draft *draft, const struct directives *directives) MUST_CHECK;

#endif
