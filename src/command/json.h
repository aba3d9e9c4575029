/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json: writes one JSON document to stdout, with its commas and quotes.
 *
 * A key is NULL inside an array, and for the document itself.  docs/json.md tells what nsb
 * writes.  Members may be added to it; if one is taken away, the number of the schema changes.
 */
#ifndef NSB_JSON_H
#define NSB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_SCHEMA 1

/* Open an object by '{' or an array by '['; close it by '}' or ']'. */
void json_open(const char *key, char bracket);
void json_close(char bracket);

void json_number(const char *key, uint64_t value);
void json_bool(const char *key, bool value);
/* Write a string; NULL becomes null. */
void json_text(const char *key, const char *value);
/* Write an address as the string "0x...". */
void json_address(const char *key, uint64_t value);
/* Write at most BUILD_ID_MAX bytes as a string of hexadecimal digits. */
void json_bytes(const char *key, const uint8_t *bytes, size_t size);

/*
 * A child of nsb (workers.h) writes members of an array that nsb has opened.  json_resume() lets
 * the child go on there; its first member gets no comma in front.  json_raw() writes to nsb's
 * document what the child has written, with a comma in front if one is needed.
 */
void json_resume(void);
void json_raw(const char *text, size_t size);

/* Begin the document, { "schema": 1, "command": COMMAND, and end it. */
void json_begin(const char *command);
void json_end(void);
/* Write a whole document for a command that has failed.  If it began a document, nothing is written. */
void json_failure(const char *command, uint64_t status, const char *result, const char *reason);

#endif
