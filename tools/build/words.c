/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "stage.h"

void words_add(struct words *words, const char *word)
{
	/* One more for the NULL: the room for n elements is a power of two, which the count tells. */
	if (ARRAY_GROW(&words->all, words->n, 1) != 0)
		stop_kept(STAGE_OTHER);
	words->all[words->n++] = (char *)(uintptr_t)word;
	if (ARRAY_GROW(&words->all, words->n, 1) != 0)
		stop_kept(STAGE_OTHER);
	words->all[words->n] = NULL;
}

void words_add_all(struct words *words, ...)
{
	const char *word;
	va_list args;

	va_start(args, words);
	while ((word = va_arg(args, const char *)) != NULL)
		words_add(words, word);
	va_end(args);
}

void words_append(struct words *words, const struct words *more)
{
	for (size_t i = 0; i < more->n; i++)
		words_add(words, more->all[i]);
}

bool words_has(const struct words *words, const char *word)
{
	for (size_t i = 0; i < words->n; i++)
		if (strcmp(words->all[i], word) == 0)
			return true;
	return false;
}

static size_t find_name(const struct words *environment, const char *name)
{
	size_t length = strlen(name), i;

	for (i = 0; i < environment->n; i++)
		if (strncmp(environment->all[i], name, length) == 0 && environment->all[i][length] == '=')
			break;
	return i;
}

void words_set(struct words *environment, const char *name, const char *value)
{
	size_t i = find_name(environment, name);

	if (i == environment->n)
		words_add(environment, "");
	environment->all[i] = text("%s=%s", name, value);
}

const char *words_value(const struct words *environment, const char *name)
{
	size_t i = find_name(environment, name);

	return i == environment->n ? NULL : environment->all[i] + strlen(name) + 1;
}

char *slurp(const char *path, size_t *size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return NULL;
	}
	char *bytes = malloc((size_t)st.st_size + 1);
	if (bytes == NULL)
		stop(STAGE_OTHER, "out of memory");
	size_t have = 0;
	while (have < (size_t)st.st_size) {
		ssize_t n = read(fd, bytes + have, (size_t)st.st_size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	close(fd);
	bytes[have] = '\0';
	if (size != NULL)
		*size = have;
	return bytes;
}

bool same_files(const char *a, const char *b)
{
	size_t na, nb;
	char *bytes_a = slurp(a, &na), *bytes_b = slurp(b, &nb);
	bool same = bytes_a != NULL && bytes_b != NULL && na == nb && memcmp(bytes_a, bytes_b, na) == 0;

	free(bytes_a);
	free(bytes_b);
	return same;
}
