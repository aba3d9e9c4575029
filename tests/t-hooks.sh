#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Functions of a patch that the process runs while all of its threads stand: data changes along with the code,
# or nothing does; what they must not do is refused, or taken back.

. "${0%/*}/lib.sh"
. "${0%/*}/sweep.sh"
for_each_abi

# The three beats: old code and old data, new code and new data, and back.
beats() {
	says 'total 10' total && says 'amounts 1 4' amounts && patch_from ledger.c "$@" && patch ledger.so &&
		says 'total 10' total && says 'amounts 10 40' amounts && listed ledger.so && revert ledger.so &&
		says 'total 10' total && says 'amounts 1 4' amounts && listed ''
}

t 'data changes with the code, and back' '
	target ledger && says "total 10" total && snapshot && beats && says "calls 4" calls && unharmed
'
for kind in nopie static static-pie so; do
	t "the same in a program that is $kind" "
		target ledger $kind && says 'total 10' total && snapshot && beats -O1 && unharmed
	"
done
t 'threads that add up all the time see old data with the old code, or new data with the new code' '
	target ledger && says "what?" add 3 && says "what?" sleep 4 && snapshot && beats && beats -Os && says "fine 0" check && unharmed
'
t 'in and out, again and again, while threads add up' '
	target ledger && says "what?" add 3 && snapshot && patch_from ledger.c -DQUIET && for _ in $(seq $(often 8)); do
		patch ledger.so -q && says "total 10" total && revert ledger.so -q && says "total 10" total || exit 1
	done && listed "" && says "fine 0" check && unharmed
'
t 'a function that is not replaced is left by all threads first' '
	needs_breakpoints && target ledger && says "what?" audit 2 && snapshot && beats -DQUIET && says "fine 0" check && unharmed
'
t 'hooks are told of: in the file, in the list, in JSON' '
	target ledger && snapshot && patch_from ledger.c -DQUIET -DLIMIT=300 && nsb info -f ledger.so >told &&
	grep -q "to_tenths: post-apply, 300 ms at most" told && grep -q "look_back: pre-revert, 20 ms" told &&
	grep -q "no thread may be in: audit" told && patch ledger.so -v 2>told &&
	grep -q "hook look (pre-apply) took" told && grep -q "hook to_tenths (post-apply) took .* may take 300" told &&
	nsb list -p "$pid" >told && grep -q "hooks: look(pre-apply) to_tenths(post-apply)" told &&
	nsb list --json -p "$pid" >told &&
	grep -q "\"name\": \"to_tenths\", \"kind\": \"post-apply\", \"limit_ms\": 300" told &&
	grep -q "\"hooks_begun\": null" told && revert ledger.so && unharmed
'
t 'a dry run runs none' '
	target ledger && says "total 10" total && snapshot && patch_from ledger.c && patch ledger.so --dry-run &&
	says "calls 0" calls && nsb check -p "$pid" -f ledger.so; says "calls 0" calls && unharmed
'

# ---- a hook says no, or fails ----

t 'a hook forbids to apply: nothing changes' '
	target ledger && says "total 10" total && snapshot && patch_from ledger.c -DVETO=-7 &&
	fails_with 1 "hook look .pre-apply. of ledger.so returned -7: it forbids to apply" patch ledger.so &&
	says "amounts 1 4" amounts && says "calls 1" calls && listed "" && unharmed
'
t 'a hook forbids to revert: the patch stays' '
	target ledger && says "total 10" total && patch_from ledger.c -DVETO_BACK=9 && patch ledger.so && snapshot &&
	fails_with 1 "returned 9: it forbids to revert" revert ledger.so && says "total 10" total &&
	says "amounts 10 40" amounts && listed ledger.so && unharmed
'
t 'a hook faults: the code is the old one, and it is told that data may have changed' '
	target ledger && says "what?" sleep 2 && says "total 10" total && snapshot && patch_from ledger.c -DFAULT=8 &&
	fails_with 11 "hook to_tenths raised SIGSEGV at .* data of the program may have been changed" patch ledger.so &&
	says "amounts 10 40" amounts && says "total -100" total && listed "" && unharmed
'
t 'a hook of a revert faults: the patch stays' '
	target ledger && says "total 10" total && patch_from ledger.c -DFAULT_BACK=8 && patch ledger.so && snapshot &&
	fails_with 11 "hook to_units raised SIGSEGV" revert ledger.so && says "total -10" total && listed ledger.so && unharmed
'
t 'a hook does not come back: its thread is fetched' '
	target ledger && says "what?" sleep 2 && says "total 10" total && snapshot && patch_from ledger.c -DLOOP -DLIMIT=5 &&
	fails_with 11 "hook to_tenths is not back in time" patch ledger.so && says "total -100" total && listed "" && unharmed
