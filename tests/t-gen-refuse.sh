#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What nsb-gen refuses, and the words it has for it.

. "${0%/*}/lib.sh"
by_lot of-files

# A target of two files: statics of one name, inlined and cloned functions.
sources() {
	cat >queue.h <<-'END'
		struct inner { int a; char b; };
		struct queue { int size; struct inner in; struct queue *next; unsigned f : 3, g : 5; };
		enum color { RED, GREEN = 5 };
	END
	cat >one.c <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		#include "queue.h"
		#ifdef __clang__
		#define noipa noinline
		#endif
		static volatile int level = 1;
		static __thread int per_thread;
		int shared = 5;
		static inline __attribute__((always_inline)) int inlined(int x) { return x * level + 1; }
		__attribute__((noipa)) static int get(void) { static volatile int calls; calls++; return level + calls; }
		__attribute__((noipa)) int push(struct queue *q, int n) { return q->size + n + get() + inlined(n); }
		__attribute__((noipa)) long paint(const char *s, enum color c) { return s[0] + c + inlined(3) + per_thread++; }
		__attribute__((noipa)) int run(int (*f)(int, struct queue *), void *p) { return f(shared, p) * 3; }
		__attribute__((noipa)) int print(const char *format, ...) { return puts(format) + level; }
	END
	cat >two.c <<-'END'
		#include "queue.h"
		#ifdef __clang__
		#define noipa noinline
		#endif
		int push(struct queue *, int); long paint(const char *, enum color); int print(const char *, ...);
		int run(int (*f)(int, struct queue *), void *p);
		static volatile int level = 2;
		__attribute__((noipa)) static int get(void) { return level * 3; }
		__attribute__((noipa)) static int grow(int n, int by) { return n * by + level; }
		__attribute__((noipa)) void nothing(void) { }
		__attribute__((noipa)) int take(struct inner in, int *p) { return in.a + *p; }
		int main(void)
		{
			struct queue q = { 0 };
			nothing();
			return push(&q, get()) + (int)paint("x", RED) + print("x") + grow(level, 7) + !run;
		}
	END
}

# compiled [FLAGS...]: the target, set up as patches want it.
# shellcheck disable=SC2046 # mflag says nothing else
compiled() {
	sources && $(target_cc) $(mflag) -g -O2 -Wl,--build-id=sha1 -o prog "$@" one.c two.c &&
	object=prog
}

# refuses REGEX CODE: nsb-gen says it of this patch, and leaves the patch as it was.
refuses() {
	compiled && printf '#include <nsb/vzp.h>\n#include "queue.h"\n%s\n' "$2" >p.c &&
	patch_object p.c -I. && cp p.so before.so &&
	fails_with 1 "$1" generate && cmp p.so before.so
}

t 'a parameter of another type' '
	refuses "p.c:3: .push. has not the prototype.*parameter 2 .n. is .long long( int)?., the target.s .int." \
		"int push(struct queue *q, long long n) { return q->size; }"
'
t 'fewer parameters' '
	refuses "it takes 1 parameter, the target.s 2" "int push(struct queue *q) { return q->size; }"
'
t 'another result' '
	refuses "it returns .void., the target.s .int." "void push(struct queue *q, int n) { q->size = n; }"
'
t 'all that is wrong is told, and of each function once' '
	compiled && printf "%s\n" "#include <nsb/vzp.h>" "VZP_FILE(\"one.c\");" "VZP_STATIC_VAR_REF(volatile int, lvel);" \
		"VZP_STATIC_FUNC_REF(int, gte, (void));" "int print(const char *format) { return *format + lvel + gte(); }" \
		"int take(int in) { return in; }" >p.c && patch_object p.c && ! generate 2>said && cat said && [ "$(wc -l <said)" = 4 ] &&
	grep "p.c:3: .*no variable .lvel. .is it .level.?." said && grep "p.c:4: .*no function .gte." said &&
	grep "p.c:5: .print. has not the prototype" said && grep "p.c:6: .take. has not the prototype" said
'
t 'no variable parameters' '
	refuses "takes 1 parameter, the target.s 2" "int print(const char *format) { return *format; }"
'
t 'a pointer to a function of another type' '
	refuses "parameter 1 .f." "int run(int (*f)(long long, struct queue *), void *p) { return f(1, p); }"
'
t 'a structure in place of a pointer to it' '
	refuses "parameter 1 .in. is .struct inner \\*., the target.s .struct inner." \
		"int take(struct inner *in, int *p) { return in->a; }"
'
t 'a pointer to another type' '
	refuses "parameter 2 .p. is .short int \\*., the target.s .int \\*." \
		"int take(struct inner in, short *p) { return in.a + *p; }"
'
t 'an unsigned parameter in place of a signed one' '
	refuses "parameter 2 .n. is .unsigned int., the target.s .int." \
		"int push(struct queue *q, unsigned n) { return q->size + (int)n; }"
