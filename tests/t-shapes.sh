#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Functions of few bytes, across pages, of several names; programs that lost their
# section headers.

. "${0%/*}/lib.sh"
for_each_abi

shapes() {
	CFLAGS_EXTRA="-mno-red-zone ${*:2}" target shapes "$1"
}

# patch_of N NAMES...: these functions return N from now on; p.so
patch_of() {
	local n=$1 name
	shift
	for name; do
		echo "int $name(void); int $name(void) { return $n; }"
	done >p.c
	patch_from ./p.c
}

# all_say N NAMES...
all_say() {
	local n=$1 name
	shift
	for name; do
		says "$name $n" "$name" || return 1
	done
}

# in_and_out OLD NAMES...: the three beats, all of them in one patch.
in_and_out() {
	local old=$1
	shift
	all_say "$old" "$@" && snapshot && patch_of 42 "$@" && patch p.so && all_say 42 "$@" && all_say 1 after original && listed p.so &&
	nsb check -p "$pid" -f p.so && revert p.so && all_say "$old" "$@" && listed && unharmed
}

for kind in pie static so; do
	t "1 to 8 bytes, padding behind them: $kind" "
		shapes $kind && in_and_out 5 roomy{1..8} && in_and_out 5 roomy1 && in_and_out 5 roomy4 roomy8
	"
	t "5 to 8 bytes, the next function behind them: $kind" "
		shapes $kind && for n in 5 6 7 8; do in_and_out 5 tight\$n || exit 1; done && in_and_out 5 tight{5..8} && all_say 5 tight{1..8}
	"
	t "1 to 4 bytes, the next function behind them: refused: $kind" "
		shapes $kind && snapshot && for n in 1 2 3 4; do
			fails_with 1 \"tight\$n. is too small: \$n bytes with the padding after it, the jump needs 5\" patch_of 42 tight\$n || exit 1
		done && unharmed
	"
	t "the first bytes reach over the end of a line of the cache: $kind" "
		shapes $kind && in_and_out 1 line1 line3 line4
	"
	t "the first bytes reach over the end of a page: $kind" "
		shapes $kind && for name in page1 page2 page3 page4 landed6; do in_and_out 1 \$name line1 page0 || exit 1; done
	"
	t "... a second patch of it comes and goes, also in place of the first: $kind" "
		shapes $kind && snapshot && for name in page4 page3; do
			patch_of 42 \$name && mv p.so first.so && patch_of 43 \$name && patch first.so && all_say 42 \$name &&
			patch p.so && all_say 43 \$name && revert first.so && all_say 43 \$name && patch first.so && all_say 42 \$name &&
			revert p.so && all_say 42 \$name && nsb patch --replace -p \$pid -f p.so && all_say 43 \$name && listed p.so &&
			revert p.so && all_say 1 \$name || exit 1
		done && unharmed
	"
	t "... refused where something is wherever a jump could lead, or there are two of them: $kind" "
		shapes $kind && snapshot && for name in crowded1 crowded2; do
			patch_of 42 roomy5 \$name && fails_with 8 \"\$name: its first bytes lie across the end of a page: only those before it.* is no room\" patch p.so || exit 1
			nsb check -p \$pid -f p.so | grep \"cannot be applied now: .*\$name: its first bytes\" && all_say 1 \$name && all_say 5 roomy5 || exit 1
		done && patch_of 42 page1 page2 && fails_with 8 \"page2: its first bytes lie across the end of a page, where a jump cannot be written in one store\" patch p.so &&
		all_say 1 page1 page2 && listed && unharmed
	"
	t "they end with a page, begin with one, the jump does behind a landing: $kind" "
		shapes $kind && in_and_out 1 page5 page0 landed4
	"
	t "several names for one function: patched once, all are told: $kind" "
		shapes $kind && snapshot && patch_of 42 original 2>said && cat said && grep \"original. is also called .other_name\" said && grep \"original. is also called .weak_name\" said &&
		patch p.so && all_say 42 original other_name weak_name && revert p.so && all_say 1 original other_name weak_name && unharmed
	"
