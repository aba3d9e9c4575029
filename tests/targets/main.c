/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front of every target: questions come as lines on standard input and, when
 * a path is given, from clients of the unix socket of that name.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "target.h"

#ifdef LIBRARY
#include <dlfcn.h>

static void (*reply_loaded)(const char *question, char *answer, size_t size);
#define reply reply_loaded

static void load(void)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (handle != NULL)
		*(void **)&reply_loaded = dlsym(handle, "reply");
	if (reply_loaded == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
}
#else
static void load(void)
{
}
#endif

#define MOST 64

static struct pollfd places[MOST];	/* the listener, if any, then who asks */
static struct asker {
	int in, out;
	size_t filled;
	char line[256];
} askers[MOST];
static nfds_t n_places;

static void add(int in, int out)
{
	if (n_places == MOST) {
		close(in);
		return;
	}
	askers[n_places] = (struct asker){ .in = in, .out = out };
	places[n_places++] = (struct pollfd){ .fd = in, .events = POLLIN };
}

static void say(int out, const char *text)
{
	char line[1024];
	int length = snprintf(line, sizeof(line), "%s\n", text);

	if (write(out, line, (size_t)length) != length)
		perror("write");
}

/* Returns 0 when the asker has gone. */
static int serve(struct asker *asker)
{
	char answer[1000], *end;
	ssize_t got = read(asker->in, asker->line + asker->filled,
			   sizeof(asker->line) - 1 - asker->filled);

	if (got <= 0)
		return 0;
	asker->filled += (size_t)got;
	asker->line[asker->filled] = '\0';
	while ((end = strchr(asker->line, '\n')) != NULL) {
		size_t used = (size_t)(end + 1 - asker->line);

		*end = '\0';
		snprintf(answer, sizeof(answer), "what?");
		reply(asker->line, answer, sizeof(answer));
		say(asker->out, answer);
		asker->filled -= used;
		memmove(asker->line, end + 1, asker->filled + 1);
	}
	return asker->filled < sizeof(asker->line) - 1;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 16) != 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	int listener = -1;

	signal(SIGPIPE, SIG_IGN);
	load();
	add(0, 1);
	if (argc > 1) {
		listener = listen_at(argv[1]);
		add(listener, listener);
	}
	say(1, "ready");
	for (;;) {
		if (poll(places, n_places, -1) < 0) {
			if (errno == EINTR)
				continue;
			perror("poll");
			return 1;
		}
		for (nfds_t i = n_places; i-- > 0;) {
			if (places[i].revents == 0)
				continue;
			if (places[i].fd == listener) {
				int client = accept(listener, NULL, NULL);

				add(client, client);
			} else if (!serve(&askers[i])) {
				if (i == 0)
					return 0;
				close(places[i].fd);
				n_places--;
				askers[i] = askers[n_places];
				places[i] = places[n_places];
			}
		}
	}
}
