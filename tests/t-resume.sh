#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# VZP_RESUME: activations of functions that never return go on in the patch, when a call of theirs returns.

. "${0%/*}/lib.sh"
. "${0%/*}/sweep.sh"
for_each_abi
long_kinds='' long_levels=''
[ -z "${NSB_LONG:-}" ] || long_kinds='static-pie so' long_levels='1 3 s'

# worked N LETTER WORD ROUNDS: worker N, told LETTER, answers as it has to in round ROUNDS; the code is WORD, old or new.
worked() {
	says "$3 $2: rounds $4 sum $(((100 + $4) * ($1 + 2))) letters $4 last ${2}one heard 0 home 1" tell "$1" "$2"
}
# Workers come and go before: what that leaves mapped is no matter of the patch.
warm() {
	local n
	target loops "$@" && for n in 0 1 2 3; do says begun begin $n; done && for n in 0 1 2 3; do worked $n q old 1; done &&
		for n in 0 1 2 3; do says "ended $((1002 + n))" end $n; done &&
		says begun begin 0 && says "ended -1 cleaned 1" cancel 0 && snapshot
}
begun() {
	local n
	for n; do
		says begun begin "$n" && worked "$n" a old 1 || return 1
	done
}

# The beats: old code, one thread after the other goes on in new code, and, when these are gone, old code again.
beats() {
	patch_from loops.c "$@" && begun 0 1 && patch loops.so -v 2>told && grep -c "goes on in tend_on" told | grep -qx 2 &&
		worked 0 b new 2 && worked 0 c new 3 && worked 1 b new 2 && listed loops.so &&
		says begun begin 2 && worked 2 n new 1 && worked 0 q new 4 && says "ended 4502" end 0 &&
		fails_with 3 "is in" revert loops.so --timeout 5 --retries 2 && worked 1 d new 3 &&
		worked 1 q new 4 && says "ended 4503" end 1 && worked 2 q new 2 && says "ended 2504" end 2 &&
		revert loops.so && listed "" && begun 3 && worked 3 q old 2 && says "ended 2005" end 3 && unharmed
}

t 'threads in poll() go on in new code, one after the other' 'warm && beats'
for kind in nopie static $long_kinds; do
	t "the same in a program that is $kind" "warm $kind && beats -O1"
done
for cc in gcc clang; do
	for level in 0 2 $long_levels; do
		# In few registers clang keeps no track of variables: then the patch has those that are in memory, and computes the others.
		t "the same in a program that $cc has compiled with -O$level" "
			few=; [[ \$abi-$cc-$level != i386-clang-[123] && \$abi-$level != i386-s ]] || few=-DFEW
			CC=$cc CFLAGS_EXTRA=-O$level warm && PATCH_CC=$cc beats -O$level \$few
		"
	done
done
t 'in and out, again and again: threads go on in new code, and others begin in old code' '
	warm && patch_from loops.c && for _ in $(seq $(often 4)); do
		begun 0 1 && patch loops.so -q && worked 0 b new 2 && worked 0 q new 3 && says "ended 3502" end 0 && worked 1 b new 2 &&
		worked 1 q new 3 && says "ended 3503" end 1 && revert loops.so -q || exit 1
	done && listed "" && unharmed
'
t 'threads that have not gone on yet when the patch is reverted stay in old code' '
	warm && patch_from loops.c && begun 0 1 && patch loops.so && revert loops.so && worked 0 b old 2 &&
	worked 1 q old 2 && says "ended 2003" end 1 && worked 0 q old 3 && says "ended 3002" end 0 && listed "" && unharmed
'
t 'a thread that is elsewhere in the loop is in the way, and nobody goes on' '
	warm && patch_from loops.c && begun 0 1 && says sent send 0 r &&
	fails_with 3 "thread [0-9]* is in tend; stack: " patch loops.so --timeout 5 --retries 3 && worked 1 b old 2 && listed "" &&
	says "old x: rounds 2 sum 204 letters 2 last xone heard 1 home 1" tell 0 x && patch loops.so &&
	says "new y: rounds 3 sum 206 letters 3 last yone heard 1 home 1" tell 0 y && worked 1 z new 3 &&
	says "new q: rounds 4 sum 208 letters 4 last qone heard 1 home 1" tell 0 q && says "ended 4502" end 0 && worked 1 q new 4 && says "ended 4503" end 1 &&
	revert loops.so && unharmed
