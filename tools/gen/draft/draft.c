/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "array.h"
#include "room.h"

static const char *class_name(uint8_t elf_class)
{
	return arch_class_word(elf_class) == 4 ? "32-bit" : "64-bit";
}

static int describe(const struct elffile *file, struct vz_object *out)
{
	if (file->build_id_size == 0)
		return fail(EINVAL, "%s: no build-id (link with -Wl,--build-id)", file->path);
	if (file->gen == NULL)
		return fail(EINVAL, "%s: machine %u is neither i386 (3) nor x86-64 (62)",
			    file->path, file->machine);
	if (file->type != ET_EXEC && file->type != ET_DYN)
		return fail(EINVAL, "%s: neither an executable nor a shared object", file->path);
	*out = (struct vz_object){
		.build_id = { file->build_id, file->build_id_size },
		.name = base_name(file->path),
		.elf_class = file->elf_class,
		.machine = file->machine,
		.type = file->type,
	};
	return 0;
}

int draft_init(struct draft *draft, const struct binary *target, const struct binary *patch)
{
	*draft = (struct draft){ .target = target, .patch = patch };
	int err = describe(&target->file, &draft->meta.target);

	if (err == 0)
		err = describe(&patch->file, &draft->meta.patch);
	if (err != 0)
		return err;
	if (target->file.machine != patch->file.machine ||
	    target->file.elf_class != patch->file.elf_class)
		return fail(EINVAL, "%s is %s, %s is %s: build the patch for the target's machine",
			    target->file.path, class_name(target->file.elf_class),
			    patch->file.path, class_name(patch->file.elf_class));
	if (patch->file.type != ET_DYN)
		return fail(EINVAL, "%s: not a shared object (build with -fPIC -shared)",
			    patch->file.path);
	draft->meta.generator = "nsb-gen " NSB_VERSION;
	draft->refusals = calloc(1, sizeof(*draft->refusals));
	return draft->refusals != NULL ? 0 : fail(ENOMEM, "out of memory");
}

void draft_deinit(struct draft *draft)
{
	for (size_t i = 0; i < draft->meta.n_funcs; i++)
		free(draft->replaced[i]);
	for (size_t i = 0; i < draft->n_owned; i++)
		free(draft->owned[i]);
	for (size_t i = 0; draft->refusals != NULL && i < draft->refusals->count; i++)
		free(draft->refusals->table[i]);
	if (draft->refusals != NULL)
		free(draft->refusals->table);
	free(draft->refusals);
	free(draft->owned);
	free(draft->replaced);
	free(draft->meta.funcs);
	free(draft->meta.ranges);
	free(draft->meta.dynrefs);
	free(draft->meta.places);
	free(draft->meta.comments);
	free(draft->meta.inside);
	free(draft->meta.variables);
	free(draft->meta.hooks);
	free(draft->meta.quiets);
	free(draft->meta.states);
	*draft = (struct draft){ 0 };
}

static const char *copy_string(struct draft *draft, const char *text)
{
	if (ARRAY_GROW(&draft->owned, draft->n_owned, 1) != 0)
		return NULL;
	char *copy = strdup(text);
	if (copy == NULL)
		fail(ENOMEM, "out of memory");
	else
		draft->owned[draft->n_owned++] = copy;
	return copy;
}

int draft_add_range(struct draft *draft, size_t func, uint64_t addr, uint64_t size)
{
	struct vzpatch *meta = &draft->meta;

	for (size_t i = 0; i < meta->n_ranges; i++)
		if (meta->ranges[i].func == func && meta->ranges[i].addr == addr)
			return 0;
	int err = ARRAY_GROW(&meta->ranges, meta->n_ranges, 1);
	if (err == 0)
		meta->ranges[meta->n_ranges++] = (struct vz_range){ func, addr, size };
	return err;
}

