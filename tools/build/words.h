/* SPDX-License-Identifier: GPL-2.0-or-later */
/* words: a list of strings, as argv and environ are: NULL ends it. */
#ifndef NSB_BUILD_WORDS_H
#define NSB_BUILD_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct words {
	char **all;	/* all[n] is NULL; all itself is NULL as long as there is none */
	size_t n;
};

/* Add one; the string is not copied. */
void words_add(struct words *words, const char *word);
/* Add several; a NULL ends them. */
void words_add_all(struct words *words, ...) __attribute__((sentinel));
void words_append(struct words *words, const struct words *more);
bool words_has(const struct words *words, const char *word);
/* Put NAME=VALUE in place of what has this name in an environment, or behind it. */
void words_set(struct words *environment, const char *name, const char *value);
/* The value in an environment, NULL if it has none. */
const char *words_value(const struct words *environment, const char *name);

/* All of a file, with a NUL behind it; NULL, and errno, if it cannot be read. */
char *slurp(const char *path, size_t *size);
/* Whether two files have the same bytes; false, too, if one of them cannot be read. */
bool same_files(const char *a, const char *b);

#endif
