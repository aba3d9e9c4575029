/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * type: are two types of two files' debug info the same to compiled code?
 *
 * Names of typedefs and qualifiers do not matter; sizes, encodings, offsets,
 * members, enumerators and tags do.  What a pointer points to is compared one
 * level deep, below that only by its tag.
 */
#ifndef NSB_GEN_TYPE_H
#define NSB_GEN_TYPE_H

#include "dwarf.h"

/* A type as the offset of its DIE; 0 is void. */
struct type {
	const struct dwarf *dwarf;
	uint64_t die;
};

#define TYPE_NAME_MAX 160
#define TYPE_WHY_MAX 256

/*
 * 1 if they are the same; 0 if not, and `why`, of TYPE_WHY_MAX bytes, says in
 * what `a` differs from `b` ("" if the types' names say it all); -ENOEXEC.
 */
int type_equal(struct type a, struct type b, char *why) MUST_CHECK;

/* The same for two functions by their DIEs: result, parameters, "...". */
int prototype_equal(struct type a, struct type b, char *why) MUST_CHECK;

/* The type in C's words, cut off at TYPE_NAME_MAX bytes: "unsigned int *". */
void type_name(struct type type, char *text);

#endif
