#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Files that somebody else has made: nsb-gen opens regular files only, goes only where debug
# info is looked for, reads no more than is there, and gives nobody's rights to what it writes.

. "${0%/*}/lib.sh"

# made: prog, which has debug info, and greet.so, which becomes a patch of it.
made() {
	cat >prog.c <<-'END' &&
		__attribute__((noinline)) const char *greet(void);
		__attribute__((noinline)) const char *greet(void) { __asm__(""); return "hello"; }
		int main(void) { return greet()[0] == 'x'; }
	END
	gcc -g -O2 $tells_nothing -Wl,--build-id=sha1 -o prog prog.c && object=$PWD/prog && patch_object greet.c
}

# stripped: prog, whose debug info is in the file prog.debug now; no link tells so.
stripped() {
	made && objcopy --only-keep-debug prog prog.debug && strip prog
}

# shared_at PATH: the debug info of prog says that a part of it is in the file PATH.
shared_at() {
	{ printf '%s\0' "$1" && printf 'twenty bytes of name'; } >name.bytes &&
	objcopy --remove-section .gnu_debugaltlink prog 2>/dev/null
	objcopy --add-section .gnu_debugaltlink=name.bytes prog
}

# put FILE OFFSET BYTES: as printf(1) writes them.
put() {
	# shellcheck disable=SC2059 # the bytes are a format
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# claims_sections FILE: 2^25 sections, most of them in a hole: a file of 64 bits.
claims_sections() {
	local at
	at=$(readelf -hW "$1" | sed -n 's/.*Start of section headers: *\([0-9]*\).*/\1/p') &&
	put "$1" 60 '\0\0' && put "$1" $((at + 32)) '\0\0\0\2\0\0\0\0' && truncate -s 3G "$1"
}

# ---- what nsb-gen writes ----

t 'a setuid bit is not taken over, and a new owner is told of' '
	[ "$(id -u)" = 0 ] || skip "needs root to own what was another user'"'"'s"
	made && chown 65534:65534 greet.so && chmod 6755 greet.so && fails_with 0 "greet.so: it belonged to user 65534" generate &&
	[ "$(stat -c %a:%u greet.so)" = 755:0 ] &&
	chown 65534 greet.so && "$NSB_GEN" generate -q "$object" greet.so >said 2>&1 && ! [ -s said ]
'
t 'other permissions stay as they were' '
	made && for mode in 600 640 755 4750 2775; do
		chmod $mode greet.so && generate && [ "$(stat -c %a greet.so)" = $((mode % 1000)) ] || exit 1
	done && chmod 4755 greet.so && generate -o other.so && [ "$(stat -c %a other.so)" = 755 ]
'

# ---- what it opens ----

t 'a pipe, a device, a terminal, a socket, a folder: none is opened' '
	made && mkfifo pipe && for file in pipe /dev/zero /dev/tty .; do
		fails_with 1 "$file: it is no regular file" "$NSB_GEN" generate $file greet.so &&
		fails_with 1 "$file: it is no regular file" "$NSB_GEN" generate prog $file &&
		fails_with 1 "$file: it is no regular file" "$NSB_GEN" generate -d $file prog greet.so &&
		fails_with 1 "$file: it is no regular file" "$NSB_GEN" generate --mode auto prog greet.so $file &&
		fails_with 1 "$file: it is no regular file" "$NSB_GEN" externs $file &&
		fails_with 1 "$file: it is no regular file" "$NSB_GEN" dump $file &&
		fails_with 1 "$file: it is no regular file" "$NSB_GEN" buildid $file || exit 1
	done && fails_with 1 "none: No such file" "$NSB_GEN" buildid none
'
t 'a pipe and a device that a debug link leads to' '
	stripped && objcopy --add-gnu-debuglink=prog.debug prog && generate && mv prog.debug kept && mkfifo prog.debug &&
	fails_with 1 "prog.debug: it is no regular file" generate && rm prog.debug && ln -s /dev/zero prog.debug &&
	fails_with 1 "prog: it names .*prog.debug, which is not opened" generate && rm prog.debug &&
	mkdir .debug && mv kept .debug/prog.debug && generate
'
t 'a link to a file elsewhere is not followed for debug info; --debugfile names it' '
	stripped && objcopy --add-gnu-debuglink=prog.debug prog && mkdir away && mv prog.debug away && mkdir -p here &&
	mv prog here && object=$PWD/here/prog && ln -s ../away/prog.debug here/prog.debug &&
	fails_with 1 "it names .*here/prog.debug, which is not opened" generate && generate -d away/prog.debug
'
t 'a path of shared debug info is followed in the folder and below it only' '
	made && mkfifo pipe && mkdir -p sub && : >sub/empty && : >../outside-$$ &&
	shared_at pipe && fails_with 1 "pipe: it is no regular file" generate &&
	shared_at sub/empty && fails_with 1 "sub/empty: not an ELF file" generate &&
	shared_at sub/../sub/./empty && fails_with 1 "empty: not an ELF file" generate &&
	shared_at "$PWD/sub/empty" && fails_with 1 "empty: not an ELF file" generate &&
	for path in /dev/zero /etc/passwd /nowhere/at/all ../outside-$$ sub/../../outside-$$ ".." / "" \
		/usr/lib/debug/../../../etc/passwd "$PWD/../outside-$$"; do
		shared_at "$path" && fails_with 1 "prog: it names .*, which is not opened" generate || exit 1
	done && ln -s ../outside-$$ link-out && shared_at link-out &&
	fails_with 1 "prog: it names .*link-out, which is not opened" generate; status=$?
	rm -f ../outside-$$; exit $status
'

# ---- what it reads ----

t 'a file that becomes shorter while it is read, and after that' '
	made && shim=$(gcc -O2 -D_GNU_SOURCE -fPIC -shared -o shorten.so $tests/helpers/shorten.c && echo $PWD/shorten.so) &&
	export ASAN_OPTIONS=verify_asan_link_order=0 && cp prog whole && cp greet.so whole.so &&
	for file in prog greet.so; do
		fails_with 1 "$file: it became shorter while it was read" \
			env LD_PRELOAD=$shim SHORTEN=$file SHORTEN_AT=pread "$NSB_GEN" buildid $file &&
		! [ -s $file ] && cp whole prog && cp whole.so greet.so || exit 1
	done && env LD_PRELOAD=$shim SHORTEN=prog SHORTEN_AT=gelf_getehdr "$NSB_GEN" generate prog greet.so && ! [ -s prog ] &&
	"$NSB_GEN" dump greet.so >said && grep greet said
'
t 'a patch is read once: what was looked at is written, whatever becomes of the file meanwhile' '
	made && gcc -O2 -D_GNU_SOURCE -fPIC -shared -o shorten.so $tests/helpers/shorten.c && cp greet.so whole.so && mkdir good &&
	"$NSB_GEN" generate prog whole.so -o good/out.so && export ASAN_OPTIONS=verify_asan_link_order=0 &&
	env LD_PRELOAD=$PWD/shorten.so SHORTEN=greet.so SHORTEN_AT=gelf_getehdr SHORTEN_SKIP=1 "$NSB_GEN" generate prog greet.so -o out.so &&
	! [ -s greet.so ] && cmp out.so good/out.so && nsb info -f out.so
'
t 'a sparse file, and more sections than a file has' '
	made && cp prog sparse && truncate -s 100G sparse && fails_with 1 "sparse: of its 102400 MiB only" "$NSB_GEN" buildid sparse &&
	cp prog many && claims_sections many && fails_with 1 "many: of its 3072 MiB only" "$NSB_GEN" generate many greet.so &&
	truncate -s 15M many && fails_with 1 "many: it claims to have 33554432 sections" "$NSB_GEN" generate many greet.so
'
t 'a section that claims to be gigabytes when it is decompressed' '
	made && objcopy --compress-debug-sections=zlib-gabi prog big && generate -d big &&
	at=$(readelf -SW big | sed "s/^ *\[ *[0-9]*\] *//" | awk "\$1 == \".debug_info\" { print \"0x\" \$4 }") &&
	put big $((at + 8)) "\0\0\0\0\1\0\0\0" && fails_with 1 "big: section .debug_info claims to become 4096 MiB" generate -d big
'
t 'the executable of a process: nsb reads no section of one that claims 2^25' '
	build server && cp "$program" claims && claims_sections claims && launch ./claims && patch_from greet.c && snapshot &&
	says hello greet && (ulimit -v 300000; [ $NSB_BUILD = $root/build ] || ulimit -v unlimited
		patch greet.so -v) 2>said && says goodbye greet &&
	grep "claims to have\|only .* KiB are there" said && revert greet.so && says hello greet && unharmed
'

done_testing
