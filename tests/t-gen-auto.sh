#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Auto mode, where the objects are not all, or not what the target was made of.

. "${0%/*}/lib.sh"
for_each_abi

isolated='-ffunction-sections -fdata-sections'
pic="-fPIC $isolated -fno-semantic-interposition"

# linked NAME SOURCES...: a target of these sources and main.c, which prints what call() returns.
# shellcheck disable=SC2046,SC2086 # lists of words
linked() {
	[ -e main.c ] || cat >main.c <<-'END'
		#include <stdio.h>
		int call(const char *s, int n);
		int main(void) { char l[9]; while (fgets(l, 9, stdin)) printf("%d\n", call("\1\1\1\1", 2)); return 0; }
	END
	${CC:-gcc} $(mflag) -g ${level:--O2} -Wl,--build-id=sha1 -o "$1" "${@:2}" main.c
}

# objects old|new SOURCES...: compiled for auto mode.  $pic, $level and $CC have their say.
# shellcheck disable=SC2046,SC2086
objects() {
	local to=$1 source
	mkdir -p "$to"
	for source in "${@:2}"; do
		${CC:-gcc} $(mflag) -g ${level:--O2} $pic -c -o "$to/$(basename "${source%.c}").o" "$source" || return 1
	done
}

# generated TARGET NAME...: p.so of new/NAME.o, with old/NAME.o as the originals; told has what was said.
# shellcheck disable=SC2046
generated() {
	gcc $(mflag) -shared -Wl,--build-id=sha1 -o p.so $(printf 'new/%s.o ' "${@:2}") &&
	"$NSB_GEN" generate --mode auto "$1" p.so $(printf 'new/%s.o ' "${@:2}") --original $(printf 'old/%s.o ' "${@:2}") >told 2>&1
}

# tells STATUS REGEX TARGET NAME...: it ends so, and says that.
tells() {
	local status=0
	generated "${@:3}" || status=$?
	cat told
	[ "$status" = "$1" ] && grep -E -- "$2" told
}

# ---- objects and units ----

limit() {
	echo "int call(const char *s, int n); int call(const char *s, int n) { return s[0] + n < $1; }"
}
t 'an object of another program' '
	limit 10 >a.c && linked prog a.c && echo "int other(int n) { return n < 100; }" >x.c && objects old x.c &&
	echo "int other(int n) { return n < 10; }" >x.c && objects new x.c &&
	tells 1 "new/x.o: .*/x.c is no source file of prog" prog x
'
t 'an object of another program that has a source file of that name' '
	limit 10 >a.c && linked prog a.c && mkdir sub && echo "int other(int n) { return n < 100; }" >sub/a.c &&
	objects old sub/a.c && echo "int other(int n) { return n < 10; }" >sub/a.c && objects new sub/a.c &&
	tells 1 "sub/a.c is no source file of prog.*, which has .*/a.c, with other functions" prog a
'
t 'an object of another folder of the tree' '
	mkdir lib src && limit 10 >lib/a.c && linked prog lib/a.c && limit 10 >src/a.c && objects old src/a.c &&
	limit 20 >src/a.c && objects new src/a.c && tells 1 "src/a.c is no source file of prog.*, which has .*lib/a.c" prog a
'
t 'a source file that the target was built of twice' '
	echo "int NAME(int n); __attribute__((noinline)) static int limit(int n) { return n < 5; }
	int NAME(int n) { return limit(n + 1) * 3; }" >a.c &&
	gcc $(mflag) -g -O2 -DNAME=one -c -o one.o a.c && gcc $(mflag) -g -O2 -DNAME=two -c -o two.o a.c &&
	echo "int one(int), two(int); int call(const char *s, int n) { return one(n) + two(s[0]); }" >c.c &&
	linked prog c.c one.o two.o && pic="$pic -DNAME=other" && objects old a.c && sed -i s/5/6/ a.c && objects new a.c &&
	tells 1 "new/a.o: .*/a.c may be .*/a.c of prog, or .*/a.c: it cannot be told which" prog a
