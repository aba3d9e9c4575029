#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real server, memcached, built from Debian's source as Debian builds it, patched
# while clients use it.

. "${0%/*}/lib.sh"

make_it='
	eval "$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --export=sh)" &&
	./configure && make -j2 memcached
'
source=$NSB_BUILD/tests/memcached-$(md5sum <<<"$make_it" | cut -c 1-12)
object=$source/memcached
load=$tests/helpers/load.py

[[ " $NSB_ABIS " == *" $abi "* ]] || skip_all "no $abi here"
command -v python3 >/dev/null || skip_all 'python3 is missing'
if ! [ -x "$object" ]; then
	why=$("$tests/source.sh" memcached "$source.$$" 2>&1) || skip_all "$why"
	(cd "$source.$$" && eval "$make_it") >"$folder/making" 2>&1 && mv -T "$source.$$" "$source"
	rm -rf "$source.$$"
fi

# served: a server with four threads and eight clients.  Sets $pid.
served() {
	local port server
	[ -x "$object" ] || {
		tail -n 20 "$folder/making"
		return 1
	}
	port=$(python3 "$load" port) &&
	starts "$object" -l 127.0.0.1 -p "$port" -U 0 -t 4 -c 777 -m 64 -u root && server=$started &&
	launch python3 "$load" memcached "$port" 8 &&
	pid=$server && ask ask stats >/dev/null
}

# taken FILE NAME: the text of a function; a static one that nothing calls is kept.
taken() {
	sed -n "/^[a-z].*\<$2(.*{\$/,/^}/p" "$source/$1" |
		sed '1s/\(inline \)\?static/__attribute__((used, noipa)) static/'
}

# fix NAME FILE: what is read as a patch for that file.
fix() {
	{
		printf '%s\n' '#include "memcached.h"' '#include "proto_text.h"' '#include "storage.h"' \
			'#include <nsb/vzp.h>' '#include <stdlib.h>' '#include <string.h>' \
			"VZP_FILE(\"$2\");"
		cat
	} >"$1.c" &&
	patch_from "$1.c" -DHAVE_CONFIG_H -I"$source"
}

# A global function through which every answer goes.
fix_version() {
	taken memcached.c out_string |
		sed 's/^    size_t len;/&\n    if (strcmp(str, "VERSION " VERSION) == 0) str = "VERSION fixed";/' |
		fix version memcached.c
}

# A static function, one that was inlined into it along with it.
fix_stat() {
	{
		sed -n '/^typedef struct token_s {/,/^}/p; /^#define SUBCOMMAND_TOKEN/p' "$source/proto_text.c"
		taken proto_text.c process_stats_detail
		taken proto_text.c process_stat | sed 's/"ERROR"/"ERROR no such statistics"/'
	} | fix stat proto_text.c
}

# A global function that uses a static one and a static variable.
fix_stats() {
	{
		echo 'VZP_STATIC_VAR_REF(int, max_fds);'
		taken memcached.c nz_strcmp
		taken memcached.c get_stats |
			sed 's/^            STATS_LOCK();/            APPEND_STAT("max_fds", "%d", max_fds);\n&/'
	} | fix stats memcached.c
}

# has_max_fds: `stats` has the line of the fix, with what served asked for.
has_max_fds() {
	ask ask stats >said && grep -q 'STAT max_fds 777 ' said
}

lacks_max_fds() {
	ask ask stats >said && grep -q 'STAT curr_items' said && ! grep -q max_fds said
}

old_version="VERSION $(sed -n 's/^#define VERSION "\(.*\)"/\1/p' "$source/config.h" 2>/dev/null)"

t 'a busy global function' '
	served && fix_version && says "$old_version" ask version && says fine load && snapshot &&
	patch version.so && says "VERSION fixed" ask version && says fine load && listed version.so &&
	revert version.so && says "$old_version" ask version && says fine load && listed && unharmed
'
t 'a static function' '
	served && fix_stat && says ERROR ask stats nonsense && says fine load && snapshot &&
	patch stat.so && says "ERROR no such statistics" ask stats nonsense &&
	says "CLIENT_ERROR usage: stats detail on|off|dump" ask stats detail &&
	says fine load && listed stat.so &&
	revert stat.so && says ERROR ask stats nonsense && says fine load && listed && unharmed
'
t 'a global function that reads a static variable' '
	served && fix_stats && lacks_max_fds && says fine load && snapshot &&
	patch stats.so && has_max_fds && says fine load && listed stats.so &&
	revert stats.so && lacks_max_fds && says fine load && listed && unharmed
'
t 'three patches, taken out in another order' '
	served && fix_version && fix_stat && fix_stats && says fine load && snapshot &&
	patch version.so && patch stat.so && patch stats.so && listed version.so stat.so stats.so &&
	says fine load && has_max_fds && says "VERSION fixed" ask version &&
	revert stat.so && says ERROR ask stats nonsense && says "VERSION fixed" ask version &&
	revert version.so && says "$old_version" ask version && has_max_fds && listed stats.so &&
	revert stats.so && lacks_max_fds && says fine load && listed && unharmed
'
t 'in and out, again and again' '
	served && fix_version && snapshot &&
	for ((round = 0; round < 20; round++)); do
		patch version.so && says "VERSION fixed" ask version && says fine load &&
		revert version.so && says "$old_version" ask version && says fine load || exit 1
	done && listed && unharmed
'

done_testing
