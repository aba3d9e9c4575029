#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A hostile process of each kind among honest ones.
# Runs alone: some of the hostile ones take all processors, and tests beside them would have none for seconds.

. "${0%/*}/lib.sh"
[ "$(id -u)" = 0 ] || skip_all 'it takes root to be attacked by others'
. "$tests/hostile.sh"
body_patience=$((body_patience * 3))

# An honest process may take seconds to stop: the time is nsb's own default.
t 'these are patched, all 52 of them, and nsb stays below 64 MiB' '
	crowd 52 && to_crowd $((10 * slow)) patch >told; cut -c 1-200 said; cat told; echo "beside ${#hostile_ones[@]} hostile ones, $(in_force) of 52"; [ "$(in_force)" = 52 ] &&
	[ "$most" -gt 500 ] && { [[ $NSB == *sanitize* ]] || [ "$most" -le 65536 ]; } && to_crowd $((10 * slow)) revert --exe "$PWD/honest" && [ "$(in_force)" = 0 ]
'

done_testing
