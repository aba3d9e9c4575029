/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * job: what the commands that look at many processes share.  It is in commands.c.
 */
#ifndef NSB_JOB_H
#define NSB_JOB_H

#include "all.h"
#include "options.h"
#include "patchfile.h"
#include "progress.h"

struct outcome;

/* How many of the processes of --all came to which end: the last line that the command prints. */
struct tally {
	size_t found, done, already, gone, failed, passed_over;
	size_t taken_back;	/* of those that were done, as some did not live */
	size_t forbidden;	/* nsb may not look at these, so nobody knows whether the command is for them; counted, */
	bool counts_forbidden;	/* and part of the result, if more rights would help */
	size_t executed;	/* these were executed anew by a parent that runs the same program, */
	pid_t executed_pid, executed_by;	/* the first of them, and its parent */
	bool damaged, interrupted;
	int err;		/* the error of the processes that failed; -EINVAL if they failed for different ones */
};

/* What patch, revert and check work with, for one process or for many. */
struct job {
	const struct options *options;
	const char *command;
	/* Carry the command out on process outcome->pid.  Returns outcome->err. */
	int (*one)(const struct job *job, struct outcome *outcome);
	struct patchfile patch;	/* zeroed if the user gave --id and no file */
	const uint8_t *id;	/* build-id of the patch */
	size_t id_size;
	uint8_t full_id[BUILD_ID_MAX];	/* what was found for an id that was shortened */
	const pid_t *pids;	/* --all: every process of the host; -p: those that it names */
	size_t n_pids;
	bool is_chosen;		/* --all: `pids` are only those that the command is for */
	struct choice choice;	/* --all: which of them the command is for */
	struct all_files files;	/* what a child has learned of files; empty in nsb itself */
	struct tally tally;
	struct progress progress;
	pid_t *done;		/* those that it was done to; room for n_pids; NULL: nobody asks */
	size_t n_done;
	int err;		/* -p: the error of that process */
};

/*
 * Read the patch file.  `enters`: the patch is going to be loaded into a process, so it matters
 * who wrote it.  If the file cannot be opened the error is -ENOEXEC, a bad patch, since -ENOENT
 * means "not applied" to the commands; only if it is forbidden the error stays as it is.
 */
int job_read_patch(const struct options *options, const char *file, bool enters, struct patchfile *patch) MUST_CHECK;

/* How long a child may work on one process, in ms. */
unsigned job_item_ms(const struct options *options);

/* Process ids of the host, without nsb's own.  The caller frees *pids. */
int job_list_others(pid_t **pids, size_t *count) MUST_CHECK;

/* One that ends while nsb looks at it does not answer, or cannot be looked at, and is nobody's concern any more. */
bool job_has_ended(pid_t pid);

/*
 * Whether processes that nsb may not look at count in the result.  Those of others do.  What even root may not look at, as a
 * security module protects it, cannot be patched by anybody, and would make every command on that host fail.
 */
bool job_counts_forbidden(const struct options *options, size_t count);
/* Say that nsb did not see all processes, and keep that as the error: -EPERM. */
int job_tell_forbidden(const struct options *options, size_t count);

/* Carry the command out on one process, in a child. */
int job_patch_one(const struct job *job, struct outcome *outcome) MUST_CHECK;
int job_revert_one(const struct job *job, struct outcome *outcome) MUST_CHECK;
/* Carry it out on all processes of job->pids, by children, and tell of each; what came of them is added to job->tally. */
int job_do_each(struct job *job) MUST_CHECK;
/* The result of --all, with a message if it says more than the lines of the processes. */
int job_end(struct job *job) MUST_CHECK;
/* Print the sums. */
void job_show_tally(const struct job *job, int err);

#endif
