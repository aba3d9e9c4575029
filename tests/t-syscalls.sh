#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A system call that a thread sleeps in comes back as if it had not been stopped.

. "${0%/*}/lib.sh"
for_each_abi

# A patch and its revert make two stops.
t '40 kinds of sleeps, ten stops' '
	target syscalls && patch_from beat.c && ask start $slow && snapshot &&
	for i in 1 2 3 4 5; do
		patch beat.so -q && says "beat 2" beat && revert beat.so -q && says "beat 1" beat || exit 1
	done && unharmed && says "fine 40" finish
'
t '40 kinds of sleeps, one stop, ended by the patch staying in' '
	target syscalls && patch_from beat.c && ask start $slow && patch beat.so && says "beat 2" beat && says "fine 40" finish
'
t '40 kinds of sleeps, ten dry runs' '
	target syscalls && patch_from beat.c && ask start $slow && snapshot &&
	for i in 1 2 3 4 5 6 7 8 9 10; do
		patch beat.so --dry-run | grep "can be applied" || exit 1
	done && unharmed && says "fine 40" finish && says "beat 1" beat
'

# ---- calls that a stop ends early, for good ----

# The calls of the target `frail` that move bytes.
movers="write writev send sendmsg recv recvmsg"

# told FILE CALL: nsb said in this file that it cut the call short, with the numbers of $answer.
told() {
	local numbers=${answer#short }
	echo "the call: $answer; nsb:" && cat "$1" && [[ $answer == short\ * ]] &&
	grep -qE "interrupted $2(to|from)? in thread [0-9]+, which comes back short, after $numbers bytes" "$1"
}

for call in $movers connect; do
	t "$call that ends soon is waited for, and comes back whole" '
		target frail && patch_from beat.c && says started "start $call $((4 * slow))" && says fed feed &&
		patch beat.so --timeout $((10 * slow)) 2>err && says whole result && ! grep . err && says "beat 2" beat &&
		revert beat.so && says "beat 1" beat && listed
	'
done
for call in $movers; do
	t "$call that does not end is cut short, and nsb says so" '
		target frail && patch_from beat.c && says started "start $call" && patch beat.so --timeout $((3 * slow)) 2>err &&
		answer=$(ask result) && told err $call && says "beat 2" beat && revert beat.so && says "beat 1" beat && listed
	'
done
t 'connect with a timeout is made again: only its last error is another one' '
	target frail && patch_from beat.c && says started "start connect $((4 * slow))" && patch beat.so --timeout $((2 * slow)) && says "beat 2" beat &&
	says "Operation already in progress" result && revert beat.so && says "beat 1" beat && listed
'
t 'close is not made twice, and nsb says so' '
	[ -e /dev/fuse ] && [ "$(id -u)" = 0 ] || skip "needs root and FUSE"
	mkdir m && starts_saying "$(helper deaffs)" m && trap "umount -l m; end_processes" EXIT &&
	target frail && patch_from beat.c && says started "start close $PWD/m/file" && wait_until grep -q closing .said &&
	patch beat.so --timeout $((3 * slow)) 2>err && says "Interrupted system call" result &&
	grep "interrupted close in thread [0-9]*, which comes back with EINTR" err &&
	says "beat 2" beat && revert beat.so && says "beat 1" beat && listed
'
t 'a thread in such a call is left alone as long as another one is not safe' '
	target frail && patch_from beat.c && says started "start write" && says occupied occupy && snapshot &&
	fails_with 3 "is in beat|its time is over" patch beat.so --timeout $((2 * slow)) && unharmed
'
t 'signals that come while nsb holds a thread end its call, those that it ignores do not' '
	target frail && patch_from beat.c && says occupied occupy && { starts nsb patch -p "$pid" -f beat.so --timeout 8; } 2>err &&
	says "0 missed, 0 ended by a signal that is ignored" "signals 20" && says left leave &&
	wait "$started" && says "beat 2" beat && revert beat.so && says "beat 1" beat
'

# ---- calls that nsb makes ----

# tells_of_dispatch: the kernel tells whether a thread's calls go to a handler (Linux 6.4).
tells_of_dispatch() {
	local release
	release=$(uname -r | sed 's/\([0-9]*\)\.\([0-9]*\).*/\1 * 100 + \2/')
	[ $((release)) -ge 604 ] || skip "no such dispatch that the kernel tells of"
}

# dispatching: the target's calls go to a handler now.
dispatching() {
	tells_of_dispatch
	[ "$(ask dispatch)" = dispatched ] || skip "the kernel has no such dispatch"
	says 4242 foreign
}

t 'calls that go to a handler: refused before anything is touched, and they still go there' '
	target dispatch && patch_from beat.c && dispatching && snapshot && fails_with 1 "PR_SET_SYSCALL_USER_DISPATCH" patch beat.so && unharmed &&
	says 4242 foreign && says "beat 1" beat
'
t 'calls that go to a handler in one thread: another one makes those of nsb' '
	target dispatch && patch_from beat.c && dispatching && says born thread && snapshot && patch beat.so && says "beat 2" beat && says 4242 foreign &&
	revert beat.so && says "beat 1" beat && unharmed && says 4242 foreign
'
t 'calls that go to a handler in all threads but the first, which is not borrowed beside them: refused by name' '
	tells_of_dispatch; target dispatch && patch_from beat.c && says born dispatching thread && snapshot &&
	fails_with 1 "PR_SET_SYSCALL_USER_DISPATCH" patch beat.so && unharmed && says "beat 1" beat && says born thread && snapshot &&
	patch beat.so && says "beat 2" beat && revert beat.so && says "beat 1" beat && unharmed
'
t 'a handler that comes after the patch: revert is refused, the patch stays whole' '
	target dispatch && patch_from beat.c && patch beat.so && dispatching && snapshot && fails_with 1 "PR_SET_SYSCALL_USER_DISPATCH" revert beat.so && unharmed && says "beat 2" beat && says 4242 foreign
'

done_testing
