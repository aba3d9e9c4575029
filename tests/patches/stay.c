/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.c: threads stay in the patch. */
#include <pthread.h>
#include <stdatomic.h>
#include <nsb/vzp.h>

VZP_FILE("threads.c");
VZP_STATIC_VAR_REF(atomic_int, released);
VZP_STATIC_VAR_REF(atomic_int, inside);
VZP_STATIC_VAR_REF(pthread_mutex_t, lock);
VZP_STATIC_VAR_REF(pthread_cond_t, changed);
int hold_on(int n);
int spin_on(int n);

int hold_on(int n)
{
	inside++;
	pthread_mutex_lock(&lock);
	while (!released)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	inside--;
	return n;
}

int spin_on(int n)
{
	inside++;
	while (!released)
		;
	inside--;
	return n;
}
