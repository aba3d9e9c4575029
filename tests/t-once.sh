#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# VZP_ONCE: something runs before the first call of the new code, once, in a thread that may wait.

. "${0%/*}/lib.sh"
for_each_abi

# The new code adds 100 from the first call on; the other two functions go through their slots as well.
begin() {
	target once "$@" && says 'value 2' value 1 && says 'mix 1211125' mix 0 && says 'largest 9' largest 9 &&
		says 'what?' allocate && snapshot
}
# Threads and what they have mapped come and go by themselves: then nothing is compared.
gone() {
	revert "$1" && says 'value 2' value 1 && says 'mix 1211125' mix 0 && says 'largest 9' largest 9 && listed ''
}
after() {
	gone "$1" && unharmed
}
for kind in pie nopie static so; do
	t "it has run when the first call is answered, and does not run again: $kind" "
		begin $kind && patch_from once.c && patch once.so && says 'runs 0' runs && says 'value 101' value 1 && says 'runs 1' runs &&
		says 'value 107' value 7 && says 'mix 1211126' mix 0 && says 'largest 90' largest 9 && says 'child 101' child 0 &&
		says 'runs 1' runs && after once.so
	"
done
for cc in gcc clang; do
	t "arguments in registers and on the stack get through, $cc" "
		begin && PATCH_CC=$cc patch_from once.c && patch once.so && says 'mix 1211126' mix 0 && says 'runs 1' runs && after once.so &&
		begin && patch once.so && says 'largest 90' largest 9 && says 'runs 1' runs && after once.so
	"
done
t 'threads that come meanwhile wait until it has run' '
	begin && patch_from once.c && patch once.so && says "right 40" race 40 101 && says "runs 1" runs && gone once.so
'
t 'a child that was forked meanwhile runs it itself' '
	begin && patch_from once.c && patch once.so && says "child 201" child 1 && says "value 101" value 1 && says "runs 1" runs && gone once.so
'
t 'it forks, and the child calls what is replaced' '
	begin && patch_from once.c -DFORKS && patch once.so && says "value 101" value 1 && says "runs 1" runs && after once.so
'
t 'its thread ends in the middle: another one does it' '
	begin && patch_from once.c -DDIES && patch once.so && says "right 9" race 10 101 && says "runs 2" runs && says "value 101" value 1 && gone once.so
'
t 'nsb tells of it; a later patch, on top or in its place, runs its own' '
	begin && patch_from once.c && nsb info -f once.so >told && cat told && grep "runs once: prepare" told && patch once.so &&
	says "value 101" value 1 && patch_from once.c -o second.so -O1 && patch second.so && says "value 101" value 1 &&
	says "runs 2" runs && says "mix 1211126" mix 0 && nsb check -p "$pid" -f once.so && revert once.so && says "value 101" value 1 &&
	says "runs 2" runs && after second.so && begin && patch once.so && says "value 101" value 1 && patch second.so --replace &&
	says "value 101" value 1 && says "runs 2" runs && after second.so
'
t 'in auto mode it stands in the fixed source' '
	begin && mkdir -p {old,new}/tests/targets && cp "$tests/targets/once.c" old/tests/targets &&
	{ echo "#include <nsb/vzp.h>" && sed "s/return n + 1;/return n + extra;/; s/^int once_runs;/static int extra; int once_runs;/" "$tests/targets/once.c" &&
		echo "static void prepare(void) { once_runs++; usleep(100000); extra = value(0) + 100; free(strdup(\"x\")); } VZP_ONCE(prepare)"; } >new/tests/targets/once.c &&
	for side in old new; do
		(cd $side && gcc $(mflag) $debian_flags -D_GNU_SOURCE -fPIC -fno-semantic-interposition -ffunction-sections -fdata-sections \
			-I"$tests/targets" -I"$root/include" -c -o once.o tests/targets/once.c) || exit 1
	done && gcc $(mflag) -shared -Wl,--build-id=sha1 -o auto.so new/once.o &&
	"$NSB_GEN" generate --mode auto "$object" auto.so new/once.o --original old/once.o && patch auto.so &&
	says "value 101" value 1 && says "runs 1" runs && says "value 104" value 4 && says "child 101" child 0 && says "runs 1" runs && after auto.so
'
once() {
	echo "$2" >one.c && patch_object one.c && fails_with 1 "$1" generate
}
head='#include <nsb/vzp.h>
	extern int once_runs; int value(int n); int value(int n) { return n; } static void f(void) { once_runs++; }'
t 'what VZP_ONCE cannot do is refused' '
	build once && once "hook .h.: .h. of one.so calls value\(\), which the patch replaces: the function of VZP_ONCE would run first" "$head
		static int h(void) { return value(1); } VZP_PRE_APPLY(h) VZP_ONCE(f)" &&
	once "VZP_ONCE.f.: the patch replaces 2 functions, and there is room for 1 .#define VZP_ONCE_FUNCTIONS 2" "#define VZP_ONCE_FUNCTIONS 1
		$head int largest(int count, ...); int largest(int count, ...) { return count; }
		VZP_ONCE(f)"
'

done_testing
