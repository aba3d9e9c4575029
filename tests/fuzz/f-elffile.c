/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes what the generator reads of ELF files, by libelf, and manual mode on it: the
 * input is a file that is target and patch.  Address-taking, which asks every
 * relocation and all code, is looked at by itself, too: manual mode refuses early.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "address.h"
#include "binary.h"
#include "draft.h"
#include "manual.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_everything(const struct binary *binary)
{
	const struct elffile *file = &binary->file;
	uint64_t lo, hi, sum = elffile_got(file);
	uint8_t bytes[64];

	for (size_t i = 0; i < binary->symbols->count && i < 64; i++) {
		const struct symbol *symbol = &binary->symbols->table[i];

		if (elffile_read(file, symbol->value, bytes, sizeof(bytes)))
			sum += bytes[0] + bytes[63];
		if (elffile_code_around(file, symbol->value, &lo, &hi) && lo > symbol->value)
			abort();
		if (binary_function_symbol(binary, symbol->value, symbol->name))
			sum++;
	}
	/* Not to be optimised away. */
	if (sum == 1)
		msg_forget();
}

static void look_for_addresses(const struct binary *binary)
{
	struct vz_func funcs[8] = { 0 };
	struct draft draft = { .patch = binary, .target = binary, .meta.funcs = funcs };

	for (uint32_t i = 0; i < binary->dwarf.n_functions && draft.meta.n_funcs < 8; i++) {
		const struct dwarf_function *function = &binary->dwarf.functions[i];

		if (function->hi)
			funcs[draft.meta.n_funcs++] = (struct vz_func){
				.patch_addr = function->lo, .patch_size = function->hi - function->lo };
	}
	if (mark_addresses_taken(&draft))
		msg_forget();
}

static void generate(const struct binary *binary)
{
	struct draft draft = { 0 };
	uint8_t *bytes = NULL;
	size_t size;

	int err = draft_init(&draft, binary, binary);
	draft.is_quiet = true;
	draft.meta.patch.name = "fuzz";
	if (!err)
		err = manual_draw(&draft);
	if (!err)
		err = vzpatch_encode(&draft.meta, &bytes, &size);
	if (err && !*msg_kept())
		abort();
	free(bytes);
	draft_deinit(&draft);
	msg_forget();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct binary binary;
	char path[40];

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!binary_open(&binary, path, NULL)) {
		ask_everything(&binary);
		look_for_addresses(&binary);
		generate(&binary);
		binary_close(&binary);
	}
	msg_forget();
	return 0;
}