/* Add the other ranges of the function: cold code that the compiler moved away. */
static int add_other_ranges(struct draft *draft, size_t func, const struct definition *old)
{
	const struct dwarf *dwarf = &draft->target->dwarf;

	if (old->index == DWARF_NONE)
		return 0;
	const struct dwarf_function *function = &dwarf->functions[old->index];
	for (uint32_t i = 0; i < function->n_ranges; i++) {
		struct dwarf_range range = dwarf->ranges[function->first_range + i];

		if (range.lo == old->addr)
			continue;
		int err = draft_add_range(draft, func, range.lo, range.hi - range.lo);
		if (err != 0)
			return err;
	}
	return 0;
}

/* Room for one more function, and what is known of it; the caller puts it into the draft. NULL with a message: no memory. */
static struct replaced *make_room(struct draft *draft)
{
	struct replaced *replaced;

	if (ARRAY_GROW(&draft->meta.funcs, draft->meta.n_funcs, 1) != 0 ||
	    ARRAY_GROW(&draft->replaced, draft->meta.n_funcs, 1) != 0)
		return NULL;
	replaced = calloc(1, sizeof(*replaced));
	if (replaced == NULL)
		(void)fail(ENOMEM, "out of memory");
	return replaced;
}

int draft_add_function(struct draft *draft, const struct definition *new, const struct definition *old,
		       uint64_t flags)
{
	struct vzpatch *meta = &draft->meta;
	size_t same = draft_find(draft, old->addr);
	struct room room = { 0 };
	int err = measure_room(draft->target, old->name, old->addr, old->size, &room);

	if (err != 0)
		return err;
	if (same != SIZE_MAX)
		return fail(EINVAL, "%s: '%s' and '%s' are one function there, as they were equal: it"
			    " cannot become two (keep them equal, or change what calls them instead)",
			    draft->target->file.path, meta->funcs[same].name, old->name);
	struct replaced *replaced = make_room(draft);
	if (replaced == NULL)
		return -ENOMEM;
	*replaced = (struct replaced){ .new = *new, .old = *old };
	bool is_short = room.size < room.needed;
	size_t size = (size_t)(is_short ? room.needed : room.size < FIRST_BYTES_MAX ? room.size : FIRST_BYTES_MAX);
	if (!elffile_read(&draft->target->file, old->addr, replaced->first, size)) {
		free(replaced);
		return fail(EINVAL, "%s: the code of '%s' is not in the file",
			    draft->target->file.path, old->name);
	}
	draft->replaced[meta->n_funcs] = replaced;
	meta->funcs[meta->n_funcs++] = (struct vz_func){
		.name = old->name,
		.file = old->global || old->file == NULL ? "" : old->file,
		.target_addr = old->addr,
		.target_size = old->size,
		.patch_addr = new->addr,
		.patch_size = new->size,
		.flags = flags | (old->global ? VZ_FUNC_GLOBAL : 0) | (is_short ? VZ_FUNC_SHORT : 0),
		.room = room.size,
		.first = { replaced->first, size },
	};
	return add_other_ranges(draft, meta->n_funcs - 1, old);
}

int draft_add_dynref(struct draft *draft, uint32_t symbol, const struct definition *meant)
{
	struct vzpatch *meta = &draft->meta;
	int err = ARRAY_GROW(&meta->dynrefs, meta->n_dynrefs, 1);

	if (err == 0)
		meta->dynrefs[meta->n_dynrefs++] = (struct vz_dynref){
			.symbol = symbol, .target_addr = meant->addr, .size = meant->size,
			.name = meant->name,
		};
	return err;
}

int draft_add_place(struct draft *draft, const struct vz_place *place)
{
	struct vzpatch *meta = &draft->meta;
	int err = ARRAY_GROW(&meta->places, meta->n_places, 1);

	if (err == 0)
		meta->places[meta->n_places++] = *place;
	return err;
}

int draft_add_hook(struct draft *draft, const struct vz_hook *hook)
{
	struct vzpatch *meta = &draft->meta;
	int err = ARRAY_GROW(&meta->hooks, meta->n_hooks, 1);

	if (err == 0)
		meta->hooks[meta->n_hooks++] = *hook;
	return err;
}