'
t 'a thread is in a call whose instruction lies under the jump: it is in the way' '
	cat >middle.c <<-"END" && cat >fix.c <<-"END" && gcc $(mflag) -O2 -g -fno-pie -no-pie -D_GNU_SOURCE -I"$tests/targets" -o middle middle.c &&
		#include <signal.h>
		#include <string.h>
		#include <sys/syscall.h>
		#include "target.h"
		static volatile int rounds;
		static void nothing(int number) { (void)number; }
		KEEP const char *word(void) { return "old"; }
		/* The number of the call that is made next. */
		KEEP long next(void)
		{
			char line[80];
			if (fgets(line, sizeof(line), stdin) == NULL)
				return SYS_exit;
			if (strcmp(line, "pause\n") == 0)
				return SYS_pause;
			puts(word());
			return SYS_getpid;
		}
		int main(void)
		{
			setlinebuf(stdout);
			signal(SIGUSR1, nothing);
			puts("ready");
			for (;;) {
				long number = next();
		#ifdef __LP64__
				__asm__ volatile("syscall" : "+a"(number) : "D"(0) : "rcx", "r11", "memory");
		#else
				__asm__ volatile("int $0x80" : "+a"(number) : "b"(0) : "memory");
		#endif
				rounds++;
			}
		}
	END
		#include <nsb/vzp.h>
		#include <sys/syscall.h>
		VZP_FILE("middle.c");
		long next(void);
		const char *word(void);
		const char *word(void) { return "new"; }
		static int go_on(long number) { while (number != SYS_exit) number = next(); return 7; }
		VZP_RESUME(main, next, go_on);
	END
	object=$PWD/middle && launch $object && says old say && patch_from fix.c && snapshot && patch fix.so --dry-run && echo pause >&$to &&
	wait_until grep -qE "^(34|29) " /proc/$pid/syscall && fails_with 3 "thread $pid is in go_on; " patch fix.so --timeout 5 --retries 3 &&
	listed "" && kill -USR1 $pid && says old say && unharmed && patch fix.so && says new say && exec {to}>&- && exec {to}<.from && { wait "$pid"; [ $? = 7 ]; }
