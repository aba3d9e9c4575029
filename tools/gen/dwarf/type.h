/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * type: are two types, of two files' debug info, the same to compiled code?
 *
 * Sizes, encodings, offsets, members, enumerators and tags matter; names of typedefs and
 * qualifiers do not.  A type behind a pointer is compared in the same way.  A structure, union
 * or function behind a further pointer is compared by its tag and name.
 */
#ifndef NSB_GEN_TYPE_H
#define NSB_GEN_TYPE_H

#include "dwarf.h"

/* A type, by the offset of its DIE.  0 is void. */
struct type {
	const struct dwarf *dwarf;
	uint64_t die;
};

#define TYPE_NAME_MAX 160
#define TYPE_WHY_MAX 256

/*
 * Compare two types: 1 if they are the same, 0 if not, or -ENOEXEC.  `why`, of TYPE_WHY_MAX
 * bytes, says in what `a` differs from `b`; it is "" if the names of the types say everything.  A member of `a` that
 * lies where `b` has padding is no difference, but `why` tells of it then, with the answer 1.
 */
int type_equal(struct type a, struct type b, char *why) MUST_CHECK;

/*
 * From now on these types, such as "struct conn", are the same as others of their names, whatever is in them.  The names
 * must live as long as types are compared.
 */
void type_trust(const char *const *names, size_t count);

/* Compare two functions, by their DIEs: the result, the parameters, and "...". */
int prototype_equal(struct type a, struct type b, char *why) MUST_CHECK;

/* Write the type in words of C, such as "unsigned int *", cut off at TYPE_NAME_MAX bytes. */
void type_name(struct type type, char *text);

/*
 * The same of a function, by its DIE: the type of its result, and its parameters as "(int, char *)".
 * false: these are longer, or it was declared without a prototype.
 */
bool prototype_names(struct type function, char *result, char *parameters);

#endif
