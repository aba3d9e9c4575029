/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options: what the command line asks for.  A field is named like its option. */
#ifndef NSB_OPTIONS_H
#define NSB_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "plan.h"
#include "safepoint.h"
#include "vzpatch.h"

#define FILES_MAX 16

struct options {
	pid_t pid;		/* 0: -p was not given */
	bool all;
	const char *exe;	/* name or path of the executable; NULL: any */
	bool by_user;		/* --user was given, and is uid */
	uid_t uid;
	const char *files[FILES_MAX];	/* run takes several, the others one */
	size_t n_files;
	char **program;		/* for run: the program and its arguments, a NULL at the end; NULL: none */
	bool follow;		/* for run: patch what it executes later, and what its descendants do, too */
	bool best_effort;	/* for run: start the program even if it cannot be patched */
	bool insecure_file;	/* take the file whoever may have written it */
	uint8_t id[BUILD_ID_MAX];
	size_t id_size;
	uint8_t object_id[BUILD_ID_MAX];	/* --build-id */
	size_t object_id_size;
	bool syslog;
	bool no_exceptions;	/* the administrator says that no exception comes to the new code */
	bool replace;		/* for patch: take out the older patches of the same object */
	bool dry_run, json, quiet, perf_map;
	struct allowed allowed;
	struct safepoint_limits limits;
};

#endif
