#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What nsb-gen makes of machine code, against objdump and libzydis: the length of every instruction,
# what it does with registers, and where control goes from it.

. "${0%/*}/lib.sh"

insn=$NSB_BUILD/unit/u-insn
long=${NSB_LONG:+all}

# effects: builds the comparison with libzydis.
effects() {
	echo '#include <Zydis/Zydis.h>' | cc -E - >/dev/null 2>&1 || skip 'there is no libzydis (libzydis-dev)'
	cc -O2 -Wall -Wextra -Werror -iquote "$root/tools/gen/arch" -iquote "$root/tools/gen/arch/x86" -iquote "$root/tools/gen/dwarf" -o effects \
		"$tests/zydis/effects.c" "$root"/tools/gen/arch/x86/{insn,vector}.c -lZydis
}

for bits in 64 32; do
	t "opcodes of $bits bits do what libzydis says" "
		effects && ./effects $bits ${long:-some} </dev/null >log || { grep -v '^#' log | head -n 20; tail -n 1 log; exit 1; }
	"
	t "the length of what as can write in $bits bits, VEX, XOP and EVEX" "
		python3 '$tests/helpers/assembled.py' $bits all.o $long >counts && cat counts &&
		read -r _ vex _ xop _ evex _ <counts && [ \$vex -gt 900 ] && [ \$xop -gt 60 ] && [ \$evex -gt 1200 ] &&
		'$insn' $([ $bits = 32 ] && echo -32) all.o
	"
done

# libraries FOLDER: the ELF files of a folder that have code.
libraries() {
	local file magic

	find "$1/" -type f -name '*.so*' | sort | while read -r file; do
		read -r -N 4 magic <"$file" && [ "$magic" = $'\x7fELF' ] && echo "$file"
	done 2>/dev/null
}
# What is in .text and is no instruction, objdump reads as one; so a few may be unknown.
t 'the length of each instruction of the libraries of this machine' "
	[ -n '$long' ] || skip 'only in a long run (NSB_LONG=1)'
	mapfile -t wide < <(libraries /usr/lib/x86_64-linux-gnu) && mapfile -t narrow < <(libraries /lib32) &&
	'$insn' \"\${wide[@]}\" -32 \"\${narrow[@]}\" >log; grep -v '^ok' log; tail -n 1 log; ! grep -q '^not ok' log
"

done_testing
