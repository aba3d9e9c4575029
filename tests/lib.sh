# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The words that tests are made of.  A test file sources this one, says `t` for
# each test, and ends with `done_testing`:
#
#	. "${0%/*}/lib.sh"
#	for_each_abi
#	t 'a fix goes in and comes out' '
#		target server && snapshot &&
#		patch_from greet.c &&
#		says hello greet && patch greet.so && says goodbye greet &&
#		listed greet.so && revert greet.so && says hello greet && unharmed
#	'
#	done_testing
#
# A body is a chain of &&.  It runs in a folder and in a subshell of its own;
# the processes that it started by `target` and `starts` are ended after it.
# On failure the body, its output and the last commands are printed.

root=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
tests=$root/tests
NSB_ABIS=${NSB_ABIS:-amd64 i386}
NSB_BUILD=${NSB_BUILD:-$root/build}
NSB=${NSB:-$NSB_BUILD/nsb}
NSB_GEN=${NSB_GEN:-$NSB_BUILD/nsb-gen}
# Patience, in seconds, with anything that a test waits for, and with a whole test: NSB_SLOW
# times as much on a machine that is so much slower than others, as an emulated one.
slow=${NSB_SLOW:-1}
patience=$((60 * slow))
body_patience=$((${NSB_LONG:+20}200 * slow))
slow_timeout=
[ "$slow" = 1 ] || slow_timeout="--timeout $((10 * slow))"

# How Debian builds its programs.
debian_flags='-O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2'
debian_ldflags='-Wl,-z,relro,-z,now -Wl,--build-id=sha1'
# What Ubuntu 24.04 and Fedora 40 add to it, as dpkg-buildflags and redhat-rpm-config have it,
# and the link-time optimisation that both turn on.
ubuntu_flags='-fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fstack-clash-protection -fcf-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -Wl,-Bsymbolic-functions -Wl,-z,pack-relative-relocs'
fedora_flags='-fexceptions -fstack-clash-protection -fcf-protection -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fasynchronous-unwind-tables -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -Wl,--as-needed -Wl,-z,pack-relative-relocs'
with_lto='-flto=auto -ffat-lto-objects'
# From version 14 on gcc tells callers the range of what a function returns, and nsb-gen cannot
# see that KEEP (target.h) forbids it.  What it then refuses is the matter of t-gen-*.sh.
tells_nothing=-fno-ipa-vrp
target_cc() {
	local cc=${CC:-gcc}
	[[ $cc == *clang* ]] || cc+=" $tells_nothing"
	echo "$cc"
}

