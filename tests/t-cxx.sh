#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# C++ programs, patched at functions of theirs that could be C: the unwinder knows the
# new ones.

. "${0%/*}/lib.sh"
. "${0%/*}/sweep.sh"
by_lot

echo 'int main() { }' >"$folder/none.cc"
for abi in $NSB_ABIS; do
	${CXX:-g++} $(mflag) -o "$folder/none" "$folder/none.cc" && able+=" $abi"
done 2>/dev/null
abis=${able:-}
[ -n "$abis" ] || skip_all 'there is no C++ compiler'

# through FLAGS...: the target, with its patches, not started; made once.  It is built with
# -fno-ipa-ra, as nsb-gen takes what it knows of arguments from declarations in C: of
# std::string::reserve, behind a PLT, it knows none, so its caller might hand on registers
# that a replaced function had left alone.
through() {
	local made
	made=$folder/$abi$(tr -d ' ' <<<"$*")
	if ! [ -d "$made" ]; then
		mkdir "$made.new" && (
			cd "$made.new" &&
			${CXX:-g++} $(mflag) $debian_flags $debian_ldflags $tells_nothing -fno-ipa-ra -D_GNU_SOURCE -pthread "$@" -o through "$tests/targets/through.cc" &&
			object=through && patch_from relay.c
		) && mv "$made.new" "$made" || return 1
	fi
	cp -r "$made/." . && object=through
}

old_ones() {
	says 'relay 4, too much, label 1' all
}

new_ones() {
	says 'relay 104, too much, label 2' all
}

for flags in '-fPIE -pie' '-fno-pie -no-pie' '-fno-pie -no-pie -static' '-fPIE -static-pie' '-fPIE -pie -static-libgcc -static-libstdc++'; do
	t "$flags: an exception is caught that passes a new function" "
		through $flags && launch ./through && snapshot && patch relay.so && new_ones && new_ones && listed relay.so &&
		revert relay.so && old_ones && unharmed
	"
	t "$flags: ... that passed the old one before" "
		through $flags && launch ./through && old_ones && snapshot && patch relay.so && new_ones && revert relay.so && old_ones && unharmed
	"
	# Such a program, which then has two unwinders, dies when a thread of it is cancelled.
	[[ $flags = *-static-libgcc* ]] && continue
	t "$flags: backtrace goes through patched code, cancelling a thread in it runs its callers' destructors" "
		through $flags && launch ./through && says 'frames 2' frames && says 'cancelled 2' cancel && patch relay.so && says 'frames 102' frames &&
		says 'cancelled 4' cancel && new_ones && revert relay.so && says 'frames 2' frames && says 'cancelled 6' cancel
	"