'
t 'a source file that is new with the fix' '
	limit 10 >a.c && linked prog a.c && objects old a.c && echo "int more(int n) { return n * 3; }" >b.c &&
	echo "int more(int); int call(const char *s, int n) { return s[0] + more(n); }" >a.c && objects new a.c b.c &&
	gcc $(mflag) -shared -Wl,--build-id=sha1 -o p.so new/a.o new/b.o &&
	"$NSB_GEN" generate --mode auto prog p.so new/a.o new/b.o --original old/a.o >told && cat told &&
	grep "b.c:1: new: more" told && grep "a.c:1: changed: call" told
'
t 'sources of one name, and their originals in another order' '
	mkdir lib src && echo "int one(int n) { return n + 1; }" >lib/a.c && echo "int two(int n) { return n + 2; }" >src/a.c &&
	echo "int one(int), two(int); int call(const char *s, int n) { return one(n) + two(s[0]); }" >c.c &&
	linked prog lib/a.c src/a.c c.c && objects old/lib lib/a.c && objects old/src src/a.c &&
	sed -i "s/n + 2/n + 5/" src/a.c && objects new/lib lib/a.c && objects new/src src/a.c &&
	gcc $(mflag) -shared -Wl,--build-id=sha1 -o p.so new/lib/a.o new/src/a.o &&
	"$NSB_GEN" generate --mode auto prog p.so new/lib/a.o new/src/a.o --original old/src/a.o old/lib/a.o >told &&
	cat told && [ "$(grep -c changed told)" = 1 ] && grep "changed: two" told
'

# ---- headers ----

# header BOUND: a function of h.h, which a.c and b.c have inlined.
header() {
	cat >h.h <<-END
		static inline int check(const char *s, int n)
		{
			int sum = 0;
			for (int i = 0; i $1 n; i++)
				sum += s[i];
			return sum;
		}
	END
	echo '#include "h.h"
	int fa(const char *s, int n) { return check(s, n) + 1; }
	int ga(const char *s) { return s[0] * A; }' >a.c
	echo '#include "h.h"
	int fa(const char *, int);
	int call(const char *s, int n) { return fa(s, n) * 100 + check(s, n); }' >b.c
}
t 'a function of a header that is inlined in a file without an object' '
	header "<=" && CC="gcc -DA=1" linked prog a.c b.c && pic="$pic -DA=1" && objects old a.c && header "<" && objects new a.c &&
	tells 1 "h.h: .check. may have changed, .* .b.c. of prog has a copy of it \(add the object" prog a
'
t 'with the object of that file both change' '
	header "<=" && CC="gcc -DA=1" linked prog a.c b.c && pic="$pic -DA=1" && objects old a.c b.c && header "<" && objects new a.c b.c &&
	tells 0 "changed: call" prog a b && grep "changed: fa" told
'
t 'a function of a header that did not change, as one that has it inlined shows' '
	header "<" && CC="gcc -DA=1" linked prog a.c b.c && pic="$pic -DA=1" && objects old a.c b.c &&
	pic="$pic -UA -DA=2" && objects new a.c b.c && tells 0 "changed: ga" prog a
'
t 'a function of a header with code of its own, which changed' '
	header "<=" && sed -i "s/static inline/__attribute__((noinline)) static/" h.h && CC="gcc -DA=1" linked prog a.c b.c &&
	pic="$pic -DA=1" && objects old a.c && header "<" && sed -i "s/static inline/__attribute__((noinline)) static/" h.h &&
	objects new a.c && tells 1 "h.h: .check. changed, and .b.c. of prog has a copy of it" prog a
'
t 'a function of a header, without originals' '
	header "<=" && CC="gcc -DA=1" linked prog a.c b.c && pic="$pic -DA=1" && header "<" && objects new a.c &&
	gcc $(mflag) -shared -Wl,--build-id=sha1 -o p.so new/a.o && "$NSB_GEN" generate --mode auto prog p.so new/a.o >told 2>&1 &&
	cat told && grep "nothing shows whether .check. of headers changed, without --original; .*: .b.c." told
