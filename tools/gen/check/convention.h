/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * convention: how functions get their arguments.
 *
 * A compiler may give a convention of its own to a function that only one unit can call.  On
 * i386 gcc passes such arguments in registers (as regparm says), and clang does so in other
 * ones (as fastcall says).  Both drop arguments that are not used, and neither changes the
 * name.  The debug info says where each parameter is at the function's entry.
 */
#ifndef NSB_GEN_CONVENTION_H
#define NSB_GEN_CONVENTION_H

#include "draft.h"
#include "values.h"

#define PARAMETERS_MAX 32

/* One parameter of a function of the target, and how it comes. */
struct parameter {
	const char *name;
	struct value_type type;
	int reg;		/* the general register that it comes in, as instructions number it; -1: none, or not known */
};

/* List a function's parameters, in their order. */
int list_parameters_of(const struct binary *binary, uint32_t index, struct parameter *out, unsigned *count) MUST_CHECK;

/* Where the caller puts an argument that is a word: in a general register, as instructions number it, or on the stack. */
struct arriving {
	int reg;		/* -1: on the stack */
	uint64_t stack;		/* bytes from the first argument on the stack */
};

/*
 * Find where the function's parameter of that name is at its entry, as its callers there pass it.  If that is not known, *why
 * tells, for a message behind the name; otherwise it stays as it is.
 */
int find_passed(const struct binary *binary, uint32_t index, const char *name, struct arriving *out, const char **why) MUST_CHECK;

/*
 * A replaced function must get its arguments where the target's callers put them.
 * check_convention() is for one function, check_conventions() for all of the draft.
 */
int check_convention(const struct draft *draft, const struct replaced *replaced) MUST_CHECK;
int check_conventions(const struct draft *draft) MUST_CHECK;

/*
 * The patch calls the target's function `meant`, which its source declares at `source`:`line`.
 * The function must take its arguments where the patch puts them: as the ABI says or, if
 * in_registers, as regparm(3) of i386 says.
 */
int check_reference_convention(const struct draft *draft, const struct definition *meant,
			       const char *source, uint32_t line, bool in_registers) MUST_CHECK;

#endif
