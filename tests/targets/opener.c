/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads libraries when it is told to: "open N PATH HOW", "close N", and "N QUESTION"
 * has library N answer.  HOW is local, global or new, a namespace of its own.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

#define MOST 400

static void *handles[MOST];

static void open_library(int n, const char *path, const char *how, char *answer, size_t size)
{
	if (strcmp(how, "new") == 0)
		handles[n] = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
	else
		handles[n] = dlopen(path, RTLD_NOW |
				    (strcmp(how, "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL));
	snprintf(answer, size, "%s", handles[n] != NULL ? "open" : dlerror());
}

void reply(const char *question, char *answer, size_t size)
{
	char path[200], how[10];
	int n, used = 0;

	if (sscanf(question, "open %d %199s %9s", &n, path, how) == 3 && n >= 0 && n < MOST) {
		open_library(n, path, how, answer, size);
	} else if (sscanf(question, "close %d", &n) == 1 && n >= 0 && n < MOST) {
		snprintf(answer, size, "%s", dlclose(handles[n]) == 0 ? "closed" : dlerror());
	} else if (sscanf(question, "%d %n", &n, &used) == 1 && n >= 0 && n < MOST) {
		void (*ask)(const char *question, char *answer, size_t size);

		*(void **)&ask = dlsym(handles[n], "reply");
		if (ask != NULL)
			ask(question + used, answer, size);
	}
}
