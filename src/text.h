/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text: words that others chose, for example the names of files, functions and processes.
 *
 * Bytes that are no UTF-8 would make JSON invalid.  Control characters (C0, DEL and C1) would
 * steer the terminal that they come to: U+009B is what ESC [ is.
 */
#ifndef NSB_TEXT_H
#define NSB_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the UTF-8 sequence at the start of text, 0 if there is none (RFC 3629). */
size_t text_utf8_length(const unsigned char *text);
/* Whether a sequence of that length is a control character. */
bool text_is_control(const unsigned char *text, size_t length);
/* Put '?' in place of each byte of a control character, and of each byte that is no UTF-8. */
void text_clean(char *text);

#endif
