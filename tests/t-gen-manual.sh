#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nsb-gen alone: what a patch's names mean in the target, and the file it makes.

. "${0%/*}/lib.sh"
for_each_abi of-files

sources() {
	cat >one.c <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		#ifdef __clang__
		#define noipa noinline
		#endif
		static volatile int level = 1;
		int shared = 5;
		__attribute__((visibility("hidden"))) int hidden = 6;
		__attribute__((visibility("hidden"), noipa)) int hidden_function(int x) { return x + hidden; }
		__attribute__((noipa)) static int get(void) { static volatile int calls = 3; return level + calls++; }
		__attribute__((noipa)) int push(int n) { static volatile int calls = 4; return n + get() + calls++; }
		__attribute__((noipa)) int print(const char *format) { return puts(format) + level; }
	END
	mkdir -p dir && cat >dir/two.c <<-'END'
		#ifdef __clang__
		#define noipa noinline
		#endif
		int push(int), print(const char *), hidden_function(int);
		static volatile int level = 2;
		__attribute__((noipa)) static int get(void) { return level * 3; }
		int main(void) { return push(get()) + print("x") + hidden_function(level); }
	END
}

# compiled [FLAGS...]: the target.
# shellcheck disable=SC2046 # mflag says nothing else
compiled() {
	sources && $(target_cc) $(mflag) ${LEVEL:--O2} -g -Wl,--build-id=sha1 -o prog "$@" one.c dir/two.c &&
	object=prog
}

# patched CODE: made into a patch; its metadata goes to dumped.
patched() {
	printf '#include <nsb/vzp.h>\n%s\n' "$1" >p.c &&
	patch_object p.c -Wall -Wextra -Werror -Wno-missing-prototypes -Wno-unused-parameter &&
	generate && "$NSB_GEN" dump p.so >dumped
}

# address FILE NAME: of the symbol in that source file of the target.
address() {
	readelf -sW ${symbols:-prog} | awk -v file="$1" -v name="$2" '
		$4 == "FILE" { now = $8 }
		$8 == name && (file == "" || now == file || $5 == "GLOBAL") { print $2; exit }' |
		sed 's/^0*/0x/'
}

# refers NAME FILE SYMBOL: the reference NAME is to that symbol of the target.
refers() {
	grep -E "^  symbol=[0-9]+ target_addr=$(address "$2" "$3") size=[0-9]+ name=$1$" dumped
}

# replaces NAME FILE: the target's function of that file is replaced.
replaces() {
	grep -E "^  name=$1 file=.* target_addr=$(address "$2" "$1") " dumped
}

whole_patch='
VZP_FILE("one.c");
VZP_COMMENT("CVE-2026-1: all of it");
VZP_STATIC_VAR_REF(volatile int, level);
VZP_STATIC_VAR_REF(volatile int, other_level, "two.c");
VZP_STATIC_SYM_ALIAS(other_level, level);
VZP_HIDDEN_VAR_REF(int, hidden);
VZP_HIDDEN_FUNC_REF(int, hidden_function, (int));
VZP_ALLOW_ACTIVE(push);
extern int shared;
static int helper(int x) { return x * 2; }
__attribute__((used)) static int get(void)
{
	VZP_STATIC_VAR_REF(volatile int, calls);
	return level + calls++ + other_level;
}
int push(int n)
{
	VZP_STATIC_VAR_REF(volatile int, push_calls);
	VZP_STATIC_SYM_ALIAS(push_calls, calls);
	return n + get() + push_calls++ + hidden + hidden_function(shared) + helper(n);
}'

# The static locals of gcc and clang are called differently in the symbol table.
calls_of() {
	address '' "$(readelf -sW prog | awk '{ print $8 }' | grep -E "$1" | head -n 1)"
}

whole() {
	patched "$whole_patch" && replaces push one.c && replaces get one.c &&
	refers level one.c level && refers level two.c level &&
	refers hidden '' hidden && refers hidden_function '' hidden_function &&
	[ "$(grep -c ' name=calls$' dumped)" = 2 ] &&
	grep -q 'key=comment text=CVE-2026-1: all of it' dumped &&
	grep -E 'name=push .*allow-active' dumped && grep -E 'name=get file=one.c' dumped
}

