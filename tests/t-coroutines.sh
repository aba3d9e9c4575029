#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A coroutine that is suspended in a replaced function counts like a thread.

. "${0%/*}/lib.sh"
for_each_abi

for kind in pie static; do
	t "one suspended in the function, $kind" "
		target coroutines $kind && patch_from inside.c && says suspended suspend inside && snapshot &&
		fails_with 3 'a coroutine .context at 0x[0-9a-f]+. is suspended in inside' \\
			patch inside.so --timeout 0.3 &&
		unharmed && says 'answer 1' answer && says 'result 2' go on && says ended end &&
		snapshot && patch inside.so && says 'answer 2' answer && revert inside.so &&
		says 'answer 1' answer && unharmed
	"
	t "one suspended elsewhere is in nobody's way, $kind" "
		target coroutines $kind && patch_from inside.c && says suspended suspend outside && snapshot &&
		patch inside.so && says 'answer 2' answer && says 'result 11' go on &&
		revert inside.so && says 'answer 1' answer && unharmed
	"
done
t 'one that has not begun calls the new function' '
	target coroutines && patch_from inside.c && says made make inside && snapshot &&
	patch inside.so && says "result 101" go on && revert inside.so && says "answer 1" answer && unharmed
'
t 'one suspended in a patch is in the way of its revert' '
	target coroutines && patch_from yielding.c && patch yielding.so && says suspended suspend inside &&
	fails_with 3 "is suspended in inside" revert yielding.so --timeout 0.3 && listed yielding.so &&
	says "result 201" go on && says ended end && revert yielding.so && listed && says "answer 1" answer
'
t '--allow-active lets it finish in the old function' '
	target coroutines && patch_from inside.c && says suspended suspend inside && snapshot &&
	patch inside.so --allow-active inside && says "answer 2" answer && says "result 2" go on &&
	revert inside.so && says "answer 1" answer && unharmed
'

done_testing
