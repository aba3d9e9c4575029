#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a program may still hold of a patch stays when the patch goes; what it cannot hold does not.

. "${0%/*}/lib.sh"
for_each_abi

# a_patch NAME CODE: a patch of the target `keeper`, made of this code.
a_patch() {
	printf '%s\n' '#include <stdio.h>' '#include <string.h>' 'const char *note(int why);' 'int tally(int n);' "$2" >"$1.c" &&
	patch_from "./$1.c"
}

string='const char *note(int why) { return why > 0 ? "new reason" : "none"; }'
variable='const char *note(int why) { static char text[32] = "new reason"; text[9] = why > 0 ? (char)110 : (char)45; return text; }'
newer='const char *note(int why) { return why > 0 ? "newest reason" : "none"; }'

# kept BYTES-REGEX: list tells of one patch whose memory stays.
kept() {
	nsb list -p "$pid" >said; cat said
	[ "$(grep -cE "reverted, memory kept \($1 bytes\)" said)" = 1 ]
}

# is_mapped ADDRESS: something is there.
is_mapped() {
	local range _
	while read -r range _; do
		[ $((0x${range%-*} <= $1 && $1 < 0x${range#*-})) = 1 ] && return
	done </proc/"$pid"/maps
	return 1
}

for what in string variable; do
	t "the program holds a $what of a patch that is reverted" '
		target keeper && a_patch fix "${!what}" && snapshot && patch fix.so && says "held: new reason" take && revert fix.so &&
		says "held: new reason" held && kept "[0-9]+" && listed && unharmed && says "held: old reason" take
	'
	t "... of a patch that a newer one replaces" '
		target keeper && a_patch fix "${!what}" && a_patch newer "$newer" && snapshot && patch fix.so && says "held: new reason" take &&
		patch newer.so --replace && says "held: new reason" held && kept "[0-9]+" && listed newer.so && says "held: newest reason" take &&
		revert newer.so && says "held: newest reason" held && unharmed && says "held: old reason" take
	'
done
# Its data is executable, too, and changes: `unharmed` would take it for code.
t 'all that may be read may be executed, too (READ_IMPLIES_EXEC, 32-bit programs only)' '
	build keeper && launch setarch "$(uname -m)" -X "$program" && a_patch fix "$string" && says "held: old reason" take &&
	patch fix.so && listed fix.so && says "held: new reason" take && revert fix.so && listed && says "held: new reason" held &&
	says "held: old reason" take && patch fix.so && listed fix.so && says "held: new reason" take && revert fix.so && listed && says "held: old reason" take
'
for kind in pie static static-pie; do
	t "what stays is used again when the same patch comes again, $kind" '
		target keeper "$kind" && a_patch fix "$string" && patch fix.so && says "held: new reason" take && revert fix.so && kept "[0-9]+" && cp said before &&
		snapshot && for i in 1 2 3 4 5; do
			patch fix.so && listed fix.so && says "held: new reason" take && revert fix.so && says "held: new reason" held && kept "[0-9]+" || exit 1
		done && unharmed && says "held: old reason" take && [ "$(sed "s/.*kept//" said)" = "$(sed "s/.*kept//" before)" ]
	'
done
t '... but not if one of its variables has changed: then there are two' '
	target keeper && a_patch fix "$variable const char *more(void); const char *more(void) { return NULL; }" && patch fix.so && says "held: new reason" take && revert fix.so && kept "[0-9]+" &&
	patch fix.so && says "held: new reason" take && says "held: new reason" held && revert fix.so &&
	[ "$(nsb list -p $pid | grep -c "memory kept")" -ge 1 ] && says "held: new reason" held && says "held: old reason" take
'
t 'the code of such a patch goes' '
	target keeper && a_patch fix "$string" && patch fix.so && says "held: new reason" take &&
	address=$(nsb list --json -p $pid | grep -oE "\"patch\": \"0x[0-9a-f]+" | tail -n 1 | grep -oE "0x.*") &&
	is_mapped $address && revert fix.so && ! is_mapped $address && says "held: new reason" held
'

# What nsb-gen shows, and what not: title, what stays, code.
shown=(
	"a value returned:" "" 'int tally(int n) { return 10000 + n; }'
	"a string returned:" constants "$string"
	"a variable returned:" variables "$variable"
	"a string kept by the program:" constants 'const char *last; int tally(int n) { last = "kept"; return 10000 + n; }'
	"a table of strings:" constants 'int tally(int n) { static const char *const names[] = { "one", "two" }; return names[n & 1][0]; }'
	"a string to a function that is not known:" constants 'int remove(const char *); int tally(int n) { return 10000 + n + remove("none"); }'
)
# On amd64 it is seen how data is used; known functions borrow what they get.
used=(
	"a variable used in place:" "" 'static int seen; int tally(int n) { seen += n; return 10000 + seen; }'
	"an array indexed by a constant:" "" 'static int seen[4]; int tally(int n) { seen[2] += n; return 10000 + seen[2]; }'
	"an array indexed by a variable:" variables 'static int seen[4]; int tally(int n) { seen[n & 3] += n; return 10000 + seen[2]; }'
	"a string that strcmp reads:" "" 'char *getenv(const char *); int tally(int n) { const char *e = getenv("NSB_NOT_SET"); return 10000 + n + (e != NULL && strcmp(e, "yes") == 0); }'
	"a format:" "" 'int tally(int n) { char text[16]; snprintf(text, sizeof(text), "%d", n); return 10000 + text[0]; }'
	"a string that strchr returns a part of:" constants 'extern const char *last; const char *last; int tally(int n) { last = strchr("abc", n); return 10000 + n; }'
)

# leaves WHAT CODE: just these kinds of data of a patch may be held, by what `nsb-gen dump` says.
leaves() {
	local inside want
	a_patch fix "$2" && "$NSB_GEN" dump --json fix.so >metadata && readelf -lW fix.so >segments || return 1
	want=$(grep -c "LOAD .* R  \|LOAD .* RW " segments)
	inside=$(grep -oE '"inside": \[[^]]*\]' metadata | grep -o '"addr"' | wc -l)
	case $1 in
	'') [ "$inside" = "$want" ] ;;
	*) [ "$inside" -lt "$want" ] ;;
	esac || { echo "$inside of $want segments stay inside"; return 1; }
}

for ((i = 0; i < ${#shown[@]}; i += 3)); do
	t "${shown[i]} ${shown[i + 1]:-nothing} stays" '
		target keeper && leaves "${shown[i + 1]}" "${shown[i + 2]}"
	'
done
for_amd64
for ((i = 0; i < ${#used[@]}; i += 3)); do
	t "${used[i]} ${used[i + 1]:-nothing} stays" '
		target keeper && leaves "${used[i + 1]}" "${used[i + 2]}"
	'
done
for_each_abi

t 'a patch no address of which can leave goes whole' '
	target keeper && a_patch fix "int tally(int n) { return 10000 + n; }" && snapshot && cp /proc/$pid/maps before &&
	patch fix.so && says "count 10001" count && revert fix.so && says "count 1" count && listed && unharmed &&
	nsb list -p $pid >said && ! [ -s said ] && diff before /proc/$pid/maps
'
for kind in pie ${NSB_LONG:+static-pie}; do
	t "nsb is killed at one call after the other while it uses again what stayed: the data stays, and all can be taken out, $kind" '
		target keeper "$kind" && a_patch fix "$string" && patch fix.so && says "held: new reason" take && revert fix.so && snapshot &&
		for ((n = 1; n < 400; n += 5)); do
			timeout 60 strace -f -qq -o /dev/null -e trace=ptrace,pwrite64 -e inject=ptrace,pwrite64:signal=KILL:when=$n "$NSB" patch -q $insecure -p $pid -f fix.so >/dev/null 2>&1
			status=$?
			says "held: new reason" held && ask take | grep -E "held: (old|new) reason" && patch fix.so -q 2>/dev/null
			says "held: new reason" take && revert fix.so -q && says "held: new reason" held && listed || exit 1
			[ $status = 0 ] && break
		done && [ $status = 0 ] && unharmed
	'
done
t 'variables that --replace leaves behind are told of, those of a patch without any are not' '
	target keeper && a_patch fix "static int seen; int tally(int n) { seen += n; return 10000 + seen; }" &&
	a_patch newer "int tally(int n) { return 20000 + n; }" && patch fix.so && says "count 10001" count &&
	patch newer.so --replace 2>told && grep "the variables of fix.so go with it: those of the new patch begin anew (seen)$" told && says "count 20001" count &&
	patch fix.so --replace 2>told && ! grep variables told && says "count 10001" count && revert fix.so && says "count 1" count && listed
'
t 'a variable that both patches hand over goes on with its value, and the others are told of' '
	target keeper && patch_from keeper-state.c -o fix.so && patch_from keeper-state.c -o newer.so -DNEWER &&
	patch_from keeper-state.c -o larger.so -DLARGER && patch_from keeper-state.c -o other.so -DOTHER &&
	nsb info -f fix.so | grep "goes from an older patch to a newer one: counts (struct counts" && patch fix.so && says "count 1001" count &&
	says "count 2002" count && fails_with 1 "the state counts of fix.so is struct counts .* cannot be taken over" \
		patch larger.so --replace && fails_with 1 "cannot be taken over" patch other.so --replace && listed fix.so &&
	says "count 3003" count && patch newer.so --replace 2>told && grep "begin anew (last)$" told &&
	says "count 103004" count && patch fix.so --replace -q && says "count 104005" count && listed fix.so &&
	revert fix.so && says "count 1" count && patch fix.so && says "count 1001" count && revert fix.so && says "count 2" count &&
	target keeper && says "count 1" count && snapshot && patch fix.so && patch newer.so --replace && says "count 100001" count &&
	revert newer.so && says "count 2" count && listed && unharmed
'
t 'a variable whose type has changed is converted by a hook of the newer patch' '
	for cc in gcc clang; do
		target keeper && PATCH_CC=$cc && patch_from keeper-state.c -o fix.so && patch_from keeper-state.c -o larger.so -DLARGER -DCONVERTS &&
		patch_from keeper-state.c -o newer.so -DLARGER -DCONVERTS -DNEWER && patch_from keeper-state.c -o other.so -DOTHER -DCONVERTS && says "count 1" count && snapshot &&
		nsb info -f larger.so | grep "counts (struct counts.*, counts (was struct counts" &&
		patch larger.so && says "count 1001" count && revert larger.so -q && says "count 2" count &&
		patch fix.so && says "count 1001" count && says "count 2002" count && patch larger.so --replace 2>told && ! grep "cannot be taken" told &&
		says "count 3003" count && says "count 4004" count && patch newer.so --replace 2>told && ! grep "VZP_STATE" told && says "count 104005" count &&
		fails_with 1 "cannot be taken over .VZP_STATE_WAS converts it." patch fix.so --replace &&
		fails_with 1 "cannot be taken over" patch other.so --replace && listed newer.so && revert newer.so && says "count 3" count && unharmed || exit 1
	done
'
t 'pages of zeros are not touched' '
	target keeper && a_patch fix "static char much[1 << 22]; const char *note(int why) { much[why << 20] = 120; return much + (why << 20); }" &&
	patch fix.so && awk "/^Size:/ { size = \$2 } /^Rss:/ && size >= 4096 && size < 4200 { found = 1; print; if (\$2 > 64) exit 1 } END { exit !found }" /proc/$pid/smaps &&
	says "held: x" take && revert fix.so && says "held: x" held && says "held: old reason" take
'

done_testing
