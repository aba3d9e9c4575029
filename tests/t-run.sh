#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nsb run: a program that is patched before it begins.

. "${0%/*}/lib.sh"
for_each_abi

# The 32-bit nsb patches 32-bit programs only, and the system's own are not.
runs_system_programs() {
	[ "$(readelf -h "$NSB" | grep Class)" = "$(readelf -h /bin/sh | grep Class)" ] || skip 'this nsb cannot patch /bin/sh'
}

# run_launch [OPTIONS...]: start $program by nsb run with greet.so.
run_launch() {
	launch "$NSB" run $insecure -f greet.so "$@" -- "$program"
}

# A target that does not run yet, and a patch for it.
prepare() {
	build server "${1:-pie}" && needs_kernel_for "$program" && patch_from greet.c
}

for kind in pie nopie static static-pie so; do
	t "patched from the start, with the process id of nsb, and as if nsb had never been: $kind" '
		prepare '$kind' && run_launch && says goodbye greet && listed greet.so && [ "$(cat /proc/$pid/comm)" = server ] &&
		wait_until grep -x "TracerPid:.0" /proc/$pid/status && [ -z "$(cat /proc/$pid/task/$pid/children)" ] && snapshot &&
		revert greet.so && says hello greet && snapshot && patch greet.so && says goodbye greet && revert greet.so &&
		says hello greet && unharmed
	'
done
t 'descriptors are as nsb got them' '
	prepare && nsb run --best-effort -f greet.so -- /bin/ls /proc/self/fd >run 2>/dev/null && timeout -s KILL 60 /bin/ls /proc/self/fd 2>/dev/null | diff run -
'
t 'signals are as nsb got them' '
	prepare && run_launch && for line in SigIgn SigCgt SigBlk; do
		grep $line /proc/$pid/status
	done >have && launch $program && for line in SigIgn SigCgt SigBlk; do grep $line /proc/$pid/status; done | diff - have
'
t 'arguments, exit status, standard input and output are those of the program' '
	prepare && printf "#include <unistd.h>\n#include <string.h>\n__attribute__((noipa)) int greet(void) { return 7; }\nint main(int n, char **a) { return write(1, a[2], strlen(a[2])) - n + greet(); }" >p.c &&
	gcc $(mflag) -O2 -g $tells_nothing -fno-inline -o p p.c && object=$PWD/p && printf "int greet(void) { return 40; }" >greet.c && patch_from ./greet.c &&
	{ ./p 1 abcdef >said; [ $? = 10 ]; } && { nsb run -f greet.so -- ./p 1 abcdef >said 2>errors; [ $? = 43 ]; } &&
	[ "$(cat said)" = abcdef ] && ! [ -s errors ]
'
t 'a library that is loaded later: refused before the program begins' '
	prepare dlopen && fails_with 8 "server.: has not loaded libserver.so with build-id .* dlopen" nsb run -f greet.so -- $program >said && ! [ -s said ]
'
t '--best-effort: it begins without the patch' '
	prepare && nsb run --best-effort -f greet.so -- /bin/echo begins >said 2>errors && [ "$(cat said)" = begins ] &&
	grep "goes on without the patch" errors
'
t 'what cannot be run at all' '
	prepare && fails_with 127 "nothing: cannot be run: No such file" nsb run -f greet.so -- ./nothing && : >plain &&
	fails_with 126 "plain: cannot be run" nsb run -f greet.so -- ./plain && fails_with 64 "no program given" nsb run -f greet.so &&
	fails_with 64 "no patch given" nsb run -- /bin/true && fails_with 7 "cannot open" nsb run -f nothing.so -- /bin/true
'
t 'a program that ends before it begins' '
	prepare so && mkdir alone && cp $program alone && { nsb run -f greet.so -- alone/server 2>errors; [ $? = 127 ]; } &&
	grep libserver.so errors && ! grep nsb: errors
'
# early CODE: server2 is the server with a library whose constructor is CODE.
early() {
	printf "%s\n" "#include <pthread.h>" "#include <signal.h>" "#include <stdlib.h>" "#include <sys/wait.h>" "#include <unistd.h>" \
		"static void *stay(void *x) { for (;;) pause(); return x; }" \
		"__attribute__((constructor)) static void early(void) { pthread_t t = 0; char c = 0; $1 (void)t; (void)c; (void)stay; }" >early.c &&
	gcc $(mflag) -shared -fPIC -w -o libearly.so early.c -pthread &&
	gcc $(mflag) -o server2 "$root/tests/targets/main.c" -Wl,--no-as-needed -L. -learly -L"$(dirname "$object")" -lserver \
		"-Wl,-rpath,$PWD:$(dirname "$object")" && program=$PWD/server2
}

