#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Structures that change their layout: what cannot matter is accepted, and of what exists a hook takes care, on its author's word.

. "${0%/*}/lib.sh"
for_each_abi

# conns [FLAGS...]: the program of the old source, as $program, and of the fixed one; objects of both; fix.so.
# shellcheck disable=SC2046,SC2086 # lists of words
conns() {
	local cc
	cc="gcc $(mflag) $debian_flags $tells_nothing -D_GNU_SOURCE -I$tests/targets -I$root/include"
	mkdir -p old new && cp "$tests/targets/main.c" . && { [ -e conns.c ] || cp "$tests/targets/conns.c" .; } &&
	$cc $debian_ldflags -o old/conns conns.c main.c && $cc $debian_ldflags -DNEW "$@" -o new/conns conns.c main.c &&
	$cc -fPIC -fno-semantic-interposition -ffunction-sections -fdata-sections -c -o old/conns.o conns.c &&
	$cc -DNEW "$@" -fPIC -fno-semantic-interposition -ffunction-sections -fdata-sections -c -o new/conns.o conns.c &&
	gcc $(mflag) -shared -Wl,--build-id=sha1 -o fix.so new/conns.o && program=$PWD/old/conns
}
# conns_with WORDS: the same, with these in the place of VZP_LAYOUT.
conns_with() {
	sed "s/VZP_LAYOUT(struct conn, convert)/$1/" "$tests/targets/conns.c" >conns.c && conns
}
# generated [OPTIONS...]
generated() {
	"$NSB_GEN" generate --mode auto "$@" old/conns fix.so new/conns.o --original old/conns.o
}
witnessed() {
	generated --as-built old/conns --fixed new/conns
}
begin() {
	launch "$program" && says 'count 1' open 3 40 && says 'count 2' open 4 50 && says 'got 50' got && says 'sent 7' sent && snapshot
}
t 'what there is is converted with the code, and back' '
	conns && witnessed >told && cat told && grep "changed: conn_got" told && ! grep "changed: conn_count" told && begin &&
	patch fix.so && says "got 50" got && says "sent 7" sent && says "count 3" open 5 60 && says "got 60" got &&
	says "sent 1012" sent && revert fix.so && says "got 60" got && says "sent 12" sent && says "count 4" open 1 1 &&
	says "sent 13" sent && listed "" && unharmed
'
t 'without the word of its author, and without what has to be so, a layout is refused' '
	conns -DNO_WORD && fails_with 1 ".conn. is not what it is in" witnessed &&
	conns && fails_with 1 "VZP_LAYOUT.struct conn.: which functions depend on the layout, only builds of the program tell" generated &&
	conns -DNO_WAY_BACK && fails_with 1 "VZP_LAYOUT.struct conn.: when the patch is taken out, the old code would find the new" witnessed &&
	conns_with "VZP_LAYOUT(struct conn, converted)" && fails_with 1 "converted is no hook .VZP_POST_APPLY.converted." witnessed &&
	conns_with "VZP_LAYOUT(struct conn, convert) VZP_ALLOW_ACTIVE(conn_got)" &&
	fails_with 1 "VZP_LAYOUT.struct conn.: the old .conn_got. may be active" witnessed &&
	conns_with "VZP_LAYOUT(struct other, convert)" && fails_with 1 ".conn. is not what it is in" witnessed
'

done_testing
