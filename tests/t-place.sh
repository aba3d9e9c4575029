#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Where a patch is laid, what stays free for the heap and the stack, and what keeps it from having memory.

. "${0%/*}/lib.sh"
for_each_abi

# begin WRAPPER...: the target, started by that.
begin() {
	launch "$@" "$program" && patch_from greet.c && snapshot
}

three_beats() {
	says hello greet && patch greet.so && says goodbye greet && "$@" && revert greet.so && says hello greet
}

# grows N: heap and stack have room for N MiB, with the patch in.
grows() {
	says "done" "grow $1" && says "done" "deep $1" && says goodbye greet
}

for kind in pie nopie static static-pie so dlopen; do
	t "the heap and the stack grow, without randomisation: $kind" "
		build places $kind && begin setarch -R && three_beats grows 100
	"
	t "the heap and the stack grow: $kind" "
		build places $kind && begin && three_beats grows 100
	"
done
t 'the heap grows by more than half a GiB, without randomisation' '
	build places nopie && begin setarch -R && three_beats says done "grow 600"
'
t 'it has not begun, and nothing of it is touched' '
	build places pie && begin setarch -R && three_beats listed greet.so && unharmed
'
# No more than 2 GiB of an i386 program can be static data.
for_amd64
# A static glibc cannot be linked so.
for how in nopie pie 'static musl-gcc' 'static-pie musl-gcc'; do
	read -r kind cc <<<"$how"
	t "gigabytes of static data: $how" "
		CC=${cc:-gcc} CFLAGS_EXTRA='-DBIG -mcmodel=medium -U_FORTIFY_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu' build places $kind &&
		begin && says done 'big 5' && three_beats says done 'big 7' && unharmed
	"
done
for_each_abi
t 'as many mappings as it may have: named' '
	build places && begin && says done fill && snapshot && fails_with 1 "vm.max_map_count is [0-9]+ " patch greet.so && unharmed && says hello greet
'
t 'locked memory: named' '
	[ "$(id -u)" = 0 ] || skip "for root"
	build places && begin && says done lock && snapshot && fails_with 1 "locks all its memory .mlockall.*RLIMIT_MEMLOCK" patch greet.so && unharmed && says hello greet
'
done_testing
