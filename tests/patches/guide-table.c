/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <nsb/vzp.h>

VZP_FILE("guide.c");

int command_number(const char *name);

/* The target's table has two entries and no room behind them. The new one has another name. */
static const char *const all_commands[] = { "get", "set", "delete" };

/* All functions that use the table have to be replaced; here it is one. */
int command_number(const char *name)
{
	for (size_t i = 0; i < sizeof(all_commands) / sizeof(all_commands[0]); i++)
		if (strcmp(all_commands[i], name) == 0)
			return (int)i;
	return -1;
}
