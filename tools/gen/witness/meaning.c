/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "meaning.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "body.h"
#include "cursor.h"
#include "match.h"
#include "text.h"

#define DEEPEST 24		/* constants that lead to constants */
#define BUDGET (1u << 20)	/* addresses and pieces of data that one comparison may look at */
#define NEAR 64			/* bytes beside an array that code may count from */
#define FAR 65536		/* before one that it refers to as well: a large element, no. -1 */
#define LEAST_STRING 2		/* bytes, the NUL included, that may be no string */
#define STRING_SHOWN 40		/* bytes of a string in a message */


static bool same_place_within(struct meanings *m, uint64_t old, uint64_t new, unsigned access, unsigned depth);
static bool same_bytes_within(struct meanings *m, uint64_t old, uint64_t new, uint64_t size, unsigned depth);
static bool same_constant(struct meanings *m, uint64_t old, uint64_t new, unsigned access, unsigned depth);

bool because(struct meanings *m, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(m->why, sizeof(m->why), fmt, args);
	va_end(args);
	return false;
}

/* ---- where constants begin ---- */

struct collector {
	const struct image *image;
	struct cuts *cuts;
};

static bool is_unnamed(const struct image *image, uint64_t addr)
{
	struct whereabouts at = image_at(image, addr);

	return at.section != NULL && at.spot == IMAGE_NONE && (at.area == AREA_CONSTANT || at.area == AREA_VARIABLE);
}

static int add_cut(struct collector *all, uint64_t addr, bool is_start)
{
	struct cuts *cuts = all->cuts;

	if (!is_unnamed(all->image, addr))
		return 0;
	int err = ARRAY_GROW(&cuts->table, cuts->count, 1);
	if (err == 0)
		cuts->table[cuts->count++] = (struct cut){ addr, is_start };
	return err;
}

static int add_reference(void *ctx, uint64_t from, uint64_t to, unsigned access)
{
	(void)from;
	return add_cut(ctx, to, access == 0);
}

static int add_pointers(struct collector *all)
{
	const struct image *image = all->image;
	int err = 0;

	for (size_t i = 0; err == 0 && i < image->n_relocs; i++)
		if (image->relocs[i].kind == RELOC_RELATIVE)
			err = add_cut(all, image->relocs[i].addend, true);
	for (size_t i = 0; err == 0 && i < image->n_sections && image->has_fixed_place; i++) {
		const struct image_section *section = &image->sections[i];
		uint64_t word = image->gen->word, value;

		if (section->bytes == NULL || section->area == AREA_CODE || section->area == AREA_STUBS)
			continue;
		for (uint64_t at = (section->addr + word - 1) / word * word;
		     err == 0 && at < section->end && section->end - at >= word; at += word)
			if (image_word(image, at, &value) && value != 0)
				err = add_cut(all, value, true);
	}
	return err;
}

static int collect_cuts(const struct image *image, struct cuts *cuts)
{
	struct collector all = { image, cuts };
	size_t kept = 0;
	int err = add_pointers(&all);

	for (uint32_t i = 0; err == 0 && i < image->n_spots; i++)
		if (image->spots[i].is_code)
			err = each_reference(image, i, add_reference, &all);
	if (err != 0)
		return err;
	ARRAY_SORT(cuts->table, cuts->count, addr);
	for (size_t i = 0; i < cuts->count; i++) {
		if (kept != 0 && cuts->table[kept - 1].addr == cuts->table[i].addr)
			cuts->table[kept - 1].is_start |= cuts->table[i].is_start;
		else
			cuts->table[kept++] = cuts->table[i];
	}
	cuts->count = kept;
	return 0;
}

/* ---- thread-local variables ---- */

static bool have_same_threads(const struct image *old, const struct image *new)
{
	size_t count = old->n_symbols - old->n_plain;

	if (old->tls_size != new->tls_size || count != new->n_symbols - new->n_plain)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct image_symbol *a = &old->symbols[old->n_plain + i];

		if (a->twin == IMAGE_NONE || new->symbols[a->twin].addr != a->addr ||
		    new->symbols[a->twin].size != a->size)
			return false;
	}
	return true;
}

