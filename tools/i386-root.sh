#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Unpack Debian's i386 packages of the libraries that a 32-bit nsb links into a
# folder.  The system is untouched: apt works in a state of its own, and nothing
# is installed, so versions cannot clash with the amd64 packages.
# usage: i386-root.sh FOLDER
set -eu

root=$1
packages='libunwind-dev libelf-dev liblzma-dev libzstd-dev zlib1g-dev'

if [ "$(cat "$root/.complete" 2>/dev/null)" = "$packages" ]; then
	touch "$root/.complete"
	exit 0
fi
state=$root.apt
rm -rf "$root" "$state"
mkdir -p "$root" "$state/lists/partial" "$state/cache/archives/partial" "$state/debs"
state=$(cd "$state" && pwd)

apt_i386() {
	apt-get -qq -o APT::Architecture=i386 -o APT::Architectures=i386 \
		-o Dir::State::Lists="$state/lists" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$state/cache" -o APT::Sandbox::User=root "$@"
}

# One broken index among good ones is no failure: what counts is the download.
apt_i386 update >"$state/log" 2>&1 || true
for package in $packages; do
	if ! (cd "$state/debs" && apt_i386 download "$package") >>"$state/log" 2>&1; then
		echo "i386-root.sh: cannot download $package for i386:" >&2
		tail -n 3 "$state/log" >&2
		exit 1
	fi
done
for deb in "$state"/debs/*.deb; do
	dpkg -x "$deb" "$root"
done
rm -rf "$state"
# The shared libraries that these point to are in other packages, and nothing would find
# them here when a program is started: archives are linked.
find "$root" -name '*.so' -delete
echo "$packages" >"$root/.complete"