'
for cc in gcc clang; do
	t "a reference to a static function of another prototype, $cc" "
		PATCH_CC=$cc refuses 'p.c:3: .grow. has not the prototype of grow in two.c: it takes 1 parameter, the target.s 2' \
			'VZP_STATIC_FUNC_REF(int, grow, (int)); int print(const char *s, ...) { return grow(1); }'
	"
	t "a reference inside a function, to one with another result, $cc" "
		PATCH_CC=$cc refuses 'p.c:4: .grow. has not the prototype .*: it returns .long long( int)?., the target.s .int.' \
			'int print(const char *s, ...) {
			VZP_STATIC_FUNC_REF(long long, grow, (int, int)); return (int)grow(1, 2); }'
	"
	t "a plain declaration of a function with another prototype, $cc" "
		PATCH_CC=$cc refuses 'p.c:3: .push. has not the prototype of push in one.c: parameter 2 .n. is .long long( int)?.' \
			'int push(struct queue *, long long); int print(const char *s, ...) { return push(0, 1); }'
	"
	t "a reference to a static variable of another type, $cc" "
		PATCH_CC=$cc refuses 'p.c:3: .level. is declared .long long( int)?., but in one.c it is .volatile int.' \
			'VZP_STATIC_VAR_REF(long long, level, \"one.c\"); int print(const char *s, ...) { return (int)level; }'
	"
	t "other words for the same types are none, $cc" "
		compiled && cat >p.c <<-'END' &&
			#include <nsb/vzp.h>
			#include \"queue.h\"
			typedef struct queue queue_t, *queue_p;
			typedef signed int number;
			typedef number handler_t(number, queue_p);
			VZP_STATIC_FUNC_REF(number, grow, (const number n, volatile number by));
			VZP_ARGUMENTS_CHECKED(grow);
			int take(const struct inner in, number *restrict p);
			number push(queue_t *const q, const number n) { return q->size + grow(n, 1) + take(q->in, &q->size); }
			int run(handler_t *f, void *const p) { return f(1, p); }
		END
		PATCH_CC=$cc patch_object p.c -I. && generate
	"
done

# refuses_layout REGEX OLD NEW: a changed line of queue.h.
refuses_layout() {
	compiled && sed -i "s/$2/$3/" queue.h &&
	echo "#include \"queue.h\"
int push(struct queue *q, int n) { return q->size + n; }
long paint(const char *s, enum color c) { return s[0] + c; }" >p.c &&
	patch_object p.c -I. && fails_with 1 "$1" generate
}

t 'a structure with a new member' '
	refuses_layout "struct queue has a new member .more." "g : 5;" "g : 5; int more[8];"
'
t 'a member of another type inside a structure' '
	refuses_layout "member .b. of struct inner is .short int., was .char." "char b" "short b"
'
t 'members in another order' '
	refuses_layout "member .in. of struct queue was .size." \
		"int size; struct inner in;" "struct inner in; int size;"
'
t 'a bit field of another width' '
	refuses_layout "another number of bits" "f : 3, g : 5" "f : 4, g : 4"
'
t 'an enumerator of another value' '
	refuses_layout ".GREEN. of enum color is 6, was 5" "GREEN = 5" "GREEN = 6"
'

t 'a static of more than one file' '
	refuses "p.c:3: prog has more than one static variable .level., in one.c, two.c" \
		"VZP_STATIC_VAR_REF(int, level); int print(const char *s, ...) { return level; }"
'
t 'a static function of more than one file, replaced' '
	refuses "more than one static function .get." \
		"__attribute__((used)) static int get(void) { return 1; }"
'
t 'a reference to what is not there' '
	refuses "p.c:3: prog has no variable .lvl." \
		"VZP_STATIC_VAR_REF(int, lvl); int print(const char *s, ...) { return 1; }"
'
t 'the same inside a function' '
	refuses "no variable .lvl. in function .print. or at file scope" \
		"int print(const char *s, ...) { VZP_STATIC_VAR_REF(int, lvl); return 1; }"
'
t 'a file that is no source of the target' '
	refuses "p.c:3: no source file of prog is called .three.c." \
		"VZP_FILE(\"three.c\"); int print(const char *s, ...) { return 1; }"
'
t 'a file that has no such static' '
	refuses "p.c:3: .grow. is in two.c of prog, not in one.c" \
		"VZP_STATIC_FUNC_REF(int, grow, (int, int), \"one.c\"); int print(const char *s, ...) { return 1; }"
'
t 'a static reference to a global variable' '
	refuses "is a global variable of prog: declare it extern" \
		"VZP_STATIC_VAR_REF(int, shared); int print(const char *s, ...) { return 1; }"
'
t 'a thread-local variable' '
	refuses "thread-local" \
		"VZP_STATIC_VAR_REF(int, per_thread); int print(const char *s, ...) { return per_thread; }"
'
t 'a static variable of another type' '
	refuses "p.c:3: .level. is declared .long long( int)?., but in one.c it is .volatile int." \
		"VZP_STATIC_VAR_REF(long long, level, \"one.c\"); int print(const char *s, ...) { return (int)level; }"
