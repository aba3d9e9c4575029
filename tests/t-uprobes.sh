#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Probes of perf and bpftrace: on a function that is replaced, before and after, and on its return.

. "${0%/*}/lib.sh"
for_each_abi
# A probe is in all processes that run the file: nobody else's target may be one of them.
CFLAGS_EXTRA="-Wl,--defsym=probed_$(echo "$root $NSB" | md5sum | cut -c 1-32)=0"

# probes FUNCTION [return]: a probe on that function of $object; sets $prober.
probes() {
	local offset
	[ "$(id -u)" = 0 ] || skip 'for root'
	offset=$(nm "$object" | sed -n "s/ [tT] $1\$//p")
	NSB_NATIVE='' starts "$(helper uprobe)" "$object" "$offset" "${2:-entry}" >.probe
	prober=$started
	wait_until eval '[ -s .probe ] || ! [ -e /proc/$prober/fd ]'
	[ -s .probe ] || skip 'the kernel has no uprobes'
}

ends_probe() {
	kill -KILL "$prober" && { wait "$prober"; wait_until eval '! [ -e /proc/$prober ]'; }
} 2>/dev/null

t 'on a function that is to be replaced: refused, and named' '
	target server && patch_from greet.c && probes greet && says hello greet && snapshot &&
	fails_with 8 "greet has a breakpoint at 0x[0-9a-f]+, .*a uprobe of perf" patch greet.so && unharmed && says hello greet &&
	{ nsb check -p $pid -f greet.so >said; [ $? = 2 ]; } && grep "cannot be applied now.*uprobe" said &&
	ends_probe && patch greet.so && says goodbye greet && revert greet.so && says hello greet
'
t 'on another function of the program: in nobody'"'"'s way' '
	target server && patch_from greet.c && probes visit && says "visit 1" visit 1 && patch greet.so && says goodbye greet && says "visit 2" visit 1 &&
	ends_probe && says "visit 3" visit 1 && says goodbye greet && revert greet.so && says hello greet
'
t 'behind an ENDBR all is well: before, after, and when it goes' '
	CFLAGS_EXTRA=-fcf-protection=full target server && patch_from greet.c && probes greet && says hello greet && patch greet.so && says goodbye greet && ends_probe && says goodbye greet &&
	probes greet && says goodbye greet && nsb list -v -p $pid >said 2>&1 && ! grep uprobe said && revert greet.so && says hello greet && patch greet.so && ends_probe && says goodbye greet && revert greet.so && says hello greet
'
t 'one that comes after the patch: list -v and check tell, revert refuses until it is gone' '
	target server && patch_from greet.c && snapshot && patch greet.so && says goodbye greet && probes greet &&
	nsb list -v -p $pid 2>errors && grep "greet has a uprobe on the jump of greet.so" errors && nsb check -p $pid -f greet.so 2>errors && grep "greet has a uprobe" errors &&
	fails_with 8 "greet has a breakpoint at .*uprobe" revert greet.so && listed greet.so && ends_probe &&
	nsb list -v -p $pid 2>errors && grep "greet has a uprobe on the jump of greet.so, or had one" errors && revert greet.so && says hello greet && unharmed
'
t 'a return probe hides the caller: busy, and named' '
	target elsewhere && patch_from elsewhere.c && probes wait_there return && says begun begin work sleep mapped && wait_until eval "[ \$(thread_states) = SS ]" &&
	wait_until grep -q uprobes /proc/$pid/maps && fails_with 3 "a return probe .uretprobe., and only the kernel knows where it will return to" patch elsewhere.so --timeout 1 &&
	says "result 2" end && patch elsewhere.so && says "answer 12" answer && says begun begin work sleep mapped && wait_until eval "[ \$(thread_states) = SS ]" &&
	fails_with 3 "return probe" revert elsewhere.so --timeout 1 && says "result 12" end && revert elsewhere.so && says "answer 2" answer && ends_probe
'
done_testing
