/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process with a child that answers through it. */
#include "target.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int to_child[2], from_child[2];
static pid_t child;

KEEP int beat(void)
{
	return 1;
}

static void be_child(void)
{
	char byte;

	while (read(to_child[0], &byte, 1) == 1) {
		byte = (char)beat();
		if (write(from_child[1], &byte, 1) != 1)
			break;
	}
	_exit(0);
}

/* Another process of this program, as a daemon has them that executes itself for each connection. */
static void execute(void)
{
	dup2(to_child[0], 0);
	dup2(from_child[1], 1);
	close(to_child[0]);
	close(from_child[0]);
	close(from_child[1]);
	execl("/proc/self/exe", "anew", NULL);
	_exit(127);
}

static int start(void (*be)(void))
{
	if (pipe(to_child) != 0 || pipe(from_child) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		close(to_child[1]);
		be();
	}
	close(to_child[0]);
	return child;
}

static int ask_child(void)
{
	char byte = 0;

	if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1)
		return -1;
	return byte;
}

void reply(const char *question, char *answer, size_t size)
{
	if (strcmp(question, "fork") == 0)
		snprintf(answer, size, "%d", start(be_child));
	else if (strcmp(question, "execute") == 0)
		snprintf(answer, size, "%d", start(execute));
	else if (strcmp(question, "beat") == 0)
		snprintf(answer, size, "beat %d", beat());
	else if (strcmp(question, "child") == 0)
		snprintf(answer, size, "beat %d", ask_child());
	else if (strcmp(question, "end") == 0) {
		close(to_child[1]);
		waitpid(child, NULL, 0);
		snprintf(answer, size, "ended");
	}
}
