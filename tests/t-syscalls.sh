#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A system call that a thread sleeps in comes back as if it had not been stopped.

. "${0%/*}/lib.sh"
for_each_abi

# A patch and its revert make two stops.
t '26 kinds of sleeps, ten stops' '
	target syscalls && patch_from beat.c && ask start $slow && snapshot &&
	for i in 1 2 3 4 5; do
		patch beat.so -q && says "beat 2" beat && revert beat.so -q && says "beat 1" beat || exit 1
	done && unharmed && says "fine 26" finish
'
t '26 kinds of sleeps, one stop, ended by the patch staying in' '
	target syscalls && patch_from beat.c && ask start $slow && patch beat.so && says "beat 2" beat && says "fine 26" finish
'
t '26 kinds of sleeps, ten dry runs' '
	target syscalls && patch_from beat.c && ask start $slow && snapshot &&
	for i in 1 2 3 4 5 6 7 8 9 10; do
		patch beat.so --dry-run | grep "can be applied" || exit 1
	done && unharmed && says "fine 26" finish && says "beat 1" beat
'

done_testing
