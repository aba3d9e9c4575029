#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# VZP_ON_FREE: what is attached to an object goes when a function of the target that stays frees it.

. "${0%/*}/lib.sh"
. "${0%/*}/sweep.sh"
for_each_abi

locks_out() {
	says wrong login 1 && says wrong login 2 && says wrong login 3 && says "$1" login 42
}
# beats WAY FUNCTION ARGUMENT FLAGS...: old code, new code that forgets, old code.
beats() {
	locks_out welcome && says dropped drop "$1" && snapshot && patch_from frees.c "-DWAY=$2" "-DOBJECT=$3" "${@:4}" &&
		patch frees.so && for _ in 1 2 3; do
			locks_out 'locked out' && says dropped drop "$1" || return 1
		done && says welcome login 42 && says dropped drop "$1" && says wrong login 5 && listed frees.so &&
		revert frees.so && listed '' && says welcome login 42 && says dropped drop "$1" && unharmed
}

for level in ${NSB_LONG:+0} 2; do
	for cc in gcc clang; do
		t "functions that begin in all ways, $cc -O$level" "
			for way in branch jump call data last static; do
				case \$abi-$cc-$level-\$way in amd64-*-0-static|i386-clang-2-static) continue ;; esac
				echo \"way \$way\" && CC=$cc CFLAGS_EXTRA=-O$level target frees && PATCH_CC=$cc beats \$way drop_\$way at -O$level || exit 1
			done
		"
	done
done
for kind in pie ${NSB_LONG:+nopie} so; do
	t "a function of a library that the program calls, $kind" "
		target frees $kind && beats free free 1
	"
done
t 'a function that is in a static program, and that gives memory of tables back, too' '
	for kind in static $([ $abi = i386 ] || echo static-pie); do
		target frees $kind && beats free free 1 && beats jump free 1 -DMALLOC || exit 1
	done
'
t 'memory of malloc() is used again' '
	target frees && beats free free 1 -DMALLOC && beats call drop_call at -DMALLOC
'
t 'without it the next object inherits what is not its own' '
	target frees && locks_out welcome && says dropped drop call && snapshot && patch_from frees.c && patch frees.so &&
	locks_out "locked out" && says dropped drop call && says "locked out" login 42 && revert frees.so && says welcome login 42 && unharmed
'
t 'it is told of' '
	target frees && patch_from frees.c -DWAY=drop_call -DOBJECT=at && nsb info -f frees.so >told && grep "on free: drop_call(at)" told &&
	grep "drop_call.*goes on in the old code" told && patch frees.so && listed frees.so && nsb list -p "$pid" | grep "drop_call"
'

t 'a handler of signals sees the callers from each instruction of the way' '
	for flags in ${NSB_LONG:+"gcc -fno-omit-frame-pointer"} "gcc -O2" ${NSB_LONG:+"clang -O2"}; do
		for way in branch jump call data; do
			CC=${flags% *} CFLAGS_EXTRA=${flags#* } target frees && says "steps none lost 0" walk $way &&
			patch_from frees.c -DWAY=drop_$way -DOBJECT=at && patch frees.so && says wrong login 1 &&
			says "steps many lost 0" walk $way && revert frees.so && says "steps none lost 0" walk $way || exit 1
		done
	done
'
t 'threads and children free objects while the patch comes and goes' '
	target frees && patch_from frees.c -DWAY=drop_call -DWAY2=drop_data -DOBJECT=at -DROOM=5 && says begun churn &&
	for _ in $(seq $(often 8)); do
		patch frees.so -q && listed frees.so && revert frees.so -q && listed "" || exit 1
	done && patch frees.so && says "faults 0" end && says wrong login 1 && listed frees.so
'

# refused SAYS FUNCTION ARGUMENT [FLAG...]: the patch is refused, with one line that SAYS matches.
refused() {
	patch_object frees.c "-DWAY=$2" "-DOBJECT=$3" "${@:4}" && fails_with 1 "$1" generate
}
# bytes_to_call FUNCTION: so many of its bytes are in front of its first call.
bytes_to_call() {
	local start call
	read -r start call < <(objdump -d --no-show-raw-insn "$object" | sed -n "/<$1>:/,/call/{s/^0*\([0-9a-f]*\) <.*/\1/p; s/^ *\([0-9a-f]*\):.*call.*/\1/p}" | xargs)
	echo $((16#$call - 16#$start))
}
t 'what it cannot do is refused' '
	build frees &&
	refused "VZP_ON_FREE.drop_again, at.: the code of .drop_again. comes back to its first instructions" drop_again at &&
	refused ".to. is none of its parameters" drop_call to &&
	refused ".by. is no pointer" drop_static by &&
	refused "there is no debug info of .free.: give the number" free at &&
	refused "frees neither has such a function nor calls one of a library" drop_none at &&
	refused ".drop_inlined. has no code of its own in .*, where it was inlined" drop_inlined at &&
	refused "the patch replaces .login. itself: call shadow_detach.. there" login at &&
	CFLAGS_EXTRA=-fno-plt build frees && refused "has the address of this function of a library" free 1 &&
	CFLAGS_EXTRA=-fexceptions build frees && if [ $abi = amd64 ] && [ "$(bytes_to_call drop_cleaning)" -lt 5 ]; then
		refused ".drop_cleaning. may catch exceptions, or clean up when it is left, and begins with a call" drop_cleaning at
	else
		patch_from frees.c -DWAY=drop_cleaning -DOBJECT=at	# the call is not moved, or returns to its old place
	fi &&
	CFLAGS_EXTRA=-fno-asynchronous-unwind-tables build frees && refused "no unwind information of .drop_call." drop_call at
'
t 'a patch of the same function, and this one, are not applied together' '
	target frees && patch_from frees.c -DWAY=drop_call -DOBJECT=at && printf "%s\n" "#include <stdlib.h>" "extern int dropped; struct object { int is_in; int filler[9]; }; int drop_call(struct object *at);" \
		"int drop_call(struct object *at) { free(at); return ++dropped; }" >other.c && patch_from other.c && says dropped drop call && snapshot &&
	patch frees.so && fails_with 1 "frees.so replaces drop_call, too, and frees.so goes on in the target.s own code of it" patch other.so &&
	patch other.so --replace && listed other.so && says dropped drop call &&
	fails_with 1 "other.so replaces drop_call, too, and frees.so goes on" patch frees.so && patch frees.so --replace && listed frees.so &&
	locks_out "locked out" && says dropped drop call && says welcome login 42 && revert frees.so && listed "" && says welcome login 42 && unharmed
'
done_testing
