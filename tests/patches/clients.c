/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client may try three times.  The number of its failures is attached to it, as the structure has no room for it.
 * ON_FREE and STAMP are the two ways to keep it from the next client at this address; without either of them that one
 * inherits it.
 */
#include <nsb/vzp.h>

#include <stdlib.h>

#include <nsb/shadow.h>

struct client {
	unsigned serial;
	int is_in;
};

VZP_FILE("clients.c");
const char *client_login(struct client *client, int password);
void client_free(struct client *client);

struct failures {
	unsigned count;
};

#ifndef ROOM
#define ROOM 2
#endif
#ifdef MALLOC
SHADOW_MALLOC(failures, struct failures, 100);
#else
SHADOW_POOL(failures, struct failures, ROOM);
#endif

#ifdef STAMP
#define STAMP_OF(client) ((client)->serial)
#else
#define STAMP_OF(client) 0
#endif

const char *client_login(struct client *client, int password)
{
	struct failures *known = shadow_attach(&failures, client, 0, STAMP_OF(client));

	if (known == NULL || known->count >= 3)
		return "locked out";
	client->is_in = password == 42;
	known->count = client->is_in ? 0 : known->count + 1;
	return client->is_in ? "welcome" : "wrong";
}

#ifdef ON_FREE
VZP_STATIC_VAR_REF(struct client *, spare);

void client_free(struct client *client)
{
	shadow_detach(&failures, client, 0);
	if (spare == NULL)
		spare = client;
	else
		free(client);
}
#endif
