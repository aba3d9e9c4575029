/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "type.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEEL_MAX 64		/* a typedef of a const of a typedef, and so on */
#define DEPTH_MAX 24		/* types inside of types that are compared or named */
#define PAIRS_MAX 4096
#define STEPS_MAX 1000000	/* what a compiler writes takes some hundred */

/* A comparison, with the pairs of types that were compared in it, or are being compared. */
struct comparison {
	struct { uint64_t a, b; } *pairs;
	size_t n_pairs;
	unsigned int depth, steps;
	unsigned int pointers;		/* so many were followed on the way here */
	unsigned int members;		/* inside so many members: what is in memory counts, not what it is called */
	char *why;
	char padding[TYPE_WHY_MAX];	/* what was found in padding; "": nothing */
};

/* Types of which the author says that it does not matter what is in them. */
static const char *const *trusted;
static size_t n_trusted;

void type_trust(const char *const *names, size_t count)
{
	trusted = names;
	n_trusted = count;
}

static int compare(struct comparison *c, struct type a, struct type b);

static int differ(struct comparison *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int differ(struct comparison *c, const char *fmt, ...)
{
	va_list args;

	if (*c->why != '\0')
		return 0;
	va_start(args, fmt);
	vsnprintf(c->why, TYPE_WHY_MAX, fmt, args);
	va_end(args);
	return 0;
}

static struct type type_of(struct type owner, const struct dwarf_die *die)
{
	struct type type = { owner.dwarf, 0 };

	if (!dwarf_reference(owner.dwarf, die, DWARF_TYPE, &type.die))
		type.die = 0;
	return type;
}

static bool is_transparent(uint16_t tag)
{
	return tag == DW_TAG_typedef || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
		tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type;
}

/* Read the DIE below typedefs and qualifiers: 1, or 0 for void. */
static int peel(struct type type, struct dwarf_die *die)
{
	for (int i = 0; type.die != 0 && i < PEEL_MAX; i++) {
		int err = dwarf_die_read(type.dwarf, type.die, die);

		if (err != 0)
			return err;
		if (!is_transparent(die->tag)) {
			uint64_t whole;

			/* This declaration stands for the type of a type unit. */
			if (dwarf_reference(type.dwarf, die, DWARF_SIGNATURE, &whole) &&
			    whole != type.die) {
				type.die = whole;
				continue;
			}
			return die->tag != DW_TAG_unspecified_type;
		}
		type = type_of(type, die);
	}
	return 0;
}

static const char *name_of(struct type type, const struct dwarf_die *die)
{
	const char *name = dwarf_text(type.dwarf, die, DWARF_NAME);

	return name != NULL ? name : "";
}

static uint64_t number_of(const struct dwarf_die *die, enum dwarf_field field, uint64_t otherwise)
{
	uint64_t value;

	return dwarf_number(die, field, &value) ? value : otherwise;
}

/* Names */

static const char *tag_word(uint16_t tag)
{
	switch (tag) {
	case DW_TAG_structure_type:
		return "struct ";
	case DW_TAG_union_type:
		return "union ";
	case DW_TAG_enumeration_type:
		return "enum ";
	case DW_TAG_class_type:
		return "class ";
	default:
		return "";
	}
}

static void print_type(FILE *out, struct type type, unsigned int depth);

static void print_parameters(FILE *out, struct type type, const struct dwarf_die *function,
			     unsigned int depth)
{
	struct dwarf_die die;
	int more = dwarf_child(type.dwarf, function, &die), n = 0;

	fputc('(', out);
	for (; more > 0 && n < 16; more = dwarf_sibling(type.dwarf, &die, &die)) {
		if (die.tag == DW_TAG_formal_parameter) {
			fputs(n++ != 0 ? ", " : "", out);
			print_type(out, type_of(type, &die), depth + 1);
		} else if (die.tag == DW_TAG_unspecified_parameters) {
			fputs(n++ != 0 ? ", ..." : "...", out);
		}
	}
	fputs(n != 0 ? ")" : "void)", out);
}

static void print_array(FILE *out, struct type type, const struct dwarf_die *array,
			unsigned int depth)
{
	struct dwarf_die die;
	int more = dwarf_child(type.dwarf, array, &die);
	uint64_t bound;

	print_type(out, type_of(type, array), depth + 1);
	for (; more > 0; more = dwarf_sibling(type.dwarf, &die, &die)) {
		if (die.tag != DW_TAG_subrange_type)
			continue;
		if (dwarf_number(&die, DWARF_COUNT, &bound))
			fprintf(out, "[%" PRIu64 "]", bound);
		else if (dwarf_number(&die, DWARF_UPPER_BOUND, &bound))
			fprintf(out, "[%" PRIu64 "]", bound + 1);
		else
			fputs("[]", out);
	}
}

static void print_pointer(FILE *out, struct type type, const struct dwarf_die *pointer,
			  unsigned int depth)
{
	struct type to = type_of(type, pointer);
	struct dwarf_die die = { 0 };

	if (to.die != 0 && dwarf_die_read(to.dwarf, to.die, &die) == 0 && die.tag == DW_TAG_subroutine_type) {
		print_type(out, type_of(to, &die), depth + 1);
		fputs(" (*)", out);
		print_parameters(out, to, &die, depth);
		return;
	}
	print_type(out, to, depth + 1);
	fputs(to.die != 0 && die.tag == DW_TAG_pointer_type ? "*" : " *", out);
}

static void print_type(FILE *out, struct type type, unsigned int depth)
{
	struct dwarf_die die;

	/*
	 * A function type that takes itself twice would be named 2^24 times.  What is cut off
	 * need not be printed.
	 */
	if (ftell(out) >= TYPE_NAME_MAX)
		return;
	if (type.die == 0 || depth > DEPTH_MAX) {
		fputs(type.die != 0 ? "..." : "void", out);
		return;
	}
	if (dwarf_die_read(type.dwarf, type.die, &die) != 0) {
		fputc('?', out);
		return;
	}
	const char *name = name_of(type, &die);
	switch (die.tag) {
	case DW_TAG_pointer_type:
		print_pointer(out, type, &die, depth);
		return;
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
		fputs(die.tag == DW_TAG_const_type ? "const " : "volatile ", out);
		print_type(out, type_of(type, &die), depth + 1);
		return;
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type:
		print_type(out, type_of(type, &die), depth + 1);
		return;
	case DW_TAG_array_type:
		print_array(out, type, &die, depth);
		return;
	case DW_TAG_subroutine_type:
		print_type(out, type_of(type, &die), depth + 1);
		fputc(' ', out);
		print_parameters(out, type, &die, depth);
		return;
	default:
		fprintf(out, "%s%s", tag_word(die.tag), *name != '\0' ? name : "{...}");
	}
}

void type_name(struct type type, char *text)
{
	char *whole = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&whole, &size);

	*text = 0;
	if (out == NULL)
		return;
	print_type(out, type, 0);
	if (fclose(out) == 0 && whole != NULL)
		snprintf(text, TYPE_NAME_MAX, "%s", whole);
	free(whole);
}

