/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the DWARF index, its entries, line tables and the comparison of types.
 * Input: for each section its length in two bytes, then the sections.  The top bit of
 * the first length says that the lengths of a supplementary file's sections, and behind
 * all sections these, follow.
 */
#include <stdlib.h>
#include <string.h>

#include "dwarf.h"
#include "type.h"

#define LOOKED_AT 64

static void look_at_locations(const struct dwarf *dwarf, const struct dwarf_function *function)
{
	struct dwarf_die die;
	struct dwarf_bytes expression;
	unsigned char sum = 0;

	if (dwarf_die_read(dwarf, function->die, &die))
		return;
	for (int more = dwarf_child(dwarf, &die, &die), i = 0; more > 0 && i < LOOKED_AT; i++) {
		if (dwarf_location_at(dwarf, &die, function->lo, &expression))
			for (size_t k = 0; k < expression.size; k++)
				sum ^= expression.data[k];
		more = dwarf_sibling(dwarf, &die, &die);
	}
	if (sum == 1)		/* or the compiler would see that nothing needs it */
		msg_forget();
}

static void walk(const struct dwarf *dwarf)
{
	char why[TYPE_WHY_MAX], name[TYPE_NAME_MAX];

	for (uint32_t i = 0; i < dwarf->n_functions && i < LOOKED_AT; i++) {
		const struct dwarf_function *function = &dwarf->functions[i];
		uint32_t other = dwarf->n_functions - 1 - i;
		struct type a = { dwarf, function->die };
		struct type b = { dwarf, dwarf->functions[other].die };

		look_at_locations(dwarf, function);
		free(dwarf_file(dwarf, function->file_unit, function->file));
		free(dwarf_unit_path(&dwarf->units[function->unit]));
		if (prototype_equal(a, b, why) < 0)
			msg_forget();
		if (function->name && dwarf_find_function(dwarf, function->name, DWARF_NONE) == DWARF_NONE)
			abort();
	}
	for (uint32_t i = 0; i < dwarf->n_variables && i < LOOKED_AT; i++) {
		struct type a = { dwarf, dwarf->variables[i].type };
		struct type b = { dwarf, dwarf->variables[dwarf->n_variables - 1 - i].type };

		type_name(a, name);
		if (strlen(name) >= TYPE_NAME_MAX)
			abort();
		if (type_equal(a, b, why) < 0)
			msg_forget();
	}
	msg_forget();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A copy of each section by itself, so that the sanitizer sees a read beyond its end. */
static size_t cut_sections(const uint8_t *lengths, const uint8_t *bytes, size_t size,
			   struct dwarf_input *input)
{
	size_t at = 0;

	for (int i = 0; i < DWARF_N_SECTIONS; i++) {
		size_t length = (size_t)lengths[i * 2] | (size_t)(lengths[i * 2 + 1] & 0x7f) << 8;

		if (length > size - at)
			length = size - at;
		uint8_t *copy = malloc(length ? length : 1);
		if (!copy)
			abort();
		memcpy(copy, bytes + at, length);
		input->sections[i] = (struct dwarf_bytes){ copy, length };
		at += length;
	}
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dwarf_input inputs[2] = { { .name = "fuzz" }, { .name = "supplement" } };
	const size_t n_lengths = (size_t)DWARF_N_SECTIONS * 2;
	size_t n = size > 1 && data[1] & 0x80 ? 2 : 1, at = n_lengths * n;
	struct dwarf dwarf;

	if (size < at)
		return 0;
	for (size_t i = 0; i < n; i++)
		at += cut_sections(data + i * n_lengths, data + at, size - at, &inputs[i]);
	if (!dwarf_init(&dwarf, &inputs[0], n > 1 ? &inputs[1] : NULL)) {
		walk(&dwarf);
		dwarf_deinit(&dwarf);
	}
	msg_forget();
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < DWARF_N_SECTIONS; k++)
			free((void *)(uintptr_t)inputs[i].sections[k].data);
	return 0;
}
