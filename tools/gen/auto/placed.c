/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "placed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The local symbols of one object.  They stand together in the linked symbol table, behind its
 * STT_FILE.
 */
struct group {
	size_t first, end;
};

bool read_word(const struct elffile *file, uint64_t addr, unsigned width, int64_t *value)
{
	uint8_t bytes[8] = { 0 };
	uint64_t word;

	if (width > sizeof(bytes) || !elffile_read(file, addr, bytes, width))
		return false;
	memcpy(&word, bytes, sizeof(word));
	*value = width == 4 ? (int32_t)(uint32_t)word : (int64_t)word;
	return true;
}

static bool is_at(const struct symbol *symbol)
{
	return symbol->section != SHN_UNDEF && symbol->type != STT_FILE &&
		symbol->type != STT_SECTION;
}

/*
 * Are local functions or variables of the unit in the group?  The linker may have dropped some
 * of them, but not all.
 */
static bool fits(const struct unit *unit, const struct symbols *symbols, struct group group)
{
	size_t wanted = 0, found = 0;

	for (size_t i = 0; i < unit->n_pieces; i++) {
		const struct piece *piece = &unit->pieces[i];

		if (piece->symbol == NULL || piece->symbol->bind != STB_LOCAL)
			continue;
		wanted++;
		for (size_t k = group.first; k < group.end; k++)
			if (is_at(&symbols->table[k]) &&
			    strcmp(symbols->table[k].name, piece->name) == 0) {
				found++;
				break;
			}
	}
	return found != 0 || wanted == 0;
}

/*
 * The first group behind `after` that fits.  The second unit of a source name has the second
 * one.
 */
static struct group find_group(const struct unit *unit, const struct symbols *symbols, size_t after)
{
	for (size_t i = after; i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->table[i];
		struct group group = { i + 1, i + 1 };

		if (symbol->type != STT_FILE || strcmp(base_name(symbol->name), unit->source) != 0)
			continue;
		while (group.end < symbols->count &&
		       symbols->table[group.end].type != STT_FILE &&
		       symbols->table[group.end].bind == STB_LOCAL)
			group.end++;
		if (fits(unit, symbols, group))
			return group;
	}
	return (struct group){ 0, 0 };
}

bool is_code_at(const struct unit *unit, const struct piece *piece, const struct elffile *file, uint64_t addr)
{
	const struct unit_section *section = &unit->sections[piece->section];
	uint8_t *have = malloc((size_t)piece->size + 1);
	uint64_t at = 0;
	bool same = have != NULL && elffile_read(file, addr, have, (size_t)piece->size);

	for (uint32_t i = 0; same && i < piece->n_relocs; i++) {
		const struct unit_reloc *reloc = &section->relocs[piece->first_reloc + i];
		uint64_t from = reloc->offset - piece->start, end = from + reloc->type->width;
		enum reloc_kind kind = reloc->type->kind;

		/*
		 * The linker may have changed opcode and ModRM in front of such an operand, and
		 * the instructions around one of thread-local storage.
		 */
		if (kind == RELOC_GOT || kind == RELOC_GOTPCREL)
			from = from > 3 ? from - 3 : 0;
		if (kind == RELOC_TLS_CODE || kind == RELOC_DTPOFF) {
			from = from > 16 ? from - 16 : 0;
			end += 16;
		}
		if (from > piece->size)
			break;
		if (from > at)
			same = memcmp(section->bytes + piece->start + at, have + at,
				       (size_t)(from - at)) == 0;
		if (end > at)
			at = end;
	}
	if (same && at < piece->size)
		same = memcmp(section->bytes + piece->start + at, have + at,
			       (size_t)(piece->size - at)) == 0;
	free(have);
	return same;
}

static bool try_symbol(const struct unit *unit, struct piece *piece, const struct elffile *file,
		       const struct symbol *symbol)
{
	const struct unit_section *section = &unit->sections[piece->section];

	if (!is_at(symbol) || strcmp(symbol->name, piece->name) != 0)
		return false;
	/* Of a thread-local variable only the symbol is known. */
	if (piece->kind != PIECE_TLS && section->bytes != NULL &&
	    !is_code_at(unit, piece, file, symbol->value))
		return false;
	piece->addr = symbol->value;
	piece->is_placed = true;
	return true;
}

static bool may_be(const struct piece *piece, const struct symbol *symbol)
{
	/* The linker makes hidden symbols local. */
	return symbol->bind != STB_LOCAL || piece->symbol->visibility == STV_HIDDEN ||
		piece->symbol->visibility == STV_INTERNAL;
}

static int place_named(struct unit *unit, struct piece *piece, const struct binary *patch,
		       struct group group)
{
	const struct symbols *symbols = patch->symbols;
	bool local = piece->symbol->bind == STB_LOCAL, known = false;

