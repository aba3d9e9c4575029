#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The examples of README.md and the manuals, taken out of them, do what they say.

. "${0%/*}/lib.sh"

# block REGEX: the indented block of README.md that REGEX matches.
block() {
	awk -v want="$1" '
		function flush() { if (b ~ want && !done) { printf "%s", b; done = 1 } b = empty = "" }
		/^    / { b = b empty substr($0, 5) "\n"; empty = ""; next }
		/^$/ { if (b != "") empty = empty "\n"; next }
		{ flush() }
		END { flush(); exit !done }' "$root/README.md"
}

# display REGEX PAGE: the .Bd display of a manual that REGEX matches.
display() {
	awk -v want="$1" '
		/^\.Bd/ { inside = 1; b = ""; next }
		/^\.Ed/ { if (inside && b ~ want && !done) { printf "%s", b; done = 1 } inside = 0; next }
		inside { gsub(/\\e/, "\\"); b = b $0 "\n" }
		END { exit !done }' "$root/docs/$2"
}

# The tree as the examples see it, with the programs that are tested; pidof knows the target.
surroundings() {
	mkdir -p build bin && ln -s "$root/include" include && ln -s "$NSB_GEN" build/nsb-gen &&
	printf '#!/bin/sh\ncommand=$1\nshift\nexec "%s" "$command" %s "$@"\n' "$NSB" "$insecure" >build/nsb && chmod +x build/nsb &&
	ln -s ../build/nsb bin/nsb && ln -s "$NSB_GEN" bin/nsb-gen && ln -s "$NSB_BUILD/nsb-build" bin/nsb-build &&
	printf '#!/bin/sh\ncat "%s"\n' "$PWD/pid" >bin/pidof && chmod +x bin/pidof &&
	PATH=$PWD/bin:$PATH
}

# server: the program of README.md, behind a front that asks it.
server() {
	{ echo '#include <stdio.h>' && block 'static int hits'; } >server.c &&
	cat >front.c <<-'END' &&
		#include <stdlib.h>
		#include <string.h>
		#include "target.h"

		int answer(char *line, size_t size, int question);

		void reply(const char *question, char *text, size_t size)
		{
			answer(text, size, atoi(question));
			text[strcspn(text, "\n")] = 0;
		}
	END
	gcc -O2 -g -I"$tests/targets" -Wl,--build-id -o server server.c front.c "$tests/targets/main.c" &&
	launch ./server && echo "$pid" >pid
}

# fix: fix.so by the commands of README.md.
fix() {
	block 'VZP_STATIC_VAR_REF[(]int, hits' >fix.c && block 'gcc .*-o fix[.]so' >make.sh && sh -e make.sh
}

# shown COMMAND PAGE: the manual has this command; run it as written, with the pid that is.
shown() {
	grep -qFx "# $1" "$root/docs/$2" && echo "${1//4242/$pid}" >command.sh && sh -e command.sh
}

t 'README: a patch in five minutes' '
	surroundings && server && snapshot && says 2 32 && says -2 -32 && fix &&
	mapfile -t commands < <(block "nsb info -f fix[.]so") && [ "${#commands[@]}" = 5 ] &&
	eval "${commands[0]}" | grep answer && eval "${commands[1]}" >checked; grep "can be applied now" checked &&
	eval "${commands[2]}" && says -1 -32 && says 2 32 &&
	eval "${commands[3]}" | grep fix.so && eval "${commands[4]}" && says -2 -32 && unharmed
'
t 'README: a patch from a diff' '
	surroundings && server && snapshot && says -2 -32 && sed "s,question / 16,question < 0 ? -1 : question / 16," server.c >new.c &&
	{ diff -u --label a/server.c --label b/server.c server.c new.c >fix.diff || true; } && rm new.c &&
	printf "server:\n\tgcc -O2 -g -I%s -Wl,--build-id -o server server.c front.c %s\n" "$tests/targets" "$tests/targets/main.c" >Makefile &&
	block "nsb-build --pid" >command.sh && sh -e command.sh >told && grep "replaced  answer" told && patch server-*.nsb.so &&
	says -1 -32 && revert server-*.nsb.so && says -2 -32 && unharmed
'
t 'README: all processes, a new process, a newer patch' '
	surroundings && server && fix && snapshot &&
	mapfile -t commands < <(block "nsb patch --all") && [ "${#commands[@]}" = 4 ] &&
	sed "s/-1 : /-3 : /" fix.c >newer.c && sed "s/fix[.]/newer./g" make.sh >make-newer.sh && sh -e make-newer.sh &&
	cp fix.so libfix.so &&
	eval "${commands[0]}" && says -1 -32 &&
	eval "${commands[3]}" && says -3 -32 && listed newer.so && revert newer.so && says -2 -32 && unharmed &&
	eval "launch ${commands[1]}" && says -1 -32
