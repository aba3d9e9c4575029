/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "sha256.h"
#include "stage.h"
#include "steps.h"

enum { MOST_ENTRIES = 8 };

/* How the names of builds and of sources begin. */
#define BUILD "build-"
#define SOURCE "source-"

/* ---- the key ---- */

/* A text that grows. */
struct growing {
	char *all;
	size_t n;
};

static void add_text(struct growing *to, const char *line)
{
	size_t length = strlen(line);

	if (ARRAY_GROW(&to->all, to->n, length + 1) != 0)
		stop_kept(STAGE_OTHER);
	memcpy(to->all + to->n, line, length + 1);
	to->n += length;
}

static void add_line(struct growing *to, char *line)
{
	add_text(to, line);
	add_text(to, "\n");
	free(line);
}

/* What tells that a file is another one now. */
static char *mark_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return text("%s none", path);
	return text("%s %lld %lld.%09ld", path, (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void hash_file(const char *path, char hex[SHA256_HEX])
{
	size_t size;
	char *bytes = slurp(path, &size);

	if (bytes == NULL)
		stop(STAGE_SOURCE, "%s: the source is not to be had: %s", path, strerror(errno));
	sha256(bytes, size, hex);
	free(bytes);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A line for each file that is copied. */
static void list_source(const char *folder, const char *below, const char *work, struct words *lines)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	if (dir == NULL)
		stop(STAGE_SOURCE, "%s: the source is not to be had: %s", folder, strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		char *path = text("%s/%s", folder, entry->d_name), *name = text("%s/%s", below, entry->d_name), hex[SHA256_HEX] = "";
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strcmp(path, work) == 0)
			continue;
		if (lstat(path, &st) != 0)
			stop(STAGE_SOURCE, "%s: the source is not to be had: %s", path, strerror(errno));
		if (!tree_is_source(path, &st))
			continue;
		if (S_ISREG(st.st_mode)) {
			hash_file(path, hex);
		} else if (S_ISLNK(st.st_mode)) {
			char link[PATH_MAX];
			ssize_t n = readlink(path, link, sizeof(link));

			sha256(link, n > 0 ? (size_t)n : 0, hex);
		}
		words_add(lines, text("%s %o %s", name, st.st_mode, hex));
		if (S_ISDIR(st.st_mode))
			list_source(path, name, work, lines);
		free(path);
		free(name);
	}
	closedir(dir);
}

/* Variables of the session and the terminal.  Any other one may matter to a build. */
static bool is_of_session(const char *variable)
{
	static const char *const names[] = {
		"_", "PWD", "OLDPWD", "SHLVL", "TERM", "COLUMNS", "LINES", "TMPDIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "WINDOWID",
		"LS_COLORS", "MAIL", "HISTFILE", "HISTSIZE", "PS1", "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSH_AUTH_SOCK",
		"SSH_AGENT_PID", "GPG_AGENT_INFO", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_SESSION_ID", "XDG_SESSION_TYPE",
		"STY", "TMUX", "TMUX_PANE", "SUDO_COMMAND", "INVOCATION_ID", "JOURNAL_STREAM", NULL };
	size_t length = strcspn(variable, "=");

	for (const char *const *name = names; *name != NULL; name++)
		if (strlen(*name) == length && strncmp(*name, variable, length) == 0)
			return true;
	return false;
}

static void add_tools(struct growing *key)
{
	static const char *const names[] = { "as", "ld", "ld.bfd", "ld.gold", "ld.lld", "ar", "ranlib", "make", "ninja", "cmake", "meson", NULL };
	const char *path = getenv("PATH");
	char *folders = text("%s", path != NULL ? path : ""), real[PATH_MAX];

	for (char *each = strtok(folders, ":"); each != NULL; each = strtok(NULL, ":")) {
		DIR *dir = opendir(each);
		struct dirent *entry;
		struct words found = { .n = 0 };

		while (dir != NULL && (entry = readdir(dir)) != NULL)
			if (is_compiler_name(entry->d_name))
				words_add(&found, text("%s/%s", each, entry->d_name));
		if (dir != NULL)
			closedir(dir);
		for (const char *const *name = names; *name != NULL; name++)
			words_add(&found, text("%s/%s", each, *name));
		qsort(found.all, found.n, sizeof(*found.all), by_text);
		for (size_t i = 0; i < found.n; i++)
			if (realpath(found.all[i], real) != NULL)
				add_line(key, text("tool %s %s", found.all[i], mark_of(real)));
	}
}

static char *make_key(const struct settings *settings, const struct place *place, const char *work)
{
	static const char *const packages[] = { "/var/lib/dpkg/status", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages",
						"/lib/apk/db/installed", "/var/lib/pacman/local", NULL };
	struct growing key = { .n = 0 };
	struct words lines = { .n = 0 };
	char own[PATH_MAX], hex[SHA256_HEX];
	mode_t mask = umask(022);

	(void)umask(mask);
	if (realpath("/proc/self/exe", own) == NULL)
		stop(STAGE_OTHER, "/proc/self/exe: %s", strerror(errno));
	hash_file(own, hex);
	add_line(&key, text("nsb-build " NSB_VERSION " %s %s", own, hex));
	add_line(&key, text("place %s", place->source));
	add_line(&key, text("user %u %u mask %o", geteuid(), getegid(), mask));
	for (size_t i = 0; i < settings->command.n; i++)
		add_line(&key, text("word %s", settings->command.all[i]));
	for (char **each = environ; *each != NULL; each++)
		if (!is_of_session(*each)) {
			/* A value may be a secret. */
			sha256(*each, strlen(*each), hex);
			words_add(&lines, text("variable %.*s %s", (int)strcspn(*each, "="), *each, hex));
		}
	qsort(lines.all, lines.n, sizeof(*lines.all), by_text);
	add_tools(&key);
	for (const char *const *each = packages; *each != NULL; each++)
		add_line(&key, text("packages %s", mark_of(*each)));
	for (size_t i = 0; i < lines.n; i++)
		add_line(&key, lines.all[i]);
	lines.n = 0;
	list_source(place->source, "", work, &lines);
	if (lines.n > 0)
		qsort(lines.all, lines.n, sizeof(*lines.all), by_text);
	for (size_t i = 0; i < lines.n; i++)
		add_line(&key, text("file %s", lines.all[i]));
	return key.all;
}

/* ---- entries ---- */

static void write_all(const char *path, const char *bytes)
{
	FILE *file = fopen(path, "we");

	if (file == NULL || fputs(bytes, file) < 0 || fclose(file) != 0)
		stop(STAGE_OTHER, "%s: %s", path, strerror(errno));
}

char *cache_folder(void)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *folder;

	if (base != NULL && *base == '/')
		folder = text("%s", base);
	else if (home != NULL && *home == '/' && access(home, W_OK) == 0)
		folder = text("%s/.cache", home);
	else
		return NULL;
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return NULL;
	folder = text("%s/nsb-build", folder);
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return NULL;
	/* What another user can write is nothing to build on. */
	struct stat st;
	if (lstat(folder, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return NULL;
	return realpath(folder, NULL);
}

/* Lock an entry; it is free again when nsb-build ends.  False: another one uses it, and `waits` is not set. */
static bool lock_entry(const char *folder, bool waits)
{
	for (;;) {
		char *path = text("%s.lock", folder);
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		struct stat held, named;

		if (fd < 0 && waits)
			stop(STAGE_OTHER, "%s: %s", path, strerror(errno));
		if (fd < 0)
			return false;
		if (flock(fd, LOCK_EX | (waits ? 0 : LOCK_NB)) != 0) {
			if (waits)
				stop(STAGE_OTHER, "%s: %s", path, strerror(errno));
			close(fd);
			return false;
		}
		/* Who held it may have removed the entry, and the lock with it. */
		if (fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino)
			return true;
		close(fd);
	}
}

static void remove_entry(const char *folder)
{
	tree_remove(folder);
	(void)unlink(text("%s.lock", folder));
}

/* The files that compilers have read outside of the source are what they were. */
static bool are_outside_files_same(const char *folder)
{
	char *marks = slurp(text("%s/outside", folder), NULL);
	bool same = marks != NULL;

	for (char *line = same ? strtok(marks, "\n") : NULL; same && line != NULL; line = strtok(NULL, "\n")) {
		char *path = text("%s", line);

		/* Two words behind the path, which may have spaces itself. */
		for (int i = 0; i < 2 && strrchr(path, ' ') != NULL; i++)
			*strrchr(path, ' ') = '\0';
		same = strcmp(mark_of(path), line) == 0;
		free(path);
	}
	free(marks);
	return same;
}

/* The last used one first: the time of an entry is that of its key, and of a source that of its folder. */
static time_t last_use(const char *folder)
{
	struct stat st;

	if (stat(text("%s/key", folder), &st) != 0 && stat(folder, &st) != 0)
		return 0;
	return st.st_mtime;
}

static int by_time(const void *a, const void *b)
{
	time_t one = last_use(*(char *const *)a), two = last_use(*(char *const *)b);

	return one > two ? -1 : one < two;
}

/* Of the folders whose names begin so, those that were not used for the longest time go. */
static void make_room(const char *folder, const char *begin)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	struct words entries = { .n = 0 };

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, begin, strlen(begin)) == 0 && strstr(entry->d_name, ".lock") == NULL)
			words_add(&entries, text("%s/%s", folder, entry->d_name));
	if (dir != NULL)
		closedir(dir);
	if (entries.n < MOST_ENTRIES)
		return;
	qsort(entries.all, entries.n, sizeof(*entries.all), by_time);
	for (size_t i = MOST_ENTRIES - 1; i < entries.n; i++)
		if (lock_entry(entries.all[i], false))
			remove_entry(entries.all[i]);
}

