/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources: LSB 5.0, "Exception Frames", for CIE and FDE; the layout of the table is that of
 * gcc's unwind-pe.h and libsupc++/eh_personality.cc, which all compilers for Linux follow.
 */
#include "exceptions.h"

#include <string.h>

#include "array.h"
#include "cursor.h"

enum { ENCODING_OMIT = 0xff, ENCODING_PCREL = 0x10, ENCODING_INDIRECT = 0x80 };

#define ACTIONS_MAX 4096	/* steps through the actions of one table */

/* Bytes of an image, and where they are. */
struct reader {
	const struct image *image;
	struct cursor at;
	uint64_t addr;		/* of at.start */
};

static bool reader_init(struct reader *reader, const struct image *image, uint64_t addr)
{
	uint64_t size;
	const uint8_t *bytes = image_bytes(image, addr, &size);

	*reader = (struct reader){ .image = image, .addr = addr };
	cursor_init(&reader->at, bytes, bytes != NULL ? size : 0);
	return bytes != NULL;
}

static uint64_t place_of(const struct reader *reader)
{
	return reader->addr + (uint64_t)(reader->at.p - reader->at.start);
}

/* Bytes of a value of this encoding; 0: it has no fixed size. */
static unsigned encoded_size(const struct image *image, uint8_t encoding)
{
	switch (encoding & 7) {
	case 0:
		return image->gen->word;
	case 2:
		return 2;
	case 3:
		return 4;
	case 4:
		return 8;
	default:
		return 0;
	}
}

/* Read a value; one that is relative and not 0 becomes an address. */
static uint64_t read_encoded(struct reader *reader, uint8_t encoding)
{
	uint64_t place = place_of(reader), value;
	unsigned size = encoded_size(reader->image, encoding), shift = 64 - 8 * size;

	if ((encoding & 0x0f) == 1)
		value = cursor_uleb(&reader->at);
	else if ((encoding & 0x0f) == 9)
		value = (uint64_t)cursor_sleb(&reader->at);
	else if (size == 0)
		return reader->at.bad = true, 0;
	else
		value = cursor_uint(&reader->at, size);
	if (size != 0 && size < 8 && (encoding & 8) != 0)
		value = (uint64_t)((int64_t)(value << shift) >> shift);
	if ((encoding & 0x70) == ENCODING_PCREL && value != 0)
		value += place;
	else if ((encoding & 0x70) != 0 && (encoding & 0x70) != ENCODING_PCREL)
		reader->at.bad = true;
	return arch_address(reader->image->arch, value);
}

/* What a CIE says of the FDEs that refer to it. */
struct common {
	uint8_t fde, lsda;	/* encodings; lsda: ENCODING_OMIT if there is none */
	bool has_size;		/* the FDEs' augmentation begins with its size */
};

static bool read_common(const struct image *image, uint64_t addr, struct common *out)
{
	struct reader reader;

	*out = (struct common){ .lsda = ENCODING_OMIT };
	if (!reader_init(&reader, image, addr) || cursor_uint(&reader.at, 4) == UINT32_MAX || cursor_uint(&reader.at, 4) != 0)
		return false;
	uint8_t version = cursor_u8(&reader.at);
	const char *letters = cursor_string(&reader.at);
	cursor_uleb(&reader.at);
	cursor_sleb(&reader.at);
	if (version == 1)
		cursor_skip(&reader.at, 1);
	else
		cursor_uleb(&reader.at);
	if (letters == NULL || (*letters != '\0' && *letters != 'z'))
		return false;
	out->has_size = *letters == 'z';
	if (out->has_size)
		cursor_uleb(&reader.at);
	for (letters += out->has_size; *letters != '\0'; letters++) {
		uint8_t encoding = *letters == 'P' || *letters == 'L' || *letters == 'R' ? cursor_u8(&reader.at) : 0;

		if (*letters == 'P')
			read_encoded(&reader, encoding & 0x7f);
		else if (*letters == 'L')
			out->lsda = encoding;
		else if (*letters == 'R')
			out->fde = encoding;
		else if (*letters != 'S' && *letters != 'B')
			return false;
	}
	return !reader.at.bad;
}

/* The address of the function's table, 0 if it has none; false: that is not understood. */
static bool find_table(const struct image *image, const struct frames *frames, uint64_t function, uint64_t *table)
{
	size_t upto = ARRAY_UPTO(frames->index, frames->table.n_index, start, function);
	struct reader reader;
	struct common common;

	*table = 0;
	if (upto == 0 || frames->index[upto - 1].start != function)
		return true;
	uint64_t fde = frames->index[upto - 1].fde;
	if (!reader_init(&reader, image, fde) || cursor_uint(&reader.at, 4) == UINT32_MAX)
		return false;
	uint64_t back = cursor_uint(&reader.at, 4);
	if (reader.at.bad || !read_common(image, fde + 4 - back, &common))
		return false;
	if (common.lsda == ENCODING_OMIT)
		return true;
	read_encoded(&reader, common.fde);
	read_encoded(&reader, common.fde & 0x0f);
	if (common.has_size)
		cursor_uleb(&reader.at);
	*table = read_encoded(&reader, common.lsda & 0x7f);
	return !reader.at.bad && (common.lsda & ENCODING_INDIRECT) == 0;
}

/* The parts of a table. */
struct handlers {
	const struct image *image;
	uint64_t landing;		/* what landing pads count from; 0: the function's start */
	uint8_t type_encoding;
	uint64_t types;			/* address behind the last type; 0: there are none */
	struct cursor calls;		/* which ranges of code are handled, and by which action */
	uint8_t call_encoding;
	struct reader actions;
};

