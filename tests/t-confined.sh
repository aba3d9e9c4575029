#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Processes that have forbidden themselves things, and whose limits are reached.

. "${0%/*}/lib.sh"
for_each_abi

# confined HOW...: a target that is, and a patch of it.  Only root may suspend the filter of a thread
# that has to make calls for nsb, or look into what is not dumpable.
confined() {
	[ "$(id -u)" = 0 ] || [[ " $* " != *" "@(strict|killing|failing|MemoryDenyWriteExecute|filtered|not_dumpable)" "* ]] ||
		[[ $* == "thread "@(strict|killing|failing|MemoryDenyWriteExecute) ]] || skip "it takes root to patch what is: $*"
	target confined "${kind:-pie}" && says confined "$@" && says hello say && patch_from greet.c && snapshot
}

three_beats() {
	says hello say && patch greet.so && says goodbye say && listed greet.so &&
	nsb check -p "$pid" -f greet.so && revert greet.so && says hello say && listed && unharmed
}

# without_admin COMMAND...: as root without CAP_SYS_ADMIN.
without_admin() {
	[ "$(id -u)" = 0 ] || skip "only root has a capability to lose"
	setpriv --bounding-set -sys_admin --inh-caps -sys_admin timeout -s KILL "$patience" "$@"
}

for how in strict killing failing MemoryDenyWriteExecute; do
	t "seccomp: $how" "confined $how && three_beats"
	t "seccomp: $how, with a second thread" "confined thread $how && three_beats"
	t "seccomp: $how, without CAP_SYS_ADMIN it is refused, nothing touched" "
		confined $how &&
		fails_with 4 'runs under a seccomp filter that nsb may not suspend.*CAP_SYS_ADMIN' \
			without_admin \$NSB patch -p \$pid -f greet.so && unharmed && says hello say &&
		patch greet.so && says goodbye say &&
		fails_with 4 'seccomp' without_admin \$NSB revert -p \$pid -f greet.so &&
		says goodbye say && without_admin \$NSB list -p \$pid | grep greet.so
	"
	t "seccomp: $how, without CAP_SYS_ADMIN a thread that is free of it makes the calls" "
		confined thread $how && without_admin \$NSB patch -p \$pid -f greet.so && says goodbye say &&
		without_admin \$NSB revert -p \$pid -f greet.so && says hello say && unharmed
	"
done
t 'seccomp: only one thread is filtered' 'confined thread filtered && three_beats'
t 'seccomp: only one thread is filtered, without CAP_SYS_ADMIN' '
	confined thread filtered && if without_admin $NSB patch -p $pid -f greet.so 2>said; then
		says goodbye say && without_admin $NSB revert -p $pid -f greet.so && says hello say && unharmed
	else
		grep "seccomp filter" said && unharmed
	fi
'
t 'seccomp: the leader has gone, the thread that is left is filtered' '
	confined leaderless filtered && three_beats &&
	fails_with 4 "seccomp filter that nsb may not suspend" without_admin $NSB patch -p $pid -f greet.so && unharmed
'
for how in PR_SET_MDWE 'PR_SET_MDWE MemoryDenyWriteExecute' RLIMIT_NOFILE no_new_privs not_dumpable \
	'not_dumpable no_new_privs killing RLIMIT_NOFILE'; do
	t "$how" "confined $how && three_beats"
	t "$how, static" "kind=static && confined $how && three_beats"
done
t 'RLIMIT_AS: refused, and the limit is named' '
	confined RLIMIT_AS && fails_with 1 "RLIMIT_AS.*prlimit" patch greet.so && unharmed && says hello say &&
	says hello say && listed
'

# in_pid_namespace SETTING: vm.memfd_noexec is set for a whole namespace of process ids.
in_pid_namespace() {
	[ "$(id -u)" = 0 ] || skip 'only root makes a namespace of process ids'
	needs_kernel_for "$program"
	unshare --pid --fork --mount-proc sh -c "
		echo $1 >/proc/sys/vm/memfd_noexec || exit 77
		exec \"$program\"" <.to >.from 3>&- {to}>&- {from}>&- &
	ends_with_test $!
	read -r -t "$patience" -u "$from" line && [ "$line" = ready ]
}
for setting in 0 1 2; do
	t "memfd_noexec $setting" "
		build server && rm -f .to .from && mkfifo .to .from && exec {to}<>.to {from}<>.from &&
		{ [ -e /proc/sys/vm/memfd_noexec ] || skip 'the kernel has no memfd_noexec'; } &&
		in_pid_namespace $setting && pid=\$(pgrep -P \$(pgrep -P \$! || echo \$!) || pgrep -P \$!) &&
		patch_from greet.c && snapshot && says hello greet && patch greet.so && says goodbye greet &&
		revert greet.so && says hello greet && unharmed
	"
done

done_testing
