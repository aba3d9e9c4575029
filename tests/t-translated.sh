#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Programs that were not begun by exec(2): run by translators, by loaders, by the dynamic linker.

. "${0%/*}/lib.sh"
for_each_abi

# needs_valgrind: one that runs programs of this ABI.
# shellcheck disable=SC2046 # mflag says nothing else
needs_valgrind() {
	command -v valgrind >/dev/null || skip 'no valgrind'
	printf 'int main(void) { return 0; }\n' >try.c
	gcc $(mflag) -o try try.c || return 1
	valgrind -q --tool=none ./try || skip "valgrind runs no programs of $abi here"
}

# interpreter PROGRAM: its dynamic linker.
interpreter() {
	readelf -l "$1" | sed -n 's/.*interpreter: \(.*\)\]/\1/p'
}

for kind in pie static so; do
	t "valgrind runs it: refused, and named: $kind" "
		needs_valgrind && build server $kind && patch_from greet.c && launch valgrind -q --tool=none \$program && snapshot &&
		fails_with 1 'is run by valgrind, which executes a translation' patch greet.so && unharmed && says hello greet &&
		{ nsb check -p \$pid -f greet.so >said; [ \$? = 2 ]; } && grep 'cannot be applied now.*valgrind' said && says hello greet
	"
done
t 'the program is only mapped by another one: refused' '
	build server static && patch_from greet.c && launch "$(helper foreign $(mflag))" only $program - - server && snapshot &&
	fails_with 1 "its executable is not server, which is only mapped" patch greet.so && unharmed
'
t 'the same, by a static program' '
	build server static && patch_from greet.c && launch "$(helper foreign $(mflag) -static-pie)" only $program - - server && snapshot &&
	fails_with 1 "its executable is not server, which is only mapped" patch greet.so && unharmed
'
t 'a loader has mapped it, and jumped to it' '
	build server static && patch_from greet.c && launch "$(helper foreign $(mflag))" run $program - - server && snapshot &&
	patch greet.so && says goodbye greet && listed greet.so && revert greet.so && says hello greet && unharmed
'
t 'a loader has mapped its code MAP_SHARED: refused' '
	build server static && patch_from greet.c && launch "$(helper foreign $(mflag))" shared $program - - server && snapshot &&
	fails_with 8 "the code of greet .* is mapped MAP_SHARED" patch greet.so && unharmed && says hello greet
'
for kind in pie nopie so dlopen; do
	t "started by the dynamic linker as a command: $kind" "
		build server $kind && patch_from greet.c && launch \"\$(interpreter \$program)\" \$program && snapshot &&
		patch greet.so && says goodbye greet && listed greet.so && revert greet.so && says hello greet && unharmed
	"
done
done_testing
