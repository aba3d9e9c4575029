#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Libraries, however they came into the process, and however often.

. "${0%/*}/lib.sh"
for_each_abi

# opener: starts it, which opens nothing yet; $object is the library.
opener() {
	build server dlopen && library=$object && target opener pie && object=$library
}

opens() {
	says open "open $1 ${3:-$library} $2"
}

# records STATE: how many are listed in this state.
records() {
	nsb list -p "$pid" | grep -c "Z $1:"
}

for how in local global new; do
	t "dlopen, $how" "
		opener && opens 1 $how && says hello 1 greet && says 'limited 603' 1 limited 1 &&
		says 'scale 14' 1 scale 7 && snapshot && patch_from greet.c && patch_from scale.c &&
		patch greet.so && says goodbye 1 greet && patch scale.so && says 'scale 1014' 1 scale 7 &&
		listed greet.so scale.so && revert greet.so && revert scale.so && says hello 1 greet &&
		says 'scale 14' 1 scale 7 && unharmed
	"
done
t 'each instance has its own C library' '
	opener && opens 1 new && opens 2 local && cat >own.c <<-"END" &&
		#include <stdlib.h>
		const char *greet(void);
		const char *greet(void)
		{
			static char text[2] = "0";
			text[0] = (char)("0"[0] + (getenv("IN_TWO") != NULL) + (getenv("PATH") != NULL));
			return text;
		}
	END
	patch_from own.c && patch own.so && says 1 1 greet && says 1 2 greet && [ "$(records applied)" = 2 ] &&
	revert own.so && says hello 1 greet && says hello 2 greet
'
t 'two instances in two namespaces: both are patched, listed, reverted' '
	opener && opens 1 local && opens 2 new && says "visit 5" 1 visit 5 && says "visit 7" 2 visit 7 &&
	snapshot && patch_from visit.c && nsb check -p $pid -f visit.so >said || grep "can be applied now" said &&
	patch visit.so && says "visit 20" 1 visit 5 && says "visit 22" 2 visit 5 &&
	[ "$(records applied)" = 2 ] && nsb check -p $pid -f visit.so | grep ": applied$" &&
	fails_with 9 "applied already" patch visit.so &&
	revert visit.so && says "visit 21" 1 visit 1 && says "visit 23" 2 visit 1 && listed && unharmed
'
t 'an instance that comes later is patched by and by' '
	opener && opens 1 local && patch_from greet.c && patch greet.so && opens 2 new &&
	says goodbye 1 greet && says hello 2 greet &&
	{ nsb check -p $pid -f greet.so >said; [ $? = 2 ]; } && grep "can be applied now" said &&
	patch greet.so && says goodbye 1 greet && says goodbye 2 greet && [ "$(records applied)" = 2 ] &&
	fails_with 9 "applied already" patch greet.so &&
	revert greet.so && says hello 1 greet && says hello 2 greet && listed
'
t 'closed while it is patched: the target is gone, revert harms nothing' '
	opener && opens 1 local && says closed close 1 && snapshot && opens 1 local && patch_from greet.c && patch greet.so &&
	says goodbye 1 greet && says closed close 1 && [ "$(records "target gone")" = 1 ] &&
	{ nsb check -p $pid -f greet.so >said; [ $? = 2 ]; } && grep "cannot be applied now" said &&
	fails_with 8 "has no object with build-id" patch greet.so &&
	revert greet.so && listed && unharmed
'
t 'closed and opened again: it is patched anew' '
	opener && opens 1 local && patch_from greet.c && patch_from scale.c && patch greet.so && patch scale.so &&
	says goodbye 1 greet && says closed close 1 && opens 1 local && says hello 1 greet &&
	[ "$(records "target gone")" = 2 ] && patch greet.so && says goodbye 1 greet &&
	[ "$(records "target gone")" = 2 ] && [ "$(records applied)" = 1 ] &&
	revert scale.so && says goodbye 1 greet && revert greet.so && says hello 1 greet && listed
'
t 'another library at the place of one that is gone' '
	opener && opens 1 local && patch_from greet.c && patch greet.so && says closed close 1 &&
	objcopy --remove-section .note.gnu.build-id $library other.so &&
	opens 2 local $PWD/other.so && says hello 2 greet && [ "$(records "target gone")" = 1 ] &&
	revert greet.so && says hello 2 greet && listed
'
t 'among 300 others' '
	echo "int n;" >n.c && gcc $(mflag) -shared -fPIC -o n.so n.c && mkdir many && opener &&
	for i in {100..399}; do cp n.so many/$i.so && opens $i global $PWD/many/$i.so || exit 1; done &&
	opens 1 local && says hello 1 greet && snapshot && patch_from greet.c && patch greet.so &&
	says goodbye 1 greet && revert greet.so && says hello 1 greet && unharmed
'

done_testing
