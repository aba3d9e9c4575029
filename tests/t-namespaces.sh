#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Processes in namespaces and roots of their own, and nsb in there with them.

. "${0%/*}/lib.sh"
for_each_abi
{ [ "$(id -u)" = 0 ] && unshare -m true; } || skip_all 'it takes root to make namespaces'

three_beats() {
	says hello greet && snapshot && patch greet.so && says goodbye greet && listed greet.so &&
	nsb check -p "$pid" -f greet.so && revert greet.so && says hello greet && listed && unharmed
}

# The process that unshare --fork has started.
to_child() {
	wait_until pgrep -P "$pid" >/dev/null && pid=$(pgrep -P "$pid") && ends_with_test "$pid"
}

# inside COMMAND...: in all namespaces of the target, and its root.
inside() {
	timeout -s KILL "$patience" nsenter -t "$pid" -m -p -r "$@"
}

# An empty container: a static server, a static nsb, a patch, /proc, and nothing else.
container() {
	build server static && patch_from greet.c && mkdir -p box/proc && cp "$program" box/server &&
	cp "$NSB" box/nsb && cp greet.so box/ &&
	launch unshare -m -p -f -u -i -n --mount-proc="$PWD/box/proc" chroot box /server && to_child &&
	[ "$(inside /nsb list -p 1)" = '' ] && [ ! -e "/proc/$pid/root/tmp" ]
}

for kind in pie so static; do
	t "$kind: a mount namespace that has not got the file" "
		build server $kind && patch_from greet.c &&
		launch unshare -m \$program && nsenter -t \$pid -m mount -t tmpfs none \${program%/*} &&
		nsenter -t \$pid -m mount -t tmpfs none \$PWD && [ ! -e /proc/\$pid/root\$program ] &&
		[ ! -e /proc/\$pid/root\$PWD/greet.so ] && three_beats
	"
	t "$kind: a process id namespace, from outside" "
		build server $kind && patch_from greet.c && launch unshare -p -f --mount-proc \$program &&
		to_child && three_beats
	"
	t "$kind: a process id namespace, from inside" "
		build server $kind && patch_from greet.c && launch unshare -p -f --mount-proc \$program &&
		to_child && says hello greet && snapshot && inside $NSB patch -p 1 -f \$PWD/greet.so &&
		says goodbye greet && inside $NSB list | grep '^1: .*greet.so' && listed greet.so &&
		inside $NSB revert -p 1 -f \$PWD/greet.so && says hello greet && unharmed
	"
	t "$kind: a user namespace, from outside" "
		build server $kind && patch_from greet.c && launch unshare -U -r \$program && three_beats
	"
	t "$kind: a user namespace, from inside" "
		build server $kind && patch_from greet.c && launch unshare -U -r \$program && says hello greet &&
		snapshot && nsenter -t \$pid -U $NSB patch -p \$pid -f greet.so && says goodbye greet &&
		nsenter -t \$pid -U $NSB revert -p \$pid -f greet.so && says hello greet && unharmed
	"
done
t 'from a user namespace to a process outside it: refused' '
	target server && patch_from greet.c && snapshot &&
	fails_with 4 "in another user namespace" unshare -U -r $NSB patch -p $pid -f greet.so && unharmed &&
	says hello greet
'
t 'static: chroot' '
	build server static && patch_from greet.c && mkdir root && cp $program root/server &&
	launch chroot root /server && three_beats
'
t 'static: chroot, the folder is gone' '
	build server static && patch_from greet.c && mkdir root && cp $program root/server &&
	launch chroot root /server && rm -r root && three_beats
'
t 'an empty container, from outside' 'container && three_beats'
t 'an empty container, by the nsb in it' '
	container && says hello greet && snapshot && inside /nsb patch -p 1 -f /greet.so && says goodbye greet &&
	inside /nsb check -p 1 -f /greet.so && inside /nsb list | grep "^1: .*greet.so" &&
	listed greet.so && inside /nsb revert -p 1 -f /greet.so && says hello greet && unharmed
'
t 'without /proc nsb says so' '
	container && nsenter -t $pid -m umount $PWD/box/proc &&
	fails_with 1 "/proc.*mounted" inside /nsb patch -p 1 -f /greet.so && says hello greet
'
t 'everything read-only and noexec' '
	build server static && patch_from greet.c && mkdir root &&
	launch unshare -m sh -c "mount -t tmpfs none root && cp $program greet.so root && exec chroot root /server" &&
	nsenter -t $pid -m mount -o remount,ro,noexec $PWD/root &&
	nsenter -t $pid -m grep " $PWD/root ro,.*noexec" /proc/self/mountinfo &&
	! nsenter -t $pid -m touch $PWD/root/file && three_beats &&
	nsenter -t $pid -m /proc/self/fd/8 patch -p $pid -f $PWD/root/greet.so 8<$NSB && says goodbye greet &&
	revert greet.so && says hello greet
'

done_testing
