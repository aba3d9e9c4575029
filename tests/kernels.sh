#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2015 # what fails on the way fails as the first one does
#
# nsb on the kernels of Debian's releases, in emulated machines: tests/kernels.sh [NAME...]
#
# Boots each machine of the list below, or those that are named (patterns are taken), and runs tests/vm/beats.sh
# there.  A machine has 1 GiB, no KVM, and an initramfs of busybox, static programs and what PIEs need.
# The log of NAME is build/kernels/NAME.log, the kernel's messages are in build/kernels/NAME.console.
# At last a table is printed, for docs/targets.md.  A machine that hangs has failed.
#
# GROUPS_OF_TESTS='kinds kills' runs those only.  MIRROR and KERNELS: see tests/vm/kernel.sh.

set -u
root=$(cd "${0%/*}/.." && pwd)
kernels=${KERNELS:-$root/build/kernels}
limit=${NSB_KERNEL_LIMIT:-2400}	# seconds for one machine

# A machine's name, the release and flavor of its kernel, its processor, and what the kernel is told.
machines='
bullseye-amd64		bullseye	amd64	max
bookworm-amd64		bookworm	amd64	max
trixie-amd64		trixie		amd64	max
sid-amd64		sid		amd64	max
bullseye-686-pae	bullseye	686-pae	max
bookworm-686-pae	bookworm	686-pae	max
trixie-686-pae		trixie		686-pae	max
sid-686-pae		sid		686-pae	max
no-AVX			trixie		amd64	qemu64
vsyscall-emulate	trixie		amd64	max	vsyscall=emulate
no-32-bit		trixie		amd64	max	ia32_emulation=0
'
groups='kinds traps registers seccomp namespaces io_uring kills memfd_noexec paranoid Yama'

# What the machines run is compiled by the words of the tests.
NSB_ABIS='amd64 i386'
. "$root/tests/lib.sh"

