/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guide.h"

#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plan.h"

#define PAGE 4096u
#define NAME_BYTES 64
#define CODE_BYTES 32		/* of a function's start that are looked at */

static const char find_fde[] = "_Unwind_Find_FDE", throw[] = "__cxa_throw";

/* ---- rows ---- */

static int find_rows(struct guides *guides, const struct arch *arch, const struct patchfile *patch)
{
	const struct elf *elf = &patch->elf;
	const uint64_t start = patch->image_lo & ~(uint64_t)(PAGE - 1);
	struct cfi_table table = { .start = elf->lo, .end = elf->hi };
	struct cfi_index_entry *index = NULL;
	size_t count = 0;
	int err;

	for (size_t i = 0; i < elf->n_phdrs; i++) {
		if (elf->phdrs[i].type != PT_GNU_EH_FRAME)
			continue;
		table.hdr = elf->phdrs[i].vaddr;
		table.hdr_size = elf->phdrs[i].memsz;
	}
	err = table.hdr == 0 ? -ENOENT :
	      cfi_index_create(arch, &table, &elf->bytes, &index, &count);
	if (err == 0)
		guides->rows = calloc(count + 1, sizeof(*guides->rows));
	if (err == -ENOMEM || (err == 0 && guides->rows == NULL)) {
		free(index);
		return fail(ENOMEM, "out of memory for %zu functions", count);
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t at = index[i].start - start, fde = index[i].fde - start;
		struct cfi_function found;

		if (cfi_function(arch, &table, &elf->bytes, index[i].start, &found) == 0 &&
		    found.start == index[i].start && at < UINT32_MAX && fde < UINT32_MAX &&
		    found.end - found.start < UINT32_MAX)
			guides->rows[guides->n_rows++] = (struct guide_row){
				(uint32_t)at, (uint32_t)(found.end - found.start), (uint32_t)fde };
	}
	free(index);
	return 0;
}

/* ---- chains ---- */

/* The guides that a place leads to, one to the next. */
struct chain {
	const struct record_hook **links;	/* owned; the first that is called comes first */
	size_t count;
};

static uint64_t read_word(const struct target *target, uint64_t address)
{
	uint64_t value = 0;

	return target_read(target, address, &value, target->arch->word) == 0 ? value : 0;
}

/* What a place holds if it leads to that guide.  -ERANGE without a message. */
static int lead(const struct arch *arch, const struct record_hook *hook, uint64_t guide,
		uint8_t *out)
{
	if (hook->is_code)
		return arch->jump(hook->place, guide, out);
	memcpy(out, &guide, arch->word);
	return 0;
}

/* Room for all the guides there are, and for `more`. */
static int chain_init(struct chain *chain, const struct records *records, size_t more)
{
	for (size_t i = 0; i < records->count; i++)
		more += records->all[i].head->n_hooks;
	*chain = (struct chain){ .links = calloc(more + 1, sizeof(*chain->links)) };
	return chain->links != NULL ? 0 : fail(ENOMEM, "out of memory");
}

static size_t count_hooks(const struct records *records)
{
	size_t count = 0;

	for (size_t i = 0; i < records->count; i++)
		count += records->all[i].head->n_hooks;
	return count;
}

/* The hook of a record for the same place; with its guide at `guide`, unless that is 0. */
static const struct record_hook *find_hook(const struct records *records,
					   const struct record_hook *like, uint64_t guide)
{
	for (size_t i = 0; i < records->count; i++) {
		for (uint32_t k = 0; k < records->all[i].head->n_hooks; k++) {
			const struct record_hook *hook = &records->all[i].hooks[k];

			if (hook->place == like->place && hook->size == like->size &&
			    hook->is_code == like->is_code && (guide == 0 || hook->guide == guide))
				return hook;
		}
	}
	return NULL;
}

static const struct record_hook *find_led(const struct records *records, const struct arch *arch,
					  const struct record_hook *like, const uint8_t *found)
{
	for (size_t i = 0; i < records->count; i++) {
		for (uint32_t k = 0; k < records->all[i].head->n_hooks; k++) {
			const struct record_hook *hook = &records->all[i].hooks[k];
			uint8_t bytes[JUMP_MAX];

			if (hook->place == like->place && hook->size == like->size &&
			    hook->is_code == like->is_code &&
			    lead(arch, like, hook->guide, bytes) == 0 &&
			    memcmp(found, bytes, like->size) == 0)
				return hook;
		}
	}
	return NULL;
}