done
t "1 to 4 bytes, the last of .text: the bytes behind them say where the jump can lead" "
	for shape in '1 -DLAST_AT=0' '4 -DLAST_AT=0' '2 -DLAST_AT=2'; do
		shapes so -DLAST=\$shape && in_and_out 5 last tight5 && readelf -SW \$object | grep -c -F .fini || exit 1
	done
"
t "... a second patch of it, on top of the first and in place of it" "
	shapes so && snapshot && patch_of 42 last && mv p.so first.so && patch_of 43 last && patch first.so && all_say 42 last &&
	patch p.so && all_say 43 last && revert first.so && all_say 43 last && revert p.so && all_say 5 last && patch first.so &&
	nsb patch --replace -p \$pid -f p.so && all_say 43 last && revert p.so && all_say 5 last && unharmed
"
for linker in gold lld; do
	t "identical functions that $linker has folded: patched once, both are told" "
		shapes pie -ffunction-sections -fuse-ld=$linker -Wl,--icf=all && all_say 3 same same_again && snapshot && patch_of 42 same 2>said && cat said &&
		grep \"same. shares its code with .same_again\" said && patch p.so && all_say 42 same same_again && listed p.so &&
		revert p.so && all_say 3 same same_again && unharmed
	"
done

# Zero what leads to the section headers, and cut off all that no segment has.
headless() {
	python3 - "$1" <<-"END"
		import struct, sys
		data = bytearray(open(sys.argv[1], "rb").read())
		wide = data[4] == 2
		phoff, = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)
		size, count = struct.unpack_from("<HH", data, 54 if wide else 42)
		end = 0
		for i in range(count):
		    at = phoff + i * size
		    if struct.unpack_from("<I", data, at)[0] == 1:
		        offset, = struct.unpack_from("<Q" if wide else "<I", data, at + (8 if wide else 4))
		        filesz, = struct.unpack_from("<Q" if wide else "<I", data, at + (32 if wide else 16))
		        end = max(end, offset + filesz)
		struct.pack_into("<Q" if wide else "<I", data, 40 if wide else 32, 0)
		struct.pack_into("<HHH", data, 58 if wide else 46, 0, 0, 0)
		open(sys.argv[1], "r+b").write(data)
		open(sys.argv[1], "r+b").truncate(end)
	END
}
for kind in pie nopie static static-pie so dlopen; do
	t "no section headers, no symbols: $kind" "
		build server $kind && cp \$(dirname \$object)/* . && program=./\${program##*/} object=./\${object##*/} && patch_from greet.c && patch_from scale.c &&
		strip \$object && headless \$object && ! readelf -SW \$object 2>&1 | grep -F .text && launch \$program && snapshot && says hello greet && patch greet.so && patch scale.so &&
		says goodbye greet && says 'scale 1014' scale 7 && listed greet.so scale.so && nsb check -p \$pid -f greet.so &&
		revert greet.so && says hello greet && revert scale.so && says 'scale 14' scale 7 && unharmed
	"
done
for kind in pie nopie so; do
	t "clang -fcf-protection=full: $kind" "
		CC=clang CFLAGS_EXTRA=-fcf-protection=full target server $kind && gdb -batch -ex 'x/i greet' \$object | grep endbr && says hello greet && snapshot && patch_from greet.c &&
		PATCH_CC=clang patch_from scale.c -fcf-protection=full && patch greet.so && patch scale.so && says goodbye greet && says 'scale 1014' scale 7 &&
		revert greet.so && revert scale.so && says hello greet && says 'scale 14' scale 7 && unharmed
	"
done

# There is a musl-gcc for amd64 only.
for_amd64
musl='-U_FORTIFY_SOURCE -mno-red-zone -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu'
for kind in pie static so; do
	t "musl: functions of few bytes: $kind" "
		CC=musl-gcc shapes $kind $musl && in_and_out 5 roomy{1..8} && in_and_out 5 tight{5..8} && in_and_out 1 line1 landed4
	"
done

done_testing
