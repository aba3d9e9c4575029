/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * show: answers on stdout, as text or as JSON (docs/json.md).
 *
 * In JSON the members go into the object that is open: json.h.
 */
#ifndef NSB_SHOW_H
#define NSB_SHOW_H

#include "options.h"
#include "patchfile.h"
#include "record.h"

/* What became of one process. */
struct outcome {
	pid_t pid;
	char comm[32];
	char patch[256];	/* its name; "" if it is not known */
	char done[48];		/* "applied", "reverted"; for check: the answer */
	bool is_meant;		/* --all: it is one of those that the command is for */
	bool is_check;
	bool answers;		/* check: that it is not applied is the answer, no failure */
	int err;		/* 0 or -errno: status.h */
	char reason[MSG_MAX];	/* why not; "" if it was done */
	bool changed;		/* it was stopped, `report` is valid */
	struct safepoint_report report;
	uint64_t runner_ns, held_ns;	/* the longest that a running thread, any thread stood */
};

/* Look whether there is a terminal, before children have another stdout. */
void show_begin(void);

void show_outcome(const struct options *options, const struct outcome *outcome);

/* One patch in a process.  `file`: the patch's path, NULL if only its name is known. */
void show_record(const struct options *options, pid_t pid, const struct record *record,
		 const char *file);

/* A process without the patch that was asked for. */
void show_unpatched(const struct options *options, pid_t pid, const char *comm);

/* What is in a patch file. */
void show_patch(const struct options *options, const struct patchfile *patch);

/* "3 failed", red if that is bad news. */
void show_count(size_t count, const char *what, bool is_bad);

/* 2026-11-23T05:22:03Z; `text` holds SHOW_TIME_BYTES. */
#define SHOW_TIME_BYTES 64
void show_format_time(uint64_t seconds, char *text);

#endif
