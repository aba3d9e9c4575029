/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linked: symbols that no source defines, but the linker: where code and data end, and
 * where the list begins and ends that it makes of a section (GNU ld, "Input Section
 * Example" and "Source Code Reference").
 *
 * The patch, linked on its own, has its own of these; its code means the target's.
 */
#ifndef NSB_GEN_LINKED_H
#define NSB_GEN_LINKED_H

#include "draft.h"

/* "_end", "__start_SECTION"...: a program may have things of its own by such names, too. */
bool is_linker_name(const char *name);

/* SECTION of "__start_SECTION" and "__stop_SECTION", else NULL. */
const char *list_section(const char *name);

/* Does the target look through this section as a list? */
bool is_list(const struct binary *target, const char *section);

/* The symbol, if it is the linker's; NULL if there is none. */
const struct symbol *find_linker_symbol(const struct symbols *symbols, const char *name);

/* What the target has by that name, the linker's or its own: 1, or 0; negative with a message. */
int find_linker_place(const struct draft *draft, const char *name, struct place *out) MUST_CHECK;

/*
 * For a patch without objects: those of its dynamic symbols that are the linker's mean the
 * target's.  -EINVAL where it was linked so that they cannot.
 */
int bind_linker_symbols(struct draft *draft) MUST_CHECK;

#endif
