/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interest: tells of a file that somebody is about to execute whether a patch may be for what will run then.
 *
 * nsb watch is asked this for each exec(2) of a host, so what is known of a file is kept.  The file is known by
 * its device, inode, size and the time of its last change: whoever writes to it makes it another one.
 */
#ifndef NSB_INTEREST_H
#define NSB_INTEREST_H

#include <stdbool.h>
#include <sys/stat.h>

#include "msg.h"
#include "store.h"

enum interest {
	INTEREST_UNKNOWN,
	INTEREST_NONE,		/* no patch is for it */
	INTEREST_TRY,		/* a program that may load a library that a patch is for, directly or not: it is looked at once */
	INTEREST_SCRIPT,	/* its interpreter, which the kernel opens next, may be one of these */
	INTEREST_HOLD,		/* a patch is for this program, or for what it loads */
};

struct interests;	/* memory that nsb watch shares with its children: they learn, too */

/* -ENOMEM with a message.  It is there until the process ends. */
int interest_init(struct interests **interests) MUST_CHECK;
/* The store is another one: nothing is known any more. */
void interest_forget(struct interests *interests);

/*
 * What is to be done with the file `fd`, which process `pid` executes.  It is read, if it is not known, but nothing else
 * is opened for reading.  *st is set, to be learnt with.
 */
enum interest interest_of(struct interests *interests, const struct store *store, int fd, pid_t pid, struct stat *st);
/* What has turned out to be so. */
void interest_learn(struct interests *interests, const struct stat *st, enum interest interest);
/* What was learnt; INTEREST_UNKNOWN: nothing was. */
enum interest interest_known(const struct interests *interests, const struct stat *st);

#endif