'
# nested COMPILER...: a loop whose call may begin it anew, below it on the stack, in C or C++; and its patch.
nested() {
	cat >nested.c <<-"END" && cat >fix.c <<-"END" && "$@" $(mflag) -g -fno-pie -no-pie -D_GNU_SOURCE -o nested nested.c
		#include <stdio.h>
		#include <string.h>
		#ifdef __cplusplus
		extern "C" {
		#endif
		#ifdef __clang__
		#define KEEP __attribute__((noinline, optnone))
		#else
		#define KEEP __attribute__((noipa))
		#endif
		int loop(int level);
		int step(int level, int *seen);
		const char *word(void);
		KEEP const char *word(void) { return "old"; }
		KEEP int step(int level, int *seen)
		{
			char line[80];
			++*seen;
			if (fgets(line, sizeof(line), stdin) == NULL || strcmp(line, "out\n") == 0)
				return 0;
			if (strcmp(line, "in\n") == 0)
				return loop(level + 1);
			printf("%s %d seen %d\n", word(), level, *seen);
			return 1;
		}
		static inline __attribute__((always_inline)) int go_round(int level)
		{
			int rounds = 0, seen = 10 * level;
			for (int more = 1; more != 0; rounds++)
				more = step(level, &seen);
			return 100 * level + 10 * rounds + seen;
		}
		__attribute__((noinline)) int loop(int level)
		{
			int sum = go_round(level);
			printf("left %d sum %d\n", level, sum);
			return sum;
		}
		int main(void)
		{
			setvbuf(stdout, NULL, _IOLBF, 0);
			puts("ready");
			return loop(1) == 0;
		}
		#ifdef __cplusplus
		}
		#endif
	END
		#include <stdio.h>
		#include <nsb/vzp.h>
		VZP_FILE("nested.c");
		int loop(int level);
		int step(int level, int *seen);
		const char *word(void);
		const char *word(void) { return "new"; }
		static int go_on_from(int level, int rounds, int more, int *seen)
		{
			for (; more != 0; rounds++)
				more = step(level, seen);
			printf("done %d rounds %d seen %d\n", level, rounds, *seen);
			return 1000 * level + rounds;
		}
		int loop(int level)
		{
			int seen = 10 * level;
			return go_on_from(level, 0, 1, &seen);
		}
		static int on(int more)
		{
			VZP_LOCAL(int, level);
			VZP_LOCAL(int, rounds);
			VZP_LOCAL_AT(int, seen);
			return go_on_from(level, rounds + 1, more, seen);
		}
		VZP_RESUME(loop, step, on);
		VZP_CALLERS_CHECKED(loop)
		VZP_CALLERS_CHECKED(word)
	END
}
# Three activations are on the stack: the innermost is left in new code, then the others.
nested_beats() {
	object=$PWD/nested && launch "$object" && says 'old 1 seen 11' say && echo in >&"$to" && says 'old 2 seen 21' say && echo in >&"$to" &&
		says 'old 3 seen 31' say && patch_from fix.c && snapshot && patch fix.so --dry-run && says 'old 3 seen 32' say &&
		patch fix.so && says 'new 3 seen 33' say && says 'new 3 seen 34' say && says 'done 3 rounds 5 seen 35' out && says 'new 2 seen 23' say &&
		says 'done 2 rounds 4 seen 24' out && says 'new 1 seen 13' say && echo in >&"$to" && says 'new 2 seen 21' say &&
		says 'done 2 rounds 2 seen 22' out && says 'done 1 rounds 5 seen 15' out
}
for cc in gcc clang g++; do
	t "several activations on one stack go on one after the other, of a loop that was inlined: $cc" "
		command -v $cc >/dev/null || skip 'there is no $cc'
		for level in 0 $([ $cc = clang ] || echo 2); do
			nested $cc -O\$level && nested_beats || exit 1
		done
	"
done
t 'a dry run tells of each thread, and changes nothing' '
	warm && patch_from loops.c && begun 0 1 && patch loops.so --dry-run 2>told &&
	grep -c "thread [0-9]* would go on in tend_on when its call returns" told | grep -qx 2 && worked 0 b old 2 && worked 1 c old 2 && worked 0 q old 3 && worked 1 q old 3 && says "ended 3002" end 0 &&
	says "ended 3003" end 1 && listed "" && unharmed
'
t 'a thread that went on can be cancelled, and what its callers clean up is cleaned up' '
	warm && patch_from loops.c && begun 0 1 && patch loops.so && worked 0 b new 2 && says "ended -1 cleaned 1" cancel 0 &&
	says "ended -1 cleaned 1" cancel 1 && revert loops.so && unharmed
'
# The entries of the stub, where nobody has found out yet where the caller's registers are: each of their instructions.
for level in 0 1 2; do
	t "a handler of signals sees the callers from each instruction of the way, and can unwind them: -O$level" "
		for cc in gcc clang; do
			few=; [[ \$abi-\$cc-$level != i386-clang-[12] ]] || few=-DFEW
			CC=\$cc CFLAGS_EXTRA='-O$level -fexceptions' warm && patch_from loops.c \$few && begun 0 1 2 3 4 5 6 7 && patch loops.so &&
			says 'steps 120 lost 0' walk 0 && worked 0 q new 2 && says 'ended 2502' end 0 && n=1 &&
			for k in 1 2 3 4 8 20 60; do
				says \"steps \$k lost 0\" walk \$n \$k && says 'ended -1 cleaned 1' cancel \$n && n=\$((n + 1)) || exit 1
			done && revert loops.so && listed '' && begun 3 && worked 3 q old 2 && says 'ended 2005' end 3 || exit 1
		done
	"
