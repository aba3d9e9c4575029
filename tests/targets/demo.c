/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server of `make demo`: clients of a unix socket send a line and get one
 * back.  demo.sh patches offer().
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST 16

static int requests;

int offer(int pieces, char *line, size_t size);

/* The bug: who orders less than nothing is paid. */
__attribute__((noinline)) int offer(int pieces, char *line, size_t size)
{
	requests++;
	return snprintf(line, size, "%d pieces: %d (request %d)\n", pieces, pieces * 3, requests);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, MOST) != 0)
		return -1;
	return fd;
}

static int answer(int fd)
{
	char line[64];
	int pieces, len;
	ssize_t got = read(fd, line, sizeof(line) - 1);

	if (got <= 0)
		return -1;
	line[got] = '\0';
	if (sscanf(line, "%d", &pieces) != 1)
		return -1;
	len = offer(pieces, line, sizeof(line));
	return write(fd, line, (size_t)len) == len ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct pollfd fds[MOST + 1] = { { .events = POLLIN } };
	nfds_t n = 1;

	fds[0].fd = argc == 2 ? listen_at(argv[1]) : -1;
	if (fds[0].fd == -1) {
		perror(argv[0]);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (poll(fds, n, -1) > 0) {
		if ((fds[0].revents & POLLIN) && n <= MOST)
			fds[n++] = (struct pollfd){ .fd = accept(fds[0].fd, NULL, NULL),
						    .events = POLLIN };
		for (nfds_t i = 1; i < n; i++) {
			if (fds[i].revents != 0 && answer(fds[i].fd) != 0) {
				close(fds[i].fd);
				fds[i--] = fds[--n];
			}
		}
	}
	return 1;
}
