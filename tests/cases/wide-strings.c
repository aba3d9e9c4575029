/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wide strings.
 * ask x: 3 b / 4 n
 */
#include <wchar.h>
#include "target.h"

static KEEP const wchar_t *name(void)
{
#ifdef NEW
	return L"nine";
#else
	return L"bee";
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	(void)question;
	snprintf(answer, size, "%zu %c", wcslen(name()), (char)name()[0]);
}
