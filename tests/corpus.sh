#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Real security fixes, as live patches: tests/corpus.sh [PACKAGE...]
#
# tests/corpus/fixes.tsv lists fixes of Debian's packages.  Each package is built
# once with all its fixes.  For each fix it is built without it, which gives the
# target, and the objects that differ are built on both sides for auto mode; the
# patch is applied to a process that has the target loaded, and reverted.
# The result is a line of $NSB_BUILD/corpus/results; of all of them $NSB_BUILD/corpus/table.md
# is made, which docs/corpus.md has.  What was built is kept in $NSB_BUILD/corpus.
# Exit status 1: one has failed.

set -u
root=$(cd "${0%/*}/.." && pwd)
NSB_BUILD=${NSB_BUILD:-$root/build}
nsb=$NSB_BUILD/nsb
gen=$NSB_BUILD/nsb-gen
list=$root/tests/corpus/fixes.tsv
base=$NSB_BUILD/corpus
results=$base/results
pic='-fPIC -fno-semantic-interposition -ffunction-sections -fdata-sections'
mkdir -p "$base/bin" "$results" || exit 1

# A compiler that adds what the moment asks for, and strips nothing.  Debian's flags come
# first, for packages that want them from the environment.
cat >"$base/bin/gcc" <<'END'
#!/bin/bash
for word; do
	shift
	case $word in
	-s | -Wl,-s) ;;
	*) set -- "$@" "$word" ;;
	esac
done
# shellcheck disable=SC2086 # a list of flags
exec /usr/bin/gcc -g -O2 "$@" $NSB_FLAGS
END
chmod +x "$base/bin/gcc"
export PATH="$base/bin:$PATH" NSB_FLAGS='' MAKEFLAGS=-j2 SOURCE_DATE_EPOCH=1700000000 LC_ALL=C

# Loads a library and waits; or, preloaded, waits before main().
make_host() {
	cat >"$base/host.c" <<-'END'
		#include <dlfcn.h>
		#include <stdio.h>
		#include <unistd.h>
		#ifdef PRELOADED
		__attribute__((constructor)) static void wait_here(void) { write(1, "ready\n", 6); for (;;) pause(); }
		#else
		int main(int argc, char **argv)
		{
			if (argc < 2 || !dlopen(argv[1], RTLD_LAZY | RTLD_GLOBAL)) {
				fprintf(stderr, "%s\n", dlerror());
				return 1;
			}
			write(1, "ready\n", 6);
			for (;;)
				pause();
		}
		#endif
	END
	/usr/bin/gcc -o "$base/host" "$base/host.c" &&
	/usr/bin/gcc -DPRELOADED -shared -fPIC -o "$base/wait.so" "$base/host.c"
}

# built COMMANDS: in the source folder; all that was said goes to ../log.
built() {
	(cd "$source" && eval "$1") >>"$package_folder/log" 2>&1 </dev/null
}

# The package with all fixes in it, configured and built, in $source; a copy in pristine.
prepare() {
	package_folder=$base/$package
	source=$package_folder/src
	[ -e "$package_folder/pristine" ] && return
	rm -rf "$package_folder" && mkdir -p "$package_folder" || return 1
	"$root/tests/source.sh" "$package=$version" "$source" 2>>"$package_folder/log" ||
	"$root/tests/source.sh" "$package=${version%[+~]deb12u*}" "$source" 2>>"$package_folder/log" || {
		verdict=missing why=$(tail -n 1 "$package_folder/log")
		return 1
	}
	why='does not build'
	built "$configure" && built "$make" && cp -a "$source" "$package_folder/pristine"
}

restore() {
	rm -rf "$source" && cp -a "$package_folder/pristine" "$source"
}

