/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that does, on demand, what makes a process another one. */
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target.h"

extern char **environ;

static volatile int spawning;

KEEP const char *greet(void)
{
	return "hello";
}

/* posix_spawn shares the address space with the child until that calls exec. */
static void *spawn(void *unused)
{
	char *arguments[] = { (char *)"true", NULL };
	pid_t child;

	while (spawning) {
		if (posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) == 0)
			waitpid(child, NULL, 0);
	}
	return unused;
}

static void *execute_soon(void *unused)
{
	pid_t child = vfork();

	if (child == 0) {
		usleep(100000);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	waitpid(child, NULL, 0);
	return unused;
}

static void *wait_in_child(void *unused)
{
	pid_t child = vfork();

	if (child == 0) {
		for (;;)
			pause();
	}
	waitpid(child, NULL, 0);
	return unused;
}

static void *leave(void *unused)
{
	execl("/proc/self/exe", "restless", (char *)NULL);
	return unused;
}

void reply(const char *question, char *answer, size_t size)
{
	static pthread_t thread;

	snprintf(answer, size, "done");
	if (strcmp(question, "greet") == 0) {
		snprintf(answer, size, "%s", greet());
	} else if (strcmp(question, "spawn") == 0) {
		spawning = 1;
		pthread_create(&thread, NULL, spawn, NULL);
	} else if (strcmp(question, "rest") == 0) {
		spawning = 0;
		pthread_join(thread, NULL);
	} else if (strcmp(question, "vfork") == 0) {
		pthread_create(&thread, NULL, wait_in_child, NULL);
	} else if (strcmp(question, "vfork for a moment") == 0) {
		pthread_create(&thread, NULL, execute_soon, NULL);
		pthread_detach(thread);
	} else if (strcmp(question, "exec") == 0) {
		leave(NULL);
	} else if (strcmp(question, "exec in a thread") == 0) {
		pthread_create(&thread, NULL, leave, NULL);
		pthread_join(thread, NULL);
	} else if (strcmp(question, "exit") == 0) {
		_exit(0);
	}
}
