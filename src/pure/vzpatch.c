/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vzpatch.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "array.h"
#include "text.h"

/*
 * The header of the section, little-endian, without padding.  The checksum does not cover it:
 * each of its fields has only one permitted value, or is compared with a record.
 */
enum {
	OFF_MAGIC = 0, OFF_VERSION = 8, OFF_MACHINE = 10, OFF_CLASS = 12, OFF_RESERVED = 13,
	OFF_FLAGS = 14, OFF_LENGTH = 16, OFF_CRC = 20, HEADER_SIZE = 24
};

static const uint8_t magic[8] = { 'V', 'Z', 'P', 'A', 'T', 'C', 'H', '\n' };

#define TAG_STRINGS 1		/* the string table; the first record */
#define JSON_SCHEMA 1

/* ---- the fields of records ---- */

enum field_kind {
	FIELD_NUMBER,		/* uint64_t, ULEB128 */
	FIELD_ADDRESS,	/* the same, printed as hexadecimal */
	FIELD_SIGNED,		/* int64_t, SLEB128 */
	FIELD_ENUM,		/* uint64_t, ULEB128: one of `names` */
	FIELD_FLAGS,	/* uint64_t, ULEB128: any of `names`, ORed */
	FIELD_STRING,		/* const char *, ULEB128 offset in the string table */
	FIELD_BLOB,		/* struct vz_blob, ULEB128 size and the bytes */
};

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset;		/* in the record's struct */
	const struct number_name *names;
};

struct record_type {
	const char *name;
	uint64_t tag;		/* if odd, a reader that does not know it has to refuse the patch */
	const struct field *fields;
	size_t n_fields;
	bool is_list;
	size_t offset;		/* in struct vzpatch, of the struct, or of the pointer to the array */
	size_t count_offset;	/* for lists: of the array's count */
	size_t struct_size;	/* for lists: the size of an element */
};

static const struct number_name type_names[] = {
	{ ET_EXEC, "EXEC" }, { ET_DYN, "DYN" }, { 0, NULL }
};
static const struct number_name kind_names[] = {
	{ VZ_PLACE_ABS, "abs" }, { VZ_PLACE_PCREL, "pcrel" }, { VZ_PLACE_GOTREL, "gotrel" },
	{ VZ_PLACE_DTPOFF, "dtpoff" }, { VZ_PLACE_TPOFF, "tpoff" },
	{ 0, NULL }
};
static const struct number_name flag_names[] = {
	{ VZ_FUNC_GLOBAL, "global" }, { VZ_FUNC_ALLOW_ACTIVE, "allow-active" },
	{ VZ_FUNC_ADDRESS_TAKEN, "address-taken" }, { VZ_FUNC_SHORT, "short" }, { VZ_FUNC_RESUME, "resume" },
	{ VZ_FUNC_GATED, "gated" }, { VZ_FUNC_PASSES, "passes" }, { 0, NULL }
};

static const struct field object_fields[] = {
	{ "build_id", FIELD_BLOB, offsetof(struct vz_object, build_id), NULL },
	{ "name", FIELD_STRING, offsetof(struct vz_object, name), NULL },
	{ "class", FIELD_ENUM, offsetof(struct vz_object, elf_class), arch_class_names },
	{ "machine", FIELD_ENUM, offsetof(struct vz_object, machine), arch_machine_names },
	{ "type", FIELD_ENUM, offsetof(struct vz_object, type), type_names },
};
static const struct field origin_fields[] = {
	{ "generator", FIELD_STRING, offsetof(struct vzpatch, generator), NULL },
	{ "mode", FIELD_STRING, offsetof(struct vzpatch, mode), NULL },
	{ "load_crc", FIELD_ADDRESS, offsetof(struct vzpatch, load_crc), NULL },
};
static const struct field func_fields[] = {
	{ "name", FIELD_STRING, offsetof(struct vz_func, name), NULL },
	{ "file", FIELD_STRING, offsetof(struct vz_func, file), NULL },
	{ "target_addr", FIELD_ADDRESS, offsetof(struct vz_func, target_addr), NULL },
	{ "target_size", FIELD_NUMBER, offsetof(struct vz_func, target_size), NULL },
	{ "patch_addr", FIELD_ADDRESS, offsetof(struct vz_func, patch_addr), NULL },
	{ "patch_size", FIELD_NUMBER, offsetof(struct vz_func, patch_size), NULL },
	{ "flags", FIELD_FLAGS, offsetof(struct vz_func, flags), flag_names },
	{ "room", FIELD_NUMBER, offsetof(struct vz_func, room), NULL },
	{ "first", FIELD_BLOB, offsetof(struct vz_func, first), NULL },
};
static const struct field range_fields[] = {
	{ "func", FIELD_NUMBER, offsetof(struct vz_range, func), NULL },
	{ "addr", FIELD_ADDRESS, offsetof(struct vz_range, addr), NULL },
	{ "size", FIELD_NUMBER, offsetof(struct vz_range, size), NULL },
};
static const struct field dynref_fields[] = {
	{ "symbol", FIELD_NUMBER, offsetof(struct vz_dynref, symbol), NULL },
	{ "target_addr", FIELD_ADDRESS, offsetof(struct vz_dynref, target_addr), NULL },
	{ "size", FIELD_NUMBER, offsetof(struct vz_dynref, size), NULL },
	{ "name", FIELD_STRING, offsetof(struct vz_dynref, name), NULL },
};
static const struct field place_fields[] = {
	{ "patch_addr", FIELD_ADDRESS, offsetof(struct vz_place, patch_addr), NULL },
	{ "width", FIELD_NUMBER, offsetof(struct vz_place, width), NULL },
	{ "kind", FIELD_ENUM, offsetof(struct vz_place, kind), kind_names },
	{ "target_addr", FIELD_ADDRESS, offsetof(struct vz_place, target_addr), NULL },
	{ "addend", FIELD_SIGNED, offsetof(struct vz_place, addend), NULL },
};
static const struct field comment_fields[] = {
	{ "key", FIELD_STRING, offsetof(struct vz_comment, key), NULL },
	{ "text", FIELD_STRING, offsetof(struct vz_comment, text), NULL },
};
static const struct field inside_fields[] = {
	{ "addr", FIELD_ADDRESS, offsetof(struct vz_inside, addr), NULL },
	{ "size", FIELD_NUMBER, offsetof(struct vz_inside, size), NULL },
};
static const struct field variable_fields[] = {
	{ "name", FIELD_STRING, offsetof(struct vz_variable, name), NULL },
	{ "addr", FIELD_ADDRESS, offsetof(struct vz_variable, addr), NULL },
};
static const struct number_name hook_names[] = {
	{ VZ_HOOK_PRE_APPLY, "pre-apply" }, { VZ_HOOK_POST_APPLY, "post-apply" },
	{ VZ_HOOK_PRE_REVERT, "pre-revert" }, { VZ_HOOK_POST_REVERT, "post-revert" }, { 0, NULL }
};
static const struct field hook_fields[] = {
	{ "name", FIELD_STRING, offsetof(struct vz_hook, name), NULL },
	{ "kind", FIELD_ENUM, offsetof(struct vz_hook, kind), hook_names },
	{ "addr", FIELD_ADDRESS, offsetof(struct vz_hook, addr), NULL },
	{ "size", FIELD_NUMBER, offsetof(struct vz_hook, size), NULL },
	{ "limit_ms", FIELD_NUMBER, offsetof(struct vz_hook, limit_ms), NULL },
};
static const struct field quiet_fields[] = {
	{ "name", FIELD_STRING, offsetof(struct vz_quiet, name), NULL },
	{ "addr", FIELD_ADDRESS, offsetof(struct vz_quiet, addr), NULL },
	{ "size", FIELD_NUMBER, offsetof(struct vz_quiet, size), NULL },
};
static const struct field state_fields[] = {
	{ "name", FIELD_STRING, offsetof(struct vz_state, name), NULL },
	{ "type", FIELD_STRING, offsetof(struct vz_state, type), NULL },
	{ "addr", FIELD_ADDRESS, offsetof(struct vz_state, addr), NULL },
	{ "size", FIELD_NUMBER, offsetof(struct vz_state, size), NULL },
};

