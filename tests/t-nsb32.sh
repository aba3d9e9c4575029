#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nsb as a 32-bit program: what it is, and what it refuses.

. "${0%/*}/lib.sh"

nsb32=$NSB_BUILD/i386/nsb
[ -x "$nsb32" ] || skip_all "there is no 32-bit nsb: $nsb32"
"$nsb32" --version >/dev/null || skip_all "this kernel does not run $nsb32"

t 'it is a static 32-bit program of at most 1 MiB' '
	strip -o small $nsb32 && [ "$(stat -c %s small)" -le 1048576 ] &&
	readelf -h $nsb32 | grep -q ELF32 && ! readelf -l $nsb32 | grep -q INTERP
'
t 'it refuses a 64-bit process, and says why' '
	target server && patch_from greet.c && snapshot &&
	NSB=$nsb32 fails_with 1 "is a process for amd64, which this nsb \(i386\) cannot patch" \
		patch greet.so && unharmed
'
done_testing
