#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The witness: two builds of a program, compared by what their code means.  Programs of both
# ABIs are compared; only the patched ones run.

. "${0%/*}/lib.sh"
for_each_abi of-files

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
	grep -qE "^differs: (function|variable|constant) $1[., ]" told || { echo "'$1' is not told to differ:"; cat told why; false; }
}

# stays NAMES...: of none of these is anything said.
stays() {
	local name
	for name; do
		! grep -qE "^(differs|gone|new): [a-z]* $name\b" told || { echo "'$name' did not change:"; cat told; return 1; }
	done
}

kinds=('-fPIE -pie' '-fno-pie -no-pie' '-fno-pie -no-pie -static' '-fPIE -static-pie')
! command -v ld.mold >/dev/null || kinds+=('-fPIE -pie -fuse-ld=mold')


# Whatever moves, what did not change does not differ.  A short run takes a part of the matrix.
for cc in gcc clang; do
	for level in O0 O1 O2 O3 Os; do
		for kind in "${kinds[@]}"; do
			case ${NSB_LONG:-}$level$kind in
			O2*static* | O2*mold | O[01]-fPIE\ -pie | O3-fno*pie) only_moved=1 ;;
			O2*) only_moved= ;;
			O* ) continue ;;
			*) only_moved= ;;
			esac
			# Code of i386 that mold links counts from another place in the global offset table: all is told to differ.
			by_lot of-files
			[[ $kind != *mold ]] || for_amd64
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

for_each_abi of-files

# ---- C++ ----

cxx() {
	local to=$1
	shift
	g++ $(mflag) -g -O2 -DADD=1 -DTWICE=0 -DLIMIT=10 -DCAUGHT=one_error "$@" -o "$to" x.cc
}

cxx_source() {
	echo 'int main() { }' >none.cc
	g++ $(mflag) -o none none.cc || skip 'there is no C++ compiler'
	cat >x.cc <<-'END'
		#include <cstdio>
		#include <cstdlib>
		#include <string>
		#include <vector>
		struct base { virtual ~base() {} __attribute__((noipa)) virtual int value(int n) const { return n + ADD; } };
		struct derived : base { int value(int n) const override { return n * 2; } };
		template <class T> T twice(T n) { return n * 2 + (T)TWICE; }
		static inline int small(int n) { return n < LIMIT ? n : LIMIT; }
		struct one_error {}; struct other_error {};
		__attribute__((noinline)) void thrower(int n) { if (n > 3) throw one_error(); throw other_error(); }
		__attribute__((noinline)) int catcher(int n) { try { thrower(n); } catch (const CAUGHT &) { return 1; } return 2; }
		__attribute__((noinline)) int doubled(int n) { return twice(n) + (int)twice(n * 1.5); }
		__attribute__((noinline)) int user(const base &b, int n)
		{
			std::string s = std::to_string(small(n));
			std::vector<int> v(n, 3);
			return b.value(n) + (int)s.size() + (int)v.size();
		}
		int main(int argc, char **argv)
		{
			derived d;
			base b;
			std::printf("%d %d %d\\n", user(d, argc), user(b, argc), doubled(argc));
			try { return catcher(argc); } catch (...) { return 9; }
		}
	END
}

# says_only OLD NEW NAMES: what differs is in just these functions.
says_only() {
	local have
	compared "$1" "$2"
	have=$(sed -n 's/^differs: function \([^ ]*\).*/\1/p' told | sort | xargs)
	[ "$have" = "$3" ] || { echo "it differs in '$have', not '$3'"; cat told why; return 1; }
}

t 'C++: instances by mangled names, inlined ones, tables of exceptions' '
	cxx_source && cxx old && sed -i "1i// a line more" x.cc && cxx new && says_only old new "" &&
	cxx new -UADD -DADD=2 && says_only old new _ZNK4base5valueEi &&
	cxx new -UTWICE -DTWICE=3 && says_only old new _Z7doubledi &&
	cxx new -ULIMIT -DLIMIT=11 && says_only old new _Z4userRK4basei &&
	cxx new -UCAUGHT -DCAUGHT=other_error && says_only old new _Z7catcheri && grep -q "catches other exceptions" told
