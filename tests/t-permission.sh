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

# The capabilities of src/process/permission.h, as setpriv(1) and as /proc/PID/status have them.
view='sys_ptrace dac_override sys_admin checkpoint_restore'
change="$view perfmon kill"

# just CAPABILITIES...: as a wrapper, root with these and no others.
just() {
	local names
	names=$(printf ',+%s' "$@")
	# Whether an older setpriv knows the newer names.
	names=${names/+checkpoint_restore/+cap_40} names=${names/+perfmon/+cap_38}
	echo "setpriv --no-new-privs --inh-caps -all --bounding-set -all$names"
}

# mask CAPABILITIES...: their bits, in hexadecimal digits.
mask() {
	local all=0 name
	local -A bits=([dac_override]=1 [kill]=5 [sys_ptrace]=19 [sys_admin]=21 [perfmon]=38 [checkpoint_restore]=40)
	for name; do
		all=$((all | 1 << bits[$name]))
	done
	printf '%016x' $all
}

for how in nothing 'thread killing' not_dumpable; do
	t "list, check, patch and revert with just the capabilities that they need: $how" "
		how='$how' && runs_as \$nobody && run_with=\"\$(just \$view)\" && change_with=\"\$(just \$change)\" &&
		\$run_with true && { by \$change_with -- check -f /proc/self/fd/9 9<greet.so; [ \$? = 2 ]; } && tries \$change_with &&
		says goodbye say && by \$run_with -- list | grep greet && by \$change_with -- check -f /proc/self/fd/9 9<greet.so &&
		by \$change_with -- revert -f /proc/self/fd/9 9<greet.so && says hello say && unharmed
	"
done
t 'the child that works has no more than these, whatever nsb has' '
	target threads && ask start hold && says "inside 1" inside 1 && patch_from hold.c && snapshot &&
	starts "$NSB" patch -p $pid $insecure -f hold.so --timeout 30 && wait_until nsb_traces $started /proc/$pid/status &&
	worker=$(awk "/^TracerPid/ { print \$2 }" /proc/$pid/status) && [ "$worker" != "$started" ] && grep ^Cap /proc/$worker/status &&
	may=$((0x$(mask $change))) && for line in CapInh CapPrm CapEff; do
		has=$((0x$(awk -v line=$line: "\$1 == line { print \$2 }" /proc/$worker/status))) && [ $((has & ~may)) = 0 ] || exit 1
	done && [ $((has & 1 << 19)) != 0 ] && says released release && wait $started && says "serving 1" serving
'
for name in nsb-patches nsb; do
t "the service packaging/$name.service has just these, and no seccomp filter" '
	unit=$root/packaging/'$name'.service &&
	sed -n "s/^CapabilityBoundingSet=//p" $unit | tr " " "\n" | sort >have && printf "CAP_%s\n" $change | tr a-z A-Z | sort | diff - have &&
	! grep -E "^(SystemCall|Restrict|ProtectKernel|ProtectClock|ProtectHostname|PrivateDevices|PrivateUsers|LockPersonality|MemoryDeny)" $unit &&
	{ command -v systemd-analyze || skip "there is no systemd-analyze"; } && cp $unit . && systemd-analyze verify $PWD/'$name'.service
'
done
t 'and the source says the same' '
	for name in $change; do grep -qF "BIT(CAP_${name^^})" "$root/src/process/permission.c" || exit 1; done
	grep -oE "BIT\(CAP_[A-Z_]+\)" "$root/src/process/permission.c" | sort -u | wc -l | grep -x 6
'

done_testing
