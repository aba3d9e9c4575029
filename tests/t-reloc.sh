#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each relocation that compilers produce in a patch leads to the right place.

. "${0%/*}/lib.sh"
by_lot

ways=$(sed -n 's/^#.*defined(VIA_\([A-Z_]*\))$/\1/p' "$tests/patches/reloc.c")

# finds WAY KIND [FLAGS...]
finds() {
	local way=$1 kind=$2
	shift 2
	target server "$kind" && says 'visit 4' visit 4 && patch_from reloc.c "-DVIA_$way" "$@" &&
	snapshot && says 'word two' word 2 && patch reloc.so && says 'word right' word 2 &&
	revert reloc.so && says 'word two' word 2 && says 'visit 4' visit 0
}

for way in $ways; do
	for kind in pie nopie so; do
		t "$way, $kind" "finds $way $kind"
	done
	t "$way, -O0" "finds $way pie -O0"
	t "$way, clang" "PATCH_CC=clang finds $way pie"
	t "$way, -fno-plt" "finds $way pie -fno-plt"
	t "$way, -mcmodel=medium or -fpic" 'flag=-fpic && [ $abi = i386 ] || flag=-mcmodel=medium
		finds '"$way"' pie $flag'
done

# A static program has only what it was linked with.
for way in $ways; do
	case $way in
	LIBC*|*SWITCH|*ERRNO|*BSS) ;;
	*) t "$way, static" "finds $way static" ;;
	esac
done

for_each_abi
t 'a symbol that is missing is refused by its name' '
	target server && cat >lacks.c <<-"END" &&
		int nowhere_to_be_found(int n);
		int visit(int by);
		int visit(int by) { return nowhere_to_be_found(by); }
	END
	snapshot && patch_object lacks.c && if generate 2>said; then
		fails_with 8 "$pid.*nowhere_to_be_found" patch lacks.so && unharmed
	else
		grep nowhere_to_be_found said
	fi
'
t 'packed relative relocations (DT_RELR) are applied, or refused' '
	target server && patch_object reloc.c -DVIA_DATA_POINTER -Wl,-z,pack-relative-relocs 2>/dev/null && generate &&
	readelf -dW reloc.so | grep RELR || skip "the linker makes none"
	patch reloc.so && says "word right" word 2
'

done_testing
