/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "counterpart.h"
#include "refusals.h"
#include "type.h"

static int refuse(const struct draft *draft, const struct unit *unit, const struct piece *piece,
		  const char *why)
{
	char *source = piece_source(draft, unit, piece);
	int err = fail(EINVAL, "%s: '%s' %s", source != NULL ? source : unit->source, piece->name, why);

	free(source);
	return err;
}

/*
 * The size of the target's variable; 0 if it is not known.  A thing without a size may share
 * its address with another one, so of such a thing it is not known.
 */
static uint64_t target_size(const struct draft *draft, const struct piece *piece)
{
	const struct symbols *symbols = draft->target->symbols;
	bool tls = piece->kind == PIECE_TLS;

	for (size_t i = 0; piece->size != 0 && i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->table[i];

		if (symbol->section != SHN_UNDEF && symbol->value == piece->counterpart.addr &&
		    symbol->size != 0 && (symbol->type == STT_TLS) == tls &&
		    (symbol->type == STT_OBJECT || tls))
			return symbol->size;
	}
	return piece->counterpart.size;
}

static int check_type(const struct draft *draft, const struct unit *unit, const struct piece *piece)
{
	const struct dwarf *patch = &draft->patch->dwarf, *target = &draft->target->dwarf;
	uint32_t index = patch_variable(draft, piece);
	char why[TYPE_WHY_MAX], now[TYPE_NAME_MAX], before[TYPE_NAME_MAX];

	if (index == DWARF_NONE || piece->counterpart.index == DWARF_NONE)
		return 0;
	struct type a = { patch, patch->variables[index].type };
	struct type b = { target, target->variables[piece->counterpart.index].type };
	if (a.die == 0 || b.die == 0)
		return 0;
	int same = type_equal(a, b, why);
	if (same < 0 || same != 0)
		return same < 0 ? same : 0;
	type_name(a, now);
	type_name(b, before);
	char *source = piece_source(draft, unit, piece);
	int err = fail(EINVAL, "%s: '%s' is now '%s', in %s it is '%s'%s%s", source != NULL ? source : "?",
		       piece->name, now, draft->target->file.path, before, *why != '\0' ? ": " : "", why);
	free(source);
	return err;
}

/* The link-time address of the target's initial value; UINT64_MAX if it has none in the file. */
static uint64_t initial_addr(const struct draft *draft, const struct piece *piece)
{
	const struct elffile *target = &draft->target->file;

	if (piece->kind != PIECE_TLS)
		return piece->counterpart.addr;
	/* The address of a thread-local variable is an offset in the template of the block. */
	for (size_t i = 0; i < target->n_phdrs; i++) {
		const GElf_Phdr *phdr = &target->phdrs[i];

		if (phdr->p_type == PT_TLS)
			return piece->counterpart.addr < phdr->p_filesz ?
				phdr->p_vaddr + piece->counterpart.addr : UINT64_MAX;
	}
	return UINT64_MAX;
}

/* Are the bytes in the target's file those in the object, addresses aside? */
static bool has_same_bytes(const struct draft *draft, const struct unit *unit,
			   const struct piece *piece)
{
	const struct unit_section *section = &unit->sections[piece->section];
	uint8_t *there = calloc(1, (size_t)piece->size + 1);
	uint64_t from = initial_addr(draft, piece), at = 0;
	bool same = there != NULL;

	/* A variable that is not in the file begins as zeros. */
	if (same && (from == UINT64_MAX ||
		     !elffile_read(&draft->target->file, from, there, (size_t)piece->size)))
		memset(there, 0, (size_t)piece->size);
	for (uint32_t i = 0; same && i <= piece->n_relocs && at < piece->size; i++) {
		const struct unit_reloc *reloc = i < piece->n_relocs ?
			&section->relocs[piece->first_reloc + i] : NULL;
		uint64_t end = reloc != NULL ? reloc->offset - piece->start : piece->size;

		if (end > piece->size)
			end = piece->size;
		for (; same && at < end; at++)
			same = there[at] ==
				(section->bytes != NULL ? section->bytes[piece->start + at] : 0);
		if (reloc != NULL)
			at = end + reloc->type->width;
	}
	free(there);
	return same;
}

static bool is_same(const struct draft *draft, const struct unit *unit, const struct piece *piece)
{
	if (unit->original != NULL && piece->verdict == VERDICT_CHANGED)
		return false;
	return has_same_bytes(draft, unit, piece);
}

static bool is_member(const struct draft *draft, const struct unit *unit, const struct piece *piece)
{
	return piece->symbol != NULL && is_listed(draft->target, unit->sections[piece->section].name);
}

int check_new_data(const struct draft *draft, const struct unit *unit, const struct piece *piece)
{
	bool is_new = unit->original == NULL || piece->verdict == VERDICT_NEW ||
		piece->verdict == VERDICT_CHANGED;

	if (!is_new || !piece->is_placed || !is_member(draft, unit, piece))
		return 0;
	return refuse(draft, unit, piece, "is new in a section that the target looks through as a list:"
		      " it would not find this one (add it in code)");
}

