#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Auto mode, where the objects are not all, or not what the target was made of.

. "${0%/*}/lib.sh"
by_lot of-files

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
t 'the new source beside the old one' '
	mkdir one two && limit 10 >one/a.c && linked prog one/a.c && objects old one/a.c && limit 20 >two/a.c && objects new two/a.c &&
	tells 0 "changed: call" prog a
'
t 'another element of the same array' '
	echo "__attribute__((visibility(\"hidden\"))) int levels[4] = { 1, 20, 300, 4000 };
	int call(const char *s, int n); int call(const char *s, int n) { return levels[1] + s[0] + n; }" >a.c && linked prog a.c && objects old a.c &&
	sed -i "s/levels.1./levels[2]/" a.c && objects new a.c && tells 0 "changed: call" prog a
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

# ---- macros of vzp.h ----

for cc in gcc clang; do
	t "a comment, and a function that may be active, $cc" "
		export CC=$cc; limit 10 >a.c && linked prog a.c && objects old a.c && limit 20 >a.c &&
		{ echo '#include <nsb/vzp.h>' && echo 'VZP_COMMENT(\"twenty\"); VZP_ALLOW_ACTIVE(call);' && cat a.c; } >b.c && mv b.c a.c &&
		pic=\"\$pic -I\$root/include\" && objects new a.c && tells 0 'changed: call' prog a && \"\$NSB_GEN\" dump p.so >dumped &&
		grep 'key=comment text=twenty' dumped && grep -E 'name=call .*allow-active' dumped &&
		sed -i 's/ACTIVE(call)/ACTIVE(cal)/' a.c && objects new a.c && tells 1 'a.c:2: VZP_ALLOW_ACTIVE.cal.: the patch replaces no such' prog a
	"
done
t 'a reference by a macro is none in auto mode' '
	limit 10 >a.c && linked prog a.c && objects old a.c && limit 20 >a.c &&
	{ printf "%s\n" "#include <nsb/vzp.h>" "VZP_STATIC_VAR_REF(int, one);" && cat a.c; } >b.c && mv b.c a.c &&
	pic="$pic -I$root/include" && objects new a.c && tells 1 "a.c:2: auto mode takes VZP_COMMENT and its like, VZP_ALLOW_ACTIVE and those of hooks" prog a
'

t 'info tells what the replaced code needs, not what the whole unit does' '
	printf "%s\n" "#include <stdlib.h>" "static volatile int level = 3, others = 4;" \
		"__attribute__((noinline)) int other(const char *s) { return atoi(s) + others++; }" \
		"int call(const char *s, int n) { return n < LIMIT ? level : rand() + (s == 0 ? other(s) : 0); }" >a.c &&
	export CC="gcc -DLIMIT=10" && linked prog a.c && objects old a.c && pic="$pic -DLIMIT=20" && CC="gcc -ULIMIT" objects new a.c &&
	tells 0 "changed: call" prog a && nsb info -f p.so >told && cat told && grep "^  level of the target" told &&
	grep "^  rand" told && grep "^  other of the target" told && ! grep "others\|strtol\|atoi" told && ! grep "^needs: ." told
'

# ---- notes ----

t 'a new function that frees more; --strict; one that never returns' '
	echo "#include <stdlib.h>
	int call(const char *s, int n) { char *p = malloc((size_t)n), *q = p; q[0] = s[0]; free(p); return n; }
	__attribute__((noinline)) void loop(int n) { for (volatile int i = n; ; i++) ; }" >a.c && linked prog a.c && objects old a.c &&
	sed -i "s/free(p);/free(p); free(n > 9 ? q + n : NULL);/" a.c && objects new a.c &&
	tells 0 "note: the new .call. calls .free. more often than the old one" prog a &&
	fails_with 1 "a.c:2: the new .call. calls .free. more often" "$NSB_GEN" generate --strict --mode auto prog p.so new/a.o --original old/a.o &&
	sed -i "s/i++/i += 2/" a.c && objects new a.c && tells 0 "note: .loop. never returns, so the patch cannot be applied while" prog a
'

