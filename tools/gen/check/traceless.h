/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traceless: inlined copies that left no instruction of their own.
 *
 * gcc writes no DW_TAG_inlined_subroutine for such a copy, only DW_AT_inline at the function.
 * Example: of "int limit(void) { return 10; }" in "n < limit()" only the number 10 is left.
 */
#ifndef NSB_GEN_TRACELESS_H
#define NSB_GEN_TRACELESS_H

#include "draft.h"
#include "names.h"

/*
 * If the target's function no. `index` was inlined somewhere and the debug info does not say
 * where, add to the list the functions of its unit that may have it and are not replaced.
 */
void list_traceless(const struct draft *draft, uint32_t index, struct names *names);

/*
 * Refuse a replaced function of which such copies may stay, unless its author has looked at its
 * callers (VZP_CALLERS_CHECKED).  -EINVAL with a message that names the candidates.
 */
int check_traceless(const struct draft *draft) MUST_CHECK;

#endif
