/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dwarf_abbrev.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cursor.h"
#include "dwarf_section.h"

/* From an attribute to a field: DWARF 5, table 7.5. */
#define LAST_ATTRIBUTE 0x8c
static const uint8_t field_of_attribute[LAST_ATTRIBUTE + 1] = {
	[0x01] = DWARF_SIBLING, [0x02] = DWARF_LOCATION, [0x03] = DWARF_NAME,
	[0x0b] = DWARF_BYTE_SIZE, [0x0c] = DWARF_BIT_OFFSET, [0x0d] = DWARF_BIT_SIZE,
	[0x10] = DWARF_STMT_LIST, [0x11] = DWARF_LOW_PC, [0x12] = DWARF_HIGH_PC,
	[0x13] = DWARF_LANGUAGE, [0x1b] = DWARF_COMP_DIR, [0x1c] = DWARF_CONST_VALUE,
	[0x20] = DWARF_INLINE, [0x25] = DWARF_PRODUCER, [0x27] = DWARF_PROTOTYPED,
	[0x2f] = DWARF_UPPER_BOUND, [0x31] = DWARF_ORIGIN, [0x37] = DWARF_COUNT,
	[0x38] = DWARF_MEMBER_LOCATION, [0x3a] = DWARF_DECL_FILE, [0x3b] = DWARF_DECL_LINE,
	[0x3c] = DWARF_DECLARATION, [0x3e] = DWARF_ENCODING, [0x3f] = DWARF_EXTERNAL,
	[0x40] = DWARF_FRAME_BASE,
	[0x47] = DWARF_SPECIFICATION, [0x49] = DWARF_TYPE, [0x52] = DWARF_ENTRY_PC,
	[0x55] = DWARF_RANGES_LIST, [0x58] = DWARF_CALL_FILE, [0x59] = DWARF_CALL_LINE,
	[0x69] = DWARF_SIGNATURE, [0x6b] = DWARF_DATA_BIT_OFFSET, [0x6e] = DWARF_LINKAGE_NAME,
	[0x72] = DWARF_STR_OFFSETS_BASE, [0x73] = DWARF_ADDR_BASE, [0x74] = DWARF_RNGLISTS_BASE,
	[0x76] = DWARF_DWO_NAME, [0x8c] = DWARF_LOCLISTS_BASE,
};

/* The numbers that some attributes had in DWARF 4 with split units. */
static const struct { uint16_t attribute; uint8_t field; } gnu_fields[] = {
	{ 0x2007, DWARF_LINKAGE_NAME },		/* DW_AT_MIPS_linkage_name */
	{ 0x2130, DWARF_DWO_NAME },
	{ 0x2133, DWARF_ADDR_BASE },
};

static uint8_t field_of(uint64_t attribute)
{
	if (attribute <= LAST_ATTRIBUTE)
		return field_of_attribute[attribute];
	for (size_t i = 0; i < sizeof(gnu_fields) / sizeof(gnu_fields[0]); i++)
		if (gnu_fields[i].attribute == attribute)
			return gnu_fields[i].field;
	return DWARF_NO_FIELD;
}

/* Names and types may be in the supplementary file.  Without it the entries would be nameless. */
static int check_supplement(const struct dwarf *dwarf, struct dwarf_form form)
{
	if ((form.meaning != IS_SUP_STRING && form.meaning != IS_SUP_REFERENCE) ||
	    dwarf->inputs[1].name != NULL)
		return 0;
	return fail(ENOENT, "%s: debug info refers to a supplementary file, but no section tells "
		    "to which", dwarf->inputs[0].name);
}

static int parse_attributes(const struct dwarf *dwarf, struct dwarf_abbrevs *table,
			    struct cursor *at, struct dwarf_abbrev *entry)
{
	int32_t size = 0;
	int err;

	entry->first = table->n_attributes;
	entry->sibling_at = -1;
	for (;;) {
		uint64_t name = cursor_uleb(at), number = cursor_uleb(at);
		struct dwarf_form form = dwarf_form_of(number);

		if (name == 0 && number == 0)
			break;
		if (at->bad)
			return -ENOEXEC;
		err = check_supplement(dwarf, form);
		if (err == 0)
			err = DWARF_GROW(&table->attributes, table->n_attributes);
		if (err != 0)
			return err;
		struct dwarf_attribute *attribute = &table->attributes[table->n_attributes++];
		*attribute = (struct dwarf_attribute){ field_of(name), form, 0 };
		if (form.meaning == IS_IMPLICIT) {
			err = DWARF_GROW(&table->implicit, table->n_implicit);
			if (err != 0)
				return err;
			attribute->implicit = table->n_implicit;
			table->implicit[table->n_implicit++] = cursor_sleb(at);
		}
		if (attribute->field == DWARF_SIBLING && number == FORM_REF4 && size >= 0 &&
		    size < INT16_MAX)
			entry->sibling_at = (int16_t)size;
		int one = dwarf_form_size(table->shape, form);
		size = one < 0 || size < 0 || size > INT32_MAX / 2 ? -1 : size + one;
	}
	entry->count = table->n_attributes - entry->first;
	entry->fixed_size = size;
	return 0;
}

