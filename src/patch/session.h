/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session: nsb's work on one process, from opening it to closing it.
 *
 * Errors are those of target.h and plan.h; what they mean for the exit status
 * stands in status.h.
 */
#ifndef NSB_SESSION_H
#define NSB_SESSION_H

#include "options.h"
#include "plan.h"

/* Everything known of one process while a command works on it. */
struct session {
	struct target target;
	struct objects objects;
	struct records records;
	struct plan *plans;	/* one for each instance; the first one has all places */
	size_t n_plans, n_new;	/* the first n_new bring a patch, the others take one out */
	struct safepoint_report report;
};

/* Open a process and read its records.  Close it even if this failed. */
int session_open(struct session *session, pid_t pid, enum target_access access_wanted) MUST_CHECK;
/* Undo what is not finished, let go of it: -EUCLEAN if that fails, else err. */
int session_close(struct session *session, int err) MUST_CHECK;

/* Read its objects, too: then the records are known whose object is gone. */
int session_read_objects(struct session *session) MUST_CHECK;

/* Apply a patch; with --dry-run do all but change the process. */
int session_patch(struct session *session, const struct options *options,
		  const struct patchfile *patch) MUST_CHECK;
/* 0 if a patch is applied, to every instance of its target; -ENOENT: it is not. */
int session_is_applied(struct session *session, const struct patchfile *patch) MUST_CHECK;
/* Take a patch out, by its build-id.  -ENOENT: it is not applied. */
int session_revert(struct session *session, const struct options *options, const uint8_t *id,
		   size_t size) MUST_CHECK;

#endif
