/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vzpatch.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>

#include "tap.h"

/* Where header fields lie: docs/vzpatch.5. */
enum { H_VERSION = 8, H_MACHINE = 10, H_CLASS = 12, H_FLAGS = 14, H_LENGTH = 16, H_CRC = 20, H_SIZE = 24 };

static const uint8_t patch_id[] = { 0x01, 0x23, 0xab }, target_id[20] = { 0xff, 0xee };
static const uint8_t first_bytes[] = { 0x55, 0x48, 0x89, 0xe5, 0xc3 };

/* One of everything, with the extremes of every kind of number. */
struct sample {
	struct vz_func funcs[2];
	struct vz_range ranges[1];
	struct vz_dynref dynrefs[1];
	struct vz_place places[2];
	struct vz_comment comments[2];
	struct vz_inside inside[2];
	struct vz_variable variables[1];
	struct vzpatch patch;
};

static void sample_init(struct sample *s)
{
	*s = (struct sample){
		.funcs = {
			{ "handle", "src/a \"b\".c", 0x401000, 60, 0x1100, 80, VZ_FUNC_ALLOW_ACTIVE,
			  64, { first_bytes, 5 } },
			{ "main", "", 0xffffffffffffff00, 0xff, 0x1200, 1,
			  VZ_FUNC_GLOBAL | VZ_FUNC_ADDRESS_TAKEN, 0xff, { first_bytes, 1 } },
		},
		.ranges = { { 1, 0x402000, 16 } },
		.dynrefs = { { UINT32_MAX, 0, UINT64_MAX, "counter" } },
		.places = {
			{ 0x3000, 8, VZ_PLACE_ABS, 0x404040, INT64_MIN },
			{ 0x1110, 4, VZ_PLACE_PCREL, UINT64_MAX, INT64_MAX },
		},
		.comments = { { "cve", "CVE-2026-0001" }, { "description", "" } },
		.inside = { { 0, 1 }, { 0x3000, 0x1000 } },
		.variables = { { "seen", 0x3010 } },
		.patch = {
			.patch = { { patch_id, sizeof(patch_id) }, "p.so", ELFCLASS64, EM_X86_64, ET_DYN },
			.target = { { target_id, sizeof(target_id) }, "t", ELFCLASS64, EM_X86_64, ET_EXEC },
			.generator = "nsb-gen 0.1", .mode = "manual", .load_crc = 0xfedcba98,
			.n_funcs = 2, .n_ranges = 1, .n_dynrefs = 1, .n_places = 2, .n_comments = 2,
			.n_inside = 2, .n_variables = 1,
		},
	};
	s->patch.funcs = s->funcs;
	s->patch.ranges = s->ranges;
	s->patch.dynrefs = s->dynrefs;
	s->patch.places = s->places;
	s->patch.comments = s->comments;
	s->patch.inside = s->inside;
	s->patch.variables = s->variables;
}

