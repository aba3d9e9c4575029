/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "calls.h"
#include "cursor.h"
#include "insn.h"

/* Where the patch's functions start, sorted. */
struct starts {
	struct start { uint64_t addr; } *table;
	size_t count;
};

static int starts_init(struct starts *starts, const struct binary *patch)
{
	const struct dwarf *dwarf = &patch->dwarf;

	*starts = (struct starts){ 0 };
	starts->table = calloc((size_t)dwarf->n_functions + 1, sizeof(*starts->table));
	if (starts->table == NULL)
		return fail(ENOMEM, "out of memory");
	for (uint32_t i = 0; i < dwarf->n_functions; i++)
		if (dwarf->functions[i].hi != 0)
			starts->table[starts->count++].addr = entry_range(patch, &dwarf->functions[i]).lo;
	ARRAY_SORT(starts->table, starts->count, addr);
	return 0;
}

static bool is_start(const struct starts *starts, uint64_t addr)
{
	size_t upto = ARRAY_UPTO(starts->table, starts->count, addr, addr);

	return upto > 0 && starts->table[upto - 1].addr == addr;
}

/*
 * The code at `where` takes the address of the function at `addr`.  If `addr` is a replaced
 * function, that one is marked.  A new function's address is handed out by the replaced
 * function that takes it; if nothing tells which one does, all are marked.
 */
static void mark(struct draft *draft, uint64_t addr, uint64_t where)
{
	struct vzpatch *meta = &draft->meta;
	bool marked = false;

	for (size_t i = 0; i < meta->n_funcs; i++) {
		struct vz_func *func = &meta->funcs[i];

		if (func->patch_addr != addr &&
		    (where < func->patch_addr || where - func->patch_addr >= func->patch_size))
			continue;
		func->flags |= VZ_FUNC_ADDRESS_TAKEN;
		marked = true;
	}
	for (size_t i = 0; i < meta->n_funcs && !marked; i++)
		meta->funcs[i].flags |= VZ_FUNC_ADDRESS_TAKEN;
}

/* Look at a relocation that stores an address, by a symbol or relative to the load address. */
static void look_at_relocation(struct draft *draft, const struct starts *starts,
			       const GElf_Rela *rela)
{
	const struct elffile *file = &draft->patch->file;
	uint64_t type = GELF_R_TYPE(rela->r_info), index = GELF_R_SYM(rela->r_info);
	uint64_t value = (uint64_t)rela->r_addend;

	if (type == file->gen->slot_type)
		return;
	if (index != 0) {
		if (index > file->dynsym.count)
			return;
		const struct symbol *symbol = &file->dynsym.table[index - 1];
		if (symbol->section == SHN_UNDEF)
			return;
		value += symbol->value;
	}
	if (is_start(starts, value))
		mark(draft, value, 0);
}

static void look_at_relocations(struct draft *draft, const struct starts *starts)
{
	const struct elffile *file = &draft->patch->file;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_ALLOC) == 0 ||
		    shdr.sh_entsize == 0 || (shdr.sh_type != SHT_RELA && shdr.sh_type != SHT_REL))
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		size_t count = data != NULL ? (size_t)(data->d_size / shdr.sh_entsize) : 0;
		for (size_t i = 0; i < count && i < INT32_MAX; i++) {
			GElf_Rela rela;
			GElf_Rel rel;
			uint32_t word;

			if (shdr.sh_type == SHT_RELA && gelf_getrela(data, (int)i, &rela) == NULL)
				continue;
			if (shdr.sh_type == SHT_REL) {
				if (gelf_getrel(data, (int)i, &rel) == NULL)
					continue;
				if (!elffile_read(&draft->patch->file, rel.r_offset, &word, sizeof(word)))
					word = 0;
				rela = (GElf_Rela){ rel.r_offset, rel.r_info, word };
			}
			look_at_relocation(draft, starts, &rela);
		}
	}
}

/* Is this code that VZP_RESUME has made?  It has the address of the function that goes on, and only keeps it on its stack. */
static bool is_of_macro(const struct binary *patch, uint64_t addr)
{
	const char *name = name_at(patch, addr);

	return name != NULL && strncmp(name, "vzp__prepare_", strlen("vzp__prepare_")) == 0;
}

