/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may be overwritten behind a function: padding as assemblers make it, nothing else. */
#include "tap.h"

#include "room.h"
#include "x86.h"

static size_t padding(const char *text)
{
	uint8_t bytes[64];
	size_t size = 0;
	unsigned int byte;
	int used;

	while (sscanf(text, "%x%n", &byte, &used) == 1 && size < sizeof(bytes)) {
		bytes[size++] = (uint8_t)byte;
		text += used;
	}
	return x86_padding(bytes, size);
}

/* Bytes from the assembler: .p2align 4 after n bytes, as text for padding(). */
static bool assembled_is_padding(unsigned int n, const char *mode)
{
	char path[128];
	uint8_t bytes[64];

	if (!shell("printf '.text\\nstart: .fill %u, 1, 0xc3\\n.p2align 5\\n' | as %s -o x.o && "
		   "objcopy -O binary -j .text x.o x.bin", n, mode))
		return false;
	(void)snprintf(path, sizeof(path), "%s/x.bin", scratch());
	FILE *in = fopen(path, "re");
	if (!in)
		return false;
	size_t size = fread(bytes, 1, sizeof(bytes), in);
	(void)fclose(in);
	return size == 32 && x86_padding(bytes + n, size - n) == size - n;
}

int main(void)
{
	msg_init("u-room");
	ok(padding("") == 0, "nothing is no padding");
	ok(padding("90 90 cc cc 00 c3") == 5, "nop, int3, zero, up to a ret");
	ok(padding("66 90 66 0f 1f 44 00 00 55") == 8, "long nops, up to a push");
	ok(padding("66 2e 0f 1f 84 00 00 00 00 00 e9") == 10, "with segment prefixes");
	ok(padding("8d b4 26 00 00 00 00 89 f6 c3") == 9, "moves to itself of i386");
	ok(padding("0f 1f") == 0, "a nop cut off is none");
	ok(padding("f3 0f 1e fa") == 0, "endbr64 is the start of something");
	ok(padding("0f 0b") == 0, "ud2 is code");
	ok(padding("66 66 66") == 0, "prefixes alone are none");
	ok(padding("eb 03 0f 1f 00 90 c3") == 6, "padding that is jumped over");
	ok(padding("eb 03 0f 1f c3 90 c3") == 0, "a jump over code is code");
	ok(padding("eb 09 90 90") == 0, "a jump to further on is code");
	for (unsigned int n = 1; n < 32; n++) {
		ok(assembled_is_padding(n, "--64"), "what as fills %u bytes with", 32 - n);
		ok(assembled_is_padding(n, "--32"), "the same for i386");
	}
	return done();
}