static void put_le(uint8_t *at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* Make length and checksum right again after a change. */
static void seal(uint8_t *bytes, size_t size)
{
	put_le(bytes + H_LENGTH, size, 4);
	put_le(bytes + H_CRC, crc32_update(0, bytes + H_SIZE, size - H_SIZE), 4);
}

/* A sealed section: the sample's header, then these bytes as its records. */
static int decode_records(const void *records, size_t size)
{
	struct sample s;
	struct vzpatch out;
	uint8_t *encoded, *bytes = malloc(H_SIZE + size);
	size_t encoded_size;
	int ret;

	sample_init(&s);
	if (bytes == NULL || vzpatch_encode(&s.patch, &encoded, &encoded_size) != 0)
		abort();
	memcpy(bytes, encoded, H_SIZE);
	memcpy(bytes + H_SIZE, records, size);
	seal(bytes, H_SIZE + size);
	ret = vzpatch_decode(bytes, H_SIZE + size, &out);
	vzpatch_deinit(&out);
	free(encoded);
	free(bytes);
	return ret;
}

static bool same_blob(struct vz_blob a, struct vz_blob b)
{
	return a.size == b.size && memcmp(a.data, b.data, (size_t)a.size) == 0;
}

static bool same_object(const struct vz_object *a, const struct vz_object *b)
{
	return same_blob(a->build_id, b->build_id) && strcmp(a->name, b->name) == 0 &&
	       a->elf_class == b->elf_class && a->machine == b->machine && a->type == b->type;
}

static bool same(const struct vzpatch *a, const struct vzpatch *b)
{
	bool equal = same_object(&a->patch, &b->patch) && same_object(&a->target, &b->target) &&
		     strcmp(a->generator, b->generator) == 0 && strcmp(a->mode, b->mode) == 0 &&
		     a->load_crc == b->load_crc && a->n_funcs == b->n_funcs &&
		     a->n_ranges == b->n_ranges && a->n_dynrefs == b->n_dynrefs &&
		     a->n_places == b->n_places && a->n_comments == b->n_comments &&
		     a->n_inside == b->n_inside && a->n_variables == b->n_variables;

	for (size_t i = 0; equal && i < a->n_funcs; i++) {
		const struct vz_func *f = &a->funcs[i], *g = &b->funcs[i];

		equal = strcmp(f->name, g->name) == 0 && strcmp(f->file, g->file) == 0 &&
			f->target_addr == g->target_addr && f->target_size == g->target_size &&
			f->patch_addr == g->patch_addr && f->patch_size == g->patch_size &&
			f->flags == g->flags && f->room == g->room && same_blob(f->first, g->first);
	}
	for (size_t i = 0; equal && i < a->n_ranges; i++)
		equal = memcmp(&a->ranges[i], &b->ranges[i], sizeof(a->ranges[i])) == 0;
	for (size_t i = 0; equal && i < a->n_dynrefs; i++)
		equal = a->dynrefs[i].symbol == b->dynrefs[i].symbol &&
			a->dynrefs[i].target_addr == b->dynrefs[i].target_addr &&
			a->dynrefs[i].size == b->dynrefs[i].size &&
			strcmp(a->dynrefs[i].name, b->dynrefs[i].name) == 0;
	for (size_t i = 0; equal && i < a->n_places; i++)
		equal = memcmp(&a->places[i], &b->places[i], sizeof(a->places[i])) == 0;
	for (size_t i = 0; equal && i < a->n_comments; i++)
		equal = strcmp(a->comments[i].key, b->comments[i].key) == 0 &&
			strcmp(a->comments[i].text, b->comments[i].text) == 0;
	for (size_t i = 0; equal && i < a->n_inside; i++)
		equal = memcmp(&a->inside[i], &b->inside[i], sizeof(a->inside[i])) == 0;
	for (size_t i = 0; equal && i < a->n_variables; i++)
		equal = strcmp(a->variables[i].name, b->variables[i].name) == 0 &&
			a->variables[i].addr == b->variables[i].addr;
	return equal;
}

static void test_round_trip(void)
{
	struct sample s;
	struct vzpatch out;
	uint8_t *bytes, *again = NULL;
	size_t size, again_size = 0;

	sample_init(&s);
	if (!ok(vzpatch_encode(&s.patch, &bytes, &size) == 0, "a patch with one of everything encodes"))
		return;
	ok(vzpatch_decode(bytes, size, &out) == 0 && same(&s.patch, &out),
	   "it decodes to the same, the extremes of all numbers included");
	ok(vzpatch_encode(&out, &again, &again_size) == 0 && again_size == size &&
	   memcmp(bytes, again, size) == 0, "what was decoded encodes to the same bytes");
	free(again);
	vzpatch_deinit(&out);
	vzpatch_deinit(&out);
	ok(out.bytes == NULL && out.n_funcs == 0, "vzpatch_deinit() leaves a struct it accepts again");

	s.patch.comments[1].text = NULL;
	ok(vzpatch_encode(&s.patch, &again, &again_size) == 0 && again_size == size &&
	   memcmp(bytes, again, size) == 0, "a string that is NULL encodes as the empty one");
	free(again);
	free(bytes);
}

static void test_damage(void)
{
	struct sample s;
	struct vzpatch out;
	uint8_t *bytes, *copy;
	size_t size, accepted = 0, crashes = 0;

	sample_init(&s);
	if (vzpatch_encode(&s.patch, &bytes, &size) != 0 || (copy = malloc(size + 1)) == NULL)
		abort();
	for (size_t i = 0; i < size; i++) {
		/* An exact allocation, so that a sanitizer sees a read behind it. */
		uint8_t *part = malloc(i + (i == 0));

		if (part == NULL)
			abort();
		memcpy(part, bytes, i);
		accepted += vzpatch_decode(part, i, &out) == 0;
		free(part);
	}
	ok(accepted == 0, "a section cut off after any byte is refused (%zu lengths)", size);
	memcpy(copy, bytes, size);
	copy[size] = 0;
	msg_forget();
	fails(vzpatch_decode(copy, size + 1, &out), -ENOEXEC, "too long",
	      "a byte behind the end is refused");

	for (size_t i = 0; i < 8 * size; i++) {
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
		accepted += vzpatch_decode(copy, size, &out) == 0;
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ok(accepted == 0, "any single flipped bit is refused (%zu of them)", 8 * size);

	for (size_t i = 0; i < 256 * (size - H_SIZE); i++) {
		memcpy(copy, bytes, size);
		copy[H_SIZE + i / 256] = (uint8_t)i;
		seal(copy, size);
		if (vzpatch_decode(copy, size, &out) == 0) {
			uint8_t *again;
			size_t again_size;

			accepted++;
			if (vzpatch_encode(&out, &again, &again_size) == 0)
				free(again);
			else
				crashes++;
			vzpatch_deinit(&out);
		}
	}
	ok(accepted > 0 && crashes == 0, "of all one-byte changes under a right checksum, what is "
	   "accepted encodes again (%zu of %zu)", accepted, 256 * (size - H_SIZE));
	msg_forget();
	free(copy);
	free(bytes);
}

/* The bytes as docs/vzpatch.5 describes them, written down by hand. */
static void test_bytes(void)
{
	static const uint8_t section[] = {
		'V', 'Z', 'P', 'A', 'T', 'C', 'H', '\n', 1, 0, 3, 0, 1, 0, 0, 0, 83, 0, 0, 0,
		0x75, 0xce, 0x5d, 0xaf,
		1, 5, 0, 'f', 0, 'p', 0,
		3, 7, 2, 0xaa, 0xbb, 3, 1, 3, 3,
		5, 6, 1, 0xcc, 0, 1, 3, 2,
		7, 4, 0, 0, 0x80, 0x01,
		9, 13, 1, 0, 0x80, 0x20, 10, 0xac, 0x02, 20, 1, 16, 2, 0x55, 0xc3,
		15, 8, 0x80, 0x02, 4, 2, 0x80, 0x20, 0x80, 0x7f,
		16, 2, 1, 3,
	};
	struct vzpatch out;
	uint8_t *bytes = NULL, copy[sizeof(section)];
	size_t size = 0;

	memcpy(copy, section, sizeof(section));
	copy[sizeof(copy) - 1] = 5;
	seal(copy, sizeof(copy));
	fails(vzpatch_decode(copy, sizeof(copy), &out), -ENOEXEC, "beyond the string table",
	      "a string right behind the string table is refused");
	if (!ok(vzpatch_decode(section, sizeof(section), &out) == 0, "a section written by hand "
		"decodes (%s)", msg_kept()))
		return;
	ok(strcmp(out.patch.name, "p") == 0 && out.patch.build_id.size == 2 &&
	   out.patch.build_id.data[1] == 0xbb && strcmp(out.target.name, "") == 0 &&
	   out.target.type == ET_EXEC && out.load_crc == 128 && out.n_funcs == 1 &&
	   strcmp(out.funcs[0].name, "f") == 0 && out.funcs[0].target_addr == 0x1000 &&
	   out.funcs[0].target_size == 10 && out.funcs[0].patch_addr == 300 &&
	   out.funcs[0].patch_size == 20 && out.funcs[0].flags == VZ_FUNC_GLOBAL &&
	   out.funcs[0].room == 16 && out.funcs[0].first.size == 2 && out.n_places == 1 &&
	   out.places[0].patch_addr == 256 && out.places[0].kind == VZ_PLACE_PCREL &&
	   out.places[0].target_addr == 0x1000 && out.places[0].addend == -128 &&
	   out.n_comments == 1 && strcmp(out.comments[0].text, "p") == 0,
	   "to what the man page says");
	ok(vzpatch_encode(&out, &bytes, &size) == 0 && size == sizeof(section) &&
	   memcmp(bytes, section, size) == 0, "and encodes to the same bytes");
	free(bytes);
	vzpatch_deinit(&out);
}

/* The sample with header byte `at` set to `value`. */
static int decode_with_header(size_t at, uint8_t value)
{
	struct sample s;
	struct vzpatch out;
	uint8_t *bytes;
	size_t size;
	int ret;

	sample_init(&s);
	if (vzpatch_encode(&s.patch, &bytes, &size) != 0)
		abort();
	bytes[at] = value;
	ret = vzpatch_decode(bytes, size, &out);
	vzpatch_deinit(&out);
	free(bytes);
	return ret;
}

static void test_header(void)
{
	fails(decode_with_header(0, 'v'), -ENOEXEC, "do not start with the header",
	      "another magic is refused");
	fails(decode_with_header(H_VERSION, VZPATCH_VERSION + 1), -ENOEXEC, "format version 2",
	      "a newer version is refused by its number");
	fails(decode_with_header(H_MACHINE, EM_386), -ENOEXEC, "differ about the machine",
	      "a machine that differs from the patch record's is refused");
	fails(decode_with_header(H_CLASS, ELFCLASS32), -ENOEXEC, "differ about the machine",
	      "a class that differs from the patch record's is refused");
	fails(decode_with_header(H_FLAGS, 1), -ENOEXEC, "unknown flags", "an unknown flag is refused");
}

/* The sample's records with more of them behind. */
static int decode_with(const char *extra, size_t extra_size)
{
	struct sample s;
	uint8_t *bytes, *all;
	size_t size;
	int ret;

	sample_init(&s);
	if (vzpatch_encode(&s.patch, &bytes, &size) != 0 || (all = malloc(size + extra_size)) == NULL)
		abort();
	memcpy(all, bytes + H_SIZE, size - H_SIZE);
	memcpy(all + size - H_SIZE, extra, extra_size);
	ret = decode_records(all, size - H_SIZE + extra_size);
	free(all);
	free(bytes);
	return ret;
}
#define DECODE_WITH(text) decode_with(text, sizeof(text) - 1)
#define DECODE(text) decode_records(text, sizeof(text) - 1)

static void test_records(void)
{
	static const char range_of_21_bytes[] =
		"\x0b\x15\x00\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x80\x80\x80\x80\x80\x80\x80\x80\x80"
		"\x00";

	ok(DECODE_WITH("\x7e\x03" "abc") == 0, "an unknown record with an even tag is skipped");
	ok(DECODE_WITH("\x7e\x00") == 0, "also an empty one");
	fails(DECODE_WITH("\x7f\x03" "abc"), -ENOEXEC, "must be understood",
	      "an unknown record with an odd tag is refused");
	ok(DECODE_WITH("\x11\x05\x00\x04\x10\x01\x14") == 0, "a hook is taken");
	fails(DECODE_WITH("\x11\x05\x00\x05\x10\x01\x14"), -ENOEXEC, "unknown kind", "a hook of no known kind is refused");
	fails(DECODE_WITH("\x11\x05\x00\x04\x10\x00\x14"), -ENOEXEC, "hook 0 has an impossible size",
	      "a hook of no size is refused");
	fails(DECODE_WITH("\x11\x05\x00\x04\x10\x01\x00"), -ENOEXEC, "may take 0 ms", "a hook without time is refused");
	fails(DECODE_WITH("\x11\x06\x00\x04\x10\x01\xe9\x07"), -ENOEXEC, "may take 1001 ms",
	      "a hook with too much time is refused");
	fails(DECODE_WITH("\x13\x03\x00\x10\x00"), -ENOEXEC, "no thread may be in has an impossible size",
	      "quiet code of no size is refused");
	fails(DECODE_WITH("\x12\x02\x00\x00"), -ENOEXEC, "stays inside has an impossible size",
	      "data inside of no size is refused");
	fails(DECODE_WITH("\x01\x01\x00"), -ENOEXEC, "a second string table",
	      "a second string table is refused");
	fails(DECODE_WITH("\x07\x03\x00\x00\x00"), -ENOEXEC, "there once",
	      "a second record of a type that is there once is refused");
	fails(DECODE_WITH("\x0b\x04\x00\x01\x01\x00"), -ENOEXEC, "bytes are left",
	      "a record with a byte too many is refused");
	fails(DECODE_WITH("\x0b\x02\x00\x01"), -ENOEXEC, "too short",
	      "a record with too few bytes for its fields is refused");
	fails(DECODE_WITH("\x0b\x03\x00\x01\x81"), -ENOEXEC, "ends within a number",
	      "a record that ends within a number is refused");
	fails(DECODE_WITH("\x0b\x7f\x00"), -ENOEXEC, "beyond the end",
	      "a record that leads beyond the end is refused");
	fails(DECODE_WITH("\x0b"), -ENOEXEC, "ends within a number", "a tag without a length is refused");
	fails(decode_with(range_of_21_bytes, sizeof(range_of_21_bytes) - 1), -ENOEXEC,
	      "more than 64 bits", "a number of more than 64 bits is refused");
	fails(DECODE_WITH("\x10\x03\x00\xff\x7f"), -ENOEXEC, "beyond the string table",
	      "a string beyond the string table is refused");
	fails(DECODE_WITH("\x09\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01"), -ENOEXEC, "beyond the end",
	      "a byte string beyond its record is refused");
	fails(DECODE("\x02\x00\x01\x01\x00"), -ENOEXEC, "not the string table",
	      "a string table that is not the first record is refused");
	fails(DECODE("\x01\x02\x00" "a"), -ENOEXEC, "start and end with a NUL",
	      "a string table without an end is refused");
	fails(DECODE("\x01\x00"), -ENOEXEC, "start and end with a NUL",
	      "an empty string table is refused");
	fails(DECODE("\x01\x01\x00"), -ENOEXEC, "no patch record", "a missing patch record is refused");
	fails(DECODE(""), -ENOEXEC, "ends within a number", "no record at all is refused");
}

/* Every number that means something: put a wrong one into the sample. */
static void test_meaning(void)
{
	enum where { PATCH, FUNC, RANGE, DYNREF, PLACE };
#define AT(where, type, member) where, offsetof(type, member)
	static const struct {
		enum where where;
		size_t offset;
		uint64_t value;
		const char *text;
	} cases[] = {
		{ AT(PATCH, struct vzpatch, patch.build_id.size), 0, "has 0 bytes" },
		{ AT(PATCH, struct vzpatch, target.build_id.size), 65, "has 65 bytes" },
		{ AT(PATCH, struct vzpatch, patch.elf_class), 3, "unknown class" },
		{ AT(PATCH, struct vzpatch, patch.elf_class), ELFCLASS32, "do not belong together" },
		{ AT(PATCH, struct vzpatch, patch.machine), EM_386, "do not belong together" },
		{ AT(PATCH, struct vzpatch, patch.machine), EM_ARM, "unknown machine" },
		{ AT(PATCH, struct vzpatch, patch.type), ET_EXEC, "no shared object" },
		{ AT(PATCH, struct vzpatch, target.type), ET_REL, "unknown type" },
		{ AT(PATCH, struct vzpatch, load_crc), UINT64_C(1) << 32, "more than 32 bits" },
		{ AT(FUNC, struct vz_func, target_size), 0, "impossible size in the target" },
		{ AT(FUNC, struct vz_func, target_size), UINT64_MAX, "impossible size in the target" },
		{ AT(FUNC, struct vz_func, patch_size), 0, "impossible size in the patch" },
		{ AT(FUNC, struct vz_func, patch_addr), UINT64_MAX, "impossible size in the patch" },
		{ AT(FUNC, struct vz_func, flags), 128, "unknown flags" },
		{ AT(FUNC, struct vz_func, flags), VZ_FUNC_SHORT, "wrong number of first bytes" },
		{ AT(FUNC, struct vz_func, room), 0, "no room" },
		{ AT(FUNC, struct vz_func, room), 4, "wrong number of first bytes" },
		{ AT(FUNC, struct vz_func, room), UINT64_MAX, "no room" },
		{ AT(FUNC, struct vz_func, first.size), 0, "wrong number of first bytes" },
		{ AT(FUNC, struct vz_func, first.size), 17, "wrong number of first bytes" },
		{ AT(FUNC, struct vz_func, target_addr), 0xfffffffffffffff0, "impossible size" },
		{ AT(FUNC, struct vz_func, target_addr), 0xfffffffffffffec1, "overlap" },
		{ AT(RANGE, struct vz_range, func), 2, "there are 2" },
		{ AT(RANGE, struct vz_range, size), 0, "range 0 has an impossible size" },
		{ AT(RANGE, struct vz_range, addr), UINT64_MAX, "range 0 has an impossible size" },
		{ AT(DYNREF, struct vz_dynref, symbol), 0, "impossible symbol" },
		{ AT(DYNREF, struct vz_dynref, symbol), UINT64_C(1) << 32, "impossible symbol" },
		{ AT(DYNREF, struct vz_dynref, target_addr), 1, "impossible symbol or address" },
		{ AT(PLACE, struct vz_place, width), 2, "unknown width 2" },
		{ AT(PLACE, struct vz_place, kind), 0, "unknown kind" },
		{ AT(PLACE, struct vz_place, kind), 6, "unknown kind" },
		{ AT(PLACE, struct vz_place, patch_addr), UINT64_MAX, "impossible address" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample s;
		void *const structs[] = { &s.patch, s.funcs, s.ranges, s.dynrefs, s.places };
		uint8_t *bytes = NULL;
		size_t size;
		char sentence[200];

		sample_init(&s);
		memcpy((char *)structs[cases[i].where] + cases[i].offset, &cases[i].value, 8);
		(void)snprintf(sentence, sizeof(sentence), "0x%" PRIx64 " is refused: \"%s\"",
			       cases[i].value, cases[i].text);
		fails(vzpatch_encode(&s.patch, &bytes, &size), -EINVAL, cases[i].text, sentence);
		free(bytes);
	}
	{
		struct sample s;
		uint8_t *bytes = NULL;
		size_t size;

		sample_init(&s);
		s.patch.target.elf_class = ELFCLASS32;
		s.patch.target.machine = EM_386;
		fails(vzpatch_encode(&s.patch, &bytes, &size), -EINVAL, "for different machines",
		      "a 64-bit patch of a 32-bit program is refused");
		free(bytes);
	}
}

static void test_32_bit(void)
{
	struct vz_func func = { "f", "", 0xffffff00, 0xff, 0x1000, 10, 0, 0xff, { first_bytes, 5 } };
	struct vz_place place = { 0x2000, 4, VZ_PLACE_GOTREL, 0xffffffff, -1 };
	struct vzpatch out, patch = {
		.patch = { { patch_id, 3 }, "p.so", ELFCLASS32, EM_386, ET_DYN },
		.target = { { target_id, 20 }, "t", ELFCLASS32, EM_386, ET_DYN },
		.funcs = &func, .n_funcs = 1, .places = &place, .n_places = 1,
	};
	uint8_t *bytes = NULL;
	size_t size = 0;

	ok(vzpatch_encode(&patch, &bytes, &size) == 0 && vzpatch_decode(bytes, size, &out) == 0 &&
	   out.funcs[0].target_addr == 0xffffff00 && out.places[0].addend == -1 &&
	   strcmp(out.mode, "") == 0, "an i386 patch goes there and back");
	vzpatch_deinit(&out);
	free(bytes);
	place.width = 8;
	fails(vzpatch_encode(&patch, &bytes, &size), -EINVAL, "unknown width 8",
	      "a place of 8 bytes on i386 is refused");
	place.width = 4;
	func.target_size = 0x100;
	fails(vzpatch_encode(&patch, &bytes, &size), -EINVAL, "impossible size in the target",
	      "a function that wraps around at 4 GiB is refused");
}

static void test_many(void)
{
	enum { COUNT = 20000 };
	struct vz_func *funcs = calloc(COUNT, sizeof(*funcs));
	char (*names)[16] = calloc(COUNT, sizeof(*names));
	struct sample s;
	struct vzpatch out;
	uint8_t *bytes;
	size_t size;

	if (funcs == NULL || names == NULL)
		abort();
	sample_init(&s);
	for (size_t i = 0; i < COUNT; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "f%zu", COUNT - i);
		funcs[i] = s.funcs[0];
		funcs[i].name = names[i];
		funcs[i].target_addr = 0x400000 + (i * 7919 % COUNT) * 64;
	}
	s.patch.funcs = funcs;
	s.patch.n_funcs = COUNT;
	if (ok(vzpatch_encode(&s.patch, &bytes, &size) == 0, "%d functions encode", COUNT)) {
		ok(vzpatch_decode(bytes, size, &out) == 0 && same(&s.patch, &out),
		   "and decode to the same");
		ok(size / COUNT <= 30, "in %zu bytes each, its name included", size / COUNT);
		vzpatch_deinit(&out);
		free(bytes);
	}
	funcs[7].target_addr = funcs[11].target_addr + 63;
	fails(vzpatch_encode(&s.patch, &bytes, &size), -EINVAL, "overlap in the target",
	      "one overlap among them is found");
	free(names);
	free(funcs);
}

/* The text that a printer writes; the caller frees it. */
static char *printed(void (*print)(const struct vzpatch *, FILE *), const struct vzpatch *patch)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		abort();
	print(patch, out);
	(void)fclose(out);
	return text;
}

static bool escapes_to(const char *text, const char *expected)
{
	char *got = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&got, &size);
	bool equal;

	if (out == NULL)
		abort();
	json_string(out, text);
	(void)fclose(out);
	equal = strcmp(got, expected) == 0;
	if (!equal)
		note("got %s, expected %s", got, expected);
	free(got);
	return equal;
}

