/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmdline: what a command line of gcc or clang says, and what it is changed to.
 */
#ifndef NSB_BUILD_CMDLINE_H
#define NSB_BUILD_CMDLINE_H

#include <stdbool.h>

#include "words.h"

enum compiling {
	COMPILING_NOTHING,	/* -E, -M, --version: nothing is made that goes into a program */
	COMPILING_OBJECT,	/* -c, -S */
	COMPILING_PROGRAM,	/* it links, and may compile along */
};

struct cmdline {
	enum compiling what;
	struct words sources;	/* what is compiled */
	const char *output;	/* -o; NULL: none was given */
	const char *depends;	/* the file that -MD, -MMD, -MF, -Wp,-MD, write; NULL: none, or it is not known */
	bool has_depends;	/* one of these is there */
	bool has_types;		/* -g is on, with types */
};

/* Is this the name that a compiler is called by?  gcc, x86_64-linux-gnu-gcc-12, clang, c++, c99, ... */
bool is_compiler_name(const char *name);
/* Read the arguments, without the compiler's name. */
void cmdline_read(const struct words *arguments, struct cmdline *line);
/* The arguments with @FILE replaced by what the file has. */
void cmdline_expand(const struct words *arguments, struct words *out);
/* What nothing is stripped with: the arguments without -s. */
void cmdline_keep_symbols(const struct words *arguments, struct words *out);
/* Preprocess this source to `output`, without line numbers. */
void cmdline_preprocess(const struct words *arguments, const char *source, const char *output, struct words *out);
/* Compile this source to a patch object: nsb-gen(1) tells what that is. */
void cmdline_patch_object(const struct words *arguments, const char *source, const char *output, struct words *out);
/* What a patch has to be linked with, of what its target was linked with: -m32, --wrap. */
void cmdline_link_options(const struct words *arguments, struct words *out);
/* The version script of a link, NULL if it has none. */
const char *cmdline_version_script(const struct words *arguments);

#endif
