#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong with a store, with nsb watch and with a core dump: each is told in one line, and nothing is worse than before.

. "${0%/*}/lib.sh"
. "${0%/*}/many.sh"
for_each_abi of-files

# own_build [WORD]: a build of this test alone; each WORD gives another one.
own_build() {
	CFLAGS_EXTRA="-Wl,--build-id=0x$(echo "$file $root $NSB $abi $count ${1-}" | md5sum | cut -c 1-32)"
	build server
}

# prepared: a store with greet.so in it, and newer.so, which would take its place.
prepared() {
	own_build && patch_from greet.c && sed 's/goodbye/farewell/' "$tests/patches/greet.c" >greet2.c && patch_from greet2.c -o newer.so && mkdir store && nsb install --store store greet.so
}

t 'what is no folder, cannot be made, or is not there' '
	prepared && echo text >plain && for command in "install newer.so" "remove greet.so" sync status watch; do
		[ "$command" != watch ] || [ "$(id -u)" = 0 ] || continue
		fails_with 7 "plain: is no folder|plain: cannot open|cannot be had" nsb $command --store plain || exit 1
	done && fails_with 7 "nowhere: cannot open: No such file" nsb status --store nowhere && fails_with 7 "nowhere: cannot open: No such file" nsb sync --store nowhere &&
	fails_with 1 "nowhere/store: cannot be made: No such file" nsb install newer.so --store nowhere/store && fails_with 1 "plain/store: cannot be made: Not a directory" nsb install newer.so --store plain/store &&
	[ "$(cat plain)" = text ] && ! [ -e nowhere ]
