/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"

#define DEPTH_MAX 8		/* so deep does unnamed data that refers to unnamed data go */

/* A piece, and the unit that it is of. */
struct unit_piece {
	const struct unit *unit;
	const struct piece *piece;
};

static const struct unit_section *section_of(struct unit_piece one)
{
	return &one.unit->sections[one.piece->section];
}

static const uint8_t *bytes_of(struct unit_piece one)
{
	const struct unit_section *section = section_of(one);

	return section->bytes != NULL ? section->bytes + one.piece->start : NULL;
}

static const struct unit_reloc *reloc_of(struct unit_piece one, uint32_t i)
{
	return &section_of(one)->relocs[one.piece->first_reloc + i];
}

static bool same_stem(const char *a, const char *b)
{
	size_t size = stem_length(a);

	return size == stem_length(b) && memcmp(a, b, size) == 0;
}

/* ---- twins ---- */

/* Does `user` refer to `piece`? */
static bool is_user(struct unit_piece user, const struct piece *piece)
{
	for (uint32_t i = 0; i < user.piece->n_relocs; i++) {
		int64_t offset;

		if (reloc_piece(user.unit, reloc_of(user, i), &offset) == piece)
			return true;
	}
	return false;
}

static bool is_used_by(struct unit_piece piece, const char *user_name)
{
	for (size_t i = 0; i < piece.unit->n_pieces; i++) {
		struct unit_piece user = { piece.unit, &piece.unit->pieces[i] };

		if (same_stem(user.piece->name, user_name) && is_user(user, piece.piece))
			return true;
	}
	return false;
}

/* Does every user of the one thing have a namesake that uses the other thing? */
static bool same_users(struct unit_piece a, struct unit_piece b)
{
	for (size_t i = 0; i < a.unit->n_pieces; i++) {
		struct unit_piece user = { a.unit, &a.unit->pieces[i] };

		if (is_user(user, a.piece) && !is_used_by(b, user.piece->name))
			return false;
	}
	return true;
}

static size_t count_stem(const struct unit *unit, const struct piece *like)
{
	size_t count = 0;

	for (size_t i = 0; i < unit->n_pieces; i++)
		count += unit->pieces[i].kind == like->kind &&
			same_stem(unit->pieces[i].name, like->name);
	return count;
}

static bool is_taken(const struct unit *unit, const struct piece *twin)
{
	for (size_t i = 0; i < unit->n_pieces; i++)
		if (unit->pieces[i].twin == twin)
			return true;
	return false;
}

enum closeness { BY_USERS, BY_NAME, BY_STEM };

static const struct piece *find_twin(const struct unit *unit, const struct piece *piece,
				     const struct unit *original, enum closeness closeness)
{
	bool numbered = piece->name[stem_length(piece->name)] != '\0';

	for (size_t i = 0; i < original->n_pieces; i++) {
		const struct piece *old = &original->pieces[i];
		struct unit_piece a = { unit, piece }, b = { original, old };

		if (old->kind != piece->kind || !same_stem(old->name, piece->name))
			continue;
		if ((!numbered || closeness == BY_NAME) && strcmp(old->name, piece->name) != 0)
			continue;
		if (is_taken(unit, old))
			continue;
		if (numbered && closeness == BY_USERS && count_stem(original, old) > 1 &&
		    (!same_users(a, b) || !same_users(b, a)))
			continue;
		return old;
	}
	return NULL;
}

static void match(struct unit *unit, const struct unit *original)
{
	for (int closeness = BY_USERS; closeness <= BY_STEM; closeness++)
		for (size_t i = 0; i < unit->n_pieces; i++)
			if (unit->pieces[i].twin == NULL)
				unit->pieces[i].twin = find_twin(unit, &unit->pieces[i], original,
								 (enum closeness)closeness);
}

/* ---- bytes ---- */

