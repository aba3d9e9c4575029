/* SPDX-License-Identifier: GPL-2.0-or-later */
/* find: the function or variable of the target that a name in the patch means. */
#ifndef NSB_GEN_FIND_H
#define NSB_GEN_FIND_H

#include "binary.h"

/* A function or variable that a file defines. */
struct definition {
	const char *name;
	const char *file;	/* source file of its unit; NULL if not known */
	const struct dwarf_unit *unit;	/* NULL if not known */
	uint64_t addr, size;
	uint32_t index;		/* of the function or variable in the debug info, or DWARF_NONE */
	bool global;
};

/* Things that a name could mean. */
struct definitions {
	struct definition *table;
	size_t count;
};

/* What is looked for, and for whom. */
struct wanted {
	const char *name;	/* as the target calls it */
	const char *file;	/* source file; NULL: any */
	const char *function;	/* whose static variable it is; NULL: of none */
	const char *source;	/* where the patch's author wrote it */
	uint32_t line;		/* 0 if not known */
	bool tls;		/* a thread-local variable: its address is an offset */
	bool of_object;		/* an object of the author's refers to it: no macro can say more of it */
};

/* Linkages, which can be combined. */
enum linkage { LINKAGE_STATIC = 1, LINKAGE_GLOBAL = 2, LINKAGE_ANY = 3 };

/*
 * Find the function or variable: 1 and *out, or 0 if there is none.  If there are several, the
 * answer is -EINVAL with a message that lists them.
 */
int find_function(const struct binary *target, const struct wanted *wanted,
		  enum linkage linkage, struct definition *out) MUST_CHECK;
int find_variable(const struct binary *target, const struct wanted *wanted,
		  enum linkage linkage, struct definition *out) MUST_CHECK;

/*
 * Find a variable by the name of its symbol.  Compilers number the statics of functions:
 * "calls.1".
 */
int find_variable_symbol(const struct binary *target, const struct wanted *wanted,
			 struct definition *out) MUST_CHECK;

/*
 * The symbol of data at an address; NULL if there is none.  type is STT_OBJECT, or STT_TLS,
 * where the address is an offset.
 */
const struct symbol *find_data_symbol(const struct binary *binary, uint64_t addr, unsigned type);

/* The only global symbol of that name, hidden or not; NULL if there is none, or several. */
const struct symbol *find_global_symbol(const struct binary *target, const char *name);

/* The target's global symbol of that name that other objects cannot see; NULL if there is none. */
const struct symbol *find_hidden_symbol(const struct binary *target, const char *name);

/* The defined symbol that the dynamic linker finds in `file`; NULL if there is none. */
const struct symbol *find_exported(const struct elffile *file, const char *name);

/*
 * Is the name one that linkers define, as "_end" and "__start_SECTION"?  A program may have a
 * thing of its own by such a name.
 */
bool is_linker_name(const char *name);

/* SECTION of "__start_SECTION" and "__stop_SECTION"; NULL for other names. */
const char *listed_section(const char *name);

/* Does the target look through this section as a list? */
bool is_listed(const struct binary *target, const char *section);

/* The symbol of that name that the linker defined; NULL if there is none. */
const struct symbol *find_linker_symbol(const struct symbols *symbols, const char *name);

/* "a.c, b.c and 3 more", which the caller frees. */
char *list_files(const struct definitions *candidates);

#endif
