/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * results: what callers in the same unit may know of the values that a function returns.
 *
 * gcc from version 14 on and clang tell callers the range of these values, and a caller drops the
 * tests that can only have one outcome.  Example: the old check() always returned 0, so
 * "if (check(name) < 0)" left no code; a new check() that returns -1 is not heard.
 */
#ifndef NSB_GEN_RESULTS_H
#define NSB_GEN_RESULTS_H

#include "code.h"
#include "draft.h"

/*
 * Refuse a function that may return values which the old one did not, if callers in its unit may
 * know that and are not replaced, unless the author has looked at them (VZP_CALLERS_CHECKED).
 */
int check_results(const struct draft *draft) MUST_CHECK;

/* May the new function return values of which the old one's callers were told that they do not come? */
int may_return_new_values(const struct draft *draft, struct program *target, struct program *patch,
			  const struct replaced *replaced, bool *is_new) MUST_CHECK;

#endif
