/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * records: what the patch's author said with the macros of vzp.h.
 *
 * A record is a string in the patch's section .vzp.  Which source file, line and
 * function it stands in is found in the debug info of the variable
 * vzp__record_N that it is.
 */
#ifndef NSB_GEN_RECORDS_H
#define NSB_GEN_RECORDS_H

#include "binary.h"

enum record_kind {
	RECORD_FILE = 'F',		/* name: target's source file for what follows */
	RECORD_STATIC_VARIABLE = 'V',	/* name, label, file */
	RECORD_STATIC_FUNCTION = 'U',
	RECORD_REGISTER_FUNCTION = 'R',
	RECORD_HIDDEN_VARIABLE = 'H',
	RECORD_HIDDEN_FUNCTION = 'G',
	RECORD_ALIAS = 'A',		/* name in the patch, label: name in the target */
	RECORD_COMMENT = 'C',		/* name: the text */
	RECORD_ALLOW_ACTIVE = 'O',	/* name: the function */
};

struct record {
	enum record_kind kind;
	const char *name, *label, *file;
	char *function;		/* that it stands in, NULL at file scope; owned */
	char *source;		/* path of the patch's source file; owned */
	uint32_t line;
	uint64_t type;		/* DIE of what is referred to: its type, 0 if unknown */
};

struct records {
	struct record *table;
	size_t count;
	struct dwarf_bytes bytes;
};

int vzp_records_read(struct records *records, const struct binary *patch) MUST_CHECK;
void vzp_records_deinit(struct records *records);

/* The target's source file in force at a line of a patch's source, NULL if none is. */
const char *vzp_records_file_at(const struct records *records, const char *source, uint32_t line);

/* What the target calls it: by VZP_STATIC_SYM_ALIAS, else the same. */
const char *vzp_records_target_name(const struct records *records, const char *source,
				    const char *name);

bool vzp_records_allow_active(const struct records *records, const char *function);

#endif
