/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exe: the executable of the target as a file, read by libelf.
 *
 * nsb needs the file for what is not in the process's memory: sections, and the full symbol
 * table.  The owner of the process may have made any file, for example one that claims a section
 * of 4 GiB.  So nsb hands libelf only what is within the budget (budget.h).
 */
#ifndef NSB_EXE_H
#define NSB_EXE_H

#include <gelf.h>

#include "target.h"

struct exe {
	int fd;
	Elf *elf;		/* NULL: the file cannot be opened, or is not within the budget */
};

/*
 * Open the file.  nsb can do without it, so a file that cannot be read is no error, and exe->elf
 * is NULL then.  If it is not within the budget, that is said with -v.
 */
void exe_open(struct exe *exe, const struct target *target);
void exe_close(struct exe *exe);
/*
 * A section's bytes as they are in the file, which live as long as the struct exe.  NULL: there is
 * no such section, it cannot be read, or it has more than BUDGET_SECTION bytes (said with -v).
 */
Elf_Data *exe_section(const struct exe *exe, Elf_Scn *section);

#endif
