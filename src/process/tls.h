/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tls: where the thread-local variables of an object of the target are.
 *
 * Each thread has a block for each module that has such variables (psABI, "Thread-
 * Local Storage"; "ELF Handling For Thread-Local Storage").  Which number a module
 * has, and how far its block is from the thread pointer where that is the same in
 * all threads, is taken from words that the dynamic linker has written.
 */
#ifndef NSB_TLS_H
#define NSB_TLS_H

#include "link.h"
#include "object.h"

/*
 * The variable at `offset` of the block of `object`; `name` is for messages, which
 * all errors have.  -ESTALE where the process does not tell.
 */
int tls_find(const struct objects *objects, const struct target *target,
	     const struct object *object, const char *name, uint64_t offset,
	     struct link_tls *out) MUST_CHECK;

#endif
