#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Processes that were made to harm nsb, the processes beside them, or root.

. "${0%/*}/lib.sh"
[ "$(id -u)" = 0 ] || skip_all 'it takes root to be attacked by others'
. "$tests/hostile.sh"
# Twenty attackers are slow to set up where system calls are: these tests may take longer than others.
body_patience=$((body_patience * 3))

# honest: another process of the program.
honest() {
	launch "$program" && honest=$pid && says hello greet && snapshot
}

# beside ATTACK [KIND]: a hostile process, an honest one that came later, and a patch of both.
beside() {
	hostile "$@" && honest && patch_from "${patch:-greet.c}"
}

# all COMMAND [OPTIONS...]: to all processes of the program, well within 20 s.
all() {
	local began=$SECONDS status
	nsb "$1" --all --exe "$program" --timeout 1 "${@:2}" >said 2>&1
	status=$?
	cat said
	[ $((SECONDS - began)) -lt 20 ] || { echo "took $((SECONDS - began)) s"; return 1; }
	return $status
}

# honest_is_patched: it was done to the honest process, and comes out of it again.
honest_is_patched() {
	pid=$honest && grep -x "$pid (hostile): ${patch_file:-greet}.so applied" said && says goodbye greet &&
	revert "${patch_file:-greet}.so" && says hello greet && unharmed
}

# exits STATUSES COMMAND...: with one of them.
exits() {
	local status
	"${@:2}"
	status=$?
	[[ " $1 " == *" $status "* ]] || { echo "status $status, not one of $1"; false; }
}

# field NAME: of the hostile process's status, in KiB or as it is.
field() {
	awk -v name="$1:" '$1 == name { print $2 }' "/proc/$bad/status"
}

# ---- what its memory says ----

t 'forged records that lie in one another cost no more than one' '
	beside overlap && (ulimit -v 400000; exits "0 8" nsb list -p $bad >list 2>&1) && ! grep "out of memory" list &&
	(ulimit -v 400000; exits "0 10" all patch -f greet.so) && honest_is_patched
'
t 'forged records without end are told as what they are' '
	beside fill && (ulimit -v 400000; exits 8 nsb list -p $bad >list 2>&1) && grep "state records: they are forged" list &&
	(ulimit -v 400000; exits 10 all patch -f greet.so) && honest_is_patched
'
t 'readable memory without pages is not read, and gets no page tables' '
	beside empty && before=$(field VmPTE) && began=$SECONDS && nsb list -p $bad && exits "0 10" all patch -f greet.so &&
	after=$(field VmPTE) && echo "page tables $before -> $after KiB, $((SECONDS - began)) s" && [ $((after - before)) -lt 1024 ] &&
	[ $((SECONDS - began)) -lt 30 ] && honest_is_patched
'
t '256 GiB of reserved memory, where contexts could be' '
	beside large && before=$(field VmPTE) && exits "0 10" all patch -f greet.so && after=$(field VmPTE) &&
	echo "page tables $before -> $after KiB" && [ $((after - before)) -lt 1024 ] && honest_is_patched
'
for how in disguise destroy; do
	t "the headers of a program are those of its file, whatever a process has made of its copy: $how" "
		beside $how && exits 0 all patch -f greet.so && grep \"^\$bad .*: greet.so applied\" said &&
		nsb list --exe \$program -f greet.so >list && cat list && grep \"^\$honest: 1 .* applied\" list && grep \"^\$bad: 1 .* applied\" list &&
		nsb check -p \$bad -f greet.so && exits 9 nsb patch -p \$bad -f greet.so && nsb revert -p \$bad -f greet.so && pid=\$bad && listed &&
		honest_is_patched
	"
done
t 'a C1 control character of a forged record is not printed' '
	csi=$(printf "\302\233") && beside colour && nsb list -p $bad >out 2>&1 && grep "one.*31mtwo" out &&
	nsb list --json -p $bad >>out 2>&1 && exits "0 1 3 8 10" nsb patch --replace -p $bad --timeout 1 -f greet.so >>out 2>&1 &&
	exits "0 10" all patch -v -v --replace -f greet.so && cat said >>out && ! LC_ALL=C grep -F "$csi" out && honest_is_patched
'

# claims HOW [KIND]: it has a record of the patch greet.so, which it was never given.
claims() {
	launch_hostile "${2:-pie}" && patch_from greet.c && attacks "$1" "$("$NSB_GEN" buildid greet.so)" && says hello greet && snapshot
}

