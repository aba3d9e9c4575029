#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A coroutine that sigsetjmp has suspended in a replaced function counts like a thread.

. "${0%/*}/lib.sh"
for_each_abi

# jumps HOW: the target whose coroutines come to their stack by context or signal, in a static program, or with musl.
jumps() {
	case $1 in
	context) target jumps ;;
	signal) CFLAGS_EXTRA=-DBY_SIGNAL target jumps ;;
	static) target jumps static ;;
	*)
		[ "$abi" = amd64 ] || skip 'musl-gcc makes no 32-bit programs'
		CC=musl-gcc CFLAGS_EXTRA="-DBY_SIGNAL ${1#musl} -U_FORTIFY_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu" target jumps ${2:-}
	esac
}

# page_tables: how many KiB of them the target has.
page_tables() {
	sed -n 's/^VmPTE:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$pid/status"
}

for how in context signal static musl 'musl static' 'musl-DSAVES_SIGNALS=1'; do
	t "one suspended in the function: $how" "
		jumps $how && patch_from inside.c && says suspended suspend inside && snapshot &&
		fails_with 3 'a coroutine .context at 0x[0-9a-f]+. is suspended in inside .*see --allow-active' patch inside.so --timeout 1 &&
		unharmed && says 'answer 1' answer && says 'result 2' go on && says ended end &&
		snapshot && patch inside.so && says 'answer 2' answer && revert inside.so && says 'answer 1' answer && unharmed
	"
done
for how in context signal; do
	t "one suspended elsewhere, and one that has ended, are in nobody's way: $how" "
		jumps $how && patch_from inside.c && says suspended suspend outside && snapshot &&
		patch inside.so && says 'answer 2' answer && says 'result 11' go on && revert inside.so && says 'answer 1' answer && unharmed &&
		says suspended suspend inside && says 'result 2' go on && snapshot && patch inside.so && says 'answer 2' answer && revert inside.so && says 'answer 1' answer && unharmed
	"
	t "one suspended in a patch is in the way of its revert: $how" "
		jumps $how && patch_from yielding.c && patch yielding.so && says suspended suspend inside &&
		fails_with 3 'is suspended in inside' revert yielding.so --timeout 1 && listed yielding.so &&
		says 'result 201' go on && revert yielding.so && listed && says 'answer 1' answer && says 'result 201' go on
	"
done
t 'one that has not begun calls the new function' '
	jumps context && patch_from inside.c && says made make inside && snapshot &&
	patch inside.so && says "result 101" go on && revert inside.so && says "answer 1" answer && unharmed
'
t 'one is suspended in it while nsb waits for another one' '
	jumps context && patch_from inside.c && says suspended suspend inside && { starts "$NSB" patch $insecure -v -v -p $pid -f inside.so --timeout $patience 2>told; } &&
	wait_until grep -q "attempt 1:" told && says suspended suspend inside && says "result 2" go on with the first && sleep 0.5 && kill -0 $started &&
	says "answer 1" answer && says "result 2" go on && wait $started && says "answer 2" answer && revert inside.so && says "answer 1" answer
'
t '--allow-active lets it finish in the old function' '
	jumps context && patch_from inside.c && says suspended suspend inside && snapshot &&
	patch inside.so --allow-active inside && says "answer 2" answer && says "result 2" go on &&
	revert inside.so && says "answer 1" answer && unharmed
'
t 'memory that was never touched is not searched' '
	jumps context && patch_from inside.c && says reserved reserve && says suspended suspend inside && snapshot &&
	tables=$(page_tables) && fails_with 3 "is suspended in inside" patch inside.so --timeout 1 &&
	says "result 2" go on && patch inside.so && says "answer 2" answer && revert inside.so && says "answer 1" answer && unharmed &&
	[ "$(page_tables)" -lt $((tables + 256)) ]
'

done_testing
