/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "object.h"

#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "array.h"
#include "budget.h"
#include "exe.h"
#include "interrupt.h"

#define NAME_BYTES 1024

const char *object_name(const struct object *object)
{
	const char *slash = strrchr(object->path, '/');

	return slash == NULL ? object->path : slash + 1;
}

/* ---- finding them ---- */

/* Whether the object's code is mapped.  If not, a program has mapped the file just to read it. */
static bool code_is_mapped(const struct elf *elf, const struct maps *maps)
{
	for (size_t i = 0; i < elf->n_phdrs; i++) {
		const struct elf_phdr *ph = &elf->phdrs[i];
		const struct mapping *m;

		if (ph->type != PT_LOAD || !(ph->flags & PF_X) || ph->memsz == 0)
			continue;
		m = maps_find(maps, elf->bias + ph->vaddr);
		if (m == NULL || !(m->prot & PROT_EXEC))
			return false;
	}
	return true;
}

/* The file that is read in place of the mapping that its first bytes are in. */
struct object_file {
	const struct target *target;
	uint64_t start, end;
	int fd;
};

static int read_file_first(const struct bytes *self, uint64_t address, void *buf, size_t size)
{
	const struct object_file *file = self->ctx;

	if (address < file->start || address >= file->end || size > file->end - address)
		return target_read(file->target, address, buf, size);
	return pread(file->fd, buf, size, (off_t)(address - file->start)) == (ssize_t)size ? 0 : -EIO;
}

static void close_file(struct object_file *file)
{
	if (file != NULL)
		(void)close(file->fd);
	free(file);
}

/* NULL: the process has not changed what it has of the file, or the file cannot be had. */
static struct object_file *open_file(const struct target *target, const struct mapping *m)
{
	struct object_file *file;
	int fd;

	if (m->inode == 0 || (m->prot & PROT_WRITE) || !target_has_changed(target, m))
		return NULL;
	fd = maps_open_file(target->living, m);
	file = fd < 0 ? NULL : malloc(sizeof(*file));
	if (file != NULL)
		*file = (struct object_file){ target, m->start, m->end, fd };
	else if (fd >= 0)
		(void)close(fd);
	return file;
}

static int add_object(struct objects *objects, const struct target *target,
		      const struct elf *elf, const struct mapping *m)
{
	int err = objects->count < BUDGET_OBJECTS ? ARRAY_GROW(&objects->all, objects->count, 1) :
		  fail(EINVAL, "%s: has more than %u loaded objects", target_name(target), BUDGET_OBJECTS);
	char *path;

	if (err != 0)
		return err;
	objects->n_needed += elf->dyn.n_needed;
	if (objects->n_needed > BUDGET_NEEDED)
		return fail(EINVAL, "%s: its objects say that they need more than %zu others", target_name(target),
			    BUDGET_NEEDED);
	path = strdup(m->path);
	if (path == NULL)
		return fail(ENOMEM, "out of memory");
	objects->all[objects->count++] = (struct object){
		.elf = *elf,
		.path = path,
		.inode = m->inode,
		.is_exe = target->auxv_phdr >= elf->lo && target->auxv_phdr < elf->hi,
		.is_vdso = target->auxv_vdso != 0 && target->auxv_vdso == elf->lo,
		.order = SIZE_MAX,
	};
	return 0;
}

static bool has_magic(const struct bytes *bytes, uint64_t address)
{
	char magic[SELFMAG];

	return bytes->read(bytes, address, magic, sizeof(magic)) == 0 && memcmp(magic, ELFMAG, SELFMAG) == 0;
}

/* What `bytes` has at the start of the mapping, if that is an object.  1: it was added. */
static int read_object(struct objects *objects, const struct target *target, struct bytes bytes,
		       const struct mapping *m)
{
	struct elf elf;
	int err;

	if (!has_magic(&bytes, m->start))
		return 0;
	if (++objects->n_headers > BUDGET_OBJECTS)
		return fail(EINVAL, "%s: more than %u of its mappings begin like an object", target_name(target),
			    BUDGET_OBJECTS);
	err = elf_open(&elf, bytes, m->start);
	if (err == -ENOMEM)
		return err;
	if (err != 0) {
		/* It is no object, or a damaged one.  nsb can do without it. */
		debug("%s: no ELF object at 0x%" PRIx64 ": %s", target_name(target), m->start,
		      msg_kept());
		msg_forget();
		return 0;
	}
	if (elf.elf_class != target->arch->elf_class || !code_is_mapped(&elf, &target->maps)) {
		elf_deinit(&elf);
		return 0;
	}
	err = add_object(objects, target, &elf, m);
	if (err != 0)
		elf_deinit(&elf);
	return err != 0 ? err : 1;
}