bool prototype_names(struct type function, char *result, char *parameters)
{
	struct dwarf_die die;
	uint64_t origin = function.die;
	char *whole = NULL;
	size_t size = 0;
	bool fits = false;

	*result = *parameters = '\0';
	do {
		if (dwarf_die_read(function.dwarf, origin, &die) != 0) {
			msg_forget();
			return false;
		}
	} while (dwarf_reference(function.dwarf, &die, DWARF_ORIGIN, &origin) ||
		 dwarf_reference(function.dwarf, &die, DWARF_SPECIFICATION, &origin));
	type_name(type_of(function, &die), result);
	FILE *out = open_memstream(&whole, &size);
	if (out == NULL)
		return false;
	print_parameters(out, function, &die, 0);
	if (fclose(out) == 0 && whole != NULL) {
		fits = size < TYPE_NAME_MAX && dwarf_has(&die, DWARF_PROTOTYPED);
		snprintf(parameters, TYPE_NAME_MAX, "%s", whole);
	}
	free(whole);
	return fits;
}

/* Comparison */

/* Read the next child of a kind that matters, such as a member: 1, or 0 if there is none. */
static int next_child(struct type type, struct dwarf_die *die, bool first,
		      const struct dwarf_die *parent, bool (*matters)(uint16_t tag))
{
	int more = first ? dwarf_child(type.dwarf, parent, die) :
		dwarf_sibling(type.dwarf, die, die);

	while (more > 0 && !matters(die->tag))
		more = dwarf_sibling(type.dwarf, die, die);
	return more;
}

