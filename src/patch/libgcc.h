/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libgcc: recognises C++ objects that contain an unwinder without symbols.
 *
 * An object that was linked with -static or -static-libgcc contains a copy of libgcc's unwinder.
 * The symbols of the copy are hidden, and strip(1) removes them.  nsb recognises such an object
 * by the symbols that it needs from other objects, and by those that it does not need.
 */
#ifndef NSB_LIBGCC_H
#define NSB_LIBGCC_H

#include "object.h"

/* Whether the object is such a one.  If memory is short, or cannot be read, the answer is no. */
bool libgcc_is_inside(const struct object *object, const struct target *target);

#endif