static int look_at_mapping(struct objects *objects, const struct target *target, const struct mapping *m)
{
	struct object_file *file = open_file(target, m);
	int found = read_object(objects, target, file == NULL ? target->memory :
				(struct bytes){ read_file_first, file }, m);

	if (found == 1)
		objects->all[objects->count - 1].file = file;
	else
		close_file(file);
	return found < 0 ? found : 0;
}

/* Whether a mapping belongs to the last object: ld.lld maps the first page of a small file several times. */
static bool within_last(const struct objects *objects, const struct mapping *m)
{
	const struct object *last = objects->count == 0 ? NULL :
				    &objects->all[objects->count - 1];

	return last != NULL && m->start < last->elf.hi && m->inode == last->inode;
}

static bool may_hold_header(const struct objects *objects, const struct target *target,
			    const struct mapping *m)
{
	return !within_last(objects, m) && (m->prot & PROT_READ) && m->offset == 0 &&
	       (m->inode != 0 || m->start == target->auxv_vdso);
}

/* Read an executable whose header is in no segment, by the program headers that the kernel names (getauxval(3)). */
static int read_exe_by_phdrs(struct objects *objects, const struct target *target)
{
	const struct mapping *m = maps_find(&target->maps, target->auxv_phdr);
	struct elf elf;
	int err;

	for (size_t i = 0; i < objects->count; i++) {
		if (objects->all[i].is_exe)
			return 0;
	}
	if (m == NULL)
		return fail(EINVAL, "%s: its program headers are not in memory",
			    target_name(target));
	err = elf_open_phdrs(&elf, target->memory, target->arch->elf_class,
			     target->arch->elf_machine, target->exe_type, target->auxv_phdr,
			     (size_t)target->auxv_phnum);
	if (err != 0)
		return err;
	err = add_object(objects, target, &elf, m);
	if (err != 0)
		elf_deinit(&elf);
	else
		objects->all[objects->count - 1].is_exe = true;
	return err;
}

const struct object *objects_at(const struct objects *objects, uint64_t address)
{
	size_t i = ARRAY_UPTO(objects->all, objects->count, elf.hi, address);

	return i < objects->count && objects->all[i].elf.lo <= address ? &objects->all[i] : NULL;
}

const struct object *objects_find(const struct objects *objects, const struct object *after,
				  const uint8_t *build_id, size_t size)
{
	for (size_t i = after == NULL ? 0 : (size_t)(after - objects->all) + 1; i < objects->count;
	     i++) {
		const struct elf *elf = &objects->all[i].elf;

		if (elf->build_id_size == size && memcmp(elf->build_id, build_id, size) == 0)
			return &objects->all[i];
	}
	return NULL;
}

/* ---- the dynamic linker's list ---- */

/* Whether a DT_NEEDED of `object` means `other`. */
static bool needs(const struct object *object, const struct object *other)
{
	char want[NAME_BYTES], have[NAME_BYTES];

	for (uint32_t i = 0; i < object->elf.dyn.n_needed; i++) {
		const char *base;

		if (elf_dynstr(&object->elf, object->elf.dyn.needed[i], want, sizeof(want)) != 0)
			continue;
		if (other->elf.dyn.soname != 0 &&
		    elf_dynstr(&other->elf, other->elf.dyn.soname, have, sizeof(have)) == 0 &&
		    strcmp(want, have) == 0)
			return true;
		base = strrchr(want, '/');
		if (strcmp(base == NULL ? want : base + 1, object_name(other)) == 0)
			return true;
	}
	return false;
}

