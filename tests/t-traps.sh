#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What callers in the target rely on beyond the ABI: nsb-gen finds it; a patch that is
# made without looking corrupts the target; one that is declared right works.

. "${0%/*}/lib.sh"
for_each_abi

# trusting [FLAGS...]: the target, position-dependent, so that i386 has registers to spare.
trusting() {
	CFLAGS_EXTRA=$* target trusting nopie
}

# made [FLAGS...]: the patch, not yet generated; checked: is generated.
made() {
	patch_object trusting.c "$@"
}

checked() {
	made "$@" && generate
}

# unchecked FLAGS...: generated without a look at callers and arguments.
unchecked() {
	made "$@" && generate --no-abi-check
}

# refused REGEX FLAGS...
refused() {
	made "${@:2}" && fails_with 1 "$1" generate
}

# three_beats OLD NEW WORDS...
three_beats() {
	local old=$1 new=$2
	shift 2
	snapshot && says "$old" "$@" && patch "$made" && says "$new" "$@" &&
	revert "$made" && says "$old" "$@" && listed && unharmed
}

# corrupts OLD NEW WORDS...: the patch gives another answer than the new one, or none; what
# is left of the target is not looked at.
corrupts() {
	local old=$1 new=$2
	shift 2
	says "$old" "$@" && patch "$made" && ! says "$new" "$@"
}

amd64_only() {
	[ "$abi" = amd64 ] || skip 'i386 has no such registers'
}

t 'registers that the old function left alone: refused, with the callers' '
	trusting && refused "trusting.c:[0-9]+: .*.both.,? .*rel(y|ies) on registers that the old .leaf. left alone and the new one changes \\(.*\\): replace .* too, or declare the new one with VZP_KEEPS_REGISTERS" -DNEW_LEAF
'
t 'registers: unseen it corrupts the callers' '
	trusting && unchecked -DNEW_LEAF && corrupts "both 33" "both 37" both 2
'
t 'registers: a new function that keeps them' '
	trusting && checked -DNEW_LEAF "-DDECLARED=VZP_REGISTER_ARGS VZP_KEEPS_REGISTERS" &&
	three_beats "both 33" "both 37" both 2
'
t 'registers: one that keeps them while it calls another' '
	trusting &&
	if [ $abi = amd64 ]; then
		refused ".mixed. relies on registers .*xmm0.: replace it too$" -DNEW_CALLING_LEAF \
			"-DDECLARED=VZP_REGISTER_ARGS VZP_KEEPS_REGISTERS"
	fi &&
	checked -DNEW_CALLING_LEAF -DNEW_MIXED "-DDECLARED=VZP_REGISTER_ARGS VZP_KEEPS_REGISTERS" &&
	three_beats "both 33" "both 37" both 2
'
t 'registers: callers that are replaced along' '
	trusting && checked -DNEW_LEAF -DNEW_BOTH -DNEW_ABOVE_SAME && three_beats "both 33" "both 37" both 2
'
t 'registers: a target built with -fno-ipa-ra needs none of this' '
	trusting -fno-ipa-ra && checked -DNEW_LEAF && three_beats "both 33" "both 37" both 2
'
t 'registers: so does one built with -O1, and one by clang' '
	trusting -O1 && checked -DNEW_LEAF && three_beats "both 33" "both 37" both 2 &&
	if [ $abi = amd64 ]; then
		CC=clang trusting && checked -DNEW_LEAF && three_beats "both 33" "both 37" both 2
	fi
'
t 'registers of a caller further up' '
	trusting &&
	if [ $abi = amd64 ]; then
		refused ".above. relies on registers that the old .both." -DNEW_BOTH_ALONE
	fi &&
	checked -DNEW_BOTH_ALONE "-DDECLARED=VZP_REGISTER_ARGS VZP_KEEPS_REGISTERS" &&
	three_beats "above 36" "above 206" above 2
'
t 'floating-point registers' '
	amd64_only && trusting &&
	refused ".mixed., .* rely on registers .*xmm0.*: replace .* too$" -DNEW_LEAF -DWITH_VECTORS &&
	unchecked -DNEW_LEAF -DWITH_VECTORS && corrupts "mixed 8.5" "mixed 9.5" mixed 2
