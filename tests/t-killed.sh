#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nsb is killed: the target lives, and the next nsb cleans up.

. "${0%/*}/lib.sh"
. "${0%/*}/sweep.sh"
for_each_abi

# The n-th ptrace call is the last, for some thirty in a process of one thread; for fewer in
# the others, and when the call has been made, which is nearly the same as before the next
# one.  In a long run for every n.
for command in patch revert; do
	t "before ptrace calls of a $command, one sleeping thread" "
		watch_target alone && sweep before:9 ptrace $command $(some 30)
	"
	t "after ptrace calls of a $command, one sleeping thread" "
		watch_target alone && sweep after:9 ptrace $command $(some 4)
	"
	t "before and after ptrace calls of a $command, one busy thread" "
		watch_target alone spin && sweep before:9 ptrace $command $(some 3) &&
		sweep after:9 ptrace $command $(some 2)
	"
	for kind in sleepers busy; do
		t "before and after ptrace calls of a $command, $kind" "
			watch_target $kind && sweep before:9 ptrace $command $(some 5) &&
			sweep after:9 ptrace $command $(some 4)
		"
	done
done

# A patch needs what a resolver of the program chooses: nsb has a thread run it.  One that sleeps may see
# EINTR then (docs/safety.md), so the one that can be borrowed computes.
t "before and after ptrace calls of a patch, a resolver runs" "
	watch_target alone spin -DCHOSEN && sweep before:9 ptrace patch $(some 8) && sweep after:9 ptrace patch $(some 3)
"

# Threads that are nearly always in the patched function are run to a breakpoint (trap.h),
# or met by chance; nsb looks at them a different number of times in each run.
for kind in dwell blocked handlers; do
	for command in patch revert; do
		t "before and after ptrace calls of a $command, $kind" "
			watch_target $kind && sweep before:9 ptrace $command $(some 2) &&
			sweep after:9 ptrace $command $(some 2)
		"
	done
done

for kind in alone sleepers busy dwell; do
	t "at some moment, $kind" "
		watch_target $kind && sweep_time patch $(often 6) && sweep_time revert $(often 6)
	"
done

tell_sum
done_testing
