#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nsb list: what is in a process, and in all of them.

. "${0%/*}/lib.sh"
for_each_abi

t 'nothing is in' '
	target server && patch_from scale.c && snapshot && nsb list -p $pid >said && ! [ -s said ] && unharmed &&
	patch scale.so && nsb list -p $pid >said && [ -s said ] && revert scale.so &&
	nsb list -p $pid >said && ! [ -s said ] && unharmed
'
t 'order, build-id, name, object, time, state, functions' '
	target server && patch_from greet.c && patch_from scale.c && patch greet.so && patch scale.so && snapshot &&
	nsb list -p $pid >said && cat said && [ "$(wc -l <said)" = 2 ] &&
	sed -n 1p said | grep "^$pid: .*$("$NSB_GEN" buildid greet.so) greet.so .*applied.* greet" &&
	sed -n 2p said | grep "^$pid: .*$("$NSB_GEN" buildid scale.so) scale.so .*applied.* scale" && unharmed
'
t 'what is listed is what is in a shared library' '
	target server so && patch_from greet.c && patch greet.so && nsb list -p $pid | grep libserver.so
'
t 'all processes of the host' '
	target server && first=$pid && patch_from greet.c && patch greet.so &&
	target server static && second=$pid && patch_from scale.c && patch scale.so &&
	nsb list >said && grep -E "^$first: .*greet.so" said && grep -E "^$second: .*scale.so" said &&
	pid=$second && revert scale.so && nsb list >said && ! grep "^$second: " said && grep "^$first: " said
'
t 'a child that was forked has its parent'"'"'s patches, and they can be taken out of it alone' '
	target forks && patch_from beat.c && patch beat.so && child=$(ask fork) && says "beat 2" beat && says "beat 2" child &&
	nsb list >said && grep "^$child: .*beat.so" said && nsb revert -p $child -f beat.so && says "beat 2" beat &&
	says "beat 1" child && listed beat.so && revert beat.so && says "beat 1" beat && ask end
'
t 'another user is told of processes that cannot be looked at, and gets a status for it' '
	[ "$(id -u)" = 0 ] || skip "needs root to become someone else"
	target server && patch_from greet.c && patch greet.so && listed greet.so && chmod 755 . .. ../.. ../../.. && cp $NSB nsb && chmod 755 nsb greet.so &&
	nobody="setpriv --reuid nobody --regid nogroup --clear-groups $place/nsb" && cd / &&
	fails_with 4 "^nsb: [0-9]+ processes could not be looked at: not permitted .run nsb as root" $nobody list >"$place/said" && ! grep "^$pid:" "$place/said" &&
	fails_with 4 "could not be looked at" $nobody list --exe $program >"$place/said" && ! [ -s "$place/said" ] &&
	fails_with 4 "could not be looked at" $nobody check --all -f "$place/greet.so" && fails_with 4 "could not be looked at" $nobody revert --all -f "$place/greet.so" &&
	{ $nobody list --json -f "$place/greet.so" >"$place/answer" 2>"$place/errors"; [ $? = 4 ]; } &&
	grep -E "\"unpatched\": \[\], \"not_permitted\": [1-9][0-9]*, \"status\": 4, \"reason\": \"[0-9]+ processes could not" "$place/answer" &&
	fails_with 4 "other users are hidden .hidepid" unshare -m sh -c "mount -t proc -o hidepid=2 proc /proc && exec $nobody list" &&
	$nobody list --user $((1 + $(cut -d : -f 3 /etc/passwd | sort -n | tail -n 1))) && nsb list -p $pid | grep greet.so
'

t 'gdb learns the names and lines of the new functions by the line that list -v prints' '
	target server && patch_from scale.c && patch scale.so && nsb list -v -p $pid -f scale.so >said && cat said &&
	line=$(sed -n "s/^    gdb: //p" said) && address=$(nsb list --json -p $pid | grep -oE "\"patch\": \"0x[0-9a-f]+" | tail -n 1 | grep -o 0x.*) &&
	name=$(nsb list -p $pid | sed "s/.*applied: //; s/ .*//") && timeout 60 gdb -nx -batch -p $pid -ex "set confirm off" -ex "$line" -ex "info symbol $address" -ex "info line *$address" >told 2>&1;
	cat told; grep -E "^$name in section .text of .*scale.so" told && grep -E "Line [0-9]+ of .*scale.c.* starts at address $address" told
'
t '--perf-map: address, size and name of each new function' '
	target server && patch_from greet.c && patch greet.so && nsb list --perf-map -p $pid >map && cat map &&
	address=$(nsb list --json -p $pid | grep -oE "\"patch\": \"0x[0-9a-f]+" | tail -n 1 | sed "s/.*0x//") &&
	grep -xE "$address [0-9a-f]+ greet \[greet.so\]" map && [ "$(wc -l <map)" = 1 ]