/* A byte for each byte of the piece: 1 where a relocation is.  NULL when out of memory. */
static uint8_t *mask_of(struct unit_piece one)
{
	uint8_t *mask = calloc(1, (size_t)one.piece->size + 1);

	for (uint32_t i = 0; mask != NULL && i < one.piece->n_relocs; i++) {
		const struct unit_reloc *reloc = reloc_of(one, i);
		uint64_t from = reloc->offset - one.piece->start;

		if (from < one.piece->size && one.piece->size - from >= reloc->type->width)
			memset(mask + from, 1, reloc->type->width);
	}
	return mask;
}

static int64_t number_at(const uint8_t *bytes, size_t width)
{
	uint32_t number = *bytes;

	if (width == sizeof(number))
		memcpy(&number, bytes, sizeof(number));
	return number;
}

/*
 * By how many lines the function has moved in its source; 0 if it has not, or if that is not
 * known.
 */
static int64_t find_shift(struct unit_piece a, struct unit_piece b, const struct compare_lines *lines)
{
	if (lines == NULL || a.piece->kind != PIECE_FUNCTION)
		return 0;
	uint32_t new = lines->declared(a.unit, a.piece, lines->ctx);
	uint32_t old = lines->declared(b.unit, b.piece, lines->ctx);
	return new != 0 && old != 0 ? (int64_t)new - (int64_t)old : 0;
}

/* Is the relocation of a string that names the unit's source file, or a header? */
static bool is_file_name(struct unit_piece one, const struct unit_reloc *reloc)
{
	static const char *const headers[] = { ".h", ".hh", ".hpp", ".hxx" };
	int64_t offset;
	const struct piece *to = reloc_piece(one.unit, reloc, &offset);

	if (to == NULL || to->kind == PIECE_FUNCTION)
		return false;
	const struct unit_section *section = &one.unit->sections[to->section];
	uint64_t at = to->start + (uint64_t)(offset + reloc->bias);
	if (section->bytes == NULL || at >= section->size ||
	    memchr(section->bytes + at, 0, (size_t)(section->size - at)) == NULL)
		return false;
	const char *name = base_name((const char *)section->bytes + at);
	const char *dot = strrchr(name, '.');
	if (strcmp(name, one.unit->source) == 0)
		return true;
	for (size_t i = 0; dot != NULL && i < sizeof(headers) / sizeof(headers[0]); i++)
		if (strcmp(dot, headers[i]) == 0)
			return true;
	return false;
}

/* Is __FILE__ among the arguments of the call that the number is an argument of? */
static bool has_file_name(struct unit_piece one, const struct line_number *number)
{
	for (uint32_t i = 0; i < one.piece->n_relocs; i++) {
		const struct unit_reloc *reloc = reloc_of(one, i);
		uint64_t at = reloc->offset - one.piece->start;

		if (((at >= number->begin && at < number->insn_end) ||
		     (at >= number->insn && at < number->call_end && number->call == number->insn_end) ||
		     (at >= number->call && at < number->call_end)) && is_file_name(one, reloc))
			return true;
	}
	return false;
}

/* Does the line table say that the number is the line of the call that it is an argument of? */
static bool is_line_of_call(struct unit_piece one, const struct line_number *number, int64_t value,
			    const struct compare_lines *lines)
{
	return lines->is_line(one.unit, one.piece, number->insn, number->insn_end, (uint32_t)value, lines->ctx) ||
		lines->is_line(one.unit, one.piece, number->call, number->call_end, (uint32_t)value, lines->ctx);
}

/*
 * Are two numbers, at the same place of both versions, those of lines?  The line table of each
 * says so.  Or __FILE__ stands beside them, and they are lines of their functions that have
 * moved as far as these have.
 */
static bool are_lines(struct unit_piece a, struct unit_piece b, const struct line_number *number,
		      int64_t new, int64_t old, int64_t shift, const struct compare_lines *lines)
{
	if (is_line_of_call(a, number, new, lines) && is_line_of_call(b, number, old, lines))
		return true;
	return shift != 0 && new - old == shift && has_file_name(a, number) && has_file_name(b, number) &&
		lines->is_within(a.unit, a.piece, (uint32_t)new, lines->ctx);
}

