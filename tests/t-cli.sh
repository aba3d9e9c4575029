#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The command line of nsb: options, output, help.

. "${0%/*}/lib.sh"
for_each_abi

# is_json FILE [EXPRESSION]: one JSON value; EXPRESSION of it, as `it`, holds.
is_json() {
	cat "$1" && python3 -c '
import json, sys
it = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$1" "${2:-True}"
}

t '--dry-run changes nothing, and says what would be' '
	target server && patch_from greet.c && snapshot && patch greet.so --dry-run >said &&
	grep -E "^$pid: greet.so can be applied" said && says hello greet && listed && unharmed &&
	patch greet.so && snapshot && revert greet.so --dry-run >said && grep "can be reverted" said &&
	says goodbye greet && listed greet.so && unharmed
'
t 'one line on stdout, none on stderr' '
	target server && patch_from greet.c && patch greet.so >said 2>errors && [ "$(cat said)" = "$pid: greet.so applied" ] &&
	revert greet.so >said 2>>errors && [ "$(cat said)" = "$pid: greet.so reverted" ] && ! [ -s errors ]
'
t '-q says nothing' '
	target server && patch_from greet.c && patch greet.so -q >said 2>&1 && revert greet.so --quiet >>said 2>&1 &&
	! nsb check -q -p $pid -f greet.so >>said 2>&1 && ! [ -s said ]
'
t '-v tells the steps on stderr, -vv more' '
	target server && patch_from greet.c && patch greet.so -v >said 2>steps && [ "$(wc -l <said)" = 1 ] &&
	[ -s steps ] && revert greet.so -v 2>/dev/null && patch greet.so -vv 2>details &&
	grep "map memory in thread" details && ! grep "map memory in thread" steps
'
t '-v N and --verbosity=N, --no-plugin, as old scripts say them' '
	target server && patch_from greet.c && patch greet.so -v 4 --no-plugin 2>details && [ -s details ] &&
	says goodbye greet && nsb revert --pid $pid --filename greet.so --verbosity=0 2>details && ! [ -s details ] &&
	says hello greet && nsb check -v 2 -p $pid -f greet.so; [ $? = 2 ] && nsb patch -v 4 -f greet.so -p $pid &&
	nsb check -v 2 -p $pid -f greet.so
'
t 'options in any order, before the command and after' '
	target server && patch_from greet.c && nsb -f greet.so -p $pid patch && listed greet.so &&
	nsb --pid=$pid revert --filename=greet.so && listed
