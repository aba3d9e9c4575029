/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object: the ELF objects loaded in a target, read from its memory alone.
 *
 * Found by their headers in the memory map, so libraries in any namespace of
 * the dynamic linker, deleted files and the vDSO are there, too; link_map adds
 * the order in which the dynamic linker searches them.
 */
#ifndef NSB_OBJECT_H
#define NSB_OBJECT_H

#include "cfi.h"
#include "link.h"
#include "target.h"

struct object {
	struct elf elf;
	const char *path;	/* as /proc/PID/maps has it; owned by target->maps */
	uint64_t inode;
	bool is_exe;
	bool is_vdso;
	uint64_t link_map;	/* its struct link_map, 0 if none is known */
	size_t order;		/* place in link_map, SIZE_MAX if it is not there */
};

struct objects {
	struct object *all;	/* sorted by elf.lo */
	size_t count;
	size_t n_global;	/* the first so many of link_map are the global scope */
	size_t n_linked;
};

/* Read them.  target->maps must stay as it is while the objects are used. */
int objects_read(struct objects *objects, const struct target *target) MUST_CHECK;
void objects_deinit(struct objects *objects);

/* The object with that build-id, or NULL; *more counts further instances. */
const struct object *objects_find(const struct objects *objects, const uint8_t *build_id,
				  size_t size, size_t *more);
/* The object that address lies in, or NULL. */
const struct object *objects_at(const struct objects *objects, uint64_t address);

/* Unwind tables of all objects, sorted by start; *tables is malloced. */
int objects_cfi_tables(const struct objects *objects, const struct target *target,
		       struct cfi_table **tables, size_t *count) MUST_CHECK;

/*
 * A symbol by the dynamic linker's rules as code of `owner` would find it: its
 * run-time address.  -ENOENT without a message where no object has it; -EAGAIN
 * without one where it is an IFUNC and nothing in the process tells the choice:
 * *address is that of the resolver.  Other errors with one (a TLS variable).
 */
int objects_resolve(const struct objects *objects, const struct target *target,
		    const struct object *owner, const char *name, const char *version,
		    uint64_t *address) MUST_CHECK;
/* The same for a thread-local variable. */
int objects_resolve_tls(const struct objects *objects, const struct target *target,
			const struct object *owner, const char *name, const char *version,
			struct link_tls *tls) MUST_CHECK;

/* The last path component. */
const char *object_name(const struct object *object);

#endif
