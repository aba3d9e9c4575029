/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dwarf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"

#define DEPTH_MAX 512		/* nesting of DIEs; compilers stay below 60 */
#define CHAIN_MAX 16		/* origin -> specification -> ... */

const char *const dwarf_section_names[DWARF_N_SECTIONS] = {
	[DWARF_INFO] = ".debug_info",
	[DWARF_TYPES] = ".debug_types",
	[DWARF_ABBREV] = ".debug_abbrev",
	[DWARF_STR] = ".debug_str",
	[DWARF_LINE_STR] = ".debug_line_str",
	[DWARF_STR_OFFSETS] = ".debug_str_offsets",
	[DWARF_ADDR] = ".debug_addr",
	[DWARF_RANGES] = ".debug_ranges",
	[DWARF_RNGLISTS] = ".debug_rnglists",
	[DWARF_LINE] = ".debug_line",
	[DWARF_LOC] = ".debug_loc",
	[DWARF_LOCLISTS] = ".debug_loclists",
};

/* Forms: DWARF 5, table 7.6. */
enum {
	FORM_ADDR = 0x01, FORM_BLOCK2 = 0x03, FORM_BLOCK4, FORM_DATA2, FORM_DATA4, FORM_DATA8,
	FORM_STRING, FORM_BLOCK, FORM_BLOCK1, FORM_DATA1, FORM_FLAG, FORM_SDATA, FORM_STRP,
	FORM_UDATA, FORM_REF_ADDR, FORM_REF1, FORM_REF2, FORM_REF4, FORM_REF8, FORM_REF_UDATA,
	FORM_INDIRECT, FORM_SEC_OFFSET, FORM_EXPRLOC, FORM_FLAG_PRESENT, FORM_STRX, FORM_ADDRX,
	FORM_REF_SUP4, FORM_STRP_SUP, FORM_DATA16, FORM_LINE_STRP, FORM_REF_SIG8,
	FORM_IMPLICIT_CONST, FORM_LOCLISTX, FORM_RNGLISTX, FORM_REF_SUP8, FORM_STRX1, FORM_STRX2,
	FORM_STRX3, FORM_STRX4, FORM_ADDRX1, FORM_ADDRX2, FORM_ADDRX3, FORM_ADDRX4,
	FORM_N,
};

enum { UT_COMPILE = 1, UT_TYPE = 2, UT_PARTIAL = 3, UT_SKELETON = 4, UT_SPLIT_COMPILE = 5,
       UT_SPLIT_TYPE = 6 };

enum { OP_ADDR = 0x03, OP_CONST4U = 0x0c, OP_CONST8U = 0x0e, OP_PLUS_UCONST = 0x23,
       OP_FORM_TLS_ADDRESS = 0x9b, OP_ADDRX = 0xa1, OP_CONSTX = 0xa2,
       OP_GNU_PUSH_TLS_ADDRESS = 0xe0, OP_GNU_ADDR_INDEX = 0xfb, OP_GNU_CONST_INDEX = 0xfc };

/* Attribute -> field: DWARF 5, table 7.5. */
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

/* What DWARF 4 with split units called some of them. */
static const struct { uint16_t attribute; uint8_t field; } gnu_fields[] = {
	{ 0x2007, DWARF_LINKAGE_NAME },		/* DW_AT_MIPS_linkage_name */
	{ 0x2130, DWARF_DWO_NAME },
	{ 0x2133, DWARF_ADDR_BASE },
};

struct form {
	uint8_t size;			/* bytes of its number, or one of SIZE_... */
	uint8_t meaning;		/* of the number: IS_... */
};

struct attribute {
	uint8_t field;
	struct form form;
	uint32_t implicit;		/* index into implicit */
};

struct abbrev {
	uint64_t code;
	uint16_t tag;
	bool has_children;
	int16_t sibling_at;		/* where a 4-byte DW_AT_sibling lies in the DIE, -1 unknown */
	int32_t fixed_size;		/* of all attributes, -1 if it varies */
	uint32_t first, count;		/* into attributes */
};

/* One abbreviation table, for units of one shape. */
struct dwarf_abbrevs {
	uint64_t offset;
	uint32_t input;
	uint8_t version, address_size, offset_size;
	struct abbrev *entries;
	uint32_t n_entries;
	struct attribute *attributes;
	uint32_t n_attributes;
	int64_t *implicit;
	uint32_t n_implicit;
	uint32_t next;			/* of the same hash */
};

/*
 * Make room for one more element: capacities are powers of two, so that the
 * count tells when to grow.
 */
static int grow(void *array, uint32_t count, size_t element)
{
	void **p = array;

	if (count & (count - 1))
		return 0;
	if (count >= UINT32_MAX / 2)
		return fail(EOVERFLOW, "debug info has too many entries");
	size_t capacity = count ? (size_t)count * 2 : 1;
	void *bigger = reallocarray(*p, capacity, element);
	if (!bigger)
		return fail(ENOMEM, "not enough memory for the index of the debug info");
	*p = bigger;
	return 0;
}

static const struct dwarf_bytes *section(const struct dwarf *dwarf, uint32_t input,
					 enum dwarf_section_id id)
{
	return &dwarf->inputs[input].sections[id];
}

static int damaged(const struct dwarf *dwarf, uint64_t offset, const char *what)
{
	uint32_t input = offset >= dwarf->bases[2] && dwarf->inputs[1].name ? 1 : 0;
	enum dwarf_section_id id = DWARF_INFO;

	if (input)
		offset -= dwarf->bases[2];
	else if (offset >= dwarf->bases[1] && dwarf->ends[1] > dwarf->bases[1]) {
		offset -= dwarf->bases[1];
		id = DWARF_TYPES;
	}
	return fail(ENOEXEC, "%s: debug info is damaged: %s at %s+0x%" PRIx64,
		    dwarf->inputs[input].name, what, dwarf_section_names[id], offset);
}

/* The section that a DIE offset lies in: its bytes and the offset of its start. */
static const struct dwarf_bytes *section_of(const struct dwarf *dwarf, uint64_t offset,
					    uint64_t *base)
{
	static const struct { uint8_t input, id; } where[3] = {
		{ 0, DWARF_INFO }, { 0, DWARF_TYPES }, { 1, DWARF_INFO },
	};

	for (int i = 0; i < 3; i++) {
		if (offset >= dwarf->bases[i] && offset < dwarf->ends[i]) {
			*base = dwarf->bases[i];
			return section(dwarf, where[i].input, where[i].id);
		}
	}
	return NULL;
}

