/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

#include <stdlib.h>
#include <string.h>

VZP_FILE("guide.c");
VZP_STATIC_VAR_REF(char[9], default_title);
VZP_STATIC_VAR_REF(char *, title);

void title_set(const char *text);

/*
 * The new rule: title is freed when it changes. What the old code has left there may be its static
 * text, which was never allocated.
 */
void title_set(const char *text)
{
	char *old = title;

	title = strdup(text);
	if (old != default_title)
		free(old);
}
