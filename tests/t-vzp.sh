#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What patch authors say with the macros of nsb/vzp.h.

. "${0%/*}/lib.sh"
for_each_abi

# three_beats OLD NEW WORDS...: the patch in $made, asked WORDS; what the target
# answers is the same before and after.
three_beats() {
	local old=$1 new=$2
	shift 2
	snapshot && says "$old" "$@" &&
	patch "$made" && says "$new" "$@" && listed "$made" &&
	revert "$made" && says "$old" "$@" && listed && unharmed
}

for kind in pie nopie static so; do
	t "$kind: a global variable" "
		target server $kind && patch_from visit.c &&
		says 'visit 5' visit 5 && patch visit.so && says 'visit 5' visit -10 &&
		says 'visit 20' visit 5 && revert visit.so && says 'visit 21' visit 1
	"
	t "$kind: VZP_STATIC_VAR_REF, VZP_FILE" "
		target server $kind && patch_from scale.c && three_beats 'scale 4' 'scale 1004' scale 2
	"
	t "$kind: VZP_STATIC_VAR_REF of one of two of that name, by VZP_FILE" "
		target server $kind && patch_from twin.c &&
		three_beats 'twins 1 20' 'twins 1 40' twins && ask set 1 &&
		three_beats 'twins 11 210' 'twins 11 420' twins
	"
	t "$kind: VZP_STATIC_VAR_REF with a file of its own" "
		target server $kind && patch_from twin.c -DBY_SYMBOL &&
		three_beats 'twins 1 20' 'twins 1 42' twins
	"
	t "$kind: VZP_STATIC_FUNC_REF" "
		target server $kind && patch_from call.c &&
		three_beats 'table 8 106' 'table 108 206' table 7
	"
	t "$kind: VZP_HIDDEN, VZP_PROTECTED, VZP_INTERNAL" "
		target server $kind && patch_from limited.c &&
		three_beats 'limited 603' 'limited 6603' limited 1
	"
	t "$kind: a static variable of a function" "
		target server $kind && patch_from count.c && says 'count 11' count &&
		patch count.so && says 'count 111' count && says 'count 211' count &&
		revert count.so && says 'count 212' count
	"
	t "$kind: VZP_STATIC_SYM_ALIAS" "
		target server $kind && patch_from alias.c &&
		three_beats 'twins 1 20' 'twins 1000 2000' twins
	"
	t "$kind: VZP_COMMENT is shown by info and list" "
		target server $kind && patch_from comment.c && nsb info -f comment.so | grep CVE-2026-0001 &&
		patch comment.so && nsb list -p \$pid | grep CVE-2026-0001
	"
	t "$kind: two static variables of one name, by VZP_STATIC_SYM_ALIAS" "
		target server $kind && patch_from twins.c &&
		three_beats 'twins 1 20' 'twins 101 2020' twins
	"
	t "$kind: new functions, data and .bss of the patch's own" "
		target server $kind && patch_from own.c && snapshot &&
		says 'word two' word 2 && patch own.so && says 'word deux 1' word 2 &&
		says 'word deux 2' word 2 && says 'word un 3' word 1 && revert own.so &&
		says 'word two' word 2 && unharmed
	"
	t "$kind: floating point" "
		target server $kind && patch_from mean.c && three_beats 'mean 2.00' 'mean 4.00' mean 3
	"
done

t 'an undeclared function is the compiler'"'"'s error' '
	target server && ! patch_object undeclared.c 2>said && grep "implicit declaration" said
'
t 'a static variable that the target lacks is refused, with file and line' '
	target server && patch_object missing.c &&
	fails_with 1 "missing.c:[0-9]+:.*no_such_variable" generate
'

done_testing
