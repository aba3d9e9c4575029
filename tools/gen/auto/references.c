/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "references.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "closure.h"
#include "counterpart.h"
#include "externs.h"
#include "placed.h"
#include "refusals.h"

struct references {
	struct draft *draft;
	struct unit *units;
	size_t n_units;
	bool hands_out;			/* the patch gives away the address of a function that only it has */
	bool any;			/* another piece was reached in this round */
};

/* A relocation of a piece, and where the linker has put it in the patch. */
struct reference {
	struct unit *unit;
	struct piece *piece;
	const struct unit_reloc *reloc;
	uint64_t addr;
	struct unit *to_unit;		/* where it leads; NULL if none of the objects has it */
	struct piece *to;
	int64_t offset;			/* is added to the address of that piece */
};

static int unclear(const struct references *all, const struct reference *ref, const char *why)
{
	return fail(EINVAL, "%s: '%s', %s at 0x%" PRIx64 ": %s", all->draft->patch->file.path,
		    ref->piece->name, ref->reloc->type->name, ref->addr, why);
}

/* ---- what it leads to ---- */

static void find_destination(const struct references *all, struct reference *ref)
{
	const struct symbol *symbol = ref->reloc->symbol;

	ref->to_unit = ref->unit;
	ref->to = reloc_piece(ref->unit, ref->reloc, &ref->offset);
	/* In place of a weak definition the linker may have taken another object's. */
	if (symbol == NULL || (ref->to != NULL && (symbol->bind != STB_WEAK || ref->to->is_placed)) ||
	    symbol->bind == STB_LOCAL)
		return;
	for (size_t i = 0; i < all->n_units; i++) {
		struct piece *to = unit_find_global(&all->units[i], symbol->name);

		if (to == NULL || (ref->to != NULL && !to->is_placed))
			continue;
		ref->to_unit = &all->units[i];
		ref->to = to;
		ref->offset = ref->reloc->addend;
		break;
	}
}

static const struct symbol *find_dynamic(const struct references *all, const char *name)
{
	const struct symbols *dynsym = &all->draft->patch->file.dynsym;

	for (size_t i = 0; i < dynsym->count; i++)
		if (strcmp(dynsym->table[i].name, name) == 0)
			return &dynsym->table[i];
	return NULL;
}

/* ---- making references ---- */

static int add_place(const struct references *all, const struct reference *ref, uint64_t addr,
		     uint64_t width, uint64_t kind, int64_t addend)
{
	struct vz_place place = {
		.patch_addr = addr, .width = width, .kind = kind,
		.target_addr = ref->to->counterpart.addr, .addend = addend,
	};
	const struct vzpatch *meta = &all->draft->meta;

	/* Several relocations may share one slot. */
	for (size_t i = 0; i < meta->n_places; i++)
		if (meta->places[i].patch_addr == addr)
			return 0;
	debug("'%s' at 0x%" PRIx64 " is the target's '%s'", ref->piece->name, addr,
	      ref->to->counterpart.name);
	return draft_add_place(all->draft, &place);
}

/*
 * The reference goes through a dynamic symbol of the patch, which from now on means the
 * target's thing.
 */
static int add_symbol(const struct references *all, const struct reference *ref,
		      const struct symbol *symbol)
{
	const struct vzpatch *meta = &all->draft->meta;

	for (size_t i = 0; i < meta->n_dynrefs; i++)
		if (meta->dynrefs[i].symbol == symbol->index)
			return 0;
	return draft_add_dynref(all->draft, symbol->index, &ref->to->counterpart);
}

static uint64_t word_size(const struct references *all)
{
	return all->draft->patch->file.gen->word;
}

/*
 * A slot of the GOT.  The dynamic linker fills it by a symbol, or with the address of the
 * patch's own thing.  It may do the latter even if there is a symbol: if that is protected, or
 * the patch was linked with -Bsymbolic.  So both are turned to the target.
 */
static int follow_slot(const struct references *all, const struct reference *ref, uint64_t slot)
{
	const struct symbol *symbol = ref->reloc->symbol->bind == STB_LOCAL ? NULL :
		find_dynamic(all, ref->reloc->symbol->name);
	int err = symbol != NULL ? add_symbol(all, ref, symbol) : 0;

	return err != 0 ? err : add_place(all, ref, slot, word_size(all), VZ_PLACE_ABS, 0);
}