t 'a library whose constructor calls exec, forks, starts a thread and raises a signal' '
	prepare so && early "if (!getenv(\"AGAIN\")) { setenv(\"AGAIN\", \"1\", 1); execl(\"server2\", \"server2\", (char *)0); }
		if (fork() == 0) _exit(0); wait(0); pthread_create(&t, 0, stay, 0); raise(SIGURG);" &&
	run_launch && says goodbye greet && listed greet.so && revert greet.so && says hello greet
'
t 'the patcher is killed while the program is on its way: it is not left behind half begun' '
	prepare so && early "write(5, \"here\\n\", 5); read(6, &c, 1);" && mkfifo here go && exec 5<>here 6<>go &&
	{ "$NSB" run $insecure -f greet.so -- $program & } && started=$! && ends_with_test $started &&
	read -r -t 20 line <&5 && [ "$line" = here ] && patcher=$(sed -n "s/^TracerPid:.//p" /proc/$started/status) && [ "$patcher" -gt 0 ] &&
	kill -KILL $patcher && { wait $started; [ $? = 137 ]; }
'

# with_main LINES...: p, a program that says what greet() returns, 1 or 2, with these lines in main(); and greet.so.
with_main() {
	printf "%s\n" "#define _GNU_SOURCE" "#include <stdio.h>" "#include <stdlib.h>" "#include <unistd.h>" "#include <sys/wait.h>" \
		"__attribute__((noipa)) int greet(void) { static volatile int one = 1; return one; }" \
		"int main(int n, char **a) { (void)n; (void)a; $*" "printf(\"it is %d\\n\", greet()); fflush(stdout); return greet(); }" >p.c &&
	gcc $(mflag) -O2 -g $tells_nothing -w -Wl,--build-id=sha1 -o p p.c && object=$PWD/p && echo "int greet(void) { return 2; }" >greet.c && patch_from ./greet.c
}

# run_says STATUS TEXT COMMAND...: nsb run with these words ends so, says TEXT and nothing else.
run_says() {
	local want=$1 text=$2 status
	shift 2
	needs_kernel_for p
	nsb run "$@" >said 2>errors
	status=$?
	cat said errors
	[ "$status" = "$want" ] && [ "$(cat said)" = "$text" ] && ! [ -s errors ]
}

t 'it executes itself anew at once' '
	with_main "if (!getenv(\"AGAIN\")) { setenv(\"AGAIN\", \"1\", 1); execv(\"/proc/self/exe\", a); }" && run_says 2 "it is 2" -f greet.so -- ./p
'
t 'it executes itself ten times' '
	with_main "char t[9]; int k = atoi(getenv(\"K\")); if (k < 10) { sprintf(t, \"%d\", k + 1); setenv(\"K\", t, 1); execv(\"/proc/self/exe\", a); }" &&
	K=0 run_says 2 "it is 2" -f greet.so -- ./p
'
t 'it executes something else' '
	with_main "execlp(\"/bin/sh\", \"sh\", \"-c\", \"echo other; exit 7\", NULL);" && run_says 7 other -f greet.so -- ./p
'
t 'it is not executed at once, but by a shell: refused; with --follow patched' '
	runs_system_programs && with_main && { nsb run -f greet.so -- /bin/sh -c "./p" 2>errors; [ $? = 8 ]; } && grep "has not loaded p with" errors &&
	run_says 2 "it is 2" --follow -f greet.so -- /bin/sh -c "./p; exit \$?" && run_says 2 "it is 2" --follow -f greet.so -- /bin/sh -c "exec ./p"
'
t '--follow: whatever descendant executes it, and what those execute' '
	runs_system_programs && with_main "if (a[1]) { if (fork() == 0) execl(\"/proc/self/exe\", \"p\", NULL); wait(0); }" &&
	run_says 2 "it is 2${IFS:2:1}it is 2" --follow -f greet.so -- /bin/sh -c "/bin/sh -c \"./p again; exit \\\$?\"; exit \$?"
'
t '--follow: what was patched goes on being followed' '
	with_main "if (fork() == 0) { sleep(1); execl(\"/proc/self/exe\", \"p\", NULL); }" && sed -i "s/sleep(1);/usleep(300000); if (getenv(\"AGAIN\")) _exit(0); setenv(\"AGAIN\", \"1\", 1);/" p.c &&
	gcc $(mflag) -O2 -g $tells_nothing -w -Wl,--build-id=sha1 -o p p.c && patch_from ./greet.c && needs_kernel_for p && { nsb run --follow -f greet.so -- ./p >said; [ $? = 2 ]; } && wait_until eval "[ \$(wc -l <said) = 2 ]" && [ "$(sort -u said)" = "it is 2" ]
'
t '--follow: a program that has nothing of it' '
	runs_system_programs && with_main && run_says 5 fine --follow -f greet.so -- /bin/sh -c "(echo fine); exit 5"