'

# Strings often lie behind an array that the function refers to, too.
t 'a string that changes behind an array is found' '
	cat >s.c <<-"E" &&
		#include <stdio.h>
		const int sizes[] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8 };
		__attribute__((noinline)) void tell(const char *format, int a, int b) { printf(format, a, b); }
		__attribute__((noinline)) int told(int x, int y)
		{
			tell("illegal " WORD " of a format %d with tag %04x", x, y);
			return sizes[x];
		}
		int main(int argc, char **argv) { (void)argv; return told(argc, 3); }
	E
	gcc $(mflag) -g -O2 -DWORD="\"number\"" -o old s.c && gcc $(mflag) -g -O2 -DWORD="\"Number\"" -o new s.c && compared old new && differs told
'

t 'data of an assembler file, which has labels and no sizes' '
	pointer=.long && [ $abi = i386 ] || pointer=.quad
	cat >s.S <<-"E" &&
		.section .rodata
		table:	.long 1, 2, 3, TABLE
		.data
		state:	.long 5, STATE
		led:	POINTER table
		.text
		.globl get
		get:
			mov table(,%eax,4), %eax
			add state(,%eax,4), %eax
			add led, %eax
			ret
		.section .note.GNU-stack,"",@progbits
	E
	echo "long get(long); int main(int c, char **v) { (void)v; return (int)get(c); }" >m.c &&
	for how in "4 6" "5 6" "4 7"; do
		read -r table state <<<"$how"
		gcc $(mflag) -g -no-pie -DPOINTER=$pointer -DTABLE=$table -DSTATE=$state -o "$table$state" s.S m.c || exit 1
	done && { compared 46 46; [ $? = 3 ]; } && { compared 46 56 || true; } && differs get && { compared 46 47 || true; } && differs get
'

# ---- patches ----

# nsb-gen does the same for both ABIs, and not all machines run programs of i386.
for_amd64

# sources: a program of three files, with the change of each test under a macro of its own.
sources() {
	cat >rules.h <<-'END' &&
		int limit(void);
		int valid(int n);
		int worth(int n);
		const char *verdict(int n);
		extern int scale;
		#ifdef LIMIT
		#define MOST 20
		#else
		#define MOST 10
		#endif
		static inline int most(void) { return MOST; }
	END
	cat >rules.c <<-'END' &&
		#include <assert.h>
		#include "rules.h"
		static const int prices[] = { 5, 7,
		#ifdef PRICE
		 9 };
		#else
		 11 };
		#endif
		#ifdef SCALE
		int scale = 4;
		#else
		int scale = 3;
		#endif
		int limit(void) { return MOST; }
		int valid(int n) { return n < MOST; }
		__attribute__((noinline)) const char *verdict(int n)
		{
		#ifdef WORD
			return valid(n) ? "good!" : "bad";
		#else
			return valid(n) ? "good" : "bad";
		#endif
		}
		__attribute__((noinline)) static int times(int n, int by)
		{
			assert(n < 100000);
		#ifdef TIMES
			return n * by + prices[n & 1] + 1;
		#else
			return n * by + prices[n & 1];
		#endif
		}
		__attribute__((noinline)) int worth(int n) { return times(n, 3) + times(n + 1, 3); }
	END
	cat >program.c <<-'END' &&
		#include <stdlib.h>
		#include "target.h"
		#include "rules.h"
		#ifndef VERSION
		#define VERSION "1.1"
		#endif
		static const char version[] = VERSION;
		__attribute__((noinline)) static int asked(int n) { return n < most() ? n * scale : -1; }
		void reply(const char *question, char *text, size_t size)
		{
			int n = atoi(question);

			if (*question == 'v')
				(void)snprintf(text, size, "version %s", version);
			else
				(void)snprintf(text, size, "%d %s %d", asked(n), verdict(n), worth(n));
		}
	END
	flags=(-O2 -g)
}