static bool is_member(uint16_t tag)
{
	return tag == DW_TAG_member;
}

static bool is_enumerator(uint16_t tag)
{
	return tag == DW_TAG_enumerator;
}

static bool is_subrange(uint16_t tag)
{
	return tag == DW_TAG_subrange_type;
}

static bool is_parameter(uint16_t tag)
{
	return tag == DW_TAG_formal_parameter || tag == DW_TAG_unspecified_parameters;
}

/* Where a member lies, in bits.  DWARF 3, 4 and 5 have different attributes for a bit field. */
static uint64_t bit_position(const struct dwarf_die *die)
{
	uint64_t position = number_of(die, DWARF_MEMBER_LOCATION, 0) * 8;
	uint64_t size = number_of(die, DWARF_BYTE_SIZE, 0) * 8;

	if (dwarf_has(die, DWARF_DATA_BIT_OFFSET))
		return number_of(die, DWARF_DATA_BIT_OFFSET, 0);
	if (dwarf_has(die, DWARF_BIT_OFFSET))	/* DWARF 3 counts from the other end */
		return position + size - number_of(die, DWARF_BIT_OFFSET, 0) -
			number_of(die, DWARF_BIT_SIZE, 0);
	return position;
}

/* Has a structure a member of that name? */
static int has_member(struct type type, const struct dwarf_die *structure, const char *name)
{
	struct dwarf_die die;
	int more = next_child(type, &die, true, structure, is_member);

	for (; more > 0; more = next_child(type, &die, false, structure, is_member))
		if (strcmp(name_of(type, &die), name) == 0)
			return 1;
	return more;
}

/*
 * Was a member only given another name?  If the other structure has a member of its name, too,
 * the two have changed places, or their meanings.
 */
static int is_renamed(struct type a, const struct dwarf_die *x, const char *name, struct type b,
		      const struct dwarf_die *y, const char *other)
{
	int has = has_member(b, y, name);

	if (has == 0)
		has = has_member(a, x, other);
	return has < 0 ? has : has == 0 && *name != '\0' && *other != '\0';
}

static uint64_t elements(const struct dwarf_die *subrange)
{
	uint64_t bound;

	if (dwarf_number(subrange, DWARF_COUNT, &bound))
		return bound;
	if (dwarf_number(subrange, DWARF_UPPER_BOUND, &bound))
		return bound + 1;
	return UINT64_MAX;		/* of unknown length: it fits any */
}

/* The size of a type in bits; UINT64_MAX: not known. */
static uint64_t bits_of(struct type type)
{
	uint64_t count = 1, one;
	struct dwarf_die die, range;

	for (int i = 0; i < PEEL_MAX && peel(type, &die) > 0; i++) {
		if (die.tag == DW_TAG_pointer_type || die.tag == DW_TAG_reference_type)
			return count * number_of(&die, DWARF_BYTE_SIZE, die.unit->shape.address_size) * 8;
		if (die.tag != DW_TAG_array_type)
			return dwarf_number(&die, DWARF_BYTE_SIZE, &one) && one < 1u << 30 ? count * one * 8 : UINT64_MAX;
		for (bool first = true; next_child(type, &range, first, &die, is_subrange) > 0; first = false) {
			if (elements(&range) > 1u << 20 || count > 1u << 20)
				return UINT64_MAX;
			count *= elements(&range);
		}
		type = type_of(type, &die);
	}
	return UINT64_MAX;
}