'
t 'the same inside a function' '
	refuses "p.c:3: .level. is declared .short int." \
		"int print(const char *s, ...) { VZP_STATIC_VAR_REF(short, level, \"one.c\"); return level; }"
'
t 'a global variable of another size' '
	refuses "p.c:3: .shared. is declared .int\\[4\\]., but in one.c it is .int." \
		"extern int shared[4]; int print(const char *s, ...) { return shared[1]; }"
'
t 'one name for two statics' '
	refuses "means another thing here" "
		int print(const char *s, ...) { VZP_STATIC_VAR_REF(int, level, \"one.c\"); return level; }
		int run(int (*f)(int, struct queue *), void *p) { VZP_STATIC_VAR_REF(int, level, \"two.c\"); return level + 1; }"
'
t 'a function that was inlined everywhere' '
	refuses ".inlined. has no code of its own, it was inlined into .*.push." \
		"int inlined(int x) { return x; }"
'
t 'a function that was inlined into another one' '
	compiled -DX && cat >one.c <<-"END" &&
		int small(int x) { return x * 3 + 1; }
		int large(int x) { return small(x) + small(x + 1); }
		int main(int argc, char **argv) { (void)argv; return large(argc); }
	END
	gcc $(mflag) -g -O2 -fno-inline-functions-called-once -o prog one.c && object=prog &&
	printf "%s\n" "#include <nsb/vzp.h>" "VZP_CALLERS_CHECKED(small);" "int small(int x) { return x * 3 + 2; }" >p.c && patch_object p.c &&
	fails_with 1 ".small. was inlined into .*.large.*, where the old code would stay" generate
'
# traceless LIMIT STORAGE: a function of which the copy in below() leaves no instruction.
traceless() {
	cat >one.c <<-END &&
		$2 int limit(void) { return $1; }
		__attribute__((noinline)) int below(int n) { return n < limit(); }
		int main(int argc, char **argv) { (void)argv; return below(argc); }
	END
	gcc $(mflag) -g -O2 -o prog one.c && object=prog
}
t 'a function that was inlined without a trace' '
	traceless 10 && echo "int limit(void) { return 20; }" >p.c && patch_object p.c &&
	fails_with 1 "p.c:1: .limit. of prog was inlined somewhere without a trace .*, perhaps into .*.below." generate
'
t 'the same, and it has no code of its own' '
	traceless 10 static && echo "int limit(void) { return 20; } int main(int c, char **v) { return c + !v; }" >p.c && patch_object p.c &&
	fails_with 1 ".limit. has no code of its own, it was inlined without a trace .*, perhaps into .below.: replace what calls it" generate
'
t 'the author has looked at what calls it; or all that may have it is replaced' '
	traceless 10 && printf "%s\n" "#include <nsb/vzp.h>" "VZP_CALLERS_CHECKED(limit);" "int limit(void) { return 20; }" \
		"int below(int n) { return n < limit(); }" "int main(int c, char **v) { return c + !v; }" >p.c &&
	patch_object p.c && generate &&
	traceless 10 static && printf "%s\n" "static int limit(void) { return 20; }" "int below(int n) { return n < limit(); }" \
		"int main(int c, char **v) { return c + !v; }" >p.c && patch_object p.c && generate &&
	printf "%s\n" "#include <nsb/vzp.h>" "VZP_CALLERS_CHECKED(limt);" "int below(int n) { return n < 20; }" >p.c && patch_object p.c &&
	fails_with 1 "p.c:2: VZP_CALLERS_CHECKED\(limt\): the patch has no such function" generate
'
# returns LINES...: the old check() says 0 at all times, which handle() knows, if $cc tells it under
# $flags; the patch is of these lines.
returns() {
	command -v "$cc" >/dev/null || skip "no $cc"
	cat >one.c <<-END &&
		int hits;
		__attribute__((noinline)) int check(const char *s) { hits += s[0]; return 0; }
		__attribute__((noinline)) void *same(void *p) { hits++; return hits > 3 ? *(void **)p : p; }
		__attribute__((noinline)) int handle(const char *s) { return check(s) < 0 ? 403 : 200; }
		__attribute__((noinline)) int clamp(int n) { hits++; return n < 0 ? 0 : n > 100 ? 100 : n; }
		__attribute__((noinline)) int level(int n) { n = clamp(n); return n > 100 ? 403 : n > 50 ? 200 : 100; }
		__attribute__((noinline)) int valid(const char *s) { return s != 0; }
		int main(int argc, char **argv)
		{
			return handle(argv[argc - 1]) + (same(argv) == 0) + level(argc) + (valid(argv[0]) > 1 ? 403 : 0) + valid(argv[1]);
		}
	END
	$cc $(mflag) -g -O2 $flags -o prog one.c && object=prog &&
	printf "%s\n" "#include <nsb/vzp.h>" "extern int hits;" "$@" >p.c && PATCH_CC=$cc patch_object p.c
}
for cc in clang gcc-14 gcc-15; do
	t "a function that returns what it never did, to a caller that knows, $cc" "
		cc=$cc flags=
		returns 'int check(const char *s) { hits++; return s[0] == 101 ? -1 : 0; }' &&
		fails_with 1 'p.c:3: the new .check. may return what the old one did not, .* in .handle.: replace it too' generate &&
		returns 'int check(const char *s) { hits++; return s[0] == 101 ? -1 : 0; } VZP_CALLERS_CHECKED(check);' && generate &&
		returns 'int check(const char *s) { hits++; return s[0] == 101 ? -1 : 0; }' \
			'int handle(const char *s) { return check(s) < 0 ? 403 : 200; }' && ! generate 2>said && cat said && grep '.handle. may return .*in .main.' said &&
		returns 'int check(const char *s) { hits += 2; return s[0] ? 0 : 0; }' && generate &&
		returns 'int clamp(int n) { hits++; return n < 0 ? 0 : n; }' &&
		fails_with 1 'p.c:3: the new .clamp. may return what the old one did not, .* in .level.: replace it too' generate &&
		returns 'int valid(const char *s) { return s ? s[0] : 0; }' &&
		fails_with 1 'p.c:3: the (new|old) .valid. .*VZP_CALLERS_CHECKED' generate
	"
done
for cc in gcc gcc-14 gcc-15; do
	t "... that does not know, as $cc was told to tell nothing" "
		cc=$cc flags=-fno-ipa-vrp
		returns 'int check(const char *s) { hits++; return s[0] == 101 ? -1 : 0; }' && generate
	"
done
# passes PATCH...: entry() is called with 0 to 9 only, so that its test for less is gone; kind() with two constants.
passes() {
	cat >one.c <<-END &&
		int table[10], hits;
		static __attribute__((noinline)) int entry(int n) { hits++; return n < 0 ? -1 : table[n]; }
		static __attribute__((noinline)) int kind(int n) { hits++; return n < 3 ? n * hits : -1; }
		static __attribute__((noinline)) int any(int n) { hits++; return n < 0 ? -2 : table[n]; }
		__attribute__((noinline)) int handle(int n) { return n >= 0 && n < 10 ? entry(n) + kind(1) + any(n) : kind(2); }
		int forward(int n) { return any(n); }
		int main(int argc, char **argv) { (void)argv; return handle(argc); }
	END
	gcc $(mflag) -g -O2 -o prog one.c && object=prog &&
	printf "%s\n" "#include <nsb/vzp.h>" "$@" "VZP_CALLERS_CHECKED(handle);" >p.c && patch_object p.c
}
t 'a call of what was made for what its callers pass' "
	[ \$abi = i386 ] && by=VZP_REGISTER_FUNC_REF || by=VZP_STATIC_FUNC_REF
	passes \"\$by(int, entry, (int n));\" 'VZP_ALIGNS_STACK int handle(int n) { return n < 10 ? entry(n - 1) : 0; }' &&
	fails_with 1 'p.c:2: .entry. of prog was made for what its callers there pass, .* of parameter 1 .n., as which .handle. may' generate &&
	passes \"\$by(int, entry, (int n));\" 'VZP_ARGUMENTS_CHECKED(entry);' 'VZP_ALIGNS_STACK int handle(int n) { return n < 10 ? entry(n - 1) : 0; }' && generate &&
	passes \"\$by(int, entry, (int n));\" 'VZP_ARGUMENTS_CHECKED(entri);' 'VZP_ALIGNS_STACK int handle(int n) { return n < 10 ? entry(n - 1) : 0; }' &&
	fails_with 1 'p.c:3: VZP_ARGUMENTS_CHECKED.entri.: the patch refers to no such static function' generate &&
	passes \"\$by(int, kind, (int n));\" 'VZP_ALIGNS_STACK int handle(int n) { return n < 0 ? kind(2) : kind(1); }' && generate &&
	passes \"\$by(int, kind, (int n));\" 'VZP_ALIGNS_STACK int handle(int n) { return n < 0 ? kind(3) : kind(1); }' &&
	fails_with 1 'of parameter 1 .n., as which .handle. may' generate &&
	{ [ \$abi = i386 ] || { passes \"\$by(int, any, (int n));\" 'VZP_ALIGNS_STACK int handle(int n) { return any(n - 1); }' && generate; }; }
"
t 'a parameter that clang took away, of a function that the patch calls' "
	echo 'int hits; static __attribute__((noinline)) int add(int a, int b) { (void)a; return b + hits; } __attribute__((noinline)) int handle(int n) { return add(n, n + 1); }
		int main(int c, char **v) { (void)v; return handle(c); }' >one.c &&
	clang \$(mflag) -g -O2 -o prog one.c && object=prog &&
	printf '%s\\n' '#include <nsb/vzp.h>' 'VZP_STATIC_FUNC_REF(int, add, (int a, int b));' 'VZP_ARGUMENTS_CHECKED(add);' 'VZP_CALLERS_CHECKED(handle); int handle(int n) { return add(n, n + 2); }' >p.c &&
	patch_object p.c && fails_with 1 'p.c:2: .add. of prog takes (parameter . .[ab].|an argument in ecx)' generate
"
t 'a function that exists as a clone only' '
	cat >one.c <<-"END" &&
		__attribute__((noinline)) static int sum(int n, int k)
		{
			volatile int s = 0;
			for (int i = 0; i < n; i++)
				s += i * k;
			return s;
		}
		__attribute__((noipa)) int main(int argc, char **argv) { (void)argv; return sum(argc, 3) + sum(argc + 1, 3); }
	END
	gcc $(mflag) -g -O2 -o prog one.c && object=prog &&
	echo "__attribute__((used)) static int sum(int n, int k) { return n + k; }" >p.c &&
	patch_object p.c && fails_with 1 ".sum. exists only as the compiler.s clone .sum.constprop.0." generate
'
t 'a function too small for the jump' '
	cat >one.c <<-"END" &&
		__asm__(".text\n.globl tiny\n.type tiny, @function\ntiny: xor %eax, %eax\nret\n.size tiny, 3\n"
			".globl next\n.type next, @function\nnext: xor %eax, %eax\nret\n.size next, 3\n");
		int main(void) { return 0; }
	END
	gcc $(mflag) -g -o prog one.c && object=prog && echo "int tiny(void) { return 1; }" >p.c &&
	patch_object p.c && fails_with 1 ".tiny. is too small: 3 bytes" generate
'
# A target that looks through a list, which the linker makes of a section.
listing() {
	cat >one.c <<-'END' &&
		struct member { int id; };
		static const struct member one __attribute__((used, section("members"))) = { 1 };
		extern const struct member __start_members[], __stop_members[];
		extern char etext[];
		__attribute__((noipa)) int count(void) { return (int)(__stop_members - __start_members) + !etext[0]; }
		int main(void) { return count(); }
	END
	gcc $(mflag) -g -O2 $tells_nothing -o prog one.c && object=prog &&
	cat >member.h <<-'END'
		struct member { int id; };
		static const struct member two __attribute__((used, section("members"))) = { 2 };
		extern const struct member __start_members[], __stop_members[];
	END
}
t 'the list that the linker would make of the patch alone' '
	listing && cat >p.c <<-"END" && patch_object p.c -I. &&
		#include "member.h"
		int count(void) { return (int)(__stop_members - __start_members); }
	END
	fails_with 1 "__st(art|op)_members. would be that of the patch alone: leave section .members. out" generate
'
t 'what a patch adds to a list of the target is told' '
	listing && cat >p.c <<-"END" && patch_object p.c -I. && generate 2>said &&
		#include "member.h"
		int count(void) { return 5; }
	END
	grep "section .members. is one that prog looks through as a list: it would not find what the patch has there" said
'
t 'the end of the code, bound to the patch; VZP_HIDDEN_VAR_REF for it' '
	listing && echo "__attribute__((visibility(\"hidden\"))) extern char etext[]; int count(void) { return etext[0]; }" >p.c &&
	patch_object p.c && fails_with 1 ".etext. would be that of the patch: use VZP_HIDDEN_VAR_REF" generate &&
	printf "#include <nsb/vzp.h>\nVZP_HIDDEN_VAR_REF(char[], etext);\nint count(void) { return etext[0]; }\n" >p.c &&
	patch_object p.c && generate && "$NSB_GEN" dump p.so | grep "name=etext"
'
t 'no stand-in for a list that the objects have' '
	cat >p.c <<-"END" && gcc $(mflag) -fPIC -c p.c && "$NSB_GEN" externs p.o >externs.s &&
		struct member { int id; };
		static const struct member two __attribute__((used, section("members"))) = { 2 };
		extern const struct member __start_members[], __start_others[] __attribute__((visibility("hidden")));
		int count(void) { return (int)(__start_others - __start_members); }
	END
	grep __start_others externs.s && ! grep __start_members externs.s
'
t 'a nested function, which needs an executable stack' '
	compiled && cat >p.c <<-"END" && patch_object p.c &&
		static __attribute__((noinline)) int apply(int (*f)(int), int n) { return f(n); }
		int print(const char *s, ...)
		{
			int k = *s;
			int inner(int x) { return x + k; }
			return apply(inner, 3);
		}
	END
	fails_with 1 "p.so: it asks for an executable stack, .*a nested function whose address is taken" generate
'
for flags in "-flto -fuse-ld=lld" -DALONE=static; do
	t "a parameter that clang took away, as it was the same in all calls, $flags" "
		command -v ld.lld >/dev/null || skip 'no lld'
		cat >one.c <<-'END' && clang \$(mflag) -g -O2 $flags -o prog one.c && object=prog &&
			#ifndef ALONE
			#define ALONE
			#endif
			static volatile int one = 1;
			ALONE __attribute__((noinline)) int answer(int n) { return n + one; }
			int main(void) { return answer(1) + 3 * answer(1); }
		END
		printf '%s\\n' '#include <nsb/vzp.h>' 'VZP_STATIC_VAR_REF(volatile int, one)' \
			'int answer(int n) { return n + one + 1; }' >p.c && PATCH_CC=clang patch_object p.c &&
		fails_with 1 'parameter 1 .n. of .answer. comes (in|on) .*, but the target.s callers pass it not at all' generate
	"
done
t 'a second copy of a variable that the target has; VZP_NEW for one that is meant' '
	refuses "p.c:3: .level. would be a second variable beside that of one.c, which has the program.s data .*VZP_NEW\(level\)" \
		"static volatile int level = 9; int print(const char *s, ...) { return level++; }" &&
	refuses "p.c:3: .calls. would be a second variable beside that of one.c" \
		"VZP_FILE(\"one.c\") VZP_CALLERS_CHECKED(get) __attribute__((used)) static int get(void) { static volatile int calls; return calls++; }" &&
	printf "%s\n" "#include <nsb/vzp.h>" "VZP_NEW(level)" "static volatile int level = 9;" \
		"static const int words[] = { 1, 2 };" "int print(const char *s, ...) { return level++ + words[level & 1]; }" >p.c &&
	patch_object p.c && generate
'
t 'the name that was meant' '
	refuses "p.c:3: prog has no variable .levl. \(is it .level..\)" \
		"VZP_STATIC_VAR_REF(int, levl); int print(const char *s, ...) { return 1; }" &&
	refuses "p.c:3: prog has no function .growe. \(is it .grow..\)" \
		"VZP_STATIC_FUNC_REF(int, growe, (int, int)); int print(const char *s, ...) { return 1; }" &&
	printf "%s\n" "int prnt(const char *s, ...) { return 1; } int take(void *p, int *q);" "int push(void *q, int n);" \
		"int paint2(int n) { return n; }" "void nothing(void) { }" >p.c && patch_object p.c && generate >said 2>&1; cat said &&
	grep "p.c:1: .prnt. is new, and prog has .print." said && grep "p.c:4: replaced: nothing" said && grep "p.c:1: new: prnt" said
'
t 'an IFUNC' '
	cat >one.c <<-"END" &&
		static int first(void) { return 1; }
		static int (*resolve(void))(void) { return first; }
		int chosen(void) __attribute__((ifunc("resolve")));
		int main(void) { return chosen(); }
	END
	gcc $(mflag) -g -o prog one.c && object=prog && echo "int chosen(void) { return 1; }" >p.c &&
	patch_object p.c && fails_with 1 ".chosen. is an IFUNC" generate
'
t 'a global variable on both sides' '
	refuses "global variable .shared. would exist twice" \
		"int shared = 1; int print(const char *s, ...) { return shared; }"
'
t 'an old body allowed of a function that is not replaced' '
	refuses "VZP_ALLOW_ACTIVE\(prnt\): the patch replaces no such function" \
		"VZP_ALLOW_ACTIVE(prnt); int print(const char *s, ...) { return 1; }"
'
t 'a patch that replaces nothing' '
	refuses "p.so replaces nothing" "int unknown(void) { return 1; }"
'
t 'a patch without debug info' '
	compiled && echo "int print(const char *s, ...) { return 1; }" >p.c && patch_object p.c -g0 &&
	fails_with 1 "p.so: no debug info" generate
'
t 'records without debug info' '
	compiled && echo "int print(const char *s, ...) { return 1; }" >a.c &&
	printf "%s\n" "#include <nsb/vzp.h>" "VZP_STATIC_VAR_REF(int, level); int f(void); int f(void) { return level; }" >b.c &&
	gcc $(mflag) -O2 -fPIC -I"$root/include" -c b.c && patch_object a.c -o p.so b.o &&
	fails_with 1 "built without -g" generate
'
t 'a function that the linker dropped' '
	compiled && echo "int print(const char *s, ...) { return 1; }
	__attribute__((used)) static int grow(int n, int by) { return n + by; }" >p.c &&
	patch_object p.c -ffunction-sections -Wl,--gc-sections &&
	fails_with 1 "p.c:2: .grow. was dropped by the linker" generate
'
t 'a target without debug info' '
	compiled && strip -g prog && echo "int print(const char *s, ...) { return 1; }" >p.c &&
	patch_object p.c && fails_with 1 "prog: no debug info" generate
'
t 'a debug file of another build' '
	compiled && objcopy --only-keep-debug prog other.debug && compiled -O1 && strip prog &&
	echo "int print(const char *s, ...) { return 1; }" >p.c && patch_object p.c &&
	fails_with 1 "other.debug is not the debug file of prog: its build-id is [0-9a-f]+, not [0-9a-f]+" \
		generate --debugfile other.debug
'
t 'a target built with link-time optimisation' '
	compiled -flto && echo "int print(const char *s, ...) { return 1; }" >p.c && patch_object p.c &&
	fails_with 1 "link-time optimisation" generate
'
for cc in gcc clang; do
	t "a target built with -g1, $cc" "
		CC=$cc compiled -g1 && echo 'int print(const char *s, ...) { return 1; }' >p.c && patch_object p.c &&
		fails_with 1 'one.c was built with -g1, which says nothing of the parameters of .print.' generate
	"
done
t 'split debug info' '
	compiled -gsplit-dwarf && echo "int print(const char *s, ...) { return 1; }" >p.c && patch_object p.c &&
	fails_with 1 "is split off to .*dwo.*build without -gsplit-dwarf" generate
'
t 'a target without a build-id' '
	sources && gcc $(mflag) -g -O2 -Wl,--build-id=none -o prog one.c two.c && object=prog &&
	echo "int print(const char *s, ...) { return 1; }" >p.c && patch_object p.c &&
	fails_with 1 "prog: no build-id" generate
'
t 'a patch for the other machine' '
	compiled && echo "int print(const char *s, ...) { return 1; }" >p.c &&
	patch_object p.c $([ $abi = amd64 ] && echo -m32 || echo -m64) &&
	fails_with 1 "build the patch for the target.s machine" generate
'
t 'what a static executable does not have' '
	compiled -static && printf "%s\n" "int sethostname(const char *, unsigned long);" \
		"int print(const char *s, ...) { return sethostname(s, 1); }" >p.c && patch_object p.c &&
	fails_with 1 ".sethostname. is not in prog, and a static executable has no libraries" generate
'

# asks FLAGS CODE: nsb-gen takes the patch print() { CODE }; what it says is in said.
asks() {
	compiled && printf "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <execinfo.h>\n#include <link.h>\n%s\n" "$2" >p.c &&
	patch_object p.c $1 -ldl
}

for flags in -O2 -O0 -Os '-O2 -fno-plt' '-O2 -fno-omit-frame-pointer'; do
	t "dlsym(RTLD_NEXT): $flags" "
		asks '$flags' 'int print(const char *s, ...) { return dlsym(RTLD_NEXT, s) != 0; }' &&
		fails_with 1 \"'print' calls dlsym.RTLD_NEXT., which asks for what comes behind the object\" generate
	"
done
t 'dlvsym(RTLD_NEXT), in a new function that is called' '
	asks "" "__attribute__((noinline)) static void *find(const char *s) { return dlvsym(RTLD_NEXT, s, s + 1); }
		int print(const char *s, ...) { return find(s) == find(s + 2); }" &&
	fails_with 1 "calls dlvsym.RTLD_NEXT" generate
'
t 'dlsym of a handle: told' '
	asks "" "int print(const char *s, ...) { return dlsym(dlopen(s, 1), s) != 0; }" && generate 2>said && cat said &&
	grep ".print. calls dlsym().*with RTLD_NEXT it would find nothing" said && ! grep dlopen said
'
t 'dlopen in a patch of a library: told' '
	sources && echo "int named(const char *s) { return s[0] + s[1] * 3 + s[2] * 5; }" >lib.c && ${CC:-gcc} $(mflag) -g -O2 -shared -fPIC -Wl,--build-id=sha1 -o lib.so lib.c &&
	object=lib.so && printf "#include <dlfcn.h>\nint named(const char *s) { return dlopen(s, 1) != 0; }\n" >p.c && patch_object p.c -ldl && generate 2>said && cat said &&
	grep ".named. calls dlopen().*not the library" said
'
t 'dladdr, dl_iterate_phdr, backtrace_symbols: told' '
	asks "" "int print(const char *s, ...) { Dl_info i; return dladdr(s, &i) + (backtrace_symbols((void **)s, 1) != 0) + dl_iterate_phdr(0, 0); }" &&
	generate 2>said && cat said && for name in dladdr dl_iterate_phdr backtrace_symbols; do
		[ "$(grep -c ".print. calls $name()" said)" = 1 ] || exit 1
	done
'
# auto_object SOURCE OBJECT: SOURCE, always under one name, compiled as auto mode wants it.
# shellcheck disable=SC2046 # mflag says nothing else
auto_object() {
	cp "$1" three.c && ${CC:-gcc} $(mflag) -g -O2 -fPIC -ffunction-sections -fdata-sections -fno-semantic-interposition -c -o "$2" three.c
}

t 'auto mode: in a function that is replaced, and in one that stays' '
	compiled -ldl && { printf "%s\n" "#define _GNU_SOURCE" "#include <dlfcn.h>" && cat one.c &&
	echo "__attribute__((noipa)) int other(const char *s) { return dlsym(RTLD_NEXT, s) != 0; }"; } >old.c &&
	sed "s/puts(format) + level/puts(format) + level + 1/" old.c >new.c && sed "s/RTLD_NEXT, s) != 0/RTLD_NEXT, s + 1) != 0/" old.c >newer.c &&
	sed -i "s/^int main/int other(const char *); int (*keep)(const char *) = other;\n&/" two.c && mkdir o && auto_object old.c o/three.o &&
	${CC:-gcc} $(mflag) -g -O2 -Wl,--build-id=sha1 -o prog three.c two.c -ldl && auto_object new.c three.o && ${CC:-gcc} $(mflag) -shared -Wl,--build-id=sha1 -o a.so three.o &&
	"$NSB_GEN" generate --mode auto prog a.so three.o --original o/three.o 2>said && ! grep dlsym said &&
	auto_object newer.c three.o && ${CC:-gcc} $(mflag) -shared -Wl,--build-id=sha1 -o a.so three.o &&
	fails_with 1 ".other. calls dlsym.RTLD_NEXT" "$NSB_GEN" generate --mode auto prog a.so three.o --original o/three.o
'

# enters CODE: a target in which hand-written code, in assembly, has to do with work(); and a patch of work().
enters() {
	{ echo "int work(int n); int other(int n); int use(int n);"
	echo "__attribute__((noipa)) int work(int n) { static volatile int k = 3; return n * k + (n ^ k) - (n & k); }"
	printf '%s\n' "$1" 'int main(int n, char **a) { return work(n) + use(n); }'; } >enter.c &&
	${CC:-gcc} $(mflag) -g -O2 $tells_nothing -fno-pic -no-pie -Wl,--build-id=sha1 -o prog enter.c && object=prog &&
	echo "int work(int n) { return n + 7; }" >p.c && patch_object p.c
}

asm_function='__asm__(".text\n.globl use\n.type use,@function\nuse: "'
for what in 'jmp work+6' 'call work+7; ret' 'jz work+6; ret' 'nop; .byte 0xeb; .byte work+6-use-3'; do
	t "code that enters a replaced function behind its first instruction: $what" "
		enters '$asm_function \"$what\\n.size use,.-use\\n\");' && fails_with 1 \"'use' jumps into 'work' behind its first instruction, at 'work'.0x[67]\" generate
	"
done
t 'behind bytes that are no instruction' "
	enters '$asm_function \".byte 0x0f, 0x04; .byte 0xeb; .byte work+6-use-4; ret\n.size use,.-use\n\");' &&
	fails_with 1 \"'use' jumps into 'work' behind its first instruction\" generate
"
t 'code that enters it at its start' "
	enters '$asm_function \"jmp work\\n.size use,.-use\\n\");' && generate
"
t 'bytes that look like a jump, and are none' "
	enters '$asm_function \"movabs \$0, %eax; ret; .size use,.-use\\n\");' || true
	enters '$asm_function \"push \$0x1234; mov \$0xe9, %eax; pop %ecx; ret; .size use,.-use\\n\");' || [ \$abi = amd64 ] || exit 1
	enters 'int use(int n) { return n; }' && generate
"
t 'a global function that begins inside of another one' '
	printf "%s\n" ".text" ".globl outer" ".type outer,@function" "outer: .cfi_startproc; nop; nop; nop; nop; nop; nop" ".globl inner" ".type inner,@function" "inner: nop; nop; ret; .cfi_endproc" ".size outer,.-outer" ".size inner,.-inner" >o.s &&
	echo "void outer(void); void inner(void); int main(void) { outer(); inner(); return 0; }" >m.c && ${CC:-gcc} $(mflag) -g -O2 -Wl,--build-id=sha1 -o prog m.c o.s && object=prog &&
	echo "void outer(void); void outer(void) { }" >p.c && patch_object p.c && fails_with 1 "inner. is a function that begins in .outer. behind its first instruction" generate
'

t 'what a static-PIE has of the C library, though its symbols are local' '
	compiled -static-pie -fPIE && printf "%s\n" "#include <stdlib.h>" "#include <stdio.h>" \
		"int print(const char *s, ...) { free(malloc(8)); if (stdout == NULL) abort(); return *getenv(s); }" >p.c &&
	patch_object p.c -fno-builtin && generate && "$NSB_GEN" dump p.so | grep -c -E "name=(malloc|free|getenv|abort|stdout)$" >count &&
	[ "$(cat count)" = 5 ]
'

t 'no arguments, an unknown command, an unknown option' '
	fails_with 64 "a command is needed" "$NSB_GEN" &&
	fails_with 64 "unknown command .make." "$NSB_GEN" make &&
	fails_with 64 "unknown option" "$NSB_GEN" generate --nonsense a b &&
	fails_with 64 "usage: nsb-gen generate" "$NSB_GEN" generate a &&
	fails_with 64 "needs --pid PID and --id" "$NSB_GEN" check --pid 1 &&
	"$NSB_GEN" build-id "$(command -v bash)" >id && "$NSB_GEN" check $$ "$(cat id)" | grep bash &&
	fails_with 64 "pid wants a number" "$NSB_GEN" check --pid x --id ab
'
t 'files that are not there, or no ELF' '
	echo text >text &&
	fails_with 1 "none: No such file" "$NSB_GEN" generate none none &&
	fails_with 1 "text: not an ELF file" "$NSB_GEN" buildid text &&
	fails_with 1 "no section vzpatch" "$NSB_GEN" dump /bin/true
'

done_testing
