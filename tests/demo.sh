#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make demo: patch a running server, step by step, explained.

set -eu

root=$(cd "${0%/*}/.." && pwd)
build=${NSB_BUILD:-$root/build}
build=$(cd "$build" && pwd)
nsb=${NSB:-$build/nsb}
nsb_gen=${NSB_GEN:-$build/nsb-gen}
cc=(gcc)
[ "${ARCH:-amd64}" = amd64 ] || cc+=(-m32)
umask 022
work=$(mktemp -d)
clients=()
server=

clean_up() {
	exec 3>&- 4>&- 5>&- 2>/dev/null || true
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT

step=0
bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\033[1m' plain=$'\033[0m'
fi
explain() {
	step=$((step + 1))
	printf '\n%s%d. %s%s\n' "$bold" "$step" "$1" "$plain"
	shift
	[ $# = 0 ] || printf '   %s\n' "$@"
}

run() {
	printf '   $ %s\n' "$*"
	"$@" 2>&1 | sed 's/^/     /'
}

# Three clients that stay connected all the time: python processes with a pipe each.
client='
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rw")
for line in sys.stdin:
    f.write(line); f.flush()
    answer = f.readline()
    if not answer: sys.exit("the server hung up")
    print(answer, end="", flush=True)
'

ask_all() {
	local i answer
	for i in 1 2 3; do
		echo "$1" >"$work/to$i"
		read -r answer <"$work/from$i"
		printf '     client %d asks for %s: %s\n' "$i" "$1" "$answer"
		[[ $answer == "$1 pieces: $2 "* ]] || { echo "   that is not what it should say: $2" >&2; exit 1; }
	done
}

cd "$work"

explain 'A server is running, and three clients are connected to it.' \
	'It was built as distributions build: optimised, with debug info (which may lie in a file of its own).'
"${cc[@]}" -O2 -g -o demo "$root/tests/targets/demo.c"
mkfifo ready
./demo "$work/socket" >ready &
server=$!
read -r _ <ready
for i in 1 2 3; do
	mkfifo "to$i" "from$i"
	python3 -c "$client" "$work/socket" <"to$i" >"from$i" &
	clients+=($!)
done
exec 3<>to1 4<>to2 5<>to3 6<>from1 7<>from2 8<>from3
echo "   the server is process $server"

explain 'It has a bug: who orders -5 pieces is paid 15.'
ask_all -5 -15

explain 'The fix is the same function, copied to a file of its own and mended.' \
	'Its static variable stays that of the server: a macro of <nsb/vzp.h> names it.'
sed -n '/#include/,$p' "$root/tests/patches/demo.c" | sed 's/^/     /'

explain 'Build it as a shared object, and let nsb-gen write into it what nsb has to know.' \
	'nsb-gen compares it with the debug info of the server, and refuses what cannot work.'
run "${cc[@]}" -g -O2 -fPIC -shared "-I$root/include" -o fix.so "$root/tests/patches/demo.c"
run "$nsb_gen" generate --mode manual demo fix.so

explain 'Could it be applied now? nsb looks at the stack of each thread.'
run "$nsb" check -p "$server" -f fix.so || true

explain 'Apply it. The process stands still for a fraction of a millisecond; no connection notices.'
run "$nsb" patch -v -p "$server" -f fix.so

explain 'The same clients, on the same connections, get the new answer. The requests were counted on.'
ask_all -5 0
ask_all 5 15

explain 'What patches are in which process?'
run "$nsb" list -p "$server"

explain 'Take it out again: every byte of its code is as it was, and so is the answer.'
run "$nsb" revert -p "$server" -f fix.so
ask_all -5 -15

explain 'Its code is gone.  Strings that the program may still hold stay.  No client was disconnected.'
run "$nsb" list -p "$server"
for pid in "${clients[@]}"; do
	kill -0 "$pid" || { echo '   a client has gone' >&2; exit 1; }
done
kill "${clients[@]}"
printf '\nThat was all of it. README.md has a tutorial for patches of your own.\n'
