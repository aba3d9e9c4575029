/* SPDX-License-Identifier: GPL-2.0-or-later */
/* declare: declarations of C, written from debug info. */
#ifndef NSB_GEN_DECLARE_H
#define NSB_GEN_DECLARE_H

#include <stdio.h>

#include "type.h"

#define DECLARATOR_MAX 4096

/* The type that a DIE refers to; void if it refers to none. */
struct type declared_type(struct type owner, const struct dwarf_die *die);

/*
 * Write "int (*name)(char *)", without a semicolon; with a name of "" it is a type.  A structure
 * without a tag is written with its members.  false: it is longer than anybody writes.
 */
bool declare(FILE *out, struct type type, const char *name);

/* The same of a function, by its DIE, with the names of its parameters. */
bool declare_function(FILE *out, struct type function, const char *name);

/* Write "struct tag { ... }" with the members, or "enum tag { ... }". */
bool declare_members(FILE *out, struct type type, const struct dwarf_die *die);

/* Read the DIE of a function's prototype: an instance or a definition refers to it. */
bool declared_prototype(struct type function, struct dwarf_die *die);

#endif
