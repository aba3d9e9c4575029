/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spawn: runs a command, in a copy of the source tree if it is to be. */
#ifndef NSB_BUILD_SPAWN_H
#define NSB_BUILD_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "tree.h"
#include "words.h"

/* A command. */
struct spawn {
	const struct words *argv;
	const struct words *environment;	/* NULL: nsb-build's own */
	const struct place *place;	/* where the tree is to be seen; NULL: no matter */
	const char *tree;		/* the copy that is put there */
	const char *folder;		/* where it is run; NULL: where nsb-build is */
	const char *output;		/* its stdout and stderr are appended to this file; NULL: they are dropped */
	const char *errors;		/* its stderr goes to this file; NULL: to `output` */
};

/* Start it; its stdin is empty.  Its end is waited for by spawn_wait(). */
pid_t spawn_start(const struct spawn *job);
/* Its exit status, or 128 and the number of the signal that ended it. */
int spawn_wait(pid_t pid);
/* Run it.  Its exit status, as spawn_wait() tells it. */
int spawn(const struct spawn *job);
/* The same; tell(argument) is called ten times a second. */
int spawn_watched(const struct spawn *job, void (*tell)(void *argument), void *argument);

#endif
