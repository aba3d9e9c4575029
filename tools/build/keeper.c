/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "stage.h"
#include "steps.h"
#include "tree.h"
#include "words.h"

static volatile sig_atomic_t noted;
static volatile pid_t worker;

static void note(int signal)
{
	noted = signal;
	if (worker > 0)
		kill(worker, SIGKILL);
}

static bool is_child(const char *name)
{
	char path[64], bytes[512];
	(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", name);
	FILE *file = fopen(path, "re");
	size_t n = file != NULL ? fread(bytes, 1, sizeof(bytes) - 1, file) : 0;
	int parent = 0;

	if (file != NULL)
		(void)fclose(file);
	bytes[n] = '\0';
	/* "PID (NAME) STATE PARENT": a name may have brackets. */
	const char *end = strrchr(bytes, ')');
	return end != NULL && sscanf(end + 1, " %*c %d", &parent) == 1 && parent == (int)getpid();
}

static bool kill_children(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	bool any = false;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[strspn(entry->d_name, "0123456789")] == '\0' && is_child(entry->d_name)) {
			kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
			any = true;
		}
	closedir(dir);
	return any;
}

/* Children of a child that has ended become nsb-build's own, as it is their subreaper. */
static void end_all(void)
{
	while (kill_children())
		while (waitpid(-1, NULL, 0) < 0 && errno == EINTR)
			;
}

static char *make_folder(void)
{
	const char *base = getenv("TMPDIR");
	char *folder = text("%s/nsb-build-XXXXXX", base != NULL && *base == '/' ? base : "/var/tmp");

	if (mkdtemp(folder) == NULL)
		stop(STAGE_OTHER, "%s: %s", folder, strerror(errno));
	char *real = realpath(folder, NULL);
	return real != NULL ? real : folder;
}

int keeper_run(int (*work)(void *argument, const char *folder), void *argument, const char *log, bool keeps_folder)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	char *folder = make_folder();
	int status = 0;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction old, action = { .sa_handler = note };

		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i], &action, NULL);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t pid = fork();
	if (pid < 0)
		stop(STAGE_OTHER, "cannot start a process: %s", strerror(errno));
	if (pid == 0) {
		/* A session of its own: what the terminal sends goes to the parent alone. */
		setsid();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
			if (signal(signals[i], SIG_DFL) == SIG_IGN)
				signal(signals[i], SIG_IGN);
		exit(work(argument, folder));
	}
	worker = pid;
	if (noted != 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	worker = 0;
	end_all();
	cache_clean(folder);
	if (!keeps_folder)
		tree_remove(folder);
	if (noted != 0) {
		(void)unlink(log);
		step_clear_of_child();
		warn("interrupted by %s: nothing was made, nothing is left", strsignal(noted));
		return STAGE_INTERRUPTED;
	}
	if (keeps_folder)
		warn("%s is kept", folder);
	if (WIFSIGNALED(status)) {
		warn("ended by %s, which is a bug of nsb-build", strsignal(WTERMSIG(status)));
		return STAGE_OTHER;
	}
	return WEXITSTATUS(status);
}
