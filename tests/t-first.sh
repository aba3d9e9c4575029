#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A fix goes in and comes out.
. "${0%/*}/lib.sh"
for_each_abi
t 'a fix goes in and comes out' '
	target server && snapshot &&
	patch_from greet.c &&
	says hello greet && patch greet.so && says goodbye greet &&
	listed greet.so && revert greet.so && says hello greet && listed && unharmed
'
done_testing
