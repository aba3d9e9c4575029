/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bind.h"

#include <errno.h>
#include <string.h>

#include "cursor.h"

int find_hidden(const struct draft *draft, struct wanted *wanted, bool function,
		       struct definition *out)
{
	wanted->file = NULL;
	int found = function ? find_function(draft->target, wanted, LINKAGE_GLOBAL, out) :
		find_variable(draft->target, wanted, LINKAGE_GLOBAL, out);
	if (found != 0)
		return found;
	const struct symbol *symbol = find_hidden_symbol(draft->target, wanted->name);
	if (symbol == NULL && is_linker_name(wanted->name))
		symbol = find_linker_symbol(draft->target->symbols, wanted->name);
	if (symbol == NULL || (symbol->type == STT_TLS) != wanted->tls)
		return 0;
	*out = (struct definition){
		.name = symbol->name, .addr = symbol->value, .size = symbol->size,
		.index = DWARF_NONE, .global = true,
	};
	return 1;
}

int find_extern(const struct draft *draft, const char *name, bool tls, struct definition *out)
{
	struct wanted wanted = { .name = name, .source = "?", .tls = tls };
	int found = tls ? 0 : find_hidden(draft, &wanted, true, out);

	if (found == 0)
		found = find_hidden(draft, &wanted, false, out);
	if (found != 0)
		return found;
	/*
	 * The compiler may have made one function of two, and the linker dropped the mark that the
	 * symbol was hidden.  The debug info then knows of a global function without code.
	 */
	const struct symbol *symbol = find_global_symbol(draft->target, name);
	uint32_t i = dwarf_find_function(&draft->target->dwarf, name, DWARF_NONE);
	/* A static function of that name is another one. */
	for (uint32_t k = i; k != DWARF_NONE; k = dwarf_find_function(&draft->target->dwarf, name, k))
		if (!draft->target->dwarf.functions[k].external)
			return 0;
	/* In a static-PIE all symbols are local, and the C library has no debug info. */
	bool is_code = symbol != NULL && symbol->type == STT_FUNC;
	bool is_data = symbol != NULL && symbol->type == STT_OBJECT && draft->target->file.is_static;
	if (tls || (!is_code && !is_data) || (i == DWARF_NONE && !draft->target->file.is_static))
		return 0;
	*out = (struct definition){
		.name = symbol->name, .addr = symbol->value, .size = symbol->size,
		.index = DWARF_NONE, .global = true,
	};
	return 1;
}

int find_linker_definition(const struct draft *draft, const char *name, struct definition *out)
{
	const struct symbol *symbol = find_linker_symbol(draft->target->symbols, name);

	if (symbol == NULL)
		return find_extern(draft, name, false, out);
	*out = (struct definition){ .name = symbol->name, .addr = symbol->value, .index = DWARF_NONE };
	return 1;
}

/* ---- IFUNCs ---- */

/* The slot that the start-up code fills with the address that the resolver of the IFUNC returns. */
static bool find_irelative(const struct binary *target, uint64_t resolver, uint64_t *slot)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(target->file.elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL ||
		    (shdr.sh_type != SHT_RELA && shdr.sh_type != SHT_REL) || shdr.sh_entsize == 0)
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		size_t count = data != NULL ? (size_t)(data->d_size / shdr.sh_entsize) : 0;
		for (size_t i = 0; i < count && i < INT32_MAX; i++) {
			GElf_Rela rela;
			GElf_Rel rel;
			uint32_t word;

			if (shdr.sh_type == SHT_RELA) {
				if (gelf_getrela(data, (int)i, &rela) == NULL)
					continue;
			} else {
				if (gelf_getrel(data, (int)i, &rel) == NULL ||
				    !elffile_read(&target->file, rel.r_offset, &word, sizeof(word)))
					continue;
				rela = (GElf_Rela){ rel.r_offset, rel.r_info, word };
			}
			if (GELF_R_TYPE(rela.r_info) != target->file.gen->irelative_type ||
			    (uint64_t)rela.r_addend != resolver)
				continue;
			*slot = rela.r_offset;
			return true;
		}
	}
	return false;
}

