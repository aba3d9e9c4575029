/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compilation.h"
#include "spawn.h"
#include "stage.h"
#include "tree.h"
#include "units.h"

/* The run in the system knows by it that it is that; "new" or "old" is the system. */
#define IN_CHROOT "NSB_BUILD_IN_CHROOT"
/* Where nsb-build, nsb-gen and nsb are there. */
#define TOOLS "/run/nsb-build"

/* What is mounted: a file or a folder of this system, at `path` of the other one. */
struct guest {
	char *path;
	int fd;
};

struct guests {
	struct guest all[256];
	size_t n;
	struct words made;	/* what had to be made there for them, in this order */
};

static volatile sig_atomic_t noted;
static volatile pid_t worker;

bool chroot_is_in(void)
{
	return getenv(IN_CHROOT) != NULL;
}

bool chroot_is_new(void)
{
	const char *value = getenv(IN_CHROOT);

	return value != NULL && strcmp(value, "new") == 0;
}

static void note(int signal)
{
	noted = signal;
	if (worker > 0)
		kill(worker, signal);
}

/* ---- the system ---- */

static bool is_system(const char *folder)
{
	return access(text("%s/usr/bin", folder), F_OK) == 0 && access(text("%s/run", folder), F_OK) == 0 &&
	       access(text("%s/proc", folder), F_OK) == 0;
}

static void write_sources(const char *folder, const char *suite, const char *mirror)
{
	char *path = text("%s/etc/apt/sources.list", folder);
	FILE *file = fopen(path, "we");

	if (file == NULL || fprintf(file, "deb %s %s main\ndeb-src %s %s main\n", mirror, suite, mirror, suite) < 0 || fclose(file) != 0)
		stop(STAGE_OTHER, "%s: %s", path, strerror(errno));
}

/* What this system's apt has been told of proxies and time limits holds for the other one, too. */
static void copy_acquire(const struct settings *settings, const char *folder)
{
	char *path = text("%s/etc/apt/apt.conf.d/90host", folder);
	struct words argv = { .n = 0 };

	words_add_all(&argv, "sh", "-c", "apt-config dump --format '%f \"%v\";%n' Acquire | grep -v '^Acquire::\\(IndexTargets\\|CompressionTypes\\)' >\"$0\"",
		      path, NULL);
	/* A host without apt has told it nothing: then the file is empty. */
	(void)spawn(&(struct spawn){ .argv = &argv, .output = settings->log });
}

/* Make the system of "SUITE" or "SUITE=MIRROR".  It gets its name when it is whole. */
static void make_system(const struct settings *settings)
{
	const char *equals = strchr(settings->suite, '='), *mirror = equals != NULL ? equals + 1 : "http://deb.debian.org/debian";
	char *suite = text("%.*s", (int)strcspn(settings->suite, "="), settings->suite), *made = text("%s.new", settings->chroot);
	struct words argv = { .n = 0 };
	size_t from = log_size(settings->log);

	if (!settings->quiet)
		printf("  making %s: %s\n", settings->chroot, suite);
	(void)fflush(stdout);
	tree_remove(made);
	/* libelf is what nsb-build and nsb-gen want of it. */
	words_add_all(&argv, "debootstrap", "--variant=buildd", "--include=libelf-dev", suite, made, mirror, NULL);
	int status = spawn(&(struct spawn){ .argv = &argv, .output = settings->log });
	if (status == 127)
		stop(STAGE_SOURCE, "%s cannot be made: debootstrap is not installed (apt-get install debootstrap)", settings->chroot);
	if (status != 0) {
		char *error = first_error(settings->log, from);

		tree_remove(made);
		stop(STAGE_SOURCE, "%s cannot be made: %s (log: %s)", settings->chroot, error, settings->log);
	}
	write_sources(made, suite, mirror);
	copy_acquire(settings, made);
	(void)rmdir(settings->chroot);
	if (rename(made, settings->chroot) != 0)
		stop(STAGE_OTHER, "%s: %s", settings->chroot, strerror(errno));
}

/* ---- what is brought ---- */

/* Folders that are the other system's own. */
static bool is_of_system(const char *path)
{
	static const char *const folders[] = { "/", "/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/run", "/sbin", "/sys", "/usr", "/var" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (strcmp(path, folders[i]) == 0)
			return true;
	return false;
}

static void bring_at(struct guests *guests, const char *path, const char *at)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	/* Who reads it tells that it is not there. */
	if (fd < 0)
		return;
	if (guests->n == sizeof(guests->all) / sizeof(guests->all[0]))
		stop(STAGE_USAGE, "--chroot: more than %zu files and folders", guests->n);
	guests->all[guests->n++] = (struct guest){ text("%s", at), fd };
}

static void bring(struct guests *guests, const char *path)
{
	char *real = realpath(path, NULL);

	if (real != NULL && is_of_system(real))
		stop(STAGE_USAGE, "--chroot: %s is a folder that each system has for itself: use another one", real);
	bring_at(guests, path, path_plain(text("%s", path)));
	free(real);
}

static void bring_all(struct guests *guests, const struct words *paths)
{
	for (size_t i = 0; i < paths->n; i++)
		bring(guests, paths->all[i]);
}

