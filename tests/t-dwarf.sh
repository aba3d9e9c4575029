#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debug info, in every form and place that it comes in: what the generator sees in it
# is what llvm-dwarfdump sees, and a patch made by it fits the running program.

. "${0%/*}/lib.sh"
by_lot of-files

command -v llvm-dwarfdump >/dev/null || skip_all 'no llvm-dwarfdump'

# ---- what is seen ----

sources() {
	cat >both.h <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		struct deep { struct deep *next; int n; int (*call)(struct deep *, long); };
		static __attribute__((noinline)) int in_header(struct deep *d) { static volatile int n; return d->n + n++; }
		static inline int inlined(struct deep *d)
		{
			static volatile int times;
			return d->next ? in_header(d->next) + times++ : in_header(d);
		}
	END
	cat >one.c <<-'END'
		#include "both.h"
		static volatile int counter = 3, unused_counter;
		int shared[4] = { 1 };
		extern int elsewhere;
		int unused(void) { return unused_counter++; }
		__attribute__((noinline, cold)) int slow(int x) { return x + 1; }
		__attribute__((noinline)) int work(int n)
		{
			if (__builtin_expect(n > 100, 0)) {
				shared[1] = slow(n);
				printf("%d is too many, %d\n", n, slow(2));
				abort();
			}
			return shared[2] += n;
		}
		int other(struct deep *d, long by)
		{
			static volatile int calls = 1;
			{ static volatile int inner = 2; inner += (int)by; }
			return inlined(d) + inlined(d->next) + calls++ + counter++ + elsewhere;
		}
	END
	mkdir -p dir && cat >dir/two.c <<-'END'
		struct unlike { int x; };
		static __attribute__((noinline)) int before(struct unlike *u) { return u->x; }
		#include "../both.h"
		int other(struct deep *d, long by), work(int n);
		int elsewhere;
		static __thread int of_thread = 4;
		int main(int argc, char **argv)
		{
			struct deep d = { 0 };
			d.n = argc + of_thread++ + argv[0][0];
			return inlined(&d) + before((struct unlike *)&d.n) + other(&d, argc) + work(argc);
		}
	END
}

# compiled NAME FLAGS...: the sources as a program.
# shellcheck disable=SC2046 # mflag says nothing else
compiled() {
	[ -e one.c ] || sources
	${CC:-gcc} $(mflag) -g -Wl,--build-id=sha1 -o "$1" one.c dir/two.c "${@:2}"
}

# view FILE [DEBUG-FILE]: what the generator sees.
view() {
	timeout -s KILL "$patience" "$NSB_BUILD/unit/view" "$@" | sed 's,/\./,/,g' | LC_ALL=C sort
	[ "${PIPESTATUS[0]}" = 0 ]
}

# seen FILE [DEBUG-FILE]: and it is what llvm-dwarfdump sees; at least $LEAST lines.
seen() {
	view "$@" >.view && python3 "$tests/helpers/dwarfdump.py" "${2:-$1}" >.plain || return 1
	sed 's,/\./,/,g' .plain | LC_ALL=C sort >.dumped
	if ! diff .dumped .view >.difference; then
		echo "llvm-dwarfdump (<) and nsb-gen (>) on $*:"
		head -n 20 .difference
		return 1
	fi
	[ "$(wc -l <.view)" -ge "${LEAST:-1}" ]
}

# same_view FILE [DEBUG-FILE]: what was seen before in another form of it.
same_view() {
	view "$@" >.again && diff .view .again
}

# all_seen FLAGS...: the sources compiled with each of these flags.
all_seen() {
	local flags
	for flags; do
		# shellcheck disable=SC2086 # words
		if ! compiled prog $flags || ! LEAST=20 seen prog; then
			echo "$CC $flags"
			return 1
		fi
	done
}

settings="'-O0 -no-pie' '-O2 -fdebug-types-section' \
	'-Os -gz=zlib -fuse-ld=lld -ffunction-sections -fdata-sections -Wl,--gc-sections'"
[ -z "${NSB_LONG:-}" ] ||
	settings+=" '-O1' '-O2' '-O2 -static-pie -fPIE' '-O3' '-O3 -fuse-ld=gold' '-Og -fno-inline' '-O2 -static' \
		'-O2 -fdata-sections -Wl,--gc-sections -fuse-ld=gold' '-O2 -fcommon -fvisibility=hidden'"
