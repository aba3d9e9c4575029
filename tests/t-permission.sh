#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who may patch what; where it is refused, the message tells which rule it was.

. "${0%/*}/lib.sh"
for_each_abi
[ "$(id -u)" = 0 ] || skip_all 'it takes root to be others'
nobody='setpriv --reuid 65534 --regid 65534 --clear-groups'

# by WRAPPER... -- COMMAND...: nsb, run by others: folders of ours are closed to them, so
# that what they need is handed over open.
by() {
	local wrapper=()
	while [ "$1" != -- ]; do
		wrapper+=("$1")
		shift
	done
	shift
	timeout -s KILL "$patience" "${wrapper[@]}" /proc/self/fd/8 "$@" -p "$pid" 8<"$NSB"
}

# tries WRAPPER...: to patch the target.
tries() {
	by "$@" -- patch -f /proc/self/fd/9 9<greet.so
}

# refused REGEX WRAPPER...
refused() {
	fails_with 4 "$1" tries "${@:2}" && says hello say && unharmed
}

# runs_as WRAPPER...: the target, and a patch of it.
runs_as() {
	build confined && patch_from greet.c && launch "$@" /proc/self/fd/7 7<"$program" &&
	says confined "${how:-nothing}" && says hello say && snapshot
}

t 'as the same user, who has no capabilities' '
	runs_as $nobody && tries $nobody && says goodbye say && by $nobody -- list | grep greet &&
	by $nobody -- revert -f /proc/self/fd/9 9<greet.so && says hello say && unharmed
'
t 'another user' '
	runs_as && refused "runs as user 0, nsb as user 65534.*CAP_SYS_PTRACE" $nobody &&
	fails_with 4 "runs as user 0" by $nobody -- list
'
t 'another user, and root without CAP_SYS_PTRACE' '
	runs_as $nobody && refused "runs as user 65534, nsb as user 0" setpriv --bounding-set -sys_ptrace &&
	tries && says goodbye say
'
t 'a user who has CAP_SYS_PTRACE, and CAP_DAC_OVERRIDE' '
	caps="--inh-caps +sys_ptrace --ambient-caps +sys_ptrace" && runs_as &&
	refused "files in /proc are another user.*CAP_DAC_OVERRIDE" $nobody $caps &&
	caps="--inh-caps +sys_ptrace,+dac_override --ambient-caps +sys_ptrace,+dac_override" &&
	tries $nobody $caps && says goodbye say && by $nobody $caps -- revert -f /proc/self/fd/9 9<greet.so &&
	says hello say && unharmed
'
t 'root, and a process with more capabilities' '
	runs_as && refused "has capabilities that nsb lacks.*CAP_SYS_PTRACE" setpriv --bounding-set -sys_ptrace
'
t 'not dumpable' '
	how=not_dumpable && runs_as $nobody && refused "is not dumpable.*CAP_SYS_PTRACE" $nobody &&
	tries && says goodbye say && nsb revert -p $pid -f greet.so && says hello say
'
t 'no_new_privs' '
	runs_as $nobody --no-new-privs && tries $nobody && says goodbye say
'
t 'a setuid program' '
	build confined && cp $program setuid && chmod 4755 setuid && patch_from greet.c &&
	launch $nobody /proc/self/fd/7 7<setuid && says confined nothing &&
	{ grep -P "^Uid:\t65534\t0" /proc/$pid/status || skip "no setuid programs here (nosuid)"; } && snapshot &&
	refused "runs as user 0, nsb as user 65534" $nobody && tries && says goodbye say &&
	nsb revert -p $pid -f greet.so && says hello say && unharmed
'
t 'kernel.yama.ptrace_scope, as the kernel has it' '
	scope=/proc/sys/kernel/yama/ptrace_scope && [ -w $scope ] || skip "the kernel has no Yama"
	[ "$(cat $scope)" -le 1 ] || skip "ptrace_scope is $(cat $scope)"
	runs_as $nobody && before=$(cat $scope) && echo 1 >$scope &&
	refused "ptrace_scope is 1" $nobody && echo 2 >$scope && refused "ptrace_scope is 2" $nobody && tries
	status=$?; echo $before >$scope; [ $status = 0 ] && says goodbye say
'
for scope in 1 2 3; do
	# A look-alike: whether the kernel heeds it is the test above.
	t "kernel.yama.ptrace_scope $scope is read" "
		cat >inside <<-'END' &&
			mount -t tmpfs none /proc/sys/kernel && mkdir /proc/sys/kernel/yama &&
			echo $scope >/proc/sys/kernel/yama/ptrace_scope && exec \"\$@\"
		END
		how=not_dumpable && runs_as $nobody &&
		refused 'ptrace_scope is $scope' unshare -m sh \$PWD/inside $nobody
	"
done

done_testing
