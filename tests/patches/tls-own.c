/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What would be a new thread-local variable: how much this thread has asked for in all. */
#include <nsb/vzp.h>

#include <pthread.h>
#include <stdlib.h>

#include <nsb/shadow.h>

struct sums {
	int asked;
	char space[4000];
};
SHADOW_THREAD(sums, struct sums)

int bump(int n);

int bump(int n)
{
	struct sums *mine = sums();

	if (mine == NULL)
		return -1;
	for (unsigned i = 0; i < sizeof(mine->space); i++)
		if (mine->space[i] != 0 && mine->asked == 0)
			return -2;
	mine->asked += n;
	mine->space[sizeof(mine->space) - 1] = 1;
	return mine->asked;
}
VZP_CALLERS_CHECKED(bump)