'

t '--core: the patches of a core dump, and whether the thread that failed was in one' '
	[ "$(cat /proc/sys/kernel/core_pattern)" = core ] || skip "core dumps go elsewhere (kernel.core_pattern)"
	printf "const char *greet(void);\nconst char *greet(void) { return (const char *)(long)*(volatile int *)8; }\n#include <nsb/vzp.h>\nVZP_CALLERS_CHECKED(greet);\n" >crash.c &&
	target server && patch_from scale.c && patch_from crash.c && snapshot && patch scale.so && says hello greet && patch crash.so && revert crash.so && says hello greet && patch crash.so &&
	prlimit --core=unlimited -p $pid && ulimit -c unlimited && { echo greet >&"$to"; wait $pid; } 2>died; ls && [ -e core* ] && nsb list --core core* >said && cat said && [ "$(wc -l <said)" = 3 ] &&
	sed -n 1p said | grep -E "^$pid: 1 [0-9a-f]+ scale.so -> server .* applied: scale" && sed -n 2p said | grep -E "^$pid: [23] [0-9a-f]+ crash.so -> server .* applied: greet" &&
	sed -n 3p said | grep -E "^$pid: the thread that failed was in greet of crash.so \(0x" && nsb list --json --core core* >said && grep "\"failed_in\": \"crash.so\", \"function\": \"greet\"" said &&
	nsb list --core core* --exe $program >said && [ "$(wc -l <said)" = 3 ] && fails_with 8 "core.*: is not of $NSB, or of another build" nsb list --core core* --exe $NSB && fails_with 7 "nowhere: No such file" nsb list --core core* --exe nowhere &&
	gcc $(mflag) -Wl,--build-id=none -o none -xc - <<<"int main(void) { return 0; }" && fails_with 7 "none: has no build-id" nsb list --core core* --exe none &&
	head -c 20000 core* >cut && fails_with 1 "cut short" nsb list --core cut >said && fails_with 7 "no core dump" nsb list --core $program && fails_with 7 "" nsb list --core nowhere
'
t '--core: a function of a patch that called what failed, and a dump without the headers of the program' '
	[ "$(cat /proc/sys/kernel/core_pattern)" = core ] || skip "core dumps go elsewhere (kernel.core_pattern)"
	printf "#include <stdlib.h>\n#include <nsb/vzp.h>\nconst char *greet(void);\nconst char *greet(void) { abort(); }\nVZP_CALLERS_CHECKED(greet);\n" >crash.c &&
	target server && patch_from crash.c && patch crash.so && prlimit --core=unlimited -p $pid && ulimit -c unlimited && echo 3 >/proc/$pid/coredump_filter && { echo greet >&"$to"; wait $pid; } 2>died; [ -e core* ] &&
	nsb list --core core* >said && cat said && tail -n 1 said | grep -E "^$pid: the thread that failed was in no patch \(0x[0-9a-f]+\), perhaps called by greet of crash.so$" &&
	nsb list --json --core core* | grep "\"failed_in\": null, \"function\": null, \"on_stack\": \"crash.so\", \"caller\": \"greet\"" && fails_with 1 "has no headers of the program .*: whether it is of $program cannot be told" nsb list --core core* --exe $program
'

# Not all kernels name memory: one that does is played by tests/helpers/names.c and by a file in the place of /proc/PID/maps.
t 'the record gets a name where the kernel gives memory names, and what it says to that does not matter' '
	target server && patch_from greet.c && snapshot && $(helper names) asked timeout 60 "$NSB" patch $insecure -p $pid -f greet.so && says goodbye greet && cat asked && [ "$(cut -d " " -f 2- asked)" = "0 0 " ] && revert greet.so && says hello greet && unharmed &&
	cp greet.so "a\$[b].so" && object=$program made="a\$[b].so" && generate && launch $(helper names) asked "$NSB" run $insecure -f "$made" -- $program && says goodbye greet && cat asked && [ "$(wc -l <asked)" = 2 ] &&
	read -r pid at size name < <(tail -n 1 asked) && [ "$name" = "nsb:a__b_.so" ] && grep -i "^0*$at-0*$(printf %x $((0x$at + 0x$size))) r--p .* 0 *$" /proc/$pid/maps && listed "a\$[b].so"
'
t 'patches are found in memory that has a name' '
	[ "$(id -u)" = 0 ] || skip "only root mounts"
	target server && patch_from greet.c && snapshot && patch greet.so && says goodbye greet && sed "s/ 00:00 0 *$/ 00:00 0      [anon:nsb:greet.so]/" /proc/$pid/maps >named && grep -c "anon:nsb" named &&
	echo "mount --bind named /proc/$pid/maps && exec \"$NSB\" list -p $pid" >inside && unshare -m sh inside | grep greet.so && revert greet.so && says hello greet && unharmed
'

done_testing