/* It does not lead to the thing itself: then it leads to the entry in the PLT. */
static int follow_elsewhere(const struct references *all, const struct reference *ref)
{
	const struct symbol *symbol = ref->reloc->symbol->bind == STB_LOCAL ? NULL :
		find_dynamic(all, ref->reloc->symbol->name);

	if (symbol == NULL)
		return unclear(all, ref, "does not lead to where the object says");
	return add_symbol(all, ref, symbol);
}

/*
 * A displacement counted from its own address: it leads to the thing itself, or to its entry in
 * the PLT.
 */
static int follow_relative(const struct references *all, const struct reference *ref)
{
	const uint64_t mask = all->draft->patch->file.gen->last;
	unsigned width = ref->reloc->type->width;
	int64_t value;

	if (!read_word(&all->draft->patch->file, ref->addr, width, &value))
		return unclear(all, ref, "is not in the file");
	uint64_t leads_to = (ref->addr + (uint64_t)value) & mask;
	if (ref->to->is_placed &&
	    leads_to == ((ref->to->addr + (uint64_t)ref->offset) & mask))
		return add_place(all, ref, ref->addr, width, VZ_PLACE_PCREL, ref->offset);
	return follow_elsewhere(all, ref);
}

/*
 * A part of an instruction.  What the linker has put there may not tell the whole address, so it is compared
 * with what it puts there for the thing itself.
 */
static int follow_field(const struct references *all, const struct reference *ref)
{
	const struct elffile *file = &all->draft->patch->file;
	const struct reloc_type *type = ref->reloc->type;
	const bool is_relative = type->kind != RELOC_ABS;
	uint64_t value = ref->to->addr + (uint64_t)ref->offset - (is_relative ? ref->addr : 0);
	uint8_t now[8], itself[sizeof(now)];

	if (type->width > sizeof(now) || !elffile_read(file, ref->addr, now, type->width))
		return unclear(all, ref, "is not in the file");
	memcpy(itself, now, type->width);
	if (ref->to->is_placed && ref->unit->arch->put_field(type->field, value & file->gen->last, ref->addr, itself) &&
	    memcmp(now, itself, type->width) == 0)
		return add_place(all, ref, ref->addr, type->width,
				 (is_relative ? VZ_PLACE_PCREL : VZ_PLACE_ABS) + (uint64_t)type->field * VZ_PLACE_FIELD,
				 ref->offset);
	return follow_elsewhere(all, ref);
}

static int add_got_relative(const struct references *all, const struct reference *ref)
{
	uint64_t got = elffile_got(&all->draft->patch->file);

	/* The distance is from the GOT, so the address of the GOT has to be known. */
	if (got == 0)
		return unclear(all, ref, "the patch has no DT_PLTGOT");
	return add_place(all, ref, ref->addr, 4, VZ_PLACE_GOTREL, ref->offset);
}

/* The slot of the GOT that an operand of four bytes leads to, or several instructions together.  False: it is not in the file. */
static bool find_slot(const struct references *all, const struct reference *ref, uint64_t *slot)
{
	const struct elffile *file = &all->draft->patch->file;
	int64_t value;

	if (ref->reloc->type->field != 0)
		return joined_value(ref->unit, ref->piece, ref->reloc, file, slot);
	if (!read_word(file, ref->addr, 4, &value))
		return false;
	*slot = ((file->gen->data_by_pc ? ref->addr + 4 : elffile_got(file)) + (uint64_t)value) & file->gen->last;
	return true;
}

/* The linker has made another instruction of it, as if the object had relocation `type` there. */
static int follow_changed(const struct references *all, const struct reference *ref, uint32_t type)
{
	struct unit_reloc reloc = *ref->reloc;
	struct reference changed = *ref;

	reloc.type = arch_reloc(ref->unit->arch, type);
	changed.reloc = &reloc;
	if (reloc.type != NULL && reloc.type->kind == RELOC_NONE)
		return 0;
	return reloc.type == NULL || reloc.type->field == 0 ? unclear(all, ref, "the linker made something unknown of it") :
	       follow_field(all, &changed);
}

