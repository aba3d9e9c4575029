/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * abi: in which registers the System V ABIs have arguments and results.
 *
 * Sources: psABI, amd64 3.2.1 and 3.2.3, i386 2.2.3.  Each answer has at least the registers that
 * are meant, and perhaps more: who asks wants to know what may be in use.
 */
#ifndef NSB_GEN_ABI_H
#define NSB_GEN_ABI_H

#include "binary.h"
#include "gen_arch.h"

/* The registers of the first arguments; of more than there are, all. */
struct regset argument_registers(const struct gen_arch *gen, unsigned n_general, unsigned n_vector);

enum arguments_known {
	ARGUMENTS_UNKNOWN,	/* *set is empty */
	ARGUMENTS_NAMED,	/* there may be more behind the named ones, as of printf */
	ARGUMENTS_ALL,
};

/* The registers in which the arguments of this prototype come; `function` is its DIE. */
enum arguments_known prototype_arguments(const struct dwarf *dwarf, uint64_t function, const struct gen_arch *gen,
					 struct regset *set);

/*
 * A function of the C or C++ library that compilers call without a declaration, or that takes a
 * format, which tells of the arguments behind the named ones.
 */
struct library_function {
	const char *name;
	int8_t n_arguments;	/* the named ones, all of them words */
	int8_t format;		/* which of them is the format; -1: none is */
};

/* NULL: it is none of these. */
const struct library_function *find_library_function(const char *name);

/* How many arguments a format of printf asks for, at most; UINT_MAX if that cannot be told. */
unsigned format_arguments(const char *format);

/*
 * The argument registers of a call whose prototype nobody knows, if those in `defined` may mean
 * something there.  Arguments take the registers in their order: what is behind the first that
 * means nothing is none.
 */
struct regset possible_arguments(const struct gen_arch *gen, struct regset defined);

/* The registers in which a function returns its result; `function` is its DIE. */
struct regset result_registers(const struct dwarf *dwarf, uint64_t function, const struct gen_arch *gen);

#endif
