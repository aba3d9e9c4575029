/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text: makes text that others chose fit to be printed, for example the names of files,
 * functions and processes.
 *
 * Bytes that are no UTF-8 would make JSON invalid.  Control characters (C0, DEL and C1) would
 * steer the terminal: a process that calls itself "\33[2J" would clear the screen.  U+009B means
 * the same as "\33[".
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
