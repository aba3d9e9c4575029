# shellcheck shell=bash disable=SC2154 # lib.sh's variables
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Control groups that are frozen, of cgroup2 and of the freezer of v1.  Sourced after lib.sh.

# group_of HIERARCHY: a new group of cgroup2, or of the freezer of v1; sets $group, and $knob, $ice, $thaw.
group_of() {
	local mount
	[ "$(id -u)" = 0 ] || skip 'for root'
	case $1 in
	v2) mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts) knob=cgroup.freeze ice=1 thaw=0 ;;
	v1) mount=$(awk '$3 == "cgroup" && $4 ~ /freezer/ { print $2; exit }' /proc/mounts) knob=freezer.state ice=FROZEN thaw=THAWED ;;
	esac
	[ -n "$mount" ] || skip "no freezer of cgroup $1 is mounted"
	group=$mount/nsb-test-$$-$count
	mkdir "$group" 2>/dev/null || skip "no group can be made in $mount"
	[ -e "$group/$knob" ] || skip "$mount has no freezer"
	trap 'melt; end_processes; leave_group' EXIT
}

melt() {
	echo "$thaw" >"$group/$knob"
}

leave_group() {
	local folder
	for folder in "$group"/*/ "$group"; do
		[ -d "$folder" ] && wait_until rmdir "$folder"
	done
} 2>/dev/null

# freeze [FOLDER]: the target is put into that group, and the one of group_of is frozen.
freeze() {
	echo "$pid" >"${1:-$group}/cgroup.procs" && echo "$ice" >"$group/$knob" &&
	case $knob in
	cgroup.freeze) wait_until grep -qx 'frozen 1' "${1:-$group}/cgroup.events" ;;
	*) wait_until grep -qx FROZEN "${1:-$group}/$knob" ;;
	esac
}
