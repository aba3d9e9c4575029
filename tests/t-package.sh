#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The tarball, what is installed, the Debian package, and completion.

. "${0%/*}/lib.sh"

# sources: unpack what `make dist` makes into ./nsb; a tree without git is itself what it had made.
sources() {
	mkdir nsb &&
	if [ -e "$root/.git" ]; then
		git -c safe.directory='*' -C "$root" ls-files -z >list &&
		tar -C "$root" --null -T list -cf - | tar -C nsb -xf -
	else
		tar -C "$root" --exclude=./build -cf - . | tar -C nsb -xf -
	fi
}

t 'make dist: a tarball that has all that is committed' '
	[ -e "$root/.git" ] || skip "not in git"
	git -c safe.directory="*" clone -q "$root" clone && make -s -C clone dist && tar -tzf clone/build/nsb-*.tar.gz >list &&
	git -c safe.directory="*" -C clone ls-files | sed "s,^,/," | while read -r file; do grep -q "$file\$" list || { echo "$file"; exit 1; }; done
'
# What is in a package matters here, and not how fast it is.
flags=
[ -n "${NSB_LONG:-}" ] || flags=CFLAGS=-O0
t 'the sources build; make deb makes a package that lintian accepts; what is in it works' '
	sources && make -s -C nsb $flags deb >made 2>&1 && lintian --fail-on error,warning nsb/build/nsb_*_amd64.deb >said 2>&1 && ! grep "^[EW]:" said &&
	mkdir root && dpkg-deb -x nsb/build/nsb_*_amd64.deb root && (cd root && find . -type f | sort) >have && printf "./usr/%s\n" bin/nsb bin/nsb-build bin/nsb-gen \
		include/nsb/vzp.h include/nsb/shadow.h share/bash-completion/completions/nsb share/bash-completion/completions/nsb-build share/bash-completion/completions/nsb-gen share/doc/nsb/changelog.gz share/doc/nsb/copyright share/lintian/overrides/nsb \
		share/man/man1/nsb-build.1.gz share/man/man1/nsb-gen.1.gz share/man/man1/nsb.1.gz share/man/man5/vzpatch.5.gz | sort | diff - have &&
	dpkg-deb -f nsb/build/nsb_*_amd64.deb Depends | grep -wE "libelf1(t64)?" && ! file root/usr/bin/nsb 2>/dev/null | grep -q interpreter &&
	NSB=$PWD/root/usr/bin/nsb NSB_GEN=$PWD/root/usr/bin/nsb-gen && target server && patch_from scale.c -I$PWD/root/usr/include && snapshot &&
	patch scale.so && says "scale 1014" scale 7 && revert scale.so && says "scale 14" scale 7 && unharmed &&
	make -s -C nsb $flags install DESTDIR=$PWD/local >made 2>&1 && (cd local/usr/local && find . -type f | sort) >have &&
	[ "$(wc -l <have)" = 12 ] && test -x local/usr/local/bin/nsb
'

t 'make rpm: a package that rpmlint accepts; rpm installs it into a folder, what is in it works, and a package that brings a patch has it applied' '
	command -v rpmbuild >/dev/null || skip "there is no rpmbuild"
	[ "$(id -u)" = 0 ] || skip "only root installs packages"
	[ -z "$insecure" ] || skip "others may write to this folder"
	mkdir stage && make -s -C "$root" install DESTDIR=$PWD/stage/root PREFIX=/usr >made 2>&1 && (cd stage/root && find usr -type f | sed "s,^,/,; s,/man/.*,&.gz,"; echo /usr/share/licenses/nsb/copyright) | sort >want &&
	"$root/packaging/rpm.sh" amd64 0.1 stage nsb-0.1-1.x86_64.rpm && rpm -qlp nsb-0.1-1.x86_64.rpm | sort | diff want - && rpm -qp --requires nsb-0.1-1.x86_64.rpm | grep -F "libelf.so.1()(64bit)" && ! rpm -qp --requires nsb-0.1-1.x86_64.rpm | grep "^/" &&
	{ ! command -v rpmlint || { rpmlint -r "$root/packaging/nsb-0.1-1.x86_64.rpmlintrc" nsb-0.1-1.x86_64.rpm >linted; tail -n 3 linted; ! grep -E ": [EW]: " linted; }; } &&
	sum=$(md5sum <nsb-0.1-1.x86_64.rpm) && rm -r stage && mkdir stage && make -s -C "$root" install DESTDIR=$PWD/stage/root PREFIX=/usr >made 2>&1 && "$root/packaging/rpm.sh" amd64 0.1 stage nsb-0.1-1.x86_64.rpm && [ "$(md5sum <nsb-0.1-1.x86_64.rpm)" = "$sum" ] &&
	CFLAGS_EXTRA="-Wl,--build-id=0x$(echo "$PWD" | md5sum | cut -c 1-32)" && mkdir -p host/proc patch/var/lib/nsb && rpm="rpm --root $PWD/host --nodeps" && $rpm -i nsb-0.1-1.x86_64.rpm 2>errors && target server && snapshot && says hello greet &&
	NSB=$PWD/host/usr/bin/nsb NSB_GEN=$PWD/host/usr/bin/nsb-gen && patch_from greet.c -I$PWD/host/usr/include && patch greet.so && says goodbye greet && revert greet.so && says hello greet && unharmed && cp greet.so patch/var/lib/nsb &&
	printf "%s\n" "Name: greet" "Version: 1" "Release: 1" "Summary: x" "License: x" %description %files /var/lib/nsb/greet.so >greet.spec && rpmbuild -bb --quiet --buildroot $PWD/patch --define "_topdir $PWD/top" --define "__os_install_post %{nil}" greet.spec >built 2>&1 &&
	echo "mount --bind /proc host/proc && $rpm -i top/RPMS/*/greet-1-1.*.rpm" >inside && unshare -m bash -e inside && says goodbye greet && NSB=$NSB listed greet.so && revert greet.so && says hello greet && unharmed