/* Whatever may be an operand is one. */
static void look_at_code(struct draft *draft, const struct starts *starts, uint64_t addr,
			 const uint8_t *code, size_t size)
{
	const struct gen_arch *gen = draft->patch->file.gen;
	uint64_t got = gen->data_by_pc ? 0 : elffile_got(&draft->patch->file);

	for (size_t at = 0; at + 4 <= size; at++) {
		uint64_t value;

		if (gen->may_lead_to(code, size, at, addr, got, &value) && is_start(starts, value) && !is_of_macro(draft->patch, addr + at))
			mark(draft, value, addr + at);
	}
}

int mark_addresses_taken(struct draft *draft)
{
	const struct elffile *file = &draft->patch->file;
	struct starts starts;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	int err = starts_init(&starts, draft->patch);

	if (err != 0)
		return err;
	look_at_relocations(draft, &starts);
	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_EXECINSTR) == 0 ||
		    shdr.sh_type != SHT_PROGBITS)
			continue;
		Elf_Data *data = elf_rawdata(scn, NULL);
		if (data != NULL && data->d_buf != NULL)
			look_at_code(draft, &starts, shdr.sh_addr, data->d_buf, data->d_size);
	}
	free(starts.table);
	return 0;
}

/* ---- data ---- */

#define SEGMENTS_MAX 32
#define FOLLOWED_MAX 24		/* instructions from a lea to the call that it is for */

/* Which segments of the patch an address may leave of. */
struct escapes {
	struct draft *draft;
	struct starts starts;
	bool escaped[SEGMENTS_MAX];	/* by the number of the program header */
};

/* Functions of the C library that keep no address of what these arguments lead to, and return none: bit 0 is the first. */
static const struct borrower {
	const char *name;
	unsigned arguments;
} borrowers[] = {
	{ "strcmp", 3 }, { "strncmp", 3 }, { "strcasecmp", 3 }, { "strncasecmp", 3 }, { "strlen", 1 },
	{ "strnlen", 1 }, { "memcmp", 3 }, { "bcmp", 3 }, { "strspn", 3 }, { "strcspn", 3 },
	{ "strstr", 2 }, { "strpbrk", 2 }, { "strcpy", 2 }, { "strncpy", 2 }, { "stpcpy", 2 },
	{ "strcat", 2 }, { "strncat", 2 }, { "memcpy", 2 }, { "memmove", 2 }, { "mempcpy", 2 },
	{ "__memcpy_chk", 2 }, { "__memmove_chk", 2 }, { "__strcpy_chk", 2 }, { "__strncpy_chk", 2 },
	{ "__strcat_chk", 2 }, { "__strncat_chk", 2 },
	{ "puts", 1 }, { "fputs", 1 }, { "fwrite", 1 }, { "write", 2 }, { "perror", 1 },
	{ "printf", 63 }, { "fprintf", 62 }, { "dprintf", 62 }, { "sprintf", 62 }, { "snprintf", 60 },
	{ "syslog", 62 }, { "__printf_chk", 63 }, { "__fprintf_chk", 62 }, { "__dprintf_chk", 62 },
	{ "__sprintf_chk", 62 }, { "__snprintf_chk", 62 }, { "__syslog_chk", 62 },
	{ "getenv", 1 }, { "setenv", 3 }, { "open", 1 }, { "open64", 1 }, { "fopen", 3 }, { "fopen64", 3 },
	{ "access", 1 }, { "unlink", 1 }, { "atoi", 1 }, { "strdup", 1 }, { "__assert_fail", 15 },
};

/* What the compiler's start-up files add, and nothing calls: nsb runs no constructors. */
static const char *const never_run[] = {
	"deregister_tm_clones", "register_tm_clones", "__do_global_dtors_aux", "frame_dummy",
};

static void escape_all(struct escapes *all)
{
	memset(all->escaped, true, sizeof(all->escaped));
}

/* An address of the patch may leave it. */
static void escape(struct escapes *all, uint64_t addr)
{
	const struct elffile *file = &all->draft->patch->file;

	if (is_start(&all->starts, addr))
		return;		/* a function's: mark_addresses_taken() sees to it */
	for (size_t i = 0; i < file->n_phdrs && i < SEGMENTS_MAX; i++) {
		const GElf_Phdr *ph = &file->phdrs[i];

		if (ph->p_type == PT_LOAD && !(ph->p_flags & PF_X) && addr >= ph->p_vaddr &&
		    addr - ph->p_vaddr < ph->p_memsz) {
			all->escaped[i] = true;
			return;
		}
	}
	/* Compilers may count an array's elements from before its start, or from behind its end. */
	escape_all(all);
}

