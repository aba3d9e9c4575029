/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzes the decoder of x86 instructions.  Input: which ABI, then code. */
#include <stdlib.h>

#include "x86.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	for (size_t at = 1; at < size;) {
		struct insn insn;
		bool known = x86_decode(data + at, size - at, 0x1000 + at, data[0] & 1, &insn);

		if (known && (!insn.size || insn.size > size - at || insn.size > 15))
			abort();
		at += known ? insn.size : 1;
	}
	return 0;
}