/* -EFAULT: the place is not there; -EINVAL: it leads to what is none of ours. */
static int read_chain(struct chain *chain, const struct target *target,
		      const struct records *records, const struct record_hook *at)
{
	size_t most = count_hooks(records);
	const struct record_hook *hook;
	uint8_t found[JUMP_MAX];

	if (target_read(target, at->place, found, at->size) != 0)
		return -EFAULT;
	if (memcmp(found, at->was, at->size) == 0 ||
	    (!at->is_code && memcmp(found, &at->own, at->size) == 0))
		return 0;
	for (hook = find_led(records, target->arch, at, found); hook != NULL;) {
		uint64_t next = read_word(target, hook->guide + offsetof(struct guide, next));

		if (chain->count == most)
			break;
		chain->links[chain->count++] = hook;
		if (next == hook->own)
			return 0;
		hook = find_hook(records, hook, next);
	}
	return -EINVAL;
}

static bool is_known(const struct target *target, const struct records *records,
		     const struct record_hook *hook)
{
	struct chain chain;
	bool known;

	if (chain_init(&chain, records, 0) != 0) {
		msg_forget();
		return false;
	}
	known = read_chain(&chain, target, records, hook) == 0;
	free(chain.links);
	return known;
}

/* ---- finding places ---- */

struct search {
	struct guides *guides;
	const struct target *target;
	const struct objects *objects;
	const struct records *records;
	const struct object *object;
};

static void add_hook(const struct search *search, struct record_hook *hook)
{
	const struct record_hook *before = find_hook(search->records, hook, 0);
	struct guides *guides = search->guides;

	if (before != NULL)
		memcpy(hook->was, before->was, sizeof(hook->was));
	if (guides->count < GUIDES_MAX && is_known(search->target, search->records, hook))
		guides->hooks[guides->count++] = *hook;
}

/* Slots are bound when they are first used, unless the library was linked with -z now. */
static void add_slot(const struct search *search, uint64_t place, uint64_t bound)
{
	const struct elf *elf = &search->object->elf;
	struct record_hook hook = { .place = place, .own = bound,
				    .size = search->target->arch->word };
	uint64_t value = read_word(search->target, place);

	memcpy(hook.was, &value, hook.size);
	if (value != bound && value >= elf->lo && value < elf->hi) {
		search->guides->busy_lo = elf->lo;
		search->guides->busy_hi = elf->hi;
	} else if (value != bound && find_hook(search->records, &hook, 0) == NULL) {
		hook.own = value;
	}
	add_hook(search, &hook);
}

static int look_at_slot(const struct elf_rel *rel, bool has_addend, void *ctx)
{
	const struct search *search = ctx;
	const struct elf *elf = &search->object->elf;
	const struct reloc_type *type = arch_reloc(search->target->arch, rel->type);
	char name[NAME_BYTES], version[NAME_BYTES];
	struct elf_sym sym;
	uint64_t bound;
	bool weak;

	(void)has_addend;
	if (type == NULL || type->kind != RELOC_SLOT || rel->symbol == 0 ||
	    elf_dynsym(elf, rel->symbol, &sym) != 0 ||
	    elf_dynstr(elf, sym.name, name, sizeof(name)) != 0 || strcmp(name, find_fde) != 0)
		return 0;
	if (elf_symbol_version(elf, rel->symbol, version, sizeof(version), &weak) == 0 &&
	    objects_resolve(search->objects, search->target, search->object, name, version,
			    &bound) == 0)
		add_slot(search, elf->bias + rel->offset, bound);
	return 0;
}

/*
 * The function in the executable, by its symbol table, if it has one: its address, or
 * 0.  Static C programs have it, too, for pthread_cancel(3): *throws is left to C++ ones.
 */
static uint64_t find_in_symtab(Elf *file, Elf_Scn *section, const GElf_Shdr *header, bool *throws)
{
	Elf_Data *strings = elf_rawdata(elf_getscn(file, header->sh_link), NULL);
	Elf_Data *symbols = elf_getdata(section, NULL);
	const char *at = strings == NULL ? NULL :
			 memmem(strings->d_buf, strings->d_size, find_fde, sizeof(find_fde));
	GElf_Sym sym;

	if (at == NULL || symbols == NULL)
		return 0;
	*throws |= memmem(strings->d_buf, strings->d_size, throw, sizeof(throw)) != NULL;
	for (int i = 0; gelf_getsym(symbols, i, &sym) != NULL; i++) {
		if (sym.st_name == (size_t)(at - (char *)strings->d_buf) &&
		    GELF_ST_TYPE(sym.st_info) == STT_FUNC && sym.st_shndx != SHN_UNDEF)
			return sym.st_value;
	}
	return 0;
}

