# shellcheck shell=bash disable=SC2154 # lib.sh's variables
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What happens when something happens to nsb at its n-th call, or at some moment: for
# tests that try them one after the other.  Sourced after lib.sh.
#
#	watch_target KIND [HOW [FLAG]]	the target "witness" with its patch
#	sweep ACTION CALLS COMMAND COUNT	see tests/helpers/nth.c
#
# To sweep over another target and patch, start it, make the patch, and set what
# watch_target sets before `watched`.

sum=$folder/sum		# a line for each nsb that something was done to: ABI, what, 1 or 0 deaths

# some COUNT: that, or all in a long run.
some() {
	[ -n "${NSB_LONG:-}" ] && echo all || echo "$1"
}

# often COUNT: that, or a thousand in a long run.
often() {
	[ -n "${NSB_LONG:-}" ] && echo 1000 || echo "$1"
}

# watch_target KIND [HOW]: the process has one thread ("alone"), or "sleepers", or "busy"
# ones; its main thread sleeps ("rest") or computes ("spin") meanwhile.  FLAG is of tests/patches/witness.c.
watch_target() {
	CFLAGS_EXTRA=${3:+-rdynamic} target witness "${kind_of_object:-pie}" || return 1
	[ "$1" = alone ] || says started start "$1" || return 1
	patch_from witness.c ${3:+"$3"} || return 1
	old='call 1 2' new='call 20 40' mixed='call (1|20) (2|40)' question=call
	file_of_patch=witness.so main=${2:-rest}
	watched
}

# The state to which everything has to come back is that after a patch and its revert.
watched() {
	nth=$(helper nth) && state=$(helper state) && tried=0 interrupted=0 &&
		patch "$file_of_patch" -q && revert "$file_of_patch" -q &&
		{ [ -z "$main" ] || says begun "$main"; } && fine && snapshot
}

# is_alive: or tell, and count a death.
is_alive() {
	local stat
	read -r stat </proc/"$pid"/stat && [[ $stat != *') Z '* ]] && return
	echo "$abi killed 1" >>"$sum"
	echo "the target is dead"
	return 1
}