/* The stub that jumps through a slot.  Stubs have 8 bytes or 16, as the linker likes: only their code tells where one begins. */
static bool find_stub(const struct binary *target, uint64_t slot, uint64_t *stub)
{
	static const char *const sections[] = { ".plt", ".iplt", ".plt.sec", ".plt.got" };
	const struct gen_arch *gen = target->file.gen;

	for (size_t s = 0; s < sizeof(sections) / sizeof(sections[0]); s++) {
		struct dwarf_bytes code;
		GElf_Shdr shdr;

		if (elffile_section(&target->file, sections[s], &shdr) == NULL ||
		    elffile_bytes(&target->file, sections[s], &code) != 0)
			continue;
		for (size_t i = 0; i < code.size; i++) {
			uint64_t to;

			if (!gen->stub_slot(code.data + i, code.size - i, shdr.sh_addr + i, &to) || to != slot)
				continue;
			*stub = shdr.sh_addr + i;
			return true;
		}
	}
	return false;
}

static int bind_ifunc(struct draft *draft, const struct symbol *symbol, const struct symbol *ifunc)
{
	uint64_t slot, stub;

	if (!find_irelative(draft->target, ifunc->value, &slot) ||
	    !find_stub(draft->target, slot, &stub))
		return fail(EINVAL, "%s: '%s' is an IFUNC, and %s has no code that could be called to "
			    "reach its choice (define it in the patch)", draft->patch->file.path,
			    ifunc->name, draft->target->file.path);
	struct definition meant = {
		.name = ifunc->name, .addr = stub, .index = DWARF_NONE, .global = true,
	};
	return draft_add_dynref(draft, symbol->index, &meant);
}

/* ---- undefined symbols of the patch ---- */

static void warn_of_static(const struct draft *draft, const char *name)
{
	const struct dwarf *dwarf = &draft->target->dwarf;
	uint32_t i = DWARF_NONE;

	while ((i = dwarf_find_function(dwarf, name, i)) != DWARF_NONE) {
		if (dwarf->functions[i].external || dwarf->functions[i].declaration ||
		    dwarf->functions[i].hi == 0)
			continue;
		warn("%s: '%s' is static in %s of %s: if that is meant, use VZP_STATIC_FUNC_REF",
		     draft->patch->file.path, name, dwarf->units[dwarf->functions[i].unit].name,
		     draft->target->file.path);
		return;
	}
	while ((i = dwarf_find_variable(dwarf, name, i)) != DWARF_NONE) {
		if (dwarf->variables[i].external || !dwarf->variables[i].has_addr)
			continue;
		warn("%s: '%s' is static in %s of %s: if that is meant, use VZP_STATIC_VAR_REF",
		     draft->patch->file.path, name, dwarf->units[dwarf->variables[i].unit].name,
		     draft->target->file.path);
		return;
	}
}

int bind_extern(struct draft *draft, const char *name, const struct symbol *symbol)
{
	const struct binary *target = draft->target;
	bool tls = symbol->type == STT_TLS;
	struct definition meant;
	const struct symbol *have = find_hidden_symbol(target, name);

	if (have != NULL && have->type == STT_GNU_IFUNC)
		return bind_ifunc(draft, symbol, have);
	if (have != NULL && (have->type == STT_TLS) != tls)
		return fail(EINVAL, "%s: '%s' is %s variable of %s: declare it so",
			    draft->patch->file.path, name, tls ? "no thread-local" :
			    "a thread-local", target->file.path);
	if (strstr(name, ".vzp") != NULL)
		return fail(EINVAL, "%s: '%s' comes from nsb/vzp.h, but the record of it is missing "
			    "(was section .vzp stripped?)", draft->patch->file.path, name);
	int found = find_extern(draft, name, tls, &meant);
	if (found < 0)
		return found;
	if (found != 0)
		return draft_add_dynref(draft, symbol->index, &meant);
	/* nsb has a function of its own for programs that lack this one. */
	if (!target->file.is_static || symbol->bind == STB_WEAK ||
	    strcmp(name, "__tls_get_addr") == 0 || strcmp(name, "___tls_get_addr") == 0) {
		warn_of_static(draft, name);
		return 0;
	}
	return fail(EINVAL, "%s: '%s' is not in %s, and a static executable has no libraries to "
		    "take it from (define it in the patch)", draft->patch->file.path, name,
		    target->file.path);
}