by_lot of-files
for cc in gcc clang; do
	for level in -O0 -O1 -O2 -O3; do
		t "every macro, target and patch by $cc $level" "
			CC=$cc LEVEL=$level PATCH_CC=$cc compiled && CC=$cc PATCH_CC=$cc whole
		"
	done
	for version in 2 3 4 5; do
		t "every macro, $cc -gdwarf-$version" "
			CC=$cc compiled -gdwarf-$version && PATCH_CC=$cc whole
		"
	done
	for flags in '-static' '-static-pie -fPIE' '-no-pie -fno-pie' '-gz=zlib' '-fdebug-types-section' \
		'-ffunction-sections -fdata-sections -Wl,--gc-sections' '-fcf-protection=full'; do
		t "every macro, $cc $flags" "CC=$cc compiled $flags && PATCH_CC=$cc whole"
	done
done

for_each_abi of-files
for cc in gcc clang; do
	t "a static variable of a function that is inlined everywhere, $cc" '
		cat >one.c <<-"END" &&
			static volatile int total = 1;
			static inline __attribute__((always_inline)) int sum(int n)
			{
				static volatile int total = 2;
				return total += n;
			}
			int __attribute__((noinline)) add(int n) { return sum(n) + total; }
			int main(int argc, char **argv) { (void)argv; return add(argc); }
		END
		'$cc' $(mflag) -O2 -g -o prog one.c && object=prog &&
		PATCH_CC='$cc' patched "static inline __attribute__((always_inline)) int sum(int n)
			{ VZP_STATIC_VAR_REF(volatile int, total); return total += n + 1; }
			VZP_CALLERS_CHECKED(add);
			int add(int n) { return sum(n); }" &&
		refers total "" "$(readelf -sW prog | awk "{ print \$8 }" | grep -E "^(sum\.total|total\.[0-9]+)\$")"
	'
done

t 'debug info in a separate file, named, found by link, found by build-id' '
	compiled && cp prog whole && symbols=whole && objcopy --only-keep-debug prog prog.debug && strip prog &&
	printf "%s\n" "int print(const char *s) { return *s; }" >p.c && patch_object p.c &&
	generate --debugfile prog.debug && "$NSB_GEN" dump p.so >dumped && replaces print "" &&
	objcopy --add-gnu-debuglink=prog.debug prog && generate &&
	mkdir .debug && mv prog.debug .debug/ && generate &&
	"$NSB_GEN" dump p.so >dumped && replaces print ""
'
t 'debug info that dwz shares between files' '
	command -v dwz >/dev/null || skip "no dwz"
	compiled && symbols=prog && cp prog another && dwz -m shared.debug prog another &&
	readelf -SW prog | grep -F .gnu_debugaltlink &&
	printf "%s\n" "int print(const char *s) { return *s; }" >p.c && patch_object p.c && generate &&
	"$NSB_GEN" dump p.so >dumped && replaces print "" &&
	printf "%s\n" "int print(long s) { return (int)s; }" >p.c && patch_object p.c &&
	fails_with 1 "parameter 1 .s. is .long int., the target.s .const char \*." generate &&
	rm shared.debug && fails_with 1 "made by dwz, shared.debug, which is not there" generate
'
t '... and the shared file lies beside the debug file, not where it is installed' '
	command -v dwz >/dev/null || skip "no dwz"
	compiled && symbols=prog.debug && cp prog another && mkdir beside && dwz -m beside/shared.debug -M /usr/lib/debug/.dwz/none/shared.debug prog another &&
	objcopy --only-keep-debug prog beside/prog.debug && strip prog && printf "%s\n" "int print(const char *s) { return *s; }" >p.c && patch_object p.c &&
	generate --debugfile beside/prog.debug
'
t 'debug info that debuginfod-find fetches, if servers are named' '
	compiled && cp prog whole && strip prog && printf "%s\n" "int print(const char *s) { return *s; }" >p.c && patch_object p.c &&
	printf "%s\n" "#!/bin/sh" "[ \$1 = debuginfo ] && [ \$2 = $("$NSB_GEN" buildid prog) ] && echo $PWD/whole" >debuginfod-find && chmod +x debuginfod-find &&
	fails_with 1 "no debug info .*NAME-dbgsym.*by build-id $("$NSB_GEN" buildid prog)" env -u DEBUGINFOD_URLS PATH="$PWD:$PATH" "$NSB_GEN" generate prog p.so &&
	DEBUGINFOD_URLS=https://debuginfod.invalid PATH="$PWD:$PATH" generate
