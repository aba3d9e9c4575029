/* SPDX-License-Identifier: GPL-2.0-or-later */
/* References of a made-up ABI whose instructions have parts of an address. */
#include <elf.h>
#include <libelf.h>

#include "placed.h"
#include "references.h"
#include "tap.h"

/* Where the linker has put the patch's function and variable, and where the target's variable is. */
#define CODE 0x1000
#define DATA 0x3048
#define TARGET 0x5048
#define SLOT 0x3110

/* Part 1 is the distance in pages, part 2 the place in the page, part 3 a distance; each in the upper three bytes. */
static bool put_made_up(unsigned field, uint64_t value, uint64_t at, uint8_t *bytes)
{
	const uint64_t part = field == 1 ? (value >> 12) - (at >> 12) : field == 2 ? value & 0xfff : value;

	for (size_t i = 1; i < 4; i++)
		bytes[i] = (uint8_t)(part >> 8 * (i - 1));
	return field != 3 || (int64_t)part >> 23 == 0 || (int64_t)part >> 23 == -1;
}

static const struct reloc_type page = { .name = "PAGE", .kind = RELOC_ABS, .width = 4, .field = 1 };
static const struct reloc_type low = { .name = "LOW", .kind = RELOC_ABS, .width = 4, .field = 2 };
static const struct reloc_type distance = { .name = "DISTANCE", .kind = RELOC_PCREL, .width = 4, .field = 3 };
static const struct reloc_type slot_page = { .name = "SLOT_PAGE", .kind = RELOC_GOT, .width = 4, .field = 1 };
static const struct reloc_type slot_low = { .name = "SLOT_LOW", .kind = RELOC_GOT, .width = 4, .field = 2 };
static const struct reloc_type slot_tls = { .name = "SLOT_TLS", .kind = RELOC_TLS_CODE, .width = 4, .field = 1 };
/* By number. */
static const struct reloc_type relocs_made_up[] = { { .kind = RELOC_NONE }, { .name = "PAGE", .kind = RELOC_ABS, .width = 4, .field = 1 },
	{ .name = "LOW", .kind = RELOC_ABS, .width = 4, .field = 2 } };

static void get_made_up(unsigned field, uint64_t at, const uint8_t *bytes, uint64_t *value, uint64_t *known)
{
	const uint64_t part = bytes[1] | (uint64_t)bytes[2] << 8 | (uint64_t)bytes[3] << 16;

	*known = field == 1 ? ~UINT64_C(0xfff) : field == 2 ? 0xfff : UINT64_MAX;
	*value = field == 1 ? (part + (at >> 12)) << 12 : field == 2 ? part : (uint64_t)((int64_t)(part << 40) >> 40);
}

/* The linker makes 0xb0 and up of 0xa0 and up where it knows that the thing is the patch's own. */
static enum relaxed relaxed_made_up(const uint8_t *was, const uint8_t *now, uint32_t *type)
{
	*type = now[0] == 0xb0 ? 1 : now[0] == 0xb1 ? 2 : 9;
	return was[0] == now[0] ? RELAXED_NOT : now[0] >= 0xb0 ? RELAXED_TO_TYPE : RELAXED_UNKNOWN;
}

/* The patch: one function with three instructions. */
static uint8_t code[12];
static const uint8_t of_object[12] = { 0xa0, 0, 0, 0, 0xa1, 0, 0, 0, 0xa2, 0, 0, 0 };
static struct binary patch;

static void link_made_up(uint64_t leads_to)
{
	for (size_t i = 0; i < 3; i++) {
		code[4 * i] = of_object[4 * i];
		put_made_up((unsigned)i + 1, i == 2 ? leads_to - (CODE + 4 * i) : leads_to, CODE + 4 * i, code + 4 * i);
	}
}

