#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Type the README's commands on bare systems: tests/distros.sh [NAME...]
#
# A NAME is that of a Debian release: bookworm (12), trixie (13), sid, bullseye (11).
# Without one all four are run, one after another.  Each begins as debootstrap's
# minbase with `make` and nothing else.  The tree is copied there twice, for root and
# for an ordinary user, and both type the commands of the steps below.  A table is
# printed at last.  This takes root, and on a quiet machine about an hour for each.
#
# Other ways to call it:
#	-x NAME [-u] COMMAND...	run a command in a system that is there, in the tree of
#				root or, with -u, of the ordinary user
#	-a NAME...		in systems that are there, with the tree as it is now, take $STEPS again
#	-c NAME			copy the tree there anew
#	-t			print the table once more
#	-r			remove the systems and all that was kept to make them
#
# Variables:
#	DISTROS			where it all lies, build/distros by default
#	STEPS			the steps to take, all by default
#	MIRROR			where packages come from; by default, where apt takes
#				those of this host.  apt's settings, a proxy for
#				example, are copied from the host.
#	NSB_SLOW		tests/lib.sh tells
#
# A system gets what a container has: processes of its own, /proc, a /sys that cannot
# be written to, a small /dev.  All of it is mounted in a name space of its own.  The
# kernel takes that down with the last process in it, so nothing is left mounted
# whatever becomes of this script.

set -u
root=$(cd "${0%/*}/.." && pwd)
distros=${DISTROS:-$root/build/distros}
running=

die() {
	echo "distros.sh: $*" >&2
	exit 1
}

# ---- the steps ----

steps='user-bare bare demo check targets user-demo user-check foreign'
only_bullseye='user-bare bare demo user-demo foreign'

# Nothing is there to build from: that is said, with the names of packages.
names_packages() {
	echo "for words in $*; do
		\${words//+/ } >said 2>&1 && exit 1
		cat said
		grep -q 'apt-get install .*libelf-dev' said || exit 1
	done"
}

# Every way to build: nsb, nsb-gen and the unit tests.
all_targets='
	for cc in gcc clang; do
		for arch in amd64 i386; do
			for sanitize in 0 1; do
				echo "== $cc $arch SANITIZE=$sanitize"
				make -s CC=$cc ARCH=$arch SANITIZE=$sanitize top=build/targets/$cc-$arch-$sanitize all unit syntax || exit 1
			done
		done
	done
	make -s dist && make -s deb && make -s ARCH=i386 deb && make -s install DESTDIR=$PWD/build/installed'

# command STEP
command_of() {
	case $1 in
	bare) names_packages make ;;
	user-bare) names_packages make make+demo make+check ;;
	demo|user-demo) echo 'make demo' ;;
	check|user-check) echo 'make check' ;;
	targets) echo "$all_targets" ;;
	foreign) echo 'NSB=$PWD/foreign-nsb tests/demo.sh' ;;
	esac
}

# What the columns of the table are called.
title_of() {
	case $1 in
	date) echo 'run on' ;;
	versions) echo 'with' ;;
	bare) echo 'packages named to root' ;;
	user-bare) echo 'and to a user' ;;
	demo) echo '`make demo`' ;;
	user-demo) echo '... by a user' ;;
	check) echo '`make check`' ;;
	user-check) echo '... by a user' ;;
	targets) echo 'all targets, ARCHs, compilers' ;;
	foreign) echo 'nsb of another release' ;;
	esac
}

# ---- what runs inside ----

# enter FOLDER USER COMMAND: become process 1 of a system.  It gets the system as its root as a
# container does, by pivot_root: in a mere chroot the kernel allows no user namespaces.
enter() {
	local system=$1 user=$2 command=$3 name
	mount --bind "$system" "$system" && cd "$system" &&
	mount -t proc proc proc &&
	mount -t sysfs -o ro sysfs sys &&
	mount -t tmpfs -o mode=755 tmpfs dev || return
	for name in null zero full random urandom tty; do
		touch "dev/$name" && mount --bind "/dev/$name" "dev/$name" || return
	done
	mkdir dev/pts dev/shm &&
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts &&
	mount -t tmpfs -o mode=1777 tmpfs dev/shm &&
	ln -s pts/ptmx dev/ptmx && ln -s /proc/self/fd dev/fd && ln -s fd/0 dev/stdin &&
	ln -s fd/1 dev/stdout && ln -s fd/2 dev/stderr &&
	mount --bind "$system.debs" var/cache/apt/archives || return
	pivot_root . . && umount -l . && cd / || return
	# Process 1 has to wait for whoever is left to it.  bash does while it waits for another.
	if [ "$user" = root ]; then
		set -- HOME=/root
	else
		set -- "HOME=/home/$user"
	fi
	exec chroot --userspec="$user:$user" / env -i "$@" PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		"NSB_SLOW=${NSB_SLOW:-1}" ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
		bash -c 'cd ~/nsb 2>/dev/null || cd /; (eval "$0"); exit $?' "$command"
}