/* The dynamic symbol that the slot at `addr` is for; NULL if there is none, or if it means a thing of the target. */
static const struct symbol *symbol_of_slot(const struct draft *draft, uint64_t addr)
{
	const struct elffile *file = &draft->patch->file;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		Elf_Data *data;

		if (gelf_getshdr(scn, &shdr) == NULL || shdr.sh_type != SHT_RELA || shdr.sh_entsize == 0 ||
		    (shdr.sh_flags & SHF_ALLOC) == 0)
			continue;
		data = elf_getdata(scn, NULL);
		for (size_t i = 0; data != NULL && i < data->d_size / shdr.sh_entsize && i < INT32_MAX; i++) {
			GElf_Rela rela;
			uint64_t index;

			if (gelf_getrela(data, (int)i, &rela) == NULL || rela.r_offset != addr)
				continue;
			index = GELF_R_SYM(rela.r_info);
			for (size_t k = 0; k < draft->meta.n_dynrefs; k++)
				if (draft->meta.dynrefs[k].symbol == index)
					return NULL;
			return index == 0 || index > file->dynsym.count ||
			       file->dynsym.table[index - 1].section != SHN_UNDEF ? NULL :
			       &file->dynsym.table[index - 1];
		}
	}
	return NULL;
}

/* The name of the function of another object that a call leads to, through the PLT or the GOT; NULL: none. */
static const char *name_callee(const struct draft *draft, const struct insn *call)
{
	uint64_t slot = call->flow == FLOW_CALL_ANY && call->has_memory ? call->memory : 0;
	uint64_t at = call->to;
	const struct symbol *symbol;
	struct halves halves = { 0 };

	/* A stub of the PLT: an ENDBR perhaps, and a jump through the slot. */
	for (unsigned i = 0; call->flow == FLOW_CALL && i < draft->patch->file.gen->stub_insns && slot == 0; i++) {
		uint8_t code[16];
		struct insn insn;

		if (!elffile_read(&draft->patch->file, at, code, sizeof(code)) ||
		    !insn_decode_next(&halves, code, sizeof(code), at, draft->patch->file.gen, &insn))
			return NULL;
		if (insn.has_memory && (insn.flow == FLOW_JUMP_ANY || insn.joined != 0))
			slot = insn.memory;
		else if (insn.flow != FLOW_NEXT)
			return NULL;
		at += insn.size;
	}
	symbol = slot == 0 ? NULL : symbol_of_slot(draft, slot);
	return symbol == NULL ? NULL : symbol->name;
}

/* Whether a call takes general register `reg` as an argument that it only borrows. */
static bool is_borrowed(const struct draft *draft, const struct insn *call, unsigned reg)
{
	const struct gen_arch *gen = draft->patch->file.gen;
	const char *name = name_callee(draft, call);

	for (size_t i = 0; name != NULL && i < sizeof(borrowers) / sizeof(borrowers[0]); i++) {
		if (strcmp(borrowers[i].name, name) != 0)
			continue;
		for (unsigned k = 0; k < gen->n_arguments; k++)
			if (gen->arguments[k] == reg)
				return (borrowers[i].arguments >> k & 1) != 0;
	}
	return false;
}

/*
 * Whether the address that a lea has put into register `reg` only goes to a function that borrows it.
 * `code` is what follows the lea.  Nothing may read the register on the way there, or branch.
 */
static bool only_borrows(const struct draft *draft, const uint8_t *code, size_t size, uint64_t addr,
			 unsigned reg)
{
	for (int i = 0; i < FOLLOWED_MAX; i++) {
		struct insn insn;

		if (!insn_decode(code, size, addr, draft->patch->file.gen, &insn))
			return false;
		if (insn.flow == FLOW_CALL || insn.flow == FLOW_CALL_ANY)
			return is_borrowed(draft, &insn, reg);
		if (insn.flow != FLOW_NEXT || (insn.reads.general & register_bits(draft->patch->file.gen, reg)) != 0)
			return false;
		if ((insn.writes.general & register_bits(draft->patch->file.gen, reg)) == register_bits(draft->patch->file.gen, reg))
			return true;	/* nobody has looked at it */
		code += insn.size;
		size -= insn.size;
		addr += insn.size;
	}
	return false;
}

