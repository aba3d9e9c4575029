/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "branch.h"

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
