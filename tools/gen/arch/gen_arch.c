/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gen_arch.h"

static const struct gen_arch *const all[] = { &gen_amd64, &gen_i386 };

const struct gen_arch *gen_arch_find(uint8_t elf_class, uint16_t elf_machine)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->elf_class == elf_class && all[i]->elf_machine == elf_machine)
			return all[i];
	return NULL;
}
