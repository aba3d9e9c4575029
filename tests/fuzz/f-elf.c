/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the reader of ELF images.  An input is an image, or, when its first
 * byte is odd, a list of changes to a true one, this process's own vDSO: two
 * bytes where, one byte what.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "elf.h"

#define VDSO_SIZE 4096		/* its first page, which has all tables */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct image {
	const uint8_t *data;
	size_t size;
	uint64_t base;
};

static int read_image(const struct bytes *self, uint64_t addr, void *buf, size_t size)
{
	const struct image *image = self->ctx;
	uint64_t at = addr - image->base;

	if (at > image->size || size > image->size - at)
		return -EFAULT;
	memcpy(buf, image->data + at, size);
	return 0;
}

static int each(const struct elf_rel *rel, bool has_addend, void *ctx)
{
	uint64_t *calls = ctx;

	(void)rel;
	(void)has_addend;
	return ++*calls > 100000;
}

static void ask_everything(const struct elf *elf)
{
	static const char *const names[] = { "__vdso_getcpu", "clock_gettime", "f", "" };
	uint64_t calls = 0;
	struct elf_sym sym;
	uint32_t index;
	char text[80];
	bool weak;
	int ret = elf_each_reloc(elf, 8, each, &calls);

	if (elf->lo > elf->hi || elf->build_id_size > BUILD_ID_MAX)
		abort();
	for (uint32_t i = 0; i < elf->n_dynsyms && i < 64; i++) {
		if (elf_dynsym(elf, i, &sym) == 0)
			ret |= elf_dynstr(elf, sym.name, text, sizeof(text));
		ret |= elf_symbol_version(elf, i, text, sizeof(text), &weak);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ret |= elf_lookup(elf, names[i], NULL, &index, &sym);
		ret |= elf_lookup(elf, names[i], "LINUX_2.6", &index, &sym);
	}
	(void)ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *vdso = (const uint8_t *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
	uint8_t *copy = calloc(1, VDSO_SIZE + size);
	struct image image = { copy, size, 0 };
	struct elf elf;

	if (copy == NULL)
		abort();
	if (size > 0 && (data[0] & 1) != 0 && vdso != NULL) {
		memcpy(copy, vdso, VDSO_SIZE);
		image.size = VDSO_SIZE;
		image.base = (data[0] & 2) != 0 ? 0x7fff00000000 : 0;
		for (size_t i = 1; i + 3 <= size; i += 3)
			copy[(data[i] | data[i + 1] << 8) % VDSO_SIZE] = data[i + 2];
	} else {
		memcpy(copy, data, size);
	}
	if (elf_open(&elf, (struct bytes){ read_image, &image }, image.base) == 0) {
		ask_everything(&elf);
		elf_deinit(&elf);
	} else if (msg_kept()[0] == '\0') {
		abort();
	}
	msg_forget();
	if (size > 1 && elf_open_phdrs(&elf, (struct bytes){ read_image, &image }, data[1] & 3, 62,
				       ET_DYN, image.base + 64, data[0] >> 2) == 0) {
		ask_everything(&elf);
		elf_deinit(&elf);
	}
	msg_forget();
	free(copy);
	return 0;
}
