/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The smallest power of two that is not less than `count`, and 0 for 0.  At most SIZE_MAX / 2 + 1. */
static size_t room_for(size_t count)
{
	size_t room = count > 0;

	while (room < count)
		room *= 2;
	return room;
}

int array_grow(void *array, size_t count, size_t more, size_t element)
{
	size_t most = SIZE_MAX / 2 / element, room;
	void *old, *bigger = NULL;

	if (count <= most && more <= most - count) {
		room = room_for(count + more);
		if (room == room_for(count))
			return 0;
		memcpy(&old, array, sizeof(old));
		bigger = realloc(old, room * element);
	}
	if (bigger == NULL)
		return fail(ENOMEM, "out of memory");
	memcpy(array, &bigger, sizeof(bigger));
	return 0;
}

static uint64_t field_of(const void *element, size_t field)
{
	uint64_t value;

	memcpy(&value, (const char *)element + field, sizeof(value));
	return value;
}

static int compare_fields(const void *a, const void *b, void *field)
{
	uint64_t left = field_of(a, *(const size_t *)field);
	uint64_t right = field_of(b, *(const size_t *)field);

	return (left > right) - (left < right);
}

void array_sort(void *array, size_t count, size_t element, size_t field)
{
	if (count > 1)
		qsort_r(array, count, element, compare_fields, &field);
}

size_t array_upto(const void *array, size_t count, size_t element, size_t field, uint64_t value)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (field_of((const char *)array + middle * element, field) <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
