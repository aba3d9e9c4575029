/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "text.h"

#include <stdint.h>
#include <string.h>

size_t text_utf8_length(const unsigned char *text)
{
	/* A sequence of `length` bytes begins with a byte that has the bits `lead` in `mask`.  Its code is `least` at least. */
	static const struct { unsigned char mask, lead, length; uint32_t least; } forms[] = {
		{ 0x80, 0x00, 1, 0 }, { 0xe0, 0xc0, 2, 0x80 },
		{ 0xf0, 0xe0, 3, 0x800 }, { 0xf8, 0xf0, 4, 0x10000 },
	};

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		uint32_t code = text[0] & (unsigned char)~forms[f].mask;

		if ((text[0] & forms[f].mask) != forms[f].lead)
			continue;
		for (size_t i = 1; i < forms[f].length; i++) {
			if ((text[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (text[i] & 0x3f);
		}
		/* RFC 3629 forbids codes that a shorter sequence can write, and the surrogates of UTF-16. */
		if (code < forms[f].least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
			return 0;
		return forms[f].length;
	}
	return 0;
}

bool text_is_control(const unsigned char *text, size_t length)
{
	return (length == 1 && (text[0] < 0x20 || text[0] == 0x7f)) ||
	       (length == 2 && text[0] == 0xc2 && text[1] < 0xa0);
}

void text_clean(char *text)
{
	while (*text != '\0') {
		size_t length = text_utf8_length((const unsigned char *)text);

		if (length == 0 || text_is_control((const unsigned char *)text, length)) {
			length = length == 0 ? 1 : length;
			memset(text, '?', length);
		}
		text += length;
	}
}
