#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real 32-bit server, redis, built from Debian's source as its `make 32bit` builds it,
# and patched while clients use it.

. "${0%/*}/lib.sh"
abis=i386
abi=i386

make_it='make -j2 -C src CC=gcc MALLOC=libc USE_SYSTEMD=no OPTIMIZATION=-O2 CFLAGS=-m32 LDFLAGS=-m32 redis-server'
source=$NSB_BUILD/tests/redis-$(md5sum <<<"$make_it" | cut -c 1-12)
object=$source/src/redis-server
load=$tests/helpers/load.py
includes=("-I$source/deps/lua/src" "-I$source/deps/hiredis" "-I$source/deps/hdr_histogram")

[[ " $NSB_ABIS " == *" $abi "* ]] || skip_all "no $abi here"
runs_i386 || skip_all 'this kernel runs no 32-bit programs'
command -v python3 >/dev/null || skip_all 'python3 is missing'
if ! [ -x "$object" ]; then
	why=$("$tests/source.sh" redis "$source.$$" 2>&1) || skip_all "$why"
	(cd "$source.$$" && eval "$make_it") >"$folder/making" 2>&1 && mv -T "$source.$$" "$source"
	rm -rf "$source.$$"
fi

# served: a server that keeps nothing on disk, and eight clients.  Sets $pid.
served() {
	local port server
	[ -x "$object" ] || {
		tail -n 20 "$folder/making"
		return 1
	}
	port=$(python3 "$load" port) &&
	starts "$object" --bind 127.0.0.1 --port "$port" --save "" --appendonly no --daemonize no \
		--loglevel warning &&
	server=$started &&
	launch python3 "$load" redis "$port" 8 &&
	pid=$server && says "dir $PWD" ask CONFIG GET dir
}

# taken FILE NAME: the text of a function; a static one that nothing calls is kept.
taken() {
	sed -n "/^[a-z].*\<$2(.*{\$/,/^}/p" "$source/src/$1" |
		sed '1s/\(inline \)\?static/__attribute__((used, noipa)) static/'
}

# fix NAME FILE: what is read as a patch for that file.
fix() {
	{
		printf '%s\n' "#include \"$source/src/server.h\"" "#include \"$source/src/cluster.h\"" \
			'#include <nsb/vzp.h>' "VZP_FILE(\"$2\");"
		cat
	} >"$1.c" &&
	patch_from "$1.c" "${includes[@]}"
}

# A global function, reached through the table of commands.
fix_ping() {
	taken server.c pingCommand |
		sed 's/addReply(c,shared.pong);/addReplyBulkCBuffer(c,"fixed",5);/' | fix ping server.c
}

# A static function with several callers: gcc passes its arguments in registers.
fix_delete() {
	{
		taken db.c dbGenericDelete |
			sed '1s/noipa/&, regparm(3)/; 1a if (strcmp(key->ptr, "kept") == 0) return 0;'
		echo 'VZP_CALLERS_CHECKED(dbGenericDelete);'
	} | fix delete db.c
}

# A static function, reached through a pointer only.
fix_config() {
	{
		echo 'typedef struct standardConfig standardConfig;'
		taken config.c getConfigDirOption | sed 's/sdsnew(buf)/sdsnew("secret")/'
	} | fix config config.c
}

# The loop of the server's main thread, which never returns.  gcc has it call a part of aeProcessEvents().
fix_loop() {
	{
		echo 'static int turns;' && taken ae.c aeMain | sed 's/aeProcessEvents(/server.lfu_log_factor = 77, turns++; &/'
		cat <<-END
			static void go_on(void)
			{
				VZP_LOCAL(aeEventLoop *, eventLoop);
				${1:-}
				while (!eventLoop->stop) {
					server.lfu_log_factor = 77;
					turns++;
					aeProcessEvents(eventLoop, AE_ALL_EVENTS | AE_CALL_BEFORE_SLEEP | AE_CALL_AFTER_SLEEP);
				}
			}
			VZP_RESUME(aeMain, aeProcessEvents, go_on)
		END
	} | fix loop ae.c
}

# deletes ANSWER: what DEL says of a key that is there.
deletes() {
	says OK ask SET kept x && says "$1" ask DEL kept
}

t 'a busy global function' '
	served && fix_ping && says PONG ask PING && says fine load && snapshot &&
	patch ping.so && says fixed ask PING && says fine load && listed ping.so &&
	revert ping.so && says PONG ask PING && says fine load && listed && unharmed
'
t 'a busy static function' '
	served && fix_delete && deletes 1 && says fine load && snapshot &&
	patch delete.so && deletes 0 && says x ask GET kept && says fine load && listed delete.so &&
	revert delete.so && deletes 1 && says "(nil)" ask GET kept && says fine load && listed && unharmed
'
t 'a static function behind a pointer' '
	served && fix_config && says fine load && snapshot &&
	patch config.so && says "dir secret" ask CONFIG GET dir && says fine load && listed config.so &&
	revert config.so && says "dir $PWD" ask CONFIG GET dir && says fine load && listed && unharmed
'
t 'the main loop goes on in new code, and no client loses anything' '
	served && ! fix_loop "VZP_LOCAL(int, flags); server.port += flags;" >told 2>&1 && grep "flags. of .aeMain. is no variable there" told && fix_loop && says "lfu-log-factor 10" ask CONFIG GET lfu-log-factor && says fine load && patch loop.so -v 2>told &&
	grep "goes on in go_on" told && says fine load && says "lfu-log-factor 77" ask CONFIG GET lfu-log-factor && says OK ask CONFIG SET lfu-log-factor 5 &&
	says "lfu-log-factor 77" ask CONFIG GET lfu-log-factor && fix_ping && patch ping.so && says fixed ask PING && says fine load &&
	fails_with 3 "is in go_on" revert loop.so --timeout 2 --retries 2 && revert ping.so && says PONG ask PING && says fine load && listed loop.so
'
t 'three patches, taken out in another order' '
	served && fix_ping && fix_delete && fix_config && says fine load && snapshot &&
	patch ping.so && patch delete.so && patch config.so && listed ping.so delete.so config.so &&
	says fixed ask PING && deletes 0 && says "dir secret" ask CONFIG GET dir && says fine load &&
	revert delete.so && deletes 1 && says fixed ask PING && listed ping.so config.so &&
	revert ping.so && says PONG ask PING && says "dir secret" ask CONFIG GET dir &&
	revert config.so && says "dir $PWD" ask CONFIG GET dir && says fine load && listed && unharmed
'
t 'in and out, again and again' '
	served && fix_delete && deletes 1 && snapshot &&
	for _ in $(seq $([ -n "${NSB_LONG:-}" ] && echo 1000 || echo 20)); do
		patch delete.so && deletes 0 && says fine load &&
		revert delete.so && deletes 1 && says fine load || exit 1
	done && listed && unharmed
'

done_testing
