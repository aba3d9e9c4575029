/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "declare.h"

#define DEPTH_MAX 64

/* How much of a type has to be known. */
enum needed { NEEDED_NAME, NEEDED_ALL, NEEDED_POINTEE };

static int add(struct types *types, struct type type, enum needed needed, unsigned depth);

void types_deinit(struct types *types)
{
	for (size_t i = 0; i < types->n_headers; i++)
		free(types->headers[i]);
	free(types->headers);
	free(types->table);
}

/* ---- headers of the system ---- */

/* Headers that may not be included themselves, and what includes them. */
static const struct {
	const char *inner, *header;
} outer[] = {
	{ "bits/types/struct_FILE.h", "stdio.h" }, { "bits/types/FILE.h", "stdio.h" },
	{ "bits/types/struct_timeval.h", "sys/time.h" }, { "bits/types/struct_timespec.h", "time.h" },
	{ "bits/types/sigset_t.h", "signal.h" }, { "bits/types/time_t.h", "time.h" },
	{ "bits/types.h", "sys/types.h" }, { "bits/stdint-intn.h", "stdint.h" },
	{ "bits/stdint-uintn.h", "stdint.h" }, { "bits/stdint-least.h", "stdint.h" },
	{ "bits/pthreadtypes.h", "pthread.h" }, { "bits/pthreadtypes-arch.h", "pthread.h" },
	{ "bits/thread-shared-types.h", "pthread.h" }, { "bits/struct_mutex.h", "pthread.h" },
	{ "bits/struct_rwlock.h", "pthread.h" }, { "bits/struct_stat.h", "sys/stat.h" },
	{ "bits/stat.h", "sys/stat.h" }, { "bits/socket.h", "sys/socket.h" }, { "bits/sockaddr.h", "sys/socket.h" },
	{ "bits/dirent.h", "dirent.h" }, { "bits/sigaction.h", "signal.h" }, { "bits/resource.h", "sys/resource.h" },
	{ "bits/confname.h", "unistd.h" }, { "bits/socket_type.h", "sys/socket.h" }, { "bits/in.h", "netinet/in.h" },
};

/* How the header is included that a path means; NULL: it is none of the system's. */
static const char *system_header(const char *path)
{
	const char *gcc = strstr(path, "/lib/gcc/"), *rest;

	if (strstr(path, "/lib/clang/") != NULL || gcc != NULL) {
		rest = strstr(path, "/include/");
		return rest != NULL ? rest + strlen("/include/") : NULL;
	}
	if (strncmp(path, "/usr/include/", 13) != 0)
		return NULL;
	rest = path + 13;
	/* Debian has a folder for each machine, "x86_64-linux-gnu". */
	const char *slash = strchr(rest, '/'), *machine = strstr(rest, "-linux-gnu");
	if (slash != NULL && machine != NULL && machine < slash)
		rest = slash + 1;
	for (size_t i = 0; i < sizeof(outer) / sizeof(outer[0]); i++)
		if (strcmp(outer[i].inner, rest) == 0)
			return outer[i].header;
	return rest;
}

static int add_header(struct types *types, const char *header)
{
	for (size_t i = 0; i < types->n_headers; i++)
		if (strcmp(types->headers[i], header) == 0)
			return 0;
	int err = ARRAY_GROW(&types->headers, types->n_headers, 1);
	char *copy = err == 0 ? strdup(header) : NULL;
	if (copy == NULL)
		return err != 0 ? err : fail(ENOMEM, "out of memory");
	types->headers[types->n_headers++] = copy;
	return 0;
}

/* Is the type of a header of the system?  Then that is included. */
static int take_header(struct types *types, struct type type, const struct dwarf_die *die, bool *is_taken)
{
	uint64_t file;
	int err = 0;

	*is_taken = false;
	if (!dwarf_number(die, DWARF_DECL_FILE, &file) || file > UINT32_MAX)
		return 0;
	char *path = dwarf_file(type.dwarf, (uint32_t)(die->unit - type.dwarf->units), (uint32_t)file);
	const char *header = path != NULL ? system_header(path) : NULL;
	if (header != NULL) {
		*is_taken = true;
		err = add_header(types, header);
	}
	free(path);
	return err;
}

/* ---- what was written ---- */

static struct written_type *find_written(struct types *types, const char *key)
{
	for (size_t i = 0; i < types->count; i++)
		if (strcmp(types->table[i].key, key) == 0)
			return &types->table[i];
	return NULL;
}

static int begin_type(struct types *types, const char *key, int state)
{
	struct written_type *have = find_written(types, key);

	if (have == NULL) {
		int err = ARRAY_GROW(&types->table, types->count, 1);

		if (err != 0)
			return err;
		have = &types->table[types->count++];
		*have = (struct written_type){ .state = TYPE_DECLARED };
		snprintf(have->key, sizeof(have->key), "%s", key);
	}
	have->state = (unsigned)state;
	return 0;
}

static void end_type(struct types *types, const char *key)
{
	struct written_type *have = find_written(types, key);

	if (have != NULL)
		have->state = TYPE_DEFINED;
}

static void declare_name(struct types *types, const char *key)
{
	struct written_type *have = find_written(types, key);

	if (have == NULL || have->is_declared)
		return;
	have->is_declared = true;
	fprintf(types->out, "%s;\n", key);
}

static int refuse_long(const char *key)
{
	return fail(EINVAL, "the type '%s' cannot be written: it is too long, or its debug info is damaged", key);
}

