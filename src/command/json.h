/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json: write one JSON document to stdout, commas and quotes included.
 *
 * A key is NULL inside an array and for the document itself.  docs/json.md tells
 * what nsb writes; its members are only ever added to within one schema.
 */
#ifndef NSB_JSON_H
#define NSB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_SCHEMA 1

/* bracket: '{' or '['; '}' or ']'. */
void json_open(const char *key, char bracket);
void json_close(char bracket);

void json_number(const char *key, uint64_t value);
void json_bool(const char *key, bool value);
/* NULL is written as null. */
void json_text(const char *key, const char *value);
/* An address: "0x...". */
void json_address(const char *key, uint64_t value);
/* Bytes as a string of hexadecimal digits; at most BUILD_ID_MAX. */
void json_bytes(const char *key, const uint8_t *bytes, size_t size);

/* A child goes on inside an array of nsb's: what comes first there has no comma before it. */
void json_resume(void);
/* What a child has written so: members of the array that is open, none if `size` is 0. */
void json_raw(const char *text, size_t size);

/* The document: { "schema": 1, "command": COMMAND, ...  and its end. */
void json_begin(const char *command);
void json_end(void);
/* A whole one for a command that has failed before it began one; else nothing. */
void json_failure(const char *command, uint64_t status, const char *result, const char *reason);

#endif