# A constant with a name is the target's own, and a string is the patch's.
for cc in gcc clang; do
	t "strings that a function stores, and one whose address it compares; --strict; $cc" '
		CC=$cc
		echo "struct s { const char *name, *msg; }; static struct s s; static const char mine[] = \"mine\", *const none = \"none at all\";
		__attribute__((noinline)) int kept(struct s *s, int n) { const char *here = n > 1 ? mine : \"here\"; return here[0] + (s->msg != mine); }
		__attribute__((noinline)) void set(struct s *s, int n) { s->name = n > 9 ? mine : none; s->msg = n > 8 ? \"out of memory\" : \"fine\"; }
		__attribute__((noinline)) int has(struct s *s) { return s->name != none; }
		int call(const char *t, int n) { set(&s, n); return t[0] + has(&s) + kept(&s, n); }" >a.c && linked prog a.c && objects old a.c &&
		sed -i "s/n > 1/n > 2/; s/n > 8/n > 7/; s/return s->name/return s->msg \&\& s->name/" a.c && objects new a.c &&
		tells 0 "note: the new .set. stores in memory addresses of constants of the patch \(.*.fine.*\): they stay" prog a &&
		grep -E "note: the new .has. compares addresses with those of constants of the patch \(.none at all.\): the target" told &&
		! grep -E "note: .*(kept|.mine.)" told &&
		! "$NSB_GEN" generate --strict --mode auto prog p.so new/a.o --original old/a.o 2>refusals && cat refusals &&
		grep -E "^nsb-gen: a.c:3: the new .set. stores" refusals && grep -E "^nsb-gen: a.c:4: the new .has. compares" refusals
	'
done

# ---- the originals ----

t 'an original without an earlier fix that the target has, one line longer' '
	limit 10 >a.c && echo "int more(int n) { return n * 7 + 3; }" >>a.c && sed "1i /* fixed */" a.c >b.c && cp a.c c.c && mv b.c a.c &&
	linked prog a.c && cp c.c a.c && objects old a.c && sed -i s/10/20/ a.c && objects new a.c &&
	tells 1 "old/a.o: function .(call|more). is on line [12] of a.c, in prog it was on line [23]: the original is not of the source" prog a
'
t 'an original without an earlier fix that calls something' '
	echo "#include <string.h>
	int call(const char *s, int n) { return strlen(s) > 9 ? -1 : n < 10; }" >a.c && linked prog a.c &&
	echo "#include <string.h>
	int call(const char *s, int n) { return n < 10; }" >a.c && objects old a.c && sed -i s/10/20/ a.c && objects new a.c &&
	tells 0 "a.c: .call. of prog calls .strlen., which it does not in old/a.o: is the original of the version" prog a
'

# ---- functions that are one in the target ----

# equal TIMES TIMES: two functions, which are equal if the words are.
equal() {
	echo "int in(int q), out(int q);
	int in(int q) { return q > 100 ? 100 : q * $1; }
	int out(int q) { return q > 100 ? 100 : q * $2; }" >a.c
	echo "int in(int q), out(int q); int call(const char *s, int n) { return in(s[0]) * 100 + out(n); }" >c.c
}
# folded LINKER
folded() {
	command -v "ld.$1" >/dev/null || skip "no linker $1"
	equal 3 3 && CC="gcc -ffunction-sections -fuse-ld=$1 -Wl,--icf=all" linked prog a.c c.c &&
	pic="$pic -fno-ipa-icf" && objects old a.c
}
for linker in lld gold mold; do
	t "one of two functions that $linker has folded changes" "
		folded $linker && equal 3 5 && objects new a.c && tells 1 'a.c:3: .out. is one function with .in. in prog' prog a &&
		equal 5 3 && objects new a.c && tells 1 'a.c:2: .in. is one function with .out. in prog' prog a
	"
	t "two functions that $linker has folded change in the same way" "
		folded $linker && equal 5 5 && objects new a.c && tells 0 '1 function replaced' prog a
	"
	t "one of two functions that $linker has folded is in a file without an object" "
		echo 'int on(int q) { return q > 100 ? 100 : q * 3; }' >d.c && equal 3 4 &&
		{ command -v ld.$linker >/dev/null || skip 'no linker $linker'; } &&
		CC='gcc -ffunction-sections -fuse-ld=$linker -Wl,--icf=all' linked prog a.c c.c d.c &&
		at=\$(nm prog | sed -n 's/ [Tt] in\$//p') && { [ \"\$(nm prog | grep -c \"^\$at \")\" = 2 ] || skip 'this $linker does not fold them'; } &&
		objects old a.c && equal 9 4 && objects new a.c && tells 1 '.in. is one function with .on. in prog' prog a
	"
done
# So does mold 2.37 with one that it has folded; to nsb-gen it looks like one that nothing calls.
t 'a function of which the linker has left nothing, and another one with its code' '
	equal 3 3 && echo "int in(int q); int call(const char *s, int n) { return in(s[0]) * 100 + in(n); }" >c.c &&
	CC="gcc -ffunction-sections -Wl,--gc-sections" linked prog a.c c.c && ! nm prog | grep " out$" && pic="$pic -fno-ipa-icf" && objects old a.c &&
	equal 3 5 && objects new a.c && tells 1 "a.c:3: .out. is one function with .in. in prog" prog a &&
	equal 5 3 && objects new a.c && tells 1 "a.c:2: .in. is one function with .out. in prog" prog a &&
	equal 5 5 && objects new a.c && tells 0 "1 function replaced" prog a
'
t 'another name of the source for a function is no other function' '
	equal 3 4 && echo "int more(int q) __attribute__((alias(\"out\")));" >>a.c && linked prog a.c c.c && objects old a.c &&
	sed -i "s/q \* 4/q * 7/" a.c && objects new a.c && tells 0 "changed: (out|more)" prog a
'

# ---- numbers of lines ----

# numbered LINES CODE: the body of get(), so many lines farther down.
numbered() {
	cat >a.c <<-'END'
		#include <assert.h>
		int allowed(int n, int limit), note(const char *file, int line), mark(int line);
		#define MARK() mark(__LINE__)
		#define NOTE() note(__FILE__, __LINE__)
		int get(int n);
	END
	for ((i = 0; i < 20 + $1; i++)); do echo "/* nothing */"; done >>a.c
	printf '%s\n' 'int get(int n)' '{' "	$2" '}' >>a.c
	cat >c.c <<-'END'
		int get(int n), allowed(int n, int limit), note(const char *file, int line), mark(int line);
		int allowed(int n, int limit) { return n <= limit; }
		int note(const char *file, int line) { return file[0] + line; }
		int mark(int line) { return line; }
		int call(const char *s, int n) { return get(s[0] + n + 19); }
	END
}
# passes NUMBER NUMBER: get() passes one, then, a line farther down, the other.
passes() {
	numbered 0 "return allowed(n, $1) ? 1 : -1;" && linked prog a.c c.c && objects old a.c &&
	numbered 1 "return allowed(n, $2) ? 1 : -1;" && objects new a.c
}
t 'a limit that grows as the function moves is none of a line' '
	passes 26 27 && tells 0 "changed: get" prog a && passes 30 31 && tells 0 "changed: get" prog a
'
t 'lines that only the line table shows, and those that stand beside __FILE__' '
	numbered 0 "return MARK() + n;" && linked prog a.c c.c && objects old a.c && numbered 3 "return MARK() + n;" && objects new a.c &&
	tells 3 "a.c:29: same: get: but for line numbers" prog a && grep "nothing differs" told &&
	numbered 0 "return NOTE() + n;" && objects old a.c && numbered 3 "return NOTE() + n;" && objects new a.c &&
	tells 3 "a.c:29: same: get: but for line numbers" prog a
'
t 'a function that gets longer and passes lines further down' '
	numbered 0 "return NOTE() + MARK() + n;" && linked prog a.c c.c && objects old a.c &&
	numbered 3 "return n > 3 ? NOTE() + MARK() + n : 7;" && objects new a.c && tells 0 "changed: get" prog a
'
t 'objects built with -D__LINE__=1 have no numbers of lines' '
	pic="$pic -Wno-builtin-macro-redefined -D__LINE__=1" && numbered 0 "return MARK() + NOTE() + n;" &&
	linked prog a.c c.c && objects old a.c && numbered 3 "return MARK() + NOTE() + n;" && objects new a.c &&
	tells 3 "nothing differs" prog a && ! grep "same: get" told
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

# ---- objects without -ffunction-sections ----

# counted STEP: bump() counts in a static variable, and call() calls it within the section.
counted() {
	cat >a.c <<-END
		static volatile int count = 3;
		__attribute__((noinline)) static int bump(int n) { count += n; return count; }
		__attribute__((noinline)) static int twice(int n) { static volatile int calls; calls++; return bump(n) + bump(n) + calls; }
		void reply(const char *question, char *answer, unsigned long size);
		int snprintf(char *, unsigned long, const char *, ...);
		void reply(const char *question, char *answer, unsigned long size)
		{
			snprintf(answer, size, "%d", $1 * twice(question[0] - 48) + bump(0));
		}
	END
}
# shellcheck disable=SC2046
answering() {
	counted 1 && gcc $(mflag) -g ${level:--O2} -D_GNU_SOURCE -I"$tests/targets" -Wl,--build-id=sha1 -o prog a.c "$tests/targets/main.c" &&
	object=$PWD/prog
}
for level in -O0 -O2 -Os; do
	t "functions of one section use the target's own variables, $level" "
		level=$level pic='-fPIC -fno-semantic-interposition'; answering && objects old a.c && counted 10 && objects new a.c &&
		tells 0 'changed: reply' prog a && launch ./prog && says 15 1 && snapshot && patch p.so && says 157 1 &&
		listed p.so && revert p.so && says 29 1 && unharmed
	"
done
t 'a short jump to another function of the section' '
	printf "%s\n" ".section .note.GNU-stack,\"\",@progbits" ".text" ".globl first, call" ".type first, @function" ".type call, @function" \
		"first: mov \$1, %eax" "ret" ".size first, .-first" "call: jmp over" "nop" "over: test %eax, %eax" "jne .Lin" "ret" \
		".Lin = first + 5" ".size call, .-call" >a.s &&
	mkdir old new && gcc $(mflag) -g -c -o old/a.o a.s && sed -i "s/test %eax, %eax/test %edx, %edx/" a.s &&
	gcc $(mflag) -g -c -o new/a.o a.s && linked prog old/a.o && tells 1 ".call. may jump into another function of its section .text.*-ffunction-sections" prog a
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
