/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the decoder of vzpatch.  The header is made right first, since no
 * fuzzer guesses a checksum, and in another run the records that must be there
 * stand before the input.  What decodes must print, and encode to what decodes
 * and encodes to the same bytes.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "vzpatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* String table, patch, target and origin; class and machine are filled in. */
enum { PATCH_CLASS = 21, TARGET_CLASS = 30 };
static const uint8_t needed[] = {
	1, 13, 0, 'f', 0, 'c', 'o', 'u', 'n', 't', 'e', 'r', 0, 'g', 0,
	3, 7, 2, 0xaa, 0xbb, 1, 0, 0, 3,
	5, 7, 2, 0xcc, 0xdd, 3, 0, 0, 2,
	7, 3, 0, 0, 7,
};

/* A right header, then `needed` if asked for, then the input as records. */
static uint8_t *with_header(const uint8_t *data, size_t size, uint8_t elf_class, size_t prefix,
			    size_t *total)
{
	static const char start[] = "VZPATCH\n\1\0";
	uint8_t machine = elf_class == ELFCLASS32 ? EM_386 : EM_X86_64;
	uint8_t *bytes = calloc(1, 24 + prefix + size);
	uint32_t crc, length = (uint32_t)(24 + prefix + size);

	if (bytes == NULL)
		abort();
	memcpy(bytes, start, sizeof(start) - 1);
	bytes[10] = machine;
	bytes[12] = elf_class;
	memcpy(bytes + 16, &length, 4);
	memcpy(bytes + 24, needed, prefix);
	if (prefix != 0) {
		bytes[24 + PATCH_CLASS] = bytes[24 + TARGET_CLASS] = elf_class;
		bytes[24 + PATCH_CLASS + 1] = bytes[24 + TARGET_CLASS + 1] = machine;
	}
	memcpy(bytes + 24 + prefix, data, size);
	crc = crc32_update(0, bytes + 24, prefix + size);
	memcpy(bytes + 20, &crc, 4);
	*total = length;
	return bytes;
}

static void print_all(const struct vzpatch *patch)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		abort();
	vzpatch_print(patch, out);
	vzpatch_print_json(patch, out);
	(void)fclose(out);
	free(text);
}

static void round_trip(const uint8_t *bytes, size_t size)
{
	uint8_t *once = NULL, *twice = NULL;
	size_t once_size, twice_size;
	struct vzpatch patch, again;

	if (vzpatch_decode(bytes, size, &patch) == 0) {
		print_all(&patch);
		if (vzpatch_encode(&patch, &once, &once_size) != 0 ||
		    vzpatch_decode(once, once_size, &again) != 0 ||
		    vzpatch_encode(&again, &twice, &twice_size) != 0 ||
		    once_size != twice_size || memcmp(once, twice, once_size) != 0)
			abort();
		vzpatch_deinit(&again);
		vzpatch_deinit(&patch);
		free(once);
		free(twice);
	} else if (msg_kept()[0] == '\0') {
		abort();
	}
	msg_forget();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	round_trip(data, size);
	for (uint8_t elf_class = ELFCLASS32; elf_class <= ELFCLASS64; elf_class++) {
		for (size_t prefix = 0; prefix <= sizeof(needed); prefix += sizeof(needed)) {
			size_t total;
			uint8_t *bytes = with_header(data, size, elf_class, prefix, &total);

			round_trip(bytes, total);
			free(bytes);
		}
	}
	return 0;
}
