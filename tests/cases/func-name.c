/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The function's name as a string.
 * ask x: speak / speak!
 * replaces: speak
 */
#include "target.h"

static KEEP void speak(char *to, size_t size)
{
#ifdef NEW
	snprintf(to, size, "%s!", __func__);
#else
	snprintf(to, size, "%s", __func__);
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	(void)question;
	speak(answer, size);
}