'
t 'a hook changes x87 and SSE registers, and comes back, or does not, or faults: its thread has its own again' '
	watch_target alone spin -DHOOKED && for how in 0 1 2; do
		patch_from witness.c -o spoils.so -DHOOKED -DSPOIL=$how && says begun spin || exit 1
		if [ $how = 0 ]; then
			patch spoils.so && fine && [ "$answer" = "$new" ] && says begun spin && revert spoils.so && fine || exit 1
		else
			fails_with 11 "hook change (is not back in time|raised SIGILL)" patch spoils.so && fine && [ "$answer" = "$old" ] || exit 1
		fi
	done && unharmed
'
t 'a hook that needs longer may, if the patch says so' '
	target ledger && says "total 10" total && snapshot && patch_from ledger.c -DSLOW=60000000 -DLIMIT=1 &&
	fails_with 11 "not back in time" patch ledger.so && unharmed && target ledger &&
	says "total 10" total && snapshot && beats -DSLOW=60000000 -DLIMIT=1000 && unharmed
'
t 'a hook has no stack without an end' '
	target ledger && says "total 10" total && patch_from ledger.c -DDEEP=10000 &&
	fails_with 11 "raised SIGSEGV" patch ledger.so && says "total -100" total && listed "" && target ledger &&
	snapshot && beats -DDEEP=60
'
t 'with --replace the old patch takes its data back before the new one comes' '
	target ledger && says "total 10" total && snapshot && patch_from ledger.c && patch ledger.so &&
	patch_from ledger.c -o second.so -O1 && patch second.so --replace && says "calls 6" calls &&
	says "total 10" total && says "amounts 10 40" amounts && listed second.so && revert second.so &&
	says "total 10" total && says "amounts 1 4" amounts && unharmed
'
t 'with --replace a hook of the new patch says no: the old one stays' '
	target ledger && says "total 10" total && patch_from ledger.c && patch ledger.so && snapshot && patch_from ledger.c -o second.so -DVETO=3 &&
	fails_with 1 "returned 3" patch second.so --replace && says "total 10" total && listed ledger.so && unharmed
'

# ---- auto mode: hooks stand in the fixed source, and see its statics ----

# auto_patch HOOKS [FLAG...]: auto.so, of the target's source and of the fixed one, which counts in tenths and has these hooks.
# shellcheck disable=SC2046 # lists of words
auto_patch() {
	local side cc
	mkdir -p {old,new}/tests/targets && cp "$tests/targets/ledger.c" old/tests/targets &&
	{ echo '#include <nsb/vzp.h>' && sed 's/sum == 10 ? sum : -sum/sum == 100 ? sum \/ 10 : -sum/' "$tests/targets/ledger.c" &&
		printf '%s\n' "$1"; } >new/tests/targets/ledger.c &&
	cc="${PATCH_CC:-gcc} $(mflag) $debian_flags -D_GNU_SOURCE -fPIC -fno-semantic-interposition -ffunction-sections -fdata-sections" &&
	for side in old new; do
		(cd $side && $cc "${@:2}" -I"$tests/targets" -I"$root/include" -c -o ledger.o tests/targets/ledger.c) || return 1
	done &&
	gcc $(mflag) -shared -Wl,--build-id=sha1 -o auto.so new/ledger.o &&
	"$NSB_GEN" generate --mode auto "$object" auto.so new/ledger.o --original old/ledger.o >told 2>&1
}
scale='
static int look(void) { hook_calls++; return total() == -10 || total() == 10 ? 0 : 5; } VZP_PRE_APPLY(look)
static void scale(int by, int per) { for (struct entry *e = head; e != NULL; e = e->next) e->amount = e->amount * by / per; }
static void to_tenths(void) { if (seek(2)) scale(10, 1); } VZP_POST_APPLY(to_tenths)
static void to_units(void) { scale(1, 10); } VZP_POST_REVERT(to_units)'
auto_beats() {
	patch auto.so && says 'total 10' total && says 'amounts 10 40' amounts && listed auto.so && revert auto.so &&
		says 'total 10' total && says 'amounts 1 4' amounts && listed ''
}
for cc in gcc clang; do
	for level in -O0 -O2; do
		t "hooks of auto mode change data with the code, $cc $level" "
			PATCH_CC=$cc; target ledger && says 'total 10' total && says 'what?' add 2 && snapshot && auto_patch \"\$scale\" $level &&
			cat told && grep 'hook: look' told && grep 'hook: to_units' told && grep 'changed: total' told &&
			\"\$NSB\" info -f auto.so \$insecure | grep 'to_tenths: post-apply, 20 ms' && auto_beats && says 'fine 0' check && unharmed
		"
	done
