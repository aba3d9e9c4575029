/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libgcc.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (64u << 10)
#define SEARCH_MAX (256u << 20)

/* Whether [address, address + size) of the target contains those `length` bytes. */
static bool holds(const struct target *target, uint64_t address, uint64_t size, const char *text,
		  size_t length)
{
	uint8_t *bytes = malloc(CHUNK);
	bool found = false;

	while (bytes != NULL && !found && size >= length) {
		size_t part = size < CHUNK ? (size_t)size : CHUNK;

		if (target_read(target, address, bytes, part) != 0)
			break;
		found = memmem(bytes, part, text, length) != NULL;
		/* The next chunk overlaps this one, since the bytes may begin at the end of this one. */
		part = part == size ? part : part - (length - 1);
		address += part;
		size -= part;
	}
	free(bytes);
	return found;
}

/* Whether the object defines, or needs, a dynamic symbol of that name. */
static bool names(const struct object *object, const struct target *target, const char *name)
{
	const struct elf_dynamic *dyn = &object->elf.dyn;

	return dyn->strsz <= SEARCH_MAX &&
	       holds(target, dyn->strtab, dyn->strsz, name, strlen(name) + 1);
}

static bool is_constant(const struct elf_phdr *ph)
{
	return ph->type == PT_LOAD && (ph->flags & (PF_W | PF_X)) == 0;
}

/*
 * Whether the object contains the names of libsupc++'s own types.  An object does, if it catches
 * exceptions by type and libsupc++ is linked into it.  They are constants: in a segment behind
 * the code (-z separate-code), or in that of the code.
 */
static bool has_type_names(const struct object *object, const struct target *target)
{
	static const char type[] = "N10__cxxabiv1";
	const struct elf *elf = &object->elf;
	unsigned n_constant = 0;
	bool found = false;

	for (size_t i = 0; i < elf->n_phdrs; i++)
		n_constant += is_constant(&elf->phdrs[i]);
	for (size_t i = 0; i < elf->n_phdrs && !found; i++) {
		const struct elf_phdr *ph = &elf->phdrs[i];
		bool may = is_constant(ph) ||
			   (n_constant < 2 && ph->type == PT_LOAD && !(ph->flags & PF_W));

		found = may && ph->memsz <= SEARCH_MAX &&
			holds(target, elf->bias + ph->vaddr, ph->memsz, type, sizeof(type) - 1);
	}
	return found;
}

bool libgcc_is_inside(const struct object *object, const struct target *target)
{
	bool needs_others = object->elf.has_dynamic && object->elf.dyn.n_needed > 0;

	if (needs_others) {
		/* An object that needs _Unwind_Resume resumes unwinding by another object's unwinder. */
		if (names(object, target, "_Unwind_Resume") ||
		    names(object, target, "_Unwind_RaiseException") ||
		    (!names(object, target, "_dl_find_object") &&
		     !names(object, target, "dl_iterate_phdr")))
			return false;
		if (names(object, target, "__gxx_personality_v0"))
			return true;
	}
	return has_type_names(object, target);
}
