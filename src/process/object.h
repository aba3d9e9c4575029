/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object: the ELF objects that are loaded in a target, read from its memory.
 *
 * nsb looks at the start of each mapping of a file for an ELF header.  So it finds the
 * libraries of all namespaces of the dynamic linker, files that were deleted, and the vDSO.
 * If the executable's header is not in memory, nsb finds the executable by the program
 * headers that the kernel names (AT_PHDR).  Two things are read from a file: where .eh_frame
 * is in a static executable, which has no PT_GNU_EH_FRAME; and the headers of an object of which
 * the process has changed its copy, as one may to be taken for another build.  The dynamic linker's list
 * (struct link_map) adds the order in which it searches the objects.
 */
#ifndef NSB_OBJECT_H
#define NSB_OBJECT_H

#include "cfi.h"
#include "link.h"
#include "target.h"

struct object_file;

struct object {
	struct elf elf;
	struct object_file *file;	/* the process has changed its headers: those of the file are used; else NULL */
	char *path;		/* as in /proc/PID/maps; owned, as target->maps may be read anew */
	uint64_t inode;
	bool is_exe;
	bool is_vdso;
	uint64_t link_map;	/* its struct link_map, 0 if none is known */
	unsigned space;		/* number of its namespace in the dynamic linker, dlmopen(3) */
	size_t order;		/* its index in the list of that namespace, SIZE_MAX if it is not there */
	bool is_shared;		/* it is in several namespaces, as the dynamic linker itself is */
};

#define SPACES_MAX 16		/* glibc's DL_NNS */

struct objects {
	struct object *all;	/* sorted by elf.lo */
	size_t count;
	size_t n_headers, n_needed;	/* looked at, and DT_NEEDED of all objects: budget.h */
	struct {
		size_t n_global;	/* so many objects of the list, the first ones, are the global scope */
		size_t n_linked;
	} spaces[SPACES_MAX];
	unsigned n_spaces;
};

/* Read the objects of a target, of which target->maps tells. */
int objects_read(struct objects *objects, const struct target *target) MUST_CHECK;
void objects_deinit(struct objects *objects);

/* The next object with that build-id behind `after`, the first one if that is NULL; NULL if there is none. */
const struct object *objects_find(const struct objects *objects, const struct object *after,
				  const uint8_t *build_id, size_t size);
/* The object that contains the address, or NULL. */
const struct object *objects_at(const struct objects *objects, uint64_t address);

/* Whether an object exports a symbol of that name. */
bool objects_define(const struct objects *objects, const char *name);

/* Make a table for each object, sorted by start.  *tables may be grown by ARRAY_GROW; the caller frees it. */
int objects_cfi_tables(const struct objects *objects, const struct target *target,
		       struct cfi_table **tables, size_t *count) MUST_CHECK;

/* The object with this index in the list of that namespace, or NULL. */
const struct object *objects_at_order(const struct objects *objects, unsigned space, size_t order);
/*
 * Find the objects that the object at index `start` needs, directly and indirectly.  They are
 * marked in `member`; `queue` receives their indices, in the order of the search scope.  Both
 * have room for all objects.  Returns how many were found.
 */
size_t objects_close_over(const struct objects *objects, size_t start, bool *member, size_t *queue);

/* The last component of its path. */
const char *object_name(const struct object *object);

#endif
