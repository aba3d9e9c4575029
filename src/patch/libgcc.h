/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libgcc: C++ objects with an unwinder inside that has no symbols.
 *
 * What is linked -static, or -static-libgcc, carries a copy of libgcc's unwinder; its
 * symbols are hidden, and strip(1) takes them out.  Such an object is told by what it
 * needs, and does not need, of others.
 */
#ifndef NSB_LIBGCC_H
#define NSB_LIBGCC_H

#include "object.h"

/* Whether it is one.  Where memory is short or cannot be read, it is none. */
bool libgcc_is_inside(const struct object *object, const struct target *target);

#endif
