#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nsb watch: what is started is patched before its first instruction, and nobody is held for long, whatever becomes of nsb.

. "${0%/*}/lib.sh"
. "${0%/*}/many.sh"
[ "$(id -u)" = 0 ] || skip_all 'only root may hold others'
for_each_abi

# Files that only these tests execute are marked: their targets have a build of their own.
t_own() {
	t "$1" "own_build_id ${3:-} && $2"
}

# own_build_id [KIND]
own_build_id() {
	local hash
	hash=$(echo "$file $root $NSB $abi $count" | md5sum | cut -c 1-32)
	# Of a program the symbol would not be in what the build-id is made of, and a library and its program must not have the same.
	CFLAGS_EXTRA="-Wl,--build-id=0x$hash"
	[[ ${1:-} != so && ${1:-} != dlopen ]] || CFLAGS_EXTRA="-Wl,--defsym=own_$hash=0"
}

# watches OPTIONS...: nsb watch runs, and has marked all; sets $watch, and $watcher, which answers the kernel.
watches() {
	: >told
	# shellcheck disable=SC2086 # it may be empty
	starts "$NSB" watch $insecure "$@" >told 2>&1
	watch=$started
	wait_until grep -q '^watching for' told && watcher=$(pgrep -o -P "$watch")
	cat told
	! grep -q 'fanotify is not to be had\|holds nobody' told || skip 'fanotify is not to be had here'
	[ -n "$watcher" ]
}

# ends_watch: by SIGTERM, with status 0.
ends_watch() {
	kill -TERM "$watch" && wait "$watch"
}

# blocking PROGRAM: in a subshell, execute it with the signals blocked that nsb could make a trap with (src/process/trap.c).
blocking() {
	exec python3 -c 'import os, signal as s, sys; s.pthread_sigmask(s.SIG_BLOCK, [s.SIGURG, s.SIGWINCH, s.SIGCHLD]); os.execv(sys.argv[1], sys.argv[1:])' "$1"
}

# begun WORDS...: what a new process answers that is asked at once; COMMAND... starts it.
begun() {
	printf '%s\n' greet | "$@" | sed -n 2p
}

for kind in pie static so; do
	t_own "a program is patched whenever it is started, until watch ends: $kind" '
		target server '$kind' && first=$pid && patch_from greet.c && snapshot && says hello greet && [ "$(begun $program)" = hello ] && watches -f greet.so &&
		wait_until grep "^$first (server): greet.so applied" told && says goodbye greet && for ((i = 0; i < 5; i++)); do [ "$(begun $program)" = goodbye ] || exit 1; done &&
		[ "$(begun sh -c "exec $program")" = goodbye ] && [ "$(begun setpriv --no-new-privs setsid -w $program)" = goodbye ] && [ "$(begun unshare -m $program)" = goodbye ] &&
		launch $program && says goodbye greet && listed greet.so && ! grep -q "^TracerPid:.[1-9]" /proc/$pid/status &&
		cat told && grep -c "greet.so applied at its start" told | grep -x 9 && ends_watch && [ "$(begun $program)" = hello ] && nsb revert --all -q -f greet.so && says hello greet
	' $kind
done
# The one that has traced a program until it began must be gone before that program executes the next one.  A program of
# which nothing is known yet is traced, so there is a new one each time.
t_own 'on a busy machine: a program that is executed by one that has just begun' '
	target server so && patch_from greet.c && needs_kernel_for $program && { for ((i = 0; i < 16; i++)); do starts sh -c "while :; do :; done"; done; } && watches -f greet.so &&
	wait_until says goodbye greet && for ((i = 0; i < 15; i++)); do
		cp "$(command -v setsid)" new$i && [ "$(begun setpriv --no-new-privs ./new$i -w $program)" = goodbye ] || exit 1
	done &&
	ends_watch && revert greet.so && says hello greet
' so
t_own 'a script, whose interpreter is patched; and a program that is executed by a thread' '
	build server && patch_from greet.c && cp $program here && printf "#!$PWD/here\n" >script && chmod 755 script && needs_kernel_for ./here && launch ./here && says hello greet &&
	watches -f greet.so && wait_until says goodbye greet && printf "import os, sys, threading\nt = threading.Thread(target=os.execv, args=(sys.argv[1], sys.argv[1:]))\nt.start()\nt.join()\n" >thread.py &&
	[ "$(begun python3 thread.py ./here)" = goodbye ] && launch ./script && wait_until says goodbye greet && revert greet.so && wait_until says goodbye greet && ends_watch &&
	revert greet.so && says hello greet