untraced() {
	! grep -H 'TracerPid:.*[1-9]' /proc/"$pid"/task/*/status
}

# What the threads have seen, the main thread first; sets $answer to old or new.
fine() {
	local line
	if [ -n "$main" ]; then
		printf '%s\n' "$question" >&"$to"
		read -r -t "$patience" -u "$from" line
		read -r -t "$patience" -u "$from" answer
		[ "$line" = fine ] || { echo "the main thread saw: $line"; return 1; }
	else
		answer=$(ask "$question")
	fi
	# Killed between two jumps, nsb leaves each function old or new.
	[ "$answer" = "$old" ] || [ "$answer" = "$new" ] ||
		{ [ "${1:-}" = killed ] && [[ $answer =~ ^$mixed$ ]]; } ||
		{ echo "it says '$answer'"; return 1; }
	# Threads that saw EINTR where every stop makes it, signal(7): only when nsb was killed.
	line=$(ask check)
	case $line in
	'fine 0') ;;
	'fine '*)
		interrupted=$((interrupted + ${line#fine }))
		[ "${1:-}" = killed ] || { echo "calls were interrupted: $line"; return 1; } ;;
	*)
		echo "a thread saw: $line"
		return 1 ;;
	esac
}

# one_of STATUSES COMMAND...: exits with one of them.
one_of() {
	local status
	"${@:2}" >/dev/null
	status=$?
	[[ " $1 " = *" $status "* ]] || { echo "status $status, not one of $1: ${*:2}"; return 1; }
}

# The next nsb, whatever it is, works, and leaves nothing behind that a revert leaves.
next_nsb() {
	case $((tried % 4)) in
	0)	one_of '0 9' patch "$file_of_patch" -q && [ "$(ask "$question")" = "$new" ] &&
		[[ $(nsb list -p "$pid") == *' applied:'* ]] ;;
	1)	one_of '0 2' revert "$file_of_patch" -q && same_as_before ;;
	2)	one_of 0 nsb list -p "$pid" ;;
	3)	one_of '0 2' nsb check -p "$pid" -f "$file_of_patch" ;;
	esac
}

same_as_before() {
	"$state" "$pid" >.now && { cmp -s .snapshot .now || diff -U0 .snapshot .now; }
}

# Bring the target to where COMMAND can begin.
settle() {
	{ one_of '0 2' revert "$file_of_patch" -q 2>.errors || { cat .errors; return 1; }; } && same_as_before &&
		[ "$(ask "$question")" = "$old" ] &&
		{ [ "$1" = patch ] || patch "$file_of_patch" -q; }
}

# Statuses of an nsb that did what it should, or undid it: not killed, no damage.  If hooks had run, nsb
# cannot know what they have changed, and says so.
is_undone() {
	[ "$1" -gt 0 ] && [ "$1" -lt 64 ] && { [ "$1" != 11 ] || grep -q "data of the program may have been changed" .said; }
}

# attempt ACTION CALLS COMMAND N: sets $reached.
attempt() {
	local - status rest
	set +x
	settle "$3" || return 1
	[ -z "$main" ] || says begun "$main" || return 1
	timeout -s KILL "$patience" "$nth" .nth "$1" "$2" "$4" \
		"$NSB" "$3" -q -p "$pid" -f "$file_of_patch" 2>.said
	status=$?
	read -r reached calls rest <.nth || return 1
	tried=$((tried + 1))
	at="$3, $1 $2 $4 of $calls: call $rest, status $status"
	is_alive && untraced || return 1
	case $1 in
	*:9)
		fine killed && next_nsb || return 1
		[ "$reached" = 0 ] || echo "$abi killed 0" >>"$sum" ;;
	*)
		fine && tells_the_truth "$status" "$3" || return 1
		[ "$reached" = 0 ] || echo "$abi ${1%:*} 0" >>"$sum" ;;
	esac
}

# tells_the_truth STATUS COMMAND: 0 and done, or another one, one line, and nothing changed.
tells_the_truth() {
	local was=$old is=$new
	[ "$2" = patch ] || { was=$new is=$old; }
	if [ "$1" = 0 ]; then
		[ "$answer" = "$is" ] || { echo "it says '$answer', not '$is'"; return 1; }
		return
	fi
	if ! is_undone "$1" || [ "$answer" != "$was" ] || [ "$(wc -l <.said)" != 1 ]; then
		echo "it says '$answer'; nsb said:"
		cat .said
		return 1
	fi
	[ "$2" = revert ] || same_as_before
}

# sweep ACTION CALLS COMMAND COUNT: at the first call, and at about COUNT of the others ("all":
# at each), until there is none.
sweep() {
	local n whole reached=1 calls at=
	attempt "$1" "$2" "$3" 0 || return 1
	whole=$calls reached=1
	for ((n = 1; reached; n += $(stride "$4" "$n"))); do
		attempt "$1" "$2" "$3" "$n" || { echo "$at"; return 1; }
	done
	settle patch && tell_interrupted
}

# stride COUNT N: nsb looks at all processes of the host, and there may be thousands more at any
# time.  So what is left beyond the calls that were counted is passed in ever longer strides.
stride() {
	[ "$1" != all ] || { echo 1; return; }
	echo $((($2 > whole ? $2 : whole) / $1 + 1))
}

# sweep_time COMMAND COUNT: at so many random moments, microseconds from 50 to 8000.  To
# have the same ones again, set NSB_SEED to what a failure tells.
sweep_time() {
	local i reached=1 calls at='' seed=${NSB_SEED:-$SRANDOM}
	RANDOM=$seed
	for ((i = 0; i < $2; i++)); do
		attempt before:9 us "$1" $((50 + RANDOM % 7950)) || { echo "NSB_SEED=$seed: $at"; return 1; }
	done
	settle patch && tell_interrupted
}

# end_at SIGNAL WORD KIND COMMAND N: at its N-th ptrace call a new process gets the signal that
# ends it.  nsb says so, or is done already.  Sets $reached and $calls.
end_at() {
	local status rest
	if ! target witness || ! says mortal mortal; then
		return 1
	fi
	[ "$3" = alone ] || says started start "$3" || return 1
	[ -e witness.so ] || patch_from witness.c || return 1
	[ "$4" = patch ] || patch witness.so -q || return 1
	timeout -s KILL "$patience" "$nth" .nth "before:$1:$pid" ptrace "$5" \
		"$NSB" "$4" -q -p "$pid" -f witness.so 2>.said
	status=$?
	read -r reached calls rest <.nth || return 1
	case $status in
	0)	;;
	5)	[ "$(wc -l <.said)" = 1 ] && grep -qE "$2" .said ;;
	*)	false ;;
	esac || { echo "$4, $1 at $5 of $calls: call $rest, status $status"; cat .said; return 1; }
	[ "$reached" = 0 ] || echo "$abi ended 0" >>"$sum"
	kill -KILL "$pid"
	wait "$pid"
	exec {to}>&- {from}>&-
}

# sweep_end SIGNAL WORD KIND COMMAND COUNT: that at about COUNT of the calls.
sweep_end() {
	local n whole reached=1 calls
	nth=$(helper nth) && end_at "${@:1:4}" 0 || return 1
	whole=$calls reached=1
	for ((n = 1; reached; n += $(stride "$5" "$n"))); do
		end_at "${@:1:4}" "$n" || return 1
	done
}

tell_interrupted() {
	echo "$abi interrupted $interrupted" >>"$sum"
	interrupted=0
}

# At the end of the file: what was tried, as comments.
tell_sum() {
	local what
	[ -e "$sum" ] || return
	for what in killed fail delay before after ended; do
		awk -v what="$what" '$2 == what { n[$1]++; dead[$1] += $3 }
			END { for (abi in n) print "# " abi ": " what " " n[abi] " times, " dead[abi] " deaths" }' "$sum"
	done
	awk '$2 == "interrupted" { n[$1] += $3 }
		END { for (abi in n) print "# " abi ": " n[abi] " calls of the kind that every stop ends" }' "$sum"
}
