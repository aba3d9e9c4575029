#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nsb-build: from a source diff to a patch, by the build's own command.  Each project is made
# here; its program answers questions, was built once as it was, and is running.

. "${0%/*}/lib.sh"
NSB_TOOL=${NSB_TOOL:-$NSB_BUILD/nsb-build}

# No 32-bit nsb-build is made; what a 32-bit program needs is tested by -m32.
[[ " $NSB_ABIS " == *" amd64 "* ]] || skip_all 'nsb-build runs on amd64'

# project [FOLDER]: the source, with a Makefile.  limit() is in a file of its own, and a header has a macro.
project() {
	src=${1:-src}
	mkdir -p "$src" && cp "$tests/targets/main.c" "$tests/targets/target.h" "$src" &&
	cat >"$src/rules.h" <<-'E' &&
		#define MOST 10
		int limit(int n);
		int calls(void);
	E
	cat >"$src/rules.c" <<-'E' &&
		#include "rules.h"
		static int count;
		__attribute__((noinline)) int limit(int n)
		{
			count++;
			return n > MOST ? MOST : n;
		}
		int calls(void)
		{
			return count;
		}
	E
	cat >"$src/server.c" <<-'E' &&
		#include <stdlib.h>
		#include "rules.h"
		#include "target.h"
		void reply(const char *question, char *text, size_t size)
		{
			int n = limit(atoi(question));

			snprintf(text, size, "%d of %d", n, calls());
		}
	E
	cat >"$src/Makefile" <<-'E'
		.RECIPEPREFIX = >
		CFLAGS = -O2 -g
		CPPFLAGS = -D_GNU_SOURCE
		server: main.o server.o rules.o
		> $(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $^
		main.o: target.h
		server.o rules.o: rules.h target.h
		clean:
		> rm -f *.o server
	E
}

# change FILE SED-EXPRESSION...: fix.diff, or $diff, is the change of that file of the source.
change() {
	rm -rf a b && cp -r "$src" a && cp -r "$src" b && sed -i "${@:2}" "b/$1" && { diff -urN a b >"${diff:-fix.diff}" || true; } &&
	test -s "${diff:-fix.diff}" && rm -rf a b
}

# shipped [COMMAND...]: the source is built, and ./server is what came out.
shipped() {
	(cd "$src" && "${@:-make}") >made 2>&1 || { cat made && return 1; }
	rm -f server && cp "$src/${program:-server}" ./server
}

# kept DIR: what it was; is_kept: it still is, and nothing of nsb-build is left.
kept() {
	(cd "$1" && find . -type f -exec md5sum {} + | sort -k 2 && find . -printf '%p %m %T@\n' | sort) >.kept
}
is_kept() {
	mv .kept .before && kept "$1" && diff .before .kept && mkdir -p tmp && ls tmp && [ -z "$(ls tmp)" ]
}

# Each test has a cache of its own.
own_cache() {
	export XDG_CACHE_HOME=$PWD/kept && mkdir -p "$XDG_CACHE_HOME"
}

# builds ARGUMENTS...: nsb-build, with its folder in tmp and the patches in out; $patch is the one that it made.
builds() {
	own_cache && mkdir -p tmp out || return 1
	TMPDIR=$PWD/tmp timeout -s KILL "$patience" "$NSB_TOOL" -o out "$@" >told 2>said || { cat told said; tail -n 20 out/nsb-build.log; return 1; }
	patch_file=$(sed -n 's,^\(/.*\.nsb\.so\)$,\1,p' told) && [ -e "$patch_file" ] && cat told
}

# compiled: the sources that were compiled in this run, as make tells it.
compiled() {
	sed -n "s/.* -c -o [^ ]* \(.*\)$/\1/p" out/nsb-build.log | sort | tr "\n" " "
}
# is_taken, is_whole REASON: the old build was one of the cache; the fixed source was built as a whole.
is_taken() {
	grep "taking the old build from the cache" out/nsb-build.log
}
is_whole() {
	grep -F "the fixed source is built as a whole: $1" out/nsb-build.log
}

# three_beats: the server says what it said, what the fix makes of it, and the old again.
three_beats() {
	launch ./server && snapshot && says "${1:-10 of 1}" 50 && patch "$patch_file" && says "${2:-20 of 2}" 50 && revert "$patch_file" &&
	says "${3:-10 of 3}" 50 && unharmed
}

# fails STATUS REGEX ARGUMENTS...: nsb-build ends so, with that one line, leaves nothing and no patch.
fails() {
	own_cache && mkdir -p tmp out &&
	TMPDIR=$PWD/tmp fails_with "$1" "$2" timeout -s KILL "$patience" "$NSB_TOOL" -o out "${@:3}" && [ -z "$(ls tmp)" ] &&
	[ -z "$(find out -name '*.so*')" ]
}

# ---- what works ----

t 'a diff, a target and make: the patch works, the source stays as it was, nothing is left' '
	project && change rules.h "s/MOST 10/MOST 20/" && shipped && kept src &&
	builds --target server --source src fix.diff -- make -j2 && is_kept src &&
	grep -E "^  replaced +limit +rules.c:[0-9]+ " told && grep "^  proven: " told && grep -F "nsb patch --all -f $patch_file" told &&
	[[ $patch_file == $PWD/out/server-$("$NSB_GEN" buildid server | cut -c 1-12).nsb.so ]] && three_beats
'
t 'a process: its library, of several versions of the file; the program was deleted' '
	project && cat >src/Makefile <<-"E" &&
		.RECIPEPREFIX = >
		CFLAGS = -O2 -g -fPIC
		CPPFLAGS = -D_GNU_SOURCE
		server: main.o libserver.so.1
		> $(CC) $(CFLAGS) -pthread -o $@ $^ -Wl,-rpath,$(RPATH)
		libserver.so.1: server.o librules.a
		> $(CC) $(CFLAGS) -shared -Wl,-soname,libserver.so.1 -o $@ server.o -Wl,--whole-archive librules.a -Wl,--no-whole-archive
		librules.a: rules.o
		> $(AR) rcs $@ $^
	E
	change rules.c "s/MOST : n/2 * MOST : n/" && shipped make "RPATH=$PWD" && cp src/libserver.so.1 . && rm -f src/*.o src/lib* src/server &&
	launch ./server && snapshot && says "10 of 1" 50 && mv server gone && cp gone server && rm gone &&
	builds --pid $pid --source src fix.diff -- make "RPATH=$PWD" && grep -F "nsb patch -p $pid -f $patch_file" told &&
	[[ $patch_file == */libserver.so.1-* ]] && says "10 of 2" 50 && patch "$patch_file" && says "20 of 3" 50 && revert "$patch_file" &&
	says "10 of 4" 50
