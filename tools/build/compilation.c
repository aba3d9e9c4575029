/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compilation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "stage.h"

static int put(FILE *file, const char *string)
{
	return fwrite(string, 1, strlen(string) + 1, file) == strlen(string) + 1 ? 0 : -EIO;
}

/* It appears as a whole: nsb-build may read while compilers of the background still run. */
int compilation_write(const char *folder, const char *name, const struct compilation *record)
{
	char *path = text("%s/%s", folder, name), *new = text("%s/.%s", folder, name);
	FILE *file = fopen(new, "we");

	if (file == NULL)
		return -errno;
	int err = put(file, record->folder);
	if (err == 0)
		err = put(file, record->compiler);
	if (err == 0)
		err = put(file, text("%zu", record->arguments.n));
	for (size_t i = 0; err == 0 && i < record->arguments.n; i++)
		err = put(file, record->arguments.all[i]);
	for (size_t i = 0; err == 0 && i < record->environment.n; i++)
		err = put(file, record->environment.all[i]);
	if (fclose(file) != 0)
		err = err != 0 ? err : -errno;
	if (err == 0 && rename(new, path) != 0)
		err = -errno;
	return err;
}

char *path_plain(const char *path)
{
	char *plain = text("%s/", path), *to = plain;

	for (const char *at = path; *at != '\0';) {
		size_t length = strcspn(at, "/");

		if (length == 0 || (length == 1 && *at == '.')) {
			/* Nothing. */
		} else if (length == 2 && at[0] == '.' && at[1] == '.') {
			while (to > plain && *--to != '/')
				;
		} else {
			*to++ = '/';
			memmove(to, at, length);
			to += length;
		}
		at += length;
		at += strspn(at, "/");
	}
	if (to == plain)
		*to++ = '/';
	*to = '\0';
	return plain;
}

char *compilation_path(const struct compilation *record, const char *name)
{
	return path_plain(*name == '/' ? name : text("%s/%s", record->folder, name));
}

char *compilation_output(const struct compilation *record)
{
	const struct cmdline *line = &record->line;

	if (line->output != NULL)
		return compilation_path(record, line->output);
	if (line->what == COMPILING_PROGRAM)
		return compilation_path(record, "a.out");
	if (line->what != COMPILING_OBJECT || line->sources.n != 1)
		return NULL;
	const char *base = strrchr(line->sources.all[0], '/');
	base = base != NULL ? base + 1 : line->sources.all[0];
	const char *dot = strrchr(base, '.');
	size_t length = dot != NULL ? (size_t)(dot - base) : strlen(base);
	return compilation_path(record, text("%.*s.%c", (int)length, base, words_has(&record->arguments, "-S") ? 's' : 'o'));
}

/* The names in a dependency file: "target: a b \<newline> c".  "\ " is a space, "$$" a dollar. */
static void read_depends(struct compilation *record, const char *bytes)
{
	const char *at = strstr(bytes, ": ");
	char *name = text("%s", bytes);

	if (at == NULL)
		return;
	for (at++; *at != '\0';) {
		char *to = name;

		if (*at == '\n')	/* what follows are the targets that -MP makes */
			return;
		if (*at == ' ' || (*at == '\\' && at[1] == '\n')) {
			at += *at == ' ' ? 1 : 2;
			continue;
		}
		for (; *at != '\0' && *at != ' ' && *at != '\n'; at++) {
			if ((*at == '\\' && (at[1] == ' ' || at[1] == '#' || at[1] == '\\')) || (*at == '$' && at[1] == '$'))
				at++;
			else if (*at == '\\' && at[1] == '\n')
				break;
			*to++ = *at;
		}
		*to = '\0';
		words_add(&record->reads, compilation_path(record, name));
	}
}

static void parse(const char *folder, const char *name, struct compilation *record)
{
	size_t size;
	char *bytes = slurp(text("%s/%s", folder, name), &size), *at = bytes;

	memset(record, 0, sizeof(*record));
	if (bytes == NULL)
		stop(STAGE_OTHER, "%s/%s: cannot read what a compiler was called with: %s", folder, name, strerror(errno));
	struct words all = { .n = 0 };
	for (; at < bytes + size; at += strlen(at) + 1)
		words_add(&all, at);
	size_t n = all.n >= 3 ? strtoul(all.all[2], NULL, 10) : 0;
	if (all.n < 3 || n > all.n - 3)
		stop(STAGE_OTHER, "%s/%s: what a compiler was called with was not written as a whole: is the disk full?", folder, name);
	record->name = text("%s", name);
	record->folder = all.all[0];
	record->compiler = all.all[1];
	for (size_t i = 3; i < all.n; i++)
		words_add(i < 3 + n ? &record->arguments : &record->environment, all.all[i]);
	if (n == 0)
		words_add(&record->arguments, "--version");
	cmdline_read(&record->arguments, &record->line);
	char *depends = slurp(text("%s/%s.d", folder, name), NULL);
	if (depends != NULL)
		read_depends(record, depends);
	free(depends);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void compilations_read(const char *folder, struct compilations *records)
{
	DIR *dir = opendir(folder);
	struct words names = { .n = 0 };
	struct dirent *entry;

	records->all = NULL;
	records->n = 0;
	if (dir == NULL)
		stop(STAGE_OTHER, "%s: %s", folder, strerror(errno));
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && strchr(entry->d_name, '.') == NULL)
			words_add(&names, text("%s", entry->d_name));
	closedir(dir);
	if (names.n == 0)
		return;
	qsort(names.all, names.n, sizeof(*names.all), by_name);
	if (ARRAY_GROW(&records->all, 0, names.n) != 0)
		stop_kept(STAGE_OTHER);
	for (size_t i = 0; i < names.n; i++)
		parse(folder, names.all[i], &records->all[i]);
	records->n = names.n;
}
