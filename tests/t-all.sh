#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many processes: --all, --exe, --user, and list of all.

. "${0%/*}/lib.sh"
. "${0%/*}/many.sh"
for_each_abi

own_build_id() {
	CFLAGS_EXTRA="-Wl,--defsym=own_$(echo "$root $NSB $abi" | md5sum | cut -c 1-32)=0"
}

is_json() {
	cat "$1" && python3 -c '
import json, sys
it = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$1" "${2:-True}"
}

for kind in so pie static dlopen; do
	t_own "--all patches each process that has loaded the build, and no other: $kind" '
		CFLAGS_EXTRA= && target server so && other=$pid && own_build_id && crowd 3 '$kind' && patch_from greet.c &&
		each_snapshot && each_says hello greet &&
		nsb patch --all -f greet.so >said && cat said && each_says goodbye greet && [ "$(wc -l <said)" = 4 ] &&
		for pid in "${crowd[@]}"; do grep -x "$pid (server): greet.so applied" said || exit 1; done &&
		grep -x "3 processes: 3 done, 0 failed" said && pid=$other && listed &&
		nsb patch --all -f greet.so >said && grep "3 processes: 0 done, 3 had it already, 0 failed" said &&
		nsb revert --all -f greet.so >said && cat said && [ "$(grep -c reverted said)" = 3 ] &&
		each_says hello greet && each_unharmed
	'
done
t_own 'revert --all needs no file, and takes those that have it' '
	crowd 3 && patch_from greet.c && each_snapshot && nsb patch -p ${crowd[0]} -f greet.so && nsb patch -p ${crowd[2]} -f greet.so &&
	nsb revert --all --id $("$NSB_GEN" buildid greet.so) >said && cat said && grep -x "2 processes: 2 done, 0 failed" said &&
	each_says hello greet && each_unharmed && fails_with 2 "no such process has the patch" nsb revert --all -f greet.so
'
t_own 'some done, some not: status 10, and each failure says why' '
	crowd 3 && patch_from greet.c && each_snapshot && traced=${crowd[1]} && starts_saying $(helper tracer) $traced &&
	fails_with 10 "^nsb: $traced: .*traced" nsb patch --all -f greet.so >said && cat said && grep -x "3 processes: 2 done, 1 failed" said &&
	[ "$(grep -c applied said)" = 2 ] && kill $started && wait_until grep -q "^TracerPid:.0" /proc/$traced/status &&
	nsb patch --all -f greet.so >said && grep -x "3 processes: 1 done, 2 had it already, 0 failed" said && each_says goodbye greet &&
	nsb revert --all -f greet.so && each_says hello greet && each_unharmed
'
t_own 'none done, for one reason: its own status; for several: 1' '
	crowd 2 && patch_from greet.c && starts_saying $(helper tracer) ${crowd[0]} && first=$started &&
	starts_saying $(helper tracer) ${crowd[1]} && ! nsb patch --all -f greet.so 2>errors >said; [ "$(grep -vc "could not be looked at" errors)" = 2 ] &&
	nsb patch --all -f greet.so 2>errors; [ $? = 6 ] && each_says hello greet
'
t_own 'no process has it: status 5' '
	build server so && patch_from greet.c && fails_with 5 "no such process has loaded libserver.so with build-id" nsb patch --all -f greet.so &&
	fails_with 5 "no such process" nsb check --all -f greet.so
'
t_own 'check --all: 2, 10 and 0' '
	crowd 2 && patch_from greet.c && each_snapshot && nsb check --all -f greet.so >said; [ $? = 2 ] && [ "$(grep -c "not applied, can be" said)" = 2 ] &&
	each_unharmed && nsb patch -p ${crowd[0]} -f greet.so && { nsb check --all -f greet.so >said; [ $? = 10 ]; } &&
	grep -x "${crowd[0]} (server): greet.so: applied" said && nsb patch --all -f greet.so && nsb check --all -f greet.so >said &&
	[ "$(grep -c ": applied" said)" = 2 ]
'
t_own '--exe by name and by path' '
	crowd 2 && cp $program other && program=$PWD/other && ln -s $(dirname $object)/libserver.so . && launch $program &&
	patch_from greet.c && nsb patch --all --exe other -f greet.so >said && grep -x "1 processes: 1 done, 0 failed" said &&
	listed greet.so && each_says hello greet && pid=$(basename $PWD) && nsb revert --all --exe $program -f greet.so >said &&
	grep -x "1 processes: 1 done, 0 failed" said && fails_with 5 "no such process" nsb patch --all --exe /bin/other -f greet.so
'
t_own '--user by name and by number' '
	[ "$(id -u)" = 0 ] || skip "needs root to become someone else"
	crowd 1 static && open=$(mktemp -d /tmp/nsb-all-XXXXXX) && chmod 755 $open && cp $program $open &&
	launch setpriv --reuid 65534 --regid 65534 --clear-groups $open/server && rm -r $open &&
	their=$pid && patch_from greet.c && nsb patch --all --user nobody -f greet.so >said && cat said && grep "^$their " said &&
	[ "$(wc -l <said)" = 2 ] && nsb list --user 65534 | grep "^$their: " && nsb patch --all --user 0 -f greet.so >said &&
	grep "^${crowd[0]} " said && ! grep "^$their " said && fails_with 64 "no such user" nsb patch --all --user nosuchuser -f greet.so
