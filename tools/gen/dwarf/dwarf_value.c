/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dwarf_value.h"

#include "dwarf_abbrev.h"
#include "dwarf_section.h"

static struct dwarf_value string_value(const char *text)
{
	return (struct dwarf_value){ text != NULL ? DWARF_STRING : DWARF_ABSENT, 0, (const uint8_t *)text };
}

static struct dwarf_value reference_value(const struct dwarf_unit *unit, uint64_t offset)
{
	if (offset >= unit->end - unit->offset)
		return (struct dwarf_value){ DWARF_ABSENT, 0, NULL };
	return (struct dwarf_value){ DWARF_REFERENCE, unit->offset + offset, NULL };
}

static struct dwarf_value block_value(struct cursor *at, uint64_t size)
{
	const uint8_t *data = at->p;

	cursor_skip(at, size);
	return (struct dwarf_value){ DWARF_BLOCK, size, data };
}

static struct dwarf_value number_value(enum dwarf_kind kind, uint64_t u)
{
	return (struct dwarf_value){ kind, u, NULL };
}

/* A reference or string in the supplementary file, which may not be there. */
static struct dwarf_value supplement_value(const struct dwarf *dwarf, bool string, uint64_t offset)
{
	if (dwarf->inputs[1].name == NULL)
		return number_value(DWARF_ABSENT, 0);
	if (string)
		return string_value(dwarf_string(dwarf, 1, DWARF_STR, offset));
	if (offset >= dwarf_section(dwarf, 1, DWARF_INFO)->size)
		return number_value(DWARF_ABSENT, 0);
	return number_value(DWARF_REFERENCE, dwarf->bases[2] + offset);
}

static struct dwarf_value any_reference(const struct dwarf *dwarf, const struct dwarf_unit *unit,
					uint64_t offset)
{
	if (offset >= dwarf_section(dwarf, unit->input, DWARF_INFO)->size)
		return number_value(DWARF_ABSENT, 0);
	return number_value(DWARF_REFERENCE, offset + (unit->input != 0 ? dwarf->bases[2] : 0));
}

/* The number itself, or what it leads to. */
static struct dwarf_value value_of(const struct dwarf *dwarf, const struct dwarf_unit *unit,
				   enum dwarf_meaning meaning, uint64_t number)
{
	static const enum dwarf_kind kinds[] = {
		[IS_CONSTANT] = DWARF_CONSTANT, [IS_ADDRESS] = DWARF_ADDRESS,
		[IS_ADDRESS_INDEX] = DWARF_ADDRESS_INDEX, [IS_STRING_INDEX] = DWARF_STRING_INDEX,
		[IS_SIGNATURE] = DWARF_TYPE_SIGNATURE, [IS_OFFSET] = DWARF_OFFSET,
		[IS_LIST_INDEX] = DWARF_LIST_INDEX,
	};

	switch (meaning) {
	case IS_PRESENT:
		return number_value(DWARF_CONSTANT, 1);
	case IS_STRING:
		return string_value(dwarf_string(dwarf, unit->input, DWARF_STR, number));
	case IS_LINE_STRING:
		return string_value(dwarf_string(dwarf, unit->input, DWARF_LINE_STR, number));
	case IS_SUP_STRING:
		return supplement_value(dwarf, true, number);
	case IS_SUP_REFERENCE:
		return supplement_value(dwarf, false, number);
	case IS_UNIT_REFERENCE:
		return reference_value(unit, number);
	case IS_REFERENCE:
		return any_reference(dwarf, unit, number);
	default:
		return number_value(kinds[meaning], number);
	}
}

/*
 * Read the value of one attribute; `table` is the unit's.  False: the form is not known.  A
 * value that is cut off sets at->bad.
 */
static bool read_value(const struct dwarf *dwarf, const struct dwarf_unit *unit,
		       const struct dwarf_abbrevs *table, struct dwarf_form form, struct cursor *at,
		       struct dwarf_value *value)
{
	uint64_t number = 0;

	if (form.meaning == IS_INDIRECT) {
		form = dwarf_form_of(cursor_uleb(at));
		if (form.meaning == IS_INDIRECT || form.meaning == IS_IMPLICIT)
			return false;
	}
	if (form.meaning == IS_TEXT) {
		*value = string_value(cursor_string(at));
		return true;
	}
	if (form.meaning == IS_BYTES) {
		*value = block_value(at, form.size);
		return true;
	}
	if (form.size == SIZE_ULEB)
		number = cursor_uleb(at);
	else if (form.size == SIZE_SLEB)
		number = (uint64_t)cursor_sleb(at);
	else
		number = cursor_uint(at, (uint64_t)dwarf_number_size(table->shape, form));
	if (form.meaning == IS_BLOCK_SIZE)
		*value = block_value(at, number);
	else
		*value = value_of(dwarf, unit, form.meaning, number);
	return form.meaning != IS_UNKNOWN;
}

