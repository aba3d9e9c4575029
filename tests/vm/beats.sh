#!/bin/busybox sh
# shellcheck shell=dash disable=SC2012,SC2015,SC2086,SC3045 # busybox's read has -t; names of ours
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tests/kernels.sh runs in an emulated machine that has nothing but busybox, static programs and the few
# libraries that the others need: the three beats for each kind of target, and what depends on the kernel.
# In /t/ABI are the programs and their patches, in /nsb is nsb.  Prints TAP; a title begins with its group.

patience=240		# seconds; the machine is slow
only=$(cat /groups)	# of tests; none: all
count=0
failed=0

# t GROUP TITLE BODY: one test, a chain of &&, in a folder of its own.
t() {
	case " $only " in
	'  ' | *" $1 "*) ;;
	*) return ;;
	esac
	count=$((count + 1))
	mkdir -p "/w/$count"
	(cd "/w/$count" && eval "$3") >"/w/$count/output" 2>&1
	status=$?
	case $status in
	0) echo "ok $count - $1: $2" ;;
	77) echo "ok $count - $1: $2 # SKIP $(tail -n 1 "/w/$count/output")" ;;
	*)
		failed=$((failed + 1))
		echo "not ok $count - $1: $2"
		echo "# status $status of $3" | tr '\n\t' '  '
		echo
		tail -n 12 "/w/$count/output" | sed 's/^/# /'
		;;
	esac
	[ ! -e "/w/$count/pids" ] || xargs kill -KILL <"/w/$count/pids" 2>/dev/null
	rm -rf "/w/$count"
}

skip() {
	echo "$*"
	exit 77
}

# target PROGRAM...: start what answers questions; sets $pid.
target() {
	rm -f to from
	mkfifo to from && exec 5<>to 6<>from || return 1
	"$@" <to >from 5>&- 6>&- &
	pid=$!
	echo $pid >>pids
	next_line && [ "$line" = ready ]
}

# inner: the target is a child of what was started.
inner() {
	pid=$(cat "/proc/$pid/task/$pid/children") && pid=${pid%% *} && [ -n "$pid" ] && echo "$pid" >>pids
}

# next_line: of the target's, into $line, if it has not ended.
next_line() {
	waited=0
	until read -r -t 2 line <&6; do
		waited=$((waited + 2))
		if [ $waited -gt $patience ] || ! grep -qsv ') Z ' "/proc/$pid/stat"; then
			echo "the target says nothing, after $waited s" >&2
			return 1
		fi
	done
}

ask() {
	echo "$*" >&5 && next_line && echo "$line"
}

# says TEXT WORDS...: asked WORDS, the target answers TEXT.
says() {
	wanted=$1
	shift
	answer=$(ask "$@")
	[ "$answer" = "$wanted" ] || { echo "asked '$*' it says '$answer', not '$wanted'"; return 1; }
}

nsb() {
	timeout -s KILL $patience /nsb "$@" --insecure-file
}

patch() {
	nsb patch -q -p "$pid" --timeout 60 -f "$@"
}

revert() {
	nsb revert -q -p "$pid" --timeout 60 -f "$@"
}

snapshot() {
	"$d/state" "$pid" >snapshot
}

unharmed() {
	"$d/state" "$pid" >now && { cmp -s snapshot now || { diff -U0 snapshot now; return 1; }; }
}

# beats FILE WORDS OLD NEW: old, new, old again; and once more, after which all is as it was before (data of a patch
# may stay after the first time).
beats() {
	says "$3" $2 && patch "$1" && says "$4" $2 && nsb check -p "$pid" -f "$1" && nsb list -p "$pid" | grep -q ' applied' &&
	revert "$1" && says "$3" $2 && snapshot && patch "$1" && says "$4" $2 && revert "$1" && says "$3" $2 && unharmed
}

