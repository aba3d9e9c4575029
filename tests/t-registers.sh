#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# No register of any thread changes by being stopped.

. "${0%/*}/lib.sh"
for_each_abi

for kind in pie static; do
	t "integer, x87, SSE and AVX registers, $kind" "
		target registers $kind && patch_from beat.c && ask start && says fine check && snapshot &&
		for ((i = 0; i < ${NSB_LONG:+10}20; i++)); do
			patch beat.so -q && says 'beat 2' beat && revert beat.so -q &&
			says 'beat 1' beat || exit 1
		done && says fine check && says fine check && unharmed
	"
done

done_testing
