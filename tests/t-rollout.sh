#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# To many processes: nsb sync, and --canary, which shall cost a few processes and not all.

. "${0%/*}/lib.sh"
. "${0%/*}/many.sh"
for_each_abi

own_build_id() {
	CFLAGS_EXTRA="-Wl,--defsym=own_$(echo "$file $root $NSB $abi $count" | md5sum | cut -c 1-32)=0"
}

# workers N: N processes that call step() thirty times a second; sets ${crowd[@]}, and $object.
workers() {
	local i
	cat >worker.c <<'END'
#include <unistd.h>
static volatile int steps;
__attribute__((noipa)) int step(int n) { steps++; return n + 1; }
int main(void)
{
	for (int n = 0; n >= 0; n = step(n))
		usleep(30000);
	return 1;
}
END
	cat >crash.c <<'END'
#include <nsb/vzp.h>
int step(int n);
int step(int n) { *(volatile int *)8 = n; return n; }
VZP_CALLERS_CHECKED(step);
END
	sed 's/\*(.*; return n;/return n + 2;/' crash.c >good.c
	# shellcheck disable=SC2086,SC2154 # lists of words
	gcc $(mflag) $debian_flags $debian_ldflags "-Wl,--build-id=0x$(echo "$PWD" | md5sum | cut -c 1-32)" -o worker worker.c && object=$PWD/worker && needs_kernel_for ./worker || return 1
	for ((i = 0; i < $1; i++)); do
		./worker &
		ends_with_test $!
		crowd+=("$!")
		# The shell tells nobody that it has crashed.
		disown
	done
	wait_until eval "[ \"\$(cat $(printf '/proc/%s/comm ' "${crowd[@]}") | grep -c worker)\" = $1 ]"
}

# live N: so many of the workers do.
live() {
	local n=0
	for pid in "${crowd[@]}"; do
		! grep -qs '^State:.[^ZX]' "/proc/$pid/status" || n=$((n + 1))
	done
	[ "$n" = "$1" ] || { echo "$n live, not $1"; return 1; }
}

t_own 'a patch that crashes costs the canary only; status 1, and why' '
	ulimit -c 0; workers 5 && patch_from crash.c && fails_with 1 "^nsb: crash.so: 1 of the 1 processes that were patched have ended, ${crowd[0]} the first of them: taken back" \
		nsb patch --all --canary -f crash.so >said && cat said && grep -x "1 processes: 1 done, 0 failed" said && live 4 &&
	{ nsb patch --all --canary 2 -f crash.so --json >said 2>errors; [ $? = 1 ]; } && { live 2 || live 3; } && python3 -c "