static const struct field gate_fields[] = {
	{ "func", FIELD_NUMBER, offsetof(struct vz_gate, func), NULL },
	{ "addr", FIELD_ADDRESS, offsetof(struct vz_gate, addr), NULL },
};

#define FIELDS(table) table, sizeof(table) / sizeof((table)[0])
#define LIST(member) true, offsetof(struct vzpatch, member), offsetof(struct vzpatch, n_##member), \
	sizeof(((struct vzpatch *)0)->member[0])

static const struct record_type records[] = {
	{ "patch", 3, FIELDS(object_fields), false, offsetof(struct vzpatch, patch), 0, 0 },
	{ "target", 5, FIELDS(object_fields), false, offsetof(struct vzpatch, target), 0, 0 },
	{ "origin", 7, FIELDS(origin_fields), false, 0, 0, 0 },
	{ "functions", 9, FIELDS(func_fields), LIST(funcs) },
	{ "ranges", 11, FIELDS(range_fields), LIST(ranges) },
	{ "dynrefs", 13, FIELDS(dynref_fields), LIST(dynrefs) },
	{ "places", 15, FIELDS(place_fields), LIST(places) },
	{ "comments", 16, FIELDS(comment_fields), LIST(comments) },
	{ "inside", 18, FIELDS(inside_fields), LIST(inside) },
	{ "variables", 20, FIELDS(variable_fields), LIST(variables) },
	{ "hooks", 17, FIELDS(hook_fields), LIST(hooks) },
	{ "quiet", 19, FIELDS(quiet_fields), LIST(quiets) },
	{ "states", 21, FIELDS(state_fields), LIST(states) },
	{ "gates", 25, FIELDS(gate_fields), LIST(gates) },
};
#define N_RECORDS (sizeof(records) / sizeof(records[0]))

static size_t record_count(const struct record_type *record, const struct vzpatch *patch)
{
	size_t count = 1;

	if (record->is_list)
		memcpy(&count, (const char *)patch + record->count_offset, sizeof(count));
	return count;
}

static const char *record_at(const struct record_type *record, const struct vzpatch *patch, size_t index)
{
	const char *base = (const char *)patch + record->offset;

	if (record->is_list)
		memcpy(&base, (const char *)patch + record->offset, sizeof(base));
	return base + index * record->struct_size;
}

static uint64_t get_number(const char *element, const struct field *field)
{
	uint64_t value;

	memcpy(&value, element + field->offset, sizeof(value));
	return value;
}

static const char *get_string(const char *element, const struct field *field)
{
	const char *text;

	memcpy(&text, element + field->offset, sizeof(text));
	return text == NULL ? "" : text;
}

static struct vz_blob get_blob(const char *element, const struct field *field)
{
	struct vz_blob blob;

	memcpy(&blob, element + field->offset, sizeof(blob));
	return blob;
}

/* ---- checksums, build-ids, strings: others use these as well ---- */

/*
 * The checksum is computed eight bytes at a time: crc_table[n][b] is what byte b adds if n more
 * bytes follow it.  So a patch of some megabytes is checked in milliseconds.
 */
