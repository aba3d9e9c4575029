#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nsb-gen's auto mode, case by case.  Each file of tests/cases is a small program,
# with its change under #ifdef NEW, and what is to come of it in the comment at
# its top:
#
#	ask WORDS: OLD / NEW [/ AGAIN]	the answer before, with the patch, and after it
#	replaces: NAMES			the functions that differ, sorted
#	refuses: REGEX			no patch is made, and this is said
#	hidden				refers to hidden things of a unit that does not change
#	same				nothing differs, so no patch is needed
#	stays				the patch's memory stays, as its addresses may be in use
#	original: or whole: before one of these: only with, or without, --original
#	only: WORDS			of gcc clang amd64 i386 O0 O1 O2 O3 Os original whole
#	flags: FLAGS			for every compilation
#	old: FLAGS, new: FLAGS		for that of the target, of the patch
#
# A file NAME2.c is a second unit of the case.  Compilers, levels and ABIs make a
# matrix; a short run takes one field of it, and one ABI, for each case, a long one all.  What
# Ubuntu and Fedora compile with is two more fields; a short run takes one of them for
# every fourth case.  Where further compilers are installed, as gcc-14 beside gcc, or NSB_COMPILERS
# names some, these are more fields: of a short run, one for every eighth case.

. "${0%/*}/lib.sh"
for_each_abi

cases=$tests/cases
flags='-g -D_GNU_SOURCE'
pic='-fPIC -fno-semantic-interposition -ffunction-sections -fdata-sections'

# field NAME KEY: what the case says under a key.
field() {
	sed -n "2,/\*\//s/^ \* $2\(: *\|\$\)//p" "$cases/$1.c"
}

# front CC: main.c, compiled once.
# shellcheck disable=SC2046,SC2086 # lists of words
front() {
	local to
	to=$NSB_BUILD/tests/front-${1//\//_}-$abi-$(cat "$tests"/targets/{main.c,target.h} | md5sum | cut -c 1-12).o
	if ! [ -e "$to" ]; then
		mkdir -p "$NSB_BUILD/tests" &&
		$1 $(mflag) $flags -O2 -fPIE -c -o "$to.$$" "$tests/targets/main.c" &&
		mv "$to.$$" "$to" || return 1
	fi
	echo "$to"
}

# level_flags LEVEL: of O0 to Os, or what a distribution has in its place.
level_flags() {
	case $1 in
	ubuntu) echo "-O2 $ubuntu_flags" ;;
	fedora) echo "-O2 $fedora_flags" ;;
	*) echo "-$1" ;;
	esac
}

# compiled NAME CC LEVEL: the target, and objects in old/ and new/, and p.so.
# shellcheck disable=SC2046,SC2086 # lists of words
compiled() {
	local name=$1 cc unit sources=()
	cc="$2 $(mflag) $flags $(level_flags "$3") $(field "$1" flags)"
	for unit in "$name" "$name"2; do
		[ -e "$cases/$unit.c" ] && sources+=("$unit.c")
	done
	mkdir -p old new && cp "${sources[@]/#/$cases/}" . &&
	$cc -I"$tests/targets" $(field "$name" old) -Wl,--build-id=sha1 -o prog "${sources[@]}" "$(front "$2")" &&
	for unit in "${sources[@]%.c}"; do
		$cc -I"$tests/targets" $(field "$name" old) $pic \
			-c -o "old/$unit.o" "$unit.c" &&
		$cc -I"$tests/targets" $(field "$name" new) -DNEW $pic \
			-c -o "new/$unit.o" "$unit.c" || return 1
	done &&
	if grep -qE '^ \* hidden$' "$cases/$name.c"; then
		rm "old/$name"2.o "new/$name"2.o && "$NSB_GEN" externs new/*.o >externs.s || return 1
	else
		echo '.section .note.GNU-stack,"",@progbits' >externs.s
	fi
	$cc -shared -Wl,--build-id=sha1 -o p.so new/*.o externs.s &&
	object=$PWD/prog
}

# made MODE: p.so becomes a patch, the report goes to told.
made() {
	local originals=()
	[ "$1" = original ] && originals=(--original old/*.o)
	timeout -s KILL "$patience" "$NSB_GEN" generate --mode auto prog p.so new/*.o "${originals[@]}" >told
}

# answers NAME BEAT: to every question of the case, those of beat 1 to 3.
answers() {
	local words beats
	while IFS= read -r line; do
		words=${line%%: *}
		IFS=/ read -r -a beats <<<"${line#*: }"
		says "$(xargs <<<"${beats[$(($2 > ${#beats[@]} ? 0 : $2 - 1))]}")" "$words" || return 1
	done < <(sed -n '2,/\*\//s/^ \* ask //p' "$cases/$1.c")
}

# reported CC FUNCTIONS: those differ, by the report.  What clang knows of a function that
# it may not inline, it uses in its callers all the same, so that they may differ, too.
reported() {
	local name have missing=
	have=$(sed -n 's/^[^ ]*: changed: \([^:]*\).*/\1/p' told | sort | xargs)
	for name in $2; do
		[[ " $have " = *" $name "* ]] || missing=$name
	done
	{ [ -z "$missing" ] && [[ $1 == *clang* ]]; } || [ "$have" = "$2" ] || {
		echo "reported as changed: '$have', not '$2'"
		return 1
	}
}

