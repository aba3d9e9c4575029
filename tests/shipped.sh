#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fixes of tests/corpus/fixes.tsv and the binaries that Debian ships: tests/shipped.sh [PACKAGE...]
#
# What Debian ships has these fixes.  So the change that is made into a patch is the fix taken
# out, as a diff of the package's source, which is as hard.  nsb-build --debian does all the
# rest, from the package's name and its version: no build command is kept here.
# The result is a line of $NSB_BUILD/corpus/shipped.tsv for each fix, and a table of all,
# shipped.md.  Builds are kept in $NSB_BUILD/corpus/cache.
# The build dependencies have to be installed (apt-get build-dep); a package that lacks some is
# passed over.  Exit status 1: one has failed.

set -u
root=$(cd "${0%/*}/.." && pwd)
NSB_BUILD=${NSB_BUILD:-$root/build}
list=$root/tests/corpus/fixes.tsv
base=$NSB_BUILD/corpus/shipped
results=$NSB_BUILD/corpus/shipped.tsv
export LC_ALL=C XDG_CACHE_HOME=$NSB_BUILD/corpus/cache APT_CONFIG=$base/apt/conf
mkdir -p "$base"/apt/{lists/partial,archives/partial,sources.d} "$XDG_CACHE_HOME" || exit 1

# The package with the code, where its name is not that of the source.
declare -A binary=(
	[cjson]=libcjson1 [dnsmasq]=dnsmasq-base [expat]=libexpat1 [hiredis]=libhiredis0.14 [jq]=libjq1 [libevent]=libevent-2.1-7
	[libexif]=libexif12 [libtar]=libtar0 [redis]=redis-tools [tiff]=libtiff6 [yajl]=libyajl2)

# The system's sources of packages, once more with those of source packages.
apt_here() {
	local file
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -e "$file" ] && sed 's/^Types:.*/Types: deb deb-src/' "$file" >"$base/apt/sources.d/${file##*/}"
	done
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -e "$file" ] && sed -n 's/^deb\([[:space:]].*\)/deb\1\ndeb-src\1/p' "$file" >"$base/apt/sources.d/${file##*/}"
	done
	printf '%s\n' 'Dir::Etc::SourceList "/dev/null";' "Dir::Etc::SourceParts \"$base/apt/sources.d\";" "Dir::State::Lists \"$base/apt/lists\";" \
		"Dir::Cache::archives \"$base/apt/archives\";" 'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' \
		'APT::Sandbox::User "root";' 'Acquire::Languages "none";' >"$APT_CONFIG"
	apt-get -qq update >"$base/apt/log" 2>&1
}

# The source of the package, in $folder/src, once.
unpack() {
	[ -d "$folder/src" ] && return
	why='its source is not to be had'
	rm -rf "$folder" && mkdir -p "$folder/got" &&
	(cd "$folder/got" && apt-get -q source --download-only "$package" && dpkg-source --no-check -x ./*.dsc "$folder/src") >"$folder/log" 2>&1
}

# reverse.diff: the source of the package without the fix.
take_out() {
	local each
	why='the fix cannot be taken out'
	rm -rf "$folder/a" "$folder/b" && cp -a "$folder/src" "$folder/a" && cp -a "$folder/src" "$folder/b" && (
		cd "$folder/b" || exit 1
		for each in ${pop_first//,/ }; do
			[ ! -e "debian/patches/$each" ] || filterdiff -p1 -x 'tests/*' "debian/patches/$each" | patch -p1 -R -N || exit 1
		done
		eval "$reverse_with"
	) >"$work/log" 2>&1 && {
		(cd "$folder" && diff -urN -x .pc -x debian -x '*.orig' -x '*.rej' a b) >"$work/reverse.diff"
		[ -s "$work/reverse.diff" ]
	}
}

# version_of PACKAGE VERSION: the version of the package that was built from that version of its source: 1.0-1+b1 from 1.0-1.
version_of() {
	apt-cache show "$1" | awk -v RS= -v want="$2" '{
		version = source = ""
		for (i = split($0, line, "\n"); i > 0; i--) {
			if (line[i] ~ /^Version: /)
				version = substr(line[i], 10)
			if (line[i] ~ /^Source: .*\(/)
				source = substr(line[i], index(line[i], "(") + 1, length(line[i]) - index(line[i], "(") - 1)
		}
		if ((source != "" ? source : version) == want) {
			print version
			exit
		}
	}'
}

# One fix: sets verdict and why.
fix() {
	local name status version
	verdict=passed-over
	unpack && mkdir -p "$work" || return
	why='its build dependencies are not installed'
	! apt-get -s build-dep "$package" 2>&1 | grep -qE '^(Inst|E:)' || return
	verdict=failed
	take_out || return
	name=${binary[$package]:-$package}
	version=$(version_of "$name" "$(sed -n '1s/.*(\(.*\)).*/\1/p' "$folder/src/debian/changelog")")
	"$NSB_BUILD/nsb-build" -o "$work" --debian "$name=$version" "$work/reverse.diff" >"$work/told" 2>"$work/said"
	status=$?
	why=$(grep '^nsb-build: ' "$work/said" | tail -n 1 | sed "s|$base/||g; s|$XDG_CACHE_HOME/||g; s/^nsb-build: //; s/ (log: .*//")
	case $status in
	0) verdict=patched why="new or replaced functions: $(grep -cE '^  (replaced|new) ' "$work/told")" ;;
	3 | 6) verdict=same ;;
	7) verdict=refused ;;
	esac
}

apt_here || echo "shipped.sh: apt-get update: $(tail -n 1 "$base/apt/log")" >&2
: >"$results"
# Tabs in a row are empty fields to awk, but one separator to read.
while IFS=$'\x1f' read -r package patch cve class reverse_with pop_first; do
	[ $# = 0 ] || [[ " $* " == *" $package "* ]] || continue
	folder=$base/$package work=$base/$package/${patch//\//_} why='' began=$SECONDS
	fix
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$package" "${cve:-$patch}" "$class" "$verdict" "$((SECONDS - began))" "$why" | tee -a "$results"
done < <(awk -F '\t' -v OFS='\x1f' 'NR > 1 { print $1, $3, $4, $6, $9, $10 }' "$list")

{
	echo '| package | fix | class | verdict | time, s | |'
	echo '| --- | --- | --- | --- | ---: | --- |'
	awk -F '\t' '{ gsub(/\|/, "\\|", $6); print "| " $1 " | " $2 " | " $3 " | " $4 " | " $5 " | " $6 " |" }' "$results"
} >"$NSB_BUILD/corpus/shipped.md"
awk -F '\t' '{ n[$4]++ } END { for (v in n) print v ": " n[v] }' "$results"
! awk -F '\t' '$4 == "failed"' "$results" | grep -q .