static uint32_t crc_table[8][256];

static void crc_table_init(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
		crc_table[0][b] = crc;
	}
	for (size_t n = 1; n < 8; n++) {
		for (size_t b = 0; b < 256; b++) {
			uint32_t crc = crc_table[n - 1][b];

			crc_table[n][b] = crc >> 8 ^ crc_table[0][crc & 0xff];
		}
	}
}

uint32_t crc32_update(uint32_t crc, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	if (crc_table[0][1] == 0)
		crc_table_init();
	crc = ~crc;
	for (; size >= 8; size -= 8, p += 8) {
		crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		       (uint32_t)p[3] << 24;
		crc = crc_table[7][crc & 0xff] ^ crc_table[6][crc >> 8 & 0xff] ^
		      crc_table[5][crc >> 16 & 0xff] ^ crc_table[4][crc >> 24] ^
		      crc_table[3][p[4]] ^ crc_table[2][p[5]] ^ crc_table[1][p[6]] ^
		      crc_table[0][p[7]];
	}
	for (; size > 0; size--, p++)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *p) & 0xff];
	return ~crc;
}

void build_id_format(const uint8_t *id, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size && i < BUILD_ID_MAX; i++) {
		*out++ = digits[id[i] >> 4];
		*out++ = digits[id[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int build_id_parse(const char *text, uint8_t *id, size_t *size)
{
	size_t digits = strlen(text);

	if (digits == 0 || digits % 2 != 0 || digits > 2 * BUILD_ID_MAX)
		return fail(EINVAL, "\"%.140s\" is no build-id: it has %zu digits, not an even "
			    "number from 2 to %d", text, digits, 2 * BUILD_ID_MAX);
	for (size_t i = 0; i < digits; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return fail(EINVAL, "\"%s\" is no build-id: it must be hexadecimal", text);
		id[i / 2] = (uint8_t)(high << 4 | low);
	}
	*size = digits / 2;
	return 0;
}

void json_string(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	(void)fputc('"', out);
	while (*p != '\0') {
		size_t length = text_utf8_length(p);

		if (length == 0) {
			(void)fputs("\\ufffd", out);
			length = 1;
		} else if (text_is_control(p, length)) {
			(void)fprintf(out, "\\u%04x", p[length - 1]);
		} else {
			if (*p == '"' || *p == '\\')
				(void)fputc('\\', out);
			(void)fwrite(p, 1, length, out);
		}
		p += length;
	}
	(void)fputc('"', out);
}

void text_string(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	if (*p == '\0')
		(void)fputs("-", out);
	while (*p != '\0') {
		size_t length = text_utf8_length(p);

		if (length == 0 || text_is_control(p, length)) {
			(void)fprintf(out, "\\x%02x", *p);
			length = 1;
		} else {
			(void)fwrite(p, 1, length, out);
		}
		p += length;
	}
}

/* ---- checks of decoded records ---- */

static bool names_have(const struct number_name *names, uint64_t value)
{
	for (; names->text != NULL; names++) {
		if (names->value == value)
			return true;
	}
	return false;
}

static int check_names(const struct vzpatch *patch, int err)
{
	for (const struct record_type *r = records; r < records + N_RECORDS; r++) {
		for (size_t i = 0; i < record_count(r, patch); i++) {
			for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++) {
				uint64_t value, rest;

				if (f->names == NULL)
					continue;
				value = rest = get_number(record_at(r, patch, i), f);
				for (const struct number_name *n = f->names; n->text != NULL; n++)
					rest &= ~n->value;
				if (f->kind == FIELD_FLAGS ? rest == 0 : names_have(f->names, value))
					continue;
				return fail(err, "vzpatch: %s %zu has the unknown %s 0x%" PRIx64,
					    r->name, i, f->name, value);
			}
		}
	}
	return 0;
}

static int check_object(const struct vz_object *object, const char *which, int err)
{
	if (object->build_id.size < 1 || object->build_id.size > BUILD_ID_MAX)
		return fail(err, "vzpatch: the build-id of the %s has %" PRIu64 " bytes, not 1 to %d",
			    which, object->build_id.size, BUILD_ID_MAX);
	if (!arch_is_patched(object->elf_class, object->machine))
		return fail(err, "vzpatch: the %s is for ELF class %" PRIu64 " and machine %" PRIu64
			    ", which do not belong together", which, object->elf_class,
			    object->machine);
	return 0;
}

static int check_objects(const struct vzpatch *patch, int err)
{
	int ret = check_object(&patch->patch, "patch", err);

	if (ret == 0)
		ret = check_object(&patch->target, "target", err);
	if (ret < 0)
		return ret;
	if (patch->patch.elf_class != patch->target.elf_class ||
	    patch->patch.machine != patch->target.machine)
		return fail(err, "vzpatch: patch and target are for different machines");
	if (patch->patch.type != ET_DYN)
		return fail(err, "vzpatch: the patch is said to be no shared object");
	if (patch->load_crc > UINT32_MAX)
		return fail(err, "vzpatch: the checksum of the patch has more than 32 bits");
	return 0;
}

/* Whether [addr, addr + size) lies in the address space of the target's class. */
static bool fits(const struct vzpatch *patch, uint64_t addr, uint64_t size)
{
	uint64_t last = arch_class_word(patch->patch.elf_class) == 4 ? UINT32_MAX : UINT64_MAX;

	return addr <= last && size <= last - addr;
}

static int check_func(const struct vzpatch *patch, const struct vz_func *func, size_t i, int err)
{
	const char *why = NULL;

	if (func->name == NULL || func->name[0] == '\0')
		why = "has no name";
	else if (func->target_size == 0 || !fits(patch, func->target_addr, func->target_size))
		why = "has an impossible size in the target";
	else if (func->patch_size == 0 || !fits(patch, func->patch_addr, func->patch_size))
		why = "has an impossible size in the patch";
	else if (func->room == 0 || !fits(patch, func->target_addr, func->room))
		why = "has no room for a jump";
	else if (func->first.size < 1 || func->first.size > FIRST_BYTES_MAX ||
		 (func->first.size > func->room) != ((func->flags & VZ_FUNC_SHORT) != 0) ||
		 !fits(patch, func->target_addr, func->first.size))
		why = "has a wrong number of first bytes";
	if (why != NULL)
		return fail(err, "vzpatch: function %zu (%.200s) %s", i,
			    func->name == NULL ? "" : func->name, why);
	return 0;
}

static int compare_targets(const void *left, const void *right)
{
	const struct vz_func *a = *(const struct vz_func *const *)left;
	const struct vz_func *b = *(const struct vz_func *const *)right;

	return a->target_addr < b->target_addr ? -1 : a->target_addr > b->target_addr;
}

/* So many bytes at the function's start belong to it or to its jump, where `next` begins behind it. */
static uint64_t covered_size(const struct vz_func *func, const struct vz_func *next, const struct arch *arch)
{
	/* A place where a call returns to lies in the function, behind its jump. */
	if (next->flags & VZ_FUNC_RESUME)
		return arch == NULL ? func->first.size :
		       arch->landing(func->first.data, (size_t)func->first.size) + arch->jump_size;
	return func->first.size > func->room ? func->first.size : func->room;
}

/* Refuse two functions whose first bytes overlap: one jump would overwrite the other. */
static int check_overlaps(const struct vzpatch *patch, int err)
{
	const struct arch *arch = arch_find((uint8_t)patch->target.elf_class, (uint16_t)patch->target.machine);
	const struct vz_func **sorted;
	int ret = 0;

	if (patch->n_funcs < 2)
		return 0;
	sorted = calloc(patch->n_funcs, sizeof(*sorted));
	if (sorted == NULL)
		return fail(ENOMEM, "vzpatch: out of memory");
	for (size_t i = 0; i < patch->n_funcs; i++)
		sorted[i] = &patch->funcs[i];
	qsort(sorted, patch->n_funcs, sizeof(*sorted), compare_targets);
	for (size_t i = 1; i < patch->n_funcs && ret == 0; i++) {
		if (sorted[i]->target_addr - sorted[i - 1]->target_addr < covered_size(sorted[i - 1], sorted[i], arch))
			ret = fail(err, "vzpatch: functions %.200s and %.200s overlap in the target",
				   sorted[i - 1]->name, sorted[i]->name);
	}
	free(sorted);
	return ret;
}

static int check_references(const struct vzpatch *patch, int err)
{
	for (size_t i = 0; i < patch->n_ranges; i++) {
		const struct vz_range *range = &patch->ranges[i];

		if (range->func >= patch->n_funcs)
			return fail(err, "vzpatch: range %zu belongs to function %" PRIu64
				    ", there are %zu", i, range->func, patch->n_funcs);
		if (range->size == 0 || !fits(patch, range->addr, range->size))
			return fail(err, "vzpatch: range %zu has an impossible size", i);
	}
	for (size_t i = 0; i < patch->n_gates; i++) {
		const struct vz_gate *gate = &patch->gates[i];

		if (gate->func >= patch->n_funcs || !(patch->funcs[gate->func].flags & VZ_FUNC_GATED) ||
		    !fits(patch, gate->addr, 1))
			return fail(err, "vzpatch: gate %zu is of no function, or has an impossible address", i);
	}
	for (size_t i = 0; i < patch->n_dynrefs; i++) {
		const struct vz_dynref *ref = &patch->dynrefs[i];

		if (ref->symbol == 0 || ref->symbol > UINT32_MAX ||
		    !fits(patch, ref->target_addr, ref->size))
			return fail(err, "vzpatch: reference %zu has an impossible symbol or address",
				    i);
	}
	for (size_t i = 0; i < patch->n_places; i++) {
		const struct vz_place *place = &patch->places[i];

		if (place->width != 4 && (place->width != 8 || arch_class_word(patch->patch.elf_class) != 8))
			return fail(err, "vzpatch: place %zu has the unknown width %" PRIu64, i,
				    place->width);
		if (!fits(patch, place->patch_addr, place->width) ||
		    !fits(patch, place->target_addr, 0))
			return fail(err, "vzpatch: place %zu has an impossible address", i);
	}
	for (size_t i = 0; i < patch->n_inside; i++) {
		if (patch->inside[i].size == 0 ||
		    !fits(patch, patch->inside[i].addr, patch->inside[i].size))
			return fail(err, "vzpatch: segment %zu that stays inside has an impossible size", i);
	}
	for (size_t i = 0; i < patch->n_variables; i++) {
		if (!fits(patch, patch->variables[i].addr, 0))
			return fail(err, "vzpatch: variable %zu has an impossible address", i);
	}
	return 0;
}

static int check_hooks(const struct vzpatch *patch, int err)
{
	if (patch->n_hooks > HOOKS_MAX)
		return fail(err, "vzpatch: there are %zu hooks, %d at most", patch->n_hooks, HOOKS_MAX);
	for (size_t i = 0; i < patch->n_hooks; i++) {
		const struct vz_hook *hook = &patch->hooks[i];

		if (hook->size == 0 || !fits(patch, hook->addr, hook->size))
			return fail(err, "vzpatch: hook %zu has an impossible size", i);
		if (hook->limit_ms == 0 || hook->limit_ms > HOOK_LIMIT_MS_MAX)
			return fail(err, "vzpatch: hook %zu may take %" PRIu64 " ms, not 1 to %d", i, hook->limit_ms,
				    HOOK_LIMIT_MS_MAX);
	}
	for (size_t i = 0; i < patch->n_quiets; i++) {
		if (patch->quiets[i].size == 0 || !fits(patch, patch->quiets[i].addr, patch->quiets[i].size))
			return fail(err, "vzpatch: code %zu that no thread may be in has an impossible size", i);
	}
	for (size_t i = 0; i < patch->n_states; i++) {
		const struct vz_state *state = &patch->states[i];

		if (state->size == 0 || state->size > STATE_MAX || !fits(patch, state->addr, state->size))
			return fail(err, "vzpatch: state %zu has an impossible size", i);
	}
	return 0;
}

uint64_t vzpatch_entry(const struct vzpatch *patch, size_t func)
{
	for (size_t i = 0; i < patch->n_gates && patch->funcs[func].flags & VZ_FUNC_GATED; i++) {
		if (patch->gates[i].func == func)
			return patch->gates[i].addr;
	}
	return patch->funcs[func].patch_addr;
}

static int check_meaning(const struct vzpatch *patch, int err)
{
	int ret = check_names(patch, err);

	if (ret == 0)
		ret = check_objects(patch, err);
	for (size_t i = 0; i < patch->n_funcs && ret == 0; i++)
		ret = check_func(patch, &patch->funcs[i], i, err);
	if (ret == 0)
		ret = check_overlaps(patch, err);
	if (ret == 0)
		ret = check_references(patch, err);
	if (ret == 0)
		ret = check_hooks(patch, err);
	return ret;
}

/* ---- decoding ---- */

/* A reader of bytes that may be damaged.  After an error every read gives 0, and the error stays. */
struct vz_cursor {
	const uint8_t *start, *at, *end;
	int err;
};

static void cursor_fail(struct vz_cursor *cursor, const char *why)
{
	if (cursor->err == 0)
		cursor->err = fail(ENOEXEC, "vzpatch: byte %zu: %s",
				   (size_t)(cursor->at - cursor->start), why);
	cursor->at = cursor->end;
}

static uint64_t read_uleb(struct vz_cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned shift = 0; cursor->at < cursor->end; shift += 7) {
		uint8_t byte = *cursor->at;

		if (shift == 63 && byte > 1) {
			cursor_fail(cursor, "a number has more than 64 bits");
			return 0;
		}
		cursor->at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return value;
	}
	cursor_fail(cursor, "the record ends within a number");
	return 0;
}

static int64_t read_sleb(struct vz_cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned shift = 0; cursor->at < cursor->end; shift += 7) {
		uint8_t byte = *cursor->at;

		if (shift == 63 && byte != 0 && byte != 0x7f) {
			cursor_fail(cursor, "a number has more than 64 bits");
			return 0;
		}
		cursor->at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			if ((byte & 0x40) != 0 && shift < 57)
				value |= ~UINT64_C(0) << (shift + 7);
			return (int64_t)value;
		}
	}
	cursor_fail(cursor, "the record ends within a number");
	return 0;
}

