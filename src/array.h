/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * array: arrays that grow, and arrays that are sorted by one of their fields.
 *
 * An array is a pointer to its first element and a count, which the caller keeps.  How
 * much room it has is not kept: the room for `count` elements is the next power of two,
 * so the count tells it.  Therefore an array that ARRAY_GROW enlarges has to begin as
 * NULL with a count of 0, and nobody else may allocate it.  The caller frees it by free().
 */
#ifndef NSB_ARRAY_H
#define NSB_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

/*
 * Make room for `more` elements behind the `count` first ones.  On failure the answer is
 * -ENOMEM with a message, and the array is as it was.
 *
 *	err = ARRAY_GROW(&list->all, list->count, 1);
 *	if (err == 0)
 *		list->all[list->count++] = *element;
 */
#define ARRAY_GROW(array, count, more) array_grow((array), (count), (more), sizeof(**(array)))

/* Sort by a field of type uint64_t, the smallest first.  There may be no elements, and no array. */
#define ARRAY_SORT(array, count, field) \
	array_sort((array), (count), sizeof(*(array)), ARRAY_FIELD(array, field))

/*
 * How many elements of an array that is sorted by `field`, a uint64_t, have at most `value`
 * there.  Two uses, for ranges that do not overlap:
 *
 *	n = ARRAY_UPTO(all, count, start, address);	the last that starts at or before the
 *							address is all[n - 1], if n > 0
 *	n = ARRAY_UPTO(all, count, end, address);	the first that ends behind the address
 *							is all[n], if n < count
 */
#define ARRAY_UPTO(array, count, field, value) \
	array_upto((array), (count), sizeof(*(array)), ARRAY_FIELD(array, field), (value))

/* The offset of a field.  A field that is no uint64_t does not compile. */
#define ARRAY_FIELD(array, field) \
	(offsetof(__typeof__(*(array)), field) + \
	 0 * sizeof(char[__builtin_types_compatible_p(__typeof__((array)->field), uint64_t) ? 1 : -1]))

/* What the macros call.  `array` of array_grow points to the pointer to the first element. */
int array_grow(void *array, size_t count, size_t more, size_t element) MUST_CHECK;
void array_sort(void *array, size_t count, size_t element, size_t field);
size_t array_upto(const void *array, size_t count, size_t element, size_t field, uint64_t value);

#endif