bool same_thread_variable(struct meanings *m, uint64_t old, uint64_t new)
{
	uint32_t a = image_tls_at(m->old, old), b = image_tls_at(m->new, new);

	if (m->same_threads && old == new)
		return true;
	if (a == IMAGE_NONE || b == IMAGE_NONE)
		return because(m, "it uses a thread-local variable without a symbol");
	if (m->old->symbols[a].twin == b && old - m->old->symbols[a].addr == new - m->new->symbols[b].addr)
		return true;
	return because(m, "it uses the thread-local variable '%s', not '%s'", m->new->symbols[b].name,
		       m->old->symbols[a].name);
}

/* ---- slots ---- */

/* Both words of a pair for __tls_get_addr: which module, and which offset. */
static bool same_module_pair(struct meanings *m, const struct image_reloc *a, const struct image_reloc *b,
			     uint64_t old, uint64_t new)
{
	const struct image_reloc *offset_a, *offset_b;
	uint64_t word = m->old->gen->word, value_a, value_b;

	if (a->symbol != NULL || b->symbol != NULL)
		return a->symbol != NULL && b->symbol != NULL && strcmp(a->symbol, b->symbol) == 0 ? true :
			because(m, "it uses the thread-local variable '%s', not '%s'",
				b->symbol != NULL ? b->symbol : "?", a->symbol != NULL ? a->symbol : "?");
	offset_a = image_reloc_at(m->old, old + word);
	offset_b = image_reloc_at(m->new, new + word);
	if (offset_a != NULL || offset_b != NULL || !image_word(m->old, old + word, &value_a) ||
	    !image_word(m->new, new + word, &value_b))
		return because(m, "it finds thread-local variables in a way that is not understood");
	if (value_a == 0 && value_b == 0) {
		m->asks_for_threads = true;
		return true;
	}
	return same_thread_variable(m, value_a, value_b);
}

/* What a slot holds when the program runs. */
static bool same_reloc(struct meanings *m, const struct image_reloc *a, const struct image_reloc *b, uint64_t old,
		       uint64_t new, unsigned depth)
{
	if (a->kind != b->kind || a->width != b->width)
		return because(m, "it uses a slot of another kind");
	if (a->kind == RELOC_DTPMOD)
		return same_module_pair(m, a, b, old, new);
	if ((a->symbol != NULL) != (b->symbol != NULL))
		return because(m, "it refers to '%s', which is bound in another way",
			       a->symbol != NULL ? a->symbol : b->symbol);
	if (a->symbol != NULL) {
		if (strcmp(a->symbol, b->symbol) != 0)
			return because(m, "it refers to '%s', not to '%s'", b->symbol, a->symbol);
		return a->addend == b->addend ? true : because(m, "it refers to another place in '%s'", a->symbol);
	}
	switch (a->kind) {
	case RELOC_RELATIVE: case RELOC_IRELATIVE:
		return same_place_within(m, a->addend, b->addend, 0, depth);
	case RELOC_DTPOFF: case RELOC_TPOFF: case RELOC_TPOFF_NEG: case RELOC_TLSDESC:
		return same_thread_variable(m, a->addend, b->addend);
	default:
		return because(m, "it uses a slot that is not understood");
	}
}

static bool same_slot(struct meanings *m, uint64_t old, uint64_t new, unsigned depth)
{
	const struct image_reloc *a = image_reloc_at(m->old, old), *b = image_reloc_at(m->new, new);
	uint64_t value_a, value_b;

	if (a != NULL && b != NULL)
		return same_reloc(m, a, b, old, new, depth);
	if (a != NULL || b != NULL)
		return because(m, "it uses a slot of another kind");
	if (!image_word(m->old, old, &value_a) || !image_word(m->new, new, &value_b))
		return because(m, "it uses a slot without content");
	if (value_a == 0 || value_b == 0)
		return value_a == value_b ? true : because(m, "it uses an empty slot");
	if (image_at(m->old, value_a).section != NULL && image_at(m->new, value_b).section != NULL)
		return same_place_within(m, value_a, value_b, 0, depth);
	if (m->old->tls_size != 0 && m->new->tls_size != 0)	/* an offset from the thread pointer */
		return same_thread_variable(m, arch_address(m->old->arch, value_a + m->old->tls_size),
					    arch_address(m->new->arch, value_b + m->new->tls_size));
	return because(m, "it uses a slot that is not understood");
}

static bool same_stub(struct meanings *m, uint64_t old, uint64_t new, unsigned depth)
{
	uint64_t a, b;

	if (!image_stub_slot(m->old, old, &a) || !image_stub_slot(m->new, new, &b))
		return because(m, "it calls through a stub that is not understood");
	return same_slot(m, a, b, depth);
}