# patched NAME CC MODE
patched() {
	made "$3" && { [ "$3" = whole ] || [ -z "$(field "$1" replaces)" ] || reported "$2" "$(field "$1" replaces)"; } &&
	launch ./prog && answers "$1" 1 && snapshot &&
	patch p.so && answers "$1" 2 && listed p.so &&
	revert p.so && answers "$1" 3 && if grep -qE '^ \* stays$' "$cases/$1.c"; then
		[[ $(nsb list -p "$pid") == *kept* ]]
	else
		listed && unharmed
	fi
}

# try NAME CC LEVEL MODE
try() {
	local name=$1 mode=$4 refusal
	refusal=$(field "$name" refuses; field "$name" "$mode: refuses")
	compiled "$name" "$2" "$3" &&
	if [ -n "$refusal" ]; then
		fails_with 1 "$refusal" made "$mode"
	elif grep -qE '^ \* same$' "$cases/$name.c" && [ "$mode" = original ]; then
		fails_with 3 'nothing differs' made "$mode"
	else
		patched "$name" "$2" "$mode"
	fi
}

# allowed NAME WORD AXIS...: is the word one of the axis that the case wants?
allowed() {
	local only word restricted=
	only=" $(field "$1" only) "
	for word in "${@:3}"; do
		[[ $only == *" $word "* ]] && restricted=1
	done
	[ -z "$restricted" ] || [[ $only == *" $2 "* ]]
}

# fields NAME: the compilers, levels and modes that the case is for.
fields() {
	local cc level mode
	for level in O2 O0 O3 Os; do
		for cc in gcc clang; do
			for mode in original whole; do
				allowed "$1" $cc gcc clang && allowed "$1" $level O0 O1 O2 O3 Os &&
				allowed "$1" $mode original whole && echo "$cc $level $mode"
			done
		done
	done
}

# further: gcc-N and clang-N that are installed and not what gcc and clang are.
further() {
	local name
	for name in $(compgen -c gcc-; compgen -c clang-); do
		[[ $name =~ ^(gcc|clang)-([0-9]+)$ ]] && [ "${BASH_REMATCH[2]}" != "$("${BASH_REMATCH[1]}" -dumpversion | cut -d . -f 1)" ] &&
			echo "$name"
	done | sort -u
}

# further_fields NAME CC...: the fields of the case for these compilers.
further_fields() {
	local cc family
	for cc in "${@:2}"; do
		family=gcc
		[[ $cc != *clang* ]] || family=clang
		allowed "$1" $family gcc clang || continue
		for each in 'O2 original' 'O3 whole'; do
			allowed "$1" "${each% *}" O0 O1 O2 O3 Os && allowed "$1" "${each#* }" original whole && echo "$cc $each"
		done
	done
}

all_abis=$abis
number=0
read -ra more <<<"${NSB_COMPILERS:-$(further | xargs)}"
for path in "$cases"/*.c; do
	name=${path##*/}
	name=${name%.c}
	[[ $name == *2 ]] && continue
	abis=
	for each in $all_abis; do
		allowed "$name" "$each" amd64 i386 && abis+=" $each"
	done
	mapfile -t fields < <(fields "$name")
	defaults=()
	if [[ " ${fields[*]} " == *" gcc O2 original "* ]]; then
		defaults=('gcc ubuntu original' 'gcc fedora original')
	fi
	if [ -z "${NSB_LONG:-}" ]; then
		# One ABI, each of them in its turn.
		read -ra able <<<"$abis"
		[ ${#able[@]} = 0 ] || abis=${able[$((number % ${#able[@]}))]}
		fields=("${fields[$((number++ * 5 % ${#fields[@]}))]}")
		# Every fourth case, as a distribution builds.
		if [ $((number % 4)) = 0 ]; then
			defaults=("${defaults[@]:$((number / 4 % 2)):1}")
		else
			defaults=()
		fi
	fi
	mapfile -t others < <(further_fields "$name" "${more[@]}")
	if [ -z "${NSB_LONG:-}" ] && [ ${#others[@]} != 0 ]; then
		others=("${others[$((number / 8 % ${#others[@]}))]}")
		[ $((number % 8)) = 0 ] || others=()
	fi
	fields+=("${defaults[@]}" "${others[@]}")
	for each in "${fields[@]}"; do
		t "$name: $each" "try $name $each"
	done
done

done_testing
