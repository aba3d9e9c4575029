/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checks: what cannot be patched, found before anyone tries.
 *
 * Each check looks at one thing, and answers 0, or -EINVAL with a message that names function,
 * file and cure.
 */
#ifndef NSB_GEN_CHECKS_H
#define NSB_GEN_CHECKS_H

#include "draft.h"
#include "type.h"

/* The target must not have been built with link-time optimisation. */
int check_lto(const struct binary *target) MUST_CHECK;

/*
 * Is `origin`, the DIE that some code is an instance of, this function?  If a global function
 * is inlined in another unit, it has a DIE there as well.
 */
bool is_instance_of(const struct dwarf *dwarf, const struct dwarf_function *function,
		    uint64_t origin);

/* Is this code of the target replaced, as a function or as a part of one? */
bool is_replaced(const struct draft *draft, const struct dwarf_function *code);

/* No body of a replaced function may stand inlined in code that is not replaced. */
int check_inlined(const struct draft *draft) MUST_CHECK;

/*
 * No clone of a replaced function (.constprop, .isra) may go on running.  Its parts (.part,
 * .cold) become ranges that no thread may be in.
 */
int check_clones(struct draft *draft) MUST_CHECK;

/*
 * A replaced function must have the same prototype in the patch and in the target.
 * check_prototype() is for one that both debug infos describe, check_prototypes() for all of
 * the draft.
 */
int check_prototype(const struct draft *draft, const struct replaced *replaced) MUST_CHECK;
int check_prototypes(const struct draft *draft) MUST_CHECK;

/* Warn if the target's compiler folded another function into a replaced one. */
void check_folded(const struct draft *draft);

/* A global variable must not exist twice, in the target and in the patch. */
int check_variables(const struct draft *draft) MUST_CHECK;

/* Something of the target as the patch's source declares it. */
struct declaration {
	struct type type;	/* of a function: its DIE.  DIE 0: nothing is known */
	const char *name;
	const char *file;	/* without its folder */
	uint32_t line;
};

/*
 * What the patch declares must have the type or prototype that `meant`, the target's own, has.
 * check_declaration() is given the declaration.  The other two look for plain declarations of
 * that name in the patch's debug info, as far as the compiler writes them there.
 */
int check_declaration(const struct draft *draft, const struct declaration *declaration,
		      const struct definition *meant, bool is_function) MUST_CHECK;
int check_declared_variable(const struct draft *draft, const char *name,
			    const struct definition *meant) MUST_CHECK;
int check_declared_function(const struct draft *draft, const char *name,
			    const struct definition *meant) MUST_CHECK;

/*
 * Refuse a function that is replaced and of which target or patch lacks the full debug info.
 * Nothing is known of functions of assembly, and of what was compiled without -g, so such ones
 * pass.
 */
int check_described(const struct draft *draft, const struct replaced *replaced) MUST_CHECK;

/*
 * Did gcc take the unit's global functions for replaceable, as -fPIC alone says?  Then callers
 * in the unit rely on nothing but the ABI.  clang takes none for replaceable.
 */
bool is_interposable(const struct dwarf_unit *unit);

/*
 * The target has no code called `name`.  That is right for a new function.  It is refused if
 * the target has the function, but only inlined or as a clone.  callers_checked: the author knows
 * that no inlined copy without a trace stays.
 */
int check_absent(const struct draft *draft, const char *name, const char *file,
		 bool callers_checked) MUST_CHECK;

/* Refuse a patch in which the compiler made a clone of function no. `index` and nothing else. */
int check_patch_clone(const struct draft *draft, uint32_t index, const char *clone) MUST_CHECK;

#endif