/* ---- things with names ---- */

static bool may_bond(const struct meanings *m, const struct image_symbol *a, const struct image_symbol *b)
{
	return a->twin == IMAGE_NONE && b->twin == IMAGE_NONE && a->number != UINT32_MAX && b->number != UINT32_MAX &&
	       a->stem == b->stem && memcmp(a->name, b->name, a->stem) == 0 && a->is_code == b->is_code &&
	       a->size == b->size && match_same_unit(m->old, a, m->new, b);
}

/* Take two symbols for each other that the compiler numbered, if their things may be the same. */
static bool bond(struct meanings *m, uint32_t old, uint32_t new, unsigned depth)
{
	const struct image_symbol *a = &m->old->symbols[old], *b = &m->new->symbols[new];

	for (size_t i = 0; i < m->n_bonds; i++)
		if (m->bonds[i].old == old || m->bonds[i].new == new)
			return m->bonds[i].old == old && m->bonds[i].new == new;
	if (!may_bond(m, a, b) || m->n_bonds == sizeof(m->bonds) / sizeof(m->bonds[0]))
		return false;
	if (!a->is_code && !same_bytes_within(m, a->addr, b->addr, a->size, depth))
		return false;
	m->bonds[m->n_bonds].old = old;
	m->bonds[m->n_bonds++].new = new;
	return true;
}

void meanings_keep_bonds(struct meanings *m, bool keep)
{
	for (size_t i = 0; keep && i < m->n_bonds; i++) {
		m->old->symbols[m->bonds[i].old].twin = m->bonds[i].new;
		m->new->symbols[m->bonds[i].new].twin = m->bonds[i].old;
	}
	m->n_bonds = 0;
}

static bool has_things(const struct image *image, const struct spot *spot)
{
	for (uint32_t i = 0; i < spot->count; i++)
		if (!image->symbols[spot->first + i].is_mark)
			return true;
	return false;
}

/* Is the function that is being compared one of gcc's start files, which ask for the end of the data? */
static bool is_startup(const struct meanings *m)
{
	const struct image_symbol *symbol;

	if (m->own[0] == IMAGE_NONE)
		return false;
	symbol = &m->old->symbols[m->old->spots[m->own[0]].first];
	return symbol->unit != IMAGE_NONE && strcmp(m->old->units[symbol->unit].name, "crtstuff.c") == 0;
}

bool same_spot(struct meanings *m, uint32_t old, uint32_t new)
{
	const struct spot *a = &m->old->spots[old], *b = &m->new->spots[new];
	bool only_marks = !has_things(m->old, a) && !has_things(m->new, b);

	for (uint32_t i = 0; i < a->count; i++) {
		const struct image_symbol *symbol = &m->old->symbols[a->first + i];

		if (symbol->twin == IMAGE_NONE || m->new->symbols[symbol->twin].spot != new)
			continue;
		if (only_marks || (!symbol->is_mark && !m->new->symbols[symbol->twin].is_mark))
			return true;
		/* The program's first variable may begin where its data ends. */
		if (image_is_of_linker(symbol->name) && is_startup(m))
			return true;
	}
	return false;
}

static bool same_by_bond(struct meanings *m, uint32_t old, uint32_t new, unsigned depth)
{
	const struct spot *a = &m->old->spots[old], *b = &m->new->spots[new];

	for (uint32_t i = 0; i < a->count; i++)
		for (uint32_t k = 0; k < b->count; k++)
			if (bond(m, a->first + i, b->first + k, depth))
				return true;
	return false;
}

/* Constants that the compiler named and numbered, "__func__.3": which of them it is does not matter if it reads the same. */
static bool same_numbered_constant(struct meanings *m, const struct whereabouts *old, const struct whereabouts *new,
				   unsigned depth)
{
	const struct spot *spot_a = &m->old->spots[old->spot], *spot_b = &m->new->spots[new->spot];
	const struct image_symbol *a = &m->old->symbols[spot_a->first], *b = &m->new->symbols[spot_b->first];

	return old->area == AREA_CONSTANT && new->area == AREA_CONSTANT && a->number != UINT32_MAX &&
	       b->number != UINT32_MAX && a->stem == b->stem && memcmp(a->name, b->name, a->stem) == 0 &&
	       spot_a->end - spot_a->addr == spot_b->end - spot_b->addr &&
	       same_bytes_within(m, spot_a->addr, spot_b->addr, spot_a->end - spot_a->addr, depth);
}

