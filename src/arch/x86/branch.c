/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "branch.h"

#include <elf.h>
#include <string.h>

/* Whether it is a JMP, Jcc, LOOPNE, LOOPE, LOOP or JECXZ, which have a displacement of one byte. */
static bool is_short(uint8_t op)
{
	return op == 0xeb || (op & 0xf0) == 0x70 || (op & 0xfc) == 0xe0;
}

bool x86_may_branch_to(const uint8_t *code, size_t size, int64_t lo, int64_t hi)
{
	for (size_t at = 0; at < size; at++) {
		size_t near = code[at] == 0xe8 || code[at] == 0xe9 ? 1 :	/* CALL, JMP */
			      code[at] == 0x0f && size - at > 1 && (code[at + 1] & 0xf0) == 0x80 ?
			      2 : 0;						/* Jcc */
		int64_t to = hi;

		if (is_short(code[at]) && size - at > 1) {
			to = (int64_t)at + 2 + (int8_t)code[at + 1];
		} else if (near != 0 && size - at >= near + 4) {
			int32_t distance;

			memcpy(&distance, code + at + near, sizeof(distance));
			to = (int64_t)(at + near) + 4 + distance;
		}
		if (to >= lo && to < hi)
			return true;
	}
	return false;
}

size_t x86_branch_at(const struct arch *arch, const uint8_t *code, uint64_t at, uint64_t got, uint64_t *to,
		     bool *in_memory)
{
	const bool is_64 = arch->elf_class == ELFCLASS64;
	size_t start = arch->landing(code, arch->branch_bytes);
	uint64_t from = 0;
	int32_t distance;
	size_t end;

	start += code[start] == 0xf2;		/* BND */
	*in_memory = code[start] == 0xff;
	end = start + (*in_memory ? 6 : 5);
	memcpy(&distance, code + end - 4, sizeof(distance));
	if (code[start] == 0xe8 || code[start] == 0xe9)
		from = at + end;
	else if (*in_memory && (code[start + 1] == 0x15 || code[start + 1] == 0x25))
		from = is_64 ? at + end : 0;
	else if (*in_memory && !is_64 && ((code[start + 1] & 0xf8) == 0x90 || code[start + 1] == 0xa3))
		from = got;			/* it should be in EBX */
	else
		return 0;
	*to = from + (uint64_t)(int64_t)distance;
	if (!is_64)
		*to = (uint32_t)*to;
	return end;
}
