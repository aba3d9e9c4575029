#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Packages that nsb needs: tests/deps.sh [build|demo|bench|test|corpus|vm]
#
# build: to build it; demo, bench: for make demo, make bench; test, the default: for make check;
# corpus: for make check-corpus, too; vm: for make check-vm and check-kernels, besides those of test.
# Installs what is missing when run by root; otherwise says what to install.

set -u

# NAME? is a package that some releases have no need of or do not have: gold is part of
# binutils in Debian 12, and a package from 13 on.
build='gcc make libc6-dev binutils libelf-dev libunwind-dev zlib1g-dev liblzma-dev gcc-multilib'
test='clang llvm gdb shellcheck python3 musl-tools strace procps mandoc util-linux
	dpkg-dev build-essential lintian git ca-certificates libevent-dev dwz elfutils lld g++ g++-multilib libc6-dbg
	libclang-rt-dev? binutils-gold? mold? ccache? valgrind? rpm? rpmlint? libzydis-dev? ansible-core? python3-yaml? openssh-client'
corpus='patchutils autoconf automake libtool autopoint gettext bison flex cmake pkg-config
	libncurses-dev nettle-dev libgmp-dev libsasl2-dev libssl-dev libpam0g-dev libcap-dev
	libjpeg-dev libselinux1-dev'
vm='qemu-system-x86 busybox-static cpio xz-utils zstd debian-archive-keyring'

case ${1:-test} in
build) wanted=$build ;;
demo) wanted="$build python3" ;;
bench) wanted="$build python3 gdb gnuplot-nox dpkg-dev libevent-dev" ;;
test) wanted="$build $test" ;;
corpus) wanted="$build $test $corpus" ;;
vm) wanted="$build $test $vm" ;;
*) echo "usage: deps.sh [build|demo|bench|test|corpus|vm]" >&2; exit 64 ;;
esac

if ! command -v dpkg-query >/dev/null; then
	echo "deps.sh: this is no Debian; nsb needs what these packages have: ${wanted//\?/}" >&2
	exit 0
fi

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Does apt know where to get it?
is_offered() {
	apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# missing_packages: those of $wanted that are to be installed, into $missing.
missing_packages() {
	local package
	missing=()
	for package in $wanted; do
		if ! is_installed "${package%\?}" && { [[ $package != *\? ]] || is_offered "${package%\?}"; }; then
			missing+=("${package%\?}")
		fi
	done
}

missing_packages
[ "${#missing[@]}" = 0 ] && exit 0

if [ "$(id -u)" != 0 ]; then
	echo "deps.sh: install these packages first: apt-get install ${missing[*]}" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
# One index that cannot be had is no failure: what counts is the packages.
apt-get -q update >"$log" 2>&1
missing_packages
echo "installing ${missing[*]}"
if ! apt-get -q -y --no-install-recommends install "${missing[@]}" >>"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "deps.sh: cannot install ${missing[*]}" >&2
	exit 1
fi
