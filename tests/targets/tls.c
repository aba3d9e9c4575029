/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Thread-local variables, seen by three threads: the first, one that was there
 * from the beginning, and one that is made for each question.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

__thread int tls_before[3] = { 1, 2, 3 };
__thread int tls_global = 5;
static __thread int tls_static = 7;
static __thread char tls_space[100];

static sem_t asked, answered;
static int argument, result, is_ending;
static pthread_t second;

KEEP int bump(int n)
{
	tls_global += n;
	tls_static++;
	tls_space[n & 63]++;
	return tls_global * 100 + tls_static + tls_before[0] - 1;
}

static void *serve(void *forever)
{
	do {
		if (forever != NULL)
			sem_wait(&asked);
		if (!is_ending)
			result = bump(argument);
		sem_post(&answered);
	} while (forever != NULL && !is_ending);
	return NULL;
}

__attribute__((constructor)) static void begin(void)
{
	sem_init(&asked, 0, 0);
	sem_init(&answered, 0, 0);
	if (pthread_create(&second, NULL, serve, &asked) != 0)
		abort();
}

void reply(const char *question, char *answer, size_t size)
{
	char who[16] = "";
	pthread_t thread;

	if (sscanf(question, "%15s %d", who, &argument) != 2)
		return;
	if (strcmp(who, "first") == 0) {
		result = bump(argument);
	} else if (strcmp(who, "second") == 0) {
		sem_post(&asked);
		sem_wait(&answered);
	} else if (strcmp(who, "end") == 0) {		/* that of the second thread */
		is_ending = 1;
		sem_post(&asked);
		result = pthread_join(second, NULL) == 0;
	} else if (strcmp(who, "new") == 0) {
		if (pthread_create(&thread, NULL, serve, NULL) != 0)
			abort();
		sem_wait(&answered);
		pthread_join(thread, NULL);
	}
	snprintf(answer, size, "%s %d", who, result);
}
