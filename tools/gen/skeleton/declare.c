/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "declare.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32
#define PARAMETERS_LISTED 64

/*
 * A declarator is written from its name outwards: "x", "*x", "(*x)(int)".  What stands left of
 * the name and right of it grows.
 */
struct declarator {
	char left[DECLARATOR_MAX], right[DECLARATOR_MAX];
	bool is_whole;			/* it fits */
};

static bool write_type(FILE *out, struct type type, const char *name, unsigned depth);
static bool write_members(FILE *out, struct type type, const struct dwarf_die *die, unsigned depth);

struct type declared_type(struct type owner, const struct dwarf_die *die)
{
	uint64_t to;

	return (struct type){ owner.dwarf, dwarf_reference(owner.dwarf, die, DWARF_TYPE, &to) ? to : 0 };
}

static void add_left(struct declarator *declarator, const char *text)
{
	size_t size = strlen(text), have = strlen(declarator->left);

	if (size + have >= sizeof(declarator->left)) {
		declarator->is_whole = false;
		return;
	}
	memmove(declarator->left + size, declarator->left, have + 1);
	memcpy(declarator->left, text, size);
}

static void add_right(struct declarator *declarator, const char *text)
{
	size_t size = strlen(text), have = strlen(declarator->right);

	if (size + have >= sizeof(declarator->right))
		declarator->is_whole = false;
	else
		memcpy(declarator->right + have, text, size + 1);
}

static void add_dimensions(struct declarator *declarator, struct type type, const struct dwarf_die *array)
{
	struct dwarf_die die;
	int more = dwarf_child(type.dwarf, array, &die);
	char text[32];
	uint64_t bound;

	for (; more > 0; more = dwarf_sibling(type.dwarf, &die, &die)) {
		if (die.tag != DW_TAG_subrange_type)
			continue;
		if (dwarf_number(&die, DWARF_COUNT, &bound))
			snprintf(text, sizeof(text), "[%" PRIu64 "]", bound);
		else if (dwarf_number(&die, DWARF_UPPER_BOUND, &bound))
			snprintf(text, sizeof(text), "[%" PRIu64 "]", bound + 1);
		else
			snprintf(text, sizeof(text), "[]");
		add_right(declarator, text);
	}
}

/* Write the parameters of a function: with their names, or those of a pointer's type. */
static bool write_parameters(FILE *out, struct type type, const struct dwarf_die *function, bool has_names,
			     unsigned depth)
{
	struct dwarf_die die;
	int more = dwarf_child(type.dwarf, function, &die);
	bool is_whole = true;
	unsigned n = 0;

	fputc('(', out);
	for (; more > 0 && n < PARAMETERS_LISTED; more = dwarf_sibling(type.dwarf, &die, &die)) {
		const char *name = dwarf_text(type.dwarf, &die, DWARF_NAME);

		if (die.tag != DW_TAG_formal_parameter && die.tag != DW_TAG_unspecified_parameters)
			continue;
		fputs(n++ != 0 ? ", " : "", out);
		if (die.tag == DW_TAG_unspecified_parameters)
			fputs("...", out);
		else
			is_whole &= write_type(out, declared_type(type, &die), has_names && name != NULL ? name : "",
					       depth + 1);
	}
	/* Without a prototype nothing is said of parameters. */
	fputs(n != 0 || !dwarf_has(function, DWARF_PROTOTYPED) ? ")" : "void)", out);
	return is_whole && more >= 0 && n < PARAMETERS_LISTED;
}

static void add_parameters(struct declarator *declarator, struct type type, const struct dwarf_die *function,
			   unsigned depth)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL) {
		declarator->is_whole = false;
		return;
	}
	declarator->is_whole &= write_parameters(out, type, function, false, depth);
	if (fclose(out) == 0 && text != NULL)
		add_right(declarator, text);
	else
		declarator->is_whole = false;
	free(text);
}

static const char *word_of(uint16_t tag)
{
	return tag == DW_TAG_structure_type ? "struct" : tag == DW_TAG_union_type ? "union" :
		tag == DW_TAG_enumeration_type ? "enum" : "";
}

