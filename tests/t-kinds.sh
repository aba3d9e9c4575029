#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every kind of executable and library, as compilers and distributions make them.

. "${0%/*}/lib.sh"
for_each_abi

# goes_in_and_out KIND: the three beats, for a function with a string and one that
# refers to a static variable.
goes_in_and_out() {
	target server "$1" && says hello greet && says 'scale 14' scale 7 && snapshot &&
	patch_from greet.c && patch_from scale.c &&
	patch greet.so && says goodbye greet && says 'scale 14' scale 7 && listed greet.so &&
	patch scale.so && says goodbye greet && says 'scale 1014' scale 7 &&
	listed greet.so scale.so &&
	revert greet.so && says hello greet && says 'scale 1014' scale 7 && listed scale.so &&
	revert scale.so && says 'scale 14' scale 7 && listed && unharmed
}

kinds='pie nopie static static-pie so dlopen'

by_lot
for kind in $kinds; do
	for level in 0 1 2 3; do
		t "$kind, gcc -O$level" "CFLAGS_EXTRA='-O$level -U_FORTIFY_SOURCE' goes_in_and_out $kind"
	done
	t "$kind, clang" "CC=clang goes_in_and_out $kind"
	t "$kind, a patch by clang" "PATCH_CC=clang goes_in_and_out $kind"
	t "$kind, -fcf-protection=full" "CFLAGS_EXTRA=-fcf-protection=full goes_in_and_out $kind"
	t "$kind, -z noseparate-code" "CFLAGS_EXTRA=-Wl,-z,noseparate-code goes_in_and_out $kind"
	t "$kind, -z separate-code" "CFLAGS_EXTRA=-Wl,-z,separate-code goes_in_and_out $kind"
	t "$kind, -z lazy, no relro" "CFLAGS_EXTRA='-Wl,-z,lazy -Wl,-z,norelro' goes_in_and_out $kind"
	t "$kind, -fno-plt" "CFLAGS_EXTRA=-fno-plt goes_in_and_out $kind"
	t "$kind, --hash-style=sysv" "CFLAGS_EXTRA=-Wl,--hash-style=sysv goes_in_and_out $kind"
	t "$kind, -gdwarf-4" "CFLAGS_EXTRA=-gdwarf-4 goes_in_and_out $kind"
	t "$kind, -ffunction-sections --gc-sections" \
		"CFLAGS_EXTRA='-ffunction-sections -Wl,--gc-sections' goes_in_and_out $kind"
done
# refused_for_lto KIND: nsb-gen says why there is no patch for such a program.
refused_for_lto() {
	target server "$1" && says hello greet && snapshot && patch_object greet.c &&
	fails_with 1 'link-time optimisation.*-fno-lto' generate && says hello greet && unharmed
}

for kind in pie nopie so; do
	for distribution in ubuntu fedora; do
		added=${distribution}_flags
		t "$kind, as $distribution builds, without LTO" "CFLAGS_EXTRA='${!added}' goes_in_and_out $kind"
		t "$kind, as $distribution builds: refused for its LTO" "CFLAGS_EXTRA='${!added} $with_lto' refused_for_lto $kind"
	done
done
for linker in gold lld mold; do
	for kind in pie nopie so; do
		t "$kind, linked by $linker" "
			command -v ld.$linker || skip 'no linker $linker'
			CFLAGS_EXTRA=-fuse-ld=$linker goes_in_and_out $kind
		"
	done
done

for_each_abi
for kind in pie nopie so; do
	t "$kind, stripped, with the debug info in another file" "
		build server $kind && cp \$(dirname \$object)/* . &&
		program=./\${program##*/} object=./\${object##*/} &&
		objcopy --only-keep-debug \$object server.debug &&
		strip \$object && launch \$program &&
		patch_object greet.c && generate --debugfile server.debug &&
		says hello greet && patch greet.so && says goodbye greet &&
		revert greet.so && says hello greet
	"
	t "$kind, the file deleted" "
		build server $kind && cp \$(dirname \$object)/* . &&
		program=./\${program##*/} object=./\${object##*/} &&
		launch \$program && snapshot && patch_from greet.c && rm \$object &&
		patch greet.so && says goodbye greet && listed greet.so &&
		revert greet.so && says hello greet
	"
	t "$kind, the file replaced by another build" "
		build server $kind && cp \$(dirname \$object)/* . &&
		program=./\${program##*/} object=./\${object##*/} &&
		launch \$program && patch_from greet.c &&
		cp /bin/true other && mv other \$object &&
		patch greet.so && says goodbye greet && listed greet.so &&
		revert greet.so && says hello greet
	"
done

# There is a musl-gcc for amd64 only.
for_amd64
t 'static, musl' '
	CC=musl-gcc CFLAGS_EXTRA="-U_FORTIFY_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu" goes_in_and_out static
'
t 'pie, musl' '
	CC=musl-gcc CFLAGS_EXTRA="-U_FORTIFY_SOURCE" goes_in_and_out pie
'

done_testing
