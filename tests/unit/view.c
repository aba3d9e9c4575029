/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view FILE [DEBUG-FILE]: what the generator sees in debug info, one line each:
 *
 *	function NAME LO HI ...		all its ranges, the one with the entry first
 *	declared NAME LO LINE PATH	where the source has it
 *	inlined NAME INTO-LO LINE	an instance in the function that begins at INTO-LO
 *	variable NAME ADDR FUNCTION	with static storage; - for a FUNCTION: in none
 *	thread-local NAME OFFSET FUNCTION
 *
 * A name that is absent is -.  Exits with 1 and the generator's message if it refuses.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "binary.h"

static const char *name_of(const char *name)
{
	return name ? name : "-";
}

static void print_function(const struct dwarf *dwarf, const struct dwarf_function *function)
{
	if (!function->hi)
		return;
	printf("function %s", name_of(function->name));
	for (uint32_t i = 0; i < function->n_ranges; i++)
		printf(" %" PRIx64 " %" PRIx64, dwarf->ranges[function->first_range + i].lo,
		       dwarf->ranges[function->first_range + i].hi);
	char *path = dwarf_file(dwarf, function->file_unit, function->file);
	printf("\ndeclared %s %" PRIx64 " %" PRIu32 " %s\n", name_of(function->name), function->lo,
	       function->line, name_of(path));
	free(path);
}

static void print_inlined(const struct dwarf *dwarf, const struct dwarf_inlined *inlined)
{
	struct dwarf_die die;
	const char *name = NULL;
	uint64_t origin = inlined->origin;

	for (int i = 0; !name && i < 4 && !dwarf_die_read(dwarf, origin, &die); i++) {
		name = dwarf_text(dwarf, &die, DWARF_NAME);
		if (!dwarf_reference(dwarf, &die, DWARF_ORIGIN, &origin) &&
		    !dwarf_reference(dwarf, &die, DWARF_SPECIFICATION, &origin))
			break;
	}
	printf("inlined %s %" PRIx64 " %" PRIu32 "\n", name_of(name),
	       dwarf->functions[inlined->function].lo, inlined->line);
}

static void print_variable(const struct dwarf *dwarf, const struct dwarf_variable *variable)
{
	const char *function = variable->function == DWARF_NONE ? NULL :
		dwarf->functions[variable->function].name;

	if (variable->has_addr || variable->is_tls)
		printf("%s %s %" PRIx64 " %s\n", variable->is_tls ? "thread-local" : "variable",
		       name_of(variable->name), variable->addr, name_of(function));
}

int main(int argc, char **argv)
{
	struct binary binary;

	msg_init("view");
	if (argc < 2 || argc > 3) {
		warn("usage: view FILE [DEBUG-FILE]");
		return 64;
	}
	if (binary_open(&binary, argv[1], argv[2])) {
		msg_print_kept();
		return 1;
	}
	for (uint32_t i = 0; i < binary.dwarf.n_functions; i++)
		print_function(&binary.dwarf, &binary.dwarf.functions[i]);
	for (uint32_t i = 0; i < binary.dwarf.n_inlined; i++)
		print_inlined(&binary.dwarf, &binary.dwarf.inlined[i]);
	for (uint32_t i = 0; i < binary.dwarf.n_variables; i++)
		print_variable(&binary.dwarf, &binary.dwarf.variables[i]);
	binary_close(&binary);
	return fflush(stdout) || ferror(stdout);
}
