/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "entered.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "checks.h"
#include "code.h"

#define SHORT_REACH 256		/* a branch of two bytes reaches 128 bytes, and is in a function that begins or ends near */

/* A replaced function by its address. */
struct place_of {
	uint64_t addr;
	const struct replaced *replaced;
};

struct entered {
	const struct draft *draft;
	struct program target;
	struct place_of *places;	/* sorted; meta.n_funcs of them; owned */
};

/* A piece of code with a name: a function of the debug info, or a symbol. */
struct piece_of_code {
	const char *name;
	uint64_t lo, hi;
	uint32_t function;	/* DWARF_NONE: a symbol tells of it */
};

/* The replaced function whose inside an address is in; NULL if it is in none. */
static const struct replaced *find_entered(const struct entered *entered, uint64_t addr)
{
	size_t n = ARRAY_UPTO(entered->places, entered->draft->meta.n_funcs, addr, addr);
	const struct definition *old = n == 0 ? NULL : &entered->places[n - 1].replaced->old;

	return old != NULL && addr > old->addr && addr - old->addr < old->size ? entered->places[n - 1].replaced : NULL;
}

/* Whether a branch of two bytes in [lo, hi) may lead into a replaced function. */
static bool is_near(const struct entered *entered, uint64_t lo, uint64_t hi)
{
	size_t n = ARRAY_UPTO(entered->places, entered->draft->meta.n_funcs, addr, hi + SHORT_REACH);
	const struct definition *old = n == 0 ? NULL : &entered->places[n - 1].replaced->old;

	return old != NULL && old->addr + old->size + SHORT_REACH > lo;
}

static bool find_piece(const struct entered *entered, uint64_t addr, struct piece_of_code *piece)
{
	const struct binary *target = entered->draft->target;
	uint32_t index = program_function_at(&entered->target, addr);

	for (size_t i = 0; index != DWARF_NONE && i < entered->target.n_ranges; i++) {
		const struct function_range *range = &entered->target.ranges[i];

		if (range->function == index && addr >= range->lo && addr < range->hi) {
			const char *name = target->dwarf.functions[index].name;

			*piece = (struct piece_of_code){ name != NULL ? name : "?", range->lo, range->hi, index };
			return true;
		}
	}
	for (size_t i = 0; i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->type == STT_FUNC && symbol->section != SHN_UNDEF && addr >= symbol->value &&
		    addr - symbol->value < symbol->size) {
			*piece = (struct piece_of_code){ symbol->name, symbol->value, symbol->value + symbol->size,
							 DWARF_NONE };
			return true;
		}
	}
	return false;
}

/* Whether code belongs to what is replaced, and so is never entered again: the function itself, its cold part, another one. */
static bool goes_too(const struct entered *entered, const struct piece_of_code *piece,
		     const struct replaced *replaced)
{
	const struct definition *old = &replaced->old;
	size_t size = strlen(old->name);

	if (piece->function != DWARF_NONE)
		return piece->function == old->index ||
		       is_replaced(entered->draft, &entered->draft->target->dwarf.functions[piece->function]);
	return draft_find(entered->draft, piece->lo) != SIZE_MAX ||
	       (piece->lo >= old->addr && piece->lo - old->addr < old->size) ||
	       (strncmp(piece->name, old->name, size) == 0 && piece->name[size] == '.');
}

static int refuse(const struct entered *entered, const struct replaced *replaced, const char *name, uint64_t addr,
		  const char *does)
{
	char *what;
	int err;

	if (asprintf(&what, "'%s' %s '%s' behind its first instruction, at '%s'+0x%llx, where the old code would run on:"
		     " replace what surrounds it instead", name, does, replaced->old.name, replaced->old.name,
		     (unsigned long long)(addr - replaced->old.addr)) < 0)
		return fail(ENOMEM, "out of memory");
	err = refuse_function(entered->draft, replaced, what);
	free(what);
	return err;
}

/*
 * Look at the branches in a piece of code; if `only` is not 0, at the instruction that has it as its operand.
 * Behind an instruction that is unknown nobody knows where the next one begins, so all that looks like one counts.
 */