/*
 * Data of assembler files may have labels without a size, which are no things that are compared for themselves.  In
 * other sections they are of the linker, as __init_array_start is.
 */
static bool is_label(const struct image *image, const struct whereabouts *at)
{
	const struct spot *spot = &image->spots[at->spot];

	if (has_things(image, spot) || at->section == NULL ||
	    (strncmp(at->section->name, ".rodata", 7) != 0 && strncmp(at->section->name, ".data", 5) != 0))
		return false;
	for (uint32_t i = 0; i < spot->count; i++)
		if (image_is_of_linker(image->symbols[spot->first + i].name))
			return false;
	return true;
}

static bool same_thing(struct meanings *m, const struct whereabouts *old, const struct whereabouts *new, unsigned access,
		       unsigned depth)
{
	const char *name = image_spot_name(m->old, old->spot), *other = image_spot_name(m->new, new->spot);

	if (old->offset == new->offset && same_spot(m, old->spot, new->spot)) {
		if (is_label(m->old, old) && is_label(m->new, new))
			return same_constant(m, m->old->spots[old->spot].addr, m->new->spots[new->spot].addr, access, depth);
		return m->is_other[old->spot] == 0 || because(m, "it refers to the constant '%s', which differs", name);
	}
	if (old->offset == new->offset && (same_by_bond(m, old->spot, new->spot, depth) ||
					   same_numbered_constant(m, old, new, depth)))
		return true;
	if (old->offset == 0 && new->offset == 0)
		return because(m, "it refers to '%s', not to '%s'", other, name);
	return because(m, "it refers to '%s'+%" PRIu64 ", not to '%s'+%" PRIu64, other, new->offset, name, old->offset);
}

/* ---- constants without names ---- */

/*
 * Where the thing at an address ends at the latest: where a symbol or the section does, or where
 * something else begins.  Code may also read bytes amid a thing; with `any` these count as well.
 */
static uint64_t next_start(const struct image *image, const struct cuts *cuts, uint64_t addr, bool any)
{
	const struct image_section *section = image_section_at(image, addr);
	size_t spot = ARRAY_UPTO(image->spots, image->n_spots, addr, addr);
	size_t cut = ARRAY_UPTO(cuts->table, cuts->count, addr, addr);
	uint64_t end = section->end;

	if (spot < image->n_spots && image->spots[spot].addr < end)
		end = image->spots[spot].addr;
	while (cut < cuts->count && cuts->table[cut].addr < end && cuts->table[cut].is_start == 0 && !any)
		cut++;
	if (cut < cuts->count && cuts->table[cut].addr < end)
		end = cuts->table[cut].addr;
	return end;
}

/* Bytes of the string at the start, its NUL included; 0: it is no string, in ASCII or UTF-8. */
static uint64_t string_size(const uint8_t *bytes, uint64_t size)
{
	uint64_t at = 0;

	while (at < size && bytes[at] != 0) {
		bool is_plain = (bytes[at] >= 0x20 && bytes[at] < 0x7f) || (bytes[at] >= '\a' && bytes[at] <= '\r') ||
			bytes[at] == 0x1b;
		size_t length = is_plain ? 1 : bytes[at] >= 0x80 && size - at > 4 ? text_utf8_length(bytes + at) : 0;

		if (length == 0)
			return 0;
		at += length;
	}
	return at != 0 && at < size ? at + 1 : 0;
}

static uint64_t without_zeros(const uint8_t *bytes, uint64_t size)
{
	while (size > 0 && bytes[size - 1] == 0)
		size--;
	return size;
}

/*
 * Bytes of the constant at an address, without the zeros at its end.  It goes up to where
 * something else begins.  A string goes at least to its NUL, as "bar" may be the end of "foobar",
 * and not beyond what is read behind that.
 */
static uint64_t constant_size(const struct image *image, const struct cuts *cuts, uint64_t addr)
{
	uint64_t size;
	const uint8_t *bytes = image_bytes(image, addr, &size);

	if (bytes == NULL)
		return 0;
	uint64_t text = string_size(bytes, size);
	if (text != 0 && text == size)
		return text - 1;
	return without_zeros(bytes, (text != 0 ? next_start(image, cuts, addr + text - 1, true) :
					 next_start(image, cuts, addr, false)) - addr);
}