static bool read_handlers(const struct image *image, uint64_t table, struct handlers *out)
{
	struct reader reader;

	*out = (struct handlers){ .image = image };
	if (!reader_init(&reader, image, table))
		return false;
	uint8_t encoding = cursor_u8(&reader.at);
	if (encoding != ENCODING_OMIT)
		out->landing = read_encoded(&reader, encoding);
	out->type_encoding = cursor_u8(&reader.at);
	if (out->type_encoding != ENCODING_OMIT) {
		uint64_t distance = cursor_uleb(&reader.at);

		out->types = place_of(&reader) + distance;
	}
	out->call_encoding = cursor_u8(&reader.at);
	uint64_t size = cursor_uleb(&reader.at);
	out->calls = reader.at;
	cursor_skip(&reader.at, size);
	out->calls.end = reader.at.p;
	out->actions = reader;
	return !reader.at.bad;
}

static bool same_type(struct meanings *m, const struct handlers *a, const struct handlers *b, uint64_t number)
{
	unsigned size = encoded_size(a->image, a->type_encoding);
	struct reader one, other;

	if (size == 0 || number > UINT32_MAX || !reader_init(&one, a->image, a->types - number * size) ||
	    !reader_init(&other, b->image, b->types - number * size))
		return because(m, "its table of exceptions is not understood");
	if (image_reloc_at(a->image, one.addr) != NULL || image_reloc_at(b->image, other.addr) != NULL)
		return same_bytes(m, one.addr, other.addr, size);
	uint64_t old = read_encoded(&one, a->type_encoding & 0x7f), new = read_encoded(&other, b->type_encoding & 0x7f);
	if (one.at.bad || other.at.bad || (old == 0) != (new == 0))
		return because(m, "it catches other exceptions");
	return old == 0 || same_place(m, old, new, 0, false) || because(m, "it catches other exceptions");
}

/* Filters below 0 are lists of types that may pass, behind the types. */
static bool same_allowed(struct meanings *m, const struct handlers *a, const struct handlers *b, uint64_t offset)
{
	struct reader one, other;

	if (!reader_init(&one, a->image, a->types + offset) || !reader_init(&other, b->image, b->types + offset))
		return because(m, "its table of exceptions is not understood");
	for (unsigned i = 0; i < ACTIONS_MAX && !one.at.bad && !other.at.bad; i++) {
		uint64_t old = cursor_uleb(&one.at), new = cursor_uleb(&other.at);

		if (old != new)
			return because(m, "it lets other exceptions pass");
		if (old == 0)
			return true;
		if (!same_type(m, a, b, old))
			return false;
	}
	return because(m, "its table of exceptions is not understood");
}

/* Follow the chains of both tables from one action on. */
static bool same_actions(struct meanings *m, const struct handlers *a, const struct handlers *b, uint64_t action,
			 unsigned *left)
{
	struct cursor one = a->actions.at, other = b->actions.at;

	cursor_skip(&one, action - 1);
	cursor_skip(&other, action - 1);
	while ((*left)-- > 0 && !one.bad && !other.bad) {
		int64_t filter = cursor_sleb(&one);

		if (filter != cursor_sleb(&other))
			return because(m, "it handles exceptions in another way");
		if (filter != 0 && (a->types == 0 || b->types == 0))
			break;
		if (filter > 0 ? !same_type(m, a, b, (uint64_t)filter) :
		    filter < 0 && !same_allowed(m, a, b, (uint64_t)-(filter + 1)))
			return false;
		struct cursor from_a = one, from_b = other;
		int64_t next = cursor_sleb(&one);
		if (next != cursor_sleb(&other))
			return because(m, "it handles exceptions in another way");
		if (next == 0)
			return !one.bad && !other.bad ? true : because(m, "its table of exceptions is not understood");
		if (next < from_a.start - from_a.p || next > from_a.end - from_a.p || next < from_b.start - from_b.p ||
		    next > from_b.end - from_b.p)
			break;
		one.p = from_a.p + next;
		other.p = from_b.p + next;
	}
	return because(m, "its table of exceptions is not understood");
}

static bool same_handlers(struct meanings *m, const struct handlers *a, const struct handlers *b)
{
	struct reader calls = { .image = a->image, .at = a->calls };
	size_t size = (size_t)(a->calls.end - a->calls.p);
	unsigned left = ACTIONS_MAX;

	if (a->type_encoding != b->type_encoding || a->call_encoding != b->call_encoding ||
	    (a->landing == 0) != (b->landing == 0) || size != (size_t)(b->calls.end - b->calls.p) ||
	    (size != 0 && memcmp(a->calls.p, b->calls.p, size) != 0))
		return because(m, "it handles exceptions at other places");
	if (a->landing != 0 && !same_place(m, a->landing, b->landing, 0, false))
		return false;
	while (calls.at.p < calls.at.end) {
		for (unsigned i = 0; i < 3; i++)	/* start, size and landing pad */
			read_encoded(&calls, a->call_encoding);
		uint64_t action = cursor_uleb(&calls.at);

		if (calls.at.bad)
			return because(m, "its table of exceptions is not understood");
		if (action != 0 && !same_actions(m, a, b, action, &left))
			return false;
	}
	return true;
}

bool same_exceptions(struct meanings *m, uint32_t old, uint32_t new)
{
	struct handlers a, b;
	uint64_t one, other;

	if (!find_table(m->old, &m->frames[0], m->old->spots[old].addr, &one) ||
	    !find_table(m->new, &m->frames[1], m->new->spots[new].addr, &other))
		return because(m, "its unwind information is not understood");
	if (one == 0 || other == 0)
		return one == other ? true : because(m, "it handles exceptions in one of them only");
	if (!read_handlers(m->old, one, &a) || !read_handlers(m->new, other, &b))
		return because(m, "its table of exceptions is not understood");
	return same_handlers(m, &a, &b);
}