static void name_parts(struct kept *kept)
{
	kept->tree = text("%s/old", kept->folder);
	kept->records = text("%s/records-old", kept->folder);
	kept->wrappers = text("%s/bin", kept->folder);
}

/* A Debian package takes the time of its changelog. */
static char *choose_epoch(const struct place *place)
{
	if (getenv("SOURCE_DATE_EPOCH") != NULL || access(text("%s/debian/changelog", place->source), F_OK) == 0)
		return NULL;
	return text("%lld", (long long)time(NULL));
}

static char *note_of(const char *work)
{
	return text("%s/unfinished", work);
}

char *cache_source(const struct settings *settings, const char *name, const char *work, bool *is_there)
{
	char *base = settings->keeps || settings->no_cache ? NULL : cache_folder();

	*is_there = false;
	if (base == NULL)
		return NULL;
	char *folder = text("%s/" SOURCE "%s", base, name), *new = text("%s.new", folder);
	if (!lock_entry(folder, false)) {
		step(settings, "waiting for another nsb-build, which uses this source");
		(void)lock_entry(folder, true);
	}
	tree_remove(new);
	if (access(folder, F_OK) == 0) {
		*is_there = true;
		(void)utimensat(AT_FDCWD, folder, NULL, 0);
		return folder;
	}
	make_room(base, SOURCE);
	write_all(note_of(work), new);
	if (mkdir(new, 0700) != 0)
		stop(STAGE_OTHER, "%s: %s", new, strerror(errno));
	return new;
}