static void show_string(const uint8_t *bytes, uint64_t size, char out[STRING_SHOWN + 4])
{
	size_t to = 0;

	for (uint64_t i = 0; i < size && bytes[i] != 0 && to < STRING_SHOWN; i++)
		out[to++] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '?';
	if (size > STRING_SHOWN)
		to += (size_t)snprintf(out + to, 4, "...");
	out[to] = '\0';
}

/* An offset in the function that is being compared; its end counts as well. */
static bool is_own(const struct image *image, uint32_t own, uint64_t addr, uint64_t *offset)
{
	if (own == IMAGE_NONE || addr < image->spots[own].addr || addr > image->spots[own].end)
		return false;
	*offset = addr - image->spots[own].addr;
	return true;
}

/*
 * The bytes of an entry of a table of jumps.  `form` is how such tables are written: 0: distances
 * from the table, 1: distances from the global offset table, 2: addresses.
 */
static uint64_t entry_width(const struct image *image, unsigned form)
{
	return form == 2 ? image->gen->word : 4;
}

/* The place that entry no. `index` of a table of jumps leads to. */
static bool table_entry(const struct image *image, uint64_t table, unsigned form, uint64_t index, uint64_t *to)
{
	uint64_t size, width = entry_width(image, form), at = table + index * width;
	const uint8_t *bytes = image_bytes(image, at, &size);
	struct cursor cursor;

	if (bytes == NULL || size < width)
		return false;
	cursor_init(&cursor, bytes, width);
	uint64_t value = cursor_uint(&cursor, width);
	if (form < 2)
		value = (form == 0 ? table : image->got) + (uint64_t)(int64_t)(int32_t)value;
	*to = arch_address(image->arch, value);
	return image_reloc_at(image, at) == NULL;
}

/* Entries of the table of jumps at an address, all into the function or its cold part; 0: it is none. */
static uint64_t table_count(const struct image *image, const struct cuts *cuts, uint64_t table, unsigned form, uint32_t own)
{
	uint64_t count = 0, to, offset, width = entry_width(image, form), end = next_start(image, cuts, table, true);

	if ((form == 2 && !image->has_fixed_place) || (form == 1 && image->gen->data_by_pc))
		return 0;
	while (end - table >= (count + 1) * width && table_entry(image, table, form, count, &to)) {
		if (!is_own(image, own, to, &offset)) {
			struct whereabouts at = image_at(image, to);

			if (at.spot == IMAGE_NONE || at.area != AREA_CODE ||
			    strstr(image_spot_name(image, at.spot), ".cold") == NULL)
				break;
		}
		count++;
	}
	return count;
}

static bool same_jump_table(struct meanings *m, uint64_t old, uint64_t new, unsigned form, uint64_t count,
			    unsigned depth)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t a, b;
		struct jump_pair pair;

		if (!table_entry(m->old, old, form, i, &a) || !table_entry(m->new, new, form, i, &b))
			return because(m, "it jumps by another table");
		bool own_a = is_own(m->old, m->own[0], a, &pair.old), own_b = is_own(m->new, m->own[1], b, &pair.new);
		if (own_a != own_b)
			return because(m, "it jumps by another table");
		if (!own_a && !same_place_within(m, a, b, 0, depth))
			return false;
		if (own_a && ARRAY_GROW(&m->jumps, m->n_jumps, 1) != 0) {
			m->err = -ENOMEM;
			return false;
		}
		if (own_a)
			m->jumps[m->n_jumps++] = pair;
	}
	return true;
}

/* What follows a table of jumps up to the next thing, such as entries that lead elsewhere. */
static bool same_rest(struct meanings *m, uint64_t old, uint64_t new, uint64_t from, unsigned depth)
{
	uint64_t size_a = next_start(m->old, &m->cuts[0], old, true) - old - from;
	uint64_t size_b = next_start(m->new, &m->cuts[1], new, true) - new - from, room;

	size_a = size_a != 0 ? without_zeros(image_bytes(m->old, old + from, &room), size_a) : 0;
	size_b = size_b != 0 ? without_zeros(image_bytes(m->new, new + from, &room), size_b) : 0;
	if (size_a == size_b && same_bytes_within(m, old + from, new + from, size_a, depth))
		return true;
	return because(m, "it jumps by another table");
}

