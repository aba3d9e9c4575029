#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Libraries, however they came into the process, and however often.

. "${0%/*}/lib.sh"
for_each_abi

# opener: starts it, which opens nothing yet; $object is the library.
opener() {
	build server dlopen && library=$object && target opener pie && object=$library
}

opens() {
	says open "open $1 ${3:-$library} $2"
}

# records STATE: how many are listed in this state.
records() {
	nsb list -p "$pid" | grep -c "Z $1:"
}

for how in local global new; do
	t "dlopen, $how" "
		opener && opens 1 $how && says hello 1 greet && says 'limited 603' 1 limited 1 &&
		says 'scale 14' 1 scale 7 && snapshot && patch_from greet.c && patch_from scale.c &&
		patch greet.so && says goodbye 1 greet && patch scale.so && says 'scale 1014' 1 scale 7 &&
		listed greet.so scale.so && revert greet.so && revert scale.so && says hello 1 greet &&
		says 'scale 14' 1 scale 7 && unharmed
	"
done
t 'each instance has its own C library' '
	opener && opens 1 new && opens 2 local && cat >own.c <<-"END" &&
		#include <stdlib.h>
		const char *greet(void);
		const char *greet(void)
		{
			static char text[2] = "0";
			text[0] = (char)("0"[0] + (getenv("IN_TWO") != NULL) + (getenv("PATH") != NULL));
			return text;
		}
	END
	patch_from own.c && patch own.so && says 1 1 greet && says 1 2 greet && [ "$(records applied)" = 2 ] &&
	revert own.so && says hello 1 greet && says hello 2 greet
'
t 'two instances in two namespaces: both are patched, listed, reverted' '
	opener && opens 1 local && opens 2 new && says "visit 5" 1 visit 5 && says "visit 7" 2 visit 7 &&
	snapshot && patch_from visit.c && nsb check -p $pid -f visit.so >said || grep "can be applied now" said &&
	patch visit.so && says "visit 20" 1 visit 5 && says "visit 22" 2 visit 5 &&
	[ "$(records applied)" = 2 ] && nsb check -p $pid -f visit.so | grep ": applied$" &&
	fails_with 9 "applied already" patch visit.so &&
	revert visit.so && says "visit 21" 1 visit 1 && says "visit 23" 2 visit 1 && listed && unharmed
'
t 'an instance that comes later is patched by and by' '
	opener && opens 1 local && patch_from greet.c && patch greet.so && opens 2 new &&
	says goodbye 1 greet && says hello 2 greet &&
	{ nsb check -p $pid -f greet.so >said; [ $? = 2 ]; } && grep "can be applied now" said &&
	patch greet.so && says goodbye 1 greet && says goodbye 2 greet && [ "$(records applied)" = 2 ] &&
	fails_with 9 "applied already" patch greet.so &&
	revert greet.so && says hello 1 greet && says hello 2 greet && listed
'
t 'closed while it is patched: the target is gone, revert harms nothing' '
	opener && opens 1 local && says closed close 1 && snapshot && opens 1 local && patch_from greet.c && patch greet.so &&
	says goodbye 1 greet && says closed close 1 && [ "$(records "target gone")" = 1 ] &&
	{ nsb check -p $pid -f greet.so >said; [ $? = 2 ]; } && grep "cannot be applied now" said &&
	fails_with 8 "has no object with build-id" patch greet.so &&
	revert greet.so && listed && unharmed
'
t 'closed and opened again: it is patched anew' '
	opener && opens 1 local && patch_from greet.c && patch_from scale.c && patch greet.so && patch scale.so &&
	says goodbye 1 greet && says closed close 1 && opens 1 local && says hello 1 greet &&
	[ "$(records "target gone")" = 2 ] && patch greet.so && says goodbye 1 greet &&
	[ "$(records "target gone")" = 2 ] && [ "$(records applied)" = 1 ] &&
	revert scale.so && says goodbye 1 greet && revert greet.so && says hello 1 greet && listed
'
t 'another library at the place of one that is gone' '
	opener && opens 1 local && patch_from greet.c && patch greet.so && says closed close 1 &&
	objcopy --remove-section .note.gnu.build-id $library other.so &&
	opens 2 local $PWD/other.so && says hello 2 greet && [ "$(records "target gone")" = 1 ] &&
	revert greet.so && says hello 2 greet && listed