static uint64_t find_in_exe(const struct target *target, bool *throws)
{
	Elf_Scn *section = NULL;
	uint64_t address = 0;
	int fd = target_open_exe(target);
	Elf *file;

	if (fd == -1)
		return 0;
	(void)elf_version(EV_CURRENT);
	file = elf_begin(fd, ELF_C_READ, NULL);
	while (file != NULL && address == 0 && (section = elf_nextscn(file, section)) != NULL) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) != NULL && header.sh_type == SHT_SYMTAB)
			address = find_in_symtab(file, section, &header, throws);
	}
	(void)elf_end(file);
	(void)close(fd);
	return address;
}

/* The first instructions of a function as they are without guides, behind a landing pad. */
static int read_code(const struct target *target, const struct record_hook *hook, uint8_t *code)
{
	if (target_read(target, hook->place, code, CODE_BYTES) != 0)
		return -EFAULT;
	memcpy(code, hook->was, hook->size);
	return 0;
}

static void add_function(const struct search *search, uint64_t address)
{
	const struct arch *arch = search->target->arch;
	struct record_hook hook = { .place = address, .size = arch->jump_size, .is_code = true };
	uint8_t code[CODE_BYTES];

	if (target_read(search->target, address, code, sizeof(code)) != 0)
		return;
	if (memcmp(code, arch->landing, arch->landing_size) == 0)
		hook.place += arch->landing_size;
	memcpy(hook.was, code + (hook.place - address), hook.size);
	if (hook.place / PAGE == (hook.place + hook.size - 1) / PAGE)
		add_hook(search, &hook);
}

int guides_find(struct guides *guides, const struct target *target, const struct objects *objects,
		const struct records *records, const struct patchfile *patch)
{
	struct search search = { guides, target, objects, records, NULL };
	bool throws = objects_define(objects, throw);
	int err;

	*guides = (struct guides){ 0 };
	err = find_rows(guides, target->arch, patch);
	if (err != 0 || guides->n_rows == 0)
		return err;
	for (size_t i = 0; i < objects->count; i++) {
		const struct object *object = &objects->all[i];
		uint64_t address;
		struct elf_sym sym;
		uint32_t index;

		search.object = object;
		if (object->elf.has_dynamic && !object->is_vdso &&
		    elf_lookup(&object->elf, "_Unwind_RaiseException", NULL, &index, &sym) == 0 &&
		    elf_each_reloc(&object->elf, target->arch->relative_type, look_at_slot,
				   &search) < 0)
			msg_forget();
		address = object->is_exe ? find_in_exe(target, &throws) : 0;
		if (address != 0)
			add_function(&search, object->elf.bias + address);
	}
	guides->throws = throws;
	guides->is_deaf = throws && guides->count == 0;
	return 0;
}

void guides_deinit(struct guides *guides)
{
	free(guides->rows);
	*guides = (struct guides){ 0 };
}

/* ---- laying them out ---- */

