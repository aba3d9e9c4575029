#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Unpack the source of a Debian package: tests/source.sh PACKAGE FOLDER
#
# It comes from where this system takes its packages; apt's lists of sources are
# kept in $NSB_BUILD/tests/src, so that the system's own are not touched, and so are
# the files fetched.  FOLDER must not exist yet.  Exits with 1 and one line on
# stderr if the source cannot be had.

set -u
root=$(cd "${0%/*}/.." && pwd)
NSB_BUILD=${NSB_BUILD:-$root/build}

die() {
	echo "source.sh: $*" >&2
	exit 1
}

[ $# = 2 ] || die 'usage: source.sh PACKAGE FOLDER'
package=$1
folder=$2
[ -e "$folder" ] && die "$folder exists"
command -v apt-get >/dev/null || die "no source of $package: this is no Debian"
command -v dpkg-source >/dev/null || die "no source of $package: dpkg-dev is missing"

cache=$NSB_BUILD/tests/src
mkdir -p "$cache/fetched/$package" || die "cannot make $cache/fetched/$package"
cache=$(cd "$cache" && pwd)
# Two tests may want sources at the same time; apt keeps one state.
exec {lock}>"$cache/lock"
flock "$lock" || die "cannot lock $cache/lock"

# The system's sources, once more, as sources of source packages.
write_sources() {
	local file
	mkdir -p "$cache/sources.d" "$cache/lists/partial" "$cache/archives/partial" || return 1
	rm -f "$cache/sources.d"/*
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -e "$file" ] &&
		sed 's/^Types:.*/Types: deb-src/; /^Architectures:/d' "$file" \
			>"$cache/sources.d/${file##*/}"
	done
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -e "$file" ] &&
		sed -n 's/^deb\(-src\)\{0,1\}\([[:space:]]\)/deb-src\2/p' "$file" | sort -u \
			>"$cache/sources.d/${file##*/}"
	done
	[ -n "$(ls "$cache/sources.d")" ]
}

apt() {
	apt-get -qq \
		-o Dir::Etc::SourceList=/dev/null \
		-o Dir::Etc::SourceParts="$cache/sources.d" \
		-o Dir::State::Lists="$cache/lists" \
		-o Dir::Cache::archives="$cache/archives" \
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		-o APT::Sandbox::User=root \
		-o Acquire::Languages=none -o Acquire::Retries=2 "$@"
}

if ! ls "$cache/fetched/$package"/*.dsc >/dev/null 2>&1; then
	write_sources || die "no source of $package: apt knows no mirror here"
	# One index that cannot be had is no failure: what counts is the source.
	apt update >"$cache/log" 2>&1
	(cd "$cache/fetched/$package" && apt source --download-only "$package") \
		>>"$cache/log" 2>&1 || {
		rm -rf "${cache:?}/fetched/$package"
		die "no source of $package: $(grep '^E:' "$cache/log" | tail -n 1)"
	}
fi
set -- "$cache/fetched/$package"/*.dsc
dpkg-source --no-check --no-copy -x "$1" "$folder" >"$cache/log" 2>&1 || {
	rm -rf "$folder"
	die "cannot unpack $1: $(tail -n 1 "$cache/log")"
}
