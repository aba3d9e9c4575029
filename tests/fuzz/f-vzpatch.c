/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the decoder of vzpatch.  The header is made right first, since no
 * fuzzer guesses a checksum; what decodes must print, and encode to what
 * decodes and encodes to the same bytes.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "vzpatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The raw input in one run, a right header and the input as records in the other. */
static uint8_t *with_header(const uint8_t *data, size_t size, uint8_t elf_class)
{
	static const char start[] = "VZPATCH\n\1\0";
	uint8_t *bytes = calloc(1, 24 + size);
	uint64_t total = 24 + size;
	uint32_t crc;

	if (bytes == NULL)
		abort();
	memcpy(bytes, start, sizeof(start) - 1);
	bytes[10] = elf_class == ELFCLASS32 ? EM_386 : EM_X86_64;
	bytes[12] = elf_class;
	memcpy(bytes + 24, data, size);
	memcpy(bytes + 16, &total, 4);
	crc = crc32_update(0, bytes + 24, size);
	memcpy(bytes + 20, &crc, 4);
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
		uint8_t *bytes = with_header(data, size, elf_class);

		round_trip(bytes, 24 + size);
		free(bytes);
	}
	return 0;
}
