/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cursor: bounded reading of little-endian bytes.
 *
 * A read beyond the end gives 0, moves to the end and sets `bad`, which stays set.  So a caller
 * may look at `bad` once, after a group of reads.
 */
#ifndef NSB_GEN_CURSOR_H
#define NSB_GEN_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A place in bytes that belong to somebody else. */
struct cursor {
	const uint8_t *start, *p, *end;
	bool bad;
};

static inline void cursor_init(struct cursor *at, const uint8_t *data, uint64_t size)
{
	*at = (struct cursor){ data, data, data != NULL ? data + size : data, false };
}

/* Move on, at most to the end. */
static inline void cursor_skip(struct cursor *at, uint64_t size)
{
	if (size > (uint64_t)(at->end - at->p)) {
		at->bad = true;
		size = (uint64_t)(at->end - at->p);
	}
	if (size != 0)
		at->p += size;
}

/* An unsigned number of 1 to 8 bytes. */
static inline uint64_t cursor_uint(struct cursor *at, uint64_t size)
{
	uint64_t value = 0;

	if (size > (uint64_t)(at->end - at->p) || size > sizeof(value)) {
		at->bad = true;
		at->p = at->end;
		return 0;
	}
	for (uint64_t i = size; i-- > 0;)
		value = value << 8 | at->p[i];
	at->p += size;
	return value;
}

static inline uint8_t cursor_u8(struct cursor *at)
{
	if (at->p == at->end) {
		at->bad = true;
		return 0;
	}
	return *at->p++;
}

/* A number in LEB128.  Bits beyond 64 are dropped. */
static inline uint64_t cursor_uleb(struct cursor *at)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = cursor_u8(at);
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += shift < 64 ? 7 : 0;
	} while ((byte & 0x80) != 0);
	return value;
}

static inline int64_t cursor_sleb(struct cursor *at)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = cursor_u8(at);
		if (shift < 64) {
			value |= (uint64_t)(byte & 0x7f) << shift;
			shift += 7;
		}
	} while ((byte & 0x80) != 0);
	if (shift < 64 && (byte & 0x40) != 0)
		value |= ~UINT64_C(0) << shift;
	return (int64_t)value;
}

/* A string with its NUL; NULL if no NUL follows. */
static inline const char *cursor_string(struct cursor *at)
{
	size_t left = (size_t)(at->end - at->p);
	const uint8_t *nul = left != 0 ? memchr(at->p, 0, left) : NULL;
	const char *text = (const char *)at->p;

	if (nul == NULL) {
		at->bad = true;
		at->p = at->end;
		return NULL;
	}
	at->p = nul + 1;
	return text;
}

#endif