static int look_at_piece(const struct entered *entered, const struct piece_of_code *piece, uint64_t only)
{
	const struct elffile *file = &entered->draft->target->file;
	uint64_t at = piece->lo;
	bool is_lost = false;
	int err = 0;

	while (err == 0 && at < piece->hi) {
		uint8_t bytes[16] = { 0 };
		size_t size = piece->hi - at < sizeof(bytes) ? (size_t)(piece->hi - at) : sizeof(bytes);
		struct insn insn;
		const struct replaced *replaced;

		if (!elffile_read(file, at, bytes, size))
			return 0;
		if (!insn_decode(bytes, size, at, entered->target.gen, &insn)) {
			is_lost = true;
			at++;
			continue;
		}
		replaced = insn.flow == FLOW_CALL || insn.flow == FLOW_JUMP || insn.flow == FLOW_BRANCH ?
			   find_entered(entered, insn.to) : NULL;
		if (replaced != NULL && (only == 0 || (only > at && only < at + insn.size)) &&
		    !goes_too(entered, piece, replaced))
			err = refuse(entered, replaced, piece->name, insn.to, "jumps into");
		if (only != 0 && at >= only)
			return err;
		at += is_lost ? 1 : insn.size;
	}
	return err;
}

/* Look for operands of branches that lead into a replaced function, and see which of them are instructions'. */
static int look_at_code(const struct entered *entered, uint64_t addr, const uint8_t *code, size_t size)
{
	const struct gen_arch *gen = entered->target.gen;
	uint64_t to = 0;
	int err = 0;

	for (size_t at = gen->find_branch(code, size, 0, addr, &to); err == 0 && at != SIZE_MAX;
	     at = gen->find_branch(code, size, at + 1, addr, &to)) {
		struct piece_of_code piece;
		const struct replaced *replaced = find_entered(entered, to & gen->last);

		if (replaced != NULL && find_piece(entered, addr + at, &piece) && !goes_too(entered, &piece, replaced))
			err = look_at_piece(entered, &piece, addr + at);
	}
	return err;
}

/* Branches of two bytes are in the code around. */
static int look_around(const struct entered *entered)
{
	const struct binary *target = entered->draft->target;
	int err = 0;

	for (size_t i = 0; err == 0 && i < entered->target.n_ranges; i++) {
		const struct function_range *range = &entered->target.ranges[i];
		const char *name = target->dwarf.functions[range->function].name;
		const struct piece_of_code piece = { name != NULL ? name : "?", range->lo, range->hi, range->function };

		if (is_near(entered, range->lo, range->hi))
			err = look_at_piece(entered, &piece, 0);
	}
	for (size_t i = 0; err == 0 && i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];
		const struct piece_of_code piece = { symbol->name, symbol->value, symbol->value + symbol->size, DWARF_NONE };

		if (symbol->type == STT_FUNC && symbol->section != SHN_UNDEF && symbol->size > 0 &&
		    is_near(entered, piece.lo, piece.hi) &&
		    program_function_at(&entered->target, symbol->value) == DWARF_NONE)
			err = look_at_piece(entered, &piece, 0);
	}
	return err;
}

/* A global function that begins inside may be called from anywhere. */
static int look_at_symbols(const struct entered *entered)
{
	const struct symbols *symbols = entered->draft->target->symbols;
	int err = 0;

	for (size_t i = 0; err == 0 && i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->table[i];
		const struct replaced *replaced;

		if (symbol->type != STT_FUNC || symbol->bind == STB_LOCAL || symbol->section == SHN_UNDEF)
			continue;
		replaced = find_entered(entered, symbol->value);
		if (replaced != NULL && draft_find(entered->draft, symbol->value) == SIZE_MAX)
			err = refuse(entered, replaced, symbol->name, symbol->value, "is a function that begins in");
	}
	return err;
}

int check_entered(const struct draft *draft)
{
	const struct elffile *file = &draft->target->file;
	struct entered entered = { .draft = draft };
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	int err = program_init(&entered.target, draft->target);

	entered.places = calloc(draft->meta.n_funcs + 1, sizeof(*entered.places));
	if (err == 0 && entered.places == NULL)
		err = fail(ENOMEM, "out of memory");
	for (size_t i = 0; err == 0 && i < draft->meta.n_funcs; i++)
		entered.places[i] = (struct place_of){ draft->replaced[i]->old.addr, draft->replaced[i] };
	if (err == 0 && draft->meta.n_funcs > 0)
		ARRAY_SORT(entered.places, draft->meta.n_funcs, addr);
	if (err == 0)
		err = look_at_symbols(&entered);
	if (err == 0)
		err = look_around(&entered);
	while (err == 0 && (scn = elf_nextscn(file->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_EXECINSTR) == 0 ||
		    shdr.sh_type != SHT_PROGBITS)
			continue;
		Elf_Data *data = elf_rawdata(scn, NULL);
		if (data != NULL && data->d_buf != NULL)
			err = look_at_code(&entered, shdr.sh_addr, data->d_buf, data->d_size);
	}
	free(entered.places);
	program_deinit(&entered.target);
	return err;
}