/* Whether an address is in code that is never run. */
static bool is_never_run(const struct binary *patch, uint64_t addr)
{
	const struct symbol *last = NULL;

	for (size_t i = 0; i < patch->symbols->count; i++) {
		const struct symbol *symbol = &patch->symbols->table[i];

		if (symbol->section != SHN_UNDEF && symbol->section < SHN_LORESERVE &&
		    (symbol->type == STT_FUNC || symbol->type == STT_NOTYPE) && symbol->value <= addr &&
		    (last == NULL || symbol->value >= last->value))
			last = symbol;
	}
	for (size_t i = 0; last != NULL && i < sizeof(never_run) / sizeof(never_run[0]); i++)
		if (strcmp(last->name, never_run[i]) == 0)
			return true;
	return false;
}

/*
 * Code of amd64 that is position-independent computes an address by a lea from the pc, and by
 * nothing else; with -mcmodel=large, from the GOT's.  All others use a variable in place.  Every
 * byte 8d is taken for a lea, wherever instructions begin.
 */
static void look_for_lea(struct escapes *all, uint64_t addr, const uint8_t *code, size_t size)
{
	const struct elffile *file = &all->draft->patch->file;
	const uint64_t got = elffile_got(file);

	for (size_t at = 0; at + 4 <= size; at++) {
		uint64_t value;
		size_t next;
		int reg;

		if (!file->gen->address_operand(code, size, at, addr, &value, &next, &reg) || draft_has_place(all->draft, addr + at) || is_never_run(all->draft->patch, addr + at))
			continue;
		if (value == got) {
			escape_all(all);
			return;
		}
		if (reg >= 0 && only_borrows(all->draft, code + next, size - next, addr + next, (unsigned)reg))
			continue;
		escape(all, value);
	}
}

/* Any four bytes of code of i386 may be a distance from the GOT, and the instruction may be one that computes an address. */
static void look_for_distances(struct escapes *all, uint64_t addr, const uint8_t *code, size_t size)
{
	const struct elffile *file = &all->draft->patch->file;
	const uint64_t got = elffile_got(file);
	GElf_Shdr slots = { 0 }, stubs_slots = { 0 };

	/* Code reads slots of the GOT, and gives their addresses to nobody. */
	if (elffile_section(file, ".got", &slots) == NULL)
		slots.sh_size = 0;
	if (elffile_section(file, ".got.plt", &stubs_slots) == NULL)
		stubs_slots.sh_size = 0;
	for (size_t at = 0; at + 4 <= size; at++) {
		struct cursor operand;
		uint32_t distance, value;

		cursor_init(&operand, code + at, 4);
		distance = (uint32_t)cursor_uint(&operand, 4);
		value = (uint32_t)got + distance;
		if (value - slots.sh_addr < slots.sh_size || value - stubs_slots.sh_addr < stubs_slots.sh_size ||
		    draft_has_place(all->draft, addr + at) ||
		    is_never_run(all->draft->patch, addr + at))
			continue;
		for (size_t i = 0; i < file->n_phdrs && i < SEGMENTS_MAX; i++) {
			const GElf_Phdr *ph = &file->phdrs[i];

			if (ph->p_type == PT_LOAD && !(ph->p_flags & PF_X) &&
			    value - ph->p_vaddr < ph->p_memsz)
				all->escaped[i] = true;
		}
	}
}

