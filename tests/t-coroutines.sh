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

t 'a large program that could have some and has none: nothing of a reverted patch stays' '
	target coroutines && patch_from inside.c && says "used 0" use room && snapshot && says "answer 1" answer && patch inside.so &&
	says "answer 2" answer && revert inside.so 2>errors && ! [ -s errors ] && says "answer 1" answer && unharmed
'

# meanwhile COMMAND FILE [OPTIONS...]: while nsb searches, which it does in address order, a coroutine is suspended in memory that it has
# searched.  What nsb says is in errors, and its status in $nsb_status.
meanwhile() {
	# shellcheck disable=SC2086
	starts "$NSB" "$1" -v $insecure -p "$pid" $slow_timeout -f "$2" "${@:3}" 2>errors &&
	wait_until grep -q "searching for suspended coroutines" errors && says suspended suspend inside || return 1
	wait "$started"
	nsb_status=$?
	cat errors
}

# is_late: apply the patch until the coroutine comes just too late for the search; it never finishes in the old function unsaid.
is_late() {
	local tries
	for ((tries = 0; tries < 10; tries++)); do
		meanwhile patch inside.so || return 1
		case $nsb_status in
		0) says "answer 2" answer && says "result 101" go on && revert inside.so ;;
		3) says "answer 1" answer && listed && says "result 2" go on && { ! grep -q "taken out again" errors || return 0; } ;;
		*) false ;;
		esac && says ended end || return 1
	done
	echo "never too late for the search"
	return 1
}

t 'one that is suspended between search and stop: the patch is taken out again' '
	target coroutines && patch_from inside.c && says "used 0" use room && is_late && grep "nsb: $pid: a coroutine .context at 0x[0-9a-f]*. was suspended in inside while" errors &&
	says ended end && patch inside.so && says "answer 2" answer && revert inside.so && says "answer 1" answer
'
t 'one that is suspended in a patch between search and stop of its revert comes back to it' '
	target coroutines && patch_from yielding.c && says "used 0" use room && patch yielding.so &&
	meanwhile revert yielding.so &&
	[ $nsb_status = 3 ] || { [ $nsb_status = 0 ] && grep "memory of the patch stays: a coroutine" errors && says "answer 1" answer; } &&
	says "result 201" go on && says ended end && { listed || revert yielding.so; } && says "answer 1" answer
'

# is_late_for_both: apply inside.so in place of yielding.so until a coroutine is suspended in the latter just too late.
is_late_for_both() {
	local tries
	for ((tries = 0; tries < 10; tries++)); do
		patch yielding.so && meanwhile patch inside.so --replace || return 1
		case $nsb_status in
		0) says "answer 2" answer && listed inside.so && says "result 201" go on && { ! grep -q "finishes in the old function" errors || return 0; } &&
			says ended end && revert inside.so ;;
		3) listed yielding.so && says "result 201" go on && says ended end && revert yielding.so ;;
		*) false ;;
		esac || return 1
	done
	echo "never too late for the search"
	return 1
}
t 'one that is suspended in an older patch between search and stop of --replace: the new one stays, the coroutine comes back' '
	target coroutines && patch_from inside.c && patch_from yielding.c && says "used 0" use room && is_late_for_both &&
	says ended end && says "answer 2" answer && revert inside.so && says "answer 1" answer
'

done_testing