static const uint8_t *read_bytes(struct vz_cursor *cursor, uint64_t size)
{
	const uint8_t *bytes = cursor->at;

	if (size > (uint64_t)(cursor->end - cursor->at)) {
		cursor_fail(cursor, "a length leads beyond the end");
		return NULL;
	}
	cursor->at += size;
	return bytes;
}

/* Read the next record: return its tag, and set *body to its fields. */
static uint64_t read_record(struct vz_cursor *cursor, struct vz_cursor *body)
{
	uint64_t tag = read_uleb(cursor);
	uint64_t length = read_uleb(cursor);
	const uint8_t *bytes = read_bytes(cursor, length);

	*body = (struct vz_cursor){ cursor->start, cursor->end, cursor->end, cursor->err };
	if (bytes != NULL && cursor->err == 0) {
		body->at = bytes;
		body->end = bytes + length;
	}
	return tag;
}

static void read_field(struct vz_cursor *cursor, const struct field *field,
		       const struct vz_blob *strings, char *element)
{
	char *to = element + field->offset;
	uint64_t number;
	int64_t value;
	struct vz_blob blob;
	const char *text;

	switch (field->kind) {
	case FIELD_SIGNED:
		value = read_sleb(cursor);
		memcpy(to, &value, sizeof(value));
		break;
	case FIELD_STRING:
		number = read_uleb(cursor);
		if (number >= strings->size) {
			cursor_fail(cursor, "a string lies beyond the string table");
			number = 0;
		}
		text = (const char *)strings->data + number;
		memcpy(to, &text, sizeof(text));
		break;
	case FIELD_BLOB:
		blob.size = read_uleb(cursor);
		blob.data = read_bytes(cursor, blob.size);
		if (blob.data == NULL)
			blob.size = 0;
		memcpy(to, &blob, sizeof(blob));
		break;
	case FIELD_NUMBER:
	case FIELD_ADDRESS:
	case FIELD_ENUM:
	case FIELD_FLAGS:
		number = read_uleb(cursor);
		memcpy(to, &number, sizeof(number));
		break;
	}
}