'

t 'a Debian package of a patch: nsb-build makes it; when it is installed, the trigger of the package nsb applies it' '
	[ "$(id -u)" = 0 ] || skip "only root installs packages"
	[ -z "$insecure" ] || skip "others may write to this folder"
	mkdir source stage && make -s -C "$root" install DESTDIR=$PWD/stage/root PREFIX=/usr >made 2>&1 && "$root/packaging/deb.sh" amd64 0.1 stage nsb.deb &&
	printf "%s\n" "#include <stdio.h>" "#include <unistd.h>" "__attribute__((noipa)) int value(void);" "__attribute__((noipa)) int value(void)" "{" "	return 1;" "}" \
		"int main(void)" "{" "	for (;;) {" "		printf(\"%d\\n\", value());" "		fflush(stdout);" "		usleep(20000);" "	}" "}" >source/prog.c &&
	id=$(echo "$PWD" | md5sum | cut -c 1-32) && printf "prog: prog.c\n\tcc -O2 -g -Wl,--build-id=0x$id -o prog prog.c\n" >source/Makefile && make -s -C source && cp source/prog Prog_1 && rm source/prog &&
	cp -r source fixed && sed -i "s/return 1/return 2/" fixed/prog.c && { diff -u source/prog.c fixed/prog.c | sed "s,^--- source,--- a,; s,^+++ fixed,+++ b," >fix.diff; } &&
	SOURCE_DATE_EPOCH=1700000000 "$NSB_BUILD/nsb-build" --no-cache --deb -t Prog_1 --built prog -s source -o . fix.diff -- make >told && cat told && package=nsb-patch-prog-1-${id:0:12} &&
	grep -x "$PWD/${package}_20231114.221320_amd64.deb" told && dpkg-deb -I $package*.deb >said && cat said && grep -x " Depends: nsb" said &&
	mkdir -p host/var/lib/dpkg/{info,updates,triggers} && dpkg-deb -f nsb.deb Depends | tr "," "\n" | sed "s/ *(.*//; s/^ */Package: /; a Status: install ok installed\nArchitecture: amd64\nMaintainer: x <x@localhost>\nVersion: 99\nDescription: x\n" >host/var/lib/dpkg/status && starts ./Prog_1 >values && wait_until grep -q 1 values &&
	dpkg="dpkg --root=$PWD/host --log=/dev/null --force-script-chrootless" && $dpkg -i nsb.deb && [ "$(tail -n 1 values)" = 1 ] && $dpkg -i $package*.deb &&
	wait_until eval "[ \"\$(tail -n 1 values)\" = 2 ]" && [ "$(ls host/var/lib/nsb)" = Prog_1-$id.so ] && nsb status --store host/var/lib/nsb && $dpkg -r $package &&
	! [ -e host/var/lib/nsb/Prog_1-$id.so ] && nsb revert --all --id $("$NSB_GEN" buildid Prog_1-*.nsb.so) && wait_until eval "[ \"\$(tail -n 1 values)\" = 1 ]"
'

# completes WORDS... -- WANTED...: the last word of the command line is completed to just these.
completes() {
	local words=()
	while [ "$1" != = ]; do
		words+=("$1")
		shift
	done
	shift
	bash -c 'PATH=$1:$PATH; . "$2"; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nsb; printf "%s\n" "${COMPREPLY[@]}"' \
		- "$NSB_BUILD" "$root/completion/nsb.bash" "${words[@]}" | sort | xargs >.have
	[ "$(cat .have)" = "$*" ] || { echo "completed to: $(cat .have)"; false; }
}

t 'completion of commands, options, files, processes and patches' '
	completes nsb rev = revert && completes nsb st = status && completes nsb patch --re = --replace --retries && completes nsb list --b = --build-id && : >a.so && : >a.c &&
	completes nsb patch -f a = a.so && target server && patch_from greet.c && patch greet.so && completes nsb revert -p $pid = $pid &&
	id=$("$NSB_GEN" buildid greet.so) && completes nsb revert --id $id = $id && completes nsb check -p $pid = $pid &&
	completes nsb run -f a.so -- tru = "$(compgen -c -f -- tru | sort | xargs)"
'
t 'completion knows each option of the manual, and no other' '
	grep -oE -e "--[a-z-]+" "$root/completion/nsb.bash" | sort -u >offered && "$NSB" --help >help && while read -r option; do
		sed "s/\\\\-/-/g" "$root/docs/nsb.1" | grep -qE "Fl -*${option#--}( |\$)" || { echo "$option"; exit 1; }
	done <offered && grep -oE -e "--[a-z-]+" help | sort -u | while read -r option; do grep -qxe "$option" offered || { echo "$option"; exit 1; }; done
'
t 'and that of nsb-build' '
	grep -oE -e "--[a-z-]+" "$root/completion/nsb-build.bash" | sort -u >offered && "$NSB_BUILD/nsb-build" --help | grep -oE -e "^ .*--[a-z-]+" | grep -oE -e "--[a-z-]+" | sort -u >help && diff offered help &&
	while read -r option; do grep -qE "Fl -*${option#--}( |\$)" "$root/docs/nsb-build.1" || { echo "$option"; exit 1; }; done <offered
'

done_testing
