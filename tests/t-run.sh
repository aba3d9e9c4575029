#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nsb run: a program that is patched before it begins.

. "${0%/*}/lib.sh"
for_each_abi

# run_launch [OPTIONS...]: start $program by nsb run with greet.so.
run_launch() {
	launch "$NSB" run $insecure -f greet.so "$@" -- "$program"
}

# A target that does not run yet, and a patch for it.
prepare() {
	build server "${1:-pie}" && patch_from greet.c
}

for kind in pie nopie static static-pie so; do
	t "patched from the start, with the process id of nsb, and as if nsb had never been: $kind" '
		prepare '$kind' && run_launch && says goodbye greet && listed greet.so && [ "$(cat /proc/$pid/comm)" = server ] &&
		grep -x "TracerPid:.0" /proc/$pid/status && [ -z "$(cat /proc/$pid/task/$pid/children)" ] && snapshot &&
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
	gcc $(mflag) -O2 -g -fno-inline -o p p.c && object=$PWD/p && printf "int greet(void) { return 40; }" >greet.c && patch_from ./greet.c &&
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
	fails_with 64 "no patch given" nsb run -- /bin/true && fails_with 7 "cannot open" nsb run -f nothing.so -- /bin/true &&
	fails_with 64 "realtime" nsb run --realtime -f greet.so -- /bin/true
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

t 'nsb has no child, and the program none that it has not made' '
	prepare && run_launch && ! pgrep -P $pid && [ "$(cat /proc/$pid/task/$pid/children)" = "" ]
'

done_testing