# is_taken_for STATE: so it is listed, and it is not taken for patched.
is_taken_for() {
	nsb list -p $bad >told && cat told && grep "^$bad: 1 .* greet.so -> .* $1:" told && nsb list --json -p $bad | grep "\"state\": \"$1\"" &&
	nsb list --exe hostile -f greet.so >told && cat told && grep "^$bad: not patched" told &&
	exits 2 nsb check -p $bad -f greet.so >said && grep "not applied, can be applied now" said && unharmed
}

# is_patched_all_the_same: and comes out of it again.
is_patched_all_the_same() {
	patch greet.so && says goodbye greet && nsb list -p $bad >told && cat told && grep " greet.so .* applied: greet" told &&
	grep " greet.so .* $1:" told && nsb check -p $bad -f greet.so && exits 9 patch greet.so && revert greet.so && says hello greet &&
	all patch -f greet.so && says goodbye greet && all revert -f greet.so; says hello greet && unharmed
}

for how in claim claim-other claim-nothing claim-begun; do
	t "a forged record of the patch is told as forged, and keeps no patch away: $how" "
		claims $how && is_taken_for forged && exits 8 revert greet.so 2>said && cat said && grep 'cannot be true' said &&
		is_patched_all_the_same forged
	"
done
t 'and of a library, which may have been loaded anew, it is that of a patch that went with the old one' '
	claims claim so && is_taken_for "target gone" && patch greet.so && says goodbye greet && nsb check -p $bad -f greet.so &&
	revert greet.so && says hello greet && listed
'

# ---- what it keeps nsb waiting with ----

for_each_abi
t 'the resolver of an IFUNC that never returns' '
	patch=chosen.c && patch_file=chosen && beside resolver && exits 10 all patch -f chosen.so && honest_is_patched &&
	pid=$bad && listed
'
while read -r how status words; do
	t "the thread that ran a resolver that $words gets everything back" "
		hostile $how && patch_from chosen.c && snapshot && exits $status nsb patch -p \$bad --timeout 1 -f chosen.so &&
		says hello greet && unharmed && listed
	"
done <<'END'
resolver 3 never returns
fault 1 raises a signal
END
for_amd64
t 'a parent of a vfork child, which does not stop' '
	beside vfork && exits 10 all patch -f greet.so && honest_is_patched
'
t 'and -p of it ends in time, with status 3' '
	hostile vfork && patch_from greet.c && began=$SECONDS && exits 3 nsb patch -p $bad --timeout 1 -f greet.so && [ $((SECONDS - began)) -lt 8 ] &&
	grep "^TracerPid:.0" /proc/$bad/status
'

# The honest one is patched in time beside each of these, and so is the other one or nsb says why not.
while read -r how what; do
	t "$what" "
		beside $how && exits '0 10' all patch -f greet.so && honest_is_patched
	"
done <<'END'
tables		600 objects, each with its own 16 MiB of an unwind table that is not there
needs		4000 objects that need one another
hash		a hash table of 2^31 buckets
contexts	8 million words that look like suspended contexts
much		32000 mappings of its program
flood		SIGSTOP and SIGCONT all the time
churn		threads that end as soon as they have a successor
deep		1000 threads with 255 MiB of stack that has to be scanned
parasite	2000 threads in a parasite that no nsb has left
END
t 'code in a file whose contents never come' '
	mkdir mnt && { [ -c /dev/fuse ] && grep -q "fuse$" /proc/filesystems || skip "no FUSE here"; } && as="$(helper unserved) mnt $nobody" &&
	beside unserved && exits 10 all patch -f greet.so && grep "^nsb: $bad .*does not answer in time" said && honest_is_patched
'

# ---- what it does meanwhile ----

t 'a sandbox that is probed all the time is never off' '
	hostile sandbox && patch_from greet.c && for i in 1 2 3 4 5; do
		exits 2 nsb check -p $bad -f greet.so && nsb patch -p $bad -f greet.so && says goodbye greet && nsb check -p $bad -f greet.so &&
		nsb revert -p $bad -f greet.so && says hello greet || exit 1
	done && says "escaped 0" escaped
'
t 'a process with a filter and 2000 groups, whose status is long' '
	as= && hostile groups && patch_from greet.c && snapshot && says hello greet && patch greet.so && says goodbye greet && revert greet.so &&
	says hello greet && unharmed
'

