/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asking: calls of the dynamic linker that ask which object they come from.
 *
 * dlsym(RTLD_NEXT) continues behind the object that calls it, dlopen() searches where that
 * object's RUNPATH leads, dladdr() and its like tell what an address belongs to.  The dynamic
 * linker knows an object by its addresses, and has never heard of a patch.
 */
#ifndef NSB_GEN_ASKING_H
#define NSB_GEN_ASKING_H

#include "draft.h"

/*
 * -EINVAL with a message if a function that will run calls dlsym(RTLD_NEXT).  The other calls
 * are told in a warning, each with the name of the function that makes it.
 */
int check_asking(const struct draft *draft) MUST_CHECK;

#endif