import json
it = json.load(open(\"said\"))
assert (it[\"status\"], it[\"result\"], it[\"done\"]) == (1, \"refused\", 2) and it[\"taken_back\"] < 2 and \" of the 2 processes\" in it[\"reason\"], it"
'
t_own 'canaries that live are followed by the others, in batches; the probe has its say' '
	crowd 4 && patch_from greet.c && each_snapshot && each_says hello greet &&
	nsb patch --all --canary --batch 2 --settle 0.1 --probe "date +%N >>times" -f greet.so >said && cat said && grep -x "4 processes: 4 done, 0 failed" said &&
	[ "$(wc -l <times)" = 3 ] && each_says goodbye greet && nsb patch --all --canary --settle 0.1 --probe false -f greet.so | grep "4 had it already" &&
	nsb revert --all -q -f greet.so && each_says hello greet && each_unharmed
'
t_own 'the probe says no, or does not end: all is taken back' '
	crowd 3 && patch_from greet.c && each_snapshot && each_says hello greet &&
	fails_with 1 "greet.so: the probe says no .status 3.: exit 3: taken back, it is in none of them now" nsb patch --all --canary=2 --settle 0 --probe "exit 3" -f greet.so >said &&
	cat said && grep -x "2 processes: 2 done, 0 failed, 2 taken back" said && each_says hello greet && each_unharmed &&
	fails_with 1 "the probe does not end in time .*: taken back" nsb patch --all --canary=2 --settle 0 --timeout 1 --probe "sleep 77" -f greet.so &&
	each_says hello greet && each_unharmed
'
t_own 'one that cannot be patched ends it; what was done stays' '
	crowd 3 && patch_from greet.c && each_snapshot && starts_saying $(helper tracer) ${crowd[1]} &&
	nsb patch --all --canary --batch 1 --settle 0 -f greet.so >said 2>errors; [ $? = 10 ] && cat said errors && grep "not gone on with, as 1 processes could not be patched" errors &&
	grep -x "2 processes: 1 done, 1 failed" said && nsb list -p ${crowd[0]} | grep greet.so && nsb list -p ${crowd[2]} >said && ! [ -s said ] &&
	nsb revert -p ${crowd[0]} -f greet.so && each_says hello greet
'
t_own 'interrupted while it looks at them: what was done stays, status 12' '
	crowd 2 && patch_from greet.c && starts "$NSB" patch $insecure --all --canary --settle 60 -f greet.so >said 2>errors && wait_until grep applied said &&
	kill -TERM $started && { wait $started; [ $? = 12 ]; } && grep "ended by a signal: those that were patched stay so" errors && nsb revert -p ${crowd[0]} -f greet.so && each_says hello greet
'
t 'options that go together, and those that do not' '
	fails_with 64 "are for patch --all and sync" nsb patch -p 1 --canary -f x.so && fails_with 64 "are for patch --all and sync" nsb revert --all --batch 2 -f x.so &&
	fails_with 64 "not a number of processes" nsb patch --all --batch 0 -f x.so && fails_with 64 "nothing is named" nsb install
'

# ---- sync ----

t_own 'sync: every process is as the store says, a second time nothing is done, and a newer patch takes the place of the older' '
	crowd 3 && patch_from greet.c && sed "s/goodbye/farewell/" "$tests/patches/greet.c" >newer.c && patch_from newer.c && each_snapshot && each_says hello greet &&
	nsb install --store store greet.so -q && nsb sync --store store >said && cat said && grep -x "3 processes: 3 done, 0 failed" said && each_says goodbye greet &&
	nsb sync --store store >said && [ "$(cat said)" = "3 processes: 0 done, 3 had it already, 0 failed" ] && nsb revert -p ${crowd[1]} -f greet.so &&
	nsb sync --store store --json >said && python3 -c "
import json
it = json.load(open(\"said\"))
assert [p[\"pid\"] for p in it[\"processes\"]] == [${crowd[1]}] and (it[\"done\"], it[\"already\"], it[\"status\"]) == (1, 2, 0), it" && each_says goodbye greet &&
	nsb install --store store newer.so -q && nsb sync --store store | grep -x "3 processes: 3 done, 0 failed" && each_says farewell greet && nsb status --store store -q &&
	nsb revert --all -f newer.so -q && each_says hello greet && each_unharmed
'
t_own 'sync with a canary that crashes: status 10, the others live; then a good patch' '
	ulimit -c 0; workers 4 && patch_from crash.c && patch_from good.c && nsb install --store store crash.so -q && fails_with 10 "^nsb: crash.so: 1 of the 1 processes .* taken back" nsb sync --store store --canary --settle 1 &&
	live 3 && nsb install --store store good.so -q && nsb sync --store store --canary --settle 0.2 | grep -x "3 processes: 3 done, 0 failed" && live 3 &&
	nsb status --store store -q && nsb revert --all -f good.so -q && live 3
'
t_own 'sync and a bad file of the store: told, status 10, the others count; no store: status 7' '
	crowd 1 && patch_from greet.c && mkdir store && cp greet.so store && echo no >store/no.so && fails_with 10 "^nsb: store/no.so: " nsb sync --store store &&
	each_says goodbye greet && nsb revert --all -q -f greet.so && each_says hello greet && fails_with 7 "nowhere: cannot open" nsb sync --store nowhere
'
t_own 'only one works on a store at a time; who waits too long says so, and what was killed holds nothing' '
	build server so && patch_from greet.c && nsb install --store store greet.so -q && exec 7<store && flock -x 7 &&
	fails_with 3 "another nsb is at work on the store" nsb sync --timeout 0.2 --store store && fails_with 3 "another nsb is at work" nsb remove greet.so --timeout 0.2 --store store &&
	exec 7<&- && nsb sync --store store
'
t_own 'install is killed at any moment: the store has the one patch or the other, whole' '
	build server so && patch_from greet.c && sed "s/goodbye/farewell/" "$tests/patches/greet.c" >newer.c && patch_from newer.c && nsb install -q --store store greet.so &&
	for ((i = 0; i < ${NSB_LONG:+10}12; i++)); do
		file=newer.so; [ $((i % 2)) = 0 ] || file=greet.so
		"$NSB" install -q $insecure --store store $file & ends_with_test $!
		perl -e "select undef, undef, undef, $i * 0.0005" && kill -KILL $! 2>kills; wait $!
		[ "$(ls store | wc -l)" = 1 ] && { cmp -s greet.so store/*.so || cmp newer.so store/*.so; } && nsb status --store store -q || exit 1
	done && nsb install -q --store store greet.so && [ "$(ls -A store | wc -l)" = 1 ]
'

done_testing
