/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refs: the macros of vzp.h that a patch of some functions needs, ready to be pasted. */
#ifndef NSB_GEN_REFS_H
#define NSB_GEN_REFS_H

#include <stdio.h>

#include "binary.h"
#include "image.h"
#include "type.h"

/* What the code of one function refers to: places of the target, each once. */
struct refs {
	const struct binary *target;
	struct image image;
	const struct dwarf_function *function;
	uint32_t index;			/* of the function */
	uint64_t *places;
	size_t count;
	const uint32_t *defined;	/* functions that the patch defines, and needs no reference to */
	size_t n_defined;
};

/* refs_deinit() is needed after an error of refs_init(), too. */
int refs_init(struct refs *refs, const struct binary *target) MUST_CHECK;
void refs_deinit(struct refs *refs);

/* Find the function, "name" or "file.c:name", and what it refers to. */
int refs_find(struct refs *refs, const char *name) MUST_CHECK;

/*
 * Write the lines that the function needs: all of them, for a reader; or as code, those for the
 * file's scope, or those for the inside of the function.
 */
enum refs_part { REFS_ALL, REFS_OUTSIDE, REFS_INSIDE };
void refs_write(const struct refs *refs, FILE *out, enum refs_part part);

/* Visit the type of each variable and function that it refers to. */
typedef int (*type_visitor)(void *ctx, struct type type, bool is_function);
int refs_each_type(const struct refs *refs, type_visitor visit, void *ctx) MUST_CHECK;

/* Does the function, of i386, take its arguments in registers? */
bool takes_registers(const struct binary *target, uint32_t index);

/*
 * Print a line for each static variable and function to which the code of these functions refers,
 * with the source file; what was inlined into them, and what else they use of the target, is named
 * in comments.  A function's name may be "file.c:name".
 */
int refs_print(const struct binary *target, char **names, size_t n_names) MUST_CHECK;

#endif
