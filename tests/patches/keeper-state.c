/* SPDX-License-Identifier: GPL-2.0-or-later */
/* It counts, and a newer version of it (-DNEWER) goes on counting where it was. */
#include <nsb/vzp.h>

#ifdef NEWER
#define STEP 100
#else
#define STEP 1
#endif

int tally(int n);

struct counts {
	int calls;
#ifdef LARGER
	long sum;
#elif defined OTHER
	unsigned sum;
#else
	int sum;
#endif
};

static struct counts counts;
VZP_STATE(struct counts, counts)
static volatile int last;

int tally(int n)
{
	counts.calls += STEP;
	counts.sum += n;
	last = n;
	return 1000 * counts.calls + (int)counts.sum + 0 * last;
}
