/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "exe.h"

#include <unistd.h>

#include "budget.h"
#include "file.h"

void exe_open(struct exe *exe, const struct target *target)
{
	const char *name = target_name(target);
	struct stat st;

	*exe = (struct exe){ .fd = target_open_exe(target) };
	if (exe->fd == -1)
		return;
	if (fstat(exe->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	if (file_check_elf(name, exe->fd, &st, BUDGET_SECTIONS) != 0) {
		say("%s (so its sections are not read)", msg_kept());
		msg_forget();
		return;
	}
	(void)elf_version(EV_CURRENT);
	exe->elf = elf_begin(exe->fd, ELF_C_READ, NULL);
}

void exe_close(struct exe *exe)
{
	if (exe->elf != NULL)
		(void)elf_end(exe->elf);
	if (exe->fd != -1)
		(void)close(exe->fd);
	*exe = (struct exe){ .fd = -1 };
}

Elf_Data *exe_section(const struct exe *exe, Elf_Scn *section)
{
	GElf_Shdr header;

	if (exe->elf == NULL || section == NULL || gelf_getshdr(section, &header) == NULL)
		return NULL;
	if (header.sh_type != SHT_NOBITS && header.sh_size > BUDGET_SECTION) {
		say("section %zu of the executable has %zu MiB (nsb reads up to %zu)", elf_ndxscn(section),
		    (size_t)(header.sh_size >> 20), BUDGET_SECTION >> 20);
		return NULL;
	}
	return elf_rawdata(section, NULL);
}
