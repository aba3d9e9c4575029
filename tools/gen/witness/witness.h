/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * witness: tells by two builds of a program what a change of its source changed in it.
 */
#ifndef NSB_GEN_WITNESS_H
#define NSB_GEN_WITNESS_H

#include "binary.h"
#include "differ.h"

/* A build: a linked file, and its debug info once somebody asked for it. */
struct build {
	struct elffile file;		/* closed if the file is another's */
	struct binary binary;		/* open once it is asked for */
	const struct binary *given;	/* an open one of somebody else's; NULL: none */
	const char *path, *debug_path;	/* debug_path: NULL, or where its debug info is */
	struct image image;
	bool is_debug_sought;
};

/* Open a build by its path, or take one that is open.  Errors: those of elffile_open() and image_init(). */
int build_open(struct build *build, const char *path, const char *debug_path) MUST_CHECK;
int build_take(struct build *build, const struct binary *binary) MUST_CHECK;
/* It does nothing to a zeroed struct. */
void build_close(struct build *build);

/* Its debug info; NULL: it has none. */
const struct binary *build_debug(struct build *build);

/* The unit of the debug info that a function or variable is of; DWARF_NONE: not known. */
uint32_t build_unit_of(const struct binary *binary, const struct image_symbol *symbol);

/* The source file of a function or variable, as far as symbols or debug info tell; NULL: not known. */
const char *build_file_of(struct build *build, const struct image_symbol *symbol);

/* Compare two builds.  Numbers are told apart from line numbers by the debug info. */
int witness_compare(struct build *old, struct build *new, struct differences *out) MUST_CHECK;

/* Print what differs; *any: something does. */
void witness_print(struct build *old, struct build *new, const struct differences *differences, bool *any);

#endif
