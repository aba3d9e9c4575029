/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dwarf_init(): reads the debug info section by section, and puts the index together. */
#include "dwarf.h"

#include <stdlib.h>
#include <string.h>

#include "dwarf_abbrev.h"
#include "dwarf_index.h"
#include "dwarf_name.h"
#include "dwarf_section.h"
#include "dwarf_unit.h"

int dwarf_init(struct dwarf *dwarf, const struct dwarf_input *input,
	       const struct dwarf_input *supplement)
{
	int err;

	*dwarf = (struct dwarf){ .inputs = { *input } };
	if (supplement != NULL)
		dwarf->inputs[1] = *supplement;
	memset(dwarf->abbrev_heads, 0xff, sizeof(dwarf->abbrev_heads));
	uint64_t sizes[3] = {
		dwarf_section(dwarf, 0, DWARF_INFO)->size, dwarf_section(dwarf, 0, DWARF_TYPES)->size,
		dwarf_section(dwarf, 1, DWARF_INFO)->size,
	};
	for (int i = 0; i < 3; i++) {
		dwarf->bases[i] = i != 0 ? dwarf->ends[i - 1] : 0;
		dwarf->ends[i] = dwarf->bases[i] + sizes[i];
	}
	err = dwarf_read_units(dwarf);
	if (err == 0)
		err = dwarf_index_entries(dwarf);
	if (err == 0)
		err = dwarf_names_init(dwarf);
	if (err != 0)
		dwarf_deinit(dwarf);
	return err;
}

void dwarf_deinit(struct dwarf *dwarf)
{
	dwarf_abbrevs_deinit(dwarf);
	dwarf_names_deinit(dwarf);
	free(dwarf->units);
	free(dwarf->functions);
	free(dwarf->inlined);
	free(dwarf->variables);
	free(dwarf->ranges);
	free(dwarf->type_units);
	*dwarf = (struct dwarf){ 0 };
}