/* Where a member begins and ends, in bits; *end is UINT64_MAX if that is not known. */
static void extent_of(struct type owner, const struct dwarf_die *member, uint64_t *start, uint64_t *end)
{
	uint64_t bits = number_of(member, DWARF_BIT_SIZE, 0);

	if (bits == 0)
		bits = bits_of(type_of(owner, member));
	*start = bit_position(member);
	*end = bits == UINT64_MAX ? UINT64_MAX : *start + bits;
}

/* Does the member x of `a` lie where the structure y of `b` has nothing?  That has no member of its name then. */
static int lies_in_padding(struct type a, const struct dwarf_die *x, struct type b, const struct dwarf_die *y)
{
	uint64_t start, end, from, to;
	struct dwarf_die q;
	int has = has_member(b, y, name_of(a, x)), more;

	extent_of(a, x, &start, &end);
	if (has != 0 || y->tag == DW_TAG_union_type || end == start || end > number_of(y, DWARF_BYTE_SIZE, 0) * 8)
		return has < 0 ? has : 0;
	for (more = next_child(b, &q, true, y, is_member); more > 0; more = next_child(b, &q, false, y, is_member)) {
		extent_of(b, &q, &from, &to);
		if (from < end && start < to)
			return 0;
	}
	return more < 0 ? more : 1;
}

/* The next member of the structure x of `a` that is not where the structure y of `b` has padding: 1, or 0. */
static int next_member(struct comparison *c, struct type a, const struct dwarf_die *x, struct dwarf_die *p, bool first,
		       struct type b, const struct dwarf_die *y)
{
	int more = next_child(a, p, first, x, is_member), hidden;

	while (more > 0 && (hidden = lies_in_padding(a, p, b, y)) != 0) {
		if (hidden < 0)
			return hidden;
		if (c->padding[0] == '\0')
			snprintf(c->padding, sizeof(c->padding), "member '%.60s' of %s%.60s is new, and lies in what was padding",
				 name_of(a, p), tag_word(x->tag), name_of(a, x));
		more = next_child(a, p, false, x, is_member);
	}
	return more;
}

static int compare_member(struct comparison *c, struct type a, const struct dwarf_die *x,
			  struct type b, const struct dwarf_die *y, const char *owner, bool renamed)
{
	const char *name = name_of(a, x), *other = name_of(b, y);

	if (strcmp(name, other) != 0 && !renamed)
		return differ(c, "member '%s' of %s was '%s'", name, owner, other);
	if (bit_position(x) != bit_position(y))
		return differ(c, "member '%s' of %s has offset %" PRIu64 ", was %" PRIu64, name,
			      owner, bit_position(x) / 8, bit_position(y) / 8);
	if (number_of(x, DWARF_BIT_SIZE, 0) != number_of(y, DWARF_BIT_SIZE, 0))
		return differ(c, "member '%s' of %s has another number of bits", name, owner);
	c->members++;
	int same = compare(c, type_of(a, x), type_of(b, y));
	c->members--;
	if (same == 0 && *c->why == '\0') {
		char now[TYPE_NAME_MAX], before[TYPE_NAME_MAX];

		type_name(type_of(a, x), now);
		type_name(type_of(b, y), before);
		return differ(c, "member '%s' of %s is '%.80s', was '%.80s'", name, owner, now,
			      before);
	}
	return same;
}

static int compare_structures(struct comparison *c, struct type a, const struct dwarf_die *x,
			      struct type b, const struct dwarf_die *y)
{
	const char *name = name_of(a, x);
	char owner[80];
	struct dwarf_die p, q;

