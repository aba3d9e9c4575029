/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "symbol.h"

#include <errno.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tls.h"

#define NAME_BYTES 1024

struct symbol_query {
	const char *name, *version;
	const struct object *owner;
	const struct object *found;
	struct elf_sym sym;
	uint32_t index;
};

static int look_in(struct symbol_query *query, const struct object *object)
{
	const char *version = query->version != NULL && query->version[0] != '\0' ?
			      query->version : NULL;
	int err;

	if (!object->elf.has_dynamic || object->is_vdso)
		return -ENOENT;
	err = elf_lookup(&object->elf, query->name, version, &query->index, &query->sym);
	if (err == 0)
		query->found = object;
	return err;
}

static int look_in_orders(const struct objects *objects, struct symbol_query *query, size_t first,
			  size_t end)
{
	int err = -ENOENT;

	for (size_t order = first; order < end && err == -ENOENT; order++)
		err = look_in(query, objects_at_order(objects, query->owner->space, order));
	return err;
}

static int look_in_local_scope(const struct objects *objects, struct symbol_query *query)
{
	bool *member = calloc(objects->count, sizeof(*member));
	size_t *queue = calloc(objects->count, sizeof(*queue));
	size_t n = 0;
	int err = -ENOENT;

	if (member == NULL || queue == NULL)
		err = fail(ENOMEM, "out of memory");
	else
		n = objects_close_over(objects, (size_t)(query->owner - objects->all), member, queue);
	for (size_t i = 0; i < n && err == -ENOENT; i++)
		err = look_in(query, &objects->all[queue[i]]);
	free(queue);
	free(member);
	return err;
}

/*
 * Search the scopes in their order: the object's own symbols, if it is linked with -Bsymbolic
 * or has the symbol protected; the global scope; the object and what it needs; and at last what
 * was loaded by dlopen(3), perhaps with RTLD_GLOBAL.
 */
static int look_up(const struct objects *objects, struct symbol_query *query)
{
	const struct object *owner = query->owner;
	size_t n_global = objects->spaces[owner->space].n_global;
	int err = look_in(query, owner);

	if (err == 0 && (owner->elf.dyn.symbolic || query->sym.visibility == STV_PROTECTED))
		return 0;
	if (err != 0 && err != -ENOENT)
		return err;
	err = look_in_orders(objects, query, 0, n_global);
	if (err == -ENOENT)
		err = look_in_local_scope(objects, query);
	if (err == -ENOENT)
		err = look_in_orders(objects, query, n_global,
				     objects->spaces[owner->space].n_linked);
	for (size_t i = 0; i < objects->count && err == -ENOENT; i++) {
		if (objects->all[i].is_shared)
			err = look_in(query, &objects->all[i]);
	}
	return err;
}

/*
 * A search for the function that the resolver of an IFUNC chose.  The dynamic linker has written
 * it into the slots that it relocated: slots of the same name in any object, and IRELATIVE
 * slots of the defining object that have this resolver.
 */
struct ifunc_search {
	const struct target *target;
	const struct object *object;	/* its slots are being looked at */
	const struct object *definer;
	const char *name;
	uint64_t resolver;
	uint64_t value;
};

static int look_at_slot(const struct elf_rel *rel, bool has_addend, void *ctx)
{
	struct ifunc_search *search = ctx;
	const struct elf *elf = &search->object->elf;
	const struct reloc_type *type = arch_reloc(search->target->arch, rel->type);
	const struct mapping *m;
	struct elf_sym sym;
	char name[NAME_BYTES];
	uint64_t value;

	if (type == NULL)
		return 0;
	if (type->kind == RELOC_IRELATIVE) {
		if (!has_addend || search->object != search->definer ||
		    elf->bias + (uint64_t)rel->addend != search->resolver)
			return 0;
	} else {
		if (rel->symbol == 0 || elf_dynsym(elf, rel->symbol, &sym) != 0 ||
		    elf_dynstr(elf, sym.name, name, sizeof(name)) != 0 ||
		    strcmp(name, search->name) != 0)
			return 0;
	}
	value = target_read_word(search->target, elf->bias + rel->offset);
	/* A slot that has not been bound leads to the PLT of its own object, and not into the definer. */
	if (value == search->resolver || value < search->definer->elf.lo ||
	    value >= search->definer->elf.hi)
		return 0;
	m = maps_find(&search->target->maps, value);
	if (m == NULL || !(m->prot & PROT_EXEC))
		return 0;
	if (search->object == search->definer && type->kind != RELOC_IRELATIVE)
		return 0;
	search->value = value;
	return 1;
}

static int find_ifunc_choice(const struct objects *objects, const struct target *target,
			     const struct symbol_query *query, uint64_t *address)
{
	struct ifunc_search search = {
		.target = target, .definer = query->found, .name = query->name,
		.resolver = query->found->elf.bias + query->sym.value,
	};

	for (size_t i = 0; i < objects->count; i++) {
		int got;

		search.object = &objects->all[i];
		if (!search.object->elf.has_dynamic || search.object->is_vdso)
			continue;
		got = elf_each_reloc(&search.object->elf, target->arch->relative_type,
				     look_at_slot, &search);
		if (got < 0)
			return got;
		if (got == 1) {
			*address = search.value;
			return 0;
		}
	}
	*address = search.resolver;
	return -EAGAIN;
}

int symbol_find(const struct objects *objects, const struct target *target,
		    const struct object *owner, const char *name, const char *version,
		    uint64_t *address)
{
	struct symbol_query query = { .name = name, .version = version, .owner = owner };
	int err = look_up(objects, &query);

	if (err != 0)
		return err;
	switch (query.sym.type) {
	case STT_GNU_IFUNC:
		return find_ifunc_choice(objects, target, &query, address);
	case STT_TLS:
		return fail(ESTALE, "%s: %s in %s is a thread-local variable, but the patch takes it"
			    " for another one", target_name(target), name, object_name(query.found));
	default:
		*address = query.sym.shndx == SHN_ABS ? query.sym.value :
			   query.found->elf.bias + query.sym.value;
		return 0;
	}
}

int symbol_find_tls(const struct objects *objects, const struct target *target,
			const struct object *owner, const char *name, const char *version,
			struct link_tls *tls)
{
	struct symbol_query query = { .name = name, .version = version, .owner = owner };
	int err = look_up(objects, &query);

	return err != 0 ? err : query.sym.type != STT_TLS ?
	       fail(ESTALE, "%s: %s in %s is no thread-local variable", target_name(target), name,
		    object_name(query.found)) :
	       tls_find(objects, target, query.found, name, query.sym.value, tls);
}
