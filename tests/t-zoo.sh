#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Whatever a process does, and whatever happens to nsb meanwhile: no command outlasts its --timeout by more than a
# second, SIGTERM ends it within a second, nobody stands afterwards who did not stand before, and the process is
# as it was.  All is generated from four tables.

. "${0%/*}/lib.sh"
. "${0%/*}/frozen.sh"

# Programs of tests/targets: kind, patch, a question with the answers of the old and the new code, what begins it.
# One that is "busy" has a thread that stays in the old code.
programs='
server|pie|greet.c|greet|hello|goodbye|
server|so|greet.c|greet|hello|goodbye|
server|static|greet.c|greet|hello|goodbye|
restless|pie|greet.c|greet|hello|goodbye|
places|pie|greet.c|greet|hello|goodbye|grow 16
large|pie|greet.c|greet|hello|goodbye|threads 50
confined|pie|greet.c|say|hello|goodbye|killing
coroutines|pie|inside.c|answer|answer 1|answer 2|suspend outside
jumps|pie|inside.c|answer|answer 1|answer 2|suspend outside
elsewhere|pie|elsewhere.c|answer|answer 2|answer 12|begin rest sleep heap
frail|pie|beat.c|beat|beat 1|beat 2|
dispatch|pie|beat.c|beat|beat 1|beat 2|
forks|pie|beat.c|beat|beat 1|beat 2|fork
registers|pie|beat.c|beat|beat 1|beat 2|start
signals|pie|work.c|work|work 2|work 3|install
syscalls|pie|beat.c|beat|beat 1|beat 2|
threads|pie|work.c|work 1|work 2|work 3|
threads|pie|hold.c|serving 1|serving 1|serving 1||busy
witness|pie|witness.c|call|call 1 2|call 20 40|start sleepers
'
# What it does meanwhile.  Words with a capital letter, and those behind them, are of tests/helpers/zoo.c; a
# static program cannot be in these states.
states='idle stopped traced v2 v1 dying Read Futex Epoll Poll Time Signal Child Compute Vfork Ring Unserved fork spawn
	thread signals exec'
commands='patch dry-run replace revert check list all'
acts='none short TERM suspend suspend-all KILL'
# When the act comes, in milliseconds: most commands take some.
moments=(1 3 6 12 40)

# be STATE: the target comes to it, from outside or by the thread that zoo.c has given it.
be() {
	case $1 in
	idle | dying) ;;
	stopped) kill -STOP "$pid" && wait_until is_stopped ;;
	traced) starts_saying "$(helper tracer)" "$pid" && tracer=$started && [ "$said" = tracing ] ;;
	v1 | v2) group_of "$1" && freeze ;;
	*)
		: >begin && wait_until test -e begun || return 1
		[ "$1" != Ring ] || wait_until eval '[ -e ended ]' || return 1
		[ "$1" != Ring ] || [ ! -e cannot ] || skip 'no io_uring here' ;;
	esac
}

# be_done STATE: it is over, if it can end.
be_done() {
	case $1 in
	stopped) kill -CONT "$pid" ;;
	traced) kill -KILL "$tracer" && wait_until untraced ;;
	v1 | v2) melt ;;
	fork | spawn | thread | signals | exec) : >end && wait_until test -e ended ;;
	esac
}

untraced() {
	! grep -hs '^TracerPid:' /proc/"$pid"/task/*/status | grep -qvE "[^0-9](0|${1:-0})\$"
}

# standing: how many threads are stopped, by a signal or by a tracer.
standing() {
	local letters
	letters=$(thread_states 2>/dev/null)
	letters=${letters//[^Tt]/}
	echo ${#letters}
}

stand_as_before() {
	[ "$(standing)" = "$stood" ]
}

# within_a_second COMMAND...: and as much later as the machine is slow.
within_a_second() {
	local - tries
	set +x
	for ((tries = 0; tries < 100 * slow; tries++)); do
		"$@" && return
		sleep 0.01
	done
	echo "not within a second: $*"
	thread_states
	grep -hs '^TracerPid:' /proc/"$pid"/task/*/status
	return 1
}

