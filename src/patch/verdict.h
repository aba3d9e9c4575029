/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict: whether a process really runs the code of a patch, compared with the patch's file.
 *
 * A record is what the process says of itself.  Whoever has the file knows more: which functions the patch
 * replaces, where they are, and the bytes of the new ones.
 */
#ifndef NSB_VERDICT_H
#define NSB_VERDICT_H

#include "session.h"

/* From the best to the worst: of several instances of the target the worst one counts. */
enum judgement {
	VERDICT_PATCHED,
	VERDICT_OLDER,		/* another patch of this name, or of one of these functions, is applied */
	VERDICT_UNPATCHED,	/* or it is half applied */
	VERDICT_FORGED,		/* its record says that it is applied, and what is in memory says that it is not */
};

/*
 * Judge a process that has loaded the patch's target.  *other is the record because of which it is VERDICT_OLDER.
 * Errors, with a message, are those of session_read_objects().
 */
int verdict_of(struct session *session, const struct patchfile *patch, enum judgement *verdict,
	       const struct record **other) MUST_CHECK;

#endif
