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
	cd "$root" && shellcheck tests/*.sh tests/vm/*.sh tests/run .ci/run tools/*.sh packaging/*.sh completion/*.bash
'
for cc in gcc clang; do
	# What is there to build from is looked for once in a folder: here in one that is new.
	t "$cc has no warning" "make_here top=\$PWD/top \$PWD/top/.looked CC=$cc && make_here syntax CC=$cc"
	t "$cc has no warning about a 32-bit nsb" "
		[ -e \"\$root/build/i386-root/.complete\" ] || skip 'there are no i386 libraries (make deps ARCH=i386)'
		make_here top=\$PWD/top \$PWD/top/.looked CC=$cc ARCH=i386 && make_here syntax CC=$cc ARCH=i386
	"
done
t 'SANITIZE=1 is for each compiler and each ARCH' '
	for cc in gcc clang; do
		for arch in amd64 i386; do
			make_here -n SANITIZE=1 CC=$cc ARCH=$arch all unit >commands && grep -q "$cc .*-fsanitize=address" commands || exit 1
		done
	done
'
t 'make without a header names its package' '
	mkdir poison && echo "#error as if there was none" >poison/gelf.h &&
	! make_here CC="gcc -I$PWD/poison" top="$PWD/build" >said 2>&1 && cat said &&
	grep -q "^nsb cannot be built here for want of gelf.h: apt-get install libelf-dev " said
'
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
# The rules of the folders, and that a breach of each is seen.
# seen MESSAGE FILE LINE: with that line at the end of FILE house.py fails, and says so.
seen() {
	rm -rf house && mkdir -p house/tools house/"$(dirname "$2")" &&
	cp -r "$root/src" "$root/include" house && cp -r "$root/tools/gen" "$root/tools/build" house/tools &&
	echo "$3" >>house/"$2" && ! python3 "$tests/helpers/house.py" house >log && grep -F -- "$2:" log | grep -qF -- "$1"
}
t 'the folders hold what their READMEs say' '
	python3 "$tests/helpers/house.py" "$root"
'
t 'a folder that does not say what belongs in it is seen' '
	! seen "" src/new/new.c "" && grep -qF "src/new/README:1: is missing" log
'
t 'the map in HACKING.md has every file of C' '
	cd "$root" && find src tools -name "*.c" ! -path "src/arch/*/*86.c" ! -path "src/arch/*/amd64.c" | while read -r source; do
		name=${source##*/}
		grep -qE "[/\`]$name\`|\`_${name#*_}\`" HACKING.md || echo "$source"
	done >"$place/missing" && cat "$place/missing" && ! [ -s "$place/missing" ]
'
t 'two headers of one name are seen' '
	seen "is another header of this name" src/pure/target.h ""
'
t 'an include of a folder that is not listed is seen' '
	seen "includes a header of src/patch" src/pure/link.c "#include \"plan.h\""
'
t 'an include upward is seen, listed or not' '
	seen "includes a header of src/process" src/pure/link.c "#include \"target.h\"" &&
	sed -i "s/^Includes: .*/&, src\/process/" house/src/pure/README &&
	! python3 "$tests/helpers/house.py" house >log && grep -F "src/pure/README:" log | grep -qF "in a circle"
'
t 'a call of ptrace or waitpid outside process/ptrace.c is seen' '
	seen "calls ptrace()" src/process/target.c "void f(void) { ptrace(0); }" &&
	seen "calls waitpid()" src/command/run.c "void f(void) { waitpid(0, 0, 0); }" &&
	seen "calls ptrace()" tools/build/spawn.c "void f(void) { ptrace(0); }"
'
t 'a call of a process, or of a file, in pure/ is seen' '
	seen "pure, and calls process_vm_readv()" src/pure/unwind.c "void f(void) { process_vm_readv(0); }" &&
	seen "pure, and calls open()" src/pure/elf.c "void f(void) { open(0, 0); }" &&
	seen "pure, and names /proc" src/pure/elf.c "char f[] = \"/proc/1/maps\";"
'
t 'what only the tables of architectures may know is seen elsewhere' '
	seen "knows an instruction set" src/patch/plan.c "int f(int m) { return m == EM_AARCH64; }" &&
	seen "knows an instruction set" tools/gen/check/notes.c "unsigned f(void) { return ELFCLASS64; }" &&
	seen "knows an instruction set" tools/gen/draft/find.c "unsigned f(void) { return R_X86_64_PC32; }" &&
	seen "knows an instruction set" tools/gen/auto/unit.c "int f(const unsigned char *code) { return code[0] == 0xe8; }" &&
	seen "knows an instruction set" tools/gen/witness/got.c "int f(void) { return GPR_AX; }"
'
t 'two types of one name are seen' '
	seen "struct target is also in" src/pure/elf.c "struct target {"
'
t 'each mutant breaks a line that is in its source, once' '
	python3 "$tests/mutants.py" -c >told; status=$?; cat told; [ $status = 0 ] && [ "$(tail -n 1 told | cut -d " " -f 1)" -ge 120 ]
'
t 'a mutant whose line the source has no more is seen' '
	mkdir -p house/tests && cp -r "$root/src" "$root/tools" house && cp -r "$root"/tests/{mutants,mutants.py,unit} "$root"/tests/t-*.sh house/tests &&
	sed -i "s/verdict->safe = verdict/verdict->safe = !verdict/" house/src/pure/unwind.c && ! python3 house/tests/mutants.py -c >told && cat told &&
	grep "^tests/mutants/pure.txt:4: .* its line is not in src/pure/unwind.c exactly once" told
'
t 'every file says its licence' '
	cd "$root" && find src tools include tests .ci -type f \( -name "*.[chS]" -o -name "*.sh" -o -name run \) \
		! -exec grep -q "SPDX-License-Identifier: GPL-2.0-or-later" {} \; -print >"$place/without" &&
	cat "$place/without" && ! [ -s "$place/without" ]
'
# All of nsb and nsb-gen is compiled once more for it.
body_patience=$((body_patience * 4))
t 'the unit tests with AddressSanitizer and UBSan' '
	make_here SANITIZE=1 CFLAGS="-O1 -g" unit >log 2>&1 || { tail -n 30 log; exit 1; }
	ran=0
	for test in "$NSB_BUILD"/sanitize/unit/u-*; do
		[ -x "$test" ] && [[ $test != *.d ]] || continue
		"$test" >log 2>&1 || { echo "$test" && grep -v "^ok" log | tail -n 40; exit 1; }
		ran=$((ran + 1))
	done
	[ $ran -ge 5 ]
'

done_testing
