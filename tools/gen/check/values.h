/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * values: what machine code shows of where a value comes from.
 *
 * A compiler that tells a function what its callers pass, or callers what it returns, follows
 * values through the source.  Of two kinds of value it can know nothing: of what is loaded from
 * memory, and of what a function of another unit returned.  Such a value is free, as long as
 * no code has tested it.
 */
#ifndef NSB_GEN_VALUES_H
#define NSB_GEN_VALUES_H

#include "code.h"

/* A type of the source, as far as it matters here. */
struct value_type {
	uint64_t size;		/* in bytes; 0: void */
	bool is_pointer;	/* it may be known not to be NULL */
	bool is_plain;		/* an integer or a pointer, of which every value can be */
};

enum value_source {
	VALUE_UNKNOWN,
	VALUE_CONSTANT,
	VALUE_FREE,
};

struct value {
	enum value_source kind;
	int64_t constant;
};

/* The type that a DIE refers to: of a function its result's, of a parameter its own. */
struct value_type value_type_of(const struct dwarf *dwarf, uint64_t die);

/* Does the instruction put a constant into a general register?  Also: the outcome of a comparison, with *outcome. */
bool value_is_constant(const struct program *program, const struct insn *insn, unsigned reg, int64_t *value,
		       bool *outcome);

/* Does instruction no. `at` load all of a value of that type, which the function reads nowhere else? */
bool value_is_loaded(const struct program *program, const struct code *code, size_t at, unsigned reg,
		     struct value_type type);

/*
 * Does instruction no. `at` put the result of a foreign call there, which the function kept in another
 * register meanwhile, without a look at it?
 */
bool value_is_kept(const struct program *program, const struct code *code, size_t at, struct value_type type);

/*
 * Is it a call, or a jump out of the function, to code of which the compiler knew the prototype alone, whose
 * result may be anything of that type?
 */
bool value_is_foreign(const struct program *program, const struct code *code, const struct insn *insn,
		      struct value_type type);

/* What is in general register `reg` when the call, instruction no. `at`, is reached, on one way there at least. */
struct value value_passed(const struct program *program, const struct code *code, size_t at, unsigned reg,
			  struct value_type type);

/*
 * Does the compiler of the unit tell the functions of a unit about each other: what is passed to
 * them?  A unit of which nothing is known does.
 */
bool unit_tells_arguments(const struct dwarf_unit *unit);
/* ... and the range of what they return?  gcc does from version 14 on. */
bool unit_tells_results(const struct dwarf_unit *unit);
/* ... and whether they have effects?  Then calls may be merged, or dropped. */
bool unit_tells_effects(const struct dwarf_unit *unit);

#endif