static bool same_constant(struct meanings *m, uint64_t old, uint64_t new, unsigned access, unsigned depth)
{
	uint64_t size_a, size_b, room_a, room_b;
	const uint8_t *a = image_bytes(m->old, old, &room_a), *b = image_bytes(m->new, new, &room_b);

	if (access != 0)
		return access <= room_a && access <= room_b ? same_bytes_within(m, old, new, access, depth) :
			because(m, "it reads beyond the end of a section");
	for (unsigned form = 0; form < 3 && m->own[0] != IMAGE_NONE; form++) {
		uint64_t count = table_count(m->old, &m->cuts[0], old, form, m->own[0]);

		if (count != table_count(m->new, &m->cuts[1], new, form, m->own[1]))
			return because(m, "it jumps by another table");
		if (count != 0)
			return same_jump_table(m, old, new, form, count, depth) &&
			       same_rest(m, old, new, count * entry_width(m->old, form), depth);
	}
	size_a = constant_size(m->old, &m->cuts[0], old);
	size_b = constant_size(m->new, &m->cuts[1], new);
	if (size_a == size_b && same_bytes_within(m, old, new, size_a, depth))
		return true;
	if (a != NULL && b != NULL && string_size(a, room_a) != 0 && string_size(b, room_b) != 0) {
		char text_a[STRING_SHOWN + 4], text_b[STRING_SHOWN + 4];

		show_string(a, room_a, text_a);
		show_string(b, room_b, text_b);
		if (strcmp(text_a, text_b) != 0)
			return because(m, "it has the string \"%s\", not \"%s\"", text_b, text_a);
	}
	return because(m, "it uses a constant, or a string, that differs");
}

/* ---- bytes ---- */

/* Data has no addresses amid functions: such a word is a number. */
static bool is_amid_code(const struct image *image, uint64_t addr)
{
	struct whereabouts at = image_at(image, addr);

	return at.area == AREA_CODE && at.offset != 0;
}

/* Bytes from an address up to the next relocation, but at most `size`; *here: there is one at the address itself. */
static uint64_t plain_bytes(const struct image *image, uint64_t addr, uint64_t size, const struct image_reloc **here)
{
	size_t next = image_reloc_from(image, addr);
	const struct image_reloc *reloc = next < image->n_relocs ? &image->relocs[next] : NULL;

	*here = reloc != NULL && reloc->place == addr ? reloc : NULL;
	return reloc != NULL && reloc->place - addr < size ? reloc->place - addr : size;
}

/* Words of a program with a fixed place: each may be an address.  What is left of a word in the end is bytes. */
static bool same_words(struct meanings *m, uint64_t old, uint64_t new, const uint8_t *a, const uint8_t *b,
		       uint64_t size, unsigned depth)
{
	uint64_t word = m->old->gen->word, at = 0;

	while (at < size) {
		uint64_t value_a, value_b;
		bool is_word = (old + at) % word == 0 && size - at >= word;

		if (is_word && image_word(m->old, old + at, &value_a) && image_word(m->new, new + at, &value_b) &&
		    image_section_at(m->old, value_a) != NULL && image_section_at(m->new, value_b) != NULL &&
		    !(value_a == value_b && is_amid_code(m->old, value_a))) {
			if (!same_place_within(m, value_a, value_b, 0, depth))
				return false;
		} else if (memcmp(a + at, b + at, (size_t)(is_word ? word : 1)) != 0) {
			return because(m, "the bytes differ at +0x%" PRIx64, at);
		}
		at += is_word ? word : 1;
	}
	return true;
}