int dwarf_read_attributes(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			   const struct dwarf_abbrev *abbrev, struct cursor *at, struct dwarf_die *die)
{
	const struct dwarf_abbrevs *table = &dwarf->abbrevs[unit->abbrevs];

	die->unit = unit;
	die->tag = abbrev->tag;
	die->has_children = abbrev->has_children;
	die->present = 0;
	for (uint32_t i = 0; i < abbrev->count; i++) {
		const struct dwarf_attribute *attribute = &table->attributes[abbrev->first + i];
		struct dwarf_value value;

		if (attribute->form.meaning == IS_IMPLICIT)
			value = number_value(DWARF_CONSTANT,
					     (uint64_t)table->implicit[attribute->implicit]);
		else if (!read_value(dwarf, unit, table, attribute->form, at, &value) || at->bad)
			return dwarf_damaged(dwarf, die->offset, at->bad ? "cut off entry" :
				       "attribute of unknown form");
		if (attribute->field == DWARF_NO_FIELD || value.kind == DWARF_ABSENT)
			continue;
		die->values[attribute->field] = value;
		die->present |= UINT64_C(1) << attribute->field;
	}
	return 0;
}

int dwarf_skip_attributes(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			   const struct dwarf_abbrev *abbrev, struct cursor *at, uint64_t offset)
{
	const struct dwarf_abbrevs *table = &dwarf->abbrevs[unit->abbrevs];

	if (abbrev->fixed_size >= 0) {
		cursor_skip(at, (uint64_t)abbrev->fixed_size);
		return at->bad ? dwarf_damaged(dwarf, offset, "cut off entry") : 0;
	}
	for (uint32_t i = 0; i < abbrev->count; i++) {
		struct dwarf_form form = table->attributes[abbrev->first + i].form;
		struct dwarf_value value;
		int size = dwarf_form_size(table->shape, form);

		if (size >= 0)
			cursor_skip(at, (uint64_t)size);
		else if (!read_value(dwarf, unit, table, form, at, &value))
			return dwarf_damaged(dwarf, offset, "attribute of unknown form");
	}
	return at->bad ? dwarf_damaged(dwarf, offset, "cut off entry") : 0;
}

bool dwarf_has(const struct dwarf_die *die, enum dwarf_field field)
{
	return (die->present >> field & 1) != 0;
}

bool dwarf_number(const struct dwarf_die *die, enum dwarf_field field, uint64_t *out)
{
	if (!dwarf_has(die, field) || (die->values[field].kind != DWARF_CONSTANT &&
				       die->values[field].kind != DWARF_OFFSET))
		return false;
	*out = die->values[field].u;
	return true;
}

bool dwarf_indexed_address(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			    uint64_t index, uint64_t *out)
{
	const struct dwarf_bytes *addresses = dwarf_section(dwarf, unit->input, DWARF_ADDR);
	struct cursor at;

	cursor_init(&at, addresses->data, addresses->size);
	cursor_skip(&at, unit->addr_base);
	if (index > addresses->size)
		return false;
	cursor_skip(&at, index * unit->shape.address_size);
	*out = cursor_uint(&at, unit->shape.address_size);
	return !at.bad;
}

static bool value_address(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			  const struct dwarf_value *value, uint64_t *out)
{
	if (value->kind == DWARF_ADDRESS_INDEX)
		return dwarf_indexed_address(dwarf, unit, value->u, out);
	*out = value->u;
	return value->kind == DWARF_ADDRESS;
}

bool dwarf_address(const struct dwarf *dwarf, const struct dwarf_die *die,
		   enum dwarf_field field, uint64_t *out)
{
	return dwarf_has(die, field) && value_address(dwarf, die->unit, &die->values[field], out);
}

bool dwarf_reference(const struct dwarf *dwarf, const struct dwarf_die *die,
		     enum dwarf_field field, uint64_t *out)
{
	if (!dwarf_has(die, field))
		return false;
	const struct dwarf_value *value = &die->values[field];
	*out = value->u;
	if (value->kind != DWARF_TYPE_SIGNATURE)
		return value->kind == DWARF_REFERENCE;
	size_t upto = ARRAY_UPTO(dwarf->type_units, dwarf->n_type_units, signature, value->u);
	if (upto == 0 || dwarf->type_units[upto - 1].signature != value->u)
		return false;
	*out = dwarf->type_units[upto - 1].die;
	return true;
}

const char *dwarf_text(const struct dwarf *dwarf, const struct dwarf_die *die,
		       enum dwarf_field field)
{
	const struct dwarf_unit *unit = die->unit;
	struct cursor at;

	if (!dwarf_has(die, field))
		return NULL;
	const struct dwarf_value *value = &die->values[field];
	if (value->kind == DWARF_STRING)
		return (const char *)value->data;
	if (value->kind != DWARF_STRING_INDEX)
		return NULL;
	const struct dwarf_bytes *offsets = dwarf_section(dwarf, unit->input, DWARF_STR_OFFSETS);
	if (value->u > offsets->size)
		return NULL;
	cursor_init(&at, offsets->data, offsets->size);
	cursor_skip(&at, unit->str_offsets_base);
	cursor_skip(&at, value->u * unit->shape.offset_size);
	uint64_t offset = cursor_uint(&at, unit->shape.offset_size);
	return at.bad ? NULL : dwarf_string(dwarf, unit->input, DWARF_STR, offset);
}
