#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# crowd.sh TO N: how long patch --all takes for N honest processes, and how much memory.  TO gets a
# line for each of: "alone", without hostile ones; "resting", among those that do not compute;
# "beside", where all hostile ones are there and the command is not for them; "among", where
# it is.  The line has what, number of hostile ones, microseconds, KiB, how many honest ones were
# patched, how often a process needed all of its time.

. "${0%/*}/../lib.sh"
[ "$(id -u)" = 0 ] || skip_all 'it takes root to be attacked by others'
. "$tests/hostile.sh"
to_file=$1 many=$2
body_patience=3000

# figures WHAT SECONDS COMMAND [OPTIONS...]
figures() {
	to_crowd "${@:2}" && echo "$1 ${#hostile_ones[@]} $took $most $(in_force) $n_slow" >>"$to_file"
}

t 'alone' '
	ulimit -n 8192 && crowd "$many" "" && figures alone 2 patch
'
t 'among hostile ones that do not compute' '
	ulimit -n 8192 && crowd "$many" "$attacks_at_rest" && figures resting 2 patch
'
t 'beside and among all hostile ones' '
	ulimit -n 8192 && crowd "$many" &&
	figures beside 2 patch --exe "$PWD/honest" && to_crowd 5 revert --exe "$PWD/honest" && [ "$(in_force)" = 0 ] && figures among 2 patch
'
done_testing