static uint32_t read_le(const uint8_t *bytes, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = size; i-- > 0;)
		value = value << 8 | bytes[i];
	return value;
}

static int check_header(const uint8_t *bytes, size_t size)
{
	uint32_t version, length, crc;

	if (size < HEADER_SIZE || memcmp(bytes + OFF_MAGIC, magic, sizeof(magic)) != 0)
		return fail(ENOEXEC, "vzpatch: %zu bytes that do not start with the header", size);
	version = read_le(bytes + OFF_VERSION, 2);
	if (version != VZPATCH_VERSION)
		return fail(ENOEXEC, "vzpatch: format version %u, this program reads version %d "
			    "(use an nsb as new as the nsb-gen that made the patch)", version,
			    VZPATCH_VERSION);
	length = read_le(bytes + OFF_LENGTH, 4);
	if (length != size)
		return fail(ENOEXEC, "vzpatch: %zu bytes, the header says %u: the section is %s",
			    size, length, size < length ? "truncated" : "too long");
	crc = crc32_update(0, bytes + HEADER_SIZE, size - HEADER_SIZE);
	if (crc != read_le(bytes + OFF_CRC, 4))
		return fail(ENOEXEC, "vzpatch: the checksum is 0x%08x, the header says 0x%08x: "
			    "the section is damaged", crc, read_le(bytes + OFF_CRC, 4));
	if (bytes[OFF_RESERVED] != 0 || read_le(bytes + OFF_FLAGS, 2) != 0)
		return fail(ENOEXEC, "vzpatch: the header has unknown flags");
	return 0;
}