/* What add_references() says; *draft has the places. */
static int follow(struct draft *draft, const struct reloc_type *types[3], const struct symbol *symbol, bool is_placed)
{
	struct arch arch = { .name = "made up", .put_field = put_made_up, .relocs = relocs_made_up, .n_relocs = 3 };
	struct symbol function = { .name = "f", .type = STT_FUNC, .bind = STB_GLOBAL };
	struct unit_reloc relocs[3] = { 0 };
	struct unit_section sections[2] = {
		{ .name = ".text", .bytes = of_object, .size = sizeof(code), .flags = SHF_ALLOC | SHF_EXECINSTR, .is_alloc = true, .relocs = relocs,
		  .n_relocs = 3, .n_pieces = 1 },
		{ .name = ".data", .size = 8, .flags = SHF_ALLOC | SHF_WRITE, .is_alloc = true, .first_piece = 1, .n_pieces = 1 },
	};
	struct piece pieces[2] = {
		{ .name = "f", .symbol = &function, .kind = PIECE_FUNCTION, .size = sizeof(code), .end = sizeof(code), .n_relocs = 3,
		  .is_placed = true, .addr = CODE, .fate = FATE_REPLACES },
		{ .name = "v", .symbol = symbol, .kind = PIECE_VARIABLE, .section = 1, .size = 8, .end = 8, .is_placed = is_placed,
		  .addr = DATA, .fate = FATE_TARGET, .has_counterpart = true, .counterpart = { .name = "v", .addr = TARGET } },
	};
	struct unit unit = { .arch = &arch, .source = "f.c", .sections = sections, .n_sections = 2, .pieces = pieces,
			     .n_pieces = 2 };

	for (size_t i = 0; i < 3; i++)
		relocs[i] = (struct unit_reloc){ .offset = 4 * i, .type = types[i], .symbol = symbol };
	unit.file.gen = patch.file.gen;
	*draft = (struct draft){ .patch = &patch, .refusals = calloc(1, sizeof(*draft->refusals)) };
	if (draft->refusals == NULL)
		return -ENOMEM;
	return add_references(draft, &unit, 1);
}

static bool has_place(const struct draft *draft, size_t i, uint64_t kind)
{
	const struct vz_place *place = &draft->meta.places[i];

	return i < draft->meta.n_places && place->patch_addr == CODE + 4 * i && place->width == 4 && place->kind == kind &&
		place->target_addr == TARGET && place->addend == 0;
}

/* A variable without a name is found by two instructions, which have a part of its address each. */
static void check_placed(void)
{
	const struct symbol data = { .name = "", .section = 1, .type = STT_SECTION, .bind = STB_LOCAL };
	struct symbol linked[1] = { { .name = "f", .value = CODE, .section = 1, .type = STT_FUNC, .bind = STB_GLOBAL } };
	struct symbols symbols = { linked, 1 };
	struct arch arch = { .name = "made up", .put_field = put_made_up };
	struct symbol function = { .name = "f", .type = STT_FUNC, .bind = STB_GLOBAL };
	struct unit_reloc relocs[2] = { { .offset = 0, .type = &page, .symbol = &data, .addend = 8 },
					{ .offset = 4, .type = &low, .symbol = &data, .addend = 8 } };
	struct unit_section sections[2] = {
		{ .name = ".text", .bytes = of_object, .size = sizeof(code), .flags = SHF_ALLOC | SHF_EXECINSTR, .is_alloc = true, .relocs = relocs,
		  .n_relocs = 2, .n_pieces = 1 },
		{ .name = ".data", .size = 16, .flags = SHF_ALLOC | SHF_WRITE, .is_alloc = true, .first_piece = 1, .n_pieces = 1 },
	};
	struct piece pieces[2] = {
		{ .name = "f", .symbol = &function, .kind = PIECE_FUNCTION, .size = 8, .end = sizeof(code), .n_relocs = 2 },
		{ .name = ".data", .kind = PIECE_UNNAMED, .section = 1, .size = 16, .end = 16 },
	};
	struct unit unit = { .arch = &arch, .source = "f.c", .sections = sections, .n_sections = 2, .pieces = pieces, .n_pieces = 2 };

	unit.file.gen = patch.file.gen;
	patch.symbols = &symbols;
	patch.file.symtab = symbols;
	link_made_up(DATA + 8);
	ok(place_units(&unit, 1, &patch) == 0 && pieces[0].is_placed && pieces[1].is_placed && pieces[1].addr == DATA,
	   "a variable without a name is found by two parts of its address");
	pieces[0].is_placed = pieces[1].is_placed = false;
	relocs[1].addend = 12;
	ok(place_units(&unit, 1, &patch) == 0 && pieces[0].is_placed && !pieces[1].is_placed, "not by parts of two addresses");
	patch.file.symtab.count = 0;
}

