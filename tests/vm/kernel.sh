#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fetch a kernel of Debian's: tests/vm/kernel.sh [-u] RELEASE FLAVOR
#
# RELEASE is bullseye, bookworm, trixie or sid; FLAVOR is amd64 or 686-pae.  The newest
# package of that flavor is unpacked into a folder that has `vmlinuz`, `name` (that of
# the package, and its version), `modules` (the few that the machines of tests/vm
# load) and `busybox`, a static one that the kernel can run.  The folder is printed.  A kernel that is there is taken as it is; -u asks
# whether there is a newer one.  The exit status is 2 if the release has no such kernel.
#
# KERNELS is where they are kept, build/kernels if it is not set.  Packages come from
# where this host takes its own, unless MIRROR and SECURITY_MIRROR say otherwise.  apt
# works in a state of its own: nothing is installed.

set -u
root=$(cd "${0%/*}/../.." && pwd)
kernels=${KERNELS:-$root/build/kernels}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
modules='virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci
	fscache netfs 9pnet 9pnet_virtio 9p overlay'

die() {
	echo "kernel.sh: $*" >&2
	exit 1
}

# mirror LABEL: where this host takes packages with this label from.
mirror() {
	apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 2>/dev/null | sed -n "/^Debian $1 /{s///p;q}"
}

apt_there() {
	apt-get -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
		-o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$state/lists" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$state/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# list_sources: those of the release.  sid has no security updates of its own.
list_sources() {
	local main security
	main=${MIRROR:-$(mirror Debian)}
	security=${SECURITY_MIRROR:-$(mirror Debian-Security)}
	[ -n "$main" ] || die 'apt takes nothing from Debian here: say where from by MIRROR=URL'
	[ -e "$keyring" ] || die "$keyring is missing: install debian-archive-keyring"
	echo "deb [signed-by=$keyring] $main $release main"
	if [ "$release" != sid ] && [ -n "$security" ]; then
		echo "deb [signed-by=$keyring] $security $release-security main"
	fi
}

# newest: the packages that linux-image-FLAVOR stands for, `NAME VERSION` each.  Newer
# releases have the kernel and its modules in packages of their own.
newest() {
	apt_there -s --no-install-recommends install "linux-image-$flavor" 2>/dev/null |
		sed -n -E 's/^Inst (linux-(image|binary|modules)-[0-9]+\.[^ ]*) \(([^ ]*) .*/\1 \3/p' | sort
}

# learn: sets $found to them.
learn() {
	apt_there update >"$state/log" 2>&1
	found=$(newest)
	[ -n "$found" ]
}

# download: them, and a busybox for the same machine, to $state/debs.
download() {
	local packages
	mapfile -t packages < <(cut -d ' ' -f 1 <<<"$found")
	rm -f "$state"/debs/*
	(cd "$state/debs" && apt_there download "${packages[@]}" busybox-static) >>"$state/log" 2>&1
}

# unpack FOLDER: the kernel and its modules, uncompressed, of the packages in $state/debs.
unpack() {
	local deb module path
	mkdir -p "$1/modules" "$1/all" || return
	for deb in "$state"/debs/*.deb; do
		dpkg-deb -x "$deb" "$1/all" || return
	done
	cp "$(find "$1/all" -name 'vmlinuz*' -type f -print -quit)" "$1/vmlinuz" &&
		cp "$(find "$1/all" -path '*/bin/busybox' -type f -print -quit)" "$1/busybox" || return
	for module in $modules; do
		path=$(find "$1/all" -name "$module.ko*" -type f)
		case $path in
		*.xz) xz -dc "$path" >"$1/modules/$module.ko" || return ;;
		*.zst) zstd -qdc "$path" >"$1/modules/$module.ko" || return ;;
		*.ko) cp "$path" "$1/modules/" || return ;;
		esac
	done
	rm -rf "$1/all"
}

update=
if [ "${1:-}" = -u ]; then
	update=1
	shift
fi
[ $# = 2 ] || die 'usage: kernel.sh [-u] RELEASE FLAVOR'
release=$1 flavor=$2
case $flavor in
amd64) arch=amd64 ;;
686*) arch=i386 ;;
*) die "there is no flavor $flavor" ;;
esac
folder=$kernels/$release-$flavor
if [ -z "$update" ] && [ -e "$folder/busybox" ]; then
	echo "$folder"
	exit 0
fi

state=$folder.apt
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/debs" || exit 1
state=$(cd "$state" && pwd)
list_sources >"$state/sources.list"
learn
if [ -z "$found" ]; then
	# An index that could not be had tells nothing.
	grep -q . "$state"/lists/*_"${release}_main_binary-${arch}"_Packages* 2>/dev/null ||
		die "cannot learn what $release has: $(tail -n 1 "$state/log")"
	rm -rf "$state"
	exit 2
fi
if [ "$found" != "$(cat "$folder/name" 2>/dev/null)" ] || ! [ -e "$folder/busybox" ]; then
	download || {
		# Where a release comes to its end, its mirror may know of packages that it has no more.
		echo "kernel.sh: ${found%% *} cannot be had: $(tail -n 1 "$state/log")" >&2
		sed -i '/-security main$/d' "$state/sources.list"
		{ learn && download; } || die "cannot download ${found%% *}: $(tail -n 1 "$state/log")"
	}
	rm -rf "$folder" "$folder.new"
	unpack "$folder.new" || die "cannot unpack ${found%% *}"
	echo "$found" >"$folder.new/name" && mv "$folder.new" "$folder" || exit 1
fi
rm -rf "$state"
echo "$folder"