/* The order is breadth-first, as the dynamic linker has it. */
size_t objects_close_over(const struct objects *objects, size_t start, bool *member, size_t *queue)
{
	size_t head = 0, tail = 0;

	memset(member, 0, objects->count * sizeof(*member));
	member[start] = true;
	queue[tail++] = start;
	while (head < tail) {
		const struct object *from = &objects->all[queue[head++]];

		if (!from->elf.has_dynamic || interrupt_is_over())
			continue;
		for (size_t i = 0; i < objects->count; i++) {
			if (!member[i] && objects->all[i].elf.has_dynamic &&
			    (objects->all[i].space == from->space || objects->all[i].is_shared) &&
			    needs(from, &objects->all[i])) {
				member[i] = true;
				queue[tail++] = i;
			}
		}
	}
	return tail;
}

/* Walk through a list of struct link_map (link.h), whose words are l_addr, l_name, l_ld, l_next. */
static int read_link_map(struct objects *objects, const struct target *target, uint64_t map,
			 unsigned space)
{
	unsigned word = target->arch->word;
	uint64_t earlier = 0;	/* an entry that was passed before; a list that comes back to it has no end */

	for (size_t i = 0; map != 0; i++) {
		const struct object *found = objects_at(objects, target_read_word(target, map + 2 * word));

		if (i == BUDGET_LINK_MAPS || map == earlier)
			return fail(EINVAL, "%s: the dynamic linker's list of objects has no end",
				    target_name(target));
		if (found != NULL) {
			struct object *object = &objects->all[found - objects->all];

			if (object->order == SIZE_MAX) {
				object->order = objects->spaces[space].n_linked++;
				object->space = space;
				object->link_map = map;
			} else if (object->space != space) {
				object->is_shared = true;
			}
		}
		if ((i & (i - 1)) == 0)
			earlier = map;
		map = target_read_word(target, map + 3 * word);
	}
	return 0;
}

const struct object *objects_at_order(const struct objects *objects, unsigned space, size_t order)
{
	for (size_t i = 0; i < objects->count; i++) {
		if (objects->all[i].order == order && objects->all[i].space == space)
			return &objects->all[i];
	}
	return NULL;
}

/*
 * Find the global scope of a namespace: the objects that were loaded when the program started.
 * In the list they come before all objects that dlopen(3) has loaded.  The last of them is one
 * that the executable needs, since preloaded libraries come right behind the executable.  In
 * another namespace the object that dlmopen(3) loaded first takes the place of the executable.
 */
static int find_global_scope(struct objects *objects, const struct object *first)
{
	bool *member = calloc(objects->count, sizeof(*member));
	size_t *queue = calloc(objects->count, sizeof(*queue));
	size_t *n_global = &objects->spaces[first->space].n_global;

	if (member != NULL && queue != NULL) {
		(void)objects_close_over(objects, (size_t)(first - objects->all), member, queue);
		for (size_t i = 0; i < objects->count; i++) {
			const struct object *object = &objects->all[i];

			if (member[i] && object->space == first->space &&
			    object->order != SIZE_MAX && object->order >= *n_global)
				*n_global = object->order + 1;
		}
	}
	free(queue);
	free(member);
	return member == NULL || queue == NULL ? fail(ENOMEM, "out of memory") : 0;
}

/*
 * Read the lists of all namespaces.  The words of struct r_debug (link.h) are version, r_map,
 * r_brk, r_state and r_ldbase; from version 2 on r_next follows, which leads to the struct of
 * the next namespace.
 */
static int read_namespaces(struct objects *objects, const struct target *target,
			   const struct object *program)
{
	unsigned word = target->arch->word;
	uint64_t debug = program->elf.dyn.debug;
	int err = 0;

	while (debug != 0 && objects->n_spaces < SPACES_MAX && err == 0) {
		unsigned space = objects->n_spaces++;
		const struct object *first;

		err = read_link_map(objects, target, target_read_word(target, debug + word), space);
		first = space == 0 ? program : objects_at_order(objects, space, 0);
		if (err == 0 && first != NULL)
			err = find_global_scope(objects, first);
		debug = (uint32_t)target_read_word(target, debug) < 2 ? 0 :
			target_read_word(target, debug + 5 * word);
	}
	return err;
}