int draft_add_quiet(struct draft *draft, const struct vz_quiet *quiet)
{
	struct vzpatch *meta = &draft->meta;

	for (size_t i = 0; i < meta->n_quiets; i++)
		if (meta->quiets[i].addr == quiet->addr)
			return 0;
	int err = ARRAY_GROW(&meta->quiets, meta->n_quiets, 1);
	if (err == 0)
		meta->quiets[meta->n_quiets++] = *quiet;
	return err;
}

int draft_add_state(struct draft *draft, const struct vz_state *state)
{
	struct vzpatch *meta = &draft->meta;
	int err = ARRAY_GROW(&meta->states, meta->n_states, 1);
	const char *type = err != 0 ? NULL : copy_string(draft, state->type);

	if (type == NULL)
		return -ENOMEM;
	meta->states[meta->n_states] = *state;
	meta->states[meta->n_states++].type = type;
	return 0;
}

int draft_add_gate(struct draft *draft, size_t func, uint64_t addr)
{
	struct vzpatch *meta = &draft->meta;
	int err = ARRAY_GROW(&meta->gates, meta->n_gates, 1);

	if (err == 0)
		meta->gates[meta->n_gates++] = (struct vz_gate){ func, addr };
	return err;
}

int draft_add_comment(struct draft *draft, const char *key, const char *text)
{
	struct vzpatch *meta = &draft->meta;
	int err = ARRAY_GROW(&meta->comments, meta->n_comments, 1);
	const char *copy = err != 0 ? NULL : copy_string(draft, text);
	const char *own_key = copy == NULL ? NULL : copy_string(draft, key[0] == '\0' ? "comment" : key);

	if (own_key == NULL)
		return -ENOMEM;
	meta->comments[meta->n_comments++] = (struct vz_comment){ own_key, copy };
	return 0;
}

const struct vz_place *draft_place_in(const struct draft *draft, uint64_t lo, uint64_t hi)
{
	for (size_t i = 0; i < draft->meta.n_places; i++)
		if (draft->meta.places[i].patch_addr >= lo && draft->meta.places[i].patch_addr < hi)
			return &draft->meta.places[i];
	return NULL;
}

bool draft_has_place(const struct draft *draft, uint64_t addr)
{
	return draft_place_in(draft, addr, addr + 1) != NULL;
}

size_t draft_find(const struct draft *draft, uint64_t addr)
{
	for (size_t i = 0; i < draft->meta.n_funcs; i++)
		if (draft->meta.funcs[i].target_addr == addr)
			return i;
	return SIZE_MAX;
}

int refuse_function(const struct draft *draft, const struct replaced *replaced, const char *why)
{
	const struct dwarf *patch = &draft->patch->dwarf;

	if (replaced->new.index == DWARF_NONE)
		return fail(EINVAL, "%s: %s", draft->patch->file.path, why);
	const struct dwarf_function *new = &patch->functions[replaced->new.index];
	char *source = dwarf_file(patch, new->file_unit, new->file);
	int err = fail(EINVAL, "%s:%u: %s", source != NULL ? base_name(source) : draft->patch->file.path,
		       new->line, why);

	free(source);
	return err;
}

int draft_add_return(struct draft *draft, const char *go_on, uint64_t place, uint64_t entry, uint64_t size)
{
	struct vzpatch *meta = &draft->meta;
	const size_t covered = draft->target->file.gen->jump_size;
	struct replaced *replaced = make_room(draft);

	if (replaced == NULL)
		return -ENOMEM;
	replaced->new.index = replaced->old.index = DWARF_NONE;
	if (!elffile_read(&draft->target->file, place, replaced->first, covered)) {
		free(replaced);
		return fail(EINVAL, "%s: the code at 0x%llx is not in the file", draft->target->file.path,
			    (unsigned long long)place);
	}
	draft->replaced[meta->n_funcs] = replaced;
	meta->funcs[meta->n_funcs++] = (struct vz_func){
		.name = go_on, .file = "", .target_addr = place, .target_size = covered, .patch_addr = entry,
		.patch_size = size, .flags = VZ_FUNC_RESUME, .room = covered, .first = { replaced->first, covered },
	};
	return 0;
}