'
t 'a variable that is a constant for the compiler: its value is told' '
	printf "%s\n" "static const int low = -3;" "__attribute__((noipa)) int work(int n) { return n * low; }" "int main(int argc, char **argv) { (void)argv; return work(argc); }" >one.c &&
	gcc $(mflag) -g -O2 $tells_nothing -o prog one.c && object=prog &&
	printf "%s\n" "#include <nsb/vzp.h>" "int work(int n) { VZP_STATIC_VAR_REF(const int, low); return n * low + 1; }" >p.c && patch_object p.c &&
	fails_with 1 "variable .low. has no address in prog: the compiler knew that it is always -3" generate
'
t 'a function-local reference falls back to the file, and needs no file where the function is unique' '
	compiled && patched "int print(const char *s) { VZP_STATIC_VAR_REF(volatile int, level, \"one.c\"); return level + *s; }" &&
	refers level one.c level
'
t 'plain extern finds hidden things and what the executable does not export' '
	compiled && patched "extern int hidden, shared; int hidden_function(int);
		int print(const char *s) { return hidden + shared + hidden_function(*s); }" &&
	refers hidden "" hidden && refers hidden_function "" hidden_function && refers shared "" shared
'
t 'what the target exports is left to the dynamic rules' '
	compiled -rdynamic && patched "extern int shared; int print(const char *s) { return shared + *s; }" &&
	! grep name=shared dumped
'
t 'a reference that is not used costs nothing but must exist' '
	compiled && patched "VZP_STATIC_VAR_REF(volatile int, level, \"one.c\"); int print(const char *s) { return *s; }" &&
	! grep name=level dumped
'
t 'an alias counts for its whole unit, whatever file it is in' '
	compiled && printf "%s\n" "VZP_STATIC_SYM_ALIAS(new_print, print);" >aliases.h && echo "int new_print(const char *s) { return *s; }" >body.h &&
	for order in "aliases.h body.h" "body.h aliases.h"; do
		{ echo "#include <nsb/vzp.h>" && printf "#include \"%s\"\n" $order; } >p.c && patch_object p.c -I. && generate &&
		"$NSB_GEN" dump p.so >dumped && replaces print "" || exit 1
	done
'
# has_needs: a target, and the lines that a patch of its work() needs.
has_needs() {
	cat >one.c <<-"END" &&
		static volatile int hits = 1;
		int level = 10;
		static __attribute__((noipa)) int twice(int n) { hits++; return n * hits; }
		__attribute__((noipa)) int work(int n) { static volatile int calls; calls++; return twice(n) + level + calls; }
		int main(int argc, char **argv) { (void)argv; return work(argc); }
	END
	gcc $(mflag) -g -O2 $tells_nothing -o prog one.c && object=prog && "$NSB_GEN" refs prog work >lines
}
t 'refs prints the lines that a function needs, which compile' '
	has_needs && cat lines && grep -q "^VZP_FILE(\"one.c\");$" lines && grep -q "VZP_STATIC_VAR_REF(volatile int, calls); /. inside work() ./" lines &&
	grep -q "^/. extern int level; ./" lines &&
	{ echo "#include <nsb/vzp.h>" && grep -v inside lines && echo "VZP_ARGUMENTS_CHECKED(twice)" &&
		echo "extern int level; int work(int n) {" && grep inside lines && echo "return twice(n + 1) + level + calls; }"; } >p.c &&
	patch_object p.c && generate &&
	fails_with 1 "has no function .wrok. .*is it .work." "$NSB_GEN" refs prog wrok