# program TO FLAGS...
program() {
	local to=$1
	shift
	${CC:-gcc} $(mflag) "${flags[@]}" -D_GNU_SOURCE -I"$tests/targets" -Wl,--build-id=sha1 "$@" -o "$to" rules.c program.c \
		"$tests/targets/main.c" -pthread
}

# fix FLAGS...: fix.so by hand, of what is in fix.c.  gcc 14 tells callers in the same file what
# verdict() does not do: that is not what is tested here.
fix() {
	! grep -q "verdict(int n) {" fix.c || grep -q CALLERS_CHECKED fix.c ||
		printf "%s\n" "#include <nsb/vzp.h>" "VZP_CALLERS_CHECKED(verdict);" >>fix.c
	gcc $(mflag) -O2 -g -fPIC -shared -Wl,--build-id=sha1 -I"$root/include" -I. "$@" -o fix.so fix.c
}

# drawn ARGUMENTS...: nsb-gen generate; its words are in told.
drawn() {
	timeout -s KILL "$patience" "$NSB_GEN" generate "$@" >told
}

# objects FLAGS...: o/rules.o and n/rules.o, with FLAGS, and fix.so of the new one.
objects() {
	local flags=(-O2 -g -fPIC -fno-semantic-interposition -ffunction-sections -fdata-sections -c)
	mkdir -p o n && gcc $(mflag) "${flags[@]}" -o o/rules.o rules.c &&
	gcc $(mflag) "${flags[@]}" "$@" -o n/rules.o rules.c &&
	gcc $(mflag) -shared -Wl,--build-id=sha1 -o fix.so n/rules.o
}

# limited PIECE: fix.c with the new limit, and what else is asked for.
limited() {
	echo 'int limit(void) { return 20; } int valid(int n) { return n < 20; }' >fix.c
	echo "$1" >>fix.c
}
asked='#include <nsb/vzp.h>
VZP_FILE("program.c"); extern int scale; __attribute__((used)) static int asked(int n) { return n < 20 ? n * scale : -1; }'
verdict='__attribute__((noinline)) const char *verdict(int n) { return n < 20 ? "good" : "bad"; }'

for kind in "${kinds[@]}"; do
	t "$kind: what was inlined without a trace is missed in a patch" "
		sources && program prog $kind && program new $kind -DLIMIT && limited && fix &&
		fails_with 1 \"function '(asked|verdict)' .* differs in new .*does not replace it, nor '(asked|verdict)'\" drawn --fixed new prog fix.so &&
		limited \"\$verdict\" && fix &&
		fails_with 1 \"function 'asked' .program.c. differs\" drawn --as-built prog --fixed new prog fix.so
	"
	t "$kind: ... and a patch that replaces it does what it has to" "
		sources && program prog $kind && program new $kind -DLIMIT && limited \"\$verdict
\$asked\" && fix &&
		drawn --as-built prog --fixed new prog fix.so && launch ./prog && says '-1 bad 105' 15 && snapshot &&
		patch fix.so && says '45 good 105' 15 && revert fix.so && says '-1 bad 105' 15 && unharmed
	"
done

t 'auto mode replaces what differs, and nothing else' '
	sources && program prog && program new -DWORD && objects -DWORD && drawn --mode auto --fixed new prog fix.so n/rules.o \
		--original o/rules.o && [ "$(grep -c changed told)" = 1 ] && grep -q "changed: verdict" told && ! grep -q "replaced: [a-z]" told &&
	launch ./prog && says "12 good 39" 4 && snapshot && patch fix.so && says "12 good! 39" 4 && revert fix.so && says "12 good 39" 4 && unharmed
