/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

#include <nsb/shadow.h>

struct session {
	struct session *next;
	unsigned serial;
	int is_admin;
};

VZP_FILE("guide.c");

const char *session_try(struct session *session, int password);

struct failures {
	unsigned count;
};
SHADOW_POOL(failures, struct failures, 1000);

const char *session_try(struct session *session, int password)
{
	struct failures *failed = shadow_attach(&failures, session, 0, 0);

	if (failed == NULL || failed->count >= 3)
		return "locked";
	if (password != 42) {
		failed->count++;
		return "wrong";
	}
	failed->count = 0;
	return session->is_admin ? "admin" : "user";
}

/* session_close() stays as it is, and when it is called, what is attached to its parameter `session` goes first. */
VZP_ON_FREE(session_close, session)