int main(void)
{
	const struct reloc_type *types[3] = { &page, &low, &distance }, *slots[3] = { &slot_page, &slot_low, &distance };
	const struct reloc_type *half[3] = { &slot_page, &low, &distance }, *tls[3] = { &slot_tls, &low, &distance };
	const struct symbol local = { .name = "v", .section = 1, .type = STT_OBJECT, .bind = STB_LOCAL };
	const struct symbol global = { .name = "v", .section = 1, .type = STT_OBJECT, .bind = STB_GLOBAL };
	struct symbol dynamic = { .name = "v", .index = 7 };
	struct gen_arch gen = { .name = "made up", .word = 8, .last = UINT64_MAX, .get_field = get_made_up, .relaxed = relaxed_made_up };
	GElf_Phdr text = { .p_type = PT_LOAD, .p_vaddr = CODE, .p_filesz = sizeof(code), .p_memsz = sizeof(code) };
	struct draft draft;
	char path[] = "patch.so";

	(void)elf_version(EV_CURRENT);
	patch.file = (struct elffile){ .path = path, .gen = &gen, .phdrs = &text, .n_phdrs = 1,
				       .elf = elf_memory((char *)code, sizeof(code)) };
	link_made_up(DATA);
	if (ok(follow(&draft, types, &local, true) == 0 && draft.meta.n_places == 3 && draft.refusals->count == 0,
	       "parts of instructions become references")) {
		ok(has_place(&draft, 0, VZ_PLACE_ABS + VZ_PLACE_FIELD), "that of a page");
		ok(has_place(&draft, 1, VZ_PLACE_ABS + 2 * VZ_PLACE_FIELD), "that of a place in it");
		ok(has_place(&draft, 2, VZ_PLACE_PCREL + 3 * VZ_PLACE_FIELD), "and that of a distance");
	}
	draft_deinit(&draft);
	ok(follow(&draft, types, &local, false) == 0 && draft.meta.n_places == 0 && draft.refusals->count == 3,
	   "a variable that is not found in the patch is refused");
	draft_deinit(&draft);
	for (unsigned i = 0; i < 2; i++)
		put_made_up(i + 1, SLOT, CODE + 4 * i, code + 4 * i);
	ok(follow(&draft, slots, &local, true) == 0 && draft.meta.n_places == 2 && draft.refusals->count == 0 &&
	   draft.meta.places[0].patch_addr == SLOT && draft.meta.places[0].width == 8 && draft.meta.places[0].kind == VZ_PLACE_ABS &&
	   draft.meta.places[0].target_addr == TARGET, "the slot whose address is in two instructions is turned to the target");
	draft_deinit(&draft);
	ok(follow(&draft, half, &local, true) == 0 && draft.refusals->count > 0 &&
	   strstr(draft.refusals->table[0], "SLOT_PAGE at 0x1000: is not in the file") != NULL, "half of a slot's address is refused");
	draft_deinit(&draft);
	ok(follow(&draft, tls, &local, true) == 0 && draft.refusals->count > 0 &&
	   strstr(draft.refusals->table[0], "SLOT_TLS at 0x1000: cannot be turned to the target") != NULL, "so is one for threads, of what is none's");
	draft_deinit(&draft);
	link_made_up(DATA);
	code[0] = 0xb0;
	code[4] = 0xb1;
	ok(follow(&draft, slots, &local, true) == 0 && draft.meta.n_places == 3 && draft.refusals->count == 0 &&
	   has_place(&draft, 0, VZ_PLACE_ABS + VZ_PLACE_FIELD) && has_place(&draft, 1, VZ_PLACE_ABS + 2 * VZ_PLACE_FIELD),
	   "instructions that the linker has made to compute the address become references");
	draft_deinit(&draft);
	code[4] = 0xb2;
	ok(follow(&draft, slots, &local, true) == 0 && draft.refusals->count == 1 &&
	   strstr(draft.refusals->table[0], "SLOT_LOW at 0x1004: the linker made something unknown of it") != NULL, "others are refused");
	draft_deinit(&draft);
	code[4] = 0x11;
	ok(follow(&draft, slots, &local, true) == 0 && draft.refusals->count == 1 &&
	   strstr(draft.refusals->table[0], "the linker made something unknown of it") != NULL, "and unknown ones");
	draft_deinit(&draft);
	check_placed();

	link_made_up(DATA + 0x1010);
	ok(follow(&draft, types, &local, true) == 0 && draft.meta.n_places == 0 && draft.refusals->count == 3 &&
	   strstr(draft.refusals->table[2], "DISTANCE at 0x1008: does not lead to where the object says") != NULL,
	   "what leads elsewhere is refused");
	draft_deinit(&draft);
	patch.file.dynsym = (struct symbols){ &dynamic, 1 };
	ok(follow(&draft, types, &global, true) == 0 && draft.meta.n_places == 0 && draft.refusals->count == 0 &&
	   draft.meta.n_dynrefs == 1 && draft.meta.dynrefs[0].symbol == 7, "or goes by its dynamic symbol");
	draft_deinit(&draft);
	text.p_filesz = 4;
	link_made_up(DATA);
	ok(follow(&draft, types, &local, true) == 0 && draft.meta.n_places == 1 && draft.refusals->count == 2 &&
	   strstr(draft.refusals->table[0], "is not in the file") != NULL, "what the file does not have is refused");
	draft_deinit(&draft);
	(void)elf_end(patch.file.elf);
	return done();
}
