#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# patch --replace: older patches of the same object go, the new one comes, in one stop.

. "${0%/*}/lib.sh"
for_each_abi

# A patch of greet alone, one of scale alone, and cumulative ones of both.
three_patches() {
	patch_from greet.c && patch_from scale.c &&
	sed 's/goodbye/hi/' "$tests/patches/greet.c" >both.c && sed 's/1000/2000/' "$tests/patches/scale.c" >>both.c && patch_from ./both.c &&
	sed 's/goodbye/hey/' "$tests/patches/greet.c" >again.c && patch_from ./again.c
}

for kind in pie so static; do
	t "two patches give way to one of both: $kind" '
		target server '$kind' && three_patches && snapshot && patch greet.so && patch scale.so && says goodbye greet && says "scale 1014" scale 7 &&
		patch both.so --replace && listed both.so && says hi greet && says "scale 2014" scale 7 && revert both.so &&
		says hello greet && says "scale 14" scale 7 && listed && unharmed
	'
	t "what the new one does not replace is as the program has it: $kind" '
		target server '$kind' && three_patches && snapshot && patch both.so && patch greet.so && patch again.so --replace && listed again.so &&
		says hey greet && says "scale 14" scale 7 && revert again.so && says hello greet && unharmed &&
		patch scale.so && patch greet.so --replace && listed greet.so && says goodbye greet && says "scale 14" scale 7 &&
		patch both.so --replace && patch scale.so --replace && listed scale.so && says hello greet && revert scale.so && unharmed
	'
done
t 'without older ones it is a patch like others; twice is refused' '
	target server && three_patches && snapshot && patch both.so --replace && says hi greet && fails_with 9 "applied already" patch both.so --replace &&
	listed both.so && revert both.so && unharmed
'
t 'patches of other objects stay' '
	build server so && three_patches && echo "int there_is(void); int there_is(void) { return 3; }" >there.c &&
	gcc $(mflag) -O2 -g -fPIC -shared -Wl,--build-id=sha1 -o libthere.so there.c && library=$object && object=libthere.so &&
	echo "int there_is(void); int there_is(void) { return 4; }" >other.c && patch_from ./other.c && object=$library &&
	LD_PRELOAD=$PWD/libthere.so launch $program && snapshot && patch other.so && patch greet.so && patch both.so --replace && listed other.so both.so &&
	says hi greet && patch scale.so --replace && listed other.so scale.so && says hello greet && revert other.so && listed scale.so && revert scale.so && unharmed
'
t '--dry-run changes nothing' '
	target server && three_patches && patch greet.so && patch scale.so && snapshot && patch both.so --replace --dry-run &&
	listed greet.so scale.so && says goodbye greet && says "scale 1014" scale 7 && unharmed
'
t 'a failure leaves the old ones in' '
	target server && three_patches && patch greet.so && patch scale.so && snapshot && starts_saying $(helper tracer) $pid &&
	fails_with 6 traced patch both.so --replace && kill $started && wait_until grep -q "^TracerPid:.0" /proc/$pid/status &&
	listed greet.so scale.so && says goodbye greet && says "scale 1014" scale 7 && unharmed
'
t 'nsb is killed at one ptrace call after the other: the process goes on, and all can be taken out' '
	target server && three_patches && snapshot && nth=$(helper nth) && for ((n = 1; n < 400; n += 7)); do
		patch greet.so -q && patch scale.so -q || exit 1
		timeout 60 strace -qq -o /dev/null -e trace=ptrace,pwrite64 -e inject=ptrace,pwrite64:signal=KILL:when=$n "$NSB" patch -q $insecure -p $pid -f both.so --replace >/dev/null 2>&1
		status=$?
		ask greet >said && grep -E "goodbye|hi" said && ask scale 7 | grep -E "scale (1014|2014)" || exit 1
		for name in both scale greet; do
			nsb revert -q -p $pid -f $name.so >/dev/null 2>&1
		done
		listed && says hello greet && says "scale 14" scale 7 || exit 1
		[ $status = 0 ] && break
	done && [ $status = 0 ] && unharmed
'

# killed_over_older N COMMAND [OPTIONS...]: greet.so comes over older.so, which replaces the same function, or goes, and nsb is
# killed at its N-th ptrace call.  Then either can be taken out.
killed_over_older() {
	[ "$2" = patch ] || patch greet.so -q || return 1
	"$nth" .nth before:9 ptrace "$1" "$NSB" "${@:2}" -q $insecure -p "$pid" -f greet.so 2>/dev/null
	read -r reached _ <.nth && ask greet | grep -xE 'hello|goodbye' && ! nsb list -p "$pid" | grep forged || return 1
	for name in greet older; do
		revert $name.so -q 2>errors
		[[ $? = [02] ]] || { cat errors; return 1; }
	done
	listed && says hello greet && unharmed
}

for how in patch 'patch --replace' revert; do
	t "killed over an older patch of the function: $how" "
		target server && patch_from greet.c && patch_from greet.c -o older.so -O1 && nth=\$(helper nth) && snapshot && reached=1 &&
		for ((n = 2; reached; n += ${NSB_LONG:+-3 +} 4)); do
			patch older.so -q && killed_over_older \$n $how || { echo \"call \$n\"; exit 1; }
		done
	"
done

done_testing