	if (strcmp(name, name_of(b, y)) != 0)
		return 0;
	/* If one side only declares it, nothing there depends on what is inside. */
	if (dwarf_has(x, DWARF_DECLARATION) || dwarf_has(y, DWARF_DECLARATION))
		return 1;
	snprintf(owner, sizeof(owner), "%s%s", tag_word(x->tag), *name != '\0' ? name : "{...}");
	for (size_t i = 0; i < n_trusted; i++)
		if (strcmp(trusted[i], owner) == 0)
			return 1;
	for (bool first = true; ; first = false) {
		int more = next_member(c, a, x, &p, first, b, y);
		int others = next_child(b, &q, first, y, is_member);

		if (more < 0 || others < 0)
			return more < 0 ? more : others;
		if (more == 0 && others == 0)
			break;
		if (more == 0 || others == 0)
			return differ(c, "%s has %s member '%s'", owner, more != 0 ? "a new" : "lost its",
				      more != 0 ? name_of(a, &p) : name_of(b, &q));
		int other_name = is_renamed(a, x, name_of(a, &p), b, y, name_of(b, &q));
		int same = other_name < 0 ? other_name :
			compare_member(c, a, &p, b, &q, owner, other_name != 0);
		if (same <= 0)
			return same;
	}
	uint64_t size = number_of(x, DWARF_BYTE_SIZE, 0), was = number_of(y, DWARF_BYTE_SIZE, 0);
	if (size != was)
		return differ(c, "%s has %" PRIu64 " bytes, had %" PRIu64, owner, size, was);
	return 1;
}

static int compare_enumerations(struct comparison *c, struct type a, const struct dwarf_die *x,
				struct type b, const struct dwarf_die *y)
{
	struct dwarf_die p, q;

	if (strcmp(name_of(a, x), name_of(b, y)) != 0)
		return 0;
	if (dwarf_has(x, DWARF_DECLARATION) || dwarf_has(y, DWARF_DECLARATION))
		return 1;
	if (number_of(x, DWARF_BYTE_SIZE, 0) != number_of(y, DWARF_BYTE_SIZE, 0))
		return 0;
	/* A new value takes nothing away from code that knows the old ones. */
	for (bool first = true, first_new = true; ; first = false) {
		int others = next_child(b, &q, first, y, is_enumerator), more;

		if (others <= 0)
			return others < 0 ? others : 1;
		do {
			more = next_child(a, &p, first_new, x, is_enumerator);
			first_new = false;
		} while (more > 0 && strcmp(name_of(a, &p), name_of(b, &q)) != 0);
		if (more <= 0)
			return more < 0 ? more : differ(c, "enum %s lost its value '%s'",
							name_of(a, x), name_of(b, &q));
		uint64_t value = number_of(&p, DWARF_CONST_VALUE, 0);
		uint64_t was = number_of(&q, DWARF_CONST_VALUE, 0);
		if ((uint32_t)value != (uint32_t)was)
			return differ(c, "'%s' of enum %s is %" PRId64 ", was %" PRId64,
				      name_of(a, &p), name_of(a, x), (int64_t)value, (int64_t)was);
	}
}

static int compare_arrays(struct comparison *c, struct type a, const struct dwarf_die *x,
			  struct type b, const struct dwarf_die *y)
{
	struct dwarf_die p, q;

	for (bool first = true; ; first = false) {
		int more = next_child(a, &p, first, x, is_subrange);
		int others = next_child(b, &q, first, y, is_subrange);

		if (more < 0 || others < 0)
			return more < 0 ? more : others;
		if (more == 0 && others == 0)
			return compare(c, type_of(a, x), type_of(b, y));
		if (more == 0 || others == 0)
			return 0;
		if (elements(&p) != elements(&q) && elements(&p) != UINT64_MAX &&
		    elements(&q) != UINT64_MAX)
			return 0;
	}
}