# into FOLDER NAME KIND PATCH...: a target and its patches, FOLDER/KIND.
into() {
	local to=$1/$3 source
	mkdir -p "$to" && build "$2" "$3" && cp "${program%/*}"/* "$to/" || return 1
	object=$to/$2
	[ "$3" != so ] || object=$to/lib$2.so
	for source in "${@:4}"; do
		(cd "$to" && patch_from "$source") || return 1
	done
}

# libraries PROGRAM ROOT: what it is loaded with, at the same places.  ldd would have to run it, which this kernel may not.
libraries() {
	local name path
	for name in $(readelf -lW "$1" | sed -n 's/.*interpreter: \(.*\)]/\1/p') $(readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		path=$name
		[[ $path = /* ]] || path=$(realpath -s "$(gcc "$(mflag)" -print-file-name="$name")")
		[ -e "$path" ] || { echo "$1 needs $name, which is not here"; return 1; }
		[ -e "$2$path" ] || { mkdir -p "$2${path%/*}" && cp -L "$path" "$2$path" && libraries "$path" "$2"; } || return 1
	done
}

# fill ROOT: all programs of $abi.
fill() {
	local to=$1/t/$abi kind
	NSB_NATIVE=$(mflag)
	export NSB_NATIVE
	for kind in static static-pie pie so; do
		into "$to" threads "$kind" work.c climb.c || return 1
	done
	into "$to" confined static greet.c && into "$to" registers pie beat.c && into "$to" registers static beat.c &&
	cp "$(helper state -static)" "$to/state" && cp "$(helper nth -static)" "$to/nth" && cp "$(helper nothing -static)" "$to/nothing" &&
	cp "$(helper zoo -shared -fPIC -pthread)" "$to/zoo.so" && libraries "$to/pie/threads" "$1"
}

# prepare ARCH: the part of the file system that all machines of it share; sets $base.
prepare() {
	base=$folder/$1
	[ ! -e "$base" ] || return 0
	mkdir -p "$base/bin" "$base/etc" "$base/w" "$base/mnt" && install -m 755 "$root/tests/vm/init.sh" "$base/init" && cp "$root/tests/vm/beats.sh" "$base/" &&
	echo / >"$base/folder" && echo 'sh /beats.sh' >"$base/commands" && echo "${GROUPS_OF_TESTS:-}" >"$base/groups" &&
	printf '#!/bin/busybox sh\nexec /bin/busybox sh "$@"\n' >"$base/bin/bash" && chmod 755 "$base/bin/bash" || return 1
	if [ "$1" = amd64 ]; then
		strip -o "$base/nsb" "$NSB_BUILD/nsb" && abi=amd64 fill "$base" && abi=i386 fill "$base"
	else
		strip -o "$base/nsb" "$NSB_BUILD/i386/nsb" && abi=i386 fill "$base"
	fi
}

# wanted NAME PATTERNS...
wanted() {
	local name=$1 pattern
	shift
	[ $# != 0 ] || return 0
	for pattern; do
		# shellcheck disable=SC2053 # patterns are wanted
		[[ $name != $pattern ]] || return 0
	done
	return 1
}

# boot NAME RELEASE FLAVOR CPU WORDS: its status is that of the machine, 2 if there is no such kernel.
boot() {
	local kernel arch=amd64
	[ "$3" = amd64 ] || arch=i386
	kernel=$("$root/tests/vm/kernel.sh" "$2" "$3") || return
	prepare "$arch" >"$folder/log" 2>&1 || { cat "$folder/log"; return 1; }
	rm -rf "$folder/initramfs"
	cp -a "$base" "$folder/initramfs" && install -m 755 "$kernel/busybox" "$folder/initramfs/bin/busybox" || return 1
	exec "$root/tests/vm/boot.sh" --cpu "$4" --memory 1024 --limit "$limit" --console "$kernels/$1.console" --append "$5" "$kernel" "$folder/initramfs"
}

# counts NAME GROUP: passed of all, for a field of the table.
counts() {
	awk -v group=" - $2: " '
		index($0, group) && /# SKIP/ { skipped++; next }
		index($0, group) { all++; good += /^ok/ }
		END { if (all) printf "%d of %d", good, all; else printf skipped ? "not there" : "-" }
	' "$kernels/$1.log"
}

told=()
failures=0
booting=
trap '[ -z "$booting" ] || kill "$booting"; wait; exit 130' INT TERM
mkdir -p "$kernels"
while read -r name release flavor cpu words <&3; do
	[ -n "$name" ] && wanted "$name" "$@" || continue
	log=$kernels/$name.log
	told+=("$name")
	boot "$name" "$release" "$flavor" "$cpu" "$words" </dev/null >"$log" 2>&1 &
	booting=$!
	wait "$booting"
	status=$?
	booting=
	sed -i 's/\r$//' "$log"
	if [ "$status" = 2 ]; then
		rm -f "$log"
		echo "$name: $release has no such kernel"
		continue
	fi
	grep -vE '^(ok|1\.\.)' "$log" | sed "s/^/$name: /"
	if [ "$status" != 0 ] || ! grep -q '^1\.\.' "$log"; then
		failures=$((failures + 1))
		echo "$name: not ok (status $status)"
	else
		echo "$name: $(grep '^ok' "$log" | grep -cv '# SKIP') passed"
	fi
done 3<<<"$machines"

echo
printf '| machine | kernel |'
printf ' %s |' $groups
printf '\n| --- | --- |'
printf ' --- |%.0s' $groups
printf '\n'
for name in "${told[@]}"; do
	[ -s "$kernels/$name.log" ] || { echo "| $name | the release has none |"; continue; }
	printf '| %s | %s |' "$name" "$(sed -n 's/^# Linux //p' "$kernels/$name.log")"
	for group in $groups; do
		printf ' %s |' "$(counts "$name" "$group")"
	done
	printf '\n'
done
[ "$failures" = 0 ] && [ "${#told[@]}" != 0 ]