/* An operand that was the slot of a thing in the GOT.  The linker may have changed the instruction. */
static int follow_got(const struct references *all, const struct reference *ref)
{
	const struct unit_section *section = &ref->unit->sections[ref->piece->section];
	const struct elffile *file = &all->draft->patch->file;
	const unsigned before = file->gen->relaxed_before;
	uint64_t slot = 0, left = ref->piece->end - (ref->reloc->offset - before);
	size_t size = left < RELAXED_BYTES ? (size_t)left : RELAXED_BYTES;
	uint8_t was[RELAXED_BYTES] = { 0 }, now[RELAXED_BYTES] = { 0 };
	uint32_t type = 0;

	if (ref->reloc->offset < before || ref->reloc->offset - before > ref->piece->end || !elffile_read(file, ref->addr - before, now, size))
		return unclear(all, ref, "is not in the file");
	/* With pc-relative data the addend counts for the operand's own place; else the operand was the slot alone. */
	int64_t relative = file->gen->data_by_pc ? ref->offset : ref->offset - 4;
	memcpy(was, section->bytes + ref->reloc->offset - before, size);
	switch (file->gen->relaxed(was, now, &type)) {
	case RELAXED_NOT:
		return find_slot(all, ref, &slot) ? follow_slot(all, ref, slot) : unclear(all, ref, "is not in the file");
	case RELAXED_TO_TYPE:
		return follow_changed(all, ref, type);
	case RELAXED_TO_ADDRESS:
		return file->gen->data_by_pc ? add_place(all, ref, ref->addr, 4, VZ_PLACE_PCREL, ref->offset) :
			add_got_relative(all, ref);
	case RELAXED_TO_CALL:
		return add_place(all, ref, ref->addr, 4, VZ_PLACE_PCREL, relative);
	case RELAXED_TO_JUMP:
		return add_place(all, ref, ref->addr - 1, 4, VZ_PLACE_PCREL, relative);
	default:
		return unclear(all, ref, "the linker made something unknown of it");
	}
}

/* ---- thread-local variables ---- */

/*
 * The variable's slots in the GOT.  They have no symbol if the linker knew that the variable is
 * the patch's own.
 */
static int follow_tls(const struct references *all, const struct reference *ref)
{
	const struct elffile *file = &all->draft->patch->file;
	const struct reloc_type *type = ref->reloc->type;
	enum tls_code model = file->gen->tls_code((uint32_t)(type - ref->unit->arch->relocs));
	bool local = ref->reloc->symbol->bind == STB_LOCAL;
	const struct symbol *symbol = local ? NULL : find_dynamic(all, ref->reloc->symbol->name);
	uint64_t word = word_size(all), slot = 0;

	if (model == TLS_CODE_UNKNOWN)
		return unclear(all, ref, "this way to a thread-local variable is not supported (compile "
			       "with -fPIC alone)");
	/*
	 * The module's slot is filled with the target's module when nsb links the patch
	 * (link.h).  The call through a descriptor has no address in it.
	 */
	if (model == TLS_CODE_MODULE || model == TLS_CODE_CALL)
		return 0;
	if (model == TLS_CODE_OFFSET)
		return add_place(all, ref, ref->addr, type->width, VZ_PLACE_DTPOFF + (uint64_t)type->field * VZ_PLACE_FIELD, ref->offset);
	int err = symbol != NULL ? add_symbol(all, ref, symbol) : 0;
	if (err != 0)
		return err;
	if (!find_slot(all, ref, &slot))
		return unclear(all, ref, "is not in the file");
	if (model == TLS_CODE_GENERAL)
		return add_place(all, ref, slot + word, word, VZ_PLACE_DTPOFF, 0);
	/* nsb's descriptors return their second word. */
	if (model == TLS_CODE_DESCRIPTOR)
		return add_place(all, ref, slot + word, word, VZ_PLACE_TPOFF, 0);
	return add_place(all, ref, slot, word, VZ_PLACE_TPOFF, 0);
}