'
# A program whose types are of many kinds.
has_types() {
	cat >two.c <<-"END" &&
		#include <stdint.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/time.h>
		enum color { RED, GREEN = 5 };
		typedef struct { int x, y; } point;
		union any { char text[16]; double d; };
		struct item;
		struct hidden { int z; };
		typedef int (*hook)(struct item *, const char *const, void (*)(int));
		struct __attribute__((packed)) odd { char a; int b; short c; };
		struct __attribute__((aligned(32))) wide { int w; };
		struct queue {
			int size; struct item *first; struct queue *next; unsigned f : 3, g : 5; hook hooks[4]; int (*table)[3];
			point at; struct { int a; union { int b; char c; }; } in; uint32_t crc; struct timeval t; enum color col;
			FILE *log; union any any; long double ld; struct odd odd; struct wide wide; long long ll; char name[];
		};
		struct item { struct queue *owner; struct hidden *hidden; double weight; };
		static volatile int hits = 1;
		point origin;
		static const char *const names[] = { "a", "b" };
		static __attribute__((noipa)) int twice(int n, struct hidden *o) { hits++; return n * hits + o->z; }
		__attribute__((noipa)) struct item *find(struct queue *q, const char *name, enum color c, hook h)
		{
			static volatile int calls;
			static struct hidden o;
			calls++;
			origin.x++;
			printf("%s %s", names[c & 1], name);
			return twice(calls, &o) > 3 ? q->first : h(NULL, name, NULL) ? NULL : q->first;
		}
		static __attribute__((noipa)) void (*getter(int n))(int) { hits += n; return NULL; }
		int main(int argc, char **argv) { (void)argv; getter(argc); return find(calloc(1, sizeof(struct queue)), "x", RED, NULL) != NULL; }
	END
	$1 $(mflag) -g -O2 -w $(echo "$1" | grep -qv clang && echo $tells_nothing) -o prog two.c && object=prog
}
for cc in gcc clang; do
	t "new prints a source that compiles, with the types, and is refused as it is, target by $cc" '
		has_types '$cc' && "$NSB_GEN" new prog find $([ '$cc' = clang ] || echo twice getter) >p.c && cat p.c &&
		patch_object p.c -Wall -Werror && fails_with 1 "has no function .the_code_is_to_be_written." generate &&
		{ [ '$cc' = clang ] || { sed "/VZP_HIDDEN/d; s/the_code_is.*/return 0;/; /unreachable/d" p.c >q.c && patch_object q.c && generate; }; } &&
		fails_with 1 "has no function .fnid. .*is it .find." "$NSB_GEN" new prog fnid
	'
done
t 'a function with a name of its own for the linker' '
	cat >one.c <<-"END" && gcc $(mflag) -g -O2 $tells_nothing -o prog one.c && object=prog &&
		int answer(int n) __asm__("real_answer");
		__attribute__((noipa)) int answer(int n) { return n * 3 + 1; }
		int main(int argc, char **argv) { (void)argv; return answer(argc); }
	END
	patched "int answer(int n) __asm__(\"real_answer\"); int answer(int n) { return n * 5; }" &&
	grep "name=answer file=- target_addr=$(address "" real_answer) " dumped
'
t 'macros without a semicolon behind them' '
	compiled && patched "VZP_FILE(\"one.c\") VZP_COMMENT(\"none\")
		VZP_STATIC_VAR_REF(volatile int, level) VZP_STATIC_FUNC_REF(int, get, (void))
		int print(const char *s) { VZP_ALLOW_ACTIVE(print) VZP_HIDDEN_VAR_REF(int, hidden) return *s + level + get() + hidden; }" &&
	refers level one.c level && refers get one.c get && grep -E "name=print .*allow-active" dumped
'
t 'identical functions, folded into one by the compiler, are both replaced' '
	compiled && patched "int print(const char *s) { return s != 0; } int hidden_function(int x) { return x != 0; }
		int push(int n) { return n != 0; } VZP_CALLERS_CHECKED(hidden_function)" &&
	replaces print "" && replaces hidden_function "" && replaces push ""
'
t 'cold code that the compiler moved away belongs to the function' '
	cat >one.c <<-"END" &&
		#include <stdio.h>
		#include <stdlib.h>
		int sink;
		__attribute__((noinline, cold)) int slow(int x) { return x + 1; }
		__attribute__((noinline)) int work(int n)
		{
			if (__builtin_expect(n > 100, 0)) {
				sink = slow(n);
				printf("%d is too many, %d\n", n, slow(sink));
				abort();
			}
			return sink += n;
		}
		int main(int argc, char **argv) { (void)argv; return work(argc); }
	END
	gcc $(mflag) -g -O2 $tells_nothing -o prog one.c && object=prog && patched "int work(int n) { return n; }" &&
	grep "func=0 addr=$(address "" work.cold) " dumped
'
t 'the first bytes, the room with the padding' '
	cat >one.c <<-"END" &&
		__asm__(".text\n.p2align 4\n.globl tiny\n.type tiny, @function\ntiny: .byte 0x31, 0xc0, 0xc3\n.size tiny, 3\n"
			".p2align 4\n.globl next\n.type next, @function\nnext: ret\n.size next, 1\n");
		int main(void) { return 0; }
	END
	gcc $(mflag) -g -o prog one.c && object=prog && patched "int tiny(void) { return 1; }" &&
	grep -E "name=tiny .*target_size=3 .* room=16 first=31c0c3" dumped
