/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session: nsb's work on one process, from opening it to closing it.
 *
 * The errors are those of target.h and plan.h; status.h says which exit status they become.
 */
#ifndef NSB_SESSION_H
#define NSB_SESSION_H

#include "coroutine.h"
#include "hooks.h"
#include "options.h"
#include "plan.h"

/* All that is known of a process while a command works on it. */
struct session {
	struct target target;
	struct objects objects;
	struct records records;
	/*
	 * One plan for each instance of the object, and for each patch that --replace takes out.
	 * The edits that are made together are all in the first one.
	 */
	struct plan *plans;
	size_t n_plans, n_new;	/* the first n_new apply a patch, the others take one out */
	struct safepoint_report report;
	struct hooks_report hooks;
	struct coroutines coroutines;	/* as they were at the safe point */
};

/* Open a process, and read its records.  The caller closes the session even if this failed. */
int session_open(struct session *session, pid_t pid, enum target_access access_wanted) MUST_CHECK;
/* Undo what was not finished, and let the process go.  Returns -EUCLEAN if that failed, and err if not. */
int session_close(struct session *session, int err) MUST_CHECK;

/* Read the objects of the process, and find out which records are of objects that are gone. */
int session_read_objects(struct session *session) MUST_CHECK;

/* Apply a patch.  With --dry-run all is done but the change of the process. */
int session_patch(struct session *session, const struct options *options,
		  const struct patchfile *patch) MUST_CHECK;
/* Whether a patch is applied to every instance of its target object: 0, or -ENOENT if it is not. */
int session_is_applied(struct session *session, const struct patchfile *patch) MUST_CHECK;
/*
 * The name of a function of an applied patch on whose jump a uprobe is, or was, so that calls of it
 * end the process or compute nonsense; NULL if there is none.
 */
const char *session_find_probe(const struct session *session, const struct record *record);
/* Take a patch out, by its build-id.  -ENOENT: it is not applied. */
int session_revert(struct session *session, const struct options *options, const uint8_t *id,
		   size_t size) MUST_CHECK;

#endif
