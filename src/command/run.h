/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run: start a program with a patch in it before its first own instruction.
 *
 * nsb itself becomes the program, by exec, so that whoever started nsb sees the
 * process id that it expects; a child of it that traces it does the patching and is
 * nobody's child when it ends.  The program stands at its entry point meanwhile: its
 * libraries are loaded, relocated and initialised.
 */
#ifndef NSB_RUN_H
#define NSB_RUN_H

#include "options.h"
#include "patchfile.h"

/*
 * Become options->program.  Returns only if that could not be done: -ELIBACC there is
 * no such program, -ELIBEXEC it cannot be run; or if it cannot be traced.  Where the
 * patch cannot be applied the program ends with the exit status of that before it has
 * begun, unless options->best_effort lets it go on without.
 */
int run_patched(const struct options *options, const struct patchfile *patch) MUST_CHECK;

#endif
