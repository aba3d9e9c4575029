/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hooks: functions of a patch that the process runs around the switch, while all of its threads stand at
 * the safe point (VZP_PRE_APPLY and the others of vzp.h).
 *
 * A borrowed thread runs them on a stack that is part of the patch's memory.  nsb cannot undo what they do to data.
 * So a patch counts as applied only when the last of its hooks has returned: if nsb is killed before, the
 * next one takes the patch out, without hooks, or goes on with taking it out, and tells which hook had begun.
 */
#ifndef NSB_HOOKS_H
#define NSB_HOOKS_H

#include "plan.h"

/* The hooks of one command, in one process. */
struct hooks_report {
	unsigned entered;	/* so many were entered */
	bool is_vetoed;		/* the last one has forbidden what was to be done */
	bool is_lost;		/* a thread may still be in it */
};

/* "pre-apply" and so on. */
const char *hooks_name(enum vz_hook_kind kind);
/* Of a patch that is neither applied nor reverted: which hooks an nsb that was killed had begun to run last; 0: none. */
uint32_t hooks_begun(const struct record *record);
/* Enter into the record that hooks of this kind are about to be run. */
int hooks_mark(struct target *target, const struct record *record, uint32_t kind) MUST_CHECK;
/* Whether the record of a patch has a hook of this kind. */
bool hooks_has(const struct record *record, enum vz_hook_kind kind);
/*
 * Run all hooks of a kind, in the order of the patch's source.  The state record tells the next nsb which kind was
 * begun.  -EINVAL with a message: the first hook that ran has forbidden what was to be done, and nothing
 * has changed.  -EUCLEAN: a hook failed, or forbade it when others had run, so data of the process may have changed.
 */
int hooks_run(struct target *target, const struct record *record, enum vz_hook_kind kind,
	      struct hooks_report *report) MUST_CHECK;
/*
 * The command failed with `err`, and what nsb itself has changed is going to be undone.  Say so if
 * hooks may have changed data: -EUCLEAN with a message.
 */
int hooks_tell_failure(const struct target *target, const struct hooks_report *report, int err) MUST_CHECK;

#endif