done
t 'main() goes on in new code, and what it returns is what the process ends with' '
	for kind in pie nopie static; do
		for level in 0 2; do
			CFLAGS_EXTRA=-O$level target loops $kind && patch_from loops-main.c && says begun begin 0 && patch loops-main.so &&
			says "main begun" begin 1 && says "main nobody" end 7 && exec {to}>&- && exec {to}<.from && { wait "$pid"; [ $? = 7 ]; } ||
			exit 1
		done
	done
'
t 'the list, JSON and info tell of it' '
	warm && patch_from loops.c && nsb info -f loops.so >told && grep -q "resume: tend_on goes on where tend has called poll" told &&
	begun 0 && patch loops.so && nsb list -p "$pid" >told && grep -q "tend tend_on\|tend, tend_on" told && worked 0 q new 2 &&
	says "ended 2502" end 0 && revert loops.so && unharmed
'

t 'no note says of a loop that goes on, or may stay active, that it is in the way' '
	cat >prog.c <<-"END" && gcc $(mflag) -O2 -g -fno-inline -Wl,--build-id=sha1 -o prog prog.c && object=prog &&
		#include <poll.h>
		int turns;
		void serve(struct pollfd *p);
		__attribute__((noipa)) void serve(struct pollfd *p) { for (;;) turns += poll(p, 1, -1); }
		int main(void) { struct pollfd p = { 0 }; serve(&p); }
	END
	for way in "" "VZP_ALLOW_ACTIVE(serve)" "static void on(int n) { VZP_LOCAL(struct pollfd *, p); for (;; n = poll(p, 1, -1)) turns += n; } VZP_RESUME(serve, poll, on)"; do
		{ grep -v main prog.c | sed "1i#include <nsb/vzp.h>
			s/^int turns/extern &/; s/turns +=/turns += 2 */" && echo "$way"; } >one.c && patch_object one.c && generate 2>said &&
			case $way in "") grep "note: .serve. never returns" said ;; *) ! grep "never returns" said ;; esac || { cat said; exit 1; }
	done
'

# ---- what is refused ----

# resume SAYS CODE [FLAG]: a patch of loops.c with this code behind its new functions; nsb-gen refuses it with one line that SAYS matches.
resume() {
	{ sed "/^static long tend_on/,\$d" "$tests/patches/loops.c" && echo "$2 VZP_CALLERS_CHECKED(tend);"; } >one.c
	patch_object one.c -Wno-unused ${3:+"$3"} && fails_with 1 "$1" generate
}
go='return serve(w, 0, 0, 0, 0, 0, 0, 0);'
t 'what cannot go on is refused by its name' '
	build loops &&
	resume "on. has to return what .tend. returns" "static short on(int n) { struct worker *w = 0; $go } VZP_RESUME(tend, poll, on);" &&
	resume "on. takes one argument, of the type that poll.. returns" "static long on(short n) { struct worker *w = 0; $go } VZP_RESUME(tend, poll, on);" &&
	resume "on. takes one argument" "static long on(int n, int m) { struct worker *w = 0; $go } VZP_RESUME(tend, poll, on);" &&
	resume ".tend. calls getpid.. nowhere" "static long on(void) { struct worker *w = 0; $go } VZP_RESUME(tend, getpid, on);" &&
	resume "does not replace .work." "static void *on(void) { struct worker *w = 0; return (void *)serve(w, 0, 0, 0, 0, 0, 0, 0); } VZP_RESUME(work, poll, on);" &&
	resume "on. has to be static" "long on(int n) { struct worker *w = 0; $go } VZP_RESUME(tend, poll, on);" &&
	resume "VZP_ALLOW_ACTIVE.tend. says that old activations go on as they were" "static long on(int n) { struct worker *w = 0; $go } VZP_RESUME(tend, poll, on); VZP_ALLOW_ACTIVE(tend);"