# drop OBJECTS...: have them made again, libtool's along with what stands for them.
drop() {
	local object
	for object; do
		rm -f "$source/$object"
		case $object in
		.libs/* | */.libs/*)
			object=${object/.libs\//}
			rm -f "$source/${object%.o}.lo" "$source/$object" ;;
		esac
	done
}

plain_name() {
	local name=${1//\//_}
	echo "${name#.}"
}

# objects TO OBJECTS...: compiled for auto mode and copied, under names without folders.
objects() {
	local to=$1 object
	shift
	mkdir -p "$to" && drop "$@" && NSB_FLAGS=$pic built "$make"
	for object; do
		[ -e "$source/$object" ] && cp "$source/$object" "$to/$(plain_name "$object")"
	done
	[ -n "$(ls "$to")" ]
}

# unit_names FILE: the names of its compile units.
unit_names() {
	readelf --debug-dump=info --dwarf-depth=1 "$1" 2>/dev/null | sed -n 's/.*DW_AT_name *: *\(([^)]*): \)\?//p' |
		sed 's/[[:space:]]*$//' | sort -u
}

# The objects of a folder that the target has, each source file once.
belonging() {
	local object name seen=' '
	unit_names "$target" >"$work/units"
	for object in "$1"/*.o; do
		name=$(unit_names "$object" | head -n 1)
		if grep -qxF -- "$name" "$work/units" && [[ $seen != *" $name "* ]]; then
			seen+="$name "
			echo "$object"
		fi
	done
}

# Keep the binaries; choose_target takes one when there are objects to go by.
keep_binaries() {
	local each
	mkdir -p "$work/bin"
	for each in ${binaries//,/ }; do
		[ -e "$source/$each" ] && cp "$source/$each" "$work/bin/"
	done
	[ -n "$(ls "$work/bin")" ]
}

# The binary that is patched: one that has the changed code, a library by preference.
choose_target() {
	local each
	for each in $(ls -d "$work"/bin/*.so* 2>/dev/null) "$work"/bin/*; do
		target=$each
		[ -z "$changed" ] || [ -n "$(belonging "$work/old")" ] && return
	done
	return 1
}

# run_target: a process that has it; sets $pid.
run_target() {
	local line folders
	folders=$(find "$source" -name '*.so*' -printf '%h\n' 2>/dev/null | sort -u | tr '\n' :)
	rm -f "$work/fifo" && mkfifo "$work/fifo" || return 1
	case $target in
	*.so | *.so.*) LD_LIBRARY_PATH=$folders "$base/host" "$target" >"$work/fifo" 2>"$work/host.err" & ;;
	*) LD_LIBRARY_PATH=$folders LD_PRELOAD=$base/wait.so "$target" >"$work/fifo" 2>"$work/host.err" & ;;
	esac
	pid=$!
	read -r -t 20 line <"$work/fifo" && [ "$line" = ready ]
}

applied() {
	local ok=
	run_target || {
		why="no process: $(head -n 1 "$work/host.err")"
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		return 1
	}
	timeout 60 "$nsb" patch -p "$pid" -f "$work/p.so" >"$work/nsb.out" 2>&1 &&
	timeout 60 "$nsb" revert -p "$pid" -f "$work/p.so" >>"$work/nsb.out" 2>&1 &&
	kill -0 "$pid" && ok=1
	[ -n "$ok" ] || why=$(tail -n 1 "$work/nsb.out")
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	[ -n "$ok" ]
}

# generated: makes p.so a patch; says how it went: patched, same, refused, failed.
generated() {
	local status object new=() old=()
	mapfile -t new < <(belonging "$work/new")
	for object in "${new[@]}"; do
		[ -e "$work/old/${object##*/}" ] && old+=("$work/old/${object##*/}")
	done
	[ "${#new[@]}" -gt 0 ] || { why='no object belongs to the target'; verdict=failed; return; }
	# shellcheck disable=SC2086 # a list of flags
	if ! "$gen" externs "${new[@]}" >"$work/externs.s" 2>"$work/link" ||
		! /usr/bin/gcc -shared -Wl,--build-id=sha1 ${link_flags[$package]:-} -o "$work/p.so" "${new[@]}" "$work/externs.s" >"$work/link" 2>&1; then
		why="link: $(tail -n 1 "$work/link")" verdict=failed
		return
	fi
	timeout 120 "$gen" generate --mode auto "$target" "$work/p.so" "${new[@]}" \
		--original "${old[@]}" >"$work/told" 2>"$work/said"
	status=$?
	why=$(tail -n 1 "$work/said" | sed "s|$work/||g; s|$source/||g; s/^nsb-gen: //")
	case $status in
	0)
		if applied; then
			verdict=patched why=$(tail -n 1 "$work/told" | sed 's/^[^:]*: //')
		else
			verdict=failed
		fi ;;
	3) verdict=same ;;
	1) verdict=refused ;;
	*) verdict=failed why="status $status: $why" ;;
	esac
}

