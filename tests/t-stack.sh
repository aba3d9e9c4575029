#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Several patches of the same functions, taken out in any order.

. "${0%/*}/lib.sh"
for_each_abi

# The patches a, b, c, in this order.
three_patches() {
	patch_from stack.c -o a.so '-DNAME="a"' -DADD=100 &&
	patch_from stack.c -o b.so '-DNAME="b"' -DADD=200 &&
	patch_from stack.c -o c.so '-DNAME="c"' -DADD=300
}

# The youngest that is in is the one that counts.
behaves_as() {
	case $1 in
	a) says a greet && says 'scale 102' scale 1 ;;
	b) says b greet && says 'scale 202' scale 1 ;;
	c) says c greet && says 'scale 302' scale 1 ;;
	*) says hello greet && says 'scale 2' scale 1 ;;
	esac
}

# take_out NAMES...: one after the other; after each, the youngest left counts.
take_out() {
	local left='a b c' files name
	for name; do
		revert "$name.so" || return 1
		left=$(xargs <<<"${left/$name/}")
		behaves_as "${left##* }" && listed ${left:+$(printf "%s.so " $left)} || return 1
	done
}

for order in 'a b c' 'a c b' 'b a c' 'b c a' 'c a b' 'c b a'; do
	t "in a, b, c; out $order" "
		target server && three_patches && snapshot &&
		patch a.so && behaves_as a && patch b.so && behaves_as b &&
		patch c.so && behaves_as c && listed a.so b.so c.so &&
		take_out $order && unharmed
	"
done

t 'one out of the middle goes in again, on top' '
	target server so && three_patches && snapshot &&
	patch a.so && patch b.so && patch c.so && revert a.so && behaves_as c &&
	patch a.so && behaves_as a && listed b.so c.so a.so &&
	revert c.so && behaves_as a && revert a.so && behaves_as b && revert b.so &&
	behaves_as none && unharmed
'

t 'a patch of other functions in between' '
	target server && three_patches && patch_from visit.c && snapshot &&
	patch a.so && patch visit.so && patch b.so && says "visit 3" visit 1 &&
	revert a.so && behaves_as b && says "visit 6" visit 1 && revert visit.so &&
	says "visit 7" visit 1 && behaves_as b && revert b.so && behaves_as none && unharmed
'

t 'taken out by --id, without the file' '
	target server && three_patches && snapshot &&
	patch a.so && patch b.so && id=$("$NSB_GEN" buildid a.so) && [ -n "$id" ] && rm a.so &&
	nsb revert -p $pid --id "$id" && behaves_as b && listed b.so &&
	fails_with 2 "" nsb revert -p $pid --id "$id" && revert b.so && unharmed
'

t 'many times in and out leaves nothing' '
	target server && patch_from greet.c && snapshot &&
	for ((i = 0; i < ${NSB_LONG:+9}50; i++)); do
		patch greet.so -q && says goodbye greet && revert greet.so -q || exit 1
	done && unharmed
'

t 'forty patches at a time' '
	target server && snapshot &&
	for ((i = 0; i < 40; i++)); do
		patch_from stack.c -o p$i.so "-DNAME=\"n$i\"" -DADD=$i >/dev/null && patch p$i.so -q || exit 1
	done && says n39 greet && [ $(nsb list -p $pid | wc -l) = 40 ] &&
	for ((i = 0; i < 40; i += 2)); do revert p$i.so -q || exit 1; done && says n39 greet &&
	for ((i = 39; i > 0; i -= 2)); do
		says n$i greet && revert p$i.so -q || exit 1
	done && behaves_as none && listed && unharmed
'

done_testing