/* A word of the patch that holds an address of its own data: whoever reads the word has it. */
static void look_at_words(struct escapes *all, Elf_Scn *scn, const GElf_Shdr *shdr)
{
	const struct elffile *file = &all->draft->patch->file;
	Elf_Data *data = elf_getdata(scn, NULL);

	for (size_t i = 0; data != NULL && i < data->d_size / shdr->sh_entsize && i < INT32_MAX; i++) {
		GElf_Rela rela = { 0 };
		GElf_Rel rel;
		uint32_t word = 0;
		uint64_t type, index, value;

		if (shdr->sh_type == SHT_RELA ? gelf_getrela(data, (int)i, &rela) == NULL :
						gelf_getrel(data, (int)i, &rel) == NULL)
			continue;
		if (shdr->sh_type == SHT_REL) {
			if (!elffile_read(file, rel.r_offset, &word, sizeof(word)))
				word = 0;
			rela = (GElf_Rela){ rel.r_offset, rel.r_info, word };
		}
		type = GELF_R_TYPE(rela.r_info);
		index = GELF_R_SYM(rela.r_info);
		value = (uint64_t)rela.r_addend;
		if (type == file->gen->slot_type || index > file->dynsym.count)
			continue;
		if (index != 0) {
			const struct symbol *symbol = &file->dynsym.table[index - 1];
			bool is_target = symbol->section == SHN_UNDEF;

			for (size_t k = 0; k < all->draft->meta.n_dynrefs; k++)
				is_target |= all->draft->meta.dynrefs[k].symbol == index;
			if (is_target)
				continue;
			value += symbol->value;
		}
		/* __dso_handle holds its own address, and code of the start-up files alone reads it. */
		if (value != rela.r_offset && !is_never_run(all->draft->patch, value))
			escape(all, value);
	}
}

static int add_inside(struct escapes *all)
{
	const struct elffile *file = &all->draft->patch->file;
	struct vzpatch *meta = &all->draft->meta;

	for (size_t i = 0; i < file->n_phdrs && i < SEGMENTS_MAX; i++) {
		const GElf_Phdr *ph = &file->phdrs[i];

		if (ph->p_type != PT_LOAD || (ph->p_flags & PF_X) || ph->p_memsz == 0 || all->escaped[i])
			continue;
		if (ARRAY_GROW(&meta->inside, meta->n_inside, 1) != 0)
			return -ENOMEM;
		meta->inside[meta->n_inside++] = (struct vz_inside){ ph->p_vaddr, ph->p_memsz };
	}
	return 0;
}

int find_data_inside(struct draft *draft)
{
	const struct elffile *file = &draft->patch->file;
	struct escapes all = { .draft = draft };
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	int err = starts_init(&all.starts, draft->patch);

	if (err != 0)
		return err;
	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		Elf_Data *data;

		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_ALLOC) == 0)
			continue;
		if (shdr.sh_type == SECTION_RELR)
			escape_all(&all);
		else if ((shdr.sh_type == SHT_RELA || shdr.sh_type == SHT_REL) && shdr.sh_entsize != 0)
			look_at_words(&all, scn, &shdr);
		if ((shdr.sh_flags & SHF_EXECINSTR) == 0 || shdr.sh_type != SHT_PROGBITS)
			continue;
		data = elf_rawdata(scn, NULL);
		if (data == NULL || data->d_buf == NULL)
			continue;
		if (file->gen->data_by_pc)
			look_for_lea(&all, shdr.sh_addr, data->d_buf, data->d_size);
		else
			look_for_distances(&all, shdr.sh_addr, data->d_buf, data->d_size);
	}
	free(all.starts.table);
	return add_inside(&all);
}

/* Whether an address is in a segment that can be written to, also when the dynamic linker's work is done. */
static bool is_writable(const struct elffile *file, uint64_t addr)
{
	bool writable = false;

	for (size_t i = 0; i < file->n_phdrs; i++) {
		const GElf_Phdr *ph = &file->phdrs[i];

		if (addr < ph->p_vaddr || addr - ph->p_vaddr >= ph->p_memsz)
			continue;
		if (ph->p_type == PT_GNU_RELRO)
			return false;
		writable |= ph->p_type == PT_LOAD && (ph->p_flags & PF_W) != 0;
	}
	return writable;
}

int list_variables(struct draft *draft)
{
	const struct dwarf *dwarf = &draft->patch->dwarf;
	struct vzpatch *meta = &draft->meta;

	for (uint32_t i = 0; i < dwarf->n_variables; i++) {
		const struct dwarf_variable *variable = &dwarf->variables[i];

		/* What vzp.h defines for itself is no variable of the author's. */
		if (!variable->has_addr || variable->is_tls || variable->name == NULL ||
		    strncmp(variable->name, "vzp__", strlen("vzp__")) == 0 || !is_writable(&draft->patch->file, variable->addr))
			continue;
		if (ARRAY_GROW(&meta->variables, meta->n_variables, 1) != 0)
			return -ENOMEM;
		meta->variables[meta->n_variables++] = (struct vz_variable){ variable->name, variable->addr };
	}
	return 0;
}
