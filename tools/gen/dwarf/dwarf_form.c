/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dwarf_form.h"

static const struct dwarf_form forms[FORM_N] = {
	[FORM_ADDR] = { SIZE_ADDRESS, IS_ADDRESS },
	[FORM_BLOCK1] = { 1, IS_BLOCK_SIZE }, [FORM_BLOCK2] = { 2, IS_BLOCK_SIZE },
	[FORM_BLOCK4] = { 4, IS_BLOCK_SIZE }, [FORM_BLOCK] = { SIZE_ULEB, IS_BLOCK_SIZE },
	[FORM_EXPRLOC] = { SIZE_ULEB, IS_BLOCK_SIZE },
	[FORM_DATA1] = { 1, IS_CONSTANT }, [FORM_DATA2] = { 2, IS_CONSTANT },
	[FORM_DATA4] = { 4, IS_CONSTANT }, [FORM_DATA8] = { 8, IS_CONSTANT },
	[FORM_DATA16] = { 16, IS_BYTES }, [FORM_FLAG] = { 1, IS_CONSTANT },
	[FORM_SDATA] = { SIZE_SLEB, IS_CONSTANT }, [FORM_UDATA] = { SIZE_ULEB, IS_CONSTANT },
	[FORM_IMPLICIT_CONST] = { 0, IS_IMPLICIT }, [FORM_FLAG_PRESENT] = { 0, IS_PRESENT },
	[FORM_STRING] = { SIZE_ULEB, IS_TEXT }, [FORM_STRP] = { SIZE_OFFSET, IS_STRING },
	[FORM_LINE_STRP] = { SIZE_OFFSET, IS_LINE_STRING },
	[FORM_STRP_SUP] = { SIZE_OFFSET, IS_SUP_STRING },
	[FORM_STRX] = { SIZE_ULEB, IS_STRING_INDEX }, [FORM_STRX1] = { 1, IS_STRING_INDEX },
	[FORM_STRX2] = { 2, IS_STRING_INDEX }, [FORM_STRX3] = { 3, IS_STRING_INDEX },
	[FORM_STRX4] = { 4, IS_STRING_INDEX },
	[FORM_ADDRX] = { SIZE_ULEB, IS_ADDRESS_INDEX }, [FORM_ADDRX1] = { 1, IS_ADDRESS_INDEX },
	[FORM_ADDRX2] = { 2, IS_ADDRESS_INDEX }, [FORM_ADDRX3] = { 3, IS_ADDRESS_INDEX },
	[FORM_ADDRX4] = { 4, IS_ADDRESS_INDEX },
	[FORM_REF1] = { 1, IS_UNIT_REFERENCE }, [FORM_REF2] = { 2, IS_UNIT_REFERENCE },
	[FORM_REF4] = { 4, IS_UNIT_REFERENCE }, [FORM_REF8] = { 8, IS_UNIT_REFERENCE },
	[FORM_REF_UDATA] = { SIZE_ULEB, IS_UNIT_REFERENCE },
	[FORM_REF_ADDR] = { SIZE_REF_ADDR, IS_REFERENCE },
	[FORM_REF_SUP4] = { 4, IS_SUP_REFERENCE }, [FORM_REF_SUP8] = { 8, IS_SUP_REFERENCE },
	[FORM_REF_SIG8] = { 8, IS_SIGNATURE }, [FORM_SEC_OFFSET] = { SIZE_OFFSET, IS_OFFSET },
	[FORM_LOCLISTX] = { SIZE_ULEB, IS_LIST_INDEX },
	[FORM_RNGLISTX] = { SIZE_ULEB, IS_LIST_INDEX },
	[FORM_INDIRECT] = { SIZE_ULEB, IS_INDIRECT },
};

/* GNU had these before DWARF 5 made forms of them. */
static const struct { uint16_t number; struct dwarf_form form; } gnu_forms[] = {
	{ 0x1f01, { SIZE_ULEB, IS_ADDRESS_INDEX } },	/* DW_FORM_GNU_addr_index */
	{ 0x1f02, { SIZE_ULEB, IS_STRING_INDEX } },	/* DW_FORM_GNU_str_index */
	{ 0x1f20, { SIZE_OFFSET, IS_SUP_REFERENCE } },	/* DW_FORM_GNU_ref_alt */
	{ 0x1f21, { SIZE_OFFSET, IS_SUP_STRING } },	/* DW_FORM_GNU_strp_alt */
};

struct dwarf_form dwarf_form_of(uint64_t number)
{
	if (number < FORM_N)
		return forms[number];
	for (size_t i = 0; i < sizeof(gnu_forms) / sizeof(gnu_forms[0]); i++)
		if (gnu_forms[i].number == number)
			return gnu_forms[i].form;
	return (struct dwarf_form){ 0, IS_UNKNOWN };
}

int dwarf_number_size(struct dwarf_shape shape, struct dwarf_form form)
{
	switch (form.size) {
	case SIZE_ADDRESS:
		return shape.address_size;
	case SIZE_OFFSET:
		return shape.offset_size;
	case SIZE_REF_ADDR:	/* in DWARF 2 it is as large as an address */
		return shape.version == 2 ? shape.address_size : shape.offset_size;
	case SIZE_ULEB: case SIZE_SLEB:
		return -1;
	default:
		return form.size;
	}
}

int dwarf_form_size(struct dwarf_shape shape, struct dwarf_form form)
{
	if (form.meaning == IS_BLOCK_SIZE || form.meaning == IS_UNKNOWN)
		return -1;
	return dwarf_number_size(shape, form);
}