'
t 'a store, or a file in it, that may not be read' '
	[ "$(id -u)" = 0 ] || skip "needs root to become someone else"
	prepared && chmod 755 . .. ../.. ../../.. && cp $NSB nsb && chmod 755 nsb newer.so && nobody="setpriv --reuid nobody --regid nogroup --clear-groups $place/nsb" && chmod 700 store && cd / &&
	fails_with 4 "store: cannot open: Permission denied" $nobody status --store "$place/store" && fails_with 4 "store: cannot open: Permission denied" $nobody sync --store "$place/store" &&
	chmod 755 "$place/store" && chmod 600 "$place"/store/*.so && { $nobody status --store "$place/store" 2>"$place/errors" >"$place/said"; [ $? = 4 ]; } && cat "$place/errors" &&
	grep "$place/store/server-.*.so: cannot open: Permission denied" "$place/errors" && grep "^0 patches" "$place/said" &&
	chmod 644 "$place"/store/*.so && fails_with 4 "store/server-.*.so: cannot be written: Permission denied" $nobody install --store "$place/store" "$place/newer.so"
'
t 'a disk that is full, or read-only: the patch that was there stays, and nothing else' '
	[ "$(id -u)" = 0 ] || skip "only root mounts"
	prepared && mkdir disk && cat >inside <<-END &&
		mount -t tmpfs -o size=64k none disk && cp store/*.so disk && cp disk/*.so before && dd if=/dev/zero of=disk/fill bs=4k status=none; sh said full "cannot be written: No space left on device" install newer.so --store disk &&
		cmp disk/*.so before && [ "\$(ls -A disk)" = "\$(cd disk && echo fill && ls *.so)" ] && rm disk/fill && mount -o remount,ro disk &&
		sh said ro "cannot be written: Read-only file system" install newer.so --store disk && sh said ro "cannot be removed from disk: Read-only file system" remove greet.so --store disk &&
		cmp disk/*.so before && "$NSB" status $insecure --store disk -q; [ \$? = 0 ] && mount -o remount,rw disk && "$NSB" install $insecure --store disk newer.so && cmp disk/*.so newer.so
	END
	printf "%s\n" "want=\$2" "shift 2" "\"$NSB\" \"\$@\" $insecure 2>errors >/dev/null && exit 1" "cat errors" "[ \"\$(wc -l <errors)\" = 1 ] && grep -q \"\$want\" errors" >said && unshare -m sh inside
'
t 'a name that two patches have, and one that none has' '
	prepared && own_build other && patch_from greet.c && nsb install --store store greet.so && [ "$(ls store | wc -l)" = 2 ] &&
	fails_with 1 "greet.so: 2 patches of the store are called so" nsb remove --store store greet.so && [ "$(ls store | wc -l)" = 2 ] &&
	fails_with 2 "nothing.so: cannot be removed from store: No such file" nsb remove --store store nothing.so && fails_with 2 "../plain.so: no such patch in store" nsb remove --store store ../plain.so &&
	nsb remove --store store "$(basename "$program")-$("$NSB_GEN" buildid $program).so" && [ "$(ls store | wc -l)" = 1 ] && nsb remove --store store greet.so && [ -z "$(ls -A store)" ]
'
t 'another one is at work on the store: busy in time, and a signal ends the wait' '
	prepared && starts flock --no-fork store sleep 300 && sleep=$started && wait_until eval "! flock -n store true" && fails_with 3 "store: another nsb is at work on the store" nsb sync --store store --timeout 1 &&
	fails_with 3 "another nsb is at work" nsb install --store store --timeout 1 newer.so && starts "$NSB" install $insecure --store store --timeout 60 newer.so 2>errors && wait_until grep -q "SigCgt:.*[1-9a-f]" /proc/$started/status &&
	kill -TERM $started && { wait $started; [ $? = 12 ]; } && cat errors && grep "ended by SIGTERM: nothing was changed" errors && cmp greet.so store/*.so
'
t 'a file of the store that is replaced while nsb reads it again and again' '
	prepared && cp greet.so one && cp newer.so two && name=$(ls store) && { while :; do cp one .one && mv .one store/$name; cp two .two && mv .two store/$name; done & } && ends_with_test $! &&
	for ((i = 0; i < 30; i++)); do
		nsb status --store store >said 2>errors; status=$?
		[ $status = 0 ] && ! [ -s errors ] && grep -qE "^(greet|newer).so " said || { [ $status = 10 ] && grep "is being changed while it is opened\|cannot open" errors; } || exit 1
	done
'
t 'what is no core dump, or one that has a damaged patch in it' '
	[ "$(cat /proc/sys/kernel/core_pattern)" = core ] || skip "core dumps go elsewhere (kernel.core_pattern)"
	prepared && fails_with 7 "no core dump of" nsb list --core $program && fails_with 7 "nowhere: No such file" nsb list --core nowhere && needs_kernel_for $program &&
	launch $program && patch greet.so && prlimit --core=unlimited -p $pid && ulimit -c unlimited && kill -SEGV $pid && { wait $pid 2>died; [ -e core* ]; } &&
	nsb list --core core* >said && cat said && grep greet.so said && python3 - core* <<-END && fails_with 0 "is damaged" nsb list --core damaged && fails_with 0 "of another version of nsb, or damaged" nsb list --core another
		import sys
		magic = open(sys.argv[1], "rb").read()
		at = magic.index(b"$(grep -oE "RECORD_MAGIC \"[^\"]+" "$root"/src/patch/record.h | cut -d\" -f2)")
		for name, offset in ("damaged", 200), ("another", 8):
		    copy = bytearray(magic)
		    copy[at + offset] ^= 0xff
		    open(name, "wb").write(copy)
	END
'

# ---- nsb watch ----

[ "$(id -u)" = 0 ] || done_testing
[ "$(id -u)" = 0 ] || exit 0
for_each_abi

# watches OPTIONS...: see t-watch.sh.
watches() {
	: >told
	# shellcheck disable=SC2086 # it may be empty
	starts "$NSB" watch $insecure "$@" >told 2>&1
	watch=$started
	wait_until grep -q '^watching for\|fanotify is not\|holds nobody' told
	! grep -q 'fanotify is not to be had\|holds nobody' told || skip 'fanotify is not to be had here'
}

t 'the store is taken away and made anew, while nsb watches: it is told, and the new one counts' '
	prepared && needs_kernel_for $program && launch $program && says hello greet && watches --store store && wait_until says goodbye greet && mv store gone && wait_until grep "^nsb: store: changes are not seen: No such file" told &&
	nsb revert -p $pid -f greet.so && nsb install --store store newer.so && wait_until says farewell greet && rm -r store && wait_until eval "[ \$(grep -c \"changes are not seen\" told) = 2 ]" &&
	mkdir store && cp greet.so .new && mv .new store/greet.so && wait_until says goodbye greet && kill -TERM $watch && wait $watch && revert greet.so && says hello greet
'
t 'a watcher that is killed again and again: nsb ends in the end, and says why' '
	prepared && needs_kernel_for $program && watches --store store && for ((i = 0; i < 6; i++)); do
		wait_until pgrep -o -P $watch && watcher=$(pgrep -o -P $watch) && kill -KILL $watcher && wait_until eval "! [ -e /proc/$watcher/exe ]" && wait_until eval "[ \$(grep -c \"another one begins\" told) -gt $i ] || ! [ -e /proc/$watch/exe ]" || exit 1
		[ -e /proc/$watch/exe ] || break
	done; { wait $watch; status=$?; }; cat told && echo $status && [ $status = 1 ] && grep "the watcher was ended by signal 9, 5 times within a minute" told
'
t 'a socket of systemd that is not there, or ends: nsb watch goes on' '
	prepared && needs_kernel_for $program && NOTIFY_SOCKET=$PWD/nowhere watches --store store && kill -TERM $watch && wait $watch && NOTIFY_SOCKET=$(printf "%0200d" 0) watches --store store && kill -TERM $watch && wait $watch &&
	starts_saying python3 "$tests/helpers/listen.py" socket && listener=$started && NOTIFY_SOCKET=$PWD/socket watches --store store && wait_until grep -x READY=1 .said && kill -KILL $listener && launch $program &&
	wait_until says goodbye greet && kill -TERM $watch && wait $watch && revert greet.so && says hello greet
'

done_testing