static int check_header_machine(const uint8_t *bytes, const struct vzpatch *patch)
{
	if (bytes[OFF_CLASS] != patch->patch.elf_class ||
	    read_le(bytes + OFF_MACHINE, 2) != patch->patch.machine)
		return fail(ENOEXEC, "vzpatch: the header and the patch record differ about the "
			    "machine");
	return 0;
}

static const struct record_type *find_record(uint64_t tag)
{
	for (size_t i = 0; i < N_RECORDS; i++) {
		if (records[i].tag == tag)
			return &records[i];
	}
	return NULL;
}

/* The first pass reads tags and lengths.  It finds *strings, and counts each type of records[]. */
static int scan_records(struct vz_cursor cursor, struct vz_blob *strings, size_t *counts)
{
	struct vz_cursor body;

	if (read_record(&cursor, &body) != TAG_STRINGS)
		cursor_fail(&cursor, "the first record is not the string table");
	strings->data = body.at;
	strings->size = (uint64_t)(body.end - body.at);
	if (strings->size == 0 || strings->data[0] != '\0' ||
	    strings->data[strings->size - 1] != '\0')
		cursor_fail(&cursor, "the string table does not start and end with a NUL");
	while (cursor.err == 0 && cursor.at < cursor.end) {
		struct vz_cursor before = cursor;
		uint64_t tag = read_record(&cursor, &body);
		const struct record_type *record = find_record(tag);

		if (cursor.err != 0)
			break;
		if (record == NULL && tag % 2 == 0)
			continue;
		if (record == NULL)
			cursor_fail(&before, tag == TAG_STRINGS ? "a second string table" :
				    "a record of an unknown type that must be understood");
		else if ((size_t)(body.end - body.at) < record->n_fields)
			cursor_fail(&before, "a record is too short for its fields");
		else if (counts[record - records]++ > 0 && !record->is_list)
			cursor_fail(&before, "a second record of a type that is there once");
		cursor.err = before.err;
	}
	for (size_t i = 0; i < N_RECORDS && cursor.err == 0; i++) {
		if (counts[i] == 0 && !records[i].is_list)
			cursor.err = fail(ENOEXEC, "vzpatch: there is no %s record",
					  records[i].name);
	}
	return cursor.err;
}

static int allocate_lists(struct vzpatch *patch, const size_t *counts)
{
	for (size_t i = 0; i < N_RECORDS; i++) {
		void *array;

		if (!records[i].is_list || counts[i] == 0)
			continue;
		array = calloc(counts[i], records[i].struct_size);
		if (array == NULL)
			return fail(ENOMEM, "vzpatch: out of memory for %zu %s", counts[i],
				    records[i].name);
		memcpy((char *)patch + records[i].offset, &array, sizeof(array));
		memcpy((char *)patch + records[i].count_offset, &counts[i], sizeof(counts[i]));
	}
	return 0;
}

/* The second pass reads the fields into arrays, which have the room that was counted. */
static int read_records(struct vz_cursor cursor, const struct vz_blob *strings, struct vzpatch *patch)
{
	size_t next[N_RECORDS] = { 0 };

	while (cursor.err == 0 && cursor.at < cursor.end) {
		struct vz_cursor body;
		const struct record_type *record = find_record(read_record(&cursor, &body));
		char *element;

		if (record == NULL)
			continue;
		element = (char *)(uintptr_t)record_at(record, patch, next[record - records]++);
		for (size_t i = 0; i < record->n_fields; i++)
			read_field(&body, &record->fields[i], strings, element);
		if (body.err == 0 && body.at != body.end)
			cursor_fail(&body, "bytes are left after the last field of a record");
		cursor.err = body.err;
	}
	return cursor.err;
}

int vzpatch_decode(const uint8_t *bytes, size_t size, struct vzpatch *out)
{
	size_t counts[N_RECORDS] = { 0 };
	struct vz_blob strings = { NULL, 0 };
	struct vz_cursor cursor;
	int ret;

	memset(out, 0, sizeof(*out));
	if (size > VZPATCH_MAX_BYTES)
		return fail(ENOEXEC, "vzpatch: %zu bytes are more than the limit of %u", size,
			    VZPATCH_MAX_BYTES);
	ret = check_header(bytes, size);
	if (ret < 0)
		return ret;
	out->bytes = malloc(size);
	if (out->bytes == NULL)
		return fail(ENOMEM, "vzpatch: out of memory for %zu bytes", size);
	memcpy(out->bytes, bytes, size);

	cursor = (struct vz_cursor){ out->bytes, out->bytes + HEADER_SIZE, out->bytes + size, 0 };
	ret = scan_records(cursor, &strings, counts);
	if (ret == 0)
		ret = allocate_lists(out, counts);
	if (ret == 0)
		ret = read_records(cursor, &strings, out);
	if (ret == 0)
		ret = check_meaning(out, ENOEXEC);
	if (ret == 0)
		ret = check_header_machine(out->bytes, out);
	if (ret < 0)
		vzpatch_deinit(out);
	return ret;
}

