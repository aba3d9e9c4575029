/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * symbol: finds what a name means in a target, by the rules of the dynamic linker.
 */
#ifndef NSB_SYMBOL_H
#define NSB_SYMBOL_H

#include "link.h"
#include "object.h"

/*
 * Find the run-time address that a symbol has for code of `owner`.  -ENOENT without a message:
 * no object has it.  -EAGAIN without a message: it is an IFUNC, nothing in the process tells
 * what its resolver chose, and *address is the address of the resolver.  All other errors have
 * a message; one of them is that it is a thread-local variable.
 */
int symbol_find(const struct objects *objects, const struct target *target,
		    const struct object *owner, const char *name, const char *version,
		    uint64_t *address) MUST_CHECK;
/* The same for a thread-local variable. */
int symbol_find_tls(const struct objects *objects, const struct target *target,
			const struct object *owner, const char *name, const char *version,
			struct link_tls *tls) MUST_CHECK;

#endif
