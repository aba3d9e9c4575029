/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tls: finds the thread-local variables of an object of the target.
 *
 * Each thread has a block for each module with such variables (psABI, "Thread-Local Storage";
 * "ELF Handling For Thread-Local Storage").  nsb learns the number of a module from words that
 * the dynamic linker has written, and in the same way the distance of its block from the thread
 * pointer, if that is the same in all threads.
 */
#ifndef NSB_TLS_H
#define NSB_TLS_H

#include "link.h"
#include "object.h"

/*
 * Find the variable at `offset` of the block of `object`.  `name` is its name in messages, which
 * all errors have.  -ESTALE: nothing in the process tells where it is.
 */
int tls_find(const struct objects *objects, const struct target *target,
	     const struct object *object, const char *name, uint64_t offset,
	     struct link_tls *out) MUST_CHECK;

#endif