/* Put "const" and the like where they belong: behind the asterisk of a pointer, before all else. */
static const char *qualifier_of(uint16_t tag)
{
	return tag == DW_TAG_const_type ? "const" : tag == DW_TAG_volatile_type ? "volatile" :
		tag == DW_TAG_restrict_type ? "restrict" : tag == DW_TAG_atomic_type ? "_Atomic" : NULL;
}

static bool write_base(FILE *out, struct type type, const struct dwarf_die *die, const char *qualifiers, unsigned depth)
{
	const char *name = type.die != 0 ? dwarf_text(type.dwarf, die, DWARF_NAME) : "void";
	const char *word = type.die != 0 ? word_of(die->tag) : "";

	fprintf(out, "%s", qualifiers);
	if (name == NULL)
		return *word != '\0' && write_members(out, type, die, depth);
	/* gcc's names of __int128 and of char16_t are no words of C. */
	fprintf(out, "%s%s%s", word, *word != '\0' ? " " : "",
		strcmp(name, "__int128 unsigned") == 0 ? "unsigned __int128" : name);
	return true;
}

static bool write_type(FILE *out, struct type type, const char *name, unsigned depth)
{
	struct declarator *declarator = calloc(1, sizeof(*declarator));
	char qualifiers[64] = "";
	struct dwarf_die die = { 0 };
	bool is_pointer = false;	/* what was read last: an array or a function behind it needs parentheses */

	if (declarator == NULL)
		return false;
	declarator->is_whole = depth < DEPTH_MAX;
	snprintf(declarator->left, sizeof(declarator->left), "%s", name);
	for (unsigned steps = 0; declarator->is_whole && type.die != 0; steps++) {
		if (steps >= DEPTH_MAX || dwarf_die_read(type.dwarf, type.die, &die) != 0) {
			msg_forget();
			declarator->is_whole = false;
			break;
		}
		const char *qualifier = qualifier_of(die.tag);
		if (qualifier != NULL) {
			size_t have = strlen(qualifiers);

			/* An array is const along with its elements. */
			if (strstr(qualifiers, qualifier) == NULL)
				snprintf(qualifiers + have, sizeof(qualifiers) - have, "%s ", qualifier);
		} else if (die.tag == DW_TAG_pointer_type) {
			if (*declarator->left == '\0' && *qualifiers != '\0')
				qualifiers[strlen(qualifiers) - 1] = '\0';
			add_left(declarator, qualifiers);
			add_left(declarator, "*");
			*qualifiers = '\0';
		} else if (die.tag == DW_TAG_array_type || die.tag == DW_TAG_subroutine_type) {
			if (is_pointer) {
				add_left(declarator, "(");
				add_right(declarator, ")");
			}
			if (die.tag == DW_TAG_array_type)
				add_dimensions(declarator, type, &die);
			else
				add_parameters(declarator, type, &die, depth);
		} else {
			break;
		}
		if (qualifier == NULL)
			is_pointer = die.tag == DW_TAG_pointer_type;
		type = declared_type(type, &die);
	}
	bool is_whole = declarator->is_whole && write_base(out, type, &die, qualifiers, depth);
	if (is_whole && (*declarator->left != '\0' || *declarator->right != '\0'))
		fprintf(out, "%s%s%s", *declarator->left != '\0' ? " " : "", declarator->left, declarator->right);
	free(declarator);
	return is_whole;
}

static bool write_enumerators(FILE *out, struct type type, const struct dwarf_die *die)
{
	struct dwarf_die child;
	int more = dwarf_child(type.dwarf, die, &child);

	for (; more > 0; more = dwarf_sibling(type.dwarf, &child, &child)) {
		const char *name = dwarf_text(type.dwarf, &child, DWARF_NAME);
		uint64_t value = 0;

		if (child.tag != DW_TAG_enumerator || name == NULL)
			continue;
		dwarf_number(&child, DWARF_CONST_VALUE, &value);
		fprintf(out, "\t%s = %" PRId64 ",\n", name, (int64_t)value);
	}
	return more >= 0;
}

/* ---- layouts ---- */

struct extent {
	uint64_t size, alignment;
};