done
t 'in auto mode, too, what may wait for another thread is refused' '
	build ledger && ! auto_patch "static void f(void) { hook_calls = locked_total(); } VZP_POST_APPLY(f)" && cat told &&
	grep "hook .f.: .locked_total. of .*ledger calls pthread_mutex_lock" told &&
	! auto_patch "static void f(void) { entries[0].amount = rand(); } VZP_POST_APPLY(f)" && cat told && grep "calls rand.., which may wait" told
'
t 'in auto mode a hook is no function of the target, and what the author vouches for is taken' '
	target ledger && says "total 10" total && ! auto_patch "VZP_PRE_APPLY(parent)" && cat told && grep "hook .parent.: .* has a function of that name" told &&
	auto_patch "$scale
		static int vouched(void) { return locked_total() != 10 && hook_calls > 99; } VZP_PRE_APPLY(vouched) VZP_HOOK_CALLS(locked_total)
		VZP_HOOK_LIMIT(vouched, 300) VZP_NOT_ACTIVE(audit)" && snapshot && nsb info -f auto.so >told && cat told &&
	grep "no thread may be in: audit" told && grep "vouched: pre-apply, 300 ms" told && auto_beats && unharmed
'

# ---- what a hook must not do ----

# hook SAYS CODE [FLAG]: a patch with this code; nsb-gen refuses it with one line that SAYS matches, or, if that is "ok", takes it.
hook() {
	{ cat "$tests/patches/ledger-total.c" && echo "$2"; } >one.c
	if [ "$1" = ok ]; then
		patch_from one.c ${3:+"$3"}
	else
		patch_object one.c ${3:+"$3"} && fails_with 1 "$1" generate
	fi
}
t 'what may wait for another thread is refused' '
	build ledger &&
	hook "hook .f.: .f. of one.so calls malloc\(\), which may wait" \
		"static void f(void) { hook_calls = malloc(3) != NULL; } VZP_POST_APPLY(f)" -fno-builtin &&
	hook "calls (printf|puts)" "static void f(void) { printf(\"%d\n\", hook_calls); } VZP_POST_APPLY(f)" &&
	hook ".locked_total. of .*ledger calls pthread_mutex_lock" "static void f(void) { hook_calls = locked_total(); } VZP_POST_APPLY(f)" &&
	hook "calls through a pointer" "static int (*volatile p)(void); static void f(void) { hook_calls = p(); } VZP_POST_APPLY(f)" &&
	hook "calls through a pointer" "static void (*volatile p)(void); static void f(void) { p(); } VZP_POST_APPLY(f)" &&
	hook "makes a system call" "static void f(void) { int r; __asm__ volatile(\"int \$0x80\" : \"=a\"(r) : \"0\"(39)); hook_calls = r; } VZP_POST_APPLY(f)" &&
	hook "has a frame of [67][0-9]+ bytes" "static void f(void) { volatile char b[70000]; for (unsigned i = 0; i < sizeof(b); i++) b[i] = 3; hook_calls += b[5]; } VZP_POST_APPLY(f)" -fno-stack-protector
'
t 'what only computes is taken, in the patch, the target and the C library' '
	target ledger && says "total 10" total && snapshot &&
	hook ok "static int f(void) { return locked_total() != 10; } VZP_PRE_APPLY(f) VZP_HOOK_CALLS(locked_total)" &&
	patch one.so && says "total 110" total && revert one.so && says "total 10" total &&
	hook ok "static int f(void) { return seek(2) == 1 && seek(77) == 0 && total() == 10 ? 0 : 5; } VZP_PRE_APPLY(f)" &&
	patch one.so && says "total 110" total && revert one.so && says "total 10" total &&
	hook ok "static int f(void) { struct entry e; memcpy(&e, head, sizeof(e)); return (int)strlen(\"four\") - 4 + e.amount - 1; } VZP_PRE_APPLY(f)" -fno-builtin &&
	patch one.so && says "total 110" total && revert one.so && says "total 10" total &&
	hook ok "static void f(void) { switch (hook_calls) { case 0: seek(3); break; case 1: hook_calls = 77; break; case 2: seek(1); break; case 3: hook_calls = 5; break; case 4: seek(9); break; case 5: hook_calls = 4; break; case 6: seek(hook_calls + 8); break; } } VZP_POST_APPLY(f)" &&
	patch one.so && says "total 110" total && revert one.so && says "total 10" total && unharmed
