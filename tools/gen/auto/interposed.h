/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interposed: objects that were compiled with -fPIC alone.
 *
 * gcc takes their global functions for replaceable by another object's, so no caller in the same
 * unit relies on what such a function does.  Callers in the target may: the target was
 * compiled in another way.  So the objects have to be compiled with
 * -fno-semantic-interposition, too, or changes of callers do not show in them.
 */
#ifndef NSB_GEN_INTERPOSED_H
#define NSB_GEN_INTERPOSED_H

#include "draft.h"
#include "unit.h"

/*
 * Tell of changed functions whose callers may know more in the target than in the objects.
 * Refuse those that were inlined in the target without a trace.  draft has all that is replaced.
 */
int check_interposed(const struct draft *draft, const struct unit *units, size_t n_units) MUST_CHECK;

#endif
