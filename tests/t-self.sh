#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The test harness finds what it is there to find.

. "${0%/*}/lib.sh"

# tested BODY: what `tests/run` makes of a file of one test; its output is in
# $place/ran, its last line is set as $sums.
tested() {
	mkdir -p tree/tests && cp "$tests"/lib.sh "$tests"/run tree/tests &&
	ln -s "$tests/helpers" "$tests/targets" "$tests/patches" tree/tests &&
	ln -s "$root/include" tree/ && {
		echo '. "${0%/*}/lib.sh"'
		printf '%s\n' "$@"
	} >tree/tests/t-one.sh
	NSB_BUILD=$NSB_BUILD tree/tests/run t-one >ran 2>&1
	status=$?
	sums=$(tail -n 1 ran)
}

# ends_as STATUS SUMS REGEX
ends_as() {
	cat ran
	[ "$status" = "$1" ] && [ "$sums" = "$2" ] && grep -qE "$3" ran
}

t 'a test that passes' '
	tested "t right true" done_testing && ends_as 0 "1 passed, 0 failed, 0 skipped" .
'
t 'a test that fails: body and output are shown' '
	tested "t wrong \"echo 4711 && false\"" done_testing &&
	ends_as 1 "0 passed, 1 failed, 0 skipped" "# echo 4711 && false" && grep -qx "t-one: # 4711" ran
'
t 'a skipped test; none that passed is no success' '
	tested "t missing \"skip no moon\"" done_testing &&
	ends_as 1 "0 passed, 0 failed, 1 skipped" "SKIP no moon"
'
t 'a file that ends early' '
	tested "t right true" "exit 0" && ends_as 1 "1 passed, 1 failed, 0 skipped" "ended early"
'
t 'a file that dies' '
	tested "t right true" "kill -9 \$\$" done_testing &&
	ends_as 1 "1 passed, 1 failed, 0 skipped" "ended early"
'
t 'a file that fails after its plan' '
	tested "t right true" done_testing "exit 3" && ends_as 1 "1 passed, 1 failed, 0 skipped" "exit status 3"
'
t 'a process that is left behind' '
	tested "t right \"setsid sleep 77 &\"" done_testing &&
	ends_as 1 "1 passed, 1 failed, 0 skipped" "left behind: .*sleep 77" && ! pgrep -f "^sleep 77"
'
t 'a test that hangs' '
	tested "body_patience=1" "t long \"starts sleep 78; sleep 3\"" done_testing &&
	ends_as 1 "0 passed, 1 failed, 0 skipped" "not done after 1 s" && ! pgrep -f "^sleep 78"
'
t 'no test at all' '
	tested "t right true" done_testing && tree/tests/run no-such-file >ran 2>&1
	status=$? sums=$(tail -n 1 ran)
	ends_as 1 "0 passed, 0 failed, 0 skipped" .
'
t 'says, fails_with and listed fail when they have to' '
	target server && says hello greet && ! says goodbye greet && ! listed greet.so &&
	fails_with 1 moon sh -c "echo no moon >&2; exit 1" &&
	! fails_with 1 sun sh -c "echo no moon >&2; exit 1" &&
	! fails_with 2 moon sh -c "echo no moon >&2; exit 1" &&
	! fails_with 1 moon sh -c "echo no moon >&2; echo >&2; exit 1" &&
	! fails_with 1 moon sh -c "echo no moon; exit 1" &&
	! fails_with 139 moon sh -c "echo no moon >&2; kill -SEGV \$\$"
'
t 'unharmed sees a changed byte of code' '
	target server && snapshot && unharmed &&
	gdb -q -batch -p $pid -ex "set var *(char *)greet = 0xcc" >log 2>&1 && ! unharmed
'
t 'unharmed sees a new mapping' '
	target large && snapshot && unharmed && [ "$(ask mappings 2)" = "has 2" ] && ! unharmed
'
t 'unharmed sees a tracer' '
	target server && snapshot && starts_saying $(helper tracer) $pid && ! unharmed
'
t 'unharmed sees a stop, a pending signal, a new file' '
	target signals && snapshot && kill -STOP $pid &&
	wait_until is_stopped && ! unharmed && snapshot && kill -USR1 $pid && ! unharmed
'
t 'the registers target sees a changed register' '
	target registers && ask start && says fine check && spoil=$(helper spoil) && thread=$(ls /proc/$pid/task | tail -n 1) &&
	until [[ $(ask check) == "thread "* ]]; do	# it holds nothing in its registers now and then
		$spoil $thread || exit 1
	done
'

done_testing