is_gone() {
	! [ -e "/proc/$pid/stat" ] || [[ $(<"/proc/$pid/stat") == *') '[ZX]' '* ]]
} 2>/dev/null

# answers WHAT: to the question, as programs do that have said "ready" again after an exec.
answers() {
	local line
	printf '%s\n' "$question" >&"$to"
	until [ "${line:-ready}" != ready ]; do
		read -r -t "$patience" -u "$from" line || return 1
	done
	[ "$line" = "$1" ] || { echo "asked '$question' it says '$line', not '$1'"; return 1; }
}

# in_time STATUS TOOK SINCE LATE: what within.c tells of the command.
in_time() {
	local limit=$((limit_ms + 1000 * slow))
	[[ $act != suspend* ]] || limit=$((limit + 500))
	echo "status $1 after $2 ms, $3 ms after the act; the machine was $4 ms late"
	[ $(($2 - $4)) -le "$limit" ] || { echo "it outlasts its timeout"; return 1; }
	[ "$act" != TERM ] || [ $(($3 - $4)) -le $((1000 * slow)) ] || { echo "SIGTERM does not end it"; return 1; }
	[ "$1" != 11 ] && { [ "$1" -lt 64 ] || [ "$act" = TERM ] || [ "$1" = 137 ]; }
}

# begun_as STATE: the program runs, with a thread that will be in that state.
begun_as() {
	local zoo before=()
	build "$program_name" "$kind" || return 1
	cp "$program" ./animal && [ ! -e "${program%/*}/lib$program_name.so" ] || cp "${program%/*}/lib$program_name.so" . || return 1
	case $1 in
	idle | stopped | traced | v1 | v2 | dying) ;;
	*)	zoo=$(helper zoo "$(mflag)" -shared -fPIC -pthread) && before=(env "ZOO=$1" "LD_PRELOAD=$zoo") || return 1 ;;
	esac
	if [ "$1" = Unserved ]; then
		{ [ "$(id -u)" = 0 ] && [ -c /dev/fuse ] && grep -q 'fuse$' /proc/filesystems; } || skip 'no FUSE here'
		mkdir mnt && before=("$(helper unserved)" mnt "${before[@]}")
	fi
	[ "$abi" = amd64 ] || runs_i386 || skip 'this kernel runs no 32-bit programs'
	launch "${before[@]}" ./animal || return 1
	[ ${#before[@]} = 0 ] || wait_until test -e waits || return 1
	# What serves that file: it has to go, or the process could not.
	[ "$1" != Unserved ] || ends_with_test "$(pgrep -P "$pid")"
	[ -z "$begins" ] || ask "$begins" >said
}

# prepared: what `replace` and `revert` work on is there.
prepared() {
	snapshot || return 1
	case $command in
	replace) patch_from "$source_of_patch" -o first.so -O1 && patch first.so -q ;;
	revert) patch "$file_of_patch" -q ;;
	esac || return 1
	[ -z "$busy" ] || { ask start hold && says 'inside 1' inside 1; } || return 1
	[ -z "$busy" ] || snapshot
}

words_of_command() {
	case $command in
	patch) echo "patch -p $pid -f $file_of_patch" ;;
	dry-run) echo "patch --dry-run -p $pid -f $file_of_patch" ;;
	replace) echo "patch --replace -p $pid -f $file_of_patch" ;;
	revert) echo "revert -p $pid -f $file_of_patch" ;;
	check) echo "check -p $pid -f $file_of_patch" ;;
	list) echo "list -p $pid" ;;
	all) echo "patch --all --exe $PWD/animal -f $file_of_patch" ;;
	esac
}

