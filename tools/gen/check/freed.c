/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "freed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "code.h"
#include "convention.h"
#include "entered.h"
#include "refusals.h"
#include "traceless.h"

#define ENTRY_ROOM 96		/* bytes of code that shadow.h leaves for what is displaced */
#define RULES_ROOM 192		/* and of unwind rules for them */
#define FDE_HEAD 17		/* bytes of an FDE before its instructions: 32-bit addresses and no augmentation */

/* Instructions of unwind tables. */
enum { CFA_ADVANCE = 0x40, CFA_OFFSET = 0x80, CFA_DEF_CFA = 0x0c };

/* One VZP_ON_FREE. */
struct freed {
	struct draft *draft;
	const struct directive *directive;
	struct program *target;
	struct definition function;		/* of the target; or a stub that leads to one of a library */
	bool is_stub;
	const struct symbol *entry, *words;	/* in the patch */
	uint64_t room;				/* address of the entry's room */
};

#define REFUSE(freed, format, ...) \
	fail(EINVAL, "%s:%u: VZP_ON_FREE(%s, %s): " format, base_name((freed)->directive->source), \
	     (freed)->directive->line, (freed)->directive->name, (freed)->directive->label, __VA_ARGS__)

/* ---- the entry in the patch ---- */

/* The only symbol of that name; NULL if there is none, or several. */
static const struct symbol *find_symbol(const struct freed *freed, const char *name)
{
	const struct symbols *symbols = freed->draft->patch->symbols;
	const struct symbol *found = NULL;

	for (size_t i = 0; i < symbols->count; i++) {
		if (strcmp(symbols->table[i].name, name) != 0 || symbols->table[i].section == SHN_UNDEF)
			continue;
		if (found != NULL)
			return NULL;
		found = &symbols->table[i];
	}
	return found;
}

static void put_word(uint8_t *at, uint64_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static int find_entry(struct freed *freed)
{
	const char *name = freed->directive->file, *own = strrchr(name, '.');
	uint32_t offset = 0;
	char words[300];

	snprintf(words, sizeof(words), "vzp.freed.words.%s%s", freed->directive->name, own != NULL ? own : "");
	freed->entry = find_symbol(freed, name);
	freed->words = find_symbol(freed, words);
	if (freed->entry != NULL && freed->words != NULL &&
	    elffile_read(&freed->draft->patch->file, freed->words->value + 4, &offset, sizeof(offset)))
		freed->room = freed->entry->value + offset;
	if (freed->room == 0 || offset + ENTRY_ROOM > freed->entry->size ||
	    elffile_kept(&freed->draft->patch->file, freed->entry->value, freed->entry->size) == NULL ||
	    elffile_kept(&freed->draft->patch->file, freed->words->value, 8) == NULL)
		return REFUSE(freed, "its code is not in the patch, or there are two of that name (do not strip it, link without"
			      " --gc-sections)%s", "");
	return 0;
}

/* ---- the function in the target ---- */

/* The stub through which the target calls a function of a library; 0: there is none. */
static uint64_t find_stub(const struct freed *freed)
{
	static const char *const sections[] = { ".plt.sec", ".plt", ".plt.got" };
	const struct elffile *file = &freed->draft->target->file;
	GElf_Shdr shdr;

	for (size_t s = 0; s < sizeof(sections) / sizeof(sections[0]); s++) {
		if (elffile_section(file, sections[s], &shdr) == NULL)
			continue;
		/* Stubs have 8 bytes or 16, as the linker likes. */
		for (uint64_t at = 0; at + 8 <= shdr.sh_size; at += 8) {
			const struct insn call = { .flow = FLOW_CALL, .to = shdr.sh_addr + at };
			const char *name = program_called_name(freed->target, &call);

			if (name != NULL && strcmp(name, freed->directive->name) == 0)
				return call.to;
		}
	}
	return 0;
}

/* Does the dynamic linker put the function's address somewhere else than where stubs take it from? */
static bool is_stored(const struct freed *freed)
{
	const struct elffile *file = &freed->draft->target->file;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(file->elf, scn)) != NULL) {
		if (gelf_getshdr(scn, &shdr) == NULL || (shdr.sh_flags & SHF_ALLOC) == 0 ||
		    (shdr.sh_type != SHT_RELA && shdr.sh_type != SHT_REL))
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		GElf_Rela rela;
		GElf_Rel rel;

		for (int i = 0; data != NULL; i++) {
			if (shdr.sh_type == SHT_RELA ? gelf_getrela(data, i, &rela) == NULL : gelf_getrel(data, i, &rel) == NULL)
				break;
			uint64_t info = shdr.sh_type == SHT_RELA ? rela.r_info : rel.r_info, symbol = GELF_R_SYM(info);

			if (symbol != 0 && symbol <= file->dynsym.count && GELF_R_TYPE(info) != file->gen->slot_type &&
			    strcmp(file->dynsym.table[symbol - 1].name, freed->directive->name) == 0)
				return true;
		}
	}
	return false;
}