'
t '--json: patch, check, list, info, revert' '
	target server && patch_from scale.c && id=$("$NSB_GEN" buildid scale.so) &&
	! nsb check --json -p $pid -f scale.so >answer && is_json answer "it[\"answer\"].startswith(\"not applied\")" &&
	patch scale.so --json >answer && is_json answer "it[\"schema\"] == 1 and it[\"pid\"] == $pid" &&
	nsb check --json -p $pid -f scale.so >answer && is_json answer "it[\"answer\"] == \"applied\"" &&
	nsb list --json -p $pid >answer &&
	is_json answer "([p[\"build_id\"] for p in it[\"patches\"]] == [\"$id\"] and
		[f[\"name\"] for f in it[\"patches\"][0][\"functions\"]] == [\"scale\"])" &&
	nsb info --json -f scale.so >answer && is_json answer "\"scale\" in str(it)" &&
	revert scale.so --json >answer && is_json answer "it[\"schema\"] == 1" &&
	nsb list --json -p $pid >answer && is_json answer "it[\"patches\"] == []"
'
t '--json: a bad patch, a wrong command line, no process' '
	target server && patch_from greet.c && echo none >none.so && failure() { is_json answer "(sorted(it) == [\"command\", \"reason\", \"result\", \"schema\", \"status\"] and it[\"schema\"] == 1 and
		(it[\"command\"], it[\"status\"], it[\"result\"]) == $1 and \"$2\" in it[\"reason\"])"; } &&
	fails_with 7 "no ELF" patch none.so --json >answer && failure "(\"patch\", 7, \"bad patch\")" "no ELF" &&
	fails_with 7 "No such file" nsb info --json -f nowhere.so >answer && failure "(\"info\", 7, \"bad patch\")" nowhere.so &&
	fails_with 7 "no ELF" nsb patch --all -f none.so --json >answer && failure "(\"patch\", 7, \"bad patch\")" none.so &&
	fails_with 64 "no such option" nsb revert --nonsense --json >answer && failure "(\"revert\", 64, \"usage\")" nonsense &&
	fails_with 64 "no process given" nsb --json check -f greet.so >answer && failure "(\"check\", 64, \"usage\")" "no process" &&
	fails_with 64 "no command" nsb --json >answer && failure "(\"\", 64, \"usage\")" "no command" &&
	{ nsb patch -f greet.so -p 2147483647 --json >answer; [ $? = 5 ]; } && is_json answer "(it[\"command\"], it[\"status\"], it[\"result\"]) == (\"patch\", 5, \"no such process\")"
'
t 'check is interrupted: no answer, status 12' '
	target threads && patch_from hold.c && ask start hold && says "inside 1" inside 1 && snapshot && for json in "" --json; do
		starts "$NSB" check $insecure -p $pid -f hold.so --timeout 60 $json >answer 2>errors && wait_until nsb_traces $started /proc/$pid/status &&
		kill -TERM $started && { wait $started; [ $? = 12 ]; } && grep "^nsb: ended by SIGTERM: nothing was changed" errors || exit 1
		[ -n "$json" ] || ! [ -s answer ] || exit 1
	done && is_json answer "(it[\"status\"], it[\"result\"], \"answer\" in it) == (12, \"interrupted\", False)" && unharmed
'
t '--json with names that need quoting' '
	target server && patch_from greet.c -o "a \"b\" \\ c.so" && patch "a \"b\" \\ c.so" --json >answer && is_json answer &&
	nsb list --json -p $pid >answer && is_json answer "it[\"patches\"][0][\"patch\"].startswith(\"a \")" &&
	nsb info --json -f "a \"b\" \\ c.so" >answer && is_json answer
'
t 'nsb info tells the target, the functions, the references' '
	target server && patch_from scale.c && nsb info -f scale.so >said && cat said && grep -w scale said && grep -w factor said &&
	grep "$("$NSB_GEN" buildid "$object")" said && grep "$("$NSB_GEN" buildid scale.so)" said
'
t 'check: not applied, applied, not applied' '
	target server && patch_from greet.c && snapshot && { nsb check -p $pid -f greet.so >said; [ $? = 2 ]; } &&
	grep "not applied, can be applied now" said && unharmed && patch greet.so &&
	nsb check -p $pid -f greet.so >said && grep -v not said | grep applied && revert greet.so &&
	{ nsb check -p $pid -f greet.so; [ $? = 2 ]; } && unharmed
'
t 'the patch file is not needed once it is in' '
	target server && patch_from greet.c && patch greet.so && rm greet.so && says goodbye greet && listed greet.so
'

abis=${NSB_ABIS%% *}
t '--help fits a terminal of 80 columns and 24 lines' '
	nsb --help >said 2>errors && ! [ -s errors ] && [ "$(wc -l <said)" -le 24 ] && [ "$(wc -L <said)" -le 80 ] &&
	for word in patch revert list check info --pid --filename --id --dry-run --timeout --retries --json; do
		grep -qe "$word" said || exit 1
	done && nsb -h | cmp - said
'
t 'the log: a line for each action, none for looking, none with --no-syslog' '
	[ "$(id -u)" = 0 ] || skip "needs root to have a /dev of its own"
	target server && patch_from greet.c && mkdir dev &&
	starts_saying python3 "$tests/helpers/listen.py" dev/log && with_log() { unshare -m sh -c "mount --bind dev /dev && exec \"\$@\"" - timeout -s KILL 60 "$NSB" $insecure "$@"; } &&
	with_log patch -p $pid -f greet.so && with_log check -p $pid -f greet.so && with_log list -p $pid && with_log patch -p $pid -f greet.so --dry-run;
	with_log patch -p $pid -f greet.so; with_log revert -p $pid -f greet.so && with_log patch -p $pid -f greet.so --no-syslog && id=$("$NSB_GEN" buildid greet.so) &&
	wait_until grep -q reverted .said && sed "s/nsb\[[0-9]*\]/nsb/" .said >said && cat said && [ "$(wc -l <said)" = 4 ] &&
	fields="pid=$pid comm=server exe=$program patch=greet.so id=$id cve=- uid=0 loginuid=[0-9-]+" &&
	sed -n 2p said | grep -xE "<29>nsb: result=applied status=0 $fields" && sed -n 3p said | grep -xE "<29>nsb: result=already status=9 $fields" &&
	sed -n 4p said | grep -xE "<29>nsb: result=reverted status=0 $fields"
'
t '--version' '
	nsb --version >said && grep -xE "nsb [0-9]+(\.[0-9]+)+" said && nsb -V | cmp - said &&
	"$NSB_GEN" --version | grep -F "$(cut -d " " -f 2 said)"
'
t 'every option of --help is in the manual' '
	nsb --help | grep -oE -e "--[a-z-]+" | sort -u >options && [ "$(wc -l <options)" -gt 8 ] &&
	sed "s/\\\\-/-/g" "$root/docs/nsb.1" >manual && while read -r option; do
		grep -qE "Fl -*${option#--}( |\$)" manual || { echo "$option"; exit 1; }
	done <options
'
t 'nsb is one static binary of less than 1 MiB' '
	! readelf -lW "$NSB" | grep INTERP && ! readelf -dW "$NSB" | grep NEEDED &&
	strip -o small "$NSB" && [ "$(stat -c %s small)" -lt 1048576 ]
'

done_testing