static enum verdict compare_bytes(struct unit_piece a, struct unit_piece b, const struct compare_lines *lines)
{
	const uint8_t *x = bytes_of(a), *y = bytes_of(b);
	size_t size = (size_t)a.piece->size, at = 0;
	enum verdict verdict = VERDICT_SAME;

	if (a.piece->size != b.piece->size || (x == NULL) != (y == NULL))
		return VERDICT_CHANGED;
	if (x == NULL || size == 0)
		return VERDICT_SAME;
	uint8_t *mask = mask_of(a);
	if (mask == NULL)
		return VERDICT_CHANGED;
	struct lines numbers = { .code = x, .mask = mask, .size = size,
		.gen = a.unit->file.gen };
	const int64_t shift = find_shift(a, b, lines);
	struct line_number number;
	while (at < size && verdict != VERDICT_CHANGED) {
		if (mask[at] != 0 || x[at] == y[at]) {
			at++;
			continue;
		}
		if (lines != NULL && a.piece->kind == PIECE_FUNCTION && lines_find(&numbers, at, &number) &&
		    are_lines(a, b, &number, number_at(x + number.from, number.width),
			      number_at(y + number.from, number.width), shift, lines)) {
			verdict = VERDICT_LINES;
			at = number.from + number.width;
		} else {
			verdict = VERDICT_CHANGED;
		}
	}
	free(mask);
	return verdict;
}

/* ---- what relocations mean ---- */

static bool same_content(struct unit_piece a, struct unit_piece b, unsigned depth);

/* Compare two strings, or constants, of sections whose contents the linker merges. */
static bool same_merged(const struct unit_reloc *x, const struct unit_reloc *y, struct unit_piece to_a,
			struct unit_piece to_b)
{
	const struct unit_section *s = section_of(to_a), *t = section_of(to_b);
	bool by_section = x->symbol->type == STT_SECTION;
	uint64_t i = x->symbol->value + (by_section ? (uint64_t)x->addend + x->bias : 0);
	uint64_t k = y->symbol->value + (by_section ? (uint64_t)y->addend + y->bias : 0);

	if (by_section != (y->symbol->type == STT_SECTION) || s->flags != t->flags ||
	    s->entsize != t->entsize || s->entsize == 0 || s->bytes == NULL || t->bytes == NULL ||
	    i >= s->size || k >= t->size || (!by_section && x->addend != y->addend))
		return false;
	if ((s->flags & SHF_STRINGS) == 0)
		return s->entsize <= s->size - i && s->entsize <= t->size - k &&
			memcmp(s->bytes + i, t->bytes + k, (size_t)s->entsize) == 0;
	for (;; i += s->entsize, k += s->entsize) {
		static const uint8_t zeros[8];

		if (s->entsize > sizeof(zeros) || s->size - i < s->entsize ||
		    t->size - k < s->entsize ||
		    memcmp(s->bytes + i, t->bytes + k, (size_t)s->entsize) != 0)
			return false;
		if (memcmp(s->bytes + i, zeros, (size_t)s->entsize) == 0)
			return true;
		if (s->size - i == s->entsize || t->size - k == s->entsize)
			return false;
	}
}

static const char *symbol_name(const struct unit_reloc *reloc)
{
	return reloc->symbol != NULL ? reloc->symbol->name : "";
}

/* Is the thing compared by its contents, because code has a copy of its own of it? */
static bool is_by_content(const struct piece *piece)
{
	return piece->kind == PIECE_UNNAMED || is_made_by_compiler(piece);
}

/*
 * A section without names holds several things.  The one that begins at `from` ends where the
 * next one begins that anything refers to.
 */