'
t 'several diffs are one fix; folders of any depth in their names; the test of the author' '
	project && change rules.h "s/MOST 10/MOST 30/" && diff=second.diff change rules.c "s/MOST : n/MOST - 10 : n/" &&
	sed -i "s,^\([-+][-+][-+]\) [ab]/,\1 x/y/," second.diff && shipped &&
	cat >test.sh <<-E &&
		[ "\$(echo 50 | $PWD/server)" = "ready
		20 of 1" ]
	E
	builds --target server --source src --test "sh $PWD/test.sh" fix.diff second.diff -- make && grep "the test passes" told && three_beats
'
t 'one source for two programs, with other -D: each is matched by its code, not by its name' '
	project && cat >src/Makefile <<-"E" &&
		.RECIPEPREFIX = >
		CFLAGS = -O2 -g
		CPPFLAGS = -D_GNU_SOURCE
		all: server other
		server: main.o server.o one/rules.obj
		> $(CC) $(CFLAGS) -pthread -o $@ $^
		other: main.o server.o two/rules.obj
		> $(CC) $(CFLAGS) -pthread -o $@ $^
		one/rules.obj: rules.c
		> mkdir -p one && $(CC) $(CFLAGS) -DADDED=0 -c -o $@ rules.c
		two/rules.obj: rules.c
		> mkdir -p two && $(CC) $(CFLAGS) -DADDED=1 -c -o $@ rules.c
	E
	sed -i "s/MOST : n/MOST + ADDED : n/" src/rules.c && change rules.c "s/MOST + ADDED : n/2 * MOST + ADDED : n/" && shipped &&
	builds --target server --source src fix.diff -- make -j2 && grep "also in other" told && three_beats
'
t 'spaces in paths, a source that includes another, a header that a program made' '
	project "the source" && src="the source" && sed -i "s/#include .rules.h./#include \"rules.c\"\n#include \"made.h\"/; s/calls()/calls() + MADE/" \
		"the source/server.c" && sed -i "s/ rules.o$//; s/^server.o rules.o:/server.o: made.h/; \$a made.h: rules.h\n> sed -n \"s/.define MOST/#define MADE (-10) +/p\" rules.h >\$@" \
		"the source/Makefile" && change rules.h "s/MOST 10/MOST 20/" && shipped && rm "the source/made.h" && kept "the source" &&
	builds --target server --source "the source" fix.diff -- make && is_kept "the source" && three_beats "10 of 1" "20 of 12" "10 of 3"
'
t 'what a build forbids or leaves out: -Werror, -g0, -s, hidden visibility; a warning of the fix' '
	project && sed -i "s/^CFLAGS.*/CFLAGS = -O2 -g0 -Wall -Werror -fvisibility=hidden/; s/-pthread/-s &/" src/Makefile &&
	change rules.c "s/MOST : n/MOST + 10 : n/" && shipped && builds --target server --source src fix.diff -- make && three_beats
'
t 'sources that are compiled and linked in one go' '
	project && printf "server:\n\t\$(CC) -O2 -g -D_GNU_SOURCE -pthread -o server main.c server.c rules.c\n" >src/Makefile &&
	change rules.h "s/MOST 10/MOST 20/" && shipped && builds --target server --source src fix.diff -- make && three_beats
'
t 'a compiler that is named by its path' '
	project && change rules.h "s/MOST 10/MOST 20/" && shipped && builds --target server --source src fix.diff -- make "CC=$(command -v gcc) -std=gnu11" &&
	three_beats
'
t 'ccache, in front of the compiler and as one' '
	command -v ccache >log || skip "there is no ccache"
	project && change rules.h "s/MOST 10/MOST 20/" && export CCACHE_DIR=$PWD/cache && shipped make CC="ccache gcc" && rm src/*.o src/server &&
	builds --target server --source src fix.diff -- make CC="ccache gcc" && three_beats && mkdir links && ln -s "$(command -v ccache)" links/gcc &&
	PATH=$PWD/links:$PATH builds --target server --source src fix.diff -- make CC=gcc && three_beats
'
t 'clang' '
	project && sed -i "s/^CFLAGS.*/CFLAGS = -O2 -g -Wl,--build-id/" src/Makefile && change rules.h "s/MOST 10/MOST 20/" && shipped make CC=clang &&
	builds --target server --source src fix.diff -- make CC=clang && three_beats
'
t 'a 32-bit program' '
	runs_i386 || skip "this kernel runs no 32-bit programs"
	project && change rules.h "s/MOST 10/MOST 20/" && shipped make CC="gcc -m32" && builds --target server --source src fix.diff -- make CC="gcc -m32" &&
	three_beats
'
t 'a static program' '
	project && change rules.h "s/MOST 10/MOST 20/" && shipped make LDFLAGS=-static && builds --target server --source src fix.diff -- make LDFLAGS=-static &&
	three_beats
'
t 'an ordinary user, with namespaces and without: then a copy is built in another folder' '
	[ "$(id -u)" = 0 ] || skip "needs root, to be somebody else"
	open=$(mktemp -d /tmp/nsb-open-XXXXXX) && cd "$open" && project && change rules.h "s/MOST 10/MOST 20/" && shipped && mkdir -p tmp out kept &&
	cp "$NSB_TOOL" "$NSB" "$NSB_GEN" . && chown -R 65534:65534 . && insecure=--insecure-file && done=0 &&
	printf "%s\n" "echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all \"\$@\"" >without.sh &&
	! unshare -Ur sh without.sh unshare -m true 2>log && for limits in "" "unshare -Ur sh without.sh"; do
		rm -rf out/* && XDG_CACHE_HOME=$PWD/kept TMPDIR=$PWD/tmp setpriv --reuid 65534 --regid 65534 --clear-groups $limits ./nsb-build -o out --target server \
			--source src fix.diff -- make >told 2>said || { cat told said; break; }
		patch_file=$(echo out/*.nsb.so) && three_beats && done=$((done + 1)) || break
	done && fails_with 1 "chroot takes root" setpriv --reuid 65534 --regid 65534 --clear-groups ./nsb-build -o out --chroot /none --target server --source src fix.diff -- make &&
	rm -rf "$open" && [ "$done" = 2 ]
'

# ---- build systems ----

# What configures for many seconds, or is like another test, is the matter of make check-long.
long() {
	[ -z "${NSB_LONG:-}" ] || t "$@"
}

t 'cmake and ninja, configured under nsb-build' '
	command -v cmake >log && command -v ninja >>log || skip "there is no cmake or ninja"
	project && rm src/Makefile && cat >src/CMakeLists.txt <<-"E" &&
		cmake_minimum_required(VERSION 3.13)
		project(server C)
		add_library(rules STATIC rules.c)
		add_executable(server main.c server.c)
		target_compile_definitions(server PRIVATE _GNU_SOURCE)
		target_link_libraries(server rules pthread)
	E
	change rules.h "s/MOST 10/MOST 20/" && make="cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo && cmake --build build" &&
	program=build/server shipped sh -c "$make" && rm -rf src/build && builds --target server --source src fix.diff -- sh -c "$make" && three_beats
'
t 'a source that a program makes, behind a stamp file; a header that configure makes, run by the command' '
	project && sed "s/limit(atoi/LIMIT(atoi/" src/server.c >src/server.tmpl && rm src/server.c &&
	printf "%s\n" "all: server" "server.c: made" "made: server.tmpl" "	sed s/LIMIT/limit/ server.tmpl >server.c" "	touch made" "include Makefile" >src/all.mk &&
	printf "%s\n" "#!/bin/sh" "echo \"#define MOST 10\" >config.h" >src/configure && chmod +x src/configure && sed -i "s/.define MOST.*/#include \"config.h\"/" src/rules.h &&
	make="./configure && make -f all.mk" && shipped sh -c "$make" && (cd src && rm -f *.o server server.c made config.h) && change server.tmpl "s/%d of/%d not of/" &&
	builds --target server --source src fix.diff -- sh -c "$make" && is_whole "no compiler has read server.tmpl" && three_beats "10 of 1" "10 not of 2" "10 of 3" && change configure "s/10/20/" &&
	builds --target server --source src --again "make -f all.mk" fix.diff -- sh -c "$make" && is_whole "no compiler has read configure" && three_beats && change rules.c "s/MOST : n/MOST + 30 : n/" &&
	builds --target server --source src --again "make -f all.mk" fix.diff -- sh -c "$make" && ! is_whole "" && three_beats "10 of 1" "40 of 2" "10 of 3"
'
t 'link-time optimisation' '
	project && change rules.h "s/MOST 10/MOST 20/" && make="make CFLAGS=\"-O2 -g -flto=auto\"" && shipped sh -c "$make" && builds --target server --source src fix.diff -- sh -c "$make" && three_beats
'
t 'folders with a make each, ld -r, dependencies that are read and removed: as the kernel and busybox are built' '
	project && mkdir src/lib src/app && mv src/rules.c src/lib && mv src/main.c src/server.c src/app && cat >src/Makefile <<-"E" && cat >src/Part.mk <<-"E" &&
		.RECIPEPREFIX = >
		all: server
		server: app/built-in.o lib/built-in.o
		> ./link.sh server app/built-in.o lib/built-in.o
		%/built-in.o: FORCE
		> $(MAKE) -f Part.mk part=$*
		FORCE:
	E
		.RECIPEPREFIX = >
		objects := $(patsubst %.c,%.o,$(wildcard $(part)/*.c))
		$(part)/built-in.o: $(objects)
		> ld -r -o $@ $(objects)
		-include $(wildcard $(part)/.*.cmd)
		$(part)/%.o: $(part)/%.c
		> gcc -Wp,-MD,$(part)/.$*.o.d,-MT,$@ -D_GNU_SOURCE -I. -O2 -g -ffunction-sections -c -o $@ $<
		> mv $(part)/.$*.o.d $(part)/.$*.cmd
	E
	printf "%s\n" "#!/bin/sh" "to=\$1; shift" "gcc -g -pthread -Wl,--gc-sections -Wl,--start-group -o \${to}_unstripped \"\$@\" -Wl,--end-group && strip -s -o \$to \${to}_unstripped" >src/link.sh && chmod +x src/link.sh &&
	change rules.h "s/MOST 10/MOST 20/" && shipped && builds --target server --source src fix.diff -- make -j2 && ! is_whole "" && three_beats
'
long 'a Configure in perl that writes the Makefile, with a compiler of its own choice, as that of openssl' '
	command -v perl >log || skip "there is no perl"
	project && mv src/Makefile src/Makefile.tmpl && printf "%s\n" "#!/usr/bin/env perl" "open I, q(Makefile.tmpl); open O, q(>Makefile); \$_ = join q(), <I>; chomp(\$cc = \`which gcc\`);" \
		"s/\\\$\\(CC\\)/\$cc/g; s/_GNU_SOURCE/_GNU_SOURCE -DBUILT=\"20\"/; print O \$_, qq(rules.o: rules.c\\n> \$cc -O2 -g -c -o rules.o rules.c\\n);" >src/Configure &&
	change rules.h "s/MOST 10/MOST 20/" && make="perl Configure && make" && shipped sh -c "$make" && (cd src && make clean && rm Makefile) >log && builds --target server --source src fix.diff -- sh -c "$make" && three_beats
'
long 'meson' '
	command -v meson >log && command -v ninja >>log || skip "there is no meson"
	project && rm src/Makefile && cat >src/meson.build <<-"E" &&
		project('"'server', 'c'"', default_options: ['"'buildtype=debugoptimized'"'])
		rules = static_library('"'rules', 'rules.c'"')
		executable('"'server', 'main.c', 'server.c', c_args: '-D_GNU_SOURCE'"', link_with: rules, dependencies: dependency('"'threads'"'))
	E
	change rules.h "s/MOST 10/MOST 20/" && make="meson setup build && ninja -C build" && program=build/server shipped sh -c "$make" && rm -rf src/build &&
	builds --target server --source src fix.diff -- sh -c "$make" && three_beats
'
long 'autotools and libtool: a library, and a program with a convenience library' '
	command -v autoreconf >log && command -v libtoolize >>log || skip "there are no autotools"
	project && rm src/Makefile && printf "%s\n" "AC_INIT([server],[1])" "AM_INIT_AUTOMAKE([foreign])" "AC_PROG_CC" "AM_PROG_AR" "LT_INIT" "AC_CONFIG_FILES([Makefile])" AC_OUTPUT >src/configure.ac &&
	printf "%s\n" "AM_CPPFLAGS = -D_GNU_SOURCE" "lib_LTLIBRARIES = libserver.la" "libserver_la_SOURCES = server.c" "libserver_la_LIBADD = librules.la" "noinst_LTLIBRARIES = librules.la" "librules_la_SOURCES = rules.c" \
		"bin_PROGRAMS = server" "server_SOURCES = main.c" "server_LDADD = libserver.la -lpthread" >src/Makefile.am &&
	(cd src && autoreconf -fi) >log 2>&1 && change rules.h "s/MOST 10/MOST 20/" && make="./configure && make" &&
	cp -r src built && (cd built && sh -c "$make") >log 2>&1 && cp built/.libs/server server && cp -L built/.libs/libserver.so.0 . &&
	export LD_LIBRARY_PATH=$PWD && builds --target libserver.so.0 --source src fix.diff -- sh -c "$make" && three_beats &&
	change Makefile.am "s/^AM_CPPFLAGS.*/& -DMOST=20/" && sed -i "s/#define MOST/#ifndef MOST\n&/; s/10/10\n#endif/" src/rules.h && (cd built && make clean && cp ../src/rules.h . && make) >log 2>&1 &&
	rm -f server libserver.so.0 && cp built/.libs/server server && cp -L built/.libs/libserver.so.0 . && builds --target libserver.so.0 --source src fix.diff -- sh -c "$make" && grep "running autoreconf, as the diffs change Makefile.am" out/nsb-build.log && three_beats
'

# ---- what is told meanwhile ----

t 'a terminal is told the step and how far it is, in one line that goes again; what is no terminal is told nothing' '
	project && printf "%s\n" "all: server" "rules.o: wait" "wait:" "	sleep 0.5" "include Makefile" >src/slow.mk && change rules.h "s/MOST 10/MOST 20/" && shipped &&
	builds --target server --source src fix.diff -- make && ! [ -s said ] && export TMPDIR=$PWD/tmp &&
	script -qec "$NSB_TOOL -o out --target server --source src fix.diff -- make -f slow.mk" /dev/null </dev/null >told && tr "\r" "\n" <told >lines && cat -v lines &&
	grep -E "nsb-build: building the old source: [1-9] compilations" lines && grep "^$(printf "\033\[K")$PWD/out/server-.*.nsb.so" lines &&
	! script -qec "$NSB_TOOL -o out --target server --source src none.diff -- make" /dev/null </dev/null >told && tail -n 1 told | cat -v | grep "\[Knsb-build: .*none.diff: No such file"
'

# ---- the cache ----

t 'the second fix of a program compiles what it touches; a build that is kept is never a stale one' '
	project && mkdir outside && echo "#define OUTSIDE 1" >outside/out.h && sed -i "s/^CPPFLAGS.*/& -isystem ..\/outside/; s/^CFLAGS = -O2/CFLAGS = \$(LEVEL)/" src/Makefile &&
	sed -i "1i #include <out.h>" src/server.c && change rules.c "s/MOST : n/MOST + 10 : n/" && diff=second.diff change rules.h "s/MOST 10/MOST 30/" && export LEVEL=-O2 && shipped &&
	builds --target server --source src fix.diff -- make && [ "$(compiled)" = "main.c rules.c rules.c server.c " ] && three_beats && ! is_taken &&
	for key in kept/nsb-build/build-*/key; do [[ $key == *"-$(sha256sum <"$key" | cut -c 1-64)/key" ]] || exit 1; done && rm out/*.so &&
	builds --target server --source src second.diff -- make && is_taken && [ "$(compiled)" = "rules.c server.c " ] && three_beats "10 of 1" "30 of 2" "10 of 3" &&
	builds --target server --source src fix.diff -- make && is_taken && [ "$(compiled)" = "rules.c " ] &&
	chmod go+w kept/nsb-build && builds --target server --source src fix.diff -- make && ! is_taken && chmod go-w kept/nsb-build &&
	! grep -r LEVEL=-O2 kept/nsb-build/build-*/key && grep "variable LEVEL " kept/nsb-build/build-*/key && builds --no-cache --target server --source src fix.diff -- make && ! is_taken && [ "$(ls -d kept/nsb-build/build-*/ | wc -l)" = 1 ] &&
	builds --target server --source src fix.diff -- make -k && ! is_taken &&
	mkdir bin && printf "#!/bin/sh\nexec %s \"\$@\"\n" "$(command -v gcc)" >bin/cc && chmod +x bin/cc && PATH=$PWD/bin:$PATH builds --target server --source src fix.diff -- make && ! is_taken &&
	echo "/* */" >>outside/out.h && builds --target server --source src fix.diff -- make && ! is_taken &&
	cp src/rules.h rules.h && echo "/* */" >>src/rules.h && builds --target server --source src fix.diff -- make && ! is_taken && cp rules.h src &&
	builds --target server --source src fix.diff -- make && is_taken && rm out/*.so && LEVEL=-O0 fails 5 "is not what .*server was built from" --target server --source src fix.diff -- make && ! is_taken
'
t 'the fixed source is built as a whole if the build system, or nobody, knows what the fix touches' '
	project && sed -i "s/^server.o rules.o: rules.h target.h/server.o: rules.h target.h/" src/Makefile && change rules.h "s/MOST 10/MOST 20/" && shipped &&
	builds --target server --source src fix.diff -- make && is_whole "rules.c was not compiled again" && three_beats &&
	project && printf "%s\n" "all: librules.a main.o server.o" "	[ -e server ] || \$(CC) -O2 -pthread -o server main.o server.o -L. -lrules" "librules.a: rules.o" "	ar rcs \$@ \$^" "include Makefile" >src/all.mk &&
	change rules.c "s/MOST : n/MOST + 10 : n/" && shipped make -f all.mk && builds --target server --source src fix.diff -- make -f all.mk && is_whole "server was not linked again" && three_beats &&
	project && printf "%s\n" "server.o rules.o: limit.h" "limit.h: limit.txt" "	cp limit.txt limit.h" "include Makefile" >src/all.mk && echo "#define MOST 10" >src/limit.txt && sed -i "s/.define MOST.*/#include \"limit.h\"/" src/rules.h &&
	change limit.txt "s/10/20/" && shipped make -f all.mk server && rm src/limit.h && builds --target server --source src fix.diff -- make -f all.mk server && is_whole "no compiler has read limit.txt" && three_beats
'

# ---- Debian packages ----

scan_mirror() {
	(cd mirror && dpkg-scansources . >Sources && dpkg-scanpackages . >Packages) 2>>log
}

# package: ruled 1.0-1, source and binary, in ./mirror, from which alone apt takes packages.
package() {
	local tool
	for tool in apt-get dpkg-buildpackage dpkg-scansources; do
		command -v "$tool" >log || skip "there is no $tool"
	done
	{ [ "$(id -u)" = 0 ] && dpkg-query -W build-essential >log 2>&1; } || skip "needs root and build-essential"
	project ruled-1.0 && mkdir -p ruled-1.0/debian/source mirror apt/lists/partial apt/archives/partial && cd ruled-1.0/debian &&
	echo "3.0 (native)" >source/format && printf "%s\n" "ruled (1.0) unstable; urgency=low" "" "  * Made." "" " -- A B <a@b.c>  Mon, 30 Nov 2026 10:00:00 +0000" >changelog &&
	printf "%s\n" "Source: ruled" "Maintainer: A B <a@b.c>" "Section: misc" "Priority: optional" "" "Package: ruled" "Architecture: any" "Description: of a test" " Nothing." >control &&
	cat >rules <<-"E" &&
		#!/usr/bin/make -f
		.RECIPEPREFIX = >
		build build-arch:
		> $(MAKE) -f Makefile server "CFLAGS=$(shell dpkg-buildflags --get CFLAGS)" "LDFLAGS=$(shell dpkg-buildflags --get LDFLAGS)"
		binary binary-arch: build
		> install -D -s server debian/tmp/usr/bin/server
		> mkdir -p debian/tmp/DEBIAN && dpkg-gencontrol && dpkg-deb --root-owner-group -b debian/tmp ..
		clean:
		> rm -rf debian/tmp debian/files *.o server
		binary-indep build-indep:
	E
	chmod +x rules && cd ../.. && src=ruled-1.0 && cp -r ruled-1.0 build && (cd build && dpkg-buildpackage -b -uc -us) >log 2>&1 &&
	dpkg-source -b ruled-1.0 >>log 2>&1 && mv ruled_1.0* mirror && scan_mirror &&
	echo "deb [trusted=yes] file:$PWD/mirror ./" >apt/list && echo "deb-src [trusted=yes] file:$PWD/mirror ./" >>apt/list &&
	printf "%s\n" "Dir::Etc::SourceList \"$PWD/apt/list\";" "Dir::Etc::SourceParts \"/dev/null\";" "Dir::State::Lists \"$PWD/apt/lists\";" \
		"Dir::Cache::archives \"$PWD/apt/archives\";" "Dir::Cache::pkgcache \"\";" "Dir::Cache::srcpkgcache \"\";" "APT::Sandbox::User \"root\";" >apt/conf &&
	export APT_CONFIG=$PWD/apt/conf && apt-get -qq update >>log 2>&1
}
t 'a Debian package: its source of just this version, built by its own rules; the shipped program is the target' '
	package && change rules.h "s/MOST 10/MOST 20/" && dpkg-deb -x mirror/*.deb root && cp root/usr/bin/server . &&
	builds --debian ruled=1.0 fix.diff && ! grep "not patched" told && three_beats &&
	rm "$patch_file" && fails 2 "the source of ruled=2.0 is not to be had: E: " --debian ruled=2.0 fix.diff && fails 2 "nosuch is not installed here: say its version" --debian nosuch fix.diff &&
	fails 64 "goes with diffs alone" --debian ruled --target x fix.diff && mv mirror/*.deb . &&
	fails 2 "the package ruled=1.0 is not to be had: E: " --debian ruled=1.0 fix.diff
'

t 'a Debian package: the fix is a patch of a newer version, by its name or by the CVE in its text' '
	package && change rules.h "s/MOST 10/MOST 20/" && diff=other.diff change server.c "s/%d of/%d not of/" && dpkg-deb -x mirror/*.deb root && cp root/usr/bin/server . &&
	mkdir ruled-1.0/debian/patches && { echo "Subject: CVE-2026-1234" && cat fix.diff; } >ruled-1.0/debian/patches/limit.patch && cp other.diff ruled-1.0/debian/patches &&
	printf "%s\n" "# of upstream" limit.patch other.diff >ruled-1.0/debian/patches/series && sed -i "1s/1.0/1.1/" ruled-1.0/debian/changelog &&
	dpkg-source -b ruled-1.0 >>log 2>&1 && mv ruled_1.1* mirror && scan_mirror && apt-get -qq update >>log 2>&1 &&
	builds --debian ruled=1.0 --fixed-version 1.1 CVE-2026-1234 && three_beats && builds --debian ruled=1.0 --fixed-version 1.1 && three_beats "10 of 1" "20 not of 2" "10 of 3" && rm "$patch_file" &&
	fails 3 "ruled=1.1 adds no patch with CVE-2026-9" --debian ruled=1.0 --fixed-version 1.1 limit CVE-2026-9 && fails 2 "source of ruled=1.2 is not to be had" --debian ruled=1.0 --fixed-version 1.2 &&
	fails 3 "ruled=1.0 is the version that is to be patched" --debian ruled=1.0 --fixed-version 1.0 && fails 64 "goes with --debian" --target server --source src --fixed-version 1 -- make
'

long 'a source package of RPM: prepared and built by its spec' '
	command -v rpmbuild >log || skip "there is no rpmbuild"
	project ruled-1.0 && mkdir -p top/SOURCES && diff=top/SOURCES/own.patch change server.c "s/%d of/%d from/" && tar czf top/SOURCES/ruled-1.0.tar.gz ruled-1.0 &&
	change rules.h "s/MOST 10/MOST 20/" && printf "%s\n" "Name: ruled" "Version: 1.0" "Release: 1" "Summary: of a test" "License: none" "Source0: ruled-1.0.tar.gz" "Patch0: own.patch" \
		"%description" "Nothing." "%prep" "%setup -q" "%patch0 -p1" "%build" "make CFLAGS=\"%{optflags}\" server" "%install" "%files" >ruled.spec &&
	rpmbuild --define "_topdir $PWD/top" -bs ruled.spec >log 2>&1 && rpmbuild --define "_topdir $PWD/top" -bc ruled.spec >>log 2>&1 && cp top/BUILD/*/server . && mv top/SRPMS/*.src.rpm . &&
	builds --rpm ruled-1.0-1.src.rpm --target server fix.diff && three_beats "10 from 1" "20 from 2" "10 from 3" && rm "$patch_file" &&
	fails 2 "none.src.rpm: the source is not to be had: No such" --rpm none.src.rpm --target server fix.diff && fails 2 "fix.diff cannot be prepared: " --rpm fix.diff --target server fix.diff &&
	fails 64 "rpm goes with --target" --rpm ruled-1.0-1.src.rpm --target server fix.diff -- make
'

t 'on top of a patch: the new one has both fixes and takes its place' '
	project && change rules.c "s/MOST : n/MOST + 10 : n/" && diff=second.diff change server.c "s/%d of/%d not of/" && shipped && builds --target server --source src fix.diff -- make && mv "$patch_file" old.so &&
	launch ./server && snapshot && says "10 of 1" 50 && patch old.so && says "20 of 2" 50 && builds --pid $pid --on-top-of old.so --source src fix.diff second.diff -- make &&
	grep -A 1 "^  nsb revert -p $pid -f $PWD/old.so" told | grep "^  nsb patch -p $pid -f $patch_file" && revert old.so && patch "$patch_file" && says "20 not of 3" 50 && revert "$patch_file" && says "10 of 4" 50 && unharmed && rm "$patch_file" &&
	fails 7 "does not replace limit, as .*/old.so does: give the diffs" --target server --on-top-of old.so --source src second.diff -- make && fails 2 "server is no patch" --target server --on-top-of server --source src second.diff -- make
'

# in_system: nsb-build by --chroot in a system that is this one, but for a file in /srv, and has nothing of this folder.  It says
# what is left there when it has ended.
in_system() {
	[ "$(id -u)" = 0 ] || skip "it takes root to enter a system"
	unshare -m true 2>log || skip "there are no mount namespaces"
	mkdir -p sys && cat >tool <<-E && chmod 755 tool && inner=$NSB_TOOL NSB_TOOL=$PWD/tool && export inner
		#!/bin/sh
		[ -n "\$IS_IN" ] || IS_IN=1 exec unshare -m "\$0" "\$@"
		mount --rbind / "$PWD/sys" && mount -t tmpfs none "$PWD/sys$(cut -d / -f -2 <<<"$PWD")" && mount -t tmpfs none "$PWD/sys/srv" && mount -t tmpfs none "$PWD/sys/run" && touch "$PWD/sys/srv/there"
		"$NSB_TOOL" --chroot "$PWD/sys" "\$@"
		status=\$?
		find "$PWD/sys$(cut -d / -f -2 <<<"$PWD")" "$PWD/sys/run" -mindepth 1 >"$PWD/left"
		exit \$status
	E
}
t 'in another system: what the command line names is there, and nothing of it afterwards' '
	project && change rules.h "s/MOST 10/MOST 20/" && shipped && kept src && in_system && builds --target server --source src fix.diff -- sh -c "ls /srv/there && make" && [ -e left ] && ! [ -s left ] &&
	three_beats && is_kept src && rm "$patch_file" && fails 4 "the build of the old source fails" --target server --source src fix.diff -- sh -c "! ls /srv/there && make" && ! [ -s left ]
'
t 'in another system: a Debian package, of which that installs what its build wants' '
	package && change rules.h "s/MOST 10/MOST 20/" && dpkg-deb -x mirror/*.deb root && cp root/usr/bin/server . && in_system && builds --debian ruled=1.0 fix.diff && three_beats && ! [ -s left ] &&
	grep "build-dep\|newly installed" out/nsb-build.log
'

# ---- what goes wrong ----

t 'errors: usage' '
	fails 64 "target FILE, --pid PID or --debian" --source src x -- make && fails 64 "DIR has to say" --target x y -- make &&
	fails 64 "a diff is needed" --target x --source . -- make && fails 64 "command that builds" --target x --source . y &&
	fails 64 "unknown option.*--nonsense" --nonsense && fails 64 "wants a number" --pid 1x --source . y -- make
'
t 'errors: a system that is none, cannot be made, cannot run nsb-build, or is not to be entered' '
	project && change rules.h "s/MOST 10/MOST 20/" && shipped && mkdir -p sys bin none/usr/bin none/run none/proc && [ "$(id -u)" = 0 ] || skip "it takes root to enter a system"
	fails 64 "suite goes with --chroot" --suite x --target server --source src fix.diff -- make && fails 2 "sys is no system that can be built in .--suite" --chroot sys --target server --source src fix.diff -- make &&
	fails_with 2 "sys cannot be made: debootstrap is not installed" env PATH="$PWD/bin" "$NSB_TOOL" -o out --chroot sys --suite x --target server --source src fix.diff -- make &&
	printf "%s\n" "#!/bin/sh" "echo E: no such suite: \$3 >&2" "mkdir -p \$4/some" "exit 1" >bin/debootstrap && chmod 755 bin/debootstrap &&
	PATH=$PWD/bin:$PATH fails 2 "sys cannot be made: E: no such suite: x .log: " --chroot sys --suite x --target server --source src fix.diff -- make && ! [ -e sys.new ] &&
	printf "%s\n" "#!/bin/sh" "mkdir -p \$4/usr/bin \$4/run \$4/proc \$4/etc/apt" >bin/debootstrap &&
	PATH=$PWD/bin:$PATH fails 1 "sys: it cannot run nsb-build: libelf1 is not installed there, or" --chroot sys --suite x=file:/y --target server --source src fix.diff -- make &&
	grep -x "deb-src file:/y x main" sys/etc/apt/sources.list && (cd / && fails_with 64 "chroot: / is a folder that each system has for itself" "$NSB_TOOL" --chroot "$place/none" --target "$place/server" --source "$place/src" -o "$place/out" "$place/fix.diff" -- make) &&
	[ "$(find sys | sort | tr "\n" " ")" = "sys sys/etc sys/etc/apt sys/etc/apt/sources.list sys/proc sys/run sys/usr sys/usr/bin " ]
'
t 'errors: the source, the target or the process is not to be had' '
	project && change rules.h "s/MOST 10/MOST 20/" && shipped && fails 2 "^nsb-build: nosource: the source is not to be had: No such" --target server --source nosource fix.diff -- make &&
	fails 2 "gone: No such file" --target gone --source src fix.diff -- make && fails 2 "fix.diff.*ELF" --target fix.diff --source src fix.diff -- make &&
	fails 2 "process 999999999: there is none" --pid 999999999 --source src fix.diff -- make &&
	gcc -o noid src/*.c -D_GNU_SOURCE -pthread -Wl,--build-id=none && fails 2 "has no build-id" --target noid --source src fix.diff -- make
'
t 'errors: a diff that does not apply, is there already, is none, touches nothing that is compiled' '
	project && change rules.h "s/MOST 10/MOST 20/" && shipped && sed "s/MOST 10/MOST 11/" fix.diff >other.diff &&
	fails 3 "^nsb-build: .*/other.diff does not apply: rules.h, hunk 1" --target server --source src other.diff -- make &&
	sed "s/rules.h/absent.h/" fix.diff >other.diff && fails 3 "other.diff does not apply: the source has no file b/absent.h" --target server --source src other.diff -- make &&
	echo hello >other.diff && fails 3 "other.diff does not apply: it is no diff" --target server --source src other.diff -- make &&
	fails 3 "none.diff: No such file" --target server --source src none.diff -- make &&
	fails 3 "fix.diff: the source has this fix already" --target server --source src fix.diff fix.diff -- make &&
	diff=words.diff change rules.c "1i /* words */" && fails 3 "touch nothing that is compiled" --target server --source src words.diff -- make
'
t 'errors: the build fails, calls no compiler, makes no target, or several' '
	project && change rules.h "s/MOST 10/MOST (/" && shipped &&
	fails 4 "build of the fixed source fails with status 2: rules.c:.*error: expected.*log: $PWD/out/nsb-build.log" --target server --source src fix.diff -- make &&
	fails 4 "build of the old source fails with status 127: .*cannot run nomake" --target server --source src fix.diff -- nomake &&
	change rules.h "s/MOST 10/MOST 20/" && fails 4 "calls no compiler" --target server --source src fix.diff -- true &&
	cp server other && gcc -g -o unlike -x c - <<<"int main(void) { return 0; }" && fails 5 "makes no file that is unlike" --target unlike --source src fix.diff -- make &&
	fails 5 "makes no program or library nothing" --target server --source src --built nothing fix.diff -- make &&
	starts sleep 1000 && fails 5 "process $started has no file that the build makes" --pid $started --source src fix.diff -- make
'
t 'errors: what was built is not the target' '
	project && change rules.h "s/MOST 10/MOST 20/" && shipped make CFLAGS="-O1 -g" &&
	fails 5 "^nsb-build: the old build.s server is not what .*/server was built from: .*flags" --target server --source src fix.diff -- make &&
	fails 5 "function limit lies at another place" --accept-difference --target server --source src fix.diff -- make && sed -i "s/MOST 10/MOST 11/" src/rules.h &&
	(cd src && make clean) >log && shipped make && sed -i "s/MOST 11/MOST 10/" src/rules.h && fails 5 "function .limit. .rules.c. differs at" --target server --source src fix.diff -- make &&
	builds --accept-difference --target server --source src fix.diff -- make && grep "^nsb-build: accepted: the old build.s server is not what .*server was built from: " said &&
	! grep "proven: the old build" told && nsb info -f "$patch_file" | grep "accepted-difference: .*is not what .*/server was built from" && three_beats "11 of 1" "20 of 2" "11 of 3" && rm "$patch_file" &&
	cp server renamed && fails 5 "the old build.s server is not what .*/renamed was built from" --target renamed --built server --source src fix.diff -- make
'
t 'errors: nothing differs in this target; it has no part in the fix' '
	project && printf "%s\n" "all: server other" "other: other.c" "include Makefile.server" >src/all.mk && cp src/Makefile src/Makefile.server &&
	echo "int main(void) { return 3; }" >src/other.c && change other.c "s/3/4/" && shipped &&
	fails 6 "nothing differs in server: the changed code is in other" --target server --source src fix.diff -- make -f all.mk &&
	launch ./server && fails 6 "nothing differs in the files of process $pid: the changed code is in other" --pid $pid --source src fix.diff -- make -f all.mk &&
	change rules.c "s/n > MOST/n >= MOST + 1/" && fails 6 "server: nothing differs in its code" --target server --source src fix.diff -- make
'
t 'errors: nsb-gen refuses; the test fails; the patch cannot be tried' '
	project && change rules.c "s/static int count/static long count/; s/int calls/long calls/" && sed -i "s/^-int calls.*//" fix.diff && change rules.c "s/static int count/static long count/" &&
	shipped && fails 7 "server: no patch can be made: .*count" --target server --source src fix.diff -- make &&
	change rules.h "s/MOST 10/MOST 20/" && fails 8 "the test fails with status 9 with the patch" --target server --source src --test "exit 9" fix.diff -- make
'
t 'errors: no space for the log, the copies, the build, the cache' '
	project && change rules.h "s/MOST 10/MOST 20/" && shipped && mkdir small && cat >small.sh <<-"E" &&
		mount -t tmpfs -o size=1m none small && mkdir small/tmp && [ "$3" = 0 ] || dd if=/dev/zero of=small/fill bs=1k count="$3" 2>small.log
		XDG_CACHE_HOME=$PWD/$2 TMPDIR=$PWD/small/tmp "$NSB_TOOL" -o "$1" --target server --source src fix.diff -- sh -c "make && dd if=/dev/zero of=big bs=1M count=$4"
		status=$?
		[ -z "$(ls small/tmp)" ] && [ -z "$(ls small/nsb-build 2>small.log)" ] && exit $status
	E
	export NSB_TOOL && mkdir kept out && unshare -rm true 2>log || skip "there are no namespaces"
	small() { fails_with "$1" "$2" unshare -rm sh small.sh "${@:3}"; }
	kept src && small 1 "small/tmp/.*: No space left" out kept 1100 1 && small 1 "small/tmp/.*/new/big: No space left" out kept 0 3 && small 4 "of the old source fails .*: No space left" out small 0 3 && is_kept src &&
	ls out | diff - <(echo nsb-build.log)
'
t 'interrupted: its processes end, nothing is left' '
	project && change rules.h "s/MOST 10/MOST 20/" && shipped && kept src && own_cache && mkdir tmp out && printf "server:\n\ttouch %s/begun && sleep 1001 & setsid sleep 1002 & wait\n" "$PWD" >src/slow.mk && kept src &&
	TMPDIR=$PWD/tmp starts "$NSB_TOOL" -o out --target server --source src fix.diff -- make -f slow.mk && wait_until test -e begun &&
	kill "$started" && { wait "$started"; [ $? = 12 ]; } && is_kept src && [ -z "$(ls out)" ] && [ -z "$(ls kept/nsb-build)" ] && ! pgrep -f "^sleep 100[12]"
'

done_testing