# execs_amid FILE: until one has met nsb, processes of which a thread calls exec of FILE while nsb has
# borrowed another: the new program says that it is as it was.
execs_amid() {
	local i line status
	for ((i = 0; i < 20; i++)); do
		hostile exec nopie 7<"$1" && patch_from greet.c || return 1
		nsb patch -p "$bad" --timeout 1 -f greet.so
		status=$?
		if [ "$(readlink "/proc/$bad/exe")" != "$program" ]; then
			read -r -t 20 -u "$from" line
			echo "after $i others, $bad: $line"
			[[ $line == "as it was, user $2" ]]
			return
		fi
		[ "$status" != 0 ] || listed greet.so || return 1
		kill -KILL "$bad"
	done
	skip 'no exec met nsb'
}

t 'a thread calls exec while nsb has borrowed another: the new program is as it was' '
	execs_amid $(helper intact -static -no-pie) 65534 && execs_amid $(helper intact -static -no-pie) 65534
'
t 'and a setuid program is' '
	cp $(helper intact -static -no-pie) setuid && chmod 4755 setuid && $nobody /proc/self/fd/7 7<setuid >first && cat first &&
	{ grep -x "as it was, user 0" first || skip "no setuid programs here (nosuid)"; } && execs_amid setuid 0 && execs_amid setuid 0
'

for_each_abi
t 'the resolver of an IFUNC calls exec of a setuid program, which gets nothing of what nsb has saved' '
	cp $(helper intact -static -no-pie) setuid && chmod 4755 setuid && hostile become nopie 7<setuid && patch_from chosen.c &&
	fails_with 5 "has ended or called exec meanwhile" nsb patch -p $bad --timeout $((2 * slow)) -f chosen.so && read -r -t $patience -u "$from" line && echo "$line" &&
	[[ $line == "as it was, user "* ]]
'

for_amd64

# ---- nsb is stopped, and its children are ----

# held: a process with a thread that stays in a function; nsb waits for it.
held() {
	CFLAGS_EXTRA="-Wl,--defsym=held_$(echo "$root $NSB" | md5sum | cut -c 1-32)=0"
	target threads && ask start hold && says "inside 1" inside 1 && ask start sleepers 3 && patch_from hold.c
}

# at_work OPTIONS...: nsb patches it, and its child $worker traces it.
at_work() {
	starts "$NSB" patch $insecure -f hold.so "$@" >out 2>&1 && { wait_until nsb_traces "$started" /proc/"$pid"/status || { cat out; return 1; }; } &&
	worker=$(awk '/^TracerPid/ { print $2 }' /proc/"$pid"/status) && [ "$worker" != "$started" ]
}

untraced() {
	grep -q "^TracerPid:.0" "/proc/$pid/status"
}

# lives: it goes on, can be patched, and nothing is left in it.
lives() {
	says released release && says "serving 1" serving && patch hold.so && listed hold.so && revert hold.so && listed &&
	says "serving 1" serving && untraced && ! grep "x[ps] 00000000 00:00 0 *\$" "/proc/$pid/maps"
}

t 'SIGKILL of the child that works: the process lives, nsb says so' '
	held && at_work -p $pid --timeout 30 && kill -KILL $worker && exits 1 wait $started && cat out &&
	grep "the work on it was ended by signal 9" out && lives
'
t 'and the next process is done' '
	held && first=$pid first_to=$to first_from=$from && target threads && second=$pid && pid=$first to=$first_to from=$first_from &&
	at_work --all --exe $program --timeout 30 && kill -KILL $worker && exits 10 wait $started && cat out &&
	grep "^nsb: $first .*ended by signal 9" out && grep -x "$second (threads): hold.so applied" out && lives
'
t 'SIGSTOP of nsb and of its child: the kernel ends the child in time' '
	held && at_work -p $pid --timeout 2 && kill -STOP $started $worker && wait_until untraced &&
	kill -CONT $started && exits "1 3" wait $started && cat out && lives
'
# SIGTSTP, Ctrl-Z, stops only who is in a group of processes that its shell looks after.
for signal in STOP TSTP; do
	t "SIG$signal of nsb: the work is finished all the same" "
		held && set -m && at_work -p \$pid --timeout 60 && set +m && kill -$signal \$started && wait_until grep -qs '^State:.T' /proc/\$started/status &&
		says released release && wait_until untraced && listed hold.so && kill -CONT \$started && exits 0 wait \$started && grep applied out &&
		revert hold.so && listed && lives
	"
done

done_testing