static bool same_bytes_within(struct meanings *m, uint64_t old, uint64_t new, uint64_t size, unsigned depth)
{
	uint64_t room_a, room_b;
	const uint8_t *a = image_bytes(m->old, old, &room_a), *b = image_bytes(m->new, new, &room_b);
	uint64_t at = 0;

	if (size == 0)
		return true;
	if (depth == 0 || m->budget == 0)
		return because(m, "its constants lead too far from one to the other");
	if (a == NULL && b == NULL)
		return true;
	if (a == NULL || b == NULL || room_a < size || room_b < size)
		return because(m, "it has an initial value in one of them only");
	while (at < size) {
		const struct image_reloc *reloc_a, *reloc_b;
		uint64_t plain_a = plain_bytes(m->old, old + at, size - at, &reloc_a);
		uint64_t plain_b = plain_bytes(m->new, new + at, size - at, &reloc_b);

		if (m->budget == 0)
			return because(m, "its constants lead too far from one to the other");
		m->budget--;
		if (plain_a != plain_b)
			return because(m, "there is an address in one of them, and a number in the other");
		if (reloc_a != NULL) {
			if (!same_reloc(m, reloc_a, reloc_b, old + at, new + at, depth - 1))
				return false;
			at += reloc_a->width != 0 ? reloc_a->width : 1;
			continue;
		}
		if (m->old->has_fixed_place ? !same_words(m, old + at, new + at, a + at, b + at, plain_a, depth - 1) :
		    memcmp(a + at, b + at, (size_t)plain_a) != 0)
			return m->old->has_fixed_place ? false : because(m, "the bytes differ");
		at += plain_a;
	}
	return true;
}

bool same_bytes(struct meanings *m, uint64_t old, uint64_t new, uint64_t size)
{
	m->budget = BUDGET;
	return same_bytes_within(m, old, new, size, DEEPEST);
}

/* ---- places ---- */

static bool same_place_within(struct meanings *m, uint64_t old, uint64_t new, unsigned access, unsigned depth)
{
	struct whereabouts a = image_at(m->old, old), b = image_at(m->new, new);

	if (depth == 0 || m->budget == 0)
		return because(m, "its constants lead too far from one to the other");
	m->budget--;
	if (a.area == AREA_STUBS && b.area == AREA_STUBS)
		return same_stub(m, old, new, depth - 1);
	if (a.area == AREA_SLOTS && b.area == AREA_SLOTS)
		return same_slot(m, old, new, depth - 1);
	if (a.spot != IMAGE_NONE && b.spot != IMAGE_NONE)
		return same_thing(m, &a, &b, access, depth - 1);
	if (a.section == NULL && b.section == NULL)
		return old == new ? true : because(m, "it refers to another address, which is in no section");
	if (a.spot == IMAGE_NONE && b.spot == IMAGE_NONE && a.area == AREA_CONSTANT && b.area == AREA_CONSTANT)
		return same_constant(m, old, new, access, depth - 1);
	if (a.spot != IMAGE_NONE || b.spot != IMAGE_NONE)
		return because(m, "it refers to '%s'%s", a.spot != IMAGE_NONE ? image_spot_name(m->old, a.spot) :
			       image_spot_name(m->new, b.spot), a.spot != IMAGE_NONE ? " no more" : ", as it did not");
	return because(m, "it refers to what has no symbol, in section %s", a.section != NULL ? a.section->name :
		       b.section->name);
}

/* ---- addresses beside a thing ---- */

/* Is what lies at the address in both images, if anything does? */
static bool is_still_there(const struct image *image, uint64_t addr)
{
	struct whereabouts at = image_at(image, addr);

	for (uint32_t i = 0; at.spot != IMAGE_NONE && i < image->spots[at.spot].count; i++)
		if (image->symbols[image->spots[at.spot].first + i].twin != IMAGE_NONE)
			return true;
	return at.spot == IMAGE_NONE;
}

struct beside {
	struct meanings *m;
	uint64_t old, new;
};

/* Do both addresses lie as far from this thing, which is the same in both: before its start, or behind its end? */
static bool is_beside(const struct beside *beside, uint32_t spot, uint64_t before)
{
	struct meanings *m = beside->m;
	const struct spot *a = &m->old->spots[spot];
	int64_t offset = (int64_t)(beside->old - a->addr), size = (int64_t)(a->end - a->addr);

	/* A label without a size has no end. */
	if (a->is_code || size == 0 || offset < -(int64_t)before || (offset >= 0 && offset < size) || offset > size + NEAR)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		uint32_t twin = m->old->symbols[a->first + i].twin;
		const struct spot *b = twin != IMAGE_NONE ? &m->new->spots[m->new->symbols[twin].spot] : NULL;

		if (b != NULL && same_spot(m, spot, m->new->symbols[twin].spot) && b->end - b->addr == (uint64_t)size &&
		    (int64_t)(beside->new - b->addr) == offset)
			return true;
	}
	return false;
}

static int look_beside(void *ctx, uint64_t from, uint64_t to, unsigned access)
{
	const struct beside *beside = ctx;
	struct whereabouts at = image_at(beside->m->old, to);

	(void)from;
	(void)access;
	return at.spot != IMAGE_NONE && is_beside(beside, at.spot, FAR) ? 1 : 0;
}

