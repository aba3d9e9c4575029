#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What nsb lays into a process lies where nothing else is: not on stacks, not over code that
# somebody runs, and in no bytes that a program uses.

. "${0%/*}/lib.sh"
. "${0%/*}/sweep.sh"
for_each_abi

# narrow KIND [LINKER FLAGS]: a process without room, and a patch of it.
narrow() {
	CFLAGS_EXTRA="-Wl,-e,narrow_start ${*:2}" target narrow "$1" && says begun begin && patch_from greet.c &&
		says 'hello 0' say && snapshot
}

rounds() {
	local i
	for ((i = 0; i < ${NSB_LONG:+10}3; i++)); do
		patch greet.so -q && says 'goodbye 0' say && revert greet.so -q && says 'hello 0' say || return 1
	done
	unharmed
}

for kind in pie nopie static static-pie; do
	t "$kind: a short entry point, and a stack between data" "narrow $kind && rounds"
done
t 'a handler on a small alternate stack, above what cannot be touched' '
	target alternate && patch_from greet.c && says here move && snapshot && for i in 1 2 3; do
		says hello greet && patch greet.so && says goodbye greet && revert greet.so && says hello greet || exit 1
	done && unharmed
'
t 'linked by lld, which fills pages with traps' 'narrow pie -fuse-ld=lld && rounds'
t 'linked by gold' 'narrow static -fuse-ld=gold && rounds'
t 'code and data in one page' 'narrow static -Wl,-z,noseparate-code && rounds'
t 'all in one segment, whose page of code is full: other code has room' '
	narrow pie -Wl,-z,noseparate-code -Wl,-z,max-page-size=4096 && rounds
'

# sweep_over OLD NEW COMMAND: nsb is killed at its calls while it works on a process that has been started.
sweep_over() {
	question=say old=$1 new=$2 mixed=none file_of_patch=greet.so main='' &&
	watched && sweep before:9 ptrace "$3" "$(some 3)" && sweep after:9 ptrace "$3" "$(some 2)"
}

for command in patch revert; do
	t "nsb is killed before and after ptrace calls of a $command, a stack between data" "
		narrow pie && sweep_over 'hello 0' 'goodbye 0' $command
	"
	# Not with a filter that kills: docs/safety.md, "What is not guaranteed".
	t "nsb is killed before and after ptrace calls of a $command, under a seccomp filter" "
		{ [ \$(id -u) = 0 ] || skip 'only root may suspend a seccomp filter'; } &&
		target confined && says confined failing && patch_from greet.c && sweep_over hello goodbye $command
	"
done

tell_sum
done_testing