/* How a structure has to be written for its members to lie where they do. */
enum layout { LAYOUT_NATURAL, LAYOUT_PACKED, LAYOUT_ALIGNED, LAYOUT_PADDED };

static struct extent extent_of(struct type type, unsigned depth);

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
	return alignment > 1 ? (value + alignment - 1) / alignment * alignment : value;
}

/*
 * Would the members lie where they do?  `packed`: without any padding.  *extent is what is then
 * taken, before the size is rounded up.  Bit-fields are taken to lie right.
 */
static bool fits_members(struct type type, const struct dwarf_die *die, bool packed, unsigned depth,
			 struct extent *extent)
{
	struct dwarf_die child;
	bool fits = true, has_bits = false;
	uint64_t offset;

	*extent = (struct extent){ 0, 1 };
	int more = dwarf_child(type.dwarf, die, &child);
	for (; more > 0; more = dwarf_sibling(type.dwarf, &child, &child)) {
		if (child.tag != DW_TAG_member)
			continue;
		struct extent member = extent_of(declared_type(type, &child), depth + 1);
		if (packed)
			member.alignment = 1;
		if (member.alignment > extent->alignment)
			extent->alignment = member.alignment;
		has_bits |= dwarf_has(&child, DWARF_BIT_SIZE);
		if (has_bits)
			continue;
		if (!dwarf_number(&child, DWARF_MEMBER_LOCATION, &offset))
			offset = 0;
		if (die->tag != DW_TAG_union_type)
			fits &= round_up(extent->size, member.alignment) == offset;
		if (offset + member.size > extent->size)
			extent->size = offset + member.size;
	}
	if (has_bits && !dwarf_number(die, DWARF_BYTE_SIZE, &extent->size))
		extent->size = 0;
	return fits;
}

static enum layout layout_of(struct type type, const struct dwarf_die *die, unsigned depth, struct extent *extent)
{
	uint64_t size = 0;

	dwarf_number(die, DWARF_BYTE_SIZE, &size);
	bool fits = fits_members(type, die, false, depth, extent);
	if (fits && round_up(extent->size, extent->alignment) == size) {
		extent->size = size;
		return LAYOUT_NATURAL;
	}
	for (uint64_t alignment = 2 * extent->alignment; fits && alignment <= size; alignment *= 2)
		if (round_up(extent->size, alignment) == size) {
			*extent = (struct extent){ size, alignment };
			return LAYOUT_ALIGNED;
		}
	bool is_packed = fits_members(type, die, true, depth, extent) && extent->size == size;
	*extent = (struct extent){ size, 1 };
	return is_packed ? LAYOUT_PACKED : LAYOUT_PADDED;
}

static struct extent extent_of(struct type type, unsigned depth)
{
	struct extent extent = { 0, 1 };
	struct dwarf_die die, child;
	uint64_t count, bound;

	if (type.die == 0 || depth > DEPTH_MAX || dwarf_die_read(type.dwarf, type.die, &die) != 0) {
		msg_forget();
		return extent;
	}
	bool is_wide = die.unit->shape.address_size == 8;
	switch (die.tag) {
	case DW_TAG_structure_type: case DW_TAG_union_type:
		layout_of(type, &die, depth, &extent);
		return extent;
	case DW_TAG_array_type:
		extent = extent_of(declared_type(type, &die), depth + 1);
		for (int more = dwarf_child(type.dwarf, &die, &child); more > 0;
		     more = dwarf_sibling(type.dwarf, &child, &child)) {
			if (child.tag != DW_TAG_subrange_type)
				continue;
			count = dwarf_number(&child, DWARF_COUNT, &bound) ? bound :
				dwarf_number(&child, DWARF_UPPER_BOUND, &bound) ? bound + 1 : 0;
			extent.size *= count;
		}
		return extent;
	case DW_TAG_pointer_type: case DW_TAG_base_type: case DW_TAG_enumeration_type:
		if (!dwarf_number(&die, DWARF_BYTE_SIZE, &extent.size))
			extent.size = die.unit->shape.address_size;
		/* i386 aligns nothing to more than a word. */
		extent.alignment = is_wide || extent.size < 4 ? extent.size : 4;
		return extent;
	default:
		return extent_of(declared_type(type, &die), depth + 1);
	}
}

