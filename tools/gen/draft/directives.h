/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * directives: what the patch's author said with the macros of vzp.h.
 *
 * A directive is a string in the patch's section .vzp, and the value of a variable
 * vzp__record_N.  The debug info of that variable says in which source file, line and function
 * the directive stands.
 */
#ifndef NSB_GEN_DIRECTIVES_H
#define NSB_GEN_DIRECTIVES_H

#include "binary.h"

/* What a directive says, and the meaning of its strings. */
enum directive_kind {
	DIRECTIVE_FILE = 'F',		/* name: the target's source file for what follows */
	DIRECTIVE_STATIC_VARIABLE = 'V',	/* name, label, file; so have the four below */
	DIRECTIVE_STATIC_FUNCTION = 'U',
	DIRECTIVE_REGISTER_FUNCTION = 'R',
	DIRECTIVE_HIDDEN_VARIABLE = 'H',
	DIRECTIVE_HIDDEN_FUNCTION = 'G',
	DIRECTIVE_ALIAS = 'A',		/* name in the patch; label: name in the target */
	DIRECTIVE_COMMENT = 'C',		/* name: the text; label: its key, VZP_CVE and so on, or "" */
	DIRECTIVE_ALLOW_ACTIVE = 'O',	/* name: the function */
	DIRECTIVE_CALLERS_CHECKED = 'K',	/* name: the function */
	DIRECTIVE_ARGUMENTS_CHECKED = 'P',	/* name: the function of the target */
	DIRECTIVE_NEW = 'N',			/* name: the variable or function */
	DIRECTIVE_PRE_APPLY = '1',	/* name: the function of the patch; so have the four below */
	DIRECTIVE_POST_APPLY = '2',
	DIRECTIVE_PRE_REVERT = '3',
	DIRECTIVE_POST_REVERT = '4',
	DIRECTIVE_HOOK_LIMIT = 'T',	/* label: milliseconds */
	DIRECTIVE_HOOK_CALLS = 'W',	/* name: the function of the target */
	DIRECTIVE_NOT_ACTIVE = 'Q',	/* name: the function of the target */
	DIRECTIVE_STATE = 'S',		/* name: the variable of the patch */
	DIRECTIVE_STATE_WAS = 'B',	/* name: the variable of an older patch; label: that of the patch with room for it */
	DIRECTIVE_LAYOUT = 'Y',		/* name: the type, with its tag; label: the hook that converts */
	DIRECTIVE_ONCE = 'E',		/* name: the function of the patch; label: what its slots are like */
	DIRECTIVE_RESUME = 'J',		/* name: the function of the target; label: what it calls; file: the function that goes on */
	DIRECTIVE_LOCAL = 'L',		/* name: the variable of the target's function */
	DIRECTIVE_ON_FREE = 'X',	/* name: the function of the target; label: its parameter, or a number; file: symbol of the entry */
	DIRECTIVE_LOCAL_AT = 'M',	/* the same, and it must have an address */
};

/* One directive. */
struct directive {
	enum directive_kind kind;
	const char *name, *label, *file;
	char *function;		/* the one it stands in, owned; NULL at file scope */
	char *source;		/* path of the patch's source file, owned */
	uint32_t line, unit;	/* unit: of the patch's debug info */
	uint32_t id;		/* of the macro, in its unit */
	uint64_t type;		/* DIE of the type of what it refers to; 0: not known */
};

/* All directives of a patch. */
struct directives {
	struct directive *table;
	size_t count;
	struct dwarf_bytes bytes;
};

/* Does it name a function that nsb has the process run? */
bool directive_is_hook(const struct directive *directive);

/* Read all directives of a patch.  -ENOEXEC for a damaged section, -EINVAL for one that cannot be placed. */
int directives_read(struct directives *directives, const struct binary *patch) MUST_CHECK;
void directives_deinit(struct directives *directives);

/*
 * The target's source file that VZP_FILE names for a line of the patch's source; NULL if none
 * does.
 */
const char *directives_file_at(const struct directives *directives, const char *source, uint32_t line);

/*
 * The target's name of a thing that unit no. `unit` of the patch calls `name`, in the file
 * `source`: VZP_STATIC_SYM_ALIAS gives another one.  An alias counts for all of its unit, and
 * one in the same file comes first.  source NULL: any unit.
 */
const char *directives_target_name(const struct directives *directives, uint32_t unit, const char *source,
				   const char *name);

/* Is there a directive of that kind? */
bool directives_have(const struct directives *directives, enum directive_kind kind);
/* Did the author write a directive of that kind of this function?  kind: one whose name is a function. */
bool directives_say(const struct directives *directives, enum directive_kind kind, const char *function);

#endif