/* ---- types ---- */

/* What the members need has to be written before. */
static int add_members(struct types *types, struct type type, const struct dwarf_die *die, unsigned depth)
{
	struct dwarf_die child;
	int err = 0, more = dwarf_child(type.dwarf, die, &child);

	for (; err == 0 && more > 0; more = dwarf_sibling(type.dwarf, &child, &child))
		if (child.tag == DW_TAG_member)
			err = add(types, declared_type(type, &child), NEEDED_ALL, depth + 1);
	return err != 0 ? err : more < 0 ? more : 0;
}

static int add_parameters(struct types *types, struct type type, const struct dwarf_die *die, enum needed needed,
			  unsigned depth)
{
	struct dwarf_die child;
	int err = add(types, declared_type(type, die), needed, depth + 1);
	int more = err == 0 ? dwarf_child(type.dwarf, die, &child) : 0;

	for (; err == 0 && more > 0; more = dwarf_sibling(type.dwarf, &child, &child))
		if (child.tag == DW_TAG_formal_parameter)
			err = add(types, declared_type(type, &child), needed, depth + 1);
	return err != 0 ? err : more < 0 ? more : 0;
}

static int add_structure(struct types *types, struct type type, const struct dwarf_die *die, enum needed needed,
			 unsigned depth)
{
	bool is_enum = die->tag == DW_TAG_enumeration_type, is_taken;
	const char *tag = dwarf_text(type.dwarf, die, DWARF_NAME);
	char key[TYPE_NAME_MAX];
	int err;

	/* One without a tag is written where it is used. */
	if (tag == NULL)
		return is_enum ? 0 : add_members(types, type, die, depth);
	type_name(type, key);
	const struct written_type *have = find_written(types, key);
	if (have != NULL && have->state == TYPE_BEGUN)
		declare_name(types, key);
	if (have != NULL && (have->state != TYPE_DECLARED || needed == NEEDED_NAME))
		return 0;
	err = take_header(types, type, die, &is_taken);
	if (err != 0 || is_taken)
		return err != 0 ? err : begin_type(types, key, TYPE_DEFINED);
	if (!is_enum && (needed == NEEDED_NAME || dwarf_has(die, DWARF_DECLARATION))) {
		err = begin_type(types, key, TYPE_DECLARED);
		declare_name(types, key);
		return err;
	}
	err = begin_type(types, key, TYPE_BEGUN);
	if (err == 0 && !is_enum)
		err = add_members(types, type, die, depth);
	if (err == 0 && !declare_members(types->out, type, die))
		err = refuse_long(key);
	fputs(";\n", types->out);
	end_type(types, key);
	return err;
}

static int add_typedef(struct types *types, struct type type, const struct dwarf_die *die, enum needed needed,
		       unsigned depth)
{
	const char *name = dwarf_text(type.dwarf, die, DWARF_NAME);
	struct type to = declared_type(type, die);
	char key[TYPE_NAME_MAX];
	bool is_taken;

	if (name == NULL)
		return 0;
	snprintf(key, sizeof(key), "typedef %s", name);
	if (find_written(types, key) != NULL)
		return add(types, to, needed, depth + 1);
	int err = take_header(types, type, die, &is_taken);
	if (err != 0 || is_taken)
		return err != 0 ? err : begin_type(types, key, TYPE_DEFINED);
	err = begin_type(types, key, TYPE_BEGUN);
	/* Behind a typedef a structure without a tag is written with its members. */
	if (err == 0)
		err = add(types, to, NEEDED_NAME, depth + 1);
	if (err == 0) {
		fputs("typedef ", types->out);
		if (!declare(types->out, to, name))
			err = refuse_long(name);
		fputs(";\n", types->out);
	}
	end_type(types, key);
	return err != 0 ? err : add(types, to, needed, depth + 1);
}

static int add(struct types *types, struct type type, enum needed needed, unsigned depth)
{
	struct dwarf_die die;

	if (type.die == 0)
		return 0;
	if (depth > DEPTH_MAX)
		return fail(EINVAL, "types are nested more than %d deep", DEPTH_MAX);
	int err = dwarf_die_read(type.dwarf, type.die, &die);
	if (err != 0)
		return err;
	switch (die.tag) {
	case DW_TAG_structure_type: case DW_TAG_union_type: case DW_TAG_enumeration_type:
		return add_structure(types, type, &die, needed, depth);
	case DW_TAG_typedef:
		return add_typedef(types, type, &die, needed, depth);
	case DW_TAG_pointer_type:
		return add(types, declared_type(type, &die), needed == NEEDED_POINTEE ? NEEDED_ALL : NEEDED_NAME, depth + 1);
	case DW_TAG_array_type:
		return add(types, declared_type(type, &die), needed == NEEDED_NAME ? NEEDED_ALL : needed, depth + 1);
	case DW_TAG_subroutine_type:
		return add_parameters(types, type, &die, NEEDED_NAME, depth);
	case DW_TAG_const_type: case DW_TAG_volatile_type: case DW_TAG_restrict_type: case DW_TAG_atomic_type:
		return add(types, declared_type(type, &die), needed, depth + 1);
	default:
		return 0;
	}
}

int types_add(struct types *types, struct type type)
{
	return add(types, type, NEEDED_POINTEE, 0);
}

int types_add_function(struct types *types, struct type function)
{
	struct dwarf_die die;

	return declared_prototype(function, &die) ? add_parameters(types, function, &die, NEEDED_POINTEE, 0) : 0;
}
