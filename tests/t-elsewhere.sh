#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A function is active, and its frame is on a stack that its thread does not run on now.

. "${0%/*}/lib.sh"
for_each_abi

# settled: the thread that was begun is where it waits, or spins.
settled() {
	wait_until eval "[ \"\$(thread_states)\" = $1 ]"
}

# has_guards WHERE: the kernel has pages that are guards and no mapping of their own (Linux 6.13 and later).
has_guards() {
	[ "$1" != guarded ] || [ "$(ask begin work sleep guarded)" != "no guard pages" ] || skip "no guard pages"
	[ "$1" != guarded ] || ask end
}

for how in sleep spin sleep-bottom spin-bottom; do
	states=SS
	[[ $how == sleep* ]] || states=RS
	wheres='mapped heap static'
	[[ $how != @(sleep|spin-bottom) ]] || wheres+=' below guarded'
	for where in $wheres; do
		t "in a thread, $how, the other stack is $where" "
			target elsewhere && patch_from elsewhere.c && has_guards $where && says begun begin work $how $where && settled $states && snapshot &&
			fails_with 3 'may return into work(, on its own stack, while it runs on another one|; stack: .*elsewhere)' patch elsewhere.so --timeout $slow && unharmed && says 'answer 2' answer &&
			says 'result 2' end && patch elsewhere.so && says 'answer 12' answer && says begun begin work $how $where && settled $states &&
			fails_with 3 'may return into (work|elsewhere.so)' revert elsewhere.so --timeout $slow && listed elsewhere.so && says 'result 12' end && revert elsewhere.so && says 'answer 2' answer
		"
	done
	t "in the first thread, $how" "
		target elsewhere && patch_from elsewhere.c && snapshot && printf 'leader work $how mapped\n' >&\$to && settled ${states:0:1} &&
		fails_with 3 'may return into work' patch elsewhere.so --timeout $slow && kill -USR1 \$pid && read -r -t \$patience -u \$from line && [ \"\$line\" = 'result 2' ] &&
		patch elsewhere.so && printf 'leader work $how heap\n' >&\$to && settled ${states:0:1} && fails_with 3 'may return into (work|elsewhere.so)' revert elsewhere.so --timeout $slow &&
		kill -USR1 \$pid && read -r -t \$patience -u \$from line && [ \"\$line\" = 'result 12' ] && revert elsewhere.so && says 'answer 2' answer
	"
	t "another function is, $how: in nobody's way" "
		target elsewhere && patch_from elsewhere.c && says begun begin rest $how mapped && settled $states && snapshot &&
		patch elsewhere.so && says 'answer 12' answer && revert elsewhere.so && says 'answer 2' answer && unharmed && says 'result 2' end
	"
done
t '--allow-active lets it finish' '
	target elsewhere && patch_from elsewhere.c && says begun begin work sleep mapped && settled SS &&
	patch elsewhere.so --allow-active work && says "answer 12" answer && says "result 2" end && revert elsewhere.so && says "answer 2" answer
'
t 'static, and musl' '
	target elsewhere static && patch_from elsewhere.c && says begun begin work sleep heap && settled SS && fails_with 3 "may return into work" patch elsewhere.so --timeout $slow &&
	says "result 2" end && patch elsewhere.so && says "answer 12" answer && revert elsewhere.so && says "answer 2" answer && if [ $abi = amd64 ]; then
		CC=musl-gcc CFLAGS_EXTRA="-U_FORTIFY_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu" target elsewhere && patch_from elsewhere.c &&
		says begun begin work sleep mapped && settled SS && fails_with 3 "may return into work" patch elsewhere.so --timeout $slow && says "result 2" end &&
		patch elsewhere.so && says "answer 12" answer && revert elsewhere.so && says "answer 2" answer
	fi
'
done_testing
