/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

#include <stdlib.h>

#include <nsb/shadow.h>

struct session {
	struct session *next;
	unsigned serial;
	int is_admin;
};

VZP_FILE("guide.c");
VZP_STATIC_VAR_REF(struct session *, sessions);

const char *session_try(struct session *session, int password);
void session_close(struct session *session);

/* What would be a new member of struct session. */
struct failures {
	unsigned count;
};
SHADOW_MALLOC(failures, struct failures, 1000);

const char *session_try(struct session *session, int password)
{
	struct failures *failed = shadow_attach(&failures, session, 0, session->serial);

	if (failed == NULL || failed->count >= 3)
		return "locked";
	if (password != 42) {
		failed->count++;
		return "wrong";
	}
	failed->count = 0;
	return session->is_admin ? "admin" : "user";
}

/* The session goes, and with it what was attached to it. */
void session_close(struct session *session)
{
	shadow_detach(&failures, session, 0);
	for (struct session **at = &sessions; *at != NULL; at = &(*at)->next)
		if (*at == session) {
			*at = session->next;
			break;
		}
	free(session);
}