'
t 'auto mode does not make a patch that leaves a copy in another file' '
	sources && program prog && program new -DLIMIT && objects -DLIMIT &&
	fails_with 1 "'"'asked' of program.c would go on with the old code"'" drawn --mode auto --fixed new prog fix.so n/rules.o --original o/rules.o
'
t 'the function that a clone was made of changes: those that call the clone are replaced' '
	sources && program prog && program new -DTIMES && nm prog | grep -q "times.constprop" && objects -DTIMES &&
	drawn --mode auto --as-built prog --fixed new prog fix.so n/rules.o --original o/rules.o &&
	launch ./prog && says "12 good 39" 4 && snapshot && patch fix.so && says "12 good 41" 4 && revert fix.so && says "12 good 39" 4 && unharmed
'
t 'a constant changes: those that use it are replaced' '
	sources && program prog && program new -DPRICE && objects -DPRICE && { "$NSB_GEN" compare prog new >told || true; } && cat told &&
	grep -q "^differs: constant prices" told && grep -q "^differs: function times.*refers to the constant .prices., which differs" told
'
t 'a constant has another address in a variable of a library' '
	sources && printf "%s\n" "#include <netinet/in.h>" "const unsigned char *const place = &in6addr_any.s6_addr[PLACE];" >>rules.c &&
	program prog -DPLACE=4 && program same -DPLACE=4 && program new -DPLACE=8 && readelf -rW prog | grep -q "in6addr_any.* + 4\$" &&
	fails_with 3 "nothing differs" "$NSB_GEN" compare prog same && { "$NSB_GEN" compare prog new >told || true; } && cat told &&
	grep -q "^differs: constant place .*it refers to another place in .in6addr_any" told
'
t 'a variable that begins with another value is refused' "
	sources && program prog && program new -DSCALE && echo 'int limit(void) { return 10; }' >fix.c && fix &&
	fails_with 1 \"variable 'scale' .rules.c. differs in new\" drawn --fixed new prog fix.so
"
t 'what is replaced without need is told' "
	sources && program prog && program new -DWORD && limited '__attribute__((noinline)) const char *verdict(int n) { return n < 10 ? \"good!\" : \"bad\"; }' &&
	fix && drawn --fixed new prog fix.so && grep -q \"'limit' is replaced without need\" told && ! grep -q \"'verdict'.*need\" told
"
t 'numbers of lines are no difference, and are told with -v' "
	sources && program prog && sed -i '1i/* a line more */' rules.c && program new &&
	fails_with 3 'nothing differs' \"\$NSB_GEN\" compare prog new && { \"\$NSB_GEN\" compare -v prog new >told || true; } && grep -q '^lines: function times' told
"

# ---- the old build is the target ----

t 'another version of the source is refused, with the function, its file and the cause' "
	sources && program prog -DWORD && program old && echo '$verdict' >fix.c && fix && drawn prog fix.so &&
	fails_with 4 \"old is not what prog was built from: function 'verdict' .rules.c. differs at .* so its source is another version\" drawn --as-built old prog fix.so
"
t 'other options are refused' "
	sources && program prog -O1 && program old && echo '$verdict' >fix.c && fix && drawn prog fix.so &&
	fails_with 4 'old is not what prog was built from: .*was compiled by .*-O1.*, this one by .*-O2' drawn --as-built old prog fix.so