'
t 'README: a patch from whole source files' '
	surroundings && mkdir old && cat >queue.c <<-"END" &&
		#include <stdlib.h>
		#include "target.h"
		static int calls;
		static __attribute__((noinline)) int grow(int n) { return n + 1 + 0 * calls++; }
		void reply(const char *question, char *text, size_t size)
		{
			int n = grow(atoi(question));

			snprintf(text, size, "%d of %d", n, calls);
		}
	END
	export CPATH=$tests/targets &&
	cc -g -O2 -Wl,--build-id -o server queue.c "$tests/targets/main.c" && launch ./server && echo "$pid" >pid &&
	says "6 of 1" 5 && block "cc .*-c queue[.]c" >make.sh &&
	grep -e " -c queue" make.sh >first.sh && sh -e first.sh && mv queue.o old/ &&
	sed -i "s/n + 1/n * 2/" queue.c && sh -e make.sh &&
	says "6 of 2" 5 && snapshot && patch fix.so && says "10 of 3" 5 && revert fix.so && says "6 of 4" 5 && unharmed
'
t 'nsb-gen(1): both ways to make a patch' '
	surroundings && server && snapshot && block "VZP_STATIC_VAR_REF[(]int, hits" >fix.c &&
	display "fix[.]so fix[.]c" nsb-gen.1 | sed "s,/usr/sbin/server,./server,; s/^cc /cc -Iinclude /" >make.sh &&
	sh -e make.sh && patch fix.so && says -1 -32 && revert fix.so && says -2 -32 && unharmed &&
	mkdir old && cp server.c queue.c && display "mode auto" nsb-gen.1 |
	sed "s,/usr/sbin/server,./server,; s/queue/server/g" >make.sh &&
	sed -n 1,2p make.sh >first.sh && sh -e first.sh && mv server.o old/ &&
	sed -i "s/question \/ 16/question \/ 8/" server.c && sh -e make.sh &&
	patch fix.so && says 4 32 && revert fix.so && says 2 32 && unharmed
'
t 'nsb-gen(1): an alias' '
	surroundings && sed "s/hits/calls/" <(block "static int hits") >calls.c &&
	{ echo "#include <stdio.h>" && sed "s/hits/calls/" calls.c; } >server.c && gcc -O2 -g -c -o /dev/null server.c &&
	display "VZP_STATIC_SYM_ALIAS" nsb-gen.1 >alias && [ "$(wc -l <alias)" = 2 ] &&
	printf "%s\n" "#include \"target.h\"" "#include <stdlib.h>" "int answer(char *line, size_t size, int question);" \
		"void reply(const char *q, char *text, size_t size) { answer(text, size, atoi(q)); text[strlen(text) - 1] = 0; }" \
		"" | sed "2i #include <string.h>" >front.c &&
	gcc -O2 -g -I"$tests/targets" -Wl,--build-id -o server server.c front.c "$tests/targets/main.c" && launch ./server &&
	{ echo "#include <stdio.h>" && echo "#include <nsb/vzp.h>" && cat alias &&
		echo "int answer(char *line, size_t size, int question) { return snprintf(line, size, \"%d %d\\n\", question, ++read_calls); }"
	} >fix.c && object=$PWD/server && patch_from fix.c && says 2 32 && snapshot && patch fix.so && says "32 2" 32 &&
	revert fix.so && says 2 32 && unharmed
'
t 'nsb(1): patch, list, check, revert as shown' '
	surroundings && server && fix && snapshot &&
	shown "nsb patch -p \$(pidof server) -f fix.so" nsb.1 >said && grep -x "$pid: fix.so applied" said && says -1 -32 &&
	shown "nsb list -p \$(pidof server)" nsb.1 | grep fix.so &&
	shown "nsb list -v -p 4242 -f fix.so" nsb.1 >said && grep -E "^$pid: 1 [0-9a-f]+ fix.so -> server .*Z applied: answer$" said &&
	grep -E "^ +gdb: add-symbol-file fix.so -o 0x[0-9a-f]+$" said && revert fix.so && says -2 -32 &&
	shown "nsb check -p 4242 -f fix.so" nsb.1 >said; grep -x "$pid: fix.so: not applied, can be applied now" said &&
	patch fix.so && id=$(build/nsb-gen buildid fix.so) && grep -q "^# nsb revert -p 4242 --id" "$root/docs/nsb.1" &&
	build/nsb revert -p $pid --id "$id" && says -2 -32 && unharmed
'

t 'syscalls.md has every call of the table' '
	grep -oE "\"[a-z_0-9]+\"" "$root/src/arch/x86/syscalls.c" | tr -d \" | sort -u >table && [ "$(wc -l <table)" -gt 80 ] &&
	while read -r name; do
		grep -qE "^\| .*\b$name\b" "$root/docs/syscalls.md" || { echo "$name is not there" && exit 1; }
	done <table
'

done_testing
