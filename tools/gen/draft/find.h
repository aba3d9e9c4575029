/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * find: the target's function or variable that a name in the patch means.
 */
#ifndef NSB_GEN_FIND_H
#define NSB_GEN_FIND_H

#include "binary.h"

/* Something of the target. */
struct definition {
	const char *name;
	const char *file;	/* source file of its unit, NULL if unknown */
	const struct dwarf_unit *unit;	/* NULL if unknown */
	uint64_t addr, size;
	uint32_t index;		/* of the function or variable in the debug info, or DWARF_NONE */
	bool global;
};

struct definitions {
	struct definition *table;
	size_t count;
};

/* What is looked for, and for whom. */
struct wanted {
	const char *name;	/* as the target calls it */
	const char *file;	/* source file, NULL if any will do */
	const char *function;	/* of which it is a static variable, NULL: of none */
	const char *source;	/* where the patch's author wrote it */
	uint32_t line;		/* 0 if unknown */
	bool tls;		/* a thread-local variable: the address is an offset */
	bool of_object;		/* it is of the author's object: no macro can tell more of it */
};

enum linkage { LINKAGE_STATIC = 1, LINKAGE_GLOBAL = 2, LINKAGE_ANY = 3 };

/*
 * 1 and *out; 0 if there is none; -EINVAL if there are several, with a message
 * that lists them.
 */
int find_function(const struct binary *target, const struct wanted *wanted,
		  enum linkage linkage, struct definition *out) MUST_CHECK;
int find_variable(const struct binary *target, const struct wanted *wanted,
		  enum linkage linkage, struct definition *out) MUST_CHECK;

/* A variable by the name of its symbol, as compilers number statics of functions: "calls.1". */
int find_variable_symbol(const struct binary *target, const struct wanted *wanted,
			 struct definition *out) MUST_CHECK;

/* What symbol data has; type: STT_OBJECT, or STT_TLS, where the address is an offset.  NULL if none. */
const struct symbol *find_data_symbol(const struct binary *binary, uint64_t addr, unsigned type);

/* The one global symbol of that name, hidden or not; NULL if there is none, or are several. */
const struct symbol *find_global_symbol(const struct binary *target, const char *name);

/* The target's global symbol of that name that other objects cannot see; NULL if none. */
const struct symbol *find_hidden_symbol(const struct binary *target, const char *name);

/* A defined symbol that the dynamic linker finds in `file`. */
const struct symbol *find_exported(const struct elffile *file, const char *name);

/* "_end", "__start_SECTION"...: a program may have things of its own by such names, too. */
bool is_linker_name(const char *name);

/* SECTION of "__start_SECTION" and "__stop_SECTION", else NULL. */
const char *listed_section(const char *name);

/* Does the target look through this section as a list? */
bool is_listed(const struct binary *target, const char *section);

/* The symbol, if it is the linker's; NULL if there is none. */
const struct symbol *find_linker_symbol(const struct symbols *symbols, const char *name);

/* "a.c, b.c and 3 more", malloced. */
char *list_files(const struct definitions *candidates);

#endif
