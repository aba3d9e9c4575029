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
	pid_t *pids;		/* -p; made by ARRAY_GROW */
	size_t n_pids;
	bool all;
	bool many;		/* --all, or several -p */
	const char *exe;	/* name or path of the executable; NULL: any */
	bool by_user;		/* --user was given, and is uid */
	uid_t uid;
	const char *files[FILES_MAX];	/* run, status and watch take several, the others one */
	size_t n_files;
	char **program;		/* for run: the program and its arguments, a NULL at the end; NULL: none */
	bool follow;		/* for run: patch what it executes later, and what its descendants do, too */
	bool best_effort;	/* for run: start the program even if it cannot be patched */
	bool is_watch;		/* nsb watch starts nothing itself, */
	unsigned exec_ms;	/* and waits so long for an exec(2) */
	bool insecure_file;	/* take the file whoever may have written it */
	uint8_t id[BUILD_ID_MAX];
	size_t id_size;
	uint8_t object_id[BUILD_ID_MAX];	/* --build-id */
	size_t object_id_size;
	const char *object;	/* --object; NULL: not given */
	const char *core;	/* --core; NULL: not given */
	const char *store;	/* --store; NULL: the usual folder */
	const char *cve;	/* --cve; NULL: any patch */
	char **arguments;	/* what stands behind the command's name: of install, remove and help */
	size_t n_arguments;
	bool syslog;		/* say so if the log cannot be written to */
	bool no_syslog;		/* do not write to it */
	unsigned canary, batch;	/* how many are patched first, and then at a time; 0: all */
	bool has_settle;	/* --settle was given */
	unsigned settle_ms;	/* how long those that were patched are looked at */
	const char *probe;	/* a command that says whether all is well; NULL: none */
	bool stop_on_failure;
	bool monitor, prometheus;	/* --check, --prometheus of status */
	bool no_exceptions;	/* the administrator says that no exception comes to the new code */
	bool replace;		/* for patch: take out the older patches of the same object */
	bool dry_run, json, quiet, perf_map;
	struct allowed allowed;
	struct safepoint_limits limits;
};

#endif
