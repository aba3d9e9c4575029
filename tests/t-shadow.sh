#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Data that a patch attaches to objects (nsb/shadow.h), and the next object at the same address.

. "${0%/*}/lib.sh"
for_each_abi

# A client fails three times, is locked out, and goes; the next one at its address says what?
fails_three_times() {
	says opened open "$1" && says wrong login "$1" 1 && says wrong login "$1" 2 && says wrong login "$1" 3 &&
		says "$2" login "$1" 42 && says closed close "$1"
}
begin() {
	target clients && fails_three_times 1 welcome && says opened open 7 && says wrong login 7 3 && snapshot
}
# The old code counts nothing; the memory of tables stays, as the program has pointers to them.
gone() {
	revert clients.so && fails_three_times 1 welcome && listed '' && unharmed
}

for way in ON_FREE 'STAMP -DROOM=4' 'STAMP -DMALLOC' 'ON_FREE -DMALLOC'; do
	t "the next client at the address is another one: $way" "
		begin && patch_from clients.c -D$way && patch clients.so && fails_three_times 1 'locked out' &&
		fails_three_times 1 'locked out' && says opened open 1 && says welcome login 1 42 &&
		says opened open 2 && says wrong login 2 1 && says wrong login 1 5 && says welcome login 2 42 &&
		says closed close 2 && says closed close 1 && says wrong login 7 1 && says wrong login 7 1 &&
		says wrong login 7 1 && says 'locked out' login 7 42 && gone
	"
done
t 'without either of them it inherits what is not its own: the trap' '
	begin && patch_from clients.c && patch clients.so && fails_three_times 1 "locked out" &&
	says opened open 1 && says "locked out" login 1 42 && says closed close 1 && gone
'
t 'a pool that is full gives nothing, and gives again what was detached' '
	begin && patch_from clients.c -DON_FREE && patch clients.so && says opened open 1 && says opened open 2 &&
	says wrong login 1 1 && says wrong login 2 1 && says "locked out" login 7 42 && says closed close 2 &&
	says welcome login 7 42 && says closed close 1 && gone
'

done_testing