# inside NAME USER COMMAND: its exit status.
inside() {
	local status
	unshare --mount --pid --ipc --fork --kill-child --propagation private \
		bash "$root/tests/distros.sh" -e "$distros/$1" "$2" "$3" </dev/null &
	running=$!
	wait "$running"
	status=$?
	running=
	return "$status"
}

stop() {
	[ -z "$running" ] || kill -KILL "$running" 2>/dev/null
	wait
	exit 130
}

# ---- making a system ----

# Where this host takes Debian's packages from.
mirror() {
	[ -z "${MIRROR:-}" ] || { echo "$MIRROR"; return; }
	# The indexes have to be there to be told of.
	apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 2>/dev/null | sed -n '/^Debian Debian /{s///p;q}'
}

# bootstrap NAME: $distros/NAME.tar, made once.
bootstrap() {
	local name=$1 from keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -e "$distros/$name.tar" ] && return
	command -v debootstrap >/dev/null || die 'install debootstrap first: apt-get install debootstrap'
	[ -e "$keyring" ] || die "$keyring is missing: apt-get install debian-archive-keyring"
	from=$(mirror)
	[ -n "$from" ] || die 'apt takes nothing from Debian here (or apt-get update was never run): say where from by MIRROR=URL'
	rm -rf "${distros:?}/$name.new"
	echo "making $name"
	unshare --mount --propagation private debootstrap --variant=minbase --keyring="$keyring" \
		"$name" "$distros/$name.new" "$from" >"$distros/$name.debootstrap.log" 2>&1 ||
		die "debootstrap cannot make $name: $(tail -n 1 "$distros/$name.debootstrap.log")"
	rm -f "$distros/$name.new/var/cache/apt/archives"/*.deb
	# Proxy, time-outs and the like are the host's.
	apt-config dump --format '%f "%v";%n' Acquire | grep -v '^Acquire::\(IndexTargets\|CompressionTypes\)' \
		>"$distros/$name.new/etc/apt/apt.conf.d/90host"
	if ! tar -C "$distros/$name.new" --numeric-owner -cf "$distros/$name.tar.new" . ||
			! mv "$distros/$name.tar.new" "$distros/$name.tar"; then
		die "cannot keep $name"
	fi
	rm -rf "${distros:?}/$name.new"
}

# copy_tree NAME: the tree as it is now, into both homes of a system.
copy_tree() {
	local system=$distros/$1 home
	for home in root home/nsb; do
		rm -rf "${system:?}/$home/nsb"
		mkdir "$system/$home/nsb" || return
		if [ -e "$root/.git" ]; then
			# A clone, and what has not been committed.
			git -c safe.directory='*' clone -q --no-hardlinks "$root" "$system/$home/nsb" &&
			(cd "$root" && git -c safe.directory='*' ls-files -z -co --exclude-standard --deduplicate |
				tar --null --ignore-failed-read -T - -cf - 2>/dev/null) | tar -C "$system/$home/nsb" -xf -
		else
			tar -C "$root" --exclude=./build -cf - . | tar -C "$system/$home/nsb" -xf -
		fi || return
	done
	chown -R 0:0 "$system/root/nsb" && chown -R 1000:1000 "$system/home/nsb"
}

# unpack NAME: a new system with make, and the tree.
unpack() {
	local name=$1
	rm -rf "${distros:?}/$name"
	mkdir -p "$distros/$name" "$distros/$name.debs/partial" &&
	tar -C "$distros/$name" --numeric-owner -xpf "$distros/$name.tar" || return
	cp -L /etc/resolv.conf /etc/hosts "$distros/$name/etc/"
	echo nsb >"$distros/$name/etc/hostname"
	inside "$name" root 'useradd -m -u 1000 -s /bin/bash nsb &&
		apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install make' \
		>"$distros/$name.unpack.log" 2>&1 &&
	copy_tree "$name"
}

# ---- running the steps ----

# outcome LOG STATUS: what stands in the table.
outcome() {
	local sum
	sum=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$1" | tail -n 1)
	if [ -n "$sum" ]; then
		echo "$sum"
	elif [ "$2" = 0 ]; then
		echo yes
	else
		echo "FAILED: $(tail -n 1 "$1")"
	fi
}

# versions NAME: of what matters, in one line.
versions() {
	inside "$1" root "
		printf 'Debian %s:' \"\$(cat /etc/debian_version)\"
		for package in gcc clang libc6 binutils libelf-dev libunwind-dev; do
			dpkg-query -W -f ' \${Package} \${Version},' \$package 2>/dev/null | sed 's/ [0-9]*:/ /; s/[-+~][^,]*,/,/'
		done" 2>/dev/null | sed 's/,$//'
}

# foreign_nsb NAME: nsb as another release has built it.
foreign_nsb() {
	local from
	for from in "$distros"/{bookworm,trixie,sid}/root/nsb/build/nsb "$root/build/nsb"; do
		[[ $from != "$distros/$1"/* ]] && [ -x "$from" ] && cp "$from" "$distros/$1/root/nsb/foreign-nsb" && return
	done
}

# run_system NAME: NAME.result gets a line STEP<tab>SECONDS<tab>OUTCOME for each step.  What a step
# took before is replaced.
run_system() {
	local name=$1 step began log status user wanted=${STEPS:-$steps} result=$distros/$1.result
	if [ -n "$again" ]; then
		[ -d "$distros/$name" ] || die "there is no $name yet"
		copy_tree "$name" || die "cannot copy the tree into $name"
	else
		bootstrap "$name"
		echo "unpacking $name"
		unpack "$name" || die "cannot unpack $name: $(tail -n 1 "$distros/$name.unpack.log")"
		: >"$result"
	fi
	for step in $steps; do
		[[ " $wanted " == *" $step "* ]] || continue
		[ "$name" = bullseye ] && [[ " $only_bullseye " != *" $step "* ]] && continue
		user=root
		[[ $step == user-* ]] && user=nsb
		if [ "$step" = foreign ] && ! foreign_nsb "$name"; then
			continue
		fi
		log=$distros/$name.$step.log
		began=$SECONDS
		inside "$name" "$user" "$(command_of "$step")" >"$log" 2>&1
		status=$?
		keep "$result" "$step" $((SECONDS - began)) "$(outcome "$log" "$status")"
		echo "$name: $step: $(outcome "$log" "$status"), $((SECONDS - began)) s"
	done
	keep "$result" date 0 "$(date +%F)"
	keep "$result" versions 0 "$(versions "$name")"
}

# keep RESULT STEP SECONDS OUTCOME
keep() {
	sed -i "/^$2\t/d" "$1"
	printf '%s\t%s\t%s\n' "${@:2}" >>"$1"
}

# A row for each step, a column for each system, in Markdown.
table() {
	local name names=() step cell
	for name in bookworm trixie sid bullseye; do
		[ -s "$distros/$name.result" ] && names+=("$name")
	done
	printf '| |'
	printf ' %s |' "${names[@]}"
	printf '\n| --- |'
	printf ' --- |%.0s' "${names[@]}"
	printf '\n'
	for step in date versions $steps; do
		printf '| %s |' "$(title_of "$step")"
		for name in "${names[@]}"; do
			cell=$(sed -n "s/^$step\t[0-9]*\t//p" "$distros/$name.result")
			printf ' %s |' "${cell:-not run}"
		done
		printf '\n'
	done
}

trap stop INT TERM
case ${1:-} in
-e)
	enter "$2" "$3" "$4"
	exit
	;;
-r)
	rm -rf "$distros"
	exit
	;;
esac
[ "$(id -u)" = 0 ] || die 'it takes root to make a system'
mkdir -p "$distros" && distros=$(cd "$distros" && pwd) || exit
again=
case ${1:-} in
-a)
	again=1
	shift
	;;
-x)
	name=$2
	shift 2
	user=root
	if [ "$1" = -u ]; then
		user=nsb
		shift
	fi
	inside "$name" "$user" "$*"
	exit
	;;
-c)
	copy_tree "$2"
	exit
	;;
-t)
	table
	exit
	;;
esac
[ $# != 0 ] || set -- bookworm trixie sid bullseye
for name; do
	run_system "$name"
done
table
! grep -q 'FAILED\| [1-9][0-9]* failed' "$distros"/*.result
