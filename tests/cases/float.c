/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constants of floating point, which lie in sections of their own.
 * ask 2: 6.28 / 5.42
 * replaces: scale
 */
#include <stdlib.h>
#include "target.h"

static KEEP double scale(double x, float y)
{
#ifdef NEW
	return x * 2.71 + (double)(y * 0.0f);
#else
	return x * 3.14 + (double)(y * 0.0f);
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%.2f", scale(atof(question), 1.5f));
}
