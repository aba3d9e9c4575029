#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The n-th thing that can fail fails, or nsb is late for it: nsb undoes what it did, or
# does without, and says so by its status.

. "${0%/*}/lib.sh"
. "${0%/*}/sweep.sh"
for_each_abi

for command in patch revert; do
	t "a ptrace call of a $command fails, one thread" "
		watch_target alone && sweep fail ptrace $command all
	"
	t "any call of a $command fails that can, one thread" "
		watch_target alone && sweep fail forward $command $(some 28)
	"
	t "nsb is kept from running before a ptrace call of a $command, one thread" "
		watch_target alone spin && sweep delay ptrace $command $(some 3)
	"
	for kind in sleepers busy; do
		t "a ptrace call of a $command fails, $kind" "
			watch_target $kind && sweep fail ptrace $command $(some 7)
		"
		t "any call of a $command fails that can, $kind" "
			watch_target $kind && sweep fail forward $command $(some 10)
		"
	done
	t "some call of a $command fails, threads run to a breakpoint" "
		watch_target dwell && sweep fail ptrace $command $(some 3) &&
		sweep fail forward $command $(some 6)
	"
done

t 'a ptrace call of a patch fails, a resolver runs' "
	watch_target alone rest -DCHOSEN && sweep fail ptrace patch $(some 25) && sweep fail forward patch $(some 6)
"

tell_sum
done_testing
