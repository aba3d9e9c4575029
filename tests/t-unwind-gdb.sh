#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What nsb unwinds is what gdb sees: every stack of tests/targets/stacks.c, frame by frame.

. "${0%/*}/lib.sh"
for_each_abi

# What nsb itself is: libunwind unwinds this alone.
own_abi=amd64
case $NSB in
*/i386/*) own_abi=i386 ;;
esac

# The program that unwinds by libnsb.a, linked as the Makefile does.
unwinder() {
	local where=${NSB%/*} flags=(-static) folders
	mapfile -t folders < <(find "$root/src" -type d)
	case $NSB in
	*sanitize*) flags=(-fsanitize=address -fsanitize=undefined) ;;
	*/i386/*) flags+=(-m32 -isystem "$NSB_BUILD/i386-root/usr/include/i386-linux-gnu"
		-isystem "$NSB_BUILD/i386-root/usr/include" -L"$NSB_BUILD/i386-root/usr/lib/i386-linux-gnu") ;;
	esac
	gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE "${folders[@]/#/-iquote}" \
		"${flags[@]}" -o stacks "$tests/helpers/stacks.c" "$where/libnsb.a" \
		-lunwind-ptrace -lunwind-generic -lunwind "$where/libnsb.a" -lelf "$where/libnsb.a" -lz
}

# sleepers FLAGS...: start the threads, and remember their state; sets $pid.
# shellcheck disable=SC2046 # mflag says nothing else
sleepers() {
	kind="$abi $*"
	gcc $(mflag) -Wall -Wextra -Werror -D_GNU_SOURCE -g -pthread -fomit-frame-pointer "$@" \
		-o sleepers "$tests/targets/stacks.c" &&
	starts_saying ./sleepers && [ "$said" = ready ] &&
	pid=$started && wait_until all_sleep && snapshot
}

all_sleep() {
	[[ $(thread_states "$pid") =~ ^S{170}$ ]]
}

# compare ENGINES: print what nsb and gdb do not have alike, and the sums.  gdb has to
# come to the outermost frame, nsb to a bottom that the tables prove.
compare() {
	python3 - "$1" <<-'END'
		import sys
		gdb, compared, equal, frames = {}, 0, 0, 0
		for line in open("by-gdb"):
		    word = line.split()
		    if word[:1] == ["gdb"]:
		        gdb[word[1]] = word[2:]
		seen = {engine: 0 for engine in sys.argv[1].split()}
		for line in open("by-nsb"):
		    engine, tid, proven, *ours = line.split()
		    theirs = gdb.get(tid, ["missing"])
		    seen[engine] += 1
		    compared += 1
		    frames += len(ours)
		    if proven == "proven" and theirs == ["outermost"] + ours:
		        equal += 1
		    else:
		        print(engine, tid, proven, *ours)
		        print("gdb", tid, *theirs)
		print("SUMS %d stacks compared, %d equal, %d frames" % (compared, equal, frames))
		sys.exit(equal != compared or set(seen.values()) != {170})
	END
}

# same_stacks: stop and look, and let gdb do the same.  The sums outlive the test.
same_stacks() {
	local engines=own status
	[ "$abi" = "$own_abi" ] && engines='own libunwind'
	./stacks "$pid" >by-nsb && wait_until all_sleep &&
	timeout -s KILL "$patience" gdb -nx -q -batch -iex 'set debuginfod enabled off' \
		-iex 'set auto-load no' -ex 'set backtrace past-main on' \
		-ex 'set backtrace past-entry on' -ex 'set backtrace limit unlimited' \
		-p "$pid" -x "$tests/helpers/stacks.py" >by-gdb 2>gdb-errors &&
	compare "$engines" >compared
	status=$?
	[ "$status" = 0 ] || tail -n 10 gdb-errors compared
	sed -n "s/^SUMS/# $kind:/p" compared >>"$folder/sums"
	return "$status"
}

t 'dynamic, -O2' 'unwinder && sleepers -O2 -fPIE -pie && same_stacks && unharmed'
t 'static, -O2' 'unwinder && sleepers -O2 -static && same_stacks && unharmed'
t 'dynamic, -Os' 'unwinder && sleepers -Os -fPIE -pie && same_stacks && unharmed'
t 'dynamic, -O0' 'unwinder && sleepers -O0 -no-pie && same_stacks && unharmed'
t 'without debug info' 'unwinder && sleepers -O3 -g0 -s && same_stacks && unharmed'
cat "$folder/sums"
done_testing