# A make that a test calls says what it does, though the one that runs the tests may have been told not to.
unset MAKEFLAGS MFLAGS MAKELEVEL
# What tests make is for root alone to write: nsb looks at that.
umask 022
file=${0##*/}
file=${file%.sh}
abi=amd64
count=0
about=processes
lot=1
share_lot=$(cksum <<<"$file") share_lot=${share_lot% *}
knows_i386=
pids=()
folder=$(mktemp -d "${TMPDIR:-/tmp}/nsb-$file-XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT

# May others write to this folder, or to one above it?
is_open() {
	local at
	at=$(readlink -f "$1")
	until [ -z "$at" ]; do
		[ "$(stat -c %u "$at")" = 0 ] && [ -z "$(find "$at" -maxdepth 0 -perm /022 ! -perm -1000)" ] || return 0
		at=${at%/*}
	done
	return 1
}
insecure=
if is_open "$folder"; then
	insecure=--insecure-file
fi

# ---- tests ----

# for_each_abi [of-files]: run the tests that follow once for each ABI.  "of-files": they are about files more than
# about processes, so that those of i386 mean something on a kernel that runs no 32-bit programs, too.
for_each_abi() {
	abis=$NSB_ABIS
	draws=
	about=${1:-processes}
}

# The same for the fields of a matrix: a run has each for one of the two ABIs, drawn by a lot that is the same in every run.
# All fields are in check-long, and where one ABI or NSB_ALL=1 is asked for.
by_lot() {
	for_each_abi "$@"
	[ -n "${NSB_LONG:-}${NSB_ALL:-}" ] || draws=1
}

# toss LOT N: sets $tossed to a number below N, which is the same in every run, and the variable LOT to the next of its lots.
toss() {
	local -n at=$1
	at=$(((at * 1103515245 + 12345) & 0x7fffffff))
	tossed=$(((at >> 16) % $2))
}

# draw: sets $abis for the next test.
draw() {
	local both
	read -r -a both <<<"$NSB_ABIS"
	toss lot ${#both[@]}
	abis=${both[$tossed]}
}

# Is the next test one of this run?  With NSB_SHARE=N only one test of N is, drawn by lot, too.
has_share() {
	[ -n "${NSB_SHARE:-}" ] || return 0
	toss share_lot "$NSB_SHARE"
	[ "$tossed" = 0 ]
}

# Run the tests that follow for amd64, as those of a file are that says nothing; the 32-bit nsb has none of them.
for_amd64() {
	abis=
	draws=
	[[ " $NSB_ABIS " != *" amd64 "* ]] || abis=amd64
}
for_amd64

# t TITLE BODY: one test, for each ABI of the file.  With NSB_TITLE only those whose titles have these words.
t() {
	[ -z "$draws" ] || draw
	[[ $1 == *"${NSB_TITLE:-}"* ]] && has_share || return 0
	for abi in $abis; do
		if [ "$abi" = amd64 ] || [ "$about" = of-files ] || runs_i386; then
			run_body "$1 ($abi)" "$2"
		else
			count=$((count + 1))
			echo "ok $count - $1 ($abi) # SKIP this kernel runs no 32-bit programs"
		fi
	done
}

run_body() {
	local title=$1 body=$2 status place tester watcher
	count=$((count + 1))
	place=$folder/$count
	mkdir "$place"
	(
		cd "$place" || exit 1
		trap end_processes EXIT
		exec 3>trace >output 2>&1 </dev/null
		BASH_XTRACEFD=3
		set -x
		eval "$body"
	) &
	tester=$!
	exec {watcher}> >(watch "$tester")
	wait "$tester"
	status=$?
	exec {watcher}>&-
	if [ "$status" = 0 ]; then
		echo "ok $count - $title"
	elif [ "$status" = 77 ] && [ -e "$place/skipped" ]; then
		echo "ok $count - $title # SKIP $(cat "$place/skipped")"
	else
		echo "not ok $count - $title"
		{
			printf '%s\n' "$body"
			echo "--- output (status $status):"
			tail -n 40 "$place/output"
			# Where bodies keep what a command has said.
			tail -n 12 "$place"/{told,said} 2>/dev/null
			echo '--- last commands:'
			grep '^+* *' "$place/trace" | tail -n 6 | cut -c 1-300
		} | sed 's/^/# /'
	fi
	rm -rf "$place"
} 2>/dev/null

# End a test that takes too long, and what it started.  Whoever is done first says
# so by the end of the pipe: a subshell that gets a signal before it has dropped the
# traps that it was born with would run them.
watch() {
	read -r -t "$body_patience"
	[ $? -gt 128 ] || return
	echo "ended: not done after $body_patience s" >>"$place/output"
	kill -STOP "$1"
	kill -KILL "$1" $(pgrep -P "$1") $(cat "$place/pids")
}

# The last word of a file: a file that ends without it has failed.
done_testing() {
	echo "1..$count"
}

# skip WHY: this test cannot be made here.
skip() {
	echo "$*" >"$place/skipped"
	exit 77
}

# Skip all the file.
skip_all() {
	echo "ok 1 - $file # SKIP $*"
	echo '1..1'
	exit 0
}

# Can the kernel run 32-bit programs?  One built or booted without (ia32_emulation=off) cannot.
runs_i386() {
	local nothing
	[ -n "$knows_i386" ] || { nothing=$(helper nothing -m32 -static) && "$nothing"; } 2>/dev/null
	knows_i386=${knows_i386:-$?}
	return "$knows_i386"
}

# needs_kernel_for WORDS...: skip this test if one of them is a program that the kernel cannot run.
needs_kernel_for() {
	local - word magic
	set +x
	[[ " $NSB_ABIS " == *" i386 "* ]] || return 0
	for word; do
		[ -f "$word" ] && IFS= read -r -d '' -n 5 magic <"$word" 2>/dev/null
		[ "${magic:-}" != $'\x7fELF\x01' ] || runs_i386 || skip 'this kernel runs no 32-bit programs'
	done
}

# ---- processes ----

end_processes() {
	set +x
	exec 2>/dev/null
	[ "${#pids[@]}" = 0 ] && return
	# All of them before any is waited for: one may be the tracer of another.
	kill -KILL "${pids[@]}"
	wait "${pids[@]}"
}

# starts COMMAND...: in the background, until the test ends; sets $started.
starts() {
	needs_kernel_for "$@"
	"$@" &
	started=$!
	ends_with_test "$started"
}

ends_with_test() {
	pids+=("$1")
	echo "$1" >>"$place/pids"
}

# starts_saying COMMAND...: the same; sets $said to the first line that it says.
starts_saying() {
	starts "$@" >.said && wait_until test -s .said && read -r said <.said
}

# needs_breakpoints: without them threads that are nearly always in a function are met by chance only.
needs_breakpoints() {
	"$(helper breakpoints)" || skip 'breakpoints are never hit on this machine'
}

# nsb_traces NSB STATUS-FILE...: a child of that nsb, which does its work, traces one of them.
nsb_traces() {
	local worker
	while read -r worker; do
		worker=${worker#/proc/}
		grep -qs "^TracerPid:.${worker%/status}\$" "${@:2}" && return
	done < <(grep -lsx "PPid:.$1" /proc/[0-9]*/status)
	return 1
}

# wait_until COMMAND...: try it until it holds.
wait_until() {
	local - tries pause
	set +x
	exec {pause}<> <(:)
	for ((tries = 0; tries < patience * 50; tries++)); do
		if "$@"; then
			exec {pause}<&-
			return 0
		fi
		read -r -t 0.02 -u "$pause"
	done
	echo "never came true: $*"
	return 1
}

# thread_states [PID]: the letters of its threads' states, sorted: RSSS.
thread_states() {
	local stat letters=
	for stat in /proc/"${1:-$pid}"/task/*/stat; do
		[ -e "$stat" ] && letters+=$(sed 's/.*) \(.\).*/\1/' "$stat")$'\n'
	done
	sort <<<"$letters" | tr -d '\n'
}

# is_stopped: all threads of the target are.
is_stopped() {
	[[ $(thread_states) =~ ^T+$ ]]
}

# ---- building ----

mflag() {
	if [ "$abi" = amd64 ]; then
		echo -m64
	else
		echo -m32
	fi
}

# Sums of the files that tests build from, by their paths below tests.  To start a program is what costs tests
# most, so this is done once.
declare -A sums
sums[headers]=
while read -r sum path; do
	sums[$path]=$sum
	[[ $path != *.h ]] || sums[headers]+=$sum
done < <(cd "$tests" && md5sum helpers/*.c targets/*.[ch] patches/*.c ../include/nsb/*.h)

# sum_of WORDS...: sets $sum.
sum_of() {
	read -r -n 12 sum < <(md5sum <<<"$*")
}

# helper NAME [FLAGS...]: the path of tests/helpers/NAME.c, built; with $NSB_NATIVE, which
# is -m32 where tests are compiled for a 32-bit host.
# shellcheck disable=SC2086 # it may be empty
helper() {
	local to sum
	sum_of "${NSB_NATIVE:-} ${*:2} ${sums[helpers/$1.c]}"
	to=$NSB_BUILD/tests/$1-$sum
	if ! [ -x "$to" ]; then
		mkdir -p "$NSB_BUILD/tests" &&
		gcc -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE ${NSB_NATIVE:-} "${@:2}" -o "$to.$$" \
			"$tests/helpers/$1.c" &&
		mv "$to.$$" "$to" || return 1
	fi
	echo "$to"
}

# compile_target TO KIND NAME SOURCES...: see build.
# shellcheck disable=SC2086 # $cc is a list of words
compile_target() {
	local to=$1 kind=$2 name=$3
	shift 3
	case $kind in
	pie)
		$cc -fPIE -pie -o "$to/$name" "$@" tests/targets/main.c ;;
	nopie)
		$cc -fno-pie -no-pie -o "$to/$name" "$@" tests/targets/main.c ;;
	static)
		$cc -fno-pie -no-pie -static -o "$to/$name" "$@" tests/targets/main.c ;;
	static-pie)
		$cc -fPIE -static-pie -o "$to/$name" "$@" tests/targets/main.c ;;
	so)
		$cc -fPIC -shared -Wl,-soname,"lib$name.so" -o "$to/lib$name.so" "$@" &&
		$cc -fPIE -pie -o "$to/$name" tests/targets/main.c \
			-L"$to" "-l$name" '-Wl,-rpath,$ORIGIN' ;;
	dlopen)
		$cc -fPIC -shared -o "$to/lib$name.so" "$@" &&
		$cc -fPIE -pie -o "$to/$name" "-DLIBRARY=\"lib$name.so\"" \
			tests/targets/main.c '-Wl,-rpath,$ORIGIN' -ldl ;;
	*)
		echo "no such kind: $kind"
		false ;;
	esac
}

# build NAME [KIND]: tests/targets/NAME.c, and NAME2.c if there is one, behind
# main.c.  KIND is pie, nopie, static, static-pie, so (in a shared library) or
# dlopen (in one that is loaded later).  Sets $program, and $object, the file
# that has the functions.  $CC and $CFLAGS_EXTRA have their say.  What was built
# before from the same sources in the same way is used again.
build() {
	local name=$1 kind=${2:-pie} cc sources=() to sum key
	cc="${CC:-gcc} $(mflag) $debian_flags $debian_ldflags -D_GNU_SOURCE -pthread ${CFLAGS_EXTRA:-}"
	[[ $cc == *clang* ]] || cc+=" $tells_nothing"
	key="$kind $cc ${sums[headers]} ${sums[targets/main.c]}"
	for to in targets/"$name"{,2}.c; do
		[ -z "${sums[$to]:-}" ] || { sources+=("tests/$to") && key+=" ${sums[$to]}"; }
	done
	sum_of "$key"
	to=$NSB_BUILD/tests/$name-$kind-$abi-$sum
	if ! [ -d "$to" ]; then
		mkdir -p "$to.$$" &&
		(cd "$root" && compile_target "$to.$$" "$kind" "$name" "${sources[@]}") || return 1
		# Another test file may have been quicker.
		mv -T "$to.$$" "$to" 2>/dev/null || rm -rf "$to.$$"
	fi
	program=$to/$name
	object=$program
	case $kind in
	so|dlopen) object=$to/lib$name.so ;;
	esac
}

# target NAME [KIND [ARGUMENTS...]]: build and start it, and wait until it is
# ready.  Sets $pid, $program and $object.
target() {
	build "$1" "${2:-pie}" && launch "$program" "${@:3}"
}

# launch PROGRAM [ARGUMENTS...]: start what answers questions.  Sets $pid.
launch() {
	local line
	# What is started may start the program under another name, as in `chroot root /server`.
	needs_kernel_for "$@" "${program:-}"
	! [ -e .to ] || rm -f .to .from
	mkfifo .to .from || return 1
	exec {to}<>.to {from}<>.from
	"$@" <.to >.from 3>&- {to}>&- {from}>&- &
	pid=$!
	ends_with_test "$pid"
	read -r -t "$patience" -u "$from" line && [ "$line" = ready ]
}

# ask WORDS...: the target's answer.
ask() {
	local line
	printf '%s\n' "$*" >&"$to" &&
	read -r -t "$patience" -u "$from" line &&
	printf '%s\n' "$line"
}

# says TEXT WORDS...: asked WORDS, the target answers TEXT.
says() {
	local answer=
	printf '%s\n' "${*:2}" >&"$to" && read -r -t "$patience" -u "$from" answer
	if [ "$answer" != "$1" ]; then
		echo "asked '${*:2}' the target says '$answer', not '$1'"
		return 1
	fi
}

# ---- patches ----

# patch_from FILE.c [-o OUT.so] [FLAGS...]: compile the patch tests/patches/FILE.c,
# or FILE.c of this folder, and make it a patch of $object.  OUT.so is FILE.so
# unless told otherwise.
patch_from() {
	# shellcheck disable=SC2119
	patch_object "$@" && generate
}

# patch_object FILE.c [-o OUT.so] [FLAGS...]: compile it only; sets $made.  A patch of
# tests/patches that was compiled before in the same way is used again.
patch_object() {
	local source=$1 compile kept sum
	shift
	made=${source##*/}
	made=${made%.c}.so
	if [ "${1:-}" = -o ]; then
		made=$2
		shift 2
	fi
	compile=("${PATCH_CC:-gcc}" "$(mflag)" -g -O2 -fPIC -shared "-Wl,--build-id=sha1" -I"$root/include"
		-I"$tests/targets" -Werror=implicit-function-declaration "$@")
	if [ -e "$source" ]; then
		"${compile[@]}" -o "$made" "$source"
		return
	fi
	# A flag may name a file of this test's folder: that one is not kept.
	if [[ "$*" == *[./]* ]]; then
		"${compile[@]}" -o "$made" "$tests/patches/$source"
		return
	fi
	sum_of "${compile[*]} ${sums[headers]} ${sums[patches/$source]}"
	kept=$NSB_BUILD/tests/${source%.c}-$sum.so
	if ! [ -e "$kept" ]; then
		mkdir -p "$NSB_BUILD/tests" && "${compile[@]}" -o "$kept.$$" "$tests/patches/$source" &&
		mv "$kept.$$" "$kept" || return 1
	fi
	cp "$kept" "$made"
}

# generate [OPTIONS...]: add the vzpatch section to $made.
# shellcheck disable=SC2120 # most want none
generate() {
	timeout -s KILL "$patience" "$NSB_GEN" generate --mode manual "$@" "$object" "$made"
}

# $insecure is --insecure-file if TMPDIR is where others may write.
# shellcheck disable=SC2086
nsb() {
	timeout -s KILL "$patience" "$NSB" $insecure "$@"
}

# patch FILE [OPTIONS...], revert FILE [OPTIONS...]: of the target.  nsb tries for ten seconds
# if it is not told otherwise.
# shellcheck disable=SC2086
patch() {
	nsb patch -p "$pid" $slow_timeout -f "$@"
}

# shellcheck disable=SC2086
revert() {
	nsb revert -p "$pid" $slow_timeout -f "$@"
}

# listed NAMES...: just these patches are in the target, in this order.  Memory of reverted ones may be there.
listed() {
	local line words found=()
	while IFS= read -r line; do
		read -r -a words <<<"$line"
		[[ $line == *"reverted, memory kept"* ]] || found+=("${words[3]:-}")
	done < <(nsb list -p "$pid")
	if [ "${found[*]}" != "$*" ]; then
		echo "listed: '${found[*]}', not '$*'"
		return 1
	fi
}

# ---- demands ----

# fails_with STATUS REGEX COMMAND...: exits with STATUS, not by a signal, and says
# one line on stderr, which REGEX matches.
fails_with() {
	local - want=$1 regex=$2 status lines
	shift 2
	"$@" 2>.stderr
	status=$?
	set +x
	if [ "$status" != "$want" ] || [ "$status" -gt 128 ]; then
		echo "status $status, not $want: $*"
		cat .stderr
		return 1
	fi
	# The trace of a function shares its stderr; it has a file of its own.
	mapfile -t lines <.stderr
	if [ ${#lines[@]} != 1 ] || ! [[ ${lines[0]} =~ $regex ]]; then
		echo "not one line with '$regex', but:"
		cat .stderr
		return 1
	fi
}

# snapshot: remember the state of the target; unharmed: it has not changed.
snapshot() {
	local state
	state=$(helper state) && "$state" "$pid" >.snapshot
}

unharmed() {
	local state
	state=$(helper state) && "$state" "$pid" >.now && diff -U0 .snapshot .now
}

# ---- preparations ----

# With NSB_PREPARE=1 nothing is run: what the tests compile is compiled and kept, for one
# who runs them where a compiler is slow (tests/vm.sh).  Their results mean nothing then.
if [ -n "${NSB_PREPARE:-}" ]; then
	for word in launch starts starts_saying wait_until ask says generate nsb listed fails_with; do
		eval "$word() { :; }"
	done
	for word in snapshot unharmed; do
		eval "$word() { helper state; }"
	done
fi
