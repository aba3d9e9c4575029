#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nsb status and the store: who of the host runs what patches are for, and what the host shall have.

. "${0%/*}/lib.sh"
. "${0%/*}/many.sh"
for_each_abi

# own_build_id [WORD]: of this test alone; each WORD gives another build.
own_build_id() {
	CFLAGS_EXTRA="-Wl,--build-id=0x$(echo "$file $root $NSB $abi $count ${1-}" | md5sum | cut -c 1-32)"
}

# own_build: the program server in a file of a name that no other has, as programs of that name count as other builds.
own_build() {
	name=own$(echo "$file $root $NSB $abi $count" | md5sum | cut -c 1-8)
	build server && { cmp -s "$program" "$name" || { rm -f "$name" && cp "$program" "$name"; }; } && program=$PWD/$name && object=$program
}

own_target() {
	own_build && launch "$program"
}

# status STATUS OPTIONS...: nsb status exits with it; what it says is in the file said.
status() {
	local want=$1 got
	shift
	nsb status "$@" >said 2>errors
	got=$?
	cat said errors
	[ "$got" = "$want" ] || { echo "status $got, not $want"; return 1; }
}

# is_json EXPRESSION: said is one JSON value, and EXPRESSION of it holds.
is_json() {
	python3 -c '
import json, sys
it = json.load(open("said"))
sys.exit(not eval(sys.argv[1]))' "$1"
}

# another_version: greet.so in another version, as newer.so, and scale.so beside it.
another_version() {
	sed 's/goodbye/farewell/' "$tests/patches/greet.c" >greet2.c && patch_from greet2.c -o newer.so
}

t_own 'patched, an older version, not patched: each is told, with names; status 2, and 0 when all are' '
	own_target && a=$pid && patch_from greet.c && another_version && snapshot && says hello greet && patch greet.so && says goodbye greet &&
	own_target && b=$pid && status 2 -f greet.so && grep -x "    patched: 1: $name $a" said && grep -x "    not patched: 1: $name $b" said &&
	grep -E "^greet.so [0-9a-f]{12} for $name [0-9a-f]{12}$" said && grep "^1 patches, 1 patched, 1 not patched" said &&
	status 2 -f newer.so && grep -E "^    an older version [0-9a-f]{12} greet.so: 1: $name $a" said && grep -x "    not patched: 1: $name $b" said &&
	nsb patch -p $a,$b --replace -f newer.so && status 0 -f newer.so && grep -x "    patched: 2: $name $a $b" said &&
	nsb revert -p "$a $b" -f newer.so && status 2 -f newer.so && grep -x "    not patched: 2: $name $a $b" said
'
t_own 'another build of the library, and files that were deleted' '
	mkdir a b && own_build && cp $program a && patch_from greet.c && own_build_id other && own_build && cp $program b &&
	launch a/$name && a=$pid && launch b/$name && b=$pid && nsb patch -p $a -f greet.so && status 0 -f greet.so && grep -x "    patched: 1: $name $a" said &&
	grep -E "^    another build [0-9a-f]{12}, $PWD/b/$name: 1: $name $b" said && rm a/$name && status 0 -f greet.so &&
	grep "^    of these run a file that was deleted or replaced: 1: $name $a" said &&
	status 0 -f greet.so --json && is_json "it[\"patches\"][0][\"deleted\"] == 1 and it[\"patches\"][0][\"other_build\"] == 1" &&
	object=$PWD/b/$name && patch_from greet.c -o other.so && nsb patch -p $b -f other.so && status 0 -f greet.so -f other.so &&
	! grep "another build" said && grep "^2 patches, 2 patched, 0 not patched" said && nsb revert -p $b -f other.so &&
	status 2 -f greet.so -f other.so && pid=$b && listed