int decide_data(const struct draft *draft, const struct unit *unit, struct piece *piece)
{
	uint64_t size = target_size(draft, piece);

	piece->fate = FATE_TARGET;
	if (piece->is_overridden)
		return 0;
	int err = check_type(draft, unit, piece);
	if (err != 0)
		return err;
	if (size != 0 && size != piece->size) {
		char text[128];

		snprintf(text, sizeof(text), "is %" PRIu64 " bytes large, the target's %" PRIu64,
			 piece->size, size);
		return refuse(draft, unit, piece, text);
	}
	if (is_same(draft, unit, piece))
		return 0;
	if (!is_constant(unit, piece))
		return refuse(draft, unit, piece, "has another initial value than the target's, which "
			      "has run since: a patch cannot change it (set it in code)");
	if (piece->symbol->bind != STB_LOCAL)
		return refuse(draft, unit, piece, "is a constant that changes, and other files may use "
			      "the target's");
	if (is_member(draft, unit, piece))
		return refuse(draft, unit, piece, "is a constant that changes, in a section that the "
			      "target looks through as a list: it would find the old one");
	piece->fate = FATE_OWN;
	return 0;
}

/*
 * The function that is replaced, of whose inside the variable holds an address; NULL if there
 * is none.
 */
static const struct piece *find_replaced_label(const struct unit *unit, const struct piece *piece)
{
	const struct unit_section *section = &unit->sections[piece->section];

	for (uint32_t i = 0; i < piece->n_relocs; i++) {
		int64_t offset;
		const struct piece *to = reloc_piece(unit,
						     &section->relocs[piece->first_reloc + i], &offset);

		if (to != NULL && to->kind == PIECE_FUNCTION && offset > 0 && to->fate == FATE_REPLACES)
			return to;
	}
	return NULL;
}

int settle_labels(const struct draft *draft, const struct unit *unit)
{
	for (size_t i = 0; i < unit->n_pieces; i++) {
		struct piece *piece = &unit->pieces[i];
		const struct piece *function = piece->fate == FATE_TARGET &&
			piece->kind == PIECE_VARIABLE ? find_replaced_label(unit, piece) : NULL;
		char text[256];

		if (function == NULL)
			continue;
		if (is_constant(unit, piece) && piece->symbol->bind == STB_LOCAL) {
			piece->fate = FATE_OWN;
			continue;
		}
		snprintf(text, sizeof(text), "holds addresses of labels in '%s', which is replaced: the"
			 " target's lead into the old code (make it const)", function->name);
		return refuse(draft, unit, piece, text);
	}
	return 0;
}

/*
 * Is there a variable that the old source had not, and that may be the one which is gone, under
 * another name?  It is of the same size.
 */
static const struct piece *find_successor(const struct unit *unit, const struct piece *old, uint64_t size)
{
	for (size_t i = 0; i < unit->n_pieces; i++) {
		const struct piece *piece = &unit->pieces[i];
		bool is_new = unit->original != NULL ? piece->twin == NULL : !piece->has_counterpart;

		if (is_new && piece->symbol != NULL && piece->kind != PIECE_FUNCTION && piece->size == size &&
		    (old == NULL || piece->kind == old->kind) && !is_constant(unit, piece) &&
		    !is_made_by_compiler(piece))
			return piece;
	}
	return NULL;
}

/*
 * A variable that the new source does not define is no longer used, or it is declared extern; the
 * target keeps it.  If there is a new one like it, it was perhaps renamed.
 */
static int refuse_removed(const struct unit *unit, const struct piece *old, const char *name, uint64_t size)
{
	const struct piece *successor = find_successor(unit, old, size);

	return successor == NULL ? 0 :
		fail(EINVAL, "%s: variable '%s' is gone, and '%s' is new: if it was renamed, what it holds would be"
		     " lost; keep its name", unit->source, name, successor->name);
}

static int check_removed_since(const struct draft *draft, const struct unit *unit)
{
	for (size_t i = 0; i < unit->original->n_pieces; i++) {
		const struct piece *old = &unit->original->pieces[i];
		bool kept = old->symbol == NULL || old->kind == PIECE_FUNCTION ||
			is_constant(unit->original, old) || is_made_by_compiler(old);

		for (size_t k = 0; !kept && k < unit->n_pieces; k++)
			kept = unit->pieces[k].twin == old;
		int err = kept ? 0 : refuse_later(draft, refuse_removed(unit, old, old->name, old->size));
		if (err != 0)
			return err;
	}
	return 0;
}

int check_removed_data(const struct draft *draft, const struct unit *unit)
{
	const struct dwarf *dwarf = &draft->target->dwarf;

	if (unit->original != NULL)
		return check_removed_since(draft, unit);
	for (uint32_t i = 0; unit->target_unit != NULL && i < dwarf->n_variables; i++) {
		const struct dwarf_variable *old = &dwarf->variables[i];
		bool kept = &dwarf->units[old->unit] != unit->target_unit || !old->has_addr ||
			old->name == NULL || !elffile_is_writable(&draft->target->file, old->addr);

		for (size_t k = 0; !kept && k < unit->n_pieces; k++)
			kept = unit->pieces[k].has_counterpart &&
				unit->pieces[k].counterpart.addr == old->addr;
		const struct symbol *symbol = kept ? NULL :
			find_data_symbol(draft->target, old->addr, STT_OBJECT);
		int err = symbol == NULL ? 0 :
			refuse_later(draft, refuse_removed(unit, NULL, old->name, symbol->size));
		if (err != 0)
			return err;
	}
	return 0;
}
