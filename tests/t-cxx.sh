#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# C++ programs, patched at functions of theirs that could be C.

. "${0%/*}/lib.sh"
for_each_abi

echo 'int main() { }' >"$folder/none.cc"
for abi in $NSB_ABIS; do
	${CXX:-g++} $(mflag) -o "$folder/none" "$folder/none.cc" && able+=" $abi"
done 2>/dev/null
abis=${able:-}
[ -n "$abis" ] || skip_all 'there is no C++ compiler'

through() {
	${CXX:-g++} $(mflag) $debian_flags $debian_ldflags -D_GNU_SOURCE -pthread "$@" -o through "$tests/targets/through.cc" &&
	object=through && launch ./through && says 'label 1' label && says 'relay 4' 3 && says 'too much' 6 &&
	says 'frames 2' frames && says cancelled cancel && patch_from relay.c
}

for flags in '-fPIE -pie' '-fno-pie -no-pie'; do
	t "$flags" "
		through $flags && snapshot && patch relay.so && says 'label 2' label && says 'relay 104' 3 &&
		listed relay.so && revert relay.so && says 'label 1' label && says 'relay 4' 3 &&
		says 'too much' 6 && unharmed
	"
	t "$flags: backtrace in patched code" "
		through $flags && patch relay.so && says 'frames 102' frames && revert relay.so && says 'frames 2' frames
	"
	t "$flags: cancelled in patched code" "
		through $flags && patch relay.so && says cancelled cancel && says 'relay 104' 3
	"
done
t 'exceptions cannot pass new functions: nsb says so' '
	through -fPIE -pie && patch relay.so 2>said && grep "C\+\+ program: an exception" -E said &&
	says "relay 104" 3 && revert relay.so && says "too much" 6
'

done_testing
