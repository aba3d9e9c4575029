/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * requests PORT RATE SECONDS: be the clients of a memcached on 127.0.0.1, and tell how it answers.
 * RATE requests a second are sent, each at its time, whether or not others have been answered; with
 * RATE 0 each client sends its next one when it has its answer.  An answer's time counts from
 * when its request was due, so that what waits behind a slow one counts, too.  Nine of ten
 * requests are a `get`, the others a `set`.  Prints a line of JSON; times are in nanoseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "meter.h"

#define CLIENTS 40
#define WAITING 4096			/* requests of a client that are not answered yet, at most */
#define SECOND 1000000000ull

#define VALUE "0123456789abcdef0123456789abcdef"
static const char *const questions[] = { "get key\r\n", "set key 0 0 32\r\n" VALUE "\r\n" };
static const char *const answers[] = { "VALUE key 0 32\r\n" VALUE "\r\nEND\r\n", "STORED\r\n" };

static struct client {
	int fd;
	unsigned first, count;
	struct request {
		uint64_t due;
		int kind;
	} waiting[WAITING];
	size_t matched;			/* bytes of the first answer that have come */
} clients[CLIENTS];

static uint64_t *times;
static size_t answered, sent, failed, room;

static void check(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void begin(struct client *client, int epoll, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	int one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	client->fd = socket(AF_INET, SOCK_STREAM, 0);
	check(client->fd >= 0, "socket");
	check(connect(client->fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
	check(setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0, "TCP_NODELAY");
	check(fcntl(client->fd, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
	check(epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) == 0, "epoll_ctl");
}

static void ask(struct client *client, uint64_t due)
{
	int kind = sent % 10 == 0;
	size_t size = strlen(questions[kind]);

	check(client->count < WAITING, "too many requests wait for an answer");
	client->waiting[(client->first + client->count++) % WAITING] = (struct request){ due, kind };
	sent++;
	check(write(client->fd, questions[kind], size) == (ssize_t)size, "write");
}

static void keep(uint64_t time)
{
	if (answered == room) {
		room = room == 0 ? 1 << 16 : 2 * room;
		times = realloc(times, room * sizeof(*times));
		check(times != NULL, "realloc");
	}
	times[answered++] = time;
}

/* Take what has come for a client.  An answer that is another one than was expected has failed. */
static void take(struct client *client, int again, uint64_t end)
{
	char bytes[8192];
	ssize_t got = read(client->fd, bytes, sizeof(bytes));
	uint64_t now = now_ns();

	if (got < 0 && errno == EAGAIN)
		return;
	check(got > 0, "the server has closed the connection");
	for (ssize_t i = 0; i < got; i++) {
		const struct request *request = &client->waiting[client->first];
		const char *answer = answers[request->kind];

		check(client->count > 0, "an answer to no request");
		if (bytes[i] != answer[client->matched])
			failed++;
		if (answer[++client->matched] != '\0')
			continue;
		keep(now - request->due);
		client->matched = 0;
		client->first = (client->first + 1) % WAITING;
		client->count--;
		if (again && now < end)
			ask(client, now_ns());
	}
}

static void take_all(int epoll, uint64_t wait_ns, int again, uint64_t end)
{
	struct timespec pause = { (time_t)(wait_ns / SECOND), (long)(wait_ns % SECOND) };
	struct pollfd any = { .fd = epoll, .events = POLLIN };
	struct epoll_event events[CLIENTS];
	int count = ppoll(&any, 1, &pause, NULL) > 0 ? epoll_wait(epoll, events, CLIENTS, 0) : 0;

	for (int i = 0; i < count; i++)
		take(events[i].data.ptr, again, end);
}

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t at(unsigned permille)
{
	return times[(answered - 1) * permille / 1000];
}

int main(int argc, char **argv)
{
	double rate, seconds;
	uint64_t began, end;
	int epoll;

	if (argc != 4) {
		fprintf(stderr, "usage: requests PORT RATE SECONDS\n");
		return 64;
	}
	rate = atof(argv[2]);
	seconds = atof(argv[3]);
	epoll = epoll_create1(0);
	check(epoll >= 0, "epoll_create1");
	for (int i = 0; i < CLIENTS; i++)
		begin(&clients[i], epoll, atoi(argv[1]));
	/* The first one is a set: the key is there. */
	ask(&clients[0], now_ns());
	while (answered == 0)
		take_all(epoll, SECOND, 0, 0);
	answered = 0;
	began = now_ns();
	end = began + (uint64_t)(seconds * (double)SECOND);
	for (int i = 0; rate == 0 && i < CLIENTS; i++)
		ask(&clients[i], now_ns());
	for (uint64_t next = 0, now = began; now < end; now = now_ns()) {
		uint64_t due = rate == 0 ? end : began + (uint64_t)((double)next * (double)SECOND / rate);

		for (; due <= now; due = began + (uint64_t)((double)next * (double)SECOND / rate))
			ask(&clients[next++ % CLIENTS], due);
		take_all(epoll, due - now, rate == 0, end);
	}
	end = now_ns() - began;
	for (uint64_t last = now_ns() + 5 * SECOND; answered + 1 < sent && now_ns() < last;)
		take_all(epoll, SECOND / 100, 0, 0);
	check(answered > 0, "no answer");
	qsort(times, answered, sizeof(*times), order);
	printf("{\"elapsed_ns\": %llu, \"sent\": %zu, \"answered\": %zu, \"failed\": %zu, \"p50_ns\": %llu, "
	       "\"p99_ns\": %llu, \"p999_ns\": %llu, \"max_ns\": %llu}\n", (unsigned long long)end, sent - 1, answered,
	       failed + (sent - 1 - answered), (unsigned long long)at(500), (unsigned long long)at(990),
	       (unsigned long long)at(999), (unsigned long long)at(1000));
	return 0;
}