static void test_print(void)
{
	static const char json[] =
		"{\"schema\": 1, \"version\": 1, "
		"\"patch\": {\"build_id\": \"0123ab\", \"name\": \"p.so\", \"class\": \"ELF64\", "
		"\"machine\": \"amd64\", \"type\": \"DYN\"}, "
		"\"target\": {\"build_id\": \"ffee\", \"name\": \"t\", \"class\": \"ELF64\", "
		"\"machine\": \"amd64\", \"type\": \"EXEC\"}, "
		"\"origin\": {\"generator\": \"nsb-gen 0.1\", \"mode\": \"manual\", "
		"\"load_crc\": \"0xfedcba98\"}, "
		"\"functions\": [{\"name\": \"handle\", \"file\": \"src/a \\\"b\\\".c\", "
		"\"target_addr\": \"0x401000\", \"target_size\": 60, \"patch_addr\": \"0x1100\", "
		"\"patch_size\": 80, \"flags\": [\"allow-active\"], \"room\": 64, "
		"\"first\": \"554889e5c3\"}, "
		"{\"name\": \"main\", \"file\": \"\", \"target_addr\": \"0xffffffffffffff00\", "
		"\"target_size\": 255, \"patch_addr\": \"0x1200\", \"patch_size\": 1, "
		"\"flags\": [\"global\", \"address-taken\"], \"room\": 255, \"first\": \"55\"}], "
		"\"ranges\": [{\"func\": 1, \"addr\": \"0x402000\", \"size\": 16}], "
		"\"dynrefs\": [{\"symbol\": 4294967295, \"target_addr\": \"0x0\", "
		"\"size\": 18446744073709551615, \"name\": \"counter\"}], "
		"\"places\": [{\"patch_addr\": \"0x3000\", \"width\": 8, \"kind\": \"abs\", "
		"\"target_addr\": \"0x404040\", \"addend\": -9223372036854775808}, "
		"{\"patch_addr\": \"0x1110\", \"width\": 4, \"kind\": \"pcrel\", "
		"\"target_addr\": \"0xffffffffffffffff\", \"addend\": 9223372036854775807}], "
		"\"comments\": [], "
		"\"inside\": [{\"addr\": \"0x0\", \"size\": 1}, {\"addr\": \"0x3000\", \"size\": 4096}], "
		"\"variables\": [{\"name\": \"seen\", \"addr\": \"0x3010\"}], "
		"\"hooks\": [], \"quiet\": [], \"states\": [], \"gates\": []}";
	struct sample s;
	char *text;

	sample_init(&s);
	s.patch.target.build_id.size = 2;
	s.patch.n_comments = 0;
	text = printed(vzpatch_print_json, &s.patch);
	if (!ok(strcmp(text, json) == 0, "the JSON is what the man page promises"))
		note("%s", text);
	free(text);
	s.patch.n_comments = 2;
	s.comments[1].text = "\033[31mred\n";
	text = printed(vzpatch_print, &s.patch);
	ok(strstr(text, "name=handle ") != NULL && strstr(text, "target_addr=0x401000") != NULL &&
	   strstr(text, "patch: build_id=0123ab name=p.so class=ELF64") != NULL &&
	   strstr(text, "flags=global,address-taken") != NULL, "the text has names and values");
	ok(strchr(text, '\033') == NULL && strstr(text, "\\x1b[31mred\\x0a") != NULL,
	   "control bytes do not reach the terminal");
	free(text);

	ok(escapes_to("a\"b\\c\n\x7f", "\"a\\\"b\\\\c\\u000a\\u007f\""),
	   "JSON strings escape quotes, backslashes and control bytes");
	ok(escapes_to("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\""),
	   "UTF-8 passes through");
	ok(escapes_to("\xff \xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82",
		      "\"\\ufffd \\ufffd\\ufffd \\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\\ufffd\\ufffd "
		      "\\ufffd\\ufffd\""), "what is no UTF-8 is replaced, byte by byte");
	ok(escapes_to("\xc2\x9b" "31m", "\"\\u009b31m\""),
	   "8-bit control characters are escaped as well");
}