'
# waited_for: nsb waits for a thread that stays in the function, in a process that has opened $first before; $started is nsb.
waited_for() {
	build threads dlopen && library=$object && target opener pie && object=$library &&
	for made in before other; do
		CFLAGS_EXTRA="-O$([ $made = other ] && echo 0 || echo 2) -DNAME_$made" build threads dlopen &&
		objcopy --remove-section .note.gnu.build-id "$object" $made.so || return 1
	done
	object=$library
	opens 1 local && opens 2 local "$PWD/before.so" && ask 1 start hold && says 'inside 1' 1 inside 1 && patch_from hold.c || return 1
	starts "$NSB" patch $insecure -p "$pid" -f hold.so --timeout "$patience" && wait_until nsb_traces "$started" /proc/"$pid"/status
}

t 'opened while nsb waits for a safe point, with threads that sleep in it' '
	waited_for && opens 3 local "$PWD/other.so" && ask 3 start sleepers 2 && says released 1 release && wait "$started" && listed hold.so &&
	revert hold.so && listed && snapshot && patch hold.so && revert hold.so && unharmed
'
t 'closed meanwhile, and another one opened at its place' '
	waited_for && says closed close 2 && opens 3 local "$PWD/other.so" && ask 3 start sleepers 2 && says released 1 release && wait "$started" && listed hold.so &&
	revert hold.so && listed && snapshot && patch hold.so && revert hold.so && unharmed
'
t 'among 300 others' '
	echo "int n;" >n.c && gcc $(mflag) -shared -fPIC -o n.so n.c && mkdir many && opener &&
	for i in {100..399}; do cp n.so many/$i.so && opens $i global $PWD/many/$i.so || exit 1; done &&
	opens 1 local && says hello 1 greet && snapshot && patch_from greet.c && patch greet.so &&
	says goodbye 1 greet && revert greet.so && says hello 1 greet && unharmed
'

# preloaded NAME.c [FLAGS...]: a library beside, which LD_PRELOAD brings in.
preloaded() {
	gcc $(mflag) -O2 -g -fPIC -shared -o libbeside.so "$@"
}

with_it() {
	LD_PRELOAD=$PWD/libbeside.so launch "$program"
}

# calling EXPRESSION DECLARATION [FLAGS...]: a patch of scale that returns EXPRESSION.
calling() {
	echo "$2; int scale(int n); int scale(int n) { return $1; }" >calling.c &&
	patch_from calling.c "${@:3}"
}

t 'an interposed symbol: that of LD_PRELOAD' '
	build server && echo "char *getenv(const char *n); char *getenv(const char *n) { return (char *)n; }" >g.c &&
	preloaded g.c && with_it && calling "getenv(\"4\")[0] + n" "char *getenv(const char *)" && snapshot &&
	says "scale 14" scale 7 && patch calling.so && says "scale 52" scale 0 && revert calling.so &&
	says "scale 14" scale 7 && unharmed
'
for bound in -Bsymbolic -Bdynamic; do
	t "a library that is $bound, and an interposed symbol" "
		CFLAGS_EXTRA=-Wl,$bound build server so && patch_from scale.c &&
		echo 'int visit(int n); int visit(int n) { return 1000 + n; }' >v.c && preloaded v.c && with_it &&
		calling 'visit(n)' 'int visit(int)' && patch calling.so && if [ $bound = -Bsymbolic ]; then
			says 'scale 7' scale 7 && says 'scale 8' scale 1
		else
			says 'scale 1007' scale 7
		fi && revert calling.so && says 'scale 14' scale 7
	"
done
t 'a protected symbol that another library has, too' '
	build server so && echo "int protected_function(int n); int protected_function(int n) { return 5000; }" >v.c &&
	preloaded v.c && with_it && calling "protected_function(n)" "int protected_function(int)" &&
	patch calling.so && ! says "scale 5000" scale 7 && revert calling.so && says "scale 14" scale 7
'
t 'two versions of one name, and an IFUNC of its own' '
	build server && cat >v.c <<-"END" && echo "V1 { local: *_impl; }; V2 { global: pick; chosen; } V1;" >v.map &&
		int pick_old(int n), pick_new(int n), chosen(int n);
		__asm__(".symver pick_old,pick@V1\n.symver pick_new,pick@@V2");
		int pick_old(int n) { return 100 + n; }
		int pick_new(int n) { return 200 + n; }
		static int yes_impl(int n) { return 300 + n; }
		static int (*resolve(void))(int) { return yes_impl; }
		int chosen(int n) __attribute__((ifunc("resolve")));
	END
	preloaded v.c -Wl,--version-script=v.map && with_it && snapshot &&
	for way in "200 pick" "300 chosen"; do
		set -- $way && calling "$2(n)" "int $2(int)" -Wl,--no-as-needed libbeside.so && patch calling.so &&
		says "scale $(($1 + 7))" scale 7 && revert calling.so || exit 1
	done && calling "pick(n)" "int pick(int); __asm__(\".symver pick,pick@V1\")" -Wl,--no-as-needed libbeside.so &&
	patch calling.so && says "scale 107" scale 7 && revert calling.so && says "scale 14" scale 7 && unharmed
