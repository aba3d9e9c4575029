#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Processes in a frozen control group: refused at once, with nothing done, and whole when they are thawed.

. "${0%/*}/lib.sh"
for_each_abi

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

for v in v2 v1; do
	t "$v: patch, check, revert are refused at once, and work when it is thawed" "
		target server && patch_from greet.c && group_of $v && snapshot && freeze && start=\$SECONDS &&
		fails_with 3 \"is frozen, with its control group \$group \" patch greet.so --timeout 30 &&
		{ nsb check -p \$pid -f greet.so >said; [ \$? = 2 ]; } && grep 'cannot be applied now.*is frozen' said && [ \$((SECONDS - start)) -lt 10 ] &&
		melt && unharmed && patch greet.so && says goodbye greet && freeze && fails_with 3 'is frozen' revert greet.so && listed greet.so && melt &&
		revert greet.so && says hello greet && unharmed
	"
	t "$v: a group above it is frozen, and named" "
		target server && patch_from greet.c && group_of $v && mkdir \$group/below && freeze \$group/below &&
		fails_with 3 \"is frozen, with its control group \$group(/below)? \" patch greet.so && melt && patch greet.so && says goodbye greet && revert greet.so && says hello greet
	"
	t "$v: list reads it all the same, and --all goes on with the others" "
		target server && patch_from greet.c && group_of $v && patch greet.so && frozen=\$pid && freeze && listed greet.so &&
		build server && mkdir one && cp \$program one/other && launch one/other && { nsb patch --all --exe server -f greet.so >said 2>&1; nsb patch -p \$pid -f greet.so; } && says goodbye greet && melt
	"
	t "$v: it is frozen and thawed all the time" "
		target server && patch_from greet.c && group_of $v && echo \$pid >\$group/cgroup.procs && snapshot &&
		{ while :; do echo \$ice; echo \$thaw; done >\$group/\$knob & } && ends_with_test \$! && flicker=\$! &&
		for ((i = 0; i < 10; i++)); do
			patch greet.so --timeout 3 2>said; status=\$?; case \$status in 0|3|9) ;; *) cat said; exit 1 ;; esac
			revert greet.so --timeout 3 2>said; status=\$?; case \$status in 0|2|3) ;; *) cat said; exit 1 ;; esac
		done && kill \$flicker && { wait \$flicker; melt; } && { revert greet.so || [ \$? = 2 ]; } && says hello greet && unharmed
	"
done
done_testing
