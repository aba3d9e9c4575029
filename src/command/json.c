/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>

#include "vzpatch.h"

static bool has_begun;		/* json_begin() was called */
static bool is_first = true;	/* the innermost bracket is still empty */

static void begin_value(const char *key)
{
	if (!is_first)
		printf(", ");
	is_first = false;
	if (key != NULL)
		printf("\"%s\": ", key);
}

void json_open(const char *key, char bracket)
{
	begin_value(key);
	putchar(bracket);
	is_first = true;
}

void json_close(char bracket)
{
	putchar(bracket);
	is_first = false;
}

void json_number(const char *key, uint64_t value)
{
	begin_value(key);
	printf("%" PRIu64, value);
}

void json_bool(const char *key, bool value)
{
	begin_value(key);
	printf("%s", value ? "true" : "false");
}

void json_text(const char *key, const char *value)
{
	begin_value(key);
	if (value == NULL)
		printf("null");
	else
		json_string(stdout, value);
}

void json_address(const char *key, uint64_t value)
{
	begin_value(key);
	printf("\"0x%" PRIx64 "\"", value);
}

void json_bytes(const char *key, const uint8_t *bytes, size_t size)
{
	char text[2 * BUILD_ID_MAX + 1];

	build_id_format(bytes, size, text);
	json_text(key, text);
}

void json_resume(void)
{
	is_first = true;
}

void json_raw(const char *text, size_t size)
{
	if (size == 0)
		return;
	begin_value(NULL);
	(void)fwrite(text, 1, size, stdout);
}

void json_begin(const char *command)
{
	has_begun = true;
	json_open(NULL, '{');
	json_number("schema", JSON_SCHEMA);
	json_text("command", command);
}

void json_end(void)
{
	json_close('}');
	putchar('\n');
	is_first = true;
}

void json_failure(const char *command, uint64_t status, const char *result, const char *reason)
{
	if (has_begun)
		return;
	json_begin(command);
	json_number("status", status);
	json_text("result", result);
	json_text("reason", reason);
	json_end();
}