"
t 'another build-id will do if all is the same that the patch relies on' "
	sources && program prog -DVERSION='\"1.2\"' && program old && program new -DWORD && limited '$verdict' && echo '$verdict' >fix.c && fix &&
	drawn --as-built old --fixed new prog fix.so && grep -q 'not prog bit for bit' told &&
	[ \"\$(\"\$NSB_GEN\" dump fix.so | sed -n 's/^target: build_id=\([0-9a-f]*\).*/\1/p')\" = \"\$(\"\$NSB_GEN\" buildid prog)\" ]
"
t 'two files are all that is needed: a stripped target, and its rebuild' "
	sources && program old && strip -o prog old && echo '$verdict' | sed 's/bad/poor/; s/20/10/' >fix.c && fix &&
	fails_with 1 'no debug info' drawn prog fix.so && drawn --as-built old prog fix.so &&
	launch ./prog && says '-1 bad 105' 15 && snapshot && patch fix.so && says '-1 poor 105' 15 && revert fix.so && says '-1 bad 105' 15 && unharmed
"
t 'the debug file of a rebuild is taken only with the proof that it is one' "
	sources && program whole -DVERSION='\"1.2\"' && strip -o prog whole && program old && objcopy --only-keep-debug old old.debug &&
	echo '$verdict' | sed 's/bad/poor/; s/20/10/' >fix.c && fix &&
	fails_with 1 'is not the debug file of prog' drawn -d old.debug prog fix.so &&
	drawn -d old.debug --as-built old prog fix.so &&
	launch ./prog && says '-1 bad 105' 15 && snapshot && patch fix.so && says '-1 poor 105' 15 && revert fix.so && says '-1 bad 105' 15 && unharmed &&
	program stale -DLIMIT && fails_with 4 'not what prog was built from' drawn -d stale --as-built stale prog fix.so
"
t 'a target of link-time optimisation is patched with a witness, and refused without one' "
	sources && program prog -flto && program new -flto -DWORD && echo '$verdict' | sed s/good/good!/ >fix.c && sed -i 's/20/10/' fix.c && fix &&
	fails_with 1 'link-time optimisation' drawn prog fix.so && drawn --as-built prog --fixed new prog fix.so &&
	launch ./prog && says '12 good 39' 4 && snapshot && patch fix.so && says '12 good! 39' 4 && revert fix.so && says '12 good 39' 4 && unharmed
"
t '... and a function that the optimisation dissolved is missed' "
	sources && program prog -flto && program new -flto -DLIMIT && limited '$verdict' && fix &&
	fails_with 1 'differs in new' drawn --fixed new prog fix.so
"
t 'a parameter that clang took away, as all callers pass the same, is no parameter of the target' "
	printf '%s\\n' '#include <stdio.h>' 'static volatile int one = 1;' '__attribute__((noinline)) static int answer(int n) { return n + one; }' \\
		'int main(void) { for (;;) if (printf(\"%d\", answer(1)) < answer(1)) return 0; }' >gone.c &&
	clang \$(mflag) -g -O2 -Wl,--build-id=sha1 -o prog gone.c && nm prog | grep -q answer &&
	printf '%s\\n' '#include <nsb/vzp.h>' 'VZP_STATIC_VAR_REF(volatile int, one);' \\
		'__attribute__((noinline, used)) static int answer(int n) { return n + one + 1; }' >fix.c &&
	fix && fails_with 1 \"parameter 1 'n' of 'answer' comes .*, but the target's callers pass it not at all\" drawn prog fix.so
"
t 'functions that the linker folded are refused if they part' '
	sources && printf "%s\n" "int one(int n) { return n * 3 + n / 7; }" "int two(int n) { return n * 3 + n / 7 IT; }" >fold.c &&
	printf "%s\n" "int one(int n); int two(int n); int main(void) { return one(1) + two(2); }" >front.c &&
	for how in lld gold; do
		command -v "ld.$how" || continue
		gcc $(mflag) -g -O2 -ffunction-sections -fuse-ld=$how -Wl,--icf=all,--build-id -DIT= -o prog front.c fold.c &&
		gcc $(mflag) -g -O2 -ffunction-sections -fuse-ld=$how -Wl,--icf=all,--build-id "-DIT=+1" -o new front.c fold.c || exit 1
		echo "int two(int n) { return n * 3 + n / 7 + 1; }" >fix.c && fix && { drawn --fixed new prog fix.so 2>why && exit 1; grep -q "'"'one' and 'two' share their code"'" why; } || exit 1
	done
'

done_testing
