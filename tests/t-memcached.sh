#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real server, memcached, built from Debian's source as Debian builds it, patched
# while clients use it.

. "${0%/*}/lib.sh"

. "$tests/memcached.sh"
load=$tests/helpers/load.py

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
