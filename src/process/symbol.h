/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * symbol: what a name means in a target, by the dynamic linker's rules.
 */
#ifndef NSB_SYMBOL_H
#define NSB_SYMBOL_H

#include "link.h"
#include "object.h"

/*
 * A symbol by the dynamic linker's rules as code of `owner` would find it: its
 * run-time address.  -ENOENT without a message where no object has it; -EAGAIN
 * without one where it is an IFUNC and nothing in the process tells the choice:
 * *address is that of the resolver.  Other errors with one (a TLS variable).
 */
int symbol_find(const struct objects *objects, const struct target *target,
		    const struct object *owner, const char *name, const char *version,
		    uint64_t *address) MUST_CHECK;
/* The same for a thread-local variable. */
int symbol_find_tls(const struct objects *objects, const struct target *target,
			const struct object *owner, const char *name, const char *version,
			struct link_tls *tls) MUST_CHECK;

#endif
