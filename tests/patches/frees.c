/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has failed three times is locked out.  That is attached to the object, and goes when the function WAY is
 * called with OBJECT.
 */
#include <nsb/vzp.h>

#include <stdlib.h>

#include <nsb/shadow.h>

struct object {
	int is_in;
	int filler[9];
};

VZP_FILE("frees.c");
const char *login(struct object *at, int password);
VZP_CALLERS_CHECKED(login)

#ifndef ROOM
#define ROOM 1
#endif
#ifdef MALLOC
SHADOW_MALLOC(failures, unsigned, 10);
#else
SHADOW_POOL(failures, unsigned, ROOM * 2);
#endif
SHADOW_POOL(logins, unsigned, ROOM);

const char *login(struct object *at, int password)
{
	unsigned *failed = shadow_attach(&failures, at, 0, 0), *again = shadow_attach(&failures, at, 77, 0);
	unsigned *tried = shadow_attach(&logins, at, 5, 0);

	if (failed == NULL || again == NULL || tried == NULL)
		return "no memory";
	(*tried)++;
	if (*failed >= 3 && *again >= 3 && *tried > 3)
		return "locked out";
	at->is_in = password == 42;
	if (!at->is_in)
		++*failed, ++*again;
	return at->is_in ? "welcome" : "wrong";
}

#ifdef WAY
VZP_ON_FREE(WAY, OBJECT)
#ifdef WAY2
VZP_ON_FREE(WAY2, OBJECT)
#endif
#endif