void vzpatch_deinit(struct vzpatch *patch)
{
	for (size_t i = 0; i < N_RECORDS; i++) {
		void *array;

		if (!records[i].is_list)
			continue;
		memcpy(&array, (char *)patch + records[i].offset, sizeof(array));
		free(array);
	}
	free(patch->bytes);
	memset(patch, 0, sizeof(*patch));
}

/* ---- encoding ---- */

struct buffer {
	uint8_t *data;
	size_t size;
	bool failed;		/* there was no memory; later writes do nothing */
};

static void put_bytes(struct buffer *buffer, const void *bytes, size_t size)
{
	if (!buffer->failed)
		buffer->failed = ARRAY_GROW(&buffer->data, buffer->size, size) != 0;
	if (buffer->failed || size == 0)
		return;
	memcpy(buffer->data + buffer->size, bytes, size);
	buffer->size += size;
}

static void put_uleb(struct buffer *buffer, uint64_t value)
{
	uint8_t byte;

	do {
		byte = value & 0x7f;
		value >>= 7;
		if (value != 0)
			byte |= 0x80;
		put_bytes(buffer, &byte, 1);
	} while (value != 0);
}

static void put_sleb(struct buffer *buffer, int64_t value)
{
	bool more;

	do {
		uint8_t byte = value & 0x7f;

		/* gcc and clang fill in the sign when they shift a negative number. */
		value >>= 7;
		more = !((value == 0 && (byte & 0x40) == 0) || (value == -1 && (byte & 0x40) != 0));
		if (more)
			byte |= 0x80;
		put_bytes(buffer, &byte, 1);
	} while (more);
}

/* All strings, each of them once, sorted, with their offsets in the string table. */
struct pool {
	struct pooled { const char *text; uint64_t offset; } *strings;
	size_t count;
};

static int compare_pooled(const void *left, const void *right)
{
	return strcmp(((const struct pooled *)left)->text, ((const struct pooled *)right)->text);
}

static int pool_init(struct pool *pool, const struct vzpatch *patch)
{
	size_t count = 1, kept = 0;
	uint64_t offset = 0;

	for (const struct record_type *r = records; r < records + N_RECORDS; r++) {
		for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++)
			count += f->kind == FIELD_STRING ? record_count(r, patch) : 0;
	}
	pool->strings = calloc(count, sizeof(*pool->strings));
	if (pool->strings == NULL)
		return fail(ENOMEM, "vzpatch: out of memory for %zu strings", count);

	/* The empty string is the first in this order, so its offset is 0. */
	pool->strings[0].text = "";
	count = 1;
	for (const struct record_type *r = records; r < records + N_RECORDS; r++) {
		for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++) {
			for (size_t i = 0; f->kind == FIELD_STRING && i < record_count(r, patch); i++)
				pool->strings[count++].text = get_string(record_at(r, patch, i), f);
		}
	}
	qsort(pool->strings, count, sizeof(*pool->strings), compare_pooled);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && strcmp(pool->strings[i].text, pool->strings[kept - 1].text) == 0)
			continue;
		pool->strings[kept] = (struct pooled){ pool->strings[i].text, offset };
		offset += strlen(pool->strings[kept++].text) + 1;
	}
	pool->count = kept;
	return 0;
}

static void pool_deinit(struct pool *pool)
{
	free(pool->strings);
}

static uint64_t pool_offset(const struct pool *pool, const char *text)
{
	struct pooled key = { text, 0 };
	const struct pooled *found = bsearch(&key, pool->strings, pool->count,
					     sizeof(*pool->strings), compare_pooled);

	return found->offset;
}

static void put_fields(struct buffer *buffer, const struct record_type *record, const char *element,
		       const struct pool *pool)
{
	for (const struct field *f = record->fields; f < record->fields + record->n_fields; f++) {
		struct vz_blob blob;

		switch (f->kind) {
		case FIELD_SIGNED:
			put_sleb(buffer, (int64_t)get_number(element, f));
			break;
		case FIELD_STRING:
			put_uleb(buffer, pool_offset(pool, get_string(element, f)));
			break;
		case FIELD_BLOB:
			blob = get_blob(element, f);
			put_uleb(buffer, blob.size);
			put_bytes(buffer, blob.data, (size_t)blob.size);
			break;
		case FIELD_NUMBER:
		case FIELD_ADDRESS:
		case FIELD_ENUM:
		case FIELD_FLAGS:
			put_uleb(buffer, get_number(element, f));
			break;
		}
	}
}

static void put_record(struct buffer *buffer, uint64_t tag, const struct buffer *body)
{
	put_uleb(buffer, tag);
	put_uleb(buffer, body->size);
	put_bytes(buffer, body->data, body->size);
	buffer->failed |= body->failed;
}

static void put_records(struct buffer *buffer, const struct vzpatch *patch, const struct pool *pool)
{
	struct buffer body = { NULL, 0, false };

	for (size_t i = 0; i < pool->count; i++)
		put_bytes(&body, pool->strings[i].text, strlen(pool->strings[i].text) + 1);
	put_record(buffer, TAG_STRINGS, &body);
	for (const struct record_type *r = records; r < records + N_RECORDS; r++) {
		for (size_t i = 0; i < record_count(r, patch); i++) {
			body.size = 0;
			put_fields(&body, r, record_at(r, patch, i), pool);
			put_record(buffer, r->tag, &body);
		}
	}
	free(body.data);
}

