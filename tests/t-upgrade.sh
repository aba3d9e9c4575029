#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The file was deleted or replaced under the running process.

. "${0%/*}/lib.sh"
for_each_abi

# installed KIND: run the server from ./, with a patch of it, old.so.
installed() {
	build server "$1" && mkdir bin && cp "$(dirname "$object")"/* bin &&
	program=bin/${program##*/} object=bin/${object##*/} && launch "$program" &&
	patch_from greet.c -o old.so && patch_from scale.c -o other.so
}

# upgraded KIND: another build at the same path, with a patch for that, new.so.
upgraded() {
	local at=$object
	CFLAGS_EXTRA=-O1 build server "$1" && cp "$object" new && mv new "$at" &&
	patch_from greet.c -o new.so && object=$at
}

# works: the patches for the build that runs do.
works() {
	says hello greet && snapshot && patch old.so && says goodbye greet && patch other.so &&
	says 'scale 1014' scale 7 && listed old.so other.so && nsb check -p "$pid" -f old.so &&
	revert old.so && says hello greet && revert other.so && says 'scale 14' scale 7 && unharmed
}

for kind in pie nopie static static-pie so dlopen; do
	t "$kind, upgraded" "
		installed $kind && upgraded $kind &&
		snapshot &&
		fails_with 8 'no object with build-id .* another build' patch new.so && unharmed &&
		{ nsb check -p \$pid -f new.so >said; [ \$? = 2 ]; } && grep 'cannot be applied now' said &&
		works && fails_with 8 'another build' patch new.so
	"
	t "$kind, deleted" "installed $kind && rm -r bin && works"
	t "$kind, deleted while it is patched" "
		installed $kind && snapshot && patch old.so && says goodbye greet && rm -r bin &&
		listed old.so && revert old.so && says hello greet
	"
done
t 'nsb-gen finds the deleted file in the process' '
	installed pie && id=$("$NSB_GEN" buildid $object) && rm -r bin &&
	"$NSB_GEN" check --pid $pid --id $id
'

done_testing
