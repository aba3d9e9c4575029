#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nsb is killed at random moments: the target lives, and the next nsb cleans up.

. "${0%/*}/lib.sh"
for_each_abi

rounds=60
[ -z "${NSB_LONG:-}" ] || rounds=1000

# kill_often PATCH OLD NEW WORDS...: after each kill the target answers old or new.
kill_often() {
	local file=$1 old=$2 new=$3 round how answer
	shift 3
	for ((round = 0; round < rounds; round++)); do
		how=revert
		[ $((RANDOM % 2)) = 0 ] || how='patch'
		"$NSB" $how -q -p "$pid" -f "$file" 2>>killed &
		sleep "0.00$((RANDOM % 6))"
		kill -KILL $!
		wait $!
		kill -0 "$pid" || { echo "round $round ($how): the target is dead"; return 1; }
		answer=$(ask "$@")
		[ "$answer" = "$old" ] || [ "$answer" = "$new" ] ||
			{ echo "round $round ($how): the target says '$answer'"; return 1; }
		if nsb list -p "$pid" | grep -q half; then
			revert "$file" || return 1
		fi
	done
}

# What is left of the dead ones goes with the next patch and its revert.
settle() {
	[ -z "$(nsb list -p "$pid")" ] || revert "$1" || return 1
	patch "$1" && revert "$1"
}

t 'a sleeping process' '
	target server && patch_from greet.c && patch greet.so && revert greet.so && snapshot &&
	kill_often greet.so hello goodbye greet && settle greet.so && says hello greet && unharmed
'
t 'sleeping and busy threads' '
	target threads && patch_from work.c && ask start sleepers 3 && ask start busy 1 &&
	kill_often work.so "work 10" "work 15" work 5 && settle work.so &&
	says "work 10" work 5 && says "wrong 0" wrong
'
done_testing