'
# database FILE: one of RPM, in the folder db, with three packages, of which the second one has the file and many others.
database() {
	local i
	mkdir -p db "buildroot$PWD/b" && cp "$1" "buildroot$PWD/b" && for i in {1..300}; do : >"buildroot$PWD/b/a-file-of-some-length-$i"; done &&
	{
		printf '%s: x\n' Summary License && printf 'Name: alone\nVersion: 1\nRelease: 1\n%%description\n'
		for i in first second third; do
			printf '%%package -n own-%s\nSummary: x\nVersion: 1.2\n%%description -n own-%s\n%%files -n own-%s\n' $i $i $i
			[ $i != second ] || echo "$PWD/b/*"
		done
	} >own.spec && rpmbuild -bb --quiet --target noarch --buildroot "$PWD/buildroot" --define "_topdir $PWD/top" --define '_build_id_links none' --define '__brp_strip true' \
		--define '_binaries_in_noarch_packages_terminate_build 0' own.spec >built 2>&1 && rpm --dbpath "$PWD/db" --define "_db_backend sqlite" -i --justdb --nodeps top/RPMS/noarch/*.rpm
}
t_own 'the package of another build, by the database of RPM; one that is damaged tells nothing' '
	command -v rpmbuild >/dev/null || skip "there is no rpmbuild"
	[ "$(id -u)" = 0 ] || skip "only root mounts"
	mkdir a b && own_build && cp $program a && patch_from greet.c && own_build_id other && own_build && cp $program b && launch a/$name && a=$pid && launch b/$name && b=$pid && database b/$name &&
	echo "mkdir -p /var/lib/rpm && mount --bind db /var/lib/rpm && exec \"\$@\"" >inside && { unshare -m bash inside "$NSB" status $insecure -f greet.so >said; [ $? = 2 ]; } && cat said &&
	grep -E "^    another build [0-9a-f]{12}, $PWD/b/$name of own-second-1.2-1.noarch: 1: $name $b" said && unshare -m bash inside "$NSB" list --object $name | grep "a/$name, without a patch: 1: $name $a" &&
	cp db/rpmdb.sqlite whole && for size in 50 5000 20000 30000; do
		head -c $size whole >db/rpmdb.sqlite && { unshare -m bash inside "$NSB" status $insecure -f greet.so >said; [ $? = 2 ]; } && grep -E "^    another build [0-9a-f]{12}, $PWD/b/$name: 1: $name $b" said || exit 1
	done
'
t_own 'another build of a library whose file has another name: it is known by its soname' '
	mkdir a b && own_build && lib="$PWD/a/lib$name.so.1" && for i in a b; do
		echo "const char *greet(void); const char *greet(void) { return \"$i\"; }" >lib.c && gcc $(mflag) -g -O2 -shared -fPIC -Wl,-soname,lib$name.so.1 -Wl,--build-id=0x$(echo "$PWD $i" | md5sum | cut -c 1-32) -o $i/lib lib.c || exit 1
	done && mv a/lib "$lib" && mv b/lib b/lib$name-2.31.so && printf "#include <stdio.h>\nconst char *greet(void); int main(void) { puts(\"ready\"); fflush(stdout); getchar(); return greet()[0]; }" >user.c &&
	gcc $(mflag) -o user user.c "$lib" && object=$lib && printf "const char *greet(void); const char *greet(void) { return \"new\"; }" >fix.c && patch_from fix.c && ln -s lib$name-2.31.so b/lib$name.so.1 &&
	launch env LD_LIBRARY_PATH=a ./user && a=$pid && launch env LD_LIBRARY_PATH=b ./user && b=$pid && status 2 -f fix.so && grep -x "    not patched: 1: user $a" said &&
	grep -E "^    another build [0-9a-f]{12}, $PWD/b/lib$name-2.31.so: 1: user $b" said && nsb list --object lib$name.so.1 >said && cat said && [ "$(wc -l <said)" = 2 ] && nsb patch -p $a -f fix.so && status 0 -f fix.so && nsb revert -p $a -f fix.so
'
t_own 'a record that is forged, or whose new code is not that of the patch, is never "patched"' '
	own_target && a=$pid && patch_from greet.c && patch greet.so && status 0 -f greet.so && nsb list --json -p $pid >list &&
	address=$(grep -oE "\"patch\": \"0x[0-9a-f]+" list | tail -n 1 | grep -o "0x.*") && jump=$(grep -oE "\"target\": \"0x[0-9a-f]+" list | grep -o "0x.*") &&
	poke() { python3 -c "
import sys
f = open(\"/proc/$pid/mem\", \"r+b\", 0)
f.seek(int(sys.argv[1], 16) + int(sys.argv[2]))
was = f.read(1)
f.seek(int(sys.argv[1], 16) + int(sys.argv[2]))
f.write(bytes([was[0] ^ 0x55]))" "$@"; } &&
	poke $address 2 && status 2 -f greet.so && grep -x "    claims to be patched, and is not: 1: $name $a" said && poke $address 2 && status 0 -f greet.so &&
	poke $jump 4 && status 2 -f greet.so && grep "claims to be patched" said && poke $jump 4 && status 0 -f greet.so && revert greet.so && says hello greet
'
t_own '--check: 0, 1, 2 and 3 with one line; --prometheus; --json' '
	[ "$(id -u)" = 0 ] || skip "needs root to become someone else"
	own_target && a=$pid && patch_from greet.c && status 2 -f greet.so --check && [ "$(wc -l <said)" = 1 ] &&
	grep -xE "NSB CRITICAL - 1 patches: 0 processes patched, 1 not, .* [|] patched=0 older=0 unpatched=1 .*" said &&
	patch greet.so && status 0 -f greet.so --check && grep "^NSB OK - 1 patches: 1 processes patched, 0 not" said &&
	status 3 -f nowhere.so --check && [ "$(wc -l <said)" = 1 ] && ! [ -s errors ] && grep "^NSB UNKNOWN - nowhere.so: " said &&
	mkdir other && own_build_id other && own_build && cp $program other && launch other/$name && b=$pid &&
	status 1 -f greet.so --check && grep "^NSB WARNING - .*, 1 of other builds" said && status 0 -f greet.so --prometheus &&
	grep -xE "nsb_patch_processes\{id=\"[0-9a-f]+\",build=\"[0-9a-f]+\",patch=\"greet.so\",object=\"$name\",cve=\"\",standing=\"patched\"\} 1" said &&
	{ ! command -v promtool || promtool check metrics <said; } && python3 -c "
import re
for line in open(\"said\"):
    assert re.fullmatch(r\"(# (HELP|TYPE) nsb_[a-z_]+ .*|nsb_[a-z_]+(\{([a-z]+=\\\"[^\\\"]*\\\",?)+\})? [0-9]+)\n\", line), line" &&
	status 0 -f greet.so --json && is_json "(it[\"schema\"], it[\"command\"], it[\"status\"], it[\"result\"], len(it[\"patches\"])) == (1, \"status\", 0, \"done\", 1)" &&
	is_json "[(p[\"pid\"], p[\"standing\"]) for p in it[\"patches\"][0][\"processes\"]] == [($a, \"patched\"), ($b, \"other_build\")]" &&
	chmod 755 . .. ../.. ../../.. && cp $NSB nsb && chmod 755 nsb greet.so && nobody="setpriv --reuid nobody --regid nogroup --clear-groups $place/nsb" && cd / &&
	fails_with 4 "could not be looked at: not permitted" $nobody status -f "$place/greet.so" >"$place/said" && grep "could not be looked at" "$place/said" &&
	{ $nobody status --check -f "$place/greet.so" >"$place/said"; [ $? = 3 ]; } && grep "^NSB UNKNOWN" "$place/said"
'
t_own '300 workers take 20 lines at most; one that ends meanwhile is nobody`s concern' '
	own_build && patch_from greet.c && needs_kernel_for $program && mkfifo input && exec 8<>input && for ((i = 0; i < ${NSB_LONG:+3}30; i++)); do
		$program <input >>ready & ends_with_test $!
	done && wait_until eval "[ \$(grep -c ready ready) = ${NSB_LONG:+3}30 ]" && status 2 -f greet.so && [ "$(wc -l <said)" -le 20 ] &&
	grep -x "    not patched: ${NSB_LONG:+3}30: $name (${NSB_LONG:+3}30)" said && nsb patch --all -f greet.so -q && status 0 -f greet.so && [ "$(wc -l <said)" -le 20 ] &&
	grep -x "    patched: ${NSB_LONG:+3}30: $name (${NSB_LONG:+3}30)" said && nsb revert --all -f greet.so -q && status 2 -f greet.so
'
t_own 'list --object: each build, its processes, its patches' '
	mkdir a b && own_build && cp $program a && id=$("$NSB_GEN" buildid $object) && patch_from greet.c && own_build_id other && own_build && cp $program b &&
	launch a/$name && a=$pid && launch b/$name && b=$pid && nsb patch -p $a -f greet.so && nsb list --object $name >said && cat said &&
	grep -xE "build ${id:0:12}, $PWD/a/$name, patched by [0-9a-f]{12} greet.so: 1: $name $a" said &&
	grep -xE "build [0-9a-f]{12}, $PWD/b/$name, without a patch: 1: $name $b" said && nsb list --object $name --json >said &&
	is_json "[p[\"build\"] for p in it[\"processes\"] if p[\"pid\"] == $a] == [\"$id\"]" && nsb list --object no-such-thing >said && ! [ -s said ]
'
t_own 'a build-id may be shortened where that is unique' '
	own_target && a=$pid && patch_from greet.c && another_version && id=$("$NSB_GEN" buildid greet.so) && snapshot && patch greet.so && says goodbye greet &&
	nsb list --build-id $("$NSB_GEN" buildid $object | cut -c 1-8) >said && grep "^$a: 1 $id greet.so" said &&
	fails_with 2 "" nsb revert -p $a --id ${id:0:6}ffff && nsb revert -p $a --id ${id:0:8} && says hello greet && unharmed &&
	patch greet.so && nsb revert --all --id ${id:0:10} && says hello greet && unharmed
'
t_own 'several processes by -p, as pidof has them; one that is not there' '
	own_target && a=$pid && patch_from greet.c && own_target && b=$pid && nsb patch -p $a $b -f greet.so >said && cat said && [ "$(wc -l <said)" = 3 ] &&
	grep -x "2 processes: 2 done, 0 failed" said && nsb list -p "$a $b" >said && [ "$(wc -l <said)" = 2 ] &&
	fails_with 10 "^nsb: 2147483647: no such process" nsb revert -f greet.so -p $a,2147483647 >said && grep -x "2 processes: 1 done, 1 failed" said &&
	fails_with 10 "no such process" nsb list -p 2147483647,$b && fails_with 64 "not a process id" nsb list -p 12,x && fails_with 64 "too many arguments" nsb list -p $a x &&
	nsb revert -p $b -f greet.so
'
t_own 'the fields of a patch: VZP_CVE and its like, in info, list and status --cve' '
	own_target && { cat "$tests/patches/greet.c" && echo "VZP_CVE(\"CVE-2026-1234\"); VZP_CVE(\"CVE-2026-99\"); VZP_PACKAGE(\"libserver1\"); VZP_VERSION(\"1.2-3\");
	VZP_SEVERITY(\"high\"); VZP_AUTHOR(\"Jo <jo@example.org>\"); VZP_URL(\"https://example.org/1\");"; } >told.c && patch_from told.c &&
	nsb info -f told.so >said && for line in "cve: CVE-2026-1234" "cve: CVE-2026-99" "package: libserver1" "version: 1.2-3" "severity: high" "url: https://example.org/1"; do
		grep -xF "$line" said || exit 1
	done && patch told.so && nsb list -p $pid | grep "(CVE-2026-1234)$" && status 0 -f told.so && grep -E " CVE-2026-1234 CVE-2026-99 libserver1 1.2-3 high$" said &&
	status 0 -f told.so --cve CVE-2026-99 && grep "^told.so" said && status 2 -f told.so --cve CVE-2026-9 && grep "no patch here names CVE-2026-9" errors &&
	status 0 -f told.so --prometheus && grep "cve=\"CVE-2026-1234\"" said && status 0 -f told.so --json &&
	is_json "it[\"patches\"][0][\"fields\"][\"cve\"] == [\"CVE-2026-1234\", \"CVE-2026-99\"] and it[\"patches\"][0][\"fields\"][\"author\"] == [\"Jo <jo@example.org>\"]"
'

# ---- the store ----

t_own 'install and remove: a newer patch takes the place of an older one of the same build' '
	own_build && patch_from greet.c && another_version && id=$("$NSB_GEN" buildid newer.so) && target_id=$("$NSB_GEN" buildid $object) &&
	nsb install greet.so --store store >said && grep -x "greet.so: installed, for $name with build-id $target_id" said && [ "$(ls -A store)" = $name-$target_id.so ] &&
	cmp greet.so store/*.so && nsb install --store store greet.so | grep "installed already" && nsb install --store store newer.so | grep "in place of an older one" &&
	[ "$(ls -A store)" = $name-$target_id.so ] && cmp newer.so store/*.so && status 0 --store store && grep "^newer.so" said &&
	nsb install --dry-run --store store greet.so && cmp newer.so store/*.so && fails_with 2 "no such patch" nsb remove nothing --store store &&
	fails_with 7 "no ELF" nsb install --store store "$tests/lib.sh" && nsb remove --store store ${id:0:8} >said && cat said && grep "^newer.so: removed" said && [ -z "$(ls -A store)" ]
'
t_own 'what an nsb that was killed has left is no patch, and the next one writes over it' '
	own_build && patch_from greet.c && mkdir store && head -c 999 greet.so >store/.nsb-install && status 0 --store store && grep "^0 patches" said &&
	nsb install --store store greet.so && ! [ -e store/.nsb-install ] && cmp greet.so store/*.so
'
t_own 'files that were dropped in: a damaged one and rivals are told and left out, the others count' '
	own_target && patch_from greet.c && another_version && mkdir store && cp greet.so store && head -c 5000 newer.so >store/damaged.so && echo text >store/README &&
	status 2 --store store && grep "^nsb: store/damaged.so: " errors && grep "not patched: 1: $name $pid" said && patch greet.so && status 10 --store store &&
	{ nsb status --check --store store >said; [ $? = 3 ]; } && nsb remove --store store damaged.so && status 0 --store store &&
	cp newer.so store && status 10 --store store && grep "^nsb: store/greet.so: left out, as store/newer.so is for the same build of $name" errors && ! grep " $pid" said &&
	nsb remove --store store newer.so && status 0 --store store && nsb install --store store newer.so && [ "$(ls store/*.so)" = store/greet.so ] && cmp newer.so store/greet.so
'
t_own 'a store to which others may write is not taken by root' '
	[ "$(id -u)" = 0 ] || skip "only root has to be careful"
	! is_open . || skip "others may write to this folder"
	own_build && patch_from greet.c && mkdir -m 777 store && fails_with 1 "refused, as others may change it" nsb install --store store greet.so && [ -z "$(ls -A store)" ]
'

done_testing
