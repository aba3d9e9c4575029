/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options: what the command line asks for. */
#ifndef NSB_OPTIONS_H
#define NSB_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "plan.h"
#include "safepoint.h"
#include "vzpatch.h"

struct options {
	pid_t pid;		/* 0: none given */
	bool all;		/* --all */
	const char *exe;	/* --exe: name or path of the executable; NULL: any */
	bool by_user;		/* --user */
	uid_t uid;
	const char *file;
	char **program;		/* run: it and its arguments, NULL at the end; NULL: none */
	bool best_effort;	/* run: without the patch if need be */
	bool insecure_file;	/* whoever may have written it */
	uint8_t id[BUILD_ID_MAX];	/* --id */
	size_t id_size;
	uint8_t object_id[BUILD_ID_MAX];	/* --build-id */
	size_t object_id_size;
	bool syslog;
	bool no_exceptions;	/* none comes to the new code, says the administrator */
	bool replace;		/* patch: older ones of the same object go */
	bool dry_run, json, quiet, perf_map;
	struct allowed allowed;
	int realtime;		/* priority of SCHED_FIFO; 0: as it is */
	struct safepoint_limits limits;
};

#endif