static const char *string_at(const struct dwarf *dwarf, uint32_t input, enum dwarf_section_id id,
			     uint64_t offset)
{
	const struct dwarf_bytes *strings = section(dwarf, input, id);

	if (offset >= strings->size ||
	    !memchr(strings->data + offset, 0, (size_t)(strings->size - offset)))
		return NULL;
	return (const char *)strings->data + offset;
}

/* Abbreviations */

/* How many bytes a form's number has, where that is no fixed number up to 16. */
enum { SIZE_ADDRESS = 32, SIZE_OFFSET, SIZE_REF_ADDR, SIZE_ULEB, SIZE_SLEB };

/* What the number means. */
enum meaning {
	IS_UNKNOWN, IS_CONSTANT, IS_IMPLICIT, IS_PRESENT, IS_ADDRESS, IS_ADDRESS_INDEX, IS_BYTES,
	IS_BLOCK_SIZE, IS_TEXT, IS_STRING, IS_LINE_STRING, IS_SUP_STRING, IS_STRING_INDEX,
	IS_UNIT_REFERENCE, IS_REFERENCE, IS_SUP_REFERENCE, IS_SIGNATURE, IS_OFFSET, IS_LIST_INDEX,
	IS_INDIRECT,
};

static const struct form forms[FORM_N] = {
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

/* What GNU had before DWARF 5 made forms of it. */
static const struct { uint16_t number; struct form form; } gnu_forms[] = {
	{ 0x1f01, { SIZE_ULEB, IS_ADDRESS_INDEX } },	/* DW_FORM_GNU_addr_index */
	{ 0x1f02, { SIZE_ULEB, IS_STRING_INDEX } },	/* DW_FORM_GNU_str_index */
	{ 0x1f20, { SIZE_OFFSET, IS_SUP_REFERENCE } },	/* DW_FORM_GNU_ref_alt */
	{ 0x1f21, { SIZE_OFFSET, IS_SUP_STRING } },	/* DW_FORM_GNU_strp_alt */
};

static struct form form_of(uint64_t number)
{
	if (number < FORM_N)
		return forms[number];
	for (size_t i = 0; i < sizeof(gnu_forms) / sizeof(gnu_forms[0]); i++)
		if (gnu_forms[i].number == number)
			return gnu_forms[i].form;
	return (struct form){ 0, IS_UNKNOWN };
}

/* Bytes of the number in a unit of this table's shape; -1 if they vary. */
static int number_size(const struct dwarf_abbrevs *shape, struct form form)
{
	switch (form.size) {
	case SIZE_ADDRESS:
		return shape->address_size;
	case SIZE_OFFSET:
		return shape->offset_size;
	case SIZE_REF_ADDR:	/* DWARF 2 had it as large as an address */
		return shape->version == 2 ? shape->address_size : shape->offset_size;
	case SIZE_ULEB: case SIZE_SLEB:
		return -1;
	default:
		return form.size;
	}
}

/* Bytes of all of a value, -1 if they vary. */
static int form_size(const struct dwarf_abbrevs *shape, struct form form)
{
	if (form.meaning == IS_BLOCK_SIZE || form.meaning == IS_UNKNOWN)
		return -1;
	return number_size(shape, form);
}

static uint8_t field_of(uint64_t attribute)
{
	if (attribute <= LAST_ATTRIBUTE)
		return field_of_attribute[attribute];
	for (size_t i = 0; i < sizeof(gnu_fields) / sizeof(gnu_fields[0]); i++)
		if (gnu_fields[i].attribute == attribute)
			return gnu_fields[i].field;
	return DWARF_NO_FIELD;
}

/* Its entries would be nameless where the supplementary file has the names. */
static int check_supplement(const struct dwarf *dwarf, struct form form)
{
	if ((form.meaning != IS_SUP_STRING && form.meaning != IS_SUP_REFERENCE) ||
	    dwarf->inputs[1].name)
		return 0;
	return fail(ENOENT, "%s: debug info refers to a supplementary file, but no section tells "
		    "to which", dwarf->inputs[0].name);
}

static int parse_attributes(const struct dwarf *dwarf, struct dwarf_abbrevs *table,
			    struct cursor *at, struct abbrev *entry)
{
	int32_t size = 0;
	int err;

	entry->first = table->n_attributes;
	entry->sibling_at = -1;
	for (;;) {
		uint64_t name = cursor_uleb(at), number = cursor_uleb(at);
		struct form form = form_of(number);

		if (!name && !number)
			break;
		if (at->bad)
			return -ENOEXEC;
		err = check_supplement(dwarf, form);
		if (!err)
			err = grow(&table->attributes, table->n_attributes,
				   sizeof(*table->attributes));
		if (err)
			return err;
		struct attribute *attribute = &table->attributes[table->n_attributes++];
		*attribute = (struct attribute){ field_of(name), form, 0 };
		if (form.meaning == IS_IMPLICIT) {
			err = grow(&table->implicit, table->n_implicit, sizeof(*table->implicit));
			if (err)
				return err;
			attribute->implicit = table->n_implicit;
			table->implicit[table->n_implicit++] = cursor_sleb(at);
		}
		if (attribute->field == DWARF_SIBLING && number == FORM_REF4 && size >= 0 &&
		    size < INT16_MAX)
			entry->sibling_at = (int16_t)size;
		int one = form_size(table, form);
		size = one < 0 || size < 0 || size > INT32_MAX / 2 ? -1 : size + one;
	}
	entry->count = table->n_attributes - entry->first;
	entry->fixed_size = size;
	return 0;
}

static int compare_abbrevs(const void *a, const void *b)
{
	uint64_t x = ((const struct abbrev *)a)->code, y = ((const struct abbrev *)b)->code;

	return (x > y) - (x < y);
}

static int parse_abbrevs(struct dwarf *dwarf, struct dwarf_abbrevs *table)
{
	const struct dwarf_bytes *bytes = section(dwarf, table->input, DWARF_ABBREV);
	struct cursor at;
	bool ascending = true;

	cursor_init(&at, bytes->data, bytes->size);
	cursor_skip(&at, table->offset);
	for (;;) {
		uint64_t code = cursor_uleb(&at);

		if (!code)
			break;
		int err = grow(&table->entries, table->n_entries, sizeof(*table->entries));
		if (err)
			return err;
		struct abbrev *entry = &table->entries[table->n_entries];
		uint64_t tag = cursor_uleb(&at);
		*entry = (struct abbrev){
			.code = code,
			.tag = tag > UINT16_MAX ? UINT16_MAX : (uint16_t)tag,
			.has_children = cursor_u8(&at) != 0,
		};
		if (table->n_entries && entry[-1].code >= code)
			ascending = false;
		table->n_entries++;
		err = parse_attributes(dwarf, table, &at, entry);
		if (err == -ENOEXEC)
			break;
		if (err)
			return err;
	}
	if (at.bad)
		return fail(ENOEXEC, "%s: debug info is damaged: table at .debug_abbrev+0x%" PRIx64,
			    dwarf->inputs[table->input].name, table->offset);
	dwarf->abbrev_bytes += (uint64_t)(at.p - at.start) - table->offset;
	if (!ascending)
		qsort(table->entries, table->n_entries, sizeof(*table->entries), compare_abbrevs);
	return 0;
}

static const struct abbrev *find_abbrev(const struct dwarf_abbrevs *table, uint64_t code)
{
	if (code - 1 < table->n_entries && table->entries[code - 1].code == code)
		return &table->entries[code - 1];
	struct abbrev key = { .code = code };
	if (!table->n_entries)
		return NULL;
	return bsearch(&key, table->entries, table->n_entries, sizeof(key), compare_abbrevs);
}

/* Table for a unit: parsed once for units of one shape. */
static int abbrevs_of(struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset,
		      uint32_t *out)
{
	uint32_t n = dwarf->n_abbrevs, *head = &dwarf->abbrev_heads[offset % DWARF_ABBREV_HEADS];
	int err;

	for (uint32_t i = *head; i != DWARF_NONE; i = dwarf->abbrevs[i].next) {
		const struct dwarf_abbrevs *have = &dwarf->abbrevs[i];

		if (have->offset == offset && have->input == unit->input &&
		    have->version == unit->version && have->address_size == unit->address_size &&
		    have->offset_size == unit->offset_size) {
			*out = i;
			return 0;
		}
	}
	/* There are four versions, two sizes of addresses and two of offsets. */
	if (dwarf->abbrev_bytes / 16 > section(dwarf, 0, DWARF_ABBREV)->size +
				       section(dwarf, 1, DWARF_ABBREV)->size)
		return damaged(dwarf, unit->offset, "unit with an abbreviation table inside of others");
	err = grow(&dwarf->abbrevs, n, sizeof(*dwarf->abbrevs));
	if (err)
		return err;
	dwarf->abbrevs[n] = (struct dwarf_abbrevs){
		.offset = offset, .input = unit->input, .version = unit->version,
		.address_size = unit->address_size, .offset_size = unit->offset_size,
		.next = *head,
	};
	dwarf->n_abbrevs = n + 1;
	*out = *head = n;
	return parse_abbrevs(dwarf, &dwarf->abbrevs[n]);
}

/* Values */

static struct dwarf_value string_value(const char *text)
{
	return (struct dwarf_value){ text ? DWARF_STRING : DWARF_ABSENT, 0, (const uint8_t *)text };
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

/* Reference or string in the supplementary file, which may not be there. */
static struct dwarf_value supplement_value(const struct dwarf *dwarf, bool string, uint64_t offset)
{
	if (!dwarf->inputs[1].name)
		return number_value(DWARF_ABSENT, 0);
	if (string)
		return string_value(string_at(dwarf, 1, DWARF_STR, offset));
	if (offset >= section(dwarf, 1, DWARF_INFO)->size)
		return number_value(DWARF_ABSENT, 0);
	return number_value(DWARF_REFERENCE, dwarf->bases[2] + offset);
}

static struct dwarf_value any_reference(const struct dwarf *dwarf, const struct dwarf_unit *unit,
					uint64_t offset)
{
	if (offset >= section(dwarf, unit->input, DWARF_INFO)->size)
		return number_value(DWARF_ABSENT, 0);
	return number_value(DWARF_REFERENCE, offset + (unit->input ? dwarf->bases[2] : 0));
}

/* The number itself, or what it leads to. */
static struct dwarf_value value_of(const struct dwarf *dwarf, const struct dwarf_unit *unit,
				   enum meaning meaning, uint64_t number)
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
		return string_value(string_at(dwarf, unit->input, DWARF_STR, number));
	case IS_LINE_STRING:
		return string_value(string_at(dwarf, unit->input, DWARF_LINE_STR, number));
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
 * One attribute's value; `table` is the unit's.  False for a form that is not
 * known; what is cut off is bad in `at`.
 */
static bool read_value(const struct dwarf *dwarf, const struct dwarf_unit *unit,
		       const struct dwarf_abbrevs *table, struct form form, struct cursor *at,
		       struct dwarf_value *value)
{
	uint64_t number = 0;

	if (form.meaning == IS_INDIRECT) {
		form = form_of(cursor_uleb(at));
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
		number = cursor_uint(at, (uint64_t)number_size(table, form));
	if (form.meaning == IS_BLOCK_SIZE)
		*value = block_value(at, number);
	else
		*value = value_of(dwarf, unit, form.meaning, number);
	return form.meaning != IS_UNKNOWN;
}

static int read_attributes(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			   const struct abbrev *abbrev, struct cursor *at, struct dwarf_die *die)
{
	const struct dwarf_abbrevs *table = &dwarf->abbrevs[unit->abbrevs];

	die->unit = unit;
	die->tag = abbrev->tag;
	die->has_children = abbrev->has_children;
	die->present = 0;
	for (uint32_t i = 0; i < abbrev->count; i++) {
		const struct attribute *attribute = &table->attributes[abbrev->first + i];
		struct dwarf_value value;

		if (attribute->form.meaning == IS_IMPLICIT)
			value = number_value(DWARF_CONSTANT,
					     (uint64_t)table->implicit[attribute->implicit]);
		else if (!read_value(dwarf, unit, table, attribute->form, at, &value) || at->bad)
			return damaged(dwarf, die->offset, at->bad ? "cut off entry" :
				       "attribute of unknown form");
		if (attribute->field == DWARF_NO_FIELD || value.kind == DWARF_ABSENT)
			continue;
		die->values[attribute->field] = value;
		die->present |= UINT64_C(1) << attribute->field;
	}
	return 0;
}

static int skip_attributes(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			   const struct abbrev *abbrev, struct cursor *at, uint64_t offset)
{
	const struct dwarf_abbrevs *table = &dwarf->abbrevs[unit->abbrevs];

	if (abbrev->fixed_size >= 0) {
		cursor_skip(at, (uint64_t)abbrev->fixed_size);
		return at->bad ? damaged(dwarf, offset, "cut off entry") : 0;
	}
	for (uint32_t i = 0; i < abbrev->count; i++) {
		struct form form = table->attributes[abbrev->first + i].form;
		struct dwarf_value value;
		int size = form_size(table, form);

		if (size >= 0)
			cursor_skip(at, (uint64_t)size);
		else if (!read_value(dwarf, unit, table, form, at, &value))
			return damaged(dwarf, offset, "attribute of unknown form");
	}
	return at->bad ? damaged(dwarf, offset, "cut off entry") : 0;
}

bool dwarf_has(const struct dwarf_die *die, enum dwarf_field field)
{
	return die->present >> field & 1;
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
	const struct dwarf_bytes *addresses = section(dwarf, unit->input, DWARF_ADDR);
	struct cursor at;

	cursor_init(&at, addresses->data, addresses->size);
	cursor_skip(&at, unit->addr_base);
	if (index > addresses->size)
		return false;
	cursor_skip(&at, index * unit->address_size);
	*out = cursor_uint(&at, unit->address_size);
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

static int compare_signature(const struct dwarf *dwarf, uint32_t unit, uint64_t signature)
{
	uint64_t have = dwarf->units[unit].signature;

	return (have > signature) - (have < signature);
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
	uint32_t lo = 0, hi = dwarf->n_type_units;
	while (lo < hi) {
		uint32_t middle = lo + (hi - lo) / 2;
		int order = compare_signature(dwarf, dwarf->type_units[middle], value->u);

		if (!order) {
			*out = dwarf->units[dwarf->type_units[middle]].type_die;
			return true;
		}
		if (order < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	return false;
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
	const struct dwarf_bytes *offsets = section(dwarf, unit->input, DWARF_STR_OFFSETS);
	if (value->u > offsets->size)
		return NULL;
	cursor_init(&at, offsets->data, offsets->size);
	cursor_skip(&at, unit->str_offsets_base);
	cursor_skip(&at, value->u * unit->offset_size);
	uint64_t offset = cursor_uint(&at, unit->offset_size);
	return at.bad ? NULL : string_at(dwarf, unit->input, DWARF_STR, offset);
}

/* DIEs */

static const struct dwarf_unit *unit_at(const struct dwarf *dwarf, uint64_t offset)
{
	uint32_t lo = 0, hi = dwarf->n_units;

	while (lo < hi) {
		uint32_t middle = lo + (hi - lo) / 2;

		if (dwarf->units[middle].end <= offset)
			lo = middle + 1;
		else
			hi = middle;
	}
	if (lo == dwarf->n_units || offset < dwarf->units[lo].dies)
		return NULL;
	return &dwarf->units[lo];
}

/* A cursor over the rest of a unit from `offset` on. */
static int unit_cursor(const struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset,
		       struct cursor *at)
{
	uint64_t base;
	const struct dwarf_bytes *bytes = section_of(dwarf, unit->offset, &base);

	if (!bytes || offset > unit->end)
		return damaged(dwarf, offset, "offset outside its unit");
	cursor_init(at, bytes->data + (offset - base), unit->end - offset);
	return 0;
}

/* Like dwarf_die_read, but 0 in tag means the null entry that ends a list of children. */
static int read_entry(const struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset,
		      struct dwarf_die *die)
{
	struct cursor at;
	int err = unit_cursor(dwarf, unit, offset, &at);

	if (err)
		return err;
	const uint8_t *start = at.p;
	uint64_t code = cursor_uleb(&at);
	if (at.bad)
		return damaged(dwarf, offset, "end of unit");
	die->offset = offset;
	die->unit = unit;
	if (!code) {
		die->tag = 0;
		die->next = offset + (uint64_t)(at.p - start);
		return 0;
	}
	const struct abbrev *abbrev = find_abbrev(&dwarf->abbrevs[unit->abbrevs], code);
	if (!abbrev)
		return damaged(dwarf, offset, "unknown abbreviation");
	err = read_attributes(dwarf, unit, abbrev, &at, die);
	die->next = offset + (uint64_t)(at.p - start);
	return err;
}

int dwarf_die_read(const struct dwarf *dwarf, uint64_t offset, struct dwarf_die *die)
{
	const struct dwarf_unit *unit = unit_at(dwarf, offset);

	if (!unit)
		return damaged(dwarf, offset, "reference to no entry");
	int err = read_entry(dwarf, unit, offset, die);
	if (!err && !die->tag)
		return damaged(dwarf, offset, "reference to no entry");
	return err;
}

int dwarf_child(const struct dwarf *dwarf, const struct dwarf_die *die, struct dwarf_die *out)
{
	if (!die->has_children || die->next >= die->unit->end)
		return 0;
	int err = read_entry(dwarf, die->unit, die->next, out);
	return err ? err : out->tag != 0;
}

int dwarf_sibling(const struct dwarf *dwarf, const struct dwarf_die *die, struct dwarf_die *out)
{
	const struct dwarf_unit *unit = die->unit;
	uint64_t next = die->next, sibling;
	unsigned int depth = die->has_children;
	int err;

	if (depth && dwarf_reference(dwarf, die, DWARF_SIBLING, &sibling) && sibling >= next &&
	    sibling < unit->end) {
		next = sibling;
		depth = 0;
	}
	for (;;) {
		if (next >= unit->end)
			return 0;
		err = read_entry(dwarf, unit, next, out);
		if (err)
			return err;
		if (!depth)
			return out->tag != 0;
		if (!out->tag)
			depth--;
		else if (out->has_children)
			depth++;
		next = out->next;
	}
}

/* Ranges */

static bool is_live(uint64_t lo, uint64_t hi)
{
	/* Linkers leave 0 or 1, lld all ones, for code that they dropped. */
	return lo > 1 && lo < hi;
}

static int add_range(struct dwarf *dwarf, uint64_t lo, uint64_t hi)
{
	if (!is_live(lo, hi))
		return 0;
	/* No two functions have the same list, and a range takes more than a byte. */
	if (dwarf->n_ranges > section(dwarf, 0, DWARF_INFO)->size +
	    section(dwarf, 0, DWARF_RANGES)->size + section(dwarf, 0, DWARF_RNGLISTS)->size)
		return fail(ENOEXEC, "%s: debug info is damaged: functions share lists of ranges",
			    dwarf->inputs[0].name);
	int err = grow(&dwarf->ranges, dwarf->n_ranges, sizeof(*dwarf->ranges));
	if (!err)
		dwarf->ranges[dwarf->n_ranges++] = (struct dwarf_range){ lo, hi };
	return err;
}

/* .debug_ranges: DWARF 4, section 2.17.3. */
static int add_old_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset)
{
	const struct dwarf_bytes *bytes = section(dwarf, unit->input, DWARF_RANGES);
	uint64_t base = unit->low_pc, highest = unit->address_size == 4 ? UINT32_MAX : UINT64_MAX;
	struct cursor at;

	cursor_init(&at, bytes->data, bytes->size);
	cursor_skip(&at, offset);
	for (;;) {
		uint64_t lo = cursor_uint(&at, unit->address_size);
		uint64_t hi = cursor_uint(&at, unit->address_size);

		if (at.bad || (!lo && !hi))
			return 0;
		if (lo == highest) {
			base = hi;
			continue;
		}
		int err = add_range(dwarf, (base + lo) & highest, (base + hi) & highest);
		if (err)
			return err;
	}
}

/* .debug_rnglists: DWARF 5, section 7.25. */
static int add_new_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset)
{
	enum { END_OF_LIST, BASE_ADDRESSX, STARTX_ENDX, STARTX_LENGTH, OFFSET_PAIR, BASE_ADDRESS,
	       START_END, START_LENGTH };
	const struct dwarf_bytes *bytes = section(dwarf, unit->input, DWARF_RNGLISTS);
	uint64_t base = unit->low_pc, lo, hi;
	uint8_t size = unit->address_size;
	struct cursor at;

	cursor_init(&at, bytes->data, bytes->size);
	cursor_skip(&at, offset);
	for (;;) {
		uint8_t kind = cursor_u8(&at);

		lo = hi = 0;
		switch (kind) {
		case BASE_ADDRESSX:
			if (!dwarf_indexed_address(dwarf, unit, cursor_uleb(&at), &base))
				return 0;
			break;
		case STARTX_ENDX:
		case STARTX_LENGTH:
			if (!dwarf_indexed_address(dwarf, unit, cursor_uleb(&at), &lo))
				return 0;
			hi = cursor_uleb(&at);
			if (kind == STARTX_LENGTH)
				hi += lo;
			else if (!dwarf_indexed_address(dwarf, unit, hi, &hi))
				return 0;
			break;
		case OFFSET_PAIR:
			lo = base + cursor_uleb(&at);
			hi = base + cursor_uleb(&at);
			break;
		case BASE_ADDRESS:
			base = cursor_uint(&at, size);
			break;
		case START_END:
			lo = cursor_uint(&at, size);
			hi = cursor_uint(&at, size);
			break;
		case START_LENGTH:
			lo = cursor_uint(&at, size);
			hi = lo + cursor_uleb(&at);
			break;
		default:
			return 0;
		}
		if (at.bad)
			return 0;
		int err = add_range(dwarf, lo, hi);
		if (err)
			return err;
	}
}

static int add_ranges(struct dwarf *dwarf, const struct dwarf_die *die)
{
	const struct dwarf_value *value = &die->values[DWARF_RANGES_LIST];
	const struct dwarf_unit *unit = die->unit;
	uint64_t offset = value->u;

	if (unit->version < 5)
		return add_old_ranges(dwarf, unit, offset);
	if (value->kind == DWARF_LIST_INDEX) {
		const struct dwarf_bytes *bytes = section(dwarf, unit->input, DWARF_RNGLISTS);
		struct cursor at;

		if (offset > bytes->size)
			return 0;
		cursor_init(&at, bytes->data, bytes->size);
		cursor_skip(&at, unit->rnglists_base);
		cursor_skip(&at, offset * unit->offset_size);
		offset = unit->rnglists_base + cursor_uint(&at, unit->offset_size);
		if (at.bad)
			return 0;
	}
	return add_new_ranges(dwarf, unit, offset);
}

/* Code of a function: ranges, the one with the entry first. */
static int read_code(struct dwarf *dwarf, const struct dwarf_die *die,
		     struct dwarf_function *function)
{
	uint64_t lo, hi;
	int err = 0;

	function->first_range = dwarf->n_ranges;
	if (dwarf_has(die, DWARF_RANGES_LIST)) {
		err = add_ranges(dwarf, die);
	} else if (dwarf_address(dwarf, die, DWARF_LOW_PC, &lo)) {
		if (!dwarf_address(dwarf, die, DWARF_HIGH_PC, &hi)) {
			if (!dwarf_number(die, DWARF_HIGH_PC, &hi))
				return 0;
			hi += lo;
		}
		err = add_range(dwarf, lo, hi);
	}
	function->n_ranges = dwarf->n_ranges - function->first_range;
	function->is_dropped = !function->n_ranges &&
		(dwarf_has(die, DWARF_LOW_PC) || dwarf_has(die, DWARF_RANGES_LIST));
	if (!err && function->n_ranges) {
		function->lo = dwarf->ranges[function->first_range].lo;
		function->hi = dwarf->ranges[function->first_range].hi;
	}
	return err;
}

/* The index */

struct scope {
	uint32_t function;	/* innermost one, or DWARF_NONE */
	bool inlined;		/* inside an inlined instance: not that function's own things */
};

static uint32_t number32(const struct dwarf_die *die, enum dwarf_field field)
{
	uint64_t value = 0;

	return dwarf_number(die, field, &value) && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static uint32_t unit_index(const struct dwarf *dwarf, const struct dwarf_die *die)
{
	return (uint32_t)(die->unit - dwarf->units);
}

static uint32_t file_number(const struct dwarf_die *die)
{
	return dwarf_has(die, DWARF_DECL_FILE) ? number32(die, DWARF_DECL_FILE) : DWARF_NONE;
}

static uint64_t origin_of(const struct dwarf *dwarf, const struct dwarf_die *die)
{
	uint64_t origin;

	if (dwarf_reference(dwarf, die, DWARF_ORIGIN, &origin) ||
	    dwarf_reference(dwarf, die, DWARF_SPECIFICATION, &origin))
		return origin;
	return 0;
}

static int index_function(struct dwarf *dwarf, const struct dwarf_die *die, struct scope *scope)
{
	int err = grow(&dwarf->functions, dwarf->n_functions, sizeof(*dwarf->functions));
	uint64_t inlined = 0;

	if (err)
		return err;
	dwarf_number(die, DWARF_INLINE, &inlined);
	struct dwarf_function *function = &dwarf->functions[dwarf->n_functions];
	*function = (struct dwarf_function){
		.name = dwarf_text(dwarf, die, DWARF_NAME),
		.linkage_name = dwarf_text(dwarf, die, DWARF_LINKAGE_NAME),
		.die = die->offset,
		.origin = origin_of(dwarf, die),
		.unit = unit_index(dwarf, die),
		.file_unit = unit_index(dwarf, die),
		.file = file_number(die),
		.line = number32(die, DWARF_DECL_LINE),
		.next = DWARF_NONE,
		.external = number32(die, DWARF_EXTERNAL) != 0,
		.declaration = number32(die, DWARF_DECLARATION) != 0,
		.is_inlined = inlined == 1 || inlined == 3,
	};
	err = read_code(dwarf, die, function);
	*scope = (struct scope){ dwarf->n_functions++, false };
	return err;
}

static int index_inlined(struct dwarf *dwarf, const struct dwarf_die *die, struct scope *scope)
{
	uint64_t origin = origin_of(dwarf, die);

	scope->inlined = true;
	if (!origin || scope->function == DWARF_NONE || !dwarf->functions[scope->function].hi)
		return 0;
	int err = grow(&dwarf->inlined, dwarf->n_inlined, sizeof(*dwarf->inlined));
	if (!err)
		dwarf->inlined[dwarf->n_inlined++] = (struct dwarf_inlined){
			origin, scope->function, number32(die, DWARF_CALL_LINE) };
	return err;
}

/*
 * Static storage: DW_OP_addr or DW_OP_addrx, perhaps with an offset into an
 * object that the compiler merged several variables into, and nothing more; or a
 * constant, the offset in the thread's block, and DW_OP_form_tls_address.
 */
static void read_location(const struct dwarf *dwarf, const struct dwarf_die *die,
			  struct dwarf_variable *variable)
{
	const struct dwarf_value *value = &die->values[DWARF_LOCATION];
	const struct dwarf_unit *unit = die->unit;
	struct cursor at;
	uint64_t addr = 0;
	bool known = true, addr_known = true;

	if (!dwarf_has(die, DWARF_LOCATION) || value->kind != DWARF_BLOCK)
		return;
	cursor_init(&at, value->data, value->u);
	switch (cursor_u8(&at)) {
	case OP_ADDR:
		addr = cursor_uint(&at, unit->address_size);
		break;
	case OP_ADDRX: case OP_GNU_ADDR_INDEX:
		known = dwarf_indexed_address(dwarf, unit, cursor_uleb(&at), &addr);
		break;
	case OP_CONST4U:
		addr = cursor_uint(&at, 4);
		known = false;
		break;
	case OP_CONST8U:
		addr = cursor_uint(&at, 8);
		known = false;
		break;
	case OP_CONSTX: case OP_GNU_CONST_INDEX:
		known = false;
		addr_known = dwarf_indexed_address(dwarf, unit, cursor_uleb(&at), &addr);
		break;
	default:
		return;
	}
	while (!at.bad && at.p < at.end) {
		uint8_t op = cursor_u8(&at);

		if (op == OP_GNU_PUSH_TLS_ADDRESS || op == OP_FORM_TLS_ADDRESS) {
			variable->is_tls = addr_known;
			known = false;
		} else if (op == OP_PLUS_UCONST) {
			addr += cursor_uleb(&at);
		} else {
			known = false;
			break;
		}
	}
	variable->has_addr = known && !at.bad;
	variable->addr = variable->has_addr || variable->is_tls ? addr : 0;
}

static int index_variable(struct dwarf *dwarf, const struct dwarf_die *die,
			  const struct scope *scope)
{
	struct dwarf_variable variable = {
		.name = dwarf_text(dwarf, die, DWARF_NAME),
		.die = die->offset,
		.function = scope->function,
		.unit = unit_index(dwarf, die),
		.file_unit = unit_index(dwarf, die),
		.file = file_number(die),
		.line = number32(die, DWARF_DECL_LINE),
		.next = DWARF_NONE,
		.external = number32(die, DWARF_EXTERNAL) != 0,
		.declaration = number32(die, DWARF_DECLARATION) != 0,
	};
	uint64_t type;

	if (dwarf_reference(dwarf, die, DWARF_TYPE, &type))
		variable.type = type;
	read_location(dwarf, die, &variable);
	/* Of what stands in a function only static storage and what is declared extern matter. */
	if (scope->function != DWARF_NONE && (scope->inlined || (!variable.has_addr &&
	    !variable.is_tls && !variable.declaration)))
		return 0;
	int err = grow(&dwarf->variables, dwarf->n_variables, sizeof(*dwarf->variables));
	if (!err)
		dwarf->variables[dwarf->n_variables++] = variable;
	return err;
}

static bool is_c(const struct dwarf_unit *unit)
{
	/* DW_LANG_C89, C, C99, C11, Mips_Assembler: no code inside a type. */
	return unit->language == 1 || unit->language == 2 || unit->language == 0xc ||
	       unit->language == 0x1d || unit->language == 0x8001;
}

/* May something of interest be below a DIE of this tag? */
static bool may_hold_code(const struct dwarf_unit *unit, uint16_t tag)
{
	switch (tag) {
	case DW_TAG_compile_unit: case DW_TAG_partial_unit: case DW_TAG_subprogram:
	case DW_TAG_lexical_block: case DW_TAG_inlined_subroutine: case DW_TAG_namespace:
		return true;
	case DW_TAG_structure_type: case DW_TAG_class_type: case DW_TAG_union_type:
		return !is_c(unit);
	default:
		return false;
	}
}

static int index_entry(struct dwarf *dwarf, const struct dwarf_unit *unit,
		       const struct abbrev *abbrev, struct cursor *at, uint64_t offset,
		       struct scope *scope)
{
	struct dwarf_die die;
	uint16_t tag = abbrev->tag;

	if (tag != DW_TAG_subprogram && tag != DW_TAG_variable && tag != DW_TAG_inlined_subroutine)
		return skip_attributes(dwarf, unit, abbrev, at, offset);
	die.offset = offset;
	int err = read_attributes(dwarf, unit, abbrev, at, &die);
	if (err)
		return err;
	if (tag == DW_TAG_subprogram)
		return index_function(dwarf, &die, scope);
	if (tag == DW_TAG_inlined_subroutine)
		return index_inlined(dwarf, &die, scope);
	return index_variable(dwarf, &die, scope);
}

/* Jump over the children of a DIE, where its DW_AT_sibling says how far that is. */
static bool skip_children(const struct dwarf_unit *unit, const struct abbrev *abbrev,
			  const uint8_t *attributes, struct cursor *at)
{
	struct cursor sibling;

	if (abbrev->sibling_at < 0)
		return false;
	cursor_init(&sibling, attributes, (uint64_t)(at->end - attributes));
	cursor_skip(&sibling, (uint64_t)abbrev->sibling_at);
	uint64_t target = unit->offset + cursor_uint(&sibling, 4);
	uint64_t here = unit->dies + (uint64_t)(at->p - at->start);
	if (sibling.bad || target <= here || target > unit->end)
		return false;
	cursor_skip(at, target - here);
	return true;
}

static int index_unit(struct dwarf *dwarf, uint32_t index)
{
	const struct dwarf_unit *unit = &dwarf->units[index];
	struct scope scopes[DEPTH_MAX];
	unsigned int depth = 0;
	struct cursor at;
	int err = unit_cursor(dwarf, unit, unit->dies, &at);

	if (err)
		return err;
	scopes[0] = (struct scope){ DWARF_NONE, false };
	while (at.p < at.end) {
		uint64_t offset = unit->dies + (uint64_t)(at.p - at.start);
		uint64_t code = cursor_uleb(&at);

		if (!code && !at.bad) {
			if (depth <= 1)
				return 0;
			depth--;
			continue;
		}
		const struct abbrev *abbrev =
			at.bad ? NULL : find_abbrev(&dwarf->abbrevs[unit->abbrevs], code);
		if (!abbrev)
			return damaged(dwarf, offset, "unknown abbreviation");
		const uint8_t *attributes = at.p;
		struct scope scope = scopes[depth];
		err = index_entry(dwarf, unit, abbrev, &at, offset, &scope);
		if (err)
			return err;
		if (!abbrev->has_children)
			continue;
		if (!may_hold_code(unit, abbrev->tag) && skip_children(unit, abbrev, attributes, &at))
			continue;
		if (++depth >= DEPTH_MAX)
			return damaged(dwarf, offset, "too deeply nested entries");
		scopes[depth] = scope;
	}
	return 0;
}

/* Units */

static int read_unit_die(struct dwarf *dwarf, struct dwarf_unit *unit)
{
	struct dwarf_die die;
	int err;

	if (unit->dies >= unit->end)
		return 0;
	err = read_entry(dwarf, unit, unit->dies, &die);
	if (err || !die.tag)
		return err;
	unit->tag = die.tag;
	dwarf_number(&die, DWARF_STR_OFFSETS_BASE, &unit->str_offsets_base);
	dwarf_number(&die, DWARF_ADDR_BASE, &unit->addr_base);
	dwarf_number(&die, DWARF_RNGLISTS_BASE, &unit->rnglists_base);
	dwarf_number(&die, DWARF_LOCLISTS_BASE, &unit->loclists_base);
	dwarf_number(&die, DWARF_LANGUAGE, &unit->language);
	unit->has_stmt_list = dwarf_number(&die, DWARF_STMT_LIST, &unit->stmt_list);
	unit->name = dwarf_text(dwarf, &die, DWARF_NAME);
	unit->comp_dir = dwarf_text(dwarf, &die, DWARF_COMP_DIR);
	unit->producer = dwarf_text(dwarf, &die, DWARF_PRODUCER);
	unit->dwo_name = dwarf_text(dwarf, &die, DWARF_DWO_NAME);
	uint64_t low_pc;
	if (dwarf_address(dwarf, &die, DWARF_LOW_PC, &low_pc))
		unit->low_pc = low_pc;
	return 0;
}

/* Header: DWARF 5, section 7.5.1; .debug_types: DWARF 4, section 7.5.1.2. */
static int read_unit_header(struct dwarf *dwarf, struct cursor *at, struct dwarf_unit *unit,
			    bool types)
{
	const uint8_t *start = at->p;
	uint64_t abbrevs, length = cursor_uint(at, 4);

	unit->offset_size = 4;
	if (length == UINT32_MAX) {
		unit->offset_size = 8;
		length = cursor_uint(at, 8);
	}
	if (at->bad || length > (uint64_t)(at->end - at->p))
		return damaged(dwarf, unit->offset, "unit of wrong length");
	unit->end = unit->offset + (uint64_t)(at->p - start) + length;
	unit->version = (uint8_t)cursor_uint(at, 2);
	unit->kind = types ? UT_TYPE : UT_COMPILE;
	if (unit->version >= 5) {
		unit->kind = cursor_u8(at);
		unit->address_size = cursor_u8(at);
		abbrevs = cursor_uint(at, unit->offset_size);
	} else {
		abbrevs = cursor_uint(at, unit->offset_size);
		unit->address_size = cursor_u8(at);
	}
	if (unit->version < 2 || unit->version > 5)
		return fail(ENOEXEC, "%s: debug info is of DWARF version %u, known are 2 to 5",
			    dwarf->inputs[unit->input].name, unit->version);
	if (unit->address_size != 4 && unit->address_size != 8)
		return damaged(dwarf, unit->offset, "unit of unknown address size");
	if (unit->kind == UT_TYPE || unit->kind == UT_SPLIT_TYPE) {
		unit->signature = cursor_uint(at, 8);
		unit->type_die = unit->offset + cursor_uint(at, unit->offset_size);
	} else if (unit->kind == UT_SKELETON || unit->kind == UT_SPLIT_COMPILE) {
		cursor_skip(at, 8);
	}
	unit->dies = unit->offset + (uint64_t)(at->p - start);
	if (at->bad || unit->dies > unit->end)
		return damaged(dwarf, unit->offset, "cut off unit header");
	return abbrevs_of(dwarf, unit, abbrevs, &unit->abbrevs);
}

/* All units of one section; bases[which] is the offset of its first byte. */
static int read_units(struct dwarf *dwarf, int which, uint32_t input, enum dwarf_section_id id)
{
	const struct dwarf_bytes *bytes = section(dwarf, input, id);
	struct cursor at;
	int err;

	cursor_init(&at, bytes->data, bytes->size);
	while (at.p < at.end) {
		err = grow(&dwarf->units, dwarf->n_units, sizeof(*dwarf->units));
		if (err)
			return err;
		struct dwarf_unit *unit = &dwarf->units[dwarf->n_units];
		*unit = (struct dwarf_unit){
			.offset = dwarf->bases[which] + (uint64_t)(at.p - at.start),
			.input = input,
		};
		const uint8_t *start = at.p;
		err = read_unit_header(dwarf, &at, unit, id == DWARF_TYPES);
		if (err)
			return err;
		dwarf->n_units++;
		at.p = start;
		cursor_skip(&at, unit->end - unit->offset);
	}
	return 0;
}

static int compare_type_units(const void *a, const void *b, void *units)
{
	uint64_t x = ((const struct dwarf_unit *)units)[*(const uint32_t *)a].signature;
	uint64_t y = ((const struct dwarf_unit *)units)[*(const uint32_t *)b].signature;

	return (x > y) - (x < y);
}

static int list_type_units(struct dwarf *dwarf)
{
	for (uint32_t i = 0; i < dwarf->n_units; i++) {
		if (dwarf->units[i].kind != UT_TYPE)
			continue;
		int err = grow(&dwarf->type_units, dwarf->n_type_units, sizeof(uint32_t));
		if (err)
			return err;
		dwarf->type_units[dwarf->n_type_units++] = i;
	}
	if (dwarf->n_type_units)
		qsort_r(dwarf->type_units, dwarf->n_type_units, sizeof(uint32_t),
			compare_type_units, dwarf->units);
	return 0;
}

/* The origin may be of another unit (dwz, link-time optimisation), with file numbers of its own. */
static void inherit_place(const struct dwarf *dwarf, const struct dwarf_die *origin,
			  uint32_t *file_unit, uint32_t *file, uint32_t *line)
{
	if (*file == DWARF_NONE) {
		*file_unit = unit_index(dwarf, origin);
		*file = file_number(origin);
	}
	if (!*line)
		*line = number32(origin, DWARF_DECL_LINE);
}

/* What a DIE does not say itself, the one that it is an instance of says. */
static int inherit_function(const struct dwarf *dwarf, struct dwarf_function *function)
{
	struct dwarf_die die;
	uint64_t origin = function->origin;

	for (int i = 0; origin && i < CHAIN_MAX; i++) {
		int err = dwarf_die_read(dwarf, origin, &die);
		if (err)
			return err;
		if (!function->name)
			function->name = dwarf_text(dwarf, &die, DWARF_NAME);
		if (!function->linkage_name)
			function->linkage_name = dwarf_text(dwarf, &die, DWARF_LINKAGE_NAME);
		inherit_place(dwarf, &die, &function->file_unit, &function->file, &function->line);
		if (number32(&die, DWARF_EXTERNAL))
			function->external = true;
		origin = origin_of(dwarf, &die);
	}
	return 0;
}

static int inherit_variable(const struct dwarf *dwarf, struct dwarf_variable *variable)
{
	struct dwarf_die die;

	if (variable->name && variable->type)
		return 0;
	int err = dwarf_die_read(dwarf, variable->die, &die);
	for (int i = 0; !err && i < CHAIN_MAX; i++) {
		uint64_t type, origin = origin_of(dwarf, &die);

		if (!origin)
			return 0;
		err = dwarf_die_read(dwarf, origin, &die);
		if (err)
			return err;
		if (!variable->name)
			variable->name = dwarf_text(dwarf, &die, DWARF_NAME);
		if (!variable->type && dwarf_reference(dwarf, &die, DWARF_TYPE, &type))
			variable->type = type;
		inherit_place(dwarf, &die, &variable->file_unit, &variable->file, &variable->line);
		if (number32(&die, DWARF_EXTERNAL))
			variable->external = true;
	}
	return err;
}

static uint32_t hash(const char *name)
{
	uint32_t h = 5381;

	while (*name)
		h = h * 33 + (uint8_t)*name++;
	return h;
}

static int names_init(struct dwarf_names *names, uint32_t count)
{
	uint32_t size = 64;

	while (size < count && size < UINT32_C(1) << 30)
		size *= 2;
	names->heads = malloc(size * sizeof(uint32_t));
	if (!names->heads)
		return fail(ENOMEM, "not enough memory for the index of the debug info");
	memset(names->heads, 0xff, size * sizeof(uint32_t));
	names->mask = size - 1;
	return 0;
}

/* Backwards, so that a chain is in the order of the file. */
static int hash_names(struct dwarf *dwarf)
{
	int err = names_init(&dwarf->function_names, dwarf->n_functions);

	if (!err)
		err = names_init(&dwarf->variable_names, dwarf->n_variables);
	if (err)
		return err;
	for (uint32_t i = dwarf->n_functions; i-- > 0;) {
		struct dwarf_function *function = &dwarf->functions[i];
		if (!function->name)
			continue;
		uint32_t *head = &dwarf->function_names.heads[hash(function->name) &
							      dwarf->function_names.mask];
		function->next = *head;
		*head = i;
	}
	for (uint32_t i = dwarf->n_variables; i-- > 0;) {
		struct dwarf_variable *variable = &dwarf->variables[i];
		if (!variable->name)
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

	if (!names->heads)
		return DWARF_NONE;
	i = after == DWARF_NONE ? names->heads[hash(name) & names->mask] :
		dwarf->functions[after].next;
	while (i != DWARF_NONE && strcmp(dwarf->functions[i].name, name))
		i = dwarf->functions[i].next;
	return i;
}

uint32_t dwarf_find_variable(const struct dwarf *dwarf, const char *name, uint32_t after)
{
	const struct dwarf_names *names = &dwarf->variable_names;
	uint32_t i;

	if (!names->heads)
		return DWARF_NONE;
	i = after == DWARF_NONE ? names->heads[hash(name) & names->mask] :
		dwarf->variables[after].next;
	while (i != DWARF_NONE && strcmp(dwarf->variables[i].name, name))
		i = dwarf->variables[i].next;
	return i;
}

int dwarf_init(struct dwarf *dwarf, const struct dwarf_input *input,
	       const struct dwarf_input *supplement)
{
	int err;

	*dwarf = (struct dwarf){ .inputs = { *input } };
	if (supplement)
		dwarf->inputs[1] = *supplement;
	memset(dwarf->abbrev_heads, 0xff, sizeof(dwarf->abbrev_heads));
	uint64_t sizes[3] = {
		section(dwarf, 0, DWARF_INFO)->size, section(dwarf, 0, DWARF_TYPES)->size,
		section(dwarf, 1, DWARF_INFO)->size,
	};
	for (int i = 0; i < 3; i++) {
		dwarf->bases[i] = i ? dwarf->ends[i - 1] : 0;
		dwarf->ends[i] = dwarf->bases[i] + sizes[i];
	}
	err = read_units(dwarf, 0, 0, DWARF_INFO);
	if (!err)
		err = read_units(dwarf, 1, 0, DWARF_TYPES);
	if (!err)
		err = read_units(dwarf, 2, 1, DWARF_INFO);
	for (uint32_t i = 0; !err && i < dwarf->n_units; i++)
		err = read_unit_die(dwarf, &dwarf->units[i]);
	if (!err)
		err = list_type_units(dwarf);
	for (uint32_t i = 0; !err && i < dwarf->n_units; i++)
		if (dwarf->units[i].kind != UT_TYPE && !dwarf->units[i].input)
			err = index_unit(dwarf, i);
	for (uint32_t i = 0; !err && i < dwarf->n_functions; i++)
		err = inherit_function(dwarf, &dwarf->functions[i]);
	for (uint32_t i = 0; !err && i < dwarf->n_variables; i++)
		err = inherit_variable(dwarf, &dwarf->variables[i]);
	if (!err)
		err = hash_names(dwarf);
	if (err)
		dwarf_deinit(dwarf);
	return err;
}

void dwarf_deinit(struct dwarf *dwarf)
{
	for (uint32_t i = 0; i < dwarf->n_abbrevs; i++) {
		free(dwarf->abbrevs[i].entries);
		free(dwarf->abbrevs[i].attributes);
		free(dwarf->abbrevs[i].implicit);
	}
	free(dwarf->abbrevs);
	free(dwarf->units);
	free(dwarf->functions);
	free(dwarf->inlined);
	free(dwarf->variables);
	free(dwarf->ranges);
	free(dwarf->function_names.heads);
	free(dwarf->variable_names.heads);
	free(dwarf->type_units);
	*dwarf = (struct dwarf){ 0 };
}
