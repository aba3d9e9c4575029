/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * show: prints answers on stdout, as text or as JSON (docs/json.md).
 *
 * In JSON each function adds members to the object that is open (json.h).
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
	char patch[256];	/* the name of the patch; "" if it is not known */
	char done[48];		/* "applied" or "reverted"; for check the answer */
	bool is_meant;		/* --all: it is one of the processes that the command is for */
	bool is_check;
	pid_t executed_by;	/* --all: its parent, if that executes its own program anew for its children; else 0 */
	bool answers;		/* for check: "not applied" is an answer, and no failure */
	int err;		/* 0 or -errno, as status.h has them */
	char reason[MSG_MAX];	/* why it was not done; "" if it was */
	bool changed;		/* the process was stopped, and `report` is valid */
	struct safepoint_report report;
	uint64_t runner_ns, held_ns;	/* the longest time that a running thread, and any thread, stood still */
};

/* Look whether there is a terminal, before children have another stdout. */
void show_begin(void);

void show_outcome(const struct options *options, const struct outcome *outcome);

/* Show one patch in a process.  `file` is the patch's path, NULL if only its name is known. */
void show_record(const struct options *options, pid_t pid, const struct record *record,
		 const char *file);

/* Show a process that does not have the patch that was asked for. */
void show_unpatched(const struct options *options, pid_t pid, const char *comm);

/* Show what is in a patch file. */
void show_patch(const struct options *options, const struct patchfile *patch);

/* Print a text, in red if it is bad. */
void show_bad(const char *text, bool is_bad);
/* In JSON: what the patch's author says of it by VZP_CVE and its like, each a list of strings. */
void show_fields(const struct vzpatch *meta);

/* Print a count, such as "3 failed", in red if it is bad. */
void show_count(size_t count, const char *what, bool is_bad);

/* Write a time as 2026-11-23T05:22:03Z; `text` has SHOW_TIME_BYTES. */
#define SHOW_TIME_BYTES 64
void show_format_time(uint64_t seconds, char *text);

#endif
