#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Process 1 of the emulated machines (boot.sh).  It runs the file /commands by bash, in
# the folder that /folder names.  With modules in /modules the root is the host's, with
# all that is written going to memory; else it is the initramfs.

# say_last STATUS: the last word, and power off.
say_last() {
	echo "ended $1" >/dev/ttyS2
	# What a serial port still has to send is lost when the machine is off.
	"$busybox" stty -F /dev/ttyS2 sane
	"$busybox" stty -F /dev/ttyS1 sane
	"$busybox" poweroff -f
}

# What is run in the last root: `init finish`.
busybox=/bin/busybox
if [ "${1:-}" = finish ]; then
	[ ! -e /run/busybox ] || busybox=/run/busybox
	cd "$("$busybox" cat /run/folder)" &&
	"$busybox" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
		TMPDIR=/run/tests bash /run/commands
	say_last $?
fi

/bin/busybox --install -s /bin
export PATH=/bin
mkdir -p /proc /sys /dev /run /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
stty -F /dev/ttyS1 raw -echo
stty -F /dev/ttyS2 raw -echo
exec >/dev/ttyS1 2>&1 </dev/null

if [ -e /modules ]; then
	# A module that is not there is part of the kernel.
	{ mkdir -p /lib/modules && mv /modules "/lib/modules/$(uname -r)" && depmod; } || say_last 125
	for name in /lib/modules/*/*.ko; do
		modprobe "$(basename "$name" .ko)" || say_last 125
	done
	new=/new
	mkdir -p /host /memory /new
	{
		mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=262144 host /host &&
		mount -t tmpfs -o size=80%,mode=755 memory /memory && mkdir /memory/upper /memory/work &&
		mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /new &&
		mount --move /proc /new/proc && mount --move /sys /new/sys && mount --move /dev /new/dev
	} || say_last 125
else
	new=
fi
{
	mount -t tmpfs -o mode=755 tmpfs $new/run && mkdir -m 1777 $new/run/tests &&
	mkdir -p $new/dev/pts $new/dev/shm &&
	mount -t devpts -o mode=620,ptmxmode=666 devpts $new/dev/pts &&
	mount -t tmpfs -o mode=1777 tmpfs $new/dev/shm &&
	mount -t cgroup2 cgroup2 $new/sys/fs/cgroup &&
	cp /folder /commands /init $new/run/
} || say_last 125
[ -e $new/dev/fd ] || ln -s /proc/self/fd $new/dev/fd
ip link set lo up
hostname nsb
[ -n "$new" ] || exec /bin/busybox sh /init finish
cp /bin/busybox /new/run/busybox || say_last 125
exec switch_root /new /run/busybox sh /run/init finish
