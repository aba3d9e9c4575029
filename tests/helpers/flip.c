/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flip FILE OUT N: the N-th damaged copy of a file, always the same one.  Every
 * fourth is cut off, the others have one to eight bits changed, half of them in
 * the part from byte FROM on where the interesting things lie.
 * usage: flip FILE OUT N [FROM [SIZE]]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;

/* xorshift64* */
static uint64_t next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1d;
}

int main(int argc, char **argv)
{
	static unsigned char bytes[1 << 22];
	size_t size, from, length;
	FILE *file;

	if (argc < 4 || (file = fopen(argv[1], "rb")) == NULL)
		return 64;
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	from = argc > 4 ? strtoul(argv[4], NULL, 0) % size : 0;
	length = argc > 5 ? strtoul(argv[5], NULL, 0) : size - from;
	state = strtoull(argv[3], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
	if (next() % 4 == 0) {
		size = (size_t)(next() % size);
	} else {
		int narrow = (int)(next() % 2);

		for (int i = (int)(next() % 8); i >= 0; i--) {
			size_t at = narrow ? from + (size_t)(next() % length) : (size_t)(next() % size);

			bytes[at % size] ^= (unsigned char)(1 << next() % 8);
		}
	}
	file = fopen(argv[2], "wb");
	if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
		return 1;
	return 0;
}