static uint64_t end_of_thing(struct unit_piece to, uint64_t from)
{
	const struct unit *unit = to.unit;
	uint64_t end = to.piece->end;

	for (size_t i = 0; i < unit->n_pieces; i++) {
		struct unit_piece user = { unit, &unit->pieces[i] };

		for (uint32_t k = 0; k < user.piece->n_relocs; k++) {
			const struct unit_reloc *reloc = reloc_of(user, k);
			int64_t offset;

			if (reloc_piece(unit, reloc, &offset) != to.piece)
				continue;
			uint64_t start = to.piece->start + (uint64_t)(offset + reloc->bias);
			if (start > from && start < end)
				end = start;
		}
	}
	return end;
}

/* Compare two literals, mostly strings.  Without optimisation all of them lie in one section. */
static bool same_thing(struct unit_piece a, struct unit_piece b, int64_t at_a, int64_t at_b)
{
	if (at_a < 0 || at_b < 0 || (uint64_t)at_a >= a.piece->size || (uint64_t)at_b >= b.piece->size)
		return false;
	uint64_t i = a.piece->start + (uint64_t)at_a, k = b.piece->start + (uint64_t)at_b;
	uint64_t end_a = end_of_thing(a, i), end_b = end_of_thing(b, k);
	const uint8_t *x = section_of(a)->bytes, *y = section_of(b)->bytes;
	if (x == NULL || y == NULL)
		return false;
	/* The bytes behind the shorter one are padding. */
	for (; i < end_a || k < end_b; i++, k++)
		if ((i < end_a ? x[i] : 0) != (k < end_b ? y[k] : 0))
			return false;
	return true;
}

/* Do two relocations, at the same offset of two pieces, mean the same thing? */
static bool same_meaning(struct unit_piece a, const struct unit_reloc *x, struct unit_piece b,
			 const struct unit_reloc *y, unsigned depth)
{
	int64_t i = 0, k = 0;
	struct piece *to_a = reloc_piece(a.unit, x, &i);
	struct piece *to_b = reloc_piece(b.unit, y, &k);

	if (x->type != y->type || x->offset - a.piece->start != y->offset - b.piece->start)
		return false;
	/* A global name means the same thing wherever it is defined. */
	bool global_a = to_a == NULL || (x->symbol->bind != STB_LOCAL && !is_clone(to_a));
	bool global_b = to_b == NULL || (y->symbol->bind != STB_LOCAL && !is_clone(to_b));
	if (global_a && global_b)
		return strcmp(symbol_name(x), symbol_name(y)) == 0 && x->addend == y->addend;
	if (to_a == NULL || to_b == NULL)
		return false;
	if (is_mergeable(a.unit, to_a) && is_mergeable(b.unit, to_b))
		return same_merged(x, y, (struct unit_piece){ a.unit, to_a }, (struct unit_piece){ b.unit, to_b });
	if (to_a->kind == PIECE_UNNAMED && to_b->kind == PIECE_UNNAMED && to_a->n_relocs == 0 &&
	    to_b->n_relocs == 0)
		return same_thing((struct unit_piece){ a.unit, to_a }, (struct unit_piece){ b.unit, to_b },
				  i + x->bias, k + y->bias);
	if (i != k)
		return false;
	if (is_by_content(to_a) && is_by_content(to_b))
		return same_content((struct unit_piece){ a.unit, to_a }, (struct unit_piece){ b.unit, to_b },
				    depth + 1);
	return to_a->twin == to_b || to_a == to_b;
}

/* How many relocations the piece has, without those in the padding behind it. */
static uint32_t count_relocs(struct unit_piece one)
{
	uint32_t count = 0;

	while (count < one.piece->n_relocs &&
	       reloc_of(one, count)->offset - one.piece->start < one.piece->size)
		count++;
	return count;
}

static bool same_relocs(struct unit_piece a, struct unit_piece b, unsigned depth, uint32_t *which)
{
	uint32_t count = count_relocs(a), others = count_relocs(b);

	*which = 0;
	for (; *which < count && *which < others; ++*which)
		if (!same_meaning(a, reloc_of(a, *which), b, reloc_of(b, *which), depth))
			return false;
	return count == others;
}