'
# flags NAME: of the replaced function.
flags() {
	sed -n "s/^  name=$1 .* flags=\([^ ]*\).*/\1/p" dumped
}
t 'a function whose address the patch may hand out is marked, one that is called is not' '
	compiled && patched "extern int atexit(void (*f)(void)); static void at_end(void) { }
		__attribute__((noinline)) static int twice(int n) { return n > 3 ? n : twice(n + 1) * 2; }
		int hidden_function(int x) { return twice(x); } VZP_CALLERS_CHECKED(hidden_function)
		int push(int n) { return atexit(at_end) + n; } int print(const char *s);
		int (*table[])(const char *) = { print }; int print(const char *s) { return hidden_function(*s); }" &&
	[ "$(flags hidden_function)" = global ] && [ "$(flags push)" = global,address-taken ] &&
	[ "$(flags print)" = global,address-taken ]
'
t 'the file: nothing that is loaded moves, tools read it, strip keeps it' '
	compiled && printf "%s\n" "int print(const char *s) { return *s; }" >p.c && patch_object p.c &&
	chmod 751 p.so && cp -p p.so plain.so && generate -o made.so && cmp p.so plain.so &&
	[ "$(stat -c %a made.so)" = 751 ] &&
	diff <(readelf -lW plain.so | grep -v "entry\|There are" | grep -v "File type") \
		<(readelf -lW made.so | grep -v "entry\|There are" | grep -v "File type") &&
	readelf -aW made.so >/dev/null 2>warnings && [ ! -s warnings ] &&
	objdump -d made.so >/dev/null && "$NSB_GEN" dump made.so >full && strip -g made.so &&
	"$NSB_GEN" dump made.so >stripped && cmp full stripped && strip made.so && "$NSB_GEN" dump made.so >all &&
	cmp full all && [ -z "$(ls | grep -v "made.so$" | grep "made.so.")" ]
'
t 'generating twice gives the same file' '
	compiled && printf "%s\n" "int print(const char *s) { return *s; }" >p.c && patch_object p.c &&
	generate && cp p.so once.so && generate && cmp p.so once.so &&
	patch_object p.c && generate && cmp p.so once.so
'
t 'options in any order, quiet, verbose, JSON' '
	compiled && printf "%s\n" "int print(const char *s) { return *s; }" "int fresh(void) { return 1; }" >p.c && patch_object p.c &&
	[ "$("$NSB_GEN" generate prog -o out.so p.so --mode manual | tail -n 1)" = \
		"out.so: 1 function replaced, 1 new, 0 references, $(objdump -h out.so | awk "/vzpatch/ { print \$3 }" | xargs -I{} printf %d 0x{}) bytes" ] &&
	[ "$("$NSB_GEN" generate prog -o out.so p.so | head -n 2 | sort)" = "$(printf "%s\\n" "p.c:1: replaced: print" "p.c:2: new: fresh")" ] &&
	[ -z "$("$NSB_GEN" -q generate prog p.so)" ] &&
	"$NSB_GEN" generate prog p.so -v 2>&1 | grep "new function .fresh. (p.c:2)" &&
	"$NSB_GEN" dump --json out.so | python3 -c "import json, sys; assert json.load(sys.stdin)[\"functions\"][0][\"name\"] == \"print\""
'
t 'build-id, of a file and in a process' '
	compiled && id=$("$NSB_GEN" buildid prog) && readelf -n prog | grep "Build ID: $id" &&
	starts sleep 100 &&
	sleep_id=$("$NSB_GEN" buildid "$(command -v sleep)") &&
	wait_until "$NSB_GEN" -q check --pid $started --id $sleep_id &&
	[ "$("$NSB_GEN" check --pid $started --id $sleep_id)" = "$(readlink /proc/$started/exe)" ] &&
	fails_with 2 "no file of the process has build-id $id" "$NSB_GEN" check --pid $started --id $id &&
	fails_with 1 "no such process" "$NSB_GEN" check --pid 99999999 --id $id &&
	fails_with 64 "xyz. is no build-id" "$NSB_GEN" check --pid $started --id xyz
'

done_testing
