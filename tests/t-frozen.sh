#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Processes in a frozen control group: refused at once, with nothing done, and whole when they are thawed.

. "${0%/*}/lib.sh"
. "${0%/*}/frozen.sh"
for_each_abi

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
		build server && cp \$program ice\$\$ && patch_from greet.c && launch ./ice\$\$ && frozen=\$pid && group_of $v && patch greet.so && freeze && listed greet.so &&
		launch ./ice\$\$ && says hello greet && patch greet.so && says goodbye greet &&
		! nsb revert --all --exe \$PWD/ice\$\$ -f greet.so >said 2>&1 && cat said && grep \"^nsb: \$frozen .*is frozen\" said && says hello greet && listed &&
		pid=\$frozen && melt && listed greet.so
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