for CC in gcc clang; do
	for version in 2 3 4 5; do
		t "$CC -gdwarf-$version: functions, instances and variables are those of llvm-dwarfdump" "
			CC='$CC -gdwarf-$version' all_seen $settings
		"
	done
	t "$CC, offsets of 8 bytes" "
		[ $CC-\$abi != clang-i386 ] || skip 'clang: for 64 bits only'
		CC=$CC all_seen '-O2 -gdwarf-5 -gdwarf64'
	"
done
CC=
t 'entries that refer to those of other units' '
	all_seen "-O2 -flto" "-O2 -flto -gdwarf-4" "-O3 -flto -fno-inline"
'
t 'the same is seen compressed, shared by dwz, and in a separate file' '
	compiled prog -O2 && compiled another -O1 && cp prog plain && cp another another.plain && seen prog &&
	objcopy --compress-debug-sections=zlib prog packed && same_view packed &&
	objcopy --only-keep-debug prog prog.debug && strip -o stripped prog && same_view stripped prog.debug &&
	dwz -o single prog && same_view single &&
	dwz -m shared prog another && readelf -SW prog | grep -F .gnu_debugaltlink && same_view prog &&
	objcopy --only-keep-debug --compress-debug-sections prog prog.debug && same_view stripped prog.debug &&
	view another.plain >.view && same_view another
'
t 'the same is seen shared by dwz in the way of DWARF 5' '
	compiled prog -O2 && compiled another -O1 && seen prog && dwz -5 -m shared prog another &&
	readelf -SW prog | grep -F .debug_sup && same_view prog &&
	objcopy --remove-section=.debug_sup prog without &&
	fails_with 1 "without: debug info refers to a supplementary file, but no section" \
		"$NSB_BUILD/unit/view" without &&
	cp shared right && cp without shared &&
	fails_with 1 "shared is of another build than prog" "$NSB_BUILD/unit/view" prog &&
	mv right shared && same_view prog
'

# debug_files: what has debug info on this host, and the debug file if it is separate.
debug_files() {
	local debug of
	for of in /usr/lib/*/*.so* /usr/lib/*/*/*.so* /usr/lib32/*.so* /usr/sbin/* /usr/bin/*; do
		if ! [ -f "$of" ] || [ -L "$of" ] || ! debug=$("$NSB_GEN" buildid "$of" 2>/dev/null); then
			continue
		fi
		debug=/usr/lib/debug/.build-id/${debug:0:2}/${debug:2}.debug
		if [ -e "$debug" ]; then
			echo "$of $debug"
		elif readelf -SW "$of" 2>/dev/null | grep -qF ' .debug_info '; then
			echo "$of"
		fi
	done
}

# llvm-dwarfdump takes a minute for 30 MB of debug info.
for_amd64
many=12
most=$((300 << 10))
if [ -n "${NSB_LONG:-}" ]; then
	many=1000
	most=$((8 << 20))
fi
t 'what the libraries of this host have' '
	looked_at=0
	while [ $looked_at -lt $many ] && read -r of debug; do
		[ "$(stat -c %s "${debug:-$of}")" -le $most ] || continue
		seen $of $debug || exit 1
		looked_at=$((looked_at + 1))
	done < <(debug_files)
	echo "looked at $looked_at"
	[ $looked_at -gt 0 ] || skip "none has debug info (libc6-dbg)"
'
by_lot of-files

# ---- what becomes of it: on a running process ----

# copied [KIND]: the server, as files of this folder that may be changed.
copied() {
	build server "${1:-pie}" && cp "$(dirname "$object")"/* . &&
	program=./${program##*/} object=./${object##*/}
}

# patched_by [OPTIONS...]: the patches are made, by a generator with these options.
patched_by() {
	# shellcheck disable=SC2086 # words
	patch_object greet.c $flags && generate "$@" && patch_object scale.c $flags && generate "$@"
}

# goes_in_and_out: the three beats, with both patches.
goes_in_and_out() {
	launch "$program" && says hello greet && says 'scale 14' scale 7 && snapshot &&
	patch greet.so && patch scale.so && says goodbye greet && says 'scale 1014' scale 7 &&
	listed greet.so scale.so &&
	revert greet.so && revert scale.so && says hello greet && says 'scale 14' scale 7 &&
	listed && unharmed
}

for cc in gcc clang; do
	for flags in -gdwarf-2 -gdwarf-3 '-gdwarf-4 -fdebug-types-section' \
		'-gdwarf-5 -fdebug-types-section -gz=zlib'; do
		t "target and patch by $cc $flags" "
			flags='$flags' CC=$cc PATCH_CC=$cc CFLAGS_EXTRA=\$flags copied &&
			PATCH_CC=$cc patched_by && goes_in_and_out
		"
	done