'
t_own 'what has never run before: by any name, on a file system that is mounted later, in an overlay, in another mount namespace' '
	build server && patch_from greet.c && needs_kernel_for $program && [ "$(begun $program)" = hello ] && watches -f greet.so && mkdir there memory &&
	cp $program there/unheard-of && [ "$(begun there/unheard-of)" = goodbye ] && mv there/unheard-of there/renamed && [ "$(begun there/renamed)" = goodbye ] &&
	printf "#!$PWD/there/renamed\n" >script && chmod 755 script && [ "$(begun ./script)" = goodbye ] &&
	echo "mount -t tmpfs none memory && cp \$1 memory/own && exec memory/own" >inside &&
	echo "mount -t tmpfs none memory && mkdir memory/{lower,upper,work,merged} && cp \$1 memory/lower/own && cd memory &&
	mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none merged && exec merged/own" >private && for ((i = 0; i < 3; i++)); do
		[ "$(begun unshare -m bash inside $program)" = goodbye ] && [ "$(begun unshare -m bash private $program)" = goodbye ] || exit 1
	done && cat told && [ "$(grep -c "greet.so applied at its start" told)" = 9 ] && ends_watch && [ "$(begun there/renamed)" = hello ]
'
t_own 'a program that has never run, with the library of a patch, named by it or by another library: at its start' '
	build server so && patch_from greet.c && needs_kernel_for $program && watches -f greet.so && mkdir new && cp $program $object new && [ "$(begun new/server)" = goodbye ] &&
	echo "const char *greet(void); const char *between(void); const char *between(void) { return greet(); }" >between.c &&
	gcc $(mflag) -shared -fPIC -o new/libbetween.so between.c -Lnew -lserver "-Wl,-rpath,\$ORIGIN" &&
	printf "#include <stdio.h>\nconst char *between(void); int main(void) { puts(\"\"); puts(between()); }" >user.c && gcc $(mflag) -o new/user user.c -Lnew -lbetween "-Wl,-rpath,\$ORIGIN,-rpath-link,new" &&
	[ "$(begun new/user)" = goodbye ] && [ "$(begun new/user)" = goodbye ] && cat told && [ "$(grep -c "greet.so applied at its start" told)" = 3 ] && ends_watch && [ "$(begun new/user)" = hello ]
' so
t_own 'two thousand programs beside it: all begin, and those with a patch have it' '
	build server && patch_from greet.c && needs_kernel_for $program && storm=$(helper storm) && nothing=$(helper nothing -static) && watches -f greet.so &&
	starts $storm ${NSB_LONG:+1}2000 $nothing && storm=$started && for ((i = 0; i < 20; i++)); do [ "$(begun $program)" = goodbye ] || exit 1; done && wait $storm &&
	cat told && [ "$(grep -c "applied at its start" told)" = 20 ] && ends_watch
'
t 'the sshd of the system, with a library that is patched: each new connection has the patch' '
	[ $abi = amd64 ] || skip "sshd is a program for amd64"
	{ [ -x /usr/sbin/sshd ] && command -v ssh-keygen && getent passwd sshd; } || skip "there is no sshd here, or no user for it"
	own_build_id so && build server so && patch_from greet.c && ssh-keygen -q -t ed25519 -N "" -f key && port=$((20000 + $$ % 20000)) && printf "%s\n" "mount -t tmpfs none /run && mkdir -m 755 /run/sshd &&" \
		"exec env LD_PRELOAD=$object /usr/sbin/sshd -D -e -p $port -h $PWD/key -o ListenAddress=127.0.0.1 -o UsePAM=no -o PidFile=none -f /dev/null" >serve &&
	starts unshare -m sh serve 2>served && sshd=$started && wait_until grep -q "Server listening" served && watches -f greet.so && wait_until grep "^$sshd (sshd): greet.so applied" told &&
	for ((i = 0; i < 5; i++)); do
		exec 9<>/dev/tcp/127.0.0.1/$port && read -r -t 20 -u 9 banner && [[ $banner = SSH-2.0-* ]] && child=$(pgrep -n -P $sshd) && nsb list -p $child >said && cat said &&
		grep "greet.so -> libserver.so .*applied.*: greet" said && grep "^$child (sshd.*): greet.so applied at its start" told && exec 9>&- || exit 1
	done && ends_watch