uint64_t guides_size(const struct guides *guides)
{
	uint64_t size = guides->count * sizeof(struct guide) +
			(guides->n_rows + 1) * sizeof(struct guide_row);

	return guides->count == 0 ? 0 : (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

/* A page of its own, behind the rest. */
static int extend(struct link_image *image, uint64_t size)
{
	struct link_segment *segments = reallocarray(image->segments, image->n_segments + 1,
						     sizeof(*segments));
	uint8_t *bytes = realloc(image->bytes, (size_t)(image->size + size));

	image->segments = segments != NULL ? segments : image->segments;
	image->bytes = bytes != NULL ? bytes : image->bytes;
	if (segments == NULL || bytes == NULL)
		return fail(ENOMEM, "out of memory for an image of %" PRIu64 " bytes",
			    image->size + size);
	memset(bytes + image->size, 0, (size_t)size);
	segments[image->n_segments++] = (struct link_segment){ image->size, size,
							       PROT_READ | PROT_EXEC };
	image->size += size;
	return 0;
}

/* Where the target's own is called: the instructions that the jump takes the place of. */
static int carry_own(struct record_hook *hook, const struct target *target, struct guide *guide)
{
	const struct arch *arch = target->arch;
	uint8_t code[CODE_BYTES], jump[JUMP_MAX];
	size_t carried;

	hook->own = hook->guide + offsetof(struct guide, onward);
	return read_code(target, hook, code) == 0 && lead(arch, hook, hook->guide, jump) == 0 &&
	       arch->carry(code, sizeof(code), hook->size, hook->place, hook->own, guide->onward,
			   &carried) != 0 ? 0 : -ENOTSUP;
}

int guides_lay(struct guides *guides, const struct target *target, struct link_image *image)
{
	const uint64_t start = image->size;
	const uint64_t rows = start + guides->count * sizeof(struct guide);
	size_t able = 0;
	int err = guides->count == 0 ? 0 : extend(image, guides_size(guides));

	if (err != 0 || guides->count == 0)
		return err;
	memcpy(image->bytes + rows, guides->rows, guides->n_rows * sizeof(*guides->rows));
	for (size_t i = 0; i < guides->count; i++) {
		struct record_hook *hook = &guides->hooks[i];
		uint64_t at = start + i * sizeof(struct guide);
		struct guide guide = { .base = image->base, .size = start,
				       .rows = image->base + rows };

		memcpy(guide.code, target->arch->parasite + PARASITE_CODE_BYTES,
		       sizeof(guide.code));
		hook->guide = image->base + at;
		if (hook->is_code && carry_own(hook, target, &guide) != 0)
			hook->place = 0;
		able += hook->place != 0;
		memcpy(image->bytes + at, &guide, sizeof(guide));
	}
	guides->is_deaf = guides->throws && able == 0;
	return 0;
}

/* ---- what changes ---- */

static uint64_t successor(const struct chain *chain, size_t i, const struct record_hook *hook)
{
	return i < chain->count ? chain->links[i]->guide : hook->own;
}

/* What the place itself holds, of which `like` is a hook. */
static int bytes_of(const struct chain *chain, const struct arch *arch,
		    const struct record_hook *like, uint8_t *out)
{
	memcpy(out, like->was, JUMP_MAX);
	if (chain->count == 0)
		return 0;
	return lead(arch, like, chain->links[0]->guide, out) == 0 ? 0 :
	       fail(ENOSPC, "a jump from 0x%" PRIx64 " does not reach 0x%" PRIx64, like->place,
		    chain->links[0]->guide);
}

static int change_place(struct plan *plan, const struct record_hook *like,
			const struct chain *before, const struct chain *after)
{
	struct place place = { .address = like->place, .size = like->size, .name = find_fde };
	int err = bytes_of(before, plan->arch, like, place.now);

	if (err == 0)
		err = bytes_of(after, plan->arch, like, place.want);
	memcpy(place.half, place.now, sizeof(place.half));
	/* It may be bound while we look. */
	if (!like->is_code && before->count == 0)
		memcpy(place.half, &like->own, like->size);
	if (err == 0)
		err = plan_add_place(plan, &place);
	return err == 0 && like->is_code ?
	       plan_forbid(plan, like->place, like->place + like->size, find_fde) : err;
}

static int change_next(struct plan *plan, const struct record_hook *hook, uint64_t now,
		       uint64_t want)
{
	struct place place = { .address = hook->guide + offsetof(struct guide, next),
			       .size = plan->arch->word, .name = find_fde };

	memcpy(place.now, &now, sizeof(now));
	memcpy(place.half, &now, sizeof(now));
	memcpy(place.want, &want, sizeof(want));
	return plan_add_place(plan, &place);
}

static bool has_place(const struct record *record, const struct record_hook *like)
{
	for (uint32_t i = 0; i < record->head->n_hooks; i++) {
		if (record->hooks[i].place == like->place)
			return true;
	}
	return false;
}

/* The guides of new plans, the youngest first, and those behind them. */
static int chain_behind(struct chain *chain, const struct plan *plans, size_t count,
			const struct target *target, const struct records *records,
			const struct record_hook *at)
{
	int err = chain_init(chain, records, count * GUIDES_MAX);
	size_t skip;

	for (size_t i = count; i-- > 0 && err == 0;) {
		const struct record *record = &plans[i].record;

		for (uint32_t k = 0; k < record->head->n_hooks; k++) {
			if (record->hooks[k].place == at->place)
				chain->links[chain->count++] = &record->hooks[k];
		}
	}
	if (err != 0)
		return err;
	skip = chain->count;
	chain->links += skip;
	chain->count = 0;
	err = read_chain(chain, target, records, at);
	chain->links -= skip;
	chain->count += skip;
	return err;
}

static int come_in(struct plan *into, struct plan *plans, size_t count, size_t index,
		   const struct target *target, const struct records *records,
		   const struct record_hook *hook)
{
	struct plan *plan = &plans[index];
	const struct record_hook *links[1] = { hook };
	struct chain before, actual;
	uint64_t next;
	int err = chain_behind(&before, plans, index, target, records, hook);

	if (err == 0) {
		next = successor(&before, 0, hook);
		memcpy(plan->image.bytes + (hook->guide - plan->image.base) +
		       offsetof(struct guide, next), &next, sizeof(next));
	}
	free(before.links);
	for (size_t i = index + 1; i < count && err == 0; i++) {
		if (has_place(&plans[i].record, hook))
			return 0;
	}
	if (err == 0)
		err = chain_behind(&actual, plans, 0, target, records, hook);
	else
		return err;
	if (err == 0)
		err = change_place(into, hook, &actual, &(struct chain){ links, 1 });
	free(actual.links);
	return err;
}

static int busy(const struct target *target, int err)
{
	return err == -EFAULT || err == -EINVAL ?
	       fail(EBUSY, "%s: what leads to the unwinder changes (try again)",
		    target_name(target)) : err;
}

int guides_plan_in(struct plan *into, struct plan *plans, size_t count, const struct target *target,
		   const struct records *records)
{
	size_t first = into->n_places;
	int err = 0;

	for (size_t i = 0; i < count && err == 0; i++) {
		const struct record *record = &plans[i].record;
		const struct guides *guides = &plans[i].guides;

		for (uint32_t k = 0; k < record->head->n_hooks && err == 0; k++) {
			if (record->hooks[k].place != 0)
				err = come_in(into, plans, count, i, target, records,
					      &record->hooks[k]);
		}
		if (err == 0 && guides->busy_hi != 0)
			err = plan_forbid(into, guides->busy_lo, guides->busy_hi, find_fde);
	}
	plan_bring_forward(into, first);
	return busy(target, err);
}

static bool leaves(const struct plan *plans, size_t count, const struct record_hook *hook)
{
	for (size_t i = 0; i < count; i++) {
		const struct record *record = plans[i].subject;

		if (!plans[i].keeps_memory && hook >= record->hooks &&
		    hook < record->hooks + record->head->n_hooks)
			return true;
	}
	return false;
}

/* Take out of one chain all that leaves. */
static int go_out(struct plan *into, const struct chain *before, const struct record_hook *like,
		  const struct plan *leaving, size_t n_leaving)
{
	struct chain after = { calloc(before->count + 1, sizeof(*after.links)), 0 };
	size_t *was_at = calloc(before->count + 1, sizeof(*was_at));
	int err = after.links == NULL || was_at == NULL ? fail(ENOMEM, "out of memory") : 0;

	for (size_t i = 0; i < before->count && err == 0; i++) {
		if (leaves(leaving, n_leaving, before->links[i]))
			continue;
		was_at[after.count] = i;
		after.links[after.count++] = before->links[i];
	}
	for (size_t i = 0; i < after.count && err == 0; i++)
		err = change_next(into, after.links[i],
				  successor(before, was_at[i] + 1, after.links[i]),
				  successor(&after, i + 1, after.links[i]));
	if (err == 0)
		err = change_place(into, like, before, &after);
	free(after.links);
	free(was_at);
	return err;
}

/* Whether a hook before plans[index].subject's number k has the same place. */
static bool is_done(const struct plan *plans, size_t index, uint32_t k)
{
	const struct record_hook *hook = &plans[index].subject->hooks[k];

	for (uint32_t i = 0; i < k; i++) {
		if (plans[index].subject->hooks[i].place == hook->place)
			return true;
	}
	for (size_t i = 0; i < index; i++) {
		if (!plans[i].keeps_memory && has_place(plans[i].subject, hook))
			return true;
	}
	return false;
}

int guides_plan_out(struct plan *into, struct plan *plans, size_t first, size_t count,
		    const struct target *target, const struct records *records)
{
	int err = 0;

	for (size_t i = first; i < count && err == 0; i++) {
		const struct record *record = plans[i].subject;

		for (uint32_t k = 0; k < record->head->n_hooks && err == 0; k++) {
			const struct record_hook *hook = &record->hooks[k];
			struct chain chain;

			if (hook->place == 0)
				continue;
			err = chain_behind(&chain, plans, first, target, records, hook);
			/* An unwinder that was unmapped leads nowhere; another's hook, who knows. */
			if (err == -EINVAL)
				plans[i].keeps_memory = true;
			if (err == 0 && !plans[i].keeps_memory && !is_done(plans + first, i - first, k))
				err = go_out(into, &chain, hook, plans + first, count - first);
			free(chain.links);
			if (err == -EINVAL || err == -EFAULT)
				err = 0;
		}
	}
	return err;
}