done
flags=
for kind in pie so; do
	t "$kind, stripped, with a debug file that is named" "
		copied $kind && objcopy --only-keep-debug \$object server.debug && strip \$object &&
		fails_with 1 'no debug info .*--debugfile' patched_by &&
		patched_by --debugfile server.debug && goes_in_and_out
	"
	t "$kind, stripped, with a .gnu_debuglink to a file beside it, and to one in .debug" "
		copied $kind && objcopy --only-keep-debug \$object server.debug && strip \$object &&
		objcopy --add-gnu-debuglink=server.debug \$object && patched_by && rm greet.so scale.so &&
		mkdir .debug && mv server.debug .debug && patched_by && goes_in_and_out
	"
done
t 'dwz: what two programs share is in a third file' '
	copied && cp "$object" another && dwz -m shared.debug "$object" another &&
	patched_by && rm greet.so && goes_without() { patch_object greet.c && "$@"; } &&
	mv shared.debug away && fails_with 1 "made by dwz, shared.debug, which is not there" goes_without generate &&
	cp "$program" shared.debug && fails_with 1 "shared.debug is of another build" goes_without generate &&
	mv away shared.debug && goes_without generate && goes_in_and_out
'

# generate_installed: the generator sees the folder debug as /usr/lib/debug from now on.
# shellcheck disable=SC2317,SC2329 # patched_by does
generate_installed() {
	generate() {
		installed "$NSB_GEN" generate "$object" "$made"
	}
	mkdir -p debug
	installed true || skip 'nothing can be mounted on /usr/lib/debug'
}
installed() {
	unshare -m -- sh -c 'mount --bind debug /usr/lib/debug && exec "$@"' sh "$@"
}

t 'a .gnu_debuglink to a file below /usr/lib/debug' '
	generate_installed && copied && at=debug$(realpath .) && mkdir -p "$at" &&
	objcopy --only-keep-debug "$object" "$at/server.debug" &&
	strip "$object" && objcopy --add-gnu-debuglink="$at/server.debug" "$object" &&
	patched_by && goes_in_and_out
'
t 'as Debian packages it: stripped, compressed, by build-id, shared by dwz' '
	generate_installed && copied && cp "$object" another && mkdir -p debug/.dwz &&
	dwz -m debug/.dwz/nsb.debug -M /usr/lib/debug/.dwz/nsb.debug "$object" another &&
	objcopy --compress-debug-sections debug/.dwz/nsb.debug &&
	id=$("$NSB_GEN" buildid "$object") && mkdir -p debug/.build-id/${id:0:2} &&
	to=debug/.build-id/${id:0:2}/${id:2}.debug &&
	objcopy --only-keep-debug --compress-debug-sections "$object" $to &&
	strip --remove-section=.comment "$object" && mv $to away &&
	fails_with 1 "no debug info .*install its debug package" patched_by && mv away $to &&
	patched_by && goes_in_and_out
'

# ---- what is refused ----

for cc in gcc clang; do
	for version in 4 5; do
		t "$cc -gdwarf-$version -gsplit-dwarf" "
			CC=$cc compiled prog -O2 -gdwarf-$version -gsplit-dwarf && object=prog && patch_object greet.c &&
			fails_with 1 'prog: debug info of .* is split off to .*dwo, .*without -gsplit-dwarf' generate
		"
	done
done
t 'debug info without types: gcc -g1' '
	compiled prog -O2 -g1 && object=prog && echo "int work(int n) { return n; }" >p.c && patch_object p.c &&
	fails_with 1 "prog: one.c was built with -g1, .* parameters of .work.,? .*build it with -g" generate &&
	compiled prog -O2 -g1 -g && generate && patch_object p.c -g1 &&
	fails_with 1 "p.so: p.c was built with -g1, .* parameters of .work.,? .*build it with -g" generate
'
t 'a patch whose debug info is split off' '
	compiled prog -O2 && object=prog && patch_object greet.c -gsplit-dwarf &&
	fails_with 1 "greet.so: debug info of .* is split off to .*dwo, .*without -gsplit-dwarf" generate
'
t 'compression that is not known' '
	copied && objcopy --compress-debug-sections=zlib-gnu "$object" old &&
	patch_object greet.c && object=old && fails_with 1 "old: .* in the old way.*objcopy --decompress" generate &&
	objcopy --decompress-debug-sections old && generate &&
	object=$program && objcopy --compress-debug-sections=zstd "$object" zstd 2>/dev/null || skip "objcopy has no zstd"
	object=zstd; generate || fails_with 1 "section .debug_.* is compressed by zstd.*objcopy --decompress" generate &&
	objcopy --decompress-debug-sections zstd && generate
'

done_testing
