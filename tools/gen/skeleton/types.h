/* SPDX-License-Identifier: GPL-2.0-or-later */
/* types: definitions of types, each once and before it is used; headers of the system where these have them. */
#ifndef NSB_GEN_TYPES_H
#define NSB_GEN_TYPES_H

#include <stdio.h>

#include "type.h"

/* What was written already. */
struct types {
	FILE *out;			/* definitions */
	struct written_type {
		char key[TYPE_NAME_MAX];	/* "struct queue" */
		enum { TYPE_DECLARED, TYPE_BEGUN, TYPE_DEFINED } state;
		bool is_declared;	/* by "struct queue;" */
	} *table;
	size_t count;
	char **headers;			/* owned */
	size_t n_headers;
};

/* types_deinit() leaves `out` alone. */
void types_deinit(struct types *types);

/*
 * Write all that a variable, or a function by its DIE, of this type needs to be declared, and what
 * pointers of it lead to.
 */
int types_add(struct types *types, struct type type) MUST_CHECK;
int types_add_function(struct types *types, struct type function) MUST_CHECK;

#endif
