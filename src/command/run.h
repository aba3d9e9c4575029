/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run: starts a program that is patched before its own code begins.
 *
 * nsb itself becomes the program, by exec(2), so whoever started nsb sees the process id that
 * it expects.  Another process, the patcher, traces the program and patches it while it stands
 * at its entry point.  At that point its libraries are loaded and relocated, and their
 * constructors have run.
 */
#ifndef NSB_RUN_H
#define NSB_RUN_H

#include "options.h"
#include "patchfile.h"

/*
 * Become options->program, with the patches in it, which are applied in their order.  This returns only if it failed: -ELIBACC, there is no such program;
 * -ELIBEXEC, it cannot be run; or the reason why it cannot be traced.  If the patch cannot be
 * applied, the program ends before its code begins, with the exit status that `nsb patch` would
 * have had; with options->best_effort it goes on without the patch.
 */
int run_patched(const struct options *options, const struct patchfile *patches, size_t n_patches) MUST_CHECK;

#endif
