# shellcheck shell=bash disable=SC2154 # lib.sh's variables
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests of commands for all processes of the host.  Other tests run beside these, and have the same
# targets.  Sourced after lib.sh by a file that defines own_build_id: its builds have ids that no other process has.

# t_own TITLE BODY: a test whose targets are nobody else's.
t_own() {
	t "$1" "sees_all && own_build_id && {
		$2
	}
	was_seen \$?"
}

# sees_all: or statuses tell of processes that this user may not look at, as t-list tests.
sees_all() {
	[ "$(id -u)" = 0 ] || ! nsb list 2>&1 | grep -q 'could not be looked at' || skip 'there are processes that this user may not look at'
}

# was_seen STATUS: with which a body has ended.  Such a process may also come meanwhile: one between unshare(2) and execve(2).
was_seen() {
	[ "$1" = 0 ] || [ "$(id -u)" = 0 ] || ! grep -qs 'could not be looked at' output said .stderr || skip 'a process came that this user may not look at'
	return "$1"
}

# patch_from FILE.c [-o OUT.so]: a patch with a build-id of its own, as revert --all takes it out of the processes of all tests.
patch_from() {
	patch_object "$@" "-Wl,--build-id=0x$(echo "$file $root $NSB $abi $count $*" | md5sum | cut -c 1-32)" && generate
}

# crowd N [KIND [NAME]]: N processes; sets ${crowd[@]}, and ${tos[@]} and ${froms[@]} by pid.
crowd() {
	local i
	for ((i = 0; i < $1; i++)); do
		target "${3:-server}" "${2:-so}" || return 1
		# shellcheck disable=SC2154 # launch sets them
		crowd+=("$pid") tos[pid]=$to froms[pid]=$from
	done
}

# each_says TEXT WORDS... of all of ${crowd[@]}
each_says() {
	for pid in "${crowd[@]}"; do
		to=${tos[$pid]} from=${froms[$pid]}
		says "$@" || return 1
	done
}

each_snapshot() {
	for pid in "${crowd[@]}"; do
		snapshot && mv .snapshot ".snapshot-$pid" || return 1
	done
}

each_unharmed() {
	for pid in "${crowd[@]}"; do
		cp ".snapshot-$pid" .snapshot && unharmed || return 1
	done
}