'
t 'a stack that is not aligned: refused, with the caller' '
	trusting && refused ".misaligns. calls .plain. with a stack that is not aligned, .*VZP_ALIGNS_STACK" -DNEW_PLAIN
'
t 'a stack that is not aligned: unseen the new function has it so' '
	trusting && unchecked -DNEW_PLAIN && corrupts "misaligns 8" "misaligns 108" misaligns 7
'
t 'a stack that is not aligned: the new function aligns it' '
	trusting && checked -DNEW_PLAIN "-DDECLARED=VZP_REGISTER_ARGS VZP_ALIGNS_STACK" &&
	three_beats "misaligns 8" "misaligns 108" misaligns 7
'
t 'a function that never returned' '
	trusting && refused "trusting.c:[0-9]+: the old function never returns" -DNEW_FOREVER
'

i386_only() {
	[ "$abi" = i386 ] || skip 'arguments of static functions come as usual'
}

t 'arguments in registers: refused, with the parameter' '
	i386_only && trusting &&
	refused "trusting.c:[0-9]+: parameter 1 .a. of .both. comes on the stack, at 0, but the target.s callers pass it in eax .declare the function VZP_REGISTER_ARGS." -DNEW_BOTH_ALONE -DDECLARED=VZP_KEEPS_REGISTERS
'
t 'arguments in registers: unseen the new function gets others' '
	i386_only && trusting && unchecked -DNEW_BOTH_ALONE -DDECLARED= &&
	corrupts "both 33" "both 203" both 2
'
t 'arguments in registers: VZP_REGISTER_ARGS' '
	trusting && checked -DNEW_BOTH_ALONE "-DDECLARED=VZP_REGISTER_ARGS VZP_KEEPS_REGISTERS" &&
	three_beats "both 33" "both 203" both 2
'
t 'arguments on the stack, and a new function that wants them in registers' '
	i386_only && trusting -O0 &&
	refused "parameter 1 .a. of .both. comes in eax, but .* on the stack, at 0 .declare it without VZP_REGISTER_ARGS." -DNEW_BOTH_ALONE &&
	checked -DNEW_BOTH_ALONE -DDECLARED= && three_beats "both 33" "both 203" both 2
'
t 'arguments in the registers that clang takes' '
	i386_only && CC=clang trusting &&
	refused "parameter 1 .a. of .both. comes on the stack, at 0, but the target.s callers pass it in ecx: the compiler gave it a convention" -DNEW_BOTH_ALONE -DDECLARED=
'
t 'a reference to a function with arguments in registers' '
	trusting && checked -DNEW_ABOVE && three_beats "above 36" "above 1021" above 2
'
t 'a reference to it as to any other: refused' '
	i386_only && trusting &&
	refused "trusting.c:[0-9]+: .both. of .*trusting takes parameter 1 .a. in eax: declare it with VZP_REGISTER_FUNC_REF" -DNEW_ABOVE_BY_ABI
'
t 'a reference to it as to any other: unseen it gets other arguments' '
	i386_only && trusting && unchecked -DNEW_ABOVE_BY_ABI && corrupts "above 36" "above 1021" above 2
'

t 'clones: refused by name' '
	trusting && refused ".scaled. exists only as the compiler.s clone .scaled.constprop.0." -DNEW_SCALED &&
	refused ".summed. exists only as the compiler.s clone .summed.isra.0." -DNEW_SUMMED
'
# nameless: the target has lost the names of the clones.
nameless() {
	trusting && cp "$program" nameless && strip -N scaled.constprop.0 -N summed.isra.0 nameless &&
	object=$PWD/nameless && launch "$object"
}
t 'a clone without its name: refused by its parameters' '
	nameless && refused "parameter 1 .factor. of .scaled. comes .* pass it not at all" -DNEW_SCALED &&
	refused "trusting.c:[0-9]+: parameter 1 .pair. of .summed. comes .* pass it not at all" -DNEW_SUMMED
'
t 'a clone without its name: unseen the new function gets other arguments' '
	nameless && unchecked -DNEW_SCALED && corrupts "scaled 42 63" "scaled 14 21" scaled 2
'

done_testing
