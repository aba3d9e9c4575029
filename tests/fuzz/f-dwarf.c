/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the DWARF index, its entries, line tables and the comparison of types.
 * Input: for each section its length in two bytes, then the sections.
 */
#include <stdlib.h>
#include <string.h>

#include "dwarf.h"
#include "type.h"

#define LOOKED_AT 64

static void walk(const struct dwarf *dwarf)
{
	char why[TYPE_WHY_MAX], name[TYPE_NAME_MAX];

	for (uint32_t i = 0; i < dwarf->n_functions && i < LOOKED_AT; i++) {
		const struct dwarf_function *function = &dwarf->functions[i];
		uint32_t other = dwarf->n_functions - 1 - i;
		struct type a = { dwarf, function->die };
		struct type b = { dwarf, dwarf->functions[other].die };

		free(dwarf_file(dwarf, function->unit, function->file));
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
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dwarf_input input = { .name = "fuzz" };
	const size_t header = (size_t)DWARF_N_SECTIONS * 2;
	uint8_t *copies[DWARF_N_SECTIONS] = { NULL };
	struct dwarf dwarf;

	if (size < header)
		return 0;
	size_t at = header;
	for (int i = 0; i < DWARF_N_SECTIONS; i++) {
		size_t length = (size_t)data[i * 2] | (size_t)data[i * 2 + 1] << 8;

		if (length > size - at)
			length = size - at;
		copies[i] = malloc(length ? length : 1);
		if (!copies[i])
			abort();
		memcpy(copies[i], data + at, length);
		input.sections[i] = (struct dwarf_bytes){ copies[i], length };
		at += length;
	}
	if (!dwarf_init(&dwarf, &input, NULL)) {
		walk(&dwarf);
		dwarf_deinit(&dwarf);
	}
	msg_forget();
	for (int i = 0; i < DWARF_N_SECTIONS; i++)
		free(copies[i]);
	return 0;
}