static void write_le(uint8_t *bytes, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

int vzpatch_encode(const struct vzpatch *patch, uint8_t **bytes, size_t *size)
{
	static const uint8_t empty[HEADER_SIZE];
	struct buffer buffer = { NULL, 0, false };
	struct pool pool = { NULL, 0 };
	int ret = check_meaning(patch, EINVAL);

	if (ret < 0)
		return ret;
	ret = pool_init(&pool, patch);
	if (ret < 0)
		return ret;
	put_bytes(&buffer, empty, sizeof(empty));
	put_records(&buffer, patch, &pool);
	pool_deinit(&pool);
	if (buffer.failed)
		ret = fail(ENOMEM, "vzpatch: out of memory");
	else if (buffer.size > VZPATCH_MAX_BYTES)
		ret = fail(EINVAL, "vzpatch: %zu bytes are more than the limit of %u", buffer.size,
			   VZPATCH_MAX_BYTES);
	if (ret < 0) {
		free(buffer.data);
		return ret;
	}
	memcpy(buffer.data + OFF_MAGIC, magic, sizeof(magic));
	write_le(buffer.data + OFF_VERSION, VZPATCH_VERSION, 2);
	write_le(buffer.data + OFF_MACHINE, patch->patch.machine, 2);
	write_le(buffer.data + OFF_CLASS, patch->patch.elf_class, 1);
	write_le(buffer.data + OFF_LENGTH, buffer.size, 4);
	write_le(buffer.data + OFF_CRC,
		 crc32_update(0, buffer.data + HEADER_SIZE, buffer.size - HEADER_SIZE), 4);
	*bytes = buffer.data;
	*size = buffer.size;
	return 0;
}

/* ---- printing ---- */

static void print_hex(FILE *out, const struct vz_blob *blob)
{
	for (uint64_t i = 0; i < blob->size; i++)
		(void)fprintf(out, "%02x", blob->data[i]);
}

static const char *enum_text(const struct field *field, uint64_t value)
{
	for (const struct number_name *n = field->names; n->text != NULL; n++) {
		if (n->value == value)
			return n->text;
	}
	return "unknown";
}

/* Print one value as text, or as JSON with quotes and brackets. */
static void print_field(FILE *out, const char *element, const struct field *field, bool json)
{
	const char *quote = json ? "\"" : "", *separator = "";
	uint64_t number;
	struct vz_blob blob;

	switch (field->kind) {
	case FIELD_NUMBER:
		(void)fprintf(out, "%" PRIu64, get_number(element, field));
		break;
	case FIELD_SIGNED:
		(void)fprintf(out, "%" PRId64, (int64_t)get_number(element, field));
		break;
	case FIELD_ADDRESS:
		(void)fprintf(out, "%s0x%" PRIx64 "%s", quote, get_number(element, field), quote);
		break;
	case FIELD_ENUM:
		number = get_number(element, field);
		(void)fprintf(out, "%s%s%s", quote, enum_text(field, number), quote);
		break;
	case FIELD_FLAGS:
		number = get_number(element, field);
		(void)fputs(json ? "[" : number == 0 ? "-" : "", out);
		for (const struct number_name *n = field->names; n->text != NULL; n++) {
			if ((number & n->value) == 0)
				continue;
			(void)fprintf(out, "%s%s%s%s", separator, quote, n->text, quote);
			separator = json ? ", " : ",";
		}
		(void)fputs(json ? "]" : "", out);
		break;
	case FIELD_STRING:
		if (json)
			json_string(out, get_string(element, field));
		else
			text_string(out, get_string(element, field));
		break;
	case FIELD_BLOB:
		blob = get_blob(element, field);
		(void)fputs(quote, out);
		print_hex(out, &blob);
		(void)fputs(quote, out);
		break;
	}
}

void vzpatch_print(const struct vzpatch *patch, FILE *out)
{
	for (const struct record_type *r = records; r < records + N_RECORDS; r++) {
		if (r->is_list && record_count(r, patch) > 0)
			(void)fprintf(out, "%s: %zu\n", r->name, record_count(r, patch));
		for (size_t i = 0; i < record_count(r, patch); i++) {
			(void)fprintf(out, "%s%s", r->is_list ? "  " : r->name, r->is_list ? "" : ":");
			for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++) {
				const char *space = r->is_list && f == r->fields ? "" : " ";

				(void)fprintf(out, "%s%s=", space, f->name);
				print_field(out, record_at(r, patch, i), f, false);
			}
			(void)fputc('\n', out);
		}
	}
}

void vzpatch_print_json(const struct vzpatch *patch, FILE *out)
{
	(void)fprintf(out, "{\"schema\": %d, \"version\": %d", JSON_SCHEMA, VZPATCH_VERSION);
	for (const struct record_type *r = records; r < records + N_RECORDS; r++) {
		(void)fprintf(out, ", \"%s\": %s", r->name, r->is_list ? "[" : "");
		for (size_t i = 0; i < record_count(r, patch); i++) {
			(void)fputs(i == 0 ? "{" : ", {", out);
			for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++) {
				(void)fprintf(out, "%s\"%s\": ", f == r->fields ? "" : ", ", f->name);
				print_field(out, record_at(r, patch, i), f, true);
			}
			(void)fputc('}', out);
		}
		(void)fputs(r->is_list ? "]" : "", out);
	}
	(void)fputc('}', out);
}