threads_are() {
	[ "$(ls "/proc/$pid/task" | wc -l)" = "$1" ] && ! grep -q 'SigBlk:.*f' "/proc/$pid"/task/*/status
}

# sleepers N: it has so many more threads.
sleepers() {
	[ "$1" = 0 ] && return
	says started start sleepers "$1" || return 1
	until threads_are $(($1 + 1)); do sleep 0.1; done
}

# as_nobody COMMAND...
as_nobody() {
	su -s /bin/sh nobody -c 'exec "$0" "$@"' -- "$@"
}

# refused REGEX COMMAND...: with status 4, in one line.
refused() {
	regex=$1
	shift
	"$@" 2>said
	[ $? = 4 ] && [ "$(wc -l <said)" = 1 ] && grep -E "$regex" said || { cat said; return 1; }
}

# killed_at N FILE: nsb is killed at its N-th ptrace call; the process goes on, and the next nsb works.  Sets $reached.
killed_at() {
	"$d/nth" report before:9 ptrace "$1" /nsb patch -q -p "$pid" --insecure-file -f "$2"
	read -r reached rest <report && answer=$(ask work 5) && { [ "$answer" = 'work 10' ] || [ "$answer" = 'work 15' ]; } || return 1
	revert "$2" 2>said
	status=$?
	[ $status = 0 ] || [ $status = 2 ] || { cat said; return 1; }
	says 'work 10' work 5
}

# patched_by_nobody PROGRAM: started and patched by an ordinary user.
by_nobody() {
	mkdir -m 777 own && cd own && as_nobody /bin/mkfifo to from && exec 5<>to 6<>from && { su -s /bin/sh nobody -c "exec $1" <to >from 5>&- 6>&- & } &&
	pid=$! && echo $pid >>../pids && next_line && [ "$line" = ready ] && until grep -q "^Uid:.65534" "/proc/$pid/status"; do sleep 0.1; done
}

echo nobody:x:65534:65534:nobody:/:/bin/sh >/etc/passwd
echo nogroup:x:65534: >/etc/group
chmod 755 / /t
ln -sf /proc/mounts /etc/mtab
version=$(uname -r)

for d in /t/*; do
	abi=${d#/t/}
	if ! "$d/nothing"; then
		# The kernel was told to run no 32-bit programs.
		case $abi$(cat /proc/cmdline) in
		i386*ia32_emulation=0*)
			t kinds "$abi programs are none of this kernel's" '! "$d/static/threads" </dev/null' ;;
		*)	t kinds "$abi programs run" 'false' ;;
		esac
		continue
	fi
	for kind in static static-pie pie so; do
		for n in 0 20; do
			t kinds "$abi, $kind, $n more threads" "target $d/$kind/threads && sleepers $n && beats $d/$kind/work.so 'work 5' 'work 10' 'work 15'"
		done
	done
	t traps "$abi, threads that compute" 'target $d/pie/threads && ask start busy 2 && patch $d/pie/work.so && says "work 15" work 5 && says "wrong 0" wrong &&
		revert $d/pie/work.so && says "work 10" work 5 && says "wrong 0" wrong'
	t traps "$abi, threads deep in a recursion" 'target $d/static/threads && ask start recurse 2 && patch $d/static/climb.so && says "wrong 0" wrong && revert $d/static/climb.so && says "wrong 0" wrong'
	# Where neither the code of the static one nor the vDSO has room at the end of a page, nsb has none.
	for kind in pie static; do
		t registers "$abi, $kind: integer, x87, SSE, AVX as the processor has it" "target $d/$kind/registers && ask start && says fine check && for i in 1 2 3; do
			patch $d/$kind/beat.so && says 'beat 2' beat && revert $d/$kind/beat.so && says 'beat 1' beat || exit 1; done && says fine check"
	done
	for how in strict killing failing MemoryDenyWriteExecute 'thread killing'; do
		t seccomp "$abi, $how" "target $d/static/confined && says confined $how && beats $d/static/greet.so say hello goodbye"
	done
	t seccomp "$abi, PR_SET_MDWE" 'target $d/static/confined && { ask confined PR_SET_MDWE || skip "no PR_SET_MDWE in this kernel"; } && beats $d/static/greet.so say hello goodbye'
	t namespaces "$abi, process ids" 'target unshare -p -f $d/static/threads && inner && beats $d/static/work.so "work 5" "work 10" "work 15"'
	t namespaces "$abi, mounts" 'target unshare -m $d/static/threads && beats $d/static/work.so "work 5" "work 10" "work 15"'
	t namespaces "$abi, users" 'unshare -U true || skip "no user namespaces"
		target unshare -U $d/static/threads && beats $d/static/work.so "work 5" "work 10" "work 15"'
	t namespaces "$abi, another root" 'mkdir jail && cp $d/static/threads jail/ && target chroot jail /threads && beats $d/static/work.so "work 5" "work 10" "work 15"'
	t io_uring "$abi, a worker of the kernel's waits" 'ZOO=Ring LD_PRELOAD=$d/zoo.so target $d/pie/threads && until [ -e waits ]; do sleep 0.1; done && : >begin && until [ -e ended ]; do sleep 0.1; done &&
		{ [ ! -e cannot ] || skip "no io_uring in this kernel"; } && beats $d/pie/work.so "work 5" "work 10" "work 15"'
	# Twenty moments, half of them in each.
	for how in 'static 0 1 3 7 11 15 19 25 31 37 43' 'pie 20 2 5 9 13 17 22 28 34 40 46'; do
		set -- $how
		kind=$1 n=$2
		shift 2
		t kills "$abi, $kind, $n more threads" "target $d/$kind/threads && sleepers $n && patch $d/$kind/work.so && revert $d/$kind/work.so && snapshot &&
			for i in $*; do killed_at \$i $d/$kind/work.so || { echo at \$i; exit 1; }; done && unharmed"
	done
	if [ -e /proc/sys/vm/memfd_noexec ]; then
		for n in 0 1 2; do
			t memfd_noexec "$abi, $n" "target unshare -p -f --mount-proc sh -c 'echo $n >/proc/sys/vm/memfd_noexec && exec $d/static/threads' && inner &&
				beats $d/static/work.so 'work 5' 'work 10' 'work 15'"
		done
	fi
	if [ -e /proc/sys/kernel/perf_event_paranoid ]; then
		echo 3 >/proc/sys/kernel/perf_event_paranoid
		t paranoid "$abi, perf_event_paranoid 3, threads that compute, an ordinary user" 'by_nobody $d/static/threads && ask start busy 1 && as_nobody /nsb patch -q --timeout 60 -p $pid -f $d/static/work.so &&
			says "work 15" work 5 && says "wrong 0" wrong && as_nobody /nsb revert -q --timeout 60 -p $pid -f $d/static/work.so && says "work 10" work 5'
		echo 2 >/proc/sys/kernel/perf_event_paranoid
	fi
done

# Scope 3 stays until the machine is off.
d=/t/$(ls /t | head -n 1)
scope=/proc/sys/kernel/yama/ptrace_scope
if [ -e $scope ]; then
	for n in 0 1 2 3; do
		t Yama "ptrace_scope $n" "by_nobody $d/static/threads && echo $n >$scope && case $n in
		0)	as_nobody /nsb patch -q --timeout 60 -p \$pid -f $d/static/work.so && says 'work 15' work 5 && as_nobody /nsb revert -q --timeout 60 -p \$pid -f $d/static/work.so ;;
		*)	refused 'ptrace_scope is $n' as_nobody /nsb patch -p \$pid -f $d/static/work.so ;;
		esac && says 'work 10' work 5 && if [ $n = 3 ]; then refused 'ptrace_scope is 3, nobody may' nsb patch -p \$pid -f $d/static/work.so; else
			patch $d/static/work.so && says 'work 15' work 5 && revert $d/static/work.so; fi && says 'work 10' work 5"
	done
fi
echo "1..$count"
echo "# Linux $version"
[ $failed = 0 ]
