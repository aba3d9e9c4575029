/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections, a list of them, whose structure changes its layout with the fix (NEW). */
#ifdef NEW
#include <nsb/vzp.h>
#endif
#include "target.h"

#include <stdlib.h>
#include <string.h>

struct conn {
	struct conn *next;
#ifdef NEW
	int got;			/* in bytes */
	unsigned short sent, lost;
#else
	int sent, got;			/* in blocks of 512 bytes */
#endif
#ifdef PADDING
	char kind, level;
#else
	char kind;
#endif
};

static struct conn *conns;

KEEP void conn_open(int sent, int got)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		abort();
#ifdef NEW
	conn->lost = 1;
	conn->got = got * 512;
	conn->sent = (unsigned short)sent;
#else
	conn->got = got;
	conn->sent = sent;
#endif
	conn->next = conns;
	conns = conn;
}

/* Of the newest one. */
KEEP int conn_got(void)
{
#ifdef NEW
	return conns->got / 512;
#else
	return conns->got;
#endif
}

KEEP int conn_sent(void)
{
	int sum = 0;

	for (const struct conn *conn = conns; conn != NULL; conn = conn->next)
#ifdef NEW
		sum += conn->sent + 1000 * conn->lost;
#else
		sum += conn->sent;
#endif
	return sum;
}

/* It depends on no member but the first one. */
KEEP int conn_count(void)
{
	int count = 0;

	for (const struct conn *conn = conns; conn != NULL; conn = conn->next)
		count++;
	return count;
}

#if defined(NEW) && !defined(PADDING)
/* The old layout. */
struct old_conn {
	struct conn *next;
	int sent, got;
};

static void convert(void)
{
	for (struct conn *conn = conns; conn != NULL; conn = conn->next) {
		struct old_conn old;

		memcpy(&old, conn, sizeof(old));
		conn->got = old.got * 512;
		conn->sent = (unsigned short)old.sent;
		conn->lost = 0;
	}
}
VZP_POST_APPLY(convert)

#ifndef NO_WAY_BACK
static void convert_back(void)
{
	for (struct conn *conn = conns; conn != NULL; conn = conn->next) {
		struct old_conn old = { conn->next, conn->sent, conn->got / 512 };

		memcpy(conn, &old, sizeof(old));
	}
}
VZP_POST_REVERT(convert_back)
#endif
#ifndef NO_WORD
VZP_LAYOUT(struct conn, convert)
#endif
#endif

void reply(const char *question, char *answer, size_t size)
{
	int sent = 0, got = 0;

	if (sscanf(question, "open %d %d", &sent, &got) == 2) {
		conn_open(sent, got);
		snprintf(answer, size, "count %d", conn_count());
	} else if (strcmp(question, "got") == 0) {
		snprintf(answer, size, "got %d", conn_got());
	} else if (strcmp(question, "sent") == 0) {
		snprintf(answer, size, "sent %d", conn_sent());
	}
}
