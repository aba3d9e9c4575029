/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dwarf_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash(const char *name)
{
	uint32_t h = 5381;

	while (*name != '\0')
		h = h * 33 + (uint8_t)*name++;
	return h;
}

static int heads_init(struct dwarf_names *names, uint32_t count)
{
	uint32_t size = 64;

	while (size < count && size < UINT32_C(1) << 30)
		size *= 2;
	names->heads = malloc(size * sizeof(uint32_t));
	if (names->heads == NULL)
		return fail(ENOMEM, "out of memory");
	memset(names->heads, 0xff, size * sizeof(uint32_t));
	names->mask = size - 1;
	return 0;
}

static const char *symbol_of(const struct dwarf_function *function)
{
	return function->linkage_name != NULL ? function->linkage_name : function->name;
}

/* Names are added from the last to the first, so that each chain is in the order of the file. */
int dwarf_names_init(struct dwarf *dwarf)
{
	int err = heads_init(&dwarf->function_names, dwarf->n_functions);

	if (err == 0)
		err = heads_init(&dwarf->variable_names, dwarf->n_variables);
	if (err == 0)
		err = heads_init(&dwarf->symbol_names, dwarf->n_functions);
	if (err != 0)
		return err;
	for (uint32_t i = dwarf->n_functions; i-- > 0;) {
		struct dwarf_function *function = &dwarf->functions[i];
		const char *symbol = symbol_of(function);
		if (symbol != NULL) {
			uint32_t *head = &dwarf->symbol_names.heads[hash(symbol) & dwarf->symbol_names.mask];
			function->next_symbol = *head;
			*head = i;
		}
		if (function->name == NULL)
			continue;
		uint32_t *head = &dwarf->function_names.heads[hash(function->name) &
							      dwarf->function_names.mask];
		function->next = *head;
		*head = i;
	}
	for (uint32_t i = dwarf->n_variables; i-- > 0;) {
		struct dwarf_variable *variable = &dwarf->variables[i];
		if (variable->name == NULL)
			continue;
		uint32_t *head = &dwarf->variable_names.heads[hash(variable->name) &
							      dwarf->variable_names.mask];
		variable->next = *head;
		*head = i;
	}
	return 0;
}

uint32_t dwarf_find_function(const struct dwarf *dwarf, const char *name, uint32_t after)
{
	const struct dwarf_names *names = &dwarf->function_names;
	uint32_t i;

	if (names->heads == NULL)
		return DWARF_NONE;
	i = after == DWARF_NONE ? names->heads[hash(name) & names->mask] :
		dwarf->functions[after].next;
	while (i != DWARF_NONE && strcmp(dwarf->functions[i].name, name) != 0)
		i = dwarf->functions[i].next;
	return i;
}

uint32_t dwarf_find_symbol(const struct dwarf *dwarf, const char *symbol, uint32_t after)
{
	const struct dwarf_names *names = &dwarf->symbol_names;
	uint32_t i;

	if (names->heads == NULL)
		return DWARF_NONE;
	i = after == DWARF_NONE ? names->heads[hash(symbol) & names->mask] : dwarf->functions[after].next_symbol;
	while (i != DWARF_NONE && strcmp(symbol_of(&dwarf->functions[i]), symbol) != 0)
		i = dwarf->functions[i].next_symbol;
	return i;
}

bool dwarf_is_cxx(const struct dwarf_unit *unit)
{
	/* DW_LANG_C_plus_plus, and those of 2003, 2011, 2014, 2017, 2020, 2023. */
	static const uint8_t languages[] = { 0x04, 0x19, 0x1a, 0x21, 0x2a, 0x2b, 0x3a };

	for (size_t i = 0; i < sizeof(languages); i++)
		if (unit->language == languages[i])
			return true;
	return false;
}

uint32_t dwarf_find_variable(const struct dwarf *dwarf, const char *name, uint32_t after)
{
	const struct dwarf_names *names = &dwarf->variable_names;
	uint32_t i;

	if (names->heads == NULL)
		return DWARF_NONE;
	i = after == DWARF_NONE ? names->heads[hash(name) & names->mask] :
		dwarf->variables[after].next;
	while (i != DWARF_NONE && strcmp(dwarf->variables[i].name, name) != 0)
		i = dwarf->variables[i].next;
	return i;
}

void dwarf_names_deinit(struct dwarf *dwarf)
{
	free(dwarf->function_names.heads);
	free(dwarf->symbol_names.heads);
	free(dwarf->variable_names.heads);
}
