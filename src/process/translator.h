/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * translator: finds out whether another program executes translations of a program's code.
 *
 * valgrind, DynamoRIO and qemu-user map the file of the program that they run, and execute
 * copies of its code that they have made.  A jump in the mapped file would change nothing.
 */
#ifndef NSB_TRANSLATOR_H
#define NSB_TRANSLATOR_H

#include "object.h"

/*
 * -EINVAL with a message if the code of `object` is not what the process executes.  `object` is
 * NULL if the process has no such object: then only translators that are known by name are
 * found.  The process runs on, and need not be traced.
 */
int translator_refuse(const struct objects *objects, const struct target *target,
		      const struct object *object) MUST_CHECK;

#endif
