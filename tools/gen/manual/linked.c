/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "linked.h"

#include <errno.h>
#include <string.h>

#include "bind.h"

/* Does the dynamic linker fill in the symbol's address wherever the patch refers to it? */
static bool is_left_open(const struct elffile *patch, const struct symbol *symbol)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(patch->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_ALLOC) == 0 ||
		    (shdr.sh_type != SHT_RELA && shdr.sh_type != SHT_REL))
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		GElf_Rela rela;
		GElf_Rel rel;

		bool has_addends = shdr.sh_type == SHT_RELA;
		for (int i = 0; data != NULL && has_addends && gelf_getrela(data, i, &rela) != NULL; i++)
			if (GELF_R_SYM(rela.r_info) == symbol->index)
				return true;
		for (int i = 0; data != NULL && !has_addends && gelf_getrel(data, i, &rel) != NULL; i++)
			if (GELF_R_SYM(rel.r_info) == symbol->index)
				return true;
	}
	return false;
}

static int refuse_own(const struct draft *draft, const char *name)
{
	const char *section = listed_section(name);

	if (section != NULL)
		return fail(EINVAL, "%s: '%s' would be that of the patch alone: leave section '%s' out of "
			    "the patch, or, if it is meant, give the section another name",
			    draft->patch->file.path, name, section);
	return fail(EINVAL, "%s: '%s' would be that of the patch: use VZP_HIDDEN_VAR_REF(char[], %s)",
		    draft->patch->file.path, name, name);
}

static int bind_linker_symbol(struct draft *draft, const struct symbol *symbol)
{
	struct definition meant;
	int found = find_linker_definition(draft, symbol->name, &meant);

	if (found < 0)
		return found;
	if (found == 0) {
		const char *section = listed_section(symbol->name);
		GElf_Shdr shdr;

		/* A list that is new with the patch is the patch's own. */
		if (section == NULL || elffile_section(&draft->target->file, section, &shdr) != NULL)
			warn("%s: '%s' is the patch's own: %s has none", draft->patch->file.path,
			     symbol->name, draft->target->file.path);
		return 0;
	}
	if (symbol->visibility != STV_DEFAULT && !is_left_open(&draft->patch->file, symbol))
		return refuse_own(draft, symbol->name);
	return draft_add_dynref(draft, symbol->index, &meant);
}

/*
 * A hidden symbol is no dynamic symbol.  A linker defines it only if the patch refers to it.
 * GNU ld drops the visibility, and writes such symbols behind an STT_FILE without a name.
 */
static int check_hidden(const struct draft *draft)
{
	const struct symbols *symbols = draft->patch->symbols;
	bool of_linker = false;

	for (size_t i = 0; i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->table[i];

		if (symbol->type == STT_FILE)
			of_linker = *symbol->name == '\0';
		if (symbol->bind == STB_LOCAL && is_linker_name(symbol->name) &&
		    (of_linker || symbol->visibility != STV_DEFAULT) &&
		    find_linker_symbol(symbols, symbol->name) == symbol)
			return refuse_own(draft, symbol->name);
	}
	return 0;
}

/* What the patch adds to a section that the target has as a list is not in the target's list. */
static void warn_of_members(const struct draft *draft)
{
	const struct elffile *patch = &draft->patch->file;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(patch->elf, scn)) != NULL) {
		const char *name = gelf_getshdr(scn, &shdr) != NULL && (shdr.sh_flags & SHF_ALLOC) != 0 ?
			elf_strptr(patch->elf, patch->strings, shdr.sh_name) : NULL;

		if (name != NULL && is_listed(draft->target, name))
			warn("%s: section '%s' is one that %s looks through as a list: it would not find "
			     "what the patch has there (add it in code)", patch->path, name,
			     draft->target->file.path);
	}
}

int bind_linker_symbols(struct draft *draft)
{
	const struct symbols *dynsym = &draft->patch->file.dynsym;
	int err = check_hidden(draft);

	for (size_t i = 0; err == 0 && i < dynsym->count; i++)
		if (is_linker_name(dynsym->table[i].name) &&
		    find_linker_symbol(dynsym, dynsym->table[i].name) == &dynsym->table[i])
			err = bind_linker_symbol(draft, &dynsym->table[i]);
	if (err == 0)
		warn_of_members(draft);
	return err;
}