done
for flags in '-fPIE -pie' '-fno-pie -no-pie -static'; do
	t "$flags: an exception comes out of patch code, whose cleanups are run" "
		through $flags && launch ./through && snapshot && patch_from raise.c -fexceptions && patch raise.so && says 'relay 204' 3 && says 'left 1' left &&
		says 'too much' 6 && says 'left 2' left && says 'caught 7' label && says 'left 12' left && revert raise.so && old_ones && says 'left 12' left && unharmed
	"
	t "$flags: patches upon one another, taken out in any order" "
		through $flags && launch ./through && snapshot && patch_from raise.c -fexceptions &&
		for order in 'relay raise' 'raise relay'; do
			patch relay.so && patch raise.so && says 'too much' 6 && says 'caught 7' label && revert \${order% *}.so && says 'too much' 6 &&
			patch \${order% *}.so && says 'too much' 6 && revert \${order#* }.so && says 'too much' 6 && revert \${order% *}.so && old_ones || exit 1
		done && unharmed
	"
	t "$flags: --replace" "
		through $flags && launch ./through && snapshot && patch_from raise.c -fexceptions && patch relay.so && patch raise.so --replace &&
		listed raise.so && says 'too much' 6 && says 'caught 7' label && patch relay.so --replace && new_ones && revert relay.so && old_ones && unharmed
	"
	t "$flags: nsb is killed" "
		through $flags && launch ./through && old='relay 4, too much, label 1' new='relay 104, too much, label 2' &&
		mixed='relay (4|104), too much, label (1|2)' question=all file_of_patch=relay.so main= && watched &&
		sweep before:9 forward patch $(some 12) && sweep before:9 forward revert $(some 12)
	"
done
t 'nsb is killed before it writes: the unwinder knows the frames before any function is replaced, and as long as one is' '
	through -fPIE -pie && launch ./through && old="relay 4, too much, label 1" new="relay 104, too much, label 2" &&
	mixed="relay (4|104), too much, label (1|2)" question=all file_of_patch=relay.so main= && watched &&
	sweep before:9 write patch all && sweep before:9 write revert all
'
t 'all is bound from the beginning' '
	through -fPIE -pie && LD_BIND_NOW=1 launch ./through && patch relay.so && new_ones && revert relay.so && old_ones && old_ones
'
t 'a child of the patched process' '
	through -fPIE -pie && launch ./through && patch relay.so && says "child too much" fork && new_ones && revert relay.so && says "child too much" fork
'
# odd SYMBOL: a program with an unwinder whose first instruction cannot be moved.
odd() {
	gcc $(mflag) -O2 -g $tells_nothing -o odd -Wl,--build-id=sha1 "$tests/targets/server.c" "$tests/targets/server2.c" "$tests/targets/main.c" -D_GNU_SOURCE -pthread -x c - <<-END &&
		__asm__(".globl _Unwind_Find_FDE, $1\n.type _Unwind_Find_FDE, @function\n_Unwind_Find_FDE:\n"
			"jmp _Unwind_Find_FDE\n.size _Unwind_Find_FDE, . - _Unwind_Find_FDE\n$1: ret\n");
	END
	object=odd && launch ./odd && patch_from greet.c && snapshot
}
t 'an unwinder that cannot be told: refused, unless no exception comes' '
	odd __cxa_throw && fails_with 1 "unwinder cannot be told of greet.*--no-exceptions" patch greet.so && says hello greet && unharmed &&
	patch greet.so --no-exceptions && says goodbye greet && revert greet.so && says hello greet && unharmed
'
# Symbols that tell of the unwinder are gone: it is known by what is left.
for flags in '-fno-pie -no-pie -static' '-fPIE -static-pie' '-fPIE -pie -static-libgcc' '-fPIE -pie -static-libgcc -static-libstdc++'; do
	t "$flags: stripped: refused, unless no exception comes" "
		through $flags && strip through && launch ./through && snapshot && fails_with 1 'unwinder cannot be told of label.*--no-exceptions' patch relay.so &&
		old_ones && unharmed && patch relay.so --no-exceptions && says 'relay 104' 3 && says 'label 2' label && revert relay.so && old_ones && unharmed
	"
done
t 'a library with an unwinder of its own, in a C program: refused for itself, not for others' '
	g++ $(mflag) $debian_flags $tells_nothing -fPIC -D_GNU_SOURCE -pthread -Dmain=unused -Wno-return-type -shared -static-libgcc -static-libstdc++ -Wl,--exclude-libs,ALL -Wl,--build-id=sha1 \
		-o libthrough.so "$tests/targets/through.cc" &&
	CFLAGS_EXTRA="-L$PWD -Wl,--no-as-needed -lthrough -Wl,-rpath,$PWD" target server pie && patch_from greet.c && object=libthrough.so && patch_from relay.c && snapshot &&
	fails_with 1 "unwinder cannot be told of label.*--no-exceptions" patch relay.so && patch greet.so && says goodbye greet && revert greet.so && says hello greet && unharmed
'
t '... in a C program, where none is thrown' '
	odd throw_none && patch greet.so && says goodbye greet && revert greet.so && says hello greet && unharmed
'

tell_sum
done_testing
