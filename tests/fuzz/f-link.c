/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link: bytes are a shared object, their last 48 one of each kind of metadata
 * record.  Whatever they are, an image comes out whole or not at all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "link.h"

#define BASE 0x60000000u
#define N_NUMBERS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int find(const struct link_symbol *symbol, uint64_t *address, void *ctx)
{
	(void)ctx;
	*address = 0x400000 + strlen(symbol->name) + strlen(symbol->version);
	return symbol->weak ? 0 : -(int)(*address % 2);
}

static int find_tls(const struct link_symbol *symbol, uint64_t offset, struct link_tls *tls,
		    void *ctx)
{
	(void)ctx;
	*tls = (struct link_tls){ .module = offset & 1, .offset = offset,
				  .from_pointer = offset - 64, .is_static = (offset & 2) != 0 };
	return symbol != NULL && symbol->weak ? fail(ESTALE, "none") : 0;
}

static void check_image(const struct patchfile *file, const struct link_image *image)
{
	uint64_t at = 0;

	for (size_t i = 0; i < image->n_segments; i++) {
		if (image->segments[i].offset != at || image->segments[i].size == 0)
			abort();
		at += image->segments[i].size;
	}
	if (at != image->size || at != link_size(file, 4096) || image->base != BASE)
		abort();
}

static void link_file(struct patchfile *file, const uint64_t *number)
{
	struct vz_func func = { .name = "func", .patch_addr = number[0], .target_addr = number[1] };
	struct vz_dynref dynref = { .name = "dynref", .symbol = number[2] & 0xff,
				    .target_addr = number[1] };
	struct vz_place place = { .patch_addr = number[3], .width = number[4] >> 8 & 0xf,
				  .kind = number[4] & 7, .target_addr = number[5] };
	const struct link_resolver resolver = { .find = find, .find_tls = find_tls };
	struct link_image image;

	file->meta = (struct vzpatch){
		.funcs = &func, .n_funcs = 1, .dynrefs = &dynref, .n_dynrefs = number[4] >> 16 & 1,
		.places = &place, .n_places = number[4] >> 17 & 1,
	};
	for (size_t i = 0; arch_all[i] != NULL; i++) {
		if (link_image(file, arch_all[i], 4096, BASE, 0x10000, &resolver, &image) != 0)
			continue;
		check_image(file, &image);
		link_image_deinit(&image);
	}
	file->meta = (struct vzpatch){ 0 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t number[N_NUMBERS];
	struct patchfile file;
	char path[40];
	int fd;

	if (size < sizeof(number))
		return 0;
	size -= sizeof(number);
	memcpy(number, data + size, sizeof(number));
	fd = memfd_create("patch", MFD_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	msg_forget();
	if (fd >= 0 && write(fd, data, size) == (ssize_t)size &&
	    patchfile_open_plain(&file, path) == 0) {
		link_file(&file, number);
		patchfile_deinit(&file);
	}
	if (fd >= 0)
		(void)close(fd);
	return 0;
}
