#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Boot a kernel in an emulated machine: tests/vm/boot.sh [OPTION...] KERNEL INITRAMFS
#
# KERNEL is a folder made by kernel.sh, INITRAMFS a folder that becomes the machine's
# first file system; its /init runs, as process 1.  The machine has these serial ports:
#   ttyS0  the kernel's messages; they go to a file, and its end is shown when all fails
#   ttyS1  what is said here, on stdout
#   ttyS2  the last word: /init writes `ended N` here and powers off; N becomes our status
# A machine that has not said so in time, or that goes down without it, has failed:
# the status is 124 for a machine that hangs and 125 for one that went down.
#
#   --cpu NAME        the processor (qemu's name), max if not given
#   --memory MIB      2048 if not given
#   --append WORDS    more for the kernel's command line
#   --limit SECONDS   how long it may take, 1800 if not given
#   --share FOLDER    the machine may mount this folder as 9p, read-only, by the name `host`
#   --console FILE    keep the kernel's messages there
#
# There is no KVM: results are the same everywhere, in a virtual machine too.  A timer that comes late on a busy
# host is no reason to panic (no_timer_check).

set -u
cpu=max
memory=2048
append=
limit=1800
share=()
console=

die() {
	echo "boot.sh: $*" >&2
	exit 1
}

while [[ ${1:-} == --* ]]; do
	case $1 in
	--cpu) cpu=$2 ;;
	--memory) memory=$2 ;;
	--append) append=$2 ;;
	--limit) limit=$2 ;;
	--share) share=(-fsdev "local,id=host,path=$2,security_model=none,readonly=on,multidevs=remap"
		-device 'virtio-9p-pci,fsdev=host,mount_tag=host') ;;
	--console) console=$2 ;;
	*) die "no such option: $1" ;;
	esac
	shift 2
done
[ $# = 2 ] || die 'usage: boot.sh [OPTION...] KERNEL INITRAMFS'
kernel=$1 initramfs=$2
command -v qemu-system-x86_64 >/dev/null || die 'qemu-system-x86_64 is missing: apt-get install qemu-system-x86'

work=$(mktemp -d "${TMPDIR:-/tmp}/nsb-boot-XXXXXX") || exit 1
qemu=
trap 'rm -rf "$work"' EXIT
# timeout hands the signal on.
trap '[ -z "$qemu" ] || kill "$qemu"; wait; exit 130' INT TERM
console=${console:-$work/console}

(cd "$initramfs" && find . | cpio -o -H newc --quiet) >"$work/initramfs" || die "cannot pack $initramfs"
nice -n 5 timeout -k 5 "$limit" qemu-system-x86_64 -accel tcg,thread=multi -machine q35 -cpu "$cpu" -smp 2 -m "$memory" \
	-nodefaults -no-user-config -display none -no-reboot \
	-serial "file:$console" -chardev stdio,id=said,signal=off -serial chardev:said -serial "file:$work/last" \
	"${share[@]}" -kernel "$kernel/vmlinuz" -initrd "$work/initramfs" \
	-append "console=ttyS0 8250.nr_uarts=4 panic=-1 no_timer_check $append" </dev/null 2>"$work/errors" &
qemu=$!
wait "$qemu"
status=$?
qemu=

ended=$(sed -n 's/^ended \([0-9]*\).*/\1/p' "$work/last" 2>/dev/null)
[ -z "$ended" ] || exit "$ended"
if [ "$status" = 124 ] || [ "$status" = 137 ]; then
	echo "the machine hangs: it has not ended after $limit s; the kernel said last:"
	status=124
else
	echo "the machine went down too early (qemu: $status); the kernel said last:"
	cat "$work/errors"
	status=125
fi
tail -n 25 "$console" | tr -d '\r' | sed 's/^/# /'
exit "$status"