static int parse_abbrevs(struct dwarf *dwarf, struct dwarf_abbrevs *table)
{
	const struct dwarf_bytes *bytes = dwarf_section(dwarf, table->input, DWARF_ABBREV);
	struct cursor at;
	bool ascending = true;

	cursor_init(&at, bytes->data, bytes->size);
	cursor_skip(&at, table->offset);
	for (;;) {
		uint64_t code = cursor_uleb(&at);

		if (code == 0)
			break;
		int err = DWARF_GROW(&table->entries, table->n_entries);
		if (err != 0)
			return err;
		struct dwarf_abbrev *entry = &table->entries[table->n_entries];
		uint64_t tag = cursor_uleb(&at);
		*entry = (struct dwarf_abbrev){
			.code = code,
			.tag = tag > UINT16_MAX ? UINT16_MAX : (uint16_t)tag,
			.has_children = cursor_u8(&at) != 0,
		};
		if (table->n_entries != 0 && entry[-1].code >= code)
			ascending = false;
		table->n_entries++;
		err = parse_attributes(dwarf, table, &at, entry);
		if (err == -ENOEXEC)
			break;
		if (err != 0)
			return err;
	}
	if (at.bad)
		return fail(ENOEXEC, "%s: debug info is damaged: table at .debug_abbrev+0x%" PRIx64,
			    dwarf->inputs[table->input].name, table->offset);
	dwarf->abbrev_bytes += (uint64_t)(at.p - at.start) - table->offset;
	if (!ascending)
		ARRAY_SORT(table->entries, table->n_entries, code);
	return 0;
}

const struct dwarf_abbrev *dwarf_find_abbrev(const struct dwarf_abbrevs *table, uint64_t code)
{
	if (code - 1 < table->n_entries && table->entries[code - 1].code == code)
		return &table->entries[code - 1];
	size_t upto = ARRAY_UPTO(table->entries, table->n_entries, code, code);
	return upto > 0 && table->entries[upto - 1].code == code ? &table->entries[upto - 1] : NULL;
}

int dwarf_abbrevs_of(struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset,
		      uint32_t *out)
{
	uint32_t n = dwarf->n_abbrevs, *head = &dwarf->abbrev_heads[offset % DWARF_ABBREV_HEADS];
	int err;

	for (uint32_t i = *head; i != DWARF_NONE; i = dwarf->abbrevs[i].next) {
		const struct dwarf_abbrevs *have = &dwarf->abbrevs[i];

		if (have->offset == offset && have->input == unit->input &&
		    have->shape.version == unit->shape.version &&
		    have->shape.address_size == unit->shape.address_size &&
		    have->shape.offset_size == unit->shape.offset_size) {
			*out = i;
			return 0;
		}
	}
	/*
	 * A table may be parsed for each shape: there are four versions, two sizes of addresses
	 * and two of offsets.
	 */
	if (dwarf->abbrev_bytes / 16 > dwarf_section(dwarf, 0, DWARF_ABBREV)->size +
				       dwarf_section(dwarf, 1, DWARF_ABBREV)->size)
		return dwarf_damaged(dwarf, unit->offset, "unit with an abbreviation table inside of others");
	err = DWARF_GROW(&dwarf->abbrevs, n);
	if (err != 0)
		return err;
	dwarf->abbrevs[n] = (struct dwarf_abbrevs){
		.offset = offset, .input = unit->input, .shape = unit->shape, .next = *head,
	};
	dwarf->n_abbrevs = n + 1;
	*out = *head = n;
	return parse_abbrevs(dwarf, &dwarf->abbrevs[n]);
}

void dwarf_abbrevs_deinit(struct dwarf *dwarf)
{
	for (uint32_t i = 0; i < dwarf->n_abbrevs; i++) {
		free(dwarf->abbrevs[i].entries);
		free(dwarf->abbrevs[i].attributes);
		free(dwarf->abbrevs[i].implicit);
	}
	free(dwarf->abbrevs);
}
