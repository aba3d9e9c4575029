/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arch.h"

#include <stdio.h>
#include <string.h>

const struct arch *arch_find(uint8_t elf_class, uint16_t elf_machine)
{
	for (size_t i = 0; arch_all[i] != NULL; i++) {
		if (arch_all[i]->elf_class == elf_class && arch_all[i]->elf_machine == elf_machine)
			return arch_all[i];
	}
	return NULL;
}

const char *arch_describe(uint8_t elf_class, uint16_t elf_machine)
{
	static char text[40];
	const struct arch *arch = arch_find(elf_class, elf_machine);

	if (arch != NULL)
		return arch->name;
	for (const struct arch_abi *abi = arch_abis; abi->name != NULL; abi++)
		if (abi->elf_class == elf_class && abi->elf_machine == elf_machine)
			return abi->name;
	(void)snprintf(text, sizeof(text), "ELF machine %u", elf_machine);
	return text;
}

bool arch_is_patched(uint64_t elf_class, uint64_t elf_machine)
{
	for (const struct arch_abi *abi = arch_abis; abi->name != NULL; abi++)
		if (abi->elf_class == elf_class && abi->elf_machine == elf_machine)
			return !abi->is_refused;
	return false;
}

const struct reloc_type *arch_reloc(const struct arch *arch, uint32_t type)
{
	if (type >= arch->n_relocs || arch->relocs[type].kind == RELOC_UNKNOWN)
		return NULL;
	return &arch->relocs[type];
}

uint64_t arch_address(const struct arch *arch, uint64_t address)
{
	return arch->word == 8 ? address : address & UINT32_MAX;
}

/* Both ABIs are little-endian, so a narrow register is the first bytes of the value. */
static uint64_t slot_get(const struct regs *regs, struct reg_slot slot)
{
	uint64_t value = 0;

	memcpy(&value, regs->bytes + slot.offset, slot.width);
	return value;
}

uint64_t regs_get(const struct arch *arch, const struct regs *regs, enum reg reg)
{
	return slot_get(regs, arch->reg[reg]);
}

static void slot_set(struct regs *regs, struct reg_slot slot, uint64_t value)
{
	memcpy(regs->bytes + slot.offset, &value, slot.width);
}

void regs_set(const struct arch *arch, struct regs *regs, enum reg reg, uint64_t value)
{
	slot_set(regs, arch->reg[reg], value);
}

bool regs_in_call(const struct arch *arch, const struct regs *regs)
{
	return regs_get(arch, regs, REG_CALL) != (arch->reg[REG_CALL].width == 8 ? UINT64_MAX : UINT32_MAX);
}

void regs_leave_call(const struct arch *arch, struct regs *regs)
{
	regs_set(arch, regs, REG_CALL, UINT64_MAX);
}

void regs_repeat_call(const struct arch *arch, struct regs *regs)
{
	regs_set(arch, regs, REG_NUMBER, regs_get(arch, regs, REG_CALL));
	regs_set(arch, regs, REG_PC, regs_get(arch, regs, REG_PC) - arch->syscall_insn_size);
}

bool regs_has_dwarf(const struct arch *arch, unsigned number)
{
	return number < arch->n_dwarf_regs && arch->dwarf_reg[number].width != 0;
}

uint64_t regs_get_dwarf(const struct arch *arch, const struct regs *regs, unsigned number)
{
	return slot_get(regs, arch->dwarf_reg[number]);
}

void regs_set_dwarf(const struct arch *arch, struct regs *regs, unsigned number, uint64_t value)
{
	slot_set(regs, arch->dwarf_reg[number], value);
}
