/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the reader of patch files.  An input is a file, or, when its first
 * byte is odd, a list of changes to a true patch that is compiled at the
 * start: three bytes where, one byte what.  With the second bit set the
 * checksum of the metadata is made right again.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit/sample.h"
#include "patchfile.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *sample;
static size_t sample_size;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	FILE *in;

	(void)argc;
	(void)argv;
	if (!sample_build("-m64") || (in = fopen(sample_path("patch.so"), "rb")) == NULL)
		abort();
	sample = malloc(1 << 20);
	if (sample == NULL)
		abort();
	sample_size = fread(sample, 1, 1 << 20, in);
	(void)fclose(in);
	if (!shell("rm -rf \"$PWD\""))
		abort();
	return 0;
}

static void reseal(uint8_t *bytes, size_t size)
{
	uint8_t *meta = memmem(bytes, size, "VZPATCH\n", 8);
	uint32_t length, crc;

	if (meta == NULL || (size_t)(bytes + size - meta) < 24)
		return;
	memcpy(&length, meta + 16, 4);
	if (length < 24 || length > (size_t)(bytes + size - meta))
		return;
	crc = crc32_update(0, meta + 24, length - 24);
	memcpy(meta + 20, &crc, 4);
}

static void open_bytes(const uint8_t *bytes, size_t size)
{
	int (*const open_as[])(struct patchfile *, const char *) = { patchfile_open, patchfile_open_plain };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct patchfile file;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	for (size_t i = 0; i < 2; i++) {
		if (open_as[i](&file, path) == 0) {
			if (i == 0 && patchfile_load_crc(&file) != file.meta.load_crc)
				abort();
			patchfile_deinit(&file);
		} else if (msg_kept()[0] == '\0') {
			abort();
		}
		msg_forget();
	}
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0 || (data[0] & 1) == 0) {
		open_bytes(data, size);
		return 0;
	}
	copy = malloc(sample_size);
	if (copy == NULL)
		abort();
	memcpy(copy, sample, sample_size);
	for (size_t i = 1; i + 4 <= size; i += 4) {
		size_t at = (size_t)data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16;

		copy[at % sample_size] = data[i + 3];
	}
	if ((data[0] & 2) != 0)
		reseal(copy, sample_size);
	open_bytes(copy, sample_size);
	free(copy);
	return 0;
}