static int follow(const struct references *all, const struct reference *ref)
{
	const enum reloc_kind kind = ref->reloc->type->kind;

	if (ref->reloc->type->field != 0) {
		if (kind == RELOC_ABS || kind == RELOC_PCREL || kind == RELOC_PLT)
			return follow_field(all, ref);
		return kind == RELOC_GOT || kind == RELOC_GOTPCREL ? follow_got(all, ref) :
			unclear(all, ref, "cannot be turned to the target");
	}
	switch (kind) {
	case RELOC_ABS:
		if (ref->reloc->type->width != word_size(all))
			return unclear(all, ref, "is not position-independent (compile with -fPIC)");
		return add_place(all, ref, ref->addr, word_size(all), VZ_PLACE_ABS, ref->offset);
	case RELOC_PCREL:
	case RELOC_PLT:
		return follow_relative(all, ref);
	case RELOC_GOTREL:
		if (word_size(all) == 8)
			return unclear(all, ref, "is of a code model that is not supported");
		return add_got_relative(all, ref);
	case RELOC_GOT:
	case RELOC_GOTPCREL:
		if (ref->reloc->type->width != 4 ||
		    (word_size(all) == 8) != (kind == RELOC_GOTPCREL))
			return unclear(all, ref, "is of a code model that is not supported");
		return follow_got(all, ref);
	case RELOC_SIZE:
	case RELOC_GOTPC:
		return 0;
	default:
		return unclear(all, ref, "cannot be turned to the target");
	}
}

/* ---- reaching ---- */

static int reach(struct references *all, const struct reference *ref)
{
	struct piece *to = ref->to;

	if (to->is_reached)
		return 0;
	to->is_reached = true;
	all->any = true;
	if (!to->is_placed && to->n_relocs != 0)
		return unclear(all, ref, "leads to a section that is not found in the patch");
	/*
	 * Compilers name the sections of variables of their own with "..L", such as what
	 * -fsanitize=undefined reports with.
	 */
	if (to->kind == PIECE_UNNAMED && !is_constant(ref->to_unit, to) && strstr(to->name, "..L") == NULL)
		return fail(EINVAL, "%s: '%s' refers to variables of section %s that have no symbol (of"
			    " an asm() statement?): they would be the patch's own",
			    ref->to_unit->file.path, ref->piece->name, to->name);
	if (to->symbol != NULL && to->kind != PIECE_FUNCTION && !is_made_by_compiler(to) &&
	    !to->has_counterpart)
		say("new variable '%s'", to->name);
	return 0;
}

/* Does it lead into the middle of a function, as jump tables and computed goto do? */
static bool is_label(const struct reference *ref)
{
	bool code = (ref->unit->sections[ref->piece->section].flags & SHF_EXECINSTR) != 0;

	if (!code && ref->reloc->type->kind != RELOC_ABS)
		return true;
	return ref->offset + ref->reloc->bias != 0;
}

/*
 * Does the reference stay in the patch?  Direct calls of a replaced function do, and so do
 * calls of a function that only callers in the patch know how to call.  An address that code
 * can compare or keep has to be the target's.
 */
static bool stays(const struct reference *ref)
{
	const struct piece *to = ref->to;

	if (!to->has_counterpart || to->fate == FATE_OWN)
		return true;
	if (to->kind != PIECE_FUNCTION)
		return false;
	if (is_label(ref))
		return true;
	if (!reloc_is_branch(ref->unit, ref->piece, ref->reloc))
		return false;
	return to->fate == FATE_REPLACES ||
		(ref->unit == ref->to_unit && needs_own_copy(ref->unit, to));
}

static int refuse_new_tls(const struct references *all, const struct reference *ref)
{
	char *source = piece_source(all->draft, ref->to_unit, ref->to);
	int err = fail(EINVAL, "%s: '%s' would be a new thread-local variable, which threads that run "
		       "already could not have (SHADOW_THREAD of nsb/shadow.h is what they can have)", source != NULL ? source : ref->to_unit->source,
		       ref->to->name);

	free(source);
	return err;
}

/* The stand-in that externs_print() made.  In the linked patch it is a local symbol. */
static const struct symbol *find_stand_in(const struct binary *patch, const char *name)
{
	for (size_t i = 0; i < patch->symbols->count; i++) {
		const struct symbol *symbol = &patch->symbols->table[i];

		if (symbol->section != SHN_UNDEF && symbol->size == 0 && strcmp(symbol->name, name) == 0 &&
		    (symbol->type == STT_NOTYPE || symbol->type == STT_TLS))
			return symbol;
	}
	return NULL;
}

/*
 * Some linkers drop the mark that a symbol was hidden.  If one symbol of the target has that
 * name, it is the one that is meant: 1, else 0.
 */
static int find_only_symbol(const struct binary *target, const char *name, bool tls,
			    struct definition *out)
{
	int found = 0;

