/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "names.h"

#include <stdio.h>
#include <string.h>

void names_add(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->table[i], name) == 0)
			return;
	if (names->count < NAMES_LISTED_MAX)
		names->table[names->count++] = name;
	else
		names->more++;
}

void names_format(const struct names *names, char *text, size_t size)
{
	size_t at = 0;

	*text = 0;
	for (size_t i = 0; i < names->count && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s'%s'", i != 0 ? ", " : "", names->table[i]);
	if (names->more != 0 && at < size)
		snprintf(text + at, size - at, " and others");
}
