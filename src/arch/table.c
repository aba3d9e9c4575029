/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The architectures of this build: an amd64 nsb patches processes of both, an i386 nsb of one. */
#include <elf.h>

#include "i386.h"

#ifdef __x86_64__
#include "amd64.h"
#endif

const struct arch *const arch_all[] = {
#ifdef __x86_64__
	&arch_amd64,
#endif
	&arch_i386,
	NULL,
};

const struct arch_abi arch_abis[] = {
	{ "amd64", ELFCLASS64, EM_X86_64, false },
	{ "i386", ELFCLASS32, EM_386, false },
	{ "x32", ELFCLASS32, EM_X86_64, true },
	{ NULL, 0, 0, false },
};

const struct number_name arch_class_names[] = {
	{ ELFCLASS32, "ELF32" }, { ELFCLASS64, "ELF64" }, { 0, NULL }
};

const struct number_name arch_machine_names[] = {
	{ EM_386, "i386" }, { EM_X86_64, "amd64" }, { 0, NULL }
};

unsigned arch_class_word(uint64_t elf_class)
{
	return elf_class == ELFCLASS64 ? 8 : elf_class == ELFCLASS32 ? 4 : 0;
}
