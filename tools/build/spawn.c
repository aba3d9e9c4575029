/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stage.h"

extern char **environ;

static void redirect(const char *path, int to)
{
	int fd = open(path, to == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND, 0666);

	if (fd < 0 || dup2(fd, to) < 0)
		stop(STAGE_OTHER, "%s: %s", path, strerror(errno));
	if (fd != to)
		close(fd);
}

pid_t spawn_start(const struct spawn *job)
{
	pid_t pid = fork();

	if (pid < 0)
		stop(STAGE_OTHER, "cannot start %s: %s", job->argv->all[0], strerror(errno));
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (job->place != NULL)
		place_enter(job->place, job->tree);
	if (job->folder != NULL && chdir(job->folder) != 0)
		stop(STAGE_OTHER, "%s: %s", job->folder, strerror(errno));
	redirect("/dev/null", STDIN_FILENO);
	redirect(job->output != NULL ? job->output : "/dev/null", STDOUT_FILENO);
	if (job->errors != NULL)
		redirect(job->errors, STDERR_FILENO);
	else if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		_exit(127);
	if (job->environment != NULL)
		environ = job->environment->all;
	execvp(job->argv->all[0], job->argv->all);
	warn("cannot run %s: %s", job->argv->all[0], strerror(errno));
	_exit(127);
}

int spawn_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			stop(STAGE_OTHER, "cannot wait for a command: %s", strerror(errno));
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int spawn_watched(const struct spawn *job, void (*tell)(void *argument), void *argument)
{
	pid_t pid = spawn_start(job);
	siginfo_t info = { .si_pid = 0 };

	/* A build takes seconds; a command that is done at once is waited for no longer than it takes. */
	for (long pause = 1; waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;) {
		nanosleep(&(struct timespec){ .tv_nsec = pause * 1000000 }, NULL);
		if (pause < 100)
			pause *= 2;
		else
			tell(argument);
	}
	return spawn_wait(pid);
}

int spawn(const struct spawn *job)
{
	return spawn_wait(spawn_start(job));
}