'
t_own 'a library that is opened later is patched within moments' '
	target server dlopen && patch_from greet.c && says hello greet && watches -f greet.so && wait_until says goodbye greet && cp $program $object . && mv $(basename $object) other.so && cp other.so $(basename $object) &&
	launch ./server && wait_until says goodbye greet && ends_watch && revert greet.so && says hello greet
' dlopen
# The first time, when nobody had loaded it before, it is found when nsb looks at all processes, every five seconds; then by its being opened.
t_own 'a library that is opened long after the start, closed, and opened again: it is patched each time, and the program not held' '
	build server dlopen && patch_from greet.c && cat >late.c <<-END && gcc $(mflag) -o late late.c -ldl && needs_kernel_for ./late && watches -f greet.so && launch ./late "$object" && snapshot &&
		#include <dlfcn.h>
		#include <stdio.h>
		#include <string.h>
		int main(int argc, char **argv)
		{
			char line[80];
			void *library = NULL;
			setvbuf(stdout, NULL, _IONBF, 0);
			puts("ready");
			while (argc > 1 && fgets(line, sizeof(line), stdin)) {
				if (strcmp(line, "open\\n") == 0)
					puts((library = dlopen(argv[1], RTLD_NOW)) ? "opened" : dlerror());
				else if (strcmp(line, "close\\n") == 0)
					puts(dlclose(library) == 0 ? "closed" : dlerror());
				else
					puts(((const char *(*)(void))dlsym(library, "greet"))());
			}
			return 0;
		}
	END
	wait_until grep -x "TracerPid:.0" /proc/$pid/status && ! grep "^$pid " told && says opened open && wait_until says goodbye greet && wait_until grep "^$pid (late): greet.so applied" told && wait_until grep -x "TracerPid:.0" /proc/$pid/status &&
	begun=$SECONDS && for i in 1 2 3 4; do says closed close && says opened open && wait_until says goodbye greet || exit 1; done && [ $((SECONDS - begun)) -lt $((9 * slow)) ] && ends_watch && revert greet.so && says hello greet
' dlopen
t_own 'what is put into the store is applied at once, a newer patch, too' '
	target server so && patch_from greet.c && sed "s/goodbye/farewell/" "$tests/patches/greet.c" >newer.c && patch_from newer.c && mkdir store && snapshot && says hello greet && watches --store store &&
	nsb install --store store greet.so && wait_until says goodbye greet && wait_until eval "[ \$(begun $program) = goodbye ]" && nsb install --store store newer.so &&
	wait_until says farewell greet && wait_until eval "[ \$(begun $program) = farewell ]" && nsb status --store store -q && ends_watch && revert newer.so && says hello greet && unharmed
' so
t_own 'nsb is killed: all are let go, and what begins then is not held' '
	target server && patch_from greet.c && watches -f greet.so && wait_until says goodbye greet && kill -KILL $watcher && wait_until grep "the watcher was ended by signal 9, and all were let go: another one begins" told &&
	wait_until eval "[ \$(begun $program) = goodbye ]" && watcher=$(pgrep -o -P $watch) && kill -KILL $watch && wait_until eval "! [ -e /proc/$watcher/exe ]" &&
	[ "$(begun timeout 5 $program)" = hello ] && revert greet.so && says hello greet
'
t_own 'nsb is killed again and again while programs begin: none stands, none is lost' '
	target server && patch_from greet.c && needs_kernel_for $program && for ((i = 0; i < ${NSB_LONG:+10}5; i++)); do
		watches -f greet.so && for ((k = 0; k < 6; k++)); do (begun $program >>begun) & done && perl -e "select undef, undef, undef, $i * 0.003" && kill -KILL $watch $watcher
		wait $(jobs -p | grep -vx $pid) 2>waited
	done; cat begun | sort | uniq -c && [ "$(grep -cE "^(hello|goodbye)$" begun)" -ge $((${NSB_LONG:+10}5 * 6 - 1)) ] && revert greet.so && says hello greet