/* The bytes up to the end of the stub's jump. */
static uint64_t stub_size(const struct freed *freed, uint64_t stub)
{
	uint64_t at = stub;
	uint8_t bytes[16];
	struct insn insn;

	do {
		if (!elffile_read(&freed->draft->target->file, at, bytes, sizeof(bytes)) ||
		    !insn_decode(bytes, sizeof(bytes), at, freed->target->gen, &insn))
			return 0;
		at += insn.size;
	} while (insn.flow == FLOW_NEXT);
	return at - stub;
}

static int find_library_function_of(struct freed *freed)
{
	const char *path = freed->draft->target->file.path, *name = freed->directive->name;
	uint64_t stub = find_stub(freed);

	if (is_stored(freed))
		return REFUSE(freed, "%s has the address of this function of a library (it was built with -fno-plt, or passes it on):"
			      " such calls are not noticed (use a stamp)", path);
	if (stub == 0)
		return REFUSE(freed, "%s neither has such a function nor calls one of a library", path);
	freed->is_stub = true;
	freed->function = (struct definition){ .name = name, .addr = stub, .size = stub_size(freed, stub), .index = DWARF_NONE,
					       .global = true };
	return 0;
}

static int find_target(struct freed *freed)
{
	const struct directive *directive = freed->directive;
	struct wanted wanted = { .name = directive->name, .source = directive->source, .line = directive->line };
	int found = find_function(freed->draft->target, &wanted, LINKAGE_GLOBAL, &freed->function);

	if (found == 0)
		found = find_function(freed->draft->target, &wanted, LINKAGE_STATIC, &freed->function);
	if (found < 0)
		return found;
	if (found == 0) {
		if (check_absent(freed->draft, directive->name, NULL, false) == 0)
			return find_library_function_of(freed);
		msg_forget();
		return REFUSE(freed, "'%s' has no code of its own in %s, where it was inlined or cloned (replace its callers, or use"
			      " a stamp)", directive->name, freed->draft->target->file.path);
	}
	size_t replaced = draft_find(freed->draft, freed->function.addr);
	return replaced == SIZE_MAX ? 0 :
		REFUSE(freed, "the patch replaces '%s' itself: call shadow_detach() there", freed->draft->meta.funcs[replaced].name);
}

/* ---- the argument ---- */

/* Which word of what the entry has pushed, and of the stack above, is the object. */
static int find_word(const struct freed *freed, uint32_t *word)
{
	const struct gen_arch *gen = freed->target->gen;
	const unsigned n_pushed = gen->n_arguments != 0 ? gen->n_arguments : gen->n_own_arguments;
	const uint8_t *pushed = gen->n_arguments != 0 ? gen->arguments : gen->own_arguments;
	const char *label = freed->directive->label;
	struct arriving passed;
	char *end;

	if (freed->function.index == DWARF_NONE) {
		unsigned long number = strtoul(label, &end, 10);

		if (*end != '\0' || number == 0 || number > 16)
			return REFUSE(freed, "there is no debug info of '%s': give the number of the argument, from 1", freed->function.name);
		passed = number <= gen->n_arguments ? (struct arriving){ .reg = gen->arguments[number - 1] } :
			(struct arriving){ .reg = -1, .stack = (number - 1 - gen->n_arguments) * gen->word };
	} else {
		const char *why = NULL;
		int err = find_passed(freed->draft->target, freed->function.index, label, &passed, &why);

		if (err != 0)
			return err;
		if (why != NULL)
			return REFUSE(freed, "'%s' %s", label, why);
	}
	for (unsigned i = 0; i < n_pushed; i++)
		if (passed.reg == pushed[i]) {
			*word = i;
			return 0;
		}
	if (passed.reg >= 0)
		return REFUSE(freed, "'%s' comes in %s", label, gen->names[passed.reg]);
	*word = n_pushed + 1 + (uint32_t)(passed.stack / gen->word);
	return 0;
}

