/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that has what docs/authors.md mends: one thing for each of its pages. */
#include "target.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- sessions: a list with something wrong in it, and no room for one more field ---- */

struct session {
	struct session *next;
	unsigned serial;
	int is_admin;
};

static struct session *sessions;

KEEP int session_is_admin(const struct session *session)
{
	return session->is_admin;
}

/* The error: each third session becomes an administrator. */
KEEP struct session *session_open(void)
{
	static unsigned serials;
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		abort();
	session->serial = ++serials;
	session->is_admin = serials % 3 == 0;
	session->next = sessions;
	sessions = session;
	return session;
}

KEEP const char *session_try(struct session *session, int password)
{
	return password == 42 ? (session->is_admin ? "admin" : "user") : "wrong";
}

KEEP void session_close(struct session *session)
{
	for (struct session **at = &sessions; *at != NULL; at = &(*at)->next)
		if (*at == session) {
			*at = session->next;
			break;
		}
	free(session);
}

/* ---- an initial value, a table, names, prototypes ---- */

static int limit = 100;			/* 10 would be right */

KEEP int allowed(int n)
{
	return n <= limit;
}

KEEP void set_limit(int n)
{
	limit = n;
}

static const char *const commands[] = { "get", "set" };

KEEP int command_number(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i], name) == 0)
			return (int)i;
	return -1;
}

static int counter = 5;

KEEP int next_number(void)
{
	return ++counter;
}

/* It does not know the size of the buffer. */
KEEP void copy_name(char *to, const char *from)
{
	strcpy(to, from);
}

KEEP int name_length(const char *from)
{
	char name[64];

	copy_name(name, from);
	return (int)strlen(name);
}

/* ---- main and a worker, which never return ---- */

static atomic_int turns, is_slow, longest;

KEEP int pace(int turn)
{
	return turn > 0 ? 1 : 0;
}

KEEP void take_turn(void)
{
	struct timespec pause = { .tv_nsec = 2000000 };

	nanosleep(&pause, NULL);
	turns += pace(turns + 1);
}

/* The error: the longest run of a worker is known to a million turns only. */
KEEP void *worker(void *arg)
{
	int count = 0;

	for (;;) {
		take_turn();
		if (++count % 1000000 == 0 && count > longest)
			longest = count;
	}
	return arg;
}

/* ---- who owns the memory ---- */

static char default_title[] = "untitled";
static char *title = default_title;

KEEP const char *title_get(void)
{
	return title;
}

/* The error: what was there before is never freed. */
KEEP void title_set(const char *text)
{
	title = strdup(text);
}

void reply(const char *question, char *answer, size_t size)
{
	char what[32] = "", text[64] = "";
	int n = 0;

	sscanf(question, "%31s %63s", what, text);
	n = atoi(text);
	if (strcmp(what, "open") == 0)
		snprintf(answer, size, "session %u", session_open()->serial);
	else if (strcmp(what, "try") == 0)
		snprintf(answer, size, "%s", sessions != NULL ? session_try(sessions, n) : "none");
	else if (strcmp(what, "admins") == 0) {
		for (const struct session *session = sessions; session != NULL; session = session->next)
			n += session_is_admin(session);
		snprintf(answer, size, "admins %d", n);
	} else if (strcmp(what, "close") == 0 && sessions != NULL) {
		session_close(sessions);
		snprintf(answer, size, "closed");
	} else if (strcmp(what, "allowed") == 0)
		snprintf(answer, size, "allowed %d", allowed(n));
	else if (strcmp(what, "limit") == 0)
		set_limit(n);
	else if (strcmp(what, "command") == 0)
		snprintf(answer, size, "command %d", command_number(text));
	else if (strcmp(what, "number") == 0)
		snprintf(answer, size, "number %d", next_number());
	else if (strcmp(what, "name") == 0)
		snprintf(answer, size, "name %d", name_length(text));
	else if (strcmp(what, "work") == 0) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, worker, NULL) != 0)
			abort();
	} else if (strcmp(what, "turns") == 0) {
		int before = turns;

		for (int i = 0; i < 5000 && turns == before; i++)
			take_turn();
		snprintf(answer, size, "turns %s", turns > before ? "go on" : "stop");
	} else if (strcmp(what, "longest") == 0) {
		for (int i = 0; i < 5000 && longest == 0 && n != 0; i++)
			take_turn();
		snprintf(answer, size, "longest %s", longest == 0 ? "unknown" : longest > 1 ? "known" : "begins anew");
	} else if (strcmp(what, "title") == 0) {
		if (text[0] != '\0')
			title_set(text);
		snprintf(answer, size, "title %s", title_get());
	}
}