/* Write what stands for the bytes that are no member's. */
static void write_padding(FILE *out, uint64_t from, uint64_t to)
{
	if (from < to)
		fprintf(out, "\tchar padding_%" PRIu64 "[%" PRIu64 "];\n", from, to - from);
}

static bool write_members(FILE *out, struct type type, const struct dwarf_die *die, unsigned depth)
{
	const char *tag = dwarf_text(type.dwarf, die, DWARF_NAME);
	struct dwarf_die child;
	uint64_t bits, at = 0, offset;
	bool is_whole = depth < DEPTH_MAX;
	struct extent extent = { 0, 1 };
	enum layout layout = die->tag == DW_TAG_enumeration_type ? LAYOUT_NATURAL : layout_of(type, die, depth, &extent);

	fprintf(out, "%s%s%s {\n", word_of(die->tag), tag != NULL ? " " : "", tag != NULL ? tag : "");
	if (die->tag == DW_TAG_enumeration_type) {
		is_whole &= write_enumerators(out, type, die);
		fputs("}", out);
		return is_whole;
	}
	int more = is_whole ? dwarf_child(type.dwarf, die, &child) : 0;
	for (; more > 0 && is_whole; more = dwarf_sibling(type.dwarf, &child, &child)) {
		const char *name = dwarf_text(type.dwarf, &child, DWARF_NAME);

		if (child.tag != DW_TAG_member)
			continue;
		if (layout == LAYOUT_PADDED && dwarf_number(&child, DWARF_MEMBER_LOCATION, &offset)) {
			write_padding(out, at, offset);
			at = offset + extent_of(declared_type(type, &child), depth + 1).size;
		}
		for (unsigned i = 0; i <= depth; i++)
			fputc('\t', out);
		is_whole = write_type(out, declared_type(type, &child), name != NULL ? name : "", depth + 1);
		if (dwarf_number(&child, DWARF_BIT_SIZE, &bits))
			fprintf(out, " : %" PRIu64, bits);
		fputs(";\n", out);
	}
	if (layout == LAYOUT_PADDED)
		write_padding(out, die->tag == DW_TAG_union_type ? 0 : at, extent.size);
	for (unsigned i = 0; i < depth; i++)
		fputc('\t', out);
	fputs(layout == LAYOUT_PACKED || layout == LAYOUT_PADDED ? "} __attribute__((packed))" : "}", out);
	if (layout == LAYOUT_ALIGNED)
		fprintf(out, " __attribute__((aligned(%" PRIu64 ")))", extent.alignment);
	return is_whole && more >= 0;
}

bool declare(FILE *out, struct type type, const char *name)
{
	return write_type(out, type, name, 0);
}

bool declare_members(FILE *out, struct type type, const struct dwarf_die *die)
{
	return write_members(out, type, die, 0);
}

bool declared_prototype(struct type function, struct dwarf_die *die)
{
	uint64_t origin = function.die;

	for (int i = 0; i < DEPTH_MAX; i++) {
		if (dwarf_die_read(function.dwarf, origin, die) != 0) {
			msg_forget();
			return false;
		}
		if (!dwarf_reference(function.dwarf, die, DWARF_ORIGIN, &origin) &&
		    !dwarf_reference(function.dwarf, die, DWARF_SPECIFICATION, &origin))
			return true;
	}
	return false;
}

bool declare_function(FILE *out, struct type function, const char *name)
{
	struct dwarf_die die;
	char *text = NULL;
	size_t size = 0;

	if (!declared_prototype(function, &die))
		return false;
	FILE *inner = open_memstream(&text, &size);
	if (inner == NULL)
		return false;
	fputs(name, inner);
	bool is_whole = write_parameters(inner, function, &die, true, 0);
	is_whole &= fclose(inner) == 0 && text != NULL;
	is_whole = is_whole && size < DECLARATOR_MAX && write_type(out, declared_type(function, &die), text, 0);
	free(text);
	return is_whole;
}
