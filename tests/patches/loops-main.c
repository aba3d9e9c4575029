/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main() of tests/targets/main.c goes on in new code, in which standard input alone is heard, and which ends with 7. */
#include <nsb/vzp.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target.h"

VZP_FILE("main.c");
VZP_STATIC_VAR_REF(struct pollfd[64], places);
VZP_FILE("loops.c");
struct worker;
int comes_home(struct worker *worker);

/* A function that is replaced: a patch has one. */
int comes_home(struct worker *worker)
{
	return worker != NULL ? 2 : 0;
}

static int main_on(int ready)
{
	VZP_LOCAL(int, listener);
	char line[256], text[900], answer[1000];

	for (;;) {
		ssize_t size = ready > 0 ? read(0, line, sizeof(line) - 1) : -1;

		if (size == 0)
			return listener + 8;
		if (size > 0) {
			line[size - 1] = 0;
			snprintf(text, sizeof(text), "what?");
			reply(line, text, sizeof(text));
			int length = snprintf(answer, sizeof(answer), "main %s\n", text);
			if (write(1, answer, (size_t)length) != length)
				return 1;
		}
		ready = poll(places, 1, -1);
	}
}
VZP_RESUME(main, poll, main_on);