'
t 'what is said of hooks must be of one' '
	build ledger &&
	hook "VZP_HOOK_LIMIT.f, 5000.: it takes milliseconds, 1 to 1000" "static void f(void) { hook_calls++; } VZP_POST_APPLY(f) VZP_HOOK_LIMIT(f, 5000)" &&
	hook "VZP_HOOK_LIMIT.g, 50.: it is no hook" "static void f(void) { hook_calls++; } VZP_POST_APPLY(f) VZP_HOOK_LIMIT(g, 50)" &&
	hook "VZP_NOT_ACTIVE.g.: the debug info of .* has no code of it" "static void f(void) { hook_calls++; } VZP_POST_APPLY(f) VZP_NOT_ACTIVE(g)" &&
	hook "VZP_NOT_ACTIVE.seek.: the patch has no hook" "VZP_NOT_ACTIVE(seek)" &&
	hook "VZP_HOOK_CALLS.g.: no hook calls a function of the target by that name" "static void f(void) { hook_calls++; } VZP_POST_APPLY(f) VZP_HOOK_CALLS(g)" &&
	! hook ok "static void f(void) { hook_calls++; } VZP_PRE_APPLY(f)" && grep -q "a hook is declared int f(void)" output
'
t 'a hook has no more rights than the program: its filter is on' '
	target ledger && says "what?" forbid && says "total 10" total && snapshot &&
	hook ok "static int f(void) { return parent(); } VZP_PRE_APPLY(f) VZP_HOOK_CALLS(parent)" &&
	fails_with 1 "returned -1: it forbids" patch one.so && says "total 10" total && unharmed
'

# ---- something happens to nsb meanwhile ----

in_hook() {
	[[ $(nsb list --json -p "$pid" 2>/dev/null) == *'"hooks_begun": "post-apply"'* ]]
}

# An nsb that is killed while a hook that never ends runs: its thread is in there for ever, until the next nsb comes.
t 'a thread that a dead nsb has left in a hook is brought back' '
	target ledger && says "total 10" total && snapshot && patch_from ledger.c -DLOOP -DLIMIT=1000 &&
	{ "$NSB" $insecure patch -q -p "$pid" -f ledger.so & } && patcher=$! &&
	wait_until in_hook && kill -KILL "$patcher" &&
	nsb list -p "$pid" | grep -q "half applied: total, hooks: .*, post-apply hooks were begun" &&
	nsb revert -p "$pid" --timeout 20 -f ledger.so 2>said && grep -q "is brought back" said &&
	grep -q "had begun the post-apply hooks of ledger.so: data of the program may have been changed" said &&
	says "total -100" total && listed "" && unharmed
'
# A thread that sleeps may see EINTR if nsb is killed, or cannot go on (docs/safety.md), so the main thread computes.
for command in patch revert; do
	t "nsb is killed before ptrace calls of a $command with hooks" "
		watch_target alone spin -DHOOKED && sweep before:9 ptrace $command $(some 4) &&
		sweep after:9 ptrace $command $(some 1)
	"
	t "nsb is killed before ptrace calls of a $command with hooks, other threads are busy" "
		watch_target busy spin -DHOOKED && sweep before:9 ptrace $command $(some 2)
	"
	t "a ptrace call of a $command with hooks fails" "
		watch_target alone spin -DHOOKED && sweep fail ptrace $command $(some 4)
	"
done
t 'nsb says that data may have been changed where hooks have run, and only there' '
	nth=$(helper nth) && build ledger && patch_from ledger.c && reached=1 before=0 && for ((n = 1; reached; n += 2)); do
		launch $program && says "total 10" total || exit 1
		timeout -s KILL $patience $nth .nth fail ptrace $n $NSB patch -q -p $pid -f ledger.so 2>.said
		status=$? && read -r reached calls rest <.nth && ran=$(ask calls) && said=$(cat .said) && kill -KILL $pid || exit 1
		case "$status: $ran: $said" in
		"0: calls 2: "*) ;;
		"1: calls 0: "*) [[ $said != *"have been changed"* ]] || exit 1 ;;
		"11: calls 0: "*"hook look was ended"*"data of the program may have been changed"*) ;;
		"11: calls "[12]": "*"data of the program may have been changed"*) [[ $said != *"hooks had run before"* ]] || before=1 ;;
		*) echo "$n: status $status, $ran: $said" && exit 1 ;;
		esac
	done && [ $before = 1 ]
'
t 'nsb is killed at some moment of a patch with hooks' "
	watch_target sleepers spin -DHOOKED && sweep_time patch $(often 2) && sweep_time revert $(often 2)
"

tell_sum
done_testing