static void bring_named(struct guests *guests, const struct settings *settings)
{
	const char *base = getenv("TMPDIR");
	char here[PATH_MAX], own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (length <= 0 || getcwd(here, sizeof(here)) == NULL)
		stop(STAGE_OTHER, "cannot tell where this is: %s", strerror(errno));
	own[length] = '\0';
	*strrchr(own, '/') = '\0';
	bring_at(guests, own, TOOLS);
	bring_at(guests, "/dev", "/dev");
	bring_at(guests, "/sys", "/sys");
	bring_at(guests, "/etc/resolv.conf", "/etc/resolv.conf");
	bring(guests, base != NULL && *base == '/' ? base : "/var/tmp");
	bring(guests, here);
	bring(guests, settings->output);
	if (settings->source != NULL)
		bring(guests, *settings->source == '/' ? settings->source : text("%s/%s", here, settings->source));
	bring_all(guests, &settings->targets);
	bring_all(guests, &settings->diffs);
	if (settings->rpm != NULL)
		bring(guests, settings->rpm);
	if (settings->former != NULL)
		bring(guests, settings->former);
}

/* Make what is not there of a path, for a folder or a file to be mounted on.  NULL, or why that failed. */
static const char *make_place(struct guests *guests, const struct guest *guest)
{
	char *path = text("%s", guest->path);
	struct stat st;

	if (fstat(guest->fd, &st) != 0)
		return strerror(errno);
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) == 0)
			words_add(&guests->made, text("%s", path));
		*slash = '/';
	}
	int fd = S_ISDIR(st.st_mode) ? mkdir(path, 0755) : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? NULL : strerror(errno);
	words_add(&guests->made, path);
	if (fd > 0)
		close(fd);
	return NULL;
}

/* ---- the run ---- */

/* From here on the system is the root of this process, in a mount namespace of its own. */
static void enter(const struct settings *settings, struct guests *guests)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		stop(STAGE_OTHER, "--chroot: cannot make a mount namespace: %s", strerror(errno));
	/* The builds look at the root as at a mount: tree.c. */
	if (mount(settings->chroot, settings->chroot, NULL, MS_BIND | MS_REC, NULL) != 0)
		stop(STAGE_OTHER, "%s cannot be mounted: %s", settings->chroot, strerror(errno));
	/* A file of another mount namespace could not be mounted any more. */
	bring_named(guests, settings);
	if (chdir(settings->chroot) != 0 || chroot(".") != 0)
		stop(STAGE_OTHER, "%s: %s", settings->chroot, strerror(errno));
	if (mount("proc", "/proc", "proc", 0, NULL) != 0)
		stop(STAGE_OTHER, "/proc of the chroot cannot be mounted: %s", strerror(errno));
}

static void leave(const struct guests *guests)
{
	for (size_t i = guests->n; i > 0; i--)
		(void)umount2(guests->all[i - 1].path, MNT_DETACH);
	for (size_t i = guests->made.n; i > 0; i--)
		if (rmdir(guests->made.all[i - 1]) != 0)
			(void)unlink(guests->made.all[i - 1]);
}

/* NULL, or why not all is there. */
static const char *mount_guests(struct guests *guests)
{
	for (size_t i = 0; i < guests->n; i++) {
		const struct guest *guest = &guests->all[i];
		const char *why = make_place(guests, guest);

		if (why == NULL && mount(text("/proc/self/fd/%d", guest->fd), guest->path, NULL, MS_BIND | MS_REC, NULL) != 0)
			why = strerror(errno);
		if (why != NULL)
			return text("%s cannot be mounted there: %s", guest->path, why);
	}
	return NULL;
}

/* Run a command there.  Its exit status. */
static int run(const char *folder, char **argv, bool is_silent)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return STAGE_OTHER;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (is_silent && (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL))
			_exit(STAGE_OTHER);
		if (chdir(folder) == 0)
			execv(argv[0], argv);
		_exit(127);
	}
	worker = pid;
	if (noted != 0)
		kill(pid, noted);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	worker = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int chroot_run(const struct settings *settings, char **argv)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	char *version[] = { TOOLS "/nsb-build", "--version", NULL }, here[PATH_MAX];
	struct guests guests = { .n = 0 };
	bool is_new = false;

	if (geteuid() != 0)
		stop(STAGE_OTHER, "--chroot takes root");
	if (!is_system(settings->chroot)) {
		if (settings->suite == NULL)
			stop(STAGE_SOURCE, "%s is no system that can be built in (--suite SUITE makes one)", settings->chroot);
		make_system(settings);
		is_new = true;
	}
	if (getcwd(here, sizeof(here)) == NULL || setenv(IN_CHROOT, is_new ? "new" : "old", 1) != 0)
		stop(STAGE_OTHER, "cannot tell where this is: %s", strerror(errno));
	enter(settings, &guests);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction old, action = { .sa_handler = note };

		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i], &action, NULL);
	}
	const char *why = mount_guests(&guests);
	int status = why == NULL ? run("/", version, true) : STAGE_OTHER;
	if (why == NULL && status != 0)
		why = "it cannot run nsb-build: libelf1 is not installed there, or its C library is older than that of this system";
	if (why == NULL) {
		argv[0] = version[0];
		status = run(here, argv, false);
	}
	leave(&guests);
	if (why != NULL)
		stop(STAGE_OTHER, "%s: %s", settings->chroot, why);
	return status;
}