	for (size_t i = 0; i < target->symbols->count && found < 2; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->section == SHN_UNDEF || strcmp(symbol->name, name) != 0 ||
		    (symbol->type != STT_FUNC && symbol->type != STT_OBJECT &&
		     symbol->type != STT_TLS) || (symbol->type == STT_TLS) != tls)
			continue;
		*out = (struct definition){ .name = symbol->name, .addr = symbol->value,
				       .size = symbol->size, .index = DWARF_NONE };
		found++;
	}
	return found == 1;
}

/*
 * The patch has a stand-in (externs.h) for a hidden thing of the target.  Turn the reference to
 * that thing.
 */
static int follow_stand_in(const struct references *all, struct reference *ref)
{
	const struct draft *draft = all->draft;
	const char *name = ref->reloc->symbol->name;
	const struct symbol *stand_in = find_stand_in(draft->patch, name);
	struct piece to = { .name = name, .kind = PIECE_VARIABLE, .is_placed = true };
	bool tls = stand_in != NULL && stand_in->type == STT_TLS;

	if (draft->patch->file.symtab.count == 0)
		return unclear(all, ref, "leads to a hidden symbol, and the patch has no symbol table (do "
			       "not strip it)");
	/* The linker has found the symbol elsewhere, such as __stack_chk_fail_local. */
	if (stand_in == NULL)
		return 0;
	int found = find_extern(draft, name, tls, &to.counterpart);
	if (found == 0)
		found = find_only_symbol(draft->target, name, tls, &to.counterpart);
	if (found < 0)
		return found;
	if (found == 0)
		return fail(EINVAL, "%s: it has no hidden %s'%s', to which '%s' refers",
			    draft->target->file.path, tls ? "thread-local variable " : "", name,
			    ref->piece->name);
	to.addr = stand_in->value;
	ref->to = &to;
	ref->offset = ref->reloc->addend;
	return tls ? follow_tls(all, ref) : follow(all, ref);
}

/* The list is new with the patch, so all its members are the patch's own. */
static int reach_list(struct references *all, const struct reference *ref, const char *section)
{
	int err = 0;

	for (size_t i = 0; i < all->n_units; i++)
		for (size_t k = 0; err == 0 && k < all->units[i].n_pieces; k++) {
			struct reference member = *ref;

			member.to_unit = &all->units[i];
			member.to = &all->units[i].pieces[k];
			if (strcmp(member.to_unit->sections[member.to->section].name, section) == 0)
				err = reach(all, &member);
		}
	return err;
}

static int refuse_missing(const struct references *all, const struct reference *ref)
{
	char *source = piece_source(all->draft, ref->unit, ref->piece);
	int err = fail(EINVAL, "%s: '%s' refers to '%s', which would be that of the patch: %s has none",
		       source != NULL ? source : ref->unit->source, ref->piece->name,
		       ref->reloc->symbol->name, all->draft->target->file.path);

	free(source);
	return err;
}

/*
 * The linker has bound the symbol to the patch's own section.  If it has not defined it, the
 * symbol is an extern as any other.
 */
static int follow_linker_symbol(struct references *all, struct reference *ref)
{
	const char *name = ref->reloc->symbol->name, *section = listed_section(name);
	const struct symbol *own = find_linker_symbol(all->draft->patch->symbols, name);
	struct piece to = { .name = name, .kind = PIECE_VARIABLE, .is_placed = true };
	GElf_Shdr shdr;

	if (own == NULL)
		return 0;
	int found = find_linker_definition(all->draft, name, &to.counterpart);
	if (found < 0)
		return found;
	if (found == 0 && section != NULL &&
	    elffile_section(&all->draft->target->file, section, &shdr) == NULL)
		return reach_list(all, ref, section);
	if (found == 0)
		return refuse_missing(all, ref);
	to.addr = own->value;
	ref->to = &to;
	ref->offset = ref->reloc->addend;
	return follow(all, ref);
}

/*
 * Write down what the code that runs refers to, for `nsb info`: the file has the references of whole
 * units.  A comment without a text says that it was written down.
 */
static int add_need(struct references *all, const char *name)
{
	const struct vzpatch *meta = &all->draft->meta;

	for (size_t i = 0; i < meta->n_comments; i++)
		if (strcmp(meta->comments[i].key, NEEDS_KEY) == 0 && strcmp(meta->comments[i].text, name) == 0)
			return 0;
	return draft_add_comment(all->draft, NEEDS_KEY, name);
}

