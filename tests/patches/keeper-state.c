/* SPDX-License-Identifier: GPL-2.0-or-later */
/* It counts, and a newer version of it (-DNEWER) goes on counting where it was. */
#include <nsb/vzp.h>

#include <stddef.h>

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

#ifdef CONVERTS
/* What the first patch has counted. */
static void widen(void)
{
	struct counts {
		int calls;
		int sum;
	};
	VZP_STATE_WAS(struct counts, counts, was);

	if (was != NULL) {
		counts.calls = was->calls;
		counts.sum = was->sum;
	}
}
VZP_POST_APPLY(widen)
#endif

int tally(int n)
{
	counts.calls += STEP;
	counts.sum += n;
	last = n;
	return 1000 * counts.calls + (int)counts.sum + 0 * last;
}
