/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nearest.h"

#include <string.h>

#define NAME_SIZE_MAX 64	/* longer names are not compared */

/* The best name so far. */
struct nearest {
	const char *name, *found;
	size_t distance;
};

/* How many characters have to be added, dropped, changed or swapped with the next. */
static size_t distance_of(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[3][NAME_SIZE_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t k = 0; k <= b_size; k++)
		last[k] = k;
	for (size_t i = 1; i <= a_size; i++) {
		now[0] = i;
		for (size_t k = 1; k <= b_size; k++) {
			size_t least = last[k - 1] + (a[i - 1] != b[k - 1]);

			if (last[k] + 1 < least)
				least = last[k] + 1;
			if (now[k - 1] + 1 < least)
				least = now[k - 1] + 1;
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
			    before[k - 2] + 1 < least)
				least = before[k - 2] + 1;
			now[k] = least;
		}
		size_t *old = before;
		before = last;
		last = now;
		now = old;
	}
	return last[b_size];
}

/* A name is near if no more than a fifth of it differs, and a character in any case. */
static void look_at(struct nearest *nearest, const char *name)
{
	size_t size = strlen(nearest->name), other = name != NULL ? strlen(name) : 0;
	size_t most = size < 10 ? 1 : size / 5;

	if (size < 3 || size > NAME_SIZE_MAX || other == 0 || other > NAME_SIZE_MAX ||
	    other + most < size || size + most < other)
		return;
	size_t distance = distance_of(nearest->name, size, name, other);
	if (distance == 0 || distance > most || (nearest->found != NULL && distance >= nearest->distance))
		return;
	nearest->found = name;
	nearest->distance = distance;
}

const char *nearest_function(const struct binary *target, const char *name)
{
	struct nearest nearest = { .name = name };

	for (uint32_t i = 0; i < target->dwarf.n_functions; i++)
		if (!target->dwarf.functions[i].declaration)
			look_at(&nearest, target->dwarf.functions[i].name);
	return nearest.found;
}

const char *nearest_variable(const struct binary *target, const char *name)
{
	struct nearest nearest = { .name = name };

	for (uint32_t i = 0; i < target->dwarf.n_variables; i++)
		if (!target->dwarf.variables[i].declaration)
			look_at(&nearest, target->dwarf.variables[i].name);
	return nearest.found;
}

const char *nearest_file(const struct binary *target, const char *name)
{
	struct nearest nearest = { .name = base_name(name) };

	for (uint32_t i = 0; i < target->dwarf.n_units; i++)
		if (target->dwarf.units[i].name != NULL)
			look_at(&nearest, base_name(target->dwarf.units[i].name));
	return nearest.found;
}