'
t 'a variable that is not there is refused by its name' '
	build loops &&
	resume "one.c:[0-9]*: .nothing. of .tend. is no variable there where poll.. returns to" "static long on(int n) { VZP_LOCAL(struct worker *, nothing); struct worker *w = nothing; $go } VZP_RESUME(tend, poll, on);" &&
	resume ".rounds. has another type in .tend." "static long on(int n) { VZP_LOCAL(short, rounds); struct worker *w = (void *)(long)rounds; $go } VZP_RESUME(tend, poll, on);" &&
	resume ".greeted. of .tend. is optimised away where poll.. returns to, line [0-9]+ of loops.c: it is known at the call of comes_home in line" "static long on(int n) { VZP_LOCAL(int, greeted); struct worker *w = (void *)(long)greeted; $go } VZP_RESUME(tend, poll, on);" &&
	resume ".rounds. of .tend. is in no memory" "static long on(int n) { VZP_LOCAL_AT(int, rounds); struct worker *w = (void *)rounds; $go } VZP_RESUME(tend, poll, on);" &&
	resume "VZP_LOCAL of .rounds. has to stand in a function that a VZP_RESUME" "static long no(void) { VZP_LOCAL(int, rounds); struct worker *w = (void *)(long)rounds; $go } static long on(int n) { return no() + n; } VZP_RESUME(tend, poll, on);"
'
t 'a variable that counts from a stack pointer that arguments have moved is refused' '
	CC=clang CFLAGS_EXTRA="-O2 -mstackrealign" build loops && patch_object loops.c -DFEW && if [ $abi = i386 ]; then
		! generate 2>said && grep ".fds. of .tend. counts from a stack pointer that arguments have moved where poll() returns to" said
	else
		generate
	fi
'
t 'a loop that cleans up behind itself, or to which setjmp() returns, is refused' '
	mkdir own jump && sed "s/^KEEP long tend.*/KEEP void tidy(int *p) { *p = 3; }\n&/; s/int rounds = 0;/__attribute__((cleanup(tidy))) int rounds = 0;/" "$tests/targets/loops.c" >own/loops.c &&
	sed "s/.*enter(worker, __b.*/&\n\tif (setjmp(where) != 0)\n\t\treturn 0;/; s/^static struct worker w.*/#include <setjmp.h>\n&\nstatic jmp_buf where;/" "$tests/targets/loops.c" >jump/loops.c &&
	patch_object loops.c && for name in own jump; do
		gcc "$(mflag)" -O2 -g -fexceptions -D_GNU_SOURCE -pthread -I"$tests/targets" -o $name.out $name/loops.c "$tests/targets/main.c" && cp loops.so now.so &&
		"$NSB_GEN" generate $name.out now.so 2>said && exit 1
		case $name in own) grep -q "may catch exceptions, or clean up" said ;; jump) grep -q "calls _setjmp.., which may return to it once more" said ;; esac ||
			{ cat said; exit 1; }
	done
'
t 'a further patch does not pass by threads that went on in an older one' '
	warm && patch_from loops.c && begun 0 1 && patch loops.so && patch_from loops.c -o second.so -O1 && worked 0 b new 2 &&
	fails_with 3 "is in tend_on" patch second.so --timeout 5 --retries 2 && sed "/^static long tend_on/,\$d" "$tests/patches/loops.c" >third.c &&
	echo "VZP_CALLERS_CHECKED(tend);" >>third.c && patch_from third.c && fails_with 3 "thread [0-9]* is in tend" patch third.so --timeout 5 --retries 2 &&
	worked 0 q new 3 && says "ended 3502" end 0 && patch second.so && worked 1 b new 2 && worked 1 q new 3 &&
	says "ended 3503" end 1 && begun() { says begun begin 2; } && begun && worked 2 q new 1 && says "ended 1504" end 2 && listed "loops.so second.so" &&
	revert second.so && revert loops.so && listed "" && unharmed