/* ---- what is displaced ---- */

/* Where the displaced code is, and the unwind rules for it, as they are put together. */
struct displacing {
	uint8_t code[ENTRY_ROOM], rules[RULES_ROOM];
	size_t size, n_rules, described;	/* described: so many bytes of the code have rules */
};

static void put_rule(struct displacing *out, unsigned byte)
{
	if (out->n_rules < RULES_ROOM)
		out->rules[out->n_rules] = (uint8_t)byte;
	out->n_rules++;
}

static void put_uleb(struct displacing *out, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		put_rule(out, 0x80 | (value & 0x7f));
	put_rule(out, (unsigned)value);
}

/*
 * Behind `size` bytes of the displaced code the caller of the function is found as it is found at `addr` of the target; but
 * the stack pointer is `lower` bytes lower.
 */
static int describe(const struct freed *freed, struct displacing *out, size_t size, uint64_t addr, unsigned lower)
{
	const struct gen_arch *gen = freed->target->gen;
	struct cfi_rules rules;

	if (size > out->described)
		put_rule(out, CFA_ADVANCE | (unsigned)(size - out->described));
	out->described = size;
	/* In a stub nothing is on the stack yet. */
	if (freed->is_stub || addr == freed->function.addr) {
		put_rule(out, CFA_DEF_CFA);
		put_uleb(out, gen->dwarf_sp);
		put_uleb(out, gen->word + lower);
		return 0;
	}
	if (!frame_rules(&freed->target->frames, addr, &rules) || rules.cfa.kind != RULE_OFFSET || rules.signal ||
	    (int64_t)rules.cfa.value < 0)
		return REFUSE(freed, "%s has no unwind information of '%s' at 0x%" PRIx64 " that nsb-gen follows",
			      freed->draft->target->file.path, freed->function.name, addr);
	put_rule(out, CFA_DEF_CFA);
	put_uleb(out, rules.cfa_register);
	put_uleb(out, rules.cfa.value + (rules.cfa_register == gen->dwarf_sp ? lower : 0));
	for (unsigned i = 0; i < gen->n_kept_dwarf; i++) {
		const struct cfi_rule *rule = &rules.rules[gen->kept_dwarf[i]];
		const int64_t distance = -(int64_t)rule->value;

		if (rule->kind == RULE_UNSET || rule->kind == RULE_SAME)
			continue;
		if (rule->kind != RULE_OFFSET || distance <= 0 || distance % gen->word != 0)
			return REFUSE(freed, "the frame of '%s' is one that nsb-gen does not follow", freed->function.name);
		put_rule(out, CFA_OFFSET | gen->kept_dwarf[i]);
		put_uleb(out, (uint64_t)distance / gen->word);
	}
	return 0;
}

static int put_displaced(const struct freed *freed, struct displacing *out, const struct displaced *moved)
{
	int err = 0;

	if (out->size + moved->size > ENTRY_ROOM)
		return REFUSE(freed, "what '%s' begins with is too long", freed->function.name);
	memcpy(out->code + out->size, moved->bytes, moved->size);
	for (unsigned i = 0; err == 0 && i < moved->n_operands; i++) {
		const struct displaced_operand *operand = &moved->operands[i];

		err = draft_add_place(freed->draft, &(struct vz_place){
			.patch_addr = freed->room + out->size + operand->at, .width = 4,
			.kind = operand->is_relative ? VZ_PLACE_PCREL : VZ_PLACE_ABS,
			.target_addr = operand->to & freed->target->gen->last, .addend = operand->addend,
		});
	}
	out->size += moved->size;
	return err;
}