'
# Each is called by the old code, so that it is linked; that says 0, and the new code how many did what they are called for.
chosen='int n = strlen(text) == 7; n += strchr(text, 99) == text + 2; n += strrchr(text, 97) == text + 4; n += strnlen(text, 3) == 3;
	n += memchr(text, 100, 7) == text + 3; n += strcmp(text, "abcdab") > 0; n += strncmp(text, "abx", 2) == 0;
	n += strcasecmp(text, "ABCDABC") == 0; n += strncasecmp(text, "AX", 1) == 0; n += memcmp(text, "abd", 3) < 0;
	n += strcspn(text, "c") == 2; n += strspn(text, "ab") == 2; n += strpbrk(text, "dc") == text + 2;
	n += strcpy(room, text) == room; n += strcat(room, text) == room && room[13] == 99 && room[14] == 0;
	n += memset(room, 7, 9) == room && room[8] == 7 && room[9] == 99; n += memcpy(room, text, 3) == room && room[2] == 99 && room[3] == 7;
	n += memmove(room + 1, room, 3) == room + 1 && room[3] == 99;'
t 'IFUNCs of a static program, each by the stub that is its own' '
	{ cat <<-"END" && echo "__attribute__((noipa)) int ask(const char *text, char *room) { $chosen return n * none; }"; } >main.c &&
		#include <stdio.h>
		#include <string.h>
		int ask(const char *, char *);
		volatile int none;
		int main(void)
		{
			char line[80], room[80];
			puts("ready");
			for (fflush(stdout); fgets(line, 80, stdin); fflush(stdout))
				printf("right %d\n", ask("abcdabc", room));
		}
	END
	echo "#include <string.h>
		int ask(const char *, char *); int ask(const char *text, char *room) { $chosen return n; }" >ask.c &&
	for way in "-static -no-pie" "-static -no-pie -fcf-protection -Wl,-z,ibtplt" -static-pie; do
		gcc $(mflag) -O2 -g $tells_nothing -fno-builtin $way -Wl,--build-id=sha1 -o main main.c && patch_object ask.c -fno-builtin && object=main &&
		if [ "$abi $way" = "i386 -static-pie" ]; then
			! generate 2>said && grep -q "is an IFUNC, and main has no code that could be called" said && continue
		fi && generate && program=./main && launch ./main && says "right 0" x && snapshot && patch ask.so && says "right 18" x &&
		revert ask.so && says "right 0" x && unharmed || exit 1
	done
'
t 'an IFUNC of a process with a shadow stack, on which its resolver could not return' '
	[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || skip "only root can change what /proc says of a process"
	build server && cat >v.c <<-"END" && preloaded v.c && with_it && snapshot &&
		int chosen(int n);
		static int yes_impl(int n) { return 300 + n; }
		static int (*resolve(void))(int) { return yes_impl; }
		int chosen(int n) __attribute__((ifunc("resolve")));
	END
	calling "chosen(n)" "int chosen(int)" -Wl,--no-as-needed libbeside.so &&
	{ cat /proc/$pid/status && printf "x86_Thread_features:\tshstk \n"; } >status &&
	fails_with 1 "thread $pid has a shadow stack .CET.*resolver.*GLIBC_TUNABLES" unshare -m --propagation private sh -c \
		"mount --bind status /proc/$pid/status && exec \"\$0\" patch $insecure -p $pid -f calling.so" "$NSB" &&
	says "scale 14" scale 7 && unharmed &&
	patch calling.so && says "scale 307" scale 7 && revert calling.so && says "scale 14" scale 7 && unharmed
'
t 'the address of a function is the one that a program without -fPIE has given it' '
	cat >main.c <<-"END" &&
		#include <stdio.h>
		#include <stdlib.h>
		__attribute__((noipa)) int same(int (*f)(const char *)) { return f == atoi; }
		__attribute__((noipa)) int ask(void) { return 5; }
		int main(void)
		{
			char line[80];
			puts("ready");
			for (fflush(stdout); fgets(line, 80, stdin); fflush(stdout))
				printf("%d %d\n", ask(), same(atoi));
		}
	END
	gcc $(mflag) -O2 -g $tells_nothing -fno-pie -no-pie -fcf-protection=none -Wl,-z,lazy,--build-id -o main main.c &&
	program=./main object=main && launch ./main && says "5 1" x && cat >ask.c <<-"END" &&
		int atoi(const char *text), same(int (*f)(const char *)), ask(void);
		int ask(void) { return same(atoi) * 10 + (atoi("42") == 42); }
	END
	patch_from ask.c && patch ask.so && says "11 1" x && revert ask.so && says "5 1" x
'

done_testing
