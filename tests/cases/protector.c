/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Built with the stack protector and checks of the C library.
 * ask abc: abc / ABC
 * flags: -fstack-protector-strong -D_FORTIFY_SOURCE=2
 * only: O2 O3 Os
 * replaces: copy
 */
#include <ctype.h>
#include <string.h>
#include "target.h"

static KEEP void copy(char *to, size_t size, const char *from)
{
	char buffer[64];

	strncpy(buffer, from, sizeof(buffer) - 1);
	buffer[sizeof(buffer) - 1] = '\0';
#ifdef NEW
	for (char *at = buffer; *at != '\0'; at++)
		*at = (char)toupper(*at);
#endif
	snprintf(to, size, "%s", buffer);
}

void reply(const char *question, char *answer, size_t size)
{
	copy(answer, size, question);
}