/*
 * The program that the dynamic linker has loaded, NULL if there is none: the one whose DT_DEBUG
 * it has filled in.  That is the executable, unless the dynamic linker itself is, as with
 * "ld.so ./server".
 */
static const struct object *find_program(const struct objects *objects)
{
	const struct object *program = NULL;

	for (size_t i = 0; i < objects->count; i++) {
		const struct object *object = &objects->all[i];

		if (object->elf.has_dynamic && object->elf.dyn.debug != 0 &&
		    (program == NULL || object->is_exe))
			program = object;
	}
	return program;
}

int objects_read(struct objects *objects, const struct target *target)
{
	const struct object *program;

	int err = 0;

	*objects = (struct objects){ 0 };
	for (size_t i = 0; i < target->maps.count && err == 0; i++) {
		err = interrupt_check();
		if (err == 0 && may_hold_header(objects, target, &target->maps.all[i]))
			err = look_at_mapping(objects, target, &target->maps.all[i]);
	}
	if (err == 0)
		err = read_exe_by_phdrs(objects, target);
	if (err == 0 && objects->count > 0) {
		ARRAY_SORT(objects->all, objects->count, elf.lo);
		program = find_program(objects);
		if (program != NULL)
			err = read_namespaces(objects, target, program);
	}
	if (err != 0)
		objects_deinit(objects);
	return err;
}

void objects_deinit(struct objects *objects)
{
	for (size_t i = 0; i < objects->count; i++) {
		elf_deinit(&objects->all[i].elf);
		close_file(objects->all[i].file);
		free(objects->all[i].path);
	}
	free(objects->all);
	*objects = (struct objects){ 0 };
}

bool objects_define(const struct objects *objects, const char *name)
{
	struct elf_sym sym;
	uint32_t index;

	for (size_t i = 0; i < objects->count; i++) {
		const struct elf *elf = &objects->all[i].elf;

		if (elf->has_dynamic && elf_lookup(elf, name, NULL, &index, &sym) == 0)
			return true;
	}
	return false;
}

/* ---- unwind tables ---- */

/*
 * Find .eh_frame of a static executable, which has no PT_GNU_EH_FRAME, by its section in the
 * file.  If the sections were stripped there is no table, and no stack with its code in it is
 * ever proven.
 */
static void find_eh_frame_section(const struct target *target, struct cfi_table *table)
{
	Elf_Scn *section = NULL;
	Elf_Data *strings = NULL;
	struct exe exe;
	size_t names;

	exe_open(&exe, target);
	if (exe.elf != NULL && elf_getshdrstrndx(exe.elf, &names) == 0)
		strings = exe_section(&exe, elf_getscn(exe.elf, names));
	while (strings != NULL && (section = elf_nextscn(exe.elf, section)) != NULL) {
		GElf_Shdr header;
		size_t size = sizeof(".eh_frame");

		if (gelf_getshdr(section, &header) != NULL && strings->d_size >= size &&
		    header.sh_name <= strings->d_size - size &&
		    memcmp((char *)strings->d_buf + header.sh_name, ".eh_frame", size) == 0) {
			table->eh_frame = header.sh_addr;
			table->eh_frame_size = header.sh_size;
		}
	}
	exe_close(&exe);
}

int objects_cfi_tables(const struct objects *objects, const struct target *target,
		       struct cfi_table **tables, size_t *count)
{
	struct cfi_table *all = NULL;
	int err = ARRAY_GROW(&all, 0, objects->count);

	if (err != 0)
		return err;
	for (size_t i = 0; i < objects->count; i++) {
		const struct elf *elf = &objects->all[i].elf;

		all[i] = (struct cfi_table){ .start = elf->lo, .end = elf->hi };
		for (size_t p = 0; p < elf->n_phdrs; p++) {
			if (elf->phdrs[p].type != PT_GNU_EH_FRAME)
				continue;
			all[i].hdr = elf->bias + elf->phdrs[p].vaddr;
			all[i].hdr_size = elf->phdrs[p].memsz;
		}
		if (all[i].hdr == 0 && objects->all[i].is_exe) {
			find_eh_frame_section(target, &all[i]);
			if (all[i].eh_frame != 0)
				all[i].eh_frame += elf->bias;
		}
	}
	*tables = all;
	*count = objects->count;
	return 0;
}
