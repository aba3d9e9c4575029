#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A patch goes in where no thread is in the way, and else not at all.

. "${0%/*}/lib.sh"
for_each_abi

# out_of_the_way PATCH: in and out a few times, whatever the threads do.
out_of_the_way() {
	local round rounds=${NSB_LONG:+200}
	for ((round = 0; round < ${rounds:-5}; round++)); do
		patch "$1" && listed "$1" && says 'wrong 0' wrong && revert "$1" && says 'wrong 0' wrong || return 1
	done
}

# all_begun COUNT: so many threads are there, and none is on its way into its function,
# where the C library has blocked all signals.
all_begun() {
	local tasks=(/proc/"$pid"/task/*)
	[ "${#tasks[@]}" = "$1" ] && ! grep -q 'SigBlk:.*f' "${tasks[@]/%//status}"
}

t 'one busy thread in the patched function' '
	target threads && patch_from work.c && ask start busy 1 && says "work 10" work 5 &&
	out_of_the_way work.so && patch work.so && says "work 15" work 5
'
t 'two busy threads that are nearly always in the patched function' '
	needs_breakpoints && target threads && patch_from work.c && ask start busy 2 && out_of_the_way work.so
'
t 'eight busy threads that are nearly always in the patched function' '
	needs_breakpoints && target threads && patch_from work.c && ask start busy 8 && out_of_the_way work.so
'
t 'busy threads in a shared library' '
	needs_breakpoints && target threads so && patch_from work.c && ask start busy 3 && out_of_the_way work.so
'
t 'threads deep in a recursion of the patched function' '
	needs_breakpoints && target threads && patch_from climb.c && ask start recurse 3 && out_of_the_way climb.so
'
t 'threads that come and go all the time' '
	target threads && patch_from work.c && ask start churn 3 && out_of_the_way work.so
'
# There is a musl-gcc for amd64 only.
for_amd64
t 'threads that come and go all the time, musl' '
	CC=musl-gcc CFLAGS_EXTRA="-U_FORTIFY_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu" target threads static &&
	patch_from work.c && ask start churn 3 && out_of_the_way work.so
'
for_each_abi
t 'threads are born and end 1000 times a second, and more often, while 20 patches come and go' '
	target threads && patch_from work.c && ask start churn 8 && first=$(ask done) && began=${EPOCHREALTIME/./} &&
	for ((round = 0; round < 20; round++)); do
		patch work.so -q && [[ $(ask work 5) = "work 15" ]] && revert work.so -q && [[ $(ask work 5) = "work 10" ]] || exit 1
	done && ended=$(ask done) && took=$((${EPOCHREALTIME/./} - began)) && says "wrong 0" wrong &&
	echo "$((ended - first)) threads in $took microseconds" && [ $(((ended - first) * 1000000 / took)) -ge 1000 ]
'
t 'threads that are born while others are stopped are looked at, too' '
	target breeder && patch_from breeder.c && says "which 1" which && says breeding breed && for ((round = 0; round < 6; round++)); do
		patch breeder.so -q && says "which 2" which && revert breeder.so -q && says "which 1" which && says "wrong 0" wrong || exit 1
	done
'
t 'a thousand sleeping threads and two busy ones' '
	needs_breakpoints && target threads && patch_from work.c && ask start sleepers 1000 && ask start busy 2 &&
	wait_until all_begun 1003 && snapshot &&
	patch work.so && says "work 15" work 5 && says "wrong 0" wrong && revert work.so &&
	says "work 10" work 5 && unharmed
'

for how in hold spin; do
	t "a thread that stays ($how) is named, and nothing changed" "
		target threads && patch_from hold.c && ask start $how && says 'inside 1' inside 1 &&
		snapshot &&
		fails_with 3 \"(\$(echo \$(ls /proc/\$pid/task | grep -vx \$pid) | tr ' ' '|')).*${how}_on\" \
			patch hold.so --timeout 0.5 &&
		unharmed && listed && says released release && patch hold.so && listed hold.so
	"
	t "patching waits for a thread that leaves in time ($how)" "
		target threads && patch_from hold.c && ask start $how && says 'inside 1' inside 1 &&
		starts \$NSB patch -p \$pid -f hold.so --timeout 30 &&
		sleep 0.3 && kill -0 \$started && says released release &&
		wait \$started && listed hold.so
	"
	t "a patch that a thread is in is not taken out ($how)" "
		target threads && patch_from stay.c && patch stay.so && ask start $how &&
		says 'inside 1' inside 1 && snapshot && fails_with 3 ${how}_on revert stay.so --timeout 0.5 &&
		unharmed && listed stay.so && says released release && revert stay.so && listed
	"
done

t 'a thread that stays in the cold part of a function is seen' '
	target threads && patch_from seldom.c && ask start cold && says "inside 1" inside 1 && snapshot &&
	fails_with 3 "thread [0-9]+ is in hold_seldom" patch seldom.so --timeout 0.3 && unharmed && listed &&
	says released release && patch seldom.so && revert seldom.so && listed
'
t 'a thread that stays in an older patch of the function is seen' '
	target threads && patch_from hold.c && patch_from stay.c && patch stay.so && ask start hold && says "inside 1" inside 1 && snapshot &&
	fails_with 3 "thread [0-9]+ is in hold_on" patch hold.so --timeout 0.3 && unharmed && listed stay.so &&
	says released release && patch hold.so && listed stay.so hold.so && revert stay.so && revert hold.so && listed
'
t 'a thread that stays in a new function, and in none that was replaced, is seen' '
	target threads && patch_from linger.c && patch linger.so && ask start hold && says "inside 1" inside 1 && snapshot &&
	fails_with 3 "thread [0-9]+ is in linger" revert linger.so --timeout 0.3 && unharmed && listed linger.so &&
	says released release && revert linger.so && listed
'
# poke ADDRESS BYTE: write a byte of the process, two hexadecimal digits.
poke() {
	# shellcheck disable=SC2059 # the byte is an escape
	printf "\\x$2" | dd of=/proc/"$pid"/mem bs=1 seek=$(($1)) conv=notrunc status=none
}
t 'code that is changed while nsb waits for a safe point is not overwritten' '
	target threads nopie && patch_from hold.c && ask start hold && says "inside 1" inside 1 &&
	spin_on=0x$(nm "$program" | sed -n "s/ . spin_on\$//p") && was=$(dd if=/proc/$pid/mem bs=1 skip=$((spin_on)) count=1 status=none | od -An -tx1 | tr -d " ") &&
	starts $NSB patch $insecure -p $pid -f hold.so --timeout 50 2>said && wait_until nsb_traces $started /proc/$pid/status && poke $spin_on cc &&
	says released release && { wait $started; [ $? = 8 ]; } && cat said && [ "$(wc -l <said)" = 1 ] && grep "spin_on has a breakpoint" said &&
	poke $spin_on $was && listed && patch hold.so && revert hold.so && listed
'

t 'check tells which thread is in the way' '
	target threads && patch_from hold.c && ask start hold && says "inside 1" inside 1 &&
	snapshot && ! nsb check -p $pid -f hold.so --timeout 0.3 >answer &&
	grep -E "cannot be applied now.*hold_on" answer && unharmed
'
t '--retries 0 tries once' '
	target threads && patch_from hold.c && ask start hold && says "inside 1" inside 1 &&
	snapshot && SECONDS=0 && fails_with 3 hold_on patch hold.so --retries 0 --timeout 50 &&
	[ $SECONDS -lt 10 ] && unharmed
'
t '--timeout is kept' '
	target threads && patch_from hold.c && ask start hold && says "inside 1" inside 1 &&
	SECONDS=0 && fails_with 3 hold_on patch hold.so --timeout 2 &&
	[ $SECONDS -ge 2 ] && [ $SECONDS -le 5 ]
'
t 'VZP_ALLOW_ACTIVE lets a thread finish in the old function' '
	target threads && patch_from active.c && ask start hold && says "inside 1" inside 1 &&
	patch active.so && listed active.so && says released release && revert active.so && listed
'

t '--allow-active lets a function be replaced that never returns' '
	target threads && patch_from forever.c && ask start count && says "inside 1" inside 1 &&
	says "serving 1" serving && snapshot &&
	fails_with 3 "thread [0-9]+ is in serve_counting; stack: .* < serve_counting\\+0x[0-9a-f]+ < .*--allow-active" \
		patch forever.so --timeout 0.3 &&
	unharmed && patch forever.so --allow-active serve_counting && says "serving 2" serving &&
	listed forever.so && nsb list -p $pid | grep -F "serve_counting(allow-active)" &&
	nsb list -p $pid --json | python3 -c "import json, sys
functions = json.load(sys.stdin)[\"patches\"][0][\"functions\"]
sys.exit([f[\"name\"] for f in functions if f[\"allow_active\"]] != [\"serve_counting\"])" &&
	revert forever.so && says "serving 1" serving && unharmed
'
t 'but not where its loop begins in the bytes under the jump' '
	target threads && patch_from serve.c && ask start serve && says "inside 1" inside 1 && snapshot &&
	fails_with 3 "thread [0-9]+ is in serve;" patch serve.so --timeout 0.3 &&
	fails_with 8 "serve may loop back into its first bytes" \
		patch serve.so --allow-active serve --allow-active serve_counting --timeout 0.3 &&
	unharmed && listed
'
t '--allow-active takes functions of the patch only' '
	target threads && patch_from forever.c && snapshot &&
	fails_with 1 "replaces no function rest" patch forever.so --allow-active rest && unharmed
'
t 'revert --allow-active lets a thread finish in the new function, and keeps the memory' '
	target threads && patch_from stay.c && patch stay.so && ask start hold &&
	says "inside 1" inside 1 && fails_with 3 hold_on revert stay.so --timeout 0.3 &&
	revert stay.so --allow-active hold_on && says released release &&
	nsb list -p $pid | grep -F "memory kept" && says "work 10" work 5
'

done_testing