# try_command STATE MOMENT: with what happens to it.
try_command() {
	local words timeout=2 status took since late
	words=$(words_of_command)
	[ "$act" != short ] || timeout=0.5
	limit_ms=2000
	[ "$act" != short ] || limit_ms=500
	case $command in
	check | list) ;;
	*) words="$words $insecure" ;;
	esac
	[ "$command" = list ] || words="$words --timeout $timeout"
	stood=$(standing)
	[ "$1" != dying ] || { sleep "0.0$2" && kill -KILL "$pid"; } &
	# shellcheck disable=SC2086 # a list of words
	timeout -s KILL "$patience" "$(helper within)" result "$act" "$2" "$NSB" $words >said 2>&1
	tail -n 3 said
	read -r status took since late <result && in_time "$status" "$took" "$since" "$late" || return 1
	done_alone=
	[ "$status" != 0 ] || [ "$act" != none ] || [ "$command" != patch ] || done_alone=1
}

# meets ROW STATE COMMAND ACT MOMENT: one combination.
meets() {
	local program_name kind source_of_patch question old new begins busy state=$2 command=$3 act=$4
	IFS='|' read -r program_name kind source_of_patch question old new begins busy <<<"$1"
	file_of_patch=${source_of_patch%.c}.so
	begun_as "$state" && patch_from "$source_of_patch" || return 1
	[ "$state" != Ring ] || be Ring || return 1
	prepared && { [ "$state" = Ring ] || be "$state"; } && try_command "$state" "$5" || return 1
	case $state in
	dying)
		within_a_second is_gone
		return ;;
	traced) within_a_second untraced "$tracer" ;;
	*) within_a_second untraced ;;
	esac && within_a_second stand_as_before || return 1
	# Only if nsb is killed at the wrong moment does the program see EINTR (docs/syscalls.md).
	[ ! -e interrupted ] || [ "$act" = KILL ] || { echo "a call was interrupted"; return 1; }
	# The thread that shares its memory with a child, or sleeps uninterruptibly, keeps nsb from what comes now.
	case $state in
	Vfork | Unserved)
		if [[ $command =~ ^re ]]; then
			answers "$new"
		else
			answers "$old"
		fi
		return ;;
	esac
	be_done "$state" && { [ -z "$done_alone" ] || [ "$state" = exec ] || answers "$new"; } || return 1
	# A thread that has ended is none any more.
	[ -z "$busy" ] || { { [ "$act" != KILL ] || taken_out "$file_of_patch"; } && unharmed && says released release && snapshot; } || return 1
	taken_out "$file_of_patch" && { [ ! -e first.so ] || taken_out first.so; } && answers "$old" || return 1
	[ "$state" = exec ] || unharmed
}

# taken_out FILE: it is not there any more, or was not.
taken_out() {
	local status
	revert "$1" -q 2>errors
	status=$?
	[ "$status" = 0 ] || [ "$status" = 2 ] || { cat errors; return 1; }
}

# Programs that are in all states, and meet all that can happen; the others meet each in turn.  In a
# short run only some of all that are made, always the same.
i=0 n=0
while IFS= read -r row; do
	for state in $states; do
		[[ $row != *'|static|'* ]] || [[ $state =~ ^(idle|stopped|traced|v1|v2|dying)$ ]] || continue
		# What has begun by a question is gone with an exec.
		[ "$state" != exec ] || [[ $row =~ \|$ ]] || continue
		for command in $commands; do
			# No thread stays in the new code.
			[[ $row != *busy ]] || [[ ! $command =~ ^re ]] || continue
			turn=0
			for act in $acts; do
				i=$((i + 1)) turn=$((turn + 1))
				[[ $row == 'server|pie|'* ]] || [ $(((i / 6) % 6 + 1)) = $turn ] || continue
				n=$((n + 1)) abis=$NSB_ABIS
				if [ -z "${NSB_LONG:-}" ]; then
					[ $((n % 59)) = 5 ] || continue
					abis=${NSB_ABIS%% *}
					[ $((n % 2)) = 0 ] || abis=${NSB_ABIS##* }
				fi
				t "${row%%|*} $(cut -d'|' -f 2 <<<"$row"), $state: $command, $act" "meets '$row' $state $command $act ${moments[i % 5]}"
			done
		done
	done
done < <(grep . <<<"$programs")

done_testing