# The target and the objects of one fix, once.
build_fix() {
	local each
	if [ -e "$work/built" ]; then
		target=$work/$(cat "$work/built")
		return 0
	fi
	rm -rf "$work" && mkdir -p "$work" || exit 1
	restore
	for each in ${pop_first//,/ }; do
		[ ! -e "$source/debian/patches/$each" ] || built "filterdiff -p1 -x 'tests/*' debian/patches/$each | patch -p1 -R -N" || { why="cannot take off $each"; return 1; }
	done
	built "$reverse_with" || { why='the fix cannot be taken out'; return 1; }
	built "$make" || { why='does not build without the fix'; return 1; }
	keep_binaries || { why='no target'; return 1; }
	if [ -n "$changed" ]; then
		# shellcheck disable=SC2086 # a list
		objects "$work/old" ${changed//,/ } || { why='no old objects'; return 1; }
		built "${reverse_with/patch -p1 -R/patch -p1}" || { why='the fix cannot be put in again'; return 1; }
		# shellcheck disable=SC2086
		objects "$work/new" ${changed//,/ } || { why='no new objects'; return 1; }
	fi
	choose_target || { why='no target has the changed code'; return 1; }
	echo "bin/${target##*/}" >"$work/built"
}

# One fix, from its line in the list to its verdict.
fix() {
	work=$package_folder/${patch//\//_}
	verdict=failed
	build_fix || return
	if [ -n "$changed" ]; then
		generated
	else
		verdict=same why='no object differs'
	fi
}

# What the target is linked with that changes names.
declare -A link_flags=([libcap2]='-Wl,-wrap,pthread_create')

make_host || exit 1
# Tabs in a row are empty fields to awk, but one separator to read.
while IFS=$'\x1f' read -r package version patch cve class configure make reverse_with pop_first binaries changed; do
	[ $# = 0 ] || [[ " $* " == *" $package "* ]] || continue
	why=
	result=$results/$package:${patch//\//_}
	verdict=failed
	if prepare; then
		fix
	fi
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$package" "$version" "$patch" "$cve" "$class" "$verdict" "$why" \
		>"$result"
	printf '%-8s %s %s: %s\n' "$verdict" "$package" "$patch" "$why"
done < <(awk -F '\t' -v OFS='\x1f' 'NR > 1 { print $1, $2, $3, $4, $6, $7, $8, $9, $10, $11, $12 }' "$list")

# What became of the fixes: by class, and each.
table() {
	echo '| class | fixes | patched | refused | nothing differs | failed |'
	echo '| --- | ---: | ---: | ---: | ---: | ---: |'
	cat "$results"/* | awk -F '\t' '
		{ n[$5]++; v[$5, $6]++; all++; sum[$6]++ }
		END {
			for (c in n)
				print "| " c " | " n[c] " | " v[c, "patched"] + 0 " | " v[c, "refused"] + 0 " | " v[c, "same"] + 0 " | " n[c] - v[c, "patched"] - v[c, "refused"] - v[c, "same"] " |" | "sort"
			close("sort")
			print "| all | " all " | " sum["patched"] + 0 " | " sum["refused"] + 0 " | " sum["same"] + 0 " | " all - sum["patched"] - sum["refused"] - sum["same"] " |"
		}'
	echo
	echo '| package | fix | class | verdict | |'
	echo '| --- | --- | --- | --- | --- |'
	cat "$results"/* | awk -F '\t' '{ gsub(/\|/, "\\|", $7); print "| " $1 " | " ($4 == "" ? $3 : $4) " | " $5 " | " $6 " | " $7 " |" }'
}

table >"$base/table.md"
sed -n '1,/^$/p' "$base/table.md"
! grep -qE '\| (failed|missing) \|' "$base/table.md"