/*
 * May the function's own code come back to what the jump covers?  Of a function without debug info nobody knows where its
 * indirect jumps lead.
 */
static int check_way_back(const struct freed *freed, uint64_t end)
{
	const struct definition *function = &freed->function;
	const struct code *code = function->index != DWARF_NONE ? program_code(freed->target, function->index) : NULL;
	uint8_t bytes[16];
	struct insn insn;

	if (function->index != DWARF_NONE && code == NULL)
		return -ENOMEM;
	if (code != NULL && (!code->is_whole || code->n_insns == 0))
		return REFUSE(freed, "'%s' has an instruction that nsb-gen does not understand", function->name);
	for (size_t i = 0; code != NULL && i < code->n_insns; i++) {
		const struct insn *at = &code->insns[i];
		bool leads = (at->flow == FLOW_JUMP || at->flow == FLOW_BRANCH) && at->to >= function->addr && at->to < end;

		for (size_t k = 0; k < code->n_targets && !leads; k++)
			leads = code->targets[k] == i && at->addr >= function->addr && at->addr < end;
		if (leads)
			return REFUSE(freed, "the code of '%s' comes back to its first instructions, where the jump lies (use a stamp, or"
				      " replace it)", function->name);
	}
	for (uint64_t at = function->addr; code == NULL && at < function->addr + function->size; at += insn.size) {
		if (!elffile_read(&freed->draft->target->file, at, bytes, sizeof(bytes)) ||
		    !insn_decode(bytes, sizeof(bytes), at, freed->target->gen, &insn) || insn.is_opaque ||
		    (insn.flow == FLOW_JUMP_ANY && !freed->is_stub) ||
		    ((insn.flow == FLOW_JUMP || insn.flow == FLOW_BRANCH) && insn.to >= function->addr && insn.to < end))
			return REFUSE(freed, "there is no debug info of '%s', and its code may come back to its first instructions (use a"
				      " stamp)", function->name);
	}
	return 0;
}

/* Put together what the entry does after it has removed the data. */
static int displace(const struct freed *freed, struct displacing *out)
{
	const struct gen_arch *gen = freed->target->gen;
	const struct elffile *file = &freed->draft->target->file;
	const struct definition *function = &freed->function;
	uint8_t bytes[16] = { 0 };
	struct displaced moved = { .is_last = false };
	uint64_t at = function->addr, end;
	int err = 0;

	if (!elffile_read(file, at, bytes, sizeof(bytes)))
		return REFUSE(freed, "the code of '%s' is not in the file", function->name);
	at += gen->landing(bytes, sizeof(bytes));
	for (end = at + gen->jump_size; err == 0 && at < end && !moved.is_last;) {
		struct insn insn;
		struct shape shape;

		if (!elffile_read(file, at, bytes, sizeof(bytes)) || !insn_decode(bytes, sizeof(bytes), at, gen, &insn) ||
		    !insn_shape(bytes, sizeof(bytes), at, gen, &shape) || !gen->displace(bytes, &insn, &shape, &moved))
			return REFUSE(freed, "'%s' begins with an instruction that cannot be elsewhere, at 0x%" PRIx64 " (use a stamp, or"
				      " replace it)", function->name, at);
		/* An exception that comes through the new place of a call would find nobody to catch it. */
		if ((insn.flow == FLOW_CALL || insn.flow == FLOW_CALL_ANY) && !moved.is_last &&
		    frame_handles(&freed->target->frames, function->addr))
			return REFUSE(freed, "'%s' may catch exceptions, or clean up when it is left, and begins with a call",
				      function->name);
		err = describe(freed, out, out->size, at, 0);
		if (err == 0 && moved.pushed != 0)
			err = describe(freed, out, out->size + moved.pushed, at, gen->word);
		if (err == 0)
			err = put_displaced(freed, out, &moved);
		at += insn.size;
	}
	if (err == 0)
		err = check_way_back(freed, at);
	if (err != 0 || moved.is_last)
		return err;
	err = describe(freed, out, out->size, at, 0);
	gen->jump_to(at, &moved);
	return err == 0 ? put_displaced(freed, out, &moved) : err;
}

