# shellcheck shell=bash disable=SC2154 # lib.sh's variables
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Processes of other users that harm nsb if they can, alone and among honest ones.  Sourced
# after lib.sh, as root.

nobody='setpriv --reuid 65534 --regid 65534 --clear-groups'
as=$nobody
includes=
for folder_of_source in "$root"/src "$root"/src/*/; do
	includes+=" -iquote $folder_of_source"
done

# hostile ATTACK [KIND]: a process of another user that does what tests/targets/hostile.c says
# of ATTACK.  The program has a build-id that no other process has: other tests run beside.
hostile() {
	launch_hostile "${2:-pie}" && attacks "$1"
}

build_hostile() {
	CFLAGS_EXTRA="$includes -rdynamic -Wl,--defsym=own_$({ echo "$root $NSB"; cat "$root/src/patch/record.h"; } | md5sum | cut -c 1-32)=0"
	build hostile "$1"
}

# Others may not come into the folder of the tree: they get the files open.
launch_hostile() {
	local preload=()
	[ "$1" != so ] || preload=(env LD_PRELOAD=/proc/self/fd/9)
	build_hostile "$1" && launch $as "${preload[@]}" /proc/self/fd/8 8<"$program" 9<"$object" && bad=$pid
}

# attacks ATTACK [ARGUMENT]
attacks() {
	said=$(ask attack "$@") || return 1
	[[ $said != cannot* ]] || skip "the attack $said"
	[ "$said" = attacks ]
}

# ---- many ----

attacks_at_rest='overlap fill colour empty large disguise destroy claim claim-other claim-nothing claim-begun tables needs hash
	contexts much deep parasite vfork resolver groups unserved'
# These take all processors, whatever nsb does.
attacks_that_run='flood churn sandbox exec'
attacks_of_all="$attacks_at_rest $attacks_that_run"

# has_fuse: tests/helpers/unserved.c finds what it needs.
has_fuse() {
	[ -c /dev/fuse ] && grep -q 'fuse$' /proc/filesystems
}

# one_more ATTACK: a hostile process; $id is the build-id of the patch that it may claim to have.
one_more() {
	local as=$nobody
	case $1 in
	groups) as= ;;
	unserved)
		has_fuse || return 0
		mkdir -p mnt && as="$(helper unserved) mnt $nobody" || return 1 ;;
	esac
	launch $as /proc/self/fd/8 8<"$program" 7<"$(helper intact -static -no-pie)" || return 1
	said=$(ask attack "$1" "$id") || return 1
	[ "$said" = attacks ] || { echo "the attack $1 $said"; return 0; }
	hostile_ones+=("$pid")
}

# crowd N [ATTACKS]: N honest processes, of the copy ./honest of the program, and between them one for
# each attack.  The patch of all is chosen.so.  Sets ${honest_ones[@]} and ${hostile_ones[@]}.
crowd() {
	local attacks n begun=0
	read -r -d '' -a attacks <<<"${2-$attacks_of_all}"
	honest_ones=() hostile_ones=()
	build_hostile pie && patch_from chosen.c && id=$("$NSB_GEN" buildid chosen.so) && cp "$program" honest && chmod 755 honest . .. ../.. &&
		mkfifo idle && exec {idle}<>idle || return 1
	for ((n = 0; n < $1; n++)); do
		for (( ; begun < ${#attacks[@]} && begun * $1 < (n + 1) * ${#attacks[@]}; begun++)); do
			one_more "${attacks[begun]}" || return 1
		done
		"$PWD/honest" <&"$idle" >>ready 3>&- {idle}>&- &
		honest_ones+=($!)
		ends_with_test $!
	done
	wait_until are_ready "$1"
}

are_ready() {
	[ "$(grep -c ready ready)" = "$1" ]
}

# in_force: how many of the honest ones have the patch.
in_force() {
	nsb list --exe "$PWD/honest" | grep -c ' applied: greet$'
}

# to_crowd SECONDS COMMAND [OPTIONS...]: with that --timeout.  Sets $took, in microseconds, $most, the
# peak of nsb's memory in KiB, and $n_slow, how often a process needed all of its time.
to_crowd() {
	local looks status
	# shellcheck disable=SC2086
	timeout -s KILL 600 "$(helper peak)" peak "$NSB" $insecure "$2" --all --timeout "$1" -f chosen.so "${@:3}" >said 2>&1
	status=$?
	n_slow=$(grep -cE 'its time is over|does not answer|no safe point within|does not come back' said)
	n_slow=$((n_slow + $(sed -n 's/^nsb: for \([0-9]*\) no processor was free: done once more$/\1/p' said | grep . || echo 0)))
	read -r most looks took <peak && echo "${*:2}: status $status, $((took / 1000)) ms, $most KiB in $looks looks, $n_slow slow"
}