'
t_own '--all is interrupted: the rest is not tried, status 12' '
	crowd 3 so threads && patch_from hold.c && for pid in ${crowd[@]}; do
		to=${tos[pid]} from=${froms[pid]}; ask start hold && says "inside 1" inside 1 || exit 1
	done && each_snapshot && for json in "" --json; do
		starts "$NSB" patch --all $insecure -f hold.so --timeout 60 $json >answer 2>errors && wait_until nsb_traces $started /proc/[0-9]*/status &&
		kill -TERM $started && { wait $started; [ $? = 12 ]; } && cat answer && grep "ended by SIGTERM: nothing was changed" errors || exit 1
		[ -n "$json" ] || grep -xE "[123] processes: 0 done, 0 failed, [123] not tried" answer || exit 1
	done && is_json answer "(it[\"found\"], it[\"done\"], it[\"not_tried\"], it[\"status\"], it[\"result\"]) == (it[\"not_tried\"], 0, it[\"not_tried\"], 12, \"interrupted\") and 1 <= it[\"found\"] <= 3" && each_unharmed
'
t_own '--all --json' '
	crowd 2 && patch_from greet.c && starts_saying $(helper tracer) ${crowd[0]} &&
	{ nsb patch --all --json -f greet.so >answer 2>/dev/null; [ $? = 10 ]; } &&
	is_json answer "(it[\"schema\"], it[\"found\"], it[\"done\"], it[\"failed\"], it[\"status\"]) == (1, 2, 1, 1, 10)" &&
	is_json answer "[(p[\"pid\"], p[\"status\"], p[\"result\"]) for p in it[\"processes\"]] == [(${crowd[0]}, 6, \"traced\"), (${crowd[1]}, 0, \"done\")] and \"traced\" in it[\"processes\"][0][\"reason\"]"
'
t_own 'list --build-id and list -f: who has the patch, and who still needs it' '
	crowd 2 && patch_from greet.c && id=$("$NSB_GEN" buildid $object) && nsb patch -p ${crowd[0]} -f greet.so &&
	nsb list --build-id $id >said && cat said && grep "^${crowd[0]}: 1 .* greet.so -> " said &&
	grep "^${crowd[1]}: not patched (server)" said && [ "$(wc -l <said)" = 2 ] && nsb list -f greet.so | cmp - said &&
	nsb list --json -f greet.so >answer &&
	is_json answer "[p[\"pid\"] for p in it[\"patches\"]] == [${crowd[0]}] and [p[\"pid\"] for p in it[\"unpatched\"]] == [${crowd[1]}]"
'
t_own 'a file that was deleted or replaced is known by what is in memory' '
	crowd 1 && mkdir there && cp $program $object there && launch there/server && later=$pid && rm there/* && patch_from greet.c &&
	nsb patch --all -f greet.so >said && grep "^$later (server): greet.so applied" said && each_says goodbye greet
'
t_own 'a program that executes itself anew for its children: told; one that only forks: not' '
	target forks && patch_from beat.c && child=$(ask fork) && nsb patch --all --exe $program -f beat.so 2>errors && ! [ -s errors ] && says "beat 2" child &&
	nsb revert --all --exe $program -f beat.so && ask end && child=$(ask execute) && wait_until grep -q "^anew" /proc/$child/cmdline && says "beat 1" beat && snapshot &&
	nsb patch --all --exe $program -f beat.so >said 2>errors && grep -x "2 processes: 2 done, 0 failed" said && cat errors && [ "$(wc -l <errors)" = 1 ] &&
	grep "^nsb: $pid (forks) executes its own program anew, as it did for $child: .* are not patched" errors && says "beat 2" beat &&
	nsb revert --all --exe $program -f beat.so && says "beat 1" beat && unharmed && ask end
'
t_own 'a crowd' '
	crowd ${NSB_LONG:+20}25 && patch_from greet.c && each_snapshot && nsb patch --all -q -f greet.so >said && ! [ -s said ] && each_says goodbye greet &&
	nsb revert --all -q -f greet.so && each_says hello greet && each_unharmed
'
t_own 'progress is for terminals' '
	export TERM=xterm && crowd 12 && patch_from greet.c && script -qec "$NSB patch --all -f greet.so" /dev/null </dev/null >said &&
	sed "s/\x1b\[[0-9;]*[mK]//g" said | grep -c "greet.so applied" | grep -x 12 && grep -q "$(printf "\033\\[32mapplied")" said &&
	NO_COLOR=1 script -qec "$NSB list -f greet.so" /dev/null </dev/null >said && grep -c applied said | grep -x 12 &&
	! grep -q "$(printf "\033")" said && TERM=dumb script -qec "$NSB list -f greet.so" /dev/null </dev/null >said &&
	! grep -q "$(printf "\033")" said && nsb revert --all -f greet.so >said 2>&1 && ! grep -q "$(printf "\033")" said
'
t 'options that go together, and those that do not' '
	fails_with 64 "one process or many" nsb patch --all -p 1 -f x.so && fails_with 64 "no process given" nsb patch -f x.so &&
	fails_with 64 "not a build-id" nsb list --build-id xyz
'

done_testing
