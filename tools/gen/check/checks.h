/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checks: what cannot be patched, found before anyone tries.
 *
 * Each looks at one thing and returns 0, or -EINVAL with a message that names
 * function, file and cure.
 */
#ifndef NSB_GEN_CHECKS_H
#define NSB_GEN_CHECKS_H

#include "draft.h"
#include "type.h"

/* The target must not have been built with link-time optimisation. */
int check_lto(const struct binary *target) MUST_CHECK;

/*
 * Is `origin`, what some code is an instance of, this function?  Other units have
 * DIEs of their own for a global function that is inlined there.
 */
bool is_instance_of(const struct dwarf *dwarf, const struct dwarf_function *function,
		    uint64_t origin);

/* Is this code of the target replaced: as itself, or as a part of what is? */
bool is_replaced(const struct draft *draft, const struct dwarf_function *code);

/* No replaced function's body may stand inlined in code that is not replaced. */
int check_inlined(const struct draft *draft) MUST_CHECK;

/* Nor may a clone of it (.constprop, .isra) go on running.  Adds .part and .cold as ranges. */
int check_clones(struct draft *draft) MUST_CHECK;

/* The prototypes must be the same on both sides: of one that both debug infos have, of all. */
int check_prototype(const struct draft *draft, const struct replaced *replaced) MUST_CHECK;
int check_prototypes(const struct draft *draft) MUST_CHECK;

/* Warns where the target's compiler folded another function into a replaced one. */
void check_folded(const struct draft *draft);

/* A global variable must not exist twice. */
int check_variables(const struct draft *draft) MUST_CHECK;

/* Something of the target as the patch's source declares it. */
struct declaration {
	struct type type;	/* of a function its DIE; 0: nothing is known */
	const char *name;
	const char *file;	/* without folder */
	uint32_t line;
};

/*
 * What the patch declares must have the type or prototype that the target's own, `meant`,
 * has.  check_declaration() is for one that is known; the others look for plain declarations
 * of that name in the patch's debug info, as far as the compiler writes them there.
 */
int check_declaration(const struct draft *draft, const struct declaration *declaration,
		      const struct definition *meant, bool is_function) MUST_CHECK;
int check_declared_variable(const struct draft *draft, const char *name,
			    const struct definition *meant) MUST_CHECK;
int check_declared_function(const struct draft *draft, const char *name,
			    const struct definition *meant) MUST_CHECK;

/* Warns of static variables of the patch that the target's function or file has too. */
void check_statics(const struct draft *draft);

/*
 * The target has no code called `name`: fine for a new function, not for one that
 * is there inlined or as a clone only.
 */
int check_absent(const struct draft *draft, const char *name, const char *file) MUST_CHECK;

/* The patch's own compiler made a clone of function no. `index`. */
int check_patch_clone(const struct draft *draft, uint32_t index, const char *clone) MUST_CHECK;

#endif
