#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Processes that end, or become other ones, while nsb is at work.

. "${0%/*}/lib.sh"
for_each_abi
rounds=${NSB_LONG:+100}
rounds=${rounds:-10}

# ends_with STATUSES COMMAND...: its exit status is one of these.
ends_with() {
	local wanted=$1 status
	shift
	"$@" 2>.stderr
	status=$?
	case " $wanted " in
	*" $status "*) ;;
	*)
		echo "status $status: $*"
		cat .stderr
		return 1 ;;
	esac
}

# is_whole: it says what is listed.
is_whole() {
	if [ "$(ask greet)" = goodbye ]; then
		listed greet.so
	else
		says hello greet && ! nsb list -p "$pid" | grep ' applied:'
	fi
}

# A moment, of another length each time.
moment() {
	for ((i = 0; i < RANDOM % 2000; i++)); do :; done
}

t 'the leader has gone, other threads live' '
	target confined && says confined leaderless && says hello say && patch_from greet.c && snapshot &&
	patch greet.so && says goodbye say && listed greet.so && nsb check -p $pid -f greet.so &&
	revert greet.so && says hello say && unharmed
'
t 'traced by strace' '
	target server && patch_from greet.c && starts strace -qq -o /dev/null -p $pid &&
	wait_until grep -q "TracerPid:.$started" /proc/$pid/status && snapshot &&
	fails_with 6 "traced by process $started .strace." patch greet.so && unharmed && listed && says hello greet
'
# The only thread is in a restartable sequence nearly always when it is stopped.
for_amd64
t 'a thread in a restartable sequence is not borrowed' '
	target sequence && patch_from plain.c && says "plain 2" plain 1 && echo stay >&$to && read -r -t $patience -u $from line &&
	{ [ "$line" = staying ] || skip "no restartable sequences here"; } && for i in 1 2 3 4 5; do
		ends_with "0 3" patch plain.so -q && ends_with "0 2 3" revert plain.so -q || exit 1
	done && kill -USR1 $pid && read -r -t $patience -u $from line && echo "$line" && [ "$line" = left ] &&
	ends_with "0 2" revert plain.so && snapshot && patch plain.so && says "plain 3" plain 1 && revert plain.so && says "plain 2" plain 1 && unharmed
'
for_each_abi
t 'it exits meanwhile' '
	build restless && patch_from greet.c && for ((round = 0; round < rounds; round++)); do
		launch $program || exit 1
		{ moment; echo exit >&$to; } &
		ends_with "0 5" patch greet.so || exit 1
		wait $!
	done
'
t 'it is killed meanwhile' '
	build restless && patch_from greet.c && for ((round = 0; round < rounds; round++)); do
		launch $program || exit 1
		{ moment; kill -KILL $pid; } &
		ends_with "0 5" patch greet.so || exit 1
		wait $!
	done
'
for how in exec 'exec in a thread'; do
	t "it calls $how meanwhile" "
		build restless && patch_from greet.c && launch \$program &&
		for ((round = 0; round < rounds; round++)); do
			{ moment; echo '$how' >&\$to; } &
			ends_with '0 3 5 8' patch greet.so || exit 1
			wait \$!
			read -r -t \$patience -u \$from line && [ \"\$line\" = ready ] && is_whole || exit 1
			ends_with '0 2' revert greet.so || exit 1
		done && says hello greet
	"
done
t 'it forks meanwhile: the child is whole' '
	build forks && patch_from beat.c && for ((round = 0; round < 2 * rounds; round++)); do
		launch $program && says "beat 1" beat || exit 1
		patch beat.so &
		moment
		child=$(ask fork) && ends_with_test $child && wait $! && says "beat 2" beat || exit 1
		state=$(nsb list -p $child | grep -oE "(half )?applied:") || [ -z "$state" ] || exit 1
		echo "the child: $state"
		case $state in
		applied:) says "beat 2" child && nsb revert -p $child -f beat.so && says "beat 1" child ;;
		*) says "beat 1" child && nsb patch -p $child -f beat.so && says "beat 2" child ;;
		esac && says "beat 2" beat || exit 1
		kill -KILL $pid $child
	done
'
t 'a child that shares its memory (vfork): refused, and named' '
	target restless && patch_from greet.c && snapshot && says done vfork &&
	wait_until pgrep -P $pid >/dev/null && child=$(pgrep -P $pid) && ends_with_test $child &&
	fails_with 1 "shares its memory with process $child " patch greet.so && says hello greet &&
	kill -KILL $child && wait_until eval "! pgrep -P $pid" && patch greet.so && says goodbye greet &&
	revert greet.so && says hello greet
'
# is_alone: the target has no other thread.
is_alone() {
	[ "$(thread_states)" = S ]
}
t 'a child that shares its memory until it calls exec is waited for' '
	target restless && patch_from greet.c && says done vfork for a moment && wait_until is_alone && snapshot &&
	says done vfork for a moment && wait_until pgrep -P $pid >/dev/null && patch greet.so && says goodbye greet && wait_until is_alone &&
	says done vfork for a moment && revert greet.so && says hello greet && wait_until is_alone && unharmed
'
t 'it spawns programs all the time' '
	target restless && patch_from greet.c && says done spawn && for ((round = 0; round < rounds; round++)); do
		ends_with "0 1 3 9" patch greet.so &&
		{ ! [ -s .stderr ] || grep -E "shares its memory|applied already|no thread is in a state to carry" .stderr; } && is_whole && ends_with "0 1 2 3" revert greet.so || exit 1
	done && says done rest && ends_with "0 9" patch greet.so && says goodbye greet &&
	revert greet.so && says hello greet
'

done_testing
