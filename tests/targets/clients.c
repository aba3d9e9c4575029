/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients that log in: each is an object that is freed when the client goes, and the next one is made at the same
 * address.  Nothing counts how often a client has tried.
 */
#include "target.h"

#include <stdlib.h>
#include <string.h>

struct client {
	unsigned serial;		/* each client has another one */
	int is_in;
};

static struct client *clients[8];
static struct client *spare;		/* one that was freed */
static unsigned serials;

KEEP struct client *client_new(void)
{
	struct client *client = spare != NULL ? spare : malloc(sizeof(*client));

	if (client == NULL)
		abort();
	spare = NULL;
	*client = (struct client){ .serial = ++serials };
	return client;
}

KEEP void client_free(struct client *client)
{
	if (spare == NULL)
		spare = client;
	else
		free(client);
}

KEEP const char *client_login(struct client *client, int password)
{
	client->is_in = password == 42;
	return client->is_in ? "welcome" : "wrong";
}

void reply(const char *question, char *answer, size_t size)
{
	char what[32] = "";
	unsigned n = 0;
	int password = 0;

	sscanf(question, "%31s %u %d", what, &n, &password);
	n %= 8;
	if (strcmp(what, "open") == 0) {
		clients[n] = client_new();
		snprintf(answer, size, "opened");
	} else if (strcmp(what, "close") == 0 && clients[n] != NULL) {
		client_free(clients[n]);
		clients[n] = NULL;
		snprintf(answer, size, "closed");
	} else if (strcmp(what, "login") == 0 && clients[n] != NULL) {
		snprintf(answer, size, "%s", client_login(clients[n], password));
	}
}