/*
 * Code that goes through an array may have the address behind its end, and with an index that
 * begins at 1 the one before its start.  What happens to lie there is not meant.  That is taken
 * for shown if the array is the same in both builds, and the distance from it, if what lies there
 * is in both, too, and if the function refers to the array itself, or adds an index to what is
 * just before it.
 */
static bool same_beside(struct meanings *m, uint64_t old, uint64_t new, bool has_index)
{
	struct beside beside = { m, old, new };

	if (m->own[0] == IMAGE_NONE || !is_still_there(m->old, old) || !is_still_there(m->new, new))
		return false;
	size_t next = ARRAY_UPTO(m->old->spots, m->old->n_spots, addr, old);
	if (has_index && next < m->old->n_spots && is_beside(&beside, (uint32_t)next, NEAR))
		return true;
	return each_reference(m->old, m->own[0], look_beside, &beside) > 0;
}

/* Two strings that differ.  One may lie just behind an array that the function refers to, too, and is meant all the same. */
static bool are_other_strings(const struct meanings *m, uint64_t old, uint64_t new)
{
	struct whereabouts at_a = image_at(m->old, old), at_b = image_at(m->new, new);
	uint64_t room_a, room_b;

	if (at_a.spot != IMAGE_NONE || at_b.spot != IMAGE_NONE || at_a.area != AREA_CONSTANT || at_b.area != AREA_CONSTANT)
		return false;
	const uint8_t *a = image_bytes(m->old, old, &room_a), *b = image_bytes(m->new, new, &room_b);
	uint64_t size_a = a != NULL ? string_size(a, room_a) : 0, size_b = b != NULL ? string_size(b, room_b) : 0;
	/* A few bytes may look like a string by chance. */
	return size_a > LEAST_STRING && size_b > LEAST_STRING && (size_a != size_b || memcmp(a, b, (size_t)size_a) != 0);
}

/* A constant that differs.  It may lie just behind a thing that the function refers to, too, and is meant all the same. */
static bool is_other_constant(struct meanings *m, uint64_t old, uint64_t new)
{
	struct whereabouts at_a = image_at(m->old, old), at_b = image_at(m->new, new);

	return at_a.spot != IMAGE_NONE && at_b.spot != IMAGE_NONE && m->is_other[at_a.spot] != 0 &&
	       same_spot(m, at_a.spot, at_b.spot);
}

bool same_place(struct meanings *m, uint64_t old, uint64_t new, unsigned access, bool has_index)
{
	m->budget = BUDGET;
	return same_place_within(m, old, new, access, DEEPEST) ||
	       ((access == 0 || has_index) && !are_other_strings(m, old, new) && !is_other_constant(m, old, new) &&
		same_beside(m, old, new, has_index));
}

/* ---- the whole ---- */

static bool has_section(const struct image *image, const char *name)
{
	for (size_t i = 0; i < image->n_sections; i++)
		if (strcmp(image->sections[i].name, name) == 0)
			return true;
	return false;
}

int meanings_init(struct meanings *m, struct image *old, struct image *new)
{
	int err;

	*m = (struct meanings){ .old = old, .new = new, .own = { IMAGE_NONE, IMAGE_NONE } };
	m->is_other = calloc(old->n_spots + 1, 1);
	m->same_threads = have_same_threads(old, new);
	err = m->is_other != NULL ? collect_cuts(old, &m->cuts[0]) : fail(ENOMEM, "out of memory");
	if (err == 0)
		err = collect_cuts(new, &m->cuts[1]);
	m->has_exceptions = has_section(old, ".gcc_except_table") || has_section(new, ".gcc_except_table");
	if (err == 0 && m->has_exceptions)
		err = frames_init(&m->frames[0], old->file);
	if (err == 0 && m->has_exceptions)
		err = frames_init(&m->frames[1], new->file);
	if (err != 0)
		meanings_deinit(m);
	return err;
}

void meanings_deinit(struct meanings *m)
{
	free(m->cuts[0].table);
	free(m->cuts[1].table);
	free(m->is_other);
	frames_deinit(&m->frames[0]);
	frames_deinit(&m->frames[1]);
	free(m->jumps);
	*m = (struct meanings){ .err = 0 };
}
