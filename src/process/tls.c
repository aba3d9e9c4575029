/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tls.h"

#include <errno.h>

#define LINK_MAP_BYTES 2048	/* so much of struct link_map is searched */
#define MODULES_MAX 65536
#define STATIC_MAX ((uint64_t)1 << 30)

/* What was learned of the module of an object; 0 stands for "not known". */
struct module {
	uint64_t number;
	/* From its block up to the thread pointer, if that is the same in all threads.  Negative if it is above that. */
	uint64_t distance;
	bool contradicts;
};

static void learn(struct module *module, uint64_t number, uint64_t distance)
{
	if ((number != 0 && module->number != 0 && number != module->number) ||
	    (distance != 0 && module->distance != 0 && distance != module->distance))
		module->contradicts = true;
	if (number != 0)
		module->number = number;
	if (distance != 0)
		module->distance = distance;
}

static const struct elf_phdr *find_segment(const struct elf *elf)
{
	for (size_t i = 0; i < elf->n_phdrs; i++) {
		if (elf->phdrs[i].type == PT_TLS && elf->phdrs[i].memsz != 0)
			return &elf->phdrs[i];
	}
	return NULL;
}

/* ---- relocated slots ---- */

struct slots {
	const struct target *target;
	const struct object *object;
	struct module *module;
};

/* Learn from the slots that the object's own code uses: relocations without a symbol. */
static int look_at_slot(const struct elf_rel *rel, bool has_addend, void *ctx)
{
	const struct slots *slots = ctx;
	const struct arch *arch = slots->target->arch;
	const struct reloc_type *type = arch_reloc(arch, rel->type);
	uint64_t value = 0;

	if (type == NULL || rel->symbol != STN_UNDEF ||
	    (type->kind != RELOC_DTPMOD && (type->kind != RELOC_TPOFF || !has_addend)) ||
	    target_read(slots->target, slots->object->elf.bias + rel->offset, &value,
			arch->word) != 0)
		return 0;
	if (type->kind == RELOC_DTPMOD)
		learn(slots->module, value, 0);
	else
		learn(slots->module, 0, (uint64_t)rel->addend - value);
	return 0;
}

/* ---- struct link_map ---- */

/*
 * Learn from struct link_map.  Behind its public part the dynamic linker keeps what it knows of
 * the object's PT_TLS: the address of the image, its size in the file, its size in memory, and
 * the alignment.  These four words, one behind the other, are searched for.  The words behind
 * them are, in glibc (include/link.h), the offset of the first byte, the distance and the
 * module's number; in musl (struct dso) the distance and the number.
 */
static void look_at_words(const struct target *target, const struct object *object,
			  const struct elf_phdr *segment, const uint64_t words[7], bool at_start,
			  struct module *module)
{
	uint64_t last = target->arch->word == 8 ? UINT64_MAX : UINT32_MAX;
	uint64_t skew = segment->align == 0 ? 0 : segment->vaddr & (segment->align - 1);
	uint64_t image = (object->elf.bias + segment->vaddr) & last;
	bool is_glibc = words[4] == skew;
	uint64_t distance = is_glibc ? words[5] : words[4];
	uint64_t number = is_glibc ? words[6] : words[5];
	uint64_t above = target->arch->tls_above, least = above != 0 ? above : segment->memsz;

	if (words[0] != image || words[1] != segment->filesz || words[2] != segment->memsz ||
	    words[3] != segment->align || number == 0 || number > MODULES_MAX)
		return;
		/*
		 * A distance of 0 or -1 means that it is another one in each thread.  In musl it is
		 * for all objects that were loaded by dlopen(3).
		 */
	if (distance < least || distance > STATIC_MAX || (!is_glibc && !at_start))
		distance = 0;
	learn(module, number, above != 0 ? -distance : distance);
}

static void search_link_map(const struct target *target, const struct object *object,
			    const struct elf_phdr *segment, bool at_start, struct module *module)
{
	unsigned word = target->arch->word;
	uint64_t words[7] = { 0 };

	for (uint64_t at = 0; object->link_map != 0 && at < LINK_MAP_BYTES; at += word) {
		for (size_t i = 0; i < 6; i++)
			words[i] = words[i + 1];
		words[6] = 0;
		if (target_read(target, object->link_map + at, &words[6], word) != 0)
			return;
		look_at_words(target, object, segment, words, at_start, module);
	}
}

/* ---- the answer ---- */

static uint64_t round_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) / align * align;
}

/*
 * psABI: the executable is module 1.  In variant 2 its block, rounded up to its alignment, ends at the thread pointer.
 * In variant 1 it begins behind `tls_above` bytes there, rounded up.
 */
static void know_executable(const struct arch *arch, const struct elf_phdr *segment, struct module *module)
{
	const uint64_t align = segment->align == 0 ? 1 : segment->align;

	learn(module, 1, arch->tls_above != 0 ? -round_up(arch->tls_above, align) :
	      round_up(segment->vaddr + segment->memsz, align) - segment->vaddr);
}

int tls_find(const struct objects *objects, const struct target *target,
	     const struct object *object, const char *name, uint64_t offset, struct link_tls *out)
{
	const struct elf_phdr *segment = find_segment(&object->elf);
	struct module module = { 0 };
	struct slots slots = { target, object, &module };
	bool at_start = object->space == 0 && object->order < objects->spaces[0].n_global;
	int err = 0;

	if (segment == NULL || offset >= segment->memsz)
		return fail(ESTALE, "%s: %s is no thread-local variable of %s", target_name(target),
			    name, object_name(object));
	if (object->is_exe)
		know_executable(target->arch, segment, &module);
	else
		search_link_map(target, object, segment, at_start, &module);
	if (object->elf.has_dynamic)
		err = elf_each_reloc(&object->elf, target->arch->relative_type, look_at_slot,
				     &slots);
	if (err != 0)
		return err;
	if (module.contradicts || (module.number == 0 && module.distance == 0))
		return fail(ESTALE, "%s: nothing proves where %s has its thread-local variables (%s)",
			    target_name(target), object_name(object), name);
	*out = (struct link_tls){ .module = module.number, .offset = offset,
				  .from_pointer = offset - module.distance,
				  .is_static = module.distance != 0 };
	return 0;
}
