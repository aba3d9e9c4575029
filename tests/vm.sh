#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run tests in an emulated machine, on another kernel than the host's:
# tests/vm.sh [OPTION...] [ARGUMENTS OF tests/run]
#
#	tests/vm.sh -a both t-kinds t-signals
#	tests/vm.sh --kernel trixie --append ia32_emulation=0 -v t-kinds
#	tests/vm.sh --command 'tests/run -v u-elf; dmesg'
#
# The machine sees the host's files, and writes to memory only: what is built there is
# gone with it.  So build first: `make all unit`, `make ARCH=i386 build/i386/nsb`; this
# is what `make check-vm ONLY='t-kinds t-signals'` does.  It has no network.
#
# It is emulated without KVM, so all is ten to thirty times slower, and a test may take
# NSB_SLOW times as long as elsewhere (10 if it is not set).  As compilers are the slowest,
# what the tests compile is compiled before, on the host (NSB_PREPARE, see tests/run).
#
#   --kernel RELEASE  of Debian; bookworm if not given.  See tests/vm/kernel.sh.
#   --command WORDS   this in place of tests/run
#   --cpu, --memory, --append, --limit, --console  see tests/vm/boot.sh
#
# Exit status: that of tests/run; 124 for a machine that hangs, 125 for one that went down.

set -u
root=$(cd "${0%/*}/.." && pwd)
release=bookworm
command=
options=(--limit 14400 --memory 3072)

while [[ ${1:-} == --* ]]; do
	case $1 in
	--) shift; break ;;
	--kernel) release=$2 ;;
	--command) command=$2 ;;
	--cpu|--memory|--append|--limit|--console) options+=("$1" "$2") ;;
	*) echo "vm.sh: no such option: $1" >&2; exit 64 ;;
	esac
	shift 2
done
if [ -z "$command" ]; then
	command="tests/run ${*@Q}"
	NSB_PREPARE=1 "$root/tests/run" "$@"
fi

kernel=$("$root/tests/vm/kernel.sh" "$release" amd64) || exit 125
initramfs=$(mktemp -d "${TMPDIR:-/tmp}/nsb-vm-XXXXXX") || exit 125
booting=
trap 'rm -rf "$initramfs"' EXIT
trap '[ -z "$booting" ] || kill "$booting"; wait; exit 130' INT TERM
mkdir "$initramfs/bin" &&
cp "$(command -v busybox)" "$initramfs/bin/busybox" &&
cp "$root/tests/vm/init.sh" "$initramfs/init" &&
cp -r "$kernel/modules" "$initramfs/modules" &&
echo "$root" >"$initramfs/folder" || exit 125
# The environment of tests is passed on; what they need to know of the machine is added.
{
	echo "export NSB_SLOW=${NSB_SLOW:-10}"
	for name in NSB_BUILD NSB_LONG NSB_ABIS; do
		[ -z "${!name:-}" ] || echo "export $name=${!name@Q}"
	done
	echo "$command"
} >"$initramfs/commands"
"$root/tests/vm/boot.sh" "${options[@]}" --share / "$kernel" "$initramfs" &
booting=$!
wait "$booting"
