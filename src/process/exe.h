/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exe: the executable of the target as a file, read by libelf.
 *
 * Sections and the full symbol table are not in the process's memory.  The file is whatever the
 * owner of the process has made, so what libelf allocates for it is bounded (budget.h).
 */
#ifndef NSB_EXE_H
#define NSB_EXE_H

#include <gelf.h>

#include "target.h"

struct exe {
	int fd;
	Elf *elf;		/* NULL: it cannot be read; why is told with -v */
};

/* Open the file, if its headers are within the budget. */
void exe_open(struct exe *exe, const struct target *target);
void exe_close(struct exe *exe);
/* A section's bytes as they are in the file; NULL if they cannot be read, or are more than BUDGET_SECTION. */
Elf_Data *exe_section(const struct exe *exe, Elf_Scn *section);

#endif