/* The checksum by its definition, bit by bit. */
static uint32_t slow_crc(const uint8_t *bytes, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < 8 * size; i++) {
		crc ^= i % 8 == 0 ? bytes[i / 8] : 0;
		crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void test_checksum(void)
{
	uint8_t bytes[100];
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i * 31 + 7);
	for (size_t from = 0; from < 9; from++) {
		for (size_t size = 0; from + size <= sizeof(bytes); size++)
			wrong += crc32_update(0, bytes + from, size) != slow_crc(bytes + from, size);
	}
	ok(wrong == 0, "the checksum of any length and alignment is that of its definition");
	ok(crc32_update(0, "123456789", 9) == 0xcbf43926, "the checksum's published check value");
	ok(crc32_update(crc32_update(0, "1234", 4), "56789", 5) == 0xcbf43926,
	   "the checksum can be continued");
}

static void test_little_things(void)
{
	uint8_t id[BUILD_ID_MAX];
	char text[2 * BUILD_ID_MAX + 1], longest[2 * BUILD_ID_MAX + 3];
	size_t size = 0;

	ok(build_id_parse("01aBfF", id, &size) == 0 && size == 3 && id[0] == 1 && id[1] == 0xab &&
	   id[2] == 0xff, "a build-id is read, in either case");
	build_id_format(id, size, text);
	ok(strcmp(text, "01abff") == 0, "and written");
	fails(build_id_parse("abc", id, &size), -EINVAL, "3 digits", "an odd digit is refused");
	fails(build_id_parse("", id, &size), -EINVAL, "0 digits", "an empty build-id is refused");
	fails(build_id_parse("0g", id, &size), -EINVAL, "hexadecimal", "another letter is refused");
	memset(longest, 'a', sizeof(longest));
	longest[2 * BUILD_ID_MAX + 2] = '\0';
	fails(build_id_parse(longest, id, &size), -EINVAL, "130 digits", "65 bytes are refused");
	longest[2 * BUILD_ID_MAX] = '\0';
	ok(build_id_parse(longest, id, &size) == 0 && size == BUILD_ID_MAX, "64 bytes are not");
}

int main(void)
{
	test_round_trip();
	test_damage();
	test_bytes();
	test_header();
	test_records();
	test_meaning();
	test_32_bit();
	test_many();
	test_print();
	test_checksum();
	test_little_things();
	return done();
}