	for (size_t i = local ? group.first : 0; i < (local ? group.end : symbols->count); i++) {
		if (!local && !may_be(piece, &symbols->table[i]))
			continue;
		known |= is_at(&symbols->table[i]) && strcmp(symbols->table[i].name, piece->name) == 0;
		if (try_symbol(unit, piece, &patch->file, &symbols->table[i]))
			return 0;
	}
	/* If no symbol has that name, the linker dropped the piece. */
	if (!known || piece->symbol->bind == STB_WEAK)
		return 0;
	return fail(EINVAL, "%s: '%s' is not that of %s: it was not linked from this object",
		    patch->file.path, piece->name, unit->file.path);
}

/* What a relocation leads to: the thing itself, its slot in the GOT, or its slots for a thread-local variable. */
enum leads { LEADS_TO_IT, LEADS_TO_SLOT, LEADS_TO_TLS, LEADS_ELSEWHERE };

static enum leads leads_to(enum reloc_kind kind)
{
	switch (kind) {
	case RELOC_ABS: case RELOC_PCREL: case RELOC_PLT:
		return LEADS_TO_IT;
	case RELOC_GOT: case RELOC_GOTPCREL:
		return LEADS_TO_SLOT;
	case RELOC_TLS_CODE:
		return LEADS_TO_TLS;
	default:
		return LEADS_ELSEWHERE;
	}
}

bool joined_value(const struct unit *unit, const struct piece *piece, const struct unit_reloc *reloc,
		  const struct elffile *file, uint64_t *value)
{
	const struct unit_section *section = &unit->sections[piece->section];
	uint64_t known = 0;

	*value = 0;
	for (uint32_t i = 0; i < piece->n_relocs; i++) {
		const struct unit_reloc *other = &section->relocs[piece->first_reloc + i];
		const uint64_t place = piece->addr + (other->offset - piece->start);
		uint64_t part = 0, bits = 0;
		uint8_t bytes[8];

		if (other->type->field == 0 || other->symbol != reloc->symbol || other->addend != reloc->addend ||
		    leads_to(other->type->kind) != leads_to(reloc->type->kind) || other->type->width > sizeof(bytes) ||
		    !elffile_read(file, place, bytes, other->type->width))
			continue;
		unit->file.gen->get_field(other->type->field, place, bytes, &part, &bits);
		if (other->type->kind != RELOC_ABS && other->type->kind != RELOC_GOT && other->type->kind != RELOC_TLS_CODE)
			part += place;
		*value |= part & bits & ~known;
		known |= bits;
	}
	*value &= file->gen->last;
	return (known & file->gen->last) == file->gen->last;
}

/*
 * The address of the piece that a relocation of a placed piece leads to, by what the linker
 * wrote there.
 */
static bool resolved_start(const struct unit *unit, const struct piece *piece,
			   const struct unit_reloc *reloc, const struct elffile *file,
			   int64_t offset, uint64_t *start)
{
	uint64_t place = piece->addr + (reloc->offset - piece->start);
	int64_t value;

	if (reloc->type->field != 0) {
		if (leads_to(reloc->type->kind) != LEADS_TO_IT || !joined_value(unit, piece, reloc, file, start))
			return false;
		*start = (*start - (uint64_t)offset) & unit->file.gen->last;
		return true;
	}
	if (!read_word(file, place, reloc->type->width, &value))
		return false;
	if (reloc->type->kind == RELOC_PCREL)
		*start = place + (uint64_t)value - (uint64_t)offset;
	else if (reloc->type->kind == RELOC_GOTREL)
		*start = elffile_got(file) + (uint64_t)value - (uint64_t)offset;
	else
		return false;
	*start &= unit->file.gen->last;
	return true;
}

/* Look at all placed pieces once; true if another piece was placed by one of them. */
static bool place_unnamed(struct unit *unit, const struct elffile *file)
{
	bool any = false;

	for (size_t i = 0; i < unit->n_pieces; i++) {
		const struct piece *piece = &unit->pieces[i];
		const struct unit_section *section = &unit->sections[piece->section];

		for (uint32_t k = 0; piece->is_placed && k < piece->n_relocs; k++) {
			const struct unit_reloc *reloc = &section->relocs[piece->first_reloc + k];
			int64_t offset;
			struct piece *to = reloc_piece(unit, reloc, &offset);

			if (to == NULL || to->symbol != NULL || to->is_placed || is_mergeable(unit, to))
				continue;
			to->is_placed = resolved_start(unit, piece, reloc, file, offset, &to->addr);
			any |= to->is_placed;
		}
	}
	return any;
}

int place_units(struct unit *units, size_t n_units, const struct binary *patch)
{
	int err = 0;

	if (patch->file.symtab.count == 0)
		return fail(EINVAL, "%s: it has no symbol table (link it without -s)",
			    patch->file.path);
	for (size_t i = 0; i < n_units; i++) {
		struct unit *unit = &units[i];
		size_t after = 0;

		for (size_t k = 0; k < i; k++)
			if (strcmp(units[k].source, unit->source) == 0)
				after = find_group(&units[k], patch->symbols, after).end;
		struct group group = find_group(unit, patch->symbols, after);
		for (size_t k = 0; err == 0 && k < unit->n_pieces; k++)
			if (unit->pieces[k].symbol != NULL)
				err = place_named(unit, &unit->pieces[k], patch, group);
		while (err == 0 && place_unnamed(unit, &patch->file))
			;
	}
	return err;
}
