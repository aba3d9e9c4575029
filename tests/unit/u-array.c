/* SPDX-License-Identifier: GPL-2.0-or-later */
/* array: arrays that grow one by one and by many, and what is found in sorted ones. */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "tap.h"

struct row {
	char name;
	uint64_t start, end;
};

static void grows_one_by_one(void)
{
	uint32_t *all = NULL;
	size_t count = 0, wrong = 0;
	int err = 0;

	while (err == 0 && count < 5000) {
		err = ARRAY_GROW(&all, count, 1);
		if (err == 0) {
			all[count] = (uint32_t)count;
			count++;
		}
	}
	for (size_t i = 0; i < count; i++)
		wrong += all[i] != i;
	ok(err == 0 && count == 5000 && wrong == 0, "5000 elements, added one by one, are all there");
	free(all);
}

/* AddressSanitizer, in t-lint, tells of an element that has no room. */
static void grows_by_many(void)
{
	uint64_t *all = NULL;
	size_t count = 0, wrong = 0;
	int err = 0;

	for (size_t more = 0; err == 0 && more < 40; more++) {
		err = ARRAY_GROW(&all, count, more);
		for (size_t i = 0; err == 0 && i < more; i++)
			all[count++] = more;
	}
	for (size_t more = 0, i = 0; err == 0 && more < 40; more++) {
		for (size_t n = 0; n < more; n++)
			wrong += all[i++] != more;
	}
	ok(err == 0 && count == 780 && wrong == 0, "elements that are added by many are all there");
	free(all);
}

static void shrinks_and_grows(void)
{
	uint64_t *all = NULL;
	size_t wrong = 0;
	int err = ARRAY_GROW(&all, 0, 9);

	for (size_t i = 0; err == 0 && i < 9; i++)
		all[i] = i;
	for (size_t count = 3; err == 0 && count < 40; count++) {
		err = ARRAY_GROW(&all, count, 1);
		if (err == 0)
			all[count] = count;
	}
	for (size_t i = 0; err == 0 && i < 40; i++)
		wrong += all[i] != i;
	ok(err == 0 && wrong == 0, "an array of which the end was dropped grows again");
	free(all);
}

static void refuses_what_cannot_be(void)
{
	struct row row = { 'a', 1, 2 }, *all = NULL;
	int err;

	msg_forget();
	err = ARRAY_GROW(&all, 1, SIZE_MAX);
	ok(err == -ENOMEM && all == NULL && msg_kept()[0] != '\0', "a count past SIZE_MAX is refused");
	msg_forget();
	err = ARRAY_GROW(&all, 0, SIZE_MAX / sizeof(row));
	ok(err == -ENOMEM && all == NULL && msg_kept()[0] != '\0', "a size past SIZE_MAX is refused");
	msg_forget();
}

static void sorts_and_finds(void)
{
	struct row rows[] = { { 'd', 70, 90 }, { 'b', 20, 30 }, { 'e', UINT64_MAX - 1, UINT64_MAX },
			      { 'a', 10, 20 }, { 'c', 40, 70 } };
	struct row *none = NULL;
	char order[sizeof(rows) / sizeof(*rows) + 1] = "";
	size_t count = sizeof(rows) / sizeof(*rows);

	ARRAY_SORT(rows, count, start);
	for (size_t i = 0; i < count; i++)
		order[i] = rows[i].name;
	ok(strcmp(order, "abcde") == 0, "elements are sorted by a field");
	ok(ARRAY_UPTO(rows, count, start, 9) == 0, "nothing starts before the first");
	ok(ARRAY_UPTO(rows, count, start, 10) == 1, "the first starts where it starts");
	ok(ARRAY_UPTO(rows, count, start, 69) == 3, "the third starts before 69");
	ok(ARRAY_UPTO(rows, count, start, UINT64_MAX) == 5, "all start at or before the last address");
	ok(ARRAY_UPTO(rows, count, end, 29) == 1, "what ends behind 29 is the second");
	ok(ARRAY_UPTO(rows, count, end, 30) == 2, "what ends behind 30 is the third");
	ARRAY_SORT(none, 0, start);
	ok(ARRAY_UPTO(none, 0, start, 5) == 0, "in no array nothing is found");
}

int main(void)
{
	grows_one_by_one();
	grows_by_many();
	shrinks_and_grows();
	refuses_what_cannot_be();
	sorts_and_finds();
	return done();
}
