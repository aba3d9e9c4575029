#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What can be known of the sources without running them, and the unit tests with
# sanitizers.

. "${0%/*}/lib.sh"

# make_here WORDS...: make in the tree, from a clean environment.
make_here() {
	env -u MAKEFLAGS -u MAKELEVEL make -C "$root" --no-print-directory "$@"
}

t 'shellcheck of all shell files' '
	cd "$root" && shellcheck tests/*.sh tests/run .ci/run tools/*.sh packaging/*.sh completion/*.bash
'
for cc in gcc clang; do
	t "$cc has no warning" "make_here syntax CC=$cc"
done
t 'gcc has no warning about targets and helpers' '
	cd "$root" && mapfile -t folders < <(find src -type d) &&
	for file in tests/targets/*.c tests/helpers/*.c; do
		gcc -fsyntax-only -Wall -Wextra -Werror -O2 -D_GNU_SOURCE "${folders[@]/#/-iquote}" "$file" || exit 1
	done
'
t 'mandoc has no warning' '
	cd "$root" && mandoc -T lint -W warning docs/*.[1-9]
'
t 'no architecture is asked for outside its folder' '
	cd "$root" && ! grep -nE "^#.*(__x86_64__|__i386__|__amd64__)" -r src tools include \
		--include="*.[chS]" --exclude-dir=arch --exclude-dir=parasite
'
t 'every file says its licence' '
	cd "$root" && find src tools include tests .ci -type f \( -name "*.[chS]" -o -name "*.sh" -o -name run \) \
		! -exec grep -q "SPDX-License-Identifier: GPL-2.0-or-later" {} \; -print >"$place/without" &&
	cat "$place/without" && ! [ -s "$place/without" ]
'
t 'the unit tests with AddressSanitizer and UBSan' '
	make_here SANITIZE=1 unit >log 2>&1 || { tail -n 30 log; exit 1; }
	ran=0
	for test in "$NSB_BUILD"/sanitize/unit/u-*; do
		[ -x "$test" ] && [[ $test != *.d ]] || continue
		"$test" >log 2>&1 || { echo "$test" && grep -v "^ok" log | tail -n 40; exit 1; }
		ran=$((ran + 1))
	done
	[ $ran -ge 5 ]
'

done_testing
