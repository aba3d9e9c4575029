/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wrapper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmdline.h"
#include "compilation.h"
#include "stage.h"

static pid_t child;

static void pass_on(int signal)
{
	if (child > 0)
		kill(child, signal);
}

/* PATH without the wrapper: the compiler may look for itself there, as ccache does. */
static char *path_without(const char *path, const char *folder)
{
	char *out = text("%s", path), *to = out;

	for (const char *at = path; ; at++) {
		size_t length = strcspn(at, ":");

		if (length != strlen(folder) || strncmp(at, folder, length) != 0) {
			if (to != out)
				*to++ = ':';
			memmove(to, at, length);
			to += length;
		}
		at += length;
		if (*at == '\0')
			break;
	}
	*to = '\0';
	return out;
}

static char *find_compiler(const char *path, const char *name)
{
	for (const char *at = path; ; at++) {
		size_t length = strcspn(at, ":");
		char *each = text("%.*s/%s", (int)length, at, name);
		struct stat st;

		if (length > 0 && access(each, X_OK) == 0 && stat(each, &st) == 0 && S_ISREG(st.st_mode))
			return each;
		at += length;
		if (*at == '\0')
			return NULL;
	}
}

static int copy_file(const char *from, const char *to)
{
	size_t size;
	char *bytes = slurp(from, &size);
	FILE *file = bytes != NULL ? fopen(to, "we") : NULL;

	if (file == NULL)
		return -errno;
	int err = fwrite(bytes, 1, size, file) == size ? 0 : -EIO;
	if (fclose(file) != 0)
		err = -errno;
	free(bytes);
	return err;
}

/* Run the compiler.  It gets the signals that the wrapper gets. */
static int call(const char *compiler, const char *name, const struct words *arguments)
{
	struct words argv = { .n = 0 };
	int status;

	words_add(&argv, name);
	words_append(&argv, arguments);
	child = fork();
	if (child < 0)
		stop(STAGE_OTHER, "cannot start %s: %s", compiler, strerror(errno));
	if (child == 0) {
		execv(compiler, argv.all);
		warn("cannot run %s: %s", compiler, strerror(errno));
		_exit(127);
	}
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signal(signals[i], pass_on) == SIG_IGN)
			signal(signals[i], SIG_IGN);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			stop(STAGE_OTHER, "cannot wait for %s: %s", compiler, strerror(errno));
	child = 0;
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
		return 128 + WTERMSIG(status);
	}
	return WEXITSTATUS(status);
}

extern char **environ;

static void keep(const char *folder, const char *name, const char *compiler, const struct words *arguments, const char *depends)
{
	struct compilation record = { .name = NULL };

	record.folder = getcwd(NULL, 0);
	record.compiler = (char *)(uintptr_t)compiler;
	record.arguments = *arguments;
	for (char **each = environ; *each != NULL; each++)
		words_add(&record.environment, *each);
	int err = record.folder == NULL ? -errno : compilation_write(folder, name, &record);
	if (err != 0)
		stop(STAGE_OTHER, "%s/%s: cannot record a call of %s: %s", folder, name, compiler, strerror(-err));
	if (depends != NULL && copy_file(depends, text("%s/%s.d", folder, name)) != 0)
		return;		/* then it is not known what the compiler read, and all of it is looked at */
}

const char *const wrapper_steps[] = { "dh_update_autotools_config", "dh_autoreconf", "dh_auto_configure", NULL };

bool wrapper_is_step(const char *name)
{
	for (const char *const *each = wrapper_steps; *each != NULL; each++)
		if (strcmp(name, *each) == 0)
			return true;
	return false;
}

int wrapper_step(const char *name, char **argv)
{
	const char *own = getenv(WRAPPER_FOLDER), *path = getenv("PATH");

	msg_init(name);
	if (getenv(WRAPPER_AGAIN) != NULL)
		return 0;
	const char *program = own != NULL && path != NULL ? find_compiler(path_without(path, own), name) : NULL;
	if (program == NULL)
		stop(127, "no %s is in PATH", name);
	execv(program, argv);
	stop(127, "cannot run %s: %s", program, strerror(errno));
}

static bool has_input(const struct words *arguments)
{
	for (size_t i = 0; i < arguments->n; i++)
		if (arguments->all[i][0] != '-')
			return true;
	return false;
}

int wrapper_main(const char *name, int argc, char **argv)
{
	const char *records = getenv(WRAPPER_RECORDS), *own = getenv(WRAPPER_FOLDER), *map = getenv(WRAPPER_PREFIX_MAP);
	const char *path = getenv("PATH");
	struct words given = { .n = 0 }, arguments = { .n = 0 };
	struct cmdline line;
	struct timespec now;

	msg_init(name);
	if (records == NULL || own == NULL || path == NULL)
		stop(127, "this is nsb-build's compiler wrapper, which only runs inside a build of nsb-build");
	path = path_without(path, own);
	const char *compiler = find_compiler(path, name);
	if (compiler == NULL)
		stop(127, "no %s is in PATH", name);
	if (setenv("PATH", path, 1) != 0)
		stop(STAGE_OTHER, "out of memory");
	for (int i = 1; i < argc; i++)
		words_add(&given, argv[i]);
	struct words expanded = { .n = 0 };
	cmdline_expand(&given, &expanded);
	cmdline_read(&expanded, &line);
	/* A question to the compiler (-v, --version, -print-file-name=) is not recorded, nor is preprocessing. */
	bool links = line.what == COMPILING_PROGRAM && has_input(&expanded);
	if (line.what == COMPILING_NOTHING || (line.sources.n == 0 && !links))
		return call(compiler, name, &given);

	char *depends = NULL, *time;
	clock_gettime(CLOCK_REALTIME, &now);
	time = text("%010lld%09ld-%d", (long long)now.tv_sec, now.tv_nsec, (int)getpid());
	cmdline_keep_symbols(&expanded, &arguments);
	struct words recorded = { .n = 0 };
	if (!line.has_types && line.sources.n > 0)
		words_add(&arguments, "-g");
	if (map != NULL && line.sources.n > 0)
		words_add(&arguments, text("-ffile-prefix-map=%s", map));
	words_append(&recorded, &arguments);
	if (line.sources.n == 1 && !line.has_depends && line.depends == NULL) {
		depends = text("%s/%s.made", records, time);
		words_add_all(&arguments, "-MD", "-MF", depends, NULL);
	} else if (line.sources.n == 1 && line.depends != NULL) {
		depends = text("%s", line.depends);
	}
	int status = call(compiler, name, &arguments);
	if (status == 0)
		keep(records, time, compiler, &recorded, depends);
	if (depends != NULL && line.depends == NULL)
		(void)unlink(depends);
	return status;
}