'

# ---- callers ----

# tiny ANSWER: a function without room for a jump, and one that ends by a short jump to it.
tiny() {
	cat >a.c <<-END
		#include <stdlib.h>
		#ifdef __clang__
		#define noipa noinline
		#endif
		__attribute__((noipa)) static int before(int n) { return n + 7; }
		__attribute__((noipa)) static int tiny(int n) { (void)n; return $1; }
		__attribute__((noipa)) static int after(int n) { return n + 9; }
		__attribute__((noipa)) static int near(const char *s) { return tiny(atoi(s)); }
		int call(const char *s, int n) { return near(s) + before(n) + after(n); }
	END
}
t 'a caller that ends in a short jump is replaced with what has no room' '
	level=-Os; tiny 0 && linked prog a.c && objects old a.c && tiny 1 && objects new a.c &&
	objdump -d prog | grep -E "jmp .*<tiny>" | grep -E "eb [0-9a-f]{2} " &&
	tells 0 "replaced: near: it calls .tiny., which has no room" prog a
'
t 'a caller in assembly, without debug info, of what has no room' '
	level=-Os; tiny 0 && sed -i "s/static int tiny/int tiny/" a.c &&
	printf "%s\n" ".section .note.GNU-stack,\"\",@progbits" ".text" ".globl far" ".type far, @function" \
		"far: call tiny" "ret" ".size far, .-far" >s.s && gcc $(mflag) -c s.s &&
	linked prog a.c s.o && objects old a.c && tiny 1 && sed -i "s/static int tiny/int tiny/" a.c &&
	objects new a.c && tells 1 "the code at 0x[0-9a-f]+ \(.far.\), of which there is no debug info, may go on" prog a
'

# ---- what objects do not show ----

# pure COUNT: gcc knows that limit() is pure while it does not count, so same() does not call it at all.
pure() {
	cat >a.c <<-END
		#include <string.h>
		int calls;
		__attribute__((noinline)) int limit(const char *s) { $1 return (int)strlen(s) + calls; }
		int same(const char *s) { int first = limit(s); return limit(s) - first; }
		int call(const char *s, int n) { return same(s) * s[0] + n * 3 + s[1] * 7; }
	END
}
t 'objects compiled with -fPIC alone hide what a caller knows; with -fno-semantic-interposition it shows' '
	pure "" && linked prog a.c && pic="-fPIC $isolated" && objects old a.c && pure "calls++;" && objects new a.c &&
	tells 0 "new/a.o: it was compiled with -fPIC alone, which does not show what .same. of prog may know of the old .limit." prog a &&
	pic="$pic -fno-semantic-interposition" && pure "" && objects old a.c && pure "calls++;" && objects new a.c &&
	tells 0 "changed: call" prog a && ! grep -- "-fPIC alone" told
'
t 'a target that was compiled with -fPIC alone knows no more than such objects' '
	pure "" && pic="-fPIC $isolated" && objects . a.c && linked prog a.o && objects old a.c && pure "calls++;" && objects new a.c &&
	tells 0 "changed: limit" prog a && ! grep -- "-fPIC alone" told
'
# constant N: a function of which an inlined copy leaves no instruction.
constant() {
	echo "int limit(void) { return $1; }
	__attribute__((noinline)) int below(int n) { return n < limit(); }
	int call(const char *s, int n) { return s[0] + below(n); }" >a.c
}
t 'inlined without a trace, and objects compiled with -fPIC alone' '
	constant 10 && linked prog a.c && pic="-fPIC $isolated" && objects old a.c && constant 20 && objects new a.c &&
	tells 1 "a.c:1: .limit. was inlined in prog without a trace .*perhaps into .call., .below.*-fno-semantic-interposition" prog a &&
	pic="$pic -fno-semantic-interposition" && constant 10 && objects old a.c && constant 20 && objects new a.c &&
	tells 0 "changed: below" prog a
'

done_testing
