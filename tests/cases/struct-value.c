/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures as arguments and result, small and large.
 * ask 3: 4 7 / 5 8
 * replaces: move
 */
#include <stdlib.h>
#include "target.h"

struct point {
	int x, y;
};
struct box {
	long corners[6];
};

static KEEP struct point move(struct point p, struct box box)
{
#ifdef NEW
	return (struct point){ p.x + (int)box.corners[5] + 1, p.y + 5 };
#else
	return (struct point){ p.x + (int)box.corners[5], p.y + 4 };
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	struct point p = { atoi(question), 3 };
	struct box box = { { 0, 0, 0, 0, 0, 1 } };

	p = move(p, box);
	snprintf(answer, size, "%d %d", p.x, p.y);
}