'
t 'nor does one without a VZP_RESUME, when all threads went on' '
	warm && patch_from loops.c && begun 0 1 && patch loops.so && worked 0 b new 2 && worked 1 b new 2 &&
	sed "/^static long tend_on/,\$d" "$tests/patches/loops.c" >third.c && echo "VZP_CALLERS_CHECKED(tend);" >>third.c && patch_from third.c &&
	fails_with 3 "thread [0-9]* is in tend_on" patch third.so --timeout 5 --retries 2 && listed loops.so &&
	worked 0 q new 3 && says "ended 3502" end 0 && worked 1 q new 3 && says "ended 3503" end 1 && patch third.so &&
	says begun begin 2 && worked 2 q new 1 && says "ended 1504" end 2 && revert third.so && revert loops.so && listed "" && begun 3 &&
	worked 3 q old 2 && says "ended 2005" end 3 && unharmed
'

# ---- something happens to nsb meanwhile ----

# answers N LETTER ROUNDS: worker N is in order, in old code or in new.
answers() {
	local line
	line=$(ask tell "$1" "$2")
	[[ $line =~ ^(old|new)" $2: rounds $3 sum $(((100 + $3) * ($1 + 2))) letters $3 last ${2}one heard 0 home 1"$ ]] ||
		{ echo "worker $1 says '$line'"; return 1; }
}

# meanwhile ACTION COMMAND N: two workers wait while nsb does COMMAND, and something happens at its N-th ptrace call.  Sets $reached, $calls.
meanwhile() {
	local status rest n end
	begun 0 1 && { [ "$2" = patch ] || patch loops.so -q; } || return 1
	timeout -s KILL "$patience" "$nth" .nth "$1" ptrace "$3" "$NSB" "$2" -q -p "$pid" -f loops.so 2>.said
	status=$?
	read -r reached calls rest <.nth || return 1
	[[ $1 = *:9 ]] || [ "$status" = 0 ] || is_undone "$status" || { echo "status $status"; cat .said; return 1; }
	is_alive && untraced && answers 0 b 2 && answers 1 b 2 && answers 0 c 3 && answers 0 q 4 && answers 1 q 3 || return 1
	for n in 0 1; do
		end=$(ask end $n)
		[[ $end =~ ^"ended "$((4 - n))(0|5)0$((n + 2))$ ]] || { echo "worker $n: $end"; return 1; }
	done
	[ "$reached" = 0 ] || echo "$abi $([[ $1 = *:9 ]] && echo killed || echo fail) 0" >>"$sum"
	one_of '0 2' revert loops.so -q 2>>.errors && same_as_before
}

# sweep_loops ACTION COMMAND COUNT: at about COUNT of the calls, or "all".
sweep_loops() {
	local - n whole reached=1 calls
	set +x
	nth=$(helper nth) && state=$(helper state) && warm && patch_from loops.c && meanwhile "$1" "$2" 0 || return 1
	whole=$calls reached=1
	for ((n = 1; reached; n += $(stride "$3" "$n"))); do
		meanwhile "$1" "$2" "$n" || { echo "$2, $1 $n of $calls"; return 1; }
	done
}
for command in patch revert; do
	t "nsb is killed at ptrace calls of a $command while workers wait" "
		sweep_loops before:9 $command $(some 4) && sweep_loops after:9 $command $(some 1)
	"
	t "a ptrace call of a $command fails while workers wait" "sweep_loops fail $command $(some 4)"
done
t 'patches come and go while workers are at work: no letter is lost' "
	warm && patch_from loops.c || exit 1
	for ((i = 0; i < $(often 12); i++)); do
		begun 0 1 && patch loops.so -q && worked 0 b new 2 && worked 0 q new 3 && says 'ended 3502' end 0 &&
		{ ((i % 2)) || worked 1 b new 2; } && ask tell 1 q | grep -q '^new' && says \"ended \$((3503 - i % 2 * 1000))\" end 1 &&
		revert loops.so -q || exit 1
	done
	unharmed
"

tell_sum
done_testing