'
# kill_tracers: the child of nsb that traces a program which begins is killed before its n-th ptrace(2) call, for every n: the
# program begins, as if nobody had ever traced it, patched or not, and can be patched and reverted.
kill_tracers() {
	local killer own=amd64 child n=1 step=5 tried=0 reached=1
	[ "$(readelf -h "$NSB" | grep -c ELF64)" = 1 ] || own=i386
	[ -z "${NSB_LONG:-}" ] || step=1
	killer=$(helper killtracer) || return 1
	while [ "$reached" != 0 ] && ((n < 400 && tried++ < 500)); do
		# What it misses it patches some seconds later, unless it is gone.
		watches -f greet.so && launch "$killer" ended "$n" $own "$program" && child=$(pgrep -P "$pid") && begun=$(ask greet) && ends_watch || return 1
		read -r reached <ended && echo "$n: $reached, $begun" && [[ $begun = hello || $begun = goodbye ]] && wait_until grep -x "TracerPid:.0" "/proc/$child/status" || return 1
		pid=$child && { patch greet.so || listed greet.so; } && says goodbye greet && revert greet.so && says hello greet && listed && kill "$child" || return 1
		[ "$reached" != 1 ] || n=$((n + step))
	done
	[ "$reached" = 0 ] && [ "$n" -gt 10 ]
}
for kind in pie static so; do
	t_own "the child that traces a program is killed before each of its calls: the program begins all the same: $kind" '
		[ '$kind' = static ] || needs_breakpoints
		build server '$kind' && patch_from greet.c && needs_kernel_for $program && kill_tracers
	' $kind
done
t_own 'a constructor that takes longer than nsb waits: the program begins, and is patched later' '
	build server so && patch_from greet.c && needs_kernel_for $program && echo "#include <unistd.h>
	__attribute__((constructor)) static void early(void) { sleep(6); }" >early.c && gcc $(mflag) -shared -fPIC -o libearly.so early.c && gcc $(mflag) -o slow "$root/tests/targets/main.c" -Wl,--no-as-needed -L. -learly \
		-L"$(dirname "$object")" -lserver "-Wl,-rpath,$PWD:$(dirname "$object")" && watches -f greet.so && for how in "" blocking; do
		launch $how ./slow && wait_until says goodbye greet && wait_until grep -x "TracerPid:.0" /proc/$pid/status || exit 1
	done && ends_watch && revert greet.so && says hello greet
' so
t_own 'a program that blocks the signals of a trap: it is patched at its start' '
	build server && patch_from greet.c && needs_kernel_for $program && watches -f greet.so && [ "$(begun blocking $program)" = goodbye ] && [ "$(begun $program)" = goodbye ] && ends_watch &&
	[ "$(begun blocking $program)" = hello ]
'
t_own 'the watcher is stopped: the kernel kills it, and who was held goes on within two seconds' '
	target server && patch_from greet.c && watches -f greet.so && wait_until says goodbye greet && kill -STOP $watcher && [ -n "$(begun timeout 5 $program)" ] &&
	wait_until grep "the watcher was ended by signal 9" told && wait_until eval "[ \$(begun $program) = goodbye ]" && ends_watch && revert greet.so && says hello greet
'
t_own 'nsb itself is another one from now on: who began in between is patched when the new one begins, and it with the six capabilities only' '
	build server && patch_from greet.c && needs_kernel_for $program && watches -f greet.so && [ "$(begun $program)" = goodbye ] && cp $NSB upgraded && ends_watch && launch $program && says hello greet &&
	with_six="setpriv --bounding-set -all,+sys_ptrace,+dac_override,+sys_admin,+checkpoint_restore,+perfmon,+kill --inh-caps -all --no-new-privs $PWD/upgraded" && starts $with_six watch $insecure -f greet.so >told 2>&1 && watch=$started &&
	wait_until grep -q "^watching for" told && wait_until says goodbye greet && grep -x "CapBnd:.0*14000280022" /proc/$watch/status && [ "$(begun $program)" = goodbye ] && cat told &&
	grep "greet.so applied at its start" told && ! grep -v "applied\|^watching" told && ends_watch && revert greet.so
'
t_own 'who cannot be traced is let go, and told; others go on' '
	target server && patch_from greet.c && watches -f greet.so && wait_until says goodbye greet && [ "$(begun strace -qq -o trace $program)" != "" ] && [ "$(begun $program)" = goodbye ] && ends_watch && revert greet.so && says hello greet
'
t_own 'without the right to hold others: status 4; systemd is told when all is ready' '
	build server && patch_from greet.c && fails_with 4 "fanotify is not to be had: .*CAP_SYS_ADMIN" setpriv --bounding-set -sys_admin --inh-caps -all "$NSB" watch $insecure -f greet.so &&
	starts_saying python3 "$tests/helpers/listen.py" socket && NOTIFY_SOCKET=$PWD/socket watches -f greet.so && wait_until grep -x READY=1 .said && wait_until grep -x WATCHDOG=1 .said && ends_watch
'

done_testing