static int compare_pointers(struct comparison *c, struct type a, struct type b)
{
	struct dwarf_die x, y;
	int any = peel(a, &x), other = peel(b, &y);

	if (any < 0 || other < 0)
		return any < 0 ? any : other;
	if (any == 0 || other == 0)		/* void * on one side */
		return any == other;
	if (c->pointers != 0) {
		if (x.tag != y.tag)
			return 0;
		if (x.tag == DW_TAG_structure_type || x.tag == DW_TAG_union_type ||
		    x.tag == DW_TAG_class_type || x.tag == DW_TAG_subroutine_type)
			return strcmp(name_of(a, &x), name_of(b, &y)) == 0;
	}
	c->pointers++;
	int same = compare(c, a, b);
	c->pointers--;
	return same;
}

static int compare_results(struct comparison *c, struct type a, const struct dwarf_die *x,
			   struct type b, const struct dwarf_die *y)
{
	char now[TYPE_NAME_MAX], before[TYPE_NAME_MAX];
	int same = compare(c, type_of(a, x), type_of(b, y));

	if (same == 0) {
		type_name(type_of(a, x), now);
		type_name(type_of(b, y), before);
		return differ(c, "it returns '%.80s', the target's '%.80s'", now, before);
	}
	return same;
}

static int compare_parameter(struct comparison *c, struct type a, const struct dwarf_die *x,
			     struct type b, const struct dwarf_die *y, unsigned int number)
{
	char now[TYPE_NAME_MAX], before[TYPE_NAME_MAX], inner[TYPE_WHY_MAX];

	if (x->tag != y->tag)
		return differ(c, "one of them takes '...' as parameter %u", number);
	if (x->tag == DW_TAG_unspecified_parameters)
		return 1;
	int same = compare(c, type_of(a, x), type_of(b, y));
	if (same != 0)
		return same;
	type_name(type_of(a, x), now);
	type_name(type_of(b, y), before);
	snprintf(inner, sizeof(inner), "%s", c->why);
	*c->why = 0;
	/* A declaration may do without names. */
	const char *name = *name_of(a, x) != '\0' ? name_of(a, x) : name_of(b, y);
	if (*inner != '\0')
		return differ(c, "parameter %u '%.40s' is '%.60s': %.120s", number, name, now, inner);
	return differ(c, "parameter %u '%.40s' is '%.80s', the target's '%.80s'", number, name, now,
		      before);
}

static unsigned int count_parameters(struct type type, const struct dwarf_die *function)
{
	struct dwarf_die die;
	unsigned int n = 0;

	for (bool first = true; next_child(type, &die, first, function, is_parameter) > 0;
	     first = false)
		n++;
	return n;
}

static int compare_functions(struct comparison *c, struct type a, const struct dwarf_die *x,
			     struct type b, const struct dwarf_die *y)
{
	unsigned int number = count_parameters(a, x), other = count_parameters(b, y);
	struct dwarf_die p, q;
	int same = compare_results(c, a, x, b, y);

	if (same <= 0)
		return same;
	if (number != other)
		return differ(c, "it takes %u parameter%s, the target's %u", number,
			      number == 1 ? "" : "s", other);
	for (unsigned int i = 1; i <= number; i++) {
		int more = next_child(a, &p, i == 1, x, is_parameter);
		int others = next_child(b, &q, i == 1, y, is_parameter);

		if (more < 0 || others < 0)
			return more < 0 ? more : others;
		same = compare_parameter(c, a, &p, b, &q, i);
		if (same <= 0)
			return same;
	}
	return 1;
}

/*
 * Was this pair compared before, or is it being compared?  Then this place says nothing against
 * it.
 */
static bool is_known_pair(struct comparison *c, struct type a, struct type b)
{
	for (size_t i = 0; i < c->n_pairs; i++)
		if (c->pairs[i].a == a.die && c->pairs[i].b == b.die)
			return true;
	if (c->n_pairs < PAIRS_MAX) {
		c->pairs[c->n_pairs].a = a.die;
		c->pairs[c->n_pairs++].b = b.die;
	}
	return false;
}

enum { ENCODING_SIGNED = 5, ENCODING_SIGNED_CHAR = 6, ENCODING_UNSIGNED = 7, ENCODING_UNSIGNED_CHAR = 8 };

