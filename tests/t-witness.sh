#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The witness: two builds of a program, compared by what their code means.  Programs of both
# ABIs are compared; only the patched ones run.

. "${0%/*}/lib.sh"

# What changes with each mutant of tests/targets/builds.c.
mutants=(none within checked scaled sum bounded "(greeting|chosen)" chosen level buffer weights operations grown first spread called
	compared parted twinned)

# makes TO FLAGS...: TO is built from builds.c; with moved=1 from a copy that has a line more.
makes() {
	local to=$1
	shift
	mkdir -p "$to.d" &&
	if [ -n "${moved:-}" ]; then
		sed '1i\/* a line more */' "$tests/targets/builds.c"
	else
		cat "$tests/targets/builds.c"
	fi >"$to.d/builds.c" &&
	(cd "$to.d" && ${CC:-gcc} $(mflag) -g -w -D_GNU_SOURCE -I"$tests/targets" -Wl,--build-id=sha1 "$@" -o "../$to" builds.c \
		"$tests/targets/main.c" -pthread)
}

# compared OLD NEW: nsb-gen's report is in told, its status is returned.
compared() {
	timeout -s KILL "$patience" "$NSB_GEN" compare "$@" >told 2>why
}

# differs NAME: the report says so of this function or variable, or of a clone of it.
differs() {
	grep -qE "^differs: (function|variable|constant) $1[. ]" told || { echo "'$1' is not told to differ:"; cat told why; false; }
}

# stays NAMES...: of none of these is anything said.
stays() {
	local name
	for name; do
		! grep -qE "^(differs|gone|new): [a-z]* $name\b" told || { echo "'$name' did not change:"; cat told; return 1; }
	done
}

kinds=('-fPIE -pie' '-fno-pie -no-pie' '-fno-pie -no-pie -static' '-fPIE -static-pie')

# Whatever moves, what did not change does not differ.  A short run takes a part of the matrix.
for cc in gcc clang; do
	for level in O0 O1 O2 O3 Os; do
		for kind in "${kinds[@]}"; do
			case ${NSB_LONG:-}$level$kind in
			O2*static* | O[01]-fPIE\ -pie | O3-fno*pie) only_moved=1 ;;
			O2*) only_moved= ;;
			O* ) continue ;;
			*) only_moved= ;;
			esac
			shown="$cc -$level $kind"
			t "$shown: what only moved is the same" "
				CC=$cc && makes old -$level $kind && moved=1 makes new -$level $kind -DSHIFT && { compared old new || true; } &&
				differs reply && stays \"\${mutants[@]:1}\" asserted counted mixed main && grep -q '^new: function shift' told
			"
			[ -z "$only_moved" ] || continue
			t "$shown: every mutant is found" "
				CC=$cc && makes old -$level $kind &&
				for mutant in {1..18}; do
					name=\${mutants[mutant]}
					moved=1 makes new -$level $kind -DSHIFT -DMUTANT=\$mutant && { compared old new || true; } &&
					differs \"\$name\" && stays asserted counted main || { echo \"mutant \$mutant\"; exit 1; }
				done
			"
		done
	done
done

done_testing