char *cache_keep_source(const char *new, const char *work)
{
	char *folder = text("%.*s", (int)(strlen(new) - strlen(".new")), new);

	if (rename(new, folder) != 0)
		stop(STAGE_OTHER, "%s: %s", folder, strerror(errno));
	(void)unlink(note_of(work));
	return folder;
}

void cache_open(struct kept *kept, const struct settings *settings, const struct place *place, const char *work)
{
	/* A tree that is moved to its place can only be moved within one file system, and would be missing after a crash. */
	char *base = settings->keeps || settings->no_cache || !place->is_mounted ? NULL : cache_folder(), hex[SHA256_HEX];

	*kept = (struct kept){ .folder = text("%s", work), .is_entry = base != NULL };
	name_parts(kept);
	if (base == NULL) {
		kept->epoch = choose_epoch(place);
		return;
	}
	char *key = make_key(settings, place, work);
	sha256(key, strlen(key), hex);
	kept->folder = text("%s/" BUILD "%s", base, hex);
	name_parts(kept);
	if (!lock_entry(kept->folder, false)) {
		step(settings, "waiting for another nsb-build, which builds this source");
		(void)lock_entry(kept->folder, true);
	}
	char *has = slurp(text("%s/key", kept->folder), NULL);
	if (has != NULL && strcmp(has, key) == 0 && access(kept->tree, F_OK) == 0 && access(kept->records, F_OK) == 0 &&
	    are_outside_files_same(kept->folder)) {
		kept->is_built = true;
		kept->epoch = slurp(text("%s/epoch", kept->folder), NULL);
		write_all(text("%s/key", kept->folder), key);	/* it was used today */
		return;
	}
	make_room(base, BUILD);
	tree_remove(kept->folder);
	write_all(note_of(work), kept->folder);
	if (mkdir(kept->folder, 0700) != 0)
		stop(STAGE_OTHER, "%s: %s", kept->folder, strerror(errno));
	write_all(text("%s/key", kept->folder), key);
	kept->epoch = choose_epoch(place);
	if (kept->epoch != NULL)
		write_all(text("%s/epoch", kept->folder), kept->epoch);
}

void cache_keep(const struct kept *kept, const struct place *place, const struct compilations *made, const char *work)
{
	struct words outside = { .n = 0 };
	struct growing marks = { .n = 0 };
	size_t length = strlen(place->path);

	if (!kept->is_entry)
		return;
	for (size_t i = 0; i < made->n; i++)
		for (size_t j = 0; j < made->all[i].reads.n; j++)
			if (strncmp(made->all[i].reads.all[j], place->path, length) != 0 || made->all[i].reads.all[j][length] != '/')
				words_add(&outside, made->all[i].reads.all[j]);
	if (outside.n > 0)
		qsort(outside.all, outside.n, sizeof(*outside.all), by_text);
	add_text(&marks, "");
	for (size_t i = 0; i < outside.n; i++)
		if (i == 0 || strcmp(outside.all[i], outside.all[i - 1]) != 0)
			add_line(&marks, mark_of(outside.all[i]));
	/* With this file it is whole. */
	write_all(text("%s/outside.new", kept->folder), marks.all);
	if (rename(text("%s/outside.new", kept->folder), text("%s/outside", kept->folder)) != 0)
		stop(STAGE_OTHER, "%s/outside: %s", kept->folder, strerror(errno));
	(void)unlink(note_of(work));
}

void cache_clean(const char *work)
{
	char *folder = slurp(note_of(work), NULL);

	/* Another nsb-build may have waited for it: then it is that one's now. */
	if (folder != NULL && *folder == '/' && lock_entry(folder, false) && access(text("%s/outside", folder), F_OK) != 0)
		remove_entry(folder);
	free(folder);
}
