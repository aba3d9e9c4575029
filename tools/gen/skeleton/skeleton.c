/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "skeleton.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "declare.h"
#include "refs.h"
#include "types.h"

static int add_type(void *ctx, struct type type, bool is_function)
{
	return is_function ? types_add_function(ctx, type) : types_add(ctx, type);
}

static int write_prototype(const struct refs *refs, FILE *out)
{
	const struct dwarf *dwarf = &refs->target->dwarf;
	const struct dwarf_function *function = refs->function;

	if (!function->external)
		fprintf(out, "__attribute__((used, noipa)) static %s",
			takes_registers(refs->target, refs->index) ? "VZP_REGISTER_ARGS " : "");
	return declare_function(out, (struct type){ dwarf, function->die }, function->name) ? 0 :
		fail(EINVAL, "%s: the prototype of '%s' cannot be written", refs->target->file.path, function->name);
}

/* The function.  A reference to what no target has stands for its code. */
static int write_function(const struct refs *refs, FILE *out)
{
	const struct dwarf_function *function = refs->function;
	char *source = dwarf_file(&refs->target->dwarf, function->file_unit, function->file);

	fprintf(out, "\n/* %s:%u */\n", source != NULL ? source : "?", function->line);
	free(source);
	int err = write_prototype(refs, out);
	fputs("\n{\n", out);
	refs_write(refs, out, REFS_INSIDE);
	fputs("\tthe_code_is_to_be_written();\n\t__builtin_unreachable();\n}\n", out);
	return err;
}

static int check_function(const struct refs *refs)
{
	const struct dwarf_function *function = refs->function;

	if (dwarf_is_cxx(&refs->target->dwarf.units[function->unit]))
		return fail(EINVAL, "%s: '%s' is C++: compile its file with the change, and use auto mode",
			    refs->target->file.path, function->name);
	const char *clone = clone_name(refs->target, function);
	if (clone != NULL)
		return fail(EINVAL, "%s: '%s' exists only as the compiler's clone '%s': name what calls it",
			    refs->target->file.path, function->name, clone);
	return 0;
}

static void write_head(const struct binary *target, const struct types *types, char **names, size_t n_names)
{
	printf("/* A patch of %s:", base_name(target->file.path));
	for (size_t i = 0; i < n_names; i++)
		printf(" %s", names[i]);
	puts(".  gcc -g -O2 -fPIC -shared -Wl,--build-id -Werror=implicit-function-declaration */");
	if (types->n_headers != 0)
		puts("#define _GNU_SOURCE");
	for (size_t i = 0; i < types->n_headers; i++)
		printf("#include <%s>\n", types->headers[i]);
	puts("#include <nsb/vzp.h>\n");
}

/* All the functions: their types, their prototypes, and the rest, each to its own stream. */
static int write_all(struct refs *refs, struct types *types, FILE *prototypes, FILE *code, char **names, uint32_t *defined,
		     size_t n_names)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < n_names; i++) {
		err = refs_find(refs, names[i]);
		if (err == 0)
			err = check_function(refs);
		if (err == 0)
			defined[i] = refs->index;
	}
	for (size_t i = 0; err == 0 && i < n_names; i++) {
		err = refs_find(refs, names[i]);
		refs->defined = defined;
		refs->n_defined = n_names;
		if (err == 0)
			err = types_add_function(types, (struct type){ &refs->target->dwarf, refs->function->die });
		if (err == 0)
			err = refs_each_type(refs, add_type, types);
		if (err == 0)
			err = write_prototype(refs, prototypes);
		if (err != 0)
			break;
		fputs(";\n", prototypes);
		fputc('\n', code);
		refs_write(refs, code, REFS_OUTSIDE);
		err = write_function(refs, code);
	}
	return err;
}

int skeleton_print(const struct binary *target, char **names, size_t n_names)
{
	struct stream { char *text; size_t size; FILE *out; } streams[3] = { { NULL, 0, NULL } };
	uint32_t *defined = calloc(n_names, sizeof(*defined));
	struct types types = { .out = NULL };
	struct refs refs;
	int err = refs_init(&refs, target);

	for (size_t i = 0; i < 3; i++) {
		streams[i].out = open_memstream(&streams[i].text, &streams[i].size);
		if (err == 0 && (streams[i].out == NULL || defined == NULL))
			err = fail(ENOMEM, "out of memory");
	}
	types.out = streams[0].out;
	if (err == 0)
		err = write_all(&refs, &types, streams[1].out, streams[2].out, names, defined, n_names);
	for (size_t i = 0; i < 3; i++)
		if (streams[i].out != NULL && fclose(streams[i].out) != 0 && err == 0)
			err = fail(ENOMEM, "out of memory");
	if (err == 0) {
		write_head(target, &types, names, n_names);
		printf("%s\n%sVZP_HIDDEN_FUNC_REF(void, the_code_is_to_be_written, (void));\n%s", streams[0].text, streams[1].text,
		       streams[2].text);
	}
	for (size_t i = 0; i < 3; i++)
		free(streams[i].text);
	free(defined);
	types_deinit(&types);
	refs_deinit(&refs);
	return err;
}