/* The room for rules in the unwind table of the entry: so many zeros; NULL: there is none. */
static uint8_t *find_rules_room(const struct freed *freed)
{
	const struct elffile *file = &freed->draft->patch->file;
	struct frames frames;
	uint8_t *at = NULL, *found = NULL;
	uint32_t length = 0;
	size_t zeros = 0;

	if (frames_init(&frames, file) != 0)
		return NULL;
	for (size_t i = 0; i < frames.table.n_index && at == NULL; i++)
		if (frames.index[i].start == freed->entry->value &&
		    elffile_read(file, frames.index[i].fde, &length, sizeof(length)) && length < 0x1000 && length > FDE_HEAD)
			at = elffile_kept(file, frames.index[i].fde, length + sizeof(length));
	frames_deinit(&frames);
	for (size_t i = FDE_HEAD; at != NULL && found == NULL && i < length + sizeof(length); i++) {
		zeros = at[i] == 0 ? zeros + 1 : 0;
		found = zeros == RULES_ROOM ? at + i + 1 - RULES_ROOM : NULL;
	}
	return found;
}

/* ---- all of it ---- */

static int write_entry(const struct freed *freed, const struct displacing *displacing, uint32_t word)
{
	const struct elffile *file = &freed->draft->patch->file;
	uint8_t *rules = find_rules_room(freed);

	if (rules == NULL || displacing->n_rules > RULES_ROOM)
		return REFUSE(freed, "the unwind table of its code is not what nsb/shadow.h has made (is it of another version, or"
			      " does the linker change .eh_frame?)%s", "");
	memcpy(rules, displacing->rules, displacing->n_rules);
	memcpy(elffile_kept(file, freed->room, ENTRY_ROOM), displacing->code, displacing->size);
	put_word(elffile_kept(file, freed->words->value, 4), word);
	return 0;
}

static int draw(struct draft *draft, const struct directive *directive, struct program *target)
{
	struct freed freed = { .draft = draft, .directive = directive, .target = target };
	struct displacing displacing = { .size = 0 };
	uint32_t word = 0;
	char text[300];
	int err = find_target(&freed);

	if (err == 0)
		err = find_entry(&freed);
	if (err == 0)
		err = find_word(&freed, &word);
	if (err == 0)
		err = displace(&freed, &displacing);
	if (err == 0)
		err = write_entry(&freed, &displacing, word);
	if (err != 0)
		return err;
	const struct definition entry = { .name = directive->name, .addr = freed.entry->value, .size = freed.entry->size,
					  .index = DWARF_NONE };
	err = draft_add_function(draft, &entry, &freed.function, VZ_FUNC_PASSES);
	snprintf(text, sizeof(text), "%.100s(%.100s)", directive->name, directive->label);
	return err == 0 ? draft_add_comment(draft, "on free", text) : err;
}

int draw_freed(struct draft *draft, const struct directives *directives)
{
	struct program target = { 0 };
	bool has_any = false;
	int err = 0;

	for (size_t i = 0; err == 0 && i < directives->count; i++) {
		if (directives->table[i].kind != DIRECTIVE_ON_FREE)
			continue;
		if (!has_any)
			err = program_init(&target, draft->target);
		has_any = true;
		if (err == 0)
			err = refuse_later(draft, draw(draft, &directives->table[i], &target));
	}
	program_deinit(&target);
	err = end_if_refused(draft, err);
	if (!has_any)
		return err;
	/* Where a copy of such a function stays, objects go unnoticed. */
	if (err == 0)
		err = check_inlined(draft);
	if (err == 0)
		err = check_clones(draft);
	if (err == 0 && draft->witness == NULL)
		err = check_traceless(draft);
	if (err == 0)
		err = refuse_later(draft, check_entered(draft));
	return end_if_refused(draft, err);
}