static bool same_content(struct unit_piece a, struct unit_piece b, unsigned depth)
{
	uint32_t which;

	if (depth > DEPTH_MAX || a.piece->kind != b.piece->kind)
		return false;
	return compare_bytes(a, b, NULL) == VERDICT_SAME && same_relocs(a, b, depth, &which);
}

bool same_code(const struct unit *unit, const struct piece *piece, const struct unit *other_unit,
	       const struct piece *other)
{
	return same_content((struct unit_piece){ unit, piece }, (struct unit_piece){ other_unit, other }, 0);
}

/* ---- verdicts ---- */

static void set_changed(struct piece *piece, const char *why, const char *name)
{
	piece->verdict = VERDICT_CHANGED;
	free(piece->why);
	if (asprintf(&piece->why, *name != '\0' ? "%s '%s'" : "%s", why, name) < 0)
		piece->why = NULL;
}

static const char *reloc_name(struct unit_piece one, const struct unit_reloc *reloc)
{
	int64_t offset;
	const struct piece *to = reloc_piece(one.unit, reloc, &offset);

	if (to == NULL)
		return symbol_name(reloc);
	return to->symbol != NULL ? to->name : "";
}

static void judge(struct unit_piece a, struct piece *piece, const struct unit *original,
		  const struct compare_lines *lines)
{
	struct unit_piece b = { original, piece->twin };
	uint32_t which = 0;

	if (piece->twin == NULL) {
		piece->verdict = VERDICT_NEW;
		return;
	}
	if (piece->symbol != NULL && piece->twin->symbol != NULL && piece->kind == PIECE_FUNCTION &&
	    (piece->symbol->bind == STB_LOCAL) != (piece->twin->symbol->bind == STB_LOCAL)) {
		set_changed(piece, "it became static or stopped being so", "");
		return;
	}
	piece->verdict = (uint8_t)compare_bytes(a, b, lines);
	if (piece->verdict == VERDICT_CHANGED) {
		set_changed(piece, piece->kind == PIECE_FUNCTION ? "its code differs" :
			    "its contents differ", "");
		return;
	}
	if (same_relocs(a, b, 0, &which))
		return;
	if (which >= count_relocs(a)) {
		set_changed(piece, "it refers to less", "");
		return;
	}
	const char *name = reloc_name(a, reloc_of(a, which));
	set_changed(piece, *name != '\0' ? "it refers to" : "strings or constants differ", name);
}

/* If such a thing changed, whoever refers to it has changed: f.part.0 is a part of f. */
static bool is_contagious(const struct unit *unit, const struct piece *piece)
{
	return is_clone(piece) || (piece->kind == PIECE_VARIABLE && is_constant(unit, piece) &&
				   piece->symbol->bind == STB_LOCAL);
}

static bool catch_from(struct unit_piece one, struct piece *piece)
{
	for (uint32_t i = 0; i < one.piece->n_relocs; i++) {
		int64_t offset;
		const struct piece *to = reloc_piece(one.unit, reloc_of(one, i), &offset);

		if (to != NULL && to != piece && to->verdict == VERDICT_CHANGED &&
		    is_contagious(one.unit, to)) {
			set_changed(piece, "it uses the changed", to->name);
			return true;
		}
	}
	return false;
}

int compare_units(struct unit *unit, struct unit *original, const struct compare_lines *lines)
{
	bool any = true;

	unit->original = original;
	match(unit, original);
	for (size_t i = 0; i < unit->n_pieces; i++)
		judge((struct unit_piece){ unit, &unit->pieces[i] }, &unit->pieces[i], original, lines);
	while (any) {
		any = false;
		for (size_t i = 0; i < unit->n_pieces; i++) {
			struct piece *piece = &unit->pieces[i];

			if (piece->verdict == VERDICT_SAME || piece->verdict == VERDICT_LINES)
				any |= catch_from((struct unit_piece){ unit, piece }, piece);
		}
	}
	for (size_t i = 0; i < unit->n_pieces; i++)
		if (unit->pieces[i].verdict == VERDICT_CHANGED && unit->pieces[i].why == NULL)
			return fail(ENOMEM, "out of memory");
	return 0;
}