static int add_needed(struct references *all, const struct reference *ref)
{
	enum reloc_kind kind = ref->reloc->type->kind;

	if (kind == RELOC_GOTPC || kind == RELOC_SIZE || kind == RELOC_NONE)
		return 0;
	if (ref->to != NULL)
		return stays(ref) || ref->to->symbol == NULL ? 0 : add_need(all, ref->to->name);
	return ref->reloc->symbol == NULL || is_linker_name(ref->reloc->symbol->name) ? 0 :
		add_need(all, ref->reloc->symbol->name);
}

/* The begin of the block of thread-local variables, by a name that every linker defines. */
static int follow_block(const struct references *all, struct reference *ref)
{
	struct piece to = { .name = TLS_BLOCK, .kind = PIECE_TLS, .is_placed = true };

	to.counterpart.name = TLS_BLOCK;
	ref->to = &to;
	return follow_tls(all, ref);
}

static int look_at(struct references *all, struct reference *ref)
{
	enum reloc_kind kind = ref->reloc->type->kind;

	if (ref->reloc->symbol != NULL && strcmp(ref->reloc->symbol->name, TLS_BLOCK) == 0)
		return follow_block(all, ref);
	find_destination(all, ref);
	int err = add_needed(all, ref);
	if (err != 0)
		return err;
	if (ref->to == NULL && kind != RELOC_GOTPC && kind != RELOC_SIZE && ref->reloc->symbol != NULL &&
	    is_linker_name(ref->reloc->symbol->name))
		return follow_linker_symbol(all, ref);
	if (ref->to == NULL && kind != RELOC_GOTPC && kind != RELOC_SIZE &&
	    is_hidden_extern(ref->reloc->symbol))
		return follow_stand_in(all, ref);
	if (ref->to == NULL || kind == RELOC_GOTPC || kind == RELOC_SIZE)
		return 0;
	if (ref->to->kind == PIECE_TLS && !ref->to->has_counterpart)
		return refuse_new_tls(all, ref);
	if (ref->to->kind == PIECE_TLS)
		return follow_tls(all, ref);
	if (!stays(ref))
		return follow(all, ref);
	if (ref->to->kind == PIECE_FUNCTION && !ref->to->has_counterpart && !is_label(ref))
		all->hands_out |= !reloc_is_call(ref->unit, ref->piece, ref->reloc);
	return reach(all, ref);
}

static int look_at_piece(struct references *all, struct unit *unit, struct piece *piece)
{
	const struct unit_section *section = &unit->sections[piece->section];
	int err = 0;

	if (piece->leaves_unseen)
		return fail(EINVAL, "%s: '%s' may jump into another function of its section %s, which cannot be"
			    " turned to the target (compile the objects with -ffunction-sections)",
			    unit->file.path, piece->name, section->name);
	for (uint32_t i = 0; err == 0 && i < piece->n_relocs; i++) {
		const struct unit_reloc *reloc = &section->relocs[piece->first_reloc + i];
		struct reference ref = {
			.unit = unit, .piece = piece, .reloc = reloc,
			.addr = piece->addr + (reloc->offset - piece->start),
		};

		err = refuse_later(all->draft, look_at(all, &ref));
	}
	return err;
}

/* Look at every piece once, in the round after the one in which it was reached. */
int add_references(struct draft *draft, struct unit *units, size_t n_units)
{
	struct references all = { .draft = draft, .units = units, .n_units = n_units, .any = true };
	int err = add_need(&all, "");

	for (size_t i = 0; i < n_units; i++)
		for (size_t k = 0; k < units[i].n_pieces; k++)
			units[i].pieces[k].is_reached = units[i].pieces[k].fate == FATE_REPLACES ||
				units[i].pieces[k].is_hook;
	while (err == 0 && all.any) {
		all.any = false;
		for (size_t i = 0; err == 0 && i < n_units; i++)
			for (size_t k = 0; err == 0 && k < units[i].n_pieces; k++) {
				struct piece *piece = &units[i].pieces[k];

				if (!piece->is_reached || piece->is_followed)
					continue;
				piece->is_followed = true;
				err = refuse_later(draft, look_at_piece(&all, &units[i], piece));
			}
	}
	for (size_t i = 0; err == 0 && all.hands_out && i < draft->meta.n_funcs; i++)
		draft->meta.funcs[i].flags |= VZ_FUNC_ADDRESS_TAKEN;
	return err;
}
