#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# server.sh FOLDER: put there memcached, as Debian builds it, and version.so, a patch of a function
# through which answers go.

. "${0%/*}/../lib.sh"
. "$tests/memcached.sh"
to_folder=$1
t 'memcached, and a patch for it' '
	[ -x "$object" ] || { tail -n 20 "$folder/making"; exit 1; }
	fix_version && cp "$object" version.so "$to_folder"
'
done_testing
