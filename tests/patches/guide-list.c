/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

#include <stdlib.h>

struct session {
	struct session *next;
	unsigned serial;
	int is_admin;
};

VZP_FILE("guide.c");
VZP_STATIC_VAR_REF(struct session *, sessions);

struct session *session_open(void);

/* The new code: nobody becomes an administrator by opening a session. */
struct session *session_open(void)
{
	VZP_STATIC_VAR_REF(unsigned, serials);
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		abort();
	session->serial = ++serials;
	session->next = sessions;
	sessions = session;
	return session;
}

/* The old data: those that have become one are none any more. */
static void demote(void)
{
	for (struct session *session = sessions; session != NULL; session = session->next)
		session->is_admin = 0;
}
VZP_POST_APPLY(demote)

/* Nobody is halfway through the list while it is repaired. */
VZP_NOT_ACTIVE(session_close)