'
t '--follow: stopped and continued, signals come through' '
	prepare && run_launch --follow && says goodbye greet && tracer=$(sed -n "s/^TracerPid:.//p" /proc/$pid/status) && [ "$tracer" -gt 0 ] && kill -STOP $pid && wait_until eval "[[ \$(thread_states) =~ ^[tT]+\$ ]]" &&
	kill -CONT $pid && says goodbye greet && kill -TERM $pid && { wait $pid; [ $? = 143 ]; } && wait_until eval "! [ -e /proc/$tracer ]"
'
t '--follow: the patcher is killed: what has begun goes on' '
	prepare && run_launch --follow && says goodbye greet && tracer=$(sed -n "s/^TracerPid:.//p" /proc/$pid/status) && kill -KILL $tracer &&
	wait_until grep -x "TracerPid:.0" /proc/$pid/status && says goodbye greet && revert greet.so && says hello greet
'
t 'several patches, of a program and of its library' '
	runs_system_programs && printf "int lib(void); int lib(void) { static volatile int one = 1; return one; }\n" >lib.c && gcc $(mflag) -O2 -g -fPIC -shared -Wl,--build-id=sha1 -Wl,-soname,liblib.so -o liblib.so lib.c &&
	with_main && sed -i "s/^int main/int lib(void); &/; s/return greet(); }/return 10 * lib() + greet(); }/" p.c && gcc $(mflag) -O2 -g $tells_nothing -w -Wl,--build-id=sha1 -o p p.c -L. -llib "-Wl,-rpath,$PWD" && patch_from ./greet.c &&
	object=$PWD/liblib.so && echo "int lib(void) { return 3; }" >lib2.c && patch_from ./lib2.c && run_says 32 "it is 2" -f greet.so -f lib2.so -- ./p && run_says 32 "it is 2" -f lib2.so -f greet.so -- ./p &&
	object=$PWD/p && patch_from ./greet.c -o third.so -DTHIRD && cp p other && echo x >>p.c && { nsb run -f greet.so -f lib2.so -- /bin/true 2>errors; [ $? = 8 ]; } &&
	fails_with 64 "one patch at a time.*lib2.so" nsb patch -p 1 -f greet.so -f lib2.so
'
t 'POSIXLY_CORRECT in the environment: no difference, and the program has it' '
	prepare && export POSIXLY_CORRECT=1 ZZZ=1 && run_launch --best-effort && says goodbye greet && tr "\\0" "\\n" </proc/$pid/environ | grep -v ^_= >has && launch $program &&
	tr "\\0" "\\n" </proc/$pid/environ | grep -v ^_= | diff - has && nsb info -f greet.so >said && "$NSB_GEN" generate --mode manual $program greet.so
'
# main() ends where _start begins: its address lies on the stack, as AT_ENTRY.
t 'main is patched, and ends where _start begins' '
	for pad in $(seq 0 31); do
		with_main "__asm__ volatile(\".fill $pad, 1, 0x90\");" && read -r main size _ < <(nm -S p | grep " main\$") && read -r begin _ < <(nm p | grep " _start\$") &&
		[ $((16#$main + 16#$size)) = $((16#$begin)) ] && break
	done && [ $((16#$main + 16#$size)) = $((16#$begin)) ] || skip "it never does"
	echo "#include <stdio.h>
	int main(int n, char **a) { puts(\"new\"); return n; }" >m.c && patch_from ./m.c && run_says 1 new -f m.so -- ./p
'
# held ...: the FIFO of that descriptor has no holder when the program has ended.
for fd in 0 1 2 5; do
	t "descriptor $fd: nobody holds it when the program has ended" "
		with_main && cat >nobody.py <<-'END' &&
			import errno, os, subprocess, sys
			fd, wanted = int(sys.argv[1]), sys.argv[2:]
			for _ in range(40):
			    r, w = os.pipe()
			    child = os.fork()
			    if child == 0:
			        os.close(r)
			        if fd != w:
			            os.dup2(w, fd)
			            os.close(w)
			        if fd != 2:
			            os.dup2(os.open('errors', os.O_WRONLY | os.O_CREAT), 2)
			        os.execvp(wanted[0], wanted)
			    os.close(w)
			    status = os.waitpid(child, 0)[1]
			    os.set_blocking(r, False)
			    try:
			        while os.read(r, 4096):
			            pass
			    except OSError as e:
			        sys.exit('held' if e.errno == errno.EAGAIN else str(e))
			    os.close(r)
			    if status != 2 << 8:
			        sys.exit('status %d' % status)
		END
		needs_kernel_for p && timeout -s KILL \$patience python3 nobody.py $fd \$NSB run $insecure -f greet.so -- ./p >said && ! [ -s errors ]
	"
done
t 'nsb has no child, and the program none that it has not made' '
	prepare && run_launch && ! pgrep -P $pid && [ "$(cat /proc/$pid/task/$pid/children)" = "" ]
'

done_testing
