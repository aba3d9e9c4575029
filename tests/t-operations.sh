#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What docs/operations.md tells an administrator to type, and what packaging/ has for fleets.

# patch_from FILE.c [-o OUT.so]: a patch with a build-id of its own, as revert --all takes it out of the processes of all tests.
patch_from() {
	patch_object "$@" "-Wl,--build-id=0x$(echo "$file $root $NSB $abi $count $*" | md5sum | cut -c 1-32)" && generate
}

. "${0%/*}/lib.sh"

own_build_id() {
	CFLAGS_EXTRA="-Wl,--build-id=0x$(echo "$file $root $NSB $abi $count" | md5sum | cut -c 1-32)"
}

t 'each command of docs/operations.md does what it says there' '
	[ "$(id -u)" = 0 ] || skip "only root can have a /var/lib of its own"
	own_build_id && build server && cp $program ops-server && object=$PWD/ops-server && launch ./ops-server && { cat "$tests/patches/greet.c" && echo "VZP_CVE(\"CVE-2026-1234\");"; } >fix.c && patch_from fix.c && snapshot && says hello greet &&
	sed -n "s/^    //p" "$root/docs/operations.md" | sed "s|/usr/sbin/server|./ops-server|" >commands && grep -c . commands | grep -xE "1[5-9]|2[0-9]" &&
	ssh-keygen -q -t ed25519 -N "" -f key && echo "patches@example.org $(cat key.pub)" >signers && ssh-keygen -q -Y sign -f key -n nsb fix.so 2>/dev/null &&
	ln -s $NSB nsb && patch fix.so && { gcore -o core $pid >/dev/null && mv core.$pid core.4242; } && revert fix.so && cat >all.sh <<END &&
set -u
export PATH=$PWD:\$PATH
mount -t tmpfs -o mode=755 none /var/lib && mkdir /var/lib/nsb /var/lib/node_exporter || exit 1
while read -r command; do
	echo "+ \$command"
	case \$command in
	"nsb watch") timeout -s TERM 2 nsb watch; status=\$?; [ \$status != 124 ] || status=0 ;;
	*) bash -c "\$command"; status=\$? ;;
	esac
	[ \$status = 0 ] || { echo "status \$status"; exit 1; }
done <commands
END
	unshare -m bash all.sh >said 2>&1; cat said && tail -n 1 said | grep -v "^status" && grep -A1 "^+ nsb sync$" said | grep "^$pid (ops-server): fix.so applied" &&
	grep -A9 "^+ nsb status$" said | grep "    patched: 1: ops-server $pid" && grep "^Good \"nsb\" signature" said && grep "fix.so: removed" said && grep "1 processes: 1 done, 0 failed" said &&
	grep -A9 "^+ nsb list --core" said | grep "^$pid: the thread that failed was in no patch" && says hello greet
'
t 'the role for Ansible: changed where something was changed, and only there' '
	[ -n "${NSB_LONG:-}" ] || skip "takes long (NSB_LONG)"
	command -v ansible-playbook >/dev/null || skip "there is no ansible-playbook"
	[ -z "$insecure" ] || skip "others may write to this folder"
	own_build_id && target server && patch_from greet.c && cp -r "$root/packaging/ansible" role && printf "%s\n" "- hosts: localhost" "  connection: local" "  gather_facts: false" \
		"  roles: [{role: $PWD/role, nsb_command: $NSB, nsb_store: $PWD/store, nsb_patches: [$PWD/greet.so], nsb_sync_options: --timeout 5}]" >play.yml && says hello greet &&
	export ANSIBLE_LOCAL_TEMP=$PWD/tmp ANSIBLE_REMOTE_TEMP=$PWD/tmp ANSIBLE_HOME=$PWD/tmp LC_ALL=C.UTF-8 && play() { ansible-playbook -i localhost, play.yml "$@" >said; status=$?; cat said; return $status; } && play && says goodbye greet &&
	grep -E "changed=[1-9]" said && play && grep -E "changed=0 .*failed=0" said && revert greet.so && says hello greet && play && grep "changed=1 " said && says goodbye greet && revert greet.so
'
t 'the DaemonSet: what Kubernetes would take, by a check of the fields that it uses' '
	{ python3 -c "import yaml" 2>/dev/null || skip "python has no yaml"; } && python3 "$tests/helpers/manifest.py" "$root/packaging/kubernetes/nsb.yaml" && { ! command -v kubeconform || kubeconform -strict "$root/packaging/kubernetes/nsb.yaml" || [ $? = 1 ]; } &&
	for broken in "s/hostPID: true/hostPid: true/" "s/hostPID: true/hostPID: 1/" "s/SYS_ADMIN,/CAP_SYS_ADMIN,/" "s/name: store, mountPath/name: stores, mountPath/" "s/memory: 128Mi/memory: 128MB/" "s/kind: DaemonSet/kind: Daemonset/" \
		"s/matchLabels: {app/matchLabels: {appl/" "s/type: Unconfined/type: unconfined/" "s/allowPrivilegeEscalation/allowPrivilegesEscalation/" "s/DirectoryOrCreate/Folder/"; do
		sed "$broken" "$root/packaging/kubernetes/nsb.yaml" >broken.yaml && ! cmp -s broken.yaml "$root/packaging/kubernetes/nsb.yaml" && ! python3 "$tests/helpers/manifest.py" broken.yaml || { echo "$broken"; exit 1; }
	done
'
# Others of root: what the watcher may do there is what the capabilities let it.
t 'the capabilities of the DaemonSet suffice for nsb watch, and none of them can be left out' '
	[ "$(id -u)" = 0 ] || skip "only root may hold others"
	caps=$(sed -n "s/^ *add: \[\(.*\)\]/\1/p" "$root/packaging/kubernetes/nsb.yaml" | tr -d , | tr A-Z a-z) && [ "$(wc -w <<<"$caps")" = 4 ] && own_build_id && build server && cp $program there && chmod 755 there . .. ../.. ../../.. &&
	with() { echo "setpriv --no-new-privs --inh-caps -all --bounding-set -all$(printf ",+%s" "$@") $NSB"; } && patch_from greet.c && launch setpriv --reuid nobody --regid nogroup --clear-groups ./there && says hello greet &&
	wait_told() { wait_until grep -q "$1" told && cat told; } && starts $(with $caps) watch $insecure -f greet.so >told 2>&1 && watch=$started && wait_told "^watching for\|fanotify is not" && { ! grep "fanotify is not" told || skip "fanotify is not to be had here"; } &&
	wait_until says goodbye greet && launched=$pid && launch setpriv --reuid nobody --regid nogroup --clear-groups ./there && says goodbye greet && kill -TERM $watch && wait $watch && nsb revert -p $pid,$launched -f greet.so && says hello greet &&
	for name in $caps; do
		rest=$(tr " " "\n" <<<"$caps" | grep -vx $name) && case $name in
		sys_admin) fails_with 4 "fanotify is not to be had" $(with $rest) watch $insecure -f greet.so ;;
		# A SIGSTOP that comes to a thread that nsb has borrowed is sent to it later.
		kill) signal() { ${1% *} bash -c "kill -$2 $pid"; } && ! signal "$(with $rest)" STOP && signal "$(with $caps)" STOP && signal "$(with $caps)" CONT && says hello greet ;;
		*) fails_with 4 "not permitted" $(with $rest) patch -p $pid $insecure -f greet.so && says hello greet ;;
		esac || { echo "without $name"; exit 1; }
	done
'

done_testing