/* What a number's bits mean (DWARF 5, table 7.11).  The sign of one that lies in memory is no layout. */
static uint64_t encoding_of(const struct comparison *c, const struct dwarf_die *type)
{
	uint64_t encoding = number_of(type, DWARF_ENCODING, 0);

	if (c->members != 0 && (encoding == ENCODING_UNSIGNED || encoding == ENCODING_UNSIGNED_CHAR ||
				encoding == ENCODING_SIGNED_CHAR))
		return ENCODING_SIGNED;
	return encoding;
}

static int compare_dies(struct comparison *c, struct type a, const struct dwarf_die *x,
			struct type b, const struct dwarf_die *y)
{
	switch (x->tag) {
	case DW_TAG_base_type:
		return number_of(x, DWARF_BYTE_SIZE, 0) == number_of(y, DWARF_BYTE_SIZE, 0) &&
			encoding_of(c, x) == encoding_of(c, y);
	case DW_TAG_structure_type: case DW_TAG_union_type: case DW_TAG_class_type:
		return is_known_pair(c, a, b) ? 1 : compare_structures(c, a, x, b, y);
	case DW_TAG_enumeration_type:
		return compare_enumerations(c, a, x, b, y);
	case DW_TAG_array_type:
		return compare_arrays(c, a, x, b, y);
	case DW_TAG_pointer_type: case DW_TAG_reference_type: case DW_TAG_rvalue_reference_type:
		return compare_pointers(c, type_of(a, x), type_of(b, y));
	case DW_TAG_subroutine_type:
		return compare_functions(c, a, x, b, y);
	default:
		return strcmp(name_of(a, x), name_of(b, y)) == 0;
	}
}

static int compare(struct comparison *c, struct type a, struct type b)
{
	struct dwarf_die x, y;
	int any = peel(a, &x), other = peel(b, &y);

	if (any < 0 || other < 0)
		return any < 0 ? any : other;
	if (any == 0 || other == 0)
		return any == other;
	if (x.tag != y.tag)
		return 0;
	if (c->depth >= DEPTH_MAX)
		return 1;
	if (c->steps++ >= STEPS_MAX)
		return fail(ENOEXEC, "%s: debug info is damaged: a type consists of itself",
			    a.dwarf->inputs[0].name);
	c->depth++;
	a.die = x.offset;
	b.die = y.offset;
	int same = compare_dies(c, a, &x, b, &y);
	c->depth--;
	return same;
}

static int comparison_init(struct comparison *c, char *why)
{
	*c = (struct comparison){ .why = why };
	*why = 0;
	c->pairs = calloc(PAIRS_MAX, sizeof(*c->pairs));
	return c->pairs != NULL ? 0 : fail(ENOMEM, "out of memory");
}

int type_equal(struct type a, struct type b, char *why)
{
	struct comparison c;
	int same = comparison_init(&c, why);

	if (same == 0)
		same = compare(&c, a, b);
	if (same == 1)
		memcpy(why, c.padding, sizeof(c.padding));
	free(c.pairs);
	return same;
}

/* Read the DIE with the prototype.  An instance or a definition of a function refers to it. */
static int read_root(struct type *function, struct dwarf_die *die)
{
	for (int i = 0; i < PEEL_MAX; i++) {
		int err = dwarf_die_read(function->dwarf, function->die, die);
		uint64_t origin;

		if (err != 0 || (!dwarf_reference(function->dwarf, die, DWARF_ORIGIN, &origin) &&
			    !dwarf_reference(function->dwarf, die, DWARF_SPECIFICATION, &origin)))
			return err;
		function->die = origin;
	}
	return 0;
}

int prototype_equal(struct type a, struct type b, char *why)
{
	struct dwarf_die x, y;
	struct comparison c;
	int same = comparison_init(&c, why);

	if (same == 0)
		same = read_root(&a, &x);
	if (same == 0)
		same = read_root(&b, &y);
	if (same == 0)
		same = compare_functions(&c, a, &x, b, &y);
	free(c.pairs);
	return same;
}
